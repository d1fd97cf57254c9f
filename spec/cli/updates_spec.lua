-- updates_spec.lua - what the commands of release, rollout and update say and sign, by a node of a lab in the simulator
-- whose list of runs the spec makes up.
local hash = require "core.hash"
local json = require "core.json"
local kit = require "spec.clients.trust_kit"
local labs = require "spec.labs"
local plans = require "clients.updates.plan"
local shape = require "spec.cli.shape"
local text = require "core.text"
local folder = require "spec.folder"

local CID <const> = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
local OTHER <const> = "bafkreifvvexg4a2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa"

local k, lab, robots, taken, place

local function has(said, ...)
  local flat = said:gsub("%s+", " ")
  for _, words in ipairs { ... } do assert.truthy(flat:find(words, 1, true), words .. "\n" .. said) end
end

local function lacks(said, words) assert.is_nil((said:gsub("%s+", " ")):find(words, 1, true), said) end

-- == what the node's client of updates would say

local function releases()
  local list, dcache = {}, k.node.dcache
  for _, key in ipairs { "demos/41", "demos/42", "demos/43" } do
    local record = dcache:record("updates/release", key)
    local best = record and record.proposals[1]
    if best then
      local artefacts = {}
      for i, one in ipairs(best.data.artefacts) do artefacts[i] = { platform = one[1], cid = one[2], size = one[3] } end
      list[#list + 1] = { key = key, name = "demos", seq = tonumber(key:match "%d+$"), kind = best.data.kind,
        version = best.data.version, target = best.data.target, note = best.data.note, artefacts = artefacts,
        signers = json.array { "ada" }, counts = best.holds, word = not best.holds and "threshold" or nil,
        text = not best.holds and "1 of 2: 7f3a" or nil }
    end
  end
  return json.array(list)
end

