-- log.lua - one line a fact for people and for grep. No file, no clock of its own, no decision what matters.
--
--   14:10:31 info  policy   loaded  file=policies/duckiebot.lua hooks=12
--
-- Times of day are UTC, as the node believes them. Values are escaped: none of them can forge a line.
local listeners = require "listeners"
local text = require "core.text"
local sorted = require "sorted"
local token_bucket = require "token_bucket"

local log = {}

local PRIORITIES = { debug = 7, info = 6, warn = 4, error = 3 } -- syslog's, as sd-daemon(3) takes them from a line
local LEVELS = { debug = 1, info = 2, warn = 3, error = 4 }
local VALUE_MAX = 200 -- characters of one value
local SENTENCE_MAX = 400 -- characters of a sentence in place of values
local ONCE_MAX = 1024 -- facts remembered by once()
local KINDS_MAX = 256 -- kinds of line whose rate is watched
-- Each kind of line has a bucket of 60 tokens, and one more each second. A line costs so many of them:
local BURST, RATE = 60, 1
local COST = { debug = 1, info = 1, warn = 6, error = 6 }

local Log = {}
Log.__index = Log

-- log.new{ write = fn(line with line feed), wall = fn() → Unix ms, level = "info", journal = false } → log.
-- journal: the lines go into systemd's journal, which has its own times and wants each line's priority before it.
function log.new(options)
  local level = assert(LEVELS[options.level or "info"], "no such level")
  return setmetatable({
    write = options.write, wall = options.wall, level = level, journal = options.journal,
    said = {}, said_count = 0, kinds = {}, kind_count = 0, news = listeners.new(),
  }, Log)
end

--- FN(level, layer, what, facts) is told of each line that is written from here on, FACTS as the line has them.
-- → a function that ends it.
function Log:listen(fn) return self.news:add(fn) end

local function value_text(value)
  local shown = text.escape(tostring(value), VALUE_MAX)
  if shown == "" or shown:find '[ ="]' then return '"' .. shown:gsub('"', '\\"') .. '"' end
  return shown
end

-- { key = value } is printed sorted by key; { { key, value }, … } in its own order; a text as a sentence.
local function facts_text(facts)
  if type(facts) == "string" then return text.escape(facts, SENTENCE_MAX) end
  local parts = {}
  if facts[1] then
    for i, pair in ipairs(facts) do parts[i] = pair[1] .. "=" .. value_text(pair[2]) end
  else
    for i, key in ipairs(sorted.keys(facts)) do parts[i] = key .. "=" .. value_text(facts[key]) end
  end
  return table.concat(parts, " ")
end

local function clock(ms)
  local second = ms // 1000 % 86400
  return ("%02d:%02d:%02d"):format(second // 3600, second // 60 % 60, second % 60)
end

-- A bucket of lines for each kind (level, layer, what). → how many were left unsaid before this one, or
-- nil if this one is to be left unsaid. A clock that is stepped back refills nothing and harms nothing.
local function admit(self, level, layer, what)
  local id = level .. " " .. layer .. " " .. what
  local kind = self.kinds[id]
  if not kind then
    if self.kind_count >= KINDS_MAX then self.kinds, self.kind_count = {}, 0 end
    kind = { bucket = token_bucket.new { now = self.wall, rate = RATE, burst = BURST }, unsaid = 0 }
    self.kinds[id], self.kind_count = kind, self.kind_count + 1
  end
  if not kind.bucket:take(COST[level]) then
    kind.unsaid = kind.unsaid + 1
    return nil
  end
  local unsaid = kind.unsaid
  kind.unsaid = 0
  return unsaid
end

local function say(self, level, layer, what, facts)
  if LEVELS[level] < self.level then return end
  local unsaid = admit(self, level, layer, what)
  if not unsaid then return end
  local begin = self.journal and ("<%d>"):format(PRIORITIES[level]) or clock(self.wall()) .. " "
  local line = ("%s%-5s %-8s %s"):format(begin, level, layer, what)
  local told = facts and facts_text(facts) or ""
  if unsaid > 0 then told = (told == "" and "" or told .. " ") .. "unsaid=" .. unsaid end
  self.write(line .. (told == "" and "" or "  " .. told) .. "\n")
  self.news:call(level, layer, what, told)
end

function Log:debug(layer, what, facts) say(self, "debug", layer, what, facts) end
function Log:info(layer, what, facts) say(self, "info", layer, what, facts) end
function Log:warn(layer, what, facts) say(self, "warn", layer, what, facts) end
function Log:error(layer, what, facts) say(self, "error", layer, what, facts) end

-- Says it the first time that ID is given, then not again until forget(id).
function Log:once(id, level, layer, what, facts)
  if self.said[id] then return end
  if self.said_count >= ONCE_MAX then self.said, self.said_count = {}, 0 end
  self.said[id], self.said_count = true, self.said_count + 1
  say(self, level, layer, what, facts)
end

function Log:forget(id)
  if self.said[id] then self.said[id], self.said_count = nil, self.said_count - 1 end
end

return log
