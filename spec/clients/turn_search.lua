-- turn_search.lua - all histories of a rollout among a few robots: every order of starts, deferrals, ends and failures,
-- each start on any part of what was said until then. Knows the rule by turn.lua alone.
local turn = require "clients.updates.turn"

local search = {}

local NAMES <const> = { "a", "b", "c", "d" }

-- A robot's history so far, as the list of its words; its last word is how it is. Each is made once and has a number.
local function new_lives(wave, rounds)
  local lives, by_text = {}, {}
  local function life(words)
    local parts = {}
    for i, word in ipairs(words) do parts[i] = word.state .. (word.round or "") end
    local text = table.concat(parts, " ")
    if not by_text[text] then
      local last = words[#words]
      local one = { number = #lives + 1, words = words, last = last, round = wave,
        down = last and (last.state == "applying" or last.state == "failed") or false,
        failed = last and turn.FAILED[last.state] or false }
      for _, word in ipairs(words) do one.round = word.round or one.round end
      lives[#lives + 1], by_text[text] = one, one
    end
    return by_text[text]
  end
  local function with(words, state, round)
    local more = table.move(words, 1, #words, 1, {})
    more[#more + 1] = { state = state, round = round }
    return life(more)
  end
  -- What may follow by itself; a start stands apart, since it needs leave.
  local function follow(one)
    local state, nexts = one.last and one.last.state or "idle", {}
    if state == "idle" or state == "deferred" then
      if one.round < rounds then nexts[1] = with(one.words, "deferred", one.round + 1) end
      nexts[#nexts + 1] = with(one.words, "rejected")
      one.start = with(one.words, "applying", one.round)
    elseif state == "applying" or state == "failed" then
      for _, word in ipairs { "committed", "rolled_back", state == "applying" and "failed" or nil } do
        nexts[#nexts + 1] = with(one.words, word, one.round)
      end
    end
    return nexts
  end
  lives.first = life {}
  local i = 1
  while lives[i] do
    lives[i].nexts = follow(lives[i])
    i = i + 1
  end
  return lives
end

-- What somebody may know of a robot with this LIFE: the end of any beginning of it, false where nothing.
local function known_of(life)
  local list = { false }
  for i, word in ipairs(life.words) do list[i + 1] = word end
  return list
end

-- May ME, with its own LIFE, start on some part of what the OTHERS (lives by number of robot) said? Each is tried.
local function may_start(self, me, life, others)
  local key = me * 64 + life.number
  for i = 1, #self.order do key = key * 64 + (i == me and 0 or others[i].number) end
  if self.memo[key] ~= nil then return self.memo[key] end
  local given = { plan = self.plan, places = self.places, known = {}, absent = self.absent, skipped = {} }
  given.known[NAMES[me]] = life.last
  local function try(i)
    if i == me then return try(i + 1) end
    if i > #self.order then
      self.asked = self.asked + 1
      local yes, wave = turn.may_start(given, NAMES[me])
      if yes then self.check(given, me, life, wave) end
      return yes == true
    end
    local any = false
    for _, word in ipairs(self.known[others[i].number + i * 64]) do
      given.known[NAMES[i]] = word or nil
      any = try(i + 1) or any
    end
    return any
  end
  self.memo[key] = try(1)
  return self.memo[key]
end

local function count(state, what)
  local n = 0
  for _, life in ipairs(state) do n = n + (life[what] and 1 or 0) end
  return n
end

-- Nobody starts who knows of M before it, by round and order, that said `applying` and are unresolved.
local function check_known(self, given, me, life, wave)
  local n = 0
  for i, id in ipairs(self.order) do
    local word = given.known[id]
    local is_down = i ~= me and word and (word.state == "applying" or word.state == "failed")
    if is_down and (word.round < life.round or word.round == life.round and i < me) then n = n + 1 end
  end
  if n >= wave.max_unavailable then self.broken = self.broken or ("%s starts and knows of %d"):format(NAMES[me], n) end
end

--- GIVEN: waves = array of { robots =, max_unavailable = }, absent, failures. → { down = the most that were down at
--- once, failed = the most that failed, states = how many were gone through, asked = how often the rule was, broken =
--- text | nil }
function search.run(given)
  local self = { order = {}, known = {}, memo = {}, asked = 0, absent = {} }
  self.plan = { order = self.order, waves = given.waves, absent = { most = given.absent },
    max_failures = given.failures }
  local robots, rounds = 0, #given.waves + 1
  for _, wave in ipairs(given.waves) do robots = robots + wave.robots end
  for i = 1, robots do self.order[i], self.absent[NAMES[i]] = NAMES[i], true end -- as many as the rule leaves out
  self.places = turn.places(self.plan)
  local first, lives = {}, {}
  for i = 1, robots do
    lives[i] = new_lives(self.places.wave[NAMES[i]], rounds)
    for _, life in ipairs(lives[i]) do self.known[life.number + i * 64] = known_of(life) end
    first[i] = lives[i].first
  end
  function self.check(...) check_known(self, ...) end
  local found, seen, stack = { down = 0, failed = 0, states = 0 }, {}, { first }
  local function visit(state)
    local key = 0
    for i = 1, robots do key = key * 64 + state[i].number end
    if seen[key] then return end
    seen[key], stack[#stack + 1], found.states = true, state, found.states + 1
    found.down = math.max(found.down, count(state, "down"))
    found.failed = math.max(found.failed, count(state, "failed"))
  end
  while stack[1] do
    local state = table.remove(stack)
    for i = 1, robots do
      local function go(life)
        local after = table.move(state, 1, robots, 1, {})
        after[i] = life
        visit(after)
      end
      for _, life in ipairs(state[i].nexts) do go(life) end
      if state[i].start and may_start(self, i, state[i], state) then go(state[i].start) end
    end
  end
  found.asked, found.broken = self.asked, self.broken
  return found
end

return search
