-- life.lua - a node's life on a disk that may lose power: what it did, promised and told others. No checks.
local disk = require "core.sim"
local identity = require "identity"
local journal = require "core.journal"
local kept = require "kept"
local key = require "core.key"
local sim = require "sim"
local state = require "state"
local worker = require "worker"
local random = require "core.random"
local driver = require "spec.crash.driver"

local life = {}
life.__index = life

local FOLDER = "/state"
local BOARD = { serial = "10000000cafef00d", mac = "dc:a6:32:00:00:01", card = "mmc-0x1234" }
local FILES, INFO = "share/files", "info/battery"

local policy = assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))

local function slot_of(word) return ("%s %s %s"):format(word.bucket, word.key, word.signer) end

-- Two nodes, of which `ada` lives on disk D and has a clock when CLOCK is true; `bea` hears what she says.
-- Fields: acknowledged, heard = words by slot; synced = the slots that a sync covered; said = by slot and AT.
function life.new(seed, clock, d)
  local self = setmetatable({ disk = d or disk.memory(seed), seed = seed, clock = clock, draw = driver.generator(seed),
    acknowledged = {}, synced = {}, said = {}, starts = 0, boot = 0, saved = 0, operations = 0 }, life)
  self.world = sim.new { seed = seed, policy = policy }
  self.bea = self.world:add "bea"
  self:listen(self.bea)
  local delay_of = self.world.delay_of
  function self.world.delay_of(world, from, to)
    if self:is_off() then return nil end -- without power nothing more is said
    return delay_of(world, from, to)
  end
  return self
end

function life:is_off() return select(3, self.disk:stat(FOLDER)) == "EIO" end

function life:listen(node)
  local take = node.dcache.take
  function node.dcache.take(dcache, st)
    self.said[slot_of(st) .. " " .. st.at] = st.verb
    return take(dcache, st)
  end
end

-- Words of NODE in its kept buckets, by slot.
function life.words(node)
  local found = {}
  for _, bucket in ipairs(node.dcache:buckets()) do
    if node.dcache:kept(bucket.name) then
      for _, word in ipairs(node.dcache:statements(bucket.name)) do found[slot_of(word)] = word end
    end
  end
  return found
end

-- The worker of ada's syncs: what was held when one began is synced when it has ended well.
local function watched(self)
  local one = assert(worker.new { loop = self.world.loop, inline = true })
  local run = one.run
  function one.run(_, make, what, done)
    if make ~= journal.sync then return run(one, make, what, done) end
    local words = self.ada and life.words(self.ada) or {}
    return run(one, make, what, function(result)
      if not result.error and not self:is_off() then
        for slot, found in pairs(words) do self.synced[slot] = found.at end
      end
      done(result)
    end)
  end
  return one
end

-- Opens state, key and node as the daemon does, on D in WORLD. → node, its state | nil, text
function life:open(d, world)
  local folder, fault = state.open { disk = d, dir = FOLDER, now = function() return world.loop:wall() end }
  if not folder then return nil, fault end
  self.starts = self.starts + 1
  local who
  who, fault = identity.open { disk = d, dir = FOLDER, board = BOARD, key = key,
    now = function() return world.loop:wall() end, random = random.seeded(self.seed * 100 + self.starts) }
  if not who then return nil, fault end
  local ok, node = pcall(world.add, world, "ada", { disk = d, identity = who, boot = folder:boot(), clock = self.clock,
    flusher = d == self.disk and function() return watched(self) end or nil })
  if not ok then return nil, node end
  return node, folder
end

-- → true, or nil when the power went.
function life:start()
  local node, folder = self:open(self.disk, self.world)
  self.ada, self.folder = node, node and folder
  if self:is_off() then return nil end
  assert(node, folder)
  self.boot, self.id = folder:boot(), node.id
  self:listen(node)
  return true
end

function life:stop()
  local ada, folder = self.ada, self.folder
  self.ada, self.folder = nil, nil
  if not ada then return end
  for i, node in ipairs(self.world.nodes) do
    if node == ada then table.remove(self.world.nodes, i) end
  end
  ada:stop()
  folder:close()
end

-- Promised is a word when the disk has it, as the control socket would say.
local function acknowledge(self, st, why)
  if self:is_off() then return end
  assert(st, why)
  self.ada.dcache:when_synced(function()
    if not self:is_off() then self.acknowledged[slot_of(st)] = st end
  end)
