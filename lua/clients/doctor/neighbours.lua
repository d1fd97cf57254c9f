-- neighbours.lua - who is near, and by which ways does he answer: to him alone, to all? Asks each a few times, no
-- third party; judges nothing of the network itself.
local address = require "core.address"
local span = require "span"

local neighbours = {}
neighbours.__index = neighbours

local MOST <const> = 8 -- who are asked; more tell nothing new
local ROUNDS <const>, APART <const> = 3, 1000 -- questions to each; ms between two
local WAIT <const> = 2000 -- ms for the last answer
local NEVER_MET_MS <const> = 8000 -- ms for who was never heard here, whom a ping asks three times
local LATELY <const> = 60 * 1000 -- ms since a datagram of his came
local BROADCAST_MS <const> = 6 * 60 * 1000 -- six of the longest times between two beacons
local YOUNG <const> = 8 * 1000 -- ms after the start in which nothing need have come by broadcast
local WORD_MS <const> = 20 * 60 * 1000 -- age of a word that names an address

--- given.loop, comms, dcache
--- given.ask      fn(to, id, told) → give up: a ping to an address (clients/ping/questions.lua)
--- given.label    fn(id) → what people call that node
--- given.gateway  fn() → the host that is the router of this network, or nothing
--- given.port     fn() → the port at which nodes of this swarm listen for datagrams
function neighbours.new(given)
  local self = setmetatable({ started = given.loop:now() }, neighbours)
  for _, name in ipairs { "loop", "comms", "dcache", "ask", "label", "gateway", "port" } do self[name] = given[name] end
  return self
end

-- The flow by which datagrams of PEER come from a network of ours, the one heard last | nil
local function near_flow(self, peer)
  local best
  for _, flow in ipairs(peer.flows) do
    local channel = flow.source.channel
    if channel.traits.medium and flow.source.host and not channel.closed and self.comms.near(flow.source)
      and not flow.source.own and (not best or flow.heard > best.heard) then
      best = flow
    end
  end
  return best
end

-- The host in a network of ours that node ID itself says it has | nil
local function said_host(self, id)
  local st = self.dcache:statement_of(("pri/%s/addresses"):format(id), id, id)
  if not st or not st.holds or type(st.data) ~= "table" then return nil end
  for _, text in ipairs(type(st.data.at) == "table" and st.data.at or {}) do
    local parts = address.check(text) and address.parts(text)
    local host = parts and parts[1][1] == "ip4" and parts[1][2]
    if host and self.comms.near { host = host } then return host, st end
  end
end

local function met(self)
  local list, peers, now = {}, self.comms.peers, self.loop:now()
  for _, peer in ipairs(peers.list) do
    local flow = not peers:left(peer) and not peers:barred(peer) and near_flow(self, peer)
    if flow and now - flow.heard < (said_host(self, peer.id) and LATELY or BROADCAST_MS) then
      list[#list + 1] = { id = peer.id, peer = peer, flow = flow, host = flow.source.host, heard = flow.heard,
        alone = 0, by_all = 0 }
    end
  end
  for _, entry in self.comms.askers:each() do
    local id, source = entry.key, entry.value
    local peer = peers:get(id)
    if not near_flow(self, peer) and not source.channel.closed and not source.own and self.comms.near(source) then
      list[#list + 1] = { id = id, peer = peer, flow = { source = source }, host = source.host, heard = now, alone = 0,
        by_all = 0, is_claim = true }
    end
  end
  table.sort(list, function(a, b) return a.heard > b.heard end)
  return list
end

