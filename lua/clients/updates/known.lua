-- known.lua - the releases and rollouts that are known here, which of them count and why not, and what robots said of
-- themselves. Takes no turn, fetches no file, reads no plan.
local blake2b = require "core.hash".blake2b
local counted = require "clients.updates.counted"
local listeners = require "listeners"
local people = require "clients.trust.people"
local own_words = require "clients.updates.own_words"
local signed = require "clients.updates.signed"
local statuses = require "clients.updates.statuses"
local text = require "core.text"
local update_keys = require "dcache.update_keys"

local known = {}
known.__index = known

local RELEASE <const>, ROLLOUT <const>, PAUSE <const> = "updates/release", "updates/rollout", "updates/pause"
local SKIP <const>, STATUS <const> = "updates/skip", "updates/status"
local DAY <const> = 24 * 60 * 60 -- s
local ROLLOUT_MOST <const> = 60 * DAY
local AHEAD <const> = 1000 -- SEQs above a floor that are believed
local TELL <const> = 50 -- ms in which news is gathered
local REFUSED_MAX <const> = 1024 -- things that were refused, so that each is counted once
local FRESH <const> = 60 * 1000 -- ms after which labels are looked up again
-- What is no refusal: a record that is not here, not yet begun, or taken back by those who said it.
local QUIET <const> = { missing = true, future = true }
local EMPTY <const> = { releases = {}, runs = {}, by_key = {} }

--- given.node
--- given.loop   the event loop, or the client's
--- given.swarm  this node's, as it is signed
--- given.saved  saved.lua | nil: this node takes no turn
function known.new(given)
  local self = setmetatable({ counts = {}, seen = {}, seen_count = 0, listeners = listeners.new() }, known)
  for _, name in ipairs { "node", "loop", "swarm", "saved" } do self[name] = given[name] end
  local function refuse(word, what) self:refuse(word, what) end
  local function news(bucket) self:changed(bucket) end
  self.own = own_words.new { node = self.node, loop = self.loop, news = function() self:changed() end }
  self.said = statuses.new { node = self.node, loop = self.loop, news = function() self:changed(STATUS) end }
  self.signed = signed.new { node = self.node, loop = self.loop, refuse = refuse, news = news, buckets = {
    [RELEASE] = update_keys.release, [ROLLOUT] = update_keys.run, [PAUSE] = update_keys.run,
    [SKIP] = update_keys.skip } }
  self.signed:start()
  self.said:start()
  return self
end

--- WHAT (a text) is refused by WORD: counted once, here and in the node's counts.
function known:refuse(word, what)
  local name = word .. " " .. what
  if self.seen[name] then return end
  if self.seen_count >= REFUSED_MAX then self.seen, self.seen_count = {}, 0 end
  self.seen[name], self.seen_count = true, self.seen_count + 1
  self.counts[word] = (self.counts[word] or 0) + 1
  self.node.refuse(word)
end

--- By word how much was refused. Not to be changed.
function known:refused() return self.counts end

-- Something is new in BUCKET (nil: anywhere). All is worked out when it is asked for, and before anybody is told, so
-- that what is refused is counted though nobody asks.
function known:changed(bucket)
  if bucket ~= STATUS then self.view = nil end
  if self.telling or self.stopped then return end
  self.telling = self.loop:after(TELL, function()
    self.telling = nil
    self:look()
    self.listeners:call()
  end)
end

--- Is something new of which nobody was told yet; are records being judged anew, so that what is known is of before?
function known:is_news() return self.telling ~= nil end
function known:is_busy() return self.signed:is_busy() end

--- FN() after something changed. → a function that ends it
function known:on_news(fn) return self.listeners:add(fn) end

-- == what counts

local function labels(self, ids)
  local list, who = {}, people.of(self.node, self.node.dcache.trust:verdict())
  for i, id in ipairs(ids) do list[i] = who(id).label end
  return list
end

