-- namespaces.lua - hosts on a bridge, for specs: each a network namespace of its own. No checks.
--
-- Root makes them directly; anybody else within a user namespace where the kernel allows one. Names carry
-- this process's ID and start time, so what a spec that died left behind is known for it and is taken away
-- by the next one. The bridge has a namespace too: nothing appears in the machine's own network.
local namespaces = {}

local World = {}
World.__index = World

local function start_of(pid)
  local file = io.open(("/proc/%s/stat"):format(pid))
  if not file then return nil end
  local text = file:read "a"
  file:close()
  if not text then return nil end -- it ended meanwhile
  local field = 2
  for word in text:match "^.*%)(.*)$":gmatch "%S+" do -- the name may hold spaces and brackets
    field = field + 1
    if field == 22 then return word end
  end
end

local function own_pid()
  local file = assert(io.open "/proc/self/stat")
  local pid = file:read "n"
  file:close()
  return math.tointeger(pid)
end

local function shell(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local text = pipe:read "a"
  return text, (pipe:close()) == true
end

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Ends what runs in a namespace, by ID, and takes it away.
local function remove(prefix, name)
  shell(("%sip netns pids %s | xargs -r %skill -9; %sip netns delete %s"):format(prefix, name, prefix, prefix, name))
end

local function remove_stale()
  for name in shell "ip netns list":gmatch "dts%-%d+%-%d+%-%S+" do
    local pid, start = name:match "^dts%-(%d+)%-(%d+)%-"
    if start_of(pid) ~= start then remove("", name) end
  end
end

local function user_id()
  return (shell "id -u"):match "%d+"
end

-- A shell that holds a user, a mount and a network namespace for as long as our pipe to it is open.
local function hold()
  local path = os.tmpname()
  local pipe = io.popen("unshare -Urnm sh -c 'mount -t tmpfs none /run && ip netns list && echo $$ >" .. path ..
    " && exec cat' >/dev/null 2>&1", "w")
  local pid
  for _ = 1, 1500 do
    local file = io.open(path)
    pid = file and file:read "n"
    if file then file:close() end
    if pid then break end
    os.execute "sleep 0.02"
  end
  os.remove(path)
  if pid then return pipe, ("nsenter -t %d -U -m -n --wd --preserve-credentials "):format(pid) end
  pipe:close()
end

local function must(world, command)
  local text, fine = shell(world.prefix .. command)
  if fine then return end
  world:close()
  error(command .. ": " .. text, 2)
end

local function add_namespace(world, host)
  must(world, "ip netns add " .. world:name(host))
  must(world, ("ip -n %s link set lo up"):format(world:name(host)))
end

-- A host's interface eth0 on the bridge; up unless DOWN.
local function plug_in(world, number, host, down)
  local name, far = world:name(host), "port" .. number
  must(world, ("ip -n %s link add eth0 type veth peer name %s netns %s"):format(name, far, world:name "wire"))
  must(world, ("ip -n %s link set %s master bridge up"):format(world:name "wire", far))
  must(world, ("ip -n %s address add 10.77.0.%d/24 dev eth0"):format(name, number))
  if not down then world:up(host) end
end

-- A process may have several worlds: the first number that is free.
local function add_wire(world)
  local tag, text, fine = world.tag, nil, nil
  for number = 1, 20 do
    world.tag = tag .. "-" .. number
    text, fine = shell(world.prefix .. "ip netns add " .. world:name "wire")
    if fine or not text:find "exist" then break end
  end
  return fine, text
end

-- namespaces.new{ hosts = { "ada", "donald" }, down = { donald = true } } → world, whose hosts have the
-- addresses 10.77.0.1, 10.77.0.2, … on eth0; or nil and why this machine cannot have one. bare = true: hosts
-- without bridge and interfaces, which somebody else gives them (wire.lua).
function namespaces.new(options)
  local world = setmetatable({ hosts = {}, prefix = "", pid = own_pid() }, World)
  world.tag = ("dts-%d-%s"):format(world.pid, start_of(world.pid))
  if user_id() == "0" then
    remove_stale()
  else
    local pipe, prefix = hold()
    if not pipe then return nil, "not root, and no user namespaces here" end
    world.pipe, world.prefix = pipe, prefix
  end
  local fine, text = add_wire(world)
  if not fine then return nil, text end
  for number, host in ipairs(options.hosts) do
    world.hosts[number] = host
    add_namespace(world, host)
  end
  if options.bare then return world end
  must(world, ("ip -n %s link add bridge type bridge"):format(world:name "wire"))
  must(world, ("ip -n %s link set bridge up"):format(world:name "wire"))
  for number, host in ipairs(options.hosts) do
    plug_in(world, number, host, options.down and options.down[host])
  end
  return world
end

function World:name(host)
  return self.tag .. "-" .. host
end

function World:address(host)
  for number, name in ipairs(self.hosts) do if name == host then return "10.77.0." .. number end end
end

-- Switches a host's link on or off.
function World:up(host) must(self, ("ip -n %s link set eth0 up"):format(self:name(host))) end
function World:down(host) must(self, ("ip -n %s link set eth0 down"):format(self:name(host))) end

local function set_port(self, host, state)
  for number, name in ipairs(self.hosts) do
    if name == host then must(self, ("ip -n %s link set port%d %s"):format(self:name "wire", number, state)) end
  end
end

-- Pulls the cable at the bridge: the host sees no carrier. And puts it back.
function World:cut(host) set_port(self, host, "down") end
function World:heal(host) set_port(self, host, "up") end

local function inside(self, host, command)
  return ("%sip netns exec %s sh -c %s"):format(self.prefix, self:name(host), quote(command))
end

-- Runs a command where the hosts' namespaces can be seen, or throws.
function World:must(command) must(self, command) end

-- Runs a shell command on a host → what it printed (both streams), whether it ended well.
function World:run(host, command)
  return shell(inside(self, host, command))
end

local ENDS <const> = { TERM = true, KILL = true, INT = true }

-- Starts one → a process with pid, output(), stop([signal]), alive(), and told_to_end once it was. It ends with the
-- world at the latest.
function World:spawn(host, command)
  local path = os.tmpname()
  local started = inside(self, host, ("exec %s >%s 2>&1"):format(command, path))
  -- No descriptor of ours goes along: a pipe that it held would never end.
  os.execute(("(%s) >/dev/null 2>&1 </dev/null & echo $! >%s.pid"):format(started, path))
  local file = assert(io.open(path .. ".pid"))
  local process = { pid = math.tointeger(file:read "n"), path = path }
  file:close()
  os.remove(path .. ".pid")
  function process.output()
    local out = assert(io.open(path))
    local text = out:read "a"
    out:close()
    return text
  end
  function process.alive()
    local stat = io.open(("/proc/%d/stat"):format(process.pid))
    local state = stat and (stat:read "a" or ""):match "^.*%) (%a)"
    if stat then stat:close() end
    if state ~= "Z" then return state ~= nil end
    -- Nobody may be there to bury it; while its threads end it still has its files, and their locks.
    local tasks = io.popen(("ls /proc/%d/task 2>/dev/null | wc -l"):format(process.pid))
    local n = tasks:read "n"
    tasks:close()
    return n > 1
  end
  function process.stop(signal)
    process.told_to_end = process.told_to_end or signal == nil or ENDS[signal]
    if process.alive() then os.execute(("kill -%s %d 2>/dev/null"):format(signal or "TERM", process.pid)) end
  end
  table.insert(self, process)
  return process
end

-- The shell commands that end and remove every host, for who does that when this process died.
function World:removal()
  local list = {}
  for _, host in ipairs(self.hosts) do list[#list + 1] = self:name(host) end
  list[#list + 1] = self:name "wire"
  local names = table.concat(list, " ")
  return ("for n in %s; do ip netns pids $n | xargs -r kill -9; ip netns delete $n; done"):format(names)
end

-- Ends and removes everything; twice is safe.
function World:close()
  if self.closed then return end
  self.closed = true
  for _, host in ipairs(self.hosts) do remove(self.prefix, self:name(host)) end
  remove(self.prefix, self:name "wire")
  for _, process in ipairs(self) do os.remove(process.path) end
  if self.pipe then self.pipe:close() end
end

return namespaces
