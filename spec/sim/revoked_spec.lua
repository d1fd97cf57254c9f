-- A lab of several nodes: by a token all are members; who is revoked leaves index and digests everywhere, and who is
-- let in again gets his words back.
local file_key = require "spec.file_key"
local json = require "core.json"
local labs = require "spec.labs"
local policies = require "spec.policy.policies"
local sim = require "sim"

local MINUTE = 60 * 1000

-- COUNT robots with the lab file, each of which has shared one file.
local function world(count, options)
  options = options or {}
  local policy = assert(policies.with "")
  local lab = labs.new { name = "robotics", robots = count, roots = options.roots }
  local w, nodes = sim.new { seed = options.seed or 1, policy = policy, loss = options.loss }, {}
  for i, robot in ipairs(lab.robots) do
    nodes[i] = w:add(robot.name, { lab = lab:read(), identity = { id = robot.id, key = robot.key },
      clock = options.clock })
  end
  local one = { w = w, lab = lab, nodes = nodes, policy = policy }
  function one.offer(node, ...)
    local results
    node.comms:offer({ ... }, function(list) results = list end)
    w:run(1000)
    return results
  end
  function one.share(i, name)
    return assert(nodes[i].comms:propose("share/files", { class = "lab", names = json.array { name }, size = 1 },
      { key = file_key(name) }))
  end
  return one
end

-- Do all NODES hold the same, digest by digest?
local function is_equal(nodes)
  for _, class in ipairs(nodes[1].dcache:kept_classes()) do
    local first = nodes[1].dcache:digest(class.name, 0)
    for i = 2, #nodes do
      if nodes[i].dcache:digest(class.name, 0) ~= first then return false end
    end
  end
  return true
end

-- Runs until TEST() is true, at most MS. → ms | nil
local function until_true(one, ms, test)
  for at = 0, ms, 500 do
    if test() then return at end
    one.w:run(500)
  end
end

local function all(nodes, test)
  for _, node in ipairs(nodes) do
    if not test(node) then return false end
  end
  return true
end

