-- answers.lua - what the REPL asks of the node, as plain facts in the units of hooks: seconds, bytes. Changes nothing.
local hooks = require "policy.hooks"
local slices = require "slices"

local answers = {}
answers.__index = answers

local PAGE <const> = 100 -- rows that cross into the fence at once
local LINES <const> = 64 -- statements that are read at once

--- Answers about NODE for one session.
function answers.new(node) return setmetatable({ node = node, lists = {} }, answers) end

local function seconds(ms) return ms and ms // 1000 end

-- == lists

local list = {}

--- Makers of all rows of a list, by its name.
answers.list = list

local function peer_row(one)
  local via = one.via or {}
  return { name = one.label or one.name, key = one.id:sub(-4), id = one.id, status = one.status, files = one.files,
    via = one.self and "this node" or via.kind, host = via.host, rtt = via.rtt_us and via.rtt_us / 1000,
    seen = one.self and 0 or seconds(one.seen_ms), type = one.type, version = one.version, clock = one.clock,
    note = one.note, self = one.self or nil }
end

function list.peers(node)
  local rows = {}
  for _, one in ipairs(node.discovery and node.discovery:nodes() or {}) do
    if not one.self then rows[#rows + 1] = peer_row(one) end
    slices.step()
  end
  return rows
end

function list.channels(node)
  local rows = {}
  for i, one in ipairs(node.routing:channels()) do
    rows[i] = { kind = one.kind, address = one.address, state = one.state, reason = one.reason, port = one.port,
      budget = one.budget, sent = one.sent, heard = one.heard, refused = one.refused }
  end
  return rows
end

function list.routes(node)
  local rows = {}
  for i, one in ipairs(node.routing.routes:rows()) do
    rows[i] = { pattern = one.pattern, target = one.target, from = one.origin or "set", count = one.count,
      rests = one.rests }
  end
  return rows
end

function list.files(node)
  local rows = {}
  for _, one in ipairs(node.logs and node.logs:files() or {}) do
    rows[#rows + 1] = { name = one.name, size = one.size, state = one.state, cid = one.cid, reason = one.reason,
      word = one.word, from = node.who(node.id).label }
    slices.step()
  end
  for _, one in ipairs(node.content and node.content:stored() or {}) do
    rows[#rows + 1] = { name = one.name, size = one.size, state = one.away and "not there" or "held", cid = one.cid,
      from = one.from and node.who(one.from).label }
    slices.step()
  end
  return rows
end

function list.buckets(node)
  local rows = {}
  for i, one in ipairs(node.dcache:buckets()) do
    local class = node.dcache:class_of(one.name)
    rows[i] = { name = one.name, count = one.count, class = class and class.class.name }
  end
  return rows
end

-- The list is made for its first page, and kept for those that follow.
function answers:page(name, from)
  if from == 1 then self.lists[name] = list[name](self.node) end
  local all, rows = self.lists[name] or {}, {}
  for i = from, math.min(from + PAGE - 1, #all) do rows[#rows + 1] = all[i] end
  if from + PAGE > #all then self.lists[name] = nil end
  return { rows = rows, total = #all }
end

-- == values

local value = {}

function value.policy(node)
  local policy, settings, places = node.policy, {}, {}
  for _, row in ipairs(hooks.settings) do settings[row[1]] = policy:get(row[1]) end
  for _, row in ipairs(hooks.hooks) do
    local file, line = policy:where(row.path)
    places[row.path] = file and ("%s:%d"):format(file, line)
  end
  return { name = policy.name, file = policy.file, hash = policy.hash, settings = settings, hooks = places }
end

function value.here(node) return node.here() end

function value.node(node)
  local facts = {}
  for _, name in ipairs { "id", "name", "type", "swarm", "version", "state", "share", "socket" } do
    facts[name] = node[name]
  end
  return facts
end

function answers:value(name) return value[name](self.node) end

-- == records

local function record_row(node, one)
  local age, about = node.time:age(not one.undated and one.at or nil)
  local now = node.time:proved_now()
  return { bucket = one.bucket, key = one.key, data = one.data, by = node.who(one.signer).label, signer = one.signer,
    verb = one.verb, holds = one.holds, fault = one.fault, mine = one.mine, size = one.size, age = seconds(age),
    about = about or nil, left = now and one.valid_until - now // 1000 or nil }
end

local function bucket_count(node, bucket)
  for _, one in ipairs(node.dcache:buckets()) do
    if one.name == bucket then return one.count end
  end
  return 0
end

local function no_bucket(node, bucket)
  local hint = {}
  for i, one in ipairs(list.buckets(node)) do hint[i] = one.name end
  return nil, ("%s: the policy has no such bucket; there are records in %s"):format(bucket, table.concat(hint, ", "))
end

--- Some of BUCKET behind its row ROW (0: the first): { rows =, next = row to go on behind | nil, total = about }.
function answers:records(bucket, row)
  local node, rows = self.node, {}
  if not node.dcache:class_of(bucket) then return no_bucket(node, bucket) end
  local total = row == 0 and bucket_count(node, bucket)
  local found, following = node.dcache:rows(bucket, row, LINES)
  for i, one in ipairs(found) do rows[i] = record_row(node, one) end
  slices.step(2 * LINES)
  self.total = total or self.total
  return { rows = rows, next = following, total = self.total or 0 }
end

--- What is held under BUCKET and KEY, or nil.
function answers:record(bucket, key)
  local node = self.node
  if not node.dcache:class_of(bucket) then return no_bucket(node, bucket) end
  local record = node.dcache:record(bucket, key)
  if not record then return nil end
  local statements = {}
  for i, one in ipairs(record.statements) do
    if i <= LINES then statements[i] = record_row(node, one) end
  end
  return { bucket = bucket, key = key, data = record.data, class = record.class, holds = record.holds,
    why = record.why, needed = record.needed, statements = statements }
end

return answers
