-- evil.lua - a program: a real peer by key, beacon, pongs and records, whose files are lies. Judges nothing.
-- usage: lua5.4 spec/e2e/evil.lua SEED PORT [CID:SIZE:NAME …]: publishes each and answers for it on HTTP port PORT,
-- each time with another of its tricks. At SIGTERM says "answered N".
dofile "spec/helper.lua"
local key = require "core.key"
local net = require "core.net"
local hash = require "core.hash"

local loop = require "loop".new { on_error = function(text) io.stderr:write(text, "\n") end }
local policy = assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
local log = require "log".new { write = function() end, wall = function() return loop:wall() end, level = "error" }
local owner = key.generate(hash.blake2b("evil " .. arg[1]))
local port, answered = math.tointeger(tonumber(arg[2])), math.tointeger(tonumber(arg[1]))

local disk = require "core.sim".memory(1)
disk:mkdir "/state"
local node = assert(require "node".new { loop = loop, random = require "core.random".system(), name = "evil" .. arg[1],
  type = "laptop", identity = { id = owner:id(), key = owner, bound = {} }, policy = policy, log = log,
  version = "evil", disk = disk, state = "/state", boot = os.time(), build = 1690000000000,
  here = function() return {} end, date = function() return "20260101-000000" end,
  synchronised = function() return true end })
assert(node:open_channels(net))
node.ports = function() return node.channels:port(), port end
node:start()
for i = 3, #arg do
  local cid, size, name = arg[i]:match "^([^:]+):(%d+):(.+)$"
  local data = { class = "lab", names = require "core.json".array { name }, size = math.tointeger(tonumber(size)) }
  assert(node.comms:propose("share/files", data, { key = cid }))
end

local CHUNK = ("00010000\r\n"):gsub("^0+", "") .. ("z"):rep(65536) .. "\r\n"
local function ok(length) return "HTTP/1.1 200 OK\r\nContent-Length: " .. length .. "\r\n\r\n" end

-- What is said at once, and what again and again until the other side has enough.
local TRICKS = {
  { say = ok(300) .. ("w"):rep(300) }, -- a wrong block
  { say = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", again = CHUNK }, -- endless
  { say = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:3826/\r\nContent-Length: 0\r\n\r\n" },
  { say = ok(1048576) .. ("s"):rep(1000), over = true }, -- shorter than it says
  { say = ok(1 << 40), again = ("l"):rep(65536) }, -- longer than any block
  { say = "HTTP/1.1 200 OK\r\n", again = "X-More: " .. ("h"):rep(1000) .. "\r\n" }, -- endless head
  { say = ok(0) },
  { say = "\27[2J no HTTP at all\r\n\r\n", over = true },
  { say = "HTTP/1.1 301 Moved\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n" },
  { say = ok "-5" .. "x", over = true },
  { say = ok(1048576), drip = true }, -- a byte a second
  { say = "", over = true },
}

local function serve(stream)
  local out, beat, watch = "", nil, nil
  local trick = TRICKS[answered % #TRICKS + 1]
  local function close()
    if beat then beat:cancel() end
    watch:close()
    stream:close()
  end
  local function push()
    while out ~= "" or trick.again do
      if out == "" then out = trick.again end
      local sent, _, word = stream:send(out)
      if not sent then
        if word ~= "EAGAIN" then return close() end
        return watch:set "rw"
      end
      out = out:sub(sent + 1)
    end
    watch:set "r"
    if trick.over then return close() end
  end
  local asked = false
  watch = loop:watch(stream:fd(), "r", function(readable)
    local bytes, _, word = nil, nil, "EAGAIN"
    if readable then bytes, _, word = stream:receive(8192) end
    if bytes == "" or not bytes and word ~= "EAGAIN" then return close() end
    if bytes and not asked then
      asked, answered, out = true, answered + 1, trick.say
      if trick.drip then beat = loop:every(1000, function() if not stream:send "d" then close() end end) end
    elseif bytes and asked and not trick.drip then -- the next request over the same connection
      asked, answered, trick = true, answered + 1, TRICKS[answered % #TRICKS + 1]
      out = out .. trick.say
    end
    push()
  end)
end

local listener = assert(net.listen { host = "0.0.0.0", port = port })
loop:watch(listener:fd(), "r", function()
  local stream = listener:accept()
  while stream do
    serve(stream)
    stream = listener:accept()
  end
end)
loop:signal("sigterm", function()
  print("answered " .. answered - math.tointeger(tonumber(arg[1])))
  io.stdout:flush()
  loop:stop()
end)
loop:run()
