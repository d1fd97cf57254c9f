-- judged.lua - is a release for this robot at all? What the robot has, what failed here, what it can do, what its
-- policy wants. Waits for nothing, keeps nothing.
local hooks_asked = require "clients.updates.hooks_asked"

local judged = {}

local NAMES_MAX <const> = require "clients.updates.saved".MOST

local function rejected(word, why, ...) return { state = "rejected", word = word, why = why:format(...) } end

local function is_failed(data, release)
  for _, one in ipairs(data.failed) do
    if one == release then return true end
  end
end

local LOOKS <const> = {}

-- What it has already.
LOOKS[1] = function(updates, row)
  local data = updates.saved.data
  local has, floor = data.installed[row.name], data.floor[row.name] or 0
  if has and has[1] == row.seq then return { state = "committed" } end
  if row.seq < floor then return rejected("seq", "%s/%d is below %d, which was here", row.name, row.seq, floor) end
  if row.word == "seq" then return rejected("seq", "%s", row.text or "its number is not to be believed") end
  local from = row.release.data.from
  if from and (has and has[1] or 0) < from then
    return rejected("target", "has %s, needs %d: first roll out %s/%d", has and tostring(has[1]) or "none", from,
      row.name, from)
  end
end

LOOKS[2] = function(updates, row)
  local data, count = updates.saved.data, 0
  local release = row.release.key
  if is_failed(data, release) then return rejected("target", "failed here: update forgive %s", release) end
  for _ in pairs(data.floor) do count = count + 1 end -- any order
  if count >= NAMES_MAX and not data.floor[row.name] then
    return rejected("full", "%d names of releases are installed here, which is the most", count)
  end
end

-- What it can do.
LOOKS[3] = function(updates, row)
  local data = row.release.data
  if not hooks_asked.artefact(updates.node, data) then
    return rejected("target", "has no artefact for %s", updates.node.here().arch or "this machine")
  end
  local run, text, word = updates.kinds(data.kind)
  if not run then
    return rejected(word or "target", "%s", text and text:gsub("^%l+: ", "") or "no handler of kind " .. data.kind)
  end
end

-- What people and its policy want of it.
LOOKS[4] = function(updates, row, is_wanted)
  if row.skipped[updates.node.id] then return rejected(nil, "skipped by a signed word") end
  if is_wanted then return nil end
  local yes, why = hooks_asked.want(updates, row)
  if not yes then return rejected(nil, "not wanted: %s", why or "no reason given") end
end

--- How the run ROW (known.lua's) ends for this robot before it begins → { state, word, why } | nil: it may begin.
--- IS_WANTED: the policy was asked, and said yes.
function judged.of(updates, row, is_wanted)
  for _, look in ipairs(LOOKS) do
    local verdict = look(updates, row, is_wanted)
    if verdict then return verdict end
  end
end

return judged