local function run_of(key, states, more)
  local run = { run = key, release = key:match "^(.*)/", kind = "files", version = "2.4",
    signers = json.array { "ada" },
    counts = true, plan = CID, complete = true, robots = json.array {}, max_failures = 2, failures = 0,
    max_unavailable = 1, waves = 1, unnamed = 0, unnamed_labels = json.array {}, phase = "unnamed",
    plan_facts = { waves = { { max_unavailable = 1, robots = #states, soak = 300 } },
      absent = { after = 3600, most = 0 }, clock = "proved", patience = 600, unknown = "back" } }
  for i, state in ipairs(states) do
    run.robots[i] = { id = robots[i].id, label = robots[i].name, place = i, wave = 1, round = 1, state = state or nil,
      seen_ms = 5000 }
    run.complete = run.complete and state == "committed"
  end
  for name, value in pairs(more or {}) do run[name] = value end
  return run
end

local function open(names, given)
  k = kit.new { robots = #names, names = names, need = given and given.need }
  lab, robots, taken, k.read = k.lab, k.lab.robots, {}, folder.read
  for i = 1, #names do
    k:take(lab:enrol(robots[i]))
    k:take(lab:grant(lab.root, robots[i].id, "member", { name = names[i] }))
  end
  k.runs, k.me = {}, { installed = {}, floor = {}, failed = json.array {} }
  k.node.commands:add("updates", function(_, reply)
    reply { swarm = k.node.swarm, runs = json.array(k.runs), releases = releases(), me = k.me, refused = {} }
  end)
  k.node.commands:add("take", function(request, reply)
    local bytes = request.text or folder.read(request.path)
    if not bytes then return reply(nil, ("missing: %s: no such file"):format(request.path), "missing") end
    taken[#taken + 1] = bytes
    reply { cid = #taken % 2 == 1 and CID or OTHER, size = #bytes }
  end)
end

-- A release DATA with changes, signed by the root.
local function release(key, changes)
  local data = { artefacts = json.array { json.array { "any", CID, 1000 } }, kind = "files", target = "demos",
    version = "2.4" }
  for name, value in pairs(changes or {}) do data[name] = value end
  k:take(lab:line(lab.root, { bucket = "updates/release", key = key, data = data, ttl = 86400 }))
  return data
end

local function plan_file(words) folder.write(place.path .. "/friday.lua", words) return place.path .. "/friday.lua" end

-- DATA of the record KEY of BUCKET that holds | nil
local function held(bucket, key)
  local record = k.node.dcache:record("updates/" .. bucket, key)
  local one = record and record.proposals[1]
  return one and one.holds and one.data or nil, record
end

-- Two of those with the tag `release` have to sign.
local function two_of_release()
  local policy = assert(require "policy".load("/x/two.lua", { shipped = "policies", read = function(path)
    if path ~= "/x/two.lua" then return folder.read(path) end
    return [[local p = extend "duckiebot"
for _, bucket in ipairs { "release", "rollout", "skip" } do
  p.dcache.buckets["updates/" .. bucket] = { class = "updates", propose = "2 of release", dismiss = "admin" }
end
return p]]
  end }))
  return policy
end

before_each(function() place = folder.new() end)
after_each(function() place.remove() end)

describe("release new", function()
  it("signs a release under the next number, of files that the daemon takes", function()
    open { "ada" }
    release "demos/41"
    folder.write(place.path .. "/core.deb", ("x"):rep(500))
    local said, code = k:cli { "release", "new", "demos", "any=" .. place.path .. "/core.deb", "arm64=" .. place.path
      .. "/core.deb", "--kind", "deb", "--version", "1.9", "--tags", "jetson,lab", "--from", "40", "--limit", "60",
      "--note", "quick", "--security", "--yes" }
    assert.equal(0, code, said)
    has(said, "release demos/42, a security fix", "kind deb", "arm64 500 B", "any 500 B",
      "from needs demos/40 or newer",
      "tags jetson, lab", "demos/42 counts.", "rollout start")
    assert.same({ artefacts = { { "arm64", CID, 500 }, { "any", OTHER, 500 } }, from = 40, kind = "deb", limit = 60,
      note = "quick", security = true, tags = { "jetson", "lab" }, version = "1.9" }, (held("release", "demos/42")))
  end)

  it("goes on from the number that was installed here, though nobody remembers the release", function()
    open { "ada" }
    k.me.floor.demos = 77
    folder.write(place.path .. "/f", "x")
    has(k:cli { "release", "new", "demos", "any=" .. place.path .. "/f", "--kind", "deb", "--version", "1", "--yes" },
      "demos/78 counts.")
  end)

  it("looks at an archive before, and says how much room it needs", function()
    open { "ada" }
    os.execute(("mkdir %s/d && head -c 10000 /dev/zero >%s/d/f && tar -czf %s/d.tgz -C %s/d . && echo no >%s/no.tgz")
      :format(place.path, place.path, place.path, place.path, place.path))
    local function new(file)
      return k:cli { "release", "new", "demos", "any=" .. place.path .. file, "--kind", "files", "--target", "demos",
        "--version", "1", "--yes" }
    end
    local said, code = new "/no.tgz"
    assert.equal(4, code)
    has(said, "is no archive that tar can read", "tar -czf")
    assert.is_nil(k.signed)
    said, code = new "/none.tgz"
    assert.equal(1, code)
    has(said, "/none.tgz: no such file")
    lacks(said, "archive")
    assert.is_nil(k.signed)
    k.disk = require "core.disk".real()
    os.execute(("cd %s && mkfifo pipe.tgz && ln -s d.tgz link.tgz"):format(place.path))
    for name, words in pairs { d = "/d is a folder", ["pipe.tgz"] = "/pipe.tgz is no file", -- any order
      ["link.tgz"] = "/link.tgz is a link: name the file itself" } do
      said, code = new("/" .. name)
      assert.equal(4, code)
      has(said, words)
    end
    os.execute(("cd %s && tar -cf d.tar d && head -c 9000 d.tar >rest.tar && head -c 512 d.tar >first.tar && "
      .. "head -c 700 d.tar >head.tar && head -c 80 d.tgz >rest.tgz"):format(place.path))
    for name, words in pairs { ["rest.tar"] = "no archive that tar can read", ["first.tar"] = "is cut", -- any order
      ["head.tar"] = "is cut: its end is missing", ["rest.tgz"] = "no archive that tar can read" } do
      said, code = new("/" .. name)
      assert.equal(4, code, name)
      has(said, words)
    end
    assert.is_nil(k.signed)
    assert.equal(0, select(2, new "/d.tgz"))
    assert.equal(10000 + 2 * 4096, held("release", "demos/1").unpacked)
  end)

  it("says that this node has no handler of that kind, as robots may not have one", function()
    open { "ada" }
    folder.write(place.path .. "/f", "x")
    local function new() return (k:cli { "release", "new", "demos", "any=" .. place.path .. "/f", "--kind", "deb",
      "--version", "1", "--yes" }) end
    lacks(new(), "no handler") -- a daemon that does not say
    k.me.kinds = json.array { "deb", "files", "policy" }
    lacks(new(), "no handler")
    k.me.kinds = json.array { "files", "policy" }
    has(new(), "This node has no handler deb; robots without one reject it.")
  end)

  it("says what is wrong with its words, and signs nothing", function()
    open { "ada" }
    for words, wanted in pairs { -- any order
      ["demos f --kind deb --version 1"] = "write any=f, or arm64=",
      ["demos riscv=f --kind deb --version 1"] = "riscv is no platform: armhf, arm64, amd64, or any",
      ["demos any=f any=g --kind deb --version 1"] = "there are two files for any",
      ["Demos any=f --kind deb --version 1"] = "Demos is no name",
      ["demos any=f --kind deb"] = "--kind K and --version V are needed",
      ["demos any=f --kind files --version 1"] = "--target T is needed",
      ["demos any=f --kind deb --version 1 --limit 5"] = "--limit is a whole number from 10 to 3600",
    } do
      local list = { "release", "new" }
      for word in words:gmatch "%S+" do list[#list + 1] = word end
      local said, code = k:cli(list)
      assert.equal(3, code, words)
      has(said, wanted)
    end
    local said, code = k:cli { "release", "new", "demos", "any=/nowhere/f", "--kind", "deb", "--version",
      ("v"):rep(40), "--yes" }
    assert.equal(1, code)
    has(said, "no such file")
    folder.write(place.path .. "/f", "x")
    said, code = k:cli { "release", "new", "demos", "any=" .. place.path .. "/f", "--kind", "deb", "--version",
      ("v"):rep(40), "--yes" }
    assert.equal(4, code)
    has(said, "version is no text of at most 32 bytes")
    assert.is_nil(k.signed)
  end)

  it("is for who may sign: a member is told so before anything is signed", function()
    open { "ada", "bob" }
    k.signer = robots[2].key
    folder.write(place.path .. "/f", "x")
    local said, code = k:cli { "release", "new", "demos", "any=" .. place.path .. "/f", "--kind", "deb", "--version",
      "1" }
    assert.equal(4, code)
    has(said, "your key is a member here; releases and rollouts are for admins. Nothing was signed. Ask ",
      lab.root:id():sub(-4) .. " to type: dt-swarm-cli trust grant 'ssh-ed25519 AAAA", "' admin (role)")
    k.signer = labs.key "nobody"
    has(k:cli { "rollout", "abort", "demos/42/1" }, "no run demos/42/1 is known here")
    k.runs[1] = run_of("demos/42/1", { false })
    has(k:cli { "rollout", "abort", "demos/42/1" }, "your key is not in this lab. Nothing was signed. Ask ",
      lab.root:id():sub(-4) .. " to type: dt-swarm-cli trust grant 'ssh-ed25519 AAAA")
    k.signer = false -- nobody made one
    has(k:cli { "rollout", "abort", "demos/42/1" }, "there is no operator's key",
      "A new key signs nothing in this lab before it was let in. Ask ", lab.root:id():sub(-4)
      .. " to type: dt-swarm-cli trust grant 'ssh-ed25519 …' admin; operator new shows all of it.")
    assert.is_nil(k.signed)
  end)
end)

describe("release again", function()
  it("signs what an earlier one was, above all that came since", function()
    open { "ada" }
    local old = release("demos/41", { from = 3 })
    release("demos/42", { version = "2.5" })
    local said = k:cli { "release", "again", "demos/41", "--yes" }
    has(said, "demos/43 counts.")
    old.note = "again demos/41"
    assert.same(old, (held("release", "demos/43")))
    local code
    said, code = k:cli { "release", "again", "demos/9", "--yes" }
    assert.equal(1, code)
    has(said, "no release demos/9 is known here; see: release list (missing)")
    has(k:cli { "release", "list" }, "demos/41 files 2.4 1.0 kB ada", "again demos/41", "3 releases.")
  end)
end)

describe("thresholds of several", function()
  it("say who has signed and who could, and count once the second has", function()
    kit.loaded = two_of_release()
    finally(function() kit.loaded = nil end)
    open { "ada", "bob", "carl" }
    for i = 1, 3 do
      k:take(lab:grant(lab.root, robots[i].id, "trusted", { name = robots[i].name, tags = { "release" } }))
    end
    folder.write(place.path .. "/f", "x")
    k.signer = robots[1].key
    local said, code = k:cli { "release", "new", "demos", "any=" .. place.path .. "/f", "--kind", "deb", "--version",
      "1", "--yes" }
    assert.equal(0, code)
    has(said, ("demos/1 does not count yet, 1 of 2 signed: %s."):format(robots[1].id:sub(-4)), "Who could sign:",
      "bob", "carl", "They do it by: release sign demos/1")
    k.signer = robots[2].key
    said, code = k:cli({ "release", "sign", "demos/1" }, { "y" })
    assert.equal(0, code)
    has(said, "kind deb", "version 1", "Sign demos/1? [y/N]", "demos/1 counts, 2 of 2 signed: ")
    assert.equal("deb", held("release", "demos/1").kind)
    k.signer = lab.root
    said, code = k:cli({ "release", "sign", "demos/1" }, { "y" })
    assert.equal(1, code)
    has(said, "Your signature does not count")
  end)

  it("name both where two different things are proposed under one number", function()
    kit.loaded = two_of_release()
    finally(function() kit.loaded = nil end)
    open { "ada", "bob" }
    for i = 1, 2 do
      k:take(lab:grant(lab.root, robots[i].id, "trusted", { name = robots[i].name, tags = { "release" } }))
      k:take(lab:line(robots[i].key, { bucket = "updates/release", key = "demos/1", ttl = 86400, data = {
        artefacts = json.array { json.array { "any", CID, i } }, kind = "deb", version = tostring(i) } }))
    end
    local said, code = k:cli { "release", "sign", "demos/1", "--yes" }
    assert.equal(4, code)
    has(said, "2 different things are proposed as demos/1, so none of them counts; say which you mean: (conflict)",
      "--hash ")
    local first = said:match "%-%-hash (%S+)"
    k.signer = robots[1].key
    assert.equal(0, select(2, k:cli { "release", "sign", "demos/1", "--hash", first, "--yes" }))
  end)
end)

local FRIDAY <const> = [[
return { release = "demos/42", robots = robots, waves = { { robots = 1, soak = 30 * minute }, {} }%s }
]]

-- The node hears of its robots.
local function discovered()
  function k.ask(self, request)
    if request.command ~= "discover" then return kit.ask(self, request) end
    local nodes = {}
    for i, one in ipairs(robots) do
      nodes[i] = { id = one.id, name = one.name, label = one.name, type = "duckiebot", status = "ready", seen_ms = 1000,
        clock = "own" }
    end
    return { nodes = json.array(nodes) }
  end
end

describe("rollout start", function()
  before_each(function()
    open { "ada", "bea", "carl" }
  end)

  local function start(words, ...)
    return k:cli({ "rollout", "start", plan_file(FRIDAY:format(words or "")), ... })
  end

  it("has the plan's bytes held, signs its CID and the release's hash, and says how to look", function()
    discovered()
    local data = release "demos/42"
    local said, code = start(nil, "--yes")
    assert.equal(0, code, said)
    local plan = assert(plans.read(taken[1]))
    assert.same({ "demos/42", 1, k.node.swarm, { 1, 2 } }, { plan.release, plan.run, plan.swarm, { plan.waves[1].robots,
      plan.waves[2].robots } })
    assert.same({ plan = CID, release = text.base64url(hash.blake2b(json.encode(data))), size = #taken[1] },
      (held("rollout", "demos/42/1")))
    has(said, "WAVE ROBOTS", "30 min", "ada", "demos/42/1 counts.", "rollout status demos/42/1")
    lacks(said, "no handler")
    release("demos/43", { kind = "deb" })
    k.me.kinds = json.array { "files", "policy" }
    has(k:cli { "rollout", "start", plan_file((FRIDAY:gsub("42", "43"):format ""), ""), "--yes" },
      "This node has no handler deb; robots without one reject it.")
  end)

  it("takes the plan that README.md shows", function()
    discovered()
    release "demos/41"
    k:take(lab:line(lab.root, { bucket = "updates/release", key = "demos/1", ttl = 86400, data = { kind = "files",
      artefacts = json.array { json.array { "any", CID, 1 } }, target = "demos", version = "2.4" } }))
    local shown = folder.read "README.md":match "\n```\n(return { release.-)\n```"
    local answered = k.ask
    function k.ask(self, request)
      local answer, why, code = answered(self, request)
      if request.command == "updates" then
        answer.releases[#answer.releases + 1] = { key = "demos/1", name = "demos", seq = 1, kind = "files" }
      end
      return answer, why, code
    end
    local said, code = k:cli { "rollout", "start", plan_file(shown), "--yes" }
    assert.equal(0, code, said)
    has(said, "1 1 1 30 min ada", "2 2 2 5 min bea carl", "demos/1/1 counts.")
  end)

  it("dismisses the run before, and says what that means", function()
    discovered()
    release "demos/42"
    k:take(lab:line(lab.root, { bucket = "updates/rollout", key = "demos/41/1", ttl = 86400,
      data = { plan = CID, release = text.base64url(("x"):rep(32)), size = 100 } }))
    k.runs = { run_of("demos/40/1", { "committed" }), run_of("demos/41/1", { "committed", false }) }
    local said, code = start(nil, "--yes")
    assert.equal(0, code, said)
    has(said, "demos/41/1 is dismissed by that. A robot that has not heard so counts in both: up to 1 more may be down")
    lacks(said, "demos/40/1")
    assert.is_nil((held("rollout", "demos/41/1")))
    assert.is_truthy((held("rollout", "demos/42/1")))
  end)

  it("takes the next number after a run that was taken back, and refuses one that is used, naming the next", function()
    discovered()
    release "demos/42"
    assert.equal(0, select(2, start(nil, "--yes")))
    k.runs = { run_of("demos/42/1", { false, false, false }) }
    assert.equal(0, select(2, k:cli { "rollout", "abort", "demos/42/1", "--yes" }))
    assert.is_nil((held("rollout", "demos/42/1")))
    k.runs = {}
    local said, code = start(nil, "--yes")
    assert.equal(0, code, said)
    has(said, "demos/42/2 counts.")
    said, code = start(", run = 2", "--yes")
    assert.equal(4, code)
    has(said, "run 2 of demos/42 is used already; the next is run = 3. Nothing was signed (conflict)")
  end)

  it("says that nobody begins while the release lacks signatures", function()
    kit.loaded = two_of_release()
    finally(function() kit.loaded = nil end)
    open { "ada", "bob" }
    discovered()
    for i = 1, 2 do
      k:take(lab:grant(lab.root, robots[i].id, "trusted", { name = robots[i].name, tags = { "release" } }))
    end
    k:take(lab:line(robots[1].key, { bucket = "updates/release", key = "demos/42", ttl = 86400, data = {
      artefacts = json.array { json.array { "any", CID, 1 } }, kind = "deb", version = "1" } }))
    k.signer = robots[1].key
    has((start(nil, "--yes")), "demos/42/1 does not count yet, 1 of 2 signed:",
      "They do it by: rollout sign demos/42/1", "demos/42 itself does not count yet (release list), so nobody begins.")
    k.runs = { run_of("demos/42/1", { false, false }, { counts = false, word = "threshold", text = "1 of 2: 7f3a" }) }
    k.signer = robots[2].key
    k.me.kinds = json.array { "files", "policy" }
    local is_told = k.ask
    function k.ask(self, request)
      local answer = is_told(self, request)
      if request.command == "discover" then answer.nodes[2].clock = "none" end
      return answer
    end
    local said, code = k:cli({ "rollout", "sign", "demos/42/1" }, { "y" })
    assert.equal(0, code, said)
    has(said, "1 of 2 robots does not know the time, so it waits: synchronise their clocks",
      "This node has no handler deb; robots without one reject it.")
    has(said, "demos/42/1, files 2.4", "WAVE ROBOTS AT ONCE SOAK WHO", "ada and bob",
      "At most 1 down at once; it stops",
      "Sign demos/42/1?", "demos/42/1 counts, 2 of 2 signed:")
    k.runs[1].plan_facts = nil
    has(k:cli({ "rollout", "sign", "demos/42/1" }, { "y" }), "the plan of demos/42/1 is not here yet")
  end)
end)

describe("rollout status", function()
  it("tells of the only open run each robot, and what to do where it stopped", function()
    open { "ada", "bea", "carl" }
    has(k:cli { "rollout", "status" }, "No rollout is known here.")
    k.runs = { run_of("demos/41/1", { "committed", "committed", "committed" }),
      run_of("demos/42/1", { "committed", "rolled_back", false }, { stopped = "2 failed", failures = 2, unnamed = 2,
        unnamed_labels = json.array { "donald", "emma" } }) }
    k.runs[2].robots[2].why = "2 checks are worse"
    local said, code = k:cli { "rollout", "status" }
    assert.equal(0, code)
    has(said, "demos/42/1, files 2.4", "ada 1 1 committed 5 s", "bea 1 1 rolled back 5 s",
      "bea rolled back: 2 checks are worse.",
      "carl 1 1 waits", "It has stopped: 2 failures of 2.",
      "2 robots here are not named by the plan, so they never start: donald and emma.",
      "Stopped: 1 of 3 committed, 1 rolled back, 1 waits.")
    has(k:cli { "rollout", "status", "--all" }, "demos/41/1 files 2.4 3 of 3 complete", "demos/42/1", "stopped")
    has(k:cli { "rollout", "status", "demos/41" }, "Complete: 3 of 3 committed.")
    said, code = k:cli { "rollout", "status", "nothing" }
    assert.equal(1, code)
    has(said, "no run nothing is known here")
  end)

  it("does not call a run uncounted which the node asked rejects for itself", function()
    open { "ada", "bea" }
    local its = "target: the policy names no folder demos: clients.updates.folders"
    k.runs = { run_of("demos/42/1", { "rejected", false }, { word = "target", text = its, phase = "rejected" }) }
    local ada = k.runs[1].robots[1]
    ada.self, ada.word, ada.why = true, "target", "the policy names no folder demos: clients.updates.folders"
    local said = k:cli { "rollout", "status" }
    has(said, "ada rejected (target): the policy names no folder demos: clients.updates.folders.",
      "Under way: 0 of 2 committed, 1 rejected, 1 waits.")
    lacks(said, "count:")
    k.runs[2] = run_of("demos/43/1", { false, false })
    has(k:cli { "rollout", "status" }, "demos/42/1 files 2.4 0 of 2 under way")
    ada.self = nil
    k.runs = { run_of("demos/42/1", { false, false }, { word = "conflict", text = "this run had another plan here" }) }
    has(k:cli { "rollout", "status" }, "This node takes no part in it: this run had another plan here (conflict).")
    k.runs[1].counts, k.runs[1].word, k.runs[1].text = false, "ended", "dismissed by 7f3a"
    said = k:cli { "rollout", "status" }
    has(said, "It has ended: dismissed by 7f3a.", "Ended: 0 of 2 committed, 2 wait.")
    has(k:cli { "rollout", "pause", "--yes" }, "demos/42/1 is over: dismissed by 7f3a. There is nothing to pause")
    k.runs[2] = run_of("demos/43/1", { "committed", "rejected" })
    has(k:cli { "rollout", "status", "--all" }, "demos/42/1 files 2.4 0 of 2 ended", "1 of 2 over")
  end)

  it("hides no run that came to nothing behind one that is under way, and calls it by the same word", function()
    open { "ada", "bea" }
    k.runs = { run_of("demos/41/1", { "rolled_back", "rolled_back" }), run_of("demos/42/1", { "rejected", "rejected" }),
      run_of("maps/1/1", { false, false }), run_of("tools/9/1", { "committed", "committed" }) }
    local said = k:cli { "rollout", "status" }
    has(said, "demos/42/1 is over: 0 of 2 committed, 2 rejected. Why: rollout status demos/42/1",
      "maps/1/1, files 2.4", "Under way: 0 of 2 committed, 2 wait.")
    lacks(said, "demos/41")
    lacks(said, "tools/9")
    has(k:cli { "rollout", "status", "demos/42" }, "Over: 0 of 2 committed, 2 rejected.")
    k.columns = 50
    has(k:cli { "rollout", "status", "--all", "--color=never" }, "0 of 2 over", "0 of 2 under way", "2 of 2 complete")
  end)

  it("says who is away and waited for, and where to ask why one waits", function()
    open { "ada", "bea", "carl" }
    k.runs = { run_of("demos/42/1", { "committed", false, false }) }
    local ada, bea, carl = table.unpack(k.runs[1].robots)
    local said = k:cli { "rollout", "status" }
    has(said, "2 wait. Why one waits: dt-swarm-cli ROBOT update explain")
    lacks(said, "not been heard")
    ada.node_status, carl.node_status = "lost", "lost" -- nobody waits for these
    lacks(k:cli { "rollout", "status" }, "not been heard")
    bea.node_status, bea.seen_ms = "lost", 120000
    has(k:cli { "rollout", "status" },
      "bea has not been heard for 2 min; those behind wait for it: rollout skip demos/42/1 bea Under way")
    bea.node_status, bea.seen_ms, ada.state, ada.seen_ms = nil, 3600000, nil, 5000000
    has(k:cli { "rollout", "status" },
      "ada and bea have not been heard for 60 min or longer; those behind wait for them: rollout skip demos/42/1 ada "
      .. "bea Under way")
    k.runs[1].plan_facts.absent.most = 1
    has(k:cli { "rollout", "status" },
      "those behind wait for them (but for 1, once not heard for 60 min): rollout skip")
    k.runs[1].plan_facts.absent.most = 2
    lacks(k:cli { "rollout", "status" }, "not been heard")
    k.runs[1].plan_facts.absent.most, k.runs[1].stopped = 0, "2 failed"
    said = k:cli { "rollout", "status" }
    lacks(said, "not been heard")
    lacks(said, "Why one waits")
  end)

  it("of many robots shows those that are not done", function()
    local names, states = {}, {}
    for i = 1, 60 do names[i], states[i] = "r" .. i, i < 59 and "committed" end
    open { "ada" }
    local run = run_of("demos/42/1", {})
    for i = 1, 60 do
      run.robots[i] = { id = labs.key(names[i]):id(), label = names[i], place = i, wave = 1, round = 1,
        state = states[i] or nil }
    end
    run.complete, k.runs = false, { run }
    local said = k:cli { "rollout", "status" }
    has(said, "r59", "r60", "and 58 other robots: --all", "58 of 60 committed, 2 wait.")
    lacks(said, " r12 ")
    has(k:cli { "rollout", "status", "--all" }, "r12 1 1 committed")
    for _, robot in ipairs(run.robots) do robot.state = nil end
    run.robots[60].state, run.robots[59].state = "rolled_back", "applying"
    said = k:cli { "rollout", "status" }
    has(said, "r60 1 1 rolled back – r59 1 1 applying – r1 1 1 waits", "and 20 other robots: --all")
    lacks(said, "r39")
  end)
end)

describe("rollout pause, resume, skip, abort", function()
  before_each(function()
    open { "ada", "bea", "carl" }
    k.runs = { run_of("demos/42/1", { "committed", false, false }) }
  end)

  it("pause the only open run for a week, once, and go on", function()
    local said, code = k:cli { "rollout", "pause", "--why", "smoke", "--yes" }
    assert.equal(0, code, said)
    has(said, "The pause of demos/42/1 counts.", "It ends after 7 d, or by: rollout resume demos/42/1")
    assert.same({ why = "smoke" }, (held("pause", "demos/42/1")))
    has(k:cli { "rollout", "pause", "--yes" }, "demos/42/1 is paused already: smoke (duplicate)")
    has(k:cli { "rollout", "resume", "--yes" }, "demos/42/1 goes on where this is heard.")
    assert.is_nil((held("pause", "demos/42/1")))
    has(k:cli { "rollout", "resume", "--yes" }, "demos/42/1 is not paused, so there is nothing to resume")
  end)

  it("pause again for the same reason that another person had resumed", function()
    k:take(lab:grant(lab.root, robots[2].id, "trusted", { name = "bea" }))
    k.signer = robots[2].key
    assert.equal(0, select(2, k:cli { "rollout", "pause", "--why", "smoke", "--yes" }))
    k.signer = lab.root
    assert.equal(0, select(2, k:cli { "rollout", "resume", "--yes" }))
    assert.is_nil((held("pause", "demos/42/1")))
    k.signer = robots[2].key
    assert.equal(0, select(2, k:cli { "rollout", "pause", "--why", "smoke", "--yes" }))
    assert.same({ why = "smoke (pause 2)" }, (held("pause", "demos/42/1")))
    local long = ("ä"):rep(60)
    for _, wanted in ipairs { long, ("ä"):rep(55) .. " (pause 2)" } do
      k.signer = lab.root
      assert.equal(0, select(2, k:cli { "rollout", "resume", "--yes" }))
      k.signer = robots[2].key
      assert.equal(0, select(2, k:cli { "rollout", "pause", "--why", long, "--yes" }))
      assert.same({ why = wanted }, (held("pause", "demos/42/1")))
    end
  end)

  it("skip robots of the plan, each skip under a number of its own, and no others", function()
    local said, code = k:cli({ "rollout", "skip", "demos/42/1", "bea", "--why", "in repair" }, { "y" })
    assert.equal(0, code, said)
    has(said, "Skip bea in demos/42/1? It counts as done there", "The skip of bea counts.")
    assert.same({ robots = { robots[2].id }, why = "in repair" }, (held("skip", "demos/42/1/1")))
    assert.equal(0, select(2, k:cli { "rollout", "skip", "demos/42/1", "carl~" .. robots[3].id:sub(-4), "--yes" }))
    assert.same({ robots[3].id }, held("skip", "demos/42/1/2").robots)
    said, code = k:cli { "rollout", "skip", "demos/42/1", "donald", "--yes" }
    assert.equal(1, code)
    has(said, "donald is not named by demos/42/1, so there is nothing to skip; it names ada, bea, carl")
    has(k:cli { "rollout", "skip", "demos/42/1", "ada", "--yes" }, "ada has it already: it holds up nobody")
  end)

  it("refuse what is over, and say why; of several runs they ask which", function()
    k.runs = { run_of("demos/42/1", { "committed", "rolled_back", "skipped" }) }
    for _, words in ipairs { { "pause" }, { "resume" }, { "skip", "demos/42/1", "ada" }, { "abort", "demos/42/1" } } do
      local said, code = k:cli { "rollout", words[1], "--yes", table.unpack(words, 2) }
      assert.equal(4, code, said)
      has(said, "demos/42/1 is over: 1 of 3 committed, 1 rolled back, 1 skipped. There is nothing to " .. words[1])
    end
    k.runs[2] = run_of("demos/43/1", { "committed" })
    local said, code = k:cli { "rollout", "pause", "--yes" }
    assert.equal(1, code)
    has(said, "no run is open; here there are: (missing)",
      "demos/42/1 over: 1 of 3 committed, 1 rolled back, 1 skipped", "demos/43/1 over: 1 of 1 committed")
    has(k:cli { "rollout", "pause", "demos", "--yes" }, "no run of demos is open; here there are:")
    k.runs = { run_of("demos/42/1", { false }), run_of("maps/3/1", { false }) }
    said, code = k:cli { "rollout", "pause", "--yes" }
    assert.equal(1, code)
    has(said, "2 runs fit; say which", "demos/42/1", "maps/3/1")
    assert.equal(0, select(2, k:cli { "rollout", "pause", "maps", "--yes" }))
    assert.is_nil(k:cli({ "rollout", "abort", "demos/42/1" }, { "n" }):find "dismissed")
    assert.equal(0, select(2, k:cli { "rollout", "abort", "demos/42/1", "--yes" }))
  end)
end)

local EXPLAINED <const> = { run = "demos/42/1", release = "demos/42", version = "2.4", from = 41, round = 2, wave = 2,
  phase = "staged", payload = { done = 41200000, size = 41200000, from = "bea", near = true }, open = 10,
  left_ms = 600000, rows = json.array {
    { code = "turn", what = "Two others before emma are not done.",
      seen = "bea, carl are unresolved; 2 may be down at once",
      cure = "Wait: it opens when one resolves, or is skipped." },
    { code = "ready", what = "The robot is not at rest.",
      seen = "driving; battery 31 % under 40 %. Asked again in 41 s",
      cure = "Let it stand and charge, or once: update go" } } }

describe("update", function()
  it("explain names each closed gate, what was seen, and what opens it", function()
    open { "ada" }
    k.node.commands:add("update explain", function(_, reply) reply(EXPLAINED) end)
    local said, code = k:cli { "update", "explain" }
    assert.equal(0, code)
    assert.equal([[
demos/42 over 41, run 1, round 2: staged, 41.2 MB from bea on this LAN
turn      Two others before emma are not done.
  seen    bea, carl are unresolved; 2 may be down at once
  do      Wait: it opens when one resolves, or is skipped.
ready     The robot is not at rest.
  seen    driving; battery 31 % under 40 %. Asked again in 41 s
  do      Let it stand and charge, or once: update go
10 other gates are open. If it cannot use its turn for 10 min, round 3 is next.
]], said)
  end)

  it("explain says of what was committed whether it is there still", function()
    open { "ada" }
    local answer = { run = "demos/41/1", release = "demos/41", version = "2.3", round = 1, phase = "committed",
      from = 41, open = 0, rows = json.array {} }
    k.node.commands:add("update explain", function(_, reply) reply(answer) end)
    local function said() return (k:cli { "update", "explain", "demos/41" }) end
    assert.equal("demos/41, run 1, round 1: committed\nIt is installed: 2.3.\n", said())
    answer.from = 42
    assert.equal("demos/41, run 1, round 1: committed\nIt was installed: 2.3. Now there is demos/42.\n", said())
    answer.from, answer.rows = 40, json.array { { code = "seq", what = "This robot committed it.", seen = "it has 40",
      cure = "Bring it again." } }
    lacks(said(), "nstalled")
  end)

  it("status tells what is installed, what failed, and which runs name this robot", function()
    open { "ada" }
    has(k:cli { "update", "status" }, "Nothing was installed by a rollout here.", "No run waits for this robot.")
    k.me = { installed = { demos = { seq = 41, version = "2.3", cid = CID } }, floor = { demos = 41 },
      failed = json.array { "maps/3" }, lost = "it was damaged", now = { release = "demos/42", run = "demos/42/1",
        phase = "verifying", soaked = 60, soak = 300 } }
    k.runs = { run_of("demos/42/1", { "applying" }, { phase = "verifying" }) }
    has(k:cli { "update", "status" }, "demos/41 2.3",
      "(it was damaged), so nothing begins. To go on: update forgive --all",
      "demos/42 is verifying, well for 60 s of 5 min.", "Failed here, so not taken again: maps/3.",
      "demos/42/1: verifying here. Why: update explain demos/42/1")
    lacks(k:cli { "update", "status" }, "It committed")
    k.me.floor.demos = 44
    has(k:cli { "update", "status" },
      "It committed demos/44, which is not on this card: release again demos/44, then a rollout of that.")
  end)

  it("go and forgive ask the daemon, hold wants a command", function()
    open { "ada" }
    k.node.commands:add("update go", function(request, reply) reply { run = request.run or "demos/42/1" } end)
    k.node.commands:add("update forgive", function(request, reply)
      reply { forgiven = request.all and "all" or { request.release } }
    end)
    has(k:cli { "update", "go" }, "demos/42/1: rest and holds are passed once here")
    has(k:cli { "update", "forgive", "demos/42" }, "Forgiven: demos/42. A next run may bring it here.")
    has(k:cli { "update", "forgive", "--all" }, "What was installed is begun anew")
    assert.equal(3, select(2, k:cli { "update", "forgive" }))
    local said, code = k:cli { "update", "hold" }
    assert.equal(3, code)
    has(said, "-- COMMAND is needed; for a time: fact hold yes --for 2h")
  end)
end)

describe("the commands of updates", function()
  it("are read in 80, 50 and 30 columns, and end in a sentence", function()
    open { "ada", "bea", "carl" }
    release("demos/41", { note = ("a note that goes on "):rep(5), version = "a long version of 32 characters!" })
    k.runs = { run_of("demos/42/1", { "committed", "rolled_back", false }, { stopped = "2 failed", failures = 2,
      unnamed = 2, unnamed_labels = json.array { "donald", "emma" }, pause = { by = "teacher", why = "smoke" } }) }
    k.runs[1].robots[2].why = ("the release is bad here "):rep(4)
    k.node.commands:add("update explain", function(_, reply) reply(EXPLAINED) end)
    for _, columns in ipairs { 80, 50, 30 } do
      k.columns = columns
      for _, words in ipairs { "release list", "rollout status", "rollout status --all", "update status",
        "update explain" } do
        local list = {}
        for word in words:gmatch "%S+" do list[#list + 1] = word end
        list[#list + 1] = "--color=never"
        local said = k:cli(list)
        assert.matches("[.!]\n$", said, 1)
        for line in said:gmatch "[^\n]+" do
          assert.is_true(utf8.len(line) <= columns or not line:find "%S +%S", words .. ": " .. line)
        end
      end
    end
  end)

  it("answer --json in the shape that they had", function()
    local faults = {}
    local function compare(name, words)
      local said = k:cli(words)
      local ok, value = pcall(json.decode, (said:gsub("\n$", "")))
      assert(ok and value, said)
      shape.compare(name, shape.of(value), faults)
    end
    open { "ada", "bea" }
    discovered()
    folder.write(place.path .. "/f", "x")
    compare("release new", { "release", "new", "demos", "any=" .. place.path .. "/f", "--kind", "deb", "--version", "1",
      "--yes", "--json" })
    compare("release again", { "release", "again", "demos/1", "--yes", "--json" })
    release "demos/42"
    compare("release sign", { "release", "sign", "demos/42", "--yes", "--json" })
    compare("release list", { "release", "list", "--json" })
    compare("rollout start", { "rollout", "start", plan_file(FRIDAY:format ""), "--yes", "--json" })
    k.runs = { run_of("demos/42/1", { "committed", false }, { pause = { by = "ada", why = "x" } }) }
    compare("rollout sign", { "rollout", "sign", "demos/42/1", "--yes", "--json" })
    compare("rollout status", { "rollout", "status", "--json" })
    compare("rollout pause", { "rollout", "pause", "--yes", "--json" })
    compare("rollout resume", { "rollout", "resume", "--yes", "--json" })
    compare("rollout skip", { "rollout", "skip", "demos/42/1", "bea", "--yes", "--json" })
    compare("rollout abort", { "rollout", "abort", "demos/42/1", "--yes", "--json" })
    assert.same({}, faults)
  end)
end)
