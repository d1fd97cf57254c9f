-- bundle_spec.lua - bundles, whole and damaged, through the command's own code into a real node. No daemon, no socket.
local bundle = require "comms.bundle"
local disk = require "core.disk"
local folder = require "spec.folder"
local import = require "cli.import"
local files = require "cli.bundle"
local labs = require "spec.labs"
local policy = require "policy"
local sim = require "sim"

local duckiebot = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))
local SWARM <const> = duckiebot:get "swarm"
local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local LINES <const> = SOAK and 50 or 10
local EVERY <const> = SOAK and 11 or 31 -- of how many damaged bundles one is taken into an empty node, too

local swarm, dir, lines, serial

-- A bundle of LINES statements, in the order of bundles.
local function make()
  local list, signer = {}, labs.key "bundles"
  for i = 1, LINES do
    list[i] = labs.sign(signer, SWARM, { bucket = "share/files", key = "key" .. i, at = swarm.loop:wall() + i,
      ttl = 24 * 60 * 60, data = { n = i } }).line
  end
  return list
end

local function empty_node()
  serial = serial + 1
  swarm = sim.new { seed = serial, policy = duckiebot }
  return swarm:add "ada"
end

-- Imports BYTES into ONE. → the answer of --json, exit code, what is said on a terminal
local function put(one, bytes)
  local said, answer = {}, nil
  folder.write(dir.path .. "/x", bytes)
  local context = { exit = { ok = 0, no = 1, fetch = 5 }, complain = function(_, text) said[#said + 1] = text end,
    world = { disk = disk.real, write = function(text) said[#said + 1] = text end } }
  function context.json(_, value) answer = value end
  function context.ask(_, request)
    local results
    one.comms:offer(request.lines, function(list) results = list end)
    repeat swarm:run(10) until results
    return { results = results }
  end
  local code = import.run(context, { file = dir.path .. "/x", json = true })
  return answer, code, table.concat(said)
end

-- What must come of BYTES, a damaged bundle of `lines`: how many good lines stand in it, how many others.
local function expected(bytes)
  local known, good, bad = {}, 0, 0
  for _, line in ipairs(lines) do known[line] = true end
  for line, feed in bytes:gmatch "([^\n]*)(\n?)" do
    if known[line] and feed == "\n" then
      good = good + 1
    elseif (line ~= "" or feed ~= "") and not (line:find "^end %d+ [%w_-]+$" and feed == "\n") then
      bad = bad + 1
    end
  end
  return good, bad
end

local function all_refused(answer)
  local n, first = 0, nil
  for _, row in ipairs(answer.refused) do
    n, first = n + row.count, math.min(first or row.line, row.line)
  end
  return n, first
end

-- The first line of BYTES that is none of ours.
local function first_bad(bytes)
  local n, known = 0, {}
  for _, line in ipairs(lines) do known[line] = true end
  for line, feed in bytes:gmatch "([^\n]*)(\n?)" do
    n = n + 1
    if (line ~= "" or feed ~= "") and not (feed == "\n" and (known[line] or line:find "^end %d+ [%w_-]+$")) then
      return n
    end
  end
end

local function check(one, bytes, what, fresh)
  local answer, code = put(one, bytes)
  local good, bad = expected(bytes)
  local refused, first = all_refused(answer)
  assert.equal(good, fresh and answer.taken or answer.duplicate, what)
  assert.equal(0, fresh and answer.duplicate or answer.taken, what)
  assert.equal(bad, refused, what)
  assert.equal(first_bad(bytes), first, what)
  return answer, code
end

describe("a bundle", function()
  setup(function() dir = folder.new() end)
  teardown(function() dir.remove() end)
  before_each(function() serial = 0 end)

  it("is taken in whole once, and is all duplicates the second time", function()
    local one = empty_node()
    lines = make()
    local answer, code = put(one, bundle.text(lines))
    assert.same({ LINES, 0, true, 0 }, { answer.taken, answer.duplicate, answer.whole, code })
    answer, code = put(one, bundle.text(lines))
    assert.same({ 0, LINES, true, 0 }, { answer.taken, answer.duplicate, answer.whole, code })
  end)

  it("with any byte changed loses just the line that the byte is in, and the file is said not to be whole", function()
    local held = empty_node()
    local its_swarm = swarm
    lines = make()
    local text = bundle.text(lines)
    put(held, text)
    for at = 1, #text do
      local changed = text:sub(1, at - 1) .. string.char(text:byte(at) ~ 1 << at % 8) .. text:sub(at + 1)
      swarm = its_swarm
      local answer, code = check(held, changed, "byte " .. at)
      assert.same({ false, 1 }, { answer.whole, code }, "byte " .. at)
      if at % EVERY == 0 then check(empty_node(), changed, "byte " .. at, true) end
    end
  end)

  it("cut anywhere gives its whole lines, and its end is missing", function()
    local held = empty_node()
    local its_swarm = swarm
    lines = make()
    local text = bundle.text(lines)
    put(held, text)
    for size = 0, #text - 1 do
      swarm = its_swarm
      local answer, code = check(held, text:sub(1, size), "cut at " .. size)
      assert.same({ "length", 1 }, { answer.fault.word, code })
      assert.truthy(answer.fault.text:find "^The end is missing")
      if size % EVERY == 0 then check(empty_node(), text:sub(1, size), "cut at " .. size, true) end
    end
  end)

  it("with lines behind its end, or with a line that never ends, is bounded and said", function()
    local one = empty_node()
    lines = make()
    local answer, code = put(one, bundle.text(lines) .. bundle.text(lines))
    assert.same({ LINES, LINES, false, 1 }, { answer.taken, answer.duplicate, answer.whole, code })
    local reader = bundle.reader()
    for _ = 1, 100 do
      assert.same({}, reader:take(("x"):rep(65536)))
      assert.is_true(#reader.rest <= 65536)
    end
    assert.same({ { number = 1, code = "long" } }, reader:take "\n")
  end)

  it("of another lab, be it ever so long, costs no table for each of its lines", function()
    empty_node()
    local line, many, answers, most = make()[1], {}, setmetatable({}, { __mode = "k" }), 0
    for i = 1, 1280 do many[i] = line end
    folder.write(dir.path .. "/x", bundle.text(many))
    local context = { exit = { ok = 0, no = 1 }, world = {}, json = function() end, ask_quietly = function() end }
    function context.ask(_, request)
      local results, alive = {}, 0
      collectgarbage()
      for _ in pairs(answers) do alive = alive + 1 end
      most = math.max(most, alive)
      for i = 1, #request.lines do
        results[i] = { word = "stranger", text = "its signer is no member of the lab" }
        answers[results[i]] = true
      end
      return { results = results }
    end
    assert.equal(1, import.run(context, { file = dir.path .. "/x", json = true }))
    assert.is_true(most < 200, most .. " answers")
  end)

  it("comes through a pipe as out of a file, as often as it is read", function()
    local path = dir.path .. "/pipe"
    empty_node()
    lines = make()
    folder.write(dir.path .. "/whole", bundle.text(lines))
    os.execute(("mkfifo %s; cat %s/whole > %s &"):format(path, dir.path, path))
    local each = assert(files.open({}, path))
    for _ = 1, 2 do
      local found = {}
      assert.is_true(each(function(_, line) found[#found + 1] = line end))
      assert.same(lines, found)
    end
  end)

  it("that has no end and no line feed, as /dev/zero, is no bundle", function()
    local each = assert(files.open({}, "/dev/zero"))
    assert.same({ nil, "long: its last line never ends: it is no bundle", "long" },
      { each(function() error "a line" end) })
  end)

  it("is added to by the next command that signs into it, and nothing else is written over", function()
    local path, said = dir.path .. "/signed", {}
    local context = { exit = { fetch = 5 }, world = { disk = disk.real },
      complain = function(_, text) said[#said + 1] = text end }
    empty_node()
    lines = make()
    assert.is_true(files.put(context, path, { lines[1] }))
    assert.is_true(files.put(context, path, { lines[2], lines[3] }))
    assert.equal(bundle.text { lines[1], lines[2], lines[3] }, folder.read(path))
    folder.write(path, "a letter\n")
    assert.same({ nil, 5 }, { files.put(context, path, { lines[4] }) })
    assert.equal("a letter\n", folder.read(path))
    assert.truthy(said[1]:find "no whole bundle")
  end)

  it("that is a folder, or is not there, is said", function()
    local said = {}
    local context = { exit = { fetch = 5 }, complain = function(_, text) said[#said + 1] = text end }
    assert.same({ nil, 5 }, { files.open(context, dir.path) })
    assert.same({ nil, 5 }, { files.open(context, dir.path .. "/none") })
    assert.truthy(said[1]:find "Is a directory" and said[2]:find "No such file")
  end)
end)
