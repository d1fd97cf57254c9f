-- dialled.lua - a stream to a place elsewhere: a name is looked up, then connected to, once. Frames nothing.
local dialled = {}

local TIMEOUT_MS <const> = 10000
local ADDRESSES_MAX <const> = 4 -- of one name that are tried

-- Which addresses are asked for where the host is a name.
local FAMILIES <const> = { dns4 = 4, dns6 = 6 }

local Dial = {}
Dial.__index = Dial

-- The end, once: what was made on the way goes, but for the stream that is handed on.
local function finish(self, stream, text, code)
  if self.over then return end
  self.over = true
  self.timer:cancel()
  if self.turn then self.turn:cancel() end
  if self.watch then self.watch:close() end -- before the next owner watches the same fd
  if self.through then self.through:close() end
  if self.stream and not stream then self.stream:close() end
  self.done(stream, text, code, self.address)
end

local connect

-- That address failed: the next one of the name, or the end.
local function failed(self, text, code)
  if self.over then return end
  if not self.others[1] then return finish(self, nil, text, code) end
  if self.turn then self.turn:cancel() end
  if self.watch then self.watch:close() end
  if self.stream then self.stream:close() end
  self.turn, self.watch, self.stream = nil, nil, nil
  connect(self, table.remove(self.others, 1))
end

local function connected(self)
  local could, text, code = self.stream:finished()
  if could then return finish(self, self.stream) end
  if code ~= "EINPROGRESS" then return failed(self, text, code) end
end

-- By way of a proxy, or through TLS: libcurl looks the name up, too.
local function connect_through(self, where)
  local text, code
  if not self.dial_through then return finish(self, nil, "kind: no TLS and no proxies here", "kind") end
  self.through, text, code = self.dial_through { host = self.host, port = self.port, tls = where.tls,
    proxy = where.proxy, family = FAMILIES[where.family], timeout_ms = self.timeout_ms }
  if not self.through then return finish(self, nil, text, code) end
  self.watch, text, code = self.loop:watch(self.through:fd(), "r", function()
    local stream, why, word = self.through:finished()
    if not stream then return finish(self, nil, (why:gsub(" after %d+ ms", "")), word) end -- the same each time
    if why ~= "" then self.address = why end
    finish(self, stream)
  end)
  if not self.watch then finish(self, nil, text, code) end
end

-- Connects to the IP address ADDRESS. Where the name has OTHERS, none of them takes all the time.
function connect(self, address)
  local text, code
  self.address = address
  self.stream, text, code = self.net.connect { host = address, port = self.port }
  if not self.stream then return failed(self, text, code) end
  self.watch, text, code = self.loop:watch(self.stream:fd(), "w", function() connected(self) end)
  if not self.watch then return failed(self, text, code) end
  if not self.others[1] then return end
  self.turn = self.loop:after(self.timeout_ms // ADDRESSES_MAX, function()
    failed(self, "slow: no answer from " .. address, "slow")
  end)
end

-- The addresses of a name without those that SKIPS names, since one of several servers is among them itself; where all
-- are, they stay, and whoever dials sees what is wrong.
local function without(list, skips)
  local others = {}
  for _, one in ipairs(list) do
    if not (skips and skips(one)) then others[#others + 1] = one end
  end
  return others[1] and others or list
end

local function look_up(self, family)
  self.resolve(self.host, family, function(text, found, all)
    if self.over then return end
    if found and not text then
      self.others = table.move(without(all or { found }, self.skips), 1, ADDRESSES_MAX, 1, {})
      return connect(self, table.remove(self.others, 1))
    end
    local word = text and text:match "^(%l+): " -- else it is the resolver's own
    if not word then text = ("address: %s has no IPv%d address (%s)"):format(self.host, family, text or "none") end
    finish(self, nil, text, word or "address")
  end)
end

local function start(self, where)
  if self.over then return end
  if where.tls or where.proxy then return connect_through(self, where) end
  if FAMILIES[where.family] then return look_up(self, FAMILIES[where.family]) end
  connect(self, self.host)
end

function Dial:cancel()
  self.done = function() end
  finish(self, nil)
end

--- Connects, and later calls done(stream, nil, nil, address) or done(nil, text, code, address), once. ADDRESS: the IP
--- address that was connected to, nil where there was none yet, or where only the proxy knows. STREAM: of core.net.
---   given.loop, given.net
---   given.resolve     resolve(name, 4 or 6, done(text, address, all of them)); only where hosts may be names
---   given.dial_through  core.http's dial; only where TLS and proxies may be asked for
---   where.family      "ip4", "ip6" or nil: the host is an IP address; "dns4", "dns6": a name
---   where.host, where.port  text and integer
---   where.tls         bool: TLS, whose certificate the system vouches for
---   where.proxy       text "socks5h://HOST:PORT" or "http://HOST:PORT" (CONNECT), or nil
---   where.skips       fn(address) → bool, or nil: is it one that the name's others go before?
---   where.timeout_ms  for all of it: 10,000 unless given; then the code is "slow"
--- → cancel(): nothing is called any more; it may be called at any time, twice too
function dialled.open(given, where, done)
  local self = setmetatable({ loop = given.loop, net = given.net, resolve = given.resolve, host = where.host,
    port = where.port, skips = where.skips, dial_through = given.dial_through, done = done,
    timeout_ms = where.timeout_ms or TIMEOUT_MS, others = {} }, Dial)
  self.timer = self.loop:after(self.timeout_ms, function()
    local by = where.proxy and " by " .. where.proxy or ""
    finish(self, nil, ("slow: no answer from %s port %d%s"):format(self.host, self.port, by), "slow")
  end)
  self.loop:post(function() start(self, where) end)
  return function() self:cancel() end
end

--- What a person can do where HOST could not be dialled because of CODE | nil: what the word itself says.
function dialled.cure(code, host)
  if code == "address" then return ("See whether this machine finds it: getent hosts %s"):format(host) end
end

return dialled