-- Who says that he is in a network of ours, and is not heard there.
local function never_met(self, known)
  local list = {}
  for _, st in ipairs(self.dcache:statements "peer") do
    if #list >= MOST then break end
    local id = st.signer
    local peer = self.comms.peers.by_id[id]
    local host, word = said_host(self, id)
    local age = word and word.age
    local is_out = peer and (self.comms.peers:left(peer) or self.comms.peers:barred(peer))
    if id ~= self.comms.id and not known[id] and host and not is_out and not (age and age > WORD_MS) then
      list[#list + 1] = { id = id, host = host }
    end
  end
  return list
end

local function ask_round(self, list)
  for _, one in ipairs(list) do
    self.comms.proof:check(one.peer, one.flow, false, function() one.alone = one.alone + 1 end)
    self.comms.proof:check(one.peer, one.flow, true, function() one.by_all = one.by_all + 1 end)
  end
end

local function ask_strangers(self, list)
  for _, one in ipairs(list) do
    one.give_up = self.ask(("/ip4/%s/udp/%d/dswarm-line/dswarm/%s/ping"):format(one.host, self.port(), one.id), one.id,
      function(answer) one.answered = answer.id == one.id and not answer.code end)
  end
end

local function said(self, one, words) return ("%s (%s) %s"):format(self.label(one.id), one.host, words) end

local NOBODY <const> = "nobody near answers: start dt-swarm on a second machine of this network, and ask again"

local function of_broadcast(self, answering, found, why)
  if not answering[1] then
    why.net_broadcast_out, why.net_broadcast_in = NOBODY, NOBODY
    return
  end
  local first, out, into, hears, now = answering[1], false, false, false, self.loop:now()
  for _, one in ipairs(answering) do
    out = out or one.by_all > 0
    hears = hears or one.flow.source.channel:status().state == "up"
    into = into or (one.peer.broadcast_at or -math.huge) > now - BROADCAST_MS
  end
  found.net_broadcast_out = not out and said(self, first, ("answers %d of %d pings, 0 of %d that go to all"):format(
    first.alone, ROUNDS, ROUNDS)) or false
  if not into and not hears then
    why.net_broadcast_in = "the port at which it comes is not open here"
  elseif not into and now - self.started < YOUNG then
    why.net_broadcast_in = "this daemon has just started: ask again in some seconds"
  else
    found.net_broadcast_in = not into and said(self, first, ("answers %d of %d pings, and nothing that he says to all "
      .. "came here for %s"):format(first.alone, ROUNDS, span.of(math.min(BROADCAST_MS, now - self.started)))) or false
  end
end

local function of_silent(self, list, found, why)
  local now, silent = self.loop:now(), nil
  for _, one in ipairs(list) do
    local answers = one.alone > 0 or one.by_all > 0
    if not answers and not one.is_claim and now - one.heard < LATELY then silent = silent or one end
  end
  if silent then
    found.net_one_way = said(self, silent, ("was heard %s and answers 0 of %d pings"):format(
      span.ago(now - silent.heard), ROUNDS))
  elseif list[1] then
    found.net_one_way = false
  else
    why.net_one_way = NOBODY
  end
end

-- Is it the router, or a server to which a connection goes that the policy names? An access point keeps its clients
-- from each other, and not from these.
local function is_wired(self, one)
  if one.host == self.gateway() then return true end
  for _, flow in ipairs(one.peer.flows) do
    local channel = flow.source.channel
    if channel.entry and channel.traits.stream and channel.dialled and not channel.closed then return true end
  end
  return false
end

local function of_strangers(self, strangers, answering, found, why)
  local silent
  for _, one in ipairs(answering) do
    if not is_wired(self, one) then found.net_isolated = false end
  end
  for _, one in ipairs(strangers) do
    if one.answered then found.net_isolated = false end
    silent = silent or not one.answered and one or nil
  end
  if found.net_isolated == nil and silent then
    found.net_isolated = said(self, silent, ("says itself that it is there, and answers 0 of %d pings"):format(ROUNDS))
  elseif found.net_isolated == nil then
    why.net_isolated = "nobody says by another way that he is in this network: give two machines one server to dial"
  end
end

local function judge(self, list, strangers)
  local answering, found, why = {}, {}, {}
  for _, one in ipairs(list) do
    if one.alone > 0 then answering[#answering + 1] = one end
  end
  for _, one in ipairs(strangers) do one.give_up() end
  of_broadcast(self, answering, found, why)
  of_silent(self, list, found, why)
  of_strangers(self, strangers, answering, found, why)
  return found, why
end

--- DONE(findings as network.lua has them, why those are not known that are missing: texts by name), in 10 s at most.
function neighbours:look(done)
  local list, known = met(self), {}
  for _, one in ipairs(list) do known[one.id] = true end
  for i = #list, MOST + 1, -1 do list[i] = nil end
  local strangers = never_met(self, known)
  ask_strangers(self, strangers)
  local rounds = 0
  local function round()
    rounds = rounds + 1
    ask_round(self, list)
    if rounds < ROUNDS then self.loop:after(APART, round) end
  end
  round()
  local wait = strangers[1] and NEVER_MET_MS or list[1] and (ROUNDS - 1) * APART + WAIT or 0
  self.loop:after(wait, function() done(judge(self, list, strangers)) end)
end

--- Asks whoever is at HOST, an IPv4 address in a network of ours. DONE(finding of net_one_way, ID | nil)
function neighbours:look_at(host, done)
  local give_up, over
  local function finish(id)
    if over then return end
    over = true
    give_up()
    done(not id and ("%s answers 0 of %d pings: it is off, or one of both ways is dead; ask the doctor there, too")
      :format(host, ROUNDS), id)
  end
  give_up = self.ask(("/ip4/%s/udp/%d/dswarm-line/dswarm/*/ping"):format(host, self.port()), nil, function(answer)
    finish(not answer.code and answer.id)
  end)
  self.loop:after(NEVER_MET_MS, finish)
end

return neighbours
