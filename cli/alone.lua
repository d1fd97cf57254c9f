-- alone.lua - useful words for `discover` where nobody else is there: what was tried, what is in the way. Asks nobody.
local why = require "cli.why"

local alone = {}

local NAMED <const> = 3 -- hosts of another swarm; the others are counted
local AWAY <const> = { left = true, lost = true, stranger = true }

-- What others' words do not fit.
local function ours(tried, s)
  if tried.lab then return ("this lab (%s)"):format(s:text(tried.lab)) end
  return ('this swarm ("%s")'):format(s:text(tried.swarm))
end

-- Where the cause is to be seen.
local function cause(tried, of_swarm) return tried.lab and "`dt-swarm-cli lab show` there" or of_swarm end

-- One word that does not fit may be forged, or was damaged on its way; but somebody is there.
local function unfit_once(tried, s)
  local one = (tried.unfit_once or {})[1]
  if not one then return "" end
  return ("Heard one beacon from %s that does not fit %s: ask again in a minute, and see %s."):format(
    s:text(one.host), ours(tried, s), cause(tried, "`swarm` in its policy"))
end

--- Who was heard, but is of another swarm; the empty text for nobody.
function alone.unfit(tried, s)
  local hosts, names = tried.unfit or {}, {}
  if not hosts[1] then return unfit_once(tried, s) end
  for i, one in ipairs(hosts) do
    if i <= NAMED then names[i] = s:text(one.host) end
  end
  if #hosts > NAMED then names[#names + 1] = ("%d more"):format(#hosts - NAMED) end
  local whose, where = "its", "`swarm` in its policy"
  if #hosts > 1 then whose, where = "their", "`swarm` in their policies" end
  return ("Heard %s, but %s words do not fit %s: see %s."):format(s.list(names), whose, ours(tried, s),
    cause(tried, where))
end

--- Are all who are here on this very machine?
function alone.all_local(answer)
  for _, other in ipairs(answer.nodes) do
    local host = other.via and other.via.host or ""
    if not other.self and not AWAY[other.status] and host:sub(1, 4) ~= "127." then return false end
  end
  return true
end

--- Whether no interface is up that leads to other machines, and why not: a sentence; the empty text where one is.
function alone.no_network(tried, s)
  if not tried.interfaces then return "" end
  for _, name in ipairs(tried.interfaces) do
    if name ~= "lo" then return "" end
  end
  local unused = s:unused(tried.unused, "No network interface is up")
  return unused ~= "" and unused or "No network interface is up."
end

-- Nobody can be heard by a channel that is not open here: that is why, and no fault of the network.
local function not_open(tried, s, since)
  local list = { ("Nobody else in %s."):format(since) }
  for _, channel in ipairs(tried.waiting) do list[#list + 1] = why.channel(channel, s) end
  list[#list + 1] = alone.unfit(tried, s)
  return list
end

--- What was tried and brought nobody, a sentence each.
function alone.words(answer, s)
  local tried, on = answer.tried or {}, {}
  for i, name in ipairs(tried.interfaces or {}) do on[i] = s:text(name) end
  local since, unused, others = s.span(tried.since_ms), s:unused(tried.unused), alone.unfit(tried, s)
  local down = alone.no_network(tried, s)
  if down ~= "" and tried.heard == 0 then
    local machine = on[1] and "Only this machine was asked." or ""
    return { ("Nobody else in %s. %s"):format(since, down), others ~= "" and others or machine }
  end
  if (tried.waiting or {})[1] and tried.heard == 0 then return not_open(tried, s, since) end
  local words = ("Nobody else in %s. Sent %s on %s, heard %s back."):format(since, s.count(tried.beacons, "beacon"),
    s.list(on), tried.heard or s.UNKNOWN)
  if others ~= "" then return { words, unused, others } end
  return { words, unused, tried.heard == 0 and "Networks often block broadcast between clients."
    or "What was heard was not accepted; `status` says why." }
end

return alone
