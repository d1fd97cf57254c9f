-- updates_attacks_spec.lua - a whole robot of a lab that is told sets of release, plan and rollout, each changed in one
-- thing: nothing is fetched or installed beyond what the page says, each is counted under its word in `status --json`,
-- and the unchanged set is taken in the same run. The rest of the attacks: spec/sim/updates_attacks_spec.lua.
-- mostly waits: for what shall not happen
local folder = require "spec.folder"
local hash = require "core.hash"
local json = require "core.json"
local labs = require "spec.labs"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"
local text = require "core.text"

local DAY <const> = 86400
local POLICY <const> = [[
local p = extend "duckiebot"
p.clock = "system"
local u = p.clients.updates
u.folders = { demos = "%s" }
u.handlers = "%s"
function u.ready(release) return release.in_window == true end
function u.healthy(_, now)
  if now.peers then return true end
end
return p
]]

describe("a robot that is told sets of releases", function()
  local s, why, lab, robot

  local function path(what) return s:path("ada", what) end

  setup(function()
    s, why = swarm.new { "desk", "ada" }
    if not s then return end
    lab = labs.new { name = "robotics", at = os.time() * 1000 }
    for _, host in ipairs { "desk", "ada" } do
      swarm.sh(("mkdir -p -m 700 %s"):format(s:path(host, "state")))
      folder.write(s:path(host, "state/lab"), lab.text)
    end
    swarm.sh(("mkdir -p %s %s && echo old > %s/version && echo '#!/bin/sh\ntouch %s' > %s/evil && chmod 0777 %s/evil")
      :format(path "data/demos", path "handlers", path "data/demos", path "was-run", path "handlers", path "handlers"))
    swarm.sh(("chmod 0777 %s"):format(path "handlers/evil"))
    folder.write(s:path("desk", "my.lua"), 'local p = extend "server"\np.clock = "system"\nreturn p\n')
    folder.write(path "my.lua", POLICY:format(path "data/demos", path "handlers"))
    for _, host in ipairs { "desk", "ada" } do s:start(host, s:path(host, "my.lua")) end
    assert(swarm.within(30, function()
      return #s:names "desk" == 2 and ((s:ask("ada", "lab show") or {}).lab or {}).member
    end), s:logs())
    robot = s:ask("ada", "status").node.id
  end)

  teardown(function() if s then s:close() end end)

  -- A tar of what COMMANDS leave in an empty folder, held by the desk. → { "any", CID, SIZE }
  local function tar(name, commands)
    local home = s:path("desk", name)
    local said, code = swarm.sh(("mkdir -p %s/tree && cd %s/tree && %s && tar -czf ../x.tar.gz ."):format(home, home,
      commands))
    assert(code == 0, said)
    local taken = s:request("desk", { command = "take", path = home .. "/x.tar.gz" })
    return json.array { "any", assert(taken.cid, taken.error and taken.error.text), taken.size }
  end

  local function say(fields, by)
    fields.ttl, lab.at = fields.ttl or 7 * DAY, math.max(lab.at, os.time() * 1000)
    local answer = s:request("desk", { command = "offer", lines = json.array { lab:line(by or lab.root, fields) } })
    return answer.results[1].word
  end

  -- The set NAME of ARTEFACT, which CHANGE(data, plan, rollout) changes, is signed.
  local function set(name, artefact, change, by)
    local key = name .. "/1"
    local data = { artefacts = json.array { artefact }, kind = "files", target = "demos", unpacked = 100000,
      version = name }
    local plan = { absent = { after = 3600, most = 0 }, clock = "proved", max_failures = 2,
      order = json.array { robot }, patience = 600, release = key, run = 1, swarm = lab.swarm, unknown = "back",
      waves = json.array { { max_unavailable = 1, robots = 1, soak = 0 } } }
    local more = {}
    if change then change(data, plan, more) end
    local taken = s:request("desk", { command = "take", text = json.encode(plan) })
    local rollout = { plan = taken.cid, size = taken.size, release = text.base64url(hash.blake2b(json.encode(data))) }
    for field, value in pairs(more) do rollout[field] = value end
    assert.is_nil(say({ bucket = "updates/release", key = key, data = data }, by))
    assert.is_nil(say({ bucket = "updates/rollout", key = key .. "/1", data = rollout }, by))
    return key .. "/1"
  end

  local function run_of(key)
    for _, row in ipairs(s:request("ada", { command = "updates" }).runs) do
      if row.run == key then return row, (row.robots[1] or {}).state end
    end
    return {}
  end

  it("takes the one that people signed, and none that was changed in one thing", function()
    if not s then return pending(why) end
    local good = tar("good", "echo new > version")
    local large = tar("large", "head -c 3000000 /dev/urandom > version")
    local some = tar("some", "head -c 3000 /dev/urandom > version")
    local links = tar("links", "ln -s /etc/passwd version")
    local keys = {
      small = set("small", json.array { "any", large[2], 1000 }), -- its tree is larger than was signed
      shrunk = set("shrunk", json.array { "any", some[2], 900000 }), -- and smaller
      links = set("links", links),
      folder = set("folder", good, function(data) data.target = "etc" end),
      kind = set("kind", good, function(data) data.kind = "unknown" end),
      evil = set("evil", good, function(data) data.kind, data.target = "evil", nil end),
      over = set("over", good, function(data) data.from = 7 end),
      mixed = set("mixed", good, function(_, _, rollout) rollout.release = text.base64url(hash.blake2b "x") end),
      swarm = set("swarm", good, function(_, plan) plan.swarm = "robotics" end),
      twice = set("twice", good, function(_, plan)
        plan.order[2], plan.waves[1].robots = plan.order[1], 2
      end),
    }
    assert.equal(nil, say({ bucket = "trust/grants", key = robot, data = { name = "ada", role = "member",
      tags = json.array {} }, ttl = 400 * DAY }))
    local key = set("demos", good)
    local took = swarm.within(120, function() return select(2, run_of(key)) == "committed" end)
    assert(took, s:cli("ada", "update explain") .. s:logs())
    patience.took("the unchanged set was taken", took, 120)
    assert.equal("new\n", folder.read(path "data/demos/version"))
    local expected = { small = "size", shrunk = "size", links = "link", folder = "target", kind = "target",
      evil = "permission", over = "target", mixed = "conflict", swarm = "swarm", twice = "form" }
    for name, word in pairs(expected) do
      assert(swarm.within(60, function()
        local row = run_of(keys[name])
        local mine = row.robots and row.robots[1] or {}
        return (mine.word or row.word) == word
      end), name .. ": " .. json.encode(run_of(keys[name])) .. s:log "ada")
    end
    local counts = {}
    for _, word in pairs(expected) do counts[word] = (counts[word] or 0) + 1 end
    local status, refused = s:ask("ada", "status"), s:request("ada", { command = "updates" }).refused
    for word, n in pairs(counts) do
      assert.is_true((status.refused[word] or 0) >= n, word .. json.encode(status.refused))
      assert.equal(n, refused[word], word .. json.encode(refused))
    end
    assert.is_nil(folder.read(path "was-run"))
    assert.equal("new\n", folder.read(path "data/demos/version"))
  end)
end)
