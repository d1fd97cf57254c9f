-- hostile_policy_spec.lua - a daemon whose policy was fine when it was read and is not any more: its neighbour and its
-- control socket go on, and `status` names hook, file and line.
local folder = require "spec.folder"
local patience = require "spec.patience"
local process = require "spec.process"

local within = process.within

-- All hooks misbehave once the file evil.txt was met, each in its own way.
local QUICK <const> = "p.clients.logs.settle = { least = 0.2 * second, per = 32 * MB, most = 2 * minute } "
local POLICY <const> = QUICK .. [[
local woken = false
function p.clients.logs.share(file, here)
  if file.name == "evil.txt" then woken = true end
  local t = {}
  while woken do t = { t } end
end
function p.comms.rebroadcast() while woken do end end
function p.dcache.holds()
  if woken then error { "no text" } end
end
function p.clients.logs.fetch(file)
  if woken then return file.nothing end
end
]]

describe("a daemon whose policy misbehaves after it was checked", function()
  local w
  before_each(function() w = process.new() end)
  after_each(function() w:close() end)

  it("goes on with the default answers, and so do its neighbour and its control socket", function()
    local ada = w:start("ada", { policy = w:policy("ada.lua", POLICY) })
    local bea = w:start("bea", { policy = w:policy("bea.lua", QUICK) })
    assert.equal(0, select(2, ada:cli "policy confirm")) -- past its trial: no good one comes back by itself
    assert.truthy(within(10, function() return #bea:ask "discover".nodes == 2 end), bea:log())
    assert.same({}, ada:ask "status".policy.failed)
    folder.write(ada.share .. "/evil.txt", "evil")
    assert.truthy(within(20, function() return bea:cli "report":find("evil.txt", 1, true) end), ada:log())
    folder.write(bea.share .. "/fine.txt", "fine")
    assert.truthy(within(20, function() return ada:cli "report":find("fine.txt", 1, true) end), ada:log())
    assert.truthy(within(20, function() return #ada:ask "status".policy.failed == 4 end), ada:log())
    local began, answer = patience.now(), nil
    for _ = 1, 10 do answer = ada:ask "status" end
    patience.took("a `status` of it, the mean of ten", (patience.now() - began) / 10, 0.1)

    local lines = {} -- the policy's own lines begin with line 3 of the file
    for _, one in ipairs(answer.policy.failed) do
      lines[one.hook] = one.why
      assert.is_true(one.count >= 1, one.hook)
    end
    local share = lines["clients.logs.share"]
    assert.truthy(share:find "^ada%.lua:7: over the limit of 4194304 bytes", share)
    assert.truthy(lines["comms.rebroadcast"]:find "^ada%.lua:9: over the limit of 1000000 instructions")
    assert.truthy(lines["dcache.holds"]:find "^ada%.lua:11: threw a table instead of a text")
    assert.truthy(lines["clients.logs.fetch"]:find "^ada%.lua:14: nothing: no such fact of shared")
    local sum = 0
    for _, one in ipairs(answer.policy.failed) do sum = sum + one.count end
    assert.is_true(ada:ask "status".refused.policy >= sum)
    assert.truthy(ada:log():find("hook=clients.logs.share", 1, true), ada:log())
    assert.truthy(ada:cli "status":find "The hook clients%.logs%.share failed", ada:cli "status")

    folder.write(ada.share .. "/later.txt", "later")
    assert.truthy(within(20, function() return bea:cli "report":find("later.txt", 1, true) end), ada:log())
    assert.truthy(within(10, function() -- a newcomer is told within two seconds how each is
      local all = true
      for _, node in ipairs(bea:ask "discover".nodes) do all = all and node.status == "ready" end
      return all
    end), bea:cli "discover")
    assert.equal(0, ada:stop())
  end)
end)
