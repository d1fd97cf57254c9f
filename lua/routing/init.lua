-- init.lua - the dispatcher: frames to components, statements to channels that have budget. Decides no content.
local block = require "routing.block"
local channel = require "routing.channels.channel"
local envelope = require "routing.envelope"
local answers = require "routing.answers"
local pulls = require "routing.pulls"
local spares = require "routing.spares"
local target = require "routing.target"

local routing = {}
routing.__index = routing

local OPEN = { control = true, content = true } -- components whose lines bear their own proof

-- What every channel is given (channels/channel.lua).
local function owner_of(self)
  return {
    on_frame = function(_, source, message) return self:frame(source, message) end,
    on_room = function(one) self.pulls:poke(one.name) end,
    on_up = function(one)
      self.spares:appeared(one)
      self.comms.beacon:appear()
    end,
    on_down = function(one, reason) if one.closed then self:remove(one, reason) end end,
  }
end

--- The dispatcher of a node, without channels yet.
---   loop, log
---   comms          the brain
---   id             text: this node's ID
---   refused(code)  counts a refusal
function routing.new(given)
  local self = setmetatable({ components = {}, serial = 0, list = {}, by_name = {}, ended = {}, block = block.nobody },
    routing)
  for _, name in ipairs { "loop", "log", "comms", "id", "refused" } do self[name] = given[name] end
  self.answers = answers.new { loop = self.loop, id = self.id, swarm = self.comms.swarm, comms = self.comms,
    key = self.comms.key, send = function(...) return self:send_to(...) end,
    send_in_turn = function(...) return self:send_in_turn(...) end }
  self.components.brain = function(...) return self.comms:receive(...) end
  self.exported = function() return true end
  self.owner = owner_of(self)
  self.spares = spares.new { loop = self.loop, only_by = function(one) return self.comms.reach:only(one.name) end,
    set_quiet = function(...) self.comms:set_quiet(...) end }
  self.pulls = pulls.new { loop = self.loop, routing = self }
  self.comms.poke = function(name) self.pulls:poke(name) end
  self.comms.tell = function(source, message) return self:tell(source, message) end
  self.comms.near = function(source) return self:near(source) end
  return self
end

-- fn(message, source, reply) gets what is addressed to /dswarm/<this node>/NAME: true or "later", or nil, text,
-- code when nothing of it was taken; it counts its refusals.
function routing:component(name, fn)
  if self.components[name] then error("two are the component " .. name, 2) end
  self.components[name] = fn
  return function() self.components[name] = nil end
end

local function no_reply() return nil, "address: no reply was wanted", "address" end

local headed = envelope.headed

--- Sends MESSAGE to all who hear the channel ONE, or to the other end of a stream. → true | nil, text, code
function routing:send_to_all(one, message)
  if one.closed then return nil, "closed: that channel has gone", "closed" end
  local text, code = self.block:keeps(message.to, nil)
  if text then return nil, text, code end
  if one.traits.stream then
    self.pulls:waits(one, self.comms.outbox:say(one.name, message) or 0)
    return true
  end
  return one:send(headed(message), nil)
end

--- Sends MESSAGE over the flow SOURCE: on a stream by way of its queue, as a datagram at once. → true | nil, text, code
function routing:send_to(source, message)
  local one = source.channel
  local text, code = self.block:keeps(message.to, source)
  if text then return nil, text, code end
  if one.closed or one.traits.stream then return self:send_to_all(one, message) end
  return one:send(headed(message), source)
end

--- The same for a line of others, and for its answer: to the flow SOURCE or, where that is nil, to all who hear the
--- channel ONE. Where that is slow, it waits there for its turn, on account of BY (text). → true | nil, text, code
function routing:send_in_turn(one, source, message, by)
  if one.rate and not one.traits.stream and not one.closed then return self.pulls:line_up(one, source, message, by) end
  if source then return self:send_to(source, message) end
  return self:send_to_all(one, message)
end

-- MESSAGE, which came over SOURCE (nil: it begins here), goes to its component | nil, text, code
local function deliver(self, source, message, what)
  local name = what.component
  local component = (not source or OPEN[name] or self.exported(name)) and self.components[name]
  if not component then return nil, "address: no such component", "address" end
  local wants_none = message.from == envelope.nobody or not source
  local ok, text, code = component(message, source, wants_none and no_reply or self.answers:reply_to(source, message))
  if message.list and ok ~= "later" then message.list:close() end
  return ok, text, code, true
end

-- → as deliver, or where it went on | nil, text, code, nil: it went no further
local function onward(self, source, message)
  if message.code then return nil, message.why, message.code end
  local what, text, code = target.read(message.to, self.id)
  if not what then return nil, text, code end
  if what.kind == "here" then return deliver(self, source, message, what) end
  if not self.forward then return nil, "address: lines are not passed on here", "address" end
  local way, more
  if what.kind == "label" then
    way, more, code = self.forward:back(source, message, what)
    if way ~= "here" then return way, more, code end
    return onward(self, nil, more)
  end
  way, more, code = self.forward:on(source, message, what)
  if way ~= "here" then return way, more, code end
  return deliver(self, source, message, more)
end

-- Where all hear what is said to one, what names another is nobody's fault.
local function is_overheard(self, source, message)
  if not (source.broadcast and source.channel.traits.medium) or not message.to then return false end
  local id = message.to:match "^/dswarm/(%w+)/"
  if id then return id ~= self.id end
  return message.to:sub(1, 1) == "~" and not (self.forward and self.forward:knows(message.to))
end

