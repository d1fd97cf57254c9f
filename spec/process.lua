-- process.lua - real daemons of one machine for specs, each with places of its own beneath one folder. No checks.
local folder = require "spec.folder"
local json = require "core.json"
local net = require "core.net"
local patience = require "spec.patience"
local shell = require "shell"

local process = {}

local World = {}
World.__index = World

-- Root without root's rights: files keep their owner, and modes count (the clone may lie where nobody else can read).
local PLAIN = "setpriv --bounding-set=-all --inh-caps=-all "

-- Seconds until TEST holds (what it returned comes second), or nil after several times BAR (spec/patience.lua).
function process.within(bar, test) return patience.within(math.max(bar, patience.LEAST), test, 0.05) end

-- The same for a test that only reads files, of which a spec waits for many: beginnings and ends of daemons.
local function soon(test) return patience.within(10, test, 0.01) end

-- Runs SCRIPT once more in a network of its own, where nobody else is heard and no port is taken, and ends with it.
-- Returns where that is so already, or, with a word about it, where none is to be had.
function process.apart(script)
  if os.getenv "DT_SWARM_APART" then return end
  local own = os.execute "unshare -n true 2>/dev/null" and "unshare -n" or "unshare -rn"
  local command = own .. " sh -c 'ip link set lo up; DT_SWARM_APART=1 exec %s %s'"
  if os.execute(own .. " true 2>/dev/null") then
    local _, _, code = os.execute(command:format(os.getenv "LUA" or "lua5.4", script))
    os.exit(code)
  end
  print "  (no network namespace to be had: neighbours are heard)"
end

-- Does a daemon of this machine's system answer, or refuse to? One that is gone may have left its socket.
function process.has_system_daemon()
  local _, _, code = os.execute "./dt-swarm-cli /run/dt-swarm/control.sock status >/dev/null 2>&1"
  return code ~= 2 -- what the command line says where nobody listens
end

-- → world: a folder that others may look into, and a policy p.lua there of a swarm that nobody else is in.
function process.new()
  local made = folder.new()
  os.execute("chmod 755 " .. made.path)
  local outputs = folder.new()
  local self = setmetatable({ dir = made.path, outputs = outputs.path, running = {}, serial = 0 }, World)
  function self.remove()
    made.remove()
    outputs.remove()
  end
  self.swarm = made.path:gsub("[^%w]", "-"):sub(2)
  self:policy("p.lua", "")
  return self
end

-- Writes a policy of this world's swarm; → its path.
function World:policy(name, text)
  local path = self.dir .. "/" .. name
  folder.write(path, ('local p = extend "default"\np.swarm = "%s"\n%s\nreturn p\n'):format(self.swarm, text))
  return path
end

