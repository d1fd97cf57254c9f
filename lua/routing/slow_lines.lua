-- slow_lines.lua - lines for others that wait for their turn where a channel carries few. Sends nothing itself.
--
-- On such a channel, an IRC room, a line is said in seconds. What is passed on, or answers what was, would be lost if
-- it were refused whenever there is no room just then. Own words and these lines take turns, so neither starves.
local slow_lines = {}
slow_lines.__index = slow_lines

local LINES_MAX <const> = 32 -- that wait for one channel
local EACH_MAX <const> = 8 -- of these from one host, or of our own
local WAIT_MS <const> = 60 * 1000 -- by then whoever said it has given it up, or said it again

--- given.loop
--- given.refused(code)  counts a line that waited too long
function slow_lines.new(given)
  return setmetatable({ loop = given.loop, refused = given.refused, queues = {} }, slow_lines)
end

-- What waits too long is said no more: there is something newer by now.
local function trim(self, queue)
  local oldest = self.loop:now() - WAIT_MS
  while queue[1] and queue[1].at < oldest do
    table.remove(queue, 1)
    self.refused "slow"
  end
end

--- MESSAGE waits for the channel of that NAME: for the flow SOURCE there, or, where that is nil, for all who hear it.
--- BY: text, on whose account it waits. What says the same as one that waits already is that one. → true | nil, text,
--- "full"
function slow_lines:put(name, message, source, by)
  local queue = self.queues[name] or { is_next = true }
  self.queues[name] = queue
  trim(self, queue)
  local of_him = 0
  for _, entry in ipairs(queue) do
    local other = entry.message
    if entry.source == source and other.to == message.to and other.kind == message.kind and not other.body
      and other.rest == message.rest then
      return true
    end
    of_him = of_him + (entry.by == by and 1 or 0)
  end
  if of_him >= EACH_MAX or #queue >= LINES_MAX then
    return nil, ("full: %d lines wait for that slow channel already"):format(#queue), "full"
  end
  queue[#queue + 1] = { message = message, source = source, by = by, at = self.loop:now() }
  return true
end

--- What the channel of that NAME says next; OWN: fn() → the next of our own messages | nil. → message, the source it
--- is for (nil: all) | nil
function slow_lines:next(name, own)
  local queue = self.queues[name]
  if not queue then return own() end
  trim(self, queue)
  local mine = not (queue.is_next and queue[1]) and own()
  if mine then
    queue.is_next = true
    return mine
  end
  local entry = table.remove(queue, 1)
  queue.is_next = false
  if entry then return entry.message, entry.source end
end

--- The channel of that NAME is gone.
function slow_lines:forget(name) self.queues[name] = nil end

return slow_lines
