-- state.lua - the state folder: private, locked, of a version that we know; and the count of starts. No records.
--
--   lock      held while a daemon lives                 version   "dt-swarm state 1"
--   boot      how often a daemon has started here       others    written by those who know what they are
local kept = require "kept"
local system_folders = require "system_folders"

local state = {}

state.VERSION = 1
local FIRST_LINE = "^dt%-swarm state (%d+)\n$"
local ADVICE = "name another with --state, or make this one yours"

local SILENT = { warn = function() end }

local FULL = { ENOSPC = true, EDQUOT = true }

local State = {}
State.__index = State

-- The word stands once at the front: "EACCES: /x: cannot …: /x/lock: Permission denied; advice".
local function fail(code, dir, what, message, advice)
  if FULL[code] then advice = "make room there, or name another with --state" end
  local why = message and ": " .. message:gsub("^" .. code .. ": ", "", 1) or ""
  return nil, ("%s: %s %s%s%s"):format(code, dir, what, why, advice and "; " .. advice or ""), code
end

-- Nobody's data: what a first start that was cut short may have left, a lab file that was put there before it, or what
-- comes with a disk: a state folder may be a whole one.
local function is_nobodys(name)
  return name == "lock" or name == "lab" or name:find "^version" ~= nil or system_folders.has(name)
end

-- Nothing is made, locked or written before this has said that the folder is ours, or fit to be.
local function examine(disk, dir)
  local names, message, code = disk:list(dir)
  if code == "ENOENT" then return "missing" end
  if not names then return fail(code, dir, "cannot be used as the state folder", message, ADVICE) end
  local text
  text, message, code = disk:read(dir .. "/version", 64)
  if not text and code ~= "ENOENT" then
    return fail(code, dir .. "/version", "cannot be read", message, ADVICE)
  end
  if not text then
    for _, name in ipairs(names) do
      if not is_nobodys(name) then
        return fail("missing", dir, "is not empty and holds no dt-swarm state (" .. name .. " is there)", nil,
          "name another with --state")
      end
    end
    return "empty"
  end
  local version = math.tointeger(text:match(FIRST_LINE))
  if not version then
    return fail("form", dir .. "/version", "is damaged", nil,
      ("it should hold 'dt-swarm state %d'"):format(state.VERSION))
  end
  if version > state.VERSION then
    return fail("version", dir, ("is of version %d, this dt-swarm knows %d"):format(version, state.VERSION), nil,
      "start the newer dt-swarm, or name another folder with --state")
  end
  return "ours"
end

-- Others may not even list it: names of files tell a lot.
local function close_to_others(disk, dir)
  local facts = disk:stat(dir .. "/.") or disk:stat(dir)
  if not facts or facts.kind ~= "directory" or facts.mode & 63 == 0 then return true end -- 63: octal 077
  local ok, message, code = disk:chmod(dir, 448) -- 448: octal 0700
  if ok then return true end
  return fail(code, dir, "is open to others and cannot be closed", message, "chmod 700 " .. dir)
end

local function lock(disk, dir)
  local held, message, code = disk:lock(dir .. "/lock")
  if held then return held end
  if code == "EWOULDBLOCK" then
    return nil, dir .. " is in use by another dt-swarm; stop that one, or give this one a folder of its own with "
      .. "--state", code
  end
  return fail(code, dir, "cannot be written", message, ADVICE)
end

-- state.open{ disk =, dir =, now = fn() → Unix ms, log =, date = fn() → text for names of damaged files }
-- → state | nil, text, code. DIR is made where it is missing. After a refusal everything is as it was. Fields: dir.
function state.open(options)
  local disk, dir = options.disk, options.dir
  local found, message, code = examine(disk, dir)
  if not found then return nil, message, code end
  if found == "missing" then
    local made
    made, message, code = disk:mkdir(dir, 448)
    if not made then return fail(code, dir, "cannot be made", message, ADVICE) end
  end
  local self = setmetatable({ disk = disk, dir = dir }, State)
  self.lock, message, code = lock(disk, dir)
  if not self.lock then return nil, message, code end
  local ok
  ok, message, code = self:begin(found, options)
  if ok then return self end
  self:close()
  return nil, message, code
end

function State:begin(found, options)
  local ok, message, code = close_to_others(self.disk, self.dir)
  if not ok then return nil, message, code end
  if found ~= "ours" then
    ok, message, code = self.disk:replace(self:path "version", ("dt-swarm state %d\n"):format(state.VERSION))
    if not ok then return fail(code, self.dir, "cannot be written", message, ADVICE) end
  end
  return self:count_start(options)
end

-- BOOT is part of what must grow in a beacon, so a lost count goes on from above all that can have been: nobody starts
-- more than once a second.
function State:count_start(options)
  local boot = kept.new_firm { disk = self.disk, log = options.log or SILENT, date = options.date,
    dir = self.dir, name = "boot", old = kept.old_number }
  local count, message, code = boot:read()
  if code then return nil, message, code end
  if boot.lost then count = options.now and options.now() // 1000 or 1 << 32 end
  self.starts = (count or 0) + 1
  local ok
  ok, message, code = boot:put(self.starts)
  if ok then return true end
  return fail(code, self.dir, "cannot be written", message, ADVICE)
end

-- How often a daemon has been started with this folder, this time included; synced to disk before it is told.
function State:boot() return self.starts end

--- The BOOT of this start, as beacons and the own `peer` word say it: greater than at any start before, and another one
--- on each machine, even where two have copies of one folder. RANDOM: core.random's.
function State:draw_boot(random) return self.starts << 16 | random:integer(1 << 16) end

function State:path(name) return self.dir .. "/" .. name end

function State:close()
  if not self.lock then return end
  self.lock:close()
  self.lock = nil
end

return state
