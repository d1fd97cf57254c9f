-- form.lua - the forms that settings and answers must have, and the nearest word. Runs inside the fence.
local inner = ...
local form = {}

--- Edits between two words: letters put in, left out, changed, or two swapped (optimal string alignment).
local function distance(a, b)
  local last, row = {}, {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local next_row = { [0] = i }
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      next_row[j] = math.min(row[j] + 1, next_row[j - 1] + 1, row[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        next_row[j] = math.min(next_row[j], last[j - 2] + 1)
      end
    end
    last, row = row, next_row
  end
  return row[#b]
end

--- The word of KNOWN (in order; the first wins a tie) nearest to WORD, or nil where none is near.
function form.suggest(word, known)
  local best, least = nil, math.max(1, #word // 3) + 1
  for _, other in ipairs(known) do
    if type(other) == "string" and #word <= 64 and other ~= word then
      local d = distance(word:lower(), other:lower())
      if d < least then best, least = other, d end
    end
  end
  return best
end

local function whole(value)
  return type(value) == "number" and math.tointeger(value) or nil
end

local function list(check, most)
  return function(value)
    if type(value) ~= "table" then return nil, "a list" end
    local out, count = {}, 0
    for _ in inner.next, value do count = count + 1 end
    if count ~= #value or count > most then return nil, "a list of at most " .. most end
    for i = 1, count do
      local item, why = check(value[i])
      if item == nil then return nil, ("a list whose item %d is %s"):format(i, why) end
      out[i] = item
    end
    return out
  end
end

local function record(value, checks)
  if type(value) ~= "table" then return nil, "a table" end
  local out, known = {}, inner.names.keys(checks)
  for _, name in ipairs(inner.names.keys(value)) do
    if not checks[name] then
      return nil, "known fields (" .. inner.names.unknown(tostring(name), known, "no such field") .. ")"
    end
    local item, why = checks[name](value[name])
    if item == nil then return nil, ("a table whose %s is %s"):format(name, why) end
    out[name] = item
  end
  return out
end

local MAP_MAX <const> = 1024

local function map(check_key, check)
  return function(value)
    if type(value) ~= "table" then return nil, "a table" end
    local out, count = {}, 0
    for _ in inner.next, value do count = count + 1 end
    if count > MAP_MAX then return nil, "a table of at most " .. MAP_MAX end
    for _, key in ipairs(inner.names.keys(value)) do
      local good, why = check_key(key)
      if good == nil then return nil, "a table whose keys are " .. why end
      out[key], why = check(value[key])
      if out[key] == nil then return nil, ("a table whose [%q] is %s"):format(key, why) end
    end
    return out
  end
end

local function span(check)
  return function(value)
    if type(value) ~= "table" or #value ~= 2 then return nil, "{ least, most }" end
    local least, most = check(value[1]), check(value[2])
    if not least or not most or least > most then return nil, "{ least, most }" end
    return { least, most }
  end
end

local function choice(...)
  local words = { ... }
  return function(value)
    for _, word in ipairs(words) do
      if value == word then return value end
    end
    return nil, 'one of "' .. table.concat(words, '", "') .. '"'
  end
end

local function text(value)
  if type(value) ~= "string" or #value == 0 or #value > 1024 or value:find("%c") then
    return nil, "a text of 1 to 1024 bytes"
  end
  return value
end

local function short_text(value)
  if not text(value) or #value > 24 or not utf8.len(value) then return nil, "a text of 1 to 24 bytes" end
  return value
end

-- As the tag domain:NAME of a grant has it. Empty: the node alone; false: its copies are nobody's.
local function domain(value)
  if value == false or value == "" then return value end
  if type(value) ~= "string" or #value > 17 or not value:find "^[a-z0-9-]+$" then
    return nil, 'a name of small letters, digits and "-", at most 17, or "", or false'
  end
  return value
end

local function number(value, what, least, most)
  if type(value) ~= "number" or value ~= value or value < least or value > most then return nil, what end
  return whole(value) or value
end

local function bytes(value)
  local n = number(value, "bytes, such as 64 * MB", 0, 2 ^ 53)
  if not n then return nil, "bytes, such as 64 * MB" end
  return math.tointeger(n // 1)
end

local function seconds(value) return number(value, "a time, such as 5 * minute", 0, 86400 * 4000) end
local function share(value) return number(value, "a share from 0 to 1", 0, 1) end

local function count(value)
  local n = whole(value)
  if not n or n < 0 or n > 1000000 then return nil, "a whole number" end
  return n
end

local function flag(value)
  if type(value) ~= "boolean" then return nil, "true or false" end
  return value
end

local function or_else(other, check, what)
  return function(value)
    if value == other then return value end
    local good, why = check(value)
    if good == nil then return nil, why .. " or " .. what end
    return good
  end
end

local function address(value)
  local good, why = text(value)
  if not good then return nil, why end
  if good:sub(1, 1) ~= "/" then return nil, "an address, such as /ip4/0.0.0.0/udp/3825/dswarm-line" end
  return good
end

-- What it may be is read outside the fence (load.lua), where keys and addresses are known.
local function shut_out(value)
  local good, why = text(value)
  if not good then return nil, why end
  if #good > 128 then return nil, "a peer ID or an address" end
  return good
end

local function stars(pattern) return select(2, pattern:gsub("%*", "")) end

--- Routes come out as a list, the most specific pattern first, so that no order is a table's.
local function routes(value)
  local good, why = map(address, address)(value)
  if not good then return nil, why end
  local out, many = {}, {}
  for pattern, target in inner.next, good do -- any order: sorted below
    out[#out + 1], many[pattern] = { pattern = pattern, target = target }, stars(pattern)
  end
  inner.names.sort(out, function(a, b)
    a, b = a.pattern, b.pattern
    if many[a] ~= many[b] then return many[a] < many[b] end
    if #a ~= #b then return #a > #b end
    return a < b
  end)
  return out
end

local CLASS = { max_ttl = seconds, size = bytes, slots = count, kept = flag, scope = choice("site", "swarm") }

local ROLES = { anyone = true, owner = true, member = true, trusted = true, admin = true, root = true }

--- Who may say something: a role, or so many of a role or of those who have a tag.
local function rule(value)
  local wanted = 'none of anyone, owner, member, trusted, admin, root, "2 of trusted", "1 of a-tag"'
  if type(value) ~= "string" then return nil, wanted end
  if ROLES[value] then return value end
  local needed, who = value:match "^(%d+) of ([a-z0-9:-]+)$"
  if not needed or #needed > 2 or tonumber(needed) < 1 or #who > 24 or who == "owner" then return nil, wanted end
  return value
end

local BUCKET = { class = text, propose = rule, dismiss = rule }

local function complete(checks, given)
  return function(value)
    local good, why = record(value, checks)
    if not good then return nil, why end
    for _, name in ipairs(given) do
      if good[name] == nil then return nil, "without its " .. name end
    end
    return good
  end
end

-- What stays in the site cannot be kept: nodes of other sites would miss it in their digests for ever.
local function class(value)
  local good, why = complete(CLASS, { "max_ttl", "size", "slots", "kept", "scope" })(value)
  if good and good.kept and good.scope == "site" then
    return nil, 'kept and of scope "site": kept ones are of scope "swarm", as all compare them'
  end
  return good, why
end

--- Forms of parts, for channel_form.lua, checks_form.lua and folders_form.lua.
form.parts = { record = record, text = text, number = number, bytes = bytes, flag = flag, address = address,
  count = count, list = list, map = map, complete = complete }

local forms = {
  text = text, domain = domain,
  ["short text or false"] = or_else(false, short_text, "false"),
  bytes = bytes,
  ["bytes a second"] = function(value)
    local good, why = bytes(value)
    if good and (good < 1 or good > 1 << 40) then return nil, "1 byte to 1 TB a second" end
    return good, why
  end,
  seconds = seconds,
  share = share,
  count = count,
  checks = function(value) return inner.checks_form.check(value) end,
  routes = routes,
  settle = function(value) return record(value, { least = seconds, most = seconds, per = bytes }) end,
  ["text or false"] = or_else(false, text, "false"),
  ["seconds or false"] = or_else(false, seconds, "false"),
  ["list of text"] = list(text, 256),
  ["list of text or all"] = or_else("all", list(text, 256), '"all"'),
  ["auto or system"] = choice("auto", "system"),
  ["span of seconds"] = span(seconds),
  ["span of count"] = span(count),
  block = list(shut_out, 256), flag = flag,
  folders = function(value) return inner.folders_form.check(value) end,
  kubo = or_else(false, function(value) return inner.channel_form.kubo(value) end, "false"),
  channels = list(function(value) return inner.channel_form.check(value) end, 64),
  classes = map(text, class),
  buckets = map(text, complete(BUCKET, { "class", "propose", "dismiss" })),
}

--- VALUE as plain data in form NAME, or nil and what was wanted.
function form.check(name, value)
  return forms[name](value)
end

local function yes(value)
  if value == nil then return false end
  if type(value) ~= "boolean" then return nil, "true or false" end
  return value
end

local function urgency(value)
  if not value then return false end
  local n = whole(value)
  if not n or n < 1 or n > 9 then return nil, "an urgency from 1 to 9, or false" end
  return n
end

--- ANSWER as it leaves the fence, or nil and what was wanted. `one` and `part` are facts.lua's matter.
function form.answer(kind, answer)
  if kind == "yes" or (kind == "yes or nil" and answer ~= nil) then return yes(answer) end
  if kind == "urgency" then return urgency(answer) end
  if kind == "yes or nil" then return nil end
  if answer == nil then return false end
  for _, word in ipairs(kind) do
    if word == answer then return answer end
  end
  return nil, "one of its words"
end

return form
