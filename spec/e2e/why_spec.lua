-- why_spec.lua - why something is as it is, and what happens, told by whole daemons: a robot and a lab's server.
local folder = require "spec.folder"
local json = require "core.json"
local swarm = require "spec.e2e.swarm"

local POLICY = [[
local p = extend "default"
p.clients.logs.settle = { least = 0, per = 32 * MB, most = 1 }
function p.clients.logs.share(file, here)
  if file.name == "secret.txt" then return false, "not this one" end
  if file.name == "open.bag" then return "public", "all may have it" end
end
return p
]]

describe("a robot and a server that are asked why", function()
  local s, why

  setup(function()
    s, why = swarm.new { "ada", "lab" }
    if not s then return end
    folder.write(s.dir .. "/ada.lua", POLICY)
    for _, name in ipairs { "open.bag", "secret.txt", "run.bag" } do
      swarm.sh(("mkdir -p '%s'"):format(s:path("ada", "share")))
      folder.write(s:path("ada", "share") .. "/" .. name, name:rep(1000))
    end
    s:start("ada", s.dir .. "/ada.lua")
    s:start "lab"
    assert(swarm.within(10, function()
      return #s:names "ada" == 2 and #s:names "lab" == 2 and #((s:ask("lab", "report") or {}).files or {}) == 2
    end))
  end)

  teardown(function() if s then s:close() end end)

  -- The row of WHAT among those about THING | nil, the answer
  local function look(host, thing, what)
    local answer = assert(s:ask(host, "why " .. thing))
    for _, one in ipairs(answer.rows) do
      if (one.what or ""):find(what, 1, true) then return one, answer end
    end
    return nil, answer
  end

  local function row(host, thing, what)
    local one, answer = look(host, thing, what)
    return one or error(("no row %q of why %s: %s"):format(what, thing, json.encode(answer))), answer
  end

  it("name the hook, its file and line, for a file; the default where it left the answer open", function()
    if not s then return pending(why) end
    local one, answer = row("ada", "open.bag", 'class "public"')
    assert.equal("ada.lua:3 share: all may have it (asked now)", one.seen)
    assert.same({ kind = "file", name = "open.bag" }, answer.thing)
    assert.matches("^default, as ada.lua:3 leaves it open share: ", row("ada", "run.bag", 'class "lab"').seen)
    one = row("ada", "secret.txt", "not shared")
    assert.same({ "permission", "ada.lua:3 share: not this one (asked now)" }, { one.code, one.seen })
    assert.matches("ada", row("ada", "open.bag", "one copy").seen)
    one = row("lab", "ada:open.bag", "not fetched by this node")
    assert.matches("^default %(clients.lua:%d+%) fetch: robots keep their own %(asked now%)$", one.seen)
    assert.matches("answers 1 to 9", one.cure)
    row("lab", "open.bag", "share/files: proposed by ada")
  end)

  it("name the way and the proof for a node, the signers for a record, the place for a setting", function()
    if not s then return pending(why) end
    assert.is_truthy(swarm.within(10, function() -- where the machine stood still it was asked, and has to answer first
      return look("ada", "lab", "is ready").seen:find "^last word .* quiet is after 6 min, lost after 11 min %(near%)$"
    end), s:cli("ada", "why lab"))
    assert.is_truthy(swarm.within(10, function()
      return look("ada", "peer lab", "by udp").seen:find "/udp/.*heard .* address proved"
    end), s:cli("ada", "why peer lab"))
    assert.matches("1 of 1 signers", row("ada", "record peer lab", "holds").seen)
    row("ada", "record peer lab", "proposed by lab")
    assert.matches("^default %(clients.lua:%d+%)$", row("ada", "clients.logs.at_once", "= 2").seen)
    assert.equal("ada.lua:2", row("ada", "setting clients.logs.settle", "clients.logs.settle").seen)
    assert.equal("--share was given when the daemon was started",
      row("ada", "clients.logs.folder", "not in force").seen)
    assert.equal("ada.lua:3", row("ada", "hook p.clients.logs.share", "clients.logs.share").seen)
    assert.matches("^Change function p.clients.logs.share in ",
      row("ada", "hook p.clients.logs.share", "clients.logs.share").cure)
    row("ada", "duplicate", "counted since this daemon started")
    for _, words in ipairs { "udp", "channel /ip4/0.0.0.0/udp/3825" } do
      assert.equal("up", row("ada", words, "/ip4/0.0.0.0/udp/3825").seen)
    end
  end)

  it("say that they know nothing, what may be meant, or that several things are", function()
    if not s then return pending(why) end
    for words, said in pairs {
      ["opne.bag"] = "did you mean open.bag", ["clients.logs.shrae"] = "did you mean clients.logs.share",
      ["peer nobody"] = "no peer nobody is known here", name = "why setting name", ["record share/flies x"] =
        "did you mean share/files", ["file setting"] = "no file setting is known here", ["'\27[2J'"] = "missing",
    } do
      local text, code = s:cli("ada", "why " .. words)
      assert.equal(1, code, text)
      assert.truthy(text:find(said, 1, true), text)
      assert.is_nil(text:find "\27", text)
    end
    assert.equal(3, select(2, s:cli("ada", "why")))
    assert.equal(4, select(2, s:cli("ada", "why a b c d")))
  end)

  it("tell what happens while somebody watches, by topic, as lines or JSON lines, until Ctrl-C", function()
    if not s then return pending(why) end
    local out = s.dir .. "/out"
    local function watched(topics, begun, act, wanted)
      local text, code = swarm.sh(([[%s/dt-swarm-cli %s watch %s >%s 2>&1 & pid=$!
        for i in $(seq 1200); do grep -q '%s' %s && break; sleep 0.05; done; %s
        for i in $(seq 1200); do grep -q '%s' %s && break; sleep 0.05; done; kill -INT $pid; wait $pid]]):format(
        s.here, s:path("ada", "state/control.sock"), topics, out, begun, out, act, wanted, out))
      assert.equal(130, code, text)
      return folder.read(out)
    end
    local share = s:path("ada", "share")
    local text = watched("files", "Watching", ("echo more > %s/new.bag"):format(share), "published.*new.bag")
    assert.matches("^Watching files%. Ctrl%-C ends it%.\n%d%d:%d%d:%d%d  files    settling  new%.bag", text)
    assert.matches("  files    published new%.bag, 5 B, bafkrei", text)
    text = watched("--json files", "watching", ("echo x > %s/other.bag"):format(share), '"published"')
    for line in text:gmatch "[^\n]+" do
      local answer = assert(json.decode(line), line)
      assert.same({ "watch", 1 }, { answer.command, answer.schema })
    end
    local said, code = s:cli("ada", "watch filez")
    assert.same({ 1, true }, { code, said:find("did you mean files?", 1, true) ~= nil }, said)
    assert.matches("files .*\n.*log .*\n.*peers .*\n.*policy ", (s:cli("ada", "watch --topics")))
  end)
end)
