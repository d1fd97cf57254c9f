-- aim_over_relays_spec.lua - a third host that lines name, and that never asked: what two relays send it, as its kernel
-- counts. Who says them is a real node, proved and near, so that both relays pass on what he says elsewhere.
-- mostly waits: for lines that are said one by one, and for answers
local folder = require "spec.folder"
local hash = require "core.hash"
local key = require "core.key"
local statement = require "core.statement"
local swarm = require "spec.e2e.swarm"
local text = require "core.text"

local SECRET <const> = "aiming 1" -- aiming.lua's SEED
local MALLORY <const> = key.generate(hash.blake2b(SECRET)):id()
local POLICY <const> = [[
local p = extend "server"
p.comms.beacon = { 0.2, 0.5 }
p.routing.channels = { { "/ip4/0.0.0.0/udp/3825/dswarm-line", budget = 100 * MB },
  { "/ip4/0.0.0.0/tcp/3825/dswarm-line" } } -- so that no medium holds back what should not be said
return p
]]
local COUNT <const> = "nft 'add table ip seen; add chain ip seen in { type filter hook input priority 0; }; "
  .. "add rule ip seen in ip saddr %s ip daddr %s counter; add rule ip seen in ip saddr %s ip daddr %s counter'"

describe("a host that lines name, and that never asked", function()
  local s, why, at, ids, serial

  local function packets(host)
    local all = 0
    for n in s.world:run(host, "nft list table ip seen"):gmatch "packets (%d+)" do all = all + tonumber(n) end
    return all
  end

  setup(function()
    s, why = swarm.new({ "ada", "carl", "mallory", "victim" }, nil, { wire = true, seed = 3 })
    if not s then return end
    serial, at, ids = 0, {}, {}
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    folder.write(s.dir .. "/relay.lua", POLICY)
    for _, host in ipairs { "ada", "carl", "mallory", "victim" } do
      s.world:must(("ip netns exec %s sysctl -qw net.ipv6.conf.all.disable_ipv6=1"):format(s.world:name(host)))
      at[host] = s.world:address(host)
    end
    for _, host in ipairs { "victim", "carl" } do
      s.world:must(("ip netns exec %s %s"):format(s.world:name(host), COUNT:format(at.ada, at[host], at.carl,
        at[host])))
    end
    for _, host in ipairs { "ada", "carl" } do s:start(host, s.dir .. "/relay.lua") end
    assert(swarm.within(15, function() return #s:names "ada" == 2 and #s:names "carl" == 2 end), s:logs())
    for _, host in ipairs { "ada", "carl" } do ids[host] = s:ask(host, "status").node.id end
  end)

  teardown(function() if s then s:close() end end)

  local function got_by(one)
    local got = {}
    for each in one.output():gmatch "got ([^\n]+)\n" do got[#got + 1] = each end
    return got
  end

  -- Mallory says these lines. → what came back, an array of texts, once IS_ALL(that) and nothing more comes
  local function say(lines, is_all)
    local path = s.dir .. "/lines"
    folder.write(path, table.concat(lines, "\n") .. "\n")
    local one = s.world:spawn("mallory", ("lua5.4 spec/e2e/aiming.lua 1 %s %s %s %s"):format(ids.ada, path, ids.carl,
      s.dir .. "/relay.lua"))
    s.running.aiming = one
    assert(swarm.within(10 + #lines / 50, function() return one.output():find "said %d+" end), one.output())
    assert.equal(#lines, tonumber(one.output():match "said (%d+)"), "all was said: " .. one.output())
    swarm.within(20, function() return is_all(got_by(one)) end) -- on a busy machine answers are late
    local before
    for _ = 1, 10 do
      before = one.output()
      os.execute "sleep 0.7"
      if one.output() == before then break end
    end
    one.stop()
    return got_by(one)
  end

  local function nonce()
    serial = serial + 1
    return ("%021dA"):format(serial)
  end

  -- A word of a made-up node, who says that he is where the victim is. → its ID, the frame
  local function record()
    local owner, now = key.generate(hash.blake2b "nobody"), s:ask("ada", "status").time.now
    local from = now // 16000 * 16
    local st = assert(statement.sign(owner, "duckietown", { verb = "propose", bucket = ("pri/%s/addresses"):format(
      owner:id()), key = owner:id(), at = now, valid_from = from, valid_until = from + 3600,
      data = ('{"at":["/ip4/%s/tcp/3825/dswarm-line"]}'):format(at.victim) }))
    return owner:id(), "* - 8 statements\\n" .. st.line
  end

  local function lines_at(victim)
    local nobody, word = record()
    local tos, list = { "~" .. ("A"):rep(22), ("/dswarm/%s/ping"):format(nobody) }, { word }
    for _, place in ipairs { victim .. "/udp/3825", victim .. "/udp/53", victim .. "/tcp/3825", victim .. "/tcp/22",
      "10.77.0.255/udp/3825", "255.255.255.255/udp/3825", "0.0.0.0/udp/3825" } do
      local chain = ("/ip4/%s/dswarm-line/dswarm/%s/ping"):format(place, nobody)
      for _, before in ipairs { "", "/dswarm/" .. ids.ada, ("/dswarm/%s/dswarm/%s"):format(ids.ada, ids.carl),
        ("/dswarm/%s/dswarm/%s/dswarm/%s"):format(ids.ada, ids.carl, ids.ada) } do
        tos[#tos + 1] = before .. chain
      end
      tos[#tos + 1] = ("/ip4/%s/dswarm-line/*"):format(place):gsub("/%*$", "/dswarm/*/brain")
    end
    for _, to in ipairs(tos) do
      for _, from in ipairs { ("/dswarm/%s/aim"):format(MALLORY),
        ("/ip4/%s/udp/3825/dswarm-line/dswarm/%s/brain"):format(victim, nobody),
        ("/ip4/%s/tcp/3825/dswarm-line/dswarm/%s/brain"):format(victim, nobody), "~" .. ("B"):rep(22) } do
        list[#list + 1] = ("%s %s 8 ping %s %s"):format(to, from, nonce(), MALLORY)
        -- What all hear is a line of its own: the same one, heard twice, is a duplicate, and whichever comes to its
        -- socket first is answered or not.
        if to:find "^/ip4/" then list[#list + 1] = ("all %s %s 8 ping %s %s"):format(to, from, nonce(), MALLORY) end
      end
    end
    for _, to in ipairs { ("/dswarm/%s/ping"):format(ids.ada), ("/dswarm/%s/ping"):format(ids.carl), "/dswarm/*/ping",
      ("/dswarm/%s/nothing"):format(ids.ada) } do
      list[#list + 1] = ("%s /ip4/%s/udp/3825/dswarm-line/dswarm/%s/brain 8 ping %s %s"):format(to, victim, nobody,
        nonce(), nobody)
    end
    return list
  end

  -- Lines of her own, which come back from whichever relay: what each is called by, and to whom it goes.
  local function her_own(lines)
    local own = {}
    for _, line in ipairs(lines) do
      local to, rest = line:match(("^(%%S+) /dswarm/%s/aim 8 (.*)$"):format(MALLORY))
      if rest then own[text.base64url(hash.blake2b(rest):sub(1, 8))] = to end
    end
    return own
  end

  -- The words of refusal among what came back, by the lines that they are about; all else that came, too.
  local function words_of(answers)
    local words = {}
    for _, answer in ipairs(answers) do
      local ref, word = answer:match "^unreachable %S+ (%S+) (%l+) "
      words[ref or answer] = word or answer
    end
    return words
  end

  it("gets not one packet, whatever stands in TO, FROM, a label or a signed record", function()
    if not s then return pending(why) end
    for _, host in ipairs { "ada", "carl" } do -- both know where it is, so that nothing fails for that
      s.world:run(host, ("bash -c 'echo x >/dev/udp/%s/9'"):format(at.victim))
    end
    assert(swarm.within(2, function() return packets "victim" >= 2 end))
    local before = packets "victim"
    local lines = lines_at(at.victim)
    local own = her_own(lines)
    local answers = say(lines, function(got)
      local words = words_of(got)
      for ref in pairs(own) do -- any order
        if not words[ref] then return false end
      end
      return true
    end)
    local words = words_of(answers)
    print(("# %d lines said, %d answers, %d packets at the victim"):format(#lines, #answers, packets "victim" - before))
    assert.equal(before, packets "victim", s:logs())
    for ref, to in pairs(own) do -- any order
      assert.is_true(words[ref] == "unproved" or words[ref] == "address", to)
      words[ref] = nil
    end
    assert.same({}, words)
  end)

  it("is aimed at by lines that go on where somebody has proved himself (control)", function()
    if not s then return pending(why) end
    local carl
    for _, node in ipairs(s:ask("ada", "discover").nodes) do
      if node.id == ids.carl then carl = node.via.address end
    end
    local said = {}
    for i, head in ipairs { carl, ("/ip4/%s/tcp/3825/dswarm-line"):format(at.carl), "" } do
      said[i] = ("/dswarm/%s%s/dswarm/%s/ping /dswarm/%s/aim 8 ping %s %s"):format(ids.ada, head, ids.carl, MALLORY,
        nonce(), MALLORY)
    end
    local before = packets "carl"
    local function pongs(got)
      local n = 0
      for _, each in ipairs(got) do n = n + (each:find("^pong .*" .. ids.carl) and 1 or 0) end
      return n
    end
    local answers = say(said, function(got) return pongs(got) == 3 end)
    assert.is_true(packets "carl" > before)
    assert.equal(3, pongs(answers), "by datagram, over a connection that is dialled, and by his ID: " .. s:logs())
  end)
end)
