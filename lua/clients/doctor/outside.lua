-- outside.lua - does the router answer, are names looked up? Asks the own router and the own resolver, nobody else.
local network = require "clients.doctor.network"

local outside = {}

local EVERY <const> = 1000 -- ms between two looks
local SOON <const> = 100 -- ms to the first one
local LOOKS <const> = 9 -- at most
local DEAD <const> = 3 -- looks in a row that find nobody
local DISCARD <const> = 9 -- port: whoever answers there at all says that he is not there (RFC 863)

-- A connection to the router's discard port: whether it is refused or taken, he answered. → "alive" | "dead" | nil
local function knock(stream)
  local done, _, code = stream:finished()
  if done or code == "ECONNREFUSED" then return "alive" end
  if code and code ~= "EAGAIN" and code ~= "EINPROGRESS" then return "dead" end
end

--- given.loop, net (core.net), root   DONE(finding as network.lua has them): of net_gateway_dead
function outside.gateway(given, done)
  local host = network.gateway(given.root)
  if not host then return given.loop:post(function() done(nil) end) end
  local stream = given.net.connect { host = host, port = DISCARD }
  local looks, missing, timer = 0, 0, nil
  local function over(found)
    timer:cancel()
    if stream then stream:close() end
    done(found)
  end
  local function look()
    looks = looks + 1
    local heard = stream and knock(stream)
    if heard == "alive" then return over(false) end
    local there = network.has_neighbour(given.root, host)
    missing = there == false and missing + 1 or 0
    if missing >= DEAD then return over(("%s: no answer, and nobody has that address"):format(host)) end
    if looks >= LOOKS then over(not there and ("%s: no answer"):format(host) or false) end
  end
  timer = given.loop:after(SOON, function()
    timer = given.loop:every(EVERY, look)
    look()
  end)
end

local NAMES <const> = { dns4 = 4, dns6 = 6 }
local SILENT_MS <const> = 7000 -- a resolver waits longer than people do

--- The names in CHANNELS, entries of routing.channels: { name, family } each, each once.
function outside.names(channels)
  local list, seen = {}, {}
  for _, entry in ipairs(channels) do
    for kind, name in entry.address:gmatch "/(dns[46])/([^/]+)" do
      if not seen[name] then
        seen[name] = true
        list[#list + 1] = { name = name, family = NAMES[kind] }
      end
    end
  end
  return list
end

--- given.loop, channels   DONE(net_dns_dead, net_dns_no_name): findings as network.lua has them
function outside.dns(given, done)
  local names = outside.names(given.channels)
  local left, dead, unknown = #names, {}, {}
  if left == 0 then return given.loop:post(function() done(nil, nil) end) end
  local timer
  local function finish()
    if not timer then return end
    timer:cancel()
    timer = nil
    local is_dead = #dead == #names
    done(dead[1] and table.concat(dead, "; ") or false,
      unknown[1] and table.concat(unknown, "; ") or not is_dead and false or nil)
  end
  timer = given.loop:after(SILENT_MS, function()
    for _, one in ipairs(names) do
      if not one.is_over then dead[#dead + 1] = ("%s: no answer in %d s"):format(one.name, SILENT_MS // 1000) end
    end
    finish()
  end)
  for _, one in ipairs(names) do
    given.loop:resolve(one.name, one.family, function(err)
      one.is_over = true
      if not timer then return end
      if err and (err:find "^EAI_NONAME" or err:find "^EAI_NODATA" or err:find "^ENOENT") then
        unknown[#unknown + 1] = err
      elseif err then
        dead[#dead + 1] = err
      end
      left = left - 1
      if left == 0 then finish() end
    end)
  end
end

return outside
