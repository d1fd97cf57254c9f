-- toy_pipe.lua - a slow line that loses lines, in virtual time: two programs for exec.lua without processes. No checks.
local toy_pipe = {}

local Child = {}
Child.__index = Child

local function hear(self)
  while self.held[1] and not self.paused and not self.closed do self.on_output(table.remove(self.held, 1)) end
end

-- LINE is lost with the chance LOSS; what is not arrives when the line behind the program has carried all before it.
local function carry(self, line)
  local now, pipe = self.loop:now(), self.pipe
  self.free = math.max(self.free, now) + (pipe.rate and (#line + 1) * 1000 / pipe.rate or 0)
  self.queued = self.queued + #line + 1
  pipe.bytes[self.at] = pipe.bytes[self.at] + #line + 1
  if pipe.heard then pipe.heard(self.at, line) end
  local lost = pipe.random:unit() < pipe.loss
  self.loop:after(math.ceil(self.free - now), function()
    if self.closed then return end
    self.queued = self.queued - #line - 1
    self.on_sent()
    local other = pipe.ends[3 - self.at]
    if lost or not other or other.closed then return end
    table.insert(other.held, line .. "\n")
    hear(other)
  end)
end

function Child:write(bytes)
  for line in bytes:gmatch "([^\n]+)\n" do carry(self, line) end
end

function Child:waiting() return self.queued end
function Child:pause() self.paused = true end

function Child:resume()
  self.paused = false
  hear(self)
end

function Child:kill() self:close() end
function Child:close() self.closed = true end

--- given.loop, random; given.loss (0 to 1); given.rate: bytes/s each way, nil: any; given.heard: fn(end, line)
--- → pipe: its field `spawn` is the loop's for the end 1 or 2; `bytes` counts what each end said
function toy_pipe.new(given)
  local pipe = { ends = {}, loss = given.loss or 0, rate = given.rate, random = given.random, heard = given.heard,
    bytes = { 0, 0 } }
  function pipe.spawn(at, options)
    pipe.ends[at] = setmetatable({ loop = given.loop, pipe = pipe, at = at, held = {}, free = 0, queued = 0, pid = at,
      on_output = options.on_output, on_sent = options.on_sent }, Child)
    return pipe.ends[at]
  end
  return pipe
end

return toy_pipe
