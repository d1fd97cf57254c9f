-- Each command asked of a whole daemon that has a neighbour: its --json has the shape that spec/cli/golden holds, and
-- what people read ends in a sentence, in whatever width.
-- DT_SWARM_GOLDEN=1 writes the golden files anew; look at what git says of them.
local cli = require "cli"
local folder = require "spec.folder"
local json = require "core.json"
local process = require "spec.process"
local shape = require "spec.cli.shape"

-- What is typed behind a command's name where it wants something; "" unless given.
local WORDS <const> = { ["files get"] = "run-12.bag --to TO", ["help"] = "quota", ["policy check"] = "POLICY",
  ["policy diff"] = "OTHER", export = "TO.bundle --force", import = "TO.bundle", why = "run-12.bag",
  ["files why"] = "run-12.bag", ["files verify"] = "run-12.bag",
  watch = "--topics", repl = "-e 1+1", ["record show"] = "peer ADA", ping = "bea --count 1", trace = "bea",
  ["route get"] = "bea", ["route set"] = "'/dswarm/bea/*' '/dswarm/daisy/$0'", ["route unset"] = "'/dswarm/bea/*'" }
-- What prints no JSON, and why.
local PLAIN <const> = { page = "a file for make", complete = "words for a shell" }
-- What needs a lab and a person's key: spec/clients/trust_spec.lua looks at these.
local function is_signed(name) return name:find "^trust " or name == "record sign" or name == "record dismiss" end
-- The same: spec/cli/desk_spec.lua.
local function is_of_desk(name) return name:find "^operator " or name:find "^lab " and name ~= "lab show" end
-- What is done in labs alone: spec/cli/updates_spec.lua, spec/e2e/rollout_spec.lua.
local function is_of_updates(name) return name:find "^rollout " or name:find "^release " or name:find "^update " end
-- What has the daemon start anew as another node: spec/e2e/clones_spec.lua.
local function is_anew(name) return name == "identity renew" end
-- The same, of files that others hold: spec/e2e/withdraw_spec.lua.
local GOES <const> = { ["files withdraw"] = true, ["files drop"] = true, ["files discard"] = true }
-- What says no sentence: its output is data, or what a person typed it for.
local SAYS_DATA <const> = { ["identity export"] = true, ["files get"] = true, repl = true,
  ["policy confirm"] = true, ["policy rollback"] = true }
-- What wants a policy that is on trial.
local ON_TRIAL <const> = { ["policy confirm"] = true, ["policy rollback"] = true }

-- What wants something that another command made.
local BEFORE <const> = { ["route unset"] = "route set" }

local w, ada, bea, names, tags

local function line_of(name)
  local words = (WORDS[name] or ""):gsub("TO", w.dir .. "/copy"):gsub("POLICY", w.dir .. "/ada.lua")
    :gsub("OTHER", w.dir .. "/other.lua"):gsub("ADA", ada.id or "")
  return name .. " " .. words
end

local function make_ready(name)
  if BEFORE[name] then ada:cli(line_of(BEFORE[name])) end
end

-- Another tag in ada's policy, until it is confirmed.
local function new_policy()
  local text = folder.read(w.dir .. "/ada.lua")
  tags = (tags or 0) + 1
  folder.write(w.dir .. "/ada.lua", (text:gsub("return p\n$", ("p.tags = { 't%d' }\nreturn p\n"):format(tags))))
  local said, code = ada:cli "policy reload --confirm 60"
  assert.equal(0, code, said)
end

local function settled()
  local files = ada:ask "files list"
  local report, here = bea:ask "report", ada:ask "discover"
  local file = report and report.files[1]
  return files and #files.files == 2 and file and #file.copies == 2 and #here.nodes == 2 and here.nodes[2].via
    and here.same and ada:ask "report".files[1].copies[2] and ada:ask "report".stores[1]
end

