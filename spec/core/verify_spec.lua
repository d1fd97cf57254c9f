-- verify_spec.lua - many signatures in one job on a thread: each judged as alone.
local worker = require "core.worker"
local batch = require "core.batch"
local verify = require "core.verify"
local statement = require "core.statement"
local key = require "core.key"

local owner = key.generate(("v"):rep(32))

local function word(n)
  return statement.sign(owner, "duckietown", { verb = "propose", bucket = "share/files", key = "k" .. n,
    at = 1700000000000 + n, valid_from = 1699999984, valid_until = 1700000000, data = "{}" })
end

local function forged(n)
  local line = word(n).line
  local other = line:sub(1, 1) == "A" and "B" or "A"
  return statement.parse(other .. line:sub(2))
end

local function frame(list)
  local lines = {}
  for i, st in ipairs(list) do lines[i] = st.line end
  return batch.new(table.concat(lines, "\n"))
end

local function words(list, from, to)
  local found = {}
  for i = from or 1, to or #list do found[#found + 1] = list:code(i) or true end
  return found
end

-- Runs a job to its end.
local function check(job, threads)
  local pool, result = worker.new { threads = threads or 1 }, nil
  assert(verify.batches(pool, job, nil))
  for _ = 1, 3000 do
    result = pool:collect()[1]
    if result then break end
    os.execute "sleep 0.01"
  end
  pool:close()
  assert.is_truthy(result)
end

describe("signatures on a thread", function()
  it("are judged one by one, at the places given", function()
    local list = frame { word(1), forged(2), word(3), forged(4), forged(5), forged(6) }
    check { swarm = "duckietown", list, 2, 5 }
    assert.same({ true, "signature", true, "signature", "signature", true }, words(list), "6 was not looked at")
  end)

  it("of several frames are one job", function()
    local one, other = frame { word(1), forged(2) }, frame { forged(3), word(4) }
    check { swarm = "duckietown", one, 1, 2, other, 1, 1, other, 2, 2 }
    assert.same({ { true, "signature" }, { "signature", true } }, { words(one), words(other) })
  end)

  it("of another swarm do not fit", function()
    local list = frame { word(1) }
    check { swarm = "elsewhere", list, 1, 1 }
    assert.same({ "signature" }, words(list))
  end)

  it("may be let go of while a thread looks at them", function()
    local all = {}
    for n = 1, 256 do all[n] = n % 7 == 0 and forged(n) or word(n) end
    local pool, list = worker.new { threads = 2 }, frame(all)
    verify.batches(pool, { swarm = "duckietown", list, 1, 256 }, nil)
    list:close()
    list, all = nil, nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    local result
    repeat result = pool:collect()[1] until result
    pool:close()
  end)

  it("that no thread comes to are closed, also where the pool goes first", function()
    local list, pool = frame { word(1), word(2) }, worker.new { inline = true }
    verify.batches(pool, { swarm = "duckietown", list, 1, 2 }, nil)
    pool:close()
    assert.same({ "closed", "closed" }, words(list))
    local other = frame { word(1) }
    assert.equal("closed", select(3, verify.batches(pool, { swarm = "duckietown", other, 1, 1 })))
    assert.equal("closed", other:code(1))
  end)

  it("are places of a batch that nothing is known against, of one pool and one swarm", function()
    local pool, list = worker.new { inline = true }, frame { word(1), word(2) }
    list:refuse(2, "quota")
    for _, job in ipairs { { swarm = "x" }, { list, 1, 1 }, { swarm = "x", "line", 1, 1 }, { swarm = "x", list, 0, 1 },
      { swarm = "x", list, 1, 3 }, { swarm = "x", list, 1, 2 }, { swarm = ("x"):rep(257), list, 1, 1 } } do
      assert.has_error(function() verify.batches(pool, job) end)
    end
    pool:close()
  end)
end)
