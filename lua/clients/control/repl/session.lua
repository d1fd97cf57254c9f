-- session.lua - one person's REPL: lines in, a fence of its own, slices of work, what is said. Knows no name of it.
--
-- It is one conversation (conversation.lua) that lasts as long as its connection. After {"command":"repl"} the client
-- sends lines
--   {"do":"eval","text":T,"name":NAME,"json":true}  one at a time; NAME is what faults call it
--   {"do":"complete","text":line up to the cursor}
--   {"do":"interrupt"}                               ends what runs
-- and is answered by events: ready; text, table, facts, why or json for what is printed; and last of each line
--   {"event":"done","ok":true}                       or "ok":false with error, a text, or incomplete, syntax,
--                                                    interrupted = true
--   {"event":"names","replace":bytes,"list":[…]}     for complete
local answers = require "clients.control.repl.answers"
local fence = require "core.fence"
local json = require "core.json"
local words = require "clients.control.repl.words"
local reasons = require "clients.control.repl.reasons"
local slices = require "slices"
local to_json = require "clients.control.to_json"
local typed = require "clients.control.repl.typed"

local session = {}
session.__index = session

local LIMITS <const> = {
  memory = 8 << 20,        -- bytes of its fence
  block = 1 << 20,         -- bytes of one allocation
  instructions = 1 << 40,  -- of a line; the time ends it before
  time = 10000,            -- ms that a line may run
  output = 16 << 20,       -- bytes that a line may print
  slice = 30000,           -- instructions in a turn of the loop: about 0.5 ms
}
local LEAST <const> = 1000 -- instructions with which it is worth to go on in a turn
local ASKED <const> = 1000 -- instructions that an answer counts for, beside what it says of itself to lua/slices.lua
local TURN <const> = 1000 -- units of lua/slices.lua that end a turn
local PIECE <const> = 16384 -- bytes of printed text in one event
local INNER <const> = { "policy.names", "policy.form", "clients.control.repl.shown",
  "clients.control.repl.environment" }

local function read(name)
  local file = assert(io.open(assert(package.searchpath(name, package.path)), "rb"))
  local source = file:read "a"
  file:close()
  return source
end

local function new_fence(limits)
  local made = assert(fence.new { memory = limits.memory, block = limits.block, instructions = limits.instructions })
  for _, name in ipairs(INNER) do assert(made:load(name:match "[^.]+$", read(name), true)) end
  assert(made:call("begin", words.list, words.acts) == nil)
  return made
end

--- GIVEN: node, reply (a conversation), closed() when it is over; limits: any of those above.
function session.new(given)
  local self = setmetatable({ node = given.node, reply = given.reply, closed = given.closed, due = {} }, session)
  self.limits = setmetatable(given.limits or {}, { __index = LIMITS })
  self.loop, self.owner = self.node.loop, given.reply.owner
  self.answers, self.fence = answers.new(self.node), new_fence(self.limits)
  self.reply:on_cancel(function() self:close() end)
  self.reply:on_room(function() self:go() end)
  self:say { event = "ready", name = to_json.value(self.node.name), version = to_json.value(self.node.version) }
  if not self.over then self.reply:on_line(function(line) self:hear(line) end) end
  return self
end

-- == what is said

-- What is due, in order, as far as there is room. → is all said?
local function flush(self)
  while self.due[1] and not self.over do
    if not self.reply(self.due[1], true) then return false end
    table.remove(self.due, 1)
  end
  return not self.over
end

