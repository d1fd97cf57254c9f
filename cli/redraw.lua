-- redraw.lua - `--watch` of a command whose whole answer is shown: asked again and again, shown when it changed. It
-- knows no command.
--
-- On a terminal the picture is drawn in place, and of it only the lines that changed, since many look over a slow SSH.
-- Elsewhere it is printed again, behind an empty line, or as a line of JSON; ages and rates alone are no news there.
local world_of = require "cli.environment"

local redraw = {}

local LINES <const> = 24 -- of a terminal that does not say how many it has
local PAUSE <const> = 1000 -- ms from an answer to the next question
local SHARE <const> = 10 -- times as long as the daemon took for an answer it is left alone
local PATIENCE <const> = 10 * 1000 -- ms in which a daemon that went may come back: some settings restart it
local FEET <const> = 2 -- lines at the end of a picture that is too high which stay: the sentences beneath a table

local HOME <const>, REST_OF_LINE <const>, BELOW <const> = "\27[%d;1H", "\27[K", "\27[J"

-- What FILE shows of ANSWER, as a list of lines. STILL: with nothing in it that changes by time alone.
local function picture(self, answer, still)
  local text, s = {}, setmetatable({}, { __index = self.context.show })
  s.write = function(piece) text[#text + 1] = piece end
  if still then
    for _, name in ipairs { "span", "age", "ago", "rate", "trip" } do s[name] = function() return "" end end
  end
  self.file.show(answer, s, self.options)
  local lines = {}
  for line in table.concat(text):gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return lines
end

-- As many of LINES as fit between the first line of the terminal and the one for the cursor.
local function fitting(lines, height)
  local room = height - 1
  if #lines <= room then return lines end
  local feet = math.min(FEET, room - 2)
  if feet < 1 then return { table.unpack(lines, 1, math.max(room, 1)) } end
  local heads = room - feet - 1
  local list = { table.unpack(lines, 1, heads) }
  list[#list + 1] = ("… %d lines more; a higher window shows them"):format(#lines - heads - feet)
  return table.move(lines, #lines - feet + 1, #lines, #list + 1, list)
end

-- Writes those of LINES that are not on the screen yet, and puts the cursor beneath them. ALL: the screen is another.
local function draw(self, lines, all)
  local before, out = all and {} or self.drawn, {}
  for i, line in ipairs(lines) do
    if before[i] ~= line then out[#out + 1] = HOME:format(i) .. line .. REST_OF_LINE end
  end
  if all or #before ~= #lines then out[#out + 1] = HOME:format(#lines + 1) .. BELOW end
  if out[1] then
    out[#out + 1] = HOME:format(#lines + 1)
    self.context.world.write(table.concat(out))
  end
  self.drawn = lines
end

-- What stands on the screen when this begins is scrolled out of sight, not lost.
local function clear(height) return ("\n"):rep(height - 1) end

local function on_terminal(self, answer)
  local world = self.context.world
  local columns, height = world_of.width(world), select(2, world.columns(1))
  height = height and height > 1 and height or LINES
  local is_new = columns ~= self.columns or height ~= self.height
  if not self.drawn then world.write(clear(height)) end
  self.columns, self.height, self.context.show.width = columns, height, columns
  draw(self, fitting(picture(self, answer), height), is_new)
end

local function elsewhere(self, answer)
  local text = table.concat(picture(self, answer, true), "\n")
  if text == self.told then return end
  if self.options.json then
    self.context:json(answer)
  else
    self.context.world.write((self.told and "\n" or "") .. table.concat(picture(self, answer), "\n") .. "\n")
  end
  self.told = text
end

-- Asks, and shows the answer. → ms until the daemon is asked again | nil, exit code: it is over. The first time all is
-- said as without --watch; later a daemon that went may come back.
local function step(self)
  local loop, request = self.context.world.loop(), self.file.request(self.options)
  local begun = loop:now()
  local answer, message, code = self.context[self.answered and "ask_quietly" or "ask"](self.context, request)
  if not answer and not self.answered then return nil, message end -- all is said
  local now = loop:now()
  if answer then
    self.answered, self.answer = now, answer
    self.show(self, answer)
    self.context.world.flush()
    if self.context.world.unwritten then return nil, self.context.exit.ok end -- said at the end
  elseif code ~= "closed" then
    return self.context:refuse(message, code)
  elseif now - self.answered > PATIENCE then
    return nil, self.context:give_up(nil, message)
  end
  return math.max(PAUSE, SHARE * (now - begun))
end

-- Runs the loop for MS, or until Ctrl-C. A terminal that got another size is drawn at once.
local function rest(self, ms)
  local loop = self.context.world.loop()
  local timer = loop:after(ms, function() loop:stop() end)
  local resized = self.terminal and loop:signal("sigwinch", function()
    if self.answer then self.show(self, self.answer) end
    self.context.world.flush()
  end)
  loop:run()
  timer:cancel()
  if resized then resized:cancel() end
end

--- FILE (as cli/init.lua has them) is asked and shown until Ctrl-C; → exit code. TERMINAL: it is drawn in place.
function redraw.run(context, file, options, terminal)
  local self = { context = context, file = file, options = options, terminal = terminal,
    show = terminal and on_terminal or elsewhere }
  local loop, stopped = context.world.loop(), false
  local signal = loop:signal("sigint", function()
    stopped = true
    loop:stop()
  end)
  local ms, code = 0, nil
  while ms and not stopped do
    if ms > 0 then rest(self, ms) end
    if not stopped then ms, code = step(self) end
  end
  signal:cancel()
  return stopped and context.exit.stopped or code
end

return redraw
