-- call/callee.lua - the half of calls that answers: nonces, whole requests, each run once. No loop and no socket.
local bounded = require "bounded"
local halves = require "routing.call.halves"
local key = require "core.key"
local lines = require "routing.call.lines"
local quota = require "comms.quota"
local ran = require "routing.call.ran"
local random = require "core.random"
local windows = require "routing.call.windows"

local callee = {}
callee.__index = callee

local SALT <const> = 16 -- bytes
-- Lines that asked for work and led to no call: of one source, a second and at once; of all that proved nothing.
local WASTE <const> = { rate = 8, burst = 64, total = 64, total_burst = 256 }
local RELAYED <const> = { rate = 64, burst = 512 } -- the same of all whose lines one relay passes on
local OPENED_MAX <const> = 64 -- calls of which it is known how often they were opened

local function nothing() end

--- given.key      the node's
--- given.swarm    in which it is called
--- given.now      fn() → ms, that never goes back
--- given.may      fn(caller, request) → true | nil, text, code: may he?
--- given.run      fn(request, answer): does it. request: { caller, node, component, text, tag, from }, to which it
--                 may add stopped() and drained(); session: the call's, with the keys, whose copy outlives it. answer:
--                 write(text), finish([text]), room(), drop(): who asks again hears `replay`
--- given.refused  fn(code, principal): counts a refusal; nil: nobody counts
--- given.most, of_source  how many calls are kept, in all and of one principal, where that is other than ran.lua's
--- given.random   core.random, where a run has to be the same again
function callee.new(given)
  local self = setmetatable({ refused = given.refused or nothing }, callee)
  for _, name in ipairs { "key", "swarm", "now", "may", "run" } do self[name] = given[name] end
  self.chance = given.random or random.system()
  self.opened = bounded.new { limit = OPENED_MAX }
  local clock = { now = function() return self.now() end }
  self.quota = quota.new { loop = clock, rate = WASTE.rate, burst = WASTE.burst, total = WASTE.total,
    total_burst = WASTE.total_burst }
  self.relayed = quota.new { loop = clock, rate = RELAYED.rate, burst = RELAYED.burst }
  self.windows = windows.new { now = self.now, public = self.key:public(), random = given.random }
  self.halves = halves.new { now = self.now, refused = self.refused }
  self.ran = ran.new { now = self.now, swarm = self.swarm, refused = self.refused, most = given.most,
    of_source = given.of_source }
  return self
end

local function refuse(self, from, err, code)
  self.refused(code, from.principal)
  return nil, err, code
end

-- The same, and the caller is told why: sealed, so that nobody else can say it.
local function refuse_to(self, line, session, from, err, code)
  from.tell(lines.refuse(line.tag, self.swarm, self.chance:bytes(SALT), session.keys, err), nil, 0)
  return refuse(self, from, err, code)
end

local function open(self, line, from)
  local w, es = self.windows:open(line.ec)
  local tries = self.opened:get(line.ec) or 0
  self.opened:put(line.ec, tries + 1)
  from.tell(lines.nonce(self.key, self.swarm, line.ec, w, es), line.node, tries)
  return true
end

-- == a request that is whole

local function check(self, said, session, from)
  if said.component ~= from.component then return nil, "address: a call for another component", "address" end
  return key.verify(said.caller, "call", self.swarm, lines.to_sign(session, self.key:id(), said.request), said.sig)
end

-- → what the component is told | nil, text, code
local function read(self, line, session, whole, from)
  local said, err, code = lines.parse_request(whole)
  if not said then return nil, err, code end
  local ok
  ok, err, code = check(self, said, session, from)
  if not ok then return nil, err, code end
  return { caller = said.caller, node = said.node, component = said.component, text = said.request, tag = line.tag,
    from = from }
end

local function begin(self, line, session, whole, from)
  local request, err, code = read(self, line, session, whole, from)
  if not request then return nil, err, code end
  local ok
  ok, err, code = self.may(request.caller, request)
  if ok then ok, err, code = self.ran:has_room(request.caller, from.principal) end
  if not ok then return nil, err, code end
  session.kept, request.session = true, session
  self.quota:refund(from.principal)
  if from.by then self.relayed:refund(from.by) end
  self.run(request, self.ran:begin(session, request, from))
  return true
end

-- == lines of a call

-- A request that ran, once more: the same answer.
local function once_more(self, call, line, session, from)
  if call.stopped then return refuse_to(self, line, session, from, "closed: that call was stopped", "closed") end
  local ok, err, code = call.answer:begin_again()
  if not ok then return refuse_to(self, line, session, from, err, code) end
  return refuse(self, from, "duplicate: that call ran already", "duplicate")
end

