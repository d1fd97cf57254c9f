-- init.lua - updates: this robot takes part in rollouts that people signed. Puts the parts together: what is known
-- (known.lua), what is fetched (fetching.lua), each run (run.lua), the update under way (machine.lua).
local backoff = require "backoff"
local body = require "clients.updates.body"
local class_compared = require "clients.updates.class_compared"
local fetching = require "clients.updates.fetching"
local gate_facts = require "clients.updates.gate_facts"
local gates = require "clients.updates.gates"
local hooks_asked = require "clients.updates.hooks_asked"
local kept = require "kept"
local kinds = require "clients.updates.kinds"
local known = require "clients.updates.known"
local machine = require "clients.updates.machine"
local own_states = require "clients.updates.own_states"
local requests = require "clients.updates.requests"
local run = require "clients.updates.run"
local saved = require "clients.updates.saved"
local slices = require "slices"
local soon = require "soon"
local sorted = require "sorted"
local staging = require "clients.updates.staging"
local take = require "clients.updates.take"

local updates = { name = "updates" }
updates.__index = updates

function updates.needs(node) return node.content ~= nil or node.update_fetching ~= nil end

local SOON <const> = 1000 -- ms from the news to the look, so that many come at once
local CATCH_UP_MOST <const> = 1000 -- ms that who asks waits for what is being judged
local EVERY <const> = 60 * 1000 -- ms between two looks without news
local TOPIC <const> = "updates"
local MODE <const> = 448 -- octal 0700

local function open_saved(node)
  local dir = node.state .. "/updates"
  node.disk:mkdir(dir, MODE) -- it may be there
  node.disk:sync_directory(node.state)
  return saved.new(kept.new_firm { disk = node.disk, log = node.log, date = node.date, dir = dir, name = "state",
    atomic_write = node.atomic_write, what = "what is installed, and which runs are over" })
end

local function open_kinds(self, node)
  if node.update_kinds then return node.update_kinds end
  return kinds.new { node = node, loop = self.loop, disk = node.disk, dir = node.state,
    spawn = function(options) return node.loop:spawn(options) end, policy = function() return node.policy end,
    path_of = function(cid) return self.fetching:path(cid) end }
end

local function open_machine(self, node)
  return machine.new { loop = self.loop, log = node.log, saved = self.saved, kinds = self.kinds,
    say = function(key, status, told) self.states:say(key, status, told) end,
    checks = function() return body.look(node) end,
    healthy = function(before, now) return hooks_asked.healthy(self, before, now) end,
    slow = function() return backoff.slow(node.random) end,
    ended = function(now, state) self:ended(now, state) end }
end

local function open_parts(self, node)
  self.saved = open_saved(node)
  self.known = known.new { node = node, loop = self.loop, swarm = node.swarm,
    saved = self.saved, log = node.log }
  self.fetching = node.update_fetching and node.update_fetching(node)
    or fetching.new { node = node, loop = self.loop, id = node.id }
  self.kinds = open_kinds(self, node)
  self.states = own_states.new { node = node, saved = self.saved, known = self.known }
  self.machine = open_machine(self, node)
  self.compared = class_compared.new { loop = self.loop, dcache = node.dcache, peers = node.comms.peers,
    beacon = node.comms.beacon }
  self.staging = staging.new { loop = self.loop, kinds = self.kinds,
    is_busy = function() return self.machine:now() or self.beginning or self.saved.lost end,
    slow = function() return backoff.slow(node.random) end, news = function() self:news() end }
end

local look

--- The client, as lua/clients/init.lua has it. Fields: saved, known, fetching, kinds, machine, states, runs (by key).
function updates.open(handle)
  local node = handle.node
  local self = setmetatable({ node = node, loop = handle.loop, runs = {}, policy_serial = 0,
    slices = slices.new(handle.loop) }, updates)
  self.looking = soon.new(handle.loop, SOON, function() look(self) end)
  open_parts(self, node)
  handle:topic(TOPIC, "rollouts: how far this robot is in each")
  handle:keep(self.known:on_news(function() self:news() end))
  handle:keep(self.fetching:on_news(function() self:news() end))
  if node.leases then handle:keep(node.leases:on_change(function() self:news() end)) end
  handle:on_standing(function() self:news() end)
  requests(handle, self)
  take(handle, self.fetching)
  return self
end

-- == what is looked at

-- The run keys that this robot has to do with, each with its row of known.lua.
local function rows_of(self)
  local rows = {}
  for _, row in ipairs(self.known:runs()) do rows[row.key] = row end
  return rows
end

local function drop_gone(self, rows)
  for _, key in ipairs(sorted.keys(self.runs)) do
    local one = self.runs[key]
    if not rows[key] then
      one:stop()
      self.staging:free(one)
      self.runs[key] = nil
    end
  end
end

local function add_artefacts(set, release)
  for _, one in ipairs(release and release.data and release.data.artefacts or {}) do set[one[2]] = true end
end

-- What is of use here, or to those who fetch it from here; the rest may go.
local function keep_payloads(self)
  local set, has_run = {}, {}
  for _, key in ipairs(sorted.keys(self.runs)) do
    local one = self.runs[key]
    if one.row.release then has_run[one.row.release.key] = true end
    if one.row.plan_cid and one:is_of_use() then
      set[one.row.plan_cid] = true
      add_artefacts(set, one.row.release)
    end
  end
  for _, release in ipairs(self.known:releases()) do
    if not has_run[release.key] and (release.counts or release.word == "threshold") then add_artefacts(set, release) end
  end
  local now = self.machine:now()
  if now then set[now.cid] = true end
  self.fetching:keep(set, self.saved.data.installed)
