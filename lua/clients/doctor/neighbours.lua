-- neighbours.lua - who is near, and by which ways does he answer: to him alone, to all? Asks each a few times, no
-- third party; judges nothing of the network itself.
local address = require "core.address"
local one_host = require "clients.doctor.one_host"
local span = require "span"

local neighbours = {}
neighbours.__index = neighbours

local MOST <const> = 8 -- who are asked; more tell nothing new
local ROUNDS <const>, APART <const> = 3, 1000 -- questions to each; ms between two
local AFTER <const> = 200 -- ms from the question that all hear to the one to him alone
local WAIT <const> = 2000 -- ms for the last answer
local SURE <const> = 2 -- answers to him alone; who met us just now answers four questions, then one each five seconds
local LATELY <const> = 60 * 1000 -- ms since a datagram of his came
local STALE <const> = 150 * 1000 -- ms after which who names his address is asked there
local BROADCAST_MS <const> = 6 * 60 * 1000 -- six of the longest times between two beacons
local YOUNG <const> = 8 * 1000 -- ms after a start in which nothing need have come by broadcast
local WORD_MS <const> = 20 * 60 * 1000 -- age of a word whose signer counts

--- given.loop, comms
--- given.said     clients/discovery/said.lua: what nodes say of themselves, and where they can be met
--- given.ask      fn(to, id, told) → give up: a ping to an address (clients/ping/questions.lua)
--- given.label    fn(id) → what people call that node
--- given.gateway  fn() → the host that is the router of this network, or nothing
--- given.port     fn() → the port at which nodes of this swarm listen for datagrams
function neighbours.new(given)
  local self = setmetatable({ started = given.loop:now() }, neighbours)
  for _, name in ipairs { "loop", "comms", "said", "ask", "label", "gateway", "port" } do self[name] = given[name] end
  return self
end

local function is_before(a, b)
  local spare, other = a.source.channel.spare or false, b.source.channel.spare or false
  if spare ~= other then return not spare end
  return a.heard > b.heard
end

-- The flow by which datagrams of PEER come from a network of ours: not the spare one where there is another, of these
-- the one heard last | nil
local function near_flow(self, peer)
  local best
  for _, flow in ipairs(peer.flows) do
    local source, channel = flow.source, flow.source.channel
    local is_near = channel.traits.medium and source.host and not channel.closed and not source.own
      and self.comms.near(source)
    if is_near and (not best or is_before(flow, best)) then best = flow end
  end
  return best
end

-- The host in a network of ours where node ID itself says that it is | nil
local function said_host(self, id)
  local place = self.said:place(id)
  local parts = place and address.check(place) and address.parts(place)
  local host = parts and parts[1][1] == "ip4" and parts[1][2]
  return host and self.comms.near { host = host } and host or nil
end

local function is_out(self, peer) return self.comms.peers:left(peer) or self.comms.peers:barred(peer) end

local function asked(peer, flow, heard)
  return { id = peer.id, peer = peer, flow = flow, host = flow.source.host, heard = heard, alone = 0, by_all = 0,
    asked_alone = 0, asked_by_all = 0 }
end

