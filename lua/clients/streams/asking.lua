-- asking.lua - how a stream over which we ask comes to be: the other node's line port is dialled, or it is asked to
-- dial us. Moves no byte.
local bounded = require "bounded"
local call = require "routing.call"
local envelope = require "routing.envelope"
local handshake = require "clients.streams.handshake"
local json = require "core.json"
local ticks = require "routing.call.ticks"
local where = require "clients.streams.where"

local asking = {}
asking.__index = asking

-- ms for which a line port that did not answer is left alone, while its node comes when it is asked to dial
local DEAF <const> = 60 * 60 * 1000
local DIAL_EACH <const> = 5500 -- ms between two times that one node is asked to dial
local PATIENCE <const> = 30 * 1000 -- ms until somebody who was asked to dial is there
local FIRST <const> = 2000 -- ms before a call is said again
local NODES_MAX <const> = 256 -- of which it is remembered how they are reached

--- given.loop, node
--- given.opened  fn(id, asks, stream, keys, ahead, where)
function asking.new(given)
  return setmetatable({ loop = given.loop, node = given.node, opened = given.opened, runs = {}, by_tag = {},
    known = bounded.new { limit = NODES_MAX } }, asking)
end

local function known_of(self, id)
  local known = self.known:get(id)
  if not known then
    known = {}
    self.known:put(id, known)
  end
  return known
end

--- Is there any way to try to node ID?
function asking:can(id)
  local peer = self.node.comms.peers.by_id[id]
  return peer ~= nil and self.node.comms.peers:best(peer) ~= nil or self.node.routing.ways:of(id)[1] ~= nil
end

--- Was node ID asked to dial, within so many MS? It counts once.
function asking:asked(id, ms)
  local known = self.known:get(id)
  local at = known and known.asked
  if not at or self.loop:now() - at > ms then return false end
  known.asked = nil
  return true
end

local function finish(self, run)
  if self.runs[run.id] ~= run then return false end
  self.runs[run.id] = nil
  if run.timer then run.timer:cancel() end
  if run.shake then run.shake:close() end
  if run.ticks then run.ticks:stop() end
  if run.caller then
    self.by_tag[run.caller.tag] = nil
    run.caller:close()
  end
  return true
end

local function fail(self, run, text, code)
  if finish(self, run) then run.failed(text, code) end
end

--- A stream with node ID, over which we ask, is open.
function asking:there(id)
  if self.runs[id] then finish(self, self.runs[id]) end
end

-- == it is asked to dial

-- It did not come either: then its line port is tried again, which may be there by now.
local function fail_dial(self, run, text, code)
  known_of(self, run.id).deaf = nil
  fail(self, run, text, code)
end

local function send_dial(self, run, rest)
  local node = self.node
  local ok, text, code = node.routing:send { to = ("/dswarm/%s/content"):format(run.id), kind = "call", rest = rest,
    from = ("/dswarm/%s/content"):format(node.id), hops = envelope.hops_max }
  if not ok then run.fault = { text, code } end
end

local function call_it(self, run)
  local node = self.node
  run.caller = call.caller { swarm = node.swarm, callee = run.id, component = "content", caller = node.id,
    node = node.id, request = json.encode { command = "dial" }, reads = true, first = FIRST,
    now = function() return self.loop:now() end, tell = function(rest) send_dial(self, run, rest) end,
    sign = function(kind, swarm, signed, done) done(node.key:sign(kind, swarm, signed)) end, text = function() end,
    over = function(ok, text, code) if not ok then fail_dial(self, run, text, code) end end }
  self.by_tag[run.caller.tag] = run
  run.ticks = ticks.new(self.loop, function() return run.caller:tick() end)
  run.ticks:now()
end

local function ask_to_dial(self, run)
  local known = known_of(self, run.id)
  local rest = known.dial_at and known.dial_at + DIAL_EACH - self.loop:now() or 0
  if rest > 0 then
    run.timer = self.loop:after(rest, function() ask_to_dial(self, run) end)
    return
  end
  known.asked, known.dial_at = self.loop:now(), self.loop:now()
  run.timer = self.loop:after(PATIENCE, function()
    local fault = run.fault or { "slow: it did not come, though it was asked to dial", "slow" }
    fail_dial(self, run, fault[1], fault[2])
  end)
  call_it(self, run)
end

-- == its line port is dialled

local function dial(self, run, place)
  run.shake = handshake.new(self.loop, self.node, run.id, place, "fetch", function(stream, ...)
    run.shake = nil
    if stream then
      finish(self, run)
      return self.opened(run.id, true, stream, ...)
    end
    local text, code, said = ...
    if said then return fail(self, run, text, code) end
    known_of(self, run.id).deaf = self.loop:now()
    ask_to_dial(self, run)
  end)
end

--- A stream with node ID is wanted, over which we ask; FAILED(text, code), later, where none comes.
function asking:connect(id, failed)
  local run, known = { id = id, failed = failed }, known_of(self, id)
  self:there(id) -- one whose stream came, and found no room
  self.runs[id] = run
  self.loop:post(function()
    if self.runs[id] ~= run then return end
    local place = not (known.deaf and self.loop:now() - known.deaf < DEAF) and where.of(self.node, id)
    if place then dial(self, run, place) else ask_to_dial(self, run) end
  end)
end

--- REST of a `reply` → true | nil, text, code
function asking:take(rest)
  local run = self.by_tag[call.tag(rest) or false]
  if not run then return nil, "address: nobody here called", "address" end
  local ok, text, code = run.caller:take(rest)
  if run.ticks and self.runs[run.id] == run then run.ticks:now() end
  return ok, text, code
end

function asking:stop()
  for _, run in pairs(self.runs) do -- any order: all end
    run.failed = function() end
    finish(self, run)
  end
end

return asking
