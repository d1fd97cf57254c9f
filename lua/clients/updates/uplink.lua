-- uplink.lua - whom a robot asks for what an update needs, so that one copy crosses the uplink of a LAN and the others
-- have it from there: a pure rule over who has it and who else waits. Asks nobody, keeps no time.
--
-- Where somebody of this LAN has the whole file, he alone is asked. Else the robots of this LAN that wait for it stand
-- in an order that all compute alike (rank.lua); the first asks elsewhere at once, and the one at place k when somebody
-- elsewhere could have been asked for k times as long as one copy may take. Who is near and gives nothing for long, or
-- all of it too slowly, holds up nobody.
local rank = require "rank"

local uplink = {}

local BASE <const>, RATE <const> = 60 * 1000, 100 -- ms; bytes/ms: that one copy may take
local STUCK <const> = 60 * 1000 -- ms in which nothing came of who is near, after which others are asked, too

--- ms that the next one waits for a copy of SIZE bytes.
function uplink.share(size) return BASE + size // RATE end

--- The place of node ID, from 0, among NEAR (IDs of living robots of its LAN that wait for the file, or may).
function uplink.place(cid, id, near)
  local ids, seen = { id }, { [id] = true }
  for _, one in ipairs(near) do
    if not seen[one] then seen[one], ids[#ids + 1] = true, one end
  end
  for i, one in ipairs(rank.of(cid, ids)) do
    if one == id then return i - 1 end
  end
end

--- Those of SOURCES who are of this LAN.
function uplink.near(sources)
  local list = {}
  for _, source in ipairs(sources) do
    if not source.far then list[#list + 1] = source end
  end
  return list
end

--- given.sources  those who are there and have the file: { id =, far = are they in no network of ours? } each
--- given.place    fn() → uplink.place
--- given.size     bytes of the file
--- given.moved    when the last byte of it came from who is near, or it was begun (ms) | nil: it is not begun
--- given.begun    when it was begun, or another one who is near came to have it (ms) | nil
--- given.since    since when somebody elsewhere could be asked, as the look before told (ms) | nil
--- given.now      ms
--- → those who may be asked now, since when somebody elsewhere could be | nil, place, ms until it is this robot's turn
function uplink.look(given)
  local near = uplink.near(given.sources)
  local is_stuck = given.moved ~= nil and (given.now - given.moved >= STUCK
    or given.now - given.begun >= uplink.share(given.size))
  if near[1] and (not is_stuck or not given.sources[#near + 1]) then return near end
  if not given.sources[1] then return near end
  local since, place = given.since or given.now, given.place()
  local left = place * uplink.share(given.size) - (given.now - since)
  if left > 0 then return near, since, place, left end
  return given.sources, since, place, 0
end

return uplink
