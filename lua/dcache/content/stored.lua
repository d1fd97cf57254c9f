-- stored.lua - what is known of a copy, as a row of the database (files.lua), and a file's identity. It claims nothing.
local cid = require "core.cid"
local claim_data = require "dcache.content.claim_data"
local files = require "dcache.content.files"
local json = require "core.json"

local stored = {}

local TOLD <const> = { "made", "span", "verdict", "meta" } -- what its origin said of it besides

-- The file's facts as disk:stat gives them → what tells whether it is still the same.
function stored.identity(facts)
  local identity = {}
  for _, field in ipairs(files.identity) do identity[field] = facts[field] end
  return identity
end

--- IDENTITY as a text, which another identity has not.
function stored.identity_text(identity)
  local numbers = {}
  for i, field in ipairs(files.identity) do numbers[i] = ("%d"):format(identity[field]) end
  return table.concat(numbers, " ")
end

function stored.same(one, other)
  for _, field in ipairs(files.identity) do
    if one[field] ~= other[field] then return false end
  end
  return true
end

--- The row of FILE: { cid =, path =, identity =, origin = claim_data.origin's, also =, taken = ms, checked = ms }
function stored.row(file)
  local row, origin = { place = "store", path = file.path, cid = file.cid, taken = file.taken, checked = file.checked },
    file.origin
  for _, field in ipairs(files.identity) do row[field] = file.identity[field] end
  if not origin then return row end
  row.class, row.origin, row.name = origin.class, origin.from, origin.name
  for _, field in ipairs(TOLD) do row[field] = origin[field] end
  row.also = file.also and file.also[1] and json.encode(json.array(file.also)) or nil
  return row
end

local function also_of(row)
  local list = {}
  for _, one in ipairs(row.also and json.decode(row.also) or {}) do
    local ok = type(one) == "table" and type(one.from) == "string" and type(one.name) == "string"
    if ok then list[#list + 1] = { from = one.from, name = one.name } end
  end
  return list
end

--- The file of ROW, of an earlier run | nil: it names none.
function stored.file(row)
  if not cid.parse(row.cid) or row.path == "" then return nil end
  local origin = claim_data.origin(row.cid, { class = row.class, from = row.origin, name = row.name, made = row.made,
    span = row.span, verdict = row.verdict, meta = row.meta })
  return { cid = row.cid, path = row.path, name = row.path:match "([^/]+)$", identity = stored.identity(row),
    origin = origin, also = origin and also_of(row), taken = row.taken, checked = row.checked, saved = true,
    earlier = true }
end

return stored
