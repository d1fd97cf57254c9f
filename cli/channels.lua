-- channels.lua - `channels`: by which ways this node speaks, since when, and how much. It asks the daemon only.
local why = require "cli.why"

local channels = {}

function channels.request() return { command = "channels" } end

local COLUMNS <const> = {
  { title = "CHANNEL", rank = 1 }, { title = "ADDRESS", cut = "middle", give = true, least = 21, rank = 3 },
  { title = "STATE", rank = 1 }, { title = "SINCE", align = "right", rank = 2 },
  { title = "OUT", align = "right", rank = 4 }, { title = "IN", align = "right", rank = 5 },
  { title = "BUDGET", align = "right", optional = true, rank = 8 },
  { title = "COST", align = "right", optional = true, rank = 9 },
  { title = "LINKS", align = "right", optional = true, rank = 6 },
  { title = "REFUSED", align = "right", rank = 7 },
}

local function row(channel, s)
  local rate, links = channel.rate or {}, channel.links and #channel.links or 0
  return {
    s:text(channel.kind), s:text(why.address(channel)),
    s:channel_state(channel),
    s.age(channel.since_ms), s.rate(rate.sent), s.rate(rate.heard), channel.limit and s.rate(channel.limit) or "",
    channel.cost and tostring(channel.cost) or "", links > 0 and ("%d"):format(links) or "",
    ("%d"):format(s.refused(channel.refused or {})),
  }
end

-- How far the reading of a checkpoint is.
local function say_read(read, s)
  local took = (" %d of its records were new here."):format(read.taken)
  if read.done then return s:say(("All %s of the checkpoint were read%s.%s"):format(s.count(read.of, "leaf", "leaves"),
    read.skipped > 0 and (", but for %d read before"):format(read.skipped) or "", took)) end
  if read.of == 0 then return s:say "The checkpoint: nothing of it has come yet." end
  s:say(("The checkpoint: %d of %s read, %s%s.%s"):format(read.leaves, s.count(read.of, "leaf", "leaves"),
    s.part(read.bytes, read.size), read.from and ", from " .. s:text(read.from) or "", took))
end

-- Why a channel is not up, and what was refused on it, the most first.
local function details(channel, s)
  if channel.state == "closed" then
    s:say(why.channel(channel, s, why.address(channel)))
  elseif channel.state ~= "up" and channel.reason then
    s:say(why.channel(channel, s, ("%s is %s"):format(why.address(channel), channel.state)))
  end
  for _, text in ipairs(why.entry(channel, s)) do s:say(text) end
  local refused = channel.refused or {}
  if s.refused(refused) > 0 then
    s:say(("Refused on %s: %s."):format(s:text(why.address(channel)), s.list((s:refusals(refused)))))
  end
  if channel.read then say_read(channel.read, s) end
  local unused = s:unused(channel.unused)
  if unused ~= "" then s:say(unused) end
end

-- Whom the policy shuts out, and what that stopped.
local function say_blocked(one, s)
  local counts = ("%s dropped, %s not sent or dialled"):format(s.count(one.dropped, "frame"), s.count(one.kept, "time"))
  s:say(("Shut out by routing.block: %s (%s%s)."):format(s:text(one.what), counts,
    one.age_ms and ", last " .. s.age(one.age_ms) .. " ago" or ""))
end

-- What was passed on for other nodes, and what was not.
local function say_relayed(relay, s)
  local refused = s.refused(relay.refused)
  if relay.lines + refused == 0 then return end
  local words = ("Passed on %s for others, %s"):format(s.count(relay.lines, "line"), s.size(relay.bytes))
  if refused == 0 then return s:say(words .. ".") end
  s:say(("%s; %d %s not: %s."):format(words, refused, refused == 1 and "was" or "were",
    s.list((s:refusals(relay.refused)))))
end

--- Prints the answer.
function channels.show(answer, s)
  local rows, up, closed, refused = {}, 0, 0, 0
  for i, channel in ipairs(answer.channels) do
    up, refused = up + (channel.state == "up" and 1 or 0), refused + s.refused(channel.refused or {})
    closed = closed + (channel.state == "closed" and 1 or 0)
    rows[i] = row(channel, s)
  end
  if not rows[1] then return s:say "No channel: nobody can be heard. The policy names them: why routing.channels" end
  s:table(COLUMNS, rows)
  for _, channel in ipairs(answer.channels) do details(channel, s) end
  for _, one in ipairs(answer.blocked or {}) do say_blocked(one, s) end
  if answer.relay then say_relayed(answer.relay, s) end
  local words = up == 0 and "No channel is up: nobody can be heard." or ("%d of %s up%s, %s heard."):format(up,
    s.count(#rows, "channel"), closed > 0 and (", %d closed by the policy"):format(closed) or "",
    s.count(answer.peers, "peer"))
  s:say(words .. (refused > 0 and " What a word of refusal means: dt-swarm-cli help WORD." or ""))
end

return channels
