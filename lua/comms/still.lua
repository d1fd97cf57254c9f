-- still.lua - which channels need no beacon now, since the last one that went there says the same. Says nothing itself.
--
-- A connection whose other end shows that it lives (alive_at, routing/channels/channel.lua) loses nothing: what was
-- said there once is known there. Over the WAN beacons would else be most of what goes over an idle link.
local still = {}

local LONGEST <const> = 13 * 60 * 1000 -- ms: so a proof, which is asked anew after 50 minutes, does not end before

--- Is a beacon with NEWS (messages.beacon_news) wanted at time NOW (ms) on the channel of FACTS? Then it counts as
--- said there.
function still.wants(facts, news, now)
  local said = facts.beacon
  local alive = facts.alive_at and facts.alive_at()
  if alive and said and said.news == news and now - said.at < LONGEST then return false end
  facts.beacon = { news = news, at = now }
  return true
end

return still
