-- logs_away_spec.lua - the share folder goes, comes back, is another one, is emptied: what stands and what is unsaid.
package.path = "spec/clients/?.lua;" .. package.path
local away = require "clients.logs.away"
local disk = require "core.sim"
local kit = require "logs.kit"
local simloop = require "sim.loop"
local till = require "spec.net.till"

local NAMES = { "a.bag", "b.bag", "c/c.bag" }

-- Where the folder lies, as the spec says; the files are real.
local function mount_of(k)
  local function told(value)
    if k.place then return value end
    return nil, "ENOENT: gone", "ENOENT"
  end
  return {
    key = function() return told(#(k.place or "") * 7919 + (k.place or "\0"):byte()) end,
    of = function()
      return told { mounted = true, id = k.place, type = "ext4", source = "/dev/" .. (k.place or "") }
    end,
  }
end

describe("files of the share folder", function()
  local k
  before_each(function()
    k = kit.new()
    k.place, k.mount = "one", mount_of(k)
    k:sh "printf a > a.bag && printf b > b.bag && mkdir c && head -c 1500000 /dev/zero > c/c.bag"
    k:start()
    for _, name in ipairs(NAMES) do assert.is_true(k:reaches(name, "published")) end
    assert.equal("propose propose propose", k:verbs())
  end)
  after_each(function() k:close() end)

  local function states()
    local list = {}
    for _, file in ipairs(k.logs:files()) do list[#list + 1] = file.name .. " " .. file.state end
    return list
  end

  local AWAY = { "a.bag not there", "b.bag not there", "c/c.bag not there" }
  local HERE = { "a.bag published", "b.bag published", "c/c.bag published" }

  local function are(wanted)
    k:wait(function() return table.concat(states()) == table.concat(wanted) end)
    assert.same(wanted, states())
  end

  local function root(command) assert(os.execute("cd " .. k.root .. " && " .. command)) end

  local function unmount(place)
    root("mv share stick" .. (place and " && mkdir share" or ""))
    k.place = place
  end

  local function mount()
    root "rm -rf share && mv stick share"
    k.place = "one"
  end

  it("are away with their file system, and back with it, without a word", function()
    for _, other in ipairs { "other", false } do
      unmount(other or nil)
      are(AWAY)
      assert.same({}, k.served)
      assert.same({}, k.logs:refused())
      assert.is_truthy(k.logs:problem():find("they were on /dev/one (ext4)", 1, true), k.logs:problem())
      assert.is_truthy(k:file("a.bag").cure:find "files dismiss")
      assert.is_true(k.logs:is_away(k:file("a.bag").cid))
      if other then assert.is_true(k:wait(function() return not k.logs:unknown() end)) end
      if not other then assert.is_string(k.logs:unknown()) end -- nobody knows what is in it
      mount()
      are(HERE)
      assert.is_nil(k.logs:problem())
      assert.is_truthy(k.served[k:file("c/c.bag").cid])
    end
    assert.equal("propose propose propose", k:verbs())
    assert.same({ 0, 3 }, { k.worker:count() }, "nothing was hashed again")
  end)

  it("are away over restarts in whatever order, and no folder is made for a missing one", function()
    k:stop()
    unmount(nil)
    k:start()
    are(AWAY)
    k:run(300)
    assert.is_nil(k.disk:stat(k.share))
    k:stop()
    root "mkdir share"
    k.place = "other"
    k:start()
    are(AWAY)
    k:stop()
    mount()
    k:start()
    are(HERE)
    assert.equal("propose propose propose", k:verbs())
  end)

  it("of another file system are shared while the first ones are away, and the other way round", function()
    unmount "other"
    are(AWAY)
    k:write("a.bag", "another a")
    assert.is_true(k:wait(function() return #k.said == 4 end))
    are { "a.bag published", "a.bag not there", "b.bag not there", "c/c.bag not there" }
    root "mv share stick2 && mv stick share"
    k.place = "one"
    are { "a.bag published", "a.bag not there", "b.bag published", "c/c.bag published" }
    assert.equal("propose propose propose propose", k:verbs())
  end)

  it("that did not come back with it are unsaid", function()
    unmount "other"
    are(AWAY)
    k:sh "rm ../stick/b.bag"
    mount()
    are { "a.bag published", "c/c.bag published" }
    assert.is_true(k:wait(function() return #k.said == 4 end))
    assert.equal("dismiss", k.said[4].verb)
  end)

  it("are unsaid when a person says so, or the owner withdraws his permission", function()
    unmount "other"
    are(AWAY)
    assert.equal(3, k.logs:dismiss())
    assert.equal("propose propose propose dismiss dismiss dismiss", k:verbs())
    assert.same({}, k.logs:files())
    assert.is_nil(k.logs:problem())
    k:stop()
    k:start()
    k:run(500)
    assert.equal(6, #k.said)
  end)

  it("that all go at once from the same file system stand for a while; one of many is unsaid soon", function()
    k:sh "rm a.bag"
    assert.is_true(k:wait(function() return #k.said == 4 end))
    k:sh "rm -r b.bag c"
    are { "b.bag not there", "c/c.bag not there" }
    assert.is_truthy(k:file("b.bag").reason:find("unsaid in 10 min", 1, true), k:file("b.bag").reason)
    assert.equal("propose propose propose dismiss", k:verbs())
    k:write("b.bag", "b")
    are { "b.bag published", "c/c.bag not there" }
    assert.equal("propose propose propose dismiss", k:verbs())
  end)

  it("that go by two names, or while a new one comes, stand as well until ten minutes are over", function()
    k:sh "cp b.bag again.bag"
    assert.is_true(k:reaches("again.bag", "published"))
    assert.equal("propose propose propose propose", k:verbs())
    k:sh "rm -r * && printf new > new.bag"
    are { "a.bag not there", "again.bag not there", "b.bag not there", "c/c.bag not there", "new.bag published" }
    k:run(2500)
    are { "a.bag not there", "again.bag not there", "b.bag not there", "c/c.bag not there", "new.bag published" }
    assert.equal("propose propose propose propose propose", k:verbs(), "that of the new one is the only new word")
    assert.is_truthy(k.logs:problem():find("4 files are not there", 1, true), k.logs:problem())
    assert.is_truthy(k:file("a.bag").cure:find("put them back in time", 1, true), k:file("a.bag").cure)
  end)

  it("of which one name of two went are said without it, soon, not at once", function()
    k:sh "cp b.bag again.bag"
    assert.is_true(k:reaches("again.bag", "published"))
    local began = k.loop:now()
    k:sh "rm b.bag"
    assert.is_true(k:wait(function() return #k.said == 5 end))
    assert.is_true(k.loop:now() - began >= 800)
    assert.same({ "again.bag" }, { table.unpack(k.said[5].data.names) })
    are { "a.bag published", "again.bag published", "c/c.bag published" }
  end)

  it("with another inode or another ctime, but the same bytes, are hashed again and not unsaid", function()
    k:sh "cp -p a.bag ../a && mv ../a a.bag && chmod 600 b.bag"
    assert.is_true(k:wait(function() return k:file("a.bag").state ~= "published" end))
    assert.is_nil(k.served[k.said[1].key])
    are(HERE)
    assert.is_truthy(k.served[k.said[1].key])
    k:sh "printf x > a.bag && touch -r b.bag a.bag"
    assert.is_true(k:wait(function() return #k.said == 5 end))
    are(HERE)
    assert.equal("propose propose propose dismiss propose", k:verbs())
  end)

  it("in a folder that may not be read are not unsaid, and the folder is named", function()
    k.logs.watch.safe_open = setmetatable({ list = function(folder, path, most)
      if path == "c" and k.closed then return nil, "EACCES: c", "EACCES" end
      return require "core.safe_open".list(folder, path, most)
    end }, { __index = require "core.safe_open" })
    k.closed = true
    k.logs.watch:scan()
    are { "a.bag published", "b.bag published", "c/ refused", "c/c.bag not there" }
    assert.same({ "EACCES", "its folder c/ cannot be read" }, { k:file("c/").word, k:file("c/c.bag").reason })
    k.closed = false
    k.logs.watch:scan()
    k.logs.watch:scan()
    are { "a.bag published", "b.bag published", "c/c.bag published" }
    assert.equal("propose propose propose", k:verbs())
  end)

  it("in a folder that may not be read stand though the share folder could not be read, and could again", function()
    local closed = {}
    k.logs.watch.safe_open = setmetatable({ list = function(folder, path, most)
      if closed[path] then return nil, "EACCES: " .. path, "EACCES" end
      return require "core.safe_open".list(folder, path, most)
    end }, { __index = require "core.safe_open" })
    closed.c = true
    k.logs.watch:scan()
    assert.is_true(k:reaches("c/c.bag", "not there"))
    assert.is_truthy(k:file("c/c.bag").cure:find("that folder (chmod", 1, true), k:file("c/c.bag").cure)
    closed[""] = true
    k.logs.watch:scan()
    are(AWAY)
    assert.is_truthy(k:file("a.bag").cure:find("read and enter the share folder", 1, true), k:file("a.bag").cure)
    closed[""] = nil
    k.logs.watch:scan()
    k:run(2500)
    are { "a.bag published", "b.bag published", "c/ refused", "c/c.bag not there" }
    assert.equal("its folder c/ cannot be read", k:file("c/c.bag").reason)
    closed.c = nil
    k.logs.watch:scan()
    k.logs.watch:scan()
    are(HERE)
    assert.equal("propose propose propose", k:verbs())
  end)

  it("that a failing disk does not give stand over a restart, too, until other bytes have their name", function()
    local safe_open, word = require "core.safe_open", "EIO"
    local failing = setmetatable({ list = function(folder, path, most)
      local entries, beyond = safe_open.list(folder, path, most)
      for i, entry in ipairs(entries) do
        if word and entry.name == "a.bag" then entries[i] = { name = "a.bag", kind = "unknown", word = word } end
      end
      return entries, beyond
    end }, { __index = safe_open })
    k.logs.watch.safe_open = failing
    k:stop()
    k.safe_open = failing
    k:start()
    are { "a.bag refused", "a.bag not there", "b.bag published", "c/c.bag published" }
    k:run(2500)
    assert.equal("propose propose propose", k:verbs())
    word = nil
    k:write("a.bag", "other bytes")
    k.logs.watch:scan()
    assert.is_true(k:wait(function() return #k.said == 4 end))
    k.logs.watch:scan()
    are(HERE)
    assert.equal("propose propose propose propose dismiss", k:verbs())
  end)

  it("that nobody may look at, or that a failing disk does not give, are not unsaid; what became a link is", function()
    local word
    k.logs.watch.safe_open = setmetatable({ list = function(folder, path, most)
      local entries, beyond = require "core.safe_open".list(folder, path, most)
      for i, entry in ipairs(entries) do
        if word and entry.name == "a.bag" then entries[i] = { name = "a.bag", kind = "unknown", word = word } end
      end
      return entries, beyond
    end }, { __index = require "core.safe_open" })
    for _, each in ipairs { "EACCES", "EIO" } do
      word = each
      k.logs.watch:scan()
      are { "a.bag refused", "a.bag not there", "b.bag published", "c/c.bag published" }
      k:run(300)
      assert.equal(each, k:file("a.bag").word)
      word = nil
      k.logs.watch:scan()
      k.logs.watch:scan()
      are(HERE)
    end
    assert.equal("propose propose propose", k:verbs())
    k:sh "rm a.bag && ln -s b.bag a.bag"
    are { "a.bag refused", "b.bag published", "c/c.bag published" }
    k.logs.watch:scan()
    assert.is_true(k:wait(function() return #k.said == 4 end))
    k:run(2500)
    assert.equal("link", k:file("a.bag").word)
    assert.equal("propose propose propose dismiss", k:verbs())
  end)
end)

describe("a share folder that is a link", function()
  local k
  before_each(function()
    k = kit.new()
    k:sh "cd .. && rmdir share && mkdir one two && ln -s one share && echo a > one/a.bag && echo b > one/b.bag"
    k:start()
    for _, name in ipairs { "a.bag", "b.bag" } do assert.is_true(k:reaches(name, "published")) end
  end)
  after_each(function() k:close() end)

  it("and is set to another folder is heard from there at once; what was in the first is away, not unsaid", function()
    k:sh "echo other > ../two/a.bag && ln -sfn two ../share"
    assert.is_true(k:wait(function() return k:file("b.bag").state == "not there" end))
    assert.is_truthy(k:file("b.bag").reason:find("/one", 1, true), k:file("b.bag").reason)
    assert.is_truthy(k:file("b.bag").cure:find("link to it, back in its place", 1, true), k:file("b.bag").cure)
    assert.is_true(k:reaches("a.bag", "published"))
    k:write("n.bag", "new")
    assert.is_true(k:reaches("n.bag", "published"), "nobody listens there")
    k:sh "rm ../one/b.bag"
    k:run(2500)
    assert.equal("propose propose propose propose", k:verbs())
    k:stop()
    k:start()
    assert.is_true(k:reaches("n.bag", "published"))
    assert.equal("not there", k:file("b.bag").state)
    k:run(2500)
    assert.equal("propose propose propose propose", k:verbs(), "nothing is unsaid over a restart")
    k:sh "ln -sfn one ../share"
    assert.is_true(k:wait(function() return #k.said == 5 end))
    assert.equal("propose propose propose propose dismiss", k:verbs(), "gone from its own folder")
  end)

  it("or whose folder is another one of the same name, is looked at anew", function()
    k:sh "cd .. && mv one old && mkdir one"
    assert.is_true(k:wait(function() return k:file("b.bag").state == "not there" end))
    local reason = k:file("b.bag").reason
    assert.is_truthy(reason:find("another folder that was in this place", 1, true), reason)
    k:write("n.bag", "new")
    assert.is_true(k:reaches("n.bag", "published"))
    k:sh "cd .. && mv one new && mv old one"
    assert.is_true(k:reaches("b.bag", "published"))
    assert.equal("not there", k:file("n.bag").state)
    assert.equal("propose propose propose", k:verbs())
  end)

  it("and is set to another while the bytes of a name change is not taken for a change of that file", function()
    local away_check = k.logs.away.check
    k.logs.away.check = function() return false end -- no second passes
    k:sh "echo other > ../two/a.bag && ln -sfn two ../share"
    k.logs.away.check = away_check
    k.logs.own_files:event("a.bag", {})
    assert.equal("propose propose", k:verbs())
    assert.equal("not there", k:file("b.bag").state)
    assert.is_true(k.logs:is_away(k.said[1].key) and k.logs:is_away(k.said[2].key))
  end)
end)

describe("what is remembered of files that are away", function()
  local CIDS = { "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
    "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e" }

  -- A run of the share folder on D while its file system is ID (nil: none). → away, what was unsaid, what was said
  local function run(d, id)
    local loop, unsaid, said, before = simloop.new(), {}, {}, {}
    local log = till.log()
    function log.warn(_, _, what) said[#said + 1] = what end
    for i, cid in ipairs(CIDS) do before[i] = { cid = cid, data = { names = { i .. ".bag" }, size = 1 } } end
    local one = away.new { loop = loop, log = log, disk = d, folder = "/share", dir = "/state",
      date = function() return "D" end, atomic_write = require "atomic_write".new { disk = d, log = log },
      mount = { key = function() return id and #id, "ENOENT: gone", "ENOENT" end,
        of = function() return { id = id, type = "ext4", mounted = true } end },
      shares = { release_all = function() return before end, count = function() return 0 end,
        drop_names = function() end, dismiss = function(_, cid) unsaid[#unsaid + 1] = cid end },
      live = function() end, unfinished = function() return false end, unread = function() end,
      vanish = function() return {} end, back = function() end }
    one:start()
    -- A scan finds no file, as often as it likes; then own records without a file are looked at.
    for _ = 1, 3 do one:scanned() end
    for i, cid in ipairs(CIDS) do one:stray(cid, before[i].data) end
    loop:run_until(20 * 60000)
    for _ = 1, 3 do one:scanned() end
    loop:run_until(40 * 60000)
    return one, unsaid, said
  end

  local function stick_away()
    local d = disk.memory(1)
    assert(d:mkdir "/state")
    local one = run(d, "stick")
    one:stop()
    d:unlink "/state/away"
    local _
    _, one = nil, (run(d, nil))
    one:stop()
    return d
  end

  it("stands over starts: nothing is unsaid while another file system is there", function()
    local d = stick_away()
    assert.is_truthy(require "kept".decode(d:read "/state/away"))
    local one, unsaid = run(d, "bare-folder")
    assert.same({}, unsaid)
    assert.equal(2, #one:rows())
  end)

  it("is taken over from the file of an earlier version", function()
    local d, lines = disk.memory(1), { "dt-swarm away 1", '{"id":"ext4 bare-folder /","text":"/dev/b (ext4)"}' }
    assert(d:mkdir "/state")
    for i, cid in ipairs(CIDS) do
      lines[#lines + 1] = ('{"cid":"%s","data":{"names":["%d.bag"],"size":1},"place":"ext4 stick /",'
        .. '"text":"/dev/a (ext4)"}'):format(cid, i)
    end
    assert(d:replace("/state/away", table.concat(lines, "\n") .. "\n"))
    local one, unsaid, said = run(d, "bare-folder")
    assert.same({ {}, {} }, { unsaid, said })
    assert.equal(2, #one:rows())
    one:stop()
    assert.equal(2, #(run(d, "bare-folder")):rows())
  end)

  it("is not believed to be nothing where it is damaged: no file is unsaid until a person says so", function()
    local whole = stick_away():read "/state/away"
    for at = 1, #whole, 7 do
      local d = disk.memory(at)
      assert(d:mkdir "/state")
      assert(d:replace("/state/away", whole:sub(1, at - 1) .. string.char(whole:byte(at) ~ 1) .. whole:sub(at + 1)))
      local one, unsaid, said = run(d, "bare-folder")
      assert.same({}, unsaid, "byte " .. at)
      assert.matches("begun anew", said[1])
      assert.equal(2, #one:rows())
      one:stop()
      local _, later, again = run(d, "bare-folder")
      assert.same({ {}, {} }, { later, again }, "at the next start")
    end
    local _, unsaid = run((function()
      local d = disk.memory(1)
      assert(d:mkdir "/state")
      return d
    end)(), "bare-folder")
    assert.equal(2, #unsaid, "negative control: who remembers nothing takes them for deleted")
  end)

  it("has room for the 20,000 files that a folder may have", function()
    local d, list = disk.memory(1), {}
    assert(d:mkdir "/state")
    for i = 1, 20000 do
      list[i] = { cid = ("%s%010d"):format(CIDS[1]:sub(1, -11), i), place = "ext4 stick /", text = "a stick" }
    end
    local state = require "clients.logs.away_state".new { loop = simloop.new(), log = till.log(), disk = d,
      dir = "/state", name = "away", now = function() return { id = "x", text = "x" }, list end,
      atomic_write = require "atomic_write".new { disk = d, log = till.log() } }
    state:changed()
    state:stop()
    local _, place_of = state:read()
    assert.equal("ext4 stick /", place_of(list[20000].cid).id)
    assert.is_nil(place_of(CIDS[2]))
  end)
end)

describe("many files that are away", function()
  it("are said again, when the time is another one, a slice a turn", function()
    local loop, said, store, before = simloop.new(), 0, disk.memory(1), {}
    store:mkdir "/state"
    for i = 1, 100 do before[i] = { cid = ("cid%03d"):format(i), data = { names = { "x" .. i }, size = 1 } } end
    local one = away.new { loop = loop, log = till.log(), disk = store, folder = "/share", dir = "/state",
      atomic_write = require "atomic_write".new { disk = store, log = till.log() },
      mount = { key = function() return nil, "ENOENT: gone", "ENOENT" end },
      shares = { release_all = function() return before end, say_kept = function() said = said + 1 end },
      vanish = function() return {} end }
    one:start()
    assert.equal(100, #one:rows())
    one:say_again()
    assert.is_true(said > 0 and said < 100, said .. " in one turn")
    loop:run_until(1000)
    assert.equal(100, said)
  end)
end)

describe("a share folder that cannot be used", function()
  -- What is said at a start with FILES away where its place gives WORD, though an earlier run had another place.
  local function said(word, files)
    local store, lines, before, unmakeable = disk.memory(1), {}, {}, false
    store:mkdir "/state"
    local closed = setmetatable({}, { __index = function(_, name)
      return function(_, ...)
        if unmakeable and name == "mkdir" then return nil, "EACCES: no", "EACCES" end
        return store[name](store, ...)
      end
    end })
    for i = 1, files do before[i] = { cid = "cid" .. i, data = { names = { "x" .. i }, size = 1 } } end
    local function new(mount, kept)
      local log = till.log()
      function log.warn(_, _, what, facts) lines[#lines + 1] = { what, facts[#facts][2] } end
      return away.new { loop = simloop.new(), log = log, disk = closed, folder = "/share", dir = "/state",
        host = "localhost", atomic_write = require "atomic_write".new { disk = closed, log = log }, mount = mount,
        shares = { release_all = function() return kept end }, vanish = function() return {} end,
        back = function() end }
    end
    local first = new({ key = function() return 1 end, of = function() return { id = "one", type = "ext4" } end }, {})
    first:start()
    first:stop()
    unmakeable = true
    new({ key = function() return nil, word .. ": no", word end }, before):start()
    assert.equal(1, #lines)
    return lines[1][1], lines[1][2]
  end

  it("is not taken for a stick that was pulled: the cure is its own", function()
    local cures = require "cures"
    for _, case in ipairs { { "EACCES", 0 }, { "ENOTDIR", 0 }, { "EACCES", 2 }, { "ENOTDIR", 2 }, { "ENOENT", 0 } } do
      local what, cure = said(case[1], case[2])
      assert.same({ "the share folder cannot be used", cures.at(cures.of(case[1]).cure, "localhost") }, { what, cure })
    end
    local what, cure = said("ENOENT", 2)
    assert.equal("the share folder is not there", what)
    assert.matches("mount it again%. If its files", cure)
  end)
end)

describe("a folder that was emptied at once", function()
  it("is believed after ten minutes, not before; what is back by then stands", function()
    local loop, said, store = simloop.new(), {}, disk.memory(1)
    store:mkdir "/state"
    local one = away.new { loop = loop, log = till.log(), disk = store, folder = "/share", dir = "/state",
      atomic_write = require "atomic_write".new { disk = store, log = till.log() },
      mount = { key = function() return 1 end, of = function() return { id = "x", type = "ext4" } end },
      shares = { release_all = function() return {} end, count = function() return 0 end, drop_names = function() end,
        dismiss = function(_, cid) said[#said + 1] = cid end },
      live = function() end, unfinished = function() return false end, unread = function() end,
      vanish = function() return {} end, back = function() end }
    one:start()
    local function lose(cid) one:lose { cid = cid, data = { names = { cid .. ".bag" }, size = 1, class = "lab" } } end
    for _, cid in ipairs { "a", "b", "c" } do lose(cid) end
    loop:every(60000, function() one:scanned() end)
    loop:run_until(9 * 60000)
    assert.same({}, said)
    assert.equal("3 files are not there", one:problem())
    assert.is_truthy(one:take "b")
    loop:run_until(12 * 60000)
    assert.same({ "a", "c" }, said)
    lose "d"
    loop:run_until(13 * 60000)
    assert.same({ "a", "c", "d" }, said, "one alone is deleted as one of many is")
  end)
end)
