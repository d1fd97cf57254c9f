-- status.lua - `status`: how this node is, on one screen. It asks the daemon and judges nothing.
local kinds = require "cli.kinds"
local kubo_status = require "cli.kubo_status"
local lab_status = require "cli.lab_status"
local progress = require "cli.progress"
local trust = require "cli.trust"
local why = require "cli.why"
local width = require "cli.width"

local status = {}

function status.request() return { command = "status" } end

local function head(answer, s)
  local node = answer.node
  local name, rest = s:text(node.name), ("  %s  %s"):format(s:short(node.id), s:text(node.type))
  if width.of(name .. rest) > s.width then return s:say(name .. rest) end
  s:line(s:paint("title", name) .. rest)
end

local SOURCES <const> = { -- lua/time.lua
  own = "synchronised", quorum = "three peers agree on it", held = "proved before, and runs on",
}
local FAULTS <const> = { unsynchronised = "is not synchronised", early = "is set to long ago" }

local function clock(time, s)
  if time.quality ~= "proved" then
    local fault = FAULTS[time.fault or "unsynchronised"] or s:text(time.fault)
    return fault:gsub("^is ", "") .. (time.quality == "adopted" and ", the clocks of others are used" or "")
  end
  local source = SOURCES[time.source] or s:text(time.source)
  if time.source == "own" and time.believed then source = "the policy believes the system's" end
  return ("good (%s)"):format(source)
end

local NAMES <const> = 3 -- of peers who state a clock; the others are counted

