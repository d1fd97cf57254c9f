-- fetch_queue.lua - files that are wanted: whose turn it is, so that one slow source holds up nobody. Fetches nothing.
local fetch_queue = {}
fetch_queue.__index = fetch_queue

local WAITING_MAX = 1024
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
  local one = { file = file, urgency = urgency }
  self.known[file.cid] = one
  self.list[#self.list + 1] = one
end

-- SIGNER shares the waiting file CID, too, by that NAME and CLASS: it is fetched as his, if he failed less often.
function fetch_queue:also(cid, signer, name, class)
  local file = self.known[cid] and self.known[cid].file
  if file and (self.failures[signer] or 0) < (self.failures[file.by] or 0) then
    file.by, file.name, file.class = signer, name, class
  end
end

-- Bad files come last. Files of who gave nothing lately come after everybody else's, then it is for the policy to say:
-- else two records of files that nobody has would keep us from all others. Then small ones before large ones, and new
-- ones before old ones.
local function before(self, one, other)
  if (one.file.bad or false) ~= (other.file.bad or false) then return not one.file.bad end
  local bad, worse = self.failures[one.file.by] or 0, self.failures[other.file.by] or 0
  if bad ~= worse then return bad < worse end
  if one.urgency ~= other.urgency then return one.urgency > other.urgency end
  if one.file.size ~= other.file.size then return one.file.size < other.file.size end
  return (one.file.age or math.maxinteger) < (other.file.age or math.maxinteger)
end

-- One file a source: several slow sources together leave room for one that comes later. And one bad file of all.
local function may_begin(self, file, most)
  return self.count < most and not self.running[file.by] and not (file.bad and self.bad > 0)
end

-- Takes the most wanted file that may begin now out of the list. → file | nil
function fetch_queue:take()
  local best, most
  most = self.at_once()
  for i, one in ipairs(self.list) do
    if may_begin(self, one.file, most) and (not best or before(self, one, self.list[best])) then best = i end
  end
  if not best then return nil end
  local file = table.remove(self.list, best).file
  self.known[file.cid] = nil
  return file
end

function fetch_queue:began(file)
  self.busy[file.cid], self.count = file, self.count + 1
  file.source = file.by -- `by` may change; places are counted by this
  self.running[file.source] = true
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
  self.busy[file.cid], self.count, self.running[file.source] = nil, self.count - 1, nil
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
