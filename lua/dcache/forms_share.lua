-- forms_share.lua - the form of DATA in the buckets about files: who has one, who holds a copy, what a store takes.
-- Judges no signature, keeps nothing.
local checks = require "dcache.form_checks"
local json = require "core.json"
local text = require "core.text"

local forms_share = {}

local SIZE_MAX <const> = 1 << 40 -- bytes of a file
local BYTES_MAX <const> = 1 << 53 -- of all files of a store
local SPAN_MAX <const> = 366 * 86400 * 1000 -- ms
local COPIES_MAX <const> = 8
local CLASSES <const> = { lab = true, swarm = true, public = true }
local VERDICTS <const> = { ok = true, suspect = true, broken = true }
local DOMAIN_MAX <const> = 32 -- bytes
local REASON_MAX <const> = 200 -- bytes of why a file is discarded
local DOING_MAX <const>, WAITS_MAX <const>, WHY_MAX <const> = 8, 4, 60

local extra_fault, set = checks.extra_fault, checks.set
local is_cid, is_id, is_within = checks.is_cid, checks.is_id, checks.is_within

local FILES <const> = set "class names size before copies made meta span verdict"
local SAFE <const> = set "class from name size also answers domain made meta span verdict"
local ALSO <const> = set "from name"
local STORE <const> = set "bytes doing domain files free take waits"
local DOING <const>, WAITS <const> = set "c p", set "bytes n why"

--- What is wrong with the NAME of a file, or nil: a path within the share folder, no part of it empty, "." or "..".
function forms_share.name_fault(name)
  if type(name) ~= "string" then return "a name is no text" end
  if not text.utf8(name) then return "a name is no UTF-8, or holds controls" end
  for part in (name .. "/"):gmatch "([^/]*)/" do
    if part == "" or part == "." or part == ".." then return "a name leads out of the folder, or has an empty part" end
  end
end

local function names_fault(names)
  if not json.is_array(names) or #names == 0 then return "names is no list of at least one" end
  for i, name in ipairs(names) do
    local fault = forms_share.name_fault(name)
    if fault then return fault end
    if i > 1 and names[i - 1] >= name then return "names are not sorted, or one stands twice" end
  end
end

local function size_fault(size)
  if math.type(size) ~= "integer" then return "size is no whole number" end
  return not is_within(size, 0, SIZE_MAX) and "size is not within 0 to 2^40" or nil
end

local function class_fault(class) return not CLASSES[class] and "class is none of lab, swarm, public" or nil end

local function key_fault(key) return not is_cid(key) and "the key is no CID of a file" or nil end

-- == what may be told of a file besides

local function copies_fault(copies)
  if copies == nil then return nil end
  if not json.is_array(copies) or #copies ~= 2 or not is_within(copies[1], 0, COPIES_MAX)
    or not is_within(copies[2], copies[1], COPIES_MAX) then
    return "copies is no span within 0 to 8"
  end
end

local function is_text(value, most)
  return type(value) == "string" and value ~= "" and #value <= most and text.utf8(value)
end

-- Members that may be missing, the same in both buckets.
local function told_fault(data)
  if data.meta ~= nil and not is_cid(data.meta) then return "meta is no CID" end
  if data.made ~= nil and math.type(data.made) ~= "integer" then return "made is no whole number" end
  if data.span ~= nil and not is_within(data.span, 0, SPAN_MAX) then return "span is not within a year" end
  if data.verdict ~= nil and not VERDICTS[data.verdict] then return "verdict is none of ok, suspect, broken" end
end

local read = {}
forms_share.read = read

read["share/files"] = function(key, data)
  if data.class == "withdrawn" then return key_fault(key) or size_fault(data.size) end
  return key_fault(key) or extra_fault(data, FILES) or class_fault(data.class) or names_fault(data.names)
    or size_fault(data.size) or copies_fault(data.copies) or told_fault(data)
    or (data.before ~= nil and (not is_cid(data.before) or data.before == key) and "before is no other CID" or nil)
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
      or extra_fault(one, ALSO) or forms_share.name_fault(one.name)
    if fault then return fault end
    if one.from ~= nil and (not is_id(one.from) or one.from == data.from) then
      return "from in also is no peer ID, or that of the claim"
    end
    if one.from == nil and one.name == data.name then return "also has the name of the claim" end
    if i > 1 and not comes_before(list[i - 1], one) then return "also is not sorted, or one stands twice" end
  end
end

-- A carrier says false.
local function domain_fault(domain)
  return domain and not is_text(domain, DOMAIN_MAX) and "domain is no short text" or nil
end

-- Whose it is, which earlier versions did not say, and who does not know it cannot.
read["share/safe"] = function(key, data)
  local fault = key_fault(key) or size_fault(data.size) or extra_fault(data, SAFE) or told_fault(data)
    or domain_fault(data.domain)
  if fault or not (data.class or data.from or data.name or data.also) then return fault end
  return class_fault(data.class) or forms_share.name_fault(data.name)
    or (not is_id(data.from) and "from is no peer ID" or nil) or also_fault(data)
end

local function list_fault(list, most, members, is_one)
  if not json.is_array(list) or #list > most then return ("a list is none of at most %d"):format(most) end
  for _, one in ipairs(list) do
    if type(one) ~= "table" or json.is_array(one) then return "a list has what is no object" end
    local fault = extra_fault(one, members) or (not is_one(one) and "a list has what has not its form") or nil
    if fault then return fault end
  end
end

local function is_doing(one)
  return type(one.c) == "string" and #one.c == 16 and not one.c:find "[^a-z2-7]" and is_within(one.p, 0, 100)
end

local function is_wait(one)
  return is_within(one.bytes, 0, BYTES_MAX) and is_within(one.n, 1, BYTES_MAX) and is_text(one.why, WHY_MAX)
end

read["pri/*/store"] = function(key, data)
  if not is_id(key) then return "the key is no peer ID" end
  local fault = extra_fault(data, STORE)
  if fault then return fault end
  for _, member in ipairs { "bytes", "files", "free" } do
    local value = data[member]
    if (value ~= nil or member ~= "free") and not is_within(value, 0, BYTES_MAX) then
      return member .. " is no whole number of a store"
    end
  end
  if type(data.take) ~= "boolean" then return "take is neither true nor false" end
  return domain_fault(data.domain) or list_fault(data.doing, DOING_MAX, DOING, is_doing)
    or list_fault(data.waits, WAITS_MAX, WAITS, is_wait)
end

read["share/discard"] = function(key, data)
  return key_fault(key) or extra_fault(data, { why = true })
    or not is_text(data.why, REASON_MAX) and "why is no text of at most 200 bytes" or nil
end

--- Limits that who says such DATA keeps to.
forms_share.limits = { doing = DOING_MAX, waits = WAITS_MAX, why = WHY_MAX, domain = DOMAIN_MAX, copies = COPIES_MAX }

return forms_share
