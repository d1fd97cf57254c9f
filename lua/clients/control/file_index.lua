-- file_index.lua - the files that records speak of: who shares each by which name, who holds a copy. Fetches none.
--
-- What a robot shares is told by share/files. A holder's claim (share/safe) stands by itself: where the robot does not
-- say that it has the file, its name and origin are taken from there. The file is "gone there" only where that is
-- known. That nothing was heard is no proof: the robot's words may be refused here, or still on their way.
local slices = require "slices"
local sorted = require "sorted"

local file_index = {}

local AT_ONCE <const> = 32 -- statements that are read without a break

local function file_of(found, record)
  local file = found.by_cid[record.key]
  if not file then
    file = { cid = record.key, named = {}, by_name = {}, copies = {}, holder = {}, safe = false }
    found.by_cid[record.key], found.list[#found.list + 1] = file, file
  end
  local at = not record.undated and record.at or nil
  file.at = at and math.min(file.at or at, at) or file.at
  file.size = file.size or math.tointeger(record.data.size)
  file.class = file.class or record.data.class
  return file
end

local function add_holder(file, id)
  if file.holder[id] then return end
  file.holder[id] = true
  file.copies[#file.copies + 1] = id
end

-- HELD: no word of its origin stands that gives the file that name; GONE: and it is known that he does not share it.
-- FURTHER: the claim has it beside its own name.
local function add_name(file, record, name, from, held, gone, further)
  local slot = from .. " " .. name
  local known = file.by_name[slot]
  if known then known.further = known.further and further end
  if type(name) ~= "string" or known then return end
  local one = { file = file, name = name, from = from, held = held, gone = gone, further = further,
    at = not record.undated and record.at or nil, size = math.tointeger(record.data.size) }
  file.by_name[slot], file.named[#file.named + 1] = one, one
end

local function share(found, record)
  local file = file_of(found, record)
  local names = type(record.data.names) == "table" and record.data.names or {}
  for _, name in ipairs(names) do
    if type(name) == "string" then add_name(file, record, name, record.signer, false, false) end
  end
  file.safe = file.safe or #file.copies > 0
  file.shared = true
  add_holder(file, record.signer)
end

--- Is it known that FROM no longer shares what a holder claims to have from him? SAID: his own word about it, or nil;
-- node: the one that asks. His word unsays it, is over, or gives the file other names; or he is here, and all that he
-- says is known.
function file_index.is_gone(node, said, from)
  if not said then return from == node.id or node.discovery:agrees(from, "share/files") end
  if said.verb == "dismiss" or said.holds then return true end
  local now = node.time:now()
  return not said.malformed and now ~= nil and said.valid_until ~= nil and said.valid_until * 1000 <= now
end

-- A name that a holder's claim gives the file.
local function claimed(found, file, record, name, from, further)
  local known = file.by_name[from .. " " .. name]
  if known then
    known.further = known.further and further
    return
  end
  local said = found.node.dcache:statement_of("share/files", record.key, from)
  add_name(file, record, name, from, true, file_index.is_gone(found.node, said, from), further)
end

local function hold(found, record)
  local file, data = file_of(found, record), record.data
  if data.name and data.from then claimed(found, file, record, data.name, data.from, false) end
  for _, one in ipairs(data.also or {}) do claimed(found, file, record, one.name, one.from or data.from, true) end
  file.safe = file.safe or not file.holder[record.signer]
  add_holder(file, record.signer)
end

local function by_name(a, b)
  if a.held ~= b.held then return b.held end
  if a.gone ~= b.gone then return b.gone end
  if a.name ~= b.name then return a.name < b.name end
  return a.from < b.from
end

-- A robot that renames a file and uses the old name for another, as with logs that rotate, means the other by it.
local function without_reused(found)
  local main = {}
  for _, file in ipairs(found.list) do
    for slot, one in pairs(file.by_name) do main[slot] = main[slot] or not one.further end -- any order: a set
    slices.step(0.2)
  end
  for _, file in ipairs(found.list) do
    for i = #file.named, 1, -1 do
      local one = file.named[i]
      if one.further and main[one.from .. " " .. one.name] then table.remove(file.named, i) end
    end
    slices.step(0.2)
  end
end

local function finish(file)
  table.sort(file.named, by_name)
  local names, from, gone = {}, {}, not file.shared
  file.from = {}
  for _, one in ipairs(file.named) do
    names[one.name], gone = true, gone and one.gone
    if not from[one.from] then
      from[one.from] = true
      file.from[#file.from + 1] = one.from
    end
  end
  file.names, file.gone = sorted.keys(names), gone
end

-- FN(statement) for each in BUCKET.
local function each_statement(dcache, bucket, fn)
  local row = 0
  repeat
    local list
    list, row = dcache:rows(bucket, row, AT_ONCE)
    for _, one in ipairs(list) do fn(one) end
    slices.step(4 * AT_ONCE)
  until not row
end

--- Files that somebody shares or holds, as NODE knows, sorted by name and CID: { cid, size (bytes), class, at (ms),
-- names (sorted), named = { { file, name, from = ID, held, gone, at, size } … } (shared ones first), from (IDs of
-- origins), copies (IDs of who has it), gone = it is known that no origin shares it any more, safe = somebody beside an
-- origin says that he holds every block }; the same by CID.
function file_index.files(node)
  local found, dcache = { node = node, list = {}, by_cid = {} }, node.dcache
  each_statement(dcache, "share/files", function(record)
    if record.holds then share(found, record) end
  end)
  each_statement(dcache, "share/safe", function(record)
    if record.holds then hold(found, record) end
  end)
  without_reused(found)
  for _, file in ipairs(found.list) do
    finish(file)
    file.by_name = nil
    slices.step(0.5)
  end
  slices.sort(found.list, function(a, b)
    local first, second = a.named[1] and a.named[1].name or "", b.named[1] and b.named[1].name or ""
    if first ~= second then return first < second end
    return a.cid < b.cid
  end)
  return found.list, found.by_cid
end

return file_index
