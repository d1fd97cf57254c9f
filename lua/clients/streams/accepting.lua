-- accepting.lua - calls to this node's component `content`: who may have it dial, who may open a stream. Moves no byte.
local bounded = require "bounded"
local call = require "routing.call"
local call_source = require "clients.remote.call_source"
local envelope = require "routing.envelope"
local json = require "core.json"
local ticks = require "routing.call.ticks"

local accepting = {}
accepting.__index = accepting

local CALLS_MAX <const>, OF_SOURCE_MAX <const> = 256, 64 -- calls that are remembered, in all and of one source
local HALF_MAX <const>, HALF_MS <const> = 8, 5000 -- connections that are about to become streams; for how long
local HALF_OF_ONE_MAX <const> = 2 -- of these, of one host
local HALF_LEAST <const> = 1000 -- ms that the only one of a host has, whoever else waits
local DIAL_EACH <const> = 5000 -- ms between two dials for one node
local DIALLED_MAX <const> = 256 -- nodes of which it is known when they were dialled last
local ASKED <const> = 60 * 1000 -- ms within which who was asked to dial may serve

--- given.loop, node, streams (dcache/content/streams.lua)
--- given.asked    fn(id, within) → was that one asked to dial, in so many ms? Once for each asking
--- given.dial     fn(id): dials that one for a stream over which we serve
--- given.where    fn(id) → a place | nil, text, code
--- given.refused  fn(code)
function accepting.new(given)
  local node = given.node
  local self = setmetatable({ half = {}, half_count = 0, halves = 0, source = call_source.new(node, "content"),
    dialled = bounded.new { limit = DIALLED_MAX } }, accepting)
  for _, name in ipairs { "loop", "node", "streams", "asked", "dial", "where", "refused" } do
    self[name] = given[name]
  end
  self.callee = call.callee { key = node.key, swarm = node.swarm, most = CALLS_MAX, of_source = OF_SOURCE_MAX,
    now = function() return self.loop:now() end, refused = self.refused,
    may = function(caller, request) return self:may(caller, request) end,
    run = function(request, answer) self:run(request, answer) end }
  self.ticks = ticks.new(self.loop, function() return self.callee:tick() end)
  return self
end

-- == who may

-- In a lab its members; else who has proved where he is.
local function may_have_us_dial(self, id)
  local node = self.node
  if node.lab then return node.dcache.trust:is_member(id) end
  local peer = node.comms.peers.by_id[id]
  return peer ~= nil and node.comms.peers:best(peer) ~= nil
end

local function may_dial(self, caller)
  if not may_have_us_dial(self, caller) then
    return nil, "permission: this node dials members of its lab; without a lab those who proved where they are",
      "permission"
  end
  local why = self.node.paused and self.node.paused()
  if why then return nil, "pause: " .. why, "pause" end
  local last = self.dialled:get(caller)
  if last and self.loop:now() - last < DIAL_EACH then
    return nil, "budget: this node dialled you a moment ago; it does so each 5 s at most", "budget"
  end
  local ok, text, code = self.streams:room(caller)
  if ok then ok, text, code = self.where(caller) end
  if not ok then return nil, text, code end
  return true
end

local function may_stream(self, caller, request)
  local link, role = request.from.link, request.asked.role
  if not link then return nil, "form: a stream is opened over a connection of its own", "form" end
  local ok, text, code = link:may_take_over(2, 1)
  if ok then ok, text, code = self.streams:room(caller) end
  if not ok then return nil, text, code end
  if role == "fetch" then return true end
  if role ~= "serve" then return nil, 'form: a stream has a role, "serve" or "fetch"', "form" end
  if self.asked(caller, ASKED) then return true end
  return nil, "permission: nobody here asked you to dial", "permission"
end

--- As call/callee.lua has it.
function accepting:may(caller, request)
  local asked = json.decode(request.text)
  if type(asked) ~= "table" then return nil, "form: a request is a table", "form" end
  request.asked = asked
  if asked.command == "dial" then return may_dial(self, caller) end
  if asked.command == "stream" then return may_stream(self, caller, request) end
  return nil, "form: content knows dial and stream", "form"
