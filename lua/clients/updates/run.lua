-- run.lua - one run of a rollout as this robot sees it: offered, fetched, made ready, waited for, begun. What follows
-- is machine.lua's. Each look does what can be done now; nothing is done twice.
local fits = require "clients.updates.fits"
local gate_facts = require "clients.updates.gate_facts"
local judged = require "clients.updates.judged"
local hooks_asked = require "clients.updates.hooks_asked"
local plan = require "clients.updates.plan"
local rooms = require "clients.updates.rooms"
local turn = require "clients.updates.turn"
local waiting = require "clients.updates.waiting"

local run = {}
run.__index = run

local TAIL <const> = 8 -- characters of a plan's CID that a status has
local AGAIN <const> = 60 * 1000 -- ms until a disk that took nothing is asked again

--- UPDATES: the client (init.lua). KEY: "NAME/SEQ/RUN". Fields: phase, word and text (why it does not count | nil),
--- row (known.lua's), plan, places, artefact, waiting.
function run.new(updates, key)
  return setmetatable({ updates = updates, key = key, loop = updates.loop, phase = "offered" }, run)
end

local function saved_of(self) return self.updates.saved.data.runs[self.key] end

local function stop_waiting(self)
  if self.waiting then self.waiting:stop() end
  if self.retry then self.retry:cancel() end
  self.waiting, self.retry = nil, nil
end

local function enter(self, phase, word, text)
  self.word, self.text = word, text
  if self.phase == phase then return end
  self.phase = phase
  self.updates:tell(self)
end

-- → false: nothing more is to be done now.
local function halt(self, phase, word, text)
  stop_waiting(self)
  enter(self, phase, word, text)
  return false
end

-- == the steps of a look, each → true: the next one

local PHASE_WORDS <const> = { rolling_back = "rolling back" }

local function is_to_begin(self)
  local updates, mine = self.updates, saved_of(self)
  local now = updates.machine:now()
  if now and now.run == self.key then return halt(self, PHASE_WORDS[now.phase] or now.phase) end
  if updates.beginning == self or self.settling then return false end
  if updates.states:is_behind(self.row) then
    stop_waiting(self)
    return false
  end
  if mine and self.row.plan_cid and mine.plan ~= self.row.plan_cid then
    return halt(self, "refused", "conflict", "this run had another plan here: " .. mine.plan)
  end
  if mine and mine.state and updates.compared:state() then updates:repeat_state(self) end
  if mine and (turn.BEGUN[mine.state] or turn.RESOLVED[mine.state]) then
    return halt(self, mine.state, mine.word, mine.why)
  end
  return true
end

-- One whose number is too low is told from the rest: those behind this robot need not wait for it.
local function counts(self)
  local row = self.row
  if row.counts or row.word == "seq" and row.plan_cid and row.release.data then return true end
  return halt(self, row.word == "ended" and "ended" or "refused", row.word, row.text)
end

local NEVER <const> = { form = true, size = true } -- why a file will never come: its CID is of another one

-- CID of SIZE bytes is wanted. → nil | word, text: it will never come
local function want(self, cid, size, more)
  local fetching, row = self.updates.fetching, self.row
  more.run, more.name, more.seq = self.key, row.name, row.seq
  fetching:want(cid, size, more)
  local state = fetching:state(cid)
  if NEVER[state.word] then return state.word, ("%d bytes are signed, %s"):format(size, state.missing) end
end

-- Has its plan fetched → the phase in which it stays, word and text of why it is refused
local function fetch_plan(self)
  local word, why = want(self, self.row.plan_cid, self.row.plan_size, {})
  if word then return "refused", word, "its plan: " .. why end
  return "offered"
end

-- Has its plan read → nil | as above
local function read_plan(self)
  local row = self.row
  if self.plan and self.plan_cid == row.plan_cid then return nil end
  local bytes = self.updates.fetching:read(row.plan_cid)
  if not bytes then return fetch_plan(self) end
  local one, text, word = plan.read(bytes)
  if one then word, text = fits.plan(row, one, self.updates.node.swarm) end
  if word then return "refused", word, text end
  self.plan, self.places, self.plan_cid = one, turn.places(one), row.plan_cid
  self.tail = self.plan_cid:sub(-TAIL)
end

local function has_plan(self)
  local phase, word, text = read_plan(self)
  if not phase then return true end
  if word then self.updates:refuse(self, word) end
  return halt(self, phase, word, text)
end

--- Somebody wants to look at its plan, such as who is to sign it, too: it is fetched though the run does not count yet.
function run:show_plan()
  if self.row.word == "threshold" and self.row.plan_cid then read_plan(self) end
end

local function is_named(self)
  if self.places.place[self.updates.node.id] then return true end
  return halt(self, "unnamed")
end

-- The run ends here before it began: kept, then said.
local function settle(self, verdict)
  stop_waiting(self)
  if verdict.word then self.updates:refuse(self, verdict.word) end
  if not self.updates.compared:state() then return false end
  self.settling = true
  self.updates:note(self, function(mine)
    mine.state, mine.word, mine.why, mine.round, mine.go = verdict.state, verdict.word, verdict.why, nil, nil
  end, function(ok)
    self.settling = nil
    if ok then self.updates:news() end -- else at the next look: a disk that takes nothing has a minute
  end)
  return false
end

-- The policy is asked once, and again when it is another one.
local function is_for_me(self)
  local updates = self.updates
  local verdict = judged.of(updates, self.row, self.wanted_by == updates.policy_serial)
  if verdict then return settle(self, verdict) end
  self.wanted_by = updates.policy_serial
  return true
end

local function has_payload(self)
  local updates, data = self.updates, self.row.release.data
  local artefact = hooks_asked.artefact(updates.node, data)
  self.artefact = artefact
  if updates.fetching:state(artefact.cid).slow then updates:refuse(self, "slow") end -- who was left
  if updates.fetching:path(artefact.cid) then return true end
  enter(self, "fetching")
  local word, why = want(self, artefact.cid, artefact.size, { named = self.plan.order,
    unpacked = rooms.beside(self) })
  if word then return settle(self, { state = "rejected", word = word, why = why }) end
  return true
end

--- What is told the kind of this run's release; also what machine.lua keeps of it.
function run:job()
  local row, data, mine = self.row, self.row.release.data, saved_of(self)
  local has = self.updates.saved.data.installed[row.name]
  return { run = self.key, release = row.release.key, name = row.name, seq = row.seq, kind = data.kind,
    target = data.target, cid = self.artefact.cid, version = data.version, from = has and has[1], limit = data.limit,
    unpacked = data.unpacked, plan = row.plan_cid, tail = self.tail, unknown = self.plan.unknown,
    path = self.updates.fetching:path(self.artefact.cid),
    round = mine and mine.round or self.places.wave[self.updates.node.id], soak = self.wave and self.wave.soak or 0 }
end

--- Is its release made ready to be applied?
function run:is_staged() return self.updates.staging:is_staged(self) end

local function is_ready(self)
  if not self.updates.fetching:path(self.artefact.cid) or self:is_staged() then return true end
  local short = rooms.short(self) ~= nil
  if self.waits_for_room and not short then self.updates.staging:hurry(self) end
  self.waits_for_room = short
  self.updates.staging:stage(self, function(why)
    if not self:may_begin() then return end
    local word, text = (why or "its kind says no"):match "^(%l+): (.*)$"
    settle(self, { state = "rejected", word = word or "target", why = text or why or "its kind says no" })
  end)
  return true
end

local function defer(self, told)
  local function try()
    self.updates:note(self, function(mine)
      mine.state, mine.round = "deferred", (mine.round or self.places.wave[self.updates.node.id]) + 1
    end, function(ok)
      if ok then
        self.updates:tell(self)
        return told()
      end
      self.retry = self.loop:after(AGAIN, try)
    end)
  end
  try()
end

local function wait(self)
  if self.phase ~= "staged" and self:is_staged() then enter(self, "staged") end
  if self.waiting then return self.waiting:news() end
  local mine = saved_of(self)
  self.waiting = waiting.new { loop = self.loop, patience = self.plan.patience,
    look = function() return gate_facts.rows(self) end, turn = function(fn) self.updates.slices:call(fn) end,
    behind = function() return gate_facts.may_defer(self) end,
    defer = function(told) defer(self, told) end, begin = function() self.updates:begin(self) end }
  self.waiting.deferred = mine and mine.round and mine.round - self.places.wave[self.updates.node.id] or 0
  self.waiting:start()
end

local STEPS <const> = { is_to_begin, counts, has_plan, is_named, is_for_me, has_payload, is_ready }

--- Something changed that this run may rest on; ROW: known.lua's of it now.
function run:look(row)
  if self.stopped then return end
  self.row = row or self.row
  for _, step in ipairs(STEPS) do
    if not step(self) then return end
  end
  wait(self)
end

--- It is not to be begun now after all: its gates are looked at anew.
function run:again()
  stop_waiting(self)
  self:look()
end

--- Does it count still, as far as this robot was told by now?
function run:may_begin() return not self.stopped and self.row.counts == true end

--- Is it over for this robot?
function run:is_over()
  local mine = saved_of(self)
  return mine ~= nil and turn.RESOLVED[mine.state] == true
end

local CLOSED <const> = { refused = true, ended = true, unnamed = true }

--- May this robot still begin in it, or is it under way here?
function run:is_open() return not CLOSED[self.phase] and not self:is_over() end

--- Is its payload of use: to this robot, or to others, of one who is not named?
function run:is_of_use()
  if self:is_over() then return false end
  return self.row.counts == true or self.row.word == "threshold" or self.updates.machine:now() ~= nil
end

function run:stop()
  self.stopped = true
  stop_waiting(self)
end

return run
