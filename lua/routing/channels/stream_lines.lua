-- stream_lines.lua - lines of a stream without an end, a few in a turn; meanwhile its sender waits. Reads no line.
local token_bucket = require "token_bucket"

local stream_lines = {}
stream_lines.__index = stream_lines

local LINES <const>, BYTES <const> = 16, 64 * 1024 -- in a turn
local READ <const> = { rate = 1 << 18, burst = 1 << 19 } -- bytes that are read, a second and at once

--- given.loop
--- given.most     bytes of the longest line; a longer one is left out to its end
--- given.stream   fn() → { pause(), resume() }: how the sender is made to wait, and goes on
--- given.on_line  fn(line), without its line feed and never empty
--- given.on_long  fn(): a line was left out
function stream_lines.new(given)
  return setmetatable({ loop = given.loop, most = given.most, stream = given.stream, on_line = given.on_line,
    on_long = given.on_long, waiting = "", at = 1,
    may_say = token_bucket.new { now = function() return given.loop:now() end, rate = READ.rate, burst = READ.burst } },
    stream_lines)
end

-- What waits is no whole line: it is kept, unless it is too long already.
local function keep_rest(self)
  self.waiting, self.at = self.waiting:sub(self.at), 1
  if #self.waiting <= self.most and not self.skips then return end
  if not self.skips then self.on_long() end
  self.waiting, self.skips = "", true
end

-- The next whole line of what waits; "" for one that is not handed on; nil: there is none.
local function next_line(self)
  local stop = self.waiting:find("\n", self.at, true)
  if not stop then return keep_rest(self) end
  local line, skips = self.waiting:sub(self.at, stop - 1), self.skips
  self.at, self.skips = stop + 1, false
  if not skips and #line > self.most then
    self.on_long()
    skips = true
  end
  return skips and "" or line
end

local read_on

-- All that is here was read: more may come, as soon as that much is due.
local function ask_more(self)
  local wait = self.may_say:wait(0)
  if wait > 0 then
    if not self.paused then self.stream():pause() end
    self.paused = true
    self.loop:after(wait, function() if not self.closed then read_on(self) end end)
  elseif self.paused then
    self.paused = false
    self.stream():resume()
  end
end

function read_on(self)
  local bytes, lines = 0, 0
  while lines < LINES and bytes < BYTES do
    local line = next_line(self)
    bytes, lines = bytes + #(line or ""), lines + 1
    if not line then return ask_more(self) end
    if line ~= "" then self.on_line(line) end
    if self.closed then return end
  end
  if not self.paused then self.stream():pause() end
  self.paused = true
  self.loop:post(function() if not self.closed then read_on(self) end end)
end

--- BYTES came.
function stream_lines:feed(bytes)
  self.waiting = self.waiting .. bytes
  self.may_say:charge(#bytes)
  if not self.paused then read_on(self) end
end

--- Nothing is called any more.
function stream_lines:close() self.closed = true end

return stream_lines
