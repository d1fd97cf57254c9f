-- signs.lua - what words and signs of tables mean, for `help WORD`, and the lists of all that has a meaning. No table.
local check_words = require "cli.check_words"
local columns = require "cli.columns"
local cures = require "cures"
local metrics = require "policy.metrics"

local signs = {}

-- Each one, what it means, what to do.
local SIGNS <const> = {
  { "–", "Unknown: nobody has said it, or it cannot be told without a clock. It is never 0.",
    "Nothing; for ages see the line clock of `status`." },
  { "~", "Before an age: about, by a clock that nobody proved. Before four letters: a node, by the end of its key, as \z
      its name is unknown or used twice.", "Let one node have its clock synchronised; give each robot a --name." },
  { "…", "Something was cut to fit the width.", "Make the terminal wider, or see the whole with --wide or --json." },
  { "ready", "A node that was heard lately and answers. Of an update: the gate that opens once the policy finds the \z
      robot at rest.", "Of a node nothing. Of an update: ROBOT update explain says what keeps it." },
  { "booting", "A node whose machine was switched on a moment ago.", "Wait a minute or two." },
  { "updating", "A node that is being updated, as it says itself.", "Nothing; it may start anew." },
  { "low-battery", "A node whose battery is under 15 % and is not being charged, as it says itself.", "Charge it." },
  { "clone?", "A node whose key two machines use at once: a copied card, or a stolen key.",
    "On the copy: dt-swarm-cli identity renew." },
  { "by record", "A node that is not heard here: others pass on what it says, and SEEN is the age of its last word.",
    "Nothing; ping and call reach it all the same." },
  { "busy", "A node that says of itself that it is at work; it answers all the same. Of an update: the gate that is \z
      closed while another update is under way there.", "Nothing; wait for its end." },
  { "ok", "A node whose checks find nothing wrong; what they do not know they do not call well.", "Nothing." },
  { "warn", "Something is wrong with that node, and it works all the same.",
    "Ask there: health ROBOT says what, and what to do." },
  { "error", "Something is badly wrong with that node.", "Ask there: health ROBOT says what, and what to do." },
  { "stale", "What that node said last of its body is too old to be believed: it is neither well nor ill.",
    "See whether it still runs: discover." },
  { "quiet", "A node that was not heard for 6 min (far away: 18 min), or left one question unanswered.",
    "Wait a minute and ask again; NOTE says how often it was asked." },
  { "lost", "A node that was not heard for 11 min (far away: 21 min), or left three questions unanswered and \z
    was silent for a minute, or for 35 s while somebody looked on.",
    "See whether it is switched on and in the same network, and what its own `status` says." },
  { "left", "A node that was stopped in good order and said so.", "Start it there; its records stand meanwhile." },
  { "gone", "FROM: that robot no longer shares the file; others still have a copy.",
    "Fetch it by the same name: files get NAME." },
  { "at risk", "One node alone has the file: were that lost, so were the file.",
    "Start a server in the swarm, which takes copies, or fetch it yourself: files get NAME." },
  { "only", "The node before it is the only one that has the file.", "See: help at risk." },
  { "same bytes", "Another name, or another robot's, of the file in the row above; it counts as one file.",
    "Nothing." },
  { "growing", "A file that is still written; it is shared once it stands still.", "Let whatever writes it finish." },
  { "settling", "A file that stopped growing a moment ago.", "Nothing; it is shared within a minute." },
  { "hashing", "Its CID is being computed.", "Nothing; large files take a while." },
  { "waiting", "Of a file: it is finished and not shared yet. Of a channel: it cannot open yet. The reason stands by.",
    "Nothing, unless the reason names a rule of the policy, or says what to do." },
  { "published", "A file that is shared: its record is in the swarm.", "Nothing." },
  { "refused", "A file that is not shared, or a run that a robot takes no part in; the word beside it says why.",
    "See: help and that word." },
  { "not there", "A shared file whose file system is not there; its record stands.", "See: help away." },
  { "held", "A copy of another robot's file, kept here for the swarm.", "Nothing." },
  { "fetching", "A file that is on its way to this node.", "Nothing." },
  { "waits", "A file that could not be fetched yet; the reason stands beside it. Of a robot in a rollout: it has not \z
      begun.", "Of a file nothing: it is tried again. Of a robot: ROBOT update explain." },
  { "offered", "A release that a robot looks at: is the plan here, and is it for this robot.", "Nothing." },
  { "payload", "The gate of an update that opens once the files of the release are here whole.",
    "Wait; where it does not move, start a node that holds them." },
  { "staged", "A release that is here whole and made ready; the robot waits for its gates.",
    "Which ones: ROBOT update explain." },
  { "gate", "What an update waits for: it begins once all gates are open.", "Which are closed: ROBOT update explain." },
  { "turn", "The gate of an update that opens once those before the robot in the plan are resolved.",
    "Wait; for who is away for long: rollout skip RUN ROBOT." },
  { "space", "The gate of an update that opens once there is room for the release.", "Make room on that disk." },
  { "unnamed", "A robot that the plan does not name, so that it never begins.",
    "A plan for it: rollout plan FILE --rest." },
  { "settled", "The gate of an update that opens once what is known of the lab was compared with another node.",
    "Start another node of the lab, or wait." },
  { "deferred", "A robot that could not use its turn in a rollout, and waits for a later round.",
    "Why it could not: ROBOT update explain." },
  { "applying", "A robot that installs a release, or looks whether it is well with it.", "Nothing." },
  { "verifying", "A robot that has the new release, and looks for the time of soak whether it is well with it.",
    "Nothing." },
  { "rolling back", "A robot that was not well with a release, and goes back to the one before.", "Nothing." },
  { "resolved", "A robot for which a run is over: committed, rolled back, rejected or skipped. Others may go on.",
    "Nothing." },
  { "failed", "A robot on which going on or back came to nothing for the third time; it is tried on.",
    "Look at it: STATE/updates/output there has what was printed last." },
  { "committed", "A robot that has the release and was well with it.", "Nothing." },
  { "rolled back", "A robot that tried the release and has the one before again; the reason stands beside it.",
    "Mend that, then there: update forgive, and another run." },
  { "rejected", "A robot that takes no part in the run; the reason stands beside it.",
    "Mend that, then another run: rollout plan FILE --rest." },
  { "skipped", "A robot that counts as done, as people signed.", "The next run takes it in." },
  { "stopped", "A run in which too many robots failed: nobody begins any more.",
    "Look at those robots, then another run: rollout plan FILE --rest." },
  { "paused", "A run in which nobody begins for now, as people signed; what is under way goes on.",
    "To go on: rollout resume RUN." },
  { "over", "A run whose robots are all resolved, and not all of them have the release.",
    "Who and why: rollout status RUN. Then for the others: rollout plan FILE --rest." },
  { "up", "A channel that is open.", "Nothing." },
  { "down", "A channel that cannot open as things are; why stands under the table.", "See the reason there." },
  { "bound", "The key belongs to this board: a card that is moved into another one is noticed.", "Nothing." },
  { "unbound", "Too little is known of the board to tell whether the key was copied to another one.",
    "Nothing; do not run copies of one card." },
  { "came twice", "News that was held already: gossip arrives by several ways.", "Nothing; this is usual." },
  { "unsure", "Records of a class that were damaged on the disk: shown, but not acted on.",
    "Let a neighbour be in reach: what both have is sure again." },
  { "not signed for", "A token let that key in, and no person has signed for it yet.",
    "If it is yours: trust confirm." },
  { "role is over", "The key stands, so that what it said stays, but it may say nothing new.",
    "Let an admin sign for it: trust grant." },
  { "name used twice", "Several nodes have that name; the letters behind ~ tell them apart.",
    "Give each a --name of its own." },
}

local BY_WORD <const> = {}
for _, title in ipairs(columns.all()) do BY_WORD[title.word] = title end
for _, entry in ipairs(SIGNS) do BY_WORD[entry[1]] = { word = entry[1], means = entry[2], cure = entry[3] } end

-- What the metric NAME is | nil
local function metric(name)
  local row = metrics.by_name[name]
  if not row then return nil end
  local unit = row.unit and row.unit ~= "ratio" and (", in %s"):format(row.unit) or ""
  return { word = name, means = ("%s%s%s."):format(row.help:sub(1, 1):upper(), row.help:sub(2), unit),
    cure = row.missing and ("Nothing: no node knows it yet (%s)."):format(row.missing) or
      "Nothing; where it is wrong a check says so: health ROBOT." }
end

--- WORD, sign, title, check or metric → { word =, means =, cure = a sentence or two each } | nil. A hyphen is taken for
-- the dash; a title may be written small.
function signs.of(word)
  local known = BY_WORD[word == "-" and "–" or word] or BY_WORD[word:upper()]
  for _, check in ipairs(known and {} or check_words.all()) do
    if check.word == word:gsub(" ", "_") then return check end -- as tables show it
  end
  return known or metric(word)
end

--- All words and signs, in order; the titles are columns.all().
function signs.all()
  local list = {}
  for i, entry in ipairs(SIGNS) do list[i] = BY_WORD[entry[1]] end
  return list
end

--- All that `help WORD` explains, as five lists of { word =, means =, cure = }: words of refusal, errors of the system,
--- words and signs of tables, titles of tables, checks.
function signs.lists()
  local refusals, errors = cures.all()
  return { refusals, errors, signs.all(), columns.all(), check_words.all() }
end

return signs
