-- kinds_files_spec.lua - folders updated by real tars: forward, back, from where they were cut, where nothing can be
-- exchanged, and tars that mean ill.
local atomic_write = require "atomic_write"
local disk = require "core.disk"
local files = require "clients.updates.kinds.files"
local folder = require "spec.folder"
local tars = require "spec.tars"
local till = require "spec.net.till"

-- A disk that knows no exchange, as some file systems do.
local function without_exchange(d)
  return setmetatable({ exchange = function() return nil, "ENOSYS: unknown here", "ENOSYS" end },
    { __index = function(_, name) return function(_, ...) return d[name](d, ...) end end })
end

describe("a folder that is updated", function()
  local L, home, kind, d, spawned
  before_each(function()
    L, home, d, spawned = till.loop(), folder.new(), disk.real(), {}
    assert(d:mkdir(home.path .. "/cid-state/updates"))
  end)
  after_each(function()
    if kind then kind:stop() end
    kind = nil
    L:close()
    os.execute(("chmod -R u+rwX '%s'"):format(home.path))
    home.remove()
  end)

  local function path(name) return home.path .. "/" .. name end

  local function open(more)
    local given = { loop = L, disk = d, log = { error = function(_, _, what, facts) error(what .. facts.why) end },
      atomic_write = atomic_write.new { disk = d, log = {} },
      dir = path "cid-state", uid = require "paths".uid(),
      spawn = function(options)
        spawned[#spawned + 1] = options.path:match "[^/]*$"
        return L:spawn(options)
      end,
      folders = function() return { demos = { path = path "demos" } } end,
      path_of = function(cid) return path(cid) end }
    for name, value in pairs(more or {}) do given[name] = value end
    kind = files.new(given)
  end

  local function job(seq, more)
    local one = { run = ("demos/%d/1"):format(seq), release = "demos/" .. seq, cid = ("cid-%d"):format(seq),
      target = "demos", version = "2." .. seq, unpacked = 1000000 }
    for name, value in pairs(more or {}) do one[name] = value end
    return one
  end

  local function run(verb, one)
    local answer
    kind:run(verb, one, function(...) answer = table.pack(...) end)
    till.holds(L, function() return answer end, 30000)
    return answer[1], answer[2]
  end

  local function do_all(verbs, one)
    for _, verb in ipairs(verbs) do assert.same({ "ok" }, { run(verb, one) }, verb) end
  end

  local function write(seq, list) folder.write(path("cid-" .. seq), tars.of(list)) end

  local function plain(seq)
    write(seq, { { name = "./", kind = "folder" }, { name = "bin/", kind = "folder" },
      { name = "bin/run", data = "run " .. seq, mode = 493 }, { name = "data", data = ("x"):rep(3000) .. seq },
      { name = "latest", kind = "link", to = "bin/run" }, { name = "bin/up", kind = "link", to = "../data" },
      { name = "same", kind = "hard", to = "data" } })
  end

  local function read(name) return folder.read(path(name)) end

  local function names()
    local list = {}
    for _, name in ipairs(d:list(home.path)) do
      if not name:find "^cid" then list[#list + 1] = name end
    end
    return table.concat(list, " ")
  end

  it("goes forward and keeps the old one; each verb may be said twice", function()
    open()
    plain(1)
    plain(2)
    do_all({ "check", "stage", "stage", "apply", "apply", "verify", "verify", "commit", "commit" }, job(1))
    assert.same({ "run 1", "run 1", ("x"):rep(3000) .. 1, "demos" }, { read "demos/bin/run", read "demos/latest",
      read "demos/bin/up", names() })
    assert.equal(493, d:stat(path "demos/bin/run").mode)
    do_all({ "stage", "apply", "verify", "commit", "verify" }, job(2))
    assert.same({ "run 2", "run 1", ".demos.previous demos" }, { read "demos/bin/run", read ".demos.previous/bin/run",
      names() })
    plain(3)
    do_all({ "stage", "apply", "commit" }, job(3))
    assert.same({ "run 3", "run 2" }, { read "demos/bin/run", read ".demos.previous/bin/run" })
  end)

  for _, way in ipairs { "exchanged", "renamed" } do
    it("goes back to what was there before, marked by nobody: " .. way, function()
      if way == "renamed" then d = without_exchange(d) end
      open()
      plain(2)
      assert(d:mkdir(path "demos"))
      folder.write(path "demos/own", "mine")
      do_all({ "stage", "apply", "verify" }, job(2))
      assert.same({ "run 2", nil, "mine" }, { read "demos/bin/run", read "demos/own", read ".demos.swap/own" })
      do_all({ "rollback", "rollback" }, job(2))
      assert.same({ "mine", ".dt-swarm-release", "demos" }, { read "demos/own", ".dt-swarm-release", names() })
      assert.equal("no", (run("verify", job(2))))
      do_all({ "apply", "verify", "commit" }, job(2)) -- staged once more by itself
      assert.equal("mine", read ".demos.previous/own")
    end)

    it("is no folder again where there was none: " .. way, function()
      if way == "renamed" then d = without_exchange(d) end
      open()
      plain(1)
      do_all({ "stage", "apply", "verify", "rollback" }, job(1))
      assert.equal("", names())
    end)
  end

  it("goes back also where somebody removed the folder, or the mark in it, meanwhile", function()
    open()
    for seq = 1, 2 do plain(seq) end
    for _, what in ipairs { "demos", "demos/.dt-swarm-release" } do
      do_all({ "stage", "apply", "commit" }, job(1))
      do_all({ "stage", "apply", "verify" }, job(2))
      os.execute(("rm -r '%s'"):format(path(what)))
      assert.equal("no", (run("verify", job(2))))
      do_all({ "rollback", "rollback" }, job(2))
      assert.same({ "run 1", "demos" }, { read "demos/bin/run", names():match "demos$" })
      os.execute(("rm -r '%s'"):format(path "demos"))
    end
  end)

  it("ends where it began, though the policy names another folder since, or none", function()
    local folders = { demos = { path = path "demos" } }
    open { folders = function() return folders end }
    for seq = 1, 2 do plain(seq) end
    do_all({ "stage", "apply" }, job(1))
    folders = { demos = { path = path "other" } }
    do_all({ "apply", "verify", "commit" }, job(1))
    do_all({ "stage", "apply" }, job(2))
    folders = {}
    do_all({ "verify", "rollback" }, job(2))
    assert.equal("no", (run("stage", job(2))))
    assert.same({ "run 1", "demos" }, { read "demos/bin/run", names() })
  end)

  it("stages the next release while one stands to be judged, and both ways stay open to that one", function()
    open()
    for seq = 1, 3 do plain(seq) end
    do_all({ "stage", "apply", "commit" }, job(1))
    do_all({ "stage", "apply" }, job(2))
    do_all({ "stage" }, job(3))
    do_all({ "rollback" }, job(2))
    assert.same({ "run 1", "run 3" }, { read "demos/bin/run", read ".demos.next/bin/run" })
    do_all({ "stage", "apply" }, job(3))
    assert.equal(1, select(2, table.concat(spawned, " "):gsub("tar", "", 1)))
    do_all({ "commit" }, job(3))
    assert.same({ "run 3", "run 1" }, { read "demos/bin/run", read ".demos.previous/bin/run" })
  end)

  it("does what was asked of one folder one after the other", function()
    open()
    for seq = 1, 2 do plain(seq) end
    local told = {}
    for _, one in ipairs { { "stage", 1 }, { "apply", 1 }, { "stage", 2 }, { "commit", 1 } } do
      kind:run(one[1], job(one[2]), function(answer) told[#told + 1] = one[1] .. one[2] .. answer end)
    end
    till.holds(L, function() return #told == 4 end, 30000)
    assert.same({ "stage1ok", "apply1ok", "stage2ok", "commit1ok" }, told)
  end)

  it("has a program of the owner run after each exchange, which decides too", function()
    folder.write(path "after", "#!/bin/sh\necho $DT_NAME $DT_SEQ $DT_VERSION >> " .. path "cid-log" .. "\ntest ! -e "
      .. path "cid-no" .. " || { echo not today >&2; exit 3; }\n")
    open { folders = function() return { demos = { path = path "demos", after = path "after" } } end }
    plain(1)
    assert.same({ "no" }, { (run("apply", job(1))) }, "not executable")
    os.execute("chmod 755 " .. path "after")
    do_all({ "apply", "commit", "rollback" }, job(1))
    assert.equal("demos 1 2.1\ndemos 1 2.1\n", read "cid-log")
    folder.write(path "cid-no", "")
    local answer, why = run("apply", job(1))
    assert.same({ "no", "after: not today" }, { answer, why })
    os.execute("rm " .. path "cid-no" .. "; chmod 777 " .. path "after")
    answer, why = run("apply", job(1))
    assert.equal("no", answer)
    assert.truthy(why:find "^permission: ", why)
  end)

  -- Is what is to be run after an exchange refused for REASON before one?
  local function is_refused(program, reason)
    open { folders = function() return { demos = { path = path "demos", after = program } } end }
    for _, verb in ipairs { "check", "stage", "apply" } do
      local answer, why = run(verb, job(2))
      assert.same({ "no", true }, { answer, (why or ""):find(reason, 1, true) ~= nil }, why)
    end
    assert.equal("run 1", read "demos/bin/run")
    do_all({ "rollback", "rollback" }, job(2))
  end

  it("follows links to that program, and refuses before any exchange what others could change", function()
    for seq = 1, 2 do plain(seq) end
    os.execute(("mkdir -p '%s' && ln -s real '%s'"):format(path "cid-x/real", path "cid-x/link"))
    folder.write(path "cid-x/real/after", "#!/bin/sh\necho it was $DT_SEQ\n")
    os.execute(("chmod -R 755 '%s'"):format(path "cid-x"))
    open { folders = function() return { demos = { path = path "demos", after = path "cid-x/link/after" } } end }
    do_all({ "check", "stage", "apply", "commit" }, job(1))
    assert.equal("it was 1\n", read "cid-state/updates/output")
    os.execute(("chmod 777 '%s'"):format(path "cid-x"))
    is_refused(path "cid-x/link/after", ("permission: %s may be written by others"):format(path "cid-x"))
    os.execute(("chmod 755 '%s'; chmod 777 '%s'"):format(path "cid-x", path "cid-x/real"))
    is_refused(path "cid-x/link/after", ("permission: %s may be written by others"):format(path "cid-x/real"))
    is_refused(path "cid-x/none", ("target: the program %s is not there"):format(path "cid-x/none"))
  end)

  it("goes back first, and has then run what the policy names by then, or nothing", function()
    local after = path "after"
    open { folders = function() return { demos = { path = path "demos", after = after } } end }
    folder.write(path "after", "#!/bin/sh\n")
    os.execute(("chmod 755 '%s'"):format(path "after"))
    for seq = 1, 2 do plain(seq) end
    do_all({ "stage", "apply", "commit" }, job(1))
    for _, mended in ipairs { "/bin/true", false } do
      after = path "after"
      folder.write(path "after", "#!/bin/sh\n")
      do_all({ "stage", "apply" }, job(2))
      after = "/bin/false"
      local answer, why = run("rollback", job(2))
      assert.same({ "no", "false: it ended with 1", "run 1" }, { answer, why, read "demos/bin/run" })
      after = mended or nil
      do_all({ "rollback" }, job(2))
    end
  end)

  it("keeps the end of what that program printed, whose last line is the reason", function()
    folder.write(path "after", "#!/bin/sh\necho one; echo two >&2; exit 3\n")
    os.execute(("chmod 755 '%s'"):format(path "after"))
    open { folders = function() return { demos = { path = path "demos", after = path "after" } } end }
    plain(1)
    local answer, why = run("apply", job(1))
    assert.same({ "no", true }, { answer, why == "after: two" or why == "after: one" }, why)
    assert.truthy(read("cid-state/updates/output"):find "two")
    assert.equal(384, d:stat(path "cid-state/updates/output").mode)
  end)

  local function tree_of(name)
    local list = "cd '%s' && find . | sort | xargs ls -ld --time-style=+ | cut -d' ' -f1,5-"
    local pipe <close> = io.popen(list:format(path(name)))
    return pipe:read "a"
  end

  -- What an attacker packs → the word it is refused by.
  local HOSTILE = {
    ["a link to outside"] = { "link", { { name = "l", kind = "link", to = "/etc" } } },
    ["a link that goes up"] = { "link", { { name = "d/", kind = "folder" },
      { name = "d/l", kind = "link", to = "../../x" } } },
    ["a link that goes up behind another"] = { "link", { { name = "p/q/r", data = "" },
      { name = "s", kind = "link", to = "p/q" }, { name = "l", kind = "link", to = "s/../../../x" } } },
    ["a name that goes up"] = { "", { { name = "a/../../out", data = "x" } } },
    ["an absolute name"] = { "link", { { name = "OUT", data = "x" } } },
    ["a file through a link"] = { "", { { name = "l", kind = "link", to = "HOME" }, { name = "l/out", data = "x" } } },
    ["a file through a link that goes up"] = { "", { { name = "l", kind = "link", to = ".." },
      { name = "l/out", data = "x" } } },
    ["a hard link to outside"] = { "", { { name = "h", kind = "hard", to = "HOME/secret" } } },
    ["a hard link behind a link"] = { "", { { name = "l", kind = "link", to = "HOME" },
      { name = "h", kind = "hard", to = "l/secret" } } },
    ["a hard link to a link to outside"] = { "link", { { name = "l", kind = "link", to = "HOME/secret" },
      { name = "h", kind = "hard", to = "l" } } },
    ["setuid"] = { "permission", { { name = "s", data = "x", mode = 2541 } } },
    ["setgid"] = { "permission", { { name = "s", data = "x", mode = 1517 } } },
    ["a device"] = { "", { { name = "null", kind = "char" } } },
    ["a pipe"] = { "pipe", { { name = "p", kind = "fifo" } } },
    ["more bytes than it says"] = { "size", { { name = "big", data = ("x"):rep(1000001) } } },
    ["a member that claims gigabytes"] = { "size", { { name = "huge", size = 5000000000, data = "x" } } },
    ["many bytes at no cost"] = { "size", { { name = "a", data = ("x"):rep(999999) }, { name = "b", data = "xx" } } },
    ["a mark of its own"] = { "name", { { name = ".dt-swarm-release", data = "demos/2 cid-2\n" } } },
    ["a folder that nobody may read"] = { "", { { name = "d/", kind = "folder", mode = 0 },
      { name = "d/f", data = "x" }, { name = "e", kind = "fifo" } } },
  }

  for what, case in pairs(HOSTILE) do -- any order
    it("takes no tar with " .. what, function()
      open()
      plain(1)
      do_all({ "stage", "apply", "commit" }, job(1))
      folder.write(path "secret", "secret")
      local list, before = case[2], tree_of "demos"
      for _, one in ipairs(list) do
        one.to = one.to and one.to:gsub("HOME", home.path)
        one.name = one.name:gsub("^OUT", path "out")
      end
      write(2, list)
      local answer, why = run("stage", job(2))
      assert.equal("no", answer)
      assert.equal(case[1], why:match("^" .. case[1]), why)
      answer = run("apply", job(2))
      assert.equal("no", answer)
      do_all({ "rollback" }, job(2))
      assert.equal(before, tree_of "demos")
      assert.same({ "demos secret", "secret", nil }, { names(), read "secret", read "out" })
      assert.equal(1, tonumber(io.popen("stat -c %h " .. path "secret"):read "a"))
      write(2, { { name = "good", data = "x" } })
      do_all({ "stage", "apply", "verify" }, job(2))
    end)
  end

  it("takes no tar with more members than 100,000, and none without an end in time", function()
    open()
    local one, parts = tars.member { name = ("n"):rep(20), data = "" }, {}
    for i = 1, 100002 do parts[i] = one end
    folder.write(path "cid-2", table.concat(parts))
    local answer, why = run("stage", job(2))
    assert.same({ "no", "size: more than 100000 members" }, { answer, why })
    os.execute("mkfifo " .. path "cid-3")
    answer, why = run("stage", job(3, { limit = 1 }))
    assert.same({ "no", "slow: tar took more than 1 s" }, { answer, why })
    assert.equal("", names())
  end)

  it("says of a tar that is none, is cut short, or is gone, what it is", function()
    open()
    folder.write(path "cid-2", ("rubbish"):rep(1000))
    assert.same({ "no", "tar: This does not look like a tar archive" }, { run("stage", job(2)) })
    folder.write(path "cid-2", tars.member { name = "a", data = ("x"):rep(5000) }:sub(1, 3000))
    assert.same({ "no", "tar: Unexpected EOF in archive" }, { run("stage", job(2)) })
    os.remove(path "cid-2")
    assert.same({ "no", "missing: its file is gone" }, { run("stage", job(2)) })
    assert.equal("", names())
  end)

  it("says which folder it wants", function()
    open()
    plain(2)
    assert.same({ "no", "target: the policy names no folder other in clients.updates.folders" },
      { run("check", job(2, { target = "other" })) })
    os.execute(("ln -s /tmp %s"):format(path "demos"))
    assert.equal(("target: %s is no folder"):format(path "demos"), select(2, run("check", job(2))))
    open { folders = function() return { demos = { path = path "none/demos" } } end }
    assert.equal("target: there is no folder " .. path "none", select(2, run("stage", job(2))))
    open { folders = function() return { demos = { path = "/proc" } } end }
    assert.equal("target: something is mounted at /proc", select(2, run("stage", job(2))))
  end)

  -- The disk REAL, but all that CALLS names is refused with EROFS while the second result has `on`.
  local function read_only(real, calls)
    local switch = { on = true }
    return setmetatable({}, { __index = function(_, name)
      return function(_, ...)
        if switch.on and calls[name] then return nil, "EROFS: Read-only file system", "EROFS" end
        return real[name](real, ...)
      end
    end }), switch
  end

  it("is put off while a program of a daemon that is gone still writes into what is to be removed", function()
    local calls = 0
    open { spawn = function(options)
      calls = calls + (options.path == "/bin/rm" and 1 or 0)
      if options.path == "/bin/rm" and calls < 3 then options.path = "/bin/false" end
      return L:spawn(options)
    end }
    plain(2)
    assert(d:mkdir(path ".demos.next/half"))
    assert.same({ "later", "rm: it ended with 1" }, { run("stage", job(2)) })
    do_all({ "stage", "apply", "verify" }, job(2))
    assert.equal("run 2", read "demos/bin/run")
  end)

  it("says that it may not write there, and what its service needs", function()
    d = read_only(disk.real(), { mkdir = true })
    open()
    plain(2)
    local why = "permission: dt-swarm may not write in %s (EROFS); its service needs ReadWritePaths=%s"
    assert.same({ "no", why:format(home.path, home.path) }, { run("stage", job(2)) })
  end)

  it("is never said to be done on a card that turned read-only, and goes back when that is over", function()
    for _, verb in ipairs { "apply", "commit", "rollback" } do
      local switch
      os.execute(("rm -rf %s %s"):format(path "demos", path ".demos.*"))
      d = disk.real()
      open()
      for seq = 1, 2 do plain(seq) end
      do_all({ "stage", "apply", "commit" }, job(1))
      do_all(verb == "apply" and { "stage" } or { "stage", "apply" }, job(2))
      d, switch = read_only(d, { rename = true, exchange = true, mkdir = true, chmod = true, unlink = true })
      open()
      for _ = 1, 3 do assert.equal("no", (run(verb, job(2)))) end
      switch.on = false
      local over = verb == "apply" and "rollback" or verb
      do_all({ over, over }, job(2))
      assert.equal(over == "commit" and "run 2" or "run 1", read "demos/bin/run")
    end
  end)

  it("unpacks what gzip packed, of which it is told how large it is", function()
    open()
    plain(2)
    os.execute(("gzip -c %s > %s"):format(path "cid-2", path "cid-3"))
    assert.equal("no", (run("stage", { release = "demos/3", cid = "cid-3", target = "demos" })))
    do_all({ "stage", "apply" }, job(3))
    assert.equal("run 2", read "demos/bin/run")
  end)

  it("goes on from each rename at which it was cut, where nothing can be exchanged", function()
    for cut = 1, 4 do
      for _, verb in ipairs { "apply", "rollback", "commit" } do
        os.execute(("rm -rf %s %s"):format(path "demos", path ".demos.*"))
        d = without_exchange(disk.real())
        open()
        for seq = 1, 2 do plain(seq) end
        do_all({ "stage", "apply", "commit" }, job(1))
        do_all(verb == "apply" and { "stage" } or { "stage", "apply" }, job(2))
        local n, real = 0, d
        d = setmetatable({ rename = function(_, ...)
          n = n + 1
          if n == cut then return nil, "EIO: cut", "EIO" end
          return real:rename(...)
        end }, { __index = real })
        open()
        local answer = run(verb, job(2))
        d = real
        open()
        if answer == "no" then
          local whole = read "demos/bin/run" or read ".demos.out/bin/run"
          assert.truthy(whole == "run 1" or whole == "run 2")
        end
        do_all({ verb, verb }, job(2))
        assert.equal(verb == "rollback" and "run 1" or "run 2", read "demos/bin/run")
        if verb == "commit" then assert.equal("run 1", read ".demos.previous/bin/run") end
      end
    end
  end)
end)