-- PRINTED as lines that JSON can hold: a tab is its sign, what is no clean UTF-8 is escaped. The last one goes on in
-- the next event, unless it is empty.
local function lines_of(printed)
  local lines = {}
  for line in (printed .. "\n"):gmatch "([^\n]*)\n" do lines[#lines + 1] = to_json.text((line:gsub("\t", "␉"))) end
  return json.array(lines)
end

local function flush_printed(self)
  if not self.printed[1] then return end
  table.insert(self.due, { event = "text", lines = lines_of(table.concat(self.printed)) })
  self.printed, self.waiting_bytes = {}, 0
end

function session:say(event)
  table.insert(self.due, event)
  flush(self)
end

-- Printed text is gathered; an event that is no text comes behind it.
local function put(self, event, bytes)
  self.output = self.output + bytes
  if self.output > self.limits.output then
    return nil, ("over the limit of %d MB that a line may print"):format(self.limits.output >> 20)
  end
  if type(event) == "string" then
    self.printed[#self.printed + 1] = event
    self.waiting_bytes = self.waiting_bytes + bytes
    if self.waiting_bytes >= PIECE then flush_printed(self) end
    return true
  end
  flush_printed(self)
  table.insert(self.due, event)
  return true
end

-- == what the fence asks

local OPS <const> = {
  print = function(_, self, printed) return put(self, printed, #printed) end,
  json = function(_, self, part) return put(self, { event = "json", text = part }, #part) end,
  say = function(_, self, event) return put(self, to_json.value(event), PIECE) end,
  help = function(_, self, name) return put(self, reasons.help(name), PIECE) end,
  why = function(node, _, ...) return reasons.why(node, ...) end,
  ask = function(node, _, ...) return reasons.ask(node, ...) end,
  complete = function(node, _, ...) return typed(node, ...) end,
}
for _, op in ipairs { "page", "value", "records", "record" } do
  OPS[op] = function(_, self, ...) return self.answers[op](self.answers, ...) end
end

-- A mistake of the line, such as a number where a text belongs, is told to it; it is no fault of the daemon's.
local function answer(self, op, ...)
  local told = table.pack(pcall(OPS[op], self.node, self, ...))
  if told[1] then return table.pack(table.unpack(told, 2, told.n)) end
  self.node.log:warn("control", "the REPL could not answer", { { "asked", op }, { "why", told[2] } })
  return table.pack(nil, "this cannot be answered; the daemon's log says why")
end

-- == a line

local NOTHING <const> = table.pack()
local OWN <const> = { environment = true, shown = true, names = true } -- lines of these mean nothing to a person

local function finish(self, event)
  self.running = nil
  flush_printed(self)
  table.insert(self.due, event)
end

local function done(self, result, more)
  if self.completing then
    return finish(self, { event = "names", replace = result or 0, list = to_json.list(more, to_json.text) })
  end
  if result == "incomplete" or result == "syntax" then
    return finish(self, { event = "done", ok = false, error = to_json.text(more), [result] = true })
  end
  finish(self, { event = "done", ok = true })
end

local function failed(self, message)
  message = message:gsub("^%l+:%d+: ", function(at) return OWN[at:match "^%l+"] and "" or at end)
  if self.completing then return done(self, 0, {}) end
  finish(self, { event = "done", ok = false, error = to_json.text(message) })
end

-- Goes on for what is left of a slice, or with what was asked.
local function step(self)
  local told = table.pack(self.fence:resume(self.left, table.unpack(self.give, 1, self.give.n)))
  self.left, self.give = told[2], NOTHING
  if told[1] == "asks" then
    self.left, self.give = self.left - ASKED, answer(self, table.unpack(told, 3, told.n))
  elseif told[1] == "failed" then
    failed(self, told[3])
  elseif told[1] == "done" then
    done(self, told[3], told[4])
  else
    self.left = 0 -- what it allocates may end a slice, too
  end
end

-- Is it to end, though it has not come to its end?
local function is_stopped(self)
  if self.interrupted then
    self.fence:stop()
    finish(self, { event = "done", ok = false, interrupted = true })
  elseif self.loop:now() - self.began > self.limits.time then
    self.fence:stop()
    failed(self, ("over the limit of %d s that a line may run"):format(self.limits.time // 1000))
  end
  return not self.running
end

-- Until it is over, or there is no room for what it says; each turn of the loop takes a slice.
local function run(self)
  while flush(self) and self.running do
    if self.left < LEAST then
      slices.step(TURN)
      self.left = self.limits.slice
    end
    if not self.over and not is_stopped(self) then step(self) end
  end
  if self.ended and not self.running and not self.over and not self.due[1] then self:leave() end
  self.full_since = not self.over and self.due[1] and self.loop:now() or nil
end

--- Goes on: there is something to do, and room.
function session:go()
  if self.over or self.job then return end
  if self.full_since then self.began = self.began + self.loop:now() - self.full_since end
  self.job = self.owner.slices:start(function() run(self) end, function(ok, fault)
    self.job = nil
    if ok or self.over then return end
    self.node.log:error("control", "the REPL failed", { why = fault })
    self.reply(nil, "kind: the daemon failed at this; its log says where", "kind")
    self:close()
  end)
end

local function begin(self, name, ...)
  self.running, self.interrupted, self.completing = true, false, name == "complete"
  self.left, self.give, self.began = self.limits.slice, NOTHING, self.loop:now()
  self.printed, self.waiting_bytes, self.output = {}, 0, 0
  local ok, message = self.fence:start(name, ...)
  if not ok then failed(self, message) end
  self:go()
end

-- == the client's lines

local function refuse(self, message, code)
  self.reply(nil, code .. ": " .. message, code)
  self:close()
end

--- LINE, a table, or nil: the client says no more.
function session:hear(line)
  if self.over then return end
  if not line then
    self.ended = true
    return self:go()
  end
  local what, source = line["do"], line.text
  if what == "interrupt" then
    self.interrupted = true
  elseif self.running then
    refuse(self, "one line at a time: wait for \"done\"", "full")
  elseif what == "eval" and type(source) == "string" then
    begin(self, "eval", source, type(line.name) == "string" and line.name:sub(1, 200) or "repl", line.json == true)
  elseif what == "complete" and type(source) == "string" then
    begin(self, "complete", source:sub(-1000))
  else
    refuse(self, '"do" is eval, complete or interrupt, with a "text"', "form")
  end
end

--- The client has heard all that it asked for, and asks no more.
function session:leave()
  self.reply { event = "over" }
  self:close()
end

--- Ends it; twice is safe.
function session:close()
  if self.over then return end
  self.over = true
  if self.job then self.job() end
  self.fence:close()
  self.closed()
end

return session
