-- policy.lua - any text as a policy: loaded or refused with a reason, asked, within its limits. The fuzzer's property.
local hooks = require "policy.hooks"
local load = require "policy.load"

local texts = {}

local function shipped(path)
  if not texts[path] then
    local file = io.open(path, "rb")
    if not file then return nil, "no such file", "missing" end
    texts[path] = file:read "a"
    file:close()
  end
  return texts[path]
end

local function plain(value, depth)
  local kind = type(value)
  if kind ~= "table" then
    return assert(kind == "nil" or kind == "string" or kind == "number" or kind == "boolean", kind)
  end
  assert(depth < 20 and getmetatable(value) == nil, "more than data came out")
  for k, v in pairs(value) do
    plain(k, depth + 1)
    plain(v, depth + 1)
  end
end

return function(bytes)
  local function read(path)
    if path == "fuzzed.lua" then return bytes end
    return shipped(path)
  end
  local policy, faults = load.load("fuzzed.lua", { shipped = "policies", read = read, instructions = 200000,
    memory = 2 << 20 })
  if not policy then
    assert(#faults > 0)
    for _, line in ipairs(load.report(faults)) do assert(type(line) == "string" and #line < 70000) end
    return
  end
  for _, row in ipairs(hooks.settings or {}) do plain(policy:get(row[1] or row.path), 0) end
  assert(#policy:classes() > 0)
  policy:close()
end
