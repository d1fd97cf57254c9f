-- answers.lua - what goes back along the flow by which a line came: replies, and word of what went no further.
--
-- An unproved source gets little: else who writes another's address as his own would have us flood that one.
local envelope = require "routing.envelope"
local frame = require "routing.channels.frame"
local hash = require "core.hash"
local quota = require "comms.quota"
local refusals = require "refusals"
local text = require "core.text"

local answers = {}
answers.__index = answers

local FACTOR <const> = 3 -- over UDP nothing unproved gets more than three times what it sent
local QUOTA <const> = { rate = 0.2, burst = 4 } -- answers a second and at once to a host that proved no address
local WORDS <const> = { rate = 20, burst = 100 } -- a second and at once: to a host, of lines that went no further
local REF_SIZE <const> = 8 -- bytes

-- What is an answer itself is answered by nothing.
local ANSWERS <const> = { pong = true, reply = true, unreachable = true, budget = true }

--- given.loop, id, swarm, comms (the brain)
--- given.key    this node's, which signs
--- given.send   fn(source, message) → true | nil, text, code: over that flow
--- given.send_in_turn   fn(channel, source, message, by) → the same, where a slow channel may let it wait
function answers.new(given)
  local self = setmetatable({ quota = quota.new { loop = given.loop, rate = QUOTA.rate,
    burst = QUOTA.burst }, words = quota.new { loop = given.loop, rate = WORDS.rate, burst = WORDS.burst } }, answers)
  for _, name in ipairs { "id", "swarm", "comms", "key", "send", "send_in_turn" } do self[name] = given[name] end
  return self
end

-- Bytes that an answer may have. Where anybody can speak in another's name, an unproved source gets three times what it
-- sent, and nothing from the last frame that the medium leaves to our own statements (of a slow channel answers have a
-- share of their own, comms/outbox.lua); nil, text, code where it was answered often enough.
local function room_for(self, source)
  local one = source.channel
  if one.traits.source_proved or self.comms.peers:source_proved(source) then return math.maxinteger end
  if not source.own then
    if not self.quota:allows(source.principal, true) then
      return nil, "quota: that source had its answers", "quota"
    end
    self.quota:charge(source.principal)
  end
  return FACTOR * source.received
end

-- Says MESSAGE back along SOURCE, to who said ASKED, in at most ROOM bytes. The brain has shares of its own of a slow
-- channel; what others answer waits there for its turn. → true, its bytes | nil, text, code
local function say(self, source, asked, message, room)
  local one = source.channel
  message.to, message.hops, message.from = asked.from, envelope.hops_max, message.from or envelope.nobody
  local size = frame.size(envelope.headed(message))
  if size > room then return nil, "unproved: the answer is larger than three times the question", "unproved" end
  if room ~= math.maxinteger and not one.rate and one:budget() < one.traits.frame_max + size then
    return nil, "budget: the rest is for our own words", "budget"
  end
  local ok, why, code
  if asked.to == envelope.everybody or envelope.ends_at(asked.to, "brain") then
    ok, why, code = self.send(source, message)
  else
    ok, why, code = self.send_in_turn(one, source, message, source.principal)
  end
  if not ok then return nil, why, code end
  return ok, size
end

--- A function that sends one message back along SOURCE, to who said ASKED; an unproved source gets little.
function answers:reply_to(source, asked)
  local room, err, code
  return function(message)
    if not room then room, err, code = room_for(self, source) end
    if not room then return nil, err, code end
    local ok, size, word = say(self, source, asked, message, room)
    if not ok then return nil, size, word end
    room = room - size
    return ok
  end
end

--- Is a message of that KIND an answer?
function answers.is_one(kind) return ANSWERS[kind] ~= nil end

--- By what an answer names the line MESSAGE: FROM and HOPS, which change on the way, are left out.
function answers.ref(message)
  local words = message.kind .. " " .. (message.rest or "")
  return text.base64url(hash.blake2b(words):sub(1, REF_SIZE))
end

--- Who sent MESSAGE over SOURCE is told that little is left of what is passed on for him: REST of a `budget`.
function answers:budget(source, message, rest)
  if message.from == envelope.nobody then return end
  self:reply_to(source, message) { kind = "budget", rest = answers.ref(message) .. " " .. rest }
end

-- Does TO, of a line that many hear, name node ID as the one who is to pass it on?
local function is_for(to, id) return to:sub(1, #id + 9) == ("/dswarm/%s/"):format(id) end

--- MESSAGE, which came over SOURCE to us alone or names us, or which it was our turn to pass on (its field in_turn),
--- went no further because of CODE: its sender is told, by whom. Nothing is signed for who gets no answer.
function answers:unreachable(source, message, code)
  if message.code or message.from == envelope.nobody or ANSWERS[message.kind] then return end
  if source.broadcast and not message.in_turn and not is_for(message.to, self.id) then return end
  if not self.words:allows(source.principal, true) then return nil, "quota: that source had its words", "quota" end
  local room, why, word = room_for(self, source)
  if not room then return nil, why, word end
  self.words:charge(source.principal)
  local words = ("%s %s %s"):format(answers.ref(message), code, self.id)
  local rest = self.key:sign("unreachable", self.swarm, words) .. " " .. words
  return say(self, source, message, { kind = "unreachable", rest = rest }, room)
end

--- REST of an `unreachable` → { ref =, code =, id = of who names himself, signature =, signed = } | nil, text, "form"
function answers.parse(rest)
  local signature, signed, ref, code, id = rest:match "^([%w_-]+) (([%w_-]+) (%w+) (%w+))$"
  if not signature or #signature ~= 86 or #ref ~= 11 or #code > 16 or not refusals.is_code(code) then
    return nil, "form: unreachable SIG REF CODE ID", "form"
  end
  return { signature = signature, signed = signed, ref = ref, code = code, id = id }
end

return answers
