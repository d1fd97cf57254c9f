-- confirm.lua - whose equal digest lifts a doubt after a loss. Lists and compares nothing itself.
--
-- After a loss on the own disk a class is in doubt until a neighbour's digest equals ours. That counts only if the
-- neighbour cannot have it from us: anybody can repeat our digest, and a newcomer who got everything from us agrees as
-- well. So a class in doubt is left out of our beacons and lists while we hear what others say about it. If somebody
-- has been here for long and nobody agreed, others need what we hold more than we need a proof: we speak again, and
-- from then on two hosts must agree. A neighbour could hold everything but leave out one statement on purpose. Only
-- another neighbour helps against that: while one says otherwise, an agreement waits for the repair with him. Some
-- digests tell nothing, since they are of another T (beacon.lua): then that peer's list at our own T is asked for.
local confirm = {}
confirm.__index = confirm

local LOOK = 1000 -- ms
local QUIET = 5 * 60 * 1000 -- ms in the company of others that we say nothing
local WAIT = 60 * 1000 -- ms that an agreement waits for who says otherwise
local TICKS = 2 * 16 -- s that a T may be ahead of ours
local FRESH_MAX = 256 -- statements that came since, a class: they are passed on anyway, so they may be listed

--- given.loop, dcache, peers, beacon
function confirm.new(given)
  local self = setmetatable({ doubts = {} }, confirm)
  for _, name in ipairs { "loop", "dcache", "peers", "beacon" } do self[name] = given[name] end
  return self
end

local function in_doubt(self)
  local list = {}
  for _, class in ipairs(self.dcache:kept_classes()) do
    if not self.dcache:sure(class.name) then list[#list + 1] = class.name end
  end
  return list
end

function confirm:start()
  for _, class in ipairs(in_doubt(self)) do self.doubts[class] = { fresh = {}, listed = {} } end
  if next(self.doubts) then self.timer = self.loop:every(LOOK, function() self:check() end) end
end

function confirm:stop()
  if self.timer then self.timer:cancel() end
  self.timer = nil
end

-- May CLASS stand in our beacons, and what we hold of it be listed?
function confirm:speaks(class)
  local doubt = self.doubts[class]
  return self.dcache:sure(class) or doubt and doubt.spoken or false
end

-- Is anything in doubt, so that `took` wants to hear of every statement?
function confirm:listens() return next(self.doubts) ~= nil end

-- A statement that was taken in since the start, or is our own.
function confirm:took(st)
  local found = self:listens() and self.dcache:class_of(st.bucket)
  local doubt = found and self.doubts[found.class.name]
  if not doubt then return end
  table.insert(doubt.fresh, st.short)
  if #doubt.fresh > FRESH_MAX then table.remove(doubt.fresh, 1) end
end

-- Short IDs that may be listed of a class that is not spoken of.
function confirm:fresh(class)
  local list = {}
  for _, short in ipairs(self.doubts[class] and self.doubts[class].fresh or {}) do
    if self.dcache:has(short) then list[#list + 1] = short end
  end
  table.sort(list)
  return list
end

local function said_of(peer, name)
  for _, class in ipairs(peer.classes) do
    if class.name == name then return class end
  end
end

-- Classes in doubt of which the digest of PEER, whose address is proved, tells nothing for his T.
function confirm:asks(peer)
  local list = {}
  if not self:listens() or not self.peers:best(peer) then return list end
  self.beacon:judge(peer)
  for _, class in ipairs(in_doubt(self)) do
    local said = self.doubts[class] and said_of(peer, class)
    if said and not peer.verdicts[class] and said.law == self.dcache:law(class) then list[#list + 1] = class end
  end
  return list
end

-- The list of PEER named just what is held here of CLASS at our own T.
function confirm:listed(peer, class)
  local doubt = self.doubts[class]
  if doubt then doubt.listed[peer.id] = true end
end

-- Equal digests of nothing, at a T that is ahead of ours, are equal though all was lost here and has ended there.
local function agrees(self, peer, class)
  if self.doubts[class].listed[peer.id] then return true end
  local said = said_of(peer, class)
  return peer.verdicts[class] == "equal" and (said.n > 0 or peer.t <= self.beacon:tick() + TICKS)
end

-- Of the living whose address is proved, and who stand in the lab: how many hosts hold the same of CLASS; does anybody
-- hold something else; does anybody speak of it at all?
local function count(self, class)
  local hosts, n, other, company = {}, 0, false, false
  for _, peer in ipairs(self.peers.list) do
    local flow = self.peers:stands(peer.id) and self.peers:living(peer) and self.peers:best(peer)
    if flow and said_of(peer, class) then
      self.beacon:judge(peer)
      company, other = true, other or peer.verdicts[class] == "unequal"
      local who = flow.source.principal
      if agrees(self, peer, class) and not hosts[who] then hosts[who], n = true, n + 1 end
    end
  end
  return n, other, company
end

local function check_class(self, class, doubt)
  local now, n, other, company = self.loop:now(), count(self, class)
  if company then doubt.met = doubt.met or now end
  if n >= (doubt.spoken and 2 or 1) then
    doubt.agreed = doubt.agreed or now
    if not other or now - doubt.agreed >= WAIT then return self.dcache:agreed(class) end
  else
    doubt.agreed = nil
  end
  doubt.spoken = doubt.spoken or doubt.met and now - doubt.met >= QUIET
end

-- Looks whether a doubt can be lifted; by itself each second while there is one.
function confirm:check()
  for _, class in ipairs(in_doubt(self)) do
    if self.doubts[class] then check_class(self, class, self.doubts[class]) end
    if self.dcache:sure(class) then self.doubts[class] = nil end
  end
  if next(self.doubts) then return end
  self:stop()
  self.beacon:appear()
end

return confirm
