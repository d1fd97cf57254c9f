-- worker_spec.lua - the pool of threads and its inline twin, with hashing as the job.
local unixfs = require "core.unixfs"
local worker = require "core.worker"
local uv = require "luv"

describe("worker", function()
  local folder
  before_each(function()
    folder = assert(uv.fs_mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/worker-XXXXXX"))
  end)
  after_each(function() os.execute("rm -rf " .. folder) end)

  local function hash(pool, name, done)
    return unixfs.hash(pool, { folder = folder, name = name }, done)
  end

  it("wakes the one who watches its descriptor, and not before", function()
    local pool = assert(worker.new {})
    local poll, results = uv.new_poll(pool:fd()), {}
    poll:start("r", function()
      for _, result in ipairs(pool:collect()) do results[#results + 1] = result end
      if #results == 3 then poll:close() end
    end)
    uv.run "nowait"
    assert.same({}, results)
    local jobs = { hash(pool, "a", "first"), hash(pool, "b"), hash(pool, "c", print) }
    uv.run()
    for i, result in ipairs(results) do
      assert.equal(jobs[i], result.job)
      assert.equal("ENOENT", result.word)
    end
    assert.same({ "first", print }, { results[1].done, results[3].done })
    assert.is_nil(results[2].done)
    assert.same({ 0, 3 }, { pool:count() })
    pool:close()
    pool:close()
    assert.is_nil(pool:fd())
    assert.same({}, pool:collect())
  end)

  it("is bounded: what was not collected counts", function()
    local pool <close> = assert(worker.new { queue = 2, threads = 2 })
    assert(hash(pool, "a"))
    assert(hash(pool, "b"))
    local refused, message, word = hash(pool, "c")
    assert.is_nil(refused)
    assert.equal("full", word)
    assert.matches("^full: ", message)
    local n = 0
    while n < 2 do n = n + #pool:collect(1) end
    assert(hash(pool, "c"))
  end)

  it("inline: nothing runs before collect, all in order, no thread, no descriptor", function()
    local pool <close> = assert(worker.new { inline = true })
    assert.is_nil(pool:fd())
    local jobs = { hash(pool, "a", 1), hash(pool, "b", 2), hash(pool, "c", 3) }
    jobs[2]:cancel()
    local results = pool:collect()
    assert.same({ 1, 2, 3 }, { results[1].done, results[2].done, results[3].done })
    assert.same({ "ENOENT", "closed", "ENOENT" }, { results[1].word, results[2].word, results[3].word })
    assert.same({}, pool:collect())
  end)

  it("forgets handles and pools in any order", function()
    os.execute("truncate -s 64G " .. folder .. "/big")
    for _ = 1, 6 do
      local pool = assert(worker.new { threads = 2 })
      for i = 1, 5 do assert(hash(pool, i % 2 == 0 and "big" or "none")) end
    end
    collectgarbage()
    collectgarbage()
    local left = io.popen("ls /proc/" .. ("%d"):format(uv.os_getpid()) .. "/task | wc -l"):read "n"
    assert.is_true(left > 0 and left < 8)
  end)

  it("leaves quietly with a state that ends while jobs run", function()
    os.execute("truncate -s 64G " .. folder .. "/big")
    local script = ([[require "core" local w = require "core.worker".new { threads = 2 }
      for i = 1, 5 do require "core.unixfs".hash(w, { folder = %q, name = "big" }) end]]):format(folder)
    local build = os.getenv "DT_SWARM_BUILD" or ".build"
    local file = assert(io.open(folder .. "/s.lua", "w"))
    file:write(("package.cpath = %q .. package.cpath\n"):format(build .. "/?.so;"), script)
    file:close()
    assert.is_true((os.execute("timeout 60 lua5.4 " .. folder .. "/s.lua")))
  end)

  it("throws on misuse", function()
    assert.error(function() worker.new { threads = 0 } end)
    assert.error(function() worker.new { threads = 99 } end)
    assert.error(function() unixfs.hash({}, { folder = folder, name = "a" }) end)
    assert.error(function() hash(worker.new { inline = true }, nil) end)
  end)
end)
