-- routes.lua - the routing table: which way a line takes whose TO fits a pattern. Sends nothing, learns nothing.
--
-- The most specific pattern wins: a whole address before a beginning, then the longer one; of two that are equally
-- long the one that says an ID before the one that says a name. So the order in which they stand never matters.
-- Patterns lie in a tree, part by part: a lookup takes as many steps as the longest fitting pattern has parts, however
-- many routes there are.
local route_pattern = require "routing.route_pattern"
local sorted = require "sorted"

local routes = {}
routes.__index = routes

local SET_MAX <const> = 256 -- routes that are set while the node runs

--- An empty table.
---   name_of(id)     → what node ID is called, or nil
---   bearers(name)   → array of the IDs of all nodes that are called so
function routes.new(given)
  local self = setmetatable({ name_of = given.name_of, bearers = given.bearers, policy = {}, own = {}, hidden = {},
    list = {}, by_pattern = {} }, routes)
  self:build()
  return self
end

-- == the tree. A place in it: next = part → place; named = name → { places = end of the key ("" for none) → place,
-- lengths = of these ends, the longest first } where a node's ID is the next part; here = the entry of a pattern that
-- ends there, star = of one that goes on.

-- The place behind the nodes of that NAME whose key has that ENDING.
local function named_step(place, name, ending)
  place.named = place.named or {}
  local named = place.named[name] or { places = {}, lengths = {} }
  place.named[name] = named
  if named.places[ending] then return named.places[ending] end
  local is_new = true
  for _, length in ipairs(named.lengths) do is_new = is_new and length ~= #ending end
  if is_new then
    named.lengths[#named.lengths + 1] = #ending
    table.sort(named.lengths, function(a, b) return a > b end) -- of two that fit the first wins
  end
  named.places[ending] = { next = {} }
  return named.places[ending]
end

local function step(place, part, is_name)
  if not is_name then
    place.next[part] = place.next[part] or { next = {} }
    return place.next[part]
  end
  local name, ending = route_pattern.name(part)
  return named_step(place, name, ending or "")
end

local function plant(self, entry)
  local place, pattern = self.root, entry.read
  for i, part in ipairs(pattern.segments) do place = step(place, part, pattern.names[i] ~= nil) end
  place[pattern.open and "star" or "here"] = entry
  self.depth = math.max(self.depth, #pattern.segments + 1)
end

-- == names

-- The node that NAME, as it stands in a route, means → ID | nil, text, code: none, or several
local function node_of(self, text)
  if route_pattern.is_id(text) then return text end
  local name, ending = route_pattern.name(text)
  local found = {}
  for _, id in ipairs(self.bearers(name)) do
    if not ending or id:sub(-#ending) == ending then found[#found + 1] = id end
  end
  if not found[1] then return nil, ("missing: nobody here is called %s"):format(text), "missing" end
  if not found[2] then return found[1] end
  table.sort(found)
  return nil, ("ambiguous: %s is the name of %d nodes: %s; write the ID, or NAME~ and the end of it"):format(text,
    #found, table.concat(found, ", ", 1, math.min(#found, 4))), "ambiguous"
end

-- The names in what a route says, each by the place where it stands, in order: may it be used now?
local function check_names(self, read)
  for _, place in ipairs(sorted.keys(read.names)) do
    local id, text, code = node_of(self, read.names[place])
    if not id then return nil, text, code end
  end
  return true
end

--- Why ENTRY rests now → text, code | nil: it does not
function routes:rests(entry)
  if entry.fault then return "form: " .. entry.fault, "form" end
  for _, read in ipairs { entry.read, entry.way } do
    local ok, text, code = check_names(self, read)
    if not ok then return text, code end
  end
end

-- == a lookup

local find -- (self, place, parts, i, used) → entry, parts that it says | nil

-- Entries behind PLACE whose next part is a node by its name. Of several the longest counts.
local function find_named(self, place, parts, i, used)
  local name = self.name_of(parts[i])
  local named = name and place.named[name]
  local best, most
  for _, length in ipairs(named and named.lengths or {}) do
    local onward = named.places[parts[i]:sub(#parts[i] - length + 1)]
    if onward then
      local entry, depth = find(self, onward, parts, i + 1, used)
      if entry and (not most or depth > most) then best, most = entry, depth end
    end
  end
  return best, most
end

local function may_use(self, entry, used)
  return entry and not (used and used[entry]) and not self:rests(entry)
end

function find(self, place, parts, i, used)
  if not parts[i] then
    if may_use(self, place.here, used) then return place.here, i end
    return nil
  end
  local onward, entry, depth = place.next[parts[i]], nil, nil
  if onward then entry, depth = find(self, onward, parts, i + 1, used) end
  if place.named then
    local other, other_depth = find_named(self, place, parts, i, used)
    if other and (not depth or other_depth > depth) then entry, depth = other, other_depth end
  end
  if entry then return entry, depth end
  if may_use(self, place.star, used) then return place.star, i - 1 end
end

-- As many parts of TO as the longest pattern has; one more stands for all others.
local function parts_of(self, to)
  local parts, n = {}, 0
  for part in to:gmatch "[^/]+" do
    n = n + 1
    parts[n] = part
    if n > self.depth then break end
  end
  return parts
end

-- The way of ENTRY before the address that it is for.
local function way_of(self, entry)
  local way = entry.way
  if not next(way.names) then return entry.before end
  local list = table.move(way.segments, 1, #way.segments, 1, {})
  for place, name in pairs(way.names) do list[place] = node_of(self, name) end -- any order: each by itself
  return "/" .. table.concat(list, "/")
end

--- Which way a line to TO, a multiaddress, would take: → TO as the route rewrites it, its entry | nil: no route fits
--- that may be used. USED: entries that were used for this line already, as a set: each counts once.
function routes:find(to, used)
  if not self.list[1] or to:find("^/dswarm/%*") then return nil end -- `*` is delivered where it is heard
  local entry = find(self, self.root, parts_of(self, to), 1, used)
  if not entry then return nil end
  return way_of(self, entry) .. to, entry
end

--- The same for a line that takes it: its entry counts one more.
function routes:match(to, used)
  local rewritten, entry = self:find(to, used)
  if entry then entry.count = entry.count + 1 end
  return rewritten, entry
end

-- Does the pattern of ENTRY fit the address of PARTS, if names are those of now?
local function fits(self, entry, parts)
  local pattern = entry.read
  if #parts < #pattern.segments or pattern.open == (#parts == #pattern.segments) then return false end
  for i, segment in ipairs(pattern.segments) do
    local name, ending = nil, nil
    if pattern.names[i] then name, ending = route_pattern.name(segment) end
    if name and (self.name_of(parts[i]) ~= name or ending and parts[i]:sub(-#ending) ~= ending) then return false end
    if not name and segment ~= parts[i] then return false end
  end
  return true
end

--- All entries whose pattern fits TO, by their patterns: those that rest, too. For people: it looks at each.
function routes:fitting(to)
  local list, parts = {}, {}
  for part in to:gmatch "[^/]+" do parts[#parts + 1] = part end
  for _, entry in ipairs(self.list) do
    if not entry.fault and fits(self, entry, parts) then list[#list + 1] = entry end
  end
  return list
end

-- == what is in it

-- BEFORE: the entry of that pattern until now, or nil: what is the same is not read again.
local function entry_of(given, origin, before)
  local entry = { pattern = given.pattern, target = given.target, origin = origin, count = 0 }
  if before and before.target == given.target then
    entry.read, entry.way, entry.before, entry.fault = before.read, before.way, before.before, before.fault
    return entry
  end
  local why
  entry.read, why = route_pattern.read(given.pattern)
  if not entry.read then
    entry.fault = why
    return entry
  end
  entry.way, why = route_pattern.target(given.target)
  if entry.way then entry.before = "/" .. table.concat(entry.way.segments, "/") else entry.fault = why end
  return entry
end

local function is_the_same(old, entry)
  return old and old.target == entry.target and (old.origin == nil) == (entry.origin == nil)
end

--- Makes the tree anew, from the policy's routes and from those that were set or taken out since.
function routes:build()
  local old = self.by_pattern
  self.root, self.depth, self.list, self.by_pattern = { next = {} }, 0, {}, {}
  for _, entry in ipairs(self.policy) do
    if not self.hidden[entry.pattern] and not self.own[entry.pattern] then self.by_pattern[entry.pattern] = entry end
  end
  for _, pattern in ipairs(sorted.keys(self.own)) do self.by_pattern[pattern] = self.own[pattern] end
  for i, pattern in ipairs(sorted.keys(self.by_pattern)) do
    local entry = self.by_pattern[pattern]
    if is_the_same(old[pattern], entry) then entry.count = old[pattern].count end
    self.list[i] = entry
    if not entry.fault then plant(self, entry) end
  end
end

--- The policy's routes are now LIST, of { pattern, target }; WHERE(pattern) → "my.lua:12". What was set stays.
function routes:load(list, where)
  local before = {}
  for _, entry in ipairs(self.policy) do before[entry.pattern] = entry end
  self.policy = {}
  for i, given in ipairs(list) do
    self.policy[i] = entry_of(given, where(given.pattern), before[given.pattern])
  end
  self:build()
end

--- A route from PATTERN by TARGET until the node ends, in place of the policy's. → entry | nil, text, code
function routes:set(pattern, target)
  local entry = entry_of({ pattern = pattern, target = target }, nil)
  if entry.fault then return nil, "form: " .. entry.fault, "form" end
  if not self.own[pattern] and #sorted.keys(self.own) >= SET_MAX then
    return nil, ("full: %d routes are set already"):format(SET_MAX), "full"
  end
  self.own[pattern], self.hidden[pattern] = entry, nil
  self:build()
  return entry
end

--- Takes the route of PATTERN out until the node ends. → the entry that is gone, and that of the policy which counts
--- again in its place or nil | nil, text, "missing"
function routes:unset(pattern)
  local entry, was_set = self.by_pattern[pattern], self.own[pattern] ~= nil
  if not entry then return nil, "missing: no route has that pattern", "missing" end
  self.own[pattern] = nil
  if not was_set then self.hidden[pattern] = true end
  self:build()
  return entry, self.by_pattern[pattern]
end

--- The entry of PATTERN that is in the table, or nil.
function routes:of(pattern) return self.by_pattern[pattern] end

--- The policy's entries that were taken out, by their patterns.
function routes:hidden_ones()
  local list = {}
  for _, entry in ipairs(self.policy) do
    if self.hidden[entry.pattern] then list[#list + 1] = entry end
  end
  table.sort(list, function(a, b) return a.pattern < b.pattern end)
  return list
end

--- All routes, by their patterns: { pattern, target, origin = text (the policy's line) or nil: it was set, count =
--- lines that took it, rests = text or nil, code }
function routes:rows()
  local rows = {}
  for i, entry in ipairs(self.list) do
    local text, code = self:rests(entry)
    rows[i] = { pattern = entry.pattern, target = entry.target, origin = entry.origin, count = entry.count,
      rests = text, code = code }
  end
  return rows
end

return routes
