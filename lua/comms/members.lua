-- members.lua - whom the view knows: where each was met, what was tried. Bounded and kept over restarts. Dials nobody.
--
-- Whoever was met once is never forgotten for being silent, else two halves of a swarm that lost each other for long
-- would stay apart. Only where there is no room for somebody new one goes: first who was never met, since a claim costs
-- nothing to make, then who was met the longest time ago.
local bounded = require "bounded"
local hash = require "core.hash"
local json = require "core.json"

local members = {}
members.__index = members

local MEMBERS_MAX <const> = 1024
local TEXTS_MAX, TEXT_BYTES <const> = 2, 80 -- addresses of each that are kept on the disk
local ID_BYTES <const> = 64

-- Who goes where there is no room.
local function least(things)
  local worst, at
  for i, _, one in things:each() do
    local goes = not worst
      or not one.linked and (worst.linked or (one.met or -math.huge) < (worst.met or -math.huge))
    if goes then worst, at = one, i end
  end
  return at
end

--- An empty table.
function members.new()
  return setmetatable({ table = bounded.new { limit = MEMBERS_MAX, victim = least } }, members)
end

--- Where node ID stands in the ring of all nodes, which nobody chooses (spec/PROTOCOL.md, Rank).
function members.place(id) return hash.blake2b("view " .. id) end

--- → the member of that ID | nil:
---   id, place
---   met       ms of the loop's clock when he was met last | nil; below 0: in an earlier run
---   texts     array of the addresses where he was
---   tries     how often he was dialled in vain since
---   retry_at  ms before which he is not dialled again while he is heard of
---   turn      ms when he was dialled last
---   asked     which of his addresses is next
---   heard     ms when a word of his addresses came last
---   linked    does a connection lead to him?
function members:get(id) return self.table:get(id) end

--- The same; he is made where he is new.
function members:add(id)
  local one = self.table:get(id)
  if one then return one end
  one = { id = id, place = members.place(id), texts = {}, tries = 0, retry_at = 0, turn = 0, asked = 0,
    heard = -math.huge }
  self.table:put(id, one)
  return one
end

--- For `for _, id, member in members:each()`, the oldest first.
function members:each() return self.table:each() end

function members:forget(id) self.table:forget(id) end

function members:count() return self.table:count() end

local function is_text(value) return type(value) == "string" and #value <= TEXT_BYTES end

--- What is kept: rows [ID, [ADDRESS…]] of those who were met, who was met last first | nil: nobody was
function members:data()
  local list, rows = {}, {}
  for _, _, one in self:each() do
    if one.met then list[#list + 1] = one end
  end
  if not list[1] then return nil end
  table.sort(list, function(a, b)
    if a.met ~= b.met then return a.met > b.met end
    return a.id < b.id
  end)
  for i, one in ipairs(list) do
    local texts = {}
    for _, text in ipairs(one.texts) do
      if #texts < TEXTS_MAX and is_text(text) then texts[#texts + 1] = text end
    end
    rows[i] = { one.id, json.array(texts) }
  end
  return json.array(rows)
end

--- Takes in the ROWS of an earlier run; what is not of their form is left out. SEEN(member) is called for each.
function members:load(rows, seen)
  for i, row in ipairs(type(rows) == "table" and rows or {}) do
    local id, texts = table.unpack(type(row) == "table" and row or {})
    if type(id) == "string" and #id <= ID_BYTES and type(texts) == "table" and i <= MEMBERS_MAX then
      local one = self:add(id)
      one.met = -i
      for _, text in ipairs(texts) do
        if is_text(text) and #one.texts < TEXTS_MAX then one.texts[#one.texts + 1] = text end
      end
      seen(one)
    end
  end
end

--- What `status` tells of it (bounded.lua's row).
function members:row() return self.table:row "members" end

return members
