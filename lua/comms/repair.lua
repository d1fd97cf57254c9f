-- repair.lua - first repair, and the fall-back for ever: unequal digests, so exchange ids, pull the gaps.
local again = require "comms.again"
local gaps = require "comms.gaps"
local messages = require "comms.messages"

local repair = {}
repair.__index = repair

local LOOK = 250
local IDLE, LONGEST = 1500, 60 * 1000 -- ms of a session
local WANTED_MAX = 4096 -- short IDs that one source may have us look up at a time
local FRAME = 64 -- statements in an answer

--- given.loop, random, dcache, peers, beacon, confirm, id, log
--- given.refused    fn(code): counts a refusal
--- given.dial       fn(host, port, done(link))
--- given.feed       fn(link, generator): lines are pulled as the link has room
--- given.say        fn(link, message)
--- given.line       fn(link, short) → the line of a held statement that may go over LINK, or nil
--- given.broadcast  fn(source, short): says a statement that is held once more
function repair.new(given)
  -- wanted: short IDs that are being looked up, by channel
  local self = setmetatable({ gaps = gaps.new(given), wanted = setmetatable({}, { __mode = "k" }) }, repair)
  for name, value in pairs(given) do self[name] = value end
  self.again = again.new { loop = self.loop, trust = self.dcache.trust,
    ask = function(link, shorts) self:ask(link, shorts) end }
  return self
end

