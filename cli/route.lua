-- route.lua - `route list|get|set|unset`: the routing table, and which way leads to a node. It asks the daemon only.
local explain = require "cli.explain"
local why = require "cli.why"

local route = {}

local ROUTES <const> = {
  { title = "PATTERN", cut = "middle", give = true, least = 16, good = 24, rank = 1 },
  { title = "WAY", cut = "middle", give = true, least = 16, good = 24, rank = 2 },
  { title = "LINES", align = "right", rank = 4 }, { title = "AT", rank = 3 },
}

local NODES <const> = {
  { title = "NAME", rank = 1 }, { title = "KEY", rank = 5 }, { title = "VIA", rank = 2 },
  { title = "ADDRESS", cut = "middle", give = true, least = 21, rank = 3 },
  { title = "HOPS", align = "right", rank = 4 },
  { title = "COST", align = "right", rank = 6 }, { title = "HEARD", align = "right", rank = 7 },
}

-- == route list

local function place(row, s) return row.origin and s:text(row.origin) or "set here" end

local function say_routes(answer, s)
  local rows = {}
  for i, row in ipairs(answer.routes) do
    rows[i] = { s:text(row.pattern), s:text(row.target), ("%d"):format(row.count),
      row.rests and { "rests", colour = "warn" } or place(row, s) }
  end
  if rows[1] then s:table(ROUTES, rows) end
  for _, row in ipairs(answer.routes) do
    if row.rests then
      s:say(("%s rests (%s): %s."):format(s:text(row.pattern), place(row, s), s:text((row.rests:gsub("^%l+: ", "")))))
    end
  end
  for _, row in ipairs(answer.hidden) do
    s:say(("%s (%s) was taken out with route unset, until the daemon starts again."):format(s:text(row.pattern),
      place(row, s)))
  end
end

local function node_row(node, s)
  local way = node.way or {}
  local trip = way.rtt_us and " " .. s.trip(way.rtt_us) or ""
  return { s:who(node), s:key(node.id), way.kind and s:text(way.kind) .. trip or s.UNKNOWN,
    s:text(way.address and why.address(way)), way.hops and ("%d"):format(way.hops) or s.UNKNOWN,
    way.cost and ("%d"):format(way.cost) or s.UNKNOWN, s.age(way.heard_ms) }
end

local function show_list(answer, s)
  say_routes(answer, s)
  local rows, reached = {}, 0
  for i, node in ipairs(answer.nodes) do
    rows[i] = node_row(node, s)
    if node.way then reached = reached + 1 end
  end
  if rows[1] then s:table(NODES, rows) end
  s:say(("%s; a way to %d of %s. All ways to one, and why: route get NAME."):format(
    s.count(#answer.routes, "route"), reached, s.count(#rows, "node")))
end

-- == route get

local function show_get(answer, s)
  local about = { { "address", s:text(answer.address) } }
  if answer.to ~= answer.address then about[2] = { "sent to", s:text(answer.to) } end
  if answer.label then s:line(s:paint("title", s:text(answer.label))) end
  s:facts(about)
  why.rows(answer.rows, s)
  local taken
  for _, way in ipairs(answer.ways) do taken = way.taken and way or taken end
  if taken then
    s:say(("A line there goes by %s %s now."):format(s:text(taken.kind), s:text(why.address(taken))))
  elseif answer.head == "node" or not answer.head then
    s:say "No line goes there now: no way is known that may be taken."
    return false
  else
    s:say(answer.head == "here" and "It is this node's own." or "A line there goes over that channel.")
  end
  return true
end

-- == route set, route unset

local UNTIL <const> = "until the daemon starts again; what shall stay is a line of the policy: \z
  p.routing.routes[%q] = %q"

local function show_set(answer, s)
  local one, before = answer.route, answer.before
  if before then
    s:say(("It takes the place of %s (%s)."):format(s:text(before.target), place(before, s)))
  end
  for _, text in ipairs(answer.warnings) do s:say(("%s: %s."):format(s:text(one.pattern), s:text(text))) end
  if one.rests then s:say(("It rests: %s."):format(s:text((one.rests:gsub("^%l+: ", ""))))) end
  s:say(("%s goes by %s, %s"):format(s:text(one.pattern), s:text(one.target),
    s:text(UNTIL:format(one.pattern, one.target))) .. ".")
end

local function show_unset(answer, s)
  local one, back = answer.route, answer.back
  if back then
    s:say(("%s goes by %s again, as the policy says (%s)."):format(s:text(one.pattern), s:text(back.target),
      place(back, s)))
  elseif one.origin then
    s:say(("%s is out of the table until the daemon starts again: to have it stay so, take it out of the policy \z
      (%s)."):format(s:text(one.pattern), place(one, s)))
  else
    s:say(("%s, which was set here, is out of the table."):format(s:text(one.pattern)))
  end
end

local SHOW <const> = { list = show_list, get = show_get, set = show_set, unset = show_unset }

-- A shell that finds $0 outside single quotes puts its own name there.
local function lost_sign(options)
  local shell = options.verb == "set" and options.target:match "/(%-?%l*sh)$"
  return shell and ("%s stands where $0 should: the shell put its name there. Write the target in single quotes: '%s'")
    :format(shell, options.target:gsub("%-?%l*sh$", "$0"))
end

local function request_of(options)
  if options.verb == "get" then return { command = "route-get", to = explain.clean({ options.who })[1] } end
  local words = explain.clean { options.pattern or "", options.target or "" }
  return { command = "route-" .. options.verb, pattern = options.pattern and words[1],
    target = options.target and words[2] }
end

function route.run(context, options)
  local lost = lost_sign(options)
  if lost then return context:misused(lost) end
  local answer, code = context:ask(request_of(options))
  if not answer then return code end
  if options.json then return context:json(answer) end
  local is_there = SHOW[options.verb](answer, context.show)
  return is_there == false and context.exit.no or context.exit.ok
end

return route
