-- one_host.lua - does whoever is at an address of our network answer? Asks that one alone, and no third party.
local one_host = {}
one_host.__index = one_host

one_host.WAIT_MS = 6500 -- in which a ping is said three times
one_host.RATION_MS = 10 * 1000 -- since an answer: who does not know our address yet answers one in five seconds

--- given.loop
--- given.ask   fn(to, id, told) → give up: a ping to an address (clients/ping/questions.lua)
--- given.port  fn() → the port at which nodes of this swarm listen for datagrams
function one_host.new(given)
  return setmetatable({ loop = given.loop, ask = given.ask, port = given.port }, one_host)
end

-- What it means that nothing came from HOST since BEGAN → finding | nil, why it cannot be known
local function silence(self, host, began)
  local last = self.answered
  if last and last.host == host and began - last.at < one_host.RATION_MS then
    return nil, host .. " answered some seconds ago and answers nothing now: ask again in ten seconds"
  end
  return host .. " answers 0 of 3 pings: it is off, or one of both ways is dead; ask the doctor there, too"
end

--- Asks whoever is at HOST, an IPv4 address in a network of ours. DONE(ID | nil, finding of net_one_way | nil, why that
-- is not known | nil), in 6.5 s at most.
function one_host:look(host, done)
  local began, give_up, over = self.loop:now(), nil, false
  local function finish(id)
    if over then return end
    over = true
    give_up()
    if not id then return done(nil, silence(self, host, began)) end
    self.answered = { host = host, at = self.loop:now() }
    done(id)
  end
  give_up = self.ask(("/ip4/%s/udp/%d/dswarm-line/dswarm/*/ping"):format(host, self.port()), nil, function(answer)
    finish(not answer.code and answer.id)
  end)
  self.loop:after(one_host.WAIT_MS, finish)
end

return one_host
