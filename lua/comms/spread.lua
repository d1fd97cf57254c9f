-- spread.lua - on which channels a statement goes on, and how urgently: the outbox, the policy and the manners of each
-- are asked. BRAIN is comms/init.lua's; a channel is called by its name. Sends nothing.
local statement = require "core.statement"
local urgency = require "comms.urgency"

local spread = {}

local ECHO <const> = 4 -- urgency of what is said once more on the medium that it came by
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

-- OTHERWISE: its urgency, unless it is a lab's own word, which goes first. WAIT: ms, or nil. RENEWED: it says what was
-- last said there.
local function add(brain, name, st, otherwise, mine, wait, renewed)
  brain.outbox:add(name, { short = st.short, line = st.line, mine = mine, wait = wait, slot = slot_of(st),
    renewed = renewed },
    urgency.of_trust(brain.dcache.trust, st.verb, st.bucket) or otherwise)
end

--- ST, from SOURCE (nil: our own), goes on to those of the channels NAMES to which the policy lets it.
function spread.on(brain, st, source, names)
  local from = source and brain.outbox.channels[source.channel.name]
  for _, name in ipairs(names) do
    local to = brain.outbox.channels[name].facts
    local wait = brain.relay:wait(st, source, to)
    local answer = wait and urgency.of(brain, st, from and from.facts, to)
    if answer then
      local renewed = brain.relay:renews(name, st)
      brain.relay:note(name, st)
      add(brain, name, st, answer, source == nil, wait, renewed)
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
  if echoes(brain, st, source) then add(brain, source.channel.name, st, ECHO) end
end

--- Says a held statement once more on one channel, if it may be said there; MINE: at once, as one's own.
function spread.again(brain, name, short, mine)
  local line = brain.dcache:line(short)
  local st = line and statement.parse(line)
  local channel = brain.outbox.channels[name]
  if not st or not channel or not urgency.may_leave(brain.dcache, st.bucket, channel.facts) then return end
  add(brain, name, st, AGAIN[st.verb], mine)
end

return spread
