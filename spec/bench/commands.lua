-- commands.lua - how long each command of the control socket holds up the loop with 50,000 records. No pass or fail.
-- usage: lua5.4 spec/bench/commands.lua [RECORDS]
dofile "spec/helper.lua"
local disk, json, net = require "core.disk", require "core.json", require "core.net"
local statement = require "core.statement"
local folder, loops, patience = require "spec.folder", require "loop", require "spec.patience"
local asked, fake = require "spec.clients.asked", require "spec.clients.fake_node"
local control, report = require "clients.control", require "clients.logs.report"
local shared_files, sim, uv = require "spec.shared_files", require "sim", require "luv"

local RECORDS = tonumber(arg[1]) or 50000
local OWN, HELD = 20000, 10000 -- files of this node's folder, and those that it holds for others

-- A simulated node whose cache has RECORDS words about files; → node, their CIDs
local function filled(home)
  local policy = assert(require "policy".load("policies/server.lua", { shipped = "policies" }))
  local w = sim.new { seed = 1, policy = policy }
  local node = w:add("ada", { disk = disk.real(), state = home.path })
  w:run(1000)
  local now = node.time:now()
  local function say(k, bucket, cid, data)
    local st = assert(statement.sign(k, node.swarm, { verb = "propose", bucket = bucket, key = cid,
      valid_from = now // 16000 * 16, valid_until = (now // 16000 + 6000) * 16, at = now, data = json.encode(data) }))
    assert(node.dcache:take(statement.parse(st.line)))
  end
  return node, shared_files(RECORDS, say, function() w:run(100) end) -- the journal writes
end

-- Asks on a real loop with a real socket and beats beside it. → the answer's text, the longest time between two beats
local function ask(path, loop, request)
  local stream = assert(net.unix_connect(path))
  local stop, parts = patience.beats(loop), {}
  assert(stream:send(json.encode(request) .. "\n"))
  local timer
  timer = loop:every(2, function()
    local bytes = stream:receive(65536)
    while bytes and bytes ~= "" do
      parts[#parts + 1] = bytes
      bytes = bytes:sub(-1) ~= "\n" and stream:receive(65536)
    end
    if not parts[1] or parts[#parts]:sub(-1) ~= "\n" then return end
    timer:cancel()
    loop:stop()
  end)
  loop:run()
  local longest = stop() -- before the pieces are put together, which the loop does not do
  stream:close()
  return table.concat(parts), longest
end

-- What the logs client and content would say of OWN files in the folder and of HELD ones.
local function each_of(list)
  local i = 0
  return function()
    i = i + 1
    return list[i]
  end
end

local function add_files(node, cids)
  local by_name, held = {}, {}
  for i = 1, OWN do
    local name = ("own/day-%02d/run-%05d.bag"):format(i % 30, i)
    by_name[name] = { name = name, state = "published", info = { size = 1000 }, class = "lab", shared = cids[i] }
  end
  for i = 1, HELD do
    held[i] = { cid = ("held%05d"):format(i), name = "held/" .. i, size = 1000, path = "/x/" .. i, class = "lab",
      from = node.id }
  end
  node.logs = { files = function() return report.files(by_name, {}, {}) end, refused = function() return {} end,
    each_file = function() return report.each(by_name, {}, {}) end }
  node.content.stored = function() return held end
  node.content.each_stored = function() return each_of(held) end
  node.content.holds = function() return false end
end

local home = folder.new()
local real, cids = filled(home)
local node = fake.node {}
for _, name in ipairs { "id", "dcache", "time" } do node[name] = real[name] end
node.discovery = setmetatable({ probe = function(_, done) done() end }, { __index = real.discovery }) -- nobody is here
local loop = loops.new { on_error = error }
node.loop, node.socket = loop, home.path .. "/control"
add_files(node, cids)
local server = control.new { loop = loop, net = net, disk = disk.real(), log = require "spec.net.till".log(),
  path = node.socket, uid = require "paths".uid(), answer = asked.handler(node) }
assert(server:listen())
require "memory".start(loop)

print(("commands with %d records: longest hold-up of the loop, how long the answer took"):format(RECORDS))
for _, request in ipairs { { command = "status" }, { command = "summary" }, { command = "discover" },
  { command = "report" }, { command = "report", newest = 200 }, { command = "files" },
  { command = "sources", what = "bags/day-03/run-00033.bag" },
  { command = "sources", what = "run-0003" }, { command = "sources", what = "rum-00033.bag" },
  { command = "folder", what = "bags/day-03" }, { command = "identity" } } do
  local began = uv.hrtime()
  local text, longest = ask(node.socket, loop, request)
  local what = ("%s %s"):format(request.command, request.what or request.newest or "")
  print(("  %-44s %7.1f ms   %6.2f s   %8d bytes"):format(what, longest, (uv.hrtime() - began) / 1e9, #text))
end
server:close()
loop:close()
home.remove()
