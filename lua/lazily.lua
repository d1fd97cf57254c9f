-- lazily.lua - a module that is read when something of it is first used: what few nodes do takes no memory in others.
--
-- For what people ask, and for channels that few policies name. Not for what an update needs: its file may be another
-- version's by then.
return function(name)
  local function read(proxy)
    local module = require(name)
    setmetatable(proxy, { __index = module })
    return module
  end
  return setmetatable({}, { __index = function(proxy, key) return read(proxy)[key] end })
end
