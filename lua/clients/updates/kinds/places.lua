-- places.lua - where a folder lies that is updated, what lies beside it, and can it be exchanged there. Changes none.
--
-- STATE/updates/place (lua/kept.lua, firm) has where the update under way began: { run =, path =, after = }. It ends
-- there, whatever policy is in force since: after a crash that may be the shipped one, which names no folder.
local kept = require "kept"
local slices = require "slices"

local places = {}
places.__index = places

local BEGUN <const> = { apply = true, verify = true, commit = true, rollback = true }
local BESIDE <const> = { "next", "swap", "out", "gone", "previous" }

--- given.disk, log, date, atomic_write  of the node
--- given.dir                            the state folder
--- given.folders                        fn() → by target { path =, after = a program | nil }
function places.new(given)
  return setmetatable({ disk = given.disk, folders = given.folders, begun = kept.new_firm { disk = given.disk,
    log = given.log, date = given.date, dir = given.dir .. "/updates", name = "place",
    atomic_write = given.atomic_write } }, places)
end

-- The program after an exchange of ROW, which was begun: of the policy in force where that names one for the target,
-- so that a program which fails can be mended, or left out.
local function after_of(row, named)
  if not named then return row.after end
  if named.path == row.path then return named.after end
  return named.after or row.after
end

-- Where the update JOB began | nil
local function begun(self, job)
  local data = self.begun:read()
  return data and data.run == job.run and data or nil
end

--- Where all of the folder lies for VERB of JOB: { path, parent, after | nil, begun = is it what was kept, next, swap,
--- out, gone, previous } | nil, text
function places:of(verb, job)
  local named = self.folders()[job.target or ""]
  local was = BEGUN[verb] and begun(self, job)
  local row = was or named
  if not row then
    return nil, ("target: the policy names no folder %s in clients.updates.folders"):format(job.target or "?")
  end
  local parent, name = row.path:match "^(.*)/([^/]+)$"
  local place = { path = row.path, parent = parent == "" and "/" or parent, begun = was and true,
    after = after_of(row, named) }
  for _, what in ipairs(BESIDE) do place[what] = ("%s/.%s.%s"):format(parent, name, what) end
  return place
end

--- Remembers PLACE as that of JOB, in slices. → true | nil, text
function places:keep(place, job)
  if begun(self, job) then return true end
  local row = { run = job.run, path = place.path, after = place.after }
  return slices.await(function(told) self.begun:put_beside(row, told) end)
end

--- Can the folder of PLACE be exchanged here? → true | nil, text
function places:fits(place)
  local parent = self.disk:stat(place.parent)
  if parent and parent.kind == "link" then parent = self.disk:stat(place.parent .. "/.") end
  local facts, why, code = self.disk:stat(place.path)
  if not parent or parent.kind ~= "directory" then return nil, "target: there is no folder " .. place.parent end
  if not facts then return code == "ENOENT" or nil, why end
  if facts.kind ~= "directory" then return nil, ("target: %s is no folder"):format(place.path) end
  if facts.dev ~= parent.dev then return nil, ("target: something is mounted at %s"):format(place.path) end
  return true
end

return places
