-- event_ring.lua - what happened lately: the last 256 events, each of a topic, and who reads them. Makes no event.
--
-- A reader asks for one event after the other, at its own pace. One who falls behind so far that events it has not read
-- are overwritten gets one event {"event":"gap","dropped":N} in place of all N of its topics that it has not read, and
-- reads on from there: it has to look at the whole anew. So a slow reader costs nothing.
local listeners = require "listeners"

local sorted = require "sorted"

local event_ring = {}
event_ring.__index = event_ring

local EVENTS_MAX <const> = 256
local WATCHERS_MAX <const> = 8

local reader = {}
reader.__index = reader

--- WALL() → Unix ms, which each event is stamped with; nil: with nothing.
function event_ring.new(wall)
  return setmetatable({ slots = {}, last = 0, counts = {}, readers = {}, news = listeners.new(), known = {},
    watchers = 0, wall = wall or function() end }, event_ring)
end

--- There is a topic NAME, about which TEXT (a few words). BEGIN(), which may be nil: somebody reads it from now on, so
-- whoever would have to look for its events may begin. ROWS(), which may be nil → events that tell how all is now.
-- → a function that takes it off again.
function event_ring:topic(name, text, begin, rows)
  local topic = { name = name, text = text, begin = begin, rows = rows }
  self.known[name] = topic
  return function()
    if self.known[name] == topic then self.known[name] = nil end
  end
end

--- All topics by name: { name =, text = } each.
function event_ring:topics()
  local list = {}
  for i, name in ipairs(sorted.keys(self.known)) do list[i] = { name = name, text = self.known[name].text } end
  return list
end

--- Says to those who make the events of TOPICS (an array of names) that they are read. It may take several turns.
function event_ring:begin(topics)
  for _, name in ipairs(topics) do
    local topic = self.known[name]
    if topic and topic.begin then topic.begin() end
  end
end

--- Events that tell how all is now, of those of TOPICS that have such: { topic =, event = } each.
function event_ring:rows(topics)
  local list = {}
  for _, name in ipairs(topics) do
    local topic = self.known[name]
    for _, event in ipairs(topic and topic.rows and topic.rows() or {}) do
      list[#list + 1] = { topic = name, event = event }
    end
  end
  return list
end

--- Another one follows the events from outside → true | nil, text, code: there are enough. He ends with end_watch.
function event_ring:begin_watch()
  if self.watchers >= WATCHERS_MAX then
    return nil, ("full: %d watch here; end one of them (Ctrl-C where it runs)"):format(self.watchers), "full"
  end
  self.watchers = self.watchers + 1
  return true
end

function event_ring:end_watch() self.watchers = self.watchers - 1 end

--- EVENT (a table as core.json can hold it, with a member `event`) of TOPIC (text) happened. It must not be changed.
function event_ring:add(topic, event)
  self.last = self.last + 1
  self.counts[topic] = (self.counts[topic] or 0) + 1
  self.slots[(self.last - 1) % EVENTS_MAX + 1] = { topic = topic, event = event, at = self.wall() }
  self.news:call(topic)
end

--- Does anybody read events of TOPIC? Who would have to look for them need not where nobody does.
function event_ring:is_read(topic) return (self.readers[topic] or 0) > 0 end

local function sum(self)
  local n = 0
  for _, topic in ipairs(self.topics) do n = n + (self.ring.counts[topic] or 0) end
  return n
end

--- A reader of TOPICS (an array), from now on; WAKE() is called when there may be an event for it.
function event_ring:reader(topics, wake)
  local one = setmetatable({ ring = self, topics = topics, is = {}, at = self.last }, reader)
  for _, topic in ipairs(topics) do
    one.is[topic] = true
    self.readers[topic] = (self.readers[topic] or 0) + 1
  end
  one.read = sum(one)
  one.remove = self.news:add(function(topic) if one.is[topic] then wake() end end)
  return one
end

--- → the next event of its topics, its topic, its time (Unix ms; both unknown of a gap) | nil: there is none now.
function reader:next()
  local ring = self.ring
  if ring.last - self.at > EVENTS_MAX then
    local dropped = sum(self) - self.read
    self.at, self.read = ring.last, self.read + dropped
    if dropped > 0 then return { event = "gap", dropped = dropped } end
  end
  while self.at < ring.last do
    self.at = self.at + 1
    local slot = ring.slots[(self.at - 1) % EVENTS_MAX + 1]
    if self.is[slot.topic] then
      self.read = self.read + 1
      return slot.event, slot.topic, slot.at
    end
  end
end

--- Reads no more; twice is safe.
function reader:close()
  if self.closed then return end
  self.closed = true
  self.remove()
  for _, topic in ipairs(self.topics) do self.ring.readers[topic] = self.ring.readers[topic] - 1 end
end

return event_ring
