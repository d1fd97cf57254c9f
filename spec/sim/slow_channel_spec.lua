-- slow_channel_spec.lua - what goes over a channel of one line in two seconds while hundreds of robots are behind it:
-- changes of their states first, what is said again as it fits. Two whole nodes under a virtual clock; the robots are
-- keys whose words come to one of them over a stream.
local frame = require "routing.channels.frame"
local json = require "core.json"
local key = require "core.key"
local policies = require "spec.policy.policies"
local sim = require "sim"
local sim_links = require "sim.links"
local statement = require "core.statement"
local stub = require "spec.net.stub"

local SECOND <const>, MINUTE <const> = 1000, 60 * 1000
local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local ROBOTS <const> = SOAK and 600 or 180
local LINE_MS <const>, LINE_BYTES <const> = 2 * SECOND, 620 -- such a line holds one statement
local LATE <const> = 3 * MINUTE -- after which a change should have come

local policy

-- ada and bob, who hear each other by such a channel alone; HEAR(lines of text) gives ada words over a stream.
local function world()
  policy = policy or assert(policies.load 'return extend "duckiebot"')
  local w = sim.new { seed = 21, policy = policy }
  local ada, bob = w:add "ada", w:add "bob"
  while w.medium.channels[1] do w.medium.channels[1]:close() end
  local room = sim_links.medium(w.world)
  for _, node in ipairs { ada, bob } do
    local one, next_at = sim_links.join(room, node.host), 0
    one.kind, one.rate = "irc", LINE_BYTES * SECOND // LINE_MS
    one.traits = { stream = false, medium = true, ordered = false, near = false, source_proved = false,
      line_max = LINE_BYTES, frame_max = LINE_BYTES }
    one.lines = 0
    local send = one.send
    function one.send(self, message, to)
      next_at, self.lines = math.max(next_at, w.loop:now()) + LINE_MS, self.lines + 1
      w.loop:after(next_at - w.loop:now(), function() self.owner.on_room(self) end)
      return send(self, message, to)
    end
    function one.budget() return w.loop:now() >= next_at and LINE_BYTES or 0 end
    node.routing:add(one, {})
    node.slow = one
  end
  local stream = stub.channel("tcp", { name = "tcp robots" })
  local source = stub.source(stream, "10.9.9.9")
  return w, ada, bob, function(lines)
    ada.routing:frame(source, frame.read(("* - 8 statements\n%s"):format(table.concat(lines, "\n"))))
  end
end

local function line(w, robot, bucket, data)
  local at = w.loop:wall()
  return assert(statement.sign(robot.key, w.nodes[1].swarm, { verb = "propose", bucket = bucket, key = robot.id,
    at = at, valid_from = at // 16000 * 16, valid_until = at // 16000 * 16 + 1200, data = json.encode(data) })).line
end

local function robots()
  local list = {}
  for i = 1, ROBOTS do
    local owner = key.generate(("robot %26d"):format(i))
    list[i] = { key = owner, id = owner:id(), name = "r" .. i, state = "ready" }
  end
  return list
end

local function words(w, robot)
  return { line(w, robot, "peer", { boot = 65536, clock = "own", name = robot.name, state = robot.state,
    type = "duckiebot", version = "0.1.0" }), line(w, robot, ("pri/%s/addresses"):format(robot.id),
    { at = json.array { "/ip4/10.0.0.7/tcp/3825/dswarm-line" }, http = 3826 }) }
end

local function state_at(node, robot)
  local st = node.dcache:statement_of("peer", robot.id, robot.id)
  return st and not st.fault and st.data.state or nil
end

describe("a channel of one line in two seconds", function()
  it("carries changed states soon, and of what is said again as much as fits: the rest is counted", function()
    local w, ada, bob, hear = world()
    local list, second, open, took, late = robots(), 0, {}, {}, 0
    local function pass(seconds, changes)
      for _ = 1, seconds do
        second = second + 1
        for i = second % 300 + 1, ROBOTS, 300 do hear(words(w, list[i])) end -- each renews every five minutes
        if changes and second % 15 == 0 then
          local robot = list[second // 15 * 7 % ROBOTS + 1]
          robot.state = robot.state == "ready" and "busy" or "ready"
          open[#open + 1] = { robot = robot, state = robot.state, at = w.loop.time }
          hear(words(w, robot))
        end
        w:run(SECOND)
        for i = #open, 1, -1 do
          local one = open[i]
          if state_at(bob, one.robot) == one.state then
            took[#took + 1] = w.loop.time - one.at
            table.remove(open, i)
          elseif w.loop.time - one.at > LATE then
            late = late + 1
            table.remove(open, i)
          end
        end
      end
    end
    pass(SOAK and 3600 or 600)
    local lines, dropped, since = ada.slow.lines, ada.comms.outbox:counts().dropped, w.loop.time
    pass(SOAK and 3600 or 900, true)
    pass(LATE // SECOND + 1)
    table.sort(took)
    local form = "  %d of %d changes came within 3 min, half of them within %d s, all within %d s; %d lines, %d dropped"
    print(form:format(#took, #took + late, (took[#took // 2 + 1] or 0) // 1000, (took[#took] or 0) // 1000,
      ada.slow.lines - lines, ada.comms.outbox:counts().dropped - dropped))
    assert.is_true(#took + late >= 60)
    assert.is_true(late * 100 <= #took + late, late .. " changes came late")
    assert.is_true(ada.comms.outbox:counts().dropped > dropped, "more was said than fits")
    assert.is_true((ada.refused.full or 0) > 0)
    assert.is_true(ada.slow.lines - lines <= (w.loop.time - since) // LINE_MS + 1, "the channel is a slow one")
  end)
end)