local function again(self, call, line, plain, from)
  local next_n, missing, code = lines.parse_again(plain)
  if not next_n then return refuse(self, from, missing, code) end
  if line.n < (call.again or 0) then
    return refuse(self, from, "duplicate: older than what it asked last", "duplicate")
  end
  call.again = line.n
  call.answer:again(next_n, missing)
  return true
end

local function may_waste(self, from)
  return self.quota:allows(from.principal, from.proved) and not (from.by and not self.relayed:allows(from.by, true))
end

local function charge(self, from)
  self.quota:charge(from.principal)
  if from.by then self.relayed:charge(from.by) end
end

-- LINE, with PLAIN in its box, of a call that runs or ran.
local function of_known(self, line, session, plain, from)
  local call = self.ran:get(line.ec)
  call.from, call.heard = from, self.now()
  if line.word == "stop" then
    from.tell(lines.refuse(line.tag, self.swarm, self.chance:bytes(SALT), session.keys, "closed: stopped"),
      call.node, 0)
    self.ran:stop(call) -- which closes the keys
    return true
  end
  if line.word == "again" and not call.stopped then return again(self, call, line, plain, from) end
  return once_more(self, call, line, session, from)
end

local function of_new(self, line, session, plain, from)
  if line.word == "stop" then
    self.halves:forget(line.ec)
    return refuse_to(self, line, session, from, "closed: stopped before it began", "closed")
  end
  if line.word == "again" then
    return refuse_to(self, line, session, from, "replay: its answer is not kept any more", "replay")
  end
  local whole, err, code = self.halves:put(line, plain, from)
  if not whole and code then return refuse(self, from, err, code) end
  if not whole then return true end
  local ok
  ok, err, code = begin(self, line, session, whole, from)
  if ok then return true end
  return refuse_to(self, line, session, from, err, code)
end

-- Nobody can seal an answer to what does not open: it says that the caller may open once more.
local function refuse_unsealed(self, line, from, err, code)
  if not self.ran:get(line.ec) or code == "nonce" then from.tell(lines.refuse_nonce(line.tag), nil, 0) end
  return refuse(self, from, err, code)
end

local function of_call(self, line, from)
  local call = self.ran:get(line.ec)
  local own = call and call.w == line.w and call.session
  local session, err, code = own, nil, nil
  if not own then session, err, code = self.windows:session(line.ec, line.w) end
  if not session then return refuse_unsealed(self, line, from, err, code) end
  local plain, ok
  plain, err, code = lines.open_call(line, self.swarm, session.keys)
  if plain then
    ok, err, code = (call and of_known or of_new)(self, line, session, plain, from)
  else
    ok, err, code = refuse_unsealed(self, line, from, err, code)
  end
  if session ~= own and not session.kept then session.keys:close() end
  return ok, err, code
end

--- REST of a `call` FROM { component, principal: whose quota it is, by: that of the relay that passed it on, or nil,
-- proved = is its address a key's?, part = bytes of a part, tell =
-- fn(rest, node, tries): sends a `reply` back the way this line came; node: the ID of the node that the caller is at,
-- or nil; tries: how often that was sent before } → true | nil, text, code. Then comes tick.
function callee:take(rest, from)
  local line, err, code = lines.parse_call(rest)
  if not line then return refuse(self, from, err, code) end
  if not may_waste(self, from) then
    return refuse(self, from, "quota: too many calls from there that came to nothing", "quota")
  end
  local ok
  if line.word == "open" then ok, err, code = open(self, line, from) else ok, err, code = of_call(self, line, from) end
  if line.word == "open" or (not ok and code ~= "duplicate") then charge(self, from) end
  return ok, err, code
end

--- The calls of CALLER (ID) that run end, and he is told why, sealed: TEXT, which begins with its word.
function callee:stop_of(caller, text)
  for _, call in ipairs(self.ran:running_of(caller)) do
    call.from.tell(lines.refuse(call.request.tag, self.swarm, self.chance:bytes(SALT), call.session.keys, text),
      call.node, 0)
    self.ran:stop(call)
  end
end

--- Does what is due → ms until this wants to be called again | nil: nothing waits here.
function callee:tick()
  local wait
  for _, room in ipairs { self.windows, self.halves, self.ran } do
    local left = room:tick()
    wait = left and math.min(wait or left, left) or wait
  end
  return wait and math.max(1, wait)
end

--- → { half =, running =, kept = how many calls; bytes = of their answers }
function callee:counts()
  local running, kept, bytes = self.ran:counts()
  return { half = #self.halves.list, running = running, kept = kept, bytes = bytes }
end

--- Stops all calls and wipes what is secret.
function callee:close()
  self.ran:close()
  self.windows:close()
end

return callee
