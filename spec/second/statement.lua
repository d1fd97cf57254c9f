-- statement.lua - the statement codec a second time, from spec/PROTOCOL.md alone, to check the core by.
-- Hashes, base64url and the judgement of signatures and canonical JSON are the core's.
local hash, json = require "core.hash", require "core.json"
local key, text = require "core.key", require "core.text"

local second = {}

local FIELDS = "^([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) (.*)$"
local SECONDS_MAX = 16 * (2 ^ 32 // 1 - 1)

local function number(digits, max)
  if not (digits == "0" or digits:find "^[1-9]%d*$") or #digits > 15 then return nil end
  local value = math.tointeger(tonumber(digits))
  return value <= max and value or nil
end

local function is_path(path)
  if path:find "[^%w._~:@+/-]" then return false end
  for segment in (path .. "/"):gmatch "([^/]*)/" do
    if segment == "" or segment == "." or segment == ".." then return false end
  end
  return true
end

local function check_numbers(st)
  st.valid_from, st.valid_until = number(st.valid_from, SECONDS_MAX), number(st.valid_until, SECONDS_MAX)
  st.at = number(st.at, SECONDS_MAX * 1000 + 999)
  if not (st.valid_from and st.valid_until and st.at) then return "form" end
  if st.valid_from % 16 + st.valid_until % 16 ~= 0 then return "form" end
  if st.valid_from > st.valid_until then return "window" end
end

local function check_places(st)
  if #st.bucket > 160 or #st.key > 160 then return "long" end
  if not is_path(st.bucket) or not is_path(st.key) or st.key == st.signer then return "form" end
  if st.key == "-" then st.key = st.signer end
end

local function check_meaning(st)
  if st.verb == "dismiss" then
    local digest = st.data:match '^"([%w_-]+)"$'
    local bytes = digest and text.unbase64url(digest)
    if st.data ~= "null" and not (bytes and #bytes == 32) then return "form" end
  elseif st.verb ~= "propose" or not json.check(st.data) then
    return "form"
  end
  local owner = (st.bucket .. "/"):match "^pri/([^/]*)/?"
  if owner and owner ~= st.signer then return "owner" end
  if st.bucket == "peer" and st.verb == "propose" and st.key ~= st.signer then return "owner" end
end

-- The statement of a line, or nil and the word of refusal.
function second.parse(line)
  if #line > 1024 then return nil, "long" end
  local st = {}
  st.signature, st.verb, st.bucket, st.key, st.valid_from, st.valid_until, st.at, st.signer, st.data =
    line:match(FIELDS)
  if not st.verb or not key.public(st.signer) then return nil, "form" end
  local word = check_numbers(st) or check_places(st) or check_meaning(st)
  if word then return nil, word end
  local bytes = text.unbase64url(st.signature)
  if not bytes or #bytes ~= 64 then return nil, "form" end
  st.id, st.text, st.signature = hash.blake2b(line), line:sub(88), nil
  st.line = line
  return st
end

-- The line again, from its fields.
function second.line(st)
  local name = st.key == st.signer and "-" or st.key
  return ("%s %s %s %s %d %d %d %s %s"):format(st.line:sub(1, 86), st.verb, st.bucket, name,
    st.valid_from, st.valid_until, st.at, st.signer, st.data)
end

function second.verify(st, swarm)
  return key.verify(st.signer, "statement", swarm, st.text, st.line:sub(1, 86))
end

return second
