-- passing_spec.lua - what others say goes on as quickly as before while one floods a channel, or is a noisy client.
-- runs alone: times are compared
local folder = require "spec.folder"
local garbage = require "spec.e2e.garbage"
local ngircd = require "spec.net.ngircd"
local swarm = require "spec.e2e.swarm"

local SOAK = os.getenv "DT_SWARM_SOAK"
local LINES <const> = SOAK and 200 or 20 -- of others, with a flood and as many without
local PAUSE <const> = 20 -- ms between two of them
-- A server reads three lines a second of each.
local PEOPLE <const>, SAY_MS <const> = 8, SOAK and 125 or 20 -- who say them by IRC, in turn
local ROUNDS = SOAK and 10 or 1 -- of each, interleaved
local RATE <const> = 1000 -- datagrams a second
local TIMES <const>, MEDIAN <const> = 1.5, 3 -- the 99th percentile with a flood, of that without; the median
local TRIES <const> = 3 -- other programs have a say in such times, but not three times the same

describe("what others say", function()
  local s, why, irc

  -- The server's policy, with a line for a channel of an IRC server where there is one.
  local function policy()
    if not ngircd.found() then return "" end
    irc = ngircd.start { world = s.world, host = "irc" }
    folder.write(s.dir .. "/server.lua", ('local p = extend "duckiebot"\n\z
      table.insert(p.routing.channels, "/ip4/%s/tcp/6667/irc/#lab/dswarm-line")\nreturn p\n'):format(irc.address))
    return s.dir .. "/server.lua"
  end

  setup(function()
    s, why = swarm.new { "server", "ada", "mallory", "irc" }
    if not s then return end
    assert(select(2, swarm.sh "make -s .build/flood") == 0)
    s:start("server", policy())
    assert(swarm.within(10, function() return s:ask("server", "status") end), s:log "server")
    for host = 10, 73 do s.world:run("mallory", ("ip address add 10.77.0.%d/24 dev eth0"):format(host)) end
    garbage.write(s.dir .. "/garbage", s:ask("server", "status").node.id, os.time() * 1000)
  end)
  teardown(function()
    if irc then irc.remove() end
    if s then s:close() end
  end)

  -- Says so many lines to the server by one link of ada's, or, BY_IRC, by people there; they come back by another link.
  -- → array of µs, by which it took.
  local function pass(lines, by_irc)
    local output = s.world:run("ada", ("lua5.4 spec/e2e/passing.lua %s %d %d duckietown %s"):format(
      s.world:address "server", lines, by_irc and SAY_MS or PAUSE,
      by_irc and ("%s '#lab' %d"):format(irc.address, PEOPLE) or ""))
    assert.matches("end " .. lines .. "\n$", output)
    local list = {}
    for took in output:gmatch "%d+ (%d+)\n" do list[#list + 1] = tonumber(took) end
    assert.equal(lines, #list)
    return list
  end

  local function percentile(list, part)
    table.sort(list)
    return list[math.max(1, math.ceil(#list * part / 100))]
  end

  -- Lines with and without the process that BEGIN() gives, in turn. → how many times longer the median and the 99th
  -- percentile are with it
  local function measure(what, begin, by_irc)
    local quiet, loud, n = {}, {}, by_irc and not SOAK and PEOPLE or LINES // ROUNDS
    for round = 1, ROUNDS do
      table.move(pass(n, by_irc), 1, n, #quiet + 1, quiet)
      local noise = begin()
      os.execute "sleep 0.3"
      table.move(pass(n, by_irc), 1, n, #loud + 1, loud)
      assert.is_true(noise.alive(), "the noise goes on")
      -- It ends by itself when nothing of it is under way any more.
      if round < ROUNDS then
        noise.stop()
        swarm.within(5, function() return not noise.alive() end)
      end
      noise.stop "KILL"
      swarm.within(5, function() return not noise.alive() end)
    end
    local words = {}
    for i, list in ipairs { quiet, loud } do
      words[i] = ("%.1f and %.1f ms"):format(percentile(list, 50) / 1000, percentile(list, 99) / 1000)
    end
    local ratio = percentile(loud, 99) / percentile(quiet, 99)
    print(("# %d lines, median and 99th percentile: %s, with %s %s: %.2f times"):format(#quiet, words[1], what,
      words[2], ratio))
    return percentile(loud, 50) / percentile(quiet, 50), ratio
  end

  -- The median is judged always, the 99th percentile of many lines in soak.
  local function compare(what, begin, by_irc)
    for try = 1, TRIES do
      local median, ratio = measure(what, begin, by_irc)
      local good = median <= MEDIAN and (not SOAK or ratio <= TIMES)
      if good then return end
      assert.is_true(try < TRIES, ("%.2f and %.2f times"):format(median, ratio))
    end
  end

  if SOAK then
    it("goes on while another channel is flooded", function()
      if not s then return pending(why) end
      compare("1,000 datagrams a second", function()
        return s.world:spawn("mallory", ("env FLOOD_FROM=10.77.0.10 .build/flood 10.77.0.255 3825 %d %d 64 %s/garbage")
          :format(60 * RATE, RATE, s.dir))
      end)
      local refused = 0
      for _, n in pairs(s:ask("server", "status").refused) do refused = refused + n end -- any order: a sum
      assert.is_true(refused > RATE // 2, refused .. " were refused")
    end)
  end

  it("goes on while one client of the same listener says as much as it can", function()
    if not s then return pending(why) end
    compare("a noisy client", function()
      return s.world:spawn("mallory", ("lua5.4 spec/e2e/forged.lua %s duckietown %d"):format(
        s.world:address "server", os.time() * 1000))
    end)
    local resting = 0
    for _, channel in ipairs(s:ask("server", "channels").channels) do
      resting = resting + (channel.kind == "tcp" and channel.refused.quota or 0)
    end
    assert.is_true(resting > 0, "it was read no further for a while")
  end)

  local function irc_row()
    for _, row in ipairs((s:ask("server", "channels") or { channels = {} }).channels) do
      if row.kind == "irc" then return row end
    end
    return { refused = {} }
  end

  -- One who says garbage and pieces of frames in the channel, as quickly as the IRC server lets him.
  local function noisy_person()
    local noise = s.world:spawn("mallory", ("lua5.4 spec/e2e/irc_noise.lua %s '#lab' %s/garbage"):format(irc.address,
      s.dir))
    assert.is_truthy(swarm.within(10, function() return noise.output():find "begins" end), noise.output())
    return noise
  end

  it("goes on while one client of the same IRC server says as much as that lets it", function()
    if not s then return pending(why) end
    if not irc then return pending "NO SERVERS: spec/net/servers.sh says why" end
    assert.is_truthy(swarm.within(10, function() return irc_row().state == "up" end), s:log "server")
    if SOAK then compare("a noisy person on IRC, by TCP", noisy_person) end
    compare("a noisy person on IRC, by IRC", noisy_person, true)
    local row = irc_row()
    assert.equal("up", row.state)
    assert.is_true(row.talk > 0 and (row.refused.form or 0) > 0, "noise was heard")
  end)
end)