-- VERDICT of the record KEY as a row: with what is wrong beside what its statements say.
local function row_of(self, key, verdict)
  local row = { key = key, counts = verdict.counts, word = verdict.word, text = verdict.text,
    signers = labels(self, verdict.signers), at = verdict.at, ends = verdict.ends, dismissed = verdict.dismissed }
  if not self.node.lab then
    row.counts, row.word, row.text = false, "role", "this swarm is no lab: nobody can sign for it (lab init)"
  elseif verdict.counts and (verdict.holding[2] or verdict.data_text ~= verdict.first) then
    row.counts, row.word, row.text = false, counted.conflict(verdict)
  end
  return row
end

local function not_counted(row, word, why, ...)
  if row.counts then row.counts, row.word, row.text = false, word, why:format(...) end
end

-- The floor of NAME: the highest SEQ of it that this robot committed, by its card or by what others kept of its words.
local function floor_of(self, name)
  local own = self:floors()[name] or 0
  return math.max(own, self.saved and self.saved.data.floor[name] or 0)
end

-- Of runs alone: that there are older releases is nothing wrong. Nor is a run in which this robot has taken its turn.
local function judge_seq(self, row, mine)
  local floor = floor_of(self, row.name)
  local has = self.saved and self.saved.data.installed[row.name]
  if floor == 0 or mine or has and has[1] == row.seq then return end
  if row.seq <= floor then
    not_counted(row, "seq", "%s/%d is not above %d, which was here", row.name, row.seq, floor)
  elseif row.seq > floor + AHEAD then
    not_counted(row, "seq", "%s/%d is more than %d above %d, which was here", row.name, row.seq, AHEAD, floor)
  end
end

local function release_row(self, key)
  local verdict = self.signed:verdict(RELEASE, key)
  local row = row_of(self, key, verdict)
  row.name, row.seq = update_keys.release(key)
  row.data = verdict.data
  row.hash = verdict.data_text and text.base64url(blake2b(verdict.data_text))
  return row
end

local function pause_of(self, key)
  local verdict = self.signed:verdict(PAUSE, key)
  if not verdict or not verdict.counts then return nil end
  return { by = labels(self, verdict.signers)[1], why = verdict.data.why, ends = verdict.ends }
end

local function skipped_of(self)
  local by_run = {}
  for _, key in ipairs(self.signed:list(SKIP)) do
    local run = update_keys.skip(key)
    by_run[run] = by_run[run] or {}
    for _, one in ipairs(self.signed:verdict(SKIP, key).holding) do
      for _, id in ipairs(one.data.robots) do by_run[run][id] = true end
    end
  end
  return by_run
end

