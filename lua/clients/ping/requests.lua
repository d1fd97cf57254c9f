-- requests.lua - the commands `ping` and `trace`: what a person names is asked, and each answer is told as it comes.
--
-- {"command":"ping","to":WHO,"count":N}: N questions, one after the other; each further answer has `try`.
-- {"command":"trace","to":WHO}: one question with 0 hops, one with 1 hop, and so on: each ends one hop further on, and
-- who could not pass it on says so and names itself; each further answer has `hop`. The last answer has all of them.
local envelope = require "routing.envelope"
local target = require "clients.ping.target"
local to_json = require "clients.control.to_json"

local COUNT <const>, MOST <const> = 4, 1000 -- pings
local PAUSE <const> = 500 -- ms between an answer and the next ping
local FIELDS <const> = { "n", "id", "label", "rtt_us", "tries", "code", "why" }

-- ANSWER (questions.lua) to the N-th question, as it is told.
local function row_of(discovery, n, answer)
  answer.n, answer.label = n, answer.id and discovery:who(answer.id).label
  answer.why = answer.why and answer.why:gsub("^[%w]+: ", "")
  return to_json.fields(answer, FIELDS)
end

-- What both commands answer last, but for their lists.
local function about(what) return to_json.fields(what, { "to", "id", "label" }) end

-- The first answer: a reader waits seconds for one, but minutes for what goes on.
local function begin(what, reply)
  local answer = about(what)
  answer.event = "asking"
  reply(answer, true)
end

-- Asks one question after the other, the N-th with HOPS(n) hops. HEAR(n, answer) → is there one more? Else FINISH().
local function ask_each(handle, asked, what, reply, run)
  local give_up, timer
  local function ask(n)
    give_up = asked:ask(what.to, run.hops(n), what.id, function(answer)
      if not run.hear(n, answer) then return run.finish() end
      timer = handle.loop:after(run.pause, function() ask(n + 1) end)
    end)
  end
  begin(what, reply)
  if reply.over then return end -- there are too many already, which was said
  reply:on_cancel(function()
    give_up()
    if timer then timer:cancel() end
  end)
  ask(1)
end

local function ping(handle, asked, what, count, reply)
  local discovery, tries, answered = handle.node.discovery, {}, 0
  local run = { pause = PAUSE, hops = function() return envelope.hops_max end }
  function run.hear(n, answer)
    tries[n], answered = row_of(discovery, n, answer), answered + (answer.code and 0 or 1)
    if n == count or answer.id == handle.node.id then return false end -- a node that has no way sends nothing
    reply({ try = tries[n] }, true)
    return true
  end
  function run.finish()
    local answer = about(what)
    answer.sent, answer.answered, answer.tries = #tries, answered, to_json.list(tries, to_json.value)
    reply(answer)
  end
  ask_each(handle, asked, what, reply, run)
end

local PASSED_ON <const> = { hops = true, slow = true } -- the answers after which the next hop is asked
local SILENT_MOST <const> = 2 -- hops in a row: behind them nobody is asked

local function is_silent(row) return row ~= nil and row.code == "slow" end

local function trace(handle, asked, what, reply)
  local discovery, hops = handle.node.discovery, {}
  local run = { pause = 0, hops = function(n) return n - 1 end }
  function run.hear(n, answer)
    hops[n] = row_of(discovery, n, answer)
    if not PASSED_ON[answer.code] or n > envelope.hops_max then return false end
    if is_silent(hops[n]) and is_silent(hops[n - SILENT_MOST + 1]) then return false end
    reply({ hop = hops[n] }, true)
    return true
  end
  function run.finish()
    local answer = about(what)
    answer.hops, answer.done = to_json.list(hops, to_json.value), not hops[#hops].code
    reply(answer)
  end
  ask_each(handle, asked, what, reply, run)
end

-- → what is asked (target.lua) | nothing: REPLY said why not
local function target_of(node, request, reply)
  local what, text, code, candidates = target.of(node.discovery, request.to)
  if what and what.id == node.id then
    what, text, code = nil, "address: that is this node itself, which answers you", "address"
  end
  if not what then reply(nil, text, code, candidates) end
  return what
end

--- Registers them with the client's HANDLE. ASKED: questions.lua's.
return function(handle, asked)
  handle:command("ping", function(request, reply)
    local count = math.tointeger(request.count == nil and COUNT or request.count)
    if not count or count < 1 or count > MOST then
      return reply(nil, ("form: a count is a number from 1 to %d"):format(MOST), "form")
    end
    local what = target_of(handle.node, request, reply)
    if what then ping(handle, asked, what, count, reply) end
  end)
  handle:command("trace", function(request, reply)
    local what = target_of(handle.node, request, reply)
    if what then trace(handle, asked, what, reply) end
  end)
end
