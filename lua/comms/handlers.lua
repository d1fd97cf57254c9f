-- handlers.lua - what the brain does with each kind of message. Counts no refusals.
--
-- handlers.KIND(comms, message, source, reply) → true, "later", or nil, text, code.
local messages = require "comms.messages"

local handlers = {}

function handlers.statements(self, message, source)
  if message.list then
    return self.intake:frame(message.list, source, message.each or self.repair.again:hearer(source.channel))
  end
  self.refused "form"
  return nil, "form: statements without a line", "form"
end

function handlers.beacon(self, message, source)
  if not self:allowed(source) then return nil, "quota: too many bad signatures from there", "quota" end
  local facts, peer, newcomer, known = self.beacon:hear(message.rest, source)
  if source.broadcast and known then known.broadcast_at = self.loop:now() end
  if not facts then
    if newcomer == "signature" or newcomer == "key" then self.waste:charge(source.principal) end
    if newcomer == "signature" then self.misfits:add(source.principal) end
    if known and newcomer == "duplicate" then
      self.proof:ask(known, self.peers:flow(known, source), true)
    elseif known then
      self.proof:ask(known, { source = source }, true)
    end
    return nil, peer, newcomer
  end
  newcomer = newcomer and not self.clones:of(peer.id) -- two that take turns are no news each time
  self:wake(source.channel.name, peer)
  source.channel.is_met = true
  local last, away = not newcomer and self.peers:last(peer) or nil, not self.peers:living(peer)
  if source.broadcast then peer.broadcast_at = self.loop:now() end -- for who looks whether broadcast comes through
  local flow = self.peers:beat(peer, source)
  self.proof:ask(peer, flow)
  self.clones:beacon(peer, facts.boot, flow)
  self.liveness:heard(peer)
  self.beacon:count_in(peer)
  if newcomer or away then
    self.beacon:greet(peer.id)
    self:newcomer_on(source.channel.name)
    self.newcomers:call(peer)
  end
  self.peers:back(peer, last)
  self.time_evidence:beacon(peer)
  self:consider()
  return true
end

function handlers.ping(self, message, source, reply)
  if self.leaving then return nil, "closed: this node is about to stop", "closed" end
  local ok, err, code = self.proof:ping(message, source, reply)
  if ok then
    local id = messages.asker(message.from)
    self.beacon:met(id)
    if source.channel.traits.medium then self.askers:put(id, source) end
  end
  return ok, err, code
end

function handlers.pong(self, message, source)
  local peer, err, code = self.proof:pong(message, source)
  if not peer then return nil, err, code end
  if peer.id == self.id then return true end
  self.liveness:heard(peer)
  self:consider()
  return true
end

function handlers.ids(self, message, source) return self.repair:ids(message, source) end
function handlers.ranges(self, message, source) return self.conversation:ranges(message, source) end
function handlers.range(self, message, source) return self.conversation:range(message, source) end

-- One that names us belongs to a conversation.
function handlers.want(self, message, source)
  if message.to:find(self.id, 1, true) then return self.conversation:want(message, source) end
  return self.repair:want(message, source)
end

-- What all hear of a conversation of others. Everything else that names somebody else is no concern of ours.
handlers.overheard = {}
for _, kind in ipairs { "ranges", "range", "want" } do
  handlers.overheard[kind] = function(self, message, source) return self.conversation[kind](self.conversation, message,
    source, true) end
end

return handlers