describe("each command of a whole daemon", function()
  setup(function()
    w = process.new()
    local function policy(name, text)
      return w:policy(name, [[
p.clients.logs.settle = { least = 0.1 * second, per = 32 * MB, most = 1 * second }
function p.clients.logs.share() return "lab" end
]] .. text)
    end
    policy("other.lua", "p.tags = { 'x' }")
    os.execute(("mkdir -p %s/ada/share && echo bytes > %s/ada/share/run-12.bag && ln -s / %s/ada/share/link")
      :format(w.dir, w.dir, w.dir))
    ada = w:start("ada", { policy = policy("ada.lua", "") })
    bea = w:start("bea", { policy = policy("bea.lua", [[
p.type = 'server'
function p.clients.logs.fetch() return 5 end]]) })
    assert(process.within(20, settled), ada:log() .. bea:log() .. ada:cli "report" .. bea:cli "files list")
    ada.id = ada:ask "identity".id
    names = {}
    for _, command in ipairs(cli.commands) do
      local name = command.name
      local elsewhere = GOES[name] or is_signed(name) or is_of_desk(name) or is_anew(name) or is_of_updates(name)
      if not (PLAIN[name] or elsewhere) then names[#names + 1] = name end
    end
  end)
  teardown(function() w:close() end)

  local function shape_of(line) return shape.of(assert(json.decode((line:gsub("\n$", ""))), line)) end

  it("answers --json in the shape that it had", function()
    local faults = {}
    for _, name in ipairs(names) do
      if ON_TRIAL[name] then new_policy() end
      make_ready(name)
      shape.compare(name, shape_of(ada:cli(line_of(name) .. " --json")), faults)
    end
    assert.same({}, faults)
  end)

  it("goes on with --watch and watch in the shape that it had", function()
    local out, faults = w.dir .. "/lines", {}
    local function first_lines(words, wanted, meanwhile)
      os.execute(("rm -f %s; timeout 60 ./dt-swarm-cli %s %s --json >%s 2>&1 & echo $! >%s.pid"):format(out, ada.socket,
        words, out, out))
      process.within(10, function() return (folder.read(out) or ""):find "\n" end)
      if meanwhile then meanwhile() end
      process.within(10, function() return folder.read(out):find(wanted, 1, true) end)
      os.execute(("kill -INT $(cat %s.pid)"):format(out))
      return folder.read(out):gmatch "[^\n]+"
    end
    for line in first_lines("watch policy", '"loaded"', function() ada:cli "policy reload" end) do
      local event = line:match '"event":"(%l+)"'
      if event == "watching" or event == "loaded" then shape.compare("watch " .. event, shape_of(line), faults) end
    end
    local rows = shape_of(first_lines("discover --watch", "\n")())
    assert.equal("true or false", rows.continues)
    rows.continues = nil
    shape.compare("discover", rows, faults)
    assert.same({}, faults)
  end)

  it("has a shape whose members may be more, but none may go or change", function()
    local golden = { node = { name = "text", ["note?"] = "text" }, list = { ["[]"] = { n = "number" } },
      counts = { ["*"] = "number" } }
    local function faults(text) return shape.differences(golden, shape.of(assert(json.decode(text)))) end
    local fine = '{"counts":{"x":1},"list":[{"m":1,"n":2}],"more":[],"node":{"name":"a"}}'
    assert.same({}, faults(fine))
    for find, put in pairs { ['"name":"a"'] = '"nam":"a"', ['"a"'] = "1", ['"n":2'] = '"o":2', ['"x":1'] = '"x":"1"',
      ['"n":2}'] = '"n":true}', ['"name":"a"}'] = '"name":"a","note":1}', ['[{"m":1,"n":2}]'] = "[]" } do
      local changed = fine:gsub(find:gsub("%p", "%%%0"), put)
      assert.equal(1, #faults(changed), changed)
    end
    assert.same({ node = { name = "number", ["note?"] = "text" } },
      shape.updated({ node = { name = "text", ["note?"] = "text" } }, { node = { name = "number" } }))
  end)

  -- What is cut says so, paths give way at their slashes, an ID in one where its part is longer than the line, and
  -- numbers go on meanwhile; all else are words of the whole.
  local function broken_words(narrow, whole)
    local words, paths, broken = {}, {}, {}
    for word in whole:gmatch "%S+" do
      words[word] = true
      if word:find("/dswarm/", 1, true) then paths[#paths + 1] = word end
    end
    local of_paths = table.concat(paths, " ")
    for word in narrow:gmatch "%S+" do
      local given_way = word:find "[…/%d]" or #word >= 10 and of_paths:find(word, 1, true)
      if not (words[word] or given_way) then broken[#broken + 1] = word end
    end
    return broken
  end

  it("is read in 80, 50 and 30 columns, breaks no word, and ends in a sentence", function()
    local function look_at(name)
      local function said_in(columns)
        make_ready(name)
        local said = ada:in_columns(columns, line_of(name))
        local last = said:gsub("%s+$", ""):match "[^\n]*$"
        assert.truthy(last:find "[.!?]$", ("%s in %d columns ends so: %s"):format(name, columns, last))
        return said
      end
      local whole = said_in(200)
      for _, columns in ipairs { 80, 50, 30 } do
        local said, broken
        for _ = 1, 4 do -- what is said may have changed between two looks
          said = said_in(columns)
          broken = broken_words(said, whole)
          if not broken[1] then break end
          whole = said_in(200)
        end
        assert.same({}, broken, name .. "\n" .. said)
        for line in said:gmatch "[^\n]+" do
          assert.is_true(utf8.len(line) <= columns or not line:find "%S +%S", name .. ": " .. line)
        end
      end
    end
    for _, name in ipairs(names) do
      if not SAYS_DATA[name] then look_at(name) end
    end
  end)
end)

describe("each exit code", function()
  it("is reached", function()
    local place, met = folder.new(), {}
    finally(function() place.remove() end)
    local function ends(command)
      local _, _, code = os.execute(("cd %s && timeout 30 %s >/dev/null 2>&1 </dev/null"):format(place.path, command))
      met[code] = true
    end
    local program, daemon = os.getenv "PWD" .. "/dt-swarm-cli ", os.getenv "PWD" .. "/dt-swarm "
    ends(program .. "help")
    ends(program .. "/nowhere/d.sock status")
    ends(program .. "nothing")
    folder.put_program(place.path .. "/broken")
    folder.write(place.path .. "/broken/cli/status.lua", "error 'broken'")
    ends "broken/dt-swarm-cli status"
    local of_daemon = {}
    of_daemon, met = met, of_daemon
    ends(daemon .. "--check")
    ends(daemon .. "--state /proc/none --share /proc/none --socket /proc/none/x")
    ends(daemon .. "--check /nowhere/policy.lua")
    ends(daemon .. "--nothing")
    folder.write(place.path .. "/broken/lua/main.lua", "error 'broken'")
    ends "broken/dt-swarm"
    for _, exit in ipairs(require("exits").of "daemon") do assert.is_true(met[exit.code], exit.text) end
    -- 1, 4, 5 and 130 need a daemon that says no, refuses, has nobody to fetch from, goes on: spec/cli/process_spec.lua
    local here = { [0] = true, [2] = true, [3] = true, [70] = true }
    local process_spec = folder.read "spec/cli/process_spec.lua"
    for _, exit in ipairs(cli.exits) do
      local there = process_spec:find(("assert.equal(%d, code"):format(exit.code), 1, true) ~= nil
      assert.is_true(here[exit.code] and of_daemon[exit.code] or there, exit.text)
    end
  end)
end)