--- MESSAGE (envelope.read), with its statements as `list` (core.batch), came over SOURCE. Nothing in it is believed.
--- → true, "later", or the way that it went on by | nil, text, code when nothing of it was taken.
function routing:frame(source, message)
  if self.block:drops(source, message) then return self.block:let_go(self, source, message) end
  if is_overheard(self, source, message) then
    if self.forward then self.forward.turns:answered(message.to) end
    if message.list then message.list:close() end
    if envelope.is_for_another(message, self.id) then self.comms:overhear(message, source) end
    return true
  end
  local ok, text, code, was_here = onward(self, source, message)
  if was_here then return ok, text, code end
  if message.list then message.list:close() end
  if ok then return ok end
  self.refused(code)
  self.log:debug("routing", "refused", { from = source.address, why = text })
  if code ~= "duplicate" then self.answers:unreachable(source, message, code) end
  return nil, text, code
end

--- Sends MESSAGE { to =, from = "/dswarm/ME/NAME", kind =, rest =, body = lines or nil, hops = 8 unless given }, which
--- begins here; what answers it comes to the component that FROM names. The same again is another try: it takes
--- another way where none answered. Its `avoid`, a set of keys of ways, or nil: those are taken only where there is no
--- other. → the way that it took, or true | nil, text, code
function routing:send(message)
  message.hops = message.hops or envelope.hops_max
  local ok, text, code = onward(self, nil, message)
  if not ok then self.refused(code) end
  return ok, text, code
end

-- The same; a refusal is counted.
function routing:tell(source, message)
  local ok, err, code = self:send_to(source, message)
  if not ok then self.refused(code) end
  return ok, err, code
end

--- Is the host of SOURCE in a network of an interface of ours? A source without a host is not.
function routing:near(source)
  for _, one in ipairs(source.host and self.list or {}) do
    if one.near and one:near(source.host) then return true end
  end
  return false
end

--- Takes a channel object (channels/channel.lua) in. OPTIONS:
---   quiet        bool: nothing but repairs goes over it
---   wakes        bool: a quiet one is quiet no more when the other side says a beacon, for a repair needs no news
---   entry        of the policy, to which it belongs (entry.lua's), or nil
---   gone(reason) is called when it has ended
--- → the channel | nil, text, code; then it is closed
function routing:add(one, options)
  local name = ("%s %d"):format(type(one) == "table" and one.kind, self.serial + 1)
  local ok, text, code = channel.open(one, name, self.owner)
  if not ok then
    if type(one) == "table" and one.close then one:close() end
    return nil, text, code
  end
  self.serial, self.by_name[name], self.ended[name] = self.serial + 1, one, options.gone
  table.insert(self.list, one)
  one.entry = options.entry
  one.via = one.via or one.entry and one.entry.address or one.address
  self.comms:channel_up { name = name, kind = one.kind, address = one.address, via = one.via,
    medium = one.traits.medium, near = one.traits.near, line_max = one.traits.line_max, rate = one.rate,
    alive_at = function() return one.alive_at end, cost = options.entry and options.entry.cost, quiet = options.quiet,
    wakes = options.wakes }
  self.spares:add(one)
  return one
end

-- Forgets a channel that has ended.
function routing:remove(one, reason)
  local name = one.name
  if self.by_name[name] ~= one then return end
  local ended = self.ended[name]
  self.by_name[name], self.ended[name] = nil, nil
  for i, other in ipairs(self.list) do
    if other == one then table.remove(self.list, i) end
  end
  self.pulls:forget(name)
  self.spares:remove(one)
  self.comms:channel_down(name)
  if ended then ended(reason) end
end

-- comms.dial_link(host, port, id, done, gone): a connection to HOST, an IP address, that stays until it is closed or
-- fails: done(channel), or done(nil, text, code), later and once; then gone(reason) when it has ended. It is closed
-- where node ID does not prove that he is there.
local function link_dialler(self, channels)
  return function(host, port, id, done, gone)
    local why, word = self.block:against_id(id)
    if why then return self.loop:post(function() done(nil, why, word) end) end
    channels:dial_link(host, port, function(one, text, code)
      if one then self.comms.addresses:expect(one, id) else self.refused(code or "closed") end
      done(one, text, code)
    end, gone)
  end
end

--- CHANNELS (channels/init.lua) knows what the policy named: it tells of the channels, and dials for repairs and for
--- the links to who is far (comms.dial_link).
function routing:use(channels)
  self.named = channels
  self.comms.dial = function(host, port, done)
    channels:dial(host, port, function(one, text, code)
      if not one then self.refused(code or "closed") end
      done(one, text, code)
    end)
  end
  self.comms.dial_link = link_dialler(self, channels)
end

--- A row of `status` for each channel that the policy named; without a policy, for each that is no stream.
function routing:channels()
  local rows = self.named and self.named:status()
  local more = rows and self.catching_up and self.catching_up()
  if more then rows[#rows + 1] = more end
  if rows then return rows end
  local list = {}
  for _, one in ipairs(self.list) do
    if not one.traits.stream then list[#list + 1] = one:status() end
  end
  return list
end

function routing:stop()
  while self.list[1] do
    local one = self.list[1]
    one:close "closed: here"
    self:remove(one, "closed: here")
  end
end

--- May the channel of FACTS be open, as POLICY says (hook routing.open)? Nothing is asked where it leaves that to the
--- default, which is yes. → yes, reason
function routing.may_open(policy, facts, here)
  if select(3, policy:where "routing.open") then return true end
  return policy:ask("routing.open", facts, here)
end

return routing
