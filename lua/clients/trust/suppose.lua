-- suppose.lua - what words that nobody has signed yet would change: who would stand, who would fall, which of them
-- would count for nothing. So a command says it before a person signs. Takes nothing in.
local authority = require "dcache.authority"
local forms = require "dcache.forms"
local json = require "core.json"
local key = require "core.key"
local keys = require "clients.trust.keys"
local slices = require "slices"
local sorted = require "sorted"
local to_json = require "clients.control.to_json"

local suppose = {}

local WORDS_MAX <const> = 2048
local TEXT_MAX <const> = 1024 -- bytes of a bucket, a key
local AT_MAX <const> = 1 << 50 -- ms
local LIFE <const> = 366 * 24 * 60 * 60 -- s

local function is_text(value) return type(value) == "string" and #value <= TEXT_MAX end

-- WORD of the request as a statement that SIGNER says at AT; NUMBER: which of them it is | nil, text, code
local function read(word, signer, at, number)
  local fits = type(word) == "table" and (word.verb == "propose" or word.verb == "dismiss") and is_text(word.bucket)
    and is_text(word.key)
  if not fits then return nil, ("form: word %d of `suppose` has no verb, bucket or key"):format(number), "form" end
  local st = { verb = word.verb, bucket = word.bucket, key = word.key, signer = signer, at = at, valid_from = 0,
    valid_until = at // 1000 + (word.ended and 0 or LIFE), data = word.data,
    data_text = word.data ~= nil and json.encode(word.data) or "null", short = "supposed " .. number }
  if st.verb == "propose" then
    local data, fault = forms.read(st.bucket, st.key, st.data)
    st.data, st.malformed = data, data == nil and (fault or "form: no DATA") or nil
  end
  return st
end

local function slot(st) return ("%s %s %s"):format(st.bucket, st.key, st.signer) end

-- What is held now, and SUPPOSED, each in place of what its signer said in that slot.
local function together(trust, supposed)
  local list, replaced = table.move(supposed, 1, #supposed, 1, {}), {}
  for _, st in ipairs(supposed) do replaced[slot(st)] = true end
  for _, st in ipairs(trust:statements()) do
    if not replaced[slot(st)] then list[#list + 1] = st end
  end
  return list
end

local function by_name(a, b)
  local one, other = a.name or a.label, b.name or b.label
  if one ~= other then return one < other end
  return a.id < b.id
end

-- Who stands in one of the verdicts alone, or has another level there.
local function changes(node, before, after)
  local name_of, found, list = keys.names(node), {}, {}
  for _, verdict in ipairs { before, after } do
    for _, id in ipairs(verdict.standing) do
      local stood, stands = before:stands(id), after:stands(id)
      local old, new = before:level(id), after:level(id)
      if not found[id] and (stood ~= stands or old ~= new) then
        found[id] = true
        local known = stands and after or before
        local name, tags = name_of(id, known), known.keys[id] and known.keys[id].tags
        list[#list + 1] = { id = id, name = name, label = name or "~" .. id:sub(-4), stood = stood, stands = stands,
          was = authority.NAMES[old], now = authority.NAMES[new], tags = tags and to_json.list(tags, to_json.text) }
      end
      slices.step(0.2)
    end
  end
  slices.sort(list, by_name)
  return list
end

local function faults_of(verdict, supposed)
  local list = {}
  for i, st in ipairs(supposed) do
    local fault = verdict.faults[st.short]
    if fault then list[#list + 1] = { word = i, code = fault.code, text = to_json.value(fault.text) } end
  end
  return list
end

--- What request.suppose = array of { verb, bucket, key, data, ended = true: over when it is said }, all said by
-- request.signer at request.at (ms; without it by this node's time), would change → { changes = array of { id, name,
-- label, stood, stands, was, now = roles, tags }, faults = array of { word = its number, code, text }: those
-- that would not count, revoked = IDs that would be, root = { number, need } } | nil, text, code
function suppose.answer(node, request)
  local words, signer = request.suppose, request.signer
  if type(words) ~= "table" or #words > WORDS_MAX then return nil, 'form: "suppose" is no list of words', "form" end
  if type(signer) ~= "string" or not key.public(signer) then
    return nil, 'form: "signer" is no peer ID', "form"
  end
  local supposed = {}
  local at = request.at == nil and (node.time:now()) or request.at
  if math.type(at) ~= "integer" or at < 0 or at > AT_MAX then return nil, 'form: "at" is no time in ms', "form" end
  for i, word in ipairs(words) do
    local st, text, code = read(word, signer, at + i, i)
    if not st then return nil, text, code end
    supposed[i] = st
  end
  local trust = node.dcache.trust
  local after = trust:judge(together(trust, supposed))
  local list = changes(node, trust:verdict(), after)
  return { changes = json.array(list), revoked = json.array(sorted.keys(after.revoked)),
    faults = json.array(faults_of(after, supposed)),
    root = { number = after.root.number, need = after.root.need } }
end

return suppose
