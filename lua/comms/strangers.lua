-- strangers.lua - what is heard of keys that have no standing in this lab: that they are there, and how they get in.
--
-- Their words are refused before the signature is looked at, so that a flood of them costs a look-up each, and nothing
-- of them is kept. Two exceptions: a `peer` word makes a row of `discover`, since a person wants to see a robot that
-- nobody let in, and the last one waits there until its signer stands: it is renewed too seldom to be lost for coming
-- before his enrolment. And an enrolment by a token that counts lets its signer in. Both cost signatures, so there are
-- a few checks a second for all whose address is not proved, and some for each other source: a flood cannot take these
-- away from a robot that answered for its address. Members pass enrolments on by repair, over links: theirs count as
-- any other word of theirs.
local batch = require "core.batch"
local json = require "core.json"
local listeners = require "listeners"
local node_name = require "node_name"
local quota = require "comms.quota"
local token_bucket = require "token_bucket"

local strangers = {}
strangers.__index = strangers

local PEER <const>, ENROLLED <const> = "peer", "trust/enrolled"
-- Signatures that are checked a second for all sources whose address is not proved: some for each of the two kinds, so
-- that a class of robots that all say who they are does not keep them from being let in.
local UNPROVED <const> = { [PEER] = 10, [ENROLLED] = 15 }
local PROVED <const> = 5 -- for each other source
local HOSTS_FRESH <const> = 1000 -- ms that the hosts of members are known

--- given.loop, swarm, peers, dcache, checks (checks.lua)
--- given.allowed  fn(source) → may it have one more signature checked?
--- given.charge   fn(principal): that check was wasted
--- given.taken    fn(list, from, to, n, any_kept, any_ours, source), as intake.lua is given it
function strangers.new(given)
  local self = setmetatable({ heard = listeners.new(), checked = 0 }, strangers)
  for _, name in ipairs { "loop", "swarm", "peers", "dcache", "checks", "allowed", "charge", "taken" } do
    self[name] = given[name]
  end
  self.unproved = {}
  for kind, rate in pairs(UNPROVED) do -- any order
    self.unproved[kind] = token_bucket.new { now = function() return self.loop:now() end, rate = rate, burst = rate }
  end
  self.proved = quota.new { loop = self.loop, rate = PROVED, burst = PROVED }
  return self
end

--- fn(st, source) from here on, for each `peer` word of a stranger that is newer than his last. → a function that ends
-- it.
function strangers:on_peer(fn) return self.heard:add(fn) end

-- Hosts where members proved an address.
local function member_hosts(self)
  local now = self.loop:now()
  if self.hosts and now - self.hosts_at < HOSTS_FRESH then return self.hosts end
  self.hosts, self.hosts_at = {}, now
  for _, peer in ipairs(self.peers.list) do
    local flow = self.peers:stands(peer.id) and self.peers:best(peer)
    if flow then self.hosts[flow.source.principal] = true end
  end
  return self.hosts
end

local function nothing() end

-- May N signatures of a stranger's word of that KIND be checked, which came over SOURCE? They are paid for here. → a
-- function that gives that back, or nil
local function pay(self, kind, source, n)
  local traits, who = source.channel.traits, source.principal
  if traits.source_proved and member_hosts(self)[who] then return self.allowed(source) and nothing or nil end
  if traits.source_proved or self.peers:source_proved(source) then
    if not self.proved:allows(who, true) then return nil end
    self.proved:charge(who, n)
    return function() self.proved:refund(who, n) end
  end
  local bucket = self.unproved[kind]
  return bucket:take(n) and function() bucket:put_back(n) end or nil
end

local function is_signed(self, st, source)
  self.checked = self.checked + 1
  local ok = self.checks.statement(st, self.swarm)
  if not ok then self.charge(source.principal) end
  return ok
end

-- The stranger is there: a peer with a name, whom `discover` shows. It is paid for before it is read: reading a flood
-- would cost more than to refuse it.
local function appear(self, list, place, source)
  if not pay(self, PEER, source, 1) then return end
  local st = list:statement(place)
  local known = self.peers.by_id[st.signer]
  if st.verb ~= "propose" or st.at <= (known and known.word_at or 0) then return end
  local data = json.decode(st.data)
  local name = type(data) == "table" and data.name
  if type(name) ~= "string" or not node_name.is(name) then return end
  if not is_signed(self, st, source) then return end
  local peer = self.peers:get(st.signer)
  peer.word_at, peer.name = st.at, peer.name or name
  peer.refused_word = { line = st.line, source = source } -- bounded as the strangers among the peers are
  self.peers:heard(peer, source)
  self.heard:call(st, source)
end

-- LINE, whose signature was checked, came over SOURCE and its signer stands by now. → was it taken in?
local function take_in(self, line, source)
  local list <close> = batch.new(line)
  if self.dcache:check_batch(list) == 0 then return false end
  local n, any_kept, any_ours = self.dcache:take_batch(list, 1, 1, source.channel.via, source.channel.kind)
  if n > 0 then self.taken(list, 1, 1, n, any_kept, any_ours, source) end
  return n > 0
end

-- The stranger's enrolment: by a token that counts he is a member at once, and this is his first word. It costs two
-- signatures, the token's and his own; who is let in gets them back, so that many may come at once. → was it taken?
local function enrol(self, words, place, source)
  local give_back = pay(self, ENROLLED, source, 2)
  if not give_back then return false end
  local st = words:statement(place)
  local lets_in, checked = self.dcache.trust:lets_in(st)
  if checked then
    self.checked = self.checked + 1
  elseif source.channel.traits.source_proved then
    give_back() -- of a token that is cancelled or full: old lists are full of these, and they cost no signature
  end
  if not lets_in or not is_signed(self, st, source) then return false end
  give_back()
  self.dcache.trust:let_in(st.signer)
  return take_in(self, st.line, source)
end

--- Other keys may stand by now: their `peer` words that were refused before are taken in, since others tell them no
--- more where they told them already. What came over a channel that has ended is left: another one tells it.
function strangers:stand_now()
  for _, peer in ipairs(table.move(self.peers.list, 1, #self.peers.list, 1, {})) do
    local word = self.peers:stands(peer.id) and peer.refused_word
    if word then
      peer.refused_word = nil
      if not word.source.channel.closed then take_in(self, word.line, word.source) end
    end
  end
end

--- { listed = how many are remembered as being here, checked = signatures of strangers that were checked so far }
function strangers:counts()
  local listed = 0
  for _, peer in ipairs(self.peers.list) do
    if not self.peers:stands(peer.id) then listed = listed + 1 end
  end
  return { listed = listed, checked = self.checked }
end

--- What stands at PLACE of LIST (core.batch) came over SOURCE and was refused as a stranger's. → was it taken in now?
function strangers:hear(list, place, source)
  local bucket = list:bucket(place)
  if bucket == PEER then
    appear(self, list, place, source)
  elseif bucket == ENROLLED then
    return enrol(self, list, place, source)
  end
  return false
end

return strangers