-- Those who asked us, while nothing of theirs came by broadcast. That they are who they say is not known yet.
local function askers(self, list)
  for _, id, source in self.comms.askers:each() do
    local peer = self.comms.peers:get(id)
    if not near_flow(self, peer) and not source.channel.closed and not source.own and self.comms.near(source) then
      local one = asked(peer, { source = source }, self.loop:now())
      one.is_claim = true
      list[#list + 1] = one
    end
  end
end

-- Who is heard here, the last heard first: MOST of them at most.
local function met(self)
  local list, now, some = {}, self.loop:now(), {}
  askers(self, list)
  for _, peer in ipairs(self.comms.peers.list) do
    local flow = not is_out(self, peer) and near_flow(self, peer)
    if flow and now - flow.heard < BROADCAST_MS then list[#list + 1] = asked(peer, flow, flow.heard) end
  end
  table.sort(list, function(a, b)
    if a.heard ~= b.heard then return a.heard > b.heard end
    return a.id < b.id
  end)
  for _, one in ipairs(list) do
    if #some < MOST and (now - one.heard < STALE or not said_host(self, one.id)) then some[#some + 1] = one end
  end
  return some
end

-- Who says that he is in a network of ours, and is not heard there. KNOWN: IDs of who is.
local function not_met(self, known)
  local list, now = {}, self.loop:now()
  for _, id, word in self.said:each() do
    local peer = self.comms.peers.by_id[id]
    local counts = word.id ~= self.comms.id and not known[word.id] and now - word.heard < WORD_MS
      and word.facts.state ~= "left" and not (peer and is_out(self, peer))
    local host = counts and #list < MOST and said_host(self, word.id)
    if host then list[#list + 1] = { id = word.id, host = host, word = word } end
  end
  return list
end

-- The question that all hear goes first: whoever answers few of them would leave just that one unanswered, and its way
-- would look dead.
local function ask_round(self, list)
  for _, one in ipairs(list) do
    local went = self.comms.proof:check(one.peer, one.flow, true, function() one.by_all = one.by_all + 1 end)
    one.asked_by_all = one.asked_by_all + (went and 1 or 0)
  end
  self.loop:after(AFTER, function()
    for _, one in ipairs(list) do
      local went = self.comms.proof:check(one.peer, one.flow, false, function() one.alone = one.alone + 1 end)
      one.asked_alone = one.asked_alone + (went and 1 or 0)
    end
  end)
end

local function ask_strangers(self, list)
  for _, one in ipairs(list) do
    one.give_up = self.ask(("/ip4/%s/udp/%d/dswarm-line/dswarm/%s/ping"):format(one.host, self.port(), one.id), one.id,
      function(answer) one.answered = answer.id == one.id and not answer.code end)
  end
end

-- Was ONE, who is heard, asked each time, and did he answer nothing?
local function is_silent(one) return one.alone == 0 and one.by_all == 0 and one.asked_alone == ROUNDS end

-- Did he answer so lately that he may be sparing of answers now?
local function is_sparing(self, one)
  return one.flow.proved ~= nil and self.loop:now() - one.flow.proved < one_host.RATION_MS
end

local function said(self, one, words) return ("%s (%s) %s"):format(self.label(one.id), one.host, words) end

local NOBODY <const> = "nobody near answers: start dt-swarm on a second machine of this network, and ask again"

local SPARING <const> = "who answered some seconds ago answers nothing now: ask again in ten seconds"

local BUSY <const> = "the network is too busy for questions: ask again"

local function of_broadcast_out(self, answering, found, why)
  local silent, out = nil, false
  for _, one in ipairs(answering) do
    out = out or one.by_all > 0
    if one.asked_by_all == ROUNDS and one.alone >= SURE then silent = silent or one end
  end
  if out or silent then
    found.net_broadcast_out = not out and said(self, silent, ("answers %d of %d pings, 0 of %d that go to all"):format(
      silent.alone, ROUNDS, ROUNDS)) or false
  else
    why.net_broadcast_out = BUSY
  end
end

local function of_broadcast_in(self, answering, found, why)
  local now, into, hears, old = self.loop:now(), false, false, nil
  for _, one in ipairs(answering) do
    into = into or (one.peer.broadcast_at or -math.huge) > now - BROADCAST_MS
    hears = hears or one.flow.source.channel:status().state == "up"
    if now - self.started >= YOUNG then old = old or one end
  end
  if into then
    found.net_broadcast_in = false
  elseif not hears then
    why.net_broadcast_in = "the port at which it comes is not open here"
  elseif not old then
    why.net_broadcast_in = "this daemon has just started: ask again in some seconds"
  else
    found.net_broadcast_in = said(self, old, ("answers %d of %d pings, nothing that it says to all came here for %s")
      :format(old.alone, ROUNDS, span.of(math.min(BROADCAST_MS, now - self.started))))
  end
end

local function of_broadcast(self, answering, found, why)
  if answering[1] then
    of_broadcast_out(self, answering, found, why)
    return of_broadcast_in(self, answering, found, why)
  end
  why.net_broadcast_out, why.net_broadcast_in = NOBODY, NOBODY
end

-- Who was heard just now and answers nothing. Whose newer word came by another way since may be heard there no more.
local function of_silent(self, list, found, why)
  local now, silent, sparing, is_asked = self.loop:now(), nil, false, false
  for _, one in ipairs(list) do
    local word = self.said:of(one.id)
    is_asked = is_asked or not one.is_claim and one.asked_alone > 0
    if is_silent(one) and not one.is_claim and now - one.heard < LATELY and not (word and word.heard > one.heard) then
      if is_sparing(self, one) then sparing = true else silent = silent or one end
    end
  end
  if silent then
    found.net_one_way = said(self, silent, ("was heard %s and answers 0 of %d pings"):format(
      span.ago(now - silent.heard), ROUNDS))
  elseif sparing then
    why.net_one_way = SPARING
  elseif is_asked then
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

-- Those of LIST who were heard, and answer nothing now, though a newer word of theirs came by another way.
local function gone_silent(self, list, strangers)
  for _, one in ipairs(list) do
    local word, host = self.said:of(one.id), said_host(self, one.id)
    if is_silent(one) and not is_sparing(self, one) and host and word and word.heard > one.heard then
      strangers[#strangers + 1] = { id = one.id, host = host, word = word }
    end
  end
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
    local word = silent.word
    found.net_isolated = said(self, silent, ("said that it is there (%s, by %s), and answers 0 of %d pings"):format(
      span.ago(self.loop:now() - word.heard), word.kind or "an earlier run", ROUNDS))
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
  gone_silent(self, list, strangers)
  of_broadcast(self, answering, found, why)
  of_silent(self, list, found, why)
  of_strangers(self, strangers, answering, found, why)
  local hosts = {}
  for _, one in ipairs(answering) do hosts[one.host] = one.id end
  return found, why, hosts
end

--- DONE(findings as network.lua has them, why those are not known that are missing: texts by name, IDs of who answered
--- by host), in 10 s at most.
function neighbours:look(done)
  local list, known = met(self), {}
  for _, one in ipairs(list) do known[one.id] = true end
  local strangers = not_met(self, known)
  ask_strangers(self, strangers)
  local rounds = 0
  local function round()
    rounds = rounds + 1
    ask_round(self, list)
    if rounds < ROUNDS then self.loop:after(APART, round) end
  end
  round()
  local wait = strangers[1] and one_host.WAIT_MS or list[1] and (ROUNDS - 1) * APART + WAIT or 0
  self.loop:after(wait, function() done(judge(self, list, strangers)) end)
end

return neighbours
