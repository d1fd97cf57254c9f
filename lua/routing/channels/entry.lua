-- entry.lua - one entry of routing.channels: its address and its options, read. Opens nothing.
--
-- Each kind of channel takes `budget` (bytes/s), `cost` and `near`. What else it takes stands in its file as `options`:
-- option → what is said of it where it stands beside an address of another kind.
local address = require "core.address"
local sorted = require "sorted"

local entry = {}

local OF_ALL <const> = { address = true, budget = true, cost = true, near = true }

local function forms(kinds, taken)
  local list = {}
  for _, kind in ipairs(kinds) do
    local module = require(kind.module)
    if not taken or module.options and module.options[taken] then list[#list + 1] = module.form end
  end
  return table.concat(list, " or ")
end

local function module_of(kinds, scheme)
  for _, kind in ipairs(kinds) do
    if kind.scheme == scheme then return require(kind.module) end
  end
end

-- Why the option NAME cannot stand beside an address of this kind.
local function misplaced(kinds, name)
  for _, kind in ipairs(kinds) do
    local options = require(kind.module).options
    if options and options[name] then return ("%s: %s"):format(options[name], forms(kinds, name)) end
  end
  return ("no kind of channel takes `%s`"):format(name)
end

-- VALUE, plain data, as a text that no other value has.
local function spelled(value)
  if type(value) ~= "table" then return ("%s %s"):format(type(value), value) end
  local list = {}
  for i, name in ipairs(sorted.keys(value)) do list[i] = ("%s=%s"):format(name, spelled(value[name])) end
  return ("{%s}"):format(table.concat(list, ","))
end

-- The peer ID behind /dswarm-line/dswarm/, if there is one, is taken away from PARTS; likewise from TEXT.
local function take_expected(parts, text)
  local last = parts[#parts]
  if last[1] ~= "dswarm" or last[3] or last[2] == "*" then return nil, text end
  parts[#parts] = nil
  return last[2], text:sub(1, -#"/dswarm/" - #last[2] - 1)
end

local function fault(text, why) return nil, ("address: %s: %s"):format(text, why), "address" end

--- GIVEN, one entry of routing.channels as policy:get gives it, { address =, budget =, cost =, near =, … } → what its
--- kind read in the address, with all of these, scheme, address (without the ID at its end), expected (that ID: whose
--- key is expected there, or nil) and key (entries with equal keys are one) | nil, text, "address".
--- KINDS: { scheme =, module = } of each kind.
function entry.read(kinds, given)
  local text, why = address.check(given.address)
  if not text then return nil, why, "address" end
  local parts = address.parts(text)
  local expected, place = take_expected(parts, text)
  local last, scheme = parts[#parts], parts[#parts - 1]
  local module = last and last[1] == "dswarm-line" and scheme and module_of(kinds, scheme[1])
  local options = module and module.read(parts)
  if not options then return fault(text, "a channel is " .. forms(kinds)) end
  for _, name in ipairs(sorted.keys(given)) do
    local taken = OF_ALL[name] or module.options and module.options[name]
    if not taken then return fault(text, misplaced(kinds, name)) end
    options[name] = given[name]
  end
  local misfit = module.misfit and module.misfit(options)
  if misfit then return fault(text, misfit) end
  options.scheme, options.address, options.expected = scheme[1], place, expected
  options.key = ("%s %s"):format(text, spelled(given))
  return options
end

return entry
