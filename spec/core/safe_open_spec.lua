-- safe_open_spec.lua - looking beneath a folder with real links, FIFOs, devices and writers.
local safe_open = require "core.safe_open"
local uv = require "luv"

describe("safe_open", function()
  local folder
  before_each(function()
    folder = assert(uv.fs_mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/beneath-XXXXXX"))
    assert(os.execute("cd " .. folder .. " && mkdir -p in/d && cd in && echo abc > f && echo x > d/g" ..
      " && ln -s f inner && ln -s /etc outer && ln -s d dl && mkfifo p && ln -s .. up" ..
      " && echo s > ../secret" ..
      " && ln ../secret hard"))
  end)
  after_each(function() os.execute("rm -rf " .. folder) end)

  local function share() return folder .. "/in" end

  it("tells what is there, links as links", function()
    local kinds = {}
    local entries, beyond = assert(safe_open.list(share(), ""))
    for _, entry in ipairs(entries) do kinds[entry.name] = entry.kind end
    assert.equal(0, beyond)
    assert.same({
      d = "directory", f = "file", inner = "link", outer = "link", dl = "link", p = "fifo", up = "link",
      hard = "file",
    }, kinds)
    local info = uv.fs_lstat(share() .. "/f")
    local stat = safe_open.stat(share(), "f")
    assert.same({ "file", 4, info.ino, info.dev }, { stat.kind, stat.size, stat.ino, stat.dev })
    assert.equal("directory", safe_open.stat(share(), "").kind)
  end)

  it("follows no link and leaves by no other way", function()
    assert.equal("g", safe_open.list(share(), "d")[1].name)
    for _, name in ipairs { "outer", "dl", "up", "outer/ssl", "dl/g", "up/secret", "..", "../secret", "d/..",
      "/etc", "d//g", "d/", "./d" } do
      local entries, message, word = safe_open.list(share(), name)
      assert.is_nil(entries, name)
      assert.equal("link", word, name)
      assert.matches("^link: ", message)
    end
    for _, name in ipairs { "outer/passwd", "dl/g", "up/secret", "../secret" } do
      assert.equal("link", select(3, safe_open.stat(share(), name)), name)
    end
    assert.equal("ENOENT", select(3, safe_open.stat(share(), "nobody")))
    assert.equal("ENOENT", select(3, safe_open.list(folder .. "/nobody", "")))
  end)

  it("allows the folder itself to be reached through a link", function()
    os.execute("ln -s in " .. folder .. "/to")
    assert.equal("file", safe_open.stat(folder .. "/to", "f").kind)
  end)

  it("lists no more than it was asked for, and says how many there were", function()
    local entries, beyond = safe_open.list(share(), "", 3)
    assert.same({ 3, 5 }, { #entries, beyond })
  end)

  it("knows whether another process has a file open for writing", function()
    assert.is_false(safe_open.busy(share(), "f"))
    local writer = io.popen("exec 3>>" .. share() .. "/f; echo open >" .. folder .. "/said; read line", "w")
    while not uv.fs_stat(folder .. "/said") do uv.sleep(2) end
    assert.is_true(safe_open.busy(share(), "f"))
    writer:close()
    assert.is_false(safe_open.busy(share(), "f"))
    local reader = assert(io.open(share() .. "/f"))
    assert.is_false(safe_open.busy(share(), "f"))
    reader:close()
    assert.equal("link", select(3, safe_open.busy(share(), "p")))
    assert.is_nil((safe_open.busy(share(), "inner")))
    assert.is_nil((safe_open.busy(share(), "nobody")))
  end)

  it("outlives writers that open the file while it asks", function()
    local writer = io.popen("lua5.4 -e 'for i = 1, 30000 do io.open(\"" .. share() ..
      "/f\", \"a\"):close() end print \"done\"'")
    local seen, n = {}, 0
    while n < 60000 or not seen["true"] and n < 3000000 do -- on a busy machine the writer may begin late
      n = n + 1
      seen[tostring((safe_open.busy(share(), "f")))] = true
    end
    assert.equal("done", writer:read "l")
    writer:close()
    assert.is_true(seen["true"])
    assert.is_true(seen["false"])
  end)
end)
