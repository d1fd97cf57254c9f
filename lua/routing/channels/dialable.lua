-- dialable.lua - at which addresses of this machine others can dial its listeners, public ones first. Opens nothing.
local addresses = require "comms.addresses"
local sources = require "dcache.content.sources"

local dialable = {}

local EVERYWHERE <const> = { ["0.0.0.0"] = 4, ["::"] = 6 }

-- Hosts of the interfaces in LIST that are up and that somebody else can mean, too.
local function hosts_of(list)
  local public, private = {}, {}
  for _, one in ipairs(list or {}) do
    if one.up and not one.loopback and not sources.is_local_only(one.host) then
      local is_private = addresses.is_private(one.host)
      table.insert(is_private and private or public, { host = one.host, family = one.family, lan = is_private })
    end
  end
  return table.move(private, 1, #private, #public + 1, public)
end

--- LISTENERS: array of { host =, port = }, open; INTERFACES: core.net's interfaces().
--- → array, the first to be tried first, of { address = multiaddr, lan = is it in a private range?, own = true }
function dialable.rows(listeners, interfaces)
  local rows, seen = {}, {}
  for _, each in ipairs(hosts_of(interfaces)) do
    for _, one in ipairs(listeners) do
      local text = ("/ip%d/%s/tcp/%d/dswarm-line"):format(each.family, each.host, one.port)
      if (one.host == each.host or EVERYWHERE[one.host] == each.family) and not seen[text] then
        seen[text] = true
        rows[#rows + 1] = { address = text, lan = each.lan, own = true }
      end
    end
  end
  return rows
end

return dialable
