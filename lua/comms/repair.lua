-- repair.lua - first repair, and the fall-back for ever: unequal digests, so exchange ids, pull the gaps.
local again = require "comms.again"
local backoff = require "backoff"
local messages = require "comms.messages"
local ordered = require "dcache.ordered"
local rank = require "rank"

local repair = {}
repair.__index = repair

local PATIENCE = 3000 -- ms that digests stay unequal before anybody dials
local YOUNG = 10 * 1000 -- a node that young asks at once
local LOOK = 250
local IDLE, LONGEST = 1500, 60 * 1000 -- ms of a session
-- ms; longer than quick is at most, since each exchange lists all IDs
local RETRY_FIRST, RETRY_MOST = 3000, 5 * 60 * 1000
local WANTED_MAX = 4096 -- short IDs that one source may have us look up at a time
local FRAME = 64 -- statements in an answer
local LINE_HEAD, ID = 256, 23 -- bytes of a line of IDs before the first of them, and of each
local FRAMES_IDLE, FRAMES_LONGEST = 4, 40 -- times that a frame takes on a slow channel: so much longer is a session

--- given.loop, random, dcache, peers, beacon, confirm, id, log
--- given.refused    fn(code): counts a refusal
--- given.dial       fn(host, port, done(link))
--- given.feed       fn(link, generator): lines are pulled as the link has room
--- given.say        fn(link, message)
--- given.line       fn(link, short) → the line of a held statement that may go over LINK, or nil
--- given.broadcast  fn(source, short): says a statement that is held once more
function repair.new(given)
  local self = setmetatable({ backoff = {}, started = given.loop:now(),
    wanted = setmetatable({}, { __mode = "k" }) }, repair) -- wanted: short IDs that are being looked up, by channel
  for name, value in pairs(given) do self[name] = value end
  self.again = again.new { loop = self.loop, trust = self.dcache.trust,
    ask = function(link, shorts) self:ask(link, shorts) end }
  return self
end

-- The names CLASSES in the order in which they are repaired: in a lab it depends on the first whose words are taken.
local function in_order(self, classes)
  if self.dcache.trust.lab then table.sort(classes, ordered.comes_first) end
  return classes
end

