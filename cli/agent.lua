-- agent.lua - the ssh-agent that has a person's key: which keys it has, and what it signs. Holds no key itself.
--
-- The protocol is draft-miller-ssh-agent: a message is its length (4 bytes) and its bytes, of which the first is its
-- type. The private key and its passphrase stay with OpenSSH's own programs: ssh-add asks for the passphrase on the
-- terminal, the agent signs, and this process sees signatures only.
local shell = require "shell"

local agent = {}
agent.__index = agent

local WITHIN <const> = 60 * 1000 -- ms in which the agent has to answer: it may have to ask a person
local MOST <const> = 256 * 1024 -- bytes of an answer
local PIECE <const> = 65536
local LIFETIME <const> = 300 -- s that a key stays in an agent of our own at most
local TRIES <const>, PAUSE <const> = 250, 20 -- until an agent of our own listens; ms between two

local LIST <const>, KEYS <const> = "\11", 12
local SIGN <const>, SIGNATURE <const> = "\13", 14
local FORGET_ALL <const> = "\19"
local NO_FLAGS <const> = string.pack(">I4", 0)

--- WORLD: cli/environment.lua's. → the agent that listens at PATH | nil, text, code
function agent.connect(world, path)
  local stream, why, code = world.net.unix_connect(path)
  if not stream then return nil, why, code end
  return setmetatable({ world = world, path = path, stream = stream }, agent)
end

local function finish(self, ...)
  self.watch:close()
  self.timer:cancel()
  self.answer = table.pack(...)
  self.told(...)
end

local function send(self)
  local sent, _, code = self.stream:send(self.output)
  if sent then self.output = self.output:sub(sent + 1) end
  if not sent and code ~= "EAGAIN" then return finish(self, nil, "closed: the ssh-agent hung up", "closed") end
  if self.output == "" then self.watch:set "r" end
end

local function receive(self)
  local bytes, _, code = self.stream:receive(PIECE)
  if not bytes and code == "EAGAIN" then return end
  if not bytes or bytes == "" then return finish(self, nil, "closed: the ssh-agent hung up", "closed") end
  self.input = self.input .. bytes
  if #self.input < 5 then return end
  local size = string.unpack(">I4", self.input)
  if size < 1 or size > MOST then
    return finish(self, nil, "form: what listens there is no ssh-agent", "form")
  end
  if #self.input >= 4 + size then finish(self, self.input:byte(5), self.input:sub(6, 4 + size)) end
end

-- Sends MESSAGE. TOLD(type, the rest), or TOLD(nil, text, code), later and once; one message at a time.
local function begin(self, message, told)
  local loop = self.world.loop()
  self.output, self.input, self.answer, self.told = string.pack(">s4", message), "", nil, told
  self.timer = loop:after(self.world.agent_within or WITHIN, function()
    finish(self, nil, "slow: the ssh-agent does not answer", "slow")
  end)
  self.watch = loop:watch(self.stream:fd(), "rw", function(readable, writable)
    if writable and self.output ~= "" then send(self) end
    if readable and not self.answer then receive(self) end
  end)
end

-- The same, waited for: → type, the rest | nil, text, code
local function ask(self, message)
  local loop = self.world.loop()
  begin(self, message, function() loop:stop() end)
  loop:run()
  return table.unpack(self.answer, 1, self.answer.n)
end

-- COUNT pairs of blob and comment in BYTES, or as many as are whole.
local function read_keys(bytes)
  local blobs, count, at = {}, string.unpack(">I4", bytes)
  for i = 1, math.min(count, MOST) do
    blobs[i], at = string.unpack(">s4", bytes, at)
    at = select(2, string.unpack(">s4", bytes, at))
  end
  return blobs
end

--- Blobs of the keys that it has; none where it is locked. → array | nil, text, code
function agent:keys()
  local kind, bytes, code = ask(self, LIST)
  if not kind then return nil, bytes, code end
  local ok, blobs = pcall(read_keys, bytes) -- string.unpack throws where the answer was cut
  if kind ~= KEYS or not ok then return nil, "form: the ssh-agent's list of keys cannot be read", "form" end
  return blobs
