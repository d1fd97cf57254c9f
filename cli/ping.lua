-- ping.lua - `ping` and `trace`: how long does it take to a node, and over which hops? It asks the daemon, which sends.
local explain = require "cli.explain"

local ping = {}

-- WHO as the daemon told him, with the end of his key where his name does not have it.
local function who(row, s)
  if not row.id then return row.label and s:text(row.label) or s.UNKNOWN end
  local label = s:who(row)
  if label:find("~", 1, true) then return label end
  return ("%s %s"):format(label, s:key(row.id))
end

-- What a person asked about: a node's label, or the address as it was sent.
local function target(answer, s) return answer.label and s:text(answer.label) or s:text(answer.to) end

local TIMES <const> = { [2] = ", at the second try", [3] = ", at the third try" }

local function time_of(row, s) return s.trip(row.rtt_us) .. (TIMES[row.tries] or "") end

-- Why the line ended there: the hop's word, and what it means where the text does not say.
local function word_of(row, s)
  local why = row.why and row.why ~= "" and s:text(row.why) or nil
  return why and ("%s (%s)"):format(why, s:text(row.code)) or s:text(row.code)
end

local function try_line(row, s)
  if not row.code then return time_of(row, s) end
  if row.code == "slow" then return "no answer in ten seconds" end
  return ("%s: %s"):format(who(row, s), word_of(row, s))
end

local function hop_line(row, s)
  if row.code == "slow" then return s.UNKNOWN .. " no answer in ten seconds" end
  local line = row.rtt_us and ("%s, %s"):format(who(row, s), time_of(row, s)) or who(row, s)
  if not row.code or row.code == "hops" then return line end
  return ("%s: %s"):format(line, word_of(row, s))
end

local function colour_of(row) return row.code and row.code ~= "hops" and "warn" or nil end

local function say_row(row, text, s) s:facts { { ("%2d"):format(row.n), text, colour = colour_of(row) } } end

-- "0.4 ms", "0.3 to 0.9 ms"
local function spread(tries, s)
  local least, most = math.maxinteger, 0
  for _, row in ipairs(tries) do
    if row.rtt_us then least, most = math.min(least, row.rtt_us), math.max(most, row.rtt_us) end
  end
  local first, last = s.trip(least), s.trip(most)
  if first == last then return first end
  return ("%s to %s"):format(first:gsub(" ms$", ""), last)
end

local function finish_ping(answer, s)
  local last = answer.tries[#answer.tries]
  say_row(last, try_line(last, s), s)
  if answer.answered == 0 then
    local who_asked = target(answer, s)
    local words = answer.sent == 1 and ("The ping to %s was not answered."):format(who_asked)
      or ("None of %s to %s was answered."):format(s.count(answer.sent, "ping"), who_asked)
    s:say(words .. " How far they come: trace.")
    return false
  end
  local by
  for _, row in ipairs(answer.tries) do by = by or row.rtt_us and row or nil end
  s:say(("%d of %s answered by %s in %s."):format(answer.answered, s.count(answer.sent, "ping"), who(by, s),
    spread(answer.tries, s)))
  return true
end

-- The last one that named itself.
local function farthest(hops)
  local found
  for _, row in ipairs(hops) do
    if row.id then found = row end
  end
  return found
end

local function finish_trace(answer, s)
  local hops, far = answer.hops, farthest(answer.hops)
  local last = hops[#hops]
  if last.n > 0 then say_row(last, hop_line(last, s), s) end
  if answer.done then
    local n = #hops - 1
    s:say(n == 0 and ("%s is reached without a hop between."):format(who(last, s))
      or ("%s is reached over %s."):format(who(last, s), s.count(n, "hop")))
    return true
  end
  local word = last.code ~= "slow" and (" What its word means: dt-swarm-cli help %s."):format(s:text(last.code)) or ""
  s:say(far and ("%s is not reached: the last who answered is %s.%s"):format(target(answer, s), who(far, s), word)
    or ("%s is not reached: nobody on the way answered."):format(target(answer, s)))
  return false
end

local function show_one(answer, s)
  if answer.event == "asking" then
    if not answer.label then return s:say(target(answer, s)) end
    s:line(s:paint("title", ("%s  %s"):format(target(answer, s), s:short(answer.id))))
  elseif answer.try then
    say_row(answer.try, try_line(answer.try, s), s)
  elseif answer.hop then
    say_row(answer.hop, hop_line(answer.hop, s), s)
  elseif answer.tries then
    return finish_ping(answer, s)
  else
    return finish_trace(answer, s)
  end
end

--- Asks until all answers are there, or until Ctrl-C; → exit code: `no` where the node itself did not answer.
function ping.run(context, options)
  local reached
  local request = { command = options.verb, to = explain.clean({ options.who })[1], count = options.count }
  local code = context:follow(request, function(answer)
    if not options.json then
      reached = show_one(answer, context.show)
      context.world.flush()
    elseif not answer.continues then
      reached = (answer.done or (answer.answered or 0) > 0)
      context:json(answer)
    end
  end)
  return code == context.exit.ok and not reached and context.exit.no or code
end

return ping
