-- files.lua - a row for each file that is known here, in the database STATE/files.db. Looks at no file.
--
-- A row has `place` ("share": an own file; "store": a copy of somebody's), `path` beneath that folder, `cid`, the
-- file's identity when it was hashed, and what is known of it. Rows are read once, at the start; from then on they are
-- only written, beside the loop. A lost or damaged database costs hashing the files again, no more.
local backoff = require "backoff"
local kept = require "kept"
local sorted = require "sorted"
local sql = require "core.sql"
local worker = require "worker"

local files = {}
files.__index = files

local SCHEMA <const> = 1
local WRITE_MS <const> = 1000 -- from a change to the disk
local SLICE <const> = 512 -- rows of a transaction
local UNREADABLE <const> = 3 -- failures after which what the disk does not give is put aside, once
local COLUMNS <const> = { "place", "path", "cid", "size", "dev", "ino", "mtime_ns", "ctime_ns", "class", "origin",
  "name", "also", "taken", "made", "span", "verdict", "meta", "state", "checked" }
local CREATE <const> = [[CREATE TABLE file (place TEXT NOT NULL, path TEXT NOT NULL, cid TEXT NOT NULL,
  size INTEGER NOT NULL, dev INTEGER NOT NULL, ino INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL, class TEXT, origin TEXT, name TEXT, also TEXT, taken INTEGER, made INTEGER, span INTEGER,
  verdict TEXT, meta TEXT, state TEXT, checked INTEGER, PRIMARY KEY (place, path)) WITHOUT ROWID]]
local ALL = table.concat(COLUMNS, ", ")
local PUT = ("INSERT OR REPLACE INTO file (%s) VALUES (?%s)"):format(ALL, (", ?"):rep(#COLUMNS - 1))
local DROP <const> = "DELETE FROM file WHERE place = ? AND path = ?"

--- Fields of a row that tell whether a file is still the same.
files.identity = { "dev", "ino", "size", "mtime_ns", "ctime_ns" }

local function undated() return "undated" end

local function key_of(place, path) return place .. "\0" .. path end

local function statement_of(change)
  if change.gone then return { DROP, change.row.place, change.row.path } end
  local values = { PUT }
  for i, name in ipairs(COLUMNS) do values[i + 1] = change.row[name] or false end
  return values
end

-- == opening

-- What lies there is none of ours: it is put aside, with what it has beside it. → could it be?
local function put_aside(self, what, why)
  local name = kept.aside(self.disk, self.path, what, self.date())
  local ok, err = self.disk:rename(self.path, name)
  for _, end_ in ipairs { "-wal", "-journal" } do self.disk:rename(self.path .. end_, name .. end_) end
  self.anew = true
  self.log:warn("content", "what was known of files is lost: they are hashed again", { file = self.path, why = why,
    aside = ok and name or err })
  return ok
end

-- → the rows of DB | nil, text, code
local function rows_of(self, db)
  local found, err, code = db:run { { "PRAGMA user_version" } }
  if not found then return nil, err, code end
  local version = found[1].user_version
  if version == 0 then
    self.is_new = true
    return db:run({ { CREATE }, { ("PRAGMA user_version = %d"):format(SCHEMA) } }, true)
  elseif version ~= SCHEMA then
    return nil, ("it is of version %d, this dt-swarm knows %d"):format(version, SCHEMA), "version"
  end
  return db:run { { ("SELECT %s FROM file ORDER BY place, path"):format(ALL) } }
end

-- → database, its rows | nil, text, code
local function try(self)
  local db, err, code = sql.open(self.disk, self.path)
  if not db then return nil, err, code end
  local rows
  rows, err, code = rows_of(self, db)
  if rows then return db, rows end
  db:close()
  return nil, err, code
end

local function note_rows(self, rows)
  for _, row in ipairs(rows) do
    local of = self.read[row.place] or {}
    self.read[row.place], of[#of + 1] = of, row
  end
end

-- → true | nil, text, code: the disk does not give it now. Where it did not for a while though the folder can be
-- written, it is a bad place of the disk that the database lies on.
local function open(self)
  local db, rows, code = try(self)
  if code == "form" or code == "version" or code == "EIO" and self.failures == UNREADABLE then
    if put_aside(self, code == "version" and code or "damaged", rows) then db, rows, code = try(self) end
  end
  if not db then return nil, rows, code end
  self.db = db
  note_rows(self, rows)
  return true
end

--- given.loop, disk, log
--- given.dir    the state folder (path)
--- given.date   fn() → text, see lua/kept.lua
--- given.start  fn(threads) → worker for what is written; nil: the loop waits for the disk
--- `anew`: there were rows, and they are not known. `is_new`: there never was a database.
function files.open(given)
  local self = setmetatable({ loop = given.loop, disk = given.disk, log = given.log, date = given.date or undated,
    path = given.dir .. "/files.db", read = {}, changes = {}, flying = {}, sources = {}, backoff = backoff.quick(nil),
    failures = 0 }, files)
  self.beside = worker.when_needed { start = given.start, log = given.log, layer = "content",
    what = "no thread for what is known of files: the loop waits for the disk" }
  if not given.disk:stat(given.dir) then given.disk:mkdir(given.dir) end
  local ok, err = open(self)
  if not ok then
    self.anew = true
    self.log:warn("content", "what was known of files cannot be read: tried again", { file = self.path, why = err })
  end
  return self
end

--- The rows of PLACE as an earlier run left them, sorted by path; once.
function files:take(place)
  local rows = self.read[place] or {}
  self.read[place] = nil
  return rows
end

--- FN() → array of all rows of PLACE: asked where the database has to be written anew.
function files:source(place, fn) self.sources[place] = fn end

--- ROWS are known from here on, when this returns: for the time before the loop runs. → true | nil, text, code
function files:add(rows)
  for first = 1, #rows, SLICE do
    local list = {}
    for i = first, math.min(first + SLICE - 1, #rows) do list[#list + 1] = statement_of { row = rows[i] } end
    local ok, err, code = nil, "closed: the database", "closed"
    if self.db then ok, err, code = self.db:run(list, true) end
    if not ok then return nil, err, code end
  end
  note_rows(self, rows)
  return true
end

-- == writing

local begin

local function later(self, ms)
  if self.timer or self.stopped then return end
  self.timer = self.loop:after(ms, function()
    self.timer = nil
    begin(self)
  end)
end

-- The newest change of a row is the one that counts; whoever waits for an earlier one waits for that.
local function change(self, row, gone, told)
  local key = key_of(row.place, row.path)
  local before = self.changes[key]
  local waiting = before and before.told or {}
  if told then waiting[#waiting + 1] = told end
  self.changes[key] = { row = row, gone = gone, told = waiting }
  if not told then return later(self, WRITE_MS) end
  begin(self)
end

--- ROW is known from here on. TOLD(true) once that is on the disk, or TOLD(nil, text, code): then it is tried again,
-- and may be put again.
function files:put(row, told) change(self, row, false, told) end

--- It is not, from here on. GONE(): that is on the disk.
function files:drop(row, gone) change(self, row, true, gone and function(ok) if ok then gone() end end or nil) end

-- A slice of what changed → keys, statements, does anybody wait for it?
local function slice(self)
  local keys, list, waits = {}, {}, false
  for _, key in ipairs(sorted.keys(self.changes)) do
    if #keys >= SLICE then break end
    local one = self.changes[key]
    keys[#keys + 1], list[#list + 1] = key, statement_of(one)
    waits = waits or one.told[1] ~= nil
  end
  return keys, list, waits
end

local function tell(change_, ...)
  for _, told in ipairs(change_.told) do told(...) end
end

-- It has to be written as a whole: all rows are changes again.
local function begin_anew(self, why)
  self.db:close()
  self.db = nil
  put_aside(self, "damaged", why)
  for _, place in ipairs(sorted.keys(self.sources)) do
    for _, row in ipairs(self.sources[place]()) do
      if not self.changes[key_of(row.place, row.path)] then change(self, row, false) end
    end
  end
end

-- What somebody waits for is his to put again; the rest is tried again, ever later, and said once.
local function failed(self, changes, why, code)
  self.failures = self.failures + 1
  if self.failures == 1 then
    self.log:warn("content", "what is known of files cannot be written: tried again", { file = self.path, why = why })
  end
  for key, one in pairs(changes) do -- in any order
    if not self.changes[key] then self.changes[key] = { row = one.row, gone = one.gone, told = {} } end
  end
  if code == "form" and self.db then begin_anew(self, why) end
  for _, key in ipairs(sorted.keys(changes)) do tell(changes[key], nil, why, code) end
  if self.timer then self.timer:cancel() end
  self.timer = nil
  later(self, self.backoff:next())
end

local function ended(self, result)
  local changes = self.flying
  self.flying, self.writing = {}, nil
  if result.error then return failed(self, changes, result.error, result.word) end
  self.failures = 0
  self.backoff:reset()
  for _, key in ipairs(sorted.keys(changes)) do tell(changes[key], true) end
  if next(self.changes) then later(self, 0) end
end

local function run(self, what)
  local one, result = self.beside:get(), {}
  if one then
    local job, err, code = one:run(sql.running, what, function(answer) ended(self, answer) end)
    if job then return end
    result = { error = err, word = code }
  else
    local ok, err, code = self.db:run(what.list, what.sync)
    if not ok then result = { error = err, word = code } end
  end
  ended(self, result)
end

function begin(self)
  if self.writing or self.stopped or not next(self.changes) then return end
  local keys, list, waits = slice(self)
  for _, key in ipairs(keys) do self.flying[key], self.changes[key] = self.changes[key], nil end
  self.writing = true
  local ok, err, code = self.db ~= nil, nil, nil
  if not ok then ok, err, code = open(self) end
  if not ok then return ended(self, { error = err, word = code }) end
  run(self, { db = self.db, list = list, sync = waits })
end

-- Waits for what is being written, then writes the newest. → true | nil, text, code
function files:stop()
  if self.stopped then return true end
  self.stopped = true
  if self.timer then self.timer:cancel() end
  self.beside:close()
  for key, one in pairs(self.flying) do self.changes[key] = self.changes[key] or one end -- in any order
  local ok, err, code = self.db or not next(self.changes), "closed: the database", "closed"
  while ok and next(self.changes) do
    local keys, list = slice(self)
    ok, err, code = self.db:run(list, true)
    for _, key in ipairs(keys) do self.changes[key] = nil end
  end
  if self.db then self.db:close() end
  if not ok then return nil, err, code end
  return true
end

return files
