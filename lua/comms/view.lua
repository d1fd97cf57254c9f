-- view.lua - with whom of those who are far this node keeps links, so that all hear of all. Opens no socket itself.
--
-- It is a bounded partial view, as in HyParView: each node keeps a few links that it dialled, and knows many more nodes
-- by their records. One link leads to the next node on the ring of all IDs: so those who can be dialled hang together,
-- whatever chance does. The others are chosen by chance, which makes ways short. Who cannot be dialled has links to
-- those who can. Of a LAN three nodes, ranked first for him, dial the same one; the others hear by them. Where nothing
-- proves his address, it is the three of all who are ranked first for his host.
--
-- Who was met once and is lost is tried for ever, at a rate that does not grow with their number: two halves of a swarm
-- find each other again as soon as one way exists, as long as one of all their addresses is still right.
local backoff = require "backoff"
local members = require "comms.members"
local choice = require "comms.view_choice"
local token_bucket = require "token_bucket"
local unproved_hosts = require "comms.unproved_hosts"

local view = {}
view.__index = view

local TAKEN <const> = { "loop", "random", "peers", "addresses", "id", "most", "is_near", "is_open", "dial_link" }
local LOOK_MS <const> = 10000
local SOON_MS <const> = 200 -- after news
local DIALS <const> = { rate = 0.1, burst = 6 } -- a dial in vain is two SYNs: so the dead cost one in five seconds
local FAILED_SOON_MS <const> = 30 * 1000 -- a link that ended earlier was of no use
local TEXTS_MAX <const> = 4
local TRIES_QUICK <const> = 6 -- in vain, after which somebody who was never met is tried rarely

--- given.loop, random, peers, addresses, id
--- given.most       fn() → links to keep (`comms.links`)
--- given.is_near    fn(peer) → is he in a network of ours?
--- given.is_open    fn(channel) → does all that is said go over it?
--- given.dial_link  fn(host, port, id, done(channel | nil, text, code), gone(reason))
function view.new(given)
  local self = setmetatable({ members = members.new(), links = {}, dialling = {}, linked = 0, lost = 0 }, view)
  for _, name in ipairs(TAKEN) do self[name] = given[name] end
  self.place, self.hosts = members.place(self.id), unproved_hosts.new(function() return self.loop:now() end)
  self.dials = token_bucket.new { now = function() return self.loop:now() end, rate = DIALS.rate, burst = DIALS.burst }
  self.addresses:on_news(function(id) self:heard(id) end)
  return self
end

-- -- what is known ---------------------------------------------------------------------------

--- Is node ID in none of our networks, as far as we know?
function view:is_far(id)
  local peer = self.peers.by_id[id]
  for _, flow in ipairs(peer and peer.flows or {}) do
    if flow.source.own or flow.near and self.peers:speaks(peer, flow) and self.peers:proved(flow) then return false end
  end
  return not peer or not self.is_near(peer)
end

local function link_to(self, id)
  for _, link in ipairs(self.links) do
    if link.id == id then return link end
  end
end

-- The channel of a connection that leads to node ID now, whoever dialled it; BESIDE: not that one | nil
local function way_to(self, id, beside)
  local peer = self.peers.by_id[id]
  for _, flow in ipairs(peer and peer.flows or {}) do
    local channel = flow.source.channel
    if channel.traits.stream and channel ~= beside and not channel.closed and self.peers:proved(flow)
      and self.is_open(channel) then
      return channel
    end
  end
end

--- Does a connection lead to node ID?
function view:is_linked(id) return link_to(self, id) ~= nil or way_to(self, id) ~= nil end

