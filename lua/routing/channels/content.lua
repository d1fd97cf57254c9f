-- content.lua - a checkpoint as a channel: it is read once, block by block, and says nothing. Knows no line's meaning.
--
-- Its address is /ipfs/CID/dswarm-line. CID names one set of lines for ever: when all were heard there is no more to
-- come, and the channel stays as it is. With `gateway` the blocks are asked for there, else of whoever announces that
-- CID. Statements go to the brain as those of any channel do, in the order in which they stand, in small frames, and so
-- many at a time that the checks of signatures never wait for lines.
local batch = require "core.batch"
local channel = require "routing.channels.channel"
local checkpoint_reader = require "comms.checkpoint_reader"
local backoff = require "backoff"
local envelope = require "routing.envelope"
local frame = require "routing.channels.frame"
local limits = require "core".limits
local source = require "routing.channels.source"

local content = { form = "/ipfs/CID/dswarm-line", options = { gateway = "a gateway is only for checkpoints" } }

local FRAME = 64 -- statements
local AGAIN_MOST, PASSES = 4096, 8 -- lines of strangers that are said again, and how often
local UNDER_WAY = 320 -- statements that are not judged yet: less than what is kept waiting of one source (verify.lua)
-- A line that is refused so can never have been good; three of them in a leaf, and it is no honest checkpoint.
local BAD = { form = true, long = true, key = true, signature = true, owner = true, window = true }
-- What an end has to do with who gave it, and not with what it is: tried again.
local TRIED_AGAIN = { missing = true, block = true }
local TRAITS = { stream = false, medium = false, ordered = true, near = false, source_proved = true,
  line_max = limits.line, frame_max = limits.datagram }

local Channel = { outward = true }
Channel.__index = Channel

function Channel.send(self) return frame.refuse(self, "closed", "a checkpoint is only read") end

function Channel.budget() return 0 end

-- == lines, from leaves to frames

-- The end of the line that begins at AT: where its line feed is, or behind the last byte.
local function line_end(bytes, at) return bytes:find("\n", at, true) or #bytes + 1 end

-- Is the line at AT about who may speak? `SIG VERB BUCKET …`
local function is_trust(bytes, at) return bytes:find("^%S+ %l+ trust/", at) ~= nil end

-- The next lines of LEAF that go in one frame: up to FRAME, and while `trust` is read none behind it.
-- → text | nil: all that comes next must wait until it is known who may speak
local function cut(self, leaf)
  local from, n = leaf.at, 0
  while leaf.at <= #leaf.bytes and n < FRAME do
    if self.in_trust and not is_trust(leaf.bytes, leaf.at) then break end
    leaf.at, n = line_end(leaf.bytes, leaf.at) + 1, n + 1
  end
  return n > 0 and leaf.bytes:sub(from, leaf.at - 2) or nil
end

local pump

-- A grant may stand before the one that lets its signer grant: such lines are said again once that is known.
local function keep(self, list, place)
  if not self.in_trust or #self.again >= AGAIN_MOST then return false end
  table.insert(self.again, list:statement(place).line)
  return true
end

local function judged(self, leaf, list, place, code)
  leaf.left, self.under_way = leaf.left - 1, self.under_way - 1
  if code == "stranger" then leaf.out = leaf.out + 1 end
  if not code then
    self.taken = self.taken + 1
  elseif code ~= "duplicate" and not (code == "stranger" and keep(self, list, place)) then
    self.refused[code] = (self.refused[code] or 0) + 1
    if BAD[code] then leaf.bad = leaf.bad + 1 end
  end
  if leaf.left == 0 and leaf.at > #leaf.bytes then leaf.judged(leaf.bad, leaf.out) end
  if self.under_way <= UNDER_WAY - FRAME then pump(self) end
end

