-- disk_spec.lua - the kernel's disk and the one in memory do the same; the latter loses only what it may.
local disk = require "core.disk"
local sim_disk = require "core.sim"

local function temporary()
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute("mkdir -m 700 " .. path))
  return path
end

local function remove(path)
  os.execute("rm -rf " .. path)
end

local function generator(seed)
  local state = seed * 2654435761 % 4294967296
  return function(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % n
  end
end

-- One step by chance; what it answered, as a text that must be the same on every disk.
local function step(d, root, draw)
  local name = root .. "/" .. ("abc"):sub(draw(3) + 1):sub(1, 1)
  local other = root .. "/" .. ("abc"):sub(draw(3) + 1):sub(1, 1)
  local what, offset, size = draw(8), draw(2000), draw(1500)
  local value, _, word
  if what == 0 then
    value, _, word = d:replace(name, ("r"):rep(size))
  elseif what == 1 then
    value, _, word = d:unlink(name)
  elseif what == 2 then
    value, _, word = d:rename(name, other)
  elseif what == 3 then
    value, _, word = d:read(name)
  elseif what == 4 then
    value = table.concat(d:list(root), " ")
  elseif what == 5 then
    local stat = d:stat(name)
    value = stat and stat.kind .. stat.size .. " " .. stat.mode
  else
    local file = d:open(name, ({ "read", "write", "create", "new" })[draw(4) + 1])
    if file then
      value = tostring(file:pwrite(("w"):rep(size), offset))
      if draw(2) == 0 then value = value .. tostring(file:truncate(draw(2500))) end
      value = value .. file:pread(5000)
      file:close()
    end
  end
  return what .. " " .. tostring(value) .. " " .. tostring(word)
end

-- Each ACT(disk, root, draw) tells the same of a real disk and of one in memory.
local function compare(act)
  local root = temporary()
  for seed = 1, 60 do
    local place = root .. "/" .. seed
    local real, memory = disk.real(), sim_disk.memory(seed)
    local here, there = generator(seed), generator(seed)
    assert(real:mkdir(place))
    assert(memory:mkdir(place))
    for i = 1, 60 do
      local a, b = act(real, place, here), act(memory, place, there)
      assert.equal(a:sub(1, 300), b:sub(1, 300), "seed " .. seed .. " step " .. i)
      assert.equal(a, b)
    end
  end
  remove(root)
end

describe("core.disk", function()
  it("does in memory what the kernel does", function()
    compare(step)
  end)

  for _, kind in ipairs { "real", "memory" } do
    it("keeps manners: " .. kind, function()
      local root, d = temporary(), kind == "real" and disk.real() or sim_disk.memory(1)
      assert(d:mkdir(root .. "/x/y"))
      assert(d:mkdir(root .. "/x/y"))
      local path = root .. "/x/y/key"
      assert(d:replace(path, "secret"))
      assert.equal(384, d:stat(path).mode) -- 0600
      assert.equal("secret", d:read(path))
      assert.equal("long", select(3, d:read(path, 5)))
      assert.equal("ENOENT", select(3, d:read(path .. "2")))
      assert.equal("EEXIST", select(3, d:open(path, "new")))
      assert.equal("EISDIR", select(3, d:open(root .. "/x")))
      assert.equal("directory", d:stat(root .. "/x").kind)
      assert.equal("ENAMETOOLONG", select(3, d:open(("x"):rep(600))))
      assert.same({ "key" }, d:list(root .. "/x/y"))
      local lock = assert(d:lock(root .. "/lock"))
      assert.equal("EWOULDBLOCK", select(3, d:lock(root .. "/lock")))
      assert(lock:close())
      assert(lock:close())
      assert(d:lock(root .. "/lock")):close()
      local file = d:open(path, "write")
      file:close()
      assert.has_error(function() file:sync() end)
      remove(root)
    end)
  end

  -- One step with folders by chance, likewise.
  local function folder_step(d, root, draw)
    local one, other = ("%s/%d"):format(root, draw(4)), ("%s/%d"):format(root, draw(4))
    local what = draw(7)
    local value, _, word
    if what < 2 then
      value, _, word = d:mkdir(one)
    elseif what == 2 then
      value, _, word = d:replace(one .. "/file", tostring(draw(100)))
    elseif what == 3 then
      value, _, word = d:rename(one, other)
    elseif what == 4 then
      value, _, word = d:exchange(one, other)
    elseif what == 5 then
      value, _, word = d:rmdir(one)
    else
      value, _, word = d:unlink(one .. "/file")
    end
    local seen = {}
    for i, name in ipairs(d:list(root)) do seen[i] = name .. tostring(d:read(("%s/%s/file"):format(root, name))) end
    return ("%d %s %s %s"):format(what, value, word, table.concat(seen, " "))
  end

  it("moves, exchanges and removes folders in memory as the kernel does", function()
    compare(folder_step)
  end)

  it("exchanges two folders whole when that is cut anywhere, and for good once their folder is synced", function()
    local seen = {}
    for cut = 1, 3 do
      for seed = 1, 40 do
        local d = sim_disk.memory(seed)
        for _, name in ipairs { "old", "new" } do
          assert(d:mkdir("s/" .. name))
          assert(d:replace(("s/%s/f"):format(name), name))
        end
        if cut < 3 then d:inject { nth = cut, effect = "off" } end
        local done = d:exchange("s/old", "s/new") and d:sync_directory "s"
        local after = d:crash(seed)
        local found = after:read "s/old/f" .. after:read "s/new/f"
        assert.truthy(found == "oldnew" or found == "newold", found)
        if done then assert.equal("newold", found) end
        seen[found] = true
      end
    end
    assert(seen.oldnew and seen.newold)
  end)

  it("says ENOSYS where the file system knows no exchange", function()
    local d = sim_disk.memory(1)
    for _, name in ipairs { "a", "b" } do assert(d:mkdir(name)) end
    d:inject { operation = "exchange", errno = "ENOSYS" }
    assert.equal("ENOSYS", select(3, d:exchange("a", "b")))
  end)

  it("follows no link and waits for no fifo", function()
    local root, d = temporary(), disk.real()
    os.execute("ln -s /etc/hostname " .. root .. "/link; mkfifo " .. root .. "/fifo")
    assert.equal("ELOOP", select(3, d:open(root .. "/link")))
    assert.equal("ENXIO", select(3, d:open(root .. "/fifo")))
    assert.equal("link", d:stat(root .. "/link").kind)
    remove(root)
  end)

  it("keeps the old or the new file whole when replacing is cut anywhere", function()
    local seen = {}
    for cut = 1, 8 do
      for seed = 1, 40 do
        local d = sim_disk.memory(seed)
        d:mkdir("s")
        assert(d:replace("s/f", "old"))
        d:inject { nth = cut, effect = "off" }
        local ok = d:replace("s/f", ("new"):rep(500))
        local found = d:crash(seed):read("s/f")
        assert(found == "old" or found == ("new"):rep(500), found)
        if ok then assert.equal(("new"):rep(500), found) end
        seen[found] = true
      end
    end
    assert(seen.old and seen[("new"):rep(500)])
  end)

  it("keeps what was synced, and loses or tears the rest by seed", function()
    local lost, kept, torn, nameless = 0, 0, 0, 0
    for seed = 1, 200 do
      local d = sim_disk.memory(seed)
      d:mkdir("s")
      local file = d:open("s/f", "new")
      file:pwrite(("a"):rep(2000))
      file:sync()
      local bare = d:crash(seed)
      d:sync_directory("s")
      file:pwrite(("b"):rep(2000), 2000)
      local found = d:crash(seed):read("s/f")
      assert.equal(("a"):rep(2000), found:sub(1, 2000))
      assert.equal(found, d:crash(seed):read("s/f"))
      local rest = found:sub(2001)
      if rest == "" then lost = lost + 1
      elseif rest == ("b"):rep(2000) then kept = kept + 1
      else torn = torn + 1 end
      if not bare:read("s/f") then nameless = nameless + 1 end
      assert.equal(4000, #d:read("s/f"))
    end
    assert(lost > 10 and kept > 10 and torn > 10 and nameless > 10)
  end)

  it("fails, tears, shortens and forgets as told", function()
    local d = sim_disk.memory(7)
    local file = d:open("f", "new")
    d:sync_directory(".")
    d:inject { operation = "write", nth = 2, errno = "ENOSPC" }
    assert(file:pwrite("one"))
    assert.equal("ENOSPC", select(3, file:pwrite("two", 3)))
    assert.equal("one", d:read("f"))
    d:inject { operation = "write", effect = "short" }
    assert(file:pwrite(("x"):rep(1000), 3))
    assert.equal(1003, #d:read("f"))
    d:inject { operation = "sync", effect = "forget" }
    assert(file:sync())
    local lost = 0
    for seed = 1, 20 do if #d:crash(seed):read("f") == 0 then lost = lost + 1 end end
    assert(lost > 0)
    assert(file:sync())
    for seed = 1, 20 do assert.equal(1003, #d:crash(seed):read("f")) end
    d:limit(1100)
    assert.equal("ENOSPC", select(3, file:pwrite(("y"):rep(1000), 1003)))
    assert.equal(1100, #d:read("f"))
  end)

  it("never brings to the disk what a failed sync dropped", function()
    local d = sim_disk.memory(3)
    local file = d:open("f", "new")
    d:sync_directory(".")
    file:pwrite(("x"):rep(1024))
    d:inject { operation = "sync" }
    assert.equal("EIO", select(3, file:sync()))
    assert(file:sync())
    assert.equal(("x"):rep(1024), d:read("f"))
    for seed = 1, 20 do assert.equal(("\0"):rep(1024), d:crash(seed):read("f")) end
  end)

  it("is off once the power has gone", function()
    local d = sim_disk.memory(1)
    d:inject { nth = 2, effect = "off" }
    assert(d:open("a", "new"))
    d:open("b", "new")
    assert.equal("EIO", select(3, d:open("c", "new")))
    assert.equal("EIO", select(3, d:sync_directory(".")))
    assert(d:crash(1):open("c", "new"))
  end)
end)
