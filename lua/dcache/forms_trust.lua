-- forms_trust.lua - the form of DATA in the buckets `trust/…`, for forms.lua. Says nothing of who may say it.
local checks = require "dcache.form_checks"
local json = require "core.json"
local key = require "core.key"
local lab = require "dcache.lab"
local node_name = require "node_name"
local text = require "core.text"

local TAGS_MAX <const> = 8
local MOST_MAX <const> = 100000 -- robots that one token lets in
local WHY_MAX <const> = 64 -- bytes
local SIGNATURE <const> = 64 -- bytes
local ROLES <const> = { admin = true, trusted = true, member = true }

local members_fault = checks.members_fault

-- Is it a peer ID whose key is good? What stands here is trusted without a signature of that key.
local function is_id(value) return type(value) == "string" and key.public(value) ~= nil end

local function key_fault(id) return not is_id(id) and "the key is no peer ID" or nil end

local function count_fault(data, member, most)
  if not checks.is_within(data[member], 1, most) then
    return ("%s is no whole number within 1 to %d"):format(member, most)
  end
end

-- A name is one that a node could have; "" where somebody has none.
local function name_fault(data)
  local name = data.name
  if type(name) ~= "string" or not (name == "" or node_name.is(name)) then
    return "name is none of a node or a person"
  end
end

local function keys_fault(data)
  local keys = data.keys
  if not json.is_array(keys) or not keys[1] or #keys > lab.KEYS_MAX then
    return ("keys is no list of 1 to %d peer IDs"):format(lab.KEYS_MAX)
  end
  for i, id in ipairs(keys) do
    if not is_id(id) then return "keys has what is no peer ID" end
    if i > 1 and keys[i - 1] >= id then return "keys are not sorted, or one stands twice" end
  end
end

local function tags_fault(data)
  local tags, seen = data.tags, {}
  if not json.is_array(tags) or #tags > TAGS_MAX then return "tags is no list of at most 8" end
  for _, tag in ipairs(tags) do
    if type(tag) ~= "string" or #tag > 24 or not tag:find "^[a-z0-9:-]+$" then
      return "a tag has 1 to 24 of a-z, 0-9, : and -"
    end
    if seen[tag] then return "a tag stands twice" end
    seen[tag] = true
  end
end

local read = {}

-- Root 1 stands in the lab file, and nobody proposes it.
read["trust/root"] = function(number, data)
  return members_fault(data, "keys need number") or keys_fault(data) or count_fault(data, "need", #data.keys)
    or count_fault(data, "number", 1 << 53) or (number ~= tostring(data.number) and "the key is not its number" or nil)
end

read["trust/grants"] = function(id, data)
  return members_fault(data, "name role tags") or key_fault(id) or name_fault(data)
    or (not ROLES[data.role] and "role is none of admin, trusted, member" or nil) or tags_fault(data)
end

read["trust/tokens"] = function(id, data)
  return members_fault(data, "most name") or key_fault(id) or name_fault(data) or count_fault(data, "most", MOST_MAX)
end

read["trust/enrolled"] = function(id, data)
  local fault = members_fault(data, "name proof token") or key_fault(id) or name_fault(data)
  if fault then return fault end
  local proof = type(data.proof) == "string" and text.unbase64url(data.proof)
  if not proof or #proof ~= SIGNATURE then return "proof is no signature" end
  if not is_id(data.token) then return "token is no peer ID" end
end

read["trust/revoked"] = function(id, data)
  local why = data.why
  return members_fault(data, "why") or key_fault(id)
    or ((type(why) ~= "string" or #why > WHY_MAX or not text.utf8(why)) and "why is no text of at most 64 bytes" or nil)
end

return read
