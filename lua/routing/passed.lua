-- passed.lua - which lines went through here lately, by their hash: so loops and copies end. Passes nothing on.
--
-- Lines are kept in three generations of a minute each. When one is full before, the oldest goes.
local hash = require "core.hash"

local passed = {}
passed.__index = passed

local GENERATION_MS <const> = 60 * 1000
local GENERATION_MAX <const> = 4096 -- lines
local GENERATIONS <const> = 3

--- given.loop
function passed.new(given)
  local self = setmetatable({ loop = given.loop, list = {}, dropped = 0 }, passed)
  for i = 1, GENERATIONS do self.list[i] = { lines = {}, count = 0, at = given.loop:now() } end
  return self
end

--- What makes MESSAGE the same on each hop: all but FROM and HOPS. BODY: text of its statements, or nil.
function passed.hash(message, body)
  return hash.blake2b(("%s %s %s\n%s"):format(message.to, message.kind, message.rest or "", body or ""))
end

local function turn(self, is_full)
  table.insert(self.list, 1, { lines = {}, count = 0, at = self.loop:now() })
  local old = table.remove(self.list)
  if is_full then self.dropped = self.dropped + old.count end
end

--- What was put for the line of that hash | nil
function passed:get(digest)
  local now = self.loop:now()
  for i, generation in ipairs(self.list) do
    local entry = generation.lines[digest]
    if entry and (i == 1 or now - entry.at < (GENERATIONS - 1) * GENERATION_MS) then return entry end
  end
end

--- Remembers ENTRY, a table, for the line of that hash, for two minutes at least unless lines come too fast; sets its
--- field `at` (ms).
function passed:put(digest, entry)
  local now, newest = self.loop:now(), self.list[1]
  local is_full = newest.count >= GENERATION_MAX
  if is_full or now - newest.at >= GENERATION_MS then
    turn(self, is_full)
    newest = self.list[1]
  end
  entry.at = now
  newest.lines[digest], newest.count = entry, newest.count + 1
end

--- What is bounded here, as bounded.lua's rows.
function passed:bounds()
  local count = 0
  for _, generation in ipairs(self.list) do count = count + generation.count end
  return { { name = "passed lines", count = count, limit = GENERATIONS * GENERATION_MAX, dropped = self.dropped } }
end

return passed
