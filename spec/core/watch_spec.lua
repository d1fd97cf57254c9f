-- watch_spec.lua - inotify's events as they come from real changes.
local watch = require "core.watch"
local uv = require "luv"

describe("watch", function()
  local folder, w
  before_each(function()
    folder = assert(uv.fs_mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/watch-XXXXXX"))
    w = assert(watch.new())
  end)
  after_each(function()
    w:close()
    os.execute("rm -rf " .. folder)
  end)

  local function names(what)
    local seen = {}
    for _, event in ipairs(assert(w:read())) do
      if event[what] then seen[#seen + 1] = event.name or "-" end
    end
    return seen
  end

  it("tells who wrote, closed, renamed and removed what", function()
    local wd = assert(w:add(folder))
    assert.same({}, w:read())
    local file = io.open(folder .. "/a", "w")
    file:write "x"
    file:flush()
    assert.same({ { wd = wd, name = "a", create = true }, { wd = wd, name = "a", modify = true } }, w:read())
    file:close()
    assert.same({ { wd = wd, name = "a", close_write = true } }, w:read())
    os.rename(folder .. "/a", folder .. "/b")
    assert.same({
      { wd = wd, name = "a", moved_from = true }, { wd = wd, name = "b", moved_to = true },
    }, w:read())
    os.remove(folder .. "/b")
    assert.same({ "b" }, names "delete")
    uv.fs_mkdir(folder .. "/d", 493)
    assert.same({ { wd = wd, name = "d", create = true, isdir = true } }, w:read())
    w:remove(wd)
    w:remove(wd)
    assert.same({ { wd = wd, ignored = true } }, w:read())
    io.open(folder .. "/c", "w"):close()
    assert.same({}, w:read())
  end)

  it("says when events were lost", function()
    assert(w:add(folder))
    local limit = io.open("/proc/sys/fs/inotify/max_queued_events"):read "n"
    for i = 1, limit // 2 + 100 do io.open(folder .. "/" .. i % 9, "w"):close() end
    local overflow = false
    repeat
      local events = w:read()
      for _, event in ipairs(events) do overflow = overflow or event.overflow or false end
    until #events == 0
    assert.is_true(overflow)
  end)

  it("watches folders only, through links only when told", function()
    os.execute("ln -s " .. folder .. " " .. folder .. "/l; touch " .. folder .. "/f")
    assert.equal("ENOTDIR", select(3, w:add(folder .. "/l")))
    assert.equal("ENOTDIR", select(3, w:add(folder .. "/f")))
    assert.equal("ENOENT", select(3, w:add(folder .. "/n")))
    assert.is_number(w:add(folder .. "/l", true))
  end)

  it("is closed twice without harm, and used no more", function()
    w:close()
    w:close()
    assert.error(function() w:read() end)
  end)
end)
