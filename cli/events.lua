-- events.lua - `watch`: what happens at this node, a line each, until Ctrl-C. It keeps no event.
local json = require "core.json"
local discover = require "cli.discover"
local explain = require "cli.explain"

local events = {}

local GAP <const> = "%s: this command did not read for a while"
local NAMED <const> = { command = true, continues = true, schema = true, topic = true, at = true, event = true }
local COLOURS <const> = { warn = "warn", error = "bad", failed = "bad", refused = "bad", down = "bad", waiting = "warn",
  up = "good", ["rolled-back"] = "bad" }

-- A value of an event in a few words.
local function words(value, s)
  if type(value) ~= "table" then return s:text(value) end
  local list = {}
  for i, one in ipairs(value) do list[i] = type(one) == "table" and json.encode(one) or s:text(one) end
  return value[1] and table.concat(list, "; ") or s:text(json.encode(value))
end

-- Facts of an event of which nothing better is known, by name.
local function facts(event, s)
  local names, list = {}, {}
  for name in pairs(event) do -- any order: sorted below
    if not NAMED[name] then names[#names + 1] = name end
  end
  table.sort(names)
  for i, name in ipairs(names) do list[i] = ("%s %s"):format(s:text(name), words(event[name], s)) end
  return table.concat(list, ", ")
end

-- What an event of each topic says, in words.
local SAY <const> = {
  peers = function(event, s) return discover.change(event, s) end,
  log = function(event, s)
    local told = event.facts and "  " .. s:text(event.facts) or ""
    return ("%s: %s%s"):format(s:text(event.layer), s:text(event.text), told)
  end,
  files = function(event, s)
    local list = { s:text(event.name or event.cid) }
    if event.size then list[#list + 1] = s.size(event.size) end
    if event.node then list[#list + 1] = (event.event == "copied" and "by " or "from ") .. s:who(event.node) end
    if event.cid and event.name then list[#list + 1] = s:short(event.cid) end
    return table.concat(list, ", ") .. (event.reason and ": " .. s:text(event.reason) or "")
  end,
  policy = function(event, s)
    if event.lines then return words(event.lines, s) end
    local told = event.summary or event.why
    if event.seconds then
      told = (event.confirm and "goes back in %d s unless confirmed" or "on trial for %d s"):format(event.seconds)
    end
    if not told then return facts(event, s) end
    return ("%s %s: %s"):format(s:text(event.policy), s:text(event.hash), s:text(told))
  end,
  trust = function(event, s)
    local who = event.id and (event.name and event.name ~= "" and s:text(event.name) .. " " or "") .. s:key(event.id)
    if event.event == "member" then
      local by = event.token and "token " .. s:text(event.token) or event.by and s:key(event.by)
      return by and ("%s, let in by %s"):format(who, by) or who
    end
    if event.event == "root" then return ("number %d is in force"):format(event.number) end
    return (who and who .. ": " or "") .. s:text(event.why)
  end,
  channels = function(event, s)
    return s:text(event.address) .. (event.reason and ": " .. s:text(event.reason) or "")
  end,
}

local function time_of(at)
  return at and os.date("%H:%M:%S", at // 1000) or "–"
end

-- One event as a line, however long: a log is read by grep, too.
local function line(event, s)
  if event.event == "gap" then
    return s:line(GAP:format(s.count(event.dropped, "event is lost", "events are lost")))
  end
  local say = SAY[event.topic] or facts
  local name = event.topic == "peers" and event.row and (event.row.status or "–") or event.event
  s:line((("%s  %s %s %s"):format(time_of(event.at), ("%-8s"):format(s:text(event.topic)),
    s:paint(COLOURS[name], ("%-9s"):format(s:text(name))), say(event, s)):gsub(" +$", "")))
end

local function topics(context, options)
  local answer, code = context:ask { command = "topics" }
  if not answer then return code end
  if options.json then return context:json(answer) end
  local s, list = context.show, {}
  for i, topic in ipairs(answer.topics) do list[i] = { s:text(topic.name), s:text(topic.text) } end
  s:facts(list)
  s:say "dt-swarm-cli watch TOPIC… tells these only; without a topic all are told."
  return context.exit.ok
end

--- Tells events until Ctrl-C; → exit code.
function events.run(context, options)
  if options.topics then return topics(context, options) end
  local topics_asked = options.words[1] and json.array(explain.clean(options.words)) or nil
  return context:follow({ command = "watch", topics = topics_asked }, function(answer)
    if options.json then
      context:json(answer)
    elseif answer.event == "watching" then
      context.show:say(("Watching %s. Ctrl-C ends it."):format(context.show.list(answer.topics)))
    elseif answer.event ~= "ready" then
      line(answer, context.show)
    end
    context.world.flush()
  end)
end

return events
