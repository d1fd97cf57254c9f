-- logs_spec.lua - from a file in the folder to a record, with real files, inotify, threads and writers.
package.path = "spec/clients/?.lua;" .. package.path
local hash = require "core.hash"
local text = require "spec.codecs"
local kit = require "logs.kit"
local patience = require "spec.patience"
local uv = require "luv"

local function raw_cid(bytes)
  return "b" .. text.base32(string.char(1, 0x55, 0x12, 32) .. hash.sha256(bytes))
end

local function count(map)
  local n = 0
  for _ in pairs(map) do n = n + 1 end
  return n
end

describe("the logs client", function()
  local k
  before_each(function() k = kit.new() end)
  after_each(function() k:close() end)

  it("publishes a finished file once, whole, served before it is told", function()
    k:start()
    k:write("run-12.bag", "abc")
    local first -- as it is at the first look, after which it may settle at once
    assert.is_true(k:wait(function()
      local file = k:file "run-12.bag"
      first = file and { file.state, #k.said }
      return first ~= nil
    end))
    assert.same({ "growing", 0 }, first)
    assert.is_true(k:reaches("run-12.bag", "published"))
    local cid = raw_cid "abc"
    assert.same(1, #k.said)
    local word = k.said[1]
    assert.same({ "propose", "share/files", cid, 30 * 86400 }, { word.verb, word.bucket, word.key, word.ttl })
    assert.same("lab", word.data.class)
    assert.same({ "run-12.bag" }, { table.unpack(word.data.names) })
    assert.same(3, word.data.size)
    assert.same({ k.share, "run-12.bag" }, { k.served[cid].folder, k.served[cid].name })
    assert.same(hash.sha256 "abc", k.served[cid].leaves)
    assert.same(3, k.served[cid].identity.size)
    assert.same({ "run-12.bag", "run-12.bag", "", 3, "bag" }, {
      k.asked.file.name, k.asked.file.path, k.asked.file.folder, k.asked.file.size, k.asked.file.type,
    })
    assert.is_true(k.asked.here.permission.logs)
    assert.is_true(k.asked.here.permission.stats)
    k:run(500)
    assert.same(1, #k.said)
    assert.same({ 0, 1 }, { k.worker:count() })
  end)

  it("says that a file is published when the disk has the word", function()
    local waiting = {}
    function k.when_synced(fn) table.insert(waiting, fn) end
    k:start()
    k:write("run-12.bag", "abc")
    assert.is_true(k:wait(function() return #k.said == 1 end))
    local function told()
      for _, line in ipairs(k.lines) do
        if line == "logs published" then return true end
      end
      return false
    end
    local file = k:file "run-12.bag"
    assert.same({ "waiting", "for the disk", false }, { file.state, file.reason, told() })
    for _, fn in ipairs(waiting) do fn() end
    assert.same({ "published", true }, { k:file("run-12.bag").state, told() })
  end)

  it("makes a missing folder, and finds what is in deeper ones", function()
    k:sh "rm -r ../share"
    k:start()
    assert.is_true(k:wait(function() return uv.fs_stat(k.share) ~= nil end))
    k:sh "mkdir -p a/b && printf x > a/b/one && mkdir -p 1/2/3/4/5/6/7/8/9 && touch 1/2/3/4/5/6/7/8/in \z
      && touch 1/2/3/4/5/6/7/8/9/out"
    assert.is_true(k:reaches("a/b/one", "published"))
    assert.is_true(k:reaches("1/2/3/4/5/6/7/8/in", "published"))
    assert.is_nil(k:file "1/2/3/4/5/6/7/8/9/out")
    assert.same("deep", k:file("1/2/3/4/5/6/7/8/9/").word)
    assert.same({ "a/b", "one" }, { (function(w) return w.data.names[1]:match "(.*)/(.*)" end)(k.said[1]) })
  end)

  it("waits while a writer pauses with the file open", function()
    k:start()
    local writer = io.popen("cat > " .. k.share .. "/slow", "w")
    writer:write "begin"
    writer:flush()
    assert.is_true(k:reaches("slow", "growing"))
    k:run(1000) -- six times what it takes to settle
    assert.same("growing", k:file("slow").state)
    assert.same({}, k.said)
    writer:write "end"
    writer:close()
    assert.is_true(k:reaches("slow", "published"))
    assert.same(raw_cid "beginend", k.said[1].key)
    assert.same(1, #k.said)
  end)

  it("waits for a writer that it did not see open the file", function()
    local writer = io.popen("cat > " .. k.share .. "/slow", "w")
    writer:write "begin"
    writer:flush()
    assert(patience.within(5, function() return (uv.fs_stat(k.share .. "/slow") or { size = 0 }).size == 5 end))
    k:start()
    assert.is_true(k:wait(function() return (k:file "slow" or {}).reason == "still open for writing" end))
    k:run(1000)
    assert.same({ "growing", "still open for writing" }, { k:file("slow").state, k:file("slow").reason })
    writer:close()
    assert.is_true(k:reaches("slow", "published"))
  end)

  it("begins anew when somebody closes and appends", function()
    local ALL <const> = "one 1 2 3 4 5 6 7 8 9 10 "
    local tries, longest = 0
    repeat -- once more where the machine stood still between two words for nearly as long as the file has to be calm
      k:close()
      k, tries, longest = kit.new(), tries + 1, 0
      k.settings["clients.logs.settle"] = { least = 2, per = 1 << 25, most = 3 }
      k:start()
      k:write("log", "one ")
      for i = 1, 10 do
        local last = patience.now()
        k:run(250)
        k:write("log", i .. " ", "ab")
        longest = math.max(longest, patience.now() - last)
      end
    until longest < 1.5 or tries == 10
    assert.same({}, k.said)
    assert.is_true(k:reaches("log", "published"))
    assert.same(raw_cid(ALL), k.said[1].key)
    k:write("log", "more", "ab")
    assert.is_true(k:wait(function() return #k.said == 2 end))
    assert.same({ "dismiss", raw_cid(ALL) }, { k.said[2].verb, k.said[2].key })
    assert.is_nil(k.served[raw_cid(ALL)])
    assert.is_true(k:reaches("log", "published"))
    assert.same(raw_cid(ALL .. "more"), k.said[3].key)
    assert.same("propose dismiss propose", k:verbs())
  end)

  it("takes a file that is renamed into place, and tells its new name after a rename", function()
    k:start()
    k:sh "printf whole > ../elsewhere && mv ../elsewhere run.bag"
    assert.is_true(k:reaches("run.bag", "published"))
    k:sh "mv run.bag walk.bag"
    assert.is_true(k:reaches("walk.bag", "published"))
    assert.is_nil(k:file "run.bag")
    assert.same("walk.bag", k.said[#k.said].data.names[1])
    assert.same("walk.bag", k.served[raw_cid "whole"].name)
  end)

  it("keeps two names of equal bytes in one record", function()
    k:start()
    k:sh "printf same > b && printf same > a"
    assert.is_true(k:reaches("a", "published") and k:reaches("b", "published"))
    local last = k.said[#k.said]
    assert.same({ "a", "b" }, { table.unpack(last.data.names) })
    assert.same(1, count(k.served))
    k:sh "rm a"
    assert.is_true(k:wait(function() return #k.said == 3 end))
    assert.same({ "b" }, { table.unpack(k.said[3].data.names) })
    assert.same("b", k.served[raw_cid "same"].name)
    k:sh "rm b"
    assert.is_true(k:wait(function() return #k.said == 4 end))
    assert.same("dismiss", k.said[4].verb)
    assert.same(0, count(k.served))
    assert.same({}, k.logs:files())
  end)

  it("lets nothing out but regular files beneath the folder, and never hangs", function()
    k:start()
    k:sh "printf secret > ../secret && ln -s ../secret l && ln -s .. up && mkfifo p && ln -s /dev/zero z \z
      && mkdir d && ln -s /etc d/etc && printf n > \"$(printf 'a\\nb')\" && printf e > \"$(printf 'a\\033b')\" \z
      && printf i > \"$(printf 'a\\377b')\" && printf long > $(printf 'x%.0s' $(seq 250)) && printf h > .hidden \z
      && mkdir .git && printf g > .git/x && printf k > my.key && printf good > good"
    local python = io.popen("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"" .. k.share ..
      "/s\")' 2>/dev/null")
    python:close()
    assert.is_true(k:reaches("good", "published"))
    assert.is_true(k:wait(function() return k:file "my.key" and k:file("my.key").state == "refused" end))
    assert.is_true(k:reaches("a\nb", "refused"))
    assert.is_true(k:reaches("a\27b", "refused"))
    assert.is_true(k:reaches("a\255b", "refused"))
    assert.is_true(k:reaches(".git/x", "refused"))
    for _, name in ipairs { "l", "up", "z", "d/etc" } do assert.same("link", k:file(name).word, name) end
    assert.same({ "pipe", "pipe: a pipe" }, { k:file("p").word, k:file("p").reason })
    for _, name in ipairs { "a\nb", "a\27b", "a\255b" } do assert.same("name", k:file(name).word, name) end
    for _, name in ipairs { ".hidden", ".git/x", "my.key" } do assert.same("permission", k:file(name).word, name) end
    assert.is_true(k:reaches(("x"):rep(250), "published"))
    local keys = {}
    for _, word in ipairs(k.said) do keys[word.key] = word.verb end
    assert.same({ [raw_cid "good"] = "propose", [raw_cid "long"] = "propose" }, keys)
    assert.same({ 3, 3 }, { k.logs:refused().name, k.logs:refused().permission })
    assert.is_true(k.logs:refused().link >= 4)
    k:sh "rm l && printf real > l"
    assert.is_true(k:reaches("l", "published"))
  end)

  it("does nothing that the policy or the owner does not allow, and undoes it", function()
    k.permission = k.root .. "/permission"
    k.answer = function(file) return file.name ~= "no" and "swarm", "not that one" end
    k:start()
    k:write("no", "no")
    k:write("yes", "yes")
    assert.is_true(k:reaches("yes", "published") and k:reaches("no", "refused"))
    assert.same("permission: not that one", k:file("no").reason)
    assert.same("swarm", k.said[1].data.class)
    k:sh "printf 0 > ../permission"
    assert.is_true(k:reaches("yes", "refused"))
    assert.same("propose dismiss", k:verbs())
    assert.same(0, count(k.served))
    k:write("later", "later")
    assert.is_true(k:reaches("later", "refused"))
    k:sh "printf '1\\n' > ../permission"
    assert.is_true(k:reaches("yes", "published") and k:reaches("later", "published"))
    assert.same({ 0, 2 }, { k.worker:count() }) -- yes once, later once: nothing was hashed again
  end)

  it("does not know what is there where names are not looked at, or the permission cannot be read", function()
    k.permission = k.root .. "/permission"
    k:start()
    k:write("a", "a")
    assert.is_true(k:reaches("a", "published"))
    assert.is_nil(k.logs:unknown())
    k.logs.own_files:refused("b", "full")
    assert.matches("^1 more names", k.logs:unknown())
    k.logs.own_files:sweep() -- a scan ended
    assert.matches("^1 more names", k.logs:unknown())
    k.logs.own_files:sweep()
    assert.is_nil(k.logs:unknown())
    k:sh "mkdir ../permission"
    assert.matches("permission cannot be read", k.logs:unknown())
  end)

  it("waits when the policy says wait", function()
    k.answer = "wait"
    k:start()
    k:write("a", "a")
    assert.is_true(k:reaches("a", "waiting"))
    assert.same({}, k.said)
    k.answer = "public"
    k.logs:reconsider()
    assert.is_true(k:reaches("a", "published"))
    assert.same("public", k.said[1].data.class)
    k.answer = false
    k.logs:reconsider()
    assert.is_true(k:reaches("a", "refused"))
    assert.same("propose dismiss", k:verbs())
  end)

  it("hashes nothing again after a restart, says nothing twice, and dismisses what is gone", function()
    k:sh "printf small > small && head -c 3000000 /dev/zero > large && printf gone > gone"
    k:start()
    for _, name in ipairs { "small", "large", "gone" } do assert.is_true(k:reaches(name, "published")) end
    local large = k:file("large").cid
    local leaves = k.served[large].leaves
    assert.same({ 0, 3 }, { k.worker:count() })
    k:stop()
    k:sh "rm gone"
    local before = #k.said
    k.served = {}
    k:start()
    assert.is_true(k:reaches("large", "published") and k:reaches("small", "published"))
    assert.same({ 0, 0 }, { k.worker:count() })
    assert.same(leaves, k.served[large].leaves)
    assert.is_true(k:wait(function() return #k.said > before end))
    assert.same(before + 1, #k.said)
    assert.same({ "dismiss", raw_cid "gone" }, { k.said[#k.said].verb, k.said[#k.said].key })
    k:stop()
    local path = k.root .. "/state/leaves/" .. large
    local file = assert(io.open(path, "r+b"))
    file:write "damage"
    file:close()
    k:start()
    assert.is_true(k:reaches("large", "published"))
    assert.same({ 0, 1 }, { k.worker:count() })
    assert.same(leaves, k.served[large].leaves)
  end)

  it("renews before half the time is gone, and tries again what failed", function()
    k.ttl = 1
    k:start()
    k:write("a", "a")
    assert.is_true(k:reaches("a", "published"))
    k:run(550)
    k.logs.watch:scan()
    assert.is_true(k:wait(function() return #k.said == 2 end))
    assert.same("propose propose", k:verbs())
    k.broken = true
    k:write("b", "b")
    assert.is_true(k:reaches("b", "waiting"))
    k.broken = nil
    k.logs.watch:scan()
    assert.is_true(k:reaches("b", "published"))
  end)

  it("takes no notice of what a file system has in its root of its own, and of the same name deeper it does", function()
    for _, name in ipairs { "lost+found", "System Volume Information", "$RECYCLE.BIN", ".Trash-1000", "a/.Trash-x" } do
      k:sh(("mkdir -p '%s' && printf 1 > '%s/old.bag'"):format(name, name))
    end
    k:sh "mkdir -p a/lost+found && printf 2 > a/lost+found/found.bag && printf 3 > .Trash-1001"
    k:start()
    k:write("z", "z")
    assert.is_true(k:reaches("z", "published"))
    assert.is_true(k:reaches("a/lost+found/found.bag", "published"))
    k:sh "printf 4 > 'lost+found/later.bag'"
    k.logs.watch:scan()
    k:run(300)
    local names = {}
    for _, file in ipairs(k.logs:files()) do names[#names + 1] = file.name end
    assert.same({ ".Trash-1001", "a/.Trash-x/old.bag", "a/lost+found/found.bag", "z" }, names)
  end)

  it("cannot go deaf: a lost event is made good by the scan", function()
    k:start()
    k:write("a", "a")
    assert.is_true(k:reaches("a", "published"))
    k.logs.watch.handle:read()
    k.logs.watch.poll:set ""
    k:write("b", "b")
    k:sh "rm a"
    k:run(550)
    assert.is_nil(k:file "b")
    k.logs.watch:scan()
    assert.is_true(k:reaches("b", "published"))
    assert.is_nil(k:file "a")
  end)

  it("stops in the middle of hashing", function()
    k:start()
    k:sh "truncate -s 900G big"
    assert.is_true(k:reaches("big", "hashing"))
    assert.is_true(k:wait(function() return (k:file("big").progress or 0) > 0 end))
    local begun = uv.hrtime()
    k:stop() -- hashing 900 GB to its end would take minutes
    assert.is_true(uv.hrtime() - begun < 60e9)
    assert.same({}, k.said)
  end)

  it("hashes what is smaller beside a huge file, which would keep it for hours", function()
    k:start()
    k:sh "truncate -s 900G huge"
    assert.is_true(k:reaches("huge", "hashing"))
    k:write("later.bag", "abc")
    k:write("last.bag", "abcd")
    assert.is_true(k:reaches("later.bag", "published"))
    assert.is_true(k:reaches("last.bag", "published"))
    assert.same("hashing", k:file("huge").state)
    k:sh "truncate -s 800G another" -- two of them wait for each other
    assert.is_true(k:wait(function() return (k:file "another" or {}).reason == "for its turn to be hashed" end))
    k:sh "rm huge"
    assert.is_true(k:reaches("another", "hashing"))
    k:sh "truncate -s 1 another"
    assert.is_true(k:reaches("another", "published"))
    assert.is_true(k.logs.hashing:is_idle())
  end)

  it("gives up hashing when the file changes meanwhile", function()
    k:start()
    k:sh "truncate -s 900G big"
    assert.is_true(k:reaches("big", "hashing"))
    k:sh "truncate -s 1 big"
    assert.is_true(k:reaches("big", "published"))
    assert.same({ 1, raw_cid "\0" }, { #k.said, k.said[1].key })
  end)
end)
