-- gather.lua - which of others' files to fetch, and when. Fetches nothing itself; never touches own files.
local gather = {}
gather.__index = gather

local AGAIN = 60 * 1000 -- ms until all that is known is looked at again: room and policy change
local SOON = 200 -- ms in which several words about files are looked at together
local AT_ONCE = 2

-- loop, log, time, dcache, comms, policy, here() → facts, names(id) → name or nil,
-- content: holds(cid), fetch(cid, size, name, done(path | nil, text, word)).
function gather.new(given)
  local self = setmetatable({ busy = {}, count = 0, resting = {} }, gather)
  for _, name in ipairs { "loop", "log", "time", "dcache", "policy", "here", "names", "content", "id" } do
    self[name] = given[name]
  end
  given.comms:on_word(function(st, source)
    if source and st.bucket == "share/files" then self:soon() end
  end)
  return self
end

function gather:start()
  self.timer = self.loop:every(AGAIN, function() self:look() end)
  self:soon()
end

function gather:stop()
  for _, timer in ipairs { self.timer or false, self.pending or false } do
    if timer then timer:cancel() end
  end
  self.stopped = true
end

function gather:soon()
  if self.pending or self.stopped then return end
  self.pending = self.loop:after(SOON, function()
    self.pending = nil
    self:look()
  end)
end

local function copies(self)
  local count = {}
  for _, record in ipairs(self.dcache:records "share/safe") do
    if record.holds then count[record.key] = (count[record.key] or 0) + 1 end
  end
  return count
end

local function facts_of(self, record, count)
  local data = record.data
  return { cid = record.key, name = data.names[1], size = data.size, class = data.class, by = record.signer,
    age = math.max(0, (self.time:now() - record.at) // 1000), robot = self.names(record.signer),
    copies = 1 + (count[record.key] or 0), proven = count[record.key] or 0 }
end

local function well_formed(record)
  local data = record.data
  return type(data) == "table" and type(data.names) == "table" and type(data.names[1]) == "string"
    and math.type(data.size) == "integer" and data.size >= 0 and type(data.class) == "string"
end

local function candidates(self)
  local list, seen, count = {}, {}, copies(self)
  for _, record in ipairs(self.dcache:records "share/files") do
    local cid = record.key
    if record.holds and not record.mine and not seen[cid] and well_formed(record) and not self.content:holds(cid)
      and not self.busy[cid] and (self.resting[cid] or 0) <= self.loop:now() then
      seen[cid] = true
      list[#list + 1] = facts_of(self, record, count)
    end
  end
  return list
end

local function wanted(self)
  local list, here = {}, self.here()
  for _, file in ipairs(candidates(self)) do
    local urgency, why = self.policy:ask("clients.logs.fetch", file, here)
    if urgency then
      list[#list + 1] = { file = file, urgency = urgency }
    elseif why then
      self.log:once("fetch " .. file.cid, "info", "logs", "not fetched", { name = file.name, why = why })
    end
  end
  table.sort(list, function(a, b)
    if a.urgency ~= b.urgency then return a.urgency > b.urgency end
    if a.file.age ~= b.file.age then return a.file.age < b.file.age end
    return a.file.cid < b.file.cid
  end)
  return list
end

local function ended(self, file, path, err)
  self.busy[file.cid], self.count = nil, self.count - 1
  if path then
    self.log:info("logs", "fetched", { name = file.name, size = file.size, cid = file.cid,
      from = file.robot or file.by })
  else
    self.resting[file.cid] = self.loop:now() + AGAIN
    self.log:warn("logs", "not fetched yet", { name = file.name, cid = file.cid, why = err })
  end
  self:soon()
end

-- Looks at every file that others share and begins with the most wanted.
function gather:look()
  if self.stopped or self.count >= AT_ONCE then return end
  if not self.dcache:sure "share" then return end -- shown, not acted on; looked at again each minute
  for _, one in ipairs(wanted(self)) do
    if self.count >= AT_ONCE then return end
    local file = one.file
    self.busy[file.cid], self.count = true, self.count + 1
    self.log:forget("fetch " .. file.cid)
    self.content:fetch(file.cid, file.size, file.name, function(path, err) ended(self, file, path, err) end)
  end
end

return gather
