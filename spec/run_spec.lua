-- run_spec.lua - the runner of the specs: what counts, what is run once more and said, and what never is.
local folder = require "spec.folder"

describe("the runner of the specs", function()
  local home

  before_each(function()
    home = folder.new()
    os.execute(("mkdir %s/spec && cp spec/run.sh %s/spec"):format(home.path, home.path))
  end)
  after_each(function() home.remove() end)

  -- A spec file NAME that is green from its TIMESth run on, and counts its runs.
  local function put(name, times)
    folder.write(("%s/spec/%s_spec.lua"):format(home.path, name), ([[
local file = assert(io.open("%s", "a+"))
file:write "x"
file:flush()
file:seek "set"
local runs = #file:read "a"
file:close()
it("is green at last", function() assert.is_true(runs >= %d, "the machine stood still") end)]]):format(
      home.path .. "/" .. name, times))
  end

  local function runs(name) return #(folder.read(home.path .. "/" .. name) or "") end

  local function run(words, before)
    local pipe = io.popen(("env -u DT_SWARM_SOAK -u CI %s %s/spec/run.sh %s 2>&1"):format(before or "", home.path,
      words or ""))
    local said = pipe:read "a"
    return said, select(3, pipe:close()), said:match "([^\n]*)\n$"
  end

  it("runs what is red once more, and says both", function()
    put("once", 2)
    put("good", 1)
    local said, code, last = run()
    assert.same({ 0, "2 passed, 0 failed" }, { code, last }, said)
    assert.truthy(said:find("the machine stood still", 1, true), said)
    assert.truthy(said:find("GREEN AT THE SECOND TRY ONLY, see above: spec/once_spec.lua", 1, true), said)
    assert.same({ 2, 1 }, { runs "once", runs "good" })
  end)

  it("fails where it is red twice", function()
    put("bad", 9)
    put("once", 2)
    local said, code, last = run()
    assert.same({ 1, "1 passed, 1 failed" }, { code, last }, said)
    assert.is_nil(said:find("ONLY, see above: spec/bad", 1, true), said)
    assert.equal(2, runs "bad")
  end)

  it("fails at once where more than three are red, where a file is named, and in soak", function()
    put("once", 2)
    assert.same({ 1, 1 }, { select(2, run "spec/once_spec.lua"), runs "once" })
    put("once", 3)
    assert.same({ 1, 2 }, { select(2, run(nil, "DT_SWARM_SOAK=1")), runs "once" })
    for i = 1, 4 do put("bad" .. i, 2) end
    local said, code, last = run()
    assert.same({ 1, "1 passed, 4 failed" }, { code, last }, said)
    for i = 1, 4 do assert.equal(1, runs("bad" .. i)) end
  end)
end)
