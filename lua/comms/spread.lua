-- spread.lua - on which channels a statement goes on, and how urgently: the outbox, the policy and the manners of each
-- are asked. BRAIN is comms/init.lua's; a channel is called by its name. Sends nothing.
local statement = require "core.statement"
local urgency = require "comms.urgency"

local spread = {}

local ECHO <const> = 4 -- urgency of what is said once more on the medium that it came by
-- How often a soft word is said on a near medium, where a frame may be lost: one that says what was last said there,
-- and another. What comes from elsewhere is told there seldom; of our own others tell those who are elsewhere.
local AGAIN_TIMES <const>, NEW_TIMES <const>, OWN_TIMES <const> = 2, 4, 3
local FAR_MS <const> = 20 * 60 * 1000 -- for which it is remembered that there is an elsewhere: as long as a word lives
local AGAIN = { propose = 5, dismiss = 8 } -- of what is said again: what ends something is missed most

local function slot_of(st) return ("%s %s %s"):format(st.bucket, st.key, st.signer) end

--- Channels that a statement from SOURCE (nil: our own) may be said on: names, in order.
function spread.ways(brain, source)
  local from, names = source and brain.outbox.channels[source.channel.name], {}
  for _, name in ipairs(brain.outbox.names) do
    local channel = brain.outbox.channels[name]
    if not channel.facts.quiet and channel ~= from then names[#names + 1] = name end
  end
  return names
end

-- OTHERWISE: its urgency, unless it is a lab's own word, which goes first. HOW: mine, wait, renewed and times, as the
-- outbox has them.
local function add(brain, name, st, otherwise, how)
  how.short, how.line, how.slot = st.short, st.line, slot_of(st)
  brain.outbox:add(name, how, urgency.of_trust(brain.dcache.trust, st.verb, st.bucket) or otherwise)
end

--- A soft word ST came from SOURCE. Where somebody whom we know brings the word of one who is not heard here, there is
--- an elsewhere, to which such as he tell what is said on that medium.
function spread.note_far(brain, st, source)
  local channel = brain.outbox.channels[source.channel.name] -- nil where it was closed meanwhile
  if not channel or brain.peers.by_id[st.signer] or not brain.peers:source_proved(source) then return end
  channel.facts.far_at = brain.loop:now()
end

-- Is the node ID itself heard on the channel TO?
local function speaks_there(brain, id, to)
  local peer = brain.peers.by_id[id]
  return peer ~= nil and brain.peers:speaks_on(peer, to.name)
end

-- How often ST is to be heard on the channel TO (its facts); MINE: it is our own; RENEWED: it says what
-- was last said there, nil: nothing was.
local function times(brain, st, to, mine, renewed)
  if brain.dcache:kept(st.bucket) or not (to.medium and to.near) then return 1 end
  if not mine and speaks_there(brain, st.signer, to) then return 1 end
  if not mine then return renewed and AGAIN_TIMES or NEW_TIMES end
  if renewed == false then return OWN_TIMES end
  return to.far_at and brain.loop:now() - to.far_at < FAR_MS and AGAIN_TIMES or 1
end

--- ST, from SOURCE (nil: our own), goes on to those of the channels NAMES to which the policy lets it; it is said on
--- each at MOST so often, nil: as often as is good for it.
function spread.on(brain, st, source, names, most)
  local from, mine = source and brain.outbox.channels[source.channel.name], source == nil
  for _, name in ipairs(names) do
    local to = brain.outbox.channels[name].facts
    local wait, renewed = brain.relay:wait(st, source, to), brain.relay:renews(name, st)
    local answer = wait and urgency.of(brain, st, from and from.facts, to, renewed)
    if answer then
      brain.relay:note(name, st)
      add(brain, name, st, answer, { mine = mine, wait = wait, renewed = renewed,
        times = math.min(most or math.maxinteger, times(brain, st, to, mine, renewed)) })
    end
  end
end

-- Is a statement that came by broadcast said once more on the same medium, since some have lost it? Soft statements
-- come again anyway, where nobody else listens there is no need, and of a flood the digests find what was lost.
local function echoes(brain, st, source)
  if not (source.broadcast and source.channel.traits.medium and brain.peers.list[2]) then return false end
  local channel = brain.outbox.channels[source.channel.name] -- nil where it was closed meanwhile
  return channel and not channel.facts.quiet and brain.dcache:kept(st.bucket) and brain.echo:take(1)
end

--- ST was taken in from SOURCE: it goes on to the channels NAMES, and where it came from nobody needs it any more, or
--- all need it once more.
function spread.from(brain, st, source, names)
  brain.relay:note(source.channel.name, st)
  brain.outbox:outdated(source.channel.name, slot_of(st))
  spread.on(brain, st, source, names)
  if echoes(brain, st, source) then add(brain, source.channel.name, st, ECHO, {}) end
end

--- Says a held statement once more on one channel, if it may be said there; MINE: at once, as one's own. SILENT_AFTER:
--- copies heard there that are enough, nil: as many as the outbox has it.
function spread.again(brain, name, short, mine, silent_after)
  local line = brain.dcache:line(short)
  local st = line and statement.parse(line)
  local channel = brain.outbox.channels[name]
  if not st or not channel or not urgency.may_leave(brain.dcache, st.bucket, channel.facts) then return end
  add(brain, name, st, AGAIN[st.verb], { mine = mine, silent_after = silent_after })
end

return spread
