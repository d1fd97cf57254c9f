-- toy.lua - a client in one file: it uses all that a client may have, and counts what it gets. No use beyond specs.
local toy = { name = "toy" }
local Toy = {}
Toy.__index = Toy

--- How it is to fail, set by a spec: at "open", "refuse", "start" or "stop"; nil: it works.
toy.fails = nil

function toy.open(handle)
  local self = setmetatable({ heard = {}, applied = 0 }, Toy)
  handle:on_statement("share/files", function(st) table.insert(self.heard, st.key) end)
  for _, news in ipairs { "on_own", "on_newcomer", "on_back", "on_proved", "on_leap", "on_lost", "on_open" } do
    handle[news](handle, function() end)
  end
  handle.loop:every(1000, function() self.beats = (self.beats or 0) + 1 end)
  handle.loop:after(10, function() self.once = true end)
  handle.loop:post(function() self.posted = true end)
  handle:component("toy", function(message)
    self.message = message.rest
    return true
  end)
  handle:command("toy", function(request, reply) reply { said = request.say } end)
  handle:extend("status", function(answer) answer.toy = true end)
  handle:provide("toys", 3)
  if toy.fails == "open" then error "no toys today" end
  if toy.fails == "refuse" then return nil, "missing: no box", "missing" end
  return self
end

function Toy:start()
  if toy.fails == "start" then error "its wheels are stuck" end
  self.started = true
end

function Toy:apply() self.applied = self.applied + 1 end

function Toy.stop()
  if toy.fails == "stop" then error "it goes on" end
end

return toy
