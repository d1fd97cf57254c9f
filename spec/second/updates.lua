-- updates.lua - updates a second time, from spec/PROTOCOL.md alone: the form of their words, and which of them count.
-- Takes what is listed there literally, and knows no policy.
local hash, json, text = require "core.hash", require "core.json", require "core.text"

local second = {}

local function whole(value, least, most) return math.type(value) == "integer" and value >= least and value <= most end
local function is_text(value, most) return type(value) == "string" and #value <= most and text.utf8(value) ~= nil end
local function is_name(value) return type(value) == "string" and #value <= 32 and value:match "^%l[%l%d-]*$" ~= nil end
local function is_id(value) return type(value) == "string" and value:match "^12D3KooW%w+$" ~= nil and #value == 52 end
local function is_cid(value) return type(value) == "string" and require "core.cid".parse(value) ~= nil end

local function is_number(part, most)
  most = tostring(most)
  return part:match "^[1-9]%d*$" ~= nil and (#part < #most or #part == #most and part <= most)
end

-- Is KEY a name and so many numbers?
local function is_key(key, numbers)
  local parts = {}
  for part in (key .. "/"):gmatch "([^/]*)/" do parts[#parts + 1] = part end
  if #parts ~= numbers + 1 or not is_name(parts[1]) or not is_number(parts[2], 1 << 53) then return false end
  for i = 3, #parts do
    if not is_number(parts[i], 999) then return false end
  end
  return true
end

-- Does LIST have LEAST to MOST values, each once and each of which IS?
local function is_list(list, least, most, is)
  if not json.is_array(list) or not whole(#list, least, most) then return false end
  local seen = {}
  for _, one in ipairs(list) do
    if not is(one) or seen[one] then return false end
    seen[one] = true
  end
  return true
end

local PLATFORM = { armhf = 1, arm64 = 1, amd64 = 1, any = 1 }

local function is_artefacts(list)
  local platforms = json.array {}
  local function is(one)
    platforms[#platforms + 1] = json.is_array(one) and one[1]
    return json.is_array(one) and #one == 3 and PLATFORM[one[1]] and is_cid(one[2]) and whole(one[3], 1, 1 << 32)
  end
  if not is_list(list, 1, 4, is) or not is_list(platforms, 1, 4, is_name) then return false end
  for i = 1, #platforms - 1 do
    if platforms[i] == "any" then return false end
  end
  return true
end

local function texts(most) return function(value) return is_text(value, most) end end
local function numbers(least, most) return function(value) return whole(value, least, most) end end

local STATES = { deferred = 1, applying = 1, failed = 1, committed = 1, rolled_back = 1, rejected = 1 }

-- Of each bucket: how many numbers its key has, the members that must be there, those that may.
local FORM = {
  release = { 1, { artefacts = is_artefacts, kind = is_name, version = texts(32) },
    { from = numbers(1, 1 << 53), limit = numbers(10, 3600), note = texts(120), target = texts(32),
      security = function(value) return value == true end, unpacked = numbers(0, 1 << 53),
      tags = function(value)
        return is_list(value, 0, 8, function(tag) return is_text(tag, 32) and tag ~= "" end)
      end } },
  rollout = { 2, { plan = is_cid, size = numbers(1, 65536),
    release = function(value) return type(value) == "string" and #(text.unbase64url(value) or "") == 32 end }, {} },
  pause = { 2, { why = texts(120) }, {} },
  skip = { 3, { robots = function(value) return is_list(value, 1, 8, is_id) end, why = texts(120) }, {} },
  status = { 2, { plan = function(value) return is_text(value, 8) and #value == 8 and not value:find "[^a-z2-7]" end,
    state = function(value) return type(value) == "string" and STATES[value] end },
    { from = numbers(0, 1 << 53), round = numbers(1, 1 << 31), why = texts(120),
      word = function(value) return is_text(value, 16) and value:find "^%l+$" end } },
}

--- Has the DATA (text) under KEY in BUCKET the form that the page gives?
function second.fits(bucket, key, data_text)
  local form, data = FORM[bucket:match "^updates/(.*)$"], json.decode(data_text)
  if type(data) ~= "table" or json.is_array(data) or not is_key(key, form[1]) or #data_text > 640 then return false end
  for name in pairs(form[2]) do
    if data[name] == nil then return false end
  end
  for name, value in pairs(data) do
    local is = form[2][name] or form[3][name]
    if not is or not is(value) then return false end
  end
  return true
end

-- == what counts

-- Does A replace B in their slot?
local function is_newer(a, b) return a.at > b.at or a.at == b.at and a.short > b.short end

-- Of STATEMENTS the newest of each signer under BUCKET and KEY.
local function slots(statements, bucket, key)
  local newest, signers = {}, {}
  for _, st in ipairs(statements) do
    if st.bucket == bucket and st.key == key then
      if not newest[st.signer] then signers[#signers + 1] = st.signer end
      if not newest[st.signer] or is_newer(st, newest[st.signer]) then newest[st.signer] = st end
    end
  end
  local list = {}
  for i, signer in ipairs(signers) do list[i] = newest[signer] end
  return list
end

local function is_taken_back(st) return st.valid_until * 1000 <= st.at end
local function is_over(st, low) return st.valid_until * 1000 < low end

-- Does one of LIST, by an admin who is not its signer, take back the proposal ST?
local function is_dismissed(world, list, st)
  for _, d in ipairs(list) do
    local names = d.data == "null" or json.decode(d.data) == second.hash(st.data)
    if d.verb == "dismiss" and d.signer ~= st.signer and world.admins[d.signer] and names and not is_taken_back(d) then
      if not is_over(d, world.low) or st.at <= d.at + 600000 then return true end
    end
  end
  return false
end

-- The different DATA that hold under BUCKET and KEY; what was proposed there at all.
local function holding(world, bucket, key)
  local list, kinds, signers, proposed = slots(world.statements, bucket, key), {}, {}, 0
  for _, st in ipairs(list) do
    if st.verb == "propose" then
      proposed = proposed + 1
      local counts = second.fits(bucket, key, st.data) and world.may[st.signer] and not is_taken_back(st)
        and not is_over(st, world.low) and not is_dismissed(world, list, st)
      if counts and not signers[st.data] then kinds[#kinds + 1] = st.data end
      if counts then signers[st.data] = (signers[st.data] or 0) + 1 end
    end
  end
  local held = {}
  for _, data in ipairs(kinds) do
    if signers[data] >= world.need then held[#held + 1] = data end
  end
  return held, proposed
end

--- Does the release or rollout KEY count, of which nobody heard another DATA before? WORLD: { statements, may = set of
--- those with the role, admins = set, need = signers, low = ms }. → "counts", "conflict", "not" | nil: nobody says it
function second.stands(world, key)
  local release = key:match "^(.*/.*)/" or key
  local held, proposed = holding(world, release == key and "updates/release" or "updates/rollout", key)
  if proposed == 0 then return nil end
  if #held > 1 then return "conflict" end
  if #held == 0 then return "not" end
  if release == key then return "counts" end
  local of_release = holding(world, "updates/release", release)
  local meant = json.decode(held[1]).release
  if #of_release == 1 and second.hash(of_release[1]) == meant then return "counts" end
  return "not"
end

--- The HASH by which a rollout names the release of that DATA.
function second.hash(data_text) return text.base64url(hash.blake2b(data_text)) end

return second
