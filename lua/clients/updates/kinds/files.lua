-- files.lua - the kind `files`: a tar takes the place of a folder that the policy names, at once and as a whole. Reads
-- no tar itself (tree.lua), and knows no rollout.
--
-- Beside PARENT/TARGET lie, while there is something of this kind:
--   .TARGET.next      what is being unpacked. It is whole when it has the mark of its release
--   .TARGET.swap      whole always: the new tree before it is exchanged with TARGET, the old one from then on
--   .TARGET.out       only where exchanging is unknown: what was TARGET, between two renames
--   .TARGET.gone      what is being removed
--   .TARGET.previous  what was there before the release that was committed last
-- The mark, a file in each tree, says which release it is. So each verb sees where the last one was cut.
local after = require "clients.updates.kinds.after"
local byte_size = require "byte_size"
local core_text = require "core.text"
local places = require "clients.updates.kinds.places"
local slices = require "slices"
local tree = require "clients.updates.kinds.tree"

local files = {}
files.__index = files

local MARK <const>, MARK_MODE <const>, MARK_MAX <const> = ".dt-swarm-release", 420, 256 -- octal 0644
local NONE <const> = "none\n" -- the mark of a folder that stands for one that was not there
local FOLDER_MODE <const> = 493 -- octal 0755
local FORBIDDEN <const> = { EROFS = true, EACCES = true, EPERM = true }
local SPARE <const> = require "clients.updates.rooms".SPARE
local FULL <const> = { disk = true, ENOSPC = true, EDQUOT = true } -- words of a disk that takes no more now

--- given.loop, disk, spawn  as tree.lua takes them
--- given.log, date, atomic_write, dir, folders  as places.lua takes them
--- given.uid                number of this user
--- given.path_of            fn(cid) → absolute path of its file | nil
--- given.space              fn(path) → bytes free on its disk | nil: nobody knows
function files.new(given)
  local self = setmetatable({ disk = given.disk, log = given.log, atomic_write = given.atomic_write,
    places = places.new(given), path_of = given.path_of, tree = tree.new(given), slices = slices.new(given.loop),
    space = given.space or function() end, waiting = {} }, files)
  self.after = after.new { disk = given.disk, atomic_write = given.atomic_write, uid = given.uid, dir = given.dir,
    tree = self.tree }
  return self
end

-- == the steps, each true | nil, text

local function mark_of(job) return ("%s %s\n"):format(job.release, job.cid) end

-- The mark of FOLDER, "" where it has none | nil, text: the disk does not say
local function read_mark(self, folder)
  local text, why, code = self.disk:read(folder .. "/" .. MARK, MARK_MAX)
  if text then return text end
  if code == "ENOENT" or code == "ENOTDIR" then return "" end
  return nil, why
end

local function write_mark(self, folder, text)
  return slices.await(function(told) self.atomic_write:put(folder .. "/" .. MARK, text, MARK_MODE, told) end)
end

-- Removes what is of no use. A program that outlived the last daemon may still write into it: then it is tried again.
local function clear(self, place)
  local ok, why = self.tree:remove(place.gone)
  place.again = place.again or not ok
  return ok, why
end

-- PATH is no more, from one moment to the other; then it is removed.
local function discard(self, place, path)
  local ok, why = clear(self, place)
  if not ok or not self.tree:has(path) then return ok, why end
  ok, why = self.tree:move(path, place.gone, place.parent)
  if not ok then return nil, why end
  return clear(self, place)
end

-- An exchange that was cut between its renames is as if it had not begun, or had ended.
local function settle(self, place)
  local t = self.tree
  if not t:has(place.out) then return true end
  if not t:has(place.path) then return t:move(place.out, place.path, place.parent) end
  if not t:has(place.swap) then return t:move(place.out, place.swap, place.parent) end
  return nil, ("target: %s is in the way"):format(place.out)
end

