-- repl_input.lua - lines from a terminal: edited by lua-readline where it is installed, else plain. Keeps none of them.
local input = {}
input.__index = input

local PASTE_OFF <const> = "\27[?2004l" -- readline has the terminal mark what is pasted

-- lua-readline reads and would write a history of its own: it is told to keep none.
local function readline()
  local ok, library = pcall(require, "readline")
  if not ok or type(library) ~= "table" or not library.handler_install then return nil end
  library.set_options { histfile = "", auto_add = false, completion = true }
  library.set_readline_name "dt-swarm-cli"
  return library
end

--- From the terminal at descriptor 0 of WORLD; LINES are those typed before; LINK (repl_link.lua) knows what may be
-- typed, hears Ctrl-C, and may be gone.
function input.new(world, lines, link)
  local self = setmetatable({ world = world, loop = world.loop(), link = link }, input)
  self.library = self.world.env "TERM" ~= "dumb" and readline() or nil
  if not self.library then return self end
  self.restore = world.keep_terminal(0)
  for _, line in ipairs(lines) do self.library.add_history(line) end
  self.library.set_complete_function(function(line, from, behind) -- of the word, and behind the cursor
    local replaced, texts = link:complete(line:sub(1, behind - 1))
    local before, words = line:sub(from, behind - 1 - replaced), {} -- readline's word may begin before ours
    for i, text in ipairs(texts) do words[i] = before .. text end
    self.library.set_completion_append_character "" -- readline sets a space before each call
    return words
  end)
  return self
end

function input:remember(line)
  if self.library then self.library.add_history(line) end
end

-- Until something is typed → "typed"; "interrupted" by Ctrl-C; "gone".
local function wait(self)
  local what
  local function stop(word)
    what = what or word
    self.loop:stop()
  end
  local watch = self.loop:watch(0, "r", function() stop "typed" end)
  self.link:interrupts(function() stop "interrupted" end)
  while not what and not self.link.gone do self.loop:run() end
  watch:close()
  self.link:interrupts(nil)
  return what or "gone"
end

-- The library's handler_remove closes its stream before readline is done with it, unless a line has just ended. So one
-- that is left half-way stays, and the next one takes its place; and at last the terminal is set back from here.
local function edited(self, prompt)
  local library, line, is_whole = self.library, nil, false
  library.handler_install(prompt, function(typed)
    line, is_whole = typed, true
    library.handler_remove()
  end)
  repeat
    local what = wait(self)
    if what == "gone" then
      self.world.write(PASTE_OFF)
      self.restore()
    end
    if what == "interrupted" and library.sigcleanup then library.sigcleanup() end
    if what ~= "typed" then return nil, what end
    library.read_char()
  until is_whole
  return line, line == nil and "end" or nil
end

-- The terminal itself edits: what can be read is a whole line.
local function plain(self, prompt)
  self.world.write(prompt)
  self.world.flush()
  local what = wait(self)
  if what ~= "typed" then return nil, what end
  local line = io.read "l"
  return line, line == nil and "end" or nil
end

--- Asks for a line with PROMPT → the line | nil and why there is none: "end" (Ctrl-D), "interrupted" (Ctrl-C), "gone".
function input:line(prompt)
  return (self.library and edited or plain)(self, prompt)
end

return input
