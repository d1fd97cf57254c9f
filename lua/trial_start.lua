-- trial_start.lua - with which policy a start begins: the file's, the good one, the shipped one. Reads no file.
--
-- It judges what the last run left. A start of the same boot that finds a policy on trial is the sign that this policy
-- ended the node: it failed. Another boot ID means that the power went, which is nobody's fault: the trial begins anew,
-- but not one that somebody had to confirm. A clean stop is no fault either, and counts like a power cut. A daemon that
-- executes itself anew is the same process with the same start time: the trial goes on.
local json = require "core.json"
local text = require "core.text"

local trial_start = {}

local TEXTS_MAX <const> = 90 * 1024 -- bytes of the texts of one policy, so that two fit into one kept value

local CRASHES <const>, WITHIN <const> = 3, 60 * 1000 -- of the good policy, in so many ms, are too many
local BAD_MAX <const> = 16 -- texts that failed, and are remembered
local WHY_MAX <const> = 160 -- bytes

-- What is said of a policy's file whose text is not tried again.
trial_start.FAILED = "%s: this text failed before: %s; change it, or have it tried again: \z
  dt-swarm-cli HOST policy reload"

-- Who confirms a policy that a release brought, in place of a user.
trial_start.UPDATE = "update"

--- Why WHO ({ uid =, since = when the connection was made }) cannot confirm the policy ONE, on trial since SINCE | nil
function trial_start.not_to_confirm(one, who, since)
  if one.confirm and one.uid ~= who.uid then
    if one.uid == trial_start.UPDATE then
      return "permission: an update brought it, and confirms it when it is committed; policy rollback goes back now"
    end
    return ("permission: the user %s asked for this change, and only that user can confirm it"):format(one.uid or "?")
  end
  if not since or who.since <= since then
    return "permission: this connection was there before the change; only a new one shows that the node can still be "
      .. "reached"
  end
end

--- How WHO is spoken of.
function trial_start.confirmed_by(who)
  return who.uid == trial_start.UPDATE and "its update was committed" or ("confirmed by user %s"):format(who.uid or "?")
end

local ROW <const> = { "name", "path", "text" }

local function size_of(chain)
  local n = 0
  for _, one in ipairs(chain) do n = n + #one.text end
  return n
end

--- Can the texts of CHAIN (policy/source.lua) be kept? → true | nil, text, code
function trial_start.fits(chain)
  local n = size_of(chain)
  if n <= TEXTS_MAX then return true end
  return nil, ("size: %s: with what it extends it has %d bytes, and at most %d can be tried and kept"):format(
    chain[1].name, n, TEXTS_MAX), "size"
end

--- What is kept of POLICY: { hash =, swarm =, texts = … }. Canonical JSON knows no line feeds, so texts are base64url.
function trial_start.pack(policy)
  local texts = {}
  for i, one in ipairs(policy.chain) do
    texts[i] = {}
    for _, name in ipairs(ROW) do texts[i][name] = text.base64url(one[name]) end
  end
  return { hash = policy.hash, swarm = text.base64url(policy:get "swarm"), texts = json.array(texts) }
end

--- The texts of what is kept (pack), as policy/load.lua takes them.
function trial_start.unpack(packed)
  local chain = {}
  for i, one in ipairs(packed.texts) do
    chain[i] = {}
    for _, name in ipairs(ROW) do chain[i][name] = text.unbase64url(one[name]) end
  end
  return chain
end

local function is_text(value) return type(value) == "string" and text.unbase64url(value) ~= nil end

local function is_integer(value) return math.type(value) == "integer" end

--- Is ONE something that pack made?
function trial_start.is_packed(one)
  if type(one) ~= "table" or type(one.hash) ~= "string" or not is_text(one.swarm) then return false end
  if type(one.texts) ~= "table" or not one.texts[1] then return false end
  if one.confirm ~= nil and not is_integer(one.confirm) then return false end
  for _, row in ipairs(one.texts) do
    for _, name in ipairs(ROW) do
      if type(row) ~= "table" or not is_text(row[name]) then return false end
    end
  end
  return true
end

local function all(list, is_one)
  for _, one in ipairs(type(list) == "table" and list or { list }) do
    if not is_one(one) then return false end
  end
  return type(list) == "table"
end

--- Is DATA what a start can judge? Whole as it is, another version of the program may have written it.
function trial_start.is_sound(data)
  if type(data) ~= "table" or not all(data.crashes, is_integer) then return false end
  for _, name in ipairs { "good", "trial" } do
    if data[name] ~= nil and not trial_start.is_packed(data[name]) then return false end
  end
  return (data.swarm == nil or is_text(data.swarm)) and all(data.bad, function(one)
    return type(one) == "table" and type(one.hash) == "string" and type(one.why) == "string"
  end)
end

--- What is kept, from nothing.
function trial_start.empty() return { bad = json.array {}, crashes = json.array {} } end