-- TARGET and .TARGET.swap are exchanged; where TARGET was taken away, it is .TARGET.swap from here on.
local function exchange(self, place)
  local t = self.tree
  if not t:has(place.path) then return t:move(place.swap, place.path, place.parent) end
  local ok, why, code = self.disk:exchange(place.swap, place.path)
  if ok then return t:sync(place.parent) end
  if code ~= "ENOSYS" then return nil, why end
  ok, why = t:move(place.path, place.out, place.parent)
  if ok then ok, why = t:move(place.swap, place.path, place.parent) end
  if ok then ok, why = t:move(place.out, place.swap, place.parent) end
  return ok, why
end

-- The tree that the update replaced is in its place again, where it did.
local function take_back(self, place, mark)
  if not self.tree:has(place.swap) then return true end
  local found, why = read_mark(self, place.swap)
  if not found then return nil, why end
  if found ~= mark then
    local ok
    ok, why = exchange(self, place)
    if not ok then return nil, why end
  end
  return discard(self, place, place.swap)
end

-- A folder that was not there before is none again.
local function forget_none(self, place)
  local found, why = read_mark(self, place.path)
  if not found then return nil, why end
  return found ~= NONE or discard(self, place, place.path)
end

-- The folder .TARGET.next, empty, with the rights of a folder that is shown to others, whatever the umask is.
local function make_next(self, place)
  local ok, why = discard(self, place, place.next)
  if not ok then return nil, why end
  local code
  ok, why, code = self.disk:mkdir(place.next, FOLDER_MODE)
  if FORBIDDEN[code] then
    return nil, ("permission: dt-swarm may not write in %s (%s); its service needs ReadWritePaths=%s"):format(
      place.parent, code, place.parent)
  end
  if not ok then return nil, why end
  return self.disk:chmod(place.next, FOLDER_MODE)
end

-- Is there room for BYTES beside the folder? Else what is asked for once more, when there is.
local function has_room(self, place, bytes)
  local free, need = self.space(place.parent), bytes + bytes // SPARE
  if not free or free >= need then return true end
  return nil, ("disk: %s free on the disk of %s, %s needed"):format(byte_size.of(free), place.parent,
    byte_size.of(need))
end

local function stage(self, place, job)
  local t, mark = self.tree, mark_of(job)
  for _, folder in ipairs { place.path, place.swap, place.next } do
    local found, why = read_mark(self, folder)
    if found == mark then return true end
    if not found then return nil, why end
  end
  local archive = job.path or self.path_of(job.cid)
  local facts = archive and self.disk:stat(archive)
  if not facts then return nil, "missing: its file is gone" end
  local most = job.unpacked or facts.size
  local ok, why = has_room(self, place, most)
  if ok then ok, why = make_next(self, place) end
  if ok then ok, why = t:unpack(archive, place.next, most, job.limit) end
  if ok then ok, why = t:look(place.next, most, MARK) end
  if ok then ok, why = t:sync_all(place.next) end
  if ok then ok, why = write_mark(self, place.next, mark) end
  if ok then return t:sync(place.parent) end
  discard(self, place, place.next)
  return nil, why
end

-- → "there": the new tree has its place already; "swap": it is ready beside it | nil, text
local function prepare(self, place, job)
  local mark = mark_of(job)
  local found, why = read_mark(self, place.path)
  if found == mark then return "there" end
  if found and self.tree:has(place.swap) then
    found, why = read_mark(self, place.swap)
    if found == mark then return "swap" end
    if found then found, why = take_back(self, place, mark) end -- of an update that nobody knows any more
  end
  if found then found, why = stage(self, place, job) end
  if found then found, why = self.tree:move(place.next, place.swap, place.parent) end
  return found and "swap", why
end

-- What was not there yet is a folder of its own, so that all goes by one way.
local function put_in_place(self, place)
  local ok, why = true, nil
  if not self.tree:has(place.path) then
    ok, why = self.disk:mkdir(place.path, FOLDER_MODE)
    if ok then ok, why = write_mark(self, place.path, NONE) end
  end
  if ok then return exchange(self, place) end
  return nil, why
