-- release_list.lua - `release list`: the releases that are known here, and who signed them. It asks the daemon only.
local updates = require "cli.updates"

local release_list = {}

function release_list.request() return { command = "updates" } end

local COLUMNS <const> = {
  { title = "RELEASE", rank = 1 }, { title = "KIND", rank = 3 },
  { title = "VERSION", give = true, least = 6, rank = 2 },
  { title = "SIZE", align = "right", rank = 4 }, { title = "SIGNED", give = true, least = 8, rank = 2 },
  { title = "NOTE", give = "first", least = 8, rank = 5 },
}

local function size_of(release)
  local most = 0
  for _, one in ipairs(release.artefacts) do most = math.max(most, one.size) end
  return most
end

local function note_of(release, me)
  local has = me.installed[release.name]
  local words = {}
  if has and has.seq == release.seq then words[1] = "installed here" end
  if release.security then words[#words + 1] = "security" end
  if release.note then words[#words + 1] = release.note end
  return table.concat(words, ", ")
end

local function signed(release, s)
  local names = {}
  for i, label in ipairs(release.signers) do names[i] = s:text(label) end
  local by = names[1] and s.list(names) or "nobody who counts"
  if release.counts then return by end
  return { ("%s: %s"):format(s:text(release.word), by), colour = "warn" }
end

--- Prints the answer.
function release_list.show(answer, s)
  local rows, faults = {}, {}
  for i, release in ipairs(answer.releases) do
    rows[i] = { s:text(release.key), s:text(release.kind), s:text(release.version), s.size(size_of(release)),
      signed(release, s), s:text(note_of(release, answer.me)) }
    if not release.counts and release.text then
      faults[#faults + 1] = ("%s does not count: %s."):format(s:text(release.key), updates.said(release.text, s))
    end
  end
  if not rows[1] then return s:say "No release is known here. To make one: release new." end
  s:table(COLUMNS, rows)
  for _, fault in ipairs(faults) do s:say(fault) end
  s:say(("%s. Who takes one is said by rollout status."):format(s.count(#rows, "release")))
end

return release_list
