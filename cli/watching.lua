-- watching.lua - looks at one file while it is fetched: how far it is, and what the daemon has learnt of it meanwhile.
-- Fetches nothing, prints nothing.
local watching = {}
watching.__index = watching

local LOOK <const> = 250 -- ms
local HEARD <const> = 30000 -- ms since which the daemon heard a source that is there: over a full link words get lost
local LONGER <const> = 4 -- times the timeout where somebody who is there has too much to do
local ASK_STILL <const>, ASK_MOVING <const> = 1000, 10000 -- ms between two questions: while nothing comes; else
local STILL <const> = 2000 -- ms without a block after which nothing comes
local NEWS <const> = 3000 -- ms for which an answer tells who is there now

-- GIVEN: loop, fetch (fetch.lua's), cid, sources (those known first), timeout (ms), ask(request, told) or nil,
-- origin (ID of who shares it as his own; false: only copies are left; nil: unknown), on_row(row) or nil,
-- finish(nil, text, code, is it gone for good?). Fields: sources, the newest; why: what keeps it,
-- where the daemon knows more than that nobody gave a block | nil.
function watching.new(given)
  local self = setmetatable({ sources = given.sources, moved = given.loop:now(), asked = given.loop:now() }, watching)
  for _, name in ipairs { "loop", "fetch", "cid", "timeout", "ask", "finish", "origin" } do
    self[name] = given[name]
  end
  self.on_row = given.on_row or function() end
  self.timer = self.loop:every(LOOK, function() self:check() end)
  return self
end

-- What comes of one who is there and has more to do than he can.
local BUSY <const> = { full = true, slow = true, closed = true, length = true }

-- The holder ID as the daemon told of him | nil.
local function holder_of(self, id)
  for _, holder in ipairs(self.holders or {}) do
    if holder.id == id then return holder end
  end
end

local function is_heard(self, holder)
  return holder ~= nil and holder.status ~= "left" and holder.by ~= "record" and holder.seen_ms ~= nil
    and holder.seen_ms + self.loop:now() - self.told_at < HEARD
end

-- The daemon hears who was asked last, and he is only slow or full, or hung up.
local function is_waited_for(self, row) return BUSY[row.word] and is_heard(self, holder_of(self, row.source_id)) end

local function is_busy(self, row)
  return is_waited_for(self, row) and (row.word == "full" or row.done > 0)
end

-- Why the last one who was asked gave nothing, with what the daemon knows of him | nil: nothing.
local function explain(self, row)
  local who, holder = row.source, holder_of(self, row.source_id)
  if not row.word or not who then return nil end
  if row.word == "moved" and self.origin ~= nil and row.source_id ~= self.origin then
    self.damaged = who .. "'s copy is damaged"
    return self.damaged
  end
  if row.word == "missing" and holder and is_heard(self, holder) then
    return ("%s is here, but cannot give it now: %s may not be there, or another machine answers at its address")
      :format(who, row.source_id == self.origin and "its share folder" or "the disk of its copies")
  end
  if row.word == "missing" and (holder or not self.holders) then
    return ("whoever answers at %s's address has no such file: %s cannot be reached from here, or is changing it")
      :format(who, who)
  end
  if is_busy(self, row) then return who .. " is busy" end
  if is_waited_for(self, row) then
    return who .. " gives nothing: it is busy, or cannot be reached from here; the daemon hears it"
  end
  if row.word:find "^E%u" and is_heard(self, holder) then
    return who .. " cannot be reached from here, though the daemon hears it"
  end
end

-- The facts of the file as it stands, with the better reason where there is one.
local function row_of(self)
  local row = self.fetch:status()[1]
  if not row then return nil end
  self.why = explain(self, row)
  row.reason = self.why or row.reason
  return row
end

--- ms without a block after which it is given up now that nobody gives anything; MS: where no more is known.
function watching:silence(ms)
  local row = self.fetch:status()[1]
  if row and BUSY[row.word] and self.told_at and self.loop:now() - self.told_at > NEWS then return self.timeout end
  if not row or not is_waited_for(self, row) then return ms end
  return is_busy(self, row) and self.timeout * LONGER or self.timeout
end

local PAINT <const> = 100 -- ms between two pictures

-- A block came: shown, but not each.
function watching:progressed()
  local now = self.loop:now()
  if self.shown and now - self.shown < PAINT then return end
  self.shown = now
  local row = row_of(self)
  if row then self.on_row(row) end
end

local function give_up(self, message, code, gone)
  self.fetch:cancel(self.cid)
  self.finish(nil, message, code, gone)
end

-- Others have it now than before, or nobody has.
local function told(self, answer, code)
  self.asking = false
  if self.stopped then return end
  if code == "missing" then
    if self.damaged then return give_up(self, self.damaged, "block") end
    return give_up(self, "nobody shares it any more", "moved", self.origin ~= false)
  end
  if not answer then return end
  if answer.sources and answer.sources[1] then self.sources = answer.sources end
  self.holders, self.told_at = answer.holders, self.loop:now()
  for _, holder in ipairs(self.holders or {}) do
    if is_heard(self, holder) then self.fetch:back(holder.id) end -- he need not rest for long
  end
end

-- Who gives nothing is asked by the daemon, too, whether he is there: the next answer tells.
local function ask(self, row)
  local now = self.loop:now()
  local still = not row.rate or now - self.moved >= STILL
  local every = still and ASK_STILL or ASK_MOVING
  if not self.ask or self.asking or now - self.asked < every then return end
  self.asking, self.asked = true, now
  local request = { command = "sources", what = self.cid, look = BUSY[row.word] and still or nil }
  self.ask(request, function(answer, _, code) told(self, answer, code) end)
end

function watching:check()
  local row, now = row_of(self), self.loop:now()
  if not row then return end
  self.on_row(row)
  if row.done ~= self.have then self.moved, self.have = now, row.done end
  if row.word == "disk" then return give_up(self, row.reason, "disk") end -- a person need not wait for that
  local most = is_busy(self, row) and self.timeout * LONGER or self.timeout
  if now - self.moved >= most + LOOK then return give_up(self, row.reason or "no block came", "missing") end
  ask(self, row)
end

function watching:stop()
  self.stopped = true
  self.timer:cancel()
end

return watching
