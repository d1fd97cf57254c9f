-- rehash.lua - a file that is here is hashed as a whole because somebody asks: is it what its CID says? Ends nothing.
local bounded = require "bounded"
local unixfs = require "core.unixfs"
local worker = require "worker"

local rehash = {}
rehash.__index = rehash

local WAITING_MAX <const> = 64 -- that are hashed, or wait
local KEPT_MAX <const> = 256 -- answers

--- loop; start(threads) → worker.
function rehash.new(given)
  return setmetatable({ loop = given.loop, jobs = {}, count = 0, answers = bounded.new { limit = KEPT_MAX },
    start = given.start or function() return worker.new { loop = given.loop, inline = true } end }, rehash)
end

-- → "whole" | "damaged" | "unknown", why
local function judge(key, result)
  if result.cid == key then return "whole" end
  if result.cid then return "damaged", "its bytes are those of " .. result.cid end
  if result.word == "moved" then return "damaged", "it changed while it was hashed" end
  return "unknown", result.error
end

local function ended(self, file, result, told)
  local key = file.cid
  local state, why = judge(key, result)
  self.jobs[key], self.count = nil, self.count - 1
  if self.count == 0 then self.worker = self.worker:close() end
  self.answers:put(key, { name = file.name, size = file.size, state = state, why = why, at = self.loop:now() })
  told(state, result)
end

--- FOLDER/NAME, of which it is said that it is FILE { cid, name, size }, is hashed. TOLD(state, result of unixfs.hash),
--- once. Asked again while it is hashed it goes on. → true | nil, text, code
function rehash:begin(file, folder, name, told)
  local key = file.cid
  if self.jobs[key] then return true end
  if self.count >= WAITING_MAX then return nil, "full: too many files wait to be hashed", "full" end
  local err, code, job
  if not self.worker then self.worker, err, code = self.start(1) end
  if not self.worker then return nil, err, code end
  job, err, code = self.worker:run(unixfs.hash, { folder = folder, name = name }, function(result)
    if not self.stopped then ended(self, file, result, told) end
  end)
  if not job then return nil, err, code end
  self.jobs[key], self.count = job, self.count + 1
  self.answers:forget(key)
  return true
end

--- What is known: { state = "hashing", done =, size = } or { name =, size =, state =, why =, at = loop's ms } | nil:
--- nobody asked.
function rehash:state(key)
  local job = self.jobs[key]
  if not job then return self.answers:get(key) end
  local done, size = job:progress()
  return { state = "hashing", done = done, size = size }
end

function rehash:stop()
  self.stopped = true
  if self.worker then self.worker:close() end
end

return rehash
