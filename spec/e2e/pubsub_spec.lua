-- pubsub_spec.lua - two daemons that have nothing but a topic of IPFS pubsub in common, on real Kubos.
-- mostly waits: for Kubos that start
local folder = require "spec.folder"
local kubo_daemon = require "spec.net.kubo_daemon"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local HOSTS <const> = { "ada", "bob" }
-- bob's Kubo lets in only who knows a word.
local TOPIC <const> = { ada = '"/ipfs-pubsub/lab/dswarm-line"',
  bob = '{ "/ipfs-pubsub/lab/dswarm-line", authorisation = secret "kubo" }' }
local GUARDED <const> = { { '"API": {', '"API": { "Authorizations": { "lab": { "AuthSecret": '
  .. '"bearer:sesame", "AllowedPaths": ["/api/v0"] } },' } }
local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local QUICK <const> = "p.clients.logs.settle = { least = 0.1 * second, per = 32 * MB, most = 1 * second }"

local UDP <const> = ', "/ip4/0.0.0.0/udp/3825/dswarm-line"'

-- MORE: channels beside the topic, as text.
local function policy(s, host, more)
  swarm.sh(("umask 077; mkdir -p %s %s"):format(s:path(host, "share"), s:path(host, "dt-swarm/secrets")))
  folder.write(s:path(host, "dt-swarm/secrets/kubo"), "bearer:sesame\n")
  swarm.sh("chmod 600 " .. s:path(host, "dt-swarm/secrets/kubo"))
  local text = 'local p = extend "duckiebot"\np.routing.channels = { %s%s }\n%s\nreturn p\n'
  folder.write(s:path(host, "my.lua"), text:format(TOPIC[host], more or "", QUICK))
  return s:path(host, "my.lua")
end

describe("two robots with a Kubo each, and no channel but its pubsub", function()
  local s, kubos
  after_each(function()
    if s then s:close() end
    s = nil
  end)

  -- → true | nil, why there can be none here
  local function start_all()
    local why
    s, why = swarm.new(HOSTS)
    if not s then return nil, why end
    kubos = {}
    for _, host in ipairs(HOSTS) do
      kubos[host], why = kubo_daemon.new(s.world, host, s:path(host, "kubo"), host == "bob" and GUARDED or nil)
      if not kubos[host] then return nil, why end
      kubos[host]:start()
    end
    assert.is_truthy(swarm.within(10, function() return kubos.ada:is_ready() and kubos.bob:is_ready() end))
    for _, host in ipairs(HOSTS) do s:start(host, policy(s, host)) end
    return true
  end

  local function join() kubos.ada:run("swarm connect /ip4/10.77.0.2/tcp/4001/p2p/" .. kubos.bob.id) end

  local function speak_also_by(channels)
    for _, host in ipairs(HOSTS) do
      policy(s, host, channels)
      local text, code = s:cli(host, "policy reload")
      assert.equal(0, code, text)
    end
  end

  local function row(host) return s:ask(host, "channels").channels[1] end

  local function digest(host)
    for _, class in ipairs(s:ask(host, "summary").classes) do
      if class.name == "share" then return class.count .. " " .. class.digest end
    end
  end

  local function within(what, bar, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. ":\n" .. s:logs() .. s:cli("ada", "channels"))
    patience.took(what, took, bar)
  end

  local function heard(host) return table.concat(s:names(host), " ") end

  it("agree once their Kubos are joined, as those who meet do, and again after one was killed and came back", function()
    local fine, why = start_all()
    if not fine then return pending(why) end
    within("both hear the topic", 5, function()
      return s:ask("ada", "channels") and s:ask("bob", "channels") and row("ada").state == "up" and
        row("bob").state == "up"
    end)
    local stranger = s.world:run("bob", "curl -s -X POST -w '%{http_code}' http://127.0.0.1:5001/api/v0/id")
    assert.matches("403$", stranger)
    assert.same({ "ada", 0 }, { heard "ada", row("ada").members }) -- joined by nothing yet
    speak_also_by(UDP)
    within("their Kubos are joined, since they met otherwise", 5, function()
      return row("ada").members == 1 and row("bob").members == 1
    end)
    speak_also_by ""
    folder.write(s:path("ada", "share/one.txt"), "one")
    within("a record of one is at the other", 5, function()
      return digest("ada"):find "^1 " and digest "bob" == digest "ada"
    end)
    assert.matches("/ipfs%-pubsub/lab", s:cli("bob", "record show share/files " .. s:ask("bob", "report").files[1].cid))
    kubos.bob:stop()
    within("its end is told", 2, function() return row("bob").state == "waiting" end)
    assert.truthy(row("bob").reason:find "Kubo ended the subscription" or row("bob").reason:find "no Kubo answers")
    folder.write(s:path("ada", "share/missed.txt"), "missed")
    within("it is said, and bob does not hear it", 5, function() return digest("ada"):find "^2 " end)
    kubos.bob:start()
    within("it is used again", 20, function() return row("bob").state == "up" end)
    join()
    folder.write(s:path("bob", "share/two.txt"), "two")
    within("a record of the other is here, and the missed one there", 10, function()
      return digest("bob"):find "^3 " and digest "ada" == digest "bob"
    end)
  end)

  if SOAK then
    it("agree after one Kubo stood still for half a minute in the midst of 500 records", function()
      local fine, why = start_all()
      if not fine then return pending(why) end
      within("both hear the topic", 5, function() return s:ask("bob", "channels") and row("bob").state == "up" end)
      join()
      local share = s:path("ada", "share")
      swarm.sh(("for i in $(seq 250); do echo $i >%s/a$i.txt; done"):format(share))
      within("some have come", 20, function() return not digest("bob"):find "^0 " end)
      kubos.bob.process.stop "STOP"
      swarm.sh(("for i in $(seq 250); do echo b $i >%s/b$i.txt; done"):format(share))
      within("that is told", 30, function() return row("bob").state == "waiting" end)
      kubos.bob.process.stop "CONT"
      within("both have all", 120, function() return digest("ada"):find "^500 " and digest "ada" == digest "bob" end)
    end)

    it("say so where their Kubo has pubsub switched off", function()
      local why
      s, why = swarm.new(HOSTS)
      if not s then return pending(why) end
      local off = { { '"Enabled": true,', '"Enabled": false,' } }
      local kubo = kubo_daemon.new(s.world, "ada", s:path("ada", "kubo"), off)
      if not kubo then return pending "no Kubo" end
      kubo:start()
      within("Kubo runs", 10, function() return kubo:is_ready() end)
      s:start("ada", policy(s, "ada"))
      within("that is said", 5, function()
        return s:ask("ada", "channels") and row("ada").reason == "permission: this Kubo has pubsub switched off"
      end)
    end)
  end
end)
