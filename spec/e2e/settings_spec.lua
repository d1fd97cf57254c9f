-- settings_spec.lua - each setting of the table changed on a running daemon, and its effect seen from outside. Whole
-- daemons; `policy reload` reads what the spec wrote.
local folder = require "spec.folder"
local hooks = require "policy.hooks"
local loopback = require "spec.loopback"
local patience = require "spec.patience"
local process = require "spec.process"

local listens, within = loopback.listens, process.within

local function bytes_of(path)
  local pipe = assert(io.popen(("cat %s/* 2>/dev/null | wc -c"):format(path)))
  local n = pipe:read "n"
  pipe:close()
  return n
end

local w, ada, bea, text

-- Writes ada's policy: all that was changed so far, then BODY.
local function write(body)
  text = text .. body .. "\n"
  return w:policy("ada.lua", text)
end

-- → what `policy reload` of ada answers
local function reload(body)
  local answer, said = ada:reload(function() write(body) end)
  return assert(answer, said)
end

local function status() return ada:ask "status" end

-- How bea sees ada.
local function seen()
  for _, node in ipairs((bea:ask "discover" or { nodes = {} }).nodes) do
    if not node.self then return node end
  end
  return {}
end

-- Is TEXT in what ada says of herself, as bea has it?
local function says(text_of_it)
  local said = bea:cli "repl -e 'for _, one in pairs(records(\"peer\")) do print(one.data.site) end'"
  return said:find(text_of_it, 1, true) ~= nil
end

local function state_of(name)
  for _, file in ipairs((ada:ask "files list" or { files = {} }).files or {}) do
    if file.name == name then return file.state, file.reason end
  end
end

local function reported(name)
  local said, code = ada:cli "report"
  return (code == 0 or code == 1) and said:find(name, 1, true)
end

-- How old the value of METRIC is, ms.
local function age_of(metric)
  for _, row in ipairs((ada:ask("health " .. status().node.name)).values) do
    if row.name == metric then return row.age_ms or 0 end
  end
end

local function put(path, content) folder.write(w.dir .. "/" .. path, content or path) end

local PORTS = { http = loopback.free_port(), tcp = loopback.free_port(), page = loopback.free_port() }

local CHANNELS = [[p.routing.channels = { "/ip4/0.0.0.0/udp/3825/dswarm-line", %s }]]
local CLASSES = [[p.dcache.classes = { trust = p.dcache.classes.trust, updates = p.dcache.classes.updates,
  share = p.dcache.classes.share, presence = p.dcache.classes.presence, health = p.dcache.classes.health,
  state = { max_ttl = 7 * day, size = 1024, slots = 150, kept = true, scope = "swarm" } }]]

local RULE = [[do
  local buckets = {}
  for name, rule in pairs(p.dcache.buckets) do buckets[name] = rule end
  buckets["share/files"] = { class = "share", propose = %q, dismiss = "owner" }
  p.dcache.buckets = buckets
end]]
local BUCKETS = [[p.dcache.buckets["pri/*/stats"] = { class = "state", propose = "owner", dismiss = "owner" }]]

local function law_of(class)
  for _, each in ipairs((status() or { classes = {} }).classes) do
    if each.name == class then return each.law end
  end
end

local function has_another_law(law)
  local now = law_of "state"
  return now and now ~= law
end

-- A test of which the first call begins something: it is given the seconds since then.
local function once(begin, test)
  local began
  return function()
    if not began then begin() end
    began = began or patience.now()
    return test(patience.now() - began)
  end
end

local function holds_copy()
  local answer = ada:ask "files list"
  return answer and answer.held and #answer.held > 0
end


-- A robot that kept its own becomes one that fetches what is wanted: a hook is live, too.
local function begin_to_fetch()
  assert.is_false(holds_copy())
  reload "function p.clients.logs.fetch(file) return file.wanted and 5, file.why end"
  assert.is_truthy(within(10, holds_copy), "the hook that fetches applies: " .. ada:log())
end

