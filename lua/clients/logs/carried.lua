-- carried.lua - what a carrier brings from place to place: its copy goes when holders claim the file. Fetches nothing.
local carried = {}
carried.__index = carried

local WAIT <const> = 1000 -- ms in which claims are gathered
local KEYS_MAX <const> = 1024 -- beyond these the next look at all finds the rest
local SLICE <const> = 64 -- files a turn; one that goes is the last of its turn, since the disk takes its time

--- given.loop
--- given.holders    holders.lua's
--- given.placement  placement.lua's
--- given.content    holds(cid), is_payload(cid), held_cids(), let_go(cid, still)
function carried.new(given)
  return setmetatable({ loop = given.loop, holders = given.holders, placement = given.placement,
    content = given.content, keys = {} }, carried)
end

-- → did it go?
local function look_at(self, key)
  local function still()
    return self.placement:lets_go(key, self.holders:of(key)) and "carried: holders have it" or nil
  end
  if not self.content:holds(key) or self.content:is_payload(key) or not still() then return false end
  self.content:let_go(key, still)
  return true
end

-- Those of KEYS, the last first, in slices; then DONE().
local function look(self, keys, done)
  for _ = 1, SLICE do
    local key = table.remove(keys)
    if not key then return done() end
    if look_at(self, key) then break end
  end
  self.loop:after(1, function()
    if not self.stopped then look(self, keys, done) end
  end)
end

--- Somebody claims the file KEY.
function carried:soon(key)
  if self.stopped or #self.keys >= KEYS_MAX or not self.placement:is_carrier() then return end
  if not self.content:holds(key) then return end
  self.keys[#self.keys + 1] = key
  self.waiting = self.waiting or self.loop:after(WAIT, function()
    look(self, self.keys, function() self.waiting = nil end)
  end)
end

--- Looks at all that is held.
function carried:check()
  if self.checking or self.stopped or not self.placement:is_carrier() then return end
  self.checking = true
  look(self, self.content:held_cids(), function() self.checking = nil end)
end

function carried:stop()
  self.stopped = true
  if self.waiting then self.waiting:cancel() end
end

return carried
