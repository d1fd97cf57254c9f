-- quarantine.lua - STATE/damaged: stored files whose bytes changed, kept for inspection. Bounded; the oldest go first.
local quarantine = {}
quarantine.__index = quarantine

local FILES_MAX, BYTES_MAX = 8, 1 << 30

-- disk, dir (the state folder).
function quarantine.new(given)
  return setmetatable({ disk = given.disk, dir = given.dir .. "/damaged", names = {} }, quarantine)
end

-- { cid =, name = at its origin and from = ID of that, of those of this run, size =, path =, at = when it was changed
-- last, ns }, oldest first.
function quarantine:list()
  local list = {}
  for _, name in ipairs(self.disk:list(self.dir) or {}) do
    local facts = self.disk:stat(self.dir .. "/" .. name)
    if facts and facts.kind == "file" then
      local known = self.names[name] or {}
      list[#list + 1] = { cid = name, name = known.name, from = known.from, size = facts.size, at = facts.ctime_ns,
        path = self.dir .. "/" .. name }
    end
  end
  table.sort(list, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    return a.cid < b.cid
  end)
  return list
end

-- PATH, where FILE { cid =, name =, origin = } was held, goes there; older ones go for it, however large it is. Where
-- it cannot it stays. → true | nil, text, code
function quarantine:put(path, file)
  local ok, err, code = self.disk:mkdir(self.dir, 448) -- 0700
  if ok then ok, err, code = self.disk:rename(path, self.dir .. "/" .. file.cid) end
  if not ok then return nil, err, code end
  local origin = file.origin or {}
  self.names[file.cid] = { name = origin.name or file.name, from = origin.from }
  local new = self.disk:stat(self.dir .. "/" .. file.cid)
  local list, files, bytes = self:list(), 1, new and new.size or 0
  for i = #list, 1, -1 do
    if list[i].cid ~= file.cid then
      files, bytes = files + 1, bytes + list[i].size
      if bytes > BYTES_MAX or files > FILES_MAX then self.disk:unlink(self.dir .. "/" .. list[i].cid) end
    end
  end
  return true
end

return quarantine
