-- lab_kit.lua - a lab of people by name for specs: what they say of `trust/…`, put through the real index. Without a
-- lab file and without a node: those are of spec/labs.lua.
local authority = require "dcache.authority"
local json, key, labs = require "core.json", require "core.key", require "spec.labs"
local record = require "core.record"

local kit = {}

local SWARM = "robotics:7Qm2aaaaaaaaaaaaaakd4A"
local YEAR = 365 * 86400
kit.NOW = 1800000000 -- s, a multiple of 16
kit.SWARM = SWARM

kit.CLASSES = {
  { name = "root", max_ttl = 3660 * 86400, size = 1024, slots = 64, kept = true, admitted = "member",
    buckets = { "trust/root" } },
  { name = "trust", max_ttl = 400 * 86400, size = 1024, slots = 1000, kept = true, admitted = "member",
    buckets = { "trust/…" } },
}

-- The key that belongs to NAME, always the same.
local keys = {}
function kit.key(name)
  keys[name] = keys[name] or key.generate(require "core.hash".blake2b("lab kit " .. name))
  return keys[name]
end

function kit.id(name) return kit.key(name):id() end

function kit.ids(...)
  local list = json.array {}
  for i, name in ipairs { ... } do list[i] = kit.id(name) end
  table.sort(list)
  return list
end

--- WHO (name) says VERB in BUCKET under the key that belongs to NAME (or KEY as it is); DATA: table | nil.
-- more.at: ms; more.till: s. → a statement of the core
function kit.say(who, verb, bucket, name, data, more)
  more = more or {}
  local at = more.at or kit.NOW * 1000
  return labs.sign(kit.key(who), SWARM, { verb = verb, bucket = bucket, key = more.key or kit.id(name), at = at,
    valid_from = 0, valid_until = more.till or (at // 1000 + YEAR) // 16 * 16, data = data })
end

function kit.grant(who, whom, role, more)
  local tags = json.array(more and more.tags or {})
  return kit.say(who, "propose", "trust/grants", whom, { name = whom, role = role, tags = tags }, more)
end

function kit.retire(who, whom, role, at)
  return kit.grant(who, whom, role, { at = at, till = at // 16000 * 16 })
end

function kit.revoke(who, whom, more) return kit.say(who, "propose", "trust/revoked", whom, { why = "lost" }, more) end
function kit.lift(who, whom, more) return kit.say(who, "dismiss", "trust/revoked", whom, nil, more) end

function kit.token(who, token, most, more)
  return kit.say(who, "propose", "trust/tokens", token, { most = most, name = token }, more)
end

function kit.cancel(who, token, more) return kit.say(who, "dismiss", "trust/tokens", token, nil, more) end

--- WHO enrols by TOKEN; more.proof_of: the key that the proof is made for (himself).
function kit.enrol(who, token, more)
  local proof = kit.key(token):sign("enrol", SWARM, kit.id(more and more.proof_of or who))
  return kit.say(who, "propose", "trust/enrolled", who, { name = who, proof = more and more.proof or proof,
    token = kit.id(token) }, more)
end

--- WHO signs root NUMBER of KEYS (names), of which NEED have to sign.
function kit.root(who, number, names, need, more)
  return kit.say(who, "propose", "trust/root", nil, { keys = kit.ids(table.unpack(names)), need = need,
    number = number }, { at = more and more.at, key = tostring(number) })
end

kit.plain = labs.plain -- what a statement says, as readers of the journal have it

--- What INDEX holds, as readers have it.
function kit.held(index)
  local list = {}
  for _, bucket in ipairs(index:buckets()) do
    for _, entry in ipairs(index:bucket(bucket)) do list[#list + 1] = labs.statement(entry.text) end
  end
  return list
end

local function filled(statements)
  local index = record.new(kit.CLASSES)
  for _, st in ipairs(statements) do index:put(st) end
  return index
end

local known = {}

--- As given.proves of the authority, with its answers remembered.
function kit.proves(token, id, proof)
  local name = token .. id .. proof
  if known[name] == nil then known[name] = key.verify(token, "enrol", SWARM, id, proof) == true end
  return known[name]
end

--- The authority that STATEMENTS make, which come into the index in this order, beside root 1 of the keys ROOT (names,
-- of which NEED). more.index: one that holds them already; more.low: s;
-- more.accepted, more.pause: as work_out has them.
function kit.verdict(root, need, statements, more)
  more = more or {}
  return authority.work_out { root = { keys = kit.ids(table.unpack(root)), need = need, number = 1 },
    accepted = more.accepted, statements = kit.held(more.index or filled(statements)),
    low = (more.low or kit.NOW) * 1000, proves = kit.proves, pause = more.pause }
end

return kit
