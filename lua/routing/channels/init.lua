-- init.lua - from the addresses that policy names to channel objects. Knows no socket.
local address = require "core.address"

local channels = {}

local LISTEN = { ["0.0.0.0"] = true, ["::"] = true }

-- One entry of routing.channels: an address, or { address, budget =, … } → options | nil, text, "address".
function channels.read(entry)
  local options = type(entry) == "table" and entry or { entry }
  local text, err = address.check(options[1] or "")
  if not text then return nil, err, "address" end
  local parts = address.parts(text)
  local host, port = parts[1], parts[2]
  if not port or not parts[3] or parts[3][1] ~= "dswarm-line" or parts[4] then
    return nil, "address: " .. text .. ": a channel is /ip4/A/udp/P/dswarm-line or /ip4/A/tcp/P/dswarm-line", "address"
  end
  return { address = text, family = host[1], host = host[2], kind = port[1], port = math.tointeger(tonumber(port[2])),
    budget = options.budget, cost = options.cost }
end

-- Listens at its host, or dials it? The rest of the world is dialled.
function channels.listens(options, is_own)
  return LISTEN[options.host] or (options.family:match "^ip" ~= nil and is_own(options.host))
end

-- Opens all that policy names. given: routing, links, list, udp(options), tcp_listen(options), is_own(host), log.
-- → true, or nil and the first text that is wrong (nothing opened).
function channels.open(given)
  local wanted = {}
  for i, entry in ipairs(given.list) do
    local options, err, word = channels.read(entry)
    if not options then return nil, ("routing.channels[%d]: %s"):format(i, err), word end
    wanted[i] = options
  end
  for _, options in ipairs(wanted) do
    if options.kind == "udp" then
      given.udp(options)
    elseif channels.listens(options, given.is_own) then
      given.tcp_listen(options)
    else
      given.links:keep(options.address, options.host, tonumber(options.family:match "^dns(%d)$"), options.port)
    end
  end
  return true
end

return channels
