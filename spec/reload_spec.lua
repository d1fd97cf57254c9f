-- reload_spec.lua - a policy is read again a hook a turn, once at a time, and its faults reach who asked. No daemon.
local changes = require "policy.changes"
local hooks = require "policy.hooks"
local policies = require "spec.policy.policies"
local reload = require "reload"
local simloop = require "sim.loop"

describe("a reload", function()
  local loop, policy, one, applied, logged

  local function open(load)
    loop, applied, logged = simloop.new(), 0, {}
    policy = assert(policies.with "p.tags = { 'old' }")
    local node = { loop = loop, policy = policy, log = { error = function(_, _, what) logged[#logged + 1] = what end },
      apply = function(_, new)
        applied = applied + 1
        policy:swap(new)
        return true
      end }
    one = reload.new { node = node, load = load, fixed = {}, unfit = function() return {} end,
      restart = function() error "nothing needs a restart" end }
  end
  after_each(function() policy:close() end)

  local function with(body)
    return function(pause) return policies.with(body, { pause = pause }) end
  end

  it("takes a turn of the loop for each hook, and applies at the end", function()
    open(with "p.tags = { 'new' }")
    local answer, turns, post = nil, 0, loop.post
    function loop.post(...)
      turns = turns + 1
      assert.equal(0, applied)
      return post(...)
    end
    one:run(function(found) answer = found end)
    loop:run_until(10)
    assert.is_true(turns > #hooks.hooks, turns .. " turns")
    assert.equal("new", policy:get "tags"[1])
    assert.same({ "tags", "old", "new", "live" }, { answer.changes[1].setting, answer.changes[1].before,
      answer.changes[1].now, answer.changes[1].effect })
    assert.equal(1, applied)
  end)

  it("is one at a time", function()
    open(with "p.tags = { 'new' }")
    local first, second, word
    one:run(function(found) first = found end)
    assert.is_nil(first, "it is still being read")
    one:run(function(found, _, code) second, word = found, code end)
    assert.same({ nil, "full" }, { second, word })
    loop:run_until(10)
    assert.is_truthy(first)
    one:run(function(found) second = found end)
    loop:run_until(20)
    assert.same({}, second.changes)
  end)

  it("that fails of itself says so, and the next one runs", function()
    open(function() error "a fault of the program" end)
    local text, word
    one:run(function(_, why, code) text, word = why, code end)
    assert.same({ "kind", { "reload failed" } }, { word, logged })
    assert.matches("its log says where", text)
    one.load = with ""
    local answer
    one:run(function(found) answer = found end)
    loop:run_until(10)
    assert.is_truthy(answer)
  end)
end)

describe("what changed between two policies", function()
  local function between(old, new)
    local before, now = assert(policies.with(old)), assert(policies.with(new))
    local list = changes.between(before, now)
    for i, one in ipairs(list) do
      list[i] = ("%s %s: %s -> %s"):format(one.path, one.kind, changes.words(one.row, one.old, one.new),
        changes.words(one.row, one.new, one.old))
    end
    before:close()
    now:close()
    return table.concat(list, "\n")
  end

  it("is told in words, in the order of the page, with its kind", function()
    assert.equal("", between("", "p.comms.beacon = { 2, 60 }"))
    assert.equal("name live: host name -> ada\nclock live: auto -> system", between("",
      "p.clock = 'system' p.name = 'ada'"))
    assert.equal("dcache.flush live: 30 s -> 1.5 s\nclients.logs.at_once live: 2 -> 8\n"
      .. "clients.logs.gateway restart: /ip4/0.0.0.0/tcp/3826 -> none", between("",
      "p.dcache.flush = 1.5 p.clients.logs.at_once = 8 p.clients.logs.gateway = false"))
    assert.equal("routing.channels live: /ip4/0.0.0.0/udp/3825/dswarm-line, /ip4/0.0.0.0/tcp/3825/dswarm-line -> "
      .. "/ip4/1.2.3.4/udp/1/dswarm-line (budget 2.0 kB/s)", between("",
      "p.routing.channels = { { '/ip4/1.2.3.4/udp/1/dswarm-line', budget = 2 * kB } }"))
  end)

  it("is a matter of the classes where a bucket gets another class, and live where others are listened to", function()
    local rule = [[p.dcache.buckets["pri/*/stats"] = { class = %q, propose = "owner", dismiss = %q }]]
    assert.equal("dcache.buckets live: pri/*/stats: class health, dismiss owner, propose owner -> "
      .. "pri/*/stats: class health, dismiss admin, propose owner", between("", rule:format("health", "admin")))
    assert.matches("^dcache.buckets restart: ", between("", rule:format("state", "owner")))
    assert.matches("^dcache.classes restart: share: ", between("", "p.dcache.classes.share.slots = 5"))
  end)
end)
