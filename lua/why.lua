-- why.lua - why something is as it is, told by whoever knows. Knows no reason itself but what each code means.
--
-- A reason is a row of texts; what is not known is left out:
--   code   the refusal's code (the closed list of core.h) or the name of an errno; none: nothing was refused, it waits
--   what   what it is about
--   seen   the evidence: what was found, and where
--   cure   what would change it; of a row with a code it is that of the code unless the row has its own
-- A thing is a table that names one thing by its kind: { file = name or CID, own = true: in this node's folder only }
-- or { code = text }; more kinds come with who knows about them.
local cures = require "cures"
local listeners = require "listeners"

local why = {}
why.__index = why

local ROWS_MAX <const> = 64 -- about one thing
local FIELDS <const> = { "code", "what", "seen", "cure" }

why.fields = FIELDS

--- What a code means, as a row | nil where it is none.
function why.of_code(code)
  local known = cures.of(code)
  return known and { code = code, what = known.means, cure = known.cure }
end

function why.new()
  local self = setmetatable({ sources = listeners.new() }, why)
  self:add(function(thing) return thing.code and { why.of_code(thing.code) } end)
  return self
end

--- FN(thing) → an array of rows, or nil where it knows nothing of it. → a function that ends it.
function why:add(fn)
  return self.sources:add(function(rows, thing)
    for _, row in ipairs(fn(thing) or {}) do
      if #rows >= ROWS_MAX then return end
      local whole = {}
      for _, name in ipairs(FIELDS) do whole[name] = row[name] end
      local known = row.code and not row.cure and cures.of(row.code)
      if known then whole.cure = known.cure end
      rows[#rows + 1] = whole
    end
  end)
end

--- All that is known of why THING is as it is: rows, of those first who registered first; at most 64.
function why:of(thing)
  local rows = {}
  self.sources:call(rows, thing)
  return rows
end

return why
