-- route_warnings.lua - what an operator should know of the routes in his policy before they are used. Refuses none.
local channels = require "routing.channels"
local route_pattern = require "routing.route_pattern"

local route_warnings = {}

local AT_ONCE <const> = 128 -- routes that are looked at between two pauses

-- A route is read once: { pattern, target = texts, from, way = route_pattern's, key = its pattern without `*` }.
-- → such entries, and what is wrong with those that cannot be read, as { pattern, text }
local function read_all(list, pause)
  local good, said = {}, {}
  for i, given in ipairs(list) do
    if i % AT_ONCE == 0 then pause() end
    local from, why = route_pattern.read(given.pattern)
    local way
    if from then way, why = route_pattern.target(given.target) end
    if from and not way then why = ("its way %s: %s"):format(given.target, why) end
    if way then
      good[#good + 1] = { pattern = given.pattern, from = from, way = way,
        key = "/" .. table.concat(from.segments, "/") }
    else
      said[#said + 1] = { pattern = given.pattern, text = "this route rests: " .. why }
    end
  end
  return good, said
end

-- Patterns with `*` (open) and whole addresses, each by its text; depth: parts of the longest one.
local function index(entries)
  local by = { open = {}, whole = {}, depth = 0 }
  for _, entry in ipairs(entries) do
    by[entry.from.open and "open" or "whole"][entry.key] = entry
    by.depth = math.max(by.depth, #entry.from.segments)
  end
  return by
end

-- The longest open pattern that fits LIST, the parts of an address, among those of at most N parts | nil
local function longest(by, list, n)
  for i = math.min(n, by.depth), 1, -1 do
    local entry = by.open["/" .. table.concat(list, "/", 1, i)]
    if entry then return entry end
  end
  return by.open["/"]
end

local PLAIN <const> = 2 -- parts of a pattern that means one node or host; a shorter one means all of them
local TAIL <const> = "brain"

-- The entry that a line by ENTRY meets next, names being what they are | nil
local function following(by, entry)
  local list = table.move(entry.way.segments, 1, #entry.way.segments, 1, {})
  table.move(entry.from.segments, 1, #entry.from.segments, #list + 1, list)
  if entry.from.open then list[#list + 1] = TAIL end
  local whole = #list <= by.depth and by.whole["/" .. table.concat(list, "/")]
  return whole or longest(by, list, #list - 1)
end

local SHOWN <const> = 4 -- patterns of a circle

-- The patterns of WAY from place I on, which after its end goes on at FIRST.
local function round(way, first, i)
  local list, length = {}, #way - first + 1
  for j = 0, math.min(length, SHOWN) - 1 do list[j + 1] = way[first + (i - first + j) % length].pattern end
  return list
end

-- Entries whose lines come to them again → the patterns on the way there, their own first
local function circles(by, entries)
  local next_of, walked, found = {}, {}, {}
  for _, entry in ipairs(entries) do next_of[entry] = following(by, entry) end
  for _, entry in ipairs(entries) do
    local way, at, one = {}, {}, entry
    while one and not walked[one] do
      way[#way + 1], at[one], walked[one] = one, #way + 1, true
      one = next_of[one]
    end
    local first = one and at[one] -- it came back to there
    for i = first or #way + 1, #way do found[way[i]] = round(way, first, i) end
  end
  return found
end

local function circle_text(entry, way)
  if #way > 1 then
    return ("leads in a circle, over %s: each is used once a line"):format(table.concat(way, " and ", 2))
  end
  if #entry.from.segments < PLAIN then return nil end -- one for all others is used once a line, and that is right
  return "leads into itself: name another node or channel as its way"
end

-- The first channel that the way of ENTRY goes by, as text | nil: it begins with a node
local function head_of(entry)
  local segments = entry.way.segments
  if segments[1] == "dswarm" then return nil end
  for i, segment in ipairs(segments) do
    if segment == "dswarm-line" then return "/" .. table.concat(segments, "/", 1, i) end
  end
end

-- Is there, among CHANNELS of a policy, one that could carry what goes to HEAD? → true | nil, why not
local function check_channel(head, list)
  local wanted, why = channels.read { address = head }
  if not wanted then return nil, (why:gsub("^%l+: ", "")) end
  if wanted.scheme == "tcp" then return true end -- anybody can be dialled
  for _, given in ipairs(list) do
    local one = channels.read(given)
    if one and one.scheme == wanted.scheme and (one.scheme == "udp" or one.address == wanted.address) then
      return true
    end
  end
  return nil, ("there is no channel %s here: put it into routing.channels"):format(head)
end

local function channel_text(entry, list)
  local head = head_of(entry)
  local ok, why = true, nil
  if head then ok, why = check_channel(head, list) end
  return not ok and "this route leads nowhere: " .. why or nil
end

local function covered_text(entry, by)
  local other = longest(by, entry.from.segments, #entry.from.segments - 1)
  other = other ~= entry and other or nil
  return other and ("where %s fits, too, this one wins, since it is more specific"):format(other.pattern)
end

--- What is to be said of ROUTES, a policy's setting routing.routes, beside CHANNELS, its routing.channels: an array of
--- { pattern, text, harmless = is it as it should be, and good to know? }: those that cannot be read first. PAUSE() is
--- called now and then: who runs beside other work may yield in it; or nil.
function route_warnings.of(routes, list, pause)
  pause = pause or function() end
  local entries, said = read_all(routes, pause)
  local by = index(entries)
  local found = circles(by, entries)
  for i, entry in ipairs(entries) do
    if i % AT_ONCE == 1 then pause() end
    local way, covered = found[entry], covered_text(entry, by)
    for _, text in ipairs { channel_text(entry, list) or false, way and circle_text(entry, way) or false,
      covered or false } do
      if text then said[#said + 1] = { pattern = entry.pattern, text = text, harmless = text == covered } end
    end
  end
  return said
end

return route_warnings
