-- bundle_spec.lua - whole daemons on no network: what one holds comes to the other as a bundle, or as a checkpoint.
local bundle = require "comms.bundle"
local checkpoints = require "spec.checkpoints"
local folder = require "spec.folder"
local labs = require "spec.labs"
local process = require "spec.process"

local ROBOTS <const>, RECORDS <const> = 6, 20

local w, lab, lines

local function now() return os.time() * 1000 end

-- What a lab says in a year: robots that a token let in, an admin and whom he let in, and what all of them said; in the
-- order that is worst: who lets in comes after those whom he lets in.
local function history()
  local admin, list, said = labs.key "admin", {}, {}
  lab = labs.new { name = "robotics", robots = ROBOTS, at = now() - 3600 * 1000 }
  for i, robot in ipairs(lab.robots) do
    if i % 2 == 0 then
      list[#list + 1] = lab:grant(admin, robot.id, "member", { name = robot.name })
    else
      list[#list + 1] = lab:enrol(robot)
    end
    for n = 1, RECORDS do
      said[#said + 1] = lab:line(robot.key, { bucket = "share/discard", key = ("r%d-%d"):format(i, n),
        ttl = 30 * 24 * 60 * 60, data = { n = n } })
    end
  end
  table.move(list, 1, #list, #said + 1, said)
  said[#said + 1] = lab:grant(lab.root, admin:id(), "admin", { name = "ada" })
  return said
end

-- A daemon of the lab on no network but the policy's CHANNELS.
local function start(name, channels, lab_file)
  local policy = w:policy(name .. ".lua", ("p.routing.channels = { %s }\np.clients.logs.gateway = false\n"):format(
    channels or ""))
  local place = ("%s/%s-config/dt-swarm"):format(w.dir, name)
  os.execute("mkdir -p " .. place)
  folder.write(place .. "/lab", lab_file or lab.text)
  os.execute(("chmod 0600 %s/lab"):format(place))
  local command = ("env XDG_CONFIG_HOME=%s/%s-config ./dt-swarm"):format(w.dir, name)
  return w:start(name, { policy = policy, command = command })
end

-- Digests by class, but for what a node says of itself alone.
local function digests(one)
  local answer, list = one:ask "summary", {}
  for _, class in ipairs(answer.classes) do
    if class.name ~= "trust" and class.kept then list[class.name] = class.digest .. " " .. class.count end
  end
  return list
end

local function share(one)
  for _, bucket in ipairs(one:ask("summary").buckets) do
    if bucket.name == "share/discard" then return bucket.count end
  end
  return 0
end

describe("what a lab knows", function()
  setup(function()
    w = process.new()
    lines = history()
    folder.write(w.dir .. "/history", bundle.text(lines))
  end)
  teardown(function()
    os.execute(("kill $(cat %s/blocks.pid) 2>/dev/null"):format(w.dir))
    w:close()
  end)

  it("goes from one machine to another in a file, also where an admin's grant stands behind all others", function()
    local ada, bea = start "ada", start "bea"
    local answer, text = ada:ask(("import %s/history"):format(w.dir))
    assert(answer, text)
    assert.same({ #lines, true, true }, { answer.taken, answer.whole, answer.passes > 1 })
    assert.equal(ROBOTS * RECORDS, share(ada))
    local said, code = ada:cli(("export %s/x.bundle"):format(w.dir))
    assert.equal(0, code, said)
    said, code = bea:cli(("import %s/x.bundle"):format(w.dir))
    assert.equal(0, code, said)
    assert.same(digests(ada), digests(bea))
    assert.equal(ROBOTS * RECORDS, share(bea))
    answer = bea:ask(("import - <%s/x.bundle"):format(w.dir))
    assert.same({ 0, answer.lines, 0 }, { answer.taken, answer.duplicate, #answer.refused })
    said, code = ada:cli(("export %s/x.bundle"):format(w.dir))
    assert.equal(5, code)
    assert.truthy(said:find "is there already; %-%-force replaces it")
  end)

  it("is none of another lab's business, which is said", function()
    local other = labs.new { name = "elsewhere", at = now() - 3600 * 1000 }
    local one = start("eve", nil, other.text)
    folder.write(w.dir .. "/enrolments", bundle.text { other:grant(other.root, labs.key("admin"):id(), "admin") })
    one:cli(("import %s/enrolments"):format(w.dir))
    local said, code = one:cli(("import %s/history"):format(w.dir))
    assert.equal(1, code)
    said = said:gsub("%s+", " ")
    assert.truthy(said:find(("0 taken in, 0 here already, %d refused"):format(#lines), 1, true), said)
    assert.truthy(said:find("None of its signers is in this lab", 1, true), said)
    local alone = "p.routing.channels = {}\np.clients.logs.gateway = false"
    local open = w:start("fay", { policy = w:policy("fay.lua", alone) })
    folder.write(w.dir .. "/few", bundle.text { lines[1], lines[2] })
    said, code = open:cli(("import %s/few"):format(w.dir))
    assert.same({ 1, true }, { code, said:gsub("%s+", " "):find("lab than " .. w.swarm, 1, true) ~= nil or said })
  end)

  it("is read from a gateway by a newcomer who has no other channel, and status says how far", function()
    local blocks_at = w.dir .. "/blocks"
    os.execute("mkdir " .. blocks_at)
    local trust, others = {}, {}
    for _, line in ipairs(lines) do
      table.insert(line:find "^%S+ %l+ trust/" and trust or others, line)
    end
    local made = checkpoints.make({ table.concat(trust, "\n") .. "\n", table.concat(others, "\n") .. "\n" },
      { swarm = lab.swarm })
    for key, bytes in pairs(made.blocks) do folder.write(blocks_at .. "/" .. key, bytes) end -- any order
    os.execute(("%s spec/e2e/blocks.lua %s >%s/blocks.out 2>&1 & echo $! >%s/blocks.pid"):format(
      os.getenv "LUA" or "lua5.4", blocks_at, w.dir, w.dir))
    process.within(5, function() return (folder.read(w.dir .. "/blocks.out") or ""):find "\n" end)
    local port = folder.read(w.dir .. "/blocks.out"):match "%d+"
    local one = start("clara", ('{ "/ipfs/%s/dswarm-line", gateway = "http://127.0.0.1:%s" }'):format(made.cid, port))
    local found = process.within(5, function()
      local channel = one:channel "ipfs"
      return channel and channel.read.done and channel
    end)
    local channel = one:channel "ipfs"
    assert(found, one:cli "channels" .. one:log())
    assert.same({ "up", 2, #lines }, { channel.state, channel.read.leaves, channel.read.taken })
    assert.equal(ROBOTS * RECORDS, share(one))
    local said = one:in_columns(80, "channels")
    assert.truthy(said:find "All 2 leaves", said)
  end)
end)