-- The words behind dt-swarm for daemon NAME; OPTIONS: policy, state, share, socket (paths), more = words, bare = true:
-- the policy says what it is called and which folder it shares.
function World:words(name, options)
  options = options or {}
  local words = {}
  for _, what in ipairs { "state", "share", "socket" } do
    local default = ("%s/%s/%s"):format(self.dir, name, what == "socket" and "c.sock" or what)
    if not (options.bare and what == "share") then
      words[#words + 1] = ("--%s %s"):format(what, shell.word(options[what] or default))
    end
  end
  if not options.bare then words[#words + 1] = "--name " .. name end
  words[#words + 1] = options.more or ""
  words[#words + 1] = shell.word(options.policy or self.dir .. "/p.lua")
  return table.concat(words, " ")
end

-- Runs dt-swarm to its end, 60 s at most, with a terminal as its input, as if a person looked on → standard output,
-- standard error, exit code. PLAIN: without root's rights.
function World:run(words, plain)
  local as = plain and PLAIN or ""
  local command = ("env HOME=%s %s timeout --foreground 60 ./dt-swarm %s >%s/out 2>%s/err")
    :format(self.dir, as, words, self.outputs, self.outputs)
  local _, _, code = os.execute(("script -qec %s /dev/null >/dev/null </dev/null"):format(shell.word(command)))
  return folder.read(self.outputs .. "/out"), folder.read(self.outputs .. "/err"), code
end

local Daemon = {}
Daemon.__index = Daemon

-- Starts a daemon and waits for its banner (or its end). OPTIONS as in words; plain; command instead of ./dt-swarm.
function World:start(name, options)
  options = options or {}
  self.serial = self.serial + 1
  local base = ("%s/%d"):format(self.outputs, self.serial)
  os.execute(("mkdir -p %s/%s && chmod 777 %s/%s"):format(self.dir, name, self.dir, name))
  local as = options.plain and PLAIN or ""
  local command = ("env HOME=%s %s %s %s"):format(self.dir, as, options.command or "./dt-swarm",
    self:words(name, options))
  os.execute(("( %s >%s.out 2>%s.err </dev/null & echo $! >%s.pid; wait $!; echo $? >%s.rc ) >/dev/null 2>&1 &")
    :format(command, base, base, base, base))
  local one = setmetatable({ base = base, socket = options.socket or ("%s/%s/c.sock"):format(self.dir, name),
    state = options.state or ("%s/%s/state"):format(self.dir, name), share = ("%s/%s/share"):format(self.dir, name) },
    Daemon)
  soon(function()
    return one:out():find("Ctrl%-C stops it") or one:out():find "\nAsk it:" or one:code()
  end)
  one.pid = assert(math.tointeger(tonumber(folder.read(base .. ".pid"))))
  self.running[#self.running + 1] = one
  return one
end

--- It stands still from here on, so that it writes nothing, until go_on(). Who connects to it waits.
function Daemon:halt() os.execute(("kill -STOP %d"):format(self.pid)) end

function Daemon:go_on() os.execute(("kill -CONT %d"):format(self.pid)) end

function Daemon:out() return folder.read(self.base .. ".out") or "" end
function Daemon:log() return folder.read(self.base .. ".err") or "" end
function Daemon:code() return tonumber(folder.read(self.base .. ".rc") or nil) end

-- → exit code (128 and more: the signal's), or nil where it does not end.
function Daemon:stop(signal)
  if not self:code() then os.execute(("kill -%s %d 2>/dev/null"):format(signal or "TERM", self.pid)) end
  soon(function() return self:code() end)
  return self:code()
end

-- The command line's text and exit code; or with --json its table. BEFORE: words such as NAME=value.
function Daemon:cli(command, before)
  local pipe = assert(io.popen(("%s ./dt-swarm-cli %s %s 2>&1"):format(before or "", shell.word(self.socket), command)))
  local text = pipe:read "a"
  local _, _, code = pipe:close()
  return text, code
end

-- The text within so many columns.
function Daemon:in_columns(columns, command) return (self:cli(command, "COLUMNS=" .. columns)) end

function Daemon:ask(command)
  local text, code = self:cli(command .. " --json")
  return code == 0 and json.decode((text:gsub("\n$", ""))) or nil, text
end

local Connection = {}
Connection.__index = Connection

-- A connection to a control SOCKET that stays: a process for each question takes longer, and is another asker.
-- PAUSE: seconds between two looks for an answer (0.001).
function process.connect(socket, pause)
  return setmetatable({ stream = assert(net.unix_connect(socket)), pause = pause or 0.001 }, Connection)
end

function Daemon:connect(pause) return process.connect(self.socket, pause) end

-- Canonical JSON knows no line feeds, which files as text have.
function Connection:send(request)
  assert(self.stream:send((json.encode(request) or require "cjson".encode(request)) .. "\n"))
end

-- The answer to one request that was sent | nil, what came of it; its line comes second.
function Connection:receive()
  local line = ""
  patience.within(10, function()
    line = line .. (self.stream:receive(65536) or "")
    return line:sub(-1) == "\n"
  end, self.pause)
  return json.decode(line:match "^ *(.-)\n?$"), line -- who waits long is sent spaces meanwhile
end

function Connection:ask(request)
  self:send(request)
  local answer, line = self:receive()
  return assert(answer, line)
end

function Connection:close() self.stream:close() end

-- What `policy reload` answers after WRITE() changed the policy's file. A daemon hears of such a change by itself, but
-- not before it hears of our request: it is stopped until both are there. → answer | nil, text
function Daemon:reload(write)
  local one = self:connect()
  self:halt()
  write()
  one:send { command = "reload" }
  self:go_on()
  local answer, line = one:receive()
  one:close()
  return answer and not answer.error and answer or nil, line
end

-- The same for what the command line says to COMMAND → text, exit code
function Daemon:cli_after(write, command)
  self:halt()
  write()
  local pipe = assert(io.popen(("./dt-swarm-cli %s %s 2>&1"):format(shell.word(self.socket), command)))
  soon(function() -- it is connected, and nobody has taken that
    local waiting <close> = assert(io.popen("ss -xlnH"))
    for line in waiting:lines() do
      if line:find(" " .. self.socket .. " ", 1, true) then return not line:match "^%S+%s+%S+%s+0%s" end
    end
  end)
  self:go_on()
  local text = pipe:read "a"
  local _, _, code = pipe:close()
  return text, code
end

-- The channel of that kind in `status`.
function Daemon:channel(kind)
  local answer = self:ask "status"
  for _, channel in ipairs(answer and answer.channels or {}) do
    if channel.kind == kind then return channel end
  end
end

-- What lies beneath PATH, to the byte and the second: for "nothing was touched".
function process.listing(path)
  local command = "cd %s && find . -printf '%%P %%y %%m %%U %%s %%T@\\n' | sort; "
    .. "find . -type f -exec sha256sum {} + | sort"
  local pipe = assert(io.popen(command:format(shell.word(path))))
  local text = pipe:read "a"
  pipe:close()
  return text
end

--- The same, once it is the same twice: a daemon that has just started still writes what it says first.
function process.settled(path)
  local last
  for _ = 1, 100 do
    local now = process.listing(path)
    if now == last then return now end
    last = now
    os.execute "sleep 0.5"
  end
  error(path .. " does not come to rest")
end

function World:close()
  for _, one in ipairs(self.running) do one:stop "KILL" end
  self.remove()
end

return process