end

-- The program that the policy has run after each exchange.
local function run_after(self, place, job)
  if not place.after then return true end
  return self.after:run(place.after, job)
end

-- == the verbs, in slices: true | nil, text

local VERBS <const> = {}

-- That the folder fits was looked at; a program that may not be run is told before anything is exchanged.
function VERBS.check(self, place)
  if not place.after then return true end
  return self.after:find(place.after)
end

function VERBS.stage(self, place, job)
  local ok, why = VERBS.check(self, place)
  if not ok then return nil, why end
  return stage(self, place, job)
end

function VERBS.apply(self, place, job)
  local where, why = VERBS.check(self, place)
  if where then where, why = self.places:keep(place, job) end
  if where then where, why = prepare(self, place, job) end
  if where == "swap" then where, why = put_in_place(self, place) end
  if not where then return nil, why end
  return run_after(self, place, job)
end

function VERBS.verify(self, place, job)
  local found, why = read_mark(self, place.path)
  if not found or found == mark_of(job) then return found and true, why end
  return nil, ("moved: %s is not %s any more"):format(place.path, job.release)
end

function VERBS.commit(self, place, job)
  local t = self.tree
  if not t:has(place.swap) then return true end
  local found, why = read_mark(self, place.swap)
  if not found then return nil, why end
  local ok = true
  if found == mark_of(job) then ok, why = exchange(self, place) end -- nobody but a person can have taken it back
  if ok then found, why = read_mark(self, place.swap) end
  if not ok or not found then return nil, why end
  if found == NONE then return discard(self, place, place.swap) end
  ok, why = discard(self, place, place.previous)
  if ok then ok, why = t:move(place.swap, place.previous, place.parent) end
  return ok, why
end

function VERBS.rollback(self, place, job)
  local mark = mark_of(job)
  local ok, why = take_back(self, place, mark)
  if ok then ok, why = forget_none(self, place) end
  if ok and read_mark(self, place.next) == mark then ok, why = discard(self, place, place.next) end
  if not ok or not place.begun then return ok, why end -- what was never applied has no `after`
  return run_after(self, place, job)
end

-- == one at a time for each folder

local function begin(self, place, work)
  local list = self.waiting[place.path]
  if list then
    list[#list + 1] = work
    return
  end
  self.waiting[place.path] = {}
  work()
end

local function over(self, place)
  local list = self.waiting[place.path]
  local following = table.remove(list, 1)
  if following then return following() end
  self.waiting[place.path] = nil
end

-- How VERB of PLACE, which came to nothing for WHY, is told: done's two words.
local function answer_of(place, verb, why)
  local word, text = why:match "^(%a+): (.*)$"
  if verb == "stage" and FULL[word] then return "later", "disk: " .. core_text.escape(text, 200) end
  return place.again and "later" or "no", core_text.escape(why, 200)
end

--- VERB of JOB: { run, release, cid, target, path, version, unpacked, limit }. DONE("ok"), or DONE("later" or "no",
--- why).
function files:run(verb, job, done)
  local place, fault = self.places:of(verb, job)
  if not place then return done("no", fault) end
  begin(self, place, function()
    local ok, why
    self.slices:start(function()
      ok, why = settle(self, place)
      if ok then ok, why = self.places:fits(place) end
      if ok then ok, why = VERBS[verb](self, place, job) end
    end, function(ran, broken)
      if not ran then self.log:error("updates", "a verb failed", { verb = verb, why = broken }) end
      over(self, place)
      if self.stopped then return end
      if ran and ok then return done "ok" end
      done(answer_of(place, verb, ran and why or "kind: the log says where"))
    end)
  end)
end

--- Ends what runs; nothing is told any more.
function files:stop()
  self.stopped = true
  self.tree:stop()
end

return files
