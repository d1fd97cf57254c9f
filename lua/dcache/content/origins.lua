-- origins.lua - whose the held files are, by which path and class: learned from what their robots share. Holds none.
--
-- Its functions take content (init.lua) first. The claim names the file as its robot did last: where that renames it,
-- the claim is said anew, so that it is found by that name when the robot no longer shares it.
local claim_data = require "dcache.content.claim_data"
local place = require "dcache.content.place"
local store = require "dcache.content.store"

local origins = {}

local SUMS_KEPT <const> = 5 * 1000 -- ms

local AGAIN <const> = 10 * 1000 -- ms at least between two claims of one file that differ by further names

local function names(data, name)
  for _, each in ipairs(data.names or {}) do
    if each == name then return true end
  end
  return false
end

--- What DATA, which SIGNER says of the file CID in share/files, makes of it by the name NAME, as claim_data has it.
function origins.said(cid, signer, data, name)
  return claim_data.origin(cid, { class = data.class, from = signer, name = name, made = data.made, meta = data.meta,
    span = data.span, verdict = data.verdict })
end

-- What the statement of SIGNER, with DATA, makes of FILE's origin; the old one where it says nothing new of it.
local function origin_of(file, signer, data)
  local old = file.origin
  if old and old.from ~= signer then return old end
  local name = old and names(data, old.name) and old.name or (data.names or {})[1]
  local origin = origins.said(file.cid, signer, data, name)
  if not origin or old and old.name == name and claim_data.same(old, origin) then return old end
  return origin
end

-- Said at once where it was not said just now.
local function say_soon(self, file)
  local now, at = self.loop:now(), (file.said or 0) + AGAIN
  file.renew_at = file.said and now < at and math.min(file.renew_at or at, at) or nil
  self.unsaid[file.cid] = true
end

-- RECORD (dcache's) of share/files may say it of a file that is held. Names that its robots took from it stay: who
-- asks for a folder of theirs means them, too.
function origins.learn(self, record)
  local file = record and self.by_cid[record.key]
  if not file or record.mine or not record.holds or place.is_payload(file.path) then return end
  local data, old = record.data, file.origin
  local origin = origin_of(file, record.signer, data)
  if not origin then return end
  local known = table.move(file.also or {}, 1, #(file.also or {}), 1, {})
  if old then known[#known + 1] = { from = old.from, name = old.name } end
  local _, before = claim_data.also(origin, known, nil, {})
  local also, after = claim_data.also(origin, known, record.signer, data.names or {})
  if origin == old and before == after then return end
  file.origin, file.also, file.saved = origin, also, nil -- written down and claimed anew
  if origin ~= old then file.renew_at = nil else say_soon(self, file) end
  store.check(self, file)
end

-- Goes through all records beside the loop: what was said while this node was off, and what earlier versions did not
-- write down.
function origins.check(self)
  if not self.files or not self.list[1] then return end
  self.learning = self.files(function(record) origins.learn(self, record) end)
end

-- Bytes held of the files that the peer ID shared; of a file that several share, as its claim names one. A few seconds
-- old: who holds very many is not asked to add them up for each file that he could fetch.
function origins.bytes(self, id)
  local now = self.loop:now()
  if not self.of_origin or now - self.summed >= SUMS_KEPT or now < self.summed then
    self.of_origin, self.summed = {}, now
    for _, file in ipairs(self.list) do
      local from = file.origin and file.origin.from or ""
      self.of_origin[from] = (self.of_origin[from] or 0) + file.identity.size
    end
  end
  return self.of_origin[id] or 0
end

return origins
