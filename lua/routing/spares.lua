-- spares.lua - which spare channels (channels/channel.lua) speak now. Opens none, and hears what all of them hear.
--
-- A spare channel speaks for a minute when it is new or has found a new network, so that whoever has no other learns
-- of us. After that it speaks only while it reaches somebody whom no other channel does, and for a minute longer.
local spares = {}
spares.__index = spares

local LOOK <const> = 5 * 1000 -- ms between two looks
local LINGER <const> = 60 * 1000 -- ms that it speaks on

--- given.loop
--- given.only_by(channel)       how many living peers are reached by that channel alone
--- given.set_quiet(name, bool)  nothing of our own accord goes over it; or it does again
function spares.new(given)
  return setmetatable({ loop = given.loop, only_by = given.only_by, set_quiet = given.set_quiet, list = {} }, spares)
end

local function is_needed(self, channel) return channel:alone() or self.only_by(channel) > 0 end

local function look(self)
  local now = self.loop:now()
  for _, entry in ipairs(self.list) do
    if is_needed(self, entry.channel) then entry.needed = now end
    local quiet = now - entry.needed >= LINGER
    if quiet ~= entry.quiet then
      entry.quiet = quiet
      self.set_quiet(entry.channel.name, quiet)
    end
  end
end

--- CHANNEL was opened; nothing happens where it is no spare one.
function spares:add(channel)
  if not channel.spare then return end
  table.insert(self.list, { channel = channel, needed = self.loop:now(), quiet = false })
  self.timer = self.timer or self.loop:every(LOOK, function() look(self) end)
end

--- CHANNEL has found a new network.
function spares:appeared(channel)
  for _, entry in ipairs(self.list) do
    if entry.channel == channel then entry.needed = self.loop:now() end
  end
  look(self)
end

function spares:remove(channel)
  for i, entry in ipairs(self.list) do
    if entry.channel == channel then table.remove(self.list, i) end
  end
  if self.timer and not self.list[1] then
    self.timer:cancel()
    self.timer = nil
  end
end

return spares
