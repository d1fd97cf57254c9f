-- init.lua - leases: the command `fact`, by which programs and people tell this node facts for a time (lua/lease.lua).
local kept = require "kept"
local lease = require "lease"
local to_json = require "clients.control.to_json"

local leases = { name = "leases" }

local EACH <const> = 60 * 60 * 1000 -- ms between two times that the time left of a hold is written down

local FIELDS <const> = { "fact", "value", "why", "left_ms", "counts" }

local function answer_of(self)
  return { command = "fact", facts = to_json.list(self:rows(), function(row) return to_json.fields(row, FIELDS) end) }
end

local function finish(self, request, reply)
  local ok, err, code = lease.knows(request.name)
  if not ok then return reply(nil, err, code) end
  local answer = { ended = self:finish(request.name) }
  for name, value in pairs(answer_of(self)) do answer[name] = value end -- any order
  reply(answer)
end

-- As long as the connection lives: the first answer says that it is told, and the last one never comes.
local function tell_on(self, given, reply)
  local ends, err, code = self:add(given)
  if not ends then return reply(nil, err, code) end
  reply:on_cancel(ends)
  reply(answer_of(self), true)
end

local function tell(self, request, reply)
  local seconds = request.seconds
  local given = { fact = request.name, value = request.value, why = request.why }
  if request.connected == true then return tell_on(self, given, reply) end
  if math.type(seconds) ~= "integer" or seconds < 1 or seconds > 24 * 60 * 60 then
    return reply(nil, 'form: a fact is told for 1 s to 24 h ("seconds"), or for as long as the connection lives '
      .. '("connected": true)', "form")
  end
  given.ms = seconds * 1000
  local ends, err, code = self:add(given)
  if not ends then return reply(nil, err, code) end
  reply(answer_of(self))
end

local function register(handle, self)
  handle:command("fact", function(request, reply)
    if request.name == nil then return reply(answer_of(self)) end
    if request["end"] == true then return finish(self, request, reply) end
    tell(self, request, reply)
  end, { reads = function(request) return request.name == nil end })
end

--- The client, as lua/clients/init.lua has it; node.leases is lua/lease.lua's.
function leases.open(handle)
  local node = handle.node
  local self = lease.new { loop = handle.loop, log = node.log, kept = kept.new_firm { disk = node.disk, log = node.log,
    date = node.date, dir = node.state, name = "hold" } }
  register(handle, self)
  handle.loop:every(EACH, function() self:keep() end)
  return self
end

return leases
