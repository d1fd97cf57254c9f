-- environment.lua - what a command touches of the machine: terminal, environment, loop, sockets, disk. No words.
local world = {}

local WIDTH <const> = 80
local LEAST <const>, MOST <const> = 20, 200
local EPIPE <const> = 32

-- Keeps in SELF.unwritten why standard output did not take all, from the first time on: { why =, reader_gone = }.
local function note(self, taken, why, number)
  if not taken and not self.unwritten then self.unwritten = { why = why, reader_gone = number == EPIPE } end
end

--- The real world for process ARG (arg.root is our tree's folder). What costs is made when asked for.
function world.new(arg)
  local self
  self = {
    env = os.getenv, root = arg.root, version = require("core").version,
    write = function(text) note(self, io.stdout:write(text)) end,
    flush = function() note(self, io.stdout:flush()) end,
    -- Why output did not get where it was to go | nil. A reader who has enough is no fault.
    lost = function()
      self.flush()
      return self.unwritten and not self.unwritten.reader_gone and self.unwritten.why or nil
    end,
    complain = function(text) io.stderr:write(text) end,
    type = function() return io.stdin:read "l" end,
    paths = require("paths").new(os.getenv, require("paths").uid()),
    net = require "core.net",
  }
  self.columns, self.keep_terminal = arg.columns, arg.keep_terminal
  self.loop = function()
    self.opened = self.opened or require("loop").new { on_error = function(text) error(text, 0) end }
    return self.opened
  end
  -- Handles that luv has not seen off when the Lua state ends make it crash.
  self.close = function()
    if self.opened then self.opened:close() end
  end
  self.disk = function()
    self.real_disk = self.real_disk or require("core.disk").real()
    return self.real_disk
  end
  -- Is there a terminal on which a program may ask a person, whatever standard input is?
  self.has_terminal = function()
    local terminal = io.open("/dev/tty", "r+")
    if terminal then terminal:close() end
    return terminal ~= nil
  end
  self.fetching = function(given)
    given.space = require("core.board").space
    return require("cli.fetching").open(given)
  end
  self.read = function(path, most)
    local file = io.open(path, "rb")
    if not file then return nil end
    local text = file:read(most or 4096)
    file:close()
    return text
  end
  return self
end

--- Columns to write within: the terminal's, or what $COLUMNS says, within reason; 80 where nobody knows.
function world.width(self)
  local columns = self.columns(1)
  if not columns or columns == 0 then columns = math.tointeger(tonumber(self.env "COLUMNS" or "")) end
  if not columns or columns <= 0 then return WIDTH end
  return math.max(LEAST, math.min(columns, MOST))
end

return world
