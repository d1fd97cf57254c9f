-- logs_consent_spec.lua - the owner's permission file in every state it can be in.
local consent = require "clients.logs.consent"
local disk = require "core.disk"
local uv = require "luv"

describe("consent", function()
  local folder, path, now, c
  before_each(function()
    folder = assert(uv.fs_mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/consent-XXXXXX"))
    path, now = folder .. "/allow", 0
    c = consent.new { disk = disk.real(), loop = { now = function() return now end }, path = path }
  end)
  after_each(function() os.execute("rm -rf " .. folder) end)

  local function write(bytes)
    local file = assert(io.open(path, "w"))
    file:write(bytes)
    file:close()
  end

  it("is given by putting a file into the folder, where there is no permission file", function()
    assert.is_true(c:logs())
    c.path = folder .. "/none/allow"
    assert.is_true(c:logs())
    assert.is_true(consent.new { disk = disk.real(), path = false }:logs())
  end)

  it("is what the file says now", function()
    for _, case in ipairs { { "1", true }, { "0", false }, { " 1\n", true }, { "", false }, { "11", false },
      { "yes", false }, { "1 0", false }, { "1", true } } do
      write(case[1])
      now = now + 1000
      assert.equal(case[2], (c:logs()), case[1])
    end
    os.remove(path)
    assert.is_true(c:logs())
  end)

  it("is read again within a second when the file changed", function()
    write "1"
    assert.is_true(c:logs())
    write "00"
    assert.is_false(c:logs())
  end)

  it("is unknown when the file cannot be read, and says why", function()
    assert(uv.fs_mkdir(path, 448))
    local answer, why = c:logs()
    assert.is_nil(answer)
    assert.matches("cannot be read", why)
    os.execute("rmdir " .. path .. " && ln -s /dev/zero " .. path)
    assert.is_nil((c:logs()))
    os.remove(path)
    write(("1"):rep(1000))
    assert.is_nil((c:logs()))
  end)
end)
