-- own_words.lua - what this robot says of itself in runs, and what others still have of that: said synced, and again
-- when its time turned out wrong. Decides no state, and keeps none (own_states.lua does).
local json = require "core.json"
local signer = require "dcache.signer"
local soon = require "soon"
local update_keys = require "dcache.update_keys"

local own_words = {}
own_words.__index = own_words

local BUCKET <const> = "updates/status"
local TTL <const> = 90 * 24 * 60 * 60 -- s
local SOON <const> = 500 -- ms in which leaps of the time are gathered

-- A wrong AT orders this robot's words wrongly, or has others forget them early: they are made again.
local function say_anew(self)
  local node = self.node
  for _, st in ipairs(node.dcache:statements(BUCKET, node.id)) do
    if st.verb == "propose" and not st.malformed and signer.redate(node.time, node.loop, st) then
      node:publish("propose", BUCKET, st.key, st.data, TTL)
    end
  end
end

--- given.node
--- given.loop  the event loop, or the client's
--- given.news  fn(): others brought words of this robot's own
function own_words.new(given)
  local self = setmetatable({ node = given.node, loop = given.loop, undos = {} }, own_words)
  self.undos[1] = self.node.comms:on_own(function(st)
    if st.bucket ~= BUCKET then return end
    self.known = nil
    given.news()
  end)
  self.leapt = soon.new(self.loop, SOON, function() say_anew(self) end)
  self.undos[2] = self.node.time:on_leap(function() self.leapt:ask() end)
  return self
end

--- What this robot said in the run KEY, as it is held: { state, round, why, from, word, plan } | nil
function own_words:of(key)
  local st = self.node.dcache:statement_of(BUCKET, key, self.node.id)
  if st and st.verb == "propose" and not st.malformed then return st.data end
end

--- By NAME the highest SEQ that this robot's own words say it committed. Not to be changed.
function own_words:floors()
  if self.known then return self.known end
  local floors = {}
  for _, st in ipairs(self.node.dcache:statements(BUCKET, self.node.id)) do
    local name, seq = update_keys.run(st.key)
    if st.verb == "propose" and not st.malformed and st.data.state == "committed" then
      floors[name] = math.max(floors[name] or 0, seq)
    end
  end
  self.known = floors
  return floors
end

--- Says STATUS { from, plan, round, state, why, word } in the run KEY, unless just that is said. TOLD(true) once no
--- power cut takes it back | TOLD(nil, text, code)
function own_words:say(key, status, told)
  local data = { from = status.from, plan = status.plan, round = status.round, state = status.state,
    why = status.why, word = status.word }
  local dcache = self.node.dcache
  local st, text, code = dcache:statement_of(BUCKET, key, self.node.id), nil, nil
  local is_said = st and st.verb == "propose" and st.data_text == json.encode(data) and st.holds
  if not is_said then
    st, text, code = self.node:publish("propose", BUCKET, key, data, TTL)
    self.known = nil
  end
  if not st then return told(nil, text, code) end
  dcache:when_sayable(st, function()
    if not self.stopped then told(true) end
  end)
end

function own_words:stop()
  self.stopped = true
  for _, undo in ipairs(self.undos) do undo() end
  self.leapt:stop()
end

return own_words
