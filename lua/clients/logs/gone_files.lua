-- gone_files.lua - files whose robots said that they have them no more, or left the lab: a moment later it is looked
-- whether anybody still has them. Drops none itself.
local gone_files = {}
gone_files.__index = gone_files

local WAIT <const> = 1000 -- ms from the news to the look
local KEYS_MAX <const> = 1024 -- of these the look goes over; what is dropped besides is found by the next whole look

--- given.loop
--- given.is_wanted  fn(key) → is the file fetched, or waited for?
--- given.drop       fn(key): it is dropped if nobody has it any more
function gone_files.new(given)
  return setmetatable({ loop = given.loop, is_wanted = given.is_wanted, drop = given.drop, keys = {} }, gone_files)
end

--- Words of who had the file KEY are gone.
function gone_files:soon(key)
  if self.stopped or not self.is_wanted(key) or #self.keys >= KEYS_MAX then return end
  self.keys[#self.keys + 1] = key
  if self.waiting then return end
  self.waiting = self.loop:after(WAIT, function()
    local keys = self.keys
    self.waiting, self.keys = nil, {}
    for _, each in ipairs(keys) do self.drop(each) end
  end)
end

--- IDS left the lab, and all their words with them. HOLDERS: { by = set of IDs } by key.
function gone_files:left_lab(ids, holders)
  for key, of in pairs(ids[1] and holders or {}) do -- any order
    for _, id in ipairs(ids) do
      if of.by[id] then self:soon(key) end
    end
  end
end

function gone_files:stop()
  self.stopped = true
  if self.waiting then self.waiting:cancel() end
end

return gone_files
