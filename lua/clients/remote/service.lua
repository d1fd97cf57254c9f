-- service.lua - calls from other nodes to this one's commands: who may, and the answers. Seals nothing, finds no way.
--
-- Who may: keys without standing in the lab may nothing; what is marked as answered on this machine alone
-- (lua/commands.lua) nobody; for the rest the policy is asked (hook clients.control.allow). Changes wait until the
-- roles of the lab may be acted on (dcache/settled.lua).
local call = require "routing.call"
local call_source = require "clients.remote.call_source"
local far_client = require "clients.remote.far_client"
local json = require "core.json"
local people = require "clients.trust.people"
local slices = require "slices"
local ticks = require "routing.call.ticks"

local service = {}
service.__index = service

local CONVERSATIONS_MAX <const>, OF_ONE_MAX <const> = 16, 4 -- calls whose answers go on: in all, and of one caller

local function no_member(id) return ("stranger: %s is no member of the lab here"):format(id) end

--- HANDLE: the client's.
function service.new(handle)
  local node = handle.node
  local self = setmetatable({ node = node, loop = handle.loop, log = node.log, slices = slices.new(handle.loop),
    source = call_source.new(node, "control"), conversations = 0, of = {},
    counts = { asked = 0, refused = {} } }, service)
  self.callee = call.callee { key = node.key, swarm = node.swarm, now = function() return handle.loop:now() end,
    may = function(caller, request) return self:may(caller, request) end,
    run = function(request, answer) self:run(request, answer) end, refused = function(code) self:refuse(code) end }
  self.ticks = ticks.new(handle.loop, function() return self.callee:tick() end)
  handle:keep(self.node.dcache.trust:on_change(function(_, lost) -- who was revoked hears no more of what goes on
    for _, id in ipairs(lost) do self.callee:stop_of(id, no_member(id)) end
  end))
  return self
end

--- Counts a refusal by its word.
function service:refuse(code)
  self.node.refuse(code)
  self.counts.refused[code] = (self.counts.refused[code] or 0) + 1
end

-- == who may

local function read(text)
  local request = json.decode(text)
  if type(request) ~= "table" or type(request.command) ~= "string" then return nil end
  return request
end

-- What the hook is told of the REQUEST of CALLER, which came by VIA, a kind of channel.
local function facts_of(self, caller, request, via)
  local node = self.node
  local one = people.of(node, node.dcache.trust:verdict())(caller)
  return { command = request.command, reads = (node.commands:marks_of(request)), peer = caller, name = one.name,
    role = node.dcache.trust:role(caller), via = via }
end

local function refusal(facts, reason)
  local who = facts.role and ("a %s"):format(facts.role) or "who has no role"
  return nil, ("permission: %s may not ask for %s here%s"):format(who, facts.command,
    reason and (": %s (clients.control.allow)"):format(reason) or ""), "permission"
end

--- May CALLER (ID) have what CALL asks for? → true | nil, text, code
function service:may(caller, asked)
  local node, request = self.node, read(asked.text)
  if not node.dcache.trust:stands(caller) then
    return nil, no_member(caller), "stranger"
  end
  if not request then return nil, 'form: a request is one line such as {"command":"status"}', "form" end
  asked.request = request
  local facts = facts_of(self, caller, request, self.via or "tcp")
  local _, here = node.commands:marks_of(request)
  if here then return nil, ("permission: %s is not for others to ask: %s"):format(facts.command, here), "permission" end
  if not facts.reads then
    local settled, text, code = node.dcache.trust:settled()
    if not settled then return nil, text, code end
  end
  local allowed, reason = node.policy:ask("clients.control.allow", facts, node.here())
  if not allowed then return refusal(facts, reason) end
  self.log[facts.reads and "debug" or "info"](self.log, "remote", "asked", { { "command", facts.command },
    { "by", facts.name or caller }, { "via", facts.via } })
  return true
end

-- == answers

--- Runs the request of CALL; what is said goes into ANSWER.
function service:run(asked, answer)
  self.counts.asked = self.counts.asked + 1
  far_client.new(self, asked, answer):run(asked.request, function(request, reply)
    self.node.commands:run(request, reply)
  end)
end

--- As control/init.lua has it: a conversation of CALLER begins, which has several answers. → true | nil, text, code
function service:begin_conversation(caller)
  local of_one = self.of[caller] or 0
  if self.conversations >= CONVERSATIONS_MAX or of_one >= OF_ONE_MAX then
    return nil, ("full: %d calls that go on are answered here, of you %d; end one of them (Ctrl-C where it runs)")
      :format(self.conversations, of_one), "full"
  end
  self.conversations, self.of[caller] = self.conversations + 1, of_one + 1
  return true
end

function service:end_conversation(caller)
  self.conversations = self.conversations - 1
  self.of[caller] = self.of[caller] > 1 and self.of[caller] - 1 or nil
end

-- == lines

--- A line of kind `call` came over SOURCE, answered by REPLY. → true | nil, text, code
function service:take(message, source, reply)
  self.via = source.channel.kind
  local ok, text, code = self.callee:take(message.rest, self.source:of(message, source, reply))
  self.ticks:now()
  return ok, text, code
end

--- For `status`: { asked, refused by word, half, running, kept, bytes }.
function service:facts()
  local facts = self.callee:counts()
  facts.asked, facts.refused = self.counts.asked, self.counts.refused
  return facts
end

function service:stop()
  self.ticks:stop()
  self.callee:close()
end

return service
