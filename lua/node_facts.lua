-- node_facts.lua - facts about this node now, for policies and status: measured, or nil. Decides nothing.
local lease = require "lease"
local text = require "core.text"
local sorted = require "sorted"

local node_facts = {}

local PERMISSIONS = "/data/config/permissions" -- as Duckietown's robots have it
local ROBOT_TYPE = "/data/config/robot_type"
local FRESH = 1000 -- ms that an answer is used again
local LINE_MAX = 256

local Here = {}
Here.__index = Here

-- The beginning of file ROOT/PATH without blanks about it | nil, and whether there is no such file. What is no regular
-- file is not read: a fifo would hold up the loop.
local function read(self, path)
  local file, _, code = self.disk:open(self.root .. path, "linked")
  if not file then return nil, code == "ENOENT" or code == "ENOTDIR" end
  local content = file:pread(LINE_MAX + 1, 0)
  file:close()
  if content and #content > LINE_MAX then return content:match "^%s*(.*)", false end -- what follows is unknown
  return content and content:match "^%s*(.-)%s*$", false
end

-- A label: what somebody wrote into a file becomes part of tables and lines.
local function label(content)
  local word = content and content:match "^[^%s]+"
  return word and #word <= 32 and text.utf8(word) and word or nil
end

-- Portable computers say so, or have a battery; a server is what its policy calls so.
local function guess_type(self)
  local chassis = tonumber((read(self, "/sys/class/dmi/id/chassis_type")))
  local portable = { [8] = true, [9] = true, [10] = true, [14] = true, [31] = true, [32] = true } -- SMBIOS 7.4.1
  if portable[chassis] or read(self, "/sys/class/power_supply/BAT0/type") then return "laptop" end
  return "computer"
end

-- What a machine is does not change: its files are read once.
local function own_type(self)
  self.guessed = self.guessed or guess_type(self)
  return self.given.type or label((read(self, ROBOT_TYPE))) or self.guessed
end

-- An owner's permission file: content 1 is yes, any other no, one that cannot be read unknown. MISSING is what
-- having none means: for logs yes, since putting a file into the folder is the consent; for the others no.
local function permission(self, name, missing)
  local content, absent = read(self, ("%s/allow_push_%s_data"):format(self.permissions, name))
  if content then return content == "1" end
  if absent then return missing end
  return nil
end

-- node_facts.new{ loop =, disk =, board = core.board, id =, name =, time = (time.lua), type =, tags =, site =, arch =,
-- peers = fn() → integer, share = folder of the own files, store = folder where fetched ones go, reserved = fn() →
-- bytes that those on their way will still take there, sensors = { name = fn() → value }, root = "",
-- permissions = folder, logs_permission = fn() → true, false or nil, where somebody else reads that file } → h
-- All but loop, disk and board may be missing. Every path but share and store is taken beneath ROOT.
function node_facts.new(options)
  return setmetatable({
    loop = options.loop, disk = options.disk, board = options.board, time = options.time, root = options.root or "",
    share = options.share, store = options.store, reserved = options.reserved, peers = options.peers,
    permissions = options.permissions or PERMISSIONS,
    sensors = options.sensors or {}, logs_permission = options.logs_permission,
    given = { id = options.id, name = options.name, type = options.type, tags = options.tags,
      site = options.site, arch = options.arch },
  }, Here)
end

-- { logs =, stats =, config = }, each true, false or nil, read from the files at this moment.
function Here:permission()
  local allowed = { stats = permission(self, "stats", false), config = permission(self, "config", false) }
  if self.logs_permission then
    allowed.logs = (self.logs_permission())
  else
    allowed.logs = permission(self, "logs", true)
  end
  return allowed
end

-- Two disks, or one: where the own files lie, and where those fetched for others go.
local function add_room(self, facts)
  local free, total
  if self.share then free, total = self.board.space(self.share) end
  if free then facts.disk_free, facts.disk_total = free, total end
  facts.store_total = self.store and select(2, self.board.space(self.store)) or nil
end

local function store_free(self)
  local free = self.store and self.board.space(self.store)
  return free and math.max(0, free - (self.reserved and self.reserved() or 0)) or nil
end

local function add_time(self, facts)
  if not self.time then return end
  local now = self.time:proved_now()
  facts.clock = self.time.quality
  facts.hour = now and now // 3600000 % 24 -- UTC
end

local function add_sensors(self, facts)
  for _, name in ipairs(sorted.keys(self.sensors)) do
    local value = self.sensors[name]()
    if value ~= nil then facts[name] = value end
  end
end

local function measure(self)
  local given = self.given
  local facts = { id = given.id, name = given.name, type = own_type(self), tags = {}, site = given.site,
    arch = given.arch, permission = self:permission() }
  for i, tag in ipairs(given.tags or {}) do facts.tags[i] = tag end
  facts.peers = self.peers and self.peers()
  facts.uptime = self.board.uptime()
  add_room(self, facts)
  add_time(self, facts)
  add_sensors(self, facts)
  return facts
end

-- A copy of FACTS with another value: who was given a table may rely on it.
local function with(facts, name, value)
  local copy = {}
  for each, known in pairs(facts) do copy[each] = known end
  copy[name] = value
  return copy
end

-- All facts as one table, at most a second old (store_free: of this moment, for a file that begins takes its room at
-- once); not to be changed by whoever gets it. Unknown is nil: id name type arch tags site permission peers load uptime
-- (s)
-- temperature (°C) disk_free disk_total (bytes, of the share folder's disk) store_free (bytes where fetched files go,
-- less what those on their way will take) store_total battery (%) power ("mains" | "battery") charging
-- clock ("proved" | "adopted" | "none") hour (UTC), what the sensors tell.
function Here:facts()
  local now = self.loop:now()
  if not self.cached or now - self.looked >= FRESH or now < self.looked then
    self.cached, self.looked = measure(self), now
  end
  local free = store_free(self)
  if free ~= self.cached.store_free then self.cached = with(self.cached, "store_free", free) end
  return self.cached
end

-- Facts that the looks at the machine's sensors tell: of which metric (policy/metrics.lua), and as what.
local MEASURED <const> = {
  load = { of = "load1", as = function(value) return value end }, -- mean of the last minute
  temperature = { of = "cpu_temperature_celsius", as = function(value) return value end }, -- °C
  battery = { of = "battery_ratio", as = function(value) return math.floor(value * 100 + 0.5) end }, -- %
  charging = { of = "battery_charging", as = function(value) return value == 1 end },
  power = { of = "mains_power", as = function(value) return value == 1 and "mains" or "battery" end },
}

local function measured(one, how)
  local value = one and one.diagnostics and one.diagnostics.values:get(how.of).value
  if value ~= nil then return how.as(value) end
end

--- Sensors of what the parts of a node know; NODE() → the node (node.lua) | nil: it is not there yet. What somebody
--- told by a lease stands before what was measured.
function node_facts.sensors(node)
  local sensors = { clone = function() return node() and node().comms.clones:own() or nil end }
  for _, fact in ipairs(lease.facts) do
    sensors[fact] = function()
      local one = node()
      if one and one.leases then return one.leases:value(fact) end
    end
  end
  for fact, how in pairs(MEASURED) do -- any order: a map
    local told = sensors[fact]
    sensors[fact] = function()
      local value = told and told()
      if value ~= nil then return value end
      return measured(node(), how)
    end
  end
  return sensors
end

-- What a policy changed while we run (name, type, tags, site); seen at the next look.
function Here:set(name, value)
  self.given[name] = value
  self.cached = nil
end

return node_facts
