-- pubsub.lua - a topic of IPFS pubsub as a channel, by a Kubo that runs here: a message is a frame. Dials no peer.
--
-- Kubo drops messages of whom it hears late, and says ours to us again; both are harmless. It checks who signed a
-- message, so nobody speaks in another peer's name. It numbers the messages of each peer, and drops one that comes
-- behind a later one: so each is handed to it when it has taken the one before.
local bounded = require "bounded"
local budget = require "routing.channels.budget"
local channel = require "routing.channels.channel"
local frame = require "routing.channels.frame"
local hash = require "core.hash"
local http_client = require "dcache.content.http_client"
local kubo = require "routing.channels.kubo"
local kubo_topic = require "routing.channels.kubo_topic"
local limits = require "core".limits
local secrets = require "routing.channels.secrets"
local source = require "routing.channels.source"

local pubsub = { form = "/ipfs-pubsub/TOPIC/dswarm-line",
  options = { api = "an RPC is Kubo's, for IPFS pubsub",
    authorisation = "an authorisation is for Kubo's RPC, for IPFS pubsub" } }

local API <const> = "/ip4/127.0.0.1/tcp/5001" -- where Kubo's RPC is, unless the policy says
local RATE <const> = 16 * 1024 -- bytes/s of the topic, all of whose speakers every Kubo on it hears
local FRAME_MAX <const> = 32768 -- bytes of a frame; Kubo takes 1 MiB
local FRAME_S <const> = 8 -- seconds that a frame takes of a small budget, at most: what is urgent waits no longer
local PUBLISHING_MAX <const>, BULK_MAX <const> = 16, 4 -- messages on their way to Kubo; the rest is for answers alone
local MISSES_MAX <const> = 3 -- of these that fail in a row: then Kubo is taken for gone
local SAID_MAX <const> = 256 -- of our own messages are known again
local ROOM_MS <const> = 10 -- least wait before asking for more

local Channel = { outward = true }
Channel.__index = Channel

-- == hearing

local function source_of(self, from, size)
  return source.new { channel = self, principal = "ipfs-pubsub " .. from,
    id = ("ipfs-pubsub %s %s"):format(from, self.topic.topic),
    address = self.address, received = size, broadcast = true, own = from == self.topic.facts.id }
end

-- What we said comes back. Another daemon may use the same Kubo, so its peer ID alone does not tell ours.
local function is_echo(self, message)
  return message.from == self.topic.facts.id and self.said:get(hash.blake2b(message.text)) ~= nil
end

