-- lying_agent_spec.lua - whole commands with an ssh-agent that signs something else, or hangs: nothing is signed then.
-- The agent is the spec's own, since no real one does that. DT_SWARM_SOAK=1: also the minute of waiting.
local fake_agent = require "spec.cli.fake_agent"
local folder = require "spec.folder"
local key = require "core.key"
local loops = require "loop"
local openssh = require "cli.openssh"
local patience = require "spec.patience"
local text = require "core.text"

local FALSE <const> = "signature that does not fit; nothing was signed %(signature%)"
local WITHIN <const> = 10 * patience.TIMES * 1000 -- ms

describe("a command that signs", function()
  local place, loop, person, other
  before_each(function()
    place = folder.new()
    loop = loops.new { on_error = function(fault) error(fault, 0) end }
    person, other = key.generate(("p"):rep(32)), key.generate(("o"):rep(32))
    folder.write(place.path .. "/person.pub", openssh.line(person:id(), "teacher") .. "\n")
  end)
  after_each(function()
    loop:close()
    place.remove()
  end)

  -- An agent's answer with the signature RAW.
  local function answer_of(raw) return "\14" .. string.pack(">s4", string.pack(">s4s4", "ssh-ed25519", raw)) end

  -- What an agent has to say where SIGNER signs DATA, the bytes that it was asked to sign.
  local function signed(signer, data)
    local kind, swarm, bytes = data:match "^dt%-swarm/1 (%S+) (%S+)\n(.*)$"
    return answer_of(text.unbase64url(signer:sign(kind, swarm, bytes)))
  end

  local function listed() return "\12" .. string.pack(">I4s4s4", 1, openssh.blob(person:id()), "teacher") end

  -- One message of an agent that lists the person's key and answers SIGN(data); nil: with nothing.
  local function answer(message, sign)
    if message:byte() == 11 then return listed() end
    local _, data = string.unpack(">s4s4", message, 2)
    return sign(data)
  end

  local function serve(sign)
    fake_agent.serve(loop, place.path .. "/agent", function(message) return answer(message, sign) end)
  end

  -- The command WORDS by that agent. → what it said, its exit code
  local function cli(words, within)
    local path, tree = place.path, os.getenv "PWD"
    os.remove(path .. "/code")
    os.execute(("cd %s && { env -i HOME=%s SSH_AUTH_SOCK=%s/agent PATH=\"$PATH\" %s/dt-swarm-cli %s \z
      --yes --key person.pub </dev/null >said 2>&1; echo $? >code.part; mv code.part code; } &"):format(
      path, path, path, tree, words))
    local code
    local watch = loop:every(20, function()
      code = folder.read(path .. "/code")
      if code then loop:stop() end
    end)
    local limit = loop:after(within or WITHIN, function() loop:stop() end)
    loop:run()
    watch:cancel()
    limit:cancel()
    return (folder.read(path .. "/said"):gsub("\n", " ")), math.tointeger(tonumber(code))
  end

  local function refuses(sign, words, within)
    serve(sign)
    local said, code = cli("lab init robotics", within)
    assert.equal(4, code, said)
    assert.matches(words, said)
    for _, name in ipairs { "robotics.lab", ".config/dt-swarm/lab" } do
      assert.is_nil(folder.read(place.path .. "/" .. name), name)
    end
  end

  it("takes what an honest agent signs", function()
    serve(function(data) return signed(person, data) end)
    local said, code = cli "lab init robotics"
    assert.equal(0, code, said)
    assert.truthy(folder.read(place.path .. "/robotics.lab"))
  end)

  it("takes no 64 bytes that are no signature, nor a signature that is cut", function()
    refuses(function() return answer_of(("\7"):rep(64)) end, FALSE)
    os.remove(place.path .. "/agent")
    refuses(function(data) return signed(person, data):sub(1, -2) end, FALSE)
  end)

  it("puts no statement into a file with such an agent, which it does with an honest one", function()
    local honest = true
    serve(function(data) return signed(honest and person or other, data) end)
    assert.equal(0, select(2, cli "lab init robotics"))
    honest = false
    local words = ("trust grant %s member --to signed"):format(other:id())
    local said, code = cli(words)
    assert.equal(4, code, said)
    assert.matches(FALSE, said)
    assert.is_nil(folder.read(place.path .. "/signed"))
    honest = true
    assert.equal(0, select(2, cli(words)))
    assert.truthy(folder.read(place.path .. "/signed"):find("trust/grants", 1, true))
  end)

  it("takes no signature of another text", function()
    refuses(function(data) return signed(person, data .. "x") end, FALSE)
  end)

  it("takes no signature of another key", function()
    refuses(function(data) return signed(other, data) end, FALSE)
  end)

  it("signs nothing where the last of several signatures is false", function()
    local count = 0
    refuses(function(data)
      count = count + 1
      return signed(count == 3 and other or person, data)
    end, FALSE)
    assert.equal(3, count)
  end)

  if os.getenv "DT_SWARM_SOAK" then -- it takes the minute that an agent has to answer
    it("gives up an agent that does not answer", function()
      refuses(function() end, "ssh%-agent does not answer", 60 * patience.TIMES * 1000)
    end)
  end
end)
