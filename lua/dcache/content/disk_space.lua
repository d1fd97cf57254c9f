-- disk_space.lua - the disk that fetched files go to: does the rest of a file fit, and what keeps it from taking more.
-- Writes nothing, removes nothing.
local byte_size = require "byte_size"

local disk_space = {}
disk_space.__index = disk_space

-- What stays free beside a file: the records about it go to the same disk, and a full file system is slow.
local SPARE_LEAST, SPARE_MOST, SPARE_PART = 1 << 20, 16 << 20, 16
local FORGET = 3 * 60 * 1000 -- ms after which a file that nobody asked about again waits for room no more

local FULL = { ENOSPC = "is full", EDQUOT = "has no room for us: our quota is used up", EROFS = "is read-only" }

-- loop; path: the folder that files go to; space(path) → bytes that we may still write there | nil, text, code (not
-- given: nobody knows, everything fits); reserved() → bytes that files on their way will still take (not given: 0).
function disk_space.new(given)
  return setmetatable({ loop = given.loop, path = given.path, space = given.space or function() end,
    reserved = given.reserved or function() return 0 end, waiting = {} }, disk_space)
end

-- Does this word of the disk mean that it takes nothing more until somebody does something about it?
function disk_space.is_full(code) return FULL[code] ~= nil end

-- Bytes that a file which begins now may take | nil: unknown
function disk_space:free()
  local free = self.space(self.path)
  return free and math.max(0, free - self.reserved())
end

local function spare(bytes) return math.min(SPARE_MOST, SPARE_LEAST + bytes // SPARE_PART) end

-- May the file KEY, of which BYTES are still to come, begin? → true | nil, text, "disk", bytes that it wants free
function disk_space:ask(key, bytes)
  if self.away then return nil, ("disk: the disk of %s is not there"):format(self.path), "disk" end
  local free, wanted = self:free(), bytes + spare(bytes)
  if not free or free >= wanted then
    self.waiting[key] = nil
    return true
  end
  local before = self.waiting[key]
  self.waiting[key] = { wanted = wanted, since = before and before.since or self.loop:now(), asked = self.loop:now() }
  return nil, ("disk: needs %s more room on %s"):format(byte_size.of(wanted - free), self.path), "disk", wanted
end

-- Bytes that the file KEY, which waits, is short of | nil: it is not
function disk_space:short(key)
  local one, free = self.waiting[key], self:free()
  return one and free and free < one.wanted and one.wanted - free or nil
end

-- The file KEY is not wanted any more.
function disk_space:forget(key) self.waiting[key] = nil end

-- The disk itself refused, with CODE (an errno's name); ERR ends in what that means. → the same in words
function disk_space:refused(code, err)
  local now, means = self.loop:now(), err and err:match "([^:]+)$":gsub("^%s+", "")
  self.fault = { word = code, since = self.fault and self.fault.word == code and self.fault.since or now,
    text = ("the disk of %s %s"):format(self.path, FULL[code] or means and ("has errors: %s (%s)"):format(means, code)
      or "refused: " .. code) }
  return self.fault.text
end

-- The disk on which held files lie is not there, and WHY; nil: it is.
function disk_space:set_away(why)
  self.away, self.away_since = why, why and (self.away_since or self.loop:now()) or nil
end

-- Does it take anything, as far as is known?
function disk_space:takes()
  return not self.away and not (self.fault and disk_space.is_full(self.fault.word)) and self:free() ~= 0
end

-- The disk took something.
function disk_space:took() self.fault = nil end

-- Files that wait for room: how many, the least that would let one of them begin, since when.
local function waiting(self)
  local n, least, since, now = 0, nil, nil, self.loop:now()
  for key, one in pairs(self.waiting) do -- any order: a count and two least values
    if now - one.asked > FORGET then
      self.waiting[key] = nil
    else
      n, least = n + 1, math.min(least or one.wanted, one.wanted)
      since = math.min(since or one.since, one.since)
    end
  end
  return n, least, since
end

-- What is wrong with the disk: { word =, text =, path =, free = bytes | nil, files = how many wait for room, needed =
-- bytes more that would let one of them begin | nil, since = ms of the loop } | nil: nothing
function disk_space:trouble()
  if self.away then
    return { word = "ENOENT", path = self.path, files = 0, since = self.away_since,
      text = ("the disk of %s is not there (%s): held files wait for it, nothing is fetched; put it back, or begin "
        .. "anew without them: clients.logs.store names another folder"):format(self.path, self.away) }
  end
  local n, least, since = waiting(self)
  if not self.fault and n == 0 then return nil end
  local free = self:free()
  if self.fault and disk_space.is_full(self.fault.word) and n == 0 and free and free > SPARE_MOST
    and self.fault.word ~= "EROFS" then
    self.fault = nil -- room was made, and nobody waits for it
    return nil
  end
  local fault = self.fault or { word = "ENOSPC", since = since,
    text = ("the disk of %s has too little room"):format(self.path) }
  return { word = fault.word, text = fault.text, path = self.path, free = free, files = n, since = fault.since,
    needed = least and free and math.max(0, least - free) or nil }
end

return disk_space
