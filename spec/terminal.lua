-- terminal.lua - a command in a pseudo-terminal of its own (tmux): keys in, what stands on the screen out. No checks.
local patience = require "spec.patience"
local shell = require "shell"

local Terminal = {}
Terminal.__index = Terminal

local serial = 0

local function run(self, words, ...)
  local parts = { "tmux -L", self.name, words }
  for _, word in ipairs { ... } do parts[#parts + 1] = shell.word(word) end
  local pipe = assert(io.popen(table.concat(parts, " ") .. " 2>/dev/null"))
  local text = pipe:read "a"
  pipe:close()
  return text
end

-- Is there a tmux here?
local function is_here() return os.execute "command -v tmux >/dev/null 2>&1" ~= nil end

-- Runs COMMAND of a shell in a terminal of COLUMNS (80) by LINES (40); when it ends the screen says "exit CODE", and
-- stays.
local function start(command, columns, lines)
  serial = serial + 1
  local self = setmetatable({ name = ("dt-swarm-spec-%s-%d"):format(os.tmpname():match "[^/_]+$", serial) }, Terminal)
  run(self, ("-f /dev/null new-session -d -x %d -y %d"):format(columns or 80, lines or 40),
    "sh -c " .. shell.word("trap : INT; " .. command .. "; echo exit $?; exec cat"))
  return self
end

-- Presses keys: names of tmux ("Enter", "C-c").
function Terminal:press(...) run(self, "send-keys", ...) end

-- Types TEXT as it is.
function Terminal:type(text) run(self, "send-keys -l", text) end

function Terminal:line(text)
  self:type(text)
  self:press "Enter"
end

function Terminal:resize(columns, lines) run(self, ("resize-window -x %d -y %d"):format(columns, lines)) end

-- Puts into the file PATH what is written to the terminal from now on.
function Terminal:record(path) run(self, "pipe-pane -o", "cat > " .. shell.word(path)) end

-- What is on the screen, without empty lines.
function Terminal:screen() return (run(self, "capture-pane -p"):gsub("\n\n+", "\n")) end

-- → the screen when PATTERN (plain text) stands on it COUNT times (once), or nil and the screen.
function Terminal:shows(text, count)
  local screen
  local found = patience.within(5, function()
    local n, from = 0, 1
    screen = self:screen()
    while true do
      local at, till = screen:find(text, from, true)
      if not at then break end
      n, from = n + 1, till + 1
    end
    return n >= (count or 1)
  end, 0.05)
  if found then return screen end
  return nil, screen
end

-- How the terminal is, as stty(1) says: "icanon" or "-icanon", …
function Terminal:stty()
  local pipe = assert(io.popen("stty -a < " .. run(self, "display", "-p", "#{pane_tty}")))
  local text = pipe:read "a"
  pipe:close()
  return text
end

function Terminal:close() run(self, "kill-server") end

return { start = start, is_here = is_here }
