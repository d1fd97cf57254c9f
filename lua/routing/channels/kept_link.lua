-- kept_link.lua - a TCP connection that the policy names: dialled, and again whenever it ends. Frames nothing.
local backoff = require "backoff"
local links = require "routing.channels.links"

local kept_link = {}
kept_link.__index = kept_link

-- ms that a connection must last before it counts as a success: a server that is full takes us and sends us away again.
local STEADY = 10 * 1000

local try

local function again(self)
  if self.closed then return end
  self.timer = self.loop:after(self.backoff:next(), function() try(self) end)
end

local function failed(self, why)
  self.reason = why
  self.log:once("link " .. self.address, "warn", "routing", "no link yet", { address = self.address, why = why })
  again(self)
end

local function connected(self, link)
  local since = self.loop:now()
  local added, text = self.add(link, { quiet = false, entry = self.entry, gone = function(reason)
    self.link, self.reason = nil, reason
    if self.loop:now() - since >= STEADY then self.backoff:reset() end
    again(self)
  end })
  if not added then return failed(self, text) end
  self.link, self.reason = link, nil
  self.log:info("routing", "link up", { address = self.address })
end

function try(self)
  self.links:dial(self.host, self.port, function(link, text)
    if self.closed then return link and link:close() end
    if link then return connected(self, link) end
    failed(self, text)
  end, self.account, self)
end

--- The row of `status`.
function kept_link:status()
  local sums = links.sums(self.account)
  sums.address, sums.kind, sums.state = self.address, "tcp", self.link and "up" or "waiting"
  sums.reason = not self.link and self.reason or nil
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
---   near       what the policy says of it (links.account)
function kept_link.new(given)
  local self = setmetatable({ account = links.account(given.near),
    backoff = backoff.quick(given.random) }, kept_link)
  for _, name in ipairs { "loop", "log", "links", "add", "address", "host", "port", "family", "tls", "proxy",
    "entry" } do
    self[name] = given[name]
  end
  try(self)
  return self
end

return kept_link
