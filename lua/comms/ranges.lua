-- ranges.lua - sets of short IDs compared by parts: digests of ranges, and what stands in those that differ. Says none.
--
-- A list of all IDs takes long on a slow channel, where mostly a few of many are missing. So the IDs are put into
-- 2^BITS ranges by their first bits, and a short digest of each is said: only ranges that differ are listed. Each line
-- stands for itself, so that the loss of one costs no other.
local hash = require "core.hash"

local ranges = {}

local MEAN = 8 -- IDs of a range
local BITS_MOST = 12
local DIGEST = 6 -- bytes: a difference that it does not show stays until the next exchange, which has another salt
ranges.salt_size = 8 -- bytes; digests under a fresh salt cannot be made equal beforehand
ranges.bits_most = 16 -- of a range whose IDs are listed

--- Bits for a set of N IDs.
function ranges.bits(n)
  local bits = 0
  while n > MEAN << bits and bits < BITS_MOST do bits = bits + 1 end
  return bits
end

-- The number of the range of BITS that SHORT is in, from 0.
local function range_of(short, bits)
  local first, second = short:byte(1, 2)
  return (first << 8 | second) >> 16 - bits
end

--- IDS, sorted, of the ranges FIRST to LAST of BITS → array of them, for each range the array of its IDs
function ranges.cut(ids, bits, first, last)
  local parts = {}
  for i = 1, last - first + 1 do parts[i] = {} end
  for _, short in ipairs(ids) do
    local part = parts[range_of(short, bits) - first + 1]
    if part then part[#part + 1] = short end
  end
  return parts
end

--- The digest of the range with these IDS under SALT.
function ranges.digest(ids, salt)
  return hash.blake2b(table.concat(ids), salt):sub(1, DIGEST)
end

-- IDS but for those that wait.
local function without(ids, waits)
  local list = {}
  for _, short in ipairs(ids) do
    if not waits(short) then list[#list + 1] = short end
  end
  return list
end

--- PARTS (ranges.cut) whose digests are not those of SAID { digests = bytes, salt =, bits =, first = } → array of
--- { bits =, first =, last =, ids = }: neighbours are one where that lists no more than MOST IDs, and a range with more
--- is halved. Of a range that cannot be halved the first MOST are listed: somebody made IDs that begin alike, and a
--- longer line would be said nowhere. WAITS(short): is it said anyway, so that it need not be listed?
function ranges.differing(parts, said, most, waits)
  local list = {}
  local function add(part, at, its_bits)
    if #part > most and its_bits < ranges.bits_most then
      local halves = ranges.cut(part, its_bits + 1, 2 * at, 2 * at + 1)
      add(halves[1], 2 * at, its_bits + 1)
      return add(halves[2], 2 * at + 1, its_bits + 1)
    end
    local before = list[#list]
    if before and before.bits == its_bits and before.last == at - 1 and #before.ids + #part <= most then
      before.last = at
      table.move(part, 1, #part, #before.ids + 1, before.ids)
    else
      local ids = table.move(part, 1, math.min(#part, most), 1, {})
      list[#list + 1] = { bits = its_bits, first = at, last = at, ids = ids }
    end
  end
  for i, part in ipairs(parts) do
    local theirs = said.digests:sub((i - 1) * DIGEST + 1, i * DIGEST)
    if theirs ~= ranges.digest(part, said.salt) then add(without(part, waits), said.first + i - 1, said.bits) end
  end
  return list
end

--- How many digests stand in BYTES.
function ranges.count(bytes) return #bytes // DIGEST end

--- Bytes of one digest as text.
ranges.digest_chars = 8

--- Are BYTES whole digests, of as many ranges as there can be behind FIRST?
function ranges.fits(bytes, bits, first)
  return #bytes % DIGEST == 0 and first + #bytes // DIGEST <= 1 << bits
end

return ranges
