-- replay.lua - what the journal holds comes back into the index, when a node starts. Checks no signature: that was done
-- when the statement was taken in.
local record = require "core.record"
local statement = require "core.statement"
local trust = require "dcache.trust"
local ways = require "dcache.ways"

local replay = {}

-- Codes of what was let go in an earlier run, but whose bytes are still there.
local EXPECTED <const> = { older = true, duplicate = true, stranger = true }

-- Takes the line at PLACE back in, unless another one replaced it.
local function put(self, line, place, st)
  local ok, old_place, third
  if st then ok, old_place, third = self.index:put(st, place, ways.JOURNAL) end
  if ok and old_place then self.journal:drop(old_place, third) end -- third: the old one's size, else a refusal's code
  if not ok then
    self.journal:drop(place, #line)
    if st and not EXPECTED[third] then self.refused(third or "form") end
  elseif st.signer == self.id then
    self.signer:heard(st.at, true)
  end
end

local function says_who_counts(self, st)
  local found = st and self:class_of(st.bucket)
  return found ~= nil and trust.CLASSES[found.class.name] == true
end

-- In a lab the statements about who counts come first. Then it is known whose words come back at all.
local function replay_trust(self)
  local seen = {}
  for _, name in ipairs(trust.CLASS_NAMES) do
    local family = self.by_name[name] and self.by_name[name].family
    if family and not seen[family] then
      seen[family] = true
      self.journal:replay(function(_family, line, place)
        local st = statement.parse(line)
        if says_who_counts(self, st) then put(self, line, place, st) end
      end, family)
    end
  end
end

-- What the lab file says of its lab, so that its robots admit each other before anybody spoke. Signatures were checked
-- when it was read (lab.lua); a statement that was replaced since stays replaced.
local function take_lab_statements(self)
  for _, line in ipairs(self.lab.lines) do
    local st = statement.parse(line)
    local there, found = self.index:slot(st.bucket, st.key, st.signer), self:class_of(st.bucket)
    local is_over = found and record.ends(st.at, found.class.max_ttl) * 1000 <= self.time:low()
    if not is_over and not (there and there.at >= st.at) then
      local ok, _, code = false, nil, "class"
      if found then ok, _, code = self:take(st) end
      if not ok then self.refused(code) end
    end
  end
end

--- Fills the index of the dcache SELF, which is empty.
function replay.run(self)
  local lab = self.lab ~= nil
  if lab then
    replay_trust(self)
    take_lab_statements(self)
    self.trust:begin()
  end
  self.journal:replay(function(_family, line, place)
    local st = statement.parse(line)
    if not (lab and says_who_counts(self, st)) then put(self, line, place, st) end
  end)
end

return replay
