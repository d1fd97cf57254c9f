-- calls.lua - the command `call`: calls to other nodes for the command line, and whose each reply is. Answers no call.
--
-- {"command":"call","to":WHO,"look":true,"request":R}   who is meant, what R is there, and how to call him
-- {"command":"call","to":ID,"request":R}                this node calls with its own key (own_call.lua)
-- {"command":"call","to":ID,"rest":REST}                REST is sent as kind `call`: the asker calls with a key of its
--   own. Each further line is {"rest":REST}, or {"stop":REST}: what is sent when the asker is gone without a word.
--   Answers are {"rest":REST} of kind `reply`.
local answers = require "routing.answers"
local bounded = require "bounded"
local call = require "routing.call"
local envelope = require "routing.envelope"
local json = require "core.json"
local key = require "core.key"
local one_of = require "clients.discovery.one_of"
local own_call = require "clients.remote.own_call"
local sorted = require "sorted"
local to_json = require "clients.control.to_json"

local calls = {}
calls.__index = calls

local REST_MAX <const> = 8192 -- bytes of one line of a call
local STOPS <const>, STOP_AGAIN <const> = 3, 1000 -- how often a call is stopped for who is gone; ms between two
local FIRST <const> = 1000 -- ms before the first repeat of a line
local FRAMES <const> = 4 -- frames that a slow channel has to carry before an answer can be here
local PATIENCE <const> = 3000 -- ms in which a way may still be found, before it is told that there is none
local SILENCE <const> = 25 * 1000 -- ms in which nothing came, since lines may be lost, before what is wrong is told
local REFS_MAX <const> = 16 -- lines of one call of which a hop may say that they went no further

--- HANDLE: the client's.
function calls.new(handle)
  return setmetatable({ node = handle.node, loop = handle.loop, by_tag = {} }, calls)
end

-- == the way there

-- Sends REST to node ID as kind `call`. → true or the way | nil, text, code; and then the message
local function send(self, id, rest)
  local from = ("/dswarm/%s/control"):format(self.node.id)
  local message = { to = ("/dswarm/%s/control"):format(id), from = from, kind = "call", rest = rest,
    hops = envelope.hops_max }
  local way, text, code = self.node.routing:send(message)
  return way, text, code, message
end

-- How long to wait for him at first, in ms: longer where the best way there is slow.
local function first_of(self, id)
  local way = self.node.routing.ways:of(id)[1]
  local one = way and way.source and way.source.channel
  return FIRST + (one and one.rate and math.floor(FRAMES * one.traits.frame_max * 1000 / one.rate) or 0)
end

-- == who asks

local function forget(self, session)
  if session.tag and self.by_tag[session.tag] == session then self.by_tag[session.tag] = nil end
end

local function note(self, session, rest)
  if session.tag then return end
  session.tag = call.tag(rest)
  if session.tag then self.by_tag[session.tag] = session end
end

-- A line of SESSION went no further. A moment later there may be a way, and what was heard from lives.
local function went_nowhere(self, session, text, code)
  if session.heard or self.loop:now() - session.begun < PATIENCE then return end
  forget(self, session)
  session.fail(text, code)
end

local function send_for(self, session, rest)
  note(self, session, rest)
  local way, text, code, message = send(self, session.id, rest)
  if way then
    session.refs:put(answers.ref(message), true)
    if self.loop:now() - session.begun < SILENCE then return end
    text, code = self.node.routing.ways:fault(session.id)
  end
  if text then went_nowhere(self, session, text, code) end
end

local function new_session(self, id)
  return { id = id, begun = self.loop:now(), refs = bounded.new { limit = REFS_MAX } }
end

-- The asker is gone: what he left for this is said, some times, since a line may be lost.
local function stop_for(self, session)
  local left = STOPS
  local function again()
    left = left - 1
    send(self, session.id, session.stop)
    if left > 0 then self.loop:after(STOP_AGAIN, again) end
  end
  if session.stop then again() end
end

local function is_line(rest) return type(rest) == "string" and #rest <= REST_MAX and call.tag(rest) ~= nil end

-- The asker has keys of its own and makes the lines; they are carried to and fro.
local function carry(self, id, first, reply)
  local session = new_session(self, id)
  function session.fail(text, code) reply(nil, text, code) end
  function session.take(rest)
    session.heard = true
    reply({ rest = rest }, true) -- one that a slow reader does not take is asked for again
    return true
  end
  reply:on_cancel(function()
    forget(self, session)
    stop_for(self, session)
  end)
  send_for(self, session, first)
  if not reply({ calling = id }, true) then return end
  reply:on_line(function(line)
    if line == nil then return end
    if line.over then
      forget(self, session)
      return reply {}
    end
    if line.stop ~= nil and is_line(line.stop) then session.stop = line.stop end
    if line.rest ~= nil and is_line(line.rest) then send_for(self, session, line.rest) end
  end)
