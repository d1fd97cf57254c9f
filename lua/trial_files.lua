-- trial_files.lua - what a start finds of earlier runs in the state folder, and the policy that it begins with. Judges
-- nothing (trial_start.lua does), and runs no trial.
local kept = require "kept"
local trial = require "trial"
local trial_start = require "trial_start"

local trial_files = {}

local BOOT_ID <const> = "/proc/sys/kernel/random/boot_id"

-- A text that no other process of this boot has: its number, and when it began.
local function process_of(disk)
  local line = disk:read("/proc/self/stat", 4096) or ""
  local number, rest = line:match "^(%d+) .*%) (.*)$"
  local fields = {}
  for word in (rest or ""):gmatch "%S+" do fields[#fields + 1] = word end
  return ("%s:%s"):format(number or "?", fields[20] or "?")
end

local function now_of(given)
  local shipped = given.files:read_shipped()
  return { process = process_of(given.disk), boot = (given.disk:read(BOOT_ID, 128) or "?"):match "^[%x-]+" or "?",
    ms = given.loop:now(), shipped = shipped and require "policy.source".hash(shipped) }
end

-- The policy of what was packed, unless the file's is the same. → policy | nil, lines
local function of(given, packed, pause)
  if given.policy and given.policy.hash == packed.hash then return given.policy end
  return given.files:load(trial_start.unpack(packed), pause)
end

-- The policy to go back to. What this version of the program refuses is passed over.
local function load_good(given, data, pause)
  local good, swarm = trial_start.good(data)
  local policy, lines
  if good then policy, lines = of(given, good, pause) end
  if policy then return policy end
  if lines then given.log:error("policy", "the good one is refused by this version", { why = lines[1] }) end
  return given.files:fallback(swarm, pause)
end

local BEGIN <const> = {}

function BEGIN.new(given, data)
  data.swarm = nil
  data.trial = trial_start.pack(given.policy)
  return given.policy
end

function BEGIN.trial(given, data)
  local policy, lines = of(given, data.trial)
  if policy then return policy end
  trial_start.fail(data, lines[1])
  return load_good(given, data)
end

function BEGIN.good(given, data) return load_good(given, data) end

function BEGIN.shipped(given, data, now)
  if not given.policy or given.policy.hash ~= now.shipped then return load_good(given, data) end
  data.good = trial_start.pack(given.policy)
  return given.policy
end

local function firm(given, name)
  return kept.new_firm { disk = given.disk, log = given.log, date = given.date, dir = given.dir, name = name }
end

-- What is said of the file's policy where it is not the one in force, as reload.lua has it | nil
local function refusal_of(given, data, in_force)
  local lines, file = given.faults, given.policy
  if file and file.hash ~= in_force.hash and not lines then
    lines = { trial_start.FAILED:format(file.name, trial_start.why_bad(data, file.hash) or "it is passed over") }
  end
  return lines and { lines = lines, at = given.loop:wall(), source = "start", hash = file and file.hash }
end

-- What DATA makes of the next start cannot be written, for WHY. A trial that the next start would not know of is none:
-- the policy could end the node again and again. → the policy to begin with, CHOSEN or another | nil, lines
local function give_up_trial(given, data, chosen, how, why)
  given.log:error("policy", "what is kept cannot be written", { why = why })
  if not data.trial or how == "anew" then return chosen end
  data.swarm, data.trial = data.swarm or data.trial.swarm, nil
  if chosen ~= given.policy then chosen:close() end
  if given.policy then
    given.faults = { ("%s: it is not tried while the state folder cannot be written: %s"):format(given.policy.name,
      why) }
  end
  return load_good(given, data)
end

-- What the firm value ONE holds, if IS_FIT of it | nil
local function read_fit(given, one, is_fit)
  local data = one:read()
  if data == nil or is_fit(data) then return data end
  given.log:error("policy", "what is kept makes no sense: begun anew", { file = one.path })
end

--- Opens what is kept in the state folder and says with which policy to begin; what that makes of the next start is on
-- the disk then. GIVEN: disk, log, loop, date; dir = the state folder; files (policy_files.lua); policy = that of the
-- file | nil: it is broken, or too long to be tried, as FAULTS say (lines).
-- → { policy =, trial = lua/trial.lua's, failed =, how =, why = (trial_start.decide), refusal = (refusal_of) } | nil,
-- lines: there is no policy at all
function trial_files.open(given)
  local state, before, now = firm(given, "policy"), firm(given, "policy-before"), now_of(given)
  local data = read_fit(given, state, trial_start.is_sound) or trial_start.empty()
  local found = trial_start.decide(data, given.policy and given.policy.hash, now)
  local policy, lines = BEGIN[found.use](given, data, now)
  if not policy then return nil, lines end
  local ok, text = state:put(data)
  if not ok then
    policy, lines = give_up_trial(given, data, policy, found.how, text)
    if not policy then return nil, lines end
  end
  local refusal = refusal_of(given, data, policy)
  local previous = read_fit(given, before, trial_start.is_packed)
  if previous and data.good and previous.hash == data.good.hash then previous = nil end
  if given.policy and given.policy ~= policy then given.policy:close() end
  given.policy = nil -- the trial loads anew what it goes back to
  return { policy = policy, failed = found.failed, how = found.how, why = found.why, refusal = refusal,
    trial = trial.new { loop = given.loop, log = given.log, kept = state, before = before, data = data,
      previous = previous, policy = policy,
      load = function(kept_data, pause) return load_good(given, kept_data, pause) end } }
end

return trial_files
