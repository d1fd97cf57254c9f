-- machine_word.lua - says what machine this node is: a record `info/machine`, when that changed and again. Measures
-- nothing of its own; what nobody can know in this version stands in it by name.
local json = require "core.json"
local metrics = require "policy.metrics"
local text = require "core.text"

local machine_word = {}
machine_word.__index = machine_word

local RENEW <const> = 3 * 24 * 60 * 60 * 1000 -- ms; the class lets a word live for seven days
local LOOK <const> = 60 * 1000 -- ms
local DATA_MAX <const> = 600 -- bytes, so that the statement fits into 1,024
local MODEL <const>, PRODUCT <const> = "/proc/device-tree/model", "/sys/class/dmi/id/product_name"
local OS <const>, KERNEL <const> = "/etc/os-release", "/proc/sys/kernel/osrelease"
local FILES <const> = { MODEL, PRODUCT, OS, KERNEL }

--- given.loop, comms, log
--- given.id       this node's ID
--- given.values   values.lua
--- given.allowed  fn() → does the owner let it be told? (true, false, nil: unknown)
function machine_word.new(given)
  local self = setmetatable({ bucket = ("pri/%s/info/machine"):format(given.id), read = {} }, machine_word)
  for _, name in ipairs { "loop", "comms", "log", "values", "allowed" } do self[name] = given[name] end
  return self
end

machine_word.files = FILES

--- A look read FOUND (reading.lua).
function machine_word:take(found)
  for _, path in ipairs(FILES) do
    local one = found.files[path]
    self.read[path] = one and one.text or nil
  end
end

-- The first line of VALUE without blanks about it, of at most MOST bytes | nil: there is none, or it is no text
local function short(value, most)
  local line = (value or ""):match "^%s*([^%z\r\n]*)":sub(1, most):match "^(.-)%s*$"
  return line ~= "" and text.utf8(line) and line or nil
end

-- What nobody can know here, in the order of the table, as many as fit.
local function unsupported(self, data)
  local names = {}
  for _, metric in ipairs(metrics.list) do
    if self.values:get(metric.name).quality == "unsupported" then names[#names + 1] = metric.name end
  end
  data.unsupported = json.array(names)
  while names[1] and #json.encode(data) > DATA_MAX do table.remove(names) end
  return data
end

--- DATA as it would go now.
function machine_word:data()
  local function of(name) return self.values:get(name).value end
  local disk, memory = of "disk_size_bytes", of "memory_size_bytes"
  local system = ("\n" .. (self.read[OS] or "")):match '\nPRETTY_NAME="?([^"\n]*)'
  return unsupported(self, { board = short(self.read[MODEL], 48) or short(self.read[PRODUCT], 48),
    cores = of "cpu_cores", disk_gb = disk and disk // 1000000000, kernel = short(self.read[KERNEL], 24),
    memory_mb = memory and memory // 1000000, os = short(system, 24) })
end

local function take_back(self)
  self.said, self.text = nil, nil
  local st, why = self.comms:dismiss(self.bucket, {})
  if not st then self.log:error("diagnostics", "could not take back what machine this is", { why = why }) end
end

--- Is it to be said, or taken back?
function machine_word:look()
  if self.allowed() == false then
    if self.said then take_back(self) end
    return
  end
  local data = self:data()
  local now = json.encode(data)
  if now == self.text and self.loop:now() - self.said < RENEW then return end
  if self.said and self.loop:now() - self.said < LOOK then return end
  local st, why = self.comms:propose(self.bucket, data, {})
  if not st then return self.log:error("diagnostics", "could not say what machine this is", { why = why }) end
  self.text, self.said = now, self.loop:now()
end

return machine_word
