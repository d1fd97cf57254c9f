-- seen.lua - who was heard here, in this run and in earlier ones: names outlive their robots' silence. Asks nobody.
--
-- STATE/seen (lua/kept.lua) has rows [ID, NAME, TYPE, LAST, [ADDRESS…]]: first the nodes that proved an address, then
-- the others, each time the one heard last first. LAST is proved Unix time in ms, or 0. Where there are too many rows
-- the last ones go: keys cost nothing to make, a proved address does.
local json = require "core.json"
local node_name = require "node_name"
local text = require "core.text"
local sorted = require "sorted"

local seen = {}
seen.__index = seen

local ROWS_MAX = 256
local ADDRESSES_MAX, ADDRESS_BYTES = 4, 128
local NOWHERE = {}
local ID_BYTES, TYPE_BYTES = 52, 32

-- loop, time, peers (comms/peers.lua), id (this node's).
function seen.new(given)
  return setmetatable({ loop = given.loop, time = given.time, peers = given.peers, id = given.id, rows = {},
    count = 0 }, seen)
end

local function is_id(value)
  return type(value) == "string" and #value <= ID_BYTES and value:find "^[1-9A-HJ-NP-Za-km-z]+$" ~= nil
end

local function type_of(value)
  return type(value) == "string" and #value <= TYPE_BYTES and text.utf8(value) and value or nil
end

local function addresses_of(list)
  local found = {}
  for _, address in ipairs(type(list) == "table" and list or {}) do
    if type(address) == "string" and #address <= ADDRESS_BYTES and #found < ADDRESSES_MAX then
      found[#found + 1] = address
    end
  end
  return found
end

-- Is A to be forgotten before B?
local function lesser(a, b)
  if a.proved ~= b.proved then return b.proved end
  if a.heard ~= b.heard then return a.heard < b.heard end
  return a.id < b.id
end

-- Takes ROW in; where there is no room the least of all goes, itself perhaps.
local function insert(self, row)
  if not self.rows[row.id] then self.count = self.count + 1 end
  self.rows[row.id] = row
  if self.count <= ROWS_MAX then return end
  local least
  for _, other in pairs(self.rows) do -- any order
    if not least or lesser(other, least) then least = other end
  end
  self.rows[least.id], self.count = nil, self.count - 1
end

--- Takes in the rows of an earlier run, as they were kept; one that is not of their form is left out.
--- → true | false: they are no rows at all
function seen:load(rows)
  if type(rows) ~= "table" then return false end
  for i, row in ipairs(rows) do
    if type(row) == "table" and is_id(row[1]) and row[1] ~= self.id and type(row[2]) == "string"
      and node_name.is(row[2]) then
      local addresses = addresses_of(row[5])
      insert(self, { id = row[1], name = row[2], type = type_of(row[3]), last = math.tointeger(row[4]) or 0,
        addresses = addresses, proved = addresses[1] ~= nil, heard = -i })
    end
  end
  return true
end

--- ID was heard now, by the name NAME; TYPE where that is known. → is he new here, or has he another name?
function seen:note(id, name, kind)
  if id == self.id or type(name) ~= "string" or not node_name.is(name) then return false end
  local row = self.rows[id] or { id = id, last = 0, addresses = NOWHERE, proved = false }
  local news = row.name ~= name
  row.name, row.type, row.heard, row.here = name, type_of(kind) or row.type, self.loop:now(), true
  insert(self, row)
  return news and self.rows[id] ~= nil
end

-- What the peers know by now of a row: when he was heard last, and where.
local function refresh(self, row)
  local peer = self.peers.by_id[row.id]
  if peer then
    row.heard, row.here = math.max(peer.heard, row.heard), true
    local addresses = self.peers:addresses(peer, ADDRESSES_MAX)
    if addresses[1] then row.addresses, row.proved = addresses, true end
  end
  local now = self.time:proved_now()
  if row.here and now then row.last = math.max(0, now - (self.loop:now() - row.heard)) end
end

--- The rows in their order, as they are kept.
function seen:data()
  local list, data = {}, {}
  for _, id in ipairs(sorted.keys(self.rows)) do
    refresh(self, self.rows[id])
    list[#list + 1] = self.rows[id]
  end
  table.sort(list, function(a, b) return lesser(b, a) end)
  for i, row in ipairs(list) do
    data[i] = { row.id, row.name, row.type or "", row.last, json.array(addresses_of(row.addresses)) }
  end
  return json.array(data)
end

return seen