end

-- This node calls with its own key.
local function call_itself(self, id, request, reply)
  local session, one = new_session(self, id), nil
  function session.fail(text, code)
    if one then one:close() end
    reply(nil, text, code)
  end
  local function begin()
    one = own_call.new { node = self.node, loop = self.loop, id = id, request = json.encode(request),
      reads = self.node.commands:surely_reads(request), first = first_of(self, id), reply = reply,
      tell = function(rest) send_for(self, session, rest) end,
      over = function() forget(self, session) end }
  end
  function session.take(rest)
    session.heard = true
    if not one then return nil, "closed: that call is over", "closed" end
    return one:take(rest)
  end
  reply:on_cancel(function() if one then one:stop() end end)
  if reply({ calling = id }, true) then begin() end
end

-- == the command

-- Can a call carry REQUEST? Who asks here may write any JSON.
local function is_sayable(request)
  local ok, text = pcall(json.encode, request)
  return ok and text ~= nil
end

local function look(self, row, request, reply)
  local node = self.node
  local _, here = node.commands:marks_of(request)
  if here then
    return reply(nil, ("permission: %s is not for others to ask: %s"):format(request.command, here), "permission")
  end
  reply { id = row.id, label = row.label, self = row.id == node.id or nil, swarm = node.swarm,
    reads = node.commands:surely_reads(request), lab = node.lab and node.lab.lab or nil, node = node.id,
    first = first_of(self, row.id) }
end

-- The node that WORD means. → a row of discovery | nil, text, code, what fits
local function find(node, word)
  if type(word) ~= "string" or word == "" then return nil, 'form: "to" is a name, name~key, or a peer ID', "form" end
  if not node.discovery then return nil, "closed: discovery does not run here; status says why", "closed" end
  local row, text, code, candidates = one_of(node.discovery:nodes(true), word)
  if not row or row.status ~= "stranger" then return row, text, code, candidates end
  local label = to_json.text(row.label)
  return nil, ("stranger: %s is no member of this lab, and is not asked. If it is yours: trust grant %s member"):format(
    label, label), "stranger"
end

local function answer(self, request, reply)
  local row, text, code, candidates = find(self.node, request.to)
  if not row then return reply(nil, text, code, candidates) end
  local asked = request.request
  if request.rest ~= nil then
    if is_line(request.rest) then return carry(self, row.id, request.rest, reply) end
    return reply(nil, 'form: "rest" is what follows the kind in a line of a call', "form")
  end
  if type(asked) ~= "table" or type(asked.command) ~= "string" then
    return reply(nil, 'form: "request" is one such as {"command":"status"}', "form")
  end
  if row.id == self.node.id and not request.look then return self.node.commands:run(asked, reply) end
  if not is_sayable(asked) then
    return reply(nil, "form: what another node is asked has clean text without control characters, and no fractions",
      "form")
  end
  if request.look then return look(self, row, asked, reply) end
  call_itself(self, row.id, asked, reply)
end

--- Registers it with the client's HANDLE.
function calls:register(handle)
  handle:command("call", function(request, reply) answer(self, request, reply) end,
    { here = "calls go from node to node by themselves: ask that one" })
end

--- REST of an `unreachable` came: a hop names itself, and why it passed a line of ours no further. → true | nil, text,
-- code
function calls:unreachable(rest)
  local word, text, code = answers.parse(rest)
  if not word then return nil, text, code end
  for _, tag in ipairs(sorted.keys(self.by_tag)) do
    local session = self.by_tag[tag]
    if session.refs:get(word.ref) then
      local ok
      ok, text, code = key.verify(word.id, "unreachable", self.node.swarm, word.signed, word.signature)
      if not ok then return nil, text, code end
      local hop = self.node.who(word.id).label
      went_nowhere(self, session, ("%s: %s knows no way on to it; it may be off"):format(word.code, hop), word.code)
      return true
    end
  end
  return nil, "address: about no line of ours", "address"
end

--- A line of kind `reply` came. → true | nil, text, code
function calls:take(rest)
  local session = self.by_tag[call.tag(rest) or false]
  if not session then return nil, "address: nobody here called", "address" end
  return session.take(rest)
end

return calls
