-- listeners.lua - a list of functions that want one kind of news. Makes no news itself, and keeps none for later.
--
-- In place of a single slot such as `self.on_news = fn`, in which a second subscriber would silently replace the first.
local listeners = {}
listeners.__index = listeners

function listeners.new() return setmetatable({ list = {} }, listeners) end

--- FN is called with what `call` is given, from the next call on. → a function that takes it off again; twice is safe.
function listeners:add(fn)
  local entry = { fn = fn }
  local list = { table.unpack(self.list) } -- a new list: one that is being walked now stays as it is
  list[#list + 1] = entry
  self.list = list
  return function()
    entry.fn = nil
    local rest = {}
    for _, other in ipairs(self.list) do
      if other ~= entry then rest[#rest + 1] = other end
    end
    self.list = rest
  end
end

--- Calls all, in the order in which they were added. Whoever is taken off meanwhile is not called any more; whoever is
-- added meanwhile hears the next news. What one of them throws goes to the caller: nothing is hidden here.
function listeners:call(...)
  for _, entry in ipairs(self.list) do
    if entry.fn then entry.fn(...) end
  end
end

--- Does anybody listen? For those who would have to make the news first.
function listeners:any() return self.list[1] ~= nil end

return listeners