-- The addresses of node ID which are proved are those where he is looked for when he is lost.
local function remember(self, one)
  local texts = {}
  for _, row in ipairs(self.addresses:of(one.id)) do
    if row.proved and (row.reached or row.origin ~= "flow") and #texts < TEXTS_MAX then
      texts[#texts + 1] = row.address
    end
  end
  if not texts[1] then return end
  local news = not one.met
  one.met = self.loop:now()
  if texts[1] ~= one.texts[1] or #texts > #one.texts then
    one.texts, news = texts, true
    self.loading = true -- it is no news to us
    self.addresses:remember(one.id, texts)
    self.loading = nil
  end
  if news and self.kept then self.kept:soon() end
end

local function look_in(self, ms)
  if self.timer then self.timer:cancel() end
  self.due = self.loop:now() + ms
  self.timer = self.loop:after(ms, function()
    self.timer = nil
    self:look()
  end)
end

local function look_soon(self)
  if not self.speaks or self.timer and self.due - self.loop:now() <= 2 * SOON_MS then return end
  look_in(self, SOON_MS + self.random:integer(SOON_MS))
end

--- Where node ID can be dialled may be something else now.
function view:heard(id)
  if self.loading or id == self.id or not self.peers:stands(id) then return end
  local one = self.members:get(id)
  if not self:is_far(id) then
    if one and not one.met then self.members:forget(id) end
    return
  end
  if not one then
    if not self.addresses:of(id)[1] then return end
    one = self.members:add(id)
  end
  one.heard = self.loop:now()
  remember(self, one)
  look_soon(self)
end

-- -- dialling --------------------------------------------------------------------------------

local function failed(self, one)
  one.tries = one.tries + 1
  local slow = not one.met and one.tries > TRIES_QUICK
  local kind = slow and backoff.slow(self.random) or backoff.quick(self.random)
  kind.tries = one.tries - (slow and TRIES_QUICK or 0)
  one.retry_at = self.loop:now() + kind:next()
end

local function drop(self, link)
  for i, other in ipairs(self.links) do
    if other == link then table.remove(self.links, i) end
  end
end

-- A link has ended: what lived for long is dialled again soon.
local function gone(self, one, link)
  drop(self, link)
  if not link.closing then
    if self.loop:now() - link.since < FAILED_SOON_MS then failed(self, one) else one.tries, one.retry_at = 0, 0 end
  end
  look_soon(self)
end

-- The next of his addresses; those that are never right are tried, too. → row | nil, is it the last of them?
local function next_address(self, one)
  local rows = self.addresses:of(one.id)
  if not rows[1] then return nil end
  local i = one.asked % #rows + 1
  return rows[i], i == #rows
end

-- Nobody answered where he was dialled. Unless that was the LAST of his addresses, the next one is tried soon.
local function in_vain(self, one, last)
  failed(self, one)
  if last then return end
  one.retry_at = 0
  look_soon(self)
end

local function dial(self, one)
  local row, last = next_address(self, one)
  local link
  one.turn = self.loop:now()
  if not row then return failed(self, one) end
  if not self.hosts:take(row) then
    one.asked, one.retry_at = one.asked + 1, one.turn + unproved_hosts.WAIT_MS
    return self.dials:put_back(1)
  end
  self.dialling[one.id], one.asked = true, one.asked + 1
  self.dial_link(row.host, row.port, one.id, function(channel)
    self.dialling[one.id] = nil
    if not channel then return in_vain(self, one, last) end
    one.asked = one.asked - 1 -- it answers there: there again, next time
    link = { id = one.id, channel = channel, since = self.loop:now() }
    self.links[#self.links + 1] = link
    if not self.speaks then channel:close "closed: here" end
  end, function()
    if link then gone(self, one, link) end
  end)
end

-- -- what is there too much ------------------------------------------------------------------

local function close(self, link, reason)
  link.closing = true
  drop(self, link)
  link.channel:close(reason)
end

-- Closes links to those who are near now, and one of two to the same node: the one that the greater ID dialled.
local function prune(self)
  for i = #self.links, 1, -1 do
    local link = self.links[i]
    local other = way_to(self, link.id, link.channel)
    if not self:is_far(link.id) then
      close(self, link, "closed: he is near now")
    elseif other and (other.dialled or self.id > link.id) then
      close(self, link, "closed: another link leads there")
    end
  end
end

-- A dial costs nothing once it is proved that he is there: who only lets us in may be anybody.
local function note_proved(self)
  for _, link in ipairs(self.links) do
    local peer = not link.proved and self.peers.by_id[link.id]
    for _, flow in ipairs(peer and peer.flows or {}) do
      if flow.source.channel == link.channel and self.peers:proved(flow) and not link.proved then
        link.proved = true
        self.dials:put_back(1)
      end
    end
  end
end

local function shrink(self, seen, most)
  while #self.links > most do
    local others = {}
    for _, link in ipairs(self.links) do
      if not (seen.next and link.id == seen.next.id) then others[#others + 1] = link end
    end
    if not others[1] or most == 0 then others = self.links end
    close(self, others[self.random:integer(#others) + 1], "closed: enough others lead on")
  end
end

-- Whom to dial now | nil. Who is heard of and who is lost come in turn, so that neither keeps the other waiting.
local function chosen(self, seen, most)
  self.turn = not self.turn
  return self.turn and choice.fresh(self, seen, most) or choice.lost(self, seen) or choice.fresh(self, seen, most)
end

-- Looks whom to dial, and which links to end.
local function look(self)
  note_proved(self)
  prune(self)
  local most = self.most()
  local may_dial = most > 0 and self.dials:left() >= 1
  if not may_dial and #self.links <= most then return end
  local seen = choice.sorted(self)
  shrink(self, seen, most)
  self.linked, self.lost = seen.linked, #seen.lost
  local one = may_dial and chosen(self, seen, most)
  if not one then return end
  self.dials:take(1)
  dial(self, one)
  if self.dials:left() >= 1 then look_soon(self) end
end

--- Looks whom to dial, now and again and again. Where there is nobody, only when somebody is heard of.
function view:look()
  if not self.speaks or self.members:count() == 0 then return end
  look(self)
  if not self.timer then look_in(self, LOOK_MS) end
end

-- -- the whole -------------------------------------------------------------------------------

--- KEPT (lua/kept.lua), lazy, holds what an earlier run knew.
function view:load(kept)
  self.kept, self.loading = kept, true -- on_news would ask for each
  self.members:load((kept:read()), function(one) self.addresses:remember(one.id, one.texts) end)
  self.loading = nil
end

--- What is to be kept.
function view:data()
  for _, link in ipairs(self.links) do
    local one = self.members:get(link.id)
    if one then remember(self, one) end
  end
  return self.members:data()
end

function view:start()
  self.speaks = true
  look_soon(self)
end

function view:stop()
  self.speaks = false
  if self.timer then self.timer:cancel() end
end

--- What `status` tells: { links = that this node dialled, most =, members =, linked = whoever dialled, lost = }
function view:facts()
  return { links = #self.links, most = self.most(), members = self.members:count(), linked = self.linked,
    lost = self.lost }
end

--- What is bounded here, as bounded.lua's rows.
function view:bounds() return { self.members:row() } end

return view
