-- frame.lua - frames of any bytes to a whole node, over a medium and over a stream. The fuzzer's property: nothing
-- throws, every refusal has a word on the list, what comes back stays small. Input: frames, zero bytes between them.
local frame = require "routing.channels.frame"
local policy = require "policy"
local sim = require "sim"
local stub = require "spec.net.stub"

local LIVES = 300 -- inputs for one node
local ANSWERS = 64 * 1024 -- bytes that one input may cause

local rules = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))
local world, node, streams, lived
local sent = 0

local function channel(kind)
  local one = stub.channel(kind)
  function one.send(_, message)
    sent = sent + frame.size(message)
    return true
  end
  return assert(node.routing:add(one, {}))
end

local function begin()
  world, lived = sim.new { seed = 5, policy = rules }, 0
  node = world:add "ada"
  assert(node.comms:propose("share/files", { class = "lab", names = { "a" }, size = 1 }, { key = "k" }))
  streams = { channel "udp", channel "tcp" }
  world:run(100)
end

local function source_on(one, text)
  return stub.source(one, "10.9.9.9", { broadcast = one.kind == "udp", received = #text })
end

local function check_refusals()
  for word in pairs(node.refused) do -- any order: each is looked up
    assert(is_word(word), word)
  end
end

return function(bytes)
  if not world or lived >= LIVES then begin() end
  lived, sent = lived + 1, 0
  for text in (bytes .. "\0"):gmatch "([^\0]*)\0" do
    for _, one in ipairs(streams) do node.routing:frame(source_on(one, text), frame.read(text)) end
  end
  world:run(20)
  check_refusals()
  assert(sent <= ANSWERS, "too much comes back")
end
