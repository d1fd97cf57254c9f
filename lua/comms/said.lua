-- said.lua - what others say in a conversation, and what follows. Begins none.
--
-- Each function gets the conversation (conversation.lua), the talk on the channel (talk.lua), the message, its source,
-- and whether it names somebody else (OVERHEARD). Nothing is believed but that who speaks is who he says; what he lists
-- is only asked for, and what comes has signatures of its own. → true | nil, text, code
local messages = require "comms.messages"
local ranges = require "comms.ranges"
local talks = require "comms.talk"

local said = {}

local LINES_MAX = 64 -- of digests of one node that wait for an answer
local UNLISTED_MAX = 512 -- statements that are said because of one line; the next exchange finds the others

-- Does FROM name who speaks over SOURCE, and is that a place for it? → his ID | nil, text, code
local function speaker(self, message, source)
  if not self.peers:converses(source) then return nil, "kind: hosts that can be dialled do not converse", "kind" end
  local who = messages.asker(message.from)
  if who and self.peers:speaks_for(who, source) then return who end
  return nil, "unproved: who says so", "unproved"
end

-- REST as PARSE reads it → facts, the ID of who said it | nil, text, code
local function read(self, message, source, parse)
  local facts, text, code = parse(message.rest)
  if not facts then return nil, text, code end
  local law = self.dcache:law(facts.class)
  if not law or law ~= facts.law then return nil, "law: other constants of " .. facts.class, "law" end
  local who, why, refusal = speaker(self, message, source)
  if not who then return nil, why, refusal end
  return facts, who
end

-- WHO says that nothing differs of what we said in the line that began with FIRST. The salt tells of which time: what
-- was equal before may differ by now.
local function same(self, talk, who, facts)
  local session = talk.session
  local open = session and session.peer.id == who and session.t == facts.t and session.open[facts.class]
  if not open or open.salt ~= facts.salt or not open.lines[facts.first] then return true end
  session.answered, open.lines[facts.first] = true, nil
  if session.asked and not next(open.lines) then self.confirm:listed(session.peer, facts.class) end
  return true
end

local function ack(facts)
  return { class = facts.class, law = facts.law, t = facts.t, salt = facts.salt, bits = facts.bits, first = facts.first,
    digests = "" }
end

-- The lists of ranges that answer the line of digests FACTS, made when the channel has room for them.
local function lists_for(self, talk, facts)
  local parts = ranges.cut(talk:ids(facts.class, facts.t), facts.bits, facts.first,
    facts.first + ranges.count(facts.digests) - 1)
  local lists = ranges.differing(parts, facts, talk:ids_in_line(),
    function(short) return self.waits(talk.channel, short) end)
  for _, list in ipairs(lists) do list.class, list.law, list.t = facts.class, facts.law, facts.t end
  return lists
end

-- Answers what WHO asked, line after line.
local function answer(self, talk, who)
  local lines, lists = talk.asked[who], {}
  return function()
    local function to_him(kind, rest)
      return { kind = kind, to = talks.brain(who), from = talks.brain(self.id), rest = rest }
    end
    if lists[1] then return to_him("range", messages.range(table.remove(lists, 1))) end
    local facts = table.remove(lines, 1)
    if not facts then
      talk.asked[who] = nil
      return nil
    end
    lists = lists_for(self, talk, facts)
    if lists[1] then return to_him("range", messages.range(table.remove(lists, 1))) end
    return to_him("ranges", messages.ranges(ack(facts)))
  end
end

-- A line of digests: it waits for its turn behind what he asked before. Who asks again before he was answered is
-- answered once.
local function ask_us(self, talk, who, facts)
  local lines = talk.asked[who]
  for _, line in ipairs(lines or {}) do
    if line.class == facts.class and line.first == facts.first then return true end
  end
  if lines and #lines >= LINES_MAX then return nil, "full: too many lines at once", "full" end
  if lines then
    lines[#lines + 1] = facts
    return true
  end
  talk.asked[who] = { facts }
  if talk:feed(answer(self, talk, who)) then return true end
  talk.asked[who] = nil
  return nil, "full: others are answered", "full"
end

--- `ranges`: digests of somebody who names us; or that nothing differs. OVERHEARD: he names somebody else.
function said.ranges(self, talk, message, source, overheard)
  local facts, who, code = read(self, message, source, messages.parse_ranges)
  if not facts then return nil, who, code end
  talk:touch()
  if overheard then return true end
  if facts.digests == "" then return same(self, talk, who, facts) end
  if not self.confirm:speaks(facts.class) then return true end
  return ask_us(self, talk, who, facts)
end

-- Says what we hold in the ranges of FACTS, where he of whom we asked for them lists it not.
local function say_unlisted(self, talk, who, facts)
  local session = talk.session or talk.recent
  if not session or session.peer.id ~= who or session.t ~= facts.t then return end
  session.answered = true
  if not self.confirm:speaks(facts.class) then return end
  local listed, more = {}, {}
  for _, short in ipairs(facts.ids) do listed[short] = true end
  local ids = talk:ids(facts.class, facts.t)
  for _, part in ipairs(ranges.cut(ids, facts.bits, facts.first, facts.last)) do
    for _, short in ipairs(part) do
      if not listed[short] and #more < UNLISTED_MAX then more[#more + 1] = short end
    end
  end
  for _, short in ipairs(more) do self.answer(talk.channel, short) end
end

--- `range`: all that somebody holds in some ranges. What is missing here is wanted, after a while where it was said to
--- somebody else (OVERHEARD), since he may ask for the same.
function said.range(self, talk, message, source, overheard)
  local facts, who, code = read(self, message, source, messages.parse_range)
  if not facts then return nil, who, code end
  talk:touch()
  local delay, is_full = overheard and self:turn(talk) or 0, false
  for _, short in ipairs(facts.ids) do
    local fits = self.dcache:has(short) or talk.wants:add(short, who, delay)
    is_full = is_full or not fits
  end
  if not overheard then say_unlisted(self, talk, who, facts) end
  if is_full then return nil, "full: too much is missing", "full" end
  return true
end

--- `want` of somebody who names us; or (OVERHEARD) somebody else: then the answer is for us, too.
function said.want(self, talk, message, source, overheard)
  local ids, text, code = messages.parse_want(message.rest, messages.ids_in_line)
  if not ids then return nil, text, code end
  local who, why, refusal = speaker(self, message, source)
  if not who then return nil, why, refusal end
  talk:touch()
  if overheard then
    local holder = messages.asker(message.to)
    for _, short in ipairs(ids) do talk.wants:overheard(short, holder) end
    return true
  end
  for _, short in ipairs(ids) do self.answer(talk.channel, short) end
  return true
end

return said
