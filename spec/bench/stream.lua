-- stream.lua - a file over a sealed stream, checked and in place, beside the same over plain HTTP. No pass or fail.
dofile "spec/helper.lua"
local disk = require "core.disk"
local fetch = require "dcache.content.fetch"
local folder = require "spec.folder"
local gateway = require "core.gateway"
local http_client = require "dcache.content.http_client"
local log = require "log"
local loop = require "loop"
local net = require "core.net"
local pump = require "core.pump"
local random = require "core.random"
local seal = require "core.seal"
local worker = require "worker"

local SIZE <const>, PAIRS <const>, WITH <const> = 256 << 20, 5, "dt-swarm/1 stream bench\n"

local home = folder.new()
local L = loop.new { on_error = function(text) error(text, 0) end }
local g = assert(gateway.new { host = "127.0.0.1" })

local function keys()
  local one, secret = seal.pair(), seal.secret()
  local other = secret:pair(one:public(), ("k"):rep(32))
  return one:keys("caller", other:public()), other:keys("callee", one:public())
end

local function connected()
  local listener = assert(net.listen { host = "127.0.0.1" })
  local dialled = assert(net.connect { host = "127.0.0.1", port = listener:port() })
  local accepted
  repeat accepted = listener:accept() until accepted
  listener:close()
  return dialled, accepted
end

-- A stream whose far end the gateway serves → what fetch.lua takes for `streams`, close()
local function stream()
  local here, there = pump.new(), pump.new()
  local dialled, accepted = connected()
  local caller, callee = keys()
  local _, fd = assert(there:add { stream = accepted, keys = callee, with = WITH })
  assert(g:add(fd, "lab"))
  local _, path = assert(here:add { stream = dialled, keys = caller, with = WITH, listen = home.path })
  local client = http_client.new { loop = L, path = path }
  return { get = function(_, _, options, done) return client:get(options, done) end,
    cancel = function(_, id) client:cancel(id) end, failed = function() end }, function()
    client:close()
    here:close()
    there:close()
  end
end

-- The FILE from URL → MB/s
local function rate(file, url, streams)
  local http, failure, start = http_client.new { loop = L }, nil, L:micro()
  local f = fetch.new { loop = L, disk = disk.real(), http = http, dir = home.path, random = random.seeded(1),
    flusher = function(threads) return worker.new { loop = L, threads = threads } end,
    log = log.new { wall = function() return 0 end, write = io.write },
    sources = function() return { { id = "a", name = "a", url = url, own = true } } end }
  f.streams = streams
  assert(f:start(file.cid, file.size, "copy", function(path, err)
    failure = not path and err
    L:stop()
  end))
  L:run()
  local took = L:micro() - start
  f:stop()
  http:close()
  assert(not failure, failure)
  os.execute(("rm -rf %s/files"):format(home.path))
  return SIZE / took
end

os.execute(("head -c %d /dev/urandom > %s/a.bag"):format(SIZE, home.path))
local file = folder.hash(home.path, "a.bag")
assert(g:serve(file))
local plain, streams, close = ("http://127.0.0.1:%d"):format(g:port()), stream()
rate(file, plain) -- here the gateway hashes each leaf, later it knows them
print(("stream, %d MiB over loopback, checked and synced, both ends in one process"):format(SIZE >> 20))
for _ = 1, PAIRS do
  local by_http, by_stream = rate(file, plain), rate(file, "stream:a", streams)
  print(("  plain HTTP %5.0f MB/s   sealed stream %5.0f MB/s, %.2f of it (aim 0.50)"):format(by_http, by_stream,
    by_stream / by_http))
end
close()
g:close()
home.remove()
