-- lab_spec.lua - five whole robots on one network: two of a lab, one that has its file without the token, one of
-- another lab, one of none. Who hears whom, whose files are fetched; and the same five as one open swarm.
local folder = require "spec.folder"
local labs = require "spec.labs"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"
local text = require "core.text"

local POLICY <const> = [[
local p = extend "server"
p.clients.logs.settle = { least = 0.1 * second, per = 32 * MB, most = 1 * second }
function p.clients.logs.share() return "lab" end
function p.clients.logs.fetch() return 5, "everything" end
return p
]]
local NOW <const> = os.time() * 1000
local ALL <const> = { "ada", "bea", "carl", "dora", "eve" }
-- Laws of the open swarm's kept classes, as spec/PROTOCOL.md has them.
local LAWS <const> = { share = "7HnWxxLEkMA", state = "fdSLfXgAVTI", trust = "U3SjmpLQojU", updates = "2gJ3TPyN5Tg" }

describe("a lab", function()
  local s, why, mine, other

  setup(function()
    s, why = swarm.new(ALL)
    if not s then return end
    mine, other = labs.new { name = "robotics", at = NOW }, labs.new { name = "biology", at = NOW }
    local bare = mine.text:gsub("token images [^\n]*\n", "")
    local files = { ada = mine.text, bea = mine.text, dora = other.text, eve = bare }
    folder.write(s.dir .. "/p.lua", POLICY)
    for _, host in ipairs(ALL) do
      swarm.sh(("mkdir -p -m 700 %s %s"):format(s:path(host, "state"), s:path(host, "share")))
      if files[host] then folder.write(s:path(host, "state/lab"), files[host]) end
      folder.write(s:path(host, "share/" .. host .. ".bag"), host .. " was here\n")
      s:start(host, s.dir .. "/p.lua")
    end
  end)

  teardown(function() if s then s:close() end end)

  local function lab_of(host) return (s:ask(host, "status") or {}).lab or {} end

  -- Names of the files that the host's report has, and of those of others that it fetched, each in one text.
  local function files_of(host)
    local names, fetched = {}, {}
    for _, file in ipairs((s:ask(host, "report") or { files = {} }).files) do names[#names + 1] = file.names[1] end
    local listed = swarm.sh(("ls %s/*/*/ 2>/dev/null"):format(s:path(host, "state/files")))
    for name in listed:gmatch "(%w+%.bag)" do fetched[#fetched + 1] = name end
    table.sort(names)
    table.sort(fetched)
    return table.concat(names, " "), table.concat(fetched, " ")
  end

  local function has(host, names, fetched)
    local found, held = files_of(host)
    return found == names and held == fetched
  end

  it("lets in who has its token, and each of them fetches what the other shares", function()
    if not s then return pending(why) end
    local took = swarm.within(30, function()
      return lab_of "ada".member and lab_of "bea".member and has("ada", "ada.bag bea.bag", "bea.bag")
        and has("bea", "ada.bag bea.bag", "ada.bag")
    end)
    assert.is_truthy(took, s:log "ada" .. s:log "bea")
    patience.took("two robots with a token were members, and had each other's file", took, 30)
    assert.is_truthy(swarm.within(10, function() return table.concat(s:names "ada", " ") == "ada bea" end))
    assert.is_truthy(swarm.within(10, function() -- as soon as their next beacons were heard
      local same = s:ask("ada", "discover").same
      return same.equal == 1 and same.of == 1
    end))
  end)

  it("keeps nothing of who has no file of it, of who has another lab's, and of who lacks the token", function()
    if not s then return pending(why) end
    local others = {}
    for _, host in ipairs(ALL) do
      if host ~= "dora" then others[#others + 1] = s.world:address(host) end
    end
    -- They are there, and were heard: carl has a file of his own, dora is a member of her lab.
    assert.is_truthy(swarm.within(10, function()
      return has("carl", "carl.bag", "") and has("dora", "dora.bag", "") and lab_of "dora".member
    end))
    assert(swarm.within(2, function()
      local tried, hosts = s:ask("dora", "discover").tried, {}
      for _, one in ipairs(tried.unfit) do
        if not one.host:find(":", 1, true) then hosts[#hosts + 1] = one.host end -- by IPv6 they are heard later
      end
      return table.concat(hosts, " ") == table.concat(others, " ") and tried.lab == "biology"
    end), s:cli("dora", "discover --json"))
    assert.is_truthy(swarm.within(10, function() return s:ask("eve", "files list").files[1].state == "published" end))
    local eve = lab_of "eve"
    assert.is_false(eve.member)
    assert.truthy(eve.why.text:find("has no token, and nobody granted it a role", 1, true), eve.why.text)
    assert.is_true(has("ada", "ada.bag bea.bag", "bea.bag"))
    assert.is_true(has("bea", "ada.bag bea.bag", "ada.bag"))
    -- Digests of the two members count their words alone.
    local counts = {}
    for _, host in ipairs { "ada", "bea" } do
      for _, bucket in ipairs(s:ask(host, "summary").buckets) do
        if bucket.name == "share/files" or bucket.name == "trust/enrolled" then
          counts[#counts + 1] = bucket.name .. " " .. bucket.count
        end
      end
    end
    assert.same({ "share/files 2", "trust/enrolled 2", "share/files 2", "trust/enrolled 2" }, counts)
    local words
    assert.is_truthy(swarm.within(10, function()
      words = s:cli("ada", "discover")
      return words:find("eve", 1, true) and words:find("stranger", 1, true)
    end), words)
    assert.is_nil(words:find("carl", 1, true) or words:find("dora", 1, true), words)
  end)

  it("takes in whom a root key grants a role, with all that he said before", function()
    if not s then return pending(why) end
    local id = s:ask("eve", "identity show").id
    local line = mine:grant(mine.root, id, "member", { name = "eve" })
    local answer = s:request("ada", { command = "offer", lines = { line } })
    assert.is_nil(answer.error, answer.error and answer.error.text)
    local took = swarm.within(10, function()
      return lab_of "eve".member and has("ada", "ada.bag bea.bag eve.bag", "bea.bag eve.bag")
        and has("bea", "ada.bag bea.bag eve.bag", "ada.bag eve.bag")
    end)
    assert.is_truthy(took, s:log "ada" .. s:log "eve")
    patience.took("a robot that was granted a role was let in, with its file", took, 10)
  end)

  it("is left by each robot: then the five are one open swarm, as if there had never been a lab", function()
    if not s then return pending(why) end
    for _, host in ipairs { "ada", "bea", "dora", "eve" } do
      local answer = s:request(host, { command = "lab", leave = true })
      assert.is_nil(answer.error, answer.error and answer.error.text)
    end
    local took = swarm.within(15, function()
      for _, host in ipairs(ALL) do
        local names = {}
        for i, one in ipairs(ALL) do names[i] = one .. ".bag" end
        if select(1, files_of(host)) ~= table.concat(names, " ") or #s:heard(host) ~= #ALL then return false end
      end
      return true
    end)
    assert.is_truthy(took, s:log "ada" .. s:cli("ada", "report"))
    patience.took("five robots that left their labs were one swarm", took, 15)
    for _, host in ipairs(ALL) do
      local status, found = s:ask(host, "status"), {}
      assert.same({ "duckietown", nil }, { status.node.swarm, status.lab })
      for _, class in ipairs(status.classes) do
        if class.kept then found[class.name] = text.base64url((class.law:gsub("%x%x", function(digits)
          return string.char(tonumber(digits, 16))
        end))) end
      end
      assert.same(LAWS, found)
    end
  end)

  it("made anew on one of them is told how many others are here, without those that left", function()
    if not s then return pending(why) end
    assert.is_true(s:stop "eve")
    assert.is_truthy(swarm.within(10, function() return #s:heard "ada" == #ALL - 1 end), s:cli("ada", "discover"))
    local home = s:path("ada", "")
    swarm.sh(("mkdir -p -m 700 %sdt-swarm && ssh-keygen -q -t ed25519 -N '' -C teacher -f %sdt-swarm/operator"):format(
      home, home))
    local said, code = swarm.sh(("cd %s && env -u SSH_AUTH_SOCK XDG_CONFIG_HOME=%s %s/dt-swarm-cli %s lab init zoo \z
      --yes"):format(home, home, s.here, s:path("ada", "state/control.sock")))
    assert.equal(0, code, said)
    assert.matches("3 robots here are in no lab: for each, lab join %- < zoo%.lab", (said:gsub("\n", " ")))
  end)
end)
