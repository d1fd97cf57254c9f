-- `files get`, from a gateway that really serves: as a process, and in here where counts are looked at.
local disk = require "core.disk"
local fake = require "spec.clients.fake_node"
local fetching = require "cli.fetching"
local folder = require "spec.folder"
local gateway = require "core.gateway"
local get = require "cli.get"
local json = require "core.json"
local loop = require "loop"
local patience = require "spec.patience"

local MIB <const> = 1048576

describe("files get", function()
  local home, daemons

  before_each(function()
    home, daemons = folder.new(), {}
    os.execute(("mkdir -p %s/work %s/share %s/state"):format(home.path, home.path, home.path))
  end)
  after_each(function()
    for _, one in ipairs(daemons) do
      os.execute("kill " .. one.pid)
      one.pipe:close()
    end
    home.remove()
  end)

  local function daemon(bytes, name, kind)
    folder.write(home.path .. "/share/run.bag", bytes)
    local command = "exec timeout 300 lua5.4 spec/cli/fake_daemon.lua $H/d.sock $H/state %s $H/share '%s'"
    local pipe = assert(io.popen((command:gsub("%$H", home.path):format(kind or "two", name or "run-12.bag"))))
    daemons[#daemons + 1] = { pipe = pipe, pid = assert(pipe:read "n") }
    return folder.hash(home.path .. "/share", "run.bag")
  end

  -- What is said once where it takes some seconds, as on a busy machine, is left out.
  local function quick(said) return (said:gsub("^run%-12%.bag: [^\n]*\n", "")) end

  local function run(words, before)
    local command = "cd $H/work && env -i HOME=$H TERM=xterm PATH=/usr/bin:/bin %s timeout 240 "
      .. "%s/dt-swarm-cli $H/d.sock files get %s > $H/out 2> $H/err < /dev/null"
    command = command:format(before or "", os.getenv "PWD", words):gsub("%$H", home.path)
    local _, _, code = os.execute(command)
    return folder.read(home.path .. "/out"), quick(folder.read(home.path .. "/err")), code
  end

  local function work(name) return folder.read(home.path .. "/work/" .. name) end

  local function left_over()
    local pipe = io.popen("ls -A " .. home.path .. "/work")
    local names = pipe:read "a"
    pipe:close()
    return names
  end

  it("follows a link to a folder, and takes no empty word for one", function()
    daemon "bytes"
    os.execute(("mkdir %s/work/there && ln -s there %s/work/link"):format(home.path, home.path))
    local _, err, code = run "run-12.bag --to link"
    assert.same({ "", 0, "bytes" }, { err, code, work "there/run-12.bag" })
    for _, words in ipairs { "--to ''", "--from ''", "--to=" } do
      _, err, code = run("run-12.bag " .. words)
      assert.same({ 3, true }, { code, err:find("is empty", 1, true) ~= nil }, words .. err)
    end
    assert.equal("link\nthere\n", left_over())
  end)

  it("saves the file whole under its name, and nothing beside it", function()
    local bytes = folder.bytes(5 * MIB + 7)
    local file = daemon(bytes)
    local out, err, code = run "run-12.bag"
    assert.equal("", err)
    assert.equal(0, code)
    assert.is_true(work "run-12.bag" == bytes)
    assert.equal("run-12.bag\n", left_over())
    assert.equal(("saved run-12.bag, 5.2 MB, every block checked against %s…%s\n")
      :format(file.cid:sub(1, 11), file.cid:sub(-4)), out)
  end)

  it("takes a CID or the beginning of one, and --to a folder or a new name", function()
    local file = daemon "short\n"
    os.execute("mkdir " .. home.path .. "/work/sub")
    assert.equal(0, select(3, run(file.cid .. " --to sub")))
    assert.equal(0, select(3, run(file.cid:sub(1, 20) .. " --to sub/other")))
    assert.equal("short\n", work "sub/run-12.bag")
    assert.equal("short\n", work "sub/other")
    local out = run "run-12.bag --to third --json"
    local answer = json.decode(out:sub(1, -2))
    assert.same({ schema = 1, command = "get", cid = file.cid, size = 6, path = "third" }, answer)
  end)

  it("says what it went on with, and removes partial files of files that nobody has any more", function()
    local bytes = folder.bytes(3 * MIB)
    local file = daemon(bytes)
    folder.write(home.path .. "/work/." .. file.cid .. ".part", bytes:sub(1, MIB))
    local gone = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"
    for _, age in ipairs { "3 days ago", "now" } do
      folder.write(home.path .. "/work/." .. gone .. ".part", ("x"):rep(1000))
      os.execute(("touch -d '%s' %s/work/.%s.part"):format(age, home.path, gone))
      local out, err, code = run "run-12.bag --force"
      assert.equal(0, code)
      local old = age ~= "now"
      assert.equal(old and ("Removed ./.%s.part, 1.0 kB: half of a file that nobody shares any more.\n"):format(gone)
        or "", err)
      assert.equal(old and "1.0 MB of it from an earlier time" or nil, out:match "1%.0 MB of it from an earlier time")
      assert.equal(old and "run-12.bag\n" or "." .. gone .. ".part\nrun-12.bag\n", left_over())
    end
  end)

  it("never replaces a file unless told to", function()
    daemon "new\n"
    folder.write(home.path .. "/work/run-12.bag", "old\n")
    local _, err, code = run "run-12.bag"
    assert.equal(5, code)
    assert.equal("run-12.bag is there already; --force replaces it.\n", err)
    assert.equal("old\n", work "run-12.bag")
    assert.equal(0, select(3, run "run-12.bag --force"))
    assert.equal("new\n", work "run-12.bag")
    assert.equal(5, select(3, run("run-12.bag --to " .. home.path .. "/d.sock --force")))
  end)

  it("saves nothing outside the folder, whatever a record calls it", function()
    local bad = { "../../evil", "/etc/evil", ".bashrc", "a/b", "", "..", "x\27[2J", ("n"):rep(256), "a\\b" }
    for _, name in ipairs(bad) do
      assert.equal("bafy", get.file_name(name, "bafy"))
    end
    assert.equal("bafy", get.file_name(nil, "bafy"))
    assert.equal(("n"):rep(255), get.file_name(("n"):rep(255), "bafy"))
    assert.equal("机器人 1.bag", get.file_name("机器人 1.bag", "bafy"))
    local file = daemon("x", "../evil")
    assert.equal(0, select(3, run(file.cid)))
    assert.equal(file.cid .. "\n", left_over())
  end)

  it("says at once when it may not write there", function()
    daemon "x"
    local _, err, code = run("run-12.bag --to " .. home.path .. "/missing/x")
    assert.equal(5, code)
    assert.equal(("Not fetched: the folder %s/missing is not there.\n"):format(home.path), err)
  end)

  it("says the true reason where a folder is there and takes no file", function()
    daemon "x"
    local _, err, code = run "run-12.bag --to /proc/x"
    assert.equal(5, code)
    assert.equal("Not fetched: no file can be made in /proc: it is no folder for files.\n", err)
  end)

  it("comes to its end twice at once in one folder, each with a half of its own", function()
    local bytes = folder.bytes(40 * MIB)
    daemon(bytes)
    local one = "%s/dt-swarm-cli $H/d.sock files get run-12.bag --to $H/work/%s > $H/out.%s 2>&1; echo $? >> $H/out.%s"
    local both = {}
    for i, name in ipairs { "a", "b", "c" } do both[i] = one:format(os.getenv "PWD", name, name, name) end
    os.execute(("(%s) & (%s) & (%s) & wait"):format(table.unpack(both)):gsub("%$H", home.path))
    for _, name in ipairs { "a", "b", "c" } do
      local said = quick(folder.read(home.path .. "/out." .. name))
      assert.matches("^saved .*\n0\n$", said)
      assert.is_true(work(name) == bytes)
    end
    assert.equal("a\nb\nc\n", left_over())
  end)

  it("passes over a half that is not its to write, and one that another command holds", function()
    local bytes = folder.bytes(2 * MIB)
    local file = daemon(bytes)
    local part = home.path .. "/work/." .. file.cid
    os.execute(("mkdir %s.part && ln -s /etc/passwd %s.2.part"):format(part, part))
    folder.write(part .. ".3.part", "theirs")
    local lock = assert(disk.real():lock(part .. ".3.part"))
    local _, err, code = run "run-12.bag"
    assert.equal("", err)
    assert.equal(0, code)
    assert.is_true(work "run-12.bag" == bytes)
    assert.equal("theirs", folder.read(part .. ".3.part"))
    lock:close()
  end)

  it("says when it is stopped what is kept, and goes on with it", function()
    local bytes = folder.bytes(3 * MIB)
    local file = daemon(bytes, nil, "deaf") -- so that it waits until it is stopped
    folder.write(home.path .. "/work/." .. file.cid .. ".part", bytes:sub(1, MIB))
    local command = "cd $H/work && rm -f $H/err && { env -i HOME=$H TERM=xterm PATH=/usr/bin:/bin "
      .. "%s/dt-swarm-cli $H/d.sock files get run-12.bag > $H/out 2> $H/err < /dev/null & "
      .. "for n in $(seq 300); do [ -s $H/err ] && break; sleep 0.1; done; kill -INT $!; wait $!; }"
    local _, _, code = os.execute((command:format(os.getenv "PWD"):gsub("%$H", home.path)))
    assert.equal(130, code)
    assert.equal("stopped; 1.0 MB are kept, the same command goes on\n", quick(folder.read(home.path .. "/err")))
    assert.equal("." .. file.cid .. ".part\n", left_over())
  end)

  it("shows its progress on a terminal and only there", function()
    daemon(folder.bytes(20 * MIB))
    local command = "cd $H/work && env -i HOME=$H TERM=xterm PATH=/usr/bin:/bin timeout 240 script -qec "
      .. "'stty cols 80; %s/dt-swarm-cli $H/d.sock files get run-12.bag' /dev/null < /dev/null"
    local pipe = io.popen((command:format(os.getenv "PWD"):gsub("%$H", home.path)))
    local shown = pipe:read "a"
    pipe:close()
    assert.matches("run%-12%.bag  [█░]+  [%d.]+ of 21%.0 MB", shown)
    assert.matches("\r\27%[Ksaved run%-12%.bag, 21%.0 MB", shown)
  end)

  describe("in this process", function()
    local L, open

    before_each(function()
      open = {}
      L = loop.new { on_error = function(text) error(text, 0) end }
    end)
    after_each(function()
      for _, each in ipairs(open) do each:close() end
      L:close()
    end)

    local function serve(bytes)
      folder.write(home.path .. "/share/run.bag", bytes)
      local file = folder.hash(home.path .. "/share", "run.bag")
      local g = assert(gateway.new { host = "127.0.0.1" })
      open[#open + 1] = g
      assert(g:serve(file))
      return file, g
    end

    local function fetch(file, port, options)
      local target = home.path .. "/work/x"
      options = options or {}
      local session = fetching.open { loop = L, disk = options.disk or disk.real(), timeout = options.timeout,
        space = options.space, ask = options.ask }
      local path, message, word = session:run {
        cid = file.cid, size = file.size, name = "x", target = target, on_row = options.on_row,
        sources = port and { { id = fake.DONALD, url = "http://127.0.0.1:" .. port, own = true } } or {},
        place = options.place or function() return target end,
      }
      session:close()
      return path, message, word
    end

    it("goes on where it was broken off, and believes no byte of it unchecked", function()
      local bytes = folder.bytes(8 * MIB)
      local file, g = serve(bytes)
      local part = fetching.partial(home.path .. "/work/x", file.cid)
      folder.write(part, bytes:sub(1, 3 * MIB) .. ("\0"):rep(MIB) .. bytes:sub(4 * MIB + 1, 5 * MIB))
      assert(fetch(file, g:port()))
      assert.is_true(work "x" == bytes)
      assert.equal(1 + 8 - 4, g:counts().blocks) -- the root, and what was not there or damaged
    end)

    it("holds up no timer, however slow the disk", function()
      local file, g = serve(folder.bytes(9 * MIB))
      local longest = patience.least(200, function()
        os.remove(home.path .. "/work/x")
        local slow = disk.real()
        slow:slow(300)
        local stop = patience.beats(L)
        assert(fetch(file, g:port(), { disk = slow }))
        assert.is_true(slow:counts().sync >= 3)
        return stop()
      end)
      assert.is_true(longest < 200, longest .. " ms between two beats")
    end)

    it("gives up after a while, in words, and keeps what came", function()
      local file = serve(folder.bytes(2 * MIB))
      local path, message = fetch(file, nil, { timeout = 400 })
      assert.is_nil(path)
      assert.equal("nobody who has it can be reached", message)
      local function unanswered()
        for _ = 1, 5 do -- where the machine stands still for so long it is given up before it was asked
          path, message = fetch(file, 1, { timeout = 400 })
          if path or not message:find "^no block came" then break end
        end
        assert.is_nil(path)
        return message
      end
      assert.equal("this machine does not answer", unanswered())
      assert.equal("", left_over())
      folder.write(fetching.partial(home.path .. "/work/x", file.cid), folder.bytes(2 * MIB):sub(1, MIB))
      assert.equal("this machine does not answer; 1.0 MB of 2.1 MB came and are kept: ask again to go on",
        unanswered())
    end)

    it("begins nothing that does not fit where it is to be, and says how much it needs", function()
      local file, g = serve(folder.bytes(4 * MIB))
      local path, message, word = fetch(file, g:port(), { space = function() return 2 * MIB end })
      assert.same({ nil, "disk" }, { path, word })
      assert.equal(("needs 3.4 MB more room on %s/work"):format(home.path), message)
      assert.equal(0, g:counts().blocks)
      assert.equal("", left_over())
    end)

    it("ends at once, and leaves nothing, when the daemon learns that nobody shares the file any more", function()
      local file = serve(folder.bytes(2 * MIB))
      folder.write(fetching.partial(home.path .. "/work/x", file.cid), folder.bytes(2 * MIB):sub(1, MIB))
      local asked = {}
      local session = fetching.open { loop = L, disk = disk.real(), ask = function(request, told)
        table.insert(asked, request)
        L:post(function() told(nil, "missing: no", "missing") end)
      end }
      local target = home.path .. "/work/x"
      local path, _, word = session:run { cid = file.cid, size = file.size, name = "x", target = target, sources = {},
        place = function() return target end }
      session:close()
      assert.same({ nil, "moved" }, { path, word })
      assert.same({ { command = "sources", what = file.cid } }, asked)
      assert.equal("", left_over())
    end)

    it("takes the file from who has it meanwhile", function()
      local file, g = serve(folder.bytes(2 * MIB))
      local now = { sources = { { id = fake.DONALD, url = "http://127.0.0.1:" .. g:port(), own = true } } }
      local session = fetching.open { loop = L, disk = disk.real(),
        ask = function(_, told) L:post(function() told(now) end) end }
      local target = home.path .. "/work/x"
      assert(session:run { cid = file.cid, size = file.size, name = "x", target = target, sources = {},
        place = function() return target end })
      session:close()
      assert.is_true(work "x" == folder.bytes(2 * MIB))
    end)

    it("leaves alone a file that appeared in its place meanwhile", function()
      local file, g = serve "new"
      local target = home.path .. "/work/x"
      local path = fetch(file, g:port(), { place = function() return target .. ".fetched" end,
        on_row = function() folder.write(target, "theirs") end })
      assert.equal(target .. ".fetched", path)
      assert.equal("theirs", work "x")
      assert.equal("new", work "x.fetched")
    end)
  end)
end)
