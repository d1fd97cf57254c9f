-- update_status.lua - `update status`: what this robot has installed, what it is at, which runs name it. It asks the
-- daemon only.
local sorted = require "sorted"

local status = {}

function status.request() return { command = "updates" } end

local COLUMNS <const> = {
  { title = "RELEASE", rank = 1 }, { title = "VERSION", give = true, least = 6, rank = 1 }, { title = "CID", rank = 3 },
}

local function installed(me, s)
  local rows = {}
  for i, name in ipairs(sorted.keys(me.installed)) do
    local one = me.installed[name]
    rows[i] = { ("%s/%d"):format(s:text(name), one.seq), s:text(one.version), s:short(one.cid) }
  end
  if rows[1] then s:table(COLUMNS, rows) else s:say "Nothing was installed by a rollout here." end
end

-- What this robot committed by its own words, and does not have: its card was restored, or its records were lost.
local function say_lacking(me, s)
  for _, name in ipairs(sorted.keys(me.floor)) do
    local seq = (me.installed[name] or { seq = 0 }).seq
    if seq < me.floor[name] then
      s:say(("It committed %s/%d, which is not on this card: release again %s/%d, then a rollout of that."):format(
        s:text(name), me.floor[name], s:text(name), me.floor[name]))
    end
  end
end

local function say_now(now, s)
  local soak = now.phase == "verifying" and now.soak and (", well for %s of %s"):format(
    s.span((now.soaked or 0) * 1000), s.span(now.soak * 1000)) or ""
  s:say(("%s is %s%s.%s"):format(s:text(now.release), s:text(now.phase:gsub("_", " ")), soak,
    now.why and (" Last: %s."):format(s:text(now.why)) or ""))
end

local DONE <const> = { unnamed = true, committed = true } -- phases of which there is no more to be said

local function say_runs(answer, s)
  local named = 0
  for _, run in ipairs(answer.runs) do
    if run.phase and not DONE[run.phase] and not run.complete then
      named = named + 1
      s:say(("%s: %s here. Why: update explain %s"):format(s:text(run.run), s:text(run.phase:gsub("_", " ")),
        s:text(run.run)))
    end
  end
  if named == 0 then s:say "No run waits for this robot." end
end

--- Prints the answer.
function status.show(answer, s)
  local me = answer.me
  installed(me, s)
  say_lacking(me, s)
  if me.lost then
    s:say(("What was installed is not known (%s), so nothing begins. To go on: update forgive --all"):format(
      s:text(me.lost)))
  end
  if me.now then say_now(me.now, s) end
  if me.failed[1] then
    s:say(("Failed here, so not taken again: %s. To let it try again: update forgive %s"):format(
      s:text(table.concat(me.failed, ", ")), s:text(me.failed[#me.failed])))
  end
  say_runs(answer, s)
end

return status
