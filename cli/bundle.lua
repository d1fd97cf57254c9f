-- bundle.lua - bundles as files of the command line: written whole or not at all. It asks no daemon.
local bundle = require "comms.bundle"
local hex = require "core.text".hex
local random = require "core.random"
local statement = require "core.statement"
local text = require "core.text"

local files = {}

local MODE <const> = 420 -- octal 0644
local PIECE <const> = 65536
local MOST <const> = 16 << 20 -- bytes of a bundle to which lines are added
local ENDLESS <const> = 64 << 20 -- bytes of a line: there are files that have no end, and no line feed

local CANNOT <const> = { ENOENT = "its folder is not there.", EACCES = "you may not write into its folder.",
  EROFS = "the disk is read-only.", ENOSPC = "the disk is full.", ENOTDIR = "its folder is none." }

local function folder_of(path)
  local folder = path:match "^(.*)/[^/]*$"
  return folder == "" and "/" or folder or "."
end

-- Says what is wrong with the file. → nil, exit code
local function fail(context, message, code)
  if context.as_json then
    context:json { schema = 1, error = { word = code or "disk", text = text.escape(message) } }
  else
    context:complain(text.escape(message))
  end
  return nil, context.exit.fetch
end

-- Standard output: nothing to put into place.
local function standard_output(world)
  return {
    add = function(_, bytes) world.write(bytes) return true end,
    finish = function() return true end,
    drop = function() end,
  }
end

local part = {}
part.__index = part

function part:add(bytes)
  local ok, message, code = self.file:pwrite(bytes, self.size)
  self.size = self.size + #bytes
  return ok, message, code
end

function part:drop()
  self.file:close()
  self.disk:unlink(self.name)
end

function part:finish()
  local ok, message, code = self.file:sync()
  if not ok then return nil, message, code end
  self.file:close()
  ok, message, code = self.disk:rename(self.name, self.path)
  if ok then self.disk:sync_directory(folder_of(self.path)) end
  return ok, message, code
end

--- Begins the file PATH (`-`: standard output); FORCE: one that is there is replaced. What is written stands beside it
-- until it is whole. → an object with add(bytes), finish(), which both give true | nil, text, code, and drop() | nil,
-- exit code, with words said
function files.create(context, path, force)
  if path == "-" then return standard_output(context.world) end
  local disk = context.world.disk()
  local there = disk:stat(path)
  if there and not (there.kind == "file" and force) then
    local advice = there.kind == "file" and "; --force replaces it" or ""
    return fail(context, ("%s is there already%s."):format(path, advice), "EEXIST")
  end
  local mark = hex(random.system():bytes(4))
  local name = ("%s/.%s.%s.part"):format(folder_of(path), path:match "[^/]+$" or "bundle", mark)
  local file, message, code = disk:open(name, "new", MODE)
  if not file then return fail(context, ("%s cannot be written: %s"):format(path, CANNOT[code] or message), code) end
  return setmetatable({ disk = disk, file = file, name = name, path = path, size = 0 }, part)
end

--- Says that the file could not be written. → nil, exit code
function files.failed(context, path, message, code)
  return fail(context, ("%s could not be written: %s"):format(path, CANNOT[code] or message), code)
end

-- == bundles that a command signs into

-- The lines of the whole bundle at PATH | nil, exit code, with words said.
local function lines_of(context, path)
  local bytes, message, code = context.world.disk():read(path, MOST)
  if not bytes then return fail(context, ("%s cannot be read: %s"):format(path, message), code) end
  local reader, lines = bundle.reader(), {}
  for _, one in ipairs(reader:take(bytes)) do lines[#lines + 1] = one.line end
  if reader:finish() then return lines end
  return fail(context, path .. " is there already and is no whole bundle; name another file.", "EEXIST")
end

--- Puts LINES, which this command signed, into the bundle PATH: a new file, or behind what stands in a bundle that is
-- there. → true | nil, exit code, with words said
function files.put(context, path, lines)
  local all, there = {}, path ~= "-" and context.world.disk():stat(path)
  if there then
    local before, exit = lines_of(context, path)
    if not before then return nil, exit end
    all = before
  end
  table.move(lines, 1, #lines, #all + 1, all)
  local out, exit = files.create(context, path, true)
  if not out then return nil, exit end
  local ok, message, code = out:add(bundle.text(all))
  if ok then ok, message, code = out:finish() end
  if ok then return true end
  out:drop()
  return files.failed(context, path, message, code)
end

-- == reading

-- What is read of PATH, a piece at a time, and once more from the beginning: of a pipe a copy is kept in a file without
-- a name. → read() → bytes | nil, rewind() | nil, text
local function open(path)
  local from, message
  if path == "-" then from = io.stdin else from, message = io.open(path, "rb") end
  if not from then return nil, message end
  message = select(2, from:read(0)) -- a folder can be opened, but not read
  if message then return nil, message end
  local copy
  if not from:seek "set" then copy, message = io.tmpfile() end
  if message then return nil, message end
  local function read()
    local bytes = from:read(PIECE)
    if bytes and copy then assert(copy:write(bytes)) end
    return bytes
  end
  return read, function()
    from, copy = copy or from, nil
    from:seek "set"
  end
end

-- Why the line cannot be asked about at all: code, text | nil
local function unreadable(one)
  if one.code then return one.code, "longer than a statement can be" end
  local st, message, code = statement.parse(one.line)
  if not st then return code, (message:gsub("^%w+: ", "")) end
  if not text.utf8(one.line) then return "form", "no UTF-8" end
end

--- Reads the bundle PATH as often as it is asked to. → each(fn) | nil, exit code, with words said.
-- each: fn(number, line | nil, code, text) for each line, which is no statement where it has a code; what fn gives
-- other than nil ends it. → true | nil, text, code: what is wrong with the bundle's end
function files.open(context, path)
  local read, rewind = open(path)
  if not read then return fail(context, ("%s cannot be read: %s"):format(path, rewind), "ENOENT") end
  return function(fn)
    local reader = bundle.reader()
    for bytes in read do
      for _, one in ipairs(reader:take(bytes)) do
        if fn(one.number, one.line, unreadable(one)) ~= nil then return nil end
      end
      if reader:half() > ENDLESS then return nil, "long: its last line never ends: it is no bundle", "long" end
    end
    rewind()
    local ok, message, code, half = reader:finish()
    if half then fn(half, nil, "length", "cut off: a line ends with a line feed") end
    return ok, message, code
  end
end

return files
