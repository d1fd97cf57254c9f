-- checkpoint_writer.lua - the two files of a checkpoint, written leaf by leaf beside the loop. Serves nothing.
local cid = require "core.cid"
local hash = require "core.hash"
local humans = require "comms.humans"
local leaves = require "comms.leaves"
local ordered = require "dcache.ordered"
local slices = require "slices"
local statement = require "core.statement"
local unixfs = require "core.unixfs"
local worker = require "worker"

local writer = {}
writer.__index = writer

local MODE <const> = 384 -- octal 0600

writer.MACHINES, writer.HUMANS = "machines.txt", "humans.txt"
local MACHINES <const>, HUMANS <const> = writer.MACHINES, writer.HUMANS

--- GIVEN: as checkpoint.lua is given; dir = the folder of all checkpoints (path)
function writer.new(given)
  return setmetatable({ disk = given.disk, dir = given.dir, dcache = given.dcache, swarm = given.swarm,
    beside = worker.when_needed { start = given.start and function() return given.start(1) end, log = given.log,
      layer = "comms", what = "no thread for checkpoints: the loop waits for the disk" } }, writer)
end

-- == files, beside the loop

-- Only in a slice: calls unixfs.store with WHAT (its FILE open) and waits for it. → true | nil, text, code
local function store(self, what)
  local one, result = self.beside:get(), nil
  if not one then
    local ok, text, code = true, nil, nil
    if what.bytes then ok, text, code = what.file:pwrite(what.bytes, what.offset) end
    if ok and what.sync then ok, text, code = what.file:sync() end
    if ok and what.directory then ok, text, code = self.disk:sync_directory(what.directory) end
    return ok and true, text, code
  end
  slices.wait(function(wake)
    local job, text, code = one:run(unixfs.store, what, function(done)
      result = done
      wake()
    end)
    if job then return end
    result = { error = text, word = code }
    wake()
  end)
  if result.error then return nil, result.error, result.word end
  return true
end

local function folder(self, place) return ("%s/%d"):format(self.dir, place) end

local function path(self, place, name) return folder(self, place) .. "/" .. name end

-- Opens both files of ONE anew. → true | nil, text, code
local function open_files(self, one)
  local ok, text, code = self.disk:mkdir(self.dir)
  if ok or code == "EEXIST" then ok, text, code = self.disk:mkdir(folder(self, one.place)) end
  if not ok and code ~= "EEXIST" then return nil, text, code end
  for _, name in ipairs { MACHINES, HUMANS } do
    self.disk:unlink(path(self, one.place, name))
    one.files[name], text, code = self.disk:open(path(self, one.place, name), "new", MODE)
    if not one.files[name] then return nil, text, code end
  end
  return true
end

--- Closes the files of ONE that are open.
function writer.close_files(one)
  for _, file in pairs(one.files or {}) do file:close() end -- any order
  one.files = nil
end

-- == one checkpoint: lines, leaves, files

-- Puts BYTES as the next leaf into the file NAME of ONE. → true | nil, text, code
local function put_leaf(self, one, name, bytes)
  slices.step(50) -- a leaf has up to 1 MiB
  local digest = hash.sha256(bytes)
  local ok, text, code = store(self, { file = one.files[name], bytes = bytes, cid = cid.make("raw", digest),
    offset = name == MACHINES and one.size or 0 })
  if not ok then return nil, text, code end
  if name == HUMANS then
    table.insert(one.sizes, 1, #bytes)
    table.insert(one.digests, 1, digest)
    return true
  end
  one.size = one.size + #bytes
  one.sizes[#one.sizes + 1], one.digests[#one.digests + 1] = #bytes, digest
  if #one.sizes <= leaves.COUNT_MOST then return true end
  return nil, ("size: more than %d leaves; no checkpoint is that large"):format(leaves.COUNT_MOST), "size"
end

local function put_leaves(self, one, list)
  for _, bytes in ipairs(list) do
    local ok, text, code = put_leaf(self, one, MACHINES, bytes)
    if not ok then return nil, text, code end
  end
  return true
end

-- All lines of kept classes into machines.txt. → true | nil, text, code
local function write_lines(self, one, said)
  local cutter = leaves.new()
  for _, class in ipairs(ordered.classes(self.dcache)) do
    for _, short in ipairs(ordered.ids(self.dcache, class, one.t)) do
      local line = self.dcache:line(short)
      slices.step(4)
      one.whole = one.whole and line ~= nil -- our own that is not on the disk yet, or one that went meanwhile
      if line then
        one.words = one.words + 1
        said:add(statement.parse(line))
        local ok, text, code = put_leaves(self, one, cutter:add(class, short, line))
        if not ok then return nil, text, code end
      end
    end
  end
  local last = cutter:finish()
  return put_leaves(self, one, last and { last } or {})
end

-- Writes both files to the end. → true | nil, text, code
local function write_files(self, one)
  local said = humans.new(self.swarm, self.dcache.trust:verdict())
  local ok, text, code = write_lines(self, one, said)
  if ok and one.words == 0 then return nil, "missing: nothing is held", "missing" end
  if ok then ok, text, code = put_leaf(self, one, HUMANS, said:text()) end
  for _, name in ipairs { MACHINES, HUMANS } do
    if ok then
      ok, text, code = store(self, { file = one.files[name], sync = true, directory = folder(self, one.place) })
    end
  end
  return ok, text, code
end

local function identities(self, one)
  for name, field in pairs { [MACHINES] = "identity", [HUMANS] = "first_identity" } do -- any order
    local facts, text, code = self.disk:stat(path(self, one.place, name))
    if not facts then return nil, text, code end
    one[field] = facts
  end
  return true
end

--- Writes what is held at T (s) into the folder PLACE (a number). Only in a slice (lua/slices.lua). ONE: a table that
-- it fills; writer.close_files(ONE) when it is over, however it ended.
-- → ONE: { cid, words, size = bytes of machines.txt, sizes, leaves, identity, first_identity = as core.gateway takes
-- them, place, whole = nothing of what is held was left out } | nil, text, code: "missing" where nothing is held
function writer:write(one, place, t)
  one.place, one.t, one.sizes, one.digests, one.size, one.words, one.whole = place, t, {}, {}, 0, 0, true
  one.files = {}
  local ok, text, code = open_files(self, one)
  if ok then ok, text, code = write_files(self, one) end
  if ok then ok, text, code = identities(self, one) end
  if not ok then return nil, text, code end
  one.leaves, one.digests = table.concat(one.digests), nil
  one.cid = unixfs.checkpoint(one.sizes, one.leaves)
  return one
end

--- Waits for what is being written.
function writer:close() self.beside:close() end

return writer
