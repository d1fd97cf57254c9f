-- watching.lua - looks at one file while it is fetched: how far it is, and what the daemon has learnt of it meanwhile.
-- Fetches nothing, prints nothing.
local watching = {}
watching.__index = watching

local LOOK <const> = 250 -- ms
local ASK_STILL <const>, ASK_MOVING <const> = 1000, 10000 -- ms between two questions: while nothing comes; else

-- GIVEN: loop, fetch (fetch.lua's), cid, sources (those known first), patience (ms), ask(request, told) or nil,
-- on_row(row) or nil, finish(nil, text, word, is it gone for good?). Field: sources, the newest.
function watching.new(given)
  local self = setmetatable({ sources = given.sources, moved = given.loop:now(), asked = given.loop:now() }, watching)
  for _, name in ipairs { "loop", "fetch", "cid", "patience", "ask", "finish" } do self[name] = given[name] end
  self.on_row = given.on_row or function() end
  self.timer = self.loop:every(LOOK, function() self:look() end)
  return self
end

local PAINT <const> = 100 -- ms between two pictures

-- A block came: shown, but not each.
function watching:progressed()
  local now = self.loop:now()
  if self.shown and now - self.shown < PAINT then return end
  self.shown = now
  local row = self.fetch:status()[1]
  if row then self.on_row(row) end
end

local function give_up(self, message, word, gone)
  self.fetch:cancel(self.cid)
  self.finish(nil, message, word, gone)
end

-- Others have it now than before, or nobody has.
local function told(self, answer, word)
  self.asking = false
  if self.stopped then return end
  if word == "missing" then
    return give_up(self, "nobody shares it any more", "moved", true)
  end
  if answer and answer.sources and answer.sources[1] then self.sources = answer.sources end
end

local function ask(self, row)
  local now = self.loop:now()
  local every = row.rate and ASK_MOVING or ASK_STILL
  if not self.ask or self.asking or now - self.asked < every then return end
  self.asking, self.asked = true, now
  self.ask({ command = "sources", what = self.cid }, function(answer, _, word) told(self, answer, word) end)
end

function watching:look()
  local row, now = self.fetch:status()[1], self.loop:now()
  if not row then return end
  self.on_row(row)
  if row.done ~= self.have then self.moved, self.have = now, row.done end
  if row.word == "disk" then return give_up(self, row.reason, "disk") end -- a person need not wait for that
  if now - self.moved >= self.patience + LOOK then return give_up(self, row.reason or "no block came", "missing") end
  ask(self, row)
end

function watching:stop()
  self.stopped = true
  self.timer:cancel()
end

return watching
