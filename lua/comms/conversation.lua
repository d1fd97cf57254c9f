-- conversation.lua - repair over the channel itself, where nobody can be dialled: chat rooms, pipes, robots behind NAT.
--
-- Such a channel may be slow, lose lines, and have many listeners. So whoever misses something says digests of ranges
-- (ranges.lua) and names one who is to answer; he lists the ranges that differ. From that line both know what they
-- miss: who asked says what was not listed, and wants what he lacks. Answers go to all who hear the channel, and they
-- too learn from the lists what they miss. One conversation at a time is enough on a channel: others wait meanwhile.
local messages = require "comms.messages"
local said = require "comms.said"
local talks = require "comms.talk"

local conversation = {}
conversation.__index = conversation

local LOOK = 250 -- ms
local LONGEST, FRAMES_LONGEST = 60 * 1000, 120
local BUSY_MOST = 60 * 1000 -- ms that one waits for others' conversations
local AGAIN = 2 * 60 * 1000 -- ms after which one speaks with a peer again who said no new beacon since
local UNDIALLED = 10 * 60 * 1000 -- ms that a peer counts as one who cannot be dialled, after it failed
local CROWD = 8 -- peers, as many as whose turns are told apart
local TRIES = 2 -- times that digests without an answer are said
local WISH = 2000 -- ms without a look whether to speak, after which a turn that was drawn counts no more

--- given.loop, random, dcache, peers, gaps, confirm, id, log
--- given.feed     fn(channel, generator) → will it be asked? Lines are pulled as the channel has room
--- given.say      fn(channel, message)
--- given.waits    fn(channel, short) → does that statement wait to be said there?
--- given.answer   fn(channel, short): says that statement there, if it is held and does not wait there anyway
function conversation.new(given)
  local self = setmetatable({ talks = setmetatable({}, { __mode = "k" }) }, conversation)
  for name, value in pairs(given) do self[name] = value end
  return self
end

--- What is said on CHANNEL.
function conversation:talk(channel)
  local talk = self.talks[channel]
  if not talk then
    talk = talks.new { channel = channel, loop = self.loop, random = self.random, dcache = self.dcache, id = self.id,
      feed = self.feed, say = self.say }
    self.talks[channel] = talk
  end
  return talk
end

-- == whom to speak with, and when

-- Who cannot be dialled now: he names no port, has no host, or does not answer there.
local function dialable(self, peer)
  local host = peer.tcp and peer.tcp > 0 and self.peers:hosts(peer)[1]
  return host and not (peer.undialled and self.loop:now() - peer.undialled < UNDIALLED)
end

local function spoke(self, peer)
  return peer.talked_at and peer.talked_of == peer.beacon_at and self.loop:now() - peer.talked_at < AGAIN
end

