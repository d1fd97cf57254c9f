-- daemon_trial_spec.lua - a new policy on a running daemon: what brings the good one back, and who may say that it
-- stays. The rules one by one, by a clock of the spec's own: spec/trial_spec.lua.
local net = require "core.net"
local json = require "core.json"
local process = require "spec.process"

local within = process.within

describe("a policy on trial", function()
  local w, ada
  before_each(function() w = process.new() end)
  after_each(function() w:close() end)

  local function policy(body) return w:policy("ada.lua", "p.clients.logs.gateway = false\n" .. body) end

  local function tags()
    local answer = ada:ask "policy show tags"
    return answer and answer.settings[1] and answer.settings[1].value
  end

  local function has(tag) return within(10, function() return tags() == tag end) end

  local function facts() return ada:ask("status").policy end

  -- Begins with a good policy: tags "good".
  local function begin(options)
    options = options or {}
    options.policy = policy "p.tags = { 'good' }"
    ada = w:start("ada", options)
    local said, code = ada:cli "policy confirm"
    assert.equal(0, code, said)
    return options
  end

  it("stays when who asked confirms it by a new connection, and goes back when nobody does", function()
    begin()
    policy "p.tags = { 'new' }"
    local said, code = ada:cli "policy reload --confirm 1"
    assert.equal(0, code, said)
    assert.truthy(said:find("policy confirm", 1, true), said)
    assert.truthy(facts().trial.confirm)
    assert.truthy(has "good", ada:log())
    assert.truthy(ada:log():find "good one comes back.*nobody confirmed it in time", ada:log())
    assert.truthy(ada:cli "status":gsub("%s+", " "):find("this text was in force and failed", 1, true))
    os.execute "sleep 0.5" -- were the file tried again by itself, it would be by now
    assert.equal("good", tags())
    said, code = ada:cli "policy reload --confirm 60"
    assert.equal(0, code, said)
    assert.equal("new", tags())
    said, code = ada:cli "policy confirm"
    assert.equal(0, code, said)
    assert.is_nil(facts().trial)
    assert.equal(0, ada:stop())
    ada = w:start("ada", { policy = w.dir .. "/ada.lua" })
    assert.equal("new", tags())
    assert.is_nil(facts().trial)
  end)

  it("is not confirmed by a connection that was there before the change", function()
    begin()
    local stream = assert(net.unix_connect(ada.socket))
    local function ask(line)
      local answer = ""
      assert(stream:send(line .. "\n"))
      assert.truthy(within(10, function()
        answer = answer .. (stream:receive(65536) or "")
        return answer:sub(-1) == "\n"
      end))
      return json.decode((answer:gsub("\n$", "")))
    end
    policy "p.tags = { 'new' }"
    assert.equal(60, ask('{"command":"reload","confirm":60}').trial.seconds)
    assert.equal("permission", ask('{"command":"policy-confirm"}').error.word)
    assert.is_true(facts().trial.confirm)
    stream:close()
    assert.equal(0, select(2, ada:cli "policy confirm"))
  end)

  it("goes back at once by rollback, and once more to the good one before it", function()
    begin()
    policy "p.tags = { 'second' }"
    assert.equal(0, select(2, ada:cli "policy reload"))
    assert.equal(0, select(2, ada:cli "policy confirm"))
    policy "p.tags = { 'third' }"
    assert.equal(0, select(2, ada:cli "policy reload"))
    assert.equal("third", tags())
    local said, code = ada:cli "policy rollback"
    assert.equal(0, code, said)
    assert.equal("second", tags())
    said, code = ada:cli "policy rollback"
    assert.equal(0, code, said)
    assert.equal("good", tags())
    said, code = ada:cli "policy rollback"
    assert.equal(1, code, said)
  end)

  it("is gone at the next start after a crash, also of a restart; one that was good before is not", function()
    local options = begin()
    policy "p.tags = { 'new' }"
    assert.equal(0, select(2, ada:cli "policy reload"))
    ada:stop "KILL"
    ada = w:start("ada", options)
    assert.equal("good", tags(), ada:out() .. ada:log())
    assert.truthy(ada:log():find "crashed while it was on trial", ada:log())
    assert.truthy(facts().refusal)
    policy "p.tags = { 'restarts' }\np.clients.logs.gateway = '/ip4/127.0.0.1/tcp/39427'"
    assert.equal(0, select(2, ada:cli "policy reload"))
    assert.truthy(has "restarts", ada:log())
    assert.is_nil(ada:log():find "restarts.*came back")
    assert.truthy(facts().trial, "the trial goes on after the restart")
    ada:stop "KILL"
    ada = w:start("ada", options)
    assert.equal("good", tags())
    ada:stop "KILL"
    ada = w:start("ada", options)
    assert.equal("good", tags())
    assert.is_nil(facts().fallen)
  end)
end)
