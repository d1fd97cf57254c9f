-- state_health_spec.lua - a state folder that takes nothing, or is not there: said once, with what to do, and its end.
local disk = require "core.disk"
local state_health = require "state_health"
local simloop = require "sim.loop"
local uv = require "luv"

describe("the state folder", function()
  local dir, loop, lines, one

  before_each(function()
    dir = assert(uv.fs_mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/state_health-XXXXXX"))
    os.execute(("mkdir %s/state && touch %s/state/lock"):format(dir, dir))
    loop, lines = simloop.new(), {}
    local function say(_, _, _, facts) lines[#lines + 1] = facts[2] and facts[2][2] or "over" end
    one = state_health.new { loop = loop, log = { error = say, info = say }, disk = disk.real(), dir = dir .. "/state" }
    one:start()
  end)
  after_each(function() os.execute("rm -rf " .. dir) end)

  it("that cannot be written is said once, with the cure of its word, and when it is written again", function()
    for _ = 1, 3 do one:told "EROFS: /x: Read-only file system" end
    assert.same({ "it cannot be written: EROFS: /x: Read-only file system" }, lines)
    assert.equal("EROFS", one.trouble.word)
    assert.is_truthy(one.trouble.cure:find("dmesg", 1, true), one.trouble.cure)
    one:told()
    one:told()
    assert.is_nil(one.trouble)
    assert.equal(2, #lines)
    loop:run_until(20000)
    assert.equal(2, #lines)
  end)

  it("whose disk is not there is said though nothing is written, as is another one in its place", function()
    os.rename(dir .. "/state", dir .. "/gone")
    loop:run_until(20000)
    assert.same({ "its disk is not there" }, lines)
    assert.equal("away", one.trouble.word)
    local since = one.trouble.since
    for second = 21, 29, 2 do -- writes fail and succeed meanwhile, by the files that are open
      one:told(second % 4 == 1 and "EIO: /x: Input/output error" or nil)
      loop:run_until(second * 1000)
    end
    assert.same({ "away", since, 1 }, { one.trouble.word, one.trouble.since, #lines })
    os.rename(dir .. "/gone", dir .. "/state")
    loop:run_until(30000)
    assert.is_nil(one.trouble)
    os.execute(("mv %s/state %s/gone && mkdir %s/state && touch %s/state/lock"):format(dir, dir, dir, dir))
    loop:run_until(40000)
    assert.equal("another folder is in its place", one.trouble.text)
  end)
end)
