-- forms.lua - the form of DATA in each bucket, checked where records are read. Judges no signature, keeps nothing.
--
-- Members that later versions add to these statements are listed, too: such a statement is read, not called malformed.
local address = require "core.address"
local cid = require "core.cid"
local forms_trust = require "dcache.forms_trust"
local json = require "core.json"
local node_name = require "node_name"
local text = require "core.text"

local forms = {}

local SIZE_MAX <const> = 1 << 40 -- bytes of a file
local CLASSES <const> = { lab = true, swarm = true, public = true }
local CLOCKS <const> = { own = true, quorum = true, held = true, none = true }

local function set(words)
  local members = {}
  for word in words:gmatch "%S+" do members[word] = true end
  return members
end

local FILES <const> = set "class names size before copies made meta span verdict"
local SAFE <const> = set "class from name size also answers domain made meta span verdict"
local ALSO <const> = set "from name"
local ADDRESSES <const> = set "at http ipfs"
local PEER <const> = set "name type version clock boot level policy site state why clone"

--- What is wrong with the NAME of a file, or nil: a path within the share folder, no part of it empty, "." or "..".
function forms.name_fault(name)
  if type(name) ~= "string" then return "a name is no text" end
  if not text.utf8(name) then return "a name is no UTF-8, or holds controls" end
  for part in (name .. "/"):gmatch "([^/]*)/" do
    if part == "" or part == "." or part == ".." then return "a name leads out of the folder, or has an empty part" end
  end
end

local function names_fault(names)
  if not json.is_array(names) or #names == 0 then return "names is no list of at least one" end
  for i, name in ipairs(names) do
    local fault = forms.name_fault(name)
    if fault then return fault end
    if i > 1 and names[i - 1] >= name then return "names are not sorted, or one stands twice" end
  end
end

local function size_fault(size)
  if math.type(size) ~= "integer" then return "size is no whole number" end
  if size < 0 or size > SIZE_MAX then return "size is not within 0 to 2^40" end
end

local function extra(data, allowed)
  for member in pairs(data) do -- any order
    if not allowed[member] then return "a member that no version has" end
  end
end

local function class_fault(class) return not CLASSES[class] and "class is none of lab, swarm, public" or nil end

local function is_id(value) return type(value) == "string" and #value == 52 and value:find "^12D3KooW%w+$" ~= nil end

local function key_fault(key) return not cid.parse(key) and "the key is no CID of a file" or nil end

local read = {}

read["share/files"] = function(key, data)
  if data.class == "withdrawn" then return key_fault(key) or size_fault(data.size) end
  return key_fault(key) or extra(data, FILES) or class_fault(data.class) or names_fault(data.names)
    or size_fault(data.size)
end

local function comes_before(a, b)
  local one, other = a.from or "", b.from or ""
  return one < other or one == other and a.name < b.name
end

-- The other names that the same bytes have: { from = peer ID, left out where it is that of the claim, name = path }.
local function also_fault(data)
  local list = data.also
  if list == nil then return nil end
  if not json.is_array(list) or #list == 0 then return "also is no list of at least one" end
  for i, one in ipairs(list) do
    local fault = (type(one) ~= "table" or json.is_array(one)) and "also has what is no object"
      or extra(one, ALSO) or forms.name_fault(one.name)
    if fault then return fault end
    if one.from ~= nil and (not is_id(one.from) or one.from == data.from) then
      return "from in also is no peer ID, or that of the claim"
    end
    if one.from == nil and one.name == data.name then return "also has the name of the claim" end
    if i > 1 and not comes_before(list[i - 1], one) then return "also is not sorted, or one stands twice" end
  end
end

-- Earlier versions said the size alone.
read["share/safe"] = function(key, data)
  local fault = key_fault(key) or size_fault(data.size)
  if fault or next(data, (next(data))) == nil then return fault end
  return extra(data, SAFE) or class_fault(data.class) or forms.name_fault(data.name)
    or (not is_id(data.from) and "from is no peer ID" or nil) or also_fault(data)
end

-- Which words there are for `state` and `level` is for who shows them: later versions may have others.
read["peer"] = function(_, data)
  if extra(data, PEER) then return extra(data, PEER) end
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
  return not is_id(key) and "the key is no peer ID" or extra(data, ADDRESSES) or at_fault(data.at)
    or (data.http ~= nil and not is_port(data.http) and "http is no port" or nil) or ipfs_fault(data.ipfs)
end

forms.buckets = { "peer", "share/files", "share/safe" }

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
