-- home_filesystem.lua - the file system on which stored files lie, kept over restarts in STATE/held/place. Opens none.
--
-- The number of a device is another one's after a stick was swapped, or after a restart of the machine; so the place
-- is known as that of the share folder is (place.lua).
local filesystem = require "filesystem"

local home_filesystem = {}
home_filesystem.__index = home_filesystem

local HEAD = "dt-swarm place 1\n"

-- What tells where a folder is of a disk that has no mounts, as the simulator's.
local function numbers(disk)
  local function dev(folder)
    local facts, err, code = disk:stat(folder)
    return facts and (facts.dev or 0), err, code
  end
  return { key = dev, of = function(folder)
    local number, err, code = dev(folder)
    return number and { type = "device", id = tostring(number) } or nil, err, code
  end }
end

-- disk, log, atomic_write (atomic_write.lua), folder (that of the held files), dir (of what is remembered), mount =
-- core.mount (not given: the device's number tells).
function home_filesystem.new(given)
  local self = setmetatable({}, home_filesystem)
  for _, name in ipairs { "disk", "log", "atomic_write", "dir" } do self[name] = given[name] end
  self.place = filesystem.new { mount = given.mount or numbers(given.disk), folder = given.folder }
  self.path = self.dir .. "/place"
  local text = self.disk:read(self.path)
  self.id = text and text:sub(1, #HEAD) == HEAD and text:sub(#HEAD + 1):match "^([^\n]+)\n$" or nil
  self.written = self.id
  return self
end

-- Is the folder where it was? true | false and why | nil: nothing is remembered.
function home_filesystem:check()
  self.place:check()
  if not self.place.id then return false, self.place.why end
  if not self.id then return nil end
  return self.id == self.place.id, "another file system lies in its place"
end

-- From here on it is where it is now.
function home_filesystem:settle()
  self.place:check()
  self.id = self.place.id or self.id
  local id = self.id
  if not id or id == self.written then return end
  self.written = id
  if not self.disk:stat(self.dir) then self.disk:mkdir(self.dir) end
  self.atomic_write:put(self.path, HEAD .. id .. "\n", 384, function(ok, why) -- 0600
    if ok then return end
    self.written = nil
    self.log:once("place of held files", "warn", "content", "cannot be written", { file = self.path, why = why })
  end)
end

-- Nothing is held: any place will do.
function home_filesystem:leave() self.id = nil end

return home_filesystem
