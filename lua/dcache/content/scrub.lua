-- scrub.lua - copies are read back and hashed, slowly, one after the other: soon after they came, then each week.
--
-- What a disk spoiled is found before it is needed. It ends nothing: a bad one is looked at by integrity.lua.
local cid = require "core.cid"
local unixfs = require "core.unixfs"
local store = require "dcache.content.store"
local stored = require "dcache.content.stored"
local worker = require "worker"

local scrub = {}
scrub.__index = scrub

local AGAIN <const> = 7 * 24 * 60 * 60 * 1000 -- ms from one time to the next
local REST <const> = 60 * 60 * 1000 -- ms that a file is left alone which could not be read now

--- content (init.lua), start(threads) → worker. Looks at none until use() says how fast.
function scrub.new(given)
  return setmetatable({ content = given.content, loop = given.content.loop, due = {}, later = {},
    rate = function() return 0 end,
    start = given.start or function() return worker.new { loop = given.content.loop, inline = true } end }, scrub)
end

-- Is it time for FILE? NOW: ms of the time.
local function is_due(self, file, now)
  local rests = self.later[file.cid]
  if rests and self.loop:now() < rests or not file.saved or file.checking then return false end
  return not file.checked or now - file.checked >= AGAIN or file.checked > now
end

-- Those whose time has come, the one that was looked at longest ago last.
local function look_for_due(self, now)
  local due = {}
  for _, file in ipairs(self.content.list) do
    if is_due(self, file, now) then due[#due + 1] = file end
  end
  table.sort(due, function(a, b)
    local one, other = a.checked or 0, b.checked or 0
    return one > other or one == other and a.cid > b.cid
  end)
  self.due = due
end

local function ended(self)
  if self.opened then self.opened:close() end
  self.opened, self.file, self.timer = nil, nil, nil
  self:check()
end

-- Whole: when, is written down with the rest.
local function whole(self, file)
  file.checked = self.content.time:now()
  self.content.rows:put(stored.row(file))
  ended(self)
end

local function suspect(self, file)
  self.later[file.cid] = self.loop:now() + REST
  file.suspect = true
  if not file.going then store.check(self.content, file) end
  ended(self)
end

local step

-- The next leaf, when the bytes of the last one may be read.
local function wait(self, file, leaves, number, bytes)
  local rate = self.rate()
  local ms = rate > 0 and math.max(1, bytes * 1000 // rate) or REST
  self.timer = self.loop:after(ms, function()
    self.timer = nil
    step(self, file, leaves, number)
  end)
end

-- It is another one meanwhile, or is not held any more.
local function is_other(self, file, identity)
  return self.content.by_cid[file.cid] ~= file or file.identity ~= identity
end

function step(self, file, leaves, number)
  local offset, identity = (number - 1) * unixfs.chunk, file.identity
  if is_other(self, file, self.identity) then return ended(self) end
  if (number - 1) * 32 >= #leaves then return whole(self, file) end
  local size = math.min(unixfs.chunk, identity.size - offset)
  local job = self.worker:run(unixfs.check, { file = self.opened, offset = offset, size = size,
    cid = cid.make("raw", leaves:sub(number * 32 - 31, number * 32)) }, function(result)
    if self.stopped then return end
    if is_other(self, file, identity) then return ended(self) end
    if not result.kept then return suspect(self, file) end
    wait(self, file, leaves, number + 1, size)
  end)
  if not job then ended(self) end
end

local function begin(self, file)
  local leaves = store.leaves(self.content, file)
  self.worker = self.worker or self.start(1)
  self.opened = leaves and self.worker and self.content.disk:open(store.path(self.content, file), "read")
  if not self.opened then
    self.later[file.cid] = self.loop:now() + REST
    return false
  end
  self.file, self.identity = file, file.identity
  step(self, file, leaves, 1)
  return true
end

--- RATE() → bytes a second; 0: none is looked at.
function scrub:use(rate) self.rate = rate end

--- Begins with the next one that is due, where none is looked at. Called now and then.
function scrub:check()
  local content = self.content
  if self.stopped or self.file or not content.time or content.disk_space.away or self.rate() <= 0 then return end
  local now = content.time:now()
  if not self.due[1] then look_for_due(self, now) end
  while self.due[1] do
    local file = table.remove(self.due)
    if content.by_cid[file.cid] == file and is_due(self, file, now) and begin(self, file) then return end
  end
end

function scrub:stop()
  self.stopped = true
  if self.timer then self.timer:cancel() end
  if self.opened then self.opened:close() end
  if self.worker then self.worker:close() end
end

return scrub
