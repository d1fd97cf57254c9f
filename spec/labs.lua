-- labs.lua - labs for specs: root keys, a token, robots, and what they sign. No checks of its own.
--
--   local labs = require "spec.labs"
--   local lab = labs.new { name = "robotics", robots = 3 }
--   lab.text                      the lab file: put it on a robot as it is; lab.lab has it as dcache/lab.lua reads it,
--                                 for one node (it wipes the token's secret); lab:read() gives another one each time
--   lab.roots[1], lab.root        core.key handles of the root keys; lab.token, lab.token_id: of the token `images`
--   lab.robots[1]                 { key = core.key, id =, name = "robot1" }, in no word of the lab file
--   lab:line(lab.root, { bucket = "trust/grants", key = ID, data = { name = "ada", role = "admin", tags = {} } })
--   lab:enrol(lab.robots[1])      the line by which the token lets him in
--   lab:grant(key, ID, role, more), lab:revoke(key, ID, more), lab:dismiss(key, bucket, KEY, more): lines
--                                 (MORE: at, valid_until, ttl; of a grant name and tags, of a revocation why)
--   labs.statement(line), labs.plain(core.statement)    as authority.lua and meaning.lua are told it
--   sim.new{…}:add("ada", { lab = lab.lab })    a node of it in the simulator
local hash = require "core.hash"
local json = require "core.json"
local key = require "core.key"
local statement = require "core.statement"
local text = require "core.text"

local labs = {}
labs.__index = labs

local DAY = 24 * 60 * 60
labs.AT = 1700000000000 -- ms: when the simulator's virtual clock begins
labs.TTL, labs.SHORT_TTL = 366 * DAY, 16 * 60 -- s: of `trust/…`, of all else

-- A key that is the same in each run.
function labs.key(name) return key.generate(hash.blake2b("a key of specs " .. name)) end

--- FIELDS of a statement that KEY (core.key) signs in SWARM: bucket, key = text (nil: the signer's ID), data = table
--- (nil: it dismisses), verb, at = ms, valid_from = s, valid_until = s, ttl = s. → core.statement
function labs.sign(signer, swarm, fields)
  local at = fields.at or labs.AT
  local from = fields.valid_from or at // 1000 // 16 * 16
  local ttl = fields.ttl or fields.bucket:find "^trust/" and labs.TTL or labs.SHORT_TTL
  return assert(statement.sign(signer, swarm, { verb = fields.verb or fields.data ~= nil and "propose" or "dismiss",
    bucket = fields.bucket, key = fields.key or signer:id(), at = at, valid_from = from,
    valid_until = fields.valid_until or from + ttl // 16 * 16,
    data = fields.data ~= nil and json.encode(fields.data) or "null" }))
end

--- One more line that KEY signs in this lab; each line has a later AT than the one before, unless FIELDS name one.
function labs:line(signer, fields)
  self.at = self.at + 1
  local copy = { at = self.at }
  for name, value in pairs(fields) do copy[name] = value end
  return labs.sign(signer, self.swarm, copy).line
end

local function with(fields, more)
  for name, value in pairs(more or {}) do fields[name] = value end
  return fields
end

function labs:grant(signer, id, role, more)
  local known = more or {}
  local data = { name = known.name or "", role = role, tags = json.array(known.tags or {}) }
  return self:line(signer, with({ bucket = "trust/grants", key = id, data = data },
    { at = known.at, valid_until = known.valid_until, ttl = known.ttl }))
end

function labs:revoke(signer, id, more)
  return self:line(signer, with({ bucket = "trust/revoked", key = id, data = { why = more and more.why or "lost" } },
    more and { at = more.at }))
end

function labs:dismiss(signer, bucket, name, more)
  return self:line(signer, with({ bucket = bucket, key = name }, more))
end

--- The robot's own word that TOKEN (nil: `images`) let it in.
function labs:enrol(robot, token)
  token = token or self.token
  local proof = token:sign("enrol", self.swarm, robot.id)
  return self:line(robot.key, { bucket = "trust/enrolled",
    data = { name = robot.name, proof = proof, token = token:id() } })
end

--- A line that proposes root NUMBER with KEYS (core.key handles) and NEED, signed by SIGNER.
function labs:root_line(signer, number, keys, need)
  return self:line(signer, { bucket = "trust/root", key = tostring(number), data = labs.root_data(keys, number, need) })
end

function labs.root_data(keys, number, need)
  local ids = {}
  for i, one in ipairs(keys) do ids[i] = one:id() end
  table.sort(ids)
  return { keys = json.array(ids), need = need or #ids // 2 + 1, number = number }
end

--- What the statement ST (core.statement) says, as authority.lua and meaning.lua are told it.
function labs.plain(st)
  local data, malformed = json.decode(st.data), nil
  if st.verb == "propose" then data, malformed = require "dcache.forms".read(st.bucket, st.key, data) end
  return { verb = st.verb, bucket = st.bucket, key = st.key, signer = st.signer, at = st.at, data = data,
    data_text = st.data, malformed = malformed, valid_from = st.valid_from, valid_until = st.valid_until,
    short = st.short, line = st.line }
end

function labs.statement(line) return labs.plain(assert(statement.parse(line))) end

local function text_of(self)
  local lines = { "dt-swarm lab 1", "swarm " .. self.name, "root " .. table.concat(self.root_1.keys, " "),
    "token images " .. text.base64url(self.seed) }
  table.move(self.lines, 1, #self.lines, #lines + 1, lines)
  return table.concat(lines, "\n") .. "\n"
end

function labs:read() return assert(require "dcache.lab".read(self.text)) end

--- GIVEN: name of the swarm (a text), roots = how many keys (1), need (more than half of them), robots = how many (0),
--- most = robots that the token lets in (100), at = ms of the first line (labs.AT; whole daemons: the time of day).
function labs.new(given)
  local self = setmetatable({ name = given.name, roots = {}, robots = {}, at = given.at or labs.AT }, labs)
  for i = 1, given.roots or 1 do self.roots[i] = labs.key(("%s root %d"):format(given.name, i)) end
  for i = 1, given.robots or 0 do
    local one = labs.key(("%s robot %d"):format(given.name, i))
    self.robots[i] = { key = one, id = one:id(), name = "robot" .. i }
  end
  self.root = self.roots[1]
  self.root_1 = labs.root_data(self.roots, 1, given.need)
  self.hash = text.base64url(hash.blake2b("dt-swarm/1 lab\n" .. json.encode(self.root_1)):sub(1, 16))
  self.swarm = ("%s:%s"):format(given.name, self.hash)
  self.seed = hash.blake2b(given.name .. " images")
  self.token = key.generate(self.seed)
  self.token_id = self.token:id()
  self.lines = { self:line(self.root, { bucket = "trust/tokens", key = self.token_id,
    data = { most = given.most or 100, name = "images" } }) }
  self.text = text_of(self)
  self.lab = { name = given.name, lab = self.hash, swarm = self.swarm, root = self.root_1, lines = self.lines,
    token = { name = "images", seed = text.base64url(self.seed), id = self.token_id } }
  return self
end

return labs
