-- init.lua - doctor: the command that looks what is wrong with this node and its network, when somebody asks. Changes
-- nothing, and asks no third party.
local lazily = require "lazily"
local board = require "core.board"
local findings = lazily "clients.doctor.findings"
local machine = require "clients.doctor.machine"
local neighbours = require "clients.doctor.neighbours"
local network = require "clients.doctor.network"
local one_host = require "clients.doctor.one_host"
local outside = lazily "clients.doctor.outside"
local slices = require "slices"
local to_json = require "clients.control.to_json"

local doctor = { name = "doctor", needs = { "net", "discovery", "ping" } }
doctor.__index = doctor

local ROW <const> = { "code", "what", "seen", "cure", "level", "under" }
local NO_ROUTER <const> = "this network has no router"
local PORT <const> = 3825
local LATELY <const> = 5 * 1000 -- ms
local RUNS_MAX <const> = 3 -- looks that go on or wait

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
  local self = setmetatable({ node = node, loop = handle.loop, runs = {}, looking = {},
    jobs = slices.new(handle.loop) }, doctor)
  local function ask(to, id, told) return node.ping.questions:ask(to, nil, id, told) end
  local function port() return udp_port(node) end
  self.neighbours = neighbours.new { loop = handle.loop, comms = node.comms, said = node.discovery.said,
    gateway = network.gateway, ask = ask, label = function(id) return node.who(id).label end, port = port }
  self.one_host = one_host.new {
    loop = handle.loop,
    ask = ask,
    port = port,
  }
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

-- PEER, who was asked, gave no answer. What is not known of him is not known, however well others answer.
local function of_silence(peer, metrics, why)
  metrics.net_one_way = metrics.net_one_way or peer.silent
  if not metrics.net_one_way then metrics.net_one_way, why.net_one_way = nil, peer.unknown end
end

-- Calls DONE(metrics, why) when all that was asked has come. PEER: { host = } that is asked besides | nil
local function look(self, peer, done)
  local node, metrics, why, left = self.node, {}, {}, 1
  local function one_less()
    left = left - 1
    if left > 0 or self.stopped then return end
    if peer then peer.id = peer.id or peer.answered end
    if peer and not peer.id then of_silence(peer, metrics, why) end
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
  self.neighbours:look(function(found, reasons, hosts)
    if peer then peer.answered = hosts[peer.host] end
    add(metrics, found)
    add(why, reasons)
    one_less()
  end)
  if peer then
    wait()
    self.one_host:look(peer.host, function(id, found, reason)
      peer.id, peer.silent, peer.unknown = id, found, reason
      one_less()
    end)
  end
  one_less()
end

local function answer_of(self, metrics, why, began)
  local node, all = self.node, {}
  add(all, node.diagnostics and node.diagnostics.values:measures() or {})
  add(all, metrics)
  local found, unknown, checks = findings.of(node.policy, all, node.here(), why)
  local function row(one) return to_json.fields(one, ROW) end
  return { command = "doctor", findings = to_json.list(found, row), unknown = to_json.list(unknown, row),
    checks = checks, took_ms = self.loop:now() - began }
end

-- Nothing is looked for that no check asks for.
local function is_idle(self) return not self.node.policy:get "clients.diagnostics.checks"[1] end

-- What ONE of the runs found is judged, a check a turn, and all who wait for it are told: DONE().
local function tell(self, one, metrics, why, done)
  local answer
  self.give_up = self.jobs:start(function() answer = answer_of(self, metrics, why, one.began) end, function(ok, fault)
    for _, reply in ipairs(one.waiting) do
      local own = {}
      add(own, answer or {})
      own.peer = one.peer and { host = one.peer.host, id = one.peer.id,
        label = one.peer.id and to_json.text(self.node.who(one.peer.id).label) }
      if ok then reply(own) else reply(nil, "kind: the daemon failed at this; its log says where", "kind") end
    end
    done()
    if not ok then error(fault, 0) end
  end)
end

local function begin(self)
  local one = self.runs[1]
  if not one then return end
  one.began = self.loop:now()
  look(self, one.peer, function(metrics, why)
    if self.node.diagnostics then self.node.diagnostics.measures:keep(metrics) end
    tell(self, one, metrics, why, function()
      table.remove(self.runs, 1)
      begin(self)
    end)
  end)
end

local function run_of(self, host)
  for _, one in ipairs(self.runs) do
    if (one.peer and one.peer.host) == host then return one end
  end
end

-- One run at a time, so that however many ask, no more is asked of the network: who asks for the same meanwhile gets
-- its answer, and a few who ask for others wait. HOST: of --peer | nil
local function run(self, host, reply)
  if not host and is_idle(self) then return reply(answer_of(self, {}, {}, self.loop:now())) end
  local one = run_of(self, host)
  if not one and #self.runs >= RUNS_MAX then
    return reply(nil, ("full: the doctor looks at %d others first; ask again in a minute"):format(RUNS_MAX), "full")
  end
  reply({ event = "looking" }, true)
  if one then return table.insert(one.waiting, reply) end
  table.insert(self.runs, { peer = host and { host = host }, waiting = { reply } })
  if not self.runs[2] then begin(self) end
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

--- {"command":"doctor"[,"peer":ADDRESS]}: what is wrong, in 10 s at most once its turn has come.
function doctor:answer(request, reply)
  if request.peer == nil then return run(self, nil, reply) end
  local host = host_of(request.peer)
  if not host then
    return reply(nil, "form: --peer is an IPv4 address of this network, such as 192.168.1.21", "form")
  end
  local ok, text, code = may_ask(self, host)
  if not ok then return reply(nil, text, code) end
  run(self, host, reply)
end

function doctor:stop()
  self.stopped = true
  if self.give_up then self.give_up() end
  for give_up in pairs(self.looking) do give_up() end -- any order
end

return doctor
