-- legacy_mdns.lua - what `avahi-browse` knows of today's Duckietown: its robots speak mDNS, too. Lists none of them.
--
-- A robot publishes several services of the type _duckietown._tcp. Each is named DT::KIND::HOST, and some have one
-- JSON object in their TXT record.
local cjson = require "cjson" -- for what others write; core.json reads and writes our own
local text = require "core.text"

local legacy_mdns = {}
legacy_mdns.__index = legacy_mdns

local WORDS <const> = { "--terminate", "--resolve", "--parsable", "_duckietown._tcp" }
local MOST <const> = 1 << 20 -- bytes of its output that are read
local BYTES <const> = 64 -- of a name, and of what is told of it

-- What a service of that kind tells: the member of its JSON, or the state of the robot.
local MEMBERS <const> = { ROBOT_TYPE = "type", ROBOT_CONFIGURATION = "configuration", ROBOT_HARDWARE = "hardware" }
local STATES <const> = { PRESENCE = "ready", BUSY = "busy", BOOTING = "booting" }

-- avahi writes "\058" for a byte, and "\." for a full stop.
local function plain(escaped)
  return (escaped:gsub("\\(%d%d%d)", function(code)
    local byte = math.tointeger(tonumber(code))
    return byte < 256 and string.char(byte) or nil
  end):gsub("\\(%D)", "%1"))
end

-- Where the quoted string at FROM in TXT ends | nil: it does not
local function quote_end(txt, from)
  local at = from + 1
  while at <= #txt do
    local byte = txt:sub(at, at)
    if byte == '"' then return at end
    at = at + (byte == "\\" and 2 or 1)
  end
end

-- The first JSON object among the strings of a TXT record, such as "x=y" "{\"type\": \"duckiebot\"}" | nil
local function object_in(txt)
  local from = txt:find('"', 1, true)
  while from do
    local to = quote_end(txt, from)
    if not to then return nil end
    local ok, found = pcall(cjson.decode, plain(txt:sub(from + 1, to - 1)))
    if ok and type(found) == "table" then return found end
    from = txt:find('"', to + 1, true)
  end
end

--- What a line of `avahi-browse --parsable` tells: { name, address, family = 4 or 6, and one of type, configuration,
--- hardware, state, or none of these } | nil: nothing of a robot
function legacy_mdns.read(line)
  local family, service, address, txt =
    line:match "^=;[^;]*;IPv([46]);([^;]*);[^;]*;[^;]*;[^;]*;([^;]*);[^;]*;(.*)$"
  local kind, name = plain(service or ""):match "^DT::([%u_]+)::(.+)$"
  if not kind or #name > BYTES or not text.utf8(name) then return nil end
  local told = { name = name, address = address, family = math.tointeger(tonumber(family)),
    state = STATES[kind] }
  local member = MEMBERS[kind]
  local value = member and (object_in(txt) or {})[member]
  if type(value) == "string" and value ~= "" and #value <= BYTES then told[member] = value end
  return told
end

local function finish_line(self, line)
  local told = legacy_mdns.read(line)
  if told then self.on_told(told) elseif line:sub(1, 1) == "=" then self.odd = self.odd + 1 end
end

local function take(self, bytes)
  self.size = self.size + #bytes
  if self.size > MOST then
    self.fault = "it says more than can be read"
    return self:finish()
  end
  local from, all = 1, self.rest .. bytes
  local stop = all:find("\n", #self.rest + 1, true)
  while stop do -- plainly: a pattern would look at each byte of a long line again for each byte before it
    finish_line(self, all:sub(from, stop - 1))
    from = stop + 1
    stop = all:find("\n", from, true)
  end
  self.rest = all:sub(from)
end

-- Why it names nobody, where it failed: a sentence that says what would help.
local function ended(self, code)
  self.child = nil
  if code == 0 then return end
  local said = self.complaint:match "[^\n]+"
  self.fault = self.complaint:find("Daemon not running", 1, true)
    and "the avahi daemon does not run here: sudo systemctl start avahi-daemon"
    or said or ("it ended with %d"):format(code)
end

--- Asks; on_told(told) for each that tells something.
--- → asked, with fault = why it failed (a text) or nil, odd = services that are none of a robot; finish()
function legacy_mdns.ask(loop, on_told)
  local self = setmetatable({ on_told = on_told, rest = "", size = 0, odd = 0, complaint = "" }, legacy_mdns)
  local child, why, code = loop:spawn { path = "avahi-browse", args = WORDS,
    on_output = function(bytes) take(self, bytes) end,
    on_error_output = function(bytes) self.complaint = (self.complaint .. bytes):sub(1, 1000) end,
    on_exit = function(status) ended(self, status) end }
  self.child = child
  if not child then
    self.fault = code == "ENOENT" and "avahi-browse is not installed: sudo apt install avahi-utils" or why
  end
  return self
end

--- Ends it. Whoever is asked for too long said what he said so far.
function legacy_mdns:finish()
  if not self.child then return end
  self.child:close()
  self.child, self.fault = nil, self.fault or "not all of what it knows could be resolved in time"
end

return legacy_mdns
