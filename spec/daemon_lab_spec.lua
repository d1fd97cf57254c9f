-- daemon_lab_spec.lua - a whole daemon and its lab file: found at the start, joined, left, refused. What the robots of
-- a lab do together: spec/e2e/lab_spec.lua.
require "spec.helper"
local folder = require "spec.folder"
local labs = require "spec.labs"
local process = require "spec.process"

local NOW <const> = os.time() * 1000
local MINE <const> = labs.new { name = "robotics", at = NOW }
local OTHER <const> = labs.new { name = "biology", at = NOW }

describe("a daemon", function()
  local w
  before_each(function() w = process.new() end)
  after_each(function() w:close() end)

  local function ask(one, request)
    request.command = "lab"
    local line = one:connect()
    line:send(request)
    local answer = line:receive()
    line:close()
    return answer
  end

  -- Waits until the daemon ONE that starts anew is in the lab of that NAME (nil: in none) → its status
  local function comes_back(one, name)
    local took, status = process.within(10, function()
      local answer = one:ask "status"
      return answer and (answer.lab and answer.lab.name) == name and answer
    end)
    assert(took, one:log())
    return status
  end

  local function put(path, content, mode)
    os.execute(("mkdir -p %s && chmod 700 %s"):format(path:match "^(.*)/", path:match "^(.*)/"))
    folder.write(path, content)
    os.execute(("chmod %s %s"):format(mode or "600", path))
  end

  local function mode_of(path)
    local pipe = assert(io.popen("stat -c %a " .. path))
    local mode = pipe:read "l"
    pipe:close()
    return mode
  end

  -- How many statements ANSWER (summary) has of each bucket that begins with WORD.
  local function counts(answer, word)
    local found = {}
    for _, bucket in ipairs(answer.buckets) do
      if bucket.name:sub(1, #word) == word then found[bucket.name] = bucket.count end
    end
    return found
  end

  it("without a lab file is in the open swarm, and joins a lab, enrols there and leaves it while it runs", function()
    local ada = w:start "ada"
    local file = ada.state .. "/lab"
    assert.is_nil(ask(ada, {}).lab)
    assert.same({ file, w.dir .. "/.config/dt-swarm/lab", "/etc/dt-swarm/lab" }, ask(ada, {}).places)
    local before = ada:ask "status"
    assert.is_nil(before.lab)
    local joined = ask(ada, { join = MINE.text }).joined
    assert.same({ "robotics", MINE.hash, file }, { joined.name, joined.lab, joined.file })
    comes_back(ada, "robotics")
    local found = ask(ada, {})
    assert.same({ file, MINE.swarm, "images" }, { found.lab.file, found.lab.swarm, found.lab.token.name })
    assert.same({ 1, 1, MINE.root:id() }, { found.lab.root.number, found.lab.root.need, found.lab.root.keys[1].id })
    assert.same({ "600", MINE.text }, { mode_of(file), folder.read(file) })
    local inside = ada:ask "status"
    assert.equal(MINE.swarm, inside.node.swarm)
    assert.equal("robotics", inside.lab.name)
    local banner = ada:out():match "dt%-swarm [^\n]+\n\n.-$":match ".*(dt%-swarm [^\n]*\n.*)$"
    assert.truthy(banner:find('lab "robotics"', 1, true) and banner:find("lab       robotics", 1, true), ada:out())
    assert.same({ name = w.swarm, file = "p.lua", line = 2 }, inside.lab.policy_swarm)
    -- The lab file's statement that there is such a token is here, and that this robot came by it: so it is a member.
    assert.is_true(inside.lab.token.counts)
    assert.is_truthy(process.within(10, function() return ada:ask "status".lab.member end))
    assert.same({ ["trust/enrolled"] = 1, ["trust/tokens"] = 1 }, counts(ada:ask "summary", "trust/"))
    -- The secret is in its file, and in nothing that the daemon says.
    local seed = MINE.lab.token.seed
    assert.is_nil((ada:out() .. ada:log() .. ada:cli "status" .. ada:cli "status --json"):find(seed, 1, true))
    local left = ask(ada, { leave = true })
    assert.same({ "robotics", file }, { left.left.name, left.left.file })
    local after = comes_back(ada, nil)
    assert.is_nil(folder.read(file))
    assert.same({ before.node.swarm, before.classes[4].law }, { after.node.swarm, after.classes[4].law })
    assert.equal("missing", ask(ada, { leave = true }).error.word)
    assert.same({ 0 }, { ada:stop() })
  end)

  it("in a lab joins no other one, and the same one again", function()
    put(w.dir .. "/ada/state/lab", MINE.text, "644")
    put(w.dir .. "/ada/state/version", "dt-swarm state 1\n")
    put(w.dir .. "/ada/state/root", "spoiled\n") -- which root was the highest is not known: no role acts
    local ada = w:start "ada"
    local file, began = ada.state .. "/lab", ada:ask "status".node.started
    assert.equal("600", mode_of(file)) -- it has a token, and was open to all
    local refused = ask(ada, { join = OTHER.text }).error
    assert.equal("swarm", refused.word)
    assert.truthy(refused.text:find("lab robotics", 1, true) and refused.text:find("lab leave", 1, true), refused.text)
    for content, word in pairs { [MINE.text:sub(1, -5)] = "form", [MINE.text:gsub("\n", "\r\n")] = "form",
      [MINE.text:gsub('"most":100', '"most":999')] = "signature" } do
      assert.equal(word, ask(ada, { join = content }).error.word)
    end
    assert.equal("form", ask(ada, { join = 7 }).error.word)
    assert.same({ MINE.text, began }, { folder.read(file), ada:ask "status".node.started })
    assert.truthy(ask(ada, {}).lab.unsettled:find("STATE/root was damaged", 1, true))
    assert.equal("robotics", ask(ada, { join = MINE.text }).joined.name) -- which forgives it, over starts too
    assert.is_truthy(process.within(10, function()
      local status = ada:ask "status"
      return status and status.node.started ~= began
    end))
    assert.truthy(ask(ada, {}).lab.unsettled:find("not compared with anybody yet", 1, true))
  end)

  it("whose lab file is broken does not start, and says which line of which file", function()
    local file = w.dir .. "/.config/dt-swarm/lab"
    put(file, MINE.text:sub(1, -30))
    local out, err, code = w:run(w:words "ada")
    assert.same({ 1, "" }, { code, out })
    err = err:gsub("%s+", " ")
    assert.truthy(err:find(file .. ": line 5 of the lab file has no end", 1, true), err)
    assert.truthy(err:find("remove the file", 1, true), err)
  end)

  it("whose lab is named by a file that is not its own says how to leave", function()
    local file = w.dir .. "/.config/dt-swarm/lab"
    put(file, MINE.text)
    local ada = w:start "ada"
    assert.same({ file }, { ask(ada, {}).lab.file })
    local refused = ask(ada, { leave = true }).error
    assert.equal("permission", refused.word)
    assert.truthy(refused.text:find("sudo rm " .. file, 1, true), refused.text)
    assert.equal(MINE.text, folder.read(file))
  end)

  it("whose folder takes nothing is in no lab, as before, with the reason", function()
    local ada = w:start("ada", { plain = true })
    os.execute("chmod 500 " .. ada.state)
    local refused = ask(ada, { join = MINE.text }).error
    os.execute("chmod 700 " .. ada.state)
    assert.equal("EACCES", refused.word)
    assert.truthy(refused.text:find("all is as it was", 1, true), refused.text)
    assert.is_nil(ask(ada, {}).lab)
    assert.equal("robotics", ask(ada, { join = MINE.text }).joined.name) -- now it does
    comes_back(ada, "robotics")
    os.execute("chmod 500 " .. ada.state)
    refused = ask(ada, { leave = true }).error
    os.execute("chmod 700 " .. ada.state)
    assert.equal("EACCES", refused.word)
    assert.equal("robotics", ask(ada, {}).lab.name)
  end)
end)
