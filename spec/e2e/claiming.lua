-- claiming.lua - a program: fifty made-up robots say who they are, and that they can all be met at one address. Judges
-- nothing.
-- usage: lua5.4 spec/e2e/claiming.lua HOST SWARM NOW ADDRESS: over one connection to HOST; then it stays there, and
-- prints "said N".
package.path = "lua/?.lua;lua/?/init.lua;./?.lua;" .. package.path
package.cpath = (os.getenv "DT_SWARM_BUILD" or ".build") .. "/?.so;" .. package.cpath
require "core"
local hash = require "core.hash"
local key = require "core.key"
local net = require "core.net"
local statement = require "core.statement"
local host, swarm, now, address = arg[1], arg[2], math.tointeger(tonumber(arg[3])), arg[4]
local loop = require "loop".new { on_error = error }
local ROBOTS <const> = 50

local from, lines = now // 16000 * 16, {}

local function say(owner, bucket, data)
  lines[#lines + 1] = assert(statement.sign(owner, swarm, { verb = "propose", bucket = bucket, key = owner:id(),
    at = now, valid_from = from, valid_until = from + 960, data = data })).line
end

for i = 1, ROBOTS do
  local owner = key.generate(hash.blake2b("claiming " .. i))
  say(owner, "peer", ('{"clock":"none","name":"robot%d","state":"ready","type":"duckiebot","version":"1"}'):format(i))
  say(owner, ("pri/%s/addresses"):format(owner:id()), ('{"at":["%s"]}'):format(address))
end

local out = ("* - 8 statements %d\n%s\n"):format(#lines, table.concat(lines, "\n"))
local stream = assert(net.connect { host = host, port = 3825 })
local watch
watch = loop:watch(stream:fd(), "rw", function()
  if stream:receive(65536) == "" then return loop:stop() end
  local sent = out ~= "" and stream:send(out) or 0
  out = out:sub(sent + 1)
  if out ~= "" then return end
  watch:set "r"
  print("said " .. #lines)
  io.stdout:flush()
end)
loop:run()
