-- repl_history.lua - lines that a person typed into the REPL before: kept in a file of his own, bounded. Edits nothing.
local kept = require "kept"
local text = require "core.text"

local history = {}
history.__index = history

local LINES <const>, LINE <const> = 400, 300 -- kept at most; bytes of one: together less than a kept value may have
local NAME <const> = "repl-history"

-- The XDG base directory specification: what a program remembers of its use is state.
local function place(env)
  local base = env "XDG_STATE_HOME"
  if not base or base:sub(1, 1) ~= "/" then base = env "HOME" and env "HOME" .. "/.local/state" end
  return base and base .. "/dt-swarm-cli"
end

--- In WORLD (cli/environment.lua); what is wrong with the file is told to COMPLAIN(text). `lines`: those of before, the
-- oldest first. Where nothing can be kept, nothing is.
function history.open(world, complain)
  local self, folder = setmetatable({ lines = {} }, history), place(world.env)
  if not folder or not world.disk():mkdir(folder) then return self end
  local function say(_, _, what) complain(("%s/%s: %s"):format(folder, NAME, what)) end
  self.file = kept.new_firm { disk = world.disk(), log = { warn = say, error = say }, dir = folder, name = NAME }
  for _, line in ipairs(self.file:read() or {}) do
    if type(line) == "string" then table.insert(self.lines, line) end
  end
  return self
end

--- Is LINE worth keeping? One that begins with a space is not kept, as in a shell.
function history:takes(line)
  local is_text = #line <= LINE and text.utf8((line:gsub("%c", " ")))
  return is_text and line:find "^%S" ~= nil and line ~= self.lines[#self.lines]
end

--- Keeps LINE: on the disk, too, for a terminal may be closed at any time.
function history:add(line)
  table.insert(self.lines, (line:gsub("%c", " ")))
  if #self.lines > LINES then table.remove(self.lines, 1) end
  if self.file then self.file:put(self.lines) end
end

return history
