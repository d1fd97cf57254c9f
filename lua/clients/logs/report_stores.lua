-- report_stores.lua - what `report` tells of stores, of cards, and of each robot: who takes what, and why not. It
-- changes nothing.
local safety = require "clients.logs.safety"
local shared_file = require "clients.control.shared_file"
local slices = require "slices"
local sorted = require "sorted"
local to_json = require "clients.control.to_json"

local report_stores = {}

local STORES_MAX <const>, ROBOTS_MAX <const> = 64, 1000 -- rows
local FIELDS <const> = { "bytes", "files", "free", "take", "domain" }

-- What stores that are here say; HOLDER: of clients/control/copies.lua. Words of one that is off hold for some minutes.
local function here(node, holder)
  local list = {}
  for _, row in ipairs(node.stores and node.stores:rows() or {}) do
    if holder(row.id).here then list[#list + 1] = row end
  end
  return list
end

--- Rows of what stores say of themselves; WHO(id) → { id, name, label, type }.
function report_stores.rows(node, who, holder)
  local list = {}
  for _, row in ipairs(here(node, holder)) do
    if #list >= STORES_MAX then break end
    local one = to_json.fields(row, FIELDS)
    one.node, one.age_ms, one.self = who(row.id), row.age, row.id == node.id or nil
    one.doing, one.waits = #row.doing, to_json.list(row.waits, to_json.value)
    list[#list + 1] = one
  end
  return list
end

-- Bytes a second of a file of SIZE, by what a store says of it | nil
local function rate_of(one, size) return one.rate and size and math.floor(one.rate * size / 100) or nil end

--- → a function from a CID and size to who is fetching it, as far as stores say: array of { node, percent, rate = bytes
--- a second | nil } | nil
function report_stores.coming(node, who, holder)
  local by_end = {}
  for _, row in ipairs(here(node, holder)) do
    for _, one in ipairs(row.doing) do
      by_end[one.c] = by_end[one.c] or {}
      table.insert(by_end[one.c], { node = who(row.id), percent = one.p, rate = one.rate })
    end
  end
  return function(cid, size)
    local list = by_end[cid:sub(-16)]
    return list and to_json.list(list, function(one)
      return { node = one.node, percent = one.percent, rate = rate_of(one, size) }
    end)
  end
end

-- → a function from an ID to what its copies count as | nil, each asked once
local function domains(node)
  local known = {}
  return function(id)
    if known[id] == nil then
      local row = node.stores and node.stores:of(id)
      known[id] = safety.domain(node, id, { domain = row and row.domain }) or false
    end
    return known[id] or nil
  end
end

-- Has anybody beside FROM a copy of the GROUP's files that counts?
local function is_safe(group, from, domain)
  for _, id in ipairs(group.copies) do
    if id ~= from and not group.carried[id] and domain(id) then return true end
  end
  return false
end

--- How many shared files of this node nobody else has whose copies count. GROUPS: file_view.groups.
function report_stores.unsafe(node, groups)
  local n, domain = 0, domains(node)
  for _, group in ipairs(groups) do
    for _, from in ipairs(group.gone and {} or group.from) do
      if from == node.id and not is_safe(group, from, domain) then n = n + group.n end
    end
  end
  return n
end

--- This node's own card: { free = bytes, full_ms } | nil: it does not fill, as far as is known.
function report_stores.card(node)
  local full = node.stores and node.stores:full_in(node.id)
  return full and { free = to_json.value(node.here().disk_free), full_ms = full } or nil
end

-- == a line a robot

-- Bytes a second that come here from each robot now, by ID.
local function rates(node)
  local by_id = {}
  for _, row in ipairs(node.content:fetching()) do
    if row.from and row.rate then by_id[row.from] = (by_id[row.from] or 0) + row.rate end
  end
  return by_id
end

-- How fast files go to other stores, in percent a second, by the end of the CID | nil: none does, as far as is known.
local function leaving(node)
  local by_end
  for _, row in ipairs(node.stores and node.stores:rows() or {}) do
    for _, one in ipairs(row.id ~= node.id and row.doing or {}) do
      by_end = by_end or {}
      if one.rate then by_end[one.c] = { rate = (by_end[one.c] or { rate = 0 }).rate + one.rate } end
    end
  end
  return by_end
end

-- Sums over all files of VIEW, by the ID of whose they are.
local function sums(node, view)
  local by_id, groups, domain, goes = {}, {}, domains(node), leaving(node)
  for text in view:each_text() do
    local _, _, packed = shared_file.head(text)
    local group = groups[packed] or shared_file.group(packed, view.ids, view.agrees)
    groups[packed] = group
    for _, from in ipairs(group.from) do
      local sum = by_id[from] or { files = 0, bytes = 0, waiting = 0, waiting_bytes = 0 }
      local size = shared_file.size(text) or 0
      by_id[from], sum.files, sum.bytes = sum, sum.files + 1, sum.bytes + size
      if not group.gone and not is_safe(group, from, domain) then
        local one = goes and goes[shared_file.cid(text):sub(-16)]
        sum.waiting, sum.waiting_bytes = sum.waiting + 1, sum.waiting_bytes + size
        sum.rate = one and (sum.rate or 0) + rate_of(one, size) or sum.rate
      end
    end
    slices.step(0.5)
  end
  return by_id
end

--- Of each robot whose files VIEW (file_view.lua) knows: { node, files, bytes, waiting = files without a copy elsewhere
--- that counts, waiting_bytes, eta_ms (nil: nothing goes now), safe, disk_free = percent, full_ms }, by ID, those
--- behind AFTER (an ID; nil: all), 1,000 at most. → the rows, the last one's ID where there are more | nil
function report_stores.robots(node, view, who, after)
  local by_id, rate, others, rows = sums(node, view), rates(node), node.diagnostics and node.diagnostics.others, {}
  for _, id in ipairs(sorted.keys(by_id)) do
    if #rows == ROBOTS_MAX then return rows, rows[ROBOTS_MAX].node.id end
    local sum, word = by_id[id], others and others:of(id)
    sum.node, sum.safe, sum.full_ms = who(id), sum.waiting == 0, node.stores and node.stores:full_in(id)
    sum.disk_free = word and not word.stale and word.said.disk_free or nil
    local speed = (rate[id] or 0) + (sum.rate or 0)
    sum.rate, sum.eta_ms = nil, speed > 0 and sum.waiting > 0 and sum.waiting_bytes * 1000 // speed or nil
    if not after or id > after then rows[#rows + 1] = sum end
  end
  return rows
end

return report_stores
