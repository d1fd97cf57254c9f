-- call/ran.lua - the calls that run here and those that ran lately, with their answers: none runs twice. Reads no line.
local answer = require "routing.call.answer"
local lines = require "routing.call.lines"

local ran = {}
ran.__index = ran

local CALLS_MAX <const>, OF_ONE_MAX <const> = 1000, 256 -- in all, and of one caller
local BYTES_MAX <const> = 4 * 1024 * 1024 -- of all answers
local KEPT <const> = 240 * 1000 -- ms: as long as a window is good, and so a recording of its calls
local KEPT_AFTER <const> = 30 * 1000 -- ms from the end of a longer one: as long as its caller asks again
local SILENCE <const> = 40 * 1000 -- ms: who asks has gone
local SOON <const> = 800 -- ms from the request until its caller hears that it was understood

--- given.now, swarm
--- given.refused  fn(code, principal)
--- given.most, of_source  calls in all (1,000) and of one principal (as many)
function ran.new(given)
  return setmetatable({ now = given.now, swarm = given.swarm, refused = given.refused, by_ec = {}, list = {},
    most = given.most or CALLS_MAX, of_source = given.of_source or CALLS_MAX }, ran)
end

--- → the call EC | nil
function ran:get(ec) return self.by_ec[ec] end

--- May one more of CALLER (ID) from PRINCIPAL run? → true | nil, text, "full"
function ran:has_room(caller, principal)
  local of_one, of_source = 0, 0
  for _, call in ipairs(self.list) do
    of_one = of_one + (call.caller == caller and 1 or 0)
    of_source = of_source + (call.from.principal == principal and 1 or 0)
  end
  if of_one < OF_ONE_MAX and of_source < self.of_source and #self.list < self.most then return true end
  return nil, ("full: %d calls ran within four minutes, of you %d; later there is room again"):format(#self.list,
    of_one), "full"
end

-- Of a CALL that is over only what is needed to say its answer again is kept.
local function settle(self, call)
  call.ended = call.ended or self.now()
  call.request = {} -- which may be long
  if call.session then call.session.keys:close() end
  call.session = nil
end

-- Until N more bytes have room, the oldest answers that are over go.
local function make_room(self, n)
  local bytes = n
  for _, call in ipairs(self.list) do bytes = bytes + call.answer.bytes end
  for _, call in ipairs(self.list) do
    if bytes > BYTES_MAX and call.answer.over and call.answer.bytes > 0 then
      bytes = bytes - call.answer.bytes
      call.answer:drop()
    end
  end
  return bytes <= BYTES_MAX
end

local function put(self, call, name, whole)
  if not make_room(self, #(whole or "") * 3 // 2) then
    return nil, "full: the answers that are kept leave no room for it", "full"
  end
  local ok, err, code = call.answer[name](call.answer, whole)
  if call.answer.over and not call.ended then settle(self, call) end
  return ok, err, code
end

-- What the component answers with.
local function writer(self, call)
  return {
    write = function(_, whole) return put(self, call, "write", whole) end,
    finish = function(_, whole) return put(self, call, "finish", whole) end,
    room = function() return call.answer:room() end,
    drop = function() call.answer:drop() end,
  }
end

local function answer_of(self, call, tag)
  return answer.new { keys = call.session.keys, swarm = self.swarm, tag = tag, now = self.now,
    part = call.from.part or lines.datagram_part,
    refused = function(code) self.refused(code, call.from.principal) end,
    drained = function() if call.request.drained then call.request.drained() end end,
    send = function(rest, tries) call.from.tell(rest, call.node, tries) end }
end

--- REQUEST runs from now on, by SESSION, whose keys are ours now → the writer of its answer
function ran:begin(session, request, from)
  local call = { ec = session.ec, w = session.w, session = session, request = request, node = request.node, from = from,
    caller = request.caller, began = self.now(), heard = self.now() }
  call.answer = answer_of(self, call, request.tag)
  self.by_ec[call.ec], self.list[#self.list + 1] = call, call
  return writer(self, call)
end

--- The calls of CALLER (ID) that run now.
function ran:running_of(caller)
  local found = {}
  for _, call in ipairs(self.list) do
    if call.caller == caller and not call.ended then found[#found + 1] = call end
  end
  return found
end

--- CALL stops, and what it would have said is not said any more.
function ran:stop(call)
  if call.stopped then return end
  local stopped = not call.answer.over and call.request.stopped
  call.stopped = true
  call.answer:drop()
  settle(self, call)
  if stopped then stopped() end
end

-- → ms until something is to be done about CALL
local function look(self, call)
  local now = self.now()
  if call.ended then return math.max(call.began + KEPT, call.ended + KEPT_AFTER) - now end
  if now - call.heard >= SILENCE then
    self.refused("closed", call.from.principal)
    self:stop(call)
    return KEPT_AFTER
  end
  local wait = call.heard + SILENCE - now
  if call.answer.made > 0 then return wait end
  if now - call.began >= SOON then
    put(self, call, "write", "")
    return wait
  end
  return math.min(wait, call.began + SOON - now)
end

--- Forgets those that are old, stops those that nobody listens to → ms until the next | nil
function ran:tick()
  local list, wait = {}, nil
  for _, call in ipairs(self.list) do
    local left = look(self, call)
    if left <= 0 then
      self.by_ec[call.ec] = nil
    else
      list[#list + 1], wait = call, math.min(wait or left, left)
    end
  end
  self.list = list
  return wait
end

--- → how many run, how many are known in all, bytes of their answers
function ran:counts()
  local running, bytes = 0, 0
  for _, call in ipairs(self.list) do
    running, bytes = running + (call.ended and 0 or 1), bytes + call.answer.bytes
  end
  return running, #self.list, bytes
end

--- Stops all.
function ran:close()
  for _, call in ipairs(self.list) do self:stop(call) end
end

return ran