local function without(list, n)
  local rest = table.move(list, 1, #list, 1, {})
  table.remove(rest, n)
  return rest
end

local function is_held(name)
  return function(node)
    local record = node.dcache:record("share/files", file_key(name))
    return record ~= nil and record.holds
  end
end

local function is_known(name)
  return function(node) return node.dcache:record("share/files", file_key(name)) ~= nil end
end

describe("a lab", function()
  it("of robots with one token: all are members of each other's, and hold the same", function()
    local one = world(5)
    assert.is_truthy(until_true(one, MINUTE, function()
      return all(one.nodes, function(node) return #node.dcache.trust:verdict().standing == 6 end)
    end))
    for i = 1, 5 do one.share(i, "run-" .. i) end
    assert.is_truthy(until_true(one, MINUTE, function()
      return all(one.nodes, is_held "run-5") and all(one.nodes, is_held "run-1") and is_equal(one.nodes)
    end))
    assert.is_true(all(one.nodes, function(node) return (node.dcache.trust:settled()) end))
    one.policy:close()
  end)

  it("revokes one: his words leave index and digests on all nodes; let in again he has them back by repair", function()
    local one = world(5)
    local lab, trust_of = one.lab, function(node) return node.dcache.trust end
    one.w:run(20000)
    for i = 1, 5 do one.share(i, "run-" .. i) end
    assert.is_truthy(until_true(one, MINUTE, function() return is_equal(one.nodes) end))
    assert.is_true(all(one.nodes, is_held "run-5"))
    local gone, others = lab.robots[5].id, without(one.nodes, 5)
    one.offer(one.nodes[1], lab:revoke(lab.root, gone))
    local took = until_true(one, 10000, function()
      return all(others, function(node) return not trust_of(node):stands(gone) and not is_known "run-5"(node) end)
    end)
    assert.is_truthy(took)
    assert.is_true(all(others, is_held "run-1"))
    one.share(1, "run-6")
    assert.is_truthy(until_true(one, MINUTE, function()
      return all(others, is_held "run-6") and is_equal(others)
    end))
    one.w:run(2 * MINUTE) -- nothing of his comes back, whatever he says and lists
    one.share(5, "run-7")
    one.w:run(MINUTE)
    for _, node in ipairs(others) do assert.is_nil(node.dcache:record("share/files", file_key "run-7")) end
    assert.is_true(is_equal(others))
    one.offer(one.nodes[2], lab:dismiss(lab.root, "trust/revoked", gone),
      lab:grant(lab.root, gone, "member", { name = "robot5" }))
    assert.is_truthy(until_true(one, 2 * MINUTE, function()
      return all(one.nodes, is_held "run-5") and all(one.nodes, is_held "run-7") and is_equal(one.nodes)
    end))
    one.policy:close()
  end)

  it("keeps all of it through reloads of the policy, and starts of the nodes", function()
    local one = world(3)
    local lab = one.lab
    one.w:run(20000)
    one.share(3, "run-3")
    assert.is_truthy(until_true(one, MINUTE, function() return all(one.nodes, is_held "run-3") end))
    one.offer(one.nodes[1], lab:grant(lab.root, lab.robots[3].id, "trusted"), lab:revoke(lab.root, lab.robots[2].id))
    assert.is_truthy(until_true(one, MINUTE, function()
      return one.nodes[3].dcache.trust:role(lab.robots[3].id) == "trusted" and
        not one.nodes[3].dcache.trust:stands(lab.robots[2].id)
    end))
    local node, disk = one.nodes[1], one.nodes[1].disk
    local before = node.dcache:digest("share", 0)
    local new = assert(policies.with 'p.dcache.buckets["share/files"].propose = "trusted"')
    node.policy:swap(new)
    assert.same({ true, false, "trusted" }, { is_held "run-3"(node), node.dcache.trust:stands(lab.robots[2].id),
      node.dcache.trust:role(lab.robots[3].id) })
    one.share(1, "run-1")
    one.w:run(1000)
    assert.is_false(is_held "run-1"(node)) -- a member's word, where a trusted one's is asked for
    node:stop()
    one.w.nodes[1].comms.dial = function() end
    local again = one.w:add("robot1", { lab = lab:read(), identity = { id = node.id, key = node.key }, disk = disk,
      boot = 2 })
    assert.same({ true, false, "trusted" }, { is_held "run-3"(again), again.dcache.trust:stands(lab.robots[2].id),
      again.dcache.trust:role(lab.robots[3].id) })
    assert.not_equal(before, (again.dcache:digest("share", 0)))
    assert.is_nil(again.refused.stranger) -- what was dropped before is no news
    one.policy:close()
  end)

  it("rotates its root: all follow, no admin falls, and who left the root has no right any more", function()
    local one = world(3, { clock = false })
    local lab, new = one.lab, labs.key "the next root key"
    one.w:run(20000)
    one.offer(one.nodes[1], lab:grant(lab.root, lab.robots[1].id, "admin"))
    local lines = { lab:root_line(lab.root, 2, { new }), lab:root_line(new, 2, { new }) }
    one.offer(one.nodes[2], lines[1])
    one.offer(one.nodes[3], lines[2], lab:grant(new, lab.robots[1].id, "admin"),
      lab:line(new, { bucket = "trust/tokens", key = lab.token_id, data = { most = 100, name = "images" } }))
    assert.is_truthy(until_true(one, 2 * MINUTE, function()
      return all(one.nodes, function(node)
        local trust = node.dcache.trust
        return trust:verdict().root.number == 2 and trust:role(lab.robots[1].id) == "admin"
          and not trust:role(lab.root:id()) and trust:role(lab.robots[2].id) == "member"
      end)
    end))
    for _, node in ipairs(one.nodes) do
      assert.is_truthy(node.disk:read("/state/root", 4096):find('"number":2', 1, true))
    end
    assert.is_truthy(until_true(one, MINUTE, function() return is_equal(one.nodes) end))
    assert.is_true(all(one.nodes, function(node) return (node.dcache.trust:settled()) end)) -- without a clock, too
    one.policy:close()
  end)
end)
