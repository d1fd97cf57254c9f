-- again.lua - words that a link brought and that were refused as a stranger's: asked for once more when it has become
-- clear who is a member. Keeps no word, only its name.
--
-- A repair brings words in no order that helps: those of a robot may come before the grant that lets it in. So the
-- short IDs of what was refused are remembered as long as the link lives; whenever the authority of the lab changed,
-- what would be taken now is wanted anew, and that may change the authority again.
local again = {}
again.__index = again

local ROUNDS <const> = 8 -- times that one link is asked
local WORDS_MAX = 8192 -- that are remembered of all links; what is beyond comes with the next repair
local LOOK <const> = 250 -- ms

--- given.loop
--- given.trust  dcache/trust.lua
--- given.ask    fn(link, shorts): wants these words over that link
function again.new(given)
  return setmetatable({ loop = given.loop, trust = given.trust, ask = given.ask, links = {}, count = 0 }, again)
end

local function watch(self)
  self.timer = self.timer or self.loop:every(LOOK, function() self:look() end)
end

-- Makes room for a word of ONE: the link that brought most loses one, so that a liar fills no room but his own.
local function make_room(self, one)
  local largest = one
  for _, other in ipairs(self.links) do
    if #other.words > #largest.words then largest = other end
  end
  if largest == one then return false end
  table.remove(largest.words)
  self.count = self.count - 1
  return true
end

local function remember(self, one, list, place)
  if one.rounds >= ROUNDS or self.count >= WORDS_MAX and not make_room(self, one) then return end
  self.count = self.count + 1
  table.insert(one.words, { short = list:short(place), signer = list:statement(place).signer,
    enrols = list:bucket(place) == "trust/enrolled" })
  watch(self)
end

local function find(self, link)
  for _, one in ipairs(self.links) do
    if one.link == link then return one end
  end
end

-- Links that are gone are forgotten, also where no word of theirs waits that would have them looked at.
local function drop_closed(self)
  for i = #self.links, 1, -1 do
    local one = self.links[i]
    if one.link.closed then
      table.remove(self.links, i)
      self.count = self.count - #one.words
    end
  end
end

--- Words are wanted over LINK (a channel that is a stream): what of them is refused may be wanted once more.
function again:expect(link)
  if not self.trust.lab or find(self, link) then return end
  drop_closed(self)
  local one = { link = link, rounds = 0, words = {}, verdict = self.trust:verdict() }
  function one.hear(list, place, code)
    if code == "stranger" then remember(self, one, list, place) end
  end
  table.insert(self.links, one)
end

--- → fn(list, place, code), which wants to hear what becomes of statements that come over LINK; nil where none were
-- wanted there
function again:hearer(link)
  local one = find(self, link)
  return one and one.hear
end

-- What would be taken in now leaves the list of ONE: words of who stands, and enrolments, whose token may count by now.
local function due(self, one)
  local shorts, left = {}, {}
  for _, word in ipairs(one.words) do
    if word.enrols or self.trust:stands(word.signer) then
      shorts[#shorts + 1] = word.short
    else
      left[#left + 1] = word
    end
  end
  one.words = left
  return shorts
end

local function look_at(self, one)
  local verdict = self.trust:verdict()
  if verdict == one.verdict or not one.words[1] then return end
  one.verdict = verdict
  local shorts = due(self, one)
  if not shorts[1] then return end
  one.rounds = one.rounds + 1
  self.ask(one.link, shorts)
end

--- Looks what is to be asked; what ended is forgotten.
function again:look()
  drop_closed(self)
  self.count = 0
  for i = #self.links, 1, -1 do
    local one = self.links[i]
    look_at(self, one)
    self.count = self.count + #one.words
  end
  if self.count == 0 then self:stop() end
end

function again:stop()
  if self.timer then self.timer:cancel() end
  self.timer = nil
end

return again
