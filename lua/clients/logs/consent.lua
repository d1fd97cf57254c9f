-- consent.lua - the owner's permission, read from its file whenever it is asked for. Decides nothing else.
local consent = {}
local Consent = {}
Consent.__index = Consent

local READ_MS = 1000 -- a file that looks unchanged is read again after this
local LONGEST = 256 -- bytes of a permission file

-- consent.new{ disk =, loop =, path = } → consent. Without a path (nil or false) nothing was asked of the owner.
function consent.new(given)
  return setmetatable({ disk = given.disk, loop = given.loop, path = given.path or nil, look = "" }, Consent)
end

-- From here on the permission stands in PATH (nil or false: it is not asked for).
function Consent:set_path(path) self.path, self.look = path or nil, "" end

local function read(self)
  local bytes, text = self.disk:read(self.path, LONGEST)
  if not bytes then return nil, "cannot be read: " .. text end
  if bytes:match "^%s*(.-)%s*$" == "1" then return true, "says 1" end
  return false, "does not say 1"
end

-- May files be shared? true (no file: putting a file into the folder is the consent; or it says 1), false (it
-- says something else), nil (it cannot be read); and why, in words.
function Consent:logs()
  if not self.path then return true, "no permission file is asked for" end
  local info, _, code = self.disk:stat(self.path)
  if not info then
    self.look = ""
    if code == "ENOENT" or code == "ENOTDIR" then return true, "no permission file" end
    return nil, self.path .. " cannot be read: " .. code
  end
  local look = table.concat({ info.ino, info.dev, info.size, info.mtime_ns, info.ctime_ns, info.mode }, " ")
  local now = self.loop:now()
  if look ~= self.look or now - self.at >= READ_MS then
    self.look, self.at = look, now
    self.answer, self.why = read(self)
  end
  return self.answer, self.path .. " " .. self.why
end

return consent
