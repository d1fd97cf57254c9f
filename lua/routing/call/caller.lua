-- call/caller.lua - the half of a call that asks: opens, has it signed, sends, and asks again. No loop and no socket.
local lines = require "routing.call.lines"
local received = require "routing.call.received"
local refusals = require "refusals"
local seal = require "core.seal"
local text = require "core.text"

local caller = {}
caller.__index = caller

local FIRST <const> = 1000 -- ms before the first repeat; the next waits are twice and three times that
local GROWTH <const>, REPEAT_MOST <const> = 3, 10 * 1000 -- times FIRST; ms
local IDLE <const>, IDLE_GROWTH <const> = 4, 2 -- times FIRST, once the callee said that nothing is new; and after that
local PATIENCE <const> = 30 * 1000 -- ms without anything from the callee, until his answer begins
local READING <const> = 45 * 1000 -- ms once it has begun: an answer may go on for hours
local SIGNING <const> = 250 -- ms until it is looked again whether a person's key has signed
local GAP <const> = 200 -- ms that a part may come later than one behind it
local UNREAD <const> = 4 -- parts that come before they are acknowledged, so that the callee sends on
local STOPS <const> = 3 -- times that a call is stopped
local NO_SIGNATURE <const> = ("-"):rep(86) -- as long as one

local function whole_request(self, signature)
  return lines.request { caller = self.caller, component = self.component, node = self.node, request = self.request,
    sig = signature }
end

--- given.swarm      in which both are
--- given.callee     ID of who is called
--- given.component  of it, "control" where nothing is said
--- given.caller     ID of the key that signs
--- given.node       ID of the node that the caller is at: there the answer may be brought by any way
--- given.request    clean text
--- given.reads      may it be done again where the callee started anew in between?
--- given.now        fn() → ms, that never goes back
--- given.tell       fn(rest): sends a `call`
--- given.sign       fn(kind, swarm, text, done): calls done(signature | nil, text, code), at once or later
--- given.text       fn(text): the answer, as it comes
--- given.over       fn(true | nil, text, code): once
--- given.keep       fn(keys), or nil: before that, where the answer is whole: a copy of the keys, for who closes it
--- given.first      ms before the first repeat, where the way is slow
--- given.part       plain bytes of a part: 4,096 where all of the way is streams
--- given.random     core.random, where a run has to be the same again
--- → a call | nil, text, "long"
function caller.new(given)
  local self = setmetatable({ component = "control", first = FIRST, part = lines.datagram_part }, caller)
  for name, value in pairs(given) do self[name] = value end
  self.pair = seal.pair(self.random and self.random:bytes(32))
  self.ec = self.pair:public()
  self.tag = lines.tag(text.base64url(self.ec) .. " ")
  self:enter("open", { lines.open(self.ec, self.node) })
  if #whole_request(self, NO_SIGNATURE) <= lines.request_most then return self end
  self:close()
  return nil, "long: a request has 64 KiB at most", "long"
end

-- == what goes out

-- LIST is sent now, and again until something comes.
function caller:enter(state, list)
  local now = self.now()
  self.state, self.out, self.waits = state, list, 0
  self.heard, self.due = now, now
end

local function wait_of(self, times)
  local first = math.max(self.first, 2 * (self.trip or 0))
  return math.min(times * first, math.max(REPEAT_MOST, first))
end

-- When what is being sent now is sent again, if nothing comes.
local function send_again_at(self)
  self.waits = self.waits + 1
  return self.now() + wait_of(self, math.min(self.waits, self.idle and IDLE_GROWTH or GROWTH))
end

local function patience(self) return self.state == "read" and READING or PATIENCE end

-- What is known of the answer, and what is missing. Where that is not why it is said, the next parts may have been
-- lost: they are asked for.
local function ask_again(self)
  local told = self.unread >= UNREAD or (self.received:gap() and self.waits == 0)
  local missing = self.received:missing(lines.again_most, told and 0 or UNREAD)
  local plain = lines.again(self.received.next, missing)
  if plain ~= self.asked then
    self.asked, self.n = plain, self.n + 1
    self.out = { lines.call(self.session, self.swarm, "again", self.n, plain) }
  end
  self.unread = 0
end

local function send(self)
  local now = self.now()
  if self.state == "read" then ask_again(self) end
  self.due = send_again_at(self)
  self.sent = self.waits == 1 and now or nil -- by which the trip is measured, unless it has to be repeated
  for _, rest in ipairs(self.out) do self.tell(rest) end
end

--- Wipes what is secret. Nothing is sent any more. Twice is safe.
function caller:close()
  self.state = "over"
  self.pair:close()
  for _, session in ipairs { self.session or false, self.before or false } do
    if session then session.keys:close() end
  end
end

local function over(self, ...)
  if self.state == "over" then return end
  self:close()
  self.over(...)
end

local function stopped(self)
  over(self, nil, "closed: stopped", "closed")
  return true
end

local function silent(self)
  if self.state == "stop" then return stopped(self) end
  if self.state == "read" then
    return over(self, nil, "closed: the answer broke off, and nothing more came for 45 s", "closed")
  end
  over(self, nil, "slow: nothing came back for 30 s", "slow")
end

--- Sends what is due → ms until this wants to be called again | nil: it is over.
function caller:tick()
  local now = self.now()
  if self.state == "sign" then return SIGNING end
  if self.state ~= "over" and (now - self.heard >= patience(self) or self.state == "stop" and self.waits >= STOPS
    and now >= self.due) then
    silent(self)
  end
  if self.state == "over" then return nil end
  if now >= self.due then send(self) end
  return math.max(1, math.min(self.due, self.heard + patience(self)) - now)
