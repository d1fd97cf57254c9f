-- statuses.lua - what robots said of themselves in the runs that are known, by run and robot: kept up by news, read in
-- slices where a run becomes known later than its words. Judges no turn.
local slices = require "slices"
local turn = require "clients.updates.turn"

local statuses = {}
statuses.__index = statuses

statuses.RUNS_MAX = 64 -- whose words are kept

local BUCKET <const> = "updates/status"
local WORDS_MAX <const> = 4096 -- of one run

--- given.node
--- given.loop
--- given.news  fn(run key): what is known of it changed
function statuses.new(given)
  return setmetatable({ node = given.node, news = given.news, runs = {}, undos = {},
    slices = slices.new(given.loop) }, statuses)
end

local function falls(new, old)
  local a, b = turn.RANK[new.state], turn.RANK[old.state]
  return a < b or a == 1 and b == 1 and (new.round or 0) < (old.round or 0)
end

-- The word of ID is WORD (nil: none) from here on, in what is given away, too.
local function put(self, one, id, word)
  local before = one.words[id]
  one.words[id] = word
  local basis = self.node.dcache:judged_by()
  for tail, view in pairs(one.views) do -- any order
    if view.basis ~= basis then
      one.views[tail] = nil
    elseif word and word.plan == tail or before and before.plan == tail then
      view.words[id] = word and word.plan == tail and word or nil
    end
  end
end

-- ST, a status as dcache reads it, in the run ONE. → did something change?
local function take(self, one, st)
  local known = one.words[st.signer]
  if st.verb ~= "propose" or not st.holds then -- dismissed by an admin, or nobody's any more
    if known and (st.barred ~= nil or st.denied) then
      put(self, one, st.signer, nil)
      return true
    end
    return false
  end
  local data = st.data
  local word = { state = data.state, round = data.round, why = data.why, from = data.from, word = data.word,
    plan = data.plan, at = st.at }
  if known and known.plan == word.plan and (st.at < known.at or falls(word, known)) then return false end
  put(self, one, st.signer, word)
  return true
end

local function heard(self, st)
  local one = self.runs[st.key]
  if not one then return end
  if st.verb == "dismiss" and st.signer ~= self.node.id then return self:follow(st.key, true) end
  local full = self.node.dcache:statement_of(BUCKET, st.key, st.signer)
  if full and take(self, one, full) then self.news(st.key) end
end

function statuses:start()
  self.undos[1] = self.node.comms:on_statement(BUCKET, function(st) heard(self, st) end)
end

--- The words of the run KEY are kept from here on; ANEW: they are read once more. Of RUNS_MAX at most: see `keep`.
function statuses:follow(key, anew)
  if self.runs[key] and not anew then return end
  local one = self.runs[key] or { words = {}, views = {} }
  self.runs[key] = one
  if one.reading then one.reading() end
  one.reading = self.slices:start(function()
    local changed = false
    self.node.dcache:each_of(BUCKET, key, WORDS_MAX, function(st) changed = take(self, one, st) or changed end)
    one.changed = changed
  end, function(ok, fault)
    one.reading = nil
    if not ok then error(fault, 0) end
    if one.changed then self.news(key) end
  end)
end

--- Only the runs of KEYS (a set) are kept.
function statuses:keep(keys)
  for key, one in pairs(self.runs) do -- any order
    if not keys[key] then
      if one.reading then one.reading() end
      self.runs[key] = nil
    end
  end
end

--- By robot's ID what it said in the run KEY of the plan whose CID ends with TAIL; only of who may still say it. Not to
--- be changed.
function statuses:of(key, tail)
  local one = self.runs[key]
  if not one then return {} end
  local basis = self.node.dcache:judged_by()
  local view = one.views[tail]
  if view and view.basis == basis then return view.words end
  view = { basis = basis, words = {} }
  for id, word in pairs(one.words) do -- any order
    if word.plan == tail and not self.node.dcache:denial { bucket = BUCKET, key = key, signer = id, at = word.at } then
      view.words[id] = word
    end
  end
  one.views = { [tail] = view } -- of one plan, as nobody asks for more
  return view.words
end

function statuses:stop()
  for _, undo in ipairs(self.undos) do undo() end
  self:keep {}
end

return statuses
