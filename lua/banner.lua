-- banner.lua - the first words of a daemon to the person who started it. Reads nothing by itself.
local text = require "core.text"

local banner = {}

local function short(id) return id:sub(1, 12) .. "…" .. id:sub(-4) end

local function row(label, value, note)
  local line = ("  %-9s %s"):format(label, value)
  if not note or note == "" then return line end
  local width = utf8.len(value) or #value
  return line .. (" "):rep(math.max(2, 30 - width)) .. note
end

local function listen_words(channels, http)
  local parts = {}
  for _, channel in ipairs(channels) do
    local names = {}
    for i, interface in ipairs(channel.interfaces or {}) do
      names[i] = interface.host and interface.name .. " " .. interface.host or interface.name
    end
    local word = ("%s %d"):format(channel.kind, channel.port or 0)
    if #names > 0 then word = word .. " on " .. table.concat(names, ", ") end
    parts[#parts + 1] = channel.state == "up" and word or word .. " waits: " .. (channel.reason or "?")
  end
  if http and http > 0 then parts[#parts + 1] = "http " .. http end
  return table.concat(parts, "; ")
end

local CLOCK = { proved = "good", adopted = "adopted from others", none = "unknown: nothing expires here" }

-- Lines for a node. FACTS: { node, policy (name of file), key_note, share_note, channels, http, clock_note, cli }.
function banner.lines(facts)
  local one = facts.node
  local lines = {
    ('dt-swarm %s · %s · swarm "%s"'):format(one.version, facts.policy, text.escape(one.swarm)), "",
    row("I am", ("%s  %s"):format(one.name, short(one.id)), facts.key_note) }
  if one.share then lines[#lines + 1] = row("share", text.escape(one.share), facts.share_note) end
  lines[#lines + 1] = row("listen", listen_words(facts.channels, facts.http))
  lines[#lines + 1] = row("control", text.escape(one.socket))
  local quality = CLOCK[one.time.quality] or one.time.quality
  lines[#lines + 1] = row("clock", facts.clock_note and ("%s (%s)"):format(quality, facts.clock_note) or quality)
  lines[#lines + 1] = ""
  lines[#lines + 1] = "Ctrl-C stops it. In another terminal: " .. facts.cli .. " localhost discover"
  return lines
end

return banner