local function say(self, leaf, text)
  local from = self.reader.from or {}
  local message = envelope.read "* - 8 statements"
  message.list = batch.new(text)
  leaf.left, self.under_way = leaf.left + #message.list, self.under_way + #message.list
  message.each = function(...) judged(self, leaf, ...) end
  frame.count(self.heard, message, #text)
  self.owner.on_frame(self, source.new { channel = self, principal = "ipfs " .. (from.id or self.cid),
    id = "ipfs " .. self.cid, address = self.address, received = #text }, message)
end

-- TAKEN(): all of it was said. JUDGED(bad, out), where there are lines: so many of them can never have been good, or
-- are strangers'.
local function leaf_of(bytes, taken, judged_all)
  return { bytes = bytes, at = 1, left = 0, bad = 0, out = 0, taken = taken, judged = judged_all }
end

-- What was refused goes once more, as long as others were let in by what was not: before the rest of this leaf.
local function go_over(self)
  local rest = self.leaf
  self.leaf = leaf_of(table.concat(self.again, "\n") .. "\n", function() self.leaf = rest end, function() end)
  self.again, self.passes, self.told_before = {}, self.passes + 1, self.taken
end

-- All that was said of who may speak is judged, and it is worked out who may: the others come next.
local function leave_trust(self)
  if self.under_way > 0 or self.working_out then return end
  self.working_out = true
  self.worked_out(function()
    self.working_out = nil
    if self.again[1] and self.taken > self.told_before and self.passes < PASSES then
      go_over(self)
    else
      self.refused.stranger = self.again[1] and (self.refused.stranger or 0) + #self.again or self.refused.stranger
      self.in_trust, self.again = false, {}
    end
    pump(self)
  end)
end

function pump(self)
  if self.pumping then return end
  self.pumping = true
  while not self.closed and not self.paused and self.leaf and self.under_way <= UNDER_WAY - FRAME do
    local leaf = self.leaf
    local text = cut(self, leaf)
    if not text and self.in_trust then
      leave_trust(self)
      if self.in_trust and self.leaf == leaf then break end
    else
      if leaf.at > #leaf.bytes then self.leaf = nil end
      if text then say(self, leaf, text) end
    end
    if not self.leaf then leaf.taken() end
  end
  self.pumping = nil
end

local function take(self, bytes, taken, judged_all)
  if bytes == "" then -- there is no record at all
    taken()
    return judged_all(0, 0)
  end
  self.leaf = leaf_of(bytes, taken, judged_all)
  pump(self)
end

-- == how it goes on

local read

local function finished(self, ok, text, code)
  if ok and self.in_trust then -- nothing stands behind the words about who may speak: they come to their end here
    self.leaf = leaf_of("", function() finished(self, true) end)
    return pump(self)
  end
  self.is_done, self.reason = ok, text
  if ok then
    self.log:info("routing", "a checkpoint was read", { { "cid", self.cid }, { "lines", self.taken } })
  else
    self.refused[code] = (self.refused[code] or 0) + 1
    self.log:warn("routing", "a checkpoint was not read", { { "cid", self.cid }, { "why", text } })
    if TRIED_AGAIN[code] and not self.once then
      self.timer = self.loop:after(self.backoff:next(), function() read(self) end)
    end
  end
  if self.ended then self.ended(ok, text, code) end
end

function read(self)
  self.timer, self.reason, self.leaf, self.in_trust = nil, nil, nil, true
  self.again, self.passes, self.told_before = {}, 1, self.taken
  self.reader = checkpoint_reader.new { loop = self.loop, random = self.random, log = self.log,
    http = self.http(), cid = self.cid,
    swarm = self.swarm, sources = self.sources, known = self.known, patience = self.patience,
    take = function(_, bytes, taken, judged_all) take(self, bytes, taken, judged_all) end,
    told = self.leaf_read, done = function(...) finished(self, ...) end }
  self.reader:start()
end

function Channel:pause() self.paused = true end

function Channel:resume()
  self.paused = false
  self.loop:post(function() pump(self) end)
end

-- What it ended with and will not be tried again is down; what nobody can be asked for now waits.
local function state_of(self, why)
  if self.closed or self.reason and not self.timer then return "down" end
  return why and not self.is_done and "waiting" or "up"
end

function Channel:status()
  local progress = self.reader and self.reader:progress() or {}
  local why = self.reason or progress.why
  progress.taken, progress.done = self.taken, self.is_done or false
  return { address = self.address, kind = "ipfs", reason = not self.is_done and why or nil, read = progress,
    state = state_of(self, why), sent = frame.counters(), heard = frame.copy(self.heard),
    refused = frame.copy(self.refused) }
end

function Channel:close(reason)
  if self.closed then return end
  self.closed = true
  if self.timer then self.timer:cancel() end
  if self.reader then self.reader:stop() end
  self.leaf = nil
  self.owner.on_down(self, reason or "closed: here")
end

--- A channel that reads the checkpoint CID.
--- given.loop, random, log
--- given.cid         of its folder
--- given.http        fn() → http_client.lua's
--- given.swarm       that its lines must be of
--- given.sources     fn() → who can give its blocks, as checkpoint_reader.lua has it
--- given.worked_out  fn(fn): calls it when it is known who may speak, by all that came in before
--- Optional:
--- given.known       fn(cid of a leaf) → need it not be read?
--- given.leaf_read   fn(leaf, bad, out): all lines of it were judged, OUT of them were strangers'
--- given.ended       fn(true), or fn(nil, text, code)
--- given.once        true: what fails is not tried again
--- given.patience    ms, as checkpoint_reader.lua has it
function content.new(given)
  local self = setmetatable({ kind = "ipfs", address = ("/ipfs/%s/dswarm-line"):format(given.cid), traits = TRAITS,
    owner = channel.nobody, under_way = 0, taken = 0, refused = {}, heard = frame.counters(),
    backoff = backoff.slow(given.random) }, Channel)
  for name, value in pairs(given) do self[name] = value end -- any order
  return self
end

--- Begins to read: the channel has its owner by then.
function content.start(self) read(self) end

-- == as the policy names it

function content.read(parts)
  if #parts == 2 and parts[1][1] == "ipfs" then return { cid = parts[1][2] } end
end

--- given.checkpoints: { http = fn(), sources = fn(cid), swarm =, worked_out = fn(fn) }, for those that the policy
--- names.
function content.kind(given)
  local kind = {}
  function kind.open(_, options)
    local from = given.checkpoints
    if not from then return nil, "kind: there are no checkpoints here", "kind" end
    local gateway = options.gateway and { { id = options.gateway, name = "the gateway", url = options.gateway } }
    local one = content.new { loop = given.loop, random = given.random, log = given.log, cid = options.cid,
      http = from.http, swarm = from.swarm, worked_out = from.worked_out,
      sources = function() return gateway or from.sources(options.cid) end }
    local added, text, code = given.add(one, { quiet = true })
    if not added then return nil, text, code end
    given.loop:post(function() if not one.closed then read(one) end end)
    return one
  end
  return kind
end

return content
