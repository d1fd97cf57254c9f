-- links.lua - streams: those that policy names are dialled and kept, repairs get one when they ask. Frames nothing.
local links = {}
links.__index = links

local RETRY_MIN, RETRY_MAX = 1000, 5 * 60 * 1000

-- loop, random, log, routing, resolve(name, family, done(err, host)).
function links.new(given)
  local self = setmetatable({ kept = {}, servers = {} }, links)
  for _, name in ipairs { "loop", "random", "log", "routing", "resolve" } do self[name] = given[name] end
  self.routing.comms.dial = function(host, port, done) self:dial(host, port, done) end
  self.routing.statuses = function() return self:statuses() end
  return self
end

-- SERVER (channels/tcp.lua) accepts for us; the first one dials, too.
function links:serve(server)
  self.tcp = self.tcp or server
  table.insert(self.servers, server)
  server.on_link = function(link) self:accepted(link) end
end

-- The port that others may dial, 0 while there is none.
function links:port()
  local status = self.tcp and self.tcp:status()
  return status and status.state == "up" and status.port or 0
end

-- Somebody dialled us: quiet until he says a beacon over it, for a repair needs no news.
function links:accepted(link)
  self.routing:add(link, { quiet = true })
  link.on_handled = function(source)
    local facts = self.routing.comms.outbox.channels[link.name]
    if facts and facts.facts.quiet and source.spoke_beacon then facts.facts.quiet = nil end
  end
end

-- A link for a repair: closed by who asked for it.
function links:dial(host, port, done)
  self.tcp:dial(host, port, function(link, err, code)
    if not link then
      self.routing.refused(code or "closed")
      return done(nil, err, code)
    end
    self.routing:add(link, { quiet = true })
    done(link)
  end)
end

local function again(self, kept)
  kept.wait = math.min(RETRY_MAX, kept.wait * 2)
  kept.timer = self.loop:after(kept.wait // 2 + self.random:integer(kept.wait // 2), function() kept.try() end)
end

local function connected(self, kept, link)
  kept.link, kept.wait, kept.reason = link, RETRY_MIN, nil
  self.routing:add(link, { quiet = false })
  self.log:info("routing", "link up", { address = kept.address })
  local down = link.on_down
  link.on_down = function(...)
    down(...)
    kept.link = nil
    if not self.stopped then again(self, kept) end
  end
  self.routing.comms.beacon:appear()
end

local function failed(self, kept, err)
  kept.reason = err
  self.log:once("link " .. kept.address, "warn", "routing", "no link yet", { address = kept.address, why = err })
  again(self, kept)
end

-- Keeps a stream to that place for ever, with back-off. HOST may be a name: family 4 or 6, nil for a literal.
function links:keep(address, host, family, port)
  local kept = { address = address, wait = RETRY_MIN }
  local function try(where)
    self.tcp:dial(where, port, function(link, err)
      if self.stopped then return link and link:close() end
      if link then return connected(self, kept, link) end
      failed(self, kept, err)
    end)
  end
  function kept.try()
    if not family then return try(host) end
    self.resolve(host, family, function(err, found)
      if err or not found then return failed(self, kept, err or "no such name") end
      try(found)
    end)
  end
  table.insert(self.kept, kept)
  kept.try()
end

-- Facts of the servers with their links, and of links that are not up.
function links:statuses()
  local list = {}
  for _, server in ipairs(self.servers) do
    if not server.silent then list[#list + 1] = server:status() end
  end
  for _, kept in ipairs(self.kept) do
    if not kept.link then
      list[#list + 1] = { address = kept.address, kind = "tcp", state = "waiting", reason = kept.reason }
    end
  end
  return list
end

function links:stop()
  self.stopped = true
  for _, server in ipairs(self.servers) do server:close() end
  for _, kept in ipairs(self.kept) do
    if kept.timer then kept.timer:cancel() end
  end
end

return links
