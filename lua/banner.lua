-- banner.lua - the first words of a daemon to the person who started it. Reads nothing by itself.
local lab = require "dcache.lab"
local text = require "core.text"
local wrap = require "wrap"

local banner = {}

local function short(id) return id:sub(1, 12) .. "…" .. id:sub(-4) end

local WIDTH <const>, LEAST <const>, INDENT <const>, NOTE <const> = 80, 30, 12, 38 -- columns

-- A label, its value, and a note beside it; what is wider than the terminal goes on beneath.
local function row(lines, columns, label, value, note)
  local under = (" "):rep(INDENT)
  local found = wrap(("  %-9s %s"):format(label, value), columns, under)
  local last = found[#found]
  if note and note ~= "" then
    local gap = math.max(2, NOTE - utf8.len(last))
    if utf8.len(last) + gap + utf8.len(note) <= columns then
      found[#found] = last .. (" "):rep(gap) .. note
    else
      table.move(wrap(under .. note, columns, under), 1, 99, #found + 1, found)
    end
  end
  table.move(found, 1, #found, #lines + 1, lines)
end

-- Of an interface that has IPv4, the address by which people know it.
local function add_interfaces(names, channel)
  for _, interface in ipairs(channel.interfaces or {}) do
    local host, name = interface.host and interface.host:match "^[^%%]*", interface.name
    local is_second = host and host:find(":", 1, true) and names[name]
    if host and not host:find "^127%." and not is_second then
      names[#names + 1], names[name] = name .. " " .. host, true
    end
  end
end

local UNUSED = 3 -- interfaces that a channel which waits is said to lack

local function why_not(channel)
  local words = {}
  for i, one in ipairs(channel.unused or {}) do
    if i <= UNUSED then words[i] = ("%s: %s"):format(text.escape(one.name), one.reason) end
  end
  return words[1] and (" (%s)"):format(table.concat(words, "; ")) or ""
end

-- One of IPv4 and one of IPv6 at the same port are one to people: what is up, each once, with its interfaces; and what
-- waits, unless the other one is up.
local function channel_words(channels)
  local list, by_word = {}, {}
  for _, channel in ipairs(channels) do
    local port = channel.address:match "/%l+/(%d+)/dswarm%-line$"
    local word = channel.kind .. (port and " " .. port or "")
    local is_up, before = channel.state == "up", by_word[word]
    local one = is_up and before or { word = word, names = {} }
    if not before then list[#list + 1] = one end
    add_interfaces(one.names, channel)
    if is_up then by_word[word] = one else one.why = (channel.reason or "?") .. why_not(channel) end
  end
  return list
end

-- Those that listen, and those by which this node goes out to others: these are only about to be tried.
local function split(channels)
  local listening, outward = {}, {}
  for _, channel in ipairs(channels) do
    if channel.outward then
      outward[#outward + 1] = text.escape((channel.address:gsub("/dswarm%-line$", "")))
    else
      listening[#listening + 1] = channel
    end
  end
  return listening, outward
end

local function listen_words(channels, http, http_reason)
  local parts = {}
  for i, one in ipairs(channel_words(channels)) do
    local on = one.names[1] and " on " .. table.concat(one.names, ", ") or ""
    parts[i] = one.word .. on .. (one.why and " waits: " .. one.why or "")
  end
  if http > 0 then parts[#parts + 1] = "http " .. http end
  if http_reason then parts[#parts + 1] = "http waits: " .. text.escape(http_reason) end
  return table.concat(parts, "; ")
end

-- A node that just started has no peers: it knows its own clock, or none.
local function clock(time)
  if time.quality ~= "proved" then
    local what = time:fault() == "early" and "set to long ago" or "not synchronised"
    return what .. ", no ages are shown; cure: timedatectl set-ntp true"
  end
  return time.believe and "good (the policy believes the system's)" or "good (synchronised, ±1 s)"
end

-- How the node stands in its lab; by a token it comes in a moment.
local function lab_note(one)
  local role, token = one.dcache.trust:role(one.id), one.lab.token
  return role or token and ("comes in by token %s"):format(text.escape(token.name)) or "no member: status says why"
end

-- By which line of their policies robots elsewhere mean this server, and no other key: whole, to be copied.
local function add_own_line(lines, columns, one)
  local first = one.type == "server" and one:own_addresses()[1]
  if not first then return end
  row(lines, columns, "line", "for p.routing.channels of robots elsewhere:")
  lines[#lines + 1] = ('"%s/dswarm/%s"'):format(first.address, one.id)
end

-- Lines for a node. FACTS: node, policy (the file as people would name it), key_note, share_note, channels, http
-- (port or 0), http_reason (why there is none yet), cli (how the command line is called for this node), columns (of the
-- terminal; 0: it does not say; nil: there is none), service (a manager runs it, and no key of a terminal stops it).
function banner.lines(facts)
  local one = facts.node
  local head = ('dt-swarm %s · %s · %s "%s"'):format(one.version, text.escape(facts.policy),
    one.lab and "lab" or "swarm", text.escape(one.lab and one.lab.name or one.swarm))
  local columns = (facts.columns or 0) > 0 and math.max(LEAST, facts.columns) or WIDTH
  local lines = wrap(head, columns, "  ")
  lines[#lines + 1] = ""
  row(lines, columns, "I am", ("%s  %s"):format(one.name, short(one.id)), facts.key_note)
  if one.lab then
    row(lines, columns, "lab", ("%s  %s"):format(text.escape(one.lab.name), lab.short(one.lab.lab)), lab_note(one))
  end
  row(lines, columns, "share", text.escape(one.share), facts.share_note)
  local listening, outward = split(facts.channels)
  row(lines, columns, "listen", listen_words(listening, facts.http, facts.http_reason))
  for i, address in ipairs(outward) do row(lines, columns, i == 1 and "also by" or "", address) end
  row(lines, columns, "control", text.escape(one.socket))
  row(lines, columns, "clock", clock(one.time))
  add_own_line(lines, columns, one)
  lines[#lines + 1] = ""
  local lead = facts.service and "Ask it:" or "Ctrl-C stops it. In another terminal:"
  local command = facts.cli .. " discover"
  local fits = not facts.columns or utf8.len(lead) + 1 + utf8.len(command) <= columns
  table.move(fits and { lead .. " " .. command } or { lead, "  " .. command }, 1, 2, #lines + 1, lines)
  return lines
end

return banner
