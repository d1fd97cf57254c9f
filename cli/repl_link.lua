-- repl_link.lua - the conversation of a REPL with its node: a line asked, its events until the last. Shows nothing.
local link = {}
link.__index = link

-- An answer: what runs is over with the last event of a line, or with the daemon.
local function take(self, answer, why)
  if answer and answer.event and answer.event ~= "over" then
    local is_last = answer.event == "done" or answer.event == "names" or answer.event == "ready"
    if not is_last then return self.each(answer) end
    self.last = answer
  else
    self.gone, self.refused, self.why = true, answer and answer.error and answer, why
  end
  self.loop:stop()
end

-- Ctrl-C: of what waits now, else of what will wait next. There is always somebody who takes it: else it would end us.
local function interrupt(self)
  if self.on_interrupt then self.on_interrupt() else self.is_interrupted = true end
end

--- FN() at each Ctrl-C from now on, and at once where there was one that nobody took; nil: nobody takes it.
function link:interrupts(fn)
  self.on_interrupt = fn
  local before = fn and self.is_interrupted
  self.is_interrupted = false
  if before then fn() end
end

--- Begins one. → link | nil, exit code, with words said.
function link.open(context)
  local self = setmetatable({ context = context, loop = context.world.loop(), each = function() end }, link)
  local talk, exit = context:converse({ command = "repl" }, function(...) take(self, ...) end)
  if not talk then return nil, exit end
  self.talk, self.signal = talk, self.loop:signal("sigint", function() interrupt(self) end)
  while not (self.last or self.gone) do self.loop:run() end
  if self.gone then return nil, self:give_up() end
  self.ready = self.last
  return self
end

--- Says that the daemon has gone, or why it refused. → exit code
function link:give_up()
  if self.left then return self.context.exit.stopped end
  return self.context:give_up(self.refused, self.why or "The daemon ended the session.")
end

local PATIENCE <const> = 1000 -- ms between two Ctrl-C from which on the daemon is not waited for

-- Asks REQUEST and waits for its last event; EACH(event) for those before. Ctrl-C ends what runs there; once more,
-- where that does not help, the waiting. → the last event | nil: the daemon has gone, or is not waited for
local function ask(self, request, each)
  if self.gone then return nil end
  self.last, self.each = nil, each
  local pressed
  self.talk:tell(request)
  self:interrupts(function()
    if not pressed then self.talk:tell { ["do"] = "interrupt" } end
    pressed = pressed or self.loop:now()
    if self.loop:now() - pressed < PATIENCE then return end
    self.gone, self.left = true, true
    self.loop:stop()
  end)
  while not (self.last or self.gone) do self.loop:run() end
  self:interrupts(nil)
  return self.last
end

--- Evaluates SOURCE, called NAME in faults. → the event `done` | nil: the daemon has gone.
function link:eval(source, name, as_json, each)
  return ask(self, { ["do"] = "eval", text = source, name = name, json = as_json or nil }, each)
end

--- What may follow LINE, the text before the cursor: → bytes that are replaced, array of texts.
function link:complete(line)
  local event = ask(self, { ["do"] = "complete", text = line }, function() end)
  return event and event.replace or 0, event and event.list or {}
end

function link:close()
  self.talk:close()
  self.signal:cancel()
end

return link