end

function look(self)
  if self.stopped then return end
  local rows = rows_of(self)
  self.states:raise(rows, self.machine:now(), function() self:news() end)
  drop_gone(self, rows)
  for _, key in ipairs(sorted.keys(rows)) do
    self.runs[key] = self.runs[key] or run.new(self, key)
    self.runs[key]:look(rows[key])
    if self.runs[key]:is_over() then self.staging:free(self.runs[key]) end
  end
  keep_payloads(self)
end

--- Something changed that a run may rest on.
function updates:news() self.looking:ask() end

-- In slices: until what is being judged anew is, for a while at most.
local function wait_for_known(self)
  slices.wait(function(wake)
    local undo, timer
    local function over()
      undo()
      timer:cancel()
      wake()
    end
    undo, timer = self.known:on_news(over), self.loop:after(CATCH_UP_MOST, over)
  end)
end

--- What was taken up to now is looked at, before somebody is told how things are: who just signed it looks.
function updates:catch_up()
  if self.known:is_busy() and slices.running() then wait_for_known(self) end
  if not self.looking:is_asked() and not self.known:is_news() then return end
  self.looking:cancel()
  look(self)
end

-- == what a run asks of the client

--- What this robot is at, so that the run ONE may not begin → text | nil
function updates:busy_with(one)
  local now = self.machine:now()
  if now then return ("%s is %s"):format(now.release, (now.phase:gsub("_", " "))) end
  if self.beginning and self.beginning ~= one then return self.beginning.row.release.key .. " begins" end
  local is_held = type(self.kinds) == "table" and self.kinds:is_busy()
  return is_held and ("an earlier handler still holds %s/updates/lock"):format(self.node.state) or nil
end

--- The run ONE is refused by WORD here: counted once.
function updates:refuse(one, word) self.known:refuse(word, "updates/rollout " .. one.key) end

--- The end of the run ONE is said again, where the swarm lacks it.
function updates:repeat_state(one) self.states:say_again(one.row) end

-- The disk did not take something, or lost it: nothing begins for a minute.
local function note_refusal(self, text)
  self.refused_by_disk = text
  if self.forgetting then self.forgetting:cancel() end
  self.forgetting = self.loop:after(EVERY, function() self.refused_by_disk = nil end)
end

--- Keeps what CHANGE(mine) makes of this robot's entry of the run ONE, and says it. TOLD(true) | TOLD(nil, text)
function updates:note(one, change, told)
  self.states:note(one.row, change, function(ok, text)
    if not ok then note_refusal(self, text) end
    told(ok, text)
  end)
end

local function not_begun(self, one, text)
  self.beginning = nil
  note_refusal(self, text)
  one:again()
end

-- While its payload was hashed, which takes minutes, people may have taken it back.
local function begin_now(self, one)
  if not one:may_begin() or gates.closed(gate_facts.rows(one))[1] then
    self.beginning = nil
    return one:again()
  end
  self.machine:begin(one:job(), function(ok, text)
    if not ok then return not_begun(self, one, text) end
    self.beginning = nil
    one:look()
    self:changed()
  end)
end

--- All gates of the run ONE are open: its payload is hashed once more, and it begins.
function updates:begin(one)
  if self.beginning or self.machine:now() then return one:again() end
  self.beginning = one
  self.fetching:verify(one.artefact.cid, function(ok, why)
    if self.stopped then return end
    if ok then return begin_now(self, one) end
    self.node.log:warn("updates", "the release here is not whole any more", { run = one.key, why = why })
    not_begun(self, one, why)
  end)
end

--- The update NOW is over.
function updates:ended(now, state)
  local facts = { release = now.release, run = now.run, why = now.why }
  self.node.log:info("updates", "update " .. state:gsub("_", " "), facts)
  local one = self.runs[now.run]
  if one then
    self.staging:free(one)
    one:look()
  end
  self:changed()
  self:news()
end

--- Others are told that this robot updates, or does no more.
function updates:changed()
  if self.node.discovery then self.node.discovery:apply() end
end

--- The run ONE is at another place here.
function updates:tell(one)
  local mine = self.saved.data.runs[one.key]
  local why = one.text
  self.node.log:info("updates", "run", { run = one.key, phase = one.phase, round = mine and mine.round, why = why })
  if self.node.events:is_read(TOPIC) then
    self.node.events:add(TOPIC, { event = one.phase, run = one.key, round = mine and mine.round, code = one.word,
      why = why })
  end
end

--- What is said of this robot's state: the release that it is at | nil
function updates:updating()
  local now = self.machine:now()
  return now and now.release
end

-- == its life

--- Another policy is in force: what it wanted is asked anew, and what fails may be mended by it.
function updates:apply()
  self.policy_serial = self.policy_serial + 1
  self.machine:hurry()
  self:news()
end

function updates:start()
  self.compared:start()
  self.timer = self.loop:every(EVERY, function() look(self) end)
  self.machine:start()
  self:news()
end

function updates:stop()
  self.stopped = true
  for _, key in ipairs(sorted.keys(self.runs)) do self.runs[key]:stop() end
  for _, part in ipairs { self.machine, self.staging, self.compared, self.known, self.fetching, self.kinds } do
    if type(part) == "table" and part.stop then part:stop() end
  end
end

return updates