end

local function own(self, dice)
  local comms, k = self.ada.comms, "k" .. self.draw(25)
  if dice < 30 then
    acknowledge(self, comms:propose(FILES, { class = "lab", names = { k }, size = self.draw(1000) }, { key = k }))
  elseif dice < 37 then
    acknowledge(self, comms:propose(("pri/%s/%s"):format(self.id, INFO), { percent = self.draw(100) }))
  else
    acknowledge(self, comms:dismiss(FILES, { key = k }))
  end
end

local function foreign(self)
  for _ = 1, 1 + self.draw(4) do
    local k = "k" .. self.draw(25)
    if self.draw(4) == 0 then
      assert(self.bea.comms:dismiss(FILES, { key = k }))
    else
      assert(self.bea.comms:propose(FILES, { class = "lab", names = { k }, size = 1 }, { key = k }))
    end
  end
  self.world:run(1500)
end

-- The saved time as the disk has it: what it once had does not go back.
local function note_saved(self)
  local line = not self:is_off() and self.disk:read(FOLDER .. "/time")
  self.saved = math.max(self.saved, line and kept.decode(line) or 0)
end

-- One operation by chance; → true, or nil when the power went in it.
function life:step()
  local dice = self.draw(100)
  self.operations = self.operations + 1
  if dice < 55 then
    own(self, dice)
  elseif dice < 75 then
    foreign(self)
  elseif dice < 94 then
    self.world:run(self.draw(4) * 10000 + 50)
  elseif dice < 96 then
    self.world:run(61 * 60000) -- the time is saved once an hour
  else
    self:stop()
    if not self:is_off() then self:start() end
  end
  note_saved(self)
  return not self:is_off() or nil
end

-- Lives for OPERATIONS; the power goes at operation CUT of the disk, or never (nil).
function life.run(seed, clock, operations, cut)
  local self = life.new(seed, clock)
  if cut then self.disk:inject { nth = cut, effect = "off" } end
  if not self:start() then return self end
  for _ = 1, operations do
    if not self:step() then break end
  end
  return self
end

-- What `bea` has of ada's words, by slot.
function life:heard()
  local found = life.words(self.bea)
  for slot, word in pairs(found) do
    if word.signer ~= self.id then found[slot] = nil end
  end
  return found
end

local function weaker(word, at, verb)
  return not word or word.at < at or (word.at == at and verb and word.verb ~= verb)
end

local function missing(self, found)
  for slot, st in pairs(self.acknowledged) do
    if weaker(found[slot], st.at, st.verb) then return "an acknowledged word is gone: " .. slot end
  end
  for slot, word in pairs(self:heard()) do
    if weaker(found[slot], word.at, word.verb) then return "others heard a word that is gone: " .. slot end
  end
  for slot, at in pairs(self.synced) do
    if weaker(found[slot], at) then return "a synced word is gone: " .. slot end
  end
  for slot, word in pairs(found) do
    if self.said[slot .. " " .. word.at] ~= word.verb then return "never said: " .. slot end
  end
end

-- The newest AT that ada is known to have spoken.
function life:spoken()
  local newest = 0
  for _, st in pairs(self.acknowledged) do newest = math.max(newest, st.at) end
  for _, word in pairs(self:heard()) do newest = math.max(newest, word.at) end
  return newest
end

-- Opens IMAGE alone in a world of its own: nil when all is well, else what is wrong.
function life:wrong_with(image)
  local world = sim.new { seed = self.seed, policy = policy }
  world.loop.time = self.world.loop.time
  local node, folder = self:open(image, world)
  if not node then return "does not open: " .. tostring(folder) end
  if self.id and node.id ~= self.id then return "another key" end
  if folder:boot() <= self.boot then return "the count of starts went back" end
  if (node.time.saved or 0) < self.saved then return "the saved time went back" end
  local wrong = missing(self, life.words(node))
  if wrong then return wrong end
  local st, why = node.comms:propose(FILES, { class = "lab", names = { "k1" }, size = 1 }, { key = "k1" })
  if not st then return "no new word can be said: " .. why end
  if st.at <= self:spoken() then return ("AT went back by %d ms"):format(self:spoken() - st.at) end
end

return life
