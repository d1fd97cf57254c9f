-- kept_link.lua - a TCP connection that the policy names: dialled, and again whenever it ends. Frames nothing.
local backoff = require "backoff"
local dialled = require "routing.channels.dialled"
local frame = require "routing.channels.frame"
local links = require "routing.channels.links"

local kept_link = { outward = true }
kept_link.__index = kept_link

-- ms that a connection must last before it counts as a success: a server that is full takes us and sends us away again.
local STEADY = 10 * 1000

-- Tries that count, 4 to 8 s, where the other side spoke and it ended sooner: then it is the network that breaks it.
local SPOKE <const> = 3

local try

-- What a person has to mend, in the policy or over there, and only a certificate that is renewed mends itself.
local SLOW <const> = { certificate = true, itself = true, form = true }

local function again(self, waits)
  if self.closed then return end
  self.timer = self.loop:after(waits:next(), function() try(self) end)
end

local function failed(self, why, code, cure)
  self.reason, self.cure = why, dialled.cure(code, self.host) or cure
  self.log:once(("link %s %s"):format(self.address, code), "warn", "routing", "no link yet",
    { address = self.address, why = why })
  again(self, SLOW[code] and self.slow or self.backoff)
end

-- A name that leads to ourselves joins nobody, however long it lasts.
local function is_itself(self, link)
  if self.tls or self.proxy or not (link.own and self.is_listened_at(link.port)) then return false end
  link:close "address: it is ourselves"
  frame.refuse(self.account, "address", "itself")
  failed(self, ("address: %s is this node itself, %s"):format(self.host, link.address), "itself",
    "Name another in routing.channels of the policy, or take it out there.")
  return true
end

local function connected(self, link)
  if is_itself(self, link) then return end
  local since = self.loop:now()
  local added, text = self.add(link, { quiet = false, entry = self.entry, gone = function(reason)
    self.link, self.reason, self.cure = nil, reason, nil
    if self.loop:now() - since >= STEADY then
      self.backoff:reset()
    elseif link.heard.frames > 0 then
      self.backoff:at_most(SPOKE)
    end
    again(self, self.backoff)
  end })
  if not added then return failed(self, text) end
  self.link, self.reason = link, nil
  self.slow:reset()
  self.log:info("routing", "link up", { address = self.address })
end

function try(self)
  self.links:dial(self.host, self.port, function(link, text, code)
    if self.closed then return link and link:close() end
    if link then return connected(self, link) end
    failed(self, text, code)
  end, self.account, self)
end

--- The row of `status`.
function kept_link:status()
  local sums = links.sums(self.account)
  sums.address, sums.kind, sums.state = self.address, "tcp", self.link and "up" or "waiting"
  if not self.link then sums.reason, sums.cure = self.reason or "being dialled", self.cure end
  return sums
end

function kept_link:close()
  if self.closed then return end
  self.closed = true
  if self.timer then self.timer:cancel() end
  self.links:drop(self.account)
end

--- Begins to dial at once, and keeps the connection for ever, with a back-off.
---   loop, random, log
---   links      links.lua
---   add(link, options)  gives the link to the dispatcher
---   address    text, for people; family, host, port, tls, proxy: where and how, as dialled.lua takes it
---   entry      of the policy, to which it belongs (routing:add)
---   is_listened_at(port)  do we ourselves listen at that port?
---   near       what the policy says of it (links.account)
function kept_link.new(given)
  local self = setmetatable({ account = links.account(given.near), reason = "connecting",
    backoff = backoff.quick(given.random), slow = backoff.slow(given.random) }, kept_link)
  for _, name in ipairs { "loop", "log", "links", "add", "address", "host", "port", "family", "tls", "proxy",
    "entry", "is_listened_at" } do
    self[name] = given[name]
  end
  self.skips = function(address) return self.is_listened_at(self.port) and self.links.net.is_own(address) end
  try(self)
  return self
end

return kept_link
