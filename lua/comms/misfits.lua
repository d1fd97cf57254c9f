-- misfits.lua - from where beacons came whose signatures do not fit: forged, or of another swarm. Refuses nothing.
local misfits = {}
misfits.__index = misfits

local HOSTS_MAX = 16 -- remembered
local LAST_MS, LEAST = 5 * 60 * 1000, 2 -- so long; and so many of one host before it counts

--- given.loop  the event loop, for its clock
function misfits.new(given) return setmetatable({ loop = given.loop, hosts = {} }, misfits) end

--- One more came from HOST.
function misfits:add(host)
  local list, one = self.hosts, nil
  for i, other in ipairs(list) do
    if other.host == host then one = table.remove(list, i) end
  end
  one = one or { host = host, count = 0 }
  one.count, one.last = one.count + 1, self.loop:now()
  list[#list + 1] = one
  if #list > HOSTS_MAX then table.remove(list, 1) end -- heard of least recently
end

--- Hosts from which such came of late, by address: those from which several came, and those from which one alone did,
-- which anybody may have forged: two arrays of { host =, count = }.
function misfits:list()
  local several, once, now = {}, {}, self.loop:now()
  for _, one in ipairs(self.hosts) do
    if now - one.last < LAST_MS then
      table.insert(one.count >= LEAST and several or once, { host = one.host, count = one.count })
    end
  end
  for _, list in ipairs { several, once } do table.sort(list, function(a, b) return a.host < b.host end) end
  return several, once
end

return misfits
