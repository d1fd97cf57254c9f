-- state_spec.lua - the state folder on the real disk and on one that fails: opened, or refused and untouched.
local kept = require "kept"
local state = require "state"
local disk = require "core.disk"
local random = require "core.random"
local sim_disk = require "core.sim"
local uv = require "luv"

local base

local function shell(command)
  local pipe = io.popen(command)
  local text = pipe:read "a"
  pipe:close()
  return text
end

-- Everything below the folder: names, modes, contents.
local function picture()
  return shell(("cd '%s' && find . -printf '%%p %%m %%s\\n' | sort; find '%s' -type f | sort | xargs -r cat")
    :format(base, base))
end

local function write(name, content)
  local file = assert(io.open(base .. "/" .. name, "w"))
  file:write(content)
  file:close()
end

local function open(dir, d) return state.open { disk = d or disk.real(), dir = base .. (dir or "/state") } end

describe("state folder", function()
  before_each(function()
    local name = os.tmpname()
    os.remove(name)
    base = assert(uv.fs_mkdtemp(name .. "XXXXXX"))
  end)
  after_each(function() os.execute("chmod -R u+rwx '" .. base .. "'; rm -rf '" .. base .. "'") end)

  it("is made private, and counts starts", function()
    for start = 1, 3 do
      local s = assert(open())
      assert.equal(start, s:boot())
      assert.equal(base .. "/state/key", s:path "key")
      s:close()
      s:close()
    end
    assert.equal("700 dt-swarm state 1 ", shell(("cd '%s' && stat -c %%a state | tr '\\n' ' ' &&"
      .. " cat state/version | tr '\\n' ' '"):format(base)))
    assert.equal(kept.encode(3), shell(("cat '%s/state/boot'"):format(base)))
    assert.equal("", shell(("find '%s/state' -type f -perm /077"):format(base)))
  end)

  it("is made with the folders above it, and closed to others if it was open", function()
    local s = assert(open "/a/b/state")
    s:close()
    uv.fs_mkdir(base .. "/open", 493)
    assert(open "/open"):close()
    assert.equal(448, uv.fs_stat(base .. "/open").mode & 511)
    uv.fs_mkdir(base .. "/far", 493)
    assert(uv.fs_symlink(base .. "/far", base .. "/near"))
    assert(open "/near"):close()
    assert.equal(448, uv.fs_stat(base .. "/far").mode & 511)
  end)

  it("may be a whole disk, with what file systems and desktops put there, and nothing else", function()
    for i, name in ipairs { "lost+found", ".Trash-1000", "System Volume Information", "$RECYCLE.BIN" } do
      uv.fs_mkdir(base .. "/disk" .. i, 493)
      uv.fs_mkdir(("%s/disk%d/%s"):format(base, i, name), 448)
      local s = assert(open("/disk" .. i))
      s:close()
      assert.equal("directory", uv.fs_stat(("%s/disk%d/%s"):format(base, i, name)).type)
    end
    for i, name in ipairs { "lost+found2", ".Trash-x", "photos" } do
      uv.fs_mkdir(base .. "/other" .. i, 493)
      uv.fs_mkdir(("%s/other%d/%s"):format(base, i, name), 448)
      assert.equal("missing", select(3, open("/other" .. i)))
    end
  end)

  it("is refused while another has it", function()
    local s = assert(open())
    local before = picture()
    local got, message, word = open()
    assert.is_nil(got)
    assert.equal("EWOULDBLOCK", word)
    assert.equal(base .. "/state is in use by another dt-swarm; stop that one, "
      .. "or give this one a folder of its own with --state", message)
    assert.equal(before, picture())
    s:close()
    assert.equal(2, assert(open()):boot())
  end)

  it("is refused from a newer version, untouched", function()
    assert(open()):close()
    write("state/version", "dt-swarm state 2\n")
    local before = picture()
    local got, message, word = open()
    assert.is_nil(got)
    assert.equal("version", word)
    assert.truthy(message:find("version 2, this dt-swarm knows 1", 1, true))
    assert.equal(before, picture())
    write("state/version", "dt-swarm stat")
    before = picture()
    got, message, word = open()
    assert.is_nil(got)
    assert.equal("form", word)
    assert.truthy(message:find(base .. "/state/version is damaged", 1, true))
    assert.equal(before, picture())
  end)

  it("is refused where something else lives, untouched", function()
    uv.fs_mkdir(base .. "/home", 493)
    write("home/thesis.tex", "x")
    local before = picture()
    local got, message, word = open "/home"
    assert.is_nil(got)
    assert.equal("missing", word)
    assert.truthy(message:find("thesis.tex", 1, true))
    got, message, word = open "/home/thesis.tex"
    assert.is_nil(got)
    assert.equal("ENOTDIR", word)
    assert.truthy(message:find("name another with --state", 1, true))
    assert.equal(before, picture())
  end)

  it("goes on after a first start that was cut short", function()
    uv.fs_mkdir(base .. "/state", 448)
    write("state/lock", "")
    write("state/version.new", "dt-sw")
    assert.equal(1, assert(open()):boot())
  end)

  it("counts on from above a damaged count, and says so", function()
    assert(open()):close()
    write("state/boot", "1x\n")
    local said = {}
    local log = { warn = function(_, _, what, facts) said[#said + 1] = what .. " " .. facts.file end }
    local function now() return 1790000000123 end
    local s = assert(state.open { disk = disk.real(), dir = base .. "/state", now = now, log = log })
    assert.equal(1790000001, s:boot())
    assert.same({ "a file is damaged: begun anew " .. base .. "/state/boot" }, said)
    s:close()
    s = assert(state.open { disk = disk.real(), dir = base .. "/state", now = now, log = log })
    assert.equal(1790000002, s:boot())
    assert.equal(1, #said)
    s:close()
  end)

  it("draws a BOOT that grows with each start, and is another one where a copy of the folder starts", function()
    local one, other = random.seeded(1), random.seeded(2)
    local last, same = 0, 0
    for _ = 1, 20 do
      local s = assert(open())
      local drawn = s:draw_boot(one)
      assert.truthy(drawn > last and drawn >> 16 == s:boot(), drawn)
      same = same + (s:draw_boot(other) == drawn and 1 or 0)
      last = drawn
      s:close()
    end
    assert.equal(0, same)
  end)

  it("goes on from the count of an earlier version", function()
    assert(open()):close()
    write("state/boot", "41\n")
    local s = assert(open())
    assert.equal(42, s:boot())
    s:close()
  end)
end)

describe("state folder on a disk that fails", function()
  it("refuses plainly, lets go of the lock, and opens when the disk is well again", function()
    local refused = 0
    for nth = 1, 40 do
      local d = sim_disk.memory(nth)
      assert(d:mkdir "/s")
      d:inject { operation = "any", nth = nth, effect = "fail", errno = "EIO" }
      local before, opened = refused, 0
      for _ = 1, 3 do
        local s, message, word = state.open { disk = d, dir = "/s" }
        if s then
          s:close()
          opened = opened + 1
        else
          refused = refused + 1
          assert.equal("EIO", word)
          assert.truthy(message:find "^EIO: /s[ /]")
          assert.is_nil(message:find("EIO: .*EIO: "))
        end
      end
      assert.truthy(refused - before <= 1 and opened >= 2)
    end
    assert.truthy(refused >= 10)
  end)

  it("never counts back over a power cut", function()
    for seed = 1, 200 do
      local d = sim_disk.memory(seed)
      assert(d:mkdir "/s")
      local told = 0
      for _ = 1, 3 do
        d:inject { operation = "any", nth = 1 + seed % 17, effect = "off" }
        local s = state.open { disk = d, dir = "/s" }
        if s then told = s:boot() end
        d = d:crash(seed)
        local again = assert(state.open { disk = d, dir = "/s" })
        assert.truthy(again:boot() > told)
        told = again:boot()
        d = d:crash(seed + 1)
      end
    end
  end)

  it("counts a start on a full disk, by writing over the number; a new folder is refused", function()
    local d = sim_disk.memory(1)
    assert(state.open { disk = d, dir = "/state" }):close()
    d:replace("/fill", ("x"):rep(1000))
    d:limit(1000 + #d:read "/state/version" + #d:read "/state/boot")
    local s = assert(state.open { disk = d, dir = "/state" })
    assert.equal(2, s:boot())
    assert.equal(kept.encode(2), d:read "/state/boot")
    s:close()
    assert.equal(2, assert(state.open { disk = d:crash(3), dir = "/state" }):boot() - 1)
    local _, message, why = state.open { disk = d, dir = "/other" }
    assert.equal("ENOSPC", why)
    assert.truthy(message:find("make room there", 1, true), message)
  end)
end)
