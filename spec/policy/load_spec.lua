-- load_spec.lua - a policy is found, read, checked; what is wrong is said with line and suggestion.
local folder = require "spec.folder"
local hash = require "core.hash"
local policy = require "policy"
local load = require "policy.load"
local policies = require "spec.policy.policies"
local source = require "policy.source"

local function faults(body)
  local p, found = policies.with(body)
  if p then p:close() end
  assert.is_nil(p, "was taken: " .. body)
  return load.report(found), found
end

local function one(body, expected)
  local lines = faults(body)
  assert.same({ expected }, lines)
end

describe("the search for a policy", function()
  local function find(texts, path)
    local p, found = policy.load(path, { shipped = "policies", read = policies.reader(texts),
      search = { "/user/policy.lua", "/etc/policy.lua", "policies/duckiebot.lua" } })
    if not p then return nil, load.report(found) end
    p:close()
    return p.file
  end
  local good, bad = 'return (extend "default")', "return nil"

  it("takes the user's, then the system's, then the shipped one, and says which", function()
    assert.equal("/user/policy.lua", find { ["/user/policy.lua"] = good, ["/etc/policy.lua"] = good })
    assert.equal("/etc/policy.lua", find { ["/etc/policy.lua"] = good })
    assert.equal("policies/duckiebot.lua", (find {}))
    assert.equal("/etc/policy.lua", find({ ["/etc/policy.lua"] = good }, "/etc/policy.lua"))
  end)

  it("does not pass over one that is wrong, unreadable, or named and not there", function()
    assert.is_nil(find { ["/user/policy.lua"] = bad, ["/etc/policy.lua"] = good })
    assert.same({ "/none.lua: no such file" }, select(2, find({}, "/none.lua")))
    local p, found = policy.load(nil, { shipped = "policies", search = { "/user", "policies/duckiebot.lua" },
      read = function() return nil, "/user: Permission denied", "disk" end })
    assert.is_nil(p)
    assert.same({ "/user: /user: Permission denied; name a policy, or set HOME to a folder of your own" },
      load.report(found))
  end)

  it("reads real files, and a folder is none", function()
    local p, found = policy.load("policies", { shipped = "policies" })
    assert.is_nil(p)
    assert.same({ "policies: it is a folder" }, load.report(found))
    assert(policy.load("policies/lab.lua", { shipped = "policies" })):close()
  end)
end)

describe("extend", function()
  it("gives a fresh copy each time", function()
    local p = policies.load [[
      local a, b = extend "duckiebot", extend "duckiebot"
      a.routing.channels[1], a.dcache.disk = "/changed/dswarm-line", 1
      return b
    ]]
    assert.equal("/ip4/0.0.0.0/udp/3825/dswarm-line", p:get "routing.channels"[1].address)
    assert.equal(64000000, p:get "dcache.disk")
    p:close()
  end)

  it("finds a policy that lies beside", function()
    local read = policies.reader {
      ["/x/my.lua"] = 'local p = extend "base" p.tags = { "b" } return p',
      ["/x/base.lua"] = 'local p = extend "server" p.swarm = "mine" return p',
    }
    local p = assert(policy.load("/x/my.lua", { shipped = "policies", read = read }))
    assert.equal("mine", p:get "swarm")
    assert.equal(4000000000, p:get "dcache.disk")
    p:close()
  end)

  it("says what was meant, and that a policy extends itself", function()
    local _, found = policies.load 'return (extend "duckibot")'
    local expected = 'my.lua:1: duckibot: no such policy to extend; did you mean "duckiebot"?'
    assert.same({ expected }, load.report(found))
    _, found = policies.load 'return extend "duckibot"' -- the call leaves no line of its own
    assert.same({ (expected:gsub(":1", "")) }, load.report(found))
    _, found = policies.load 'return (extend "my")'
    assert.truthy(load.report(found)[1]:find "my.lua:1: my: extends itself")
  end)
end)

