-- init.lua - doctor: the command that looks what is wrong with this node and its network, when somebody asks. Changes
-- nothing, and asks no third party.
local board = require "core.board"
local findings = require "clients.doctor.findings"
local machine = require "clients.doctor.machine"
local neighbours = require "clients.doctor.neighbours"
local network = require "clients.doctor.network"
local outside = require "clients.doctor.outside"
local to_json = require "clients.control.to_json"

local doctor = { name = "doctor", needs = { "net", "discovery", "ping" } }
doctor.__index = doctor

local ROW <const> = { "code", "what", "seen", "cure", "level", "under" }
local NO_ROUTER <const> = "this network has no router"
local PORT <const> = 3825
local LATELY <const> = 5 * 1000 -- ms

-- The port of the first UDP channel.
local function udp_port(node)
  for _, row in ipairs(node.routing:channels()) do
    local port = (row.address or ""):match "/udp/(%d+)"
    if port then return math.tointeger(tonumber(port)) end
  end
  return PORT
end

--- The client, as lua/clients/init.lua has it.
function doctor.open(handle)
  local node = handle.node
  local self = setmetatable({ node = node, loop = handle.loop, waiting = {}, looking = {} }, doctor)
  self.neighbours = neighbours.new { loop = handle.loop, comms = node.comms, said = node.discovery.said,
    gateway = network.gateway, ask = function(to, id, told) return node.ping.questions:ask(to, nil, id, told) end,
    label = function(id) return node.who(id).label end, port = function() return udp_port(node) end }
  handle:command("doctor", function(request, reply) self:answer(request, reply) end, { reads = true })
  return self
end

-- Was somebody heard lately, at a proved address, who is in no network of ours?
local function hears_beyond(node)
  local comms, now = node.comms, node.loop:now()
  for _, peer in ipairs(comms.peers.list) do
    for _, flow in ipairs(peer.flows) do
      local is_lately = flow.source.host and now - flow.heard < LATELY and comms.peers:proved(flow)
      if is_lately and not flow.source.own and not comms.near(flow.source) then return true end
    end
  end
  return false
end

local function add(metrics, more)
  for name, value in pairs(more) do metrics[name] = value end -- any order
end

-- Calls DONE(metrics, why) when all that was asked has come. PEER: { host = } that is asked besides | nil
local function look(self, peer, done)
  local node, metrics, why, left = self.node, {}, {}, 1
  local function one_less()
    left = left - 1
    if left > 0 or self.stopped then return end
    metrics.net_one_way = metrics.net_one_way or peer and peer.silent
    done(metrics, why)
  end
  local function wait() left = left + 1 end
  add(metrics, network.look(node.net))
  add(metrics, machine.look(node))
  metrics.net_mtu = metrics.net_mtu or machine.too_long(node) or false
  add(metrics, machine.disk(node, board))
  wait()
  local function beyond() return hears_beyond(node) end
  local give_up
  give_up = outside.gateway({ loop = self.loop, net = node.net, beyond = beyond }, function(found)
    if give_up then self.looking[give_up] = nil end
    metrics.net_gateway_dead = found
    if found == nil then why.net_gateway_dead = NO_ROUTER end
    one_less()
  end)
  self.looking[give_up] = true
  wait()
  local function resolve(...) return node.loop:resolve(...) end
  local channels = node.policy:get "routing.channels"
  outside.dns({ loop = self.loop, channels = channels, resolve = resolve }, function(dead, unknown)
    metrics.net_dns_dead, metrics.net_dns_no_name = dead, unknown
    one_less()
  end)
  wait()
  self.neighbours:look(function(found, reasons)
    add(metrics, found)
    add(why, reasons)
    one_less()
  end)
  if peer then
    wait()
    self.neighbours:look_at(peer.host, function(found, id)
      peer.silent, peer.id = found, id
      one_less()
    end)
  end
  one_less()
end

local function answer_of(self, metrics, why, began)
  local node = self.node
  local found, unknown, checks = findings.of(node.policy, metrics, node.here(), why)
  local function row(one) return to_json.fields(one, ROW) end
  return { command = "doctor", findings = to_json.list(found, row), unknown = to_json.list(unknown, row),
    checks = checks, took_ms = self.loop:now() - began }
end

-- Nothing is looked for that no check asks for.
local function is_idle(self) return not self.node.policy:get "clients.diagnostics.checks"[1] end

-- One run at a time: who asks meanwhile gets its answer.
local function run(self, reply)
  if is_idle(self) then return reply(answer_of(self, {}, {}, self.loop:now())) end
  reply({ event = "looking" }, true)
  table.insert(self.waiting, reply)
  if self.waiting[2] then return end
  local began = self.loop:now()
  look(self, nil, function(metrics, why)
    local all = self.waiting
    self.waiting = {}
    for _, one in ipairs(all) do one(answer_of(self, metrics, why, began)) end
  end)
end

local function host_of(word)
  if type(word) ~= "string" then return nil end
  local host = word:match "^/ip4/([%d.]+)/" or word:match "^/ip4/([%d.]+)$" or word
  local a, b, c, d = host:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
  for _, part in ipairs { a or 256, b or 256, c or 256, d or 256 } do
    if tonumber(part) > 255 then return nil end
  end
  return host
end

-- Is HOST a single machine in a network of ours? → true | nil, text, code
local function may_ask(self, host)
  local first = math.tointeger(tonumber(host:match "^%d+"))
  if first == 127 or self.node.net.is_own(host) then return nil, "address: that is this machine itself", "address" end
  for _, one in ipairs(self.node.net.interfaces() or {}) do
    if one.broadcast == host then return nil, "address: that address is everybody's; name one machine", "address" end
  end
  if first >= 224 or first == 0 then return nil, "address: that address is everybody's; name one machine", "address" end
  if self.node.comms.near { host = host } then return true end
  return nil, ("address: %s is in no network of this machine; the doctor asks no third party"):format(host), "address"
end

local function run_for(self, host, reply)
  local began, peer = self.loop:now(), { host = host }
  reply({ event = "looking" }, true)
  look(self, peer, function(metrics, why)
    local answer = answer_of(self, metrics, why, began)
    answer.peer = { host = host, id = peer.id, label = peer.id and to_json.text(self.node.who(peer.id).label) }
    reply(answer)
  end)
end

--- {"command":"doctor"[,"peer":ADDRESS]}: what is wrong, in 10 s at most.
function doctor:answer(request, reply)
  if request.peer == nil then return run(self, reply) end
  local host = host_of(request.peer)
  if not host then
    return reply(nil, "form: --peer is an IPv4 address of this network, such as 192.168.1.21", "form")
  end
  local ok, text, code = may_ask(self, host)
  if not ok then return reply(nil, text, code) end
  run_for(self, host, reply)
end

function doctor:stop()
  self.stopped = true
  for give_up in pairs(self.looking) do give_up() end -- any order
end

return doctor