local function unequal_classes(self, peer)
  local list, oldest = {}, nil
  self.beacon:judge(peer)
  for _, class in ipairs(peer.classes) do
    local since = peer.unequal and peer.unequal[class.name]
    if since then
      list[#list + 1] = class.name
      oldest = math.min(oldest or since, since)
    end
  end
  return in_order(self, list), oldest
end

local function ready(self, peer, since)
  local wait, now = self.backoff[peer.id], self.loop:now()
  if wait and now < wait.till then return false end
  local young = now - self.started < YOUNG or now - peer.first < PATIENCE and self.id < peer.id
  return young or now - since >= PATIENCE and self.beacon:is_gap(peer, since, PATIENCE)
end

-- What to repair with PEER: the classes that are unequal, at the T of his beacon; else the classes in doubt here about
-- which his digest tells nothing, at our own T, since his list tells (confirm.lua).
-- → { peer =, classes =, t = s, asked = bool } or nil, since when they are unequal (ms) or nil
local function option_of(self, peer)
  local classes, since
  if peer.unequal then classes, since = unequal_classes(self, peer) end
  if since then return { peer = peer, classes = classes, t = peer.t }, since end
  local asked = in_order(self, self.confirm:asks(peer))
  return asked[1] and { peer = peer, classes = asked, t = self.beacon:tick(), asked = true }
end

-- Of IDS the one to repair with: members go first, as their words are what counts.
local function first_of(self, ids)
  local members = {}
  for _, id in ipairs(ids) do
    if self.dcache.trust:is_member(id) then members[#members + 1] = id end
  end
  return rank.of(self.id, members[1] and members or ids)[1]
end

-- What to do now, as option_of has it, and at which `host` or over which `pipe`; or nil, and whether any is unequal at
-- all.
local function choose(self)
  local options, ids, any = {}, {}, nil
  for _, peer in ipairs(self.peers.list) do
    local option, since
    if self.peers:living(peer) then option, since = option_of(self, peer) end
    any = any or since ~= nil
    local host = option and peer.tcp and peer.tcp > 0 and self.peers:hosts(peer)[1]
    local pipe = option and not host and self.peers:pipe(peer)
    if (host or pipe) and ready(self, peer, since or peer.first) then
      option.host, option.pipe = host and host.host, pipe
      options[peer.id], ids[#ids + 1] = option, peer.id
    end
  end
  return options[first_of(self, ids)], any
end

local function put_off(self, peer)
  local waits = self.backoff[peer.id]
  for id in pairs(self.backoff) do -- any order
    if not self.peers.by_id[id] then self.backoff[id] = nil end -- else keys made for it could fill the memory
  end
  waits = waits or backoff.quick(self.random, RETRY_FIRST, RETRY_MOST)
  waits.till = self.loop:now() + waits:next()
  self.backoff[peer.id] = waits
end

-- So many IDs stand in one line of a frame of BYTES.
local function ids_in(bytes)
  return math.max(1, math.min(messages.ids_in_line, (bytes - LINE_HEAD) // ID))
end

-- A generator of `ids` lines, class after class; pulled when the link has room.
function repair:list(classes, t, from)
  local at, after = 1, ""
  return function(bytes)
    local class, most = classes[at], ids_in(bytes)
    if not class then return nil end
    local spoken = self.confirm:speaks(class)
    local ids = spoken and self.dcache:ids(class, t, after, most) or self.confirm:fresh(class)
    local last = not spoken or #ids < most
    after = ids[#ids] or after
    if last then at, after = at + 1, "" end
    return { kind = "ids", from = from, rest = messages.ids(class, self.dcache:law(class), t, last, ids) }
  end
end

local function finish(self, session, why)
  session.timer:cancel()
  self.session = nil
  if not session.pipe then session.link:close() end
  self.log:debug("comms", "repaired", { peer = session.peer.name, got = session.got, why = why })
  if session.got == 0 and (session.asked or #unequal_classes(self, session.peer) > 0) then
    put_off(self, session.peer)
  else
    self.backoff[session.peer.id] = nil
  end
  self:consider()
end

local function watch_session(self, session)
  local now = self.loop:now()
  if session.link.closed then return finish(self, session, "closed") end
  if now - session.started > LONGEST + FRAMES_LONGEST * session.frame_ms then return finish(self, session, "slow") end
  if now - session.active > IDLE + FRAMES_IDLE * session.frame_ms then return finish(self, session, "done") end
end

local function begin(self, option, link)
  local session = { link = link, peer = option.peer, t = option.t, asked = option.asked, started = self.loop:now(),
    active = self.loop:now(), got = 0, lists = {}, pipe = option.pipe,
    frame_ms = link.rate and link.traits.frame_max * 1000 // link.rate or 0 }
  self.session = session
  session.timer = self.loop:every(LOOK, function() watch_session(self, session) end)
  self.feed(link, self:list(option.classes, option.t, ("/dswarm/%s/brain"):format(self.id)))
end

local function attempt(self)
  if self.session or self.dialling then return end
  local option, any = choose(self)
  if not option then return any end
  if option.pipe then
    begin(self, option, option.pipe)
    return true
  end
  self.dialling = true
  self.dial(option.host, option.peer.tcp, function(link)
    self.dialling = nil
    if self.stopped then return link and link:close() end
    if link then return begin(self, option, link) end
    put_off(self, option.peer)
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
  local most = ids_in(link.traits.frame_max)
  for i = 1, #shorts, most do
    local part = table.move(shorts, i, math.min(#shorts, i + most - 1), 1, {})
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