end

-- == what comes in: a nonce

local function request_parts(self, session, signature)
  local list = lines.parts(whole_request(self, signature), self.part)
  for n, plain in ipairs(list) do
    list[n] = lines.call(session, self.swarm, n == #list and "end" or "more", n, plain)
  end
  return list
end

local function signed(self, session, signature, err, code)
  if self.state ~= "sign" then return end
  if not signature then return over(self, nil, err, code) end
  self.parts = request_parts(self, session, signature)
  self.n = #self.parts
  self:enter("ask", self.parts)
  send(self)
end

local function begin(self, session)
  session.stop = lines.call(session, self.swarm, "stop", 0, "")
  self.before, self.session, self.received = self.session, session, received.new()
  self.unread, self.asked = 0, nil
  self.state, self.heard = "sign", self.now()
  self.sign("call", self.swarm, lines.to_sign(session, self.callee, self.request), function(...)
    signed(self, session, ...)
  end)
  return true
end

-- A second nonce: the callee's window went by, or he started anew, or somebody else refused in his name.
local function second(self, session)
  local one = self.session
  local same = session.w == one.w and session.es == one.es
  if session.w > one.w or (self.reads and not same) then return begin(self, session) end
  session.keys:close()
  if same then
    self:enter("ask", self.parts)
    return true
  end
  over(self, nil, "closed: it started anew meanwhile; whether it did what was asked is not known", "closed")
  return true
end

local function take_nonce(self, line)
  if self.state ~= "open" then return nil, "duplicate: a nonce is here already", "duplicate" end
  if line.ec ~= self.ec then return nil, "nonce: of another call", "nonce" end
  local ok, err, code = lines.check_nonce(line, self.swarm, self.callee)
  if not ok then return nil, err, code end
  local keys
  keys, err, code = self.pair:keys("caller", line.es)
  if not keys then return nil, err, code end
  if self.sent then self.trip = self.now() - self.sent end
  local session = { ec = self.ec, w = line.w, es = line.es, keys = keys }
  return self.session and second(self, session) or begin(self, session)
end

-- == what comes in: the answer

-- → the session that the box of LINE is of, its text | nil, text, code
local function open(self, line)
  local plain, err, code
  for _, session in ipairs { self.session or false, self.before or false } do
    if session then plain, err, code = lines.open_reply(line, self.swarm, session.keys) end
    if plain then return session, plain end
  end
  return nil, err or "nonce: an answer before the question", code or "nonce"
end

-- Nobody can seal that word, so anybody can say it: it makes us open once more, and no request runs twice by it.
local function take_unsealed(self)
  if self.state ~= "ask" or self.reopened then return nil, "nonce: that was refused before", "nonce" end
  self.reopened = true
  self:enter("open", { lines.open(self.ec, self.node) })
  return true
end

local function take_refusal(self, line)
  local session, plain, code = open(self, line)
  if not session then return nil, plain, code end
  local word = plain:match "^(%l+): "
  over(self, nil, plain, refusals.is_code(word) and word or "form") -- he may say a word that is none
  return true
end

local function news(self, plain)
  if self.state == "stop" then return end
  local now = self.now()
  self.state, self.heard = "read", now
  self.idle, self.waits, self.unread = plain == "", 0, self.unread + 1
  self.due = now + wait_of(self, self.idle and IDLE or 1)
  if self.received:gap() then self.due = math.min(self.due, now + math.max(GAP, self.trip or 0)) end
  if self.unread >= UNREAD then self.due = now end
end

local function take_part(self, line)
  local session, plain, code = open(self, line)
  if not session then return nil, plain, code end
  if session ~= self.session then self.session, self.before, self.received = session, self.session, received.new() end
  local ready, err, why = self.received:put(line.n, plain, line.word == "end")
  if not ready then return nil, err, why end
  news(self, plain)
  for _, piece in ipairs(ready) do
    if piece ~= "" and self.state == "read" then self.text(piece) end
  end
  if not self.received:whole() then return true end
  if self.state == "stop" then return stopped(self) end
  if self.keep then self.keep(session.keys:copy()) end
  over(self, true)
  return true
end

--- REST of a `reply` whose tag is ours → true | nil, text, code: it was of no use. Then comes tick.
function caller:take(rest)
  local line, err, code = lines.parse_reply(rest)
  if not line then return nil, err, code end
  if self.state == "over" then return nil, "closed: that call is over", "closed" end
  if line.tag ~= self.tag then return nil, "nonce: of another call", "nonce" end
  if line.word == "nonce" then return take_nonce(self, line) end
  if line.word == "refuse" then return (line.box and take_refusal or take_unsealed)(self, line) end
  return take_part(self, line)
end

-- == an end before the end

--- The REST by which the callee is told to stop: always the same, so that somebody else may keep it and send it | nil:
-- there is nothing to stop yet.
function caller:stop_rest() return self.session and self.session.stop end

--- Tells the callee to stop, for three tries. Then comes tick; `over` says when the callee did, or when that was all.
function caller:stop()
  if self.state == "over" or self.state == "stop" then return end
  if not self.parts then return over(self, nil, "closed: stopped before it was asked", "closed") end
  self:enter("stop", { self.session.stop })
end

return caller
