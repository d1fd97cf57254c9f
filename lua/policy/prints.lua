-- prints.lua - what a hook consists of, so that those of two policies can be compared. Runs inside the fence.
--
-- A hook is its text and the values that it uses from outside of it: a number in a local, a function that it calls, a
-- table. Where a function stands is told by file and lines; the host has the texts.
local inner = ...
local prints = {}

local PARTS_MAX <const> = 2000 -- of one hook; what has more is compared by these

local add

local function add_function(out, func)
  local file, first, last = inner.where(func)
  out[#out + 1] = { file, first, last }
  local i, name, value = 1, inner.upvalue(func, 1)
  while name do
    if name ~= "_ENV" then
      out[#out + 1] = name
      add(out, value)
    end
    i = i + 1
    name, value = inner.upvalue(func, i)
  end
end

-- What has a metatable is the policy itself or a library: no value of the hook.
local function add_table(out, table_)
  if inner.getmetatable(table_) then return end
  local texts = {}
  for key in inner.next, table_ do
    if type(key) == "string" or type(key) == "number" then texts[#texts + 1] = key end
  end
  inner.names.sort(texts, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(texts) do
    out[#out + 1] = tostring(key)
    add(out, table_[key])
  end
end

local ADD = { ["function"] = add_function, table = add_table }

function add(out, value)
  if #out >= PARTS_MAX then return end
  local kind = type(value)
  if not ADD[kind] then
    out[#out + 1] = ("%s %s"):format(kind, tostring(value))
  elseif not out.seen[value] then -- a knot of tables ends where it began
    out.seen[value] = true
    out[#out + 1] = kind
    ADD[kind](out, value)
  end
end

--- The parts of HOOK in order: texts, and { file, first line, last line } for each function.
function prints.of(hook)
  local out = { seen = {} }
  add(out, hook)
  out.seen = nil
  return out
end

return prints
