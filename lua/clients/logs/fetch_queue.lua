-- fetch_queue.lua - files that are wanted: whose turn it is, so that one slow source holds up nobody. Fetches nothing.
local fetch_queue = {}
fetch_queue.__index = fetch_queue

local WAITING_MAX = 1024
local SHARERS_MAX <const> = 8 -- of a file that waits
local SIGNERS_MAX = 1024 -- whose failures are remembered
local OURS = { disk = true, full = true, duplicate = true } -- why a file did not come, and its source is not to blame

-- at_once() → how many files may be on their way. A file: { cid =, size =, by = whose it is, age = s, bad = true: it
-- failed often }.
function fetch_queue.new(given)
  return setmetatable({ at_once = given.at_once, list = {}, known = {}, busy = {}, count = 0, running = {}, bad = 0,
    failures = {}, failing = 0 }, fetch_queue)
end

function fetch_queue:is_full() return #self.list >= WAITING_MAX end

-- Are there so few left that more could be looked for?
function fetch_queue:is_low() return #self.list < WAITING_MAX // 4 end

-- Does it wait for its turn, or is it on its way?
function fetch_queue:has(cid) return self.known[cid] ~= nil or self.busy[cid] ~= nil end

-- URGENCY as the policy says it: 1 to 9.
function fetch_queue:add(file, urgency)
  local one = { file = file, urgency = urgency,
    sharers = { { by = file.by, name = file.name, class = file.class } } }
  self.known[file.cid] = one
  self.list[#self.list + 1] = one
end

-- SIGNER shares the waiting file CID, too, with that DATA: it may be fetched as his, unless he gives it another size,
-- with which one of the two cannot come.
function fetch_queue:also(cid, signer, data)
  local one = self.known[cid]
  if not one or #one.sharers >= SHARERS_MAX or data.size ~= one.file.size then return end
  for _, sharer in ipairs(one.sharers) do
    if sharer.by == signer then return end
  end
  table.insert(one.sharers, { by = signer, name = data.names[1], class = data.class })
end

-- Of those who share it and of whom no file is on its way the one who failed least | nil
local function free_sharer(self, one)
  local best
  for _, sharer in ipairs(one.sharers) do
    local failures = self.failures[sharer.by] or 0
    if not self.running[sharer.by] and (not best or failures < (self.failures[best.by] or 0)) then best = sharer end
  end
  return best
end

-- Bad files come last. Files of who gave nothing lately come after everybody else's, then it is for the policy to say:
-- else two records of files that nobody has would keep us from all others. Then small ones before large ones, and new
-- ones before old ones.
local function before(self, one, other)
  if (one.file.bad or false) ~= (other.file.bad or false) then return not one.file.bad end
  local bad, worse = self.failures[one.sharer.by] or 0, self.failures[other.sharer.by] or 0
  if bad ~= worse then return bad < worse end
  if one.urgency ~= other.urgency then return one.urgency > other.urgency end
  if one.file.size ~= other.file.size then return one.file.size < other.file.size end
  return (one.file.age or math.maxinteger) < (other.file.age or math.maxinteger)
end

-- One file a source: several slow sources together leave room for one that comes later, and who shares what others
-- have does not hold up these. And one bad file of all.
local function may_begin(self, one)
  one.sharer = free_sharer(self, one)
  return one.sharer and not (one.file.bad and self.bad > 0)
end

-- Takes the most wanted file that may begin now out of the list. → file | nil
function fetch_queue:take()
  local best
  if self.count >= self.at_once() then return nil end
  for i, one in ipairs(self.list) do
    if may_begin(self, one) and (not best or before(self, one, self.list[best])) then best = i end
  end
  if not best then return nil end
  local one = table.remove(self.list, best)
  local file, sharer = one.file, one.sharer
  self.known[file.cid] = nil
  file.by, file.name, file.class = sharer.by, sharer.name, sharer.class
  return file
end

function fetch_queue:began(file)
  self.busy[file.cid], self.count = file, self.count + 1
  self.running[file.by] = true
  if file.bad then self.bad = self.bad + 1 end
end

local function forgive(self, signer)
  if self.failures[signer] then self.failing = self.failing - 1 end
  self.failures[signer] = nil
end

local function note_failure(self, signer)
  if not self.failures[signer] then
    if self.failing >= SIGNERS_MAX then self.failures, self.failing = {}, 0 end
    self.failing = self.failing + 1
  end
  self.failures[signer] = (self.failures[signer] or 0) + 1
end

-- CAME: did it? CODE: why not.
function fetch_queue:ended(file, came, code)
  self.busy[file.cid], self.count, self.running[file.by] = nil, self.count - 1, nil
  if file.bad then self.bad = self.bad - 1 end
  if came then forgive(self, file.by) elseif not OURS[code] then note_failure(self, file.by) end
end

-- Does any wait for its turn?
function fetch_queue:any() return self.list[1] ~= nil end

-- How many wait for their turn, and their bytes.
function fetch_queue:waiting()
  local bytes = 0
  for _, one in ipairs(self.list) do bytes = bytes + one.file.size end
  return #self.list, bytes
end

return fetch_queue