-- What ada says of her store.
local function store_says(what)
  local bucket = ("pri/%s/store"):format(status().node.id)
  local said = ada:cli(("repl -e 'for _, one in pairs(records(%q)) do print(one.data.domain) end'"):format(bucket))
  return said:find(what, 1, true) ~= nil
end

-- What the policy in force says of SETTING.
local function value_of(setting) return ada:ask("policy show " .. setting).settings[1].value end

-- For each setting: body = what the policy says now, or fn() → that; before() → is it as it was; after() → does the
-- change show, both asked from outside.
local CASES = {
  swarm = { body = function() return ("p.swarm = %q"):format(w.swarm .. "-b") end,
    before = function() return seen().name == nil end, after = function() return seen().status == "ready" end },
  name = { body = 'p.name = "zoe"', before = function() return seen().name ~= "zoe" end,
    after = function() return seen().name == "zoe" end },
  type = { body = 'p.type = "watchtower"', before = function() return seen().type ~= "watchtower" end,
    after = function() return seen().type == "watchtower" end },
  tags = { body = 'p.tags = { "open" }', before = function()
      return state_of "tagged.txt" == "refused" and select(2, state_of "tagged.txt"):find "not tagged"
    end, after = function() return state_of "tagged.txt" == "published" end },
  site = { body = 'p.site = "room 3"', before = function() return not says "room 3" end,
    after = function() return says "room 3" end },
  clock = { body = 'p.clock = "system"', before = function() return not status().time.believed end,
    after = function() return status().time.believed and status().time.source == "own" end },
  ["dcache.classes"] = { body = CLASSES, remember = function() return law_of "state" end,
    after = has_another_law },
  ["dcache.buckets"] = { body = RULE:format "2 of member", undo = RULE:format "member",
    before = function() return reported "first.txt" end, after = function() return not reported "first.txt" end },
  ["dcache.flush"] = { body = "p.dcache.flush = 1", remember = function()
      bea:cli "identity show"
      put "bea/share/flushed.txt"
      assert(within(10, function() return ada:cli "report":find "flushed.txt" end), "ada hears of bea's file")
      return bytes_of(ada.state .. "/journal")
    end, after = function(before) return bytes_of(ada.state .. "/journal") > before end },
  ["comms.beacon"] = { body = "p.comms.beacon = { 0.2, 0.3 }", remember = function()
      return ada:ask "discover".tried.beacons
    end, after = function(before) return ada:ask "discover".tried.beacons > before + 5 end },
  ["comms.checkpoint"] = { body = "p.comms.checkpoint = 1", before = function()
      return (ada:ask "summary" or { checkpoint = {} }).checkpoint == nil
    end, after = function() return ((ada:ask "summary" or {}).checkpoint or {}).cid ~= nil end },
  ["comms.links"] = { body = "p.comms.links = 3", before = function() return status().view.most == 6 end,
    after = function() return status().view.most == 3 end },
  ["routing.channels"] = { body = function()
      return CHANNELS:format(('"/ip4/127.0.0.1/tcp/%d/dswarm-line"'):format(PORTS.tcp))
    end, before = function() return not listens(PORTS.tcp) end, after = function() return listens(PORTS.tcp) end },
  ["routing.routes"] = { body = 'p.routing.routes["/dswarm/bea/*"] = "/ip4/192.0.2.99/udp/9/dswarm-line/$0"',
    before = function() return ada:ask("route get bea").head == "node" end,
    after = function() return ada:ask("route get bea").head == "channel" end, undo = "p.routing.routes = {}" },
  ["routing.export"] = { body = 'p.routing.export = { "ping" }', undo = 'p.routing.export = { "brain", "ping" }',
    remember = function() return status().refused.address or 0 end,
    after = function(before)
      put("bea/share/unheard.txt", tostring(patience.now())) -- news, which she says at once
      return (status().refused.address or 0) > before
    end },
  ["routing.block"] = { body = function() return ("p.routing.block = { %q }"):format(bea:ask "status".node.id) end,
    undo = "p.routing.block = {}", before = function() return #ada:ask "channels".blocked == 0 end,
    after = function()
      put("bea/share/unheard.txt", tostring(patience.now()))
      local blocked = ada:ask "channels".blocked[1]
      return blocked and blocked.what == bea:ask "status".node.id and blocked.dropped > 0
    end },
  ["clients.logs.folder"] = { body = function() return ("p.clients.logs.folder = %q"):format(w.dir .. "/other") end,
    before = function() return state_of "other.txt" == nil end,
    after = function() return state_of "other.txt" == "published" end },
  ["clients.logs.holders"] = { body = function()
      return ("p.clients.logs.holders = { %q }"):format(bea:ask "status".node.id)
    end, undo = "p.clients.logs.holders = {}",
    after = function() return ada:cli("why first.txt"):find("this node's copies do not count", 1, true) end },
  ["clients.logs.domain"] = { body = 'p.clients.logs.domain = "attic"',
    after = once(begin_to_fetch, function() return store_says "attic" end) },
  ["clients.logs.at_once"] = { body = "p.clients.logs.at_once = 0",
    after = once(function() put "bea/share/queued.txt" end, function()
      local queued = ada:ask "files list".queued
      return queued and queued.files > 0 -- "unheard.txt" may be, too
    end) },
  ["clients.logs.budget"] = { body = "p.clients.logs.budget = 5 * kB",
    before = function() return status().streams.budget == 1000000 end,
    after = function() return status().streams.budget == 5000 end },
  ["clients.logs.kubo"] = { body = 'p.clients.logs.kubo = { api = "/ip4/127.0.0.1/tcp/9" }', undo =
      "p.clients.logs.kubo = false", before = function() return status().kubo == nil end,
    after = function() return (status().kubo or {}).word == "ECONNREFUSED" end },
  ["clients.logs.store"] = { body = function()
      os.execute(("mkdir %s/copies"):format(w.dir))
      return ("p.clients.logs.at_once = 2 p.clients.logs.store = %q"):format(w.dir .. "/copies")
    end, before = function() return bytes_of(w.dir .. "/copies/*/*") == 0 end,
    after = once(function() put("bea/share/copied.txt", tostring(patience.now())) end, function()
      return bytes_of(w.dir .. "/copies/*/*") > 0
    end) },
  ["clients.logs.scrub"] = { body = "p.clients.logs.scrub = 1 * GB", remember = holds_copy,
    before = function() return ada:ask "files list".held[1].checked_ms == nil end,
    after = function() return ada:ask "files list".held[1].checked_ms ~= nil end },
  ["clients.logs.settle"] = { body = "p.clients.logs.settle = { least = 600, per = 1 * GB, most = 900 }",
    after = once(function() put "other/settles.txt" end, function(seconds)
      return seconds > 1 and state_of "settles.txt" == "settling"
    end) },
  ["clients.logs.private"] = { body = 'p.clients.logs.private = { "other*" }',
    before = function() return state_of "other.txt" == "published" end,
    after = function() return state_of "other.txt" == "refused" end },
  ["clients.logs.gateway"] = { body = function()
      return ('p.clients.logs.gateway = "/ip4/127.0.0.1/tcp/%d"'):format(PORTS.http)
    end, before = function() return not listens(PORTS.http) end, after = function() return listens(PORTS.http) end },
  ["clients.diagnostics.every"] = { body = "p.clients.diagnostics.every = 1", remember = patience.now,
    before = function() return within(10, function() return (age_of "uptime_seconds" or 0) > 4000 end) end,
    after = function(began) return patience.now() - began > 5 and (age_of "uptime_seconds" or 4000) < 4000 end },
  ["clients.statistics.gather"] = { body = "p.clients.statistics.gather = true",
    before = function() return not (ada:ask "stats show").gatherers[1] end,
    after = function() return (ada:ask "stats show").gatherers[1] ~= nil end },
  ["clients.diagnostics.checks"] = { body = "p.clients.diagnostics.checks = {}",
    before = function() return ada:cli("doctor --json"):find '"checks":%d%d' end,
    after = function() return ada:cli("doctor --json"):find '"checks":0' end },
  ["clients.updates.windows"] = { body = 'p.clients.updates.windows = { "mon 18:00-22:00" }',
    before = function() return value_of "clients.updates.windows" == "none" end,
    after = function() return value_of "clients.updates.windows" == "mon 18:00-22:00" end },
  ["clients.updates.handlers"] = { body = "p.clients.updates.handlers = false",
    before = function() return value_of "clients.updates.handlers" == "/etc/dt-swarm/handlers" end,
    after = function() return value_of "clients.updates.handlers" == "none" end },
  ["clients.updates.folders"] = { body = 'p.clients.updates.folders = { demos = "/data/demos" }',
    before = function() return value_of "clients.updates.folders" == "none" end,
    after = function() return value_of "clients.updates.folders" == "demos = /data/demos" end },
  ["clients.control.http"] = { body = function()
      return ('p.clients.control.http = "/ip4/127.0.0.1/tcp/%d"'):format(PORTS.page)
    end, before = function() return not listens(PORTS.page) end, after = function() return listens(PORTS.page) end },
  ["clients.logs.permission"] = { body = function()
      put("no", "0")
      return ("p.clients.logs.permission = %q"):format(w.dir .. "/no")
    end, before = function() return state_of "free.txt" == "published" end,
    after = function() return state_of "free.txt" == "refused" end },
}

