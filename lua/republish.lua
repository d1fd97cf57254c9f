-- republish.lua - what a node says again: after its time leapt, or when its own old statements came back. Stamps none.
local forms = require "dcache.forms"
local json = require "core.json"
local signer = require "dcache.signer"
local walk = require "dcache.walk"

local republish = {}
republish.__index = republish

local SAY_AGAIN = 200 -- ms in which what we learn of the time is gathered
local APART = 10 * 60 * 1000 -- ms that make another time (lua/time.lua)
local OWN_WAIT, OWN_EVERY = 60 * 1000, 60 * 60 * 1000 -- ms after statements of our own came back; between two such
local BUCKETS = { "share/files", "share/safe" }

-- Peers' statements are witnesses of the time when they state a clock of their own; where nothing is proved their
-- beacons tell it.
local function listen_for_time(self)
  local node, time, time_evidence = self.node, self.node.time, self.node.comms.time_evidence
  local function own_source(st) -- what has not the form of its bucket says nothing, here neither
    local data = forms.read("peer", st.key, json.decode(st.data))
    return data ~= nil and data.clock == "own"
  end
  local function listen() -- it may be the first that states a clock
    if time.quality == "none" then time:refresh() end
  end
  node.comms:on_statement("peer", function(st, source)
    if not source or st.signer == node.id then return end
    time_evidence:heard(st.signer)
    if st.verb == "propose" then time:witness(st.signer, st.at, own_source(st)) end
    listen()
  end)
  node.comms:on_back(listen)
  node.dcache.trust:on_change(function(_, lost) -- the witnesses of a lab are its members
    for _, id in ipairs(lost) do time:forget(id) end
  end)
  time_evidence:on_clock(listen)
  time_evidence:on_witness(function(st) time:testify(st.signer, st.at, own_source(st)) end)
  self.epoch = time.quality ~= "none" and time:now() - node.loop:now() or nil
  time.claims = function() return time_evidence:claims() end
  time:on_proved(function(now)
    if node.dcache:new_time(now) > 0 then self.epoch = nil end
    node.comms.beacon:appear() -- its T is another one, which may tell the time to others
  end)
  time:on_leap(function() self:say() end)
end

-- What was unsaid by a time that was not is unsaid again: others may have refused to hear it.
local function unsay(self)
  local node = self.node
  self:rest()
  for i, bucket in ipairs(BUCKETS) do
    self.walks[i] = walk.start(node.loop, node.dcache, bucket, function(record)
      if record.mine and record.verb == "dismiss" and signer.redate(node.time, node.loop, record) then
        node.comms:dismiss(bucket, { key = record.key })
      end
    end, function() end)
  end
end

local function each_part(node, what)
  if node.content then node.content[what](node.content) end
  node.clients:each(what)
end

local function say(self)
  local node, before = self.node, self.epoch
  self.leapt, self.epoch = nil, node.time:now() - node.loop:now()
  node.dcache:own_future()
  node.clients:each "new_time"
  unsay(self)
  if before and math.abs(self.epoch - before) <= APART then return end -- the first proof of a time that we had
  each_part(node, "say_again")
end

-- What was stamped by another time than the one now known is made again; leaps that come together, once.
function republish:say()
  if self.leapt or self.stopped then return end
  self.leapt = self.node.loop:after(SAY_AGAIN, function() say(self) end)
end

local function put_right(self)
  self.righting, self.righted = nil, self.node.loop:now()
  each_part(self.node, "put_right")
end

-- Others still hold statements of ours that this disk does not know: an older image of it, or a loss. What they say
-- falsely is put right, but rarely: a twin with our key would else be answered word by word.
local function listen_for_own(self)
  local loop = self.node.loop
  self.node.comms:on_own(function(st)
    if self.righting or self.stopped or not st.bucket:find "^share/" then return end
    local next_one = (self.righted or -OWN_EVERY) + OWN_EVERY - loop:now()
    self.righting = loop:after(math.max(OWN_WAIT, next_one), function() put_right(self) end)
  end)
end

-- Listens for NODE, whose dcache and comms stand; content and clients where there are any by then.
function republish.new(node)
  local self = setmetatable({ node = node, walks = {} }, republish)
  listen_for_time(self)
  listen_for_own(self)
  return self
end

-- Looks no further through records.
function republish:rest()
  for _, one in ipairs(self.walks) do one.stop() end
end

function republish:stop()
  self.stopped = true
  self:rest()
  if self.leapt then self.leapt:cancel() end
  if self.righting then self.righting:cancel() end
end

return republish