end

--- Has it the key BLOB? → bool | nil, text, code
function agent:has(blob)
  local blobs, text, code = self:keys()
  if not blobs then return nil, text, code end
  for _, other in ipairs(blobs) do
    if other == blob then return true end
  end
  return false
end

local function question(blob, bytes) return SIGN .. string.pack(">s4s4", blob, bytes) .. NO_FLAGS end

local function signature(kind, answer, code)
  if not kind then return nil, answer, code end
  if kind ~= SIGNATURE then
    return nil, "permission: the ssh-agent does not sign: it is locked, or somebody said no", "permission"
  end
  if #answer < 64 then return nil, "signature: the ssh-agent's answer is no signature", "signature" end
  return answer:sub(-64)
end

--- What the key BLOB signs BYTES with, 64 bytes that the caller has to check | nil, text, code
function agent:sign(blob, bytes) return signature(ask(self, question(blob, bytes))) end

--- The same while the loop runs: DONE(signature), or DONE(nil, text, code), later.
function agent:sign_beside(blob, bytes, done)
  begin(self, question(blob, bytes), function(...) done(signature(...)) end)
end

--- The connection ends; an agent of our own forgets its key at once and ends, too.
function agent:close()
  if self.pipe then
    ask(self, FORGET_ALL)
    self.pipe:close()
  end
  self.stream:close()
  if self.folder then os.execute("rm -rf " .. shell.word(self.folder)) end
end

-- == an agent for one command

local function wait_for_socket(world, path)
  local loop, left = world.loop(), TRIES
  local stream
  local timer
  timer = loop:every(PAUSE, function()
    stream, left = world.net.unix_connect(path), left - 1
    if stream or left == 0 then loop:stop() end
  end)
  loop:run()
  timer:cancel()
  return stream
end

-- The agent is the child of `cat`, which lives as long as its pipe from us: however this process ends, the agent sees
-- that within seconds and ends, too.
local function start(world)
  local made = io.popen "mktemp -d"
  local folder = made:read "l"
  if not made:close() or not folder then return nil, "no folder can be made for its socket" end
  local path = folder .. "/agent"
  local pipe = io.popen(("exec ssh-agent -a %s cat >/dev/null 2>&1"):format(shell.word(path)), "w")
  local stream = wait_for_socket(world, path)
  local self = setmetatable({ world = world, path = path, stream = stream, pipe = pipe, folder = folder }, agent)
  if stream then return self end
  pipe:close()
  os.execute("rm -rf " .. shell.word(folder))
  return nil, "ssh-agent does not start"
end

--- Is PROGRAM of OpenSSH here?
function agent.installed(program) return os.execute(("command -v %s >/dev/null 2>&1"):format(program)) == true end

--- An agent that lives as long as this command, with the private key in FILE: ssh-add asks for its passphrase on the
-- terminal. This process does not open FILE. → agent | nil, text, code
function agent.start(world, file)
  for _, program in ipairs { "ssh-agent", "ssh-add" } do
    if not agent.installed(program) then
      return nil, ("missing: %s is not installed here; it is in the package openssh-client"):format(program), "missing"
    end
  end
  local self, why = start(world)
  if not self then return nil, "missing: " .. why, "missing" end
  world.flush()
  local quiet = world.has_terminal() and "" or " </dev/null 2>/dev/null"
  if os.execute(("SSH_AUTH_SOCK=%s SSH_ASKPASS_REQUIRE=never ssh-add -q -t %d %s%s"):format(shell.word(self.path),
    LIFETIME, shell.word(file), quiet)) then
    return self
  end
  self:close()
  if quiet ~= "" then
    return nil, ("permission: the key %s has a passphrase, and there is no terminal to ask for it; add the key to an \z
      ssh-agent first: ssh-add %s"):format(file, shell.word(file)), "permission"
  end
  return nil, "permission: ssh-add did not get the key; nothing was signed", "permission"
end

return agent
