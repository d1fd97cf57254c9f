-- trust_kit.lua - a node of a lab in the simulator, and the command line beside it in one process: what a person signs
-- with a key of specs goes straight into the node. No checks.
local call = require "cli.call"
local json = require "core.json"
local labs = require "spec.labs"
local slices = require "slices"
local sim = require "sim"
local statement = require "core.statement"

local kit = {}
kit.__index = kit

--- GIVEN: as labs.new is given; names of robots in place of robot1, robot2 …
function kit.new(given)
  given = given or {}
  given.name = given.name or "robotics"
  local self = setmetatable({ lab = labs.new(given), written = {} }, kit)
  self.world = sim.new { seed = 1, policy = kit.policy() }
  self.node = self.world:add("desk", { lab = self.lab.lab, clients = { "clients.discovery", "clients.trust" } })
  for i, name in ipairs(given.names or {}) do self.lab.robots[i].name = name end
  self.signer = self.lab.root
  return self
end

function kit.policy()
  kit.loaded = kit.loaded or assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  return kit.loaded
end

--- Into the node's records.
function kit:take(line)
  local st, dcache = assert(statement.parse(line)), self.node.dcache
  self.world:run(1000)
  if dcache.trust:lets_in(st) then dcache.trust:let_in(st.signer) end
  assert(dcache:take(st))
  self.world:run(1000)
end

function kit:take_all(lines)
  for _, line in ipairs(lines) do self:take(line) end
end

--- The node's answer to REQUEST → table | nil, text, code
function kit:ask(request)
  local found
  slices.new(self.world.loop):start(function()
    self.node.commands:run(request, function(...) found = table.pack(...) end)
  end, function(ok, fault) assert(ok, fault) end)
  for _ = 1, 1000 do
    if not found then self.world:run(1) end
  end
  return table.unpack(found, 1, found.n)
end

-- == the command line

-- What the program asks, asked of the node.
local function call_of(self)
  local function ask(request)
    request = json.decode(json.encode(request))
    local answer, text, code, candidates = self:ask(request)
    if not answer then return { schema = 1, error = { word = code, text = text, candidates = candidates } } end
    answer.schema = 1
    return json.decode(json.encode(answer))
  end
  local function wait(_, begin)
    local found
    begin(function(answer) found = answer end)
    return found
  end
  return { begin = function(_, _, request, _, told) told(ask(request)) end, wait = wait, follow = call.follow,
    pause = function(_, ms)
      self.world:run(ms)
      return true
    end }
end

-- In place of cli/sign.lua: a key of specs.
local function sign_of(self)
  local signer = { id = self.signer:id() }
  function signer.sign(_, words)
    local lines = {}
    for i, word in ipairs(words) do
      lines[i] = self.lab:line(self.signer, { verb = word.verb, bucket = word.bucket, key = word.key, data = word.data,
        ttl = word.ttl, valid_until = word.ttl == 0 and self.lab.at // 16000 * 16 or nil,
        valid_from = word.ttl == 0 and self.lab.at // 16000 * 16 or nil })
    end
    return lines
  end
  function signer.time() return self.lab.at + 1 end
  function signer.put(_, lines)
    self.signed = (self.signed or 0) + #lines
    self:take_all(lines)
    return true
  end
  return signer
end

-- To wait is to let the simulator run.
local function loop_of(self)
  local loop = { wall = function() return 0 end, now = function() return self.world.loop:now() end,
    stop = function() end, run = function() end }
  function loop.after(_, ms) self.world:run(ms) end
  return loop
end

local function world_of(self, said_out, typed)
  return { env = os.getenv, root = "", version = "0", flush = function() end, within = nil,
    write = function(text) said_out[#said_out + 1] = text end,
    complain = function(text) said_out[#said_out + 1] = text end,
    type = function() return table.remove(typed, 1) end,
    columns = function(fd) return fd == 0 and typed.terminal and 80 or fd == 1 and self.columns or nil end,
    paths = { sockets = function() return { "/none/x" } end, state = function() return "/none" end },
    loop = function() return loop_of(self) end,
    net = { unix_connect = function()
      if self.down then return nil, "ENOENT: none", "ENOENT" end
      return {}
    end },
    disk = function() return self.disk or { stat = function() end, list = function() return {} end } end,
    read = self.read or function() end }
end

--- Runs WORDS (an array); TYPED: what the person types, a line each, at a terminal; nil: there is none. → all that is
--- said, exit code
function kit:cli(words, typed)
  local said_out = {}
  local kept = {}
  for _, name in ipairs { "cli.call", "cli.sign", "cli.context", "cli.reach" } do
    kept[name], package.loaded[name] = package.loaded[name], nil
  end
  package.loaded["cli.call"] = call_of(self)
  package.loaded["cli.sign"] = { open = function(context)
    if self.signer then return sign_of(self) end
    local _, exit = context:refuse("there is no operator's key", "missing")
    return nil, exit, "missing"
  end }
  if typed then typed.terminal = true end
  local ok, code = xpcall(require("cli").run, debug.traceback, world_of(self, said_out, typed or {}), words)
  for _, name in ipairs { "cli.call", "cli.sign", "cli.context", "cli.reach" } do package.loaded[name] = kept[name] end
  assert(ok, code)
  return table.concat(said_out), code
end

return kit
