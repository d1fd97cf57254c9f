-- trust_end.lua - `trust retire WHO` and `trust revoke WHO`: a role is over, or all that a key said and says is
-- void. Says before whom that brings back and whom it puts out.
local asking = require "cli.asking"
local ended = require "cli.trust_ended"
local json = require "core.json"
local text = require "core.text"
local trust = require "cli.trust"
local who = require "cli.trust_who"

local ending = {}

local WHY_MAX <const> = 64 -- bytes

local function is_revoke(options) return options.verb == "revoke" end

-- The grant that SIGNER gave to the key of ROW, said again as one that is over.
local function retire_word(row, facts, signer)
  local own
  for _, word in ipairs(facts and facts.words or {}) do
    if word.bucket == "trust/grants" and word.key == row.id and word.signer == signer.id and word.verb == "propose" then
      own = word.data
    end
  end
  local role = own and own.role or row.role ~= "root" and row.role or "member"
  local word = trust.grant(row.id, row.name, role, row.tags, 0)
  word.data = own or word.data
  return word
end

local function revoke_word(row, why)
  return { verb = "propose", bucket = "trust/revoked", key = row.id, data = { why = why } }
end

local function ids_of(rows)
  local members = {}
  for _, row in ipairs(rows) do members[row.id or row] = true end
  return members
end

