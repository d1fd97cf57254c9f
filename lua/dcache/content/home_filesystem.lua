-- home_filesystem.lua - the file system on which stored files lie, kept over restarts in STATE/place. Opens none.
--
-- After a stick was swapped, or the machine started again, a device's number may be another device's. So the file
-- system is known by what filesystem.lua tells of it, as that of the share folder is. If STATE/place is lost,
-- nothing is taken for deleted until a stored file is found as it was.
local filesystem = require "filesystem"
local kept = require "kept"

local home_filesystem = {}
home_filesystem.__index = home_filesystem

local OLD = "^dt%-swarm place 1\n([^\n]+)\n$" -- the file of an earlier version

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

--- given.disk, log, atomic_write (atomic_write.lua)
--- given.folder  that of the held files
--- given.dir     of what is remembered
--- given.date    fn() → text for the name of a damaged file
--- given.mount   core.mount; nil: the device's number tells
function home_filesystem.new(given)
  local self = setmetatable({}, home_filesystem)
  for _, name in ipairs { "disk", "log", "dir" } do self[name] = given[name] end
  self.place = filesystem.new { mount = given.mount or numbers(given.disk), folder = given.folder }
  self.kept = kept.new_firm { disk = given.disk, log = given.log, date = given.date, dir = given.dir, name = "place",
    atomic_write = given.atomic_write, old = function(text) return text:match(OLD) end }
  self.id = self.kept:read()
  self.lost, self.written = self.kept.lost, self.id
  return self
end

-- Is the folder where it was? true | false and why | nil: nothing is remembered.
function home_filesystem:check()
  self.place:check()
  if not self.place.id then return false, self.place.why end
  if self.lost then return false, "it is not known where they were: STATE/place was damaged" end
  if not self.id then return nil end
  return self.id == self.place.id, "another file system lies in its place"
end

-- From here on it is where it is now.
function home_filesystem:settle()
  self.place:check()
  self.id, self.lost = self.place.id or self.id, nil
  local id = self.id
  if not id or id == self.written then return end
  self.written = id
  if not self.disk:stat(self.dir) then self.disk:mkdir(self.dir) end
  self.kept:put_beside(id, function(ok, why)
    if ok then return end
    self.written = nil
    self.log:once("place of held files", "warn", "content", "cannot be written", { file = self.kept.path, why = why })
  end)
end

-- Nothing is held: any place will do.
function home_filesystem:leave() self.id, self.lost = nil, nil end

return home_filesystem
