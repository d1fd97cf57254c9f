-- calls.lua - a caller and a callee on a wire in virtual time that loses, doubles and reorders lines. For specs.
local call = require "routing.call"
local key = require "core.key"
local random = require "core.random"

local calls = {}
calls.__index = calls

calls.swarm = "vectors"

--- given.seed     of everything
--- given.loss, doubling   of 100 lines
--- given.late     ms that a line takes at most; 1 at least
--- given.run      fn(request, answer); nil: says the request back
--- given.may      as call.callee has it; nil: everybody may
function calls.new(given)
  local self = setmetatable({ time = 0, flying = {}, number = 0, loss = 0, doubling = 0, late = 1, ran = {},
    refused = {}, wire = {} }, calls)
  for name, value in pairs(given or {}) do self[name] = value end
  self.random = random.seeded(self.seed or 1)
  self.callee_key = key.generate(("c"):rep(32))
  self.caller_key = key.generate(("a"):rep(32))
  function self.now() return self.time end
  self.callee = self:new_callee()
  return self
end

local function count(list, what) list[what] = (list[what] or 0) + 1 end

function calls:new_callee(own)
  own = own or {}
  return call.callee { key = own.key or self.callee_key, swarm = own.swarm or self.swarm, now = self.now,
    random = self.random, refused = function(code) count(self.refused, code) end,
    may = self.may or function() return true end,
    run = function(request, answer)
      count(self.ran, request.text)
      if self.run then return self.run(request, answer) end
      answer:finish("did " .. request.text)
    end }
end

--- A call of REQUEST that goes to CALLEE (a peer ID; nil: ours) → { caller, answer = text so far, ended = { … } }
function calls:call(request, own)
  local one = { answer = "", pieces = {} }
  local given = { swarm = self.swarm, callee = self.callee_key:id(), caller = self.caller_key:id(),
    node = self.caller_key:id(), request = request, now = self.now, random = self.random,
    tell = function(rest) self:send(one, "call", rest) end,
    sign = function(kind, swarm, text, done) done(self.caller_key:sign(kind, swarm, text)) end,
    text = function(piece)
      one.answer, one.pieces[#one.pieces + 1] = one.answer .. piece, piece
    end,
    over = function(...) one.ended = table.pack(...) end }
  for name, value in pairs(own or {}) do given[name] = value end
  one.part, one.component = given.part, given.component or "control"
  one.caller = assert(call.caller(given))
  one.next = 0
  return one
end

local function fly(self, deliver, delay)
  self.number = self.number + 1
  table.insert(self.flying, { at = self.time + delay, number = self.number, deliver = deliver })
end

--- The line of KIND with REST goes on its way from or to ONE's caller. All of it stands in self.wire.
function calls:send(one, kind, rest)
  self.wire[#self.wire + 1] = { kind = kind, rest = rest }
  if self.change then rest = self.change(kind, rest, one) end
  if not rest then return end
  for _ = 1, self.random:integer(100) < self.doubling and 2 or 1 do
    if self.random:integer(100) >= self.loss then
      fly(self, function() self:arrive(one, kind, rest) end, 1 + self.random:integer(self.late))
    end
  end
end

function calls:arrive(one, kind, rest)
  if kind == "reply" then return one.caller:take(rest) end
  return self.callee:take(rest, { component = one.component, principal = one.principal or "p", part = one.part,
    tell = function(answer) self:send(one, "reply", answer) end })
end

local function earliest(list)
  local best
  for i, each in ipairs(list) do
    if not best or each.at < list[best].at or (each.at == list[best].at and each.number < list[best].number) then
      best = i
    end
  end
  return best
end

-- The end of the next thing that happens.
local function step(self, list, till)
  local next_at = till
  for _, one in ipairs(list) do
    local wait = not one.ended and one.caller:tick()
    if wait then next_at = math.min(next_at, self.time + wait) end
  end
  local wait = self.callee:tick()
  if wait then next_at = math.min(next_at, self.time + wait) end
  local first = earliest(self.flying)
  if first and self.flying[first].at <= next_at then
    local line = table.remove(self.flying, first)
    self.time = math.max(self.time, line.at)
    return line.deliver()
  end
  self.time = next_at
end

--- Lets the calls of LIST go on for MS, or until all are over where MS is nil (600 s at most).
function calls:go(list, ms)
  local till = self.time + (ms or 600 * 1000)
  while self.time < till do
    local open = false
    for _, one in ipairs(list) do open = open or not one.ended end
    if not ms and not open then return end
    step(self, list, till)
  end
end

return calls