local function stated_by(claims, s)
  local names, more = {}, #claims - NAMES
  for i = 1, math.min(#claims, NAMES) do names[i] = s:text(claims[i].label or claims[i].name) end
  if more > 0 then names[#names + 1] = ("%d more"):format(more) end
  return s.list(names)
end

-- What follows where the time is not proved, and what to do.
local function consequences(time, s)
  if time.quality == "proved" then return end
  local claims, fault = time.claims or {}, FAULTS[time.fault or "unsynchronised"] or s:text(time.fault)
  local follows = "and nobody here states a time: ages are not shown (–), and old records do not expire."
  if time.quality ~= "none" then
    local whose = #claims > 0 and stated_by(claims, s) or "peers that are gone"
    follows = ("so the time of %s is used: ages are about right (~), and old records do not expire."):format(whose)
  end
  s:say(("This machine's clock %s, %s"):format(fault, follows))
  s:say("Cure: timedatectl set-ntp true"
    .. (time.believed and "." or '; or, if this clock is right, p.clock = "system" in the policy.'))
end

local function records(answer, s)
  local bytes = s.sum(answer.classes, "bytes")
  local words = s.count(s.sum(answer.classes, "count"), "record")
  if bytes then words = words .. ", " .. s.size(bytes) end
  local used = 0
  for _, class in ipairs(answer.classes) do used = used + (class.count ~= 0 and 1 or 0) end
  return used == 0 and words or ("%s, in %s"):format(words, s.count(used, "class", "classes"))
end

-- What is wrong with the folder has lines of its own: a long path leaves it no room.
local function share(list, answer, s)
  if not answer.files then
    list[#list + 1] = { "share", s:text(answer.node.share) .. ", nobody looks at it", colour = "bad" }
    return
  end
  list[#list + 1] = { "share", ("%s, %s"):format(s:text(answer.node.share), s.count(#answer.files, "file")) }
  local refused = kinds.refused(answer.files)
  if refused > 0 then
    list[#list + 1] = { "", ("%d not shared: files list says why"):format(refused), colour = "warn" }
  end
  if answer.problem then list[#list + 1] = { "", s:text(answer.problem), colour = "bad" } end
  for _, note in ipairs(answer.notes or {}) do
    list[#list + 1] = { "", s:text(note.text), colour = "warn" }
    list[#list + 1] = { "", s:cure(note.cure) }
  end
end

local function http(gateway, s)
  if gateway.port then return ("port %d"):format(gateway.port) end
  return gateway.reason and "waits: " .. s:text(gateway.reason) or "not served"
end

-- Where people and programs of this machine ask; nil where the policy wants nobody to.
local function page(door, s)
  if not door then return nil end
  if not door.port then return "not open: " .. s:text(door.reason) end
  return ("http://localhost:%d/ in a browser of this machine; /peers, /metrics for its programs"):format(door.port)
end

-- What newcomers read at once.
local function checkpoint(list, one, s)
  if one and one.cid then
    list[#list + 1] = { "checkpoint", ("%s (%s, %s)"):format(s:short(one.cid), s.count(one.words, "record"),
      s.ago(one.age_ms)) }
    if not one.served then list[#list + 1] = { "", "served by nobody now", colour = "warn" } end
  end
  if one and one.why then
    list[#list + 1] = { one.cid and "" or "checkpoint", "no new one: " .. s:text(one.why), colour = "warn" }
  end
end

local function facts(answer, s)
  local node, identity = answer.node, answer.identity
  local list = answer.lab and lab_status.rows(answer.lab, s) or { { "swarm", s:text(node.swarm) } }
  local rest = {
    { "running", ("%s, version %s"):format(s.span(node.running_ms), s:text(node.version)) },
    { "policy", s:text(node.policy) .. (answer.policy and ", " .. s:text(answer.policy.hash) or "") },
    { "clock", clock(answer.time, s) },
    { "peers", answer.peers and ("%d"):format(answer.peers) or s.UNKNOWN },
    { "records", records(answer, s) },
  }
  table.move(rest, 1, #rest, #list + 1, list)
  checkpoint(list, answer.checkpoint, s)
  share(list, answer, s)
  list[#list + 1] = { "state", s:text(node.state) }
  if answer.footing then list[#list + 1] = { "", s:text(answer.footing.text), colour = "bad" } end
  for _, row in ipairs {
    { "control", s:text(node.socket) },
    { "http", http(answer.gateway, s) },
    { "paused", answer.paused and s:text(answer.paused) .. ": no files are given or fetched", colour = "warn" },
    { "page", page(answer.http, s) },
    { "memory", s.size(node.memory) .. " of Lua" },
  } do
    if row[2] then list[#list + 1] = row end
  end
  kubo_status.add(list, answer.kubo, s)
  if identity.note then table.insert(list, 2, { "key", s:text(identity.note) }) end
  s:facts(list)
end

local COLUMNS <const> = {
  { title = "CHANNEL", rank = 1 }, { title = "ADDRESS", cut = "middle", give = true, least = 16, rank = 6 },
  { title = "STATE", rank = 1 }, { title = "SENT", align = "right", rank = 4 },
  { title = "HEARD", align = "right", rank = 5 },
  { title = "ON", give = true, optional = true, least = 12, rank = 3 },
}

local function amount(count, s)
  return count and s.size(count.bytes) or s.UNKNOWN
end

local function where(channel, s)
  if channel.state ~= "up" then return "" end -- why not stands under the table, whole
  local names = {}
  for i, interface in ipairs(channel.interfaces or {}) do
    names[i] = s:text(type(interface) == "table" and interface.name or interface)
  end
  return table.concat(names, ", ")
end

local function channels(answer, s)
  local rows, up = {}, 0
  for i, channel in ipairs(answer.channels) do
    if channel.state == "up" then up = up + 1 end
    rows[i] = {
      s:text(channel.kind), s:text(why.address(channel)),
      s:channel_state(channel),
      amount(channel.sent, s), amount(channel.heard, s), where(channel, s),
    }
  end
  s:table(COLUMNS, rows)
  for _, channel in ipairs(answer.channels) do
    local words = s:unused(channel.unused)
    if words ~= "" then s:say(words) end
    if channel.state ~= "up" then s:say(why.channel(channel, s, channel.state == "closed" and why.address(channel)
      or ("%s is %s"):format(why.address(channel), channel.state))) end
    for _, text in ipairs(why.entry(channel, s)) do s:say(text) end
  end
  return up
end

local function refusals(answer, s)
  local refused = answer.refused or {}
  local sum, twice = s.refused(refused), refused.duplicate
  local known = twice and ("; %d came twice"):format(twice) or ""
  if sum == 0 then return ("Nothing was refused%s."):format(known) end
  local words, first = s:refusals(refused)
  return ("Refused %d: %s%s. dt-swarm-cli help %s says what that means."):format(sum, s.list(words), known,
    s:text(first))
end

-- What stands in the policy's file, where that was refused.
local function refused_policy(answer, s)
  local refused = answer.policy and answer.policy.refusal
  if not refused then return end
  s:say(("The policy's file is not in force, the old one is: %s%s. dt-swarm-cli %s policy check says all."):format(
    s:cure(refused.lines[1]), refused.lines[2] and (" (and %d more)"):format(#refused.lines - 1) or "", s.host))
end

local FAILED <const> = 5 -- hooks; the others are counted

-- Hooks that failed since the policy is in force, and where.
local function failed_hooks(answer, s)
  local list = answer.policy and answer.policy.failed or {}
  for i = 1, math.min(#list, FAILED) do
    s:say(("The hook %s failed %s, and the default answered instead: %s."):format(s:text(list[i].hook),
      s.count(list[i].count, "time"), s:text(list[i].why)))
  end
  if #list > FAILED then
    s:say(("%s more failed: dt-swarm-cli %s policy show says which."):format(s.count(#list - FAILED, "hook"), s.host))
  end
end

-- A policy that has yet to show that it may stay, and one that is in force for want of the good one.
local function trial(answer, s)
  local policy = answer.policy or {}
  local one = policy.trial
  if policy.fallen then
    s:say(("The good policy is not in force: %s. The shipped one is, on the LAN only. %s"):format(s:text(policy.fallen),
      s:cure(("To try the policy's file again: dt-swarm-cli %s policy reload"):format(s.host))))
  end
  if not one then return end
  if not one.left_ms then
    return s:say(("An update brought this policy; the good one comes back if that is not committed. %s"):format(
      s:cure(("To see it: dt-swarm-cli %s update status"):format(s.host))))
  end
  local left, errors = s.span(one.left_ms), (one.errors or 0) > 0 and s.count(one.errors, "error of a hook",
    "errors of hooks") .. " so far; " or ""
  if not one.confirm then
    return s:say(("This policy is on trial for another %s; %safter a fault the good one comes back."):format(left,
      errors))
  end
  s:say(("The good policy comes back in %s, unless this one is confirmed by who asked for it. %s"):format(left,
    s:cure(("To confirm it: dt-swarm-cli %s policy confirm"):format(s.host))))
end

local MALFORMED <const> = 5 -- rows; the others are summed

-- Whose records are passed over, and why: not refused, since others may be able to read them.
local function malformed(answer, s)
  local rows, sum = answer.malformed or {}, 0
  for i, row in ipairs(rows) do
    if i <= MALFORMED then
      s:say(("%s of %s in %s not readable: %s."):format(s.count(row.count, "record"),
        s:text(row.label or row.name or row.id), s:text(row.bucket), s:text(row.why)))
    else
      sum = sum + row.count
    end
  end
  if sum > 0 then s:say(("%s of others not readable."):format(s.count(sum, "record"))) end
end

-- Copies that were held and whose bytes changed, and whether anybody has whole ones.
local function damaged(answer, s)
  local list, lost = answer.damaged or {}, 0
  local last = list[#list]
  if not last then return end
  for _, one in ipairs(list) do lost = lost + ((one.again or (one.others or 0) > 0) and 0 or 1) end
  local rest = lost == 0 and "others have whole ones, which are fetched again"
    or lost == #list and "nobody else has " .. (lost == 1 and "it" or "them")
    or ("nobody else has %d of them"):format(lost)
  s:say(("%s damaged and %s no longer: set aside in %s/damaged, the last one %s; %s."):format(s.count(#list,
    "held copy is", "held copies are"), #list == 1 and "counts" or "count", s:text(answer.node.state),
    last.name and s:text(last.name) or s:short(last.cid), rest))
end

local RELOAD <const> = "It is tried again when the policy is read anew: dt-swarm-cli HOST policy reload"

-- Parts of the daemon that failed: the rest runs on without them.
local function failed(answer, s)
  for _, client in ipairs(answer.clients or {}) do
    why.line({ what = s:text(client.name) .. " does not run", seen = client.text, cure = RELOAD }, s)
  end
end

--- Prints the answer.
function status.show(answer, s)
  head(answer, s)
  facts(answer, s)
  if answer.lab then lab_status.say(answer.lab, s) end
  consequences(answer.time, s)
  local trouble = answer.footing
  if trouble then why.line({ what = "State folder", seen = trouble.text, cure = trouble.cure }, s) end
  trust.warn(answer.trust, s)
  refused_policy(answer, s)
  failed_hooks(answer, s)
  trial(answer, s)
  failed(answer, s)
  if answer.disk then s:say(progress.disk(answer.disk, s) .. ".") end
  progress.unwanted(answer, s)
  damaged(answer, s)
  malformed(answer, s)
  if #answer.channels == 0 then return s:say("No channel: nobody can be heard. " .. refusals(answer, s)) end
  local up = channels(answer, s)
  local all = #answer.channels
  local words = up == 0 and "No channel is up: nobody can be heard."
    or ("%d of %s up."):format(up, s.count(all, "channel"))
  s:say(words .. " " .. refusals(answer, s))
end

return status
