-- long_commands_spec.lua - commands over many records: how much one turn reads, and that answers are the same.
local asked = require "spec.clients.asked"
local fake = require "spec.clients.fake_node"
local hash = require "core.hash"
local json = require "core.json"
local key = require "core.key"
local sim = require "sim"
local slices = require "slices"
local statement = require "core.statement"
local unixfs = require "core.unixfs"

local FILES <const>, OWN <const> = 700, 900
local LINES_A_TURN <const> = 160 -- read from the disk

-- A node that knows FILES files of others and has OWN of its own.
local function world()
  local policy = assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  local w = sim.new { seed = 1, policy = policy }
  local real = w:add "ada"
  w:run(1000)
  local signer, now = key.generate(("s"):rep(32)), real.time:now()
  for i = 1, FILES do
    local cid = (unixfs.layout(9, hash.sha256("f" .. i)))
    local data = json.encode { class = "lab", names = json.array { ("d/%03d.bag"):format(i) }, size = 9 }
    local st = assert(statement.sign(signer, real.swarm, { verb = "propose", bucket = "share/files", key = cid,
      valid_from = now // 16000 * 16, valid_until = (now // 16000 + 600) * 16, at = now, data = data }))
    assert(real.dcache:take(statement.parse(st.line)))
  end
  local node, by_name = fake.node {}, {}
  for _, name in ipairs { "id", "dcache", "time" } do node[name] = real[name] end
  for i = 1, OWN do
    local name = ("own/%04d"):format(OWN - i)
    by_name[name] = { name = name, state = "published", info = { size = i }, class = "lab", shared = "cid" .. i }
  end
  local report = require "clients.logs.report"
  node.logs = { files = function() return report.files(by_name, {}, {}) end, refused = function() return {} end,
    each_file = function() return report.each(by_name, {}, {}) end }
  return node, policy
end

-- Runs REQUEST in slices. → the answer as a table, the most lines that one turn read, turns
local function in_slices(node, request)
  local loop = { posted = {}, post = function(self, fn) table.insert(self.posted, fn) end }
  local all, line, most, turns = asked.commands(node), nil, 0, 0
  slices.new(loop):start(function()
    all:run(request, setmetatable({ on_cancel = function() end, run = function(_, fn) fn() end }, {
      __call = function(_, answer, ...)
        local pieces = {}
        local function emit(piece) pieces[#pieces + 1] = piece end
        line = answer and require "clients.control.to_json".line(answer, emit)
        line = line and table.concat(pieces) .. line or { answer, ... }
        return true
      end }))
  end, function(ok, fault) assert(ok, fault) end)
  while loop.posted[1] do
    local list, before = loop.posted, node.dcache.lines_read
    loop.posted = {}
    for _, fn in ipairs(list) do fn() end
    most, turns = math.max(most, node.dcache.lines_read - before), turns + 1
  end
  return type(line) == "string" and assert(json.decode(line)) or line, most, turns
end

describe("a command over many records", function()
  it("goes over them a slice a turn, and its answer is the same as at once, in canonical JSON", function()
    local node, policy = world()
    for _, request in ipairs { { command = "report" }, { command = "files" }, { command = "status" },
      { command = "sources", what = "d/007.bag" }, { command = "folder", what = "d" } } do
      node.dcache:unfollow() -- so that all is read anew
      local answer, most, turns = in_slices(node, request)
      local at_once = asked.of(node)(request)
      assert.same(json.decode(json.encode(at_once)), answer)
      assert.is_true(most <= LINES_A_TURN, ("%s: %d lines in one turn"):format(request.command, most))
      assert.is_true(turns >= 4, ("%s: %d turns"):format(request.command, turns))
    end
    policy:close()
  end)
end)
