-- schema_spec.lua - the schemas for programs against what a node says, and against what none may say. Validates by
-- spec/schema/validate.lua.
local policy = require "policy"
local sim = require "sim"
local validate = require "spec.schema.validate"

local rules = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))

-- A node with two others, one of whom left, and what REQUEST is answered there, as the control socket says it.
local function answers(request)
  local w = sim.new { seed = 5, policy = rules }
  local ada, donald = w:add "ada", w:add "donald"
  w:add "bea"
  require "clients.control.watch" { node = ada, loop = ada.loop,
    command = function(_, name, fn) ada.commands:add(name, fn) end }
  w:run(10 * 1000)
  local told = {}
  local reply = { on_cancel = function() end, on_room = function() end, run = function(_, fn) fn() end }
  setmetatable(reply, { __call = function(_, answer, more)
    local line = { schema = 1, command = request.command, continues = more == true and answer and true or nil }
    for name, value in pairs(answer or { error = {} }) do line[name] = value end -- any order
    told[#told + 1] = line
    return true
  end })
  ada.commands:run(request, reply)
  w:run(2000)
  donald:leave(function() end)
  w:run(5000)
  return told
end

describe("the schemas for programs", function()
  it("fit what `discover` and `watch` say", function()
    local who = answers { command = "discover" }
    assert.same({ 1, 3, {} }, { #who, #who[1].nodes, validate.faults("peers.json", who[1]) })
    local lines, left = answers { command = "watch", topics = { "peers" } }, false
    assert.is_true(#lines >= 6)
    for _, line in ipairs(lines) do
      assert.same({}, validate.faults("watch.json", line))
      left = left or line.row and line.row.status == "left"
    end
    assert.is_true(left)
  end)

  it("fit nothing else: a member that is gone, of another type, or with a word that nobody knows", function()
    local function faults(change)
      local answer = { schema = 1, nodes = { { id = "12D3KooWQ1vB", self = false, status = "ready", seen_ms = 5,
        via = { kind = "udp" } } } }
      change(answer, answer.nodes[1])
      return validate.faults("peers.json", answer)[1]
    end
    assert.is_nil(faults(function() end))
    assert.is_nil(faults(function(answer, row) answer.later, row.later = 1, { 2 } end), "members may come")
    for wanted, change in pairs { -- any order
      ["it has no nodes"] = function(answer) answer.nodes = nil end,
      ["it.schema is not 1"] = function(answer) answer.schema = 2 end,
      ["it.nodes%[1%] has no id"] = function(_, row) row.id = nil end,
      ["it.nodes%[1%].status is none of its words: silent"] = function(_, row) row.status = "silent" end,
      ["seen_ms is out of range: %-1"] = function(_, row) row.seen_ms = -1 end,
      ["seen_ms is no integer"] = function(_, row) row.seen_ms = 1.5 end,
      ["seen_ms is no integer: 5"] = function(_, row) row.seen_ms = "5" end,
      ["via has no kind"] = function(_, row) row.via = {} end,
      ["notes is no array"] = function(_, row) row.notes = { a = 1 } end,
      ["notes%[2%] is no string"] = function(_, row) row.notes = { "a", 7 } end,
      ["policy is not like"] = function(_, row) row.policy = "zzz" end,
      ["it.nodes is too long"] = function(answer) for i = 2, 257 do answer.nodes[i] = answer.nodes[1] end end,
    } do
      assert.matches(wanted, faults(change))
    end
    assert.matches("it.row has no self", validate.faults("watch.json", { schema = 1, command = "watch", event = "peer",
      row = { id = "12D3KooWQ1vB" } })[1])
  end)
end)
