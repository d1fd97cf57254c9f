-- folder.lua - `files get FOLDER`: its files one after the other, a page at a time. One that fails holds up no other.
local half = require "cli.part_file"
local progress = require "cli.progress"
local text = require "core.text"
local unixfs = require "core.unixfs"

local folder = {}
folder.__index = folder

local IN_VAIN <const> = 3 -- files in a row that nobody gave, after which the rest is not waited for
local NAMED <const> = 10 -- failures that are told to a person; a program gets FAILURES of them
local FAILURES <const> = 1000
local MODE <const> = 493 -- 0755

-- PATH (a record's) beneath the folder; from the first part on that no file here is to be called, the file's CID.
local function safe_path(path, cid)
  local get, parts = require "cli.get", {}
  for part in path:gmatch "[^/]+" do
    local name = get.file_name(part, nil)
    if not name then
      parts[#parts + 1] = cid
      break
    end
    parts[#parts + 1] = name
  end
  return table.concat(parts, "/")
end

-- The CID of a file that is here, or nil.
local function cid_of(self, path)
  local loop, cid = self.world.loop(), nil
  self.hasher = self.hasher or require("worker").new { loop = loop, threads = 1 }
  local parent, name = path:match "^(.*)/([^/]*)$"
  local job = self.hasher:run(unixfs.hash, { folder = parent, name = name }, function(result)
    cid = result.cid
    loop:stop()
  end)
  if job then loop:run() end
  return cid
end

-- Is FILE, or a half of it, at TARGET? Other bags have files of its name, and of its size, too.
local function is_there(self, file, target)
  local found = self.disk:stat(target)
  if not found then return self.disk:stat(half.path(target, file.cid)) ~= nil end
  return found.kind == "file" and found.size == file.size and cid_of(self, target) == file.cid
end

-- Are files of this folder directly in PLACE, from an earlier time? An empty file is of any folder.
local function begun(self, place, files)
  for _, file in ipairs(files) do
    if file.size ~= 0 and is_there(self, file, place .. "/" .. safe_path(file.path, file.cid)) then return true end
  end
  return false
end

-- Where it is to be: as `cp -r` would, but what was begun there goes on there. nil, message
local function place_of(self, options, files)
  local base = safe_path(self.answer.folder:match "[^/]+$", "folder")
  local place = options.to and options.to:gsub("(.)/+$", "%1") or base
  local found = half.stat(self.disk, place)
  if found and found.kind == "directory" and options.to then
    local inside = place .. "/" .. base
    if self.disk:stat(inside) or not begun(self, place, files) then place = inside end
    found = half.stat(self.disk, place)
  end
  if not found or found.kind == "directory" then return place end
  return nil, ("%s is there already, and is no folder."):format(place)
end

local function fail(self, file, message)
  self.failed = self.failed + 1
  if #self.failures < FAILURES then
    self.failures[#self.failures + 1] = { name = text.escape(file.path), text = text.escape(message) }
  end
end

-- What is in its place already: "same", "other" or nil.
local function present(self, file, target)
  local found = self.disk:stat(target)
  if not found then return nil end
  if found.kind ~= "file" then return "other" end
  return found.size == file.size and cid_of(self, target) == file.cid and "same" or "other"
end

local function obstacle(self, file, target)
  if not file.size then return "its record does not say how large it is" end
  if #file.sources == 0 then return "nobody who has it can be reached now" end
  local parent = target:match "^(.*)/"
  local ok, message = self.disk:mkdir(parent, MODE)
  if not ok then return ("the folder %s cannot be made: %s"):format(parent, message:match "[^:]+$":gsub("^ ", "")) end
end

-- Fetches one of the files to TARGET.
local function fetch(self, file, target)
  local paint, wipe = progress.painter(self.context, ("%d/%d %s"):format(self.done, self.all, file.path))
  local path, message, code = self.session:run {
    cid = file.cid, size = file.size, name = file.name, sources = file.sources, target = target,
    origin = not file.gone and (file.from or {}).id, on_row = paint,
    place = function() return (self.force or not self.disk:stat(target)) and target or target .. ".fetched" end,
  }
  wipe()
  if path then
    self.saved, self.bytes, self.in_vain = self.saved + 1, self.bytes + file.size, 0
    return
  end
  if code == "EINTR" then
    self.stopped = message
    return
  end
  self.open = true -- another time it may come
  self.in_vain = code == "missing" and self.in_vain + 1 or 0
  fail(self, file, message or "no block came")
end

local function take(self, file)
  local target = self.place .. "/" .. safe_path(file.path, file.cid)
  self.done = self.done + 1
  local there = present(self, file, target)
  if there == "same" then
    self.kept = self.kept + 1
    return
  end
  if there and not (self.force and self.disk:stat(target).kind == "file") then
    return fail(self, file, "another file is there already; --force replaces it")
  end
  local message = obstacle(self, file, target)
  if message then
    self.open = self.open or #file.sources == 0
    return fail(self, file, message)
  end
  fetch(self, file, target)
end

local function page(self, after)
  return self.context:ask { command = "folder", what = self.answer.folder .. "/", from = self.answer.from.id,
    after = after }
end

-- All pages from PART on. → nil, or the exit code with which the daemon failed
local function pages(self, part)
  while true do
    for _, file in ipairs(part.files) do
      if self.in_vain >= IN_VAIN or self.stopped then return nil end
      take(self, file)
    end
    if not part.more or self.stopped then return nil end
    local exit_code
    part, exit_code = page(self, part.files[#part.files].path)
    if not part then return exit_code end
  end
end

local function say(self)
  local s, context = self.context.show, self.context
  if self.saved > 0 then
    s:say(("saved %s, %s, in %s, every block checked"):format(s.count(self.saved, "file"), s.size(self.bytes),
      s:text(self.place)))
  end
  if self.kept > 0 then
    s:say(("kept %s in %s: the same bytes were there"):format(s.count(self.kept, "file"), s:text(self.place)))
  end
  for i = 1, math.min(#self.failures, NAMED) do
    context:complain(("Not fetched: %s: %s."):format(self.failures[i].name, (self.failures[i].text:gsub("%.$", ""))))
  end
  local left = self.all - self.done
  if self.stopped then context:complain(self.stopped) end
  if self.failed > NAMED then context:complain(("… and %d more."):format(self.failed - NAMED)) end
  if left > 0 and not self.stopped then
    context:complain(("%s not tried: nobody gave the last %d."):format(s.count(left, "file"), IN_VAIN))
  end
  if not self.stopped and (self.open or left > 0) and self.saved + self.kept > 0 then
    context:complain "Ask again to go on; what came is kept."
  end
end

local function end_of(self, exit_code)
  local left = self.all - self.done
  if self.as_json then
    self.context:json { schema = 1, command = "get", folder = self.answer.folder, from = self.answer.from,
      path = text.utf8(self.place) and self.place or text.escape(self.place), saved = self.saved, kept = self.kept,
      size = self.bytes, failed = self.failed, not_tried = left,
      failures = require("core.json").array(self.failures) }
  else
    say(self)
  end
  if self.stopped then return self.context.exit.stopped end
  if exit_code then return exit_code end
  return (self.failed > 0 or left > 0) and self.context.exit.fetch or self.context.exit.ok
end

--- ANSWER: what the daemon said of the folder: folder (its path), from, files (how many). → exit code
function folder.run(context, options, answer)
  local self = setmetatable({ context = context, world = context.world, disk = context.world.disk(), answer = answer,
    force = options.force, as_json = options.json, all = answer.files, done = 0, saved = 0, kept = 0, bytes = 0,
    failed = 0, failures = {}, in_vain = 0 }, folder)
  local part, exit_code = page(self)
  if not part then return exit_code end
  local message
  self.place, message = place_of(self, options, part.files)
  if not self.place then
    context:complain(text.escape(message))
    return context.exit.fetch
  end
  self.session = self.world.fetching { loop = self.world.loop(), disk = self.disk,
    ask = function(...) context:ask_beside(...) end }
  exit_code = pages(self, part)
  self.session:close()
  if self.hasher then self.hasher:close() end
  return end_of(self, exit_code)
end

return folder
