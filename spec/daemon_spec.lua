-- daemon_spec.lua - the daemon as a person meets it when things are wrong: real processes, real files, real ports.
local kept = require "kept"
local process = require "spec.process"
local folder = require "spec.folder"

local listing = process.listing

local function is_root()
  local pipe = io.popen "id -u"
  local text = pipe:read "a"
  pipe:close()
  return text == "0\n"
end

describe("dt-swarm", function()
  local w
  before_each(function() w = process.new() end)
  after_each(function() w:close() end)

  describe("that is asked for what cannot be", function()
    it("says how it is used, and ends with 3", function()
      for words, said in pairs { ["--nope"] = "no such option: --nope", ["a.lua b.lua"] = "one policy only",
        ["--state"] = "--state needs a value", ["--state="] = "needs a value",
        ["--name 'a b'"] = "--name is 1 to 32" } do
        local before = listing(w.dir)
        local out, err, code = w:run(words)
        assert.equal(3, code, words)
        assert.equal("", out)
        assert.truthy(err:find(said, 1, true), err)
        assert.truthy(err:find("Try: dt-swarm --help", 1, true), err)
        assert.equal(before, listing(w.dir))
      end
    end)

    it("helps, and tells its version", function()
      local out, err, code = w:run "--help"
      assert.same({ "", 0 }, { err, code })
      assert.truthy(out:find "^  dt%-swarm .-\n\nUsage: dt%-swarm") -- examples first
      for line in out:gmatch "[^\n]+" do assert.is_true(#line <= 80, line) end
      out, err, code = w:run "--version"
      assert.same({ "", 0 }, { err, code })
      assert.truthy(out:find "^dt%-swarm %d+%.%d+%.%d+\n$")
    end)
  end)

  describe("with a policy that fails", function()
    local BAD = {
      { "p.clients.logs.foldr = 'x'", 'bad.lua:3: clients.logs.foldr: no such setting; did you mean "folder"?' },
      { "p.swarm = = 1", "bad.lua:3: " },
      { "p.swarm = 7", "bad.lua:3: swarm: " },
      { "function p.clients.logs.fetch(file) return file.siz > 1 end", 'did you mean "size"?' },
      { "p.routing.channels = { '/ip4/1.2.3/udp/1/dswarm-line' }", "bad.lua:3: routing.channels: " },
      { "p.routing.channels = { '/ip4/1.2.3.4/udp/1/irc/#x/dswarm-line' }", "bad.lua:3: routing.channels: " },
      { "p.clients.logs.gateway = '/ip4/0.0.0.0'", "bad.lua:3: clients.logs.gateway: " },
      { "p.clients.logs.gateway = '/dns4/x.example/tcp/80'", "bad.lua:3: clients.logs.gateway: " },
      { "p.clients.control.http = '/ip4/192.168.1.20/tcp/3827'", "ssh -L 3827:localhost:3827" },
      { "p.clients.control.http = '/ip4/0.0.0.0/tcp/80'", "bad.lua:3: clients.control.http: /ip4/0.0.0.0/tcp/80" },
      { "p.clients.control.http = '/ip6/::/tcp/80'", "bad.lua:3: clients.control.http: " },
      { "p.clients.control.http = '/dns4/localhost/tcp/80'", "bad.lua:3: clients.control.http: " },
      { "p.clients.control.http = '/ip4/127.0.0.1/udp/80'", "bad.lua:3: clients.control.http: " },
      { "p.clients.control.http = 'localhost:3827'", "; it is /ip4/127.0.0.1/tcp/3827, " },
      { "p.name = 'a b'", "bad.lua:3: name: " },
      { "while true do end", "bad.lua:3: " },
      { "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", "bad.lua" },
    }

    it("says file, line and suggestion, ends with 2, starts nothing, makes nothing", function()
      for _, case in ipairs(BAD) do
        local bad = w:policy("bad.lua", case[1])
        local before = listing(w.dir)
        for _, more in ipairs { "", "--check" } do
          local out, err, code = w:run(w:words("ada", { policy = bad, more = more }))
          assert.equal(2, code, case[1])
          assert.equal("", out)
          assert.truthy(err:find(case[2], 1, true), err)
          assert.is_nil(err:find "traceback", err)
        end
        assert.equal(before, listing(w.dir))
      end
    end)

    it("says which file is missing, once", function()
      local _, err, code = w:run(w.dir .. "/none.lua")
      assert.equal(2, code)
      assert.equal(("dt-swarm: %s/none.lua: No such file or directory\n"):format(w.dir), err)
    end)

    it("checks a good one, and starts nothing", function()
      local before = listing(w.dir)
      local out, err, code = w:run(w:words("ada", { more = "--check" }))
      assert.same({ "", 0 }, { err, code })
      assert.truthy(out:find "^p%.lua: fine;")
      assert.equal(before, listing(w.dir))
    end)

    it("says what of a good one this version does not use yet", function()
      local policy = w:policy("good.lua",
        "function p.clients.logs.evict() return false end\np.clients.logs.copies = { 2, 4 }")
      local out, _, code = w:run("--check " .. policy)
      assert.equal(0, code)
      assert.equal("good.lua:4: clients.logs.copies: not used by this version yet\n"
        .. "good.lua:3: clients.logs.evict: not used by this version yet\n"
        .. "good.lua: a change of these has the daemon start anew: swarm\n", out:match "^[^\n]*\n(.*)$")
    end)

    it("says of each setting in a good one what a change takes", function()
      local out = w:run("--check " .. w:policy("good.lua", "p.tags = { 'a' }\np.clients.logs.gateway = false"))
      assert.equal("good.lua: a change of these applies while the daemon runs: tags\n"
        .. "good.lua: a change of these has the daemon start anew: swarm, clients.logs.gateway\n",
        out:match "^[^\n]*\n(.*)$")
    end)
  end)

  describe("with a state folder that will not do", function()
    -- Starts on it, is refused with 1 and WORDS, and leaves all as it was.
    local function refused(words, options, plain)
      local before = listing(w.dir)
      local out, err, code = w:run(w:words("eve", options), plain)
      assert.equal(1, code, err)
      assert.equal("", out)
      for _, each in ipairs(words) do assert.truthy(err:find(each, 1, true), err) end
      assert.is_nil(err:find "traceback", err)
      assert.is_nil(err:find "E[A-Z]+: ", err) -- no bare name of an errno
      assert.equal(before, listing(w.dir))
    end

    it("that is in use: says so, touches nothing", function()
      local ada = w:start "ada"
      ada:halt()
      process.settled(w.dir)
      refused({ ada.state, "is in use by another dt-swarm", "--state" }, { state = ada.state })
      ada:go_on()
      assert.equal(0, ada:stop())
    end)

    it("from a newer version, no state folder, or a file", function()
      os.execute(("mkdir -m 700 %s/new %s/photos"):format(w.dir, w.dir))
      folder.write(w.dir .. "/new/version", "dt-swarm state 2\n")
      folder.write(w.dir .. "/new/key", "secret")
      folder.write(w.dir .. "/photos/a.jpg", "x")
      folder.write(w.dir .. "/file", "x")
      refused({ "is of version 2, this dt-swarm knows 1" }, { state = w.dir .. "/new" })
      refused({ "holds no dt-swarm state (a.jpg is there)" }, { state = w.dir .. "/photos" })
      refused({ "Not a directory" }, { state = w.dir .. "/file" })
      refused({ "Not a directory" }, { state = w.dir .. "/file/below" })
    end)

    it("of an earlier version, which wrote its small files in other forms: starts well, and loses nothing", function()
      local ada = w:start "ada"
      assert.equal(0, ada:stop())
      local function path(name) return ada.state .. "/" .. name end
      local boot = kept.decode(folder.read(path "boot"))
      folder.write(path "boot", "41\n")
      folder.write(path "time", "1790000000123\n")
      folder.write(path "stamp", "1790000000456\n")
      folder.write(path "unsure", "share")
      folder.write(path "away", 'dt-swarm away 1\n{"id":"ext4 x","text":"/dev/x"}\n')
      folder.write(path "last", ("stopped cleanly\n1790000000123\n%s\n"):format(ada.socket))
      assert.equal(1, boot)
      assert.truthy(ada:cli "status":find "stopped cleanly", ada:cli "status")
      ada = w:start "ada"
      assert.is_nil(ada:log():find "damaged", ada:log())
      assert.truthy(ada:cli "summary":find "share: unsure", ada:cli "summary")
      assert.equal(0, ada:stop())
      assert.equal(42, kept.decode(folder.read(path "boot")))
      assert.is_true(kept.decode(folder.read(path "stamp")) >= 1790000000456)
      for _, name in ipairs { "away", "last" } do
        assert.is_truthy(kept.decode(folder.read(path(name))), name)
      end
    end)

    it("whose machine does not tell whether its clock is right, as in a container", function()
      local ada = w:start("ada", { command = "strace -D -f --seccomp-bpf -o /dev/null "
        .. "-e inject=adjtimex,clock_adjtime:error=EPERM ./dt-swarm" })
      assert.truthy(ada:out():find("clock     not synchronised", 1, true), ada:out() .. ada:log())
      assert.equal(0, ada:stop())
    end)

    it("that this user may not use", function()
      local plain = is_root()
      os.execute(("mkdir -m 555 %s/closed && mkdir -m 000 %s/theirs"):format(w.dir, w.dir))
      refused({ "Permission denied", "--state" }, { state = w.dir .. "/closed/state" }, plain)
      refused({ "Permission denied", "--state" }, { state = w.dir .. "/theirs" }, plain)
      refused({ "Permission denied", "--state" }, { state = w.dir .. "/closed" }, plain)
      os.execute(("chmod 700 %s/closed %s/theirs"):format(w.dir, w.dir))
    end)

    it("whose key is damaged", function()
      local ada = w:start "ada"
      ada:stop()
      local key = folder.read(ada.state .. "/key")
      folder.write(ada.state .. "/key", key:sub(1, -9) .. "damaged!")
      local _, err, code = w:run(w:words "ada")
      assert.equal(1, code)
      assert.truthy(err:find(ada.state .. "/key", 1, true), err)
      assert.equal(key:sub(1, -9) .. "damaged!", folder.read(ada.state .. "/key"))
    end)
  end)
end)
