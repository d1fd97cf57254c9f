-- origins.lua - whose the held files are, by which path and class: learned from what their robots share. Holds none.
--
-- Its functions take content (init.lua) first. The claim names the file as its robot did last: where that renames it,
-- the claim is said anew, so that it is found by that name when the robot no longer shares it.
local held = require "dcache.content.held"
local keeping = require "dcache.content.keeping"

local origins = {}

local function names(data, name)
  for _, each in ipairs(data.names or {}) do
    if each == name then return true end
  end
  return false
end

-- RECORD (dcache's) of share/files may say it of a file that is held.
function origins.learn(self, record)
  local file = record and self.by_cid[record.key]
  if not file or record.mine or record.verb ~= "propose" or not record.data then return end
  local data, old = record.data, file.origin
  if old and (old.from ~= record.signer or old.class == data.class and names(data, old.name)) then return end
  local origin = held.origin(file.cid, { class = data.class, from = record.signer, name = (data.names or {})[1] })
  if not origin then return end
  file.origin, file.saved, file.renew_at = origin, nil, nil -- written down and claimed anew
  keeping.look(self, file)
end

-- Goes through all records beside the loop: what was said while this node was off, and what earlier versions did not
-- write down.
function origins.look(self)
  if not self.files or not self.list[1] then return end
  self.learning = self.files(function(record) origins.learn(self, record) end)
end

return origins
