-- reasons.lua - files that are away, for people: why each is, and what to do about just that. Decides nothing.
local slices = require "slices"
local sorted = require "sorted"

local reasons = {}

local GONE = " If its files are gone for good: dt-swarm-cli HOST files dismiss"
local READ = "Let this daemon's user read and enter %s (chmod, chown): then they are shared again."
local CURES = {
  mount = "Mount it again. If it does not come back: dt-swarm-cli HOST files dismiss",
  other = "Put that folder, or the link to it, back in its place." .. GONE,
  missing = "Put the share folder back, or mount it again." .. GONE,
  share = READ:format "the share folder", folder = READ:format "that folder",
  file = "Let this daemon's user read the file (chmod, chown): then it is shared again.",
  disk = "Read `dmesg`, check the cable, the disk and its file system." .. GONE,
  emptied = "Nothing if they were deleted. Else put them back in time: then nothing is unsaid.",
  looked = "Nothing; it is shared again, or unsaid, when the folder was looked at.",
}
local UNUSABLE = { ENOENT = CURES.missing, ENOTDIR = CURES.missing, EACCES = CURES.share, EPERM = CURES.share }

local function system_of(id) return id:match "^%S+ %S+" end

local function is_same_system(self, id)
  return self.place.id ~= nil and system_of(id) == system_of(self.place.id)
end

-- What is wrong with the share folder, in words, or nil.
function reasons.why_not(self)
  if self.unmade and self.place.word == "ENOENT" then return "it is missing, and it could not be made" end
  return self.place.why
end

-- The word for what is wrong with the share folder that has the place ID, or nil.
local function wrong_there(self, id)
  return self.here and id == self.here.id and (self.blocked or self.place.word) or nil
end

-- What stands where the place ID was.
function reasons.instead(self, id)
  return is_same_system(self, id) and "another folder is in its place" or "another file system is in its place"
end

-- What to do about files whose place ID is not the share folder now.
function reasons.cure_of_place(self, id)
  local code = wrong_there(self, id)
  if code then return UNUSABLE[code] or CURES.disk end
  if id == self.place.id then return CURES.looked end
  return is_same_system(self, id) and CURES.other or CURES.mount
end

local function of_place(self, kept)
  local why = wrong_there(self, kept.place) and reasons.why_not(self)
  if why then return ("it was on %s; the share folder: %s"):format(kept.text, why) end
  if kept.place == self.place.id then return "looked for" end
  if kept.text == self.place.text and is_same_system(self, kept.place) then
    return "it was in another folder that was in this place"
  end
  return "it was on " .. kept.text
end

local function of_emptied(self, kept)
  local left = math.max(kept.till - self.loop:now(), 0)
  return ("all files went at once: unsaid in %d min unless it is back"):format((left + 59999) // 60000)
end

-- → reason, cure
local function of(self, kept)
  if kept.why == "place" then return of_place(self, kept), reasons.cure_of_place(self, kept.place) end
  if kept.why == "emptied" then return of_emptied(self, kept), CURES.emptied end
  if kept.why == "folder" then return kept.text, CURES.folder end
  return kept.text, kept.text:find "^EACCES" and CURES.file or CURES.disk
end

-- Rows as report.lua has them, one for each name, sorted by it.
function reasons.rows(self)
  local rows = {}
  for _, id in ipairs(slices.keys(self.by_cid)) do
    local kept = self.by_cid[id]
    local reason, cure
    if kept then reason, cure = of(self, kept) end -- it may have come back between two slices
    for _, name in ipairs(kept and kept.data.names or {}) do
      rows[#rows + 1] = { name = name, size = kept.data.size, cid = id, class = kept.data.class,
        state = "not there", reason = reason, word = "away", cure = cure, since = kept.since }
    end
    slices.step(0.5)
  end
  slices.sort(rows, function(a, b) return a.name < b.name or a.name == b.name and a.cid < b.cid end)
  return rows
end

-- What is wrong, in words, or nil.
function reasons.problem(self)
  local n, others = 0, {}
  for _, kept in pairs(self.by_cid) do -- any order: a sum and a set
    n = n + #kept.data.names
    if kept.place then others[kept.text] = true end
  end
  local files = n == 1 and "1 file is" or ("%d files are"):format(n)
  local on = next(others) and (" (they were on %s)"):format(table.concat(sorted.keys(others), ", ")) or ""
  if not self.place.id or self.blocked then
    local why = reasons.why_not(self) or "it is not there"
    return n > 0 and ("%s; %s away%s"):format(why, files, on) or why
  end
  return n > 0 and ("%s not there%s"):format(files, on) or nil
end

return reasons
