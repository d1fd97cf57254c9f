-- crowd.lua - many real nodes in one process, on real sockets, disks in memory: neighbours for a bench. No figures.
-- usage: lua5.4 spec/e2e/crowd.lua NODES RECORDS FILE     when FILE appears all of them hold RECORDS words
dofile "spec/helper.lua"
local disk = require "core.sim"
local hash = require "core.hash"
local key = require "core.key"
local net = require "core.net"
local random = require "core.random"
local statement = require "core.statement"
local uv = require "luv"

local NODES, RECORDS, FILE = math.tointeger(tonumber(arg[1])), math.tointeger(tonumber(arg[2])), arg[3]

local loop = require "loop".new { on_error = function(text) io.stderr:write(text, "\n") end }
local policy = assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
local silent = {}
for _, level in ipairs { "debug", "info", "warn", "error", "once" } do silent[level] = function() end end

uv.new_signal():start("sigpipe", function() end)

local function neighbour(i)
  local owner = key.generate(hash.blake2b("crowd " .. i))
  local d = disk.memory(i)
  d:mkdir "/state"
  local one = assert(require "node".new { loop = loop, random = random.seeded(i), name = ("robot-%02d"):format(i),
    type = "duckiebot", identity = { id = owner:id(), key = owner }, policy = policy, log = silent, version = "bench",
    disk = d, state = "/state", boot = 1, build = 0, here = function() return {} end,
    date = function() return "20260101-000000" end, synchronised = function() return true end })
  assert(one:open_channels(net))
  one:start()
  return one
end

local nodes = {}
for i = 1, NODES do nodes[i] = neighbour(i) end

local function word(i)
  local one, now = nodes[i % NODES + 1], loop:wall()
  return assert(statement.sign(one.key, one.swarm, { verb = "propose", bucket = "share/files", at = now,
    key = ("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7%07d"):format(i), valid_from = now // 16000 * 16,
    valid_until = now // 16000 * 16 + 2500000,
    data = ('{"class":"lab","names":["2026-01-01-camera-%d.bag"],"size":123456}'):format(i) }))
end

local function fill()
  for i = 1, RECORDS do
    local st = word(i)
    for _, one in ipairs(nodes) do assert(one.dcache:take(st)) end
  end
  for _, one in ipairs(nodes) do one.comms.beacon:appear() end
end

local timer
timer = loop:every(200, function()
  local there = io.open(FILE)
  if not there then return end
  there:close()
  timer:cancel()
  fill()
end)
loop:run()
