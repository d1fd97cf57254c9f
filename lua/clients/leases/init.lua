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

-- Answers once it is on the disk, where it is to be there.
local function answer_when(self, reply, answer)
  return function(ok, why)
    if not ok then answer.unkept = why end
    for name, value in pairs(answer_of(self)) do answer[name] = value end -- any order
    reply(answer)
  end
end

local function finish(self, request, reply)
  local ok, err, code = lease.knows(request.name)
  if not ok then return reply(nil, err, code) end
  self:finish(request.name, answer_when(self, reply, { ended = self:count(request.name) }))
end

-- As long as the connection lives: the first answer says that it is told. It ends when the client says no more, too,
-- since of a client who said his last nobody is told any more that he has gone; or by another line from him.
local function tell_on(self, given, reply)
  local ends, err, code = self:add(given)
  if not ends then return reply(nil, err, code) end
  reply:on_cancel(ends)
  reply(answer_of(self), true)
  reply:on_line(function()
    ends()
    reply(answer_of(self))
  end)
end

-- Other programs' JSON may come with whole numbers as floats.
local function whole(value) return type(value) == "number" and math.tointeger(value) or value end

local function tell(self, request, reply)
  local seconds = whole(request.seconds)
  local given = { fact = request.name, value = whole(request.value), why = request.why }
  if request.connected == true then return tell_on(self, given, reply) end
  if math.type(seconds) ~= "integer" or seconds < 1 or seconds > 24 * 60 * 60 then
    return reply(nil, 'form: a fact is told for 1 s to 24 h ("seconds"), or for as long as the connection lives '
      .. '("connected": true)', "form")
  end
  given.ms = seconds * 1000
  local ends, err, code = self:add(given, answer_when(self, reply, {}))
  if not ends then return reply(nil, err, code) end
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
  local self = lease.new { loop = handle.loop, log = node.log, atomic_write = node.atomic_write,
    kept = kept.new_firm { disk = node.disk, log = node.log, date = node.date, dir = node.state, name = "hold",
      atomic_write = node.atomic_write } }
  register(handle, self)
  handle.loop:every(EACH, function() self:note_time() end)
  return self
end

return leases
