-- route.lua - what a TO says, and the routing table: as each of its lines, looked at alone. The fuzzer's property.
local address = require "core.address"
local key = require "core.key"
local route_pattern = require "routing.route_pattern"
local routes = require "routing.routes"
local target = require "routing.target"

-- Four nodes of three names: two are called alike, so that routes to that name rest.
local function id_of(letter) return key.generate(letter:rep(32)):id() end
local ME <const> = id_of "m"
local NAMES <const> = { [ME] = "me", [id_of "a"] = "ada", [id_of "b"] = "bea", [id_of "d"] = "bea" }

local function bearers(name)
  local list = {}
  for id, each in pairs(NAMES) do list[#list + 1] = each == name and id or nil end -- any order: they are counted
  return list
end

local function split(text)
  local list = {}
  for segment in text:gmatch "[^/]+" do list[#list + 1] = segment end
  return list
end

-- Does PATTERN (route_pattern.read) fit TO?
local function fits(pattern, to)
  local parts = split(to)
  if #parts < #pattern.segments + (pattern.open and 1 or 0) or not pattern.open and #parts > #pattern.segments then
    return false
  end
  for i, segment in ipairs(pattern.segments) do
    local name, ending = route_pattern.name(pattern.names[i] or "")
    local is_it = segment == parts[i]
    if name then is_it = NAMES[parts[i]] == name and (not ending or parts[i]:sub(-#ending) == ending) end
    if not is_it then return false end
  end
  return true
end

local function check_target(to)
  local what, text, word = target.read(to, ME)
  if not what then
    assert(is_word(word) and text:sub(1, #word) == word)
    return nil
  end
  if what.kind == "channel" then
    assert(what.head .. what.tail == what.to and to:sub(-#what.to) == what.to, "head and tail are the whole")
    assert(what.head:sub(-12) == "/dswarm-line" and address.check(what.head), "a channel")
    assert(select(2, what.head:gsub("/dswarm%-line", "")) == 1, "the first one")
  elseif what.kind == "node" then
    assert(what.id ~= ME and what.id ~= "*" and to:sub(-#what.to) == what.to, "another node")
  end
  return what
end

local function check_match(one, to, used)
  local way, entry = one:match(to, used)
  for _, other in ipairs(one.list) do
    local may = not other.fault and not used[other] and not one:rests(other) and fits(other.read, to)
    if may then assert(entry, "a route that fits was not found") end
    if may then assert(#other.read.segments <= #entry.read.segments, "a longer one fits, too") end
  end
  if not entry then return false end
  assert(fits(entry.read, to) and not used[entry] and not one:rests(entry), "a route that may not be used")
  assert(way:sub(-#to) == to and #way > #to and address.check(way:sub(1, -#to - 1)) ~= nil, "a way before it")
  used[entry] = true
  return true
end

return function(bytes)
  local first, rest = bytes:match "^([^\n]*)\n?(.*)$"
  local one = routes.new { name_of = function(id) return NAMES[id] end, bearers = bearers }
  local list, seen = {}, {}
  for line in rest:gmatch "[^\n]+" do
    local pattern, way = line:match "^(%S+) (%S+)$"
    if pattern and not seen[pattern] and #list < 32 then
      seen[pattern] = true
      list[#list + 1] = { pattern = pattern, target = way }
      local read = route_pattern.read(pattern)
      if read then
        assert("/" .. table.concat(read.segments, "/") .. (read.open and (read.segments[1] and "/*" or "*") or "")
          == pattern, "a pattern is what it says")
      end
    end
  end
  one:load(list, function() return "p.lua:1" end)
  if not check_target(first) or first:sub(1, 1) ~= "/" or first:find "^/dswarm/%*" then return end
  local used = {}
  for _ = 1, #list + 1 do
    if not check_match(one, first, used) then return end
  end
  error "each route counts once"
end
