-- sql_spec.lua - a database keeps what was committed, whatever the disk does; in the loop and on a thread.
local disk = require "core.disk"
local driver = require "spec.crash.driver"
local folder = require "spec.folder"
local loop = require "loop"
local patience = require "spec.patience"
local sim_disk = require "core.sim"
local sql = require "core.sql"
local worker = require "worker"

local PATH = "/state/files.db"

local function memory(seed)
  local d = sim_disk.memory(seed or 1)
  assert(d:mkdir "/state")
  return d
end

local function with_table(d)
  local db = assert(sql.open(d, PATH))
  assert(db:run { { "CREATE TABLE IF NOT EXISTS t (k INTEGER PRIMARY KEY, v TEXT)" } })
  return db
end

local function put(db, k, v, sync) return db:run({ { "INSERT OR REPLACE INTO t VALUES (?, ?)", k, v } }, sync) end
local function all(db) return db:run { { "SELECT k, v FROM t ORDER BY k" } } end

describe("core.sql", function()
  it("gives back integers, texts of any bytes, and nothing where there is none", function()
    local db = with_table(memory())
    local odd = "a\0b\255" .. ("x"):rep(100000)
    assert(put(db, math.mininteger, odd))
    assert(put(db, 7, false))
    assert.same({ { k = math.mininteger, v = odd }, { k = 7 } }, all(db))
    assert.same({ { n = 2 } }, db:run { { "SELECT count(*) AS n FROM t" } })
  end)

  it("does all of a list or nothing, and goes on after a failure", function()
    local db = with_table(memory())
    local ok, text, word = db:run { { "INSERT INTO t VALUES (1, 'a')" }, { "INSERT INTO t VALUES (1, 'b')" } }
    assert.is_nil(ok)
    assert.equal("disk", word)
    assert.truthy(text:find("UNIQUE", 1, true))
    assert.same({}, all(db))
    assert(put(db, 1, "c"))
    assert.same({ { k = 1, v = "c" } }, all(db))
  end)

  it("says that it is another database where a table or a column is not there", function()
    local db = assert(sql.open(memory(), PATH))
    for _, sentence in ipairs { "SELECT k FROM t", "DELETE FROM t" } do
      local ok, text, word = db:run { { sentence } }
      assert.same({ nil, "form" }, { ok, word })
      assert.truthy(text:find("no such table: t", 1, true))
    end
  end)

  it("takes no other values", function()
    local db = with_table(memory())
    for _, wrong in ipairs { true, 1.5, {} } do
      assert.has_error(function() put(db, 1, wrong) end)
    end
    for _, wrong in ipairs { { 1 }, { {} }, { { 7 } } } do
      assert.has_error(function() db:run(wrong) end)
    end
    assert.same({}, all(db))
  end)

  it("is found again after a close, in one file", function()
    local d = memory()
    local db = with_table(d)
    assert(put(db, 1, "a"))
    db:close()
    db:close()
    assert.equal("closed", select(3, all(db)))
    assert.same({ "files.db" }, d:list "/state")
    assert.same({ { k = 1, v = "a" } }, all(with_table(d)))
  end)

  it("says what is none, and leaves it as it is", function()
    local d = memory()
    for _, bytes in ipairs { "nonsense", ("x"):rep(5000), "SQLite format 3\0" .. ("x"):rep(5000) } do
      assert(d:replace(PATH, bytes))
      local db, text, word = sql.open(d, PATH)
      assert.is_nil(db)
      assert.equal("form", word)
      assert.truthy(text:find(PATH, 1, true))
      assert.equal(bytes, d:read(PATH))
    end
  end)

  it("says by its name what the disk refused", function()
    local d = memory()
    local db = with_table(d)
    for _, errno in ipairs { "ENOSPC", "EIO", "EROFS" } do
      d:inject { operation = "write", errno = errno }
      assert.equal(errno, select(3, put(db, 1, ("x"):rep(9000))))
      assert.same({}, all(db))
    end
    d:inject { operation = "sync", errno = "EIO" }
    assert.equal("EIO", select(3, put(db, 1, "a", true)))
    assert(put(db, 2, "b", true))
    db:close()
    assert.equal("ENOENT", select(3, sql.open(d, "/nowhere/files.db")))
  end)

  -- Rows 1 to 12, the odd ones synced, over two lives. → what was synced, as a set
  local function life(d)
    local synced, db = {}, sql.open(d, PATH)
    if not db then return synced end
    if not db:run({ { "CREATE TABLE IF NOT EXISTS t (k INTEGER PRIMARY KEY, v TEXT)" } }, true) then return synced end
    for k = 1, 12 do
      local sync = k % 2 == 1
      if put(db, k, ("%d"):format(k):rep(700), sync) and sync then synced[k] = true end
    end
    db:close()
    return synced
  end

  it("is whole after any power cut, has what was synced, and nothing before it is missing", function()
    local whole = memory()
    life(whole)
    local operations, found = driver.operations(whole), 0
    assert(operations > 30, operations)
    for cut = 1, operations do
      local d = memory(cut)
      d:inject { nth = cut, effect = "off" }
      local synced = life(d)
      for again = 1, 4 do
        local image = d:crash(cut * 100 + again)
        if not image:stat "/state" then assert(image:mkdir "/state") end
        local db = assert(sql.open(image, PATH))
        local rows, n = db:run { { "SELECT k, v FROM t ORDER BY k" } } or {}, 0
        for i, row in ipairs(rows) do
          assert.equal(i, row.k) -- each row was written after those before it
          assert.equal(("%d"):format(i):rep(700), row.v)
        end
        for k in pairs(synced) do n = math.max(n, k) end -- in any order
        assert.is_true(#rows >= n, ("cut %d: %d rows of %d"):format(cut, #rows, n))
        found = found + #rows
      end
    end
    assert(found > operations, found)
  end)

  describe("on a thread", function()
    local home, L

    before_each(function() home, L = folder.new(), loop.new { on_error = error } end)
    after_each(function()
      L:close()
      home.remove()
    end)

    local function run(w, what)
      local result
      assert(w:run(sql.running, what, function(r)
        result = r
        L:stop()
      end))
      L:run()
      return result
    end

    it("gives rows and failures, and holds up no timer on a slow disk", function()
      local d, w = disk.real(), worker.new { loop = L }
      local db = assert(sql.open(d, home.path .. "/files.db"))
      assert.same({}, run(w, { db = db, list = { { "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)" } } }).rows)
      d:slow(300)
      local row = 0
      local longest = patience.least(200, function()
        row = row - 1 -- another one each time
        local stop = patience.beats(L)
        local list = { { "INSERT INTO t VALUES (?, ?)", row, "a" }, { "SELECT v FROM t WHERE k = ?", row } }
        assert.same({ { v = "a" } }, run(w, { db = db, list = list, sync = true }).rows)
        return stop()
      end)
      assert.is_true(longest < 200, longest .. " ms")
      local before = L:now()
      assert(db:run({ { "INSERT INTO t VALUES (2, 'b')" } }, true)) -- negative control: in the loop
      assert.is_true(L:now() - before >= 290)
      assert.equal("disk", run(w, { db = db, list = { { "INSERT INTO t VALUES (2, 'again')" } } }).word)
      d:slow(0)
      w:close()
      db:close()
      assert.same({ "files.db" }, d:list(home.path))
    end)
  end)
end)
