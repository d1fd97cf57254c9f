-- sensor_spec.lua - one look at real files, disks and devices: what is read, and what is never waited for.
local folder = require "spec.folder"
local sensor = require "core.sensor"
local uv = require "luv"
local worker = require "core.worker"

describe("sensor", function()
  local home, pool

  before_each(function()
    home, pool = folder.new(), assert(worker.new { threads = 1, queue = 4 })
  end)
  after_each(function()
    pool:close()
    home.remove()
  end)

  local function look(what)
    local found
    assert(sensor.look(pool, what, function(result) found = result end))
    for _ = 1, 5000 do
      for _, result in ipairs(pool:collect()) do result.done(result) end
      if found then return found end
      uv.sleep(2)
    end
    error "no result within ten seconds"
  end

  local function write(name, bytes)
    local path = home.path .. "/" .. name
    local file = assert(io.open(path, "wb"))
    file:write(bytes)
    file:close()
    return path
  end

  it("reads files whole up to four kibibytes, and says of longer ones that there is more", function()
    local empty, short, most = write("empty", ""), write("short", "1\0\255\n"), write("most", ("x"):rep(4096))
    local long = write("long", ("x"):rep(10 << 20))
    local files = look { files = { empty, short, most, long } }.files
    assert.same({ text = "", cut = false }, files[empty])
    assert.same({ text = "1\0\255\n", cut = false }, files[short])
    assert.same({ text = ("x"):rep(4096), cut = false }, files[most])
    assert.same({ text = ("x"):rep(4096), cut = true }, files[long])
  end)

  it("waits for nothing that is no regular file", function()
    local pipe, inside, none = home.path .. "/pipe", home.path .. "/folder", home.path .. "/none"
    assert(os.execute(("mkfifo %s && mkdir %s"):format(pipe, inside)))
    local files = look { files = { pipe, inside, none } }.files
    assert.same({ { code = "EINVAL" }, { code = "EISDIR" }, { code = "ENOENT" } },
      { files[pipe], files[inside], files[none] })
  end)

  it("reads what a pattern fits, the last names first, in all no more than 128 files, and says of which more are there",
    function()
      local files, zones = {}, home.path .. "/zone*"
      for i = 1, 130 do files[i] = write(("zone%03d"):format(i), tostring(i)) end
      local found = look { files = { home.path .. "/none*", zones, home.path .. "/other*" } }
      assert.equal("130", found.files[files[130]].text)
      assert.equal("3", found.files[files[3]].text)
      assert.is_nil(found.files[files[2]])
      assert.equal(zones, found.more)
      assert.is_nil(look { files = { files[1] } }.more)
    end)

  it("says of a folder that cannot be read that it cannot, and of a file that is not there nothing", function()
    local base = home.path
    assert(os.execute(("cd %s && mkdir -p sys/a sys/b sys/c sys/d && ln -s loop loop && ln -s x sys/d/temp && \z
      ln -s temp sys/b/temp && echo 1 >sys/a/temp && ln -s e sys/e"):format(base)))
    local pattern, inside = base .. "/sys/*/temp", base .. "/loop/*/temp"
    local files = look { files = { pattern, inside, base .. "/none/*/temp", base .. "/sys/*/temp/*" } }.files
    assert.same({
      [base .. "/sys/a/temp"] = { text = "1\n", cut = false }, [base .. "/sys/b/temp"] = { code = "ELOOP" },
      [base .. "/sys/e/temp"] = { code = "ELOOP" }, [inside] = { code = "ELOOP" },
      [base .. "/sys/*/temp/*"] = { code = "ELOOP" },
    }, files)
  end)

  it("tells room on disks as df does", function()
    local found = look { disks = { home.path, home.path .. "/none" } }.disks
    local df = assert(io.popen(("df -B1 --output=size,itotal %s | tail -1"):format(home.path)))
    local total, inodes = df:read("n", "n")
    df:close()
    assert.same({ total, inodes }, { found[home.path].total, found[home.path].inodes })
    assert.is_true(found[home.path].free <= total)
    assert.is_false(found[home.path].readonly)
    assert.same({ code = "ENOENT" }, found[home.path .. "/none"])
  end)

  it("says by the errno's name what this machine does not have", function()
    local found = look { interfaces = { "lo", "none", ("x"):rep(300) }, vcio = home.path .. "/vcio" }
    assert.same({ word = nil, code = "ENOENT" }, found.throttled)
    assert.is_nil(found.interfaces.lo.dbm)
    assert.is_string(found.interfaces.lo.code)
    assert.is_string(found.interfaces.none.code)
    assert.equal("ENODEV", found.interfaces[("x"):rep(300)].code)
    assert.equal("ENOENT", look({}).throttled.code)
    assert.is_boolean(found.clock.synchronised)
  end)

  it("takes nothing but lists of bounded texts", function()
    local many = {}
    for i = 1, 65 do many[i] = "/" end
    for _, what in ipairs { { files = "x" }, { files = many }, { files = { 1 } }, { files = { "a\0b" } },
      { disks = { ("x"):rep(5000) } }, { vcio = {} } } do
      assert.has_error(function() sensor.look(pool, what) end)
    end
  end)
end)
