-- questions.lua - pings on their way, and what comes back for each: a pong, or the word of a hop. Chooses no way.
local answers = require "routing.answers"
local messages = require "comms.messages"
local text = require "core.text"

local questions = {}
questions.__index = questions

local ALIVE_MAX <const> = 64 -- questions at one time; the control socket has fewer conversations
local TRIES <const> = { 0, 2000, 5000 } -- ms after which the same line is said, and said again
local WAIT <const> = 10 * 1000 -- ms for an answer to any of them

questions.wait_ms = WAIT

--- given.loop, random, id, swarm
--- given.checks   signatures of pongs (comms/checks.lua)
--- given.send     fn(message) → true | nil, text, code; the same again is another try, by another way where one is
--- given.fault    fn(id) → what is wrong with all ways to that node, as text, or nil: one lives
function questions.new(given)
  local self = setmetatable({ by_nonce = {}, by_ref = {}, count = 0 }, questions)
  for _, name in ipairs { "loop", "random", "id", "swarm", "checks", "send", "fault" } do self[name] = given[name] end
  return self
end

local function finish(self, question, answer)
  if question.over then return end
  question.over = true
  self.by_nonce[question.nonce], self.by_ref[question.ref], self.count = nil, nil, self.count - 1
  for _, timer in ipairs(question.timers) do timer:cancel() end
  if answer then question.told(answer) end
end

local function say(self, question, again)
  question.tries = question.tries + 1
  local ok, why, code = self.send { to = question.to, from = ("/dswarm/%s/ping"):format(self.id), kind = "ping",
    rest = question.rest, hops = question.hops }
  if ok or again then return end -- a later try may find a way that is there only now
  finish(self, question, { id = self.id, code = code, why = why, tries = question.tries })
end

--- Sends a ping to the address TO with HOPS hops left. TOLD(answer) is called once, in a later turn:
---   id     of who answered: the node itself, or a hop (this node, too) that names itself
---   rtt_us microseconds from the first try to the answer
---   tries  how often it was said until then
---   code, why  the word of who could not pass it on, and its text; "slow": nothing came back in ten seconds
--- ID: whose pong counts (nil: anybody's). → a function that gives it up
function questions:ask(to, hops, id, told)
  local nonce = text.base64url(self.random:bytes(16))
  local question = { to = to, hops = hops, id = id, told = told, nonce = nonce, rest = nonce .. " " .. self.id,
    micro = self.loop:micro(), tries = 0, timers = {} }
  question.ref = answers.ref { kind = "ping", rest = question.rest }
  if self.count >= ALIVE_MAX then
    self.loop:post(function() told { id = self.id, code = "full", why = "full: too many pings at once", tries = 0 } end)
    return function() end
  end
  self.by_nonce[nonce], self.by_ref[question.ref], self.count = question, question, self.count + 1
  for i, ms in ipairs(TRIES) do
    question.timers[i] = self.loop:after(ms, function() say(self, question, i > 1) end)
  end
  table.insert(question.timers, self.loop:after(WAIT, function()
    finish(self, question, { code = "slow", why = id and self.fault(id) or nil, tries = question.tries })
  end))
  return function() finish(self, question) end
end

local function answered(self, question, answer)
  answer.rtt_us, answer.tries = math.max(1, self.loop:micro() - question.micro), question.tries
  finish(self, question, answer)
  return true
end

-- Signed by whom it names, as a KIND? → true | nil, text, code
local function check(self, facts, kind)
  local ok, why, code = self.checks.signed(facts, kind, self.swarm)
  if not ok then return nil, why, code end
  return true
end

local function unasked() return nil, "nonce: answers no question of ours", "nonce" end

--- A pong for us. → true | nil, text, code
function questions:pong(message)
  local facts, why, code = messages.parse_pong(message.rest)
  if not facts then return nil, why, code end
  local question = self.by_nonce[facts.nonce]
  if not question or facts.asker ~= self.id or question.id and facts.id ~= question.id then return unasked() end
  local ok
  ok, why, code = check(self, facts, "pong")
  if not ok then return nil, why, code end
  return answered(self, question, { id = facts.id })
end

--- A hop could not pass a ping of ours on. → true | nil, text, code
function questions:unreachable(message)
  local facts, why, code = answers.parse(message.rest)
  if not facts then return nil, why, code end
  local question = self.by_ref[facts.ref]
  if not question then return unasked() end
  local ok
  ok, why, code = check(self, facts, "unreachable")
  if not ok then return nil, why, code end
  return answered(self, question, { id = facts.id, code = facts.code })
end

--- Gives all of them up, told to nobody.
function questions:stop()
  for _, nonce in ipairs(require("sorted").keys(self.by_nonce)) do finish(self, self.by_nonce[nonce]) end
end

return questions
