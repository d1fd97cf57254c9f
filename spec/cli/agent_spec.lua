-- agent_spec.lua - a person's key: OpenSSH's line of it, and agents that sign, refuse, hang and lie. Real ssh-agents,
-- and ones of the spec's own that do what no real one does.
local agents = require "cli.agent"
local fake_agent = require "spec.cli.fake_agent"
local folder = require "spec.folder"
local key = require "core.key"
local loops = require "loop"
local net = require "core.net"
local openssh = require "cli.openssh"
local peers = require "spec.net.peers"
local read = require "spec.vectors.read"
local shell = require "shell"
local text = require "core.text"

local function sh(command)
  local pipe = io.popen("( " .. command .. " ) 2>&1")
  local said = pipe:read "a"
  return said, select(3, pipe:close())
end

describe("the line of an OpenSSH key", function()
  it("has the peer ID that Kubo prints for the same key", function()
    for _, line in ipairs(read "operator.txt") do
      local public, id = line:match "^(.*) (%S+)$"
      assert.equal(id, openssh.read(public .. " ada@desk").id)
      assert.equal(public .. " ada@desk", openssh.line(id, "ada@desk"))
    end
  end)

  it("has the peer ID that a real Kubo gives to a key that was just made", function()
    local kubo = peers.kubo()
    if not kubo then return pending "NO KUBO >= 0.43: the ID was not compared with a real one's" end
    local place = folder.new()
    finally(place.remove)
    sh(("ssh-keygen -q -t ed25519 -N '' -C ada -f %s/a"):format(place.path))
    local body = text.unbase64((folder.read(place.path .. "/a"):gsub("%-%-%-%-%-[^\n]*", ""):gsub("%s", "")))
    local seed = body:sub(select(2, body:find("\0\0\0\64", 1, true)) + 1):sub(1, 32) -- PROTOCOL.key of OpenSSH
    local pkcs8 = text.base64("\x30\x2e\x02\x01\0\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20" .. seed) -- RFC 8410
    folder.write(place.path .. "/pem", ("-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n"):format(pkcs8))
    kubo = peers.repository(kubo, place.path)
    assert.equal(0, select(2, sh(("%s key import -f pem-pkcs8-cleartext ada %s/pem"):format(kubo, place.path))))
    local listed = sh(kubo .. " key list -l --ipns-base=b58mh")
    assert.equal(listed:match "(%S+) ada", openssh.read(folder.read(place.path .. "/a.pub")).id)
  end)

  it("is taken by ssh-keygen, and of no other type by us", function()
    local place = folder.new()
    finally(place.remove)
    sh(("cd %s && ssh-keygen -q -t ed25519 -N '' -C 'ada lovelace' -f a && ssh-keygen -q -t rsa -b 1024 -N '' -f r")
      :format(place.path))
    local found = openssh.read(folder.read(place.path .. "/a.pub"))
    assert.equal("ada lovelace", found.comment)
    folder.write(place.path .. "/b.pub", openssh.line(found.id, "bob") .. "\n")
    assert.equal(sh(("ssh-keygen -l -f %s/a.pub"):format(place.path)):match "SHA256:%S+",
      sh(("ssh-keygen -l -f %s/b.pub"):format(place.path)):match "SHA256:%S+")
    local none, why, code = openssh.read(folder.read(place.path .. "/r.pub"))
    assert.same({ nil, "form" }, { none, code })
    assert.matches("ssh%-rsa cannot sign here", why)
    for _, line in ipairs { "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t x",
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA cut", "ecdsa-sha2-nistp256 AAAA x" } do
      assert.equal("form", select(3, openssh.read(line)), line)
    end
    assert.is_nil(openssh.read "ada")
  end)
end)

describe("an ssh-agent", function()
  local place, loop, world, own
  before_each(function()
    place = folder.new()
    loop = loops.new { on_error = function(fault) error(fault, 0) end }
    world = { net = net, loop = function() return loop end, flush = function() end, agent_within = 60000,
      has_terminal = function() return false end }
    own = key.generate(("s"):rep(32))
  end)
  after_each(function()
    loop:close()
    place.remove()
  end)

  -- An agent that answers each message with what ANSWER(message) gives; nil: not at all.
  local function fake(answer)
    local path = place.path .. "/fake"
    fake_agent.serve(loop, path, answer)
    return assert(agents.connect(world, path))
  end

  it("that hangs is given up as slow", function()
    world.agent_within = 300
    local one = fake(function() end)
    assert.same({ nil, "slow" }, { (one:keys()), select(3, one:keys()) })
  end)

  it("that talks nonsense is none", function()
    for _, said in ipairs { "\12", "\12\0\0\0\1\0\0\0\9abc", "\12\255\255\255\255", "\5", "hello" } do
      local one = fake(function() return said end)
      local none, _, code = one:keys()
      assert.same({ nil, "form" }, { none, code }, said)
      os.remove(place.path .. "/fake")
    end
  end)

  it("that refuses says so, and one that gives no signature, too", function()
    local blob = openssh.blob(own:id())
    local one = fake(function() return "\5" end)
    assert.equal("permission", select(3, one:sign(blob, "text")))
    os.remove(place.path .. "/fake")
    one = fake(function() return "\14\0\0\0\0" end)
    assert.equal("signature", select(3, one:sign(blob, "text")))
  end)

  it("of our own signs with a key that this process never opens, and ends with us", function()
    sh(("cd %s && ssh-keygen -q -t ed25519 -N '' -f a"):format(place.path))
    local id = openssh.read(folder.read(place.path .. "/a.pub")).id
    local one = assert(agents.start(world, place.path .. "/a"))
    assert.is_true(one:has(openssh.blob(id)))
    assert.is_false(one:has(openssh.blob(own:id())))
    local raw = assert(one:sign(openssh.blob(id), "dt-swarm/1 statement s\ntext"))
    assert.is_true(key.verify(id, "statement", "s", "text", text.base64url(raw)))
    local socket = one.path
    one:close()
    assert.is_false(os.rename(socket, socket) == true, "its folder is gone")
  end)

  it("of our own does not get a key with a passphrase where nobody can be asked", function()
    sh(("cd %s && ssh-keygen -q -t ed25519 -N secret -f a"):format(place.path))
    local none, why, code = agents.start(world, place.path .. "/a")
    assert.same({ nil, "permission" }, { none, code })
    assert.matches("there is no terminal to ask for it", why)
    assert.matches("ssh%-add " .. shell.word(place.path .. "/a"):gsub("%p", "%%%0"), why)
  end)
end)