-- For each channel the options on it: array of { channel =, crowd = peers there, ids =, by_id = }; is any unequal?
local function options(self)
  local list, by_channel, any = {}, {}, false
  for _, peer in ipairs(self.peers.list) do
    local flow, option, since = self.peers:spoken(peer), nil, nil -- most are on a medium of hosts, and dialled
    if flow and self.peers:living(peer) and not dialable(self, peer) then option, since = self.gaps:option(peer) end
    flow = option and flow
    any = any or flow and since ~= nil
    if flow and not spoke(self, peer) and self.gaps:ready(peer, since or peer.first) then
      local channel = flow.source.channel
      local on = by_channel[channel]
      if not on then
        on = { channel = channel, ids = {}, by_id = {} }
        by_channel[channel], list[#list + 1] = on, on
      end
      on.ids[#on.ids + 1], on.by_id[peer.id] = peer.id, option
    end
  end
  return list, any
end

--- ms of chance before one speaks on TALK's channel, more where many would: most of them then hear what others say.
function conversation:turn(talk)
  local crowd = 0
  for _, peer in ipairs(self.peers.list) do
    local flow = self.peers:spoken(peer)
    if flow and flow.source.channel == talk.channel then crowd = crowd + 1 end
  end
  return self.random:integer(talk:idle_ms() * math.min(CROWD, math.max(1, crowd)) // 2)
end

-- Is it our turn on TALK's channel?
local function our_turn(self, talk)
  local now = self.loop:now()
  if talk.session or talk.wants:count() > 0 then return false end
  -- What was amiss before was mended without us. All who find something amiss now would speak at once by old turns.
  if now - (talk.looked_at or now) > WISH then talk.turn, talk.waits_since = nil, nil end
  talk.looked_at, talk.waits_since = now, talk.waits_since or now
  local free = math.min(talk.busy_till, talk.waits_since + BUSY_MOST)
  if not talk.turn or talk.turn < free then talk.turn = math.max(free, now) + self:turn(talk) end
  return now >= talk.turn
end

-- == a conversation

local function finish(self, talk, why)
  local session, peer = talk.session, talk.session.peer
  session.timer:cancel()
  talk.session, talk.recent, talk.turn, talk.waits_since = nil, session, nil, nil
  peer.talked_at, peer.talked_of = self.loop:now(), session.of
  self.log:debug("comms", "conversed", { peer = peer.name, over = talk.channel.address, got = session.got, why = why })
  if not session.answered or session.got == 0 and #self.gaps:unequal(peer) > 0 then
    self.gaps:put_off(peer)
  else
    self.gaps:forget(peer)
  end
  self:consider()
end

-- How many statements of CLASS PEER says that he holds.
local function count_of(peer, class)
  for _, one in ipairs(peer.classes) do
    if one.name == class then return one.n end
  end
  return 0
end

-- The digests of CLASS for SESSION, as lines whose answers are awaited from here on.
local function digests_of(talk, session, class)
  local lines, open = talk:digests(class, session.t, count_of(session.peer, class)), {}
  for _, line in ipairs(lines) do open[line.first] = true end
  session.open[class] = { salt = lines[1].salt, lines = open }
  return lines
end

-- Says our digests: made when the channel asks for them, as what is held changes until then.
local function say_digests(self, talk, session)
  local at, lines = 0, {}
  session.said, session.tries = false, session.tries + 1
  local function generate()
    if talk.session ~= session then return nil end
    if not lines[1] then
      at = at + 1
      if not session.classes[at] then
        session.said, session.active = true, self.loop:now()
        return nil
      end
      lines = digests_of(talk, session, session.classes[at])
    end
    session.said = not lines[2] and not session.classes[at + 1]
    talk:touch()
    return { kind = "ranges", to = talks.brain(session.peer.id), from = talks.brain(self.id),
      rest = messages.ranges(table.remove(lines, 1)) }
  end
  if not self.feed(talk.channel, generate) then session.said = true end
end

local function watch(self, talk)
  local session, now = talk.session, self.loop:now()
  if talk.channel.closed then return finish(self, talk, "closed") end
  if now - session.started > LONGEST + FRAMES_LONGEST * talk:frame_ms() then return finish(self, talk, "slow") end
  if not session.said or now - session.active <= talk:idle_ms() then return end
  if session.answered or session.tries >= TRIES then return finish(self, talk, "done") end
  say_digests(self, talk, session)
end

local function begin(self, talk, option)
  local now = self.loop:now()
  local session = { peer = option.peer, classes = option.classes, t = option.t, asked = option.asked, started = now,
    active = now, got = 0, tries = 0, open = {}, of = option.peer.beacon_at }
  talk.session = session
  session.timer = self.loop:every(LOOK, function() watch(self, talk) end)
  say_digests(self, talk, session)
end

--- Something may be unequal: looks soon, and again while it stays so.
function conversation:consider()
  if self.timer or self.stopped or not self.gaps:any() then return end
  self.timer = self.loop:after(LOOK + self.random:integer(LOOK), function()
    self.timer = nil
    local list, any = options(self)
    for _, on in ipairs(list) do
      local talk = self:talk(on.channel)
      if our_turn(self, talk) then begin(self, talk, on.by_id[self.gaps:first(on.ids)]) end
    end
    if any or list[1] then self:consider() end
  end)
end

function conversation:stop()
  self.stopped = true
  if self.timer then self.timer:cancel() end
  for _, talk in pairs(self.talks) do -- any order
    talk.wants:stop()
    if talk.session then talk.session.timer:cancel() end
  end
end

--- N statements came in over SOURCE.
function conversation:got(source, n)
  local talk = self.talks[source.channel]
  if talk and talk.session then
    talk.session.got = talk.session.got + n
    talk:touch()
  end
end

-- == what others say

--- `ranges`: digests of somebody who names us; or that nothing differs. OVERHEARD: he names somebody else.
function conversation:ranges(message, source, overheard)
  return said.ranges(self, self:talk(source.channel), message, source, overheard)
end

--- `range`: all that somebody holds in some ranges.
function conversation:range(message, source, overheard)
  return said.range(self, self:talk(source.channel), message, source, overheard)
end

--- `want` of somebody who names us; or (OVERHEARD) somebody else.
function conversation:want(message, source, overheard)
  return said.want(self, self:talk(source.channel), message, source, overheard)
end

return conversation
