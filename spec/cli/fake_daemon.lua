-- fake_daemon.lua - a process with the real control socket and a node that is none.
-- lua5.4 spec/cli/fake_daemon.lua PATH STATE KIND [FOLDER NAME]: prints its process ID, ends on SIGTERM.
dofile "spec/helper.lua"
local fake = require "spec.clients.fake_node"
local loop = require("loop").new { on_error = function(text) io.stderr:write(text, "\n") end }
local path, state, kind = arg[1], arg[2], arg[3]

local function quiet() end

local facts = kind == "empty" and {} or fake.two()
if kind == "hostile" then
  facts.nodes[2].name = "evil\27[2J\27]0;title\7\nname\226\128\174\255"
  facts.records[1].data.names = { "../../\27[31mx\r\n" }
  facts.channels[2].reason = "\27c"
elseif kind == "shell" then -- names that a shell would make much of
  facts.nodes[2].name = "don $(touch pwned) `touch pwned`"
  for i, name in ipairs { "my run.bag", "my $(touch pwned).bag", "my`touch pwned`;touch pwned #.bag", "my'quotes\".bag",
    "line\nfeed; touch pwned", "my !$ \\ & | > pwned", "-rf", "sub/one:two.bag", "täglich.bag", "at@home.bag" } do
    facts.records[i] = fake.file(("%s%02d"):format(fake.CID:sub(1, -3), i + 10), fake.ADA, name, 64, 100)
  end
elseif kind == "crowd" then -- three pages of nodes, of whose bodies nothing is known
  facts.nodes = {}
  for i = 1, 600 do
    facts.nodes[i] = { id = ("n%03d"):format(i), name = "n" .. i, label = "n" .. i, status = "ready", self = i == 1 }
  end
elseif kind == "several" then
  facts.records[2] = fake.file(fake.OTHER_CID, fake.DONALD, "run-12.bag", 70, 100)
end

if kind == "changing" then
  loop:every(1500, function() facts.nodes[2].status = facts.nodes[2].status == "ready" and "quiet" or "ready" end)
end

local offered, deaf -- deaf: who asks there is connected, and nobody answers
if arg[4] then -- a folder whose file "run.bag" is really served, under the name arg[5]
  local file = require("spec.folder").hash(arg[4], "run.bag")
  offered = assert(require("core.gateway").new { host = "127.0.0.1" })
  assert(offered:serve(file))
  facts.records = { fake.file(file.cid, fake.DONALD, arg[5], file.size, 100) }
  deaf = kind == "deaf" and assert(require "core.net".listen { host = "127.0.0.1", port = 0 })
  facts.sources = { { id = fake.DONALD, name = "donald", own = true,
    url = "http://127.0.0.1:" .. (deaf or offered):port() } }
end

local node = fake.node(facts)
node.diagnostics = kind == "crowd" and { others = { of = quiet } } or nil
local answers = require("spec.clients.asked").handler(node, loop)
if kind == "silent" then answers = function() loop:run() end end
local server = require("clients.control").new {
  loop = loop, net = require "core.net", disk = require("core.disk").real(), state = state, path = path,
  log = { info = quiet, warn = quiet, error = quiet }, uid = require("paths").uid(),
  answer = kind == "refusing" and function(_, reply) reply(nil, "permission: not today", "permission") end or answers,
}
assert(server:listen())
loop:signal("sigterm", function()
  server:close()
  loop:stop()
end)
io.write(io.open("/proc/self/stat"):read "n", "\n")
io.stdout:flush()
loop:run()
os.exit(0, false)
