-- carried.lua - what a carrier brings from place to place: its copy goes when holders claim the file. Fetches nothing.
local sorted = require "sorted"

local carried = {}
carried.__index = carried

local WAIT <const> = 1000 -- ms in which claims are gathered
local KEYS_MAX <const> = 1024 -- beyond these the next look at all finds the rest
local SLICE <const> = 64 -- files a turn

--- given.loop
--- given.holders    holders.lua's
--- given.placement  placement.lua's
--- given.content    holds(cid), let_go(cid, why)
function carried.new(given)
  return setmetatable({ loop = given.loop, holders = given.holders, placement = given.placement,
    content = given.content, keys = {} }, carried)
end

local function look(self)
  self.waiting = nil
  for _ = 1, SLICE do
    local key = table.remove(self.keys)
    if not key then return end
    if self.content:holds(key) and self.placement:lets_go(key, self.holders:of(key)) then
      self.content:let_go(key, "carried: holders have it")
    end
  end
  self.waiting = self.loop:after(1, function() look(self) end)
end

--- Somebody claims the file KEY.
function carried:soon(key)
  if self.stopped or #self.keys >= KEYS_MAX or not self.placement:is_carrier() then return end
  if not self.content:holds(key) then return end
  self.keys[#self.keys + 1] = key
  self.waiting = self.waiting or self.loop:after(WAIT, function() look(self) end)
end

--- Looks at all that is held.
function carried:check()
  if not self.placement:is_carrier() then return end
  local held = {}
  for key in pairs(self.holders.map) do held[key] = self.content:holds(key) or nil end -- any order: sorted below
  for _, key in ipairs(sorted.keys(held)) do self:soon(key) end
end

function carried:stop()
  self.stopped = true
  if self.waiting then self.waiting:cancel() end
end

return carried
