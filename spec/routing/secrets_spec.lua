-- secrets_spec.lua - passwords of channels: who may keep them, what is read, and that a policy never has their text.
local channels = require "routing.channels"
local changes = require "policy.changes"
local disks = require "core.disk"
local folder = require "spec.folder"
local policies = require "spec.policy.policies"
local secrets = require "routing.channels.secrets"
local uid = require "paths".uid()

describe("a secret of a channel", function()
  local dir, set
  before_each(function()
    dir = folder.new()
    os.execute(("mkdir -p -m 755 %s/user %s/system"):format(dir.path, dir.path))
    set = secrets.new { disk = disks.real(), folders = { dir.path .. "/user", dir.path .. "/system" }, uid = uid }
  end)
  after_each(function() dir.remove() end)

  local function put(where, bytes, mode)
    local path = ("%s/%s/irc"):format(dir.path, where)
    folder.write(path, bytes)
    os.execute(("chmod %s %s"):format(mode or "600", path))
    return path
  end

  local function refused(code, part)
    local found, text, why = set:read "irc"
    assert.same({ nil, code }, { found, why })
    assert.truthy(text:find(part, 1, true), text)
    assert.is_nil(text:find("hunter2", 1, true))
  end

  it("is the first line of its file, as that stands now", function()
    refused("missing", 'there is no secret "irc"')
    assert.equal(("Write it into %s/user/irc, and close that file with chmod 600."):format(dir.path),
      (select(4, set:read "irc")))
    put("system", "the system's\n")
    assert.equal("the system's", set:read "irc")
    put("user", "hunter2\r\nand a note\n")
    assert.equal("hunter2", set:read "irc")
    put("user", "another")
    assert.equal("another", set:read "irc")
  end)

  it("is its owner's alone: one that others may read or write is not used, nor one behind a link", function()
    local path = put("user", "hunter2\n")
    put("system", "the system's\n")
    for mode, part in pairs { ["640"] = "chmod 600", ["604"] = "chmod 600", ["660"] = "chmod go-w" } do -- any order
      os.execute(("chmod %s %s"):format(mode, path))
      refused("permission", path .. " may be ")
      assert.equal(("To use it: %s %s"):format(part, path), (select(4, set:read "irc")))
    end
    os.execute(("chmod 600 %s; mv %s %s.real; ln -s irc.real %s"):format(path, path, path, path))
    refused("permission", "is no regular file")
    if uid == 0 then
      os.execute(("rm %s; mv %s.real %s; chown 61001 %s"):format(path, path, path, path))
      refused("permission", "belongs to another user")
    end
  end)

  it("of root alone says to an ordinary user whom it has to belong to", function()
    local path = put("user", "hunter2\n")
    local function read() return nil, "EACCES: " .. path .. ": Permission denied", "EACCES" end
    set.disk = setmetatable({ read = read, stat = function(_, ...) return disks.real():stat(...) end }, {})
    refused("EACCES", path .. ": this daemon's user may not read it: make it the owner (chown)")
  end)

  it("is a line of 1 to 256 bytes, without what would end one", function()
    put("user", ("x"):rep(256))
    assert.equal(256, #set:read "irc")
    for _, bytes in ipairs { "", "\nhunter2\n", ("x"):rep(257), "hunter2\0", "hunter2\tx" } do
      put("user", bytes)
      refused("form", "its first line is the secret")
    end
    put("user", ("\n"):rep(5000))
    assert.is_nil((set:read "irc"))
  end)

  it("is named by a policy, and is nothing but that name in it", function()
    local p = assert(policies.load [[
      local p = extend "default"
      p.routing.channels = { { "/ip4/10.0.0.9/tcp/3825/dswarm-line", tls = true, proxy = "socks5h://[::1]:1080" } }
      return p]])
    local before = p:get "routing.channels"
    assert.equal("socks5h://[::1]:1080", channels.read(before[1]).proxy)
    local text = [[local p = extend "default"
p.routing.channels = { { "/ip4/10.0.0.9/tcp/3825/dswarm-line", %s } }
return p]]
    local q = assert(policies.load(text:format 'password = secret "irc"'))
    local now = q:get "routing.channels"
    assert.same({ secret = "irc" }, now[1].password)
    local change = changes.between(p, q)[1]
    assert.equal('/ip4/10.0.0.9/tcp/3825/dswarm-line (password secret "irc")', changes.words(change.row, now))
    p:close()
    q:close()
    for _, bad in ipairs { 'password = "hunter2"', 'password = secret ""', 'password = secret "../x"',
      'password = secret(7)', 'password = { "a" }', 'proxy = "socks5h://me:hunter2@a:1080"',
      'proxy = "socks4://a:1"', 'proxy = "http://a"', 'proxy = "http://a:0"', 'proxy = "http://a:65536"' } do
      local none, faults = policies.load(text:format(bad))
      assert.is_nil(none, bad)
      assert.matches("wanted a list whose item 1 is a table whose p%l+ is s", require "core.json".encode(faults), bad)
    end
  end)
end)