-- Of CHANGES those who are no target and would be out of the lab by it.
local function put_out(changes, targets)
  local is_target, out = ids_of(targets), {}
  for _, change in ipairs(changes) do
    if change.stood and not change.stands and not is_target[change.id] then out[#out + 1] = change end
  end
  return out
end

-- Whom the targets revoked and nobody else did: PREVIEW revokes them no more. A robot's own words may be gone from
-- here, so what stands after it does not tell. → rows, each with why it was revoked
local function brought_back(preview, facts, targets)
  local is_target, is_revoked, back, known = ids_of(targets), ids_of(preview.revoked), {}, {}
  local rows = {}
  for _, row in ipairs(facts.revoked) do rows[row.id] = row end
  for _, word in ipairs(facts.words) do
    local is_his = word.bucket == "trust/revoked" and word.verb == "propose" and is_target[word.signer]
    local id = word.key
    if is_his and not word.fault and not is_revoked[id] and not known[id] then
      known[id] = true
      back[#back + 1] = { id = id, name = rows[id] and rows[id].name, label = rows[id] and rows[id].label,
        why = word.data.why }
    end
  end
  return back
end

-- What else the targets had ended and would count again: tokens that they cancelled, grants → words
local function ended_by(facts, targets)
  local is_target, words = ids_of(targets), {}
  for _, word in ipairs(facts.words) do
    if is_target[word.signer] and ended.by(facts, word) then words[#words + 1] = ended.again(word) end
  end
  return words
end

-- Their revocations, said again.
local function say_again(back)
  local words = {}
  for i, row in ipairs(back) do words[i] = revoke_word(row, row.why) end
  return words
end

-- Grants for those who would be out, of the role that they have now.
local function keep(out)
  local words = {}
  for _, change in ipairs(out) do
    local role = (change.was == "trusted" or change.was == "admin") and change.was or "member"
    words[#words + 1] = trust.grant(change.id, change.name, role, change.tags)
  end
  return words
end

local function append(list, more) return table.move(more, 1, #more, #list + 1, list) end

-- Words to be signed, and what they change | nil, exit code
local function prepare(context, options, facts, signer, targets)
  local words = {}
  for i, row in ipairs(targets) do
    words[i] = is_revoke(options) and revoke_word(row, options.why or "") or retire_word(row, facts, signer)
  end
  local preview, exit = trust.preview(context, signer, words, options)
  if not preview then return preview == false and words or nil, preview == false and {} or exit end
  local fault = trust.hopeless(preview)
  if fault then return trust.would_not_count(context, fault) end
  local out, back = put_out(preview.changes, targets), brought_back(preview, facts, targets)
  local again = options.let_back and {} or say_again(back)
  local others = options.let_back and {} or ended_by(facts, targets)
  local kept = (out[1] and options.keep) and keep(out) or {}
  if again[1] or kept[1] or others[1] then
    preview, exit = trust.preview(context, signer, append(append(append(words, again), others), kept), options)
    if not preview then return nil, exit end
  end
  return words, { out = out, back = back, again = #again, ended = #others, kept = #kept, changes = preview.changes }
end

-- Before it is done: whom it puts out, whom it brings back.
local function say_before(context, options, what)
  local s = context.show
  if context.as_json then return end
  if what.back and what.back[1] then
    s:say(("This brings back whom that key had revoked: %s. %s"):format(trust.names(what.back, s), options.let_back
      and "They are let back." or ("%s signed again by you (not with --let-back)."):format(
        what.again == 1 and "That revocation is" or "Those revocations are")))
  end
  if (what.ended or 0) > 0 then
    s:say(("That key had ended %s; that is signed again by you (not with --let-back)."):format(
      s.count(what.ended, "grant or token", "grants and tokens")))
  end
  if what.out and what.out[1] then
    s:say(("Let in by that key alone: %s. %s"):format(trust.names(what.out, s), options.keep
      and "You sign for them (--keep)." or "Without --keep, which signs for them, they are strangers then."))
  end
end

-- The last admin, or the person's own key: asked for by its name.
local function is_grave(facts, row, signer)
  if row.id == signer.id then return "That is your own key." end
  if row.role ~= "admin" then return nil end
  for _, other in ipairs(facts and facts.keys or {}) do
    if other.role == "admin" and other.id ~= row.id then return nil end
  end
  return "That is the last admin of the lab."
end

local function ask(context, options, facts, targets, signer)
  local asked
  for _, row in ipairs(targets) do
    local grave = is_grave(facts, row, signer)
    if grave then
      local ok, exit = asking.by_name(context, grave, row.name or row.id:sub(-4))
      if not ok then return nil, exit end
      asked = true
    end
  end
  if asked then return true end
  local names = trust.names(targets, context.show)
  local question = is_revoke(options) and "Revoke %s: all that was said by it is void?"
    or "Retire %s: what was said by it stays?"
  return asking.sure(context, question:format(names), options)
end

-- Whose role goes on all the same: by a grant of somebody else, or by a token.
local function still(changes, targets)
  local gone, rows = {}, {}
  for _, change in ipairs(changes or {}) do gone[change.id] = change end
  for _, row in ipairs(targets) do
    if row.role and not gone[row.id] then rows[#rows + 1] = row end
  end
  return rows
end

local function finish(context, options, targets, what)
  local s, names = context.show, trust.names(targets, context.show)
  local rest = not is_revoke(options) and what.changes and still(what.changes, targets) or {}
  local unheard = {}
  for _, row in ipairs(targets) do
    if row.unheard then unheard[#unheard + 1] = row end
  end
  return trust.finish(context, options, { command = "trust " .. options.verb, keys = json.array(targets),
    back = json.array(what.back or {}), out = json.array(what.out or {}), again = what.again or 0,
    ended = what.ended or 0, kept = what.kept or 0 },
    { ("Signed: %s %s."):format(names, is_revoke(options) and "revoked" or "retired"),
      rest[1] and ("%s keeps a role by somebody else's grant or by a token; trust revoke ends that."):format(
        trust.names(rest, s)),
      unheard[1] and "Nobody here has heard that key yet; it counts from the start." })
end

-- WHO… → their rows | nil, exit code
local function resolve_all(context, facts, words)
  local rows, known = {}, {}
  for _, word in ipairs(words) do
    local row, exit = who.resolve(context, facts, word)
    if not row then return nil, exit end
    if not known[row.id] then known[row.id], rows[#rows + 1] = true, row end
  end
  return rows
end

--- OPTIONS.verb: "retire" or "revoke". → exit code
function ending.run(context, options)
  if options.why and #options.why > WHY_MAX then
    return context:misused(("trust revoke: --why has room for %d bytes"):format(WHY_MAX))
  elseif options.why and not text.utf8(options.why) then -- else the word would be signed, and count for nothing
    return context:misused "trust revoke: --why is a text of one line, without control characters"
  end
  local facts, exit = trust.all_facts(context, options)
  if facts == nil then return exit end
  local targets, signer, words, what
  targets, exit = resolve_all(context, facts, options.who)
  if not targets then return exit end
  signer, exit = trust.signer(context, options)
  if not signer then return exit end
  words, what = prepare(context, options, facts, signer, targets)
  if not words then return what end
  if not context.as_json then
    for _, row in ipairs(targets) do who.show(row, context.show) end
    trust.say_rivals(facts, context.show)
  end
  say_before(context, options, what)
  local ok
  ok, exit = ask(context, options, facts, targets, signer)
  if ok then ok, exit = trust.say(signer, words) end
  if not ok then return exit end
  return finish(context, options, targets, what)
end

return ending
