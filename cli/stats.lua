-- stats.lua - `stats show`: the counters of this node's use that go next to its site, byte for byte, or why none go. It
-- asks the daemon only.
local stats = {}

function stats.request() return { command = "stats" } end

local SAID <const> = { drive = "min driven", files = "files shared", mb = "MB shared", on = "min on",
  record = "min recorded", starts = "starts" }
local ONE <const> = { files = "file shared", starts = "start" }
local ORDER <const> = { "on", "drive", "record", "files", "mb", "starts" }

local function counted(counts)
  local words = {}
  for _, name in ipairs(ORDER) do
    if counts[name] then
      words[#words + 1] = ("%d %s"):format(counts[name], counts[name] == 1 and ONE[name] or SAID[name])
    end
  end
  return table.concat(words, ", ")
end

--- Prints the answer.
function stats.show(answer, s)
  if answer.data then
    s:line(s:text(answer.data))
    s:say "That goes to the nodes of this site each 5 min, signed by this node; E stands for 2^(E-1) to 2^E - 1."
  else
    s:say(("Nothing is told: %s."):format(s:text(answer.why)))
  end
  s:say(("Counted here this week: %s."):format(counted(answer.counts or {})))
  local names = {}
  for i, name in ipairs(answer.gatherers or {}) do names[i] = s:text(name) end
  s:say(names[1] and ("Gathered by %s, which publishes sums of 5 robots or more, once a week."):format(s.list(names))
    or "Who gathers it is known once he publishes sums; a server does (clients.statistics.gather).")
end

return stats
