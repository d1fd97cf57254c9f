-- trust_confirm.lua - `trust confirm TOKEN`: a person signs for the robots that came in by a token, and may cancel
-- it, so that the others are out. The number that is expected is the question: where it is wrong nothing is signed.
local json = require "core.json"
local trust = require "cli.trust"

local confirm = {}

local ONLY_MAX <const> = 64 -- bytes of a pattern: names have at most 32
local NAMED <const> = 10 -- of those who came last
local CHECKED <const> = 100 -- words
local LOOKS <const>, EACH <const> = 16, 500 -- whether it is in force here, ms apart

-- The shell's * and ? as a pattern of Lua; the whole name has to fit.
local function pattern_of(glob)
  return "^" .. glob:gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0"):gsub("%*+", ".*"):gsub("%?", ".") .. "$"
end

-- The token of FACTS that is called so, or has that ID; of several of one name the one that counts.
local function token_of(facts, word)
  local found
  for _, token in ipairs(facts.tokens) do
    if token.id == word or token.name == word and (not found or token.counts) then found = token end
  end
  return found
end

-- Which tokens there are, for who misspelt one.
local function others(facts)
  local names = {}
  for i, token in ipairs(facts.tokens) do names[i] = token.name end
  return names[1] and "; there are " .. table.concat(names, ", ") or ", and none counts"
end

-- Robots that TOKEN let in: those whose name fits GLOB, and the rest.
local function sort_out(facts, token, glob)
  local fitting, rest, pattern = {}, {}, pattern_of(glob)
  for _, row in ipairs(facts.keys) do
    if row.token and row.token.id == token.id then
      table.insert((row.name or ""):find(pattern) and fitting or rest, row)
    end
  end
  return fitting, rest
end

local function latest_first(a, b)
  if (a.came or 0) ~= (b.came or 0) then return (a.came or 0) > (b.came or 0) end
  return a.id < b.id
end

-- Who came last of ROWS: as many as are too many, at least three.
local function last_of(rows, too_many)
  local list = table.move(rows, 1, #rows, 1, {})
  table.sort(list, latest_first)
  return { table.unpack(list, 1, math.min(#list, NAMED, math.max(too_many, 3))) }
end

-- ROWS as --json has them.
local function nodes_of(rows)
  local list = {}
  for i, row in ipairs(rows) do list[i] = { id = row.id, name = row.name, label = row.label } end
  return json.array(list)
end

local function wrong_number(context, fitting, expected)
  local s, last = context.show, last_of(fitting, #fitting - expected)
  local named = last[1] and (" The last to come: %s."):format(trust.names(last, s, NAMED)) or ""
  local text = ("%s by that token, not %d; nothing was signed.%s"):format(#fitting == 1 and "1 robot came in"
    or ("%d robots came in"):format(#fitting), expected, named)
  if context.as_json then
    context:json { schema = 1, error = { word = "permission", text = text }, last = nodes_of(last) }
  else
    context:complain(text)
  end
  return context.exit.no
end

-- A grant for each of ROWS that has none, as a member.
local function grants(rows)
  local words = {}
  for _, row in ipairs(rows) do
    if not row.signed then
      words[#words + 1] = trust.grant(row.id, row.name, "member", row.tags)
    end
  end
  return words
end

-- A token that is cancelled counts for a few seconds more (lua/dcache/cancelled.lua): what is said is to be so.
local function wait_until_out(context, rows)
  local loop = context.world.loop()
  for _ = 1, LOOKS do
    local facts, stands = context:ask_quietly { command = "trust" }, {}
    for _, row in ipairs(facts and facts.keys or {}) do stands[row.id] = true end
    if not facts or not stands[rows[1].id] then return end
    loop:after(EACH, function() loop:stop() end)
    loop:run()
  end
end

-- Would WORDS count? They are all alike but the last, so that the first ones tell; a request has room for no more.
local function check(context, signer, words)
  local some = { table.unpack(words, 1, math.min(#words, CHECKED)) }
  if words[CHECKED + 1] then some[CHECKED] = words[#words] end
  local preview, exit = trust.preview(context, signer, some, {})
  if not preview then return nil, exit end
  local fault = trust.hopeless(preview)
  if fault then return trust.would_not_count(context, fault) end
  return true
end

-- Hands over the lines of WORDS, of which the first N are grants. The token is cancelled only once all of them were
-- taken: whose grant is refused would be out by it. → true | nil, exit code
local function hand_over(signer, words, n)
  local lines, exit = signer:sign(words)
  local ok = lines ~= nil
  if ok and n > 0 then ok, exit = signer:put(table.move(lines, 1, n, 1, {})) end
  if ok and lines[n + 1] then ok, exit = signer:put { lines[n + 1] } end
  return ok or nil, exit
end

-- Signs for FITTING, and cancels TOKEN where that is asked for. Grants go out before the token is cancelled: who has
-- both is in at every moment. → how many were signed for | nil, exit code
local function sign(context, options, token, fitting)
  local words = grants(fitting)
  local n = #words
  if options.cancel and token.counts then
    words[n + 1] = { verb = "dismiss", bucket = "trust/tokens", key = token.id }
  end
  if not words[1] then return 0 end
  local signer, exit = trust.signer(context, options)
  local ok = signer ~= nil
  if ok then ok, exit = check(context, signer, words) end
  if ok then ok, exit = hand_over(signer, words, n) end
  if not ok then return nil, exit end
  return n
end

-- Those of REST for whom nobody has signed: out, once the token is cancelled.
local function unsigned(rest)
  local rows = {}
  for _, row in ipairs(rest) do
    if not row.signed then rows[#rows + 1] = row end
  end
  return rows
end

-- Says what was done: WHAT = { token, signed, already, lost = rows, facts }. → exit code
local function finish(context, options, what)
  local s, name = context.show, context.show:text(what.token.name)
  local words = ("Signed for %d%s%s."):format(what.signed, what.already > 0 and (", %d had been signed for already")
    :format(what.already) or "", options.cancel and (", token %s cancelled"):format(name) or "")
  local out = what.lost
  if not context.as_json then trust.say_rivals(what.facts, s) end
  return trust.finish(context, options, { command = "trust confirm", signed = what.signed, already = what.already,
    cancelled = options.cancel or false, strangers = nodes_of(out) },
    { words .. (out[1] and (" Strangers now: %s."):format(trust.names(out, s)) or ""),
      not options.cancel and ("Token %s still lets in whoever has the lab file; cancel it: --cancel."):format(name) })
end

function confirm.run(context, options)
  local expected = math.tointeger(tonumber(options.expect or ""))
  if not expected or expected < 0 then
    return context:misused "trust confirm: give --expect N, the number of robots that are yours"
  elseif #(options.only or "") > ONLY_MAX then
    return context:misused(("trust confirm: --only has room for %d bytes"):format(ONLY_MAX))
  end
  local facts, exit = context:ask { command = "trust" }
  if not facts then return exit end
  local token = token_of(facts, options.token)
  if not token then
    return select(2, trust.refuse(context, ("no token here is called %s%s"):format(
      context.show.escape(options.token), others(facts)), "missing"))
  end
  local fitting, rest = sort_out(facts, token, options.only or "*")
  if #fitting ~= expected then return wrong_number(context, fitting, expected) end
  local signed
  signed, exit = sign(context, options, token, fitting)
  if not signed then return exit end
  local out = options.cancel and unsigned(rest) or {}
  if out[1] then wait_until_out(context, out) end
  return finish(context, options, { token = token, signed = signed, already = #fitting - signed, lost = out,
    facts = facts })
end

return confirm
