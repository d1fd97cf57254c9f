-- forms.lua - the form of DATA in each bucket, checked where records are read. Judges no signature, keeps nothing.
--
-- Members that later versions add to these statements are listed, too: such a statement is read, not called malformed.
local address = require "core.address"
local checks = require "dcache.form_checks"
local forms_share = require "dcache.forms_share"
local forms_trust = require "dcache.forms_trust"
local forms_updates = require "dcache.forms_updates"
local json = require "core.json"
local node_name = require "node_name"

local forms = {}

local CLOCKS <const> = { own = true, quorum = true, held = true, none = true }

local ADDRESSES <const> = checks.set "at http ipfs"
local PEER <const> = checks.set "name type version clock boot level policy site state why clone"

local read = {}
for _, room in ipairs { forms_share, forms_updates } do
  for bucket, fault_of in pairs(room.read) do read[bucket] = fault_of end -- any order
end

-- Which words there are for `state` and `level` is for who shows them: later versions may have others.
read["peer"] = function(_, data)
  local fault = checks.extra_fault(data, PEER)
  if fault then return fault end
  for _, member in ipairs { "name", "type", "version", "clock", "policy", "site", "state", "why" } do
    if data[member] ~= nil and type(data[member]) ~= "string" then return member .. " is no text" end
  end
  if data.boot ~= nil and math.type(data.boot) ~= "integer" then return "boot is no whole number" end
  if data.clone ~= nil and data.clone ~= true then return "clone is not true" end
  if data.name and not node_name.is(data.name) then return "name is none of a node" end
  if data.clock and not CLOCKS[data.clock] then return "clock is none of own, quorum, held, none" end
end

local AT_MAX <const> = 4 -- multiaddrs

local function at_fault(list)
  if not json.is_array(list) or not list[1] or #list > AT_MAX then return "at is no list of 1 to 4" end
  for i, one in ipairs(list) do
    if type(one) ~= "string" or not address.check(one) then return "at has what is no address" end
    if one:sub(-#"/dswarm-line") ~= "/dswarm-line" then return "an address does not end in /dswarm-line" end
    for before = 1, i - 1 do
      if list[before] == one then return "at has an address twice" end
    end
  end
end

local function is_port(value) return math.type(value) == "integer" and value > 0 and value < 65536 end

local function ipfs_fault(pair)
  if pair == nil then return nil end
  if not json.is_array(pair) or #pair ~= 2 then return "ipfs is no list of a peer ID and a port" end
  if type(pair[1]) ~= "string" or #pair[1] > 64 or not pair[1]:find "^%w+$" then return "ipfs has no peer ID" end
  return not is_port(pair[2]) and "ipfs has no port" or nil
end

-- Where a node can be met. The first place of AT is the one to try first.
read["pri/*/addresses"] = function(key, data)
  return not checks.is_id(key) and "the key is no peer ID" or checks.extra_fault(data, ADDRESSES) or at_fault(data.at)
    or (data.http ~= nil and not is_port(data.http) and "http is no port" or nil) or ipfs_fault(data.ipfs)
end

forms.buckets = { "peer", "share/files", "share/safe" }
forms.name_fault = forms_share.name_fault

--- DATA, as core.json decodes it, of a statement in BUCKET under KEY. → DATA | nil, what is wrong, "form"
function forms.read(bucket, key, data)
  local fault_of = read[bucket] or forms_trust[bucket] or read[(bucket:gsub("^pri/[^/]+/", "pri/*/"))]
  if not fault_of then return data end
  if type(data) ~= "table" or json.is_array(data) then return nil, "form: DATA is no object", "form" end
  local fault = fault_of(key, data)
  if fault then return nil, "form: " .. fault, "form" end
  return data
end

--- Does this DATA say that its signer has the file? A withdrawn one asks others to drop it (a later version).
function forms.claims(bucket, data) return bucket ~= "share/files" or data.class ~= "withdrawn" end

return forms
