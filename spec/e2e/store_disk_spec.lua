-- store_disk_spec.lua - a server's store on a small disk of its own: full, read-only, and away in the middle of a file.
-- It is said by name, nothing counts as lost, and it goes on by itself. Whole daemons.
-- mostly waits: for disks that are looked at each minute
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local MIB <const> = 1 << 20
local POLICY <const> = [[local p = extend "server"
p.clients.logs.settle = { least = 0.2 * second, per = 1 * GB, most = 1 * second }
p.clients.logs.store = %q
function p.clients.logs.fetch() return 5, "everything" end
return p
]]

describe("a store on a disk", function()
  local s, why, store

  local function within(bar, what, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. "\n" .. s:cli("lab", "files list") .. s:cli("ada", "report") .. s:logs())
    patience.took(what, took, bar)
  end

  local function share(name, bytes)
    folder.write(s:path("ada", "share/" .. name), folder.bytes(bytes, #name))
  end

  local function held(name)
    for _, file in ipairs((s:ask("lab", "files list") or { held = {} }).held) do
      if file.name == name and file.state == "held" then return file end
    end
  end

  -- Who has the file, as ada knows.
  local function copies(name) return #((s:file("ada", name) or {}).copies or {}) end

  local function mount(words)
    local text, code = swarm.sh(("mount -o %s %s"):format(words, store))
    assert(code == 0, text)
  end

  -- A command that sees the mounts of the lab's daemon.
  local function at_lab(command)
    return swarm.sh(("nsenter -m -t %d sh -c %q"):format(s.running.lab.pid, command))
  end

  -- The lab says by that word and by name what is wrong with its disk, on its own and to ada.
  local function says(word, words)
    within(75, "the lab says " .. word, function()
      local disk = (s:ask("lab", "files list") or {}).disk
      return disk and disk.word == word and disk.text:find(store, 1, true) and disk.text:find(words, 1, true)
    end)
  end

  setup(function()
    s, why = swarm.new { "ada", "lab" }
    if not s then return end
    store = s:path("lab", "store")
    swarm.sh(("mkdir -p %s %s"):format(store, s:path("ada", "share")))
    local text, code = swarm.sh(("mount -t tmpfs -o size=8M tmpfs %s"):format(store))
    if code ~= 0 then
      why = text
      s:close()
      s = nil
      return
    end
    s.mounts[#s.mounts + 1] = store
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    folder.write(s.dir .. "/lab.lua", POLICY:format(store))
    s:start("lab", s.dir .. "/lab.lua")
    s:start "ada"
    share("first.bag", 2 * MIB)
    within(30, "the first file is there", function() return held "first.bag" and copies "first.bag" == 2 end)
  end)

  teardown(function() if s then s:close() end end)
  before_each(function() if not s then pending(why) end end)

  it("that is full says so and for how many files, takes the small ones, and the others when room was made", function()
    share("long.bag", 9 * MIB)
    says("ENOSPC", "room")
    assert.is_true(s:ask("lab", "files list").disk.needed > MIB)
    share("x.bag", 100000)
    within(30, "a small one comes", function() return held "x.bag" end)
    within(30, "ada says who cannot take it", function()
      return s:cli("ada", "files why long.bag"):find("lab", 1, true)
    end)
    mount "remount,size=32M"
    within(75, "the long one comes", function() return held "long.bag" and copies "long.bag" == 2 end)
    within(75, "nothing is wrong any more", function() return not s:ask("lab", "files list").disk end)
  end)

  -- Takes a while: only in `make soak`.
  local function fills_up()
    s:slow("ada", 16)
    share("middle.bag", 12 * MIB)
    within(30, "it comes", function()
      local row = (s:ask("lab", "files list") or { fetching = {} }).fetching[1]
      return row and (row.done or 0) > 0
    end)
    swarm.sh(("dd if=/dev/zero of=%s/filler bs=1M count=40 2>/dev/null"):format(store))
    says("ENOSPC", "is full")
    assert.same({ 2, 2 }, { copies "first.bag", copies "long.bag" })
    swarm.sh(("rm %s/filler"):format(store))
    within(90, "it is there", function() return held "middle.bag" end)
  end
  if SOAK then it("that fills up in the middle of a file by others goes on when they made room", fills_up) end

  it("that is read-only says so, keeps and gives what it has, and takes again when it may be written", function()
    mount "remount,ro"
    share("later.bag", 300000)
    says("EROFS", "is read-only")
    assert.same({ 2, "held" }, { copies "first.bag", held "first.bag".state })
    local cid = s:file("ada", "first.bag").cid
    local got = s.world:run("ada", ("curl -s -o /dev/null -w '%%{http_code}' 'http://%s:3826/ipfs/%s'"):format(
      s.world:address "lab", cid))
    assert.equal("200", got:match "%d%d%d")
    assert.is_nil(held "later.bag")
    mount "remount,rw,size=64M"
    within(90, "it comes", function() return held "later.bag" end)
  end)

  it("that goes away in the middle of a file has lost nothing, has nothing in its place, and goes on", function()
    s:slow("ada", 8) -- a busy machine, too, finds it in the midst of that
    share("last.bag", 8 * MIB)
    within(60, "it comes", function()
      local row = (s:ask("lab", "files list") or { fetching = {} }).fetching[1]
      return row and (row.done or 0) > 0
    end)
    swarm.sh(("mkdir -p %s/aside"):format(s.dir))
    assert.equal("", (at_lab(("mount --bind %s %s/aside && umount -l %s"):format(store, s.dir, store))))
    within(75, "the lab says so", function() return (s:ask("lab", "files list") or {}).disk end)
    os.execute "sleep 2"
    assert.same({ 2, 2, 2 }, { copies "first.bag", copies "long.bag", copies "later.bag" })
    assert.equal("", (at_lab(("find %s -name '*.bag'"):format(store))))
    at_lab(("mount --bind %s/aside %s"):format(s.dir, store))
    within(90, "it is there", function() return held "last.bag" and held "first.bag" end)
    assert.equal(folder.read(s:path("ada", "share/last.bag")), folder.read(held "last.bag".path))
  end)
end)
