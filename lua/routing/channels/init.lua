-- init.lua - from the addresses that policy names to channel objects. Knows no socket.
local address = require "core.address"

local channels = {}

channels.DEFAULT_PORT = 3825

local LISTEN = { ["0.0.0.0"] = true, ["::"] = true }

-- One entry of routing.channels as policy:get gives it, { address =, budget =, … } → options | nil, text, "address".
function channels.read(options)
  local text, err = address.check(options.address)
  if not text then return nil, err, "address" end
  local parts = address.parts(text)
  local host, port = parts[1], parts[2]
  if not port or not parts[3] or parts[3][1] ~= "dswarm-line" or parts[4] then
    return nil, "address: " .. text .. ": a channel is /ip4/A/udp/P/dswarm-line or /ip4/A/tcp/P/dswarm-line", "address"
  end
  return { address = text, family = host[1], host = host[2], kind = port[1], port = math.tointeger(tonumber(port[2])),
    budget = options.budget, cost = options.cost }
end

-- Listens at its host, or dials it? Datagrams are always heard; the rest of the world is dialled.
function channels.listens(options, is_own)
  return options.kind == "udp" or LISTEN[options.host] or (options.family:match "^ip" ~= nil and is_own(options.host))
end

-- Opens all that policy names, listeners first. given: list, links, is_own(host), udp(options) and tcp(options) →
-- channel object. → true, or nil and what is wrong with the first bad entry (then nothing was opened).
function channels.open(given)
  local listen, dial = {}, {}
  for i, entry in ipairs(given.list) do
    local options, err, code = channels.read(entry)
    if not options then return nil, ("routing.channels[%d]: %s"):format(i, err), code end
    local list = channels.listens(options, given.is_own) and listen or dial
    list[#list + 1] = options
  end
  for _, options in ipairs(listen) do
    if options.kind == "udp" then
      given.links.routing:add(given.udp(options), { medium = true })
    else
      given.links:serve(given.tcp(options))
    end
  end
  if not given.links.tcp then given.links:serve(given.tcp { host = "0.0.0.0", port = 0, silent = true }) end
  for _, options in ipairs(dial) do
    given.links:keep(options.address, options.host, tonumber(options.family:match "^dns(%d)$"), options.port)
  end
  return true
end

return channels
