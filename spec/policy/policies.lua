-- policies.lua - policies made of text, for the specs of this room. No checks of its own.
local policy = require "policy"

local policies = {}

local function shipped(path)
  local file = io.open(path)
  if not file then return nil, "no such file", "missing" end
  return file:read "a", file:close()
end

--- A reader of TEXTS by path before the shipped files.
function policies.reader(texts)
  return function(path)
    if texts[path] then return texts[path] end
    return shipped(path)
  end
end

--- policy | nil, faults of one policy given as text, called my.lua.
function policies.load(text, options)
  options = options or {}
  options.shipped, options.read = "policies", policies.reader { ["/x/my.lua"] = text }
  return policy.load("/x/my.lua", options)
end

--- The same, with BODY between extend "default" and return.
function policies.with(body, options)
  return policies.load('local p = extend "default"\n' .. body .. "\nreturn p\n", options)
end

return policies
