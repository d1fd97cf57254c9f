-- away.lua - own files that are not in the folder, though nobody took them out: their records stand. Looks at no file.
--
-- A stick that was pulled leaves an empty folder behind, or another one; so does a link that is set to another folder.
-- So the place is remembered, over restarts too, and its files are away until it is back, or a person says that they
-- are gone. Where the same folder loses all files at once, ten minutes pass before that is believed.
local cures = require "cures"
local away_state = require "clients.logs.away_state"
local filesystem = require "filesystem"
local reasons = require "clients.logs.reasons"
local sorted = require "sorted"

local away = {}
away.__index = away

local CALM, CALM_MOST = 2000, 30000 -- ms without another loss, until it is known what went together
local EMPTIED = 10 * 60 * 1000 -- ms
local SLICE = 32 -- statements said or unsaid in a turn
local TOGETHER = 2 -- so many files must go at once; a folder's only file is taken for deleted as one of many is
local UNKNOWN = { id = "?", text = "another file system" }

-- What MAP (by CID) holds, sorted.
local function listed(map)
  local list = {}
  for i, cid in ipairs(sorted.keys(map)) do list[i] = map[cid] end
  return list
end

-- What is away with a file system, as away_state.lua keeps it.
local function entries(self)
  local list = {}
  for _, kept in ipairs(listed(self.by_cid)) do list[#list + 1] = kept.place and kept or nil end
  return list
end

-- loop, log, disk, folder, mount = core.mount, shares; atomic_write, date, dir: for away_state.lua;
-- live = fn(name) → "pending": it is there and may be that file, "unread": it cannot be read, "judged": another one,
-- nil; unfinished = fn() → does any file settle; unread = fn(name) → its folder, if that cannot be read; vanish = fn()
-- → kept words: all are forgotten without being unsaid; back = fn(): a folder is there; host: of the command line.
function away.new(given)
  local self = setmetatable({ by_cid = {}, lost = {} }, away)
  for _, name in ipairs { "loop", "log", "disk", "folder", "shares", "live", "unfinished", "unread", "vanish",
    "back" } do self[name] = given[name] end
  self.host = given.host or "HOST"
  self.place = filesystem.new { mount = given.mount, folder = given.folder, apart = true }
  self.away_state = away_state.new { loop = given.loop, disk = given.disk, log = given.log, date = given.date,
    atomic_write = given.atomic_write, dir = given.dir, name = "away",
    now = function() return self.here, entries(self) end }
  return self
end

local function put(self, kept, why, found)
  kept.why, kept.since = why, self.loop:now()
  kept.place, kept.text, kept.till = found and found.id, found and found.text, nil
  self.by_cid[kept.cid] = kept
end

-- == the folder goes, another comes

-- N files are away by that.
local function tell_unusable(self, n)
  local code = self.blocked or self.place.word
  self.log:warn("logs", "the share folder cannot be used", { { "folder", self.folder },
    { "why", reasons.why_not(self) }, { "files", n },
    { "cure", cures.at((cures.of(code) or cures.of "ENOENT").cure, self.host) } })
end

-- All that was here is away with the place that it was in.
local function leave(self)
  local from, n, lost = self.here or UNKNOWN, 0, listed(self.lost)
  local function add(kept)
    n = n + 1
    put(self, kept, "place", from)
  end
  self.lost = {}
  for _, list in ipairs { listed(self.by_cid), lost, self.vanish(), self.shares:release_all() } do
    for _, kept in ipairs(list) do
      local there = self.by_cid[kept.cid]
      if not there or there == kept and not kept.place then add(kept) end
    end
  end
  self.left = true
  if n == 0 and self.place.id and not self.blocked then return end
  if n == 0 or filesystem.is_unusable(self.blocked or self.place.word) then return tell_unusable(self, n) end
  self.log:warn("logs", "the share folder is not there", { { "folder", self.folder }, { "was", from.text },
    { "why", self.place.why or reasons.instead(self, from.id) }, { "files", n },
    { "cure", cures.at(reasons.cure_of_place(self, from.id), self.host) } })
end

local function arrive(self)
  if self.left then self.log:info("logs", "share folder", { { "folder", self.folder }, { "on", self.place.text } }) end
  self.here, self.left = { id = self.place.id, text = self.place.text }, nil
  self.away_state:changed()
end

-- Is it the folder that it was? Cheap; each second, and before files are taken for gone. → true when it changed
function away:check()
  if not self.place:check() then return false end
  if not self.left and self.here and (self.place.moved or self.place.id ~= self.here.id) then leave(self) end
  if self.place.id then
    arrive(self)
    self.back()
  else
    self.away_state:changed()
  end
  return true
end

-- A missing folder is made where no statement of ours says that files are in it: else it may be a mount point's.
local function make(self)
  if self.place.word ~= "ENOENT" or next(self.by_cid) then return end
  self.unmade = not self.disk:mkdir(self.folder, 493) -- 0755
  self:check()
end

-- Earlier versions did not write which folder of the file system it was.
local function full_id(self, id)
  local now = self.place.id
  return now and now:sub(1, #id + 2) == id .. " #" and now or id
end

function away:start()
  self.place:check()
  local here, place_of = self.away_state:read()
  if self.away_state.kept.lost then here = UNKNOWN end -- so all are away whose files are not found
  self.here = here and { id = full_id(self, here.id), text = here.text }
  local before = self.shares:release_all()
  for _, kept in ipairs(before) do
    local found = place_of(kept.cid)
    if found then put(self, kept, "place", { id = full_id(self, found.id), text = found.text }) end
  end
  if self.place.word == "ENOENT" and not before[1] then make(self) end
  if not self.place.id or self.here and self.place.id ~= self.here.id then leave(self) end
  if self.place.id then arrive(self) end
end

-- May the folder be looked at now?
function away:ready()
  self:check()
  if not self.place.id then make(self) end
  return self.place.id ~= nil
end

-- A scan could not read the folder: CODE; or could again: nil.
function away:read_told(code)
  if code == self.blocked then return end
  self.blocked = code
  if not code then return arrive(self) end
  self.place.why = "it cannot be read: " .. code
  if not self.left then leave(self) end
  self.away_state:changed()
end

-- == files go and come

local function unsay(self, kept)
  if kept.place then self.away_state:changed() end
  self.by_cid[kept.cid], self.lost[kept.cid] = nil, nil
  self.shares:dismiss(kept.cid)
end

-- Calls ACT(self, kept) for each of LIST that is still in the map MAP: a slice a turn, since each statement is signed.
local function each_kept(self, list, map, act, i)
  for n = i, math.min(i + SLICE - 1, #list) do
    local kept = list[n]
    if self[map][kept.cid] == kept then act(self, kept) end
  end
  if i + SLICE <= #list then self.loop:post(function() each_kept(self, list, map, act, i + SLICE) end) end
end

local function hold(self, list)
  for _, kept in ipairs(list) do
    put(self, kept, "emptied")
    kept.till = self.loop:now() + EMPTIED
  end
  self.log:warn("logs", "all files went at once", { { "folder", self.folder }, { "files", #list },
    { "then", "unsaid in 10 min unless they are back" } })
end

-- Nothing more went for a while: was it all that there was when the first went? What came since then stands aside.
local function decide(self)
  local first, names = self.first, 0
  self.timer, self.first = nil, nil
  if self:check() then return end
  local list = listed(self.lost)
  for _, kept in ipairs(list) do names = names + #kept.data.names end
  if names >= TOGETHER and self.shares:count(first) == 0 and not self.unfinished(first) then
    self.lost = {}
    return hold(self, list)
  end
  self.shares:drop_names()
  each_kept(self, list, "lost", unsay, 1)
end

local function decide_soon(self)
  local now = self.loop:now()
  self.first = self.first or now
  if self.timer then self.timer:cancel() end
  self.timer = self.loop:after(math.min(CALM, math.max(self.first + CALM_MOST - now, 0)), function() decide(self) end)
end

-- What stands under the names of KEPT: what the most hopeful of them has.
local function live_of(self, kept)
  local found, all = {}, true
  for _, name in ipairs(kept.data.names) do
    local live = self.live(name)
    found[live or "none"] = true
    all = all and live == "judged"
  end
  return found.pending and "pending" or found.unread and "unread" or all and "judged" or nil
end

-- The file of KEPT (shares:release) is no longer under its name; nil: it has others still.
function away:lose(kept)
  if not kept then return self.shares:has_dropped() and decide_soon(self) end
  if kept.place then self.away_state:changed() end
  self.by_cid[kept.cid] = nil
  local live = live_of(self, kept)
  if live == "judged" then return unsay(self, kept) end
  if live == "unread" then return self:hide(kept, "disk", "it cannot be read") end
  if self.left then return put(self, kept, "place", self.here or UNKNOWN) end
  self.lost[kept.cid] = kept
  decide_soon(self)
end

-- It is there, but cannot be read: WHY = "folder" or "disk", TEXT for people.
function away:hide(kept, why, text)
  if not kept then return end
  if kept.place then self.away_state:changed() end
  put(self, kept, why)
  kept.text = text
end

local function hide_in(self, kept, folder)
  return self:hide(kept, "folder", ("its folder %s cannot be read"):format(folder))
end

-- The file with this CID is in the folder (again). → what is kept of its word, or nil
function away:take(cid)
  local kept = self.by_cid[cid] or self.lost[cid]
  if self.by_cid[cid] and self.by_cid[cid].place then self.away_state:changed() end
  self.by_cid[cid], self.lost[cid] = nil, nil
  return kept
end

-- An own record of an earlier run without a file. → "later": its file may be among those that settle
function away:stray(cid, data)
  if self.by_cid[cid] or self.lost[cid] then return end
  local name = type(data) == "table" and data.names and data.names[1]
  if not name or self.live(name) == "pending" then return name and "later" or self.shares:dismiss(cid) end
  local kept = { cid = cid, data = data }
  local folder = self.unread(name)
  if folder then return hide_in(self, kept, folder) end
  self:lose(kept)
end

-- Should KEPT be among what the scan found, if its file is there?
local function was_due(self, kept)
  if kept.why == "place" then return not self.left and self.here and kept.place == self.here.id end
  local name = kept.data.names[1]
  return kept.why == "folder" and not self.unread(name) or kept.why == "disk" and self.live(name) ~= "unread"
end

-- Everything was looked at.
function away:scanned()
  local now = self.loop:now()
  for _, kept in ipairs(listed(self.by_cid)) do
    if live_of(self, kept) ~= "pending" then
      local folder = was_due(self, kept) and self.unread(kept.data.names[1])
      if folder then
        hide_in(self, kept, folder)
      elseif was_due(self, kept) then
        self:lose(kept)
      end
      if kept.till and now >= kept.till then unsay(self, kept) end
    end
  end
end

-- A person, or the owner's permission, says that they are gone. → how many
function away:dismiss()
  local list = listed(self.by_cid)
  each_kept(self, list, "by_cid", unsay, 1)
  return #list
end

function away:say_again()
  each_kept(self, listed(self.by_cid), "by_cid", function(_, kept) self.shares:say_kept(kept) end, 1)
end

-- == for people

function away:rows() return reasons.rows(self) end
function away:problem() return reasons.problem(self) end

function away:stop()
  if self.timer then self.timer:cancel() end
  self.away_state:stop()
end

return away
