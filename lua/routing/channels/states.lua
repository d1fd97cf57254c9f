-- states.lua - since when each channel is as it is, and how much goes over it lately. Opens none, and asks no socket.
--
-- It looks at all of them now and then, so that a kind of channel need not tell of its changes itself.
local sorted = require "sorted"

local states = {}
states.__index = states

local EVERY <const> = 2000 -- ms between two looks
local LOOKS <const> = 6 -- that are kept: what goes a second is told over the ten seconds between first and last

--- given.loop
--- given.rows  fn() → the rows of `status`: { address, kind, state, reason, sent = { bytes }, heard = { bytes } … }
--- given.told  fn(row, event): a channel came up, waits, is down, with its reason in the row; "closed": it is no more
function states.new(given)
  return setmetatable({ loop = given.loop, rows = given.rows, told = given.told, known = {}, serial = 0 }, states)
end

local function bytes(count) return count and count.bytes or 0 end

local function note(self, row, now)
  local one = self.known[row.address]
  if not one then
    one = { looks = {}, since = now }
    self.known[row.address] = one
  end
  if one.state ~= row.state or one.reason ~= row.reason then
    if one.state ~= row.state then one.since = now end
    one.state, one.reason = row.state, row.reason
    self.told(row, row.state)
  end
  local last = one.looks[#one.looks]
  if last and (bytes(row.sent) < last.sent or bytes(row.heard) < last.heard) then one.looks = {} end -- opened anew
  one.row, one.met = row, self.serial
end

local function forget_closed(self)
  for _, address in ipairs(sorted.keys(self.known)) do
    local one = self.known[address]
    if one.met ~= self.serial then
      self.known[address] = nil
      self.told(one.row, "closed")
    end
  end
end

-- → all rows, and when
local function look(self)
  local rows, now = self.rows(), self.loop:now()
  self.serial = self.serial + 1
  for _, row in ipairs(rows) do note(self, row, now) end
  forget_closed(self)
  return rows, now
end

local function look_again(self)
  local rows, now = look(self)
  for _, row in ipairs(rows) do
    local looks = self.known[row.address].looks
    looks[#looks + 1] = { at = now, sent = bytes(row.sent), heard = bytes(row.heard) }
    if #looks > LOOKS then table.remove(looks, 1) end
  end
end

--- Something was opened or closed. From the first time on it looks by itself, too.
function states:changed()
  if self.timer then
    look(self)
    return
  end
  look_again(self)
  self.timer = self.loop:every(EVERY, function() look_again(self) end)
end

--- The rows, each with since_ms = for how long it has been in its state, and rate = { sent =, heard = } in bytes/s over
-- the last ten seconds; both unknown before the first looks.
function states:fill()
  local rows, now = look(self)
  for _, row in ipairs(rows) do
    local one = self.known[row.address]
    local first = one.looks[1]
    local ms = first and now - first.at or 0
    row.since_ms = now - one.since
    if ms > 0 then
      row.rate = { sent = (bytes(row.sent) - first.sent) * 1000 // ms,
        heard = (bytes(row.heard) - first.heard) * 1000 // ms }
    end
  end
  return rows
end

function states:stop()
  if self.timer then self.timer:cancel() end
  self.timer = nil
end

return states
