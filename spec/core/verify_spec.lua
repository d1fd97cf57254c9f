-- verify_spec.lua - many signatures in one job on a thread: each judged as alone.
local worker = require "core.worker"
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

local function judged(list)
  local pool = worker.new { threads = 1 }
  list.swarm = list.swarm or "duckietown"
  assert(verify.statements(pool, list, nil))
  local result
  for _ = 1, 200 do
    result = pool:collect()[1]
    if result then break end
    os.execute "sleep 0.01"
  end
  pool:close()
  return result.words
end

describe("signatures on a thread", function()
  it("are judged one by one, in the order given", function()
    assert.same({ true, "signature", true, "signature", "signature" },
      judged { word(1), forged(2), word(3), forged(4), forged(5) })
  end)

  it("of another swarm do not fit", function()
    assert.same({ "signature" }, judged { word(1), swarm = "elsewhere" })
  end)

  it("outlive the statements that they were made from", function()
    local list = {}
    for n = 1, 256 do list[n] = n % 7 == 0 and forged(n) or word(n) end
    local pool = worker.new { threads = 2 }
    list.swarm = "duckietown"
    verify.statements(pool, list, nil)
    list = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    local result
    repeat result = pool:collect()[1] until result
    pool:close()
    for n = 1, 256 do assert.equal(n % 7 ~= 0 or "signature", result.words[n]) end
  end)

  it("are at least one and at most 256, of one pool and one swarm", function()
    local pool = worker.new { inline = true }
    assert.has_error(function() verify.statements(pool, { swarm = "x" }) end)
    assert.has_error(function() verify.statements(pool, { word(1) }) end)
    assert.has_error(function() verify.statements(pool, { "line", swarm = "x" }) end)
    pool:close()
    assert.equal("closed", select(3, verify.statements(pool, { word(1), swarm = "x" })))
  end)
end)
