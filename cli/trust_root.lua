-- trust_root.lua - `trust root add|remove|need|sign`: another root follows the one in force, and loses no admin by it.
local asking = require "cli.asking"
local ended = require "cli.trust_ended"
local json = require "core.json"
local lab = require "dcache.lab"
local trust = require "cli.trust"
local who = require "cli.trust_who"

local root = {}

local AGAIN <const> = { ["trust/grants"] = true, ["trust/tokens"] = true, ["trust/revoked"] = true }

local function ids_of(facts)
  local list = {}
  for i, one in ipairs(facts.root.keys) do list[i] = one.id end
  return list
end

local function has(list, id)
  for i, one in ipairs(list) do
    if one == id then return i end
  end
end

-- == what the next root is

local make = {}

-- → { keys, need } | nil, exit code
function make.add(context, facts, word)
  local row, exit = who.resolve(context, facts, word)
  if not row then return nil, exit end
  local keys = ids_of(facts)
  if has(keys, row.id) then return trust.refuse(context, "that is a root key already", "duplicate") end
  if #keys == lab.KEYS_MAX then
    return trust.refuse(context, ("a root has at most %d keys"):format(lab.KEYS_MAX), "full")
  end
  keys[#keys + 1] = row.id
  table.sort(keys)
  return { keys = keys, need = facts.root.need, added = row }
end

function make.remove(context, facts, word)
  local row, exit = who.resolve(context, facts, word)
  if not row then return nil, exit end
  local keys = ids_of(facts)
  local i = has(keys, row.id)
  if not i then return trust.refuse(context, "that is no root key", "missing") end
  if #keys == 1 then
    return trust.refuse(context, "that is the only root key: add another one first (trust root add WHO)", "permission")
  end
  table.remove(keys, i)
  return { keys = keys, need = math.min(facts.root.need, #keys) }
end

function make.need(context, facts, word)
  local keys, need = ids_of(facts), math.tointeger(tonumber(word))
  if not need or need < 1 or need > #keys then
    return trust.refuse(context, ("give a number from 1 to %d: so many of the root's keys have to sign"):format(#keys),
      "form")
  end
  return { keys = keys, need = need }
end

-- The one that is proposed as N already.
local function proposed(context, number)
  local answer, exit = context:ask { command = "record", bucket = "trust/root", key = tostring(number) }
  if not answer then return nil, exit end
  if answer.proposals[2] then
    local text = "several roots %d are proposed; look at them: record show trust/root %d"
    return trust.refuse(context, text:format(number, number), "ambiguous")
  end
  return answer.proposals[1].data
end

function make.sign(context, facts, word)
  local number = math.tointeger(tonumber(word))
  if number ~= facts.root.number + 1 then
    return trust.refuse(context, ("root %d is in force, so only root %d can be signed"):format(facts.root.number,
      facts.root.number + 1), "older")
  end
  return proposed(context, number)
end

-- == what is signed with it

-- Has WORD to be said by another root key where the next root has KEYS? What a key that is left out said, and what it
-- ended and is out: else that would come back. Of the others the grants of admins, since these need several root keys.
-- What names a root key is no right.
local function hangs(facts, word, keys)
  local before = ids_of(facts)
  if not AGAIN[word.bucket] or not has(before, word.signer) then return false end
  local goes = not has(keys, word.signer)
  if ended.by(facts, word) then return goes end
  if word.verb == "dismiss" or word.fault or word.over then return false end
  if word.bucket ~= "trust/grants" then return goes end
  return not has(before, word.key) and (word.data.role == "admin" or goes)
end

-- What hangs on root keys and SIGNER has not said himself, as his words. KEYS: of the next root.
local function hanging(facts, signer, keys)
  local words, said = {}, {}
  for _, word in ipairs(facts.words) do
    if word.signer == signer.id then said[word.bucket .. " " .. word.key] = not word.fault end
  end
  for _, word in ipairs(facts.words) do
    local slot = word.bucket .. " " .. word.key
    if not said[slot] and hangs(facts, word, keys) then
      said[slot] = true
      words[#words + 1] = ended.again(word)
    end
  end
  return words
end

-- A root key gets its name by a grant to it, from the line of OpenSSH or as it was known.
local function name_word(row)
  local word = row and trust.grant(row.id, row.name, "member")
  return word and word.data.name ~= "" and word or nil
end

-- Has one of KEYS said the name of ID?
local function is_named(facts, id, keys)
  for _, word in ipairs(facts.words) do
    local names = word.bucket == "trust/grants" and word.key == id and word.verb == "propose"
    if names and has(keys, word.signer) then return true end
  end
  return false
end

-- Names of root keys that stay, where only keys that are left out had said them.
local function names_again(facts, keys)
  local words = {}
  for _, one in ipairs(facts.root.keys) do
    if has(keys, one.id) and not is_named(facts, one.id, keys) then words[#words + 1] = name_word(one) end
  end
  return words
end

-- Root keys that are left out and have another role all the same.
local function still(preview, keys, before, s)
  local said = {}
  for _, change in ipairs(preview.changes) do
    if has(before, change.id) and not has(keys, change.id) and change.now ~= "none" then
      local text = "%s has the role %s now, by a grant; trust revoke ends that."
      said[#said + 1] = text:format(trust.names({ change }, s), change.now)
    end
  end
  return table.concat(said, " ")
end

-- Those who would stand no more, or be less than they are; a root key that is left out is meant to.
local function fallen(preview, keys, before)
  local rows = {}
  for _, change in ipairs(preview.changes) do
    local left_out = has(before, change.id) and not has(keys, change.id)
    local falls = change.stood and not change.stands or change.was == "admin" and change.now ~= "root"
    if falls and not left_out then rows[#rows + 1] = change end
  end
  return rows
end

-- The next root is not signed while somebody would fall by it; what hangs on the keys is.
local function hold_back(context, signer, words, rows, number)
  local s, ok, exit = context.show, true, nil
  if words[1] then ok, exit = trust.say(signer, words) end
  if not ok then return exit end
  local text = ("Root %d is not signed yet: %s would lose standing by it. %sLet the other keys of the next root sign \z
    first: trust root sign %d."):format(number, trust.names(rows, s), words[1] and ("%s signed again by you. "):format(
    s.count(#words, "word was", "words were")) or "", number)
  return select(2, trust.refuse(context, text, "threshold"))
end

local function sentence(number, next_root, preview, again, s)
  local done = preview and preview.root.number == number
  local names = ("%s, %d %s to sign"):format(s.count(#next_root.keys, "key"), next_root.need,
    next_root.need == 1 and "has" or "have")
  local more = again > 0 and (" Signed again with it: %s of keys that are left out or need others."):format(
    s.count(again, "word")) or ""
  if done then return ("Root %d is in force: %s.%s"):format(number, names, more) end
  return ("Signed root %d: %s. It is in force once enough keys have signed it: trust root sign %d.%s"):format(number,
    names, number, more)
end

local function sign(context, options, facts, signer, next_root)
  local number, s = facts.root.number + 1, context.show
  if not has(next_root.keys, signer.id) and not has(ids_of(facts), signer.id) then
    return select(2, trust.refuse(context, "the key that signs is none of this root or the next", "permission"))
  end
  local stays = has(next_root.keys, signer.id)
  local words = stays and hanging(facts, signer, next_root.keys) or {}
  local again = #words
  local all = stays and names_again(facts, next_root.keys) or {}
  table.move(words, 1, again, #all + 1, all)
  all[#all + 1] = name_word(next_root.added)
  all[#all + 1] = { verb = "propose", bucket = "trust/root", key = tostring(number),
    data = { keys = json.array(next_root.keys), need = next_root.need, number = number } }
  local preview, exit = trust.preview(context, signer, all, {})
  if not preview then return exit end
  local fault = trust.hopeless(preview)
  if fault then return select(2, trust.would_not_count(context, fault)) end
  local rows = fallen(preview, next_root.keys, ids_of(facts))
  if rows[1] then return hold_back(context, signer, words, rows, number) end
  local ok
  ok, exit = asking.sure(context, ("Sign root %d: %d of %d keys have to sign?"):format(number, next_root.need,
    #next_root.keys), options)
  if ok then ok, exit = trust.say(signer, all) end
  if not ok then return exit end
  return trust.finish(context, options, { command = "trust root", number = number, need = next_root.need,
    keys = json.array(next_root.keys), again = again, in_force = preview.root.number == number },
    { sentence(number, next_root, preview, again, s), still(preview, next_root.keys, ids_of(facts), s) })
end

-- The keys of the next root, by name and ID.
local function show_keys(context, facts, next_root)
  if context.as_json then return end
  for _, id in ipairs(next_root.keys) do
    local added = next_root.added and next_root.added.id == id and next_root.added
    who.show(added or who.resolve(context, facts, id), context.show)
  end
  trust.say_rivals(facts, context.show)
end

function root.run(context, options)
  local facts, exit = trust.all_facts(context, { needs_daemon = true })
  if not facts then return exit end
  local next_root, signer
  next_root, exit = make[options.action](context, facts, options.what)
  if not next_root then return exit end
  show_keys(context, facts, next_root)
  signer, exit = trust.signer(context, options)
  if not signer then return exit end
  return sign(context, options, facts, signer, next_root)
end

return root
