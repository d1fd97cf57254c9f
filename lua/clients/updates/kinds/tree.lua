-- tree.lua - a tar unpacked, looked through, moved and removed, by the system's own programs. Knows no release.
--
-- tar(1), find(1), rm(1) and sync(1) run as children: what a hostile tar does to one of them ends with it, and a card
-- that is slow holds up nobody. All that may wait is called in slices (lua/slices.lua), and answers true, or nil, text.
local core_text = require "core.text"
local slices = require "slices"

local tree = {}
tree.__index = tree

local ENTRIES_MAX <const> = 100000
local LINE_MAX <const> = 64 * 1024 -- bytes of one line of tar, whose names have 4 KiB at most
local LIMIT <const> = 900 -- s
local SAID_MAX <const> = 120 -- characters of what a program said
local SETUID <const>, SETGID <const> = 2048, 1024 -- octal 04000, 02000

--- given.loop   the event loop
--- given.disk   core.disk's
--- given.spawn  fn(options) → child (lua/child_process.lua) | nil, text
function tree.new(given)
  return setmetatable({ loop = given.loop, disk = given.disk, spawn = given.spawn, children = {} }, tree)
end

-- The first line that a program wrote to its standard error, without its own name.
local function first_line(said, name)
  local line = said:match "[^\n]+"
  return line and core_text.escape(line:gsub("^%S*" .. name .. ": ", "", 1), SAID_MAX)
end

-- What programs say of a disk that has no more blocks or files to give; tar of a write that was cut.
local FULL <const> = { ": No space left on device\n", ": Disk quota exceeded\n", ": Wrote only %d+ of %d+ bytes\n" }

local function is_full(said)
  for _, pattern in ipairs(FULL) do
    if said:find(pattern) then return true end
  end
  return false
end

-- How the end of ONE, with CODE and SIGNAL, is told: true | nil, text
local function outcome(one, name, said, code, signal)
  if one.fault then return nil, one.fault end
  if code == 0 and signal == 0 then return true end
  return nil, ("%s%s: %s"):format(is_full(said) and "disk: " or "", name,
    first_line(said, name) or ("it ended with %d"):format(code))
end

--- Runs ONE: { path, args, limit = s or nil, environment = array or nil, read = fn(bytes) → nil, or why it is to end,
--- hear = fn(bytes) or nil: what it writes to its standard error }.
function tree:run(one)
  local name, said, ok, why, timer = one.path:match "[^/]*$", "", nil, nil, nil
  slices.wait(function(wake)
    local child
    local function give_up(fault)
      one.fault = one.fault or fault
      if child then child:kill() end
    end
    child, why = self.spawn { path = one.path, args = one.args, environment = one.environment or { "LC_ALL=C" },
      on_output = function(bytes)
        local fault = not one.fault and one.read and one.read(bytes)
        if fault then give_up(fault) end
      end,
      on_error_output = function(bytes)
        said = (said .. bytes):sub(1, 1024)
        if one.hear then one.hear(bytes) end
      end,
      on_sent = function() end,
      on_exit = function(code, signal)
        if timer then timer:cancel() end
        self.children[child] = nil
        ok, why = outcome(one, name, said, code, signal)
        wake()
      end }
    if not child then return wake() end
    self.children[child] = true
    timer = self.loop:after((one.limit or LIMIT) * 1000, function()
      give_up(("slow: %s took more than %d s"):format(name, one.limit or LIMIT))
    end)
  end)
  return ok, why
end

-- == unpacking

-- Does NAME lead out of the folder that it is unpacked into?
local function leads_out(name) return name:sub(1, 1) == "/" or ("/" .. name .. "/"):find("/../", 1, true) ~= nil end

-- What is wrong with a LINE of `tar -x -vv`, which tells a member before it is unpacked | nil. SUM: { count, bytes }
local function line_fault(line, sum, most)
  if line:find "^%S+ +Creating directory: " then return nil end -- above a member
  local kind, size, name = line:match "^(%S)%S+ %d+/%d+ +([%d,]+) %S+ %S+ +(.*)$"
  if not kind then return "form: tar says of a member: " .. core_text.escape(line, SAID_MAX) end
  if kind == "l" then name = name:match "^(.-) %-> " or name end
  if kind == "h" then name = name:match "^(.-) link to " or name end
  if leads_out(name) then return "link: a member leaves the folder: " .. core_text.escape(name, SAID_MAX) end
  sum.count, sum.bytes = sum.count + 1, sum.bytes + (math.tointeger(tonumber(size)) or 0)
  if sum.count > ENTRIES_MAX + 1 then return ("size: more than %d members"):format(ENTRIES_MAX) end -- one is the folder
  if sum.bytes > most then return ("size: unpacked it has more than %d bytes"):format(most) end
end

