-- store_word.lua - says what this node's store holds, does, takes, and what waits for what. Fetches and judges nothing.
--
-- Only who takes files of others, or holds some, says it; who did and does no longer takes it back.
local forms_share = require "dcache.forms_share"
local json = require "core.json"
local text = require "core.text"

local store_word = {}
store_word.__index = store_word

local RENEW <const> = 5 * 60 * 1000 -- ms between two words where nothing changed
local CHANGE_EACH <const> = 30 * 1000 -- ms between two words because of changes
local LOOK <const> = 2 * 1000 -- ms between two looks whether anything changed
local FREE_STEP <const> = 8 -- of that part of the free bytes a change is one
local DATA_MOST <const> = 779 -- bytes of DATA: with the rest of a statement below 1,024
local LIMITS <const> = forms_share.limits

--- given.loop, comms, log
--- given.id     this node's ID
--- given.facts  fn() → { bytes, files, free = bytes | nil, take, domain = text | false | nil, doing = array of
---              { cid, percent }, waits = array of { bytes, n, why } } | nil: this node is no store
function store_word.new(given)
  local self = setmetatable({ bucket = ("pri/%s/store"):format(given.id) }, store_word)
  for _, name in ipairs { "loop", "comms", "log", "facts" } do self[name] = given[name] end
  return self
end

-- The beginning of WHY that fits, whole letters only.
local function short(why)
  why = text.utf8(why) and why or text.escape(why)
  if #why <= LIMITS.why then return why end
  local cut = why:sub(1, LIMITS.why - #"…")
  while not utf8.len(cut) do cut = cut:sub(1, -2) end
  return cut .. "…"
end

local function doing_of(list)
  local doing = {}
  for i = 1, math.min(#list, LIMITS.doing) do
    doing[i] = { c = list[i].cid:sub(-16), p = math.max(0, math.min(100, list[i].percent)) }
  end
  return json.array(doing)
end

local function waits_of(list)
  local waits = {}
  for i = 1, math.min(#list, LIMITS.waits) do
    waits[i] = { bytes = list[i].bytes, n = list[i].n, why = short(list[i].why) }
  end
  return json.array(waits)
end

--- DATA of those FACTS; the last reasons are left out where there is no room for them.
function store_word.data(facts)
  local data = { bytes = facts.bytes, doing = doing_of(facts.doing), domain = facts.domain, files = facts.files,
    free = facts.free, take = facts.take, waits = waits_of(facts.waits) }
  while #json.encode(data) > DATA_MOST and data.waits[1] do data.waits[#data.waits] = nil end
  return data
end

-- All but what is free, as text.
local function rest_of(data)
  local free = data.free
  data.free = nil
  local rest = json.encode(data)
  data.free = free
  return rest
end

local function has_moved(self, data)
  local said = self.said_data
  if self.again then return true end
  if rest_of(data) ~= rest_of(said) then return true end
  if not (data.free and said.free) then return data.free ~= said.free end
  return math.abs(data.free - said.free) > said.free // FREE_STEP
end

local function take_back(self)
  self.said, self.said_data = nil, nil
  local st, why = self.comms:dismiss(self.bucket, {})
  if not st then self.log:error("logs", "could not take back what the store does", { why = why }) end
end

--- Is there anything to say now?
function store_word:look()
  local facts = self.facts()
  if not facts then
    if self.said then take_back(self) end
    return
  end
  local data, now = store_word.data(facts), self.loop:now()
  local wait = self.said and (has_moved(self, data) and CHANGE_EACH or RENEW) or 0
  if self.said and now - self.said < wait then return end
  local st, why = self.comms:propose(self.bucket, data, { times = 1 })
  if not st then
    return self.log:once("store word", "error", "logs", "could not say what the store does", { why = why })
  end
  self.said, self.said_data, self.again = now, data, nil
end

--- Somebody new is here, who missed what was said: it is said again, as if it had changed.
function store_word:newcomer()
  self.again = self.said ~= nil
end

function store_word:start()
  self.timer = self.loop:every(LOOK, function() self:look() end)
end

function store_word:stop()
  if self.timer then self.timer:cancel() end
end

return store_word