-- What to do now, as gaps:option has it, and at which host; or nil, and whether any is unequal at all.
local function choose(self)
  local options, ids, any = {}, {}, nil
  for _, peer in ipairs(self.peers.list) do -- after each beacon: most peers are equal, and not looked at any closer
    local option, since
    local may = peer.unequal or self.confirm:listens()
    if may and self.peers:living(peer) then option, since = self.gaps:option(peer) end
    any = any or since ~= nil
    local host = option and peer.tcp and peer.tcp > 0 and self.peers:hosts(peer)[1]
    if host and self.gaps:ready(peer, since or peer.first) then
      option.host, options[peer.id], ids[#ids + 1] = host.host, option, peer.id
    end
  end
  return options[self.gaps:first(ids)], any
end

-- A generator of `ids` lines, class after class; pulled when the link has room.
function repair:list(classes, t, from)
  local at, after = 1, ""
  return function()
    local class = classes[at]
    if not class then return nil end
    local spoken = self.confirm:speaks(class)
    local ids = spoken and self.dcache:ids(class, t, after, messages.ids_in_line) or self.confirm:fresh(class)
    local last = not spoken or #ids < messages.ids_in_line
    after = ids[#ids] or after
    if last then at, after = at + 1, "" end
    return { kind = "ids", from = from, rest = messages.ids(class, self.dcache:law(class), t, last, ids) }
  end
end

local function finish(self, session, why)
  session.timer:cancel()
  self.session = nil
  session.link:close()
  self.log:debug("comms", "repaired", { peer = session.peer.name, got = session.got, why = why })
  if session.got == 0 and (session.asked or #self.gaps:unequal(session.peer) > 0) then
    self.gaps:put_off(session.peer)
  else
    self.gaps:forget(session.peer)
  end
  self:consider()
end

local function watch_session(self, session)
  local now = self.loop:now()
  if session.link.closed then return finish(self, session, "closed") end
  if now - session.started > LONGEST then return finish(self, session, "slow") end
  if now - session.active > IDLE then return finish(self, session, "done") end
end

local function begin(self, option, link)
  local session = { link = link, peer = option.peer, t = option.t, asked = option.asked, started = self.loop:now(),
    active = self.loop:now(), got = 0, lists = {} }
  self.session = session
  session.timer = self.loop:every(LOOK, function() watch_session(self, session) end)
  self.feed(link, self:list(option.classes, option.t, ("/dswarm/%s/brain"):format(self.id)))
end

local function attempt(self)
  if self.session or self.dialling then return end
  local option, any = choose(self)
  if not option then return any end
  self.dialling = true
  self.dial(option.host, option.peer.tcp, function(link)
    self.dialling = nil
    if self.stopped then return link and link:close() end
    option.peer.undialled = not link and self.loop:now() or nil -- then a conversation has its turn (conversation.lua)
    if link then return begin(self, option, link) end
    self.gaps:put_off(option.peer)
    self:consider()
  end)
  return true
end

-- Something may be unequal: looks soon, and again while it stays so.
function repair:consider()
  if self.timer or self.stopped then return end
  self.timer = self.loop:after(LOOK + self.random:integer(LOOK), function()
    self.timer = nil
    if attempt(self) then self:consider() end
  end)
end

function repair:stop()
  self.stopped = true
  self.again:stop()
  if self.timer then self.timer:cancel() end
  if self.session then self.session.timer:cancel() end
end

-- N statements came in over SOURCE: do they belong to the session?
function repair:got(source, n)
  local session = self.session
  if session and session.link == source.channel then
    session.got, session.active = session.got + n, self.loop:now()
  end
end

local function touch(self, link)
  if self.session and self.session.link == link then self.session.active = self.loop:now() end
end

--- Wants the words SHORTS over LINK, which is a stream.
function repair:ask(link, shorts)
  touch(self, link)
  self.again:expect(link)
  for i = 1, #shorts, messages.ids_in_line do
    local part = table.move(shorts, i, math.min(#shorts, i + messages.ids_in_line - 1), 1, {})
    self.say(link, { kind = "want", from = "*", rest = messages.want(part) })
  end
end

local function missing(self, ids)
  local list = {}
  for _, short in ipairs(ids) do
    if not self.dcache:has(short) then list[#list + 1] = short end
  end
  return list
end

-- A list that we asked for because of a doubt: does it name just what is held here? IDs that do not rise are no list.
local function compare(self, source, facts, lacking)
  local session = self.session
  if not (session and session.asked and session.link == source.channel and session.t == facts.t) then return end
  local list = session.lists[facts.class] or { n = 0, last = "" }
  session.lists[facts.class] = list
  for _, short in ipairs(facts.ids) do
    list.other, list.last, list.n = list.other or short <= list.last, short, list.n + 1
  end
  list.other = list.other or lacking > 0
  if facts.last and not list.other and list.n == select(2, self.dcache:digest(facts.class, facts.t)) then
    self.confirm:listed(session.peer, facts.class)
  end
end

-- `ids` on a stream: what is missing here is wanted; who asked (FROM is not -) gets our own list.
function repair:ids(message, source)
  if not source.channel.traits.stream then return nil, "kind: ids are for streams", "kind" end
  local facts, err, code = messages.parse_ids(message.rest)
  if not facts then return nil, err, code end
  local law = self.dcache:law(facts.class)
  if not law or law ~= facts.law then return nil, "law: other constants of " .. facts.class, "law" end
  touch(self, source.channel)
  local list = missing(self, facts.ids)
  compare(self, source, facts, #list)
  if #list > 0 then self:ask(source.channel, list) end
  if message.from ~= "-" and facts.last then
    self.feed(source.channel, self:list({ facts.class }, facts.t, "-"))
  end
  return true
end

local function answers(self, ids, link)
  local at = 1
  return function(bytes)
    local body, room = {}, bytes - 64
    while at <= #ids and #body < FRAME do
      local line = self.line(link, ids[at])
      local fits = line and #line + 1 <= room
      if line and not fits and body[1] then break end -- else no frame of this link can hold it
      if fits then body[#body + 1], room = line, room - #line - 1 elseif line then self.refused "long" end
      at = at + 1
    end
    return #body > 0 and { kind = "statements", body = body } or nil
  end
end

local function want_on_stream(self, ids, source)
  local wanted, channel = self.wanted, source.channel
  local queued = (wanted[channel] or 0) + #ids
  if queued > WANTED_MAX then return nil, "full: too much is wanted at once", "full" end
  wanted[channel] = queued
  local generate = answers(self, ids, channel)
  self.feed(channel, function(bytes)
    local message = generate(bytes)
    if not message then wanted[channel] = wanted[channel] - #ids end
    return message
  end)
  return true
end

-- `want`: answered on the stream, or by broadcast with back-off when it came by datagram from a proved address.
function repair:want(message, source)
  local stream = source.channel.traits.stream
  local ids, err, code = messages.parse_want(message.rest, stream and messages.ids_in_line or messages.want_in_frame)
  if not ids then return nil, err, code end
  touch(self, source.channel)
  if stream then return want_on_stream(self, ids, source) end
  if not self.peers:source_proved(source) then return nil, "unproved: a want from there", "unproved" end
  for _, short in ipairs(ids) do self.broadcast(source, short) end
  return true
end

return repair