describe("the texts of a policy", function()
  local TEXTS = { ["/x/my.lua"] = 'local p = extend "base" p.tags = { "b" } return p',
    ["/x/base.lua"] = 'local p = extend("server") p.swarm = "mine" return p' }

  local function loaded(texts)
    return policy.load("/x/my.lua", { shipped = "policies", read = policies.reader(texts) })
  end

  it("stand in order: its own, then what it extends; the shipped sections are none of them", function()
    local p = assert(loaded(TEXTS))
    local paths = {}
    for i, each in ipairs(p.chain) do paths[i] = each.path .. " " .. each.name end
    assert.same({ "/x/my.lua my.lua", "/x/base.lua base.lua", "policies/server.lua server.lua" }, paths)
    assert.equal(TEXTS["/x/base.lua"], p.chain[2].text)
    p:close()
  end)

  it("have a hash: 8 digits of BLAKE2b-256 of each after its length and a line feed", function()
    local p = assert(policies.load 'return (extend "default")')
    local sum = hash.blake2b('25\nreturn (extend "default")')
    assert.equal(("%02x%02x%02x%02x"):format(sum:byte(1, 4)), p.hash)
    p:close()
    local seen = {}
    local own, base = TEXTS["/x/my.lua"], TEXTS["/x/base.lua"]
    for _, texts in ipairs { TEXTS, { ["/x/my.lua"] = own, ["/x/base.lua"] = base .. " " },
      { ["/x/my.lua"] = own .. " ", ["/x/base.lua"] = base } } do
      p = assert(loaded(texts))
      assert.is_nil(seen[p.hash], "another text has another hash")
      seen[p.hash] = true
      p:close()
    end
  end)

  it("are enough to load it again when the files are gone", function()
    local p = assert(loaded(TEXTS))
    local again = assert(load.from_chain(p.chain, { shipped = "policies" }))
    assert.same({ p.hash, "mine", 4000000000, "/x/my.lua" },
      { again.hash, again:get "swarm", again:get "dcache.disk", again.file })
    again:close()
    p:close()
  end)

  it("that cannot be one are said as what they are", function()
    local function said(texts)
      local p, found = loaded(texts)
      assert.is_nil(p)
      return load.report(found)[1]
    end
    assert.equal("my.lua: it is empty", said { ["/x/my.lua"] = " \n" })
    assert.matches("my.lua: line 2 has a byte 0, so this is no text", said { ["/x/my.lua"] = "return\n\0\0\0" })
    assert.equal("my.lua: longer than 64 KiB", said { ["/x/my.lua"] = ("-"):rep(65537) })
    assert.equal("base.lua: longer than 64 KiB", said { ["/x/my.lua"] = TEXTS["/x/my.lua"],
      ["/x/base.lua"] = ("-"):rep(65537) })
    local long = {}
    for i = 1, 20 do long[("/x/p%d.lua"):format(i)] = ('return (extend "p%d")'):format(i + 1) end
    long["/x/my.lua"] = 'return (extend "p1")'
    assert.equal("my.lua: it extends more than 15 policies", said(long))
    local names = {}
    for i = 1, 64 do names[i] = ('-- extend "n%d"\n'):format(i) end
    local text = table.concat(names) .. "return (extend 'default')"
    assert(loaded { ["/x/my.lua"] = text }):close()
    text = '-- extend "n65"\n' .. text
    assert.equal("my.lua: it looks for more than 64 policies to extend", said { ["/x/my.lua"] = text })
  end)

  it("of files are read through links, and never wait for a pipe", function()
    local box = folder.new()
    folder.write(box.path .. "/real.lua", 'local p = extend "beside" return p')
    folder.write(box.path .. "/beside.lua", 'local p = extend "default" p.swarm = "linked" return p')
    os.execute(("cd %s && ln -s real.lua link.lua && ln -s nowhere.lua gone.lua && mkfifo pipe.lua \z
      && ln -s pipe.lua via.lua"):format(box.path))
    local function load_file(name) return policy.load(box.path .. "/" .. name, { shipped = "policies" }) end
    local p = assert(load_file "link.lua")
    assert.equal("linked", p:get "swarm")
    p:close()
    for name, why in pairs { pipe = "it is no regular file", via = "it is no regular file",
      gone = "No such file or directory" } do
      local none, found = load_file(name .. ".lua")
      assert.is_nil(none)
      assert.equal(why, found[1].text)
    end
    box.remove()
  end)

  it("are looked for up to the one in force: no other takes its place when that is gone", function()
    local reading = { shipped = "policies", search = { "/user.lua", "/etc.lua", "policies/duckiebot.lua" },
      read = policies.reader { ["/user.lua"] = nil } }
    local chain, _, looked = source.read(nil, reading)
    assert.equal("policies/duckiebot.lua", chain[1].path)
    assert.same({ "/user.lua", "/etc.lua", "policies/duckiebot.lua" }, { table.unpack(looked, 1, 3) })
    reading.upto = "/etc.lua"
    local none, found
    none, found, looked = source.read(nil, reading)
    assert.is_nil(none)
    assert.same({ "/etc.lua: no such file" }, load.report(found))
    assert.same({ "/user.lua", "/etc.lua" }, looked)
  end)
end)

describe("a fault is said with file, line and suggestion", function()
  it("for names", function()
    one('p.routing.rotues = {}', 'my.lua:2: routing.rotues: no such setting; did you mean "routes"?')
    one('\np.routing.rotues.x = "y"', 'my.lua:3: routing.rotues: no such setting; did you mean "routes"?')
    one('function p.clients.logs.puase() end',
      'my.lua:2: clients.logs.puase: no such hook; did you mean "pause"?')
    one('p.swrm = "x"', 'my.lua:2: swrm: no such section or setting; did you mean "swarm"?')
    one('p.clients.log.budget = 1', 'my.lua:2: clients.log: no such setting; did you mean "logs"?')
    for _, none in ipairs { "0", "-1", "2 * TB * 1000", "1 / 0", '"fast"' } do
      assert.truthy(faults("p.clients.logs.budget = " .. none)[1]:find("my.lua:2: ", 1, true), none)
    end
    one('p.clients.logs.budget = 0', "my.lua:2: clients.logs.budget: wanted 1 byte to 1 TB a second")
    one('p.clients.logs.kubo = { sees = "http://127.0.0.1:3826" }',
      "my.lua:2: clients.logs.kubo: wanted without its api or false")
    one('p.dcache.disk = 4 * GBB', 'my.lua:2: GBB: no such name; did you mean "GB"?')
    one('p.qqqqqqqq = 1', 'my.lua:2: qqqqqqqq: no such section or setting')
    one('p.dcache.roots = { "12D3KooW" }',
      "my.lua:2: dcache.roots: no such setting; the lab file names the roots of trust: dt-swarm-cli lab join FILE")
    one('p.dcache.strangers = 0.5', "my.lua:2: dcache.strangers: no such setting")
  end)

  it("for values", function()
    one('p.dcache.disk = "4 GB"', "my.lua:2: dcache.disk: wanted bytes, such as 64 * MB")
    one('p.clock = "ntp"', 'my.lua:2: clock: wanted one of "auto", "system"')
    one('p.clients.logs.share = true', "my.lua:2: clients.logs.share: a hook is a function")
    for _, domain in ipairs { '"Room 3"', "true", '"a-name-of-18-bytes"' } do
      one("p.clients.logs.domain = " .. domain, 'my.lua:2: clients.logs.domain: wanted a name of small letters, digits '
        .. 'and "-", at most 17, or "", or false')
    end
    one('p.routing = {}', "my.lua:2: routing is a section: set what is in it")
    one('p.comms.beacon = { 5, 2 }', "my.lua:2: comms.beacon: wanted { least, most }")
    one('p.routing.channels = { { "/a/dswarm-line", budgt = 1 } }', "my.lua:2: routing.channels: "
      .. "wanted a list " .. 'whose item 1 is known fields (budgt: no such field; did you mean "budget"?)')
    local add = "local function also(one) table.insert(p.routing.channels, one) end\nalso %s\nalso %q"
    one(add:format('{ "/exec/a/dswarm-line", budgt = 1 }', "/exec/b/dswarm-line"), "my.lua:3: routing.channels: "
      .. "wanted a list " .. 'whose item 5 is known fields (budgt: no such field; did you mean "budget"?)')
    one(add:format('"/tpc/1/dswarm-line"', "/exec/b/dswarm-line"),
      "my.lua:3: routing.channels: /tpc/1/dswarm-line: not an address: an unknown protocol")
    one("table.insert(p.routing.channels)", "my.lua:2: wrong number of arguments to 'insert'")
    for _, none in ipairs { "0", "2000 * GB" } do
      one(('p.routing.channels = { { "/exec/a/dswarm-line", budget = %s } }'):format(none),
        "my.lua:2: routing.channels: wanted a list whose item 1 is a table whose budget is "
        .. "1 byte to 1 TB a second; a channel that is to say nothing is left out of the list")
    end
    one('\np.routing.routes["/a"] = 7', "my.lua:3: routing.routes: wanted a table whose "
      .. '["/a"] is a text of 1 to 1024 bytes')
    one('p.dcache.buckets = { peer = { class = "presense", propose = "owner", dismiss = "owner" } }',
      'my.lua:2: dcache.buckets["peer"].class: presense: no such class; did you mean "presence"?')
    for bucket, class in pairs { ["trust/grants"] = "trust", ["trust/…"] = "state" } do
      one(('p.dcache.buckets = { ["%s"] = { class = "%s", propose = "anyone", dismiss = "owner" } }'):format(bucket,
        class), ('my.lua:2: dcache.buckets["%s"]: a lab itself decides who may say that; there is only '):format(bucket)
        .. '["trust/…"], of class trust')
    end
  end)

  it("for addresses", function()
    one('p.routing.channels = { "/ip4/0.0.0/udp/3825/dswarm-line" }', "my.lua:2: routing.channels: "
      .. "/ip4/0.0.0/udp/3825/dswarm-line: not an address: not an IP address")
    one('p.clients.logs.holders = { "12D3KooWQ1vB" }', "my.lua:2: clients.logs.holders: 12D3KooWQ1vB: "
      .. "no peer ID, as discover --json shows it")
    one('p.clients.logs.gateway = "0.0.0.0:3826"', "my.lua:2: clients.logs.gateway: 0.0.0.0:3826: "
      .. "not an address: an unknown protocol")
  end)

  it("for Lua that does not run", function()
    one("local = 1", "my.lua:2: <name> expected near '='")
    one("foo = 1", 'my.lua:2: foo: write "local foo"')
    one("string.format = nil", "my.lua:2: string cannot be changed")
    one("error 'no'", "my.lua:2: no")
    one("while true do end", "my.lua:2: over the limit of 1000000 instructions")
    local _, found = policies.load "return {}"
    assert.same({ 'my.lua: a policy ends with "return p", where p comes from extend' }, load.report(found))
    _, found = policies.load("--" .. ("x"):rep(70000))
    assert.same({ "my.lua: longer than 64 KiB" }, load.report(found))
  end)

  it("as data too", function()
    local _, found = faults "p.routing.rotues = {}"
    assert.same({ file = "my.lua", line = 2, suggestion = "routes",
      text = 'routing.rotues: no such setting; did you mean "routes"?' }, found[1])
  end)
end)

describe("every hook is asked twice", function()
  it("finds a fact that is not always known", function()
    one([[function p.clients.logs.fetch(file, here)
      return here.disk_free > file.size and 5 or false
    end]], "my.lua:3: clients.logs.fetch, asked with nothing known: attempt to compare number with nil")
  end)

  it("finds a misspelt fact, and a change to one", function()
    local lines = faults [[
      function p.clients.logs.share(file, here) return here.permision.logs and "lab" end
    ]]
    assert.same({
      "my.lua:2: clients.logs.share, asked with everything known: permision: no such fact of here; "
        .. 'did you mean "permission"?',
      "my.lua:2: clients.logs.share, asked with nothing known: permision: no such fact of here; "
        .. 'did you mean "permission"?',
    }, lines)
    lines = faults [[function p.clients.logs.pause(here) here.driving = true end]]
    assert.equal("my.lua:2: clients.logs.pause, asked with everything known: facts are read-only", lines[1])
  end)

  it("finds an answer of another kind", function()
    local lines = faults "function p.clients.logs.fetch() return 12 end"
    assert.equal("my.lua:2: clients.logs.fetch, asked with everything known: "
      .. "clients.logs.fetch answered 12; wanted an urgency from 1 to 9, or false", lines[1])
    lines = faults "function p.routing.prefer(target, ways) return target end"
    assert.truthy(lines[1]:find "wanted one of those that it was given")
  end)

  it("finds a yes to a change while nothing is known, and takes a no", function()
    one("\nfunction p.clients.updates.ready() return true end",
      "my.lua:3: clients.updates.ready, asked with nothing known: "
        .. "says yes; it changes things, so it must not")
    local p = assert(policies.with "function p.clients.updates.ready(_, here) return here.battery == 80 end")
    p:close()
  end)

  it("refuses a check that says ok while nothing is known, and takes one that answers nothing then", function()
    local lines = faults 'function p.clients.diagnostics.check() return "ok" end'
    assert.equal("my.lua:2: clients.diagnostics.check, asked with nothing known: says ok of no_lan; "
      .. "with nothing known it answers nil", lines[1])
    local p = assert(policies.with [[
      local shipped = p.clients.diagnostics.check
      table.insert(p.clients.diagnostics.checks, { id = "busy_clock", summary = "Own.", depends = "clock_off" })
      function p.clients.diagnostics.check(check, m, here)
        if check.id ~= "busy_clock" then return shipped(check, m, here) end
        if m.clock_off ~= nil then return m.clock_off and "warn" or "ok", m.clock_off or "right" end
      end]])
    p:close()
  end)

  it("refuses windows that are none, and folders that have no whole path", function()
    one("\np.clients.updates.windows = { '18:00-22:00', 'mo 18:00-22:00' }",
      "my.lua:3: clients.updates.windows: mo 18:00-22:00: mo is no day of a week; such as \"mon-fri 18:00-22:00\", "
        .. '"sat 22:00-06:00 utc" or "02:00-04:00": days of a week, if not each, from when to when, and utc, if not by '
        .. "the time zone of the machine")
    for _, folders in ipairs { '{ demos = "data" }', '{ demos = "/data/../etc" }', '{ demos = "/data/" }',
      '{ demos = { after = "x" } }', '{ ["a/b"] = "/data" }', '"/data"' } do
      local lines = faults("p.clients.updates.folders = " .. folders)
      assert.matches("^my.lua:2: clients.updates.folders: wanted ", lines[1] or "", folders)
    end
    local p = assert(policies.with [[
      p.clients.updates.folders = { demos = "/data/demos", maps = { path = "/maps", after = "/x" } }
      p.clients.updates.windows = { "sat 22:00-06:00 utc" }]])
    assert.same({ demos = { path = "/data/demos" }, maps = { path = "/maps", after = "/x" } },
      p:get "clients.updates.folders")
    p:close()
  end)

  it("says of the setting that said who signs releases where that is said now", function()
    local lines = faults "p.clients.updates.trust = '3 of release'"
    assert.matches("^my.lua:2: clients.updates.trust: no such setting; releases count by the rule of their bucket",
      lines[1])
    assert.equal(1, #lines)
  end)

  it("refuses checks that depend on none before them, or that have one name", function()
    for _, list in ipairs { '{ { id = "a", summary = "A", depends = "b" }, { id = "b", summary = "B" } }',
      '{ { id = "a", summary = "A" }, { id = "a", summary = "B" } }', '{ { id = "A b", summary = "A" } }',
      '{ { id = "a" } }', '"none"' } do
      local lines = faults("p.clients.diagnostics.checks = " .. list)
      assert.matches("^my.lua:2: clients.diagnostics.checks", lines[1] or "", list)
    end
  end)

  it("takes rules of who may say something that can be read, and no others", function()
    local function with(rule)
      return require "spec.policy.policies".with(('p.dcache.buckets["share/files"].propose = %q'):format(rule))
    end
    for _, rule in ipairs { "anyone", "root", "2 of trusted", "1 of domain:ethz", "12 of member" } do
      assert(with(rule)):close()
    end
    for _, rule in ipairs { "admn", "0 of trusted", "2 of owner", "2 of Release", "2  of trusted", "" } do
      local found, said = with(rule)
      assert.is_nil(found)
      assert.is_truthy(said[1].text:find("propose is none of anyone, owner", 1, true), said[1].text)
    end
  end)

  it("says all that is wrong at once", function()
    local lines = faults [[
      function p.clients.logs.fetch() return 12 end
      function p.clients.logs.pause() error "tired" end
    ]]
    assert.equal(4, #lines)
  end)

  it("puts a limit down to the file that used it up, though it is passed in a shipped section", function()
    local reached = 0
    for spent = 900000, 1000000, 1000 do
      local text = ("for _ = 1, %d do end return extend 'default'"):format(spent)
      local p, found = require "spec.policy.policies".load(text)
      if p then
        p:close()
      else
        assert.equal("my.lua", found[1].file, spent)
        assert.matches("^over the limit of 1000000 instructions", found[1].text)
        reached = reached + (found[1].text:find(", reached in %l+%.lua:%d+$") and 1 or 0)
      end
    end
    assert.is_true(reached > 0)
  end)
end)