--- Why the text with HASH is not to be tried again | nil: it may be.
function trial_start.why_bad(data, hash)
  for _, one in ipairs(data.bad) do
    if one.hash == hash then return one.why end
  end
end

--- Remembers that the text with HASH failed; WHY nil: forgets it.
function trial_start.mark(data, hash, why)
  local bad = json.array {}
  for _, one in ipairs(data.bad) do
    if one.hash ~= hash then bad[#bad + 1] = one end
  end
  if why then bad[#bad + 1] = { hash = hash, why = why:gsub("[^ -~]", "?"):sub(1, WHY_MAX) } end
  if #bad > BAD_MAX then table.remove(bad, 1) end
  data.bad = bad
end

--- The policy to go back to, as pack made it | nil: the shipped one; and then the swarm to be in, where that is known.
function trial_start.good(data)
  local good = data.good
  if good and not trial_start.why_bad(data, good.hash) then return good end
  local swarm = good and good.swarm or data.swarm
  return nil, swarm and text.unbase64url(swarm)
end

--- POLICY is on trial from here on. HOW: of trial:begin. IN_FORCE: the policy until now; where none is good yet, its
-- swarm is the one in which people look for the node. → data.trial
function trial_start.begin(data, policy, how, in_force)
  trial_start.mark(data, policy.hash)
  if not trial_start.good(data) then data.swarm = text.base64url(in_force:get "swarm") end
  data.trial = trial_start.pack(policy)
  data.trial.confirm, data.trial.uid = how.confirm, how.who and how.who.uid
  return data.trial
end

--- The policy on trial failed, for WHY: the good one counts again.
function trial_start.fail(data, why)
  data.swarm = data.swarm or data.trial.swarm
  trial_start.mark(data, data.trial.hash, why)
  data.trial = nil
end

-- How the last run ended: "none" there was none, "anew" it was this process, "power" the machine went with it, "clean",
-- or "crash".
local function ending(data, now)
  if not data.process then return "none" end
  if data.process == now.process and data.boot == now.boot then return "anew" end
  if data.clean then return "clean" end
  return data.boot == now.boot and "crash" or "power"
end

local UNCONFIRMED <const> = { power = "the power went before it was confirmed",
  clean = "the node was stopped before it was confirmed" }

local function judge_trial(data, how)
  if not data.trial or how == "anew" then return end
  if how == "crash" then
    trial_start.fail(data, "the node crashed while it was on trial")
  elseif data.trial.confirm then
    trial_start.fail(data, UNCONFIRMED[how] or UNCONFIRMED.power)
  else
    return
  end
  return true
end

-- The policy in force is no news, and yet the node crashed. → true: too often
local function count_crash(data, now)
  local crashes = json.array {}
  for _, at in ipairs(data.crashes) do
    if at > now.ms - WITHIN then crashes[#crashes + 1] = at end
  end
  crashes[#crashes + 1] = now.ms
  data.crashes = crashes
  if #crashes < CRASHES or not data.good or data.good.hash == now.shipped then return end
  data.crashes = json.array {}
  trial_start.mark(data, data.good.hash, "the node crashed three times in a minute under it")
  return true
end

-- From the texts of the file to what the start uses. FILE: its hash | nil: it cannot be used.
local function choose(data, file, now)
  if data.trial and (not file or now.how == "anew" or file == data.trial.hash) then return "trial" end
  data.trial = nil -- another one stands there now
  local is_bad = file and trial_start.why_bad(data, file)
  local is_good = trial_start.good(data) ~= nil
  if now.how == "anew" or not file or is_bad or is_good and file == data.good.hash then
    return is_good and "good" or "shipped"
  end
  return file == now.shipped and "shipped" or "new"
end

--- Judges DATA (what is kept; it is changed) and says which policy to begin with. FILE: the hash of the policy's file |
-- nil: it is broken. NOW: { process = text that differs for each process, boot = the system's boot ID, ms = a monotonic
-- time of this boot, shipped = the hash of the shipped policy }.
-- → { use = "new" the file's, which goes on trial; "trial" the one that is on trial; "good"; or "shipped",
--     how = how the last run ended, failed = the hash of what failed by this start | nil, why = what it did }
function trial_start.decide(data, file, now)
  local how, tried = ending(data, now), data.trial and data.trial.hash
  now.how = how
  if how == "clean" or how == "power" then
    data.crashes = json.array {}
    local good = data.good and trial_start.why_bad(data, data.good.hash)
    if good then trial_start.mark(data, data.good.hash) end -- it gets another chance
  end
  local failed = judge_trial(data, how) and tried
  if how == "crash" and not tried and count_crash(data, now) then failed = data.good.hash end
  local use = choose(data, file, now)
  data.process, data.boot, data.clean = now.process, now.boot, nil
  return { use = use, how = how, failed = failed or nil, why = failed and trial_start.why_bad(data, failed) or nil }
end

return trial_start
