-- call_quota_spec.lua - calls of two nodes come to a third one over the same relay: what one of them wastes is his own.
require "spec.helper"
local policies = require "spec.policy.policies"
local sim = require "sim"
local sim_links = require "sim.links"
local text = require "core.text"

local FLOOD_MS <const> = 20 -- between two lines that come to nothing

-- Nodes that share no medium, each connected to `sue` alone.
local function world(names)
  local w = sim.new { seed = 7, policy = assert(policies.load 'return extend "server"') }
  w.sue = w:add "sue"
  for _, name in ipairs(names) do w[name] = w:add(name) end
  for _ = 0, #names do w.medium.channels[1]:close() end
  for _, name in ipairs(names) do
    local one, other = sim_links.stream(w.world, w[name].host, w.sue.host)
    one.dialled, other.dialled = true, false
    w[name].routing:add(one, {})
    w.sue.routing:add(other, {})
  end
  w:run(30000)
  return w
end

-- NODE calls ID → fn(): was it answered?
local function call(node, id)
  local answered = false
  local reply = setmetatable({ run = function(_, fn) fn() end, on_room = function() end, on_cancel = function() end },
    { __call = function(_, answer)
      if answer and not answer.bytes and not answer.calling then answered = true end
      return true
    end })
  node.commands:run({ command = "call", to = id, request = { command = "summary" } }, reply)
  return function() return answered end
end

-- NODE opens calls to ID all the time, each from another FROM if SERIAL is true. → fn(): ends that
local function flood(w, node, id, serial)
  local n, over = 0, false
  local function again()
    n = n + 1
    node.routing:send { to = ("/dswarm/%s/control"):format(id), kind = "call",
      from = ("/dswarm/%s/%s"):format(node.id, serial and "f" .. n or "f"),
      rest = ("%s open %s"):format(text.base64url(w.random:bytes(32)), node.id) }
    if not over then w.loop:after(FLOOD_MS, again) end
  end
  again()
  return function() over = true end
end

describe("who opens calls all the time, over a relay", function()
  it("takes the room for them from nobody else, whatever he writes as FROM", function()
    local w = world { "ada", "bob", "mallory" }
    for _, serial in ipairs { false, true } do
      local stop = flood(w, w.mallory, w.bob.id, serial)
      w:run(10000)
      local answered, hers = call(w.ada, w.bob.id), call(w.mallory, w.bob.id)
      w:run(2500)
      assert.is_true(answered(), "ada has her answer at once")
      assert.is_false(hers(), "and mallory none")
      stop()
    end
  end)
end)
