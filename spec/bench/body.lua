-- body.lua - what a look at the sensors costs beside reading the same files in C, and what the text for Prometheus with
-- 256 robots costs beside writing the same bytes from one string. Judges nothing.
dofile "spec/helper.lua"
local figures = require "spec.figures"
local look = require "clients.diagnostics.look"
local metrics = require "policy.metrics"
local metrics_text = require "clients.web.metrics_text"
local sensor = require "core.sensor"
local values = require "clients.diagnostics.values"
local worker = require "worker"

local say = figures.say

local LOOKS <const>, TEXTS <const> = 60, 20

local loop = require "loop".new { on_error = function(text) error(text) end }

-- Processor time (s) of LOOKS looks, by MAKE(done): one of them.
local function cost(make)
  local left, began = LOOKS, os.clock()
  local function again()
    left = left - 1
    if left < 0 then return loop.stop() end
    make(function() loop:after(20, again) end)
  end
  loop:post(again)
  loop:run()
  return os.clock() - began
end

local function what()
  local set, list = {}, {}
  for _, row in ipairs(metrics.list) do
    for _, path in ipairs(row.files or {}) do
      if not set[path] then set[path], list[#list + 1] = true, path end
    end
  end
  return { files = list, disks = { "/", "/tmp" }, interfaces = { "lo" }, vcio = "/dev/vcio" }
end

local one = worker.new { loop = loop, threads = 1 }
local asked = what()
cost(function(done) one:run(sensor.look, asked, done) end) -- warm
local bare = cost(function(done) one:run(sensor.look, asked, done) end)
one:close()

local known = values.new { loop = loop }
local whole = look.new { loop = loop, sensor = sensor, values = known, every = function() return 3600000 end,
  places = function() return { share = "/", state = "/tmp" } end, interfaces = function() return { "lo" } end,
  worker = function() return worker.new { loop = loop, threads = 1 } end }
local told
whole:on_look(function() told() end)
local full = cost(function(done)
  told = done
  whole:now()
end)
whole:stop()
print "body, processor time"
say("a look at the sensors (aim: 3 times)", "%8.2f ms, the files alone in C %.2f ms: %.1f times", full / LOOKS * 1000,
  bare / LOOKS * 1000, full / bare)

local rows, said = {}, { battery = 50, temperature = 40.5, disk_free = 30, memory = 40, wifi = -60 }
for i = 1, 256 do
  rows[i] = { id = ("i"):rep(48) .. i, label = "robot" .. i, status = "ready", level = "ok", seen_ms = i }
end
local node = { version = "0", name = "ada", id = "ID", started = 0, refused = {}, loop = loop,
  dcache = { classes = function() return {} end }, routing = { channels = function() return {} end },
  discovery = { nodes = function() return rows end }, diagnostics = { values = known,
    checks = { rows = function() return {} end }, others = { of = function() return { said = said } end } } }
metrics_text.of(node)
local began, text = os.clock(), nil
for _ = 1, TEXTS do text = metrics_text.of(node) end
local made = (os.clock() - began) / TEXTS
local file = io.open("/dev/null", "w")
began = os.clock()
for _ = 1, TEXTS do file:write(text) file:flush() end
local written = (os.clock() - began) / TEXTS
say("/metrics with 256 robots (aim: 20 ms)", "%8.2f ms for %d KB, from one string %.2f ms", made * 1000, #text // 1024,
  written * 1000)