--- Unpacks the tar ARCHIVE into FOLDER, which is there and empty: at most MOST bytes, in LIMIT seconds.
function tree:unpack(archive, folder, most, limit)
  local rest, sum = "", { count = 0, bytes = 0 }
  return self:run { path = "/bin/tar", limit = limit, environment = { "LC_ALL=C", "TZ=UTC" },
    args = { "-x", "-v", "-v", "-f", archive, "-C", folder, "--numeric-owner", "--quoting-style=escape",
      "--force-local", "--no-same-owner", "--same-permissions", "--delay-directory-restore" },
    read = function(bytes)
      rest = rest .. bytes
      local from = 1
      for line, after in rest:gmatch "([^\n]*)\n()" do
        local fault = line_fault(line, sum, most)
        if fault then return fault end
        from = after
      end
      rest = rest:sub(from)
      return #rest > LINE_MAX and "form: tar says a line that does not end" or nil
    end }
end

-- == looking through

-- Does a link in the folder of PATH (a path beneath the tree) that leads to TO stay in the tree? Only at its beginning
-- may it go up: behind a name, which may be a link, nobody knows from where.
local function stays_inside(path, to)
  if to == "" or to:sub(1, 1) == "/" then return false end
  local depth = select(2, path:gsub("/", ""))
  local up, rest = 0, to
  while rest:match "^%.%.?/" or rest == ".." or rest == "." do
    if rest:sub(1, 2) == ".." then up = up + 1 end
    rest = rest:match "^%.%.?/+(.*)$" or ""
  end
  return up <= depth and not leads_out(rest)
end

local LOOKS <const> = {}

function LOOKS.f(seen, one)
  if one.mode & (SETUID | SETGID) ~= 0 then return "permission: it sets its user or group: " .. one.path end
  if one.links == 1 or not seen.links[one.ino] then seen.bytes = seen.bytes + one.size end
  if one.links > 1 then seen.links[one.ino] = (seen.links[one.ino] or one.links) - 1 end
end

function LOOKS.d(_, one)
  if one.mode & SETUID ~= 0 then return "permission: it sets its user: " .. one.path end
end

function LOOKS.l(_, one)
  if not stays_inside(one.path, one.to) then return ("link: %s leads out, to %s"):format(one.path, one.to) end
end

-- What is wrong with ONE entry | nil
local function entry_fault(seen, one)
  seen.count = seen.count + 1
  if seen.count > ENTRIES_MAX then return ("size: more than %d files and folders"):format(ENTRIES_MAX) end
  if one.path == seen.reserved then return "name: it has a file that only dt-swarm writes: " .. one.path end
  local look = LOOKS[one.kind]
  local fault = look and look(seen, one) or not look and "pipe: no file, folder or link: " .. one.path
  if fault then return core_text.escape(fault, 2 * SAID_MAX) end
  if seen.bytes > seen.most then return ("size: unpacked it has more than %d bytes"):format(seen.most) end
end

local ENTRY <const> = "^(%a) (%d+) (%d+) (%d+) (%d+) ([^\0]*)\0([^\0]*)\0()"

--- Is all in FOLDER what may be taken: files, folders, and links that stay in it; no more than MOST bytes, and nothing
--- called RESERVED?
function tree:look(folder, most, reserved)
  local rest, seen = "", { count = 0, bytes = 0, links = {}, most = most, reserved = reserved }
  local ok, why = self:run { path = "/usr/bin/find",
    args = { folder, "-mindepth", "1", "-printf", "%y %#m %n %i %s %P\\0%l\\0" },
    read = function(bytes)
      local from = 1
      rest = rest .. bytes
      while true do
        local kind, mode, links, ino, size, path, to, after = rest:match(ENTRY, from)
        if not kind then break end
        local fault = entry_fault(seen, { kind = kind, mode = tonumber(mode, 8), links = tonumber(links), ino = ino,
          size = tonumber(size), path = path, to = to })
        if fault then return fault end
        from = after
      end
      rest = rest:sub(from)
    end }
  if not ok then return nil, why end
  for _, left in pairs(seen.links) do -- any order
    if left ~= 0 then return nil, "link: one of its files has a name outside, too" end
  end
  return true
end

-- == moving and removing

--- Is there anything at PATH?
function tree:has(path) return self.disk:stat(path) ~= nil end

--- All of the file system on which PATH is has come to the disk.
function tree:sync_all(path) return self:run { path = "/bin/sync", args = { "-f", path } } end

--- The names in FOLDER have.
function tree:sync(folder) return self:run { path = "/bin/sync", args = { folder } } end

--- FROM is called TO, for good.
function tree:move(from, to, parent)
  local ok, why = self.disk:rename(from, to)
  if not ok then return nil, why end
  return self:sync(parent)
end

--- Removes PATH with all beneath it, which may be cut anywhere.
function tree:remove(path)
  if not self:has(path) then return true end
  local args = { "-rf", "--one-file-system", "--", path }
  local ok, why = self:run { path = "/bin/rm", args = args }
  if ok then return true end
  self:run { path = "/bin/chmod", args = { "-R", "u+rwX", "--", path } } -- folders that nobody may write
  ok = self:run { path = "/bin/rm", args = args }
  return ok, not ok and why or nil
end

--- Nothing runs on, and nothing is told.
function tree:stop()
  for child in pairs(self.children) do child:close() end -- any order
  self.children = {}
end

return tree