local FIRST = [[
p.clients.logs.folder = %q
p.clients.logs.gateway = "/ip4/127.0.0.1/tcp/%d"
p.clients.logs.settle = { least = 0.2, per = 1 * GB, most = 1 }
p.clients.logs.scrub = 0
p.dcache.flush = 3000
p.comms.beacon = { 20, 30 }
p.comms.checkpoint = false
function p.clients.logs.share(file, here)
  if file.name == "tagged.txt" and here.tags[1] ~= "open" then return false, "not tagged" end
end
]]

local function row_of(answer, path)
  for _, row in ipairs(answer.changes) do
    if row.setting == path then return row end
  end
end

describe("a setting that is changed while the daemon runs", function()
  setup(function()
    w = process.new()
    text = FIRST:format(w.dir .. "/ada/share", loopback.free_port()) .. CHANNELS:format "" .. "\n"
    for _, name in ipairs { "other", "ada", "ada/share", "bea", "bea/share" } do
      os.execute(("mkdir -p %s/%s"):format(w.dir, name))
    end
    put "ada/share/tagged.txt"
    put "bea/share/first.txt"
    put "other/other.txt"
    put "other/free.txt"
    ada = w:start("ada", { policy = write "", bare = true })
    bea = w:start("bea", { policy = w:policy("bea.lua", ("p.swarm = %q"):format(w.swarm .. "-b")) })
  end)
  teardown(function() w:close() end)

  for _, row in ipairs(hooks.settings) do
    local path, case = row[1], CASES[row[1]]
    it("applies, which others see: " .. path, function()
      if row.later then
        assert.is_nil(case, path .. " is not used yet, and has a case")
        return
      end
      assert.is_truthy(case, path .. " has no case: add what its change shows from outside")
      local body = type(case.body) == "function" and case.body() or case.body
      local known = case.remember and case.remember()
      if case.before then assert.is_truthy(within(5, function() return case.before(known) end), path .. " before") end
      local answer = reload(body)
      local found = row_of(answer, path)
      assert.is_truthy(found, path .. " is not among the changes")
      local kind = row.restart and "restart" or "live"
      assert.same({ kind, kind, "ada.lua" }, { found.kind, found.effect, found.file })
      assert.same(kind == "restart" and { path } or {}, answer.restart)
      assert.is_truthy(within(10, function() return case.after(known) end), path .. " after: " .. ada:log())
      assert.is_truthy(within(10, status), ada:log())
      assert.is_nil(ada:code(), "it is the same process")
      if case.undo then reload(case.undo) end
    end)
  end

  it("is a part of the classes where it says the class of a bucket, and has the daemon start anew", function()
    local law = law_of "state"
    local answer = reload(BUCKETS)
    assert.same({ "dcache.buckets" }, answer.restart)
    assert.equal("restart", row_of(answer, "dcache.buckets").kind)
    assert.is_truthy(within(10, function() return has_another_law(law) end), ada:log())
  end)
end)
