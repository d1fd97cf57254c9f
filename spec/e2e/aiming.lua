-- aiming.lua - a program: a real node, proved and near, that says made-up lines to one other node. Judges nothing.
-- usage: lua5.4 spec/e2e/aiming.lua SEED ID FILE OTHER POLICY: once node ID passes pings on to node OTHER, each line of
-- FILE goes to it; one that begins with "all " goes, without that, to all who hear the channel. What comes back for
-- /dswarm/ME/aim is printed as "got KIND REST"; then "said N". FILE "dial", OTHER "-": asks node ID, once that has
-- proved itself, to dial, as a node that wants a stream does; prints each "line LINE" said for that, and "over WORD".
dofile "spec/helper.lua"
local hash = require "core.hash"
local key = require "core.key"

local loop = require "loop".new { on_error = function(text) io.stderr:write(text, "\n") end }
local policy = assert(require "policy".load(arg[5], { shipped = "policies" }))
local log = require "log".new { write = function() end, wall = function() return loop:wall() end, level = "error" }
local owner = key.generate(hash.blake2b("aiming " .. arg[1]))
local PROBE <const> = require "core.text".base64url(require "core.random".system():bytes(16)) -- a nonce
local PAUSE <const> = 8 -- ms between two lines
local ROOM <const> = 16 * 1024 -- bytes that lines leave to answers: a medium that is full carries none of these

local disk = require "core.sim".memory(1)
disk:mkdir "/state"
local node = assert(require "node".new { loop = loop, random = require "core.random".system(), name = "mallory",
  type = "laptop", identity = { id = owner:id(), key = owner, bound = {} }, policy = policy, log = log,
  version = "aiming", disk = disk, state = "/state", boot = os.time(), build = 1690000000000,
  here = function() return {} end, date = function() return "20260101-000000" end,
  synchronised = function() return true end })
assert(node:open_channels(require "core.net"))
node:start()
function node.routing.exported() return true end
local passes_on = false
node.routing:component("aim", function(message)
  if message.kind == "pong" and message.rest:find(PROBE, 1, true) then
    passes_on = true
    return true
  end
  print("got " .. message.kind .. " " .. message.rest)
  io.stdout:flush()
  return true
end)

-- A proved flow by datagrams to the other node.
local function flow()
  local peer = node.comms.peers.by_id[arg[2]]
  for _, each in ipairs(peer and peer.flows or {}) do
    local is_udp = each.source.channel.kind == "udp" and each.source.host:find "^%d+%."
    if is_udp and node.comms.peers:proved(each) then return each.source end
  end
end

local lines = {}
local function say(n)
  local source = flow()
  if not lines[n] or not source then
    print("said " .. n - 1)
    return io.stdout:flush()
  end
  if source.channel:budget() < ROOM then return loop:after(PAUSE, function() say(n) end) end
  local line, to_all = lines[n]:gsub("^all ", "")
  local head, body = line:match "^(.-)\\n(.*)$"
  source.channel:send({ head = head or line, kind = "x", body = body and { body } }, to_all == 0 and source or nil)
  loop:after(PAUSE, function() say(n + 1) end)
end

-- Asks to be dialled.
local function dial()
  local to, from = ("/dswarm/%s/content"):format(arg[2]), ("/dswarm/%s/content"):format(owner:id())
  local one, turns
  one = require("routing.call").caller { swarm = node.swarm, callee = arg[2], component = "content",
    caller = owner:id(), node = owner:id(), request = '{"command":"dial"}', reads = true, first = 2000,
    now = function() return loop:now() end, text = function() end,
    tell = function(rest)
      local line = ("%s %s 8 call %s"):format(to, from, rest)
      print("line " .. line)
      flow().channel:send({ head = line, kind = "call" }, flow())
    end,
    sign = function(kind, swarm, signed, done) done(owner:sign(kind, swarm, signed)) end,
    over = function(ok, _, code)
      print("over " .. (ok and "ok" or code))
      io.stdout:flush()
    end }
  turns = require("routing.call.ticks").new(loop, function() return one:tick() end)
  node.routing:component("content", function(message)
    if message.kind == "reply" then one:take(message.rest) end
    turns:now()
    return true
  end)
  turns:now()
end

local function wait()
  local source = flow()
  if arg[3] == "dial" then
    if source then return dial() end
    return loop:after(200, wait)
  end
  if not passes_on then
    if source then source.channel:send({ kind = "ping", head = ("/dswarm/%s/dswarm/%s/ping /dswarm/%s/aim 8 ping %s %s")
      :format(arg[2], arg[4], owner:id(), PROBE, owner:id()) }, source) end
    return loop:after(600, wait) -- what comes again sooner is a duplicate
  end
  for line in io.lines(arg[3]) do lines[#lines + 1] = line end
  say(1)
end
wait()
loop:run()
