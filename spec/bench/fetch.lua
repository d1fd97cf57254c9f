-- fetch.lua - a file over loopback, checked and in place, beside curl, tee and openssl from nginx. No pass or fail.
-- needs: nginx curl openssl
dofile "spec/helper.lua"
local client = require "dcache.content.http_client"
local disk = require "core.disk"
local fetch = require "dcache.content.fetch"
local figures = require "spec.figures"
local folder = require "spec.folder"
local gateway = require "core.gateway"
local log = require "log"
local loop = require "loop"
local loopback = require "spec.loopback"
local random = require "core.random"
local worker = require "worker"

local median = figures.median

local SIZE, PAIRS = 256 << 20, 5
local NGINX = [[
daemon off; master_process off; pid %s/nginx.pid; error_log stderr crit;
events { worker_connections 64; }
http { access_log off; sendfile on; client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s;
  uwsgi_temp_path %s; scgi_temp_path %s;
  server { listen 127.0.0.1:%d; root %s; } }
]]

local home = folder.new()
local L = loop.new { on_error = function(text) error(text, 0) end }

local function sh(command, ...)
  local text = command:format(...)
  assert(os.execute(text), text)
end

-- → port, stop()
local function nginx()
  local port, p = loopback.free_port(), home.path
  folder.write(p .. "/nginx.conf", NGINX:format(p, p, p, p, p, p, port, p))
  sh("nginx -p %s -c %s/nginx.conf 2>%s/nginx.log & echo $! >%s/pid", p, p, p, p)
  sh("for i in $(seq 50); do curl -s -o /dev/null http://127.0.0.1:%d/nginx.conf && exit; sleep 0.1; done; exit 1",
    port)
  return port, function() sh("kill $(cat %s/pid)", p) end
end

local function timed(fn)
  local start = L:micro()
  fn()
  return (L:micro() - start) / 1e6
end

local function by_curl(port)
  return timed(function()
    sh("curl -s http://127.0.0.1:%d/a.bag | tee %s/copy | openssl dgst -sha256 >/dev/null && sync %s/copy", port,
      home.path, home.path)
  end)
end

-- FN's seconds, and the longest time in ms between two beats of a 10 ms timer meanwhile.
local function with_beats(fn)
  local last, longest = L:micro(), 0
  local beat = L:every(10, function()
    local now = L:micro()
    last, longest = now, math.max(longest, now - last)
  end)
  local seconds = timed(fn)
  beat:cancel()
  return seconds, longest / 1e3
end

local function by_us(port, file)
  local http = client.new { loop = L }
  local source = { { id = "a", name = "a", url = "http://127.0.0.1:" .. port, own = true } }
  local f = fetch.new { loop = L, disk = disk.real(), http = http, dir = home.path, random = random.seeded(1),
    flusher = function(threads) return worker.new { loop = L, threads = threads } end,
    log = log.new { wall = function() return 0 end, write = io.write },
    sources = function() return source end }
  local failure
  local seconds, longest = with_beats(function()
    assert(f:start(file.cid, file.size, "copy", function(path, err)
      failure = not path and err
      L:stop()
    end))
    L:run()
  end)
  f:stop()
  http:close()
  assert(not failure, failure)
  sh("rm -rf %s/files", home.path)
  return seconds, longest
end

sh("head -c %d /dev/urandom >%s/a.bag", SIZE, home.path)
local file = folder.hash(home.path, "a.bag")
local g = assert(gateway.new { host = "127.0.0.1" })
assert(g:serve(file))
local port, stop = nginx()
local first = by_us(g:port(), file) -- here the gateway hashes each leaf, later it knows them
local theirs, ours, beats = {}, {}, {}
for i = 1, PAIRS do
  theirs[i] = by_curl(port)
  ours[i], beats[i] = by_us(g:port(), file)
end
stop()
g:close()
home.remove()

local function rate(seconds) return SIZE / seconds / 1e6 end
print(("fetch, %d MiB over loopback, synced, medians of %d interleaved pairs"):format(SIZE >> 20, PAIRS))
print(("  %-44s %7.0f MB/s"):format("curl | tee FILE | openssl dgst, from nginx", rate(median(theirs))))
print(("  %-44s %7.0f MB/s, %.2f of it (aim 0.80)"):format("checked and in place, from the gateway",
  rate(median(ours)), median(theirs) / median(ours)))
print(("  %-44s %7.0f MB/s"):format("the same, the gateway's first reading", rate(first)))
print(("  %-44s %7.0f ms, worst %.0f ms"):format("longest between two beats of a 10 ms timer", median(beats),
  beats[#beats]))
L:close()
