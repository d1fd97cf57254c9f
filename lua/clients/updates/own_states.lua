-- own_states.lua - how runs stand for this robot: kept first, then said; raised by what others still have of its own
-- words, so that a restored card takes no turn twice. Decides no state.
local core_text = require "core.text"
local json = require "core.json"
local sorted = require "sorted"
local turn = require "clients.updates.turn"

local own_states = {}
own_states.__index = own_states

local WHY_BYTES <const>, TAIL <const> = 120, 8
local AGAIN <const> = 60 * 1000 -- ms between two times that one word is said again

--- given.node, saved (saved.lua), known (known.lua)
function own_states.new(given)
  return setmetatable({ node = given.node, saved = given.saved, known = given.known, said_at = {} }, own_states)
end

local function short(why)
  if type(why) ~= "string" or why == "" then return nil end
  why = core_text.utf8(why) and why or core_text.escape(why)
  if #why <= WHY_BYTES then return why end
  local stop = WHY_BYTES + 1
  while why:byte(stop) & 0xC0 == 0x80 do stop = stop - 1 end -- within a character
  return why:sub(1, stop - 1)
end

--- Says STATUS of this robot in the run KEY. TOLD(true) once it is on the disk | TOLD(nil, text)
function own_states:say(key, status, told)
  self.said_at[key] = self.node.loop:now()
  self.known:say(key, { from = status.from, plan = status.plan, round = status.round, state = status.state,
    why = short(status.why), word = status.word }, told)
end

local function status_of(self, row, mine)
  local has = self.saved.data.installed[row.name]
  return { from = has and has[1], plan = mine.plan:sub(-TAIL), round = mine.round, state = mine.state, why = mine.why,
    word = mine.word }
end

--- CHANGE(mine) is made to what is kept of the run ROW, and said where it has a state. TOLD(true) | TOLD(nil, text)
function own_states:note(row, change, told)
  self.saved:change(function(data)
    data.runs[row.key] = data.runs[row.key] or { plan = row.plan_cid }
    change(data.runs[row.key])
  end, function(ok, text)
    local mine = self.saved.data.runs[row.key]
    if not ok or not (mine and mine.state) then return told(ok, text) end
    self:say(row.key, status_of(self, row, mine), told)
  end)
end

--- The run ROW does not wait for rest here, nor for who holds, until it begins. TOLD(true) | TOLD(nil, text, code)
function own_states:pass(row, told)
  self.saved:change(function(data)
    data.runs[row.key] = data.runs[row.key] or { plan = row.plan_cid }
    data.runs[row.key].go = true
  end, told)
end

--- The RELEASES ("NAME/SEQ" each), which failed here, may be tried again. TOLD(true) | TOLD(nil, text, code)
function own_states:forgive(releases, told)
  local is_forgiven = {}
  for _, release in ipairs(releases) do is_forgiven[release] = true end
  self.saved:change(function(data)
    local left = json.array {}
    for _, release in ipairs(data.failed) do
      if not is_forgiven[release] then left[#left + 1] = release end
    end
    data.failed = left
  end, told)
end

local function nothing() end

--- What is kept of the run ROW is said again, where the swarm lacks it.
function own_states:say_again(row)
  local mine, heard = self.saved.data.runs[row.key], self.known:mine(row.key)
  if heard and heard.state == mine.state and heard.round == mine.round and heard.plan == mine.plan:sub(-TAIL)
    and heard.why == short(mine.why) then
    return
  end
  local at = self.said_at[row.key]
  if at and self.node.loop:now() - at < AGAIN then return end
  self:say(row.key, status_of(self, row, mine), nothing)
end

--- Why this card does not have the release of the run ROW, which this robot committed → text | nil: it has it, or a
--- later one
function own_states:lacks(row)
  local has = self.saved.data.installed[row.name]
  if has and has[1] >= row.seq then return nil end
  return ("this card is older, or its records were lost: it has %s"):format(
    has and ("%s/%d"):format(row.name, has[1]) or "no release of " .. row.name)
end

-- What the swarm has of this robot in the run ROW, where that is more than the card has → an entry | nil: also of what
-- is under way here, which only its own end makes whole, were it of an old image.
local function higher(self, row, now)
  local heard, mine = self.known:mine(row.key), self.saved.data.runs[row.key]
  local is_now = now and now.run == row.key
  if is_now or not heard or not row.plan_cid or heard.plan ~= row.plan_cid:sub(-TAIL) then return nil end
  local before, rank = mine and turn.RANK[mine.state] or 0, turn.RANK[heard.state]
  if rank < before then return nil end
  if rank == before and not (before == 1 and (heard.round or 0) > (mine.round or 0)) then return nil end
  local entry = { go = mine and mine.go, plan = row.plan_cid, round = heard.round, state = heard.state,
    why = heard.why, word = heard.word }
  if heard.state == "applying" then
    entry.state, entry.why = "failed", "this card is older than an update that had begun: look at it"
  elseif heard.state == "committed" then
    entry.why = self:lacks(row)
  end
  return entry
end

--- Does the swarm have more of this robot in the run ROW than the card, which is to be raised first? Of a run that is
--- not under way here.
function own_states:is_behind(row) return higher(self, row) ~= nil end

local function raised_floors(self)
  local floors = {}
  for name, seq in pairs(self.known:floors()) do -- any order
    if seq > (self.saved.data.floor[name] or 0) then floors[name] = seq end
  end
  return floors
end

-- A release that failed in a run which this card did not know is not tried again, either.
local function note_failure(data, key)
  local release = key:match "^(.*)/%d+$"
  for _, one in ipairs(data.failed) do
    if one == release then return end
  end
  data.failed[#data.failed + 1] = release
end

-- The ENTRIES by run, and FLOORS by name, are in DATA from here on.
local function raise_in(data, entries, floors)
  for _, key in ipairs(sorted.keys(entries)) do
    if not (data.now and data.now.run == key) then data.runs[key] = entries[key] end
    if turn.FAILED[entries[key].state] then note_failure(data, key) end
  end
  for name, seq in pairs(floors) do data.floor[name] = math.max(seq, data.floor[name] or 0) end -- any order
end

--- Raises what this card keeps by what the swarm has of this robot's own words. ROWS: known.lua's runs by key; NOW:
--- what is under way. RAISED(): something rose.
function own_states:raise(rows, now, raised)
  if self.raising or self.saved.lost then return end
  local entries, floors = {}, raised_floors(self)
  for key, row in pairs(rows) do entries[key] = higher(self, row, now) end -- any order
  if not next(entries) and not next(floors) then return end
  self.raising = true
  self.saved:change(function(data) raise_in(data, entries, floors) end, function(ok)
    self.raising = nil
    if not ok then return end
    self.node.log:warn("updates", "this card is older than what the swarm knows of this robot", {
      runs = table.concat(sorted.keys(entries), " "), floors = table.concat(sorted.keys(floors), " ") })
    raised()
  end)
end

return own_states
