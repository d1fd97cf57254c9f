-- outside.lua - does the router answer, are names looked up? Asks the own router and the own resolver, nobody else.
local network = require "clients.doctor.network"

local outside = {}

local EVERY <const> = 500 -- ms between two looks
local LOOKS <const> = 14 -- at most
local DEAD <const> = 6 -- looks in a row that find nobody at his address
-- Whoever answers at any of these, be it that nothing listens there, is alive: discard (RFC 863), names, pages. A
-- router may drop what comes to some of them.
local PORTS <const> = { 9, 53, 80, 443 }

-- Has the other end of STREAM answered, be it that he refuses?
local function has_answered(stream)
  local done, _, code = stream:finished()
  return done or code == "ECONNREFUSED"
end

local function knock(given, host)
  local streams = {}
  for _, port in ipairs(PORTS) do streams[#streams + 1] = given.net.connect { host = host, port = port } end
  return streams
end

local function any_answered(streams)
  for _, stream in ipairs(streams) do
    if has_answered(stream) then return true end
  end
  return false
end

--- given.loop, net (core.net), root
--- given.beyond   fn() → was somebody heard lately who is reached by the router? Then it is alive
--- DONE(finding as network.lua has them): of net_gateway_dead. → a function that gives it up
function outside.gateway(given, done)
  local host = network.gateway(given.root)
  if not host then
    given.loop:post(function() done(nil) end)
    return function() end
  end
  local streams = knock(given, host)
  local looks, missing, timer = 0, 0, nil
  local function give_up()
    timer:cancel()
    for _, stream in ipairs(streams) do stream:close() end
    streams = {}
  end
  local function over(found)
    give_up()
    done(found)
  end
  timer = given.loop:every(EVERY, function()
    looks = looks + 1
    if any_answered(streams) or given.beyond() then return over(false) end
    missing = network.has_neighbour(given.root, host) == false and missing + 1 or 0
    if missing >= DEAD then return over(("%s: nobody has that address (/proc/net/arp)"):format(host)) end
    if looks >= LOOKS then
      over(("%s: no answer at TCP ports %s"):format(host, table.concat(PORTS, ", ")))
    end
  end)
  return give_up
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

-- What was seen of LIST, texts; IS_KNOWN: nothing there means that it is not so.
local function finding(list, is_known)
  if list[1] then return table.concat(list, "; ") end
  if is_known then return false end
end

--- given.loop, channels
--- given.resolve   fn(name, 4 or 6, done(text of what is wrong | nil)): looks a name up
--- DONE(net_dns_dead, net_dns_no_name): findings as network.lua has them
function outside.dns(given, done)
  local names = outside.names(given.channels)
  local left, dead, unknown = #names, {}, {}
  if left == 0 then return given.loop:post(function() done(nil, nil) end) end
  local timer
  local function finish()
    if not timer then return end
    timer:cancel()
    timer = nil
    if #dead < #names then -- the resolver does answer: of some names nobody tells it anything
      table.move(dead, 1, #dead, #unknown + 1, unknown)
      dead = {}
    end
    done(finding(dead, true), finding(unknown, not dead[1]))
  end
  timer = given.loop:after(SILENT_MS, function()
    for _, one in ipairs(names) do
      if not one.is_over then dead[#dead + 1] = ("%s: no answer in %d s"):format(one.name, SILENT_MS // 1000) end
    end
    finish()
  end)
  for _, one in ipairs(names) do
    given.resolve(one.name, one.family, function(err)
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
