-- child_process.lua - a program that runs as our child: its input, its output, its end. Knows no line, starts it once.
--
-- It is run by its path and never by a shell. It gets an environment of its own, since ours names the socket of the
-- service manager; and a session of its own, so that what it starts ends with it.
local child_process = {}

local Child = {}
Child.__index = Child

local INHERITED = { "HOME", "LANG", "PATH", "TZ", "USER" } -- all that it gets of our environment
local KILL_MS = 2000 -- from the request to end until it is ended
local REST_MS = 2000 -- from its end until nobody waits for more of what it wrote

-- Who is told when nobody is to be told any more.
local function nothing() end
local nobody = { on_output = nothing, on_error_output = nothing, on_sent = nothing, on_exit = nothing }

local function environment(inherited, more)
  local list = {}
  for _, name in ipairs(inherited or INHERITED) do
    local value = os.getenv(name)
    if value then list[#list + 1] = name .. "=" .. value end
  end
  return table.move(more or {}, 1, #(more or {}), #list + 1, list)
end

local function drop_pipes(self)
  for _, name in ipairs { "input", "output", "errors" } do
    if self[name] then self.hold.drop(self[name].id) end
    self[name] = nil
  end
end

-- Its end is told once, when it has ended and all that it wrote was read.
local function tell_end(self)
  if not self.ended or self.reading > 0 then return end
  if self.timer then self.timer:cancel() end
  drop_pipes(self)
  local fn = self.owner.on_exit
  self.owner = nobody
  self.hold.call(fn, self.ended.code, self.ended.signal)
end

local function read(self, pipe, event)
  self.uv.read_start(pipe.handle, function(_, bytes)
    if bytes then return self.hold.call(self.owner[event], bytes) end
    if pipe.over then return end
    pipe.over, self.reading = true, self.reading - 1
    if self.uv.is_active(pipe.handle) then self.uv.read_stop(pipe.handle) end
    tell_end(self)
  end)
end

local EVENTS = { output = "on_output", errors = "on_error_output" }

--- Reads no more of its output (WHAT: "errors" for its standard error) until resume(WHAT): then it has to wait, once
--- the pipe is full.
function Child:pause(what)
  local one = self[what or "output"]
  if not one or one.over then return end
  one.paused = true
  self.uv.read_stop(one.handle)
end

function Child:resume(what)
  local one = self[what or "output"]
  if not one or one.over then return end
  one.paused = false
  read(self, one, EVENTS[what or "output"])
end

--- BYTES go to its standard input, behind what waits for it. on_sent() is called when the pipe has taken some,
--- on_deaf() when it has closed its input.
function Child:write(bytes)
  if not self.input or self.ended then return end
  self.uv.write(self.input.handle, bytes, function(err)
    local fn = err and self.owner.on_deaf or not err and self.owner.on_sent
    if fn then self.hold.call(fn) end
  end)
end

--- Nothing more goes to its standard input, which ends behind what waits for it.
function Child:end_input()
  if self.input and not self.ended then self.uv.shutdown(self.input.handle) end
end

--- Bytes that wait for its standard input, those in the kernel's pipe not counted.
function Child:waiting() return self.input and self.uv.stream_get_write_queue_size(self.input.handle) or 0 end

local function signal(self, name) self.uv.kill(-self.pid, name) end -- the negative: it and all that it started

--- Asks it to end, and ends it two seconds later. on_exit is called as usual.
function Child:kill()
  if self.ended or self.killing then return end
  self.killing = true
  signal(self, "sigterm")
  self.timer = self.hold.after(KILL_MS, function() signal(self, "sigkill") end)
end

--- Ends it at once; nothing is called any more.
function Child:close()
  self.owner = nobody
  if not self.ended then signal(self, "sigkill") end
  if self.timer then self.timer:cancel() end
  drop_pipes(self)
end

-- What it started may have left its session, and hold the pipes for ever: then what it wrote is not waited for.
local function await_rest(self)
  if not self.output or self.owner == nobody then return end
  self.timer = self.hold.after(REST_MS, function()
    if self.output and self.output.paused then return await_rest(self) end
    self.reading = 0
    tell_end(self)
  end)
end

local function ended(self, code, number)
  if self.timer then self.timer:cancel() end
  signal(self, "sigkill") -- what it started and left behind
  self.ended = { code = code, signal = number }
  self.hold.drop(self.process)
  if self.reading > 0 then await_rest(self) end
  tell_end(self)
end

local function pipe(self)
  local handle = self.uv.new_pipe(false)
  return { handle = handle, id = self.hold.keep(handle) }
end

--- Starts a program. UV: luv; HOLD { keep, drop, call, after }: of the loop (loop.lua).
---   options.path             of the executable
---   options.args             array of texts, or nil
---   options.inherited        names of our environment that it gets, or nil: a few
---   options.held             number of an open file that it holds as its descriptor 3, or nil
---   options.environment      array of "NAME=value" beside those, or nil
---   options.on_output        fn(bytes): it wrote to its standard output
---   options.on_error_output  fn(bytes): to its standard error
---   options.on_sent          fn(): it took some of what was written
---   options.on_deaf          fn(), or nil: it takes nothing any more, since it closed its standard input
---   options.on_exit          fn(code, signal): it has ended; signal 0: by itself
--- → child, with pid | nil, text, code
function child_process.spawn(uv, hold, options)
  local self = setmetatable({ uv = uv, hold = hold, reading = 2, owner = options }, Child)
  for _, name in ipairs { "input", "output", "errors" } do self[name] = pipe(self) end
  local handle, pid, code = uv.spawn(options.path, { args = options.args,
    env = environment(options.inherited, options.environment), cwd = "/", detached = true, hide = true,
    stdio = { self.input.handle, self.output.handle, self.errors.handle, options.held } },
    function(status, number) ended(self, status, number) end)
  if not handle then
    drop_pipes(self)
    return nil, pid, code -- luv says what went wrong in place of the number
  end
  self.process, self.pid = hold.keep(handle), pid
  read(self, self.output, "on_output")
  read(self, self.errors, "on_error_output")
  return self
end

return child_process
