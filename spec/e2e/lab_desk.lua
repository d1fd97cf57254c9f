-- lab_desk.lua - a lab as people make one: a teacher's key in a real ssh-agent, `lab init` at a desk, its one file on
-- each robot; and what is signed at that desk. Whole daemons, for specs. No checks.
local folder = require "spec.folder"
local json = require "core.json"
local swarm = require "spec.e2e.swarm"

local lab_desk = {}
lab_desk.__index = lab_desk

local AGENT_S <const> = 30 * 60 -- s after which the agent ends, should the spec be killed

local function make_lab(self)
  local home = self.swarm:path("desk", "")
  swarm.sh(("mkdir -p -m 700 %sdt-swarm && ssh-keygen -q -t ed25519 -N '' -C teacher -f %sdt-swarm/operator")
    :format(home, home))
  self.agent = swarm.sh(("timeout %d ssh-agent -D -a %sagent >/dev/null 2>&1 & echo $!"):format(AGENT_S, home))
    :match "%d+"
  assert(swarm.within(5, function()
    return select(2, swarm.sh(("env SSH_AUTH_SOCK=%sagent ssh-add -q %sdt-swarm/operator"):format(home, home))) == 0
  end))
  local said, code = self:teacher("lab init robotics --yes", true)
  assert(code == 0, said)
  for _, robot in ipairs(self.robots) do
    self.swarm:put_lab(robot, folder.read(home .. "robotics.lab"))
  end
end

--- A desk and ROBOTS (names) in a lab; nothing runs yet. OPTIONS: as swarm.new has them. → desk | nil, why none can be.
--- Fields: swarm, robots.
function lab_desk.new(robots, options)
  local hosts = { "desk" }
  table.move(robots, 1, #robots, 2, hosts)
  local s, why = swarm.new(hosts, nil, options)
  if not s then return nil, why end
  local self = setmetatable({ swarm = s, robots = robots }, lab_desk)
  make_lab(self)
  return self
end

--- The daemon of HOST with the policy TEXT.
function lab_desk:start(host, text)
  local path = self.swarm:path(host, "my.lua")
  folder.write(path, text)
  return self.swarm:start(host, path)
end

--- The teacher types COMMAND at the desk, whose daemon is asked; ALONE: no daemon is. → what is said, exit code
function lab_desk:teacher(command, alone)
  local home = self.swarm:path("desk", "")
  local person = ("HOME=%s XDG_CONFIG_HOME=%s PWD=%s RUNTIME_DIRECTORY=%sstate SSH_AUTH_SOCK=%sagent"):format(
    home, home, home, home, home)
  local host = alone and "" or self.swarm:path("desk", "state/control.sock")
  return swarm.sh(("cd %s && env -i PATH=\"$PATH\" %s setsid -w %s/dt-swarm-cli %s %s </dev/null"):format(home,
    person, self.swarm.here, host, command))
end

--- The same, which has to succeed. → what is said
function lab_desk:sign(command)
  local said, code = self:teacher(command .. " --yes")
  assert(code == 0, command .. ": " .. said)
  return said
end

--- The same as a table | nil, what was said.
function lab_desk:ask(command)
  local said = self:teacher(command .. " --json")
  local answer = json.decode((said:gsub("\n$", "")))
  return type(answer) == "table" and answer or nil, said
end

--- A file at the desk, for its commands. → its path
function lab_desk:file(name, text)
  local path = self.swarm:path("desk", name)
  folder.write(path, text)
  return path
end

function lab_desk:close()
  if self.agent then swarm.sh("kill " .. self.agent) end
  self.swarm:close()
end

return lab_desk