end

-- == what is done

local function forget_half(self, link)
  if not self.half[link] then return end
  self.half[link].timer:cancel()
  self.half[link], self.half_count = nil, self.half_count - 1
end

local function open(self, request, answer)
  local link, keys, asked = request.from.link, request.session.keys:copy(), request.asked
  answer:finish "{}"
  answer:drop() -- who says it again says it in vain
  forget_half(self, link)
  local stream, text, code = link:take_over(2)
  local ok = stream and true
  if stream then
    ok, text, code = self.streams:open { id = request.caller, asks = asked.role == "serve", stream = stream,
      keys = keys, limited = not link.traits.near }
  end
  keys:close()
  if ok then return end
  self.refused(code)
  link:close(text)
end

--- As call/callee.lua has it.
function accepting:run(request, answer)
  if request.asked.command == "stream" then return open(self, request, answer) end
  answer:finish "{}"
  self.dialled:put(request.caller, self.loop:now())
  self.dial(request.caller)
end

-- == lines

-- How many connections of each host are about to become streams.
local function halves(self)
  local by = {}
  for _, half in pairs(self.half) do by[half.of] = (by[half.of] or 0) + 1 end -- sums: any order
  return by
end

local function end_half(self, link, word, text)
  forget_half(self, link)
  if link.closed then return end
  self.refused(word)
  link:close(text)
end

-- There is no room: the oldest one of a host that has several gives its place up, else the oldest, not at once. So a
-- few hosts keep nobody out. → is there room now?
local function make_room(self, by)
  local victim, found
  for link, half in pairs(self.half) do -- any order: a least one
    local several = by[half.of] > 1 and 1 or 0
    if not found or several > found.several or several == found.several and half.n < found.n then
      victim, found = link, { several = several, n = half.n, at = half.at }
    end
  end
  if found.several == 0 and self.loop:now() - found.at < HALF_LEAST then return false end
  end_half(self, victim, "full", "full: others wait to open a stream")
  return true
end

-- LINK, of PRINCIPAL, is about to become a stream; not for long. → true | nil, text, code
local function begin_half(self, link, principal)
  if self.half[link] then return true end
  local by = halves(self)
  local has_room = (by[principal] or 0) < HALF_OF_ONE_MAX
  if has_room and self.half_count >= HALF_MAX then has_room = not by[principal] and make_room(self, by) end
  if not has_room then return nil, "full: other streams are being opened", "full" end
  self.half_count, self.halves = self.half_count + 1, self.halves + 1
  self.half[link] = { of = principal, n = self.halves, at = self.loop:now(),
    timer = self.loop:after(HALF_MS, function() end_half(self, link, "slow", "slow: it became no stream") end) }
  return true
end

-- Over a connection of its own: answered there at once, and by nothing else.
local function direct(self, message, source, from)
  local link = source.channel
  local ok, text, code = begin_half(self, link, source.principal)
  if not ok then return nil, text, code end
  from.link = link
  function from.tell(rest)
    link:send(envelope.headed { to = message.from, from = envelope.nobody, hops = 0, kind = "reply", rest = rest })
  end
  return true
end

-- Is LINK there for this alone? A line that a neighbour passed on comes without hops, too: it must not cost the link to
-- him.
local function is_own(self, link)
  return link.take_over ~= nil and (self.half[link] ~= nil or (link.heard.frames == 1 and link.sent.frames == 0))
end

--- A line of kind `call` came over SOURCE, answered by REPLY. → true | nil, text, code
function accepting:take(message, source, reply)
  local from = self.source:of(message, source, reply)
  local is_direct = message.hops == 0 and is_own(self, source.channel)
  local ok, text, code = true, nil, nil
  if is_direct then ok, text, code = direct(self, message, source, from) end
  if ok then ok, text, code = self.callee:take(message.rest, from) else self.refused(code) end
  self.ticks:now()
  if is_direct and not ok then
    local link = source.channel
    forget_half(self, link)
    self.loop:post(function() link:close(text) end)
  end
  return ok, text, code
end

function accepting:stop()
  self.ticks:stop()
  self.callee:close()
end

return accepting