local function hear(self, line)
  local message = kubo.message(line)
  if not message then return frame.refuse(self, "form", "a line of Kubo's") end
  if is_echo(self, message) then
    self.heard_own = self.heard_own + 1
    return
  end
  local text = message.text:gsub("\n$", "")
  self.bucket:heard(#text)
  if #text > FRAME_MAX then return frame.refuse(self, "long", #text .. " bytes in a message") end
  if text == "" or frame.garbled(text) then return frame.refuse(self, "form", "no text") end
  local read = frame.read(text)
  frame.count(self.heard, read, #text)
  self.owner.on_frame(self, source_of(self, message.from, #text), read)
end

-- == speaking

local function ask_later(self, wait)
  if self.room or self.closed then return end
  self.room = self.loop:after(math.max(ROOM_MS, wait), function()
    self.room = nil
    if self:budget() >= self.traits.frame_max then self.owner.on_room(self) end -- else budget asks again
  end)
end

-- A message was not taken. What Kubo itself refuses says nothing of whether it is there.
local function missed(self, text, code, cure)
  frame.refuse(self, code, text)
  self.log:debug("routing", "Kubo took no message", { address = self.address, why = text })
  self.misses = self.misses + (code == "form" and 0 or 1)
  if self.misses >= MISSES_MAX or kubo_topic.by_hand(code, cure) then self.topic:fail(text, code, cure) end
end

local publish

local function published(self, ok, ...)
  table.remove(self.publishing, 1)
  if self.publishing[1] then publish(self) end
  if self.wants_room then ask_later(self, self.bucket:wait(self.traits.frame_max)) end
  self.wants_room = false
  if not ok then return missed(self, ...) end
  self.misses = 0
end

function publish(self)
  local text = self.publishing[1]
  self.said:put(hash.blake2b(text), true)
  self.kubo:publish(self.topic.topic, text, self.topic:in_this_life(function(...) published(self, ...) end))
end

--- Says MESSAGE to all on the topic: there is no way to one alone, so no source is looked at.
function Channel:send(message)
  local text = frame.text(message)
  if #text > self.traits.frame_max or #message.head > self.traits.line_max then
    return frame.refuse(self, "long", #text .. " bytes in a message")
  end
  if text == "" or frame.garbled(text) then return frame.refuse(self, "form", "no text") end
  if not self.topic.up then return frame.refuse(self, "closed", self.topic.reason or "it waits") end
  if #self.publishing >= PUBLISHING_MAX then
    self.wants_room = true
    return frame.refuse(self, "full", "Kubo takes it too slowly")
  end
  if not self.bucket:spend(#text) then
    ask_later(self, self.bucket:wait(self.traits.frame_max))
    return frame.refuse(self, "budget", "of the topic")
  end
  frame.count(self.sent, message, #text)
  table.insert(self.publishing, text)
  if not self.publishing[2] then publish(self) end
  return true
end

function Channel:budget()
  if not self.topic.up then return 0 end
  if #self.publishing >= BULK_MAX then
    self.wants_room = true
    return 0
  end
  local available, most = self.bucket:available(), self.traits.frame_max
  if available < most then ask_later(self, self.bucket:wait(most)) end
  return available
end

-- == up and down

local function told(self)
  return { line = function(line) hear(self, line) end,
    long = function() frame.refuse(self, "long", "a line of Kubo's") end,
    more = function() self.owner.on_up(self) end,
    down = function(why) self.owner.on_down(self, why) end,
    up = function()
      self.publishing, self.misses, self.wants_room = {}, 0, false
      self.owner.on_up(self)
      self.owner.on_room(self)
    end }
end

--- How others can join their Kubo to this one: { its peer ID, its TCP port } | nil while that is not known.
function Channel:meeting()
  local facts = self.topic.facts
  if self.topic.up and facts.port then return { facts.id, facts.port } end
end

--- Joins this Kubo to that of a peer: ID and PORT as their `meeting` gave them, HOST where that node was proved to be.
--- done(true), or done(nil, text, code), unless the channel is closed before.
function Channel:meet(host, id, port, done)
  if not self.topic.up or id == self.topic.facts.id then
    return done(nil, "closed: this Kubo cannot join it now", "closed")
  end
  self.kubo:connect(host, port, id, done)
end

-- What people should know of a topic that is heard.
local function note_of(topic)
  local alone = topic.up and topic.peers == 0
  return topic.warning or alone and "No other Kubo is on this topic yet; `ipfs swarm connect` joins one." or nil
end

function Channel:status()
  local topic = self.topic
  return { address = self.address, kind = self.kind, state = self.closed and "down" or topic.up and "up" or "waiting",
    reason = self.gone or topic.reason, cure = topic.cure, note = note_of(topic), members = topic.peers,
    budget = self.bucket:available(), sent = frame.copy(self.sent), heard = frame.copy(self.heard),
    heard_own = self.heard_own, refused = frame.copy(self.refused) }
end

function Channel:close(reason)
  if self.closed then return end
  self.closed, self.gone = true, reason or "closed: here"
  self.topic:close()
  if self.room then self.room:cancel() end
  self.http:close()
  self.owner.on_down(self, self.gone)
end

--- A channel that hears nothing yet.
---   loop, random, log
---   topic, api       text; where Kubo's RPC is, as kubo.lua takes it (nil: API)
---   secret, retry_ms as kubo_topic.lua takes them
---   budget, near     bytes/s of the topic, or nil; what the policy says of it
--- → channel | nil, text, code
function pubsub.new(given)
  local api, rate = given.api or API, given.budget or RATE
  local most = math.max(limits.datagram, math.min(FRAME_MAX, rate * FRAME_S))
  local url, text, code = kubo.url(api)
  if not url then return nil, text, code end
  local http = http_client.new { loop = given.loop }
  local self = setmetatable({ kind = "ipfs-pubsub", address = ("/ipfs-pubsub/%s/dswarm-line"):format(given.topic),
    traits = { stream = false, medium = true, ordered = false, source_proved = true, near = given.near or false,
      line_max = math.min(most, limits.line), frame_max = most },
    rate = given.budget, owner = channel.nobody, loop = given.loop, log = given.log, http = http,
    kubo = kubo.new { http = http, api = api },
    bucket = budget.new { now = function() return given.loop:now() end, rate = rate,
      burst = math.max(2 * rate, 2 * most), least = most },
    said = bounded.new { limit = SAID_MAX }, sent = frame.counters(), heard = frame.counters(), heard_own = 0,
    refused = {}, publishing = {}, misses = 0 }, Channel)
  self.topic = kubo_topic.new { loop = given.loop, random = given.random, log = given.log, kubo = self.kubo,
    topic = given.topic, address = self.address, secret = given.secret, retry_ms = given.retry_ms,
    told = told(self) }
  return self
end

--- Asks for Kubo, and listens: the channel has its owner by then.
function pubsub.start(self) self.topic:start() end

-- == the kind

function pubsub.read(parts)
  if #parts == 2 and parts[1][1] == "ipfs-pubsub" then return { topic = parts[1][2] } end
end

--- IPFS pubsub for one node: loop, random, log, add, secrets (init.lua).
function pubsub.kind(given)
  local kind = {}
  function kind.open(_, options)
    local wanted = options.authorisation
    local one, text, code = pubsub.new { loop = given.loop, random = given.random, log = given.log,
      topic = options.topic, budget = options.budget, near = options.near, api = options.api,
      secret = wanted and function() return secrets.ask(given.secrets, wanted.secret) end }
    if not one then return nil, text, code end
    local added
    added, text, code = given.add(one, {})
    given.loop:post(function() if added and not one.closed then one.topic:start() end end)
    return added, text, code
  end
  return kind
end

return pubsub