-- Is it the rollout of that release? What this robot took part in by another plan it takes no part in.
local function judge_run(self, row, release, data, verdict)
  local mine = self.saved and self.saved.data.runs[row.key]
  if mine and mine.plan:sub(-#row.tail) ~= row.tail then
    not_counted(row, "conflict", "this robot knows another plan under this number; this one is by %s",
      counted.keys(verdict.signers))
  end
  for _, st in ipairs(verdict.holding[1] and verdict.holding[1].statements or {}) do
    if st.holds and st.valid_until - st.at // 1000 > ROLLOUT_MOST then
      not_counted(row, "window", "it is signed for more than 60 days")
    end
  end
  if release.word == "missing" then not_counted(row, "missing", "its release %s is not known here", release.key) end
  if release.hash and release.hash ~= data.release then
    not_counted(row, "conflict", "it is for another release than the %s that is signed here", release.key)
  end
  if not release.counts then not_counted(row, release.word, "its release: %s", release.text) end
  judge_seq(self, row, mine and mine.state or self:mine(row.key))
end

local function run_row(self, key, releases, skipped)
  local verdict = self.signed:verdict(ROLLOUT, key)
  local row, data = row_of(self, key, verdict), verdict.data
  row.name, row.seq, row.run = update_keys.run(key)
  local release = ("%s/%d"):format(row.name, row.seq)
  row.release = releases[release] or { key = release, name = row.name, seq = row.seq, counts = false, signers = {},
    word = "missing", text = "nobody signed it" }
  row.skipped, row.pause = skipped[key] or {}, pause_of(self, key)
  if data then
    row.plan_cid, row.plan_size, row.tail = data.plan, data.size, data.plan:sub(-8)
    judge_run(self, row, row.release, data, verdict)
  end
  return row
end

local function before(a, b)
  if a.name ~= b.name then return a.name < b.name end
  if a.seq ~= b.seq then return a.seq < b.seq end
  return (a.run or 0) < (b.run or 0)
end

-- All rows, and what is refused of them counted.
local function work_out(self)
  local view = { releases = {}, by_key = {}, runs = {}, at = self.loop:now() }
  for i, key in ipairs(self.signed:list(RELEASE)) do
    view.releases[i] = release_row(self, key)
    view.by_key[key] = view.releases[i]
  end
  local skipped = skipped_of(self)
  for i, key in ipairs(self.signed:list(ROLLOUT)) do view.runs[i] = run_row(self, key, view.by_key, skipped) end
  table.sort(view.releases, before)
  table.sort(view.runs, before)
  return view
end

-- What robots say is kept of the RUNS that count, the last ones first, then of others.
local function follow(self, runs)
  local list, keys = {}, {}
  for _, counts in ipairs { true, false } do
    for i = #runs, 1, -1 do
      if runs[i].counts == counts then list[#list + 1] = runs[i].key end
    end
  end
  for i = 1, math.min(#list, statuses.RUNS_MAX) do keys[list[i]] = true end
  self.said:keep(keys)
  for i = 1, math.min(#list, statuses.RUNS_MAX) do self.said:follow(list[i]) end
end

local function count(self, rows, kind)
  for _, row in ipairs(rows) do
    local of_release = row.release and row.release.word == row.word
    if row.word and not QUIET[row.word] and not of_release and not row.dismissed then
      self:refuse(row.word, ("%s %s"):format(kind, row.key))
    end
  end
end

-- Works out all that changed.
function known:look()
  local view = self.view
  if self.signed:is_busy() then return view or self.before or EMPTY end
  local basis = self.node.dcache:judged_by()
  local own = self.saved and self.saved.data -- another table whenever it changed
  local is_fresh = view and self.loop:now() - view.at < FRESH and not self.signed:is_stale()
  if is_fresh and view.basis == basis and view.own == own then return view end
  self.signed:anew()
  view = work_out(self)
  view.basis, view.own, self.view, self.before = basis, own, view, view
  follow(self, view.runs)
  count(self, view.releases, RELEASE)
  count(self, view.runs, ROLLOUT)
  return view
end

-- == what others ask

--- The rollouts that are known, counting or not, by name, SEQ and run; the same of releases. Not to be changed.
--- A run: { key = "NAME/SEQ/RUN", name, seq, run, release, plan_cid, plan_size, tail = the CID's last 8,
--- signers = labels, at = ms when it was first said | nil, ends = ms | nil, pause = { by, why, ends } | nil, skipped =
--- set of IDs, counts; word, text: why not; dismissed = true: aborted }.
function known:runs() return self:look().runs end

--- A release: { key = "NAME/SEQ", name, seq, data, hash, signers, ends, counts, word, text }.
function known:releases() return self:look().releases end

function known:release(key) return self:look().by_key[key] end

--- By ID what robots said in the run KEY of the plan whose CID ends with TAIL: { state, round, why, from, word }, also
--- past its UNTIL. Not to be changed.
function known:statuses(key, tail) return self.said:of(key, tail) end

--- What this robot said in the run KEY, as the swarm has it: { state, round, why, from, word, plan } | nil
function known:mine(key) return self.own:of(key) end

--- By NAME the highest SEQ that this robot's own words, as the swarm has them, say it committed. Not to be changed.
function known:floors() return self.own:floors() end

--- Says STATUS { from, plan, round, state, why, word } of this robot in the run KEY. TOLD(true) once no power cut takes
--- it back | TOLD(nil, text, code)
function known:say(key, status, told) self.own:say(key, status, told) end

function known:stop()
  self.stopped = true
  for _, part in ipairs { self.own, self.signed, self.said } do part:stop() end
  if self.telling then self.telling:cancel() end
end

return known
