-- withdraw_spec.lua - a file is withdrawn: who holds a copy drops it, who was off too; nobody else can ask for that.
-- mostly waits: for daemons that hear of it
local folder = require "spec.folder"
local json = require "core.json"
local key = require "core.key"
local labs = require "spec.labs"
local statement = require "core.statement"
local swarm = require "spec.e2e.swarm"

local ALL = 'local p = extend "server"\nfunction p.clients.logs.fetch() return 5, "everything" end\nreturn p\n'
local HOLDERS = { "lab", "sue", "tom" }

describe("a robot and three that hold copies of its file", function()
  local s, why, cid

  setup(function()
    s, why = swarm.new { "ada", "bea", "lab", "sue", "tom" }
    if not s then return end
    folder.write(s.dir .. "/all.lua", ALL)
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    for _, host in ipairs { "ada", "bea" } do s:start(host) end
    for _, host in ipairs(HOLDERS) do s:start(host, s.dir .. "/all.lua") end
    assert(swarm.within(10, function() return #s:names "ada" == 5 and #s:names "bea" == 5 end), s:log "ada")
  end)
  teardown(function() if s then s:close() end end)

  -- What HOST has of the file on its disk, by the shell: bytes, or nil.
  local function copy(host)
    local found = swarm.sh(("find %s/files -name run.bag 2>/dev/null"):format(s:path(host, "state"))):match "[^\n]+"
    return found and folder.read(found)
  end

  local function file() return s:file("ada", "run.bag") end

  -- How many of those that WHO say that they have the file.
  local function claimed() return #((file() or {}).copies or {}) end

  -- The status line that HOST's gateway answers the file's root with, asked from bea.
  local function asked(host)
    local said = s.world:run("bea", ("curl -s -o /dev/null -m 20 -w %%{http_code} 'http://%s:3826/ipfs/%s?format=raw'")
      :format(s.world:address(host), cid))
    return said:match "%d%d%d"
  end

  local function forged(now)
    local st = assert(statement.sign(key.generate(("%032d"):format(7)), "duckietown", { verb = "propose",
      bucket = "share/files", key = cid, at = now, valid_from = now // 16000 * 16,
      valid_until = now // 16000 * 16 + 3600, data = '{"class":"withdrawn","size":7}' }))
    return st.line
  end

  it("copies it to all three", function()
    if not s then return pending(why) end
    folder.write(s:path("ada", "share") .. "/run.bag", "the run")
    assert.is_truthy(swarm.within(20, function() return claimed() == 4 end), s:log "lab")
    cid = file().cid
    for _, host in ipairs(HOLDERS) do assert.equal("the run", copy(host)) end
    local said
    assert.truthy(swarm.within(10, function() -- as soon as it has heard of the others' copies
      said = s:cli("lab", "files why run.bag"):gsub("%s+", " ")
      return said:find("; 3 of 1 to 3 that count elsewhere", 1, true)
    end), said)
    assert.truthy(said:find("were it not here", 1, true) and not said:find("chosen for", 1, true), said)
    assert.equal("200", asked "lab")
  end)

  it("is deaf to a stranger who withdraws it, and to a robot whose file it is not", function()
    if not s then return pending(why) end
    local answer = s:request("lab", { command = "offer", lines = { forged(s:ask("lab", "status").time.now) } })
    assert.is_nil(answer.results[1].word, answer.results[1].text)
    local said, code = s:cli("bea", "files withdraw " .. cid .. " --yes")
    assert.equal(1, code)
    assert.truthy(said:find "no finished file of this node's folder", said)
    swarm.sh "sleep 2"
    assert.equal("the run", copy "lab")
    assert.equal("200", asked "lab")
  end)

  it("drops it everywhere when its robot says so, but not from the robot's folder", function()
    if not s then return pending(why) end
    s:stop("tom", "KILL")
    local before = s:ask("ada", "files withdraw run.bag --yes --wait 2s") -- tom is off: his claim stands
    assert.same({ cid, "run.bag", 7, true }, { before.file.cid, before.file.name, before.file.size, before.done })
    local still = {}
    for _, row in ipairs(before.holders) do still[row.robot] = true end
    assert.is_true(still.tom)
    assert.is_truthy(swarm.within(30, function() return not copy "lab" and not copy "sue" end), s:log "lab")
    local said, code
    assert.truthy(swarm.within(10, function() -- as soon as she has heard that the others dropped it
      said, code = s:cli("ada", "files withdraw run.bag --yes --wait 1s")
      return code == 0 and said:find "drop.*: tom%." and not said:find "lab, tom" and not said:find "sue, tom"
    end), said) -- who was killed a moment ago may count as here still
    for _, host in ipairs { "lab", "sue" } do
      assert.is_nil(copy(host))
      assert.equal("404", asked(host))
    end
    assert.equal("404", asked "ada")
    assert.equal("the run", folder.read(s:path("ada", "share") .. "/run.bag"))
    local list = s:cli("ada", "files list")
    assert.truthy(list:find "withdrawn", list)
  end)

  it("is dropped by who was off, before a block of it is served", function()
    if not s then return pending(why) end
    assert.equal("the run", copy "tom")
    s:start("tom", s.dir .. "/all.lua")
    local answers = {}
    local took = swarm.within(30, function()
      local code = asked "tom" or "none"
      answers[code] = (answers[code] or 0) + 1
      return copy "tom" == nil
    end)
    assert.is_truthy(took, s:log "tom")
    assert.is_nil(answers["200"])
    assert.is_truthy(swarm.within(30, function() return asked "tom" == "404" end))
    assert.is_truthy(swarm.within(10, function() return claimed() == 0 end))
  end)

  it("is given up by who is fetching it then, and is never held there", function()
    if not s then return pending(why) end
    s:slow("bea", 3)
    folder.write(s:path("bea", "share/long.bag"), folder.bytes(16 << 20))
    local function coming()
      for _, row in ipairs((s:ask("lab", "files list") or { fetching = {} }).fetching) do
        if row.name == "long.bag" and (row.done or 0) > 0 then return row end
      end
    end
    assert.is_truthy(swarm.within(20, coming), s:log "lab")
    local _, code = s:cli("bea", "files withdraw long.bag --yes --wait 1s")
    assert.equal(0, code)
    local took = swarm.within(20, function()
      return not coming() and swarm.sh(("find %s -type f -size +1M"):format(s:path("lab", "state"))) == ""
    end)
    assert.is_truthy(took, s:cli("lab", "files list") .. s:log "lab")
    assert.truthy(s:log "lab":find("withdrawn by bea", 1, true), s:log "lab")
  end)

  it("stays withdrawn over a restart, until its robot shares it again", function()
    if not s then return pending(why) end
    s:stop "ada"
    s:start "ada"
    assert.is_truthy(swarm.within(10, function() return (s:cli("ada", "files list")):find "withdrawn" end))
    assert.is_nil(file())
    local said, code = s:cli("ada", "files withdraw run.bag --cancel")
    assert.equal(0, code, said)
    assert.is_truthy(swarm.within(20, function() return claimed() == 4 end), s:log "lab")
    assert.equal("the run", copy "tom")
  end)

  it("goes from one holder alone where a person there drops it, and is not fetched again", function()
    if not s then return pending(why) end
    local said, code = s:cli("lab", "files drop run.bag --yes")
    assert.equal(0, code, said)
    assert.is_nil(copy "lab")
    swarm.sh "sleep 3"
    assert.is_nil(copy "lab")
    assert.equal("the run", copy "sue")
    said, code = s:cli("lab", "files drop " .. cid .. " --cancel")
    assert.equal(0, code, said)
    assert.is_truthy(swarm.within(90, function() return copy "lab" == "the run" end), s:log "lab")
  end)
end)

describe("a file that two trusted keys discard", function()
  local s, why, lab, cid

  setup(function()
    s, why = swarm.new { "ada", "lab" }
    if not s then return end
    lab = labs.new { name = "robotics", at = os.time() * 1000 }
    folder.write(s.dir .. "/all.lua", ALL)
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    for _, host in ipairs { "ada", "lab" } do
      swarm.sh(("mkdir -p -m 700 %s %s"):format(s:path(host, "state"), s:path(host, "share")))
      folder.write(s:path(host, "state/lab"), lab.text)
      s:start(host, host == "lab" and s.dir .. "/all.lua" or nil)
    end
    assert(swarm.within(20, function() return #s:names "ada" == 2 end), s:log "ada")
  end)
  teardown(function() if s then s:close() end end)

  local function offer(line)
    local result = s:request("lab", { command = "offer", lines = json.array { line } }).results[1]
    assert.is_nil(result.word, result.text)
  end

  local function discard(name)
    offer(lab:line(labs.key(name), { bucket = "share/discard", key = cid, data = { why = "a face" }, ttl = 3600 }))
  end

  local function copy()
    return swarm.sh(("find %s/files -name run.bag 2>/dev/null"):format(s:path("lab", "state"))) ~= ""
  end

  it("stays after one of them, and goes from holder and robot after both", function()
    if not s then return pending(why) end
    folder.write(s:path("ada", "share") .. "/run.bag", "the run")
    assert.is_truthy(swarm.within(20, copy), s:log "lab")
    cid = s:file("ada", "run.bag").cid
    for _, name in ipairs { "one", "two" } do offer(lab:grant(lab.root, labs.key(name):id(), "trusted")) end
    discard "one"
    swarm.sh "sleep 2"
    assert.is_true(copy())
    discard "two"
    assert.is_truthy(swarm.within(90, function() return not copy() end), s:log "lab")
    assert.is_truthy(swarm.within(90, function()
      return (s:cli("ada", "files list")):find "discarded by trusted keys"
    end))
    assert.equal("the run", folder.read(s:path("ada", "share") .. "/run.bag"))
  end)
end)
