-- return_labels.lua - what stands as FROM in a line that is passed on, so that its answer finds back. Sends nothing.
--
-- A label names an entry in a table of this node, and bears a code that only this node can make: so nobody can invent
-- one, and an answer goes over the very flow by which the line came, to nobody else.
local hash = require "core.hash"
local text = require "core.text"

local labels = {}
labels.__index = labels

local LIFE_MS <const> = 2 * 60 * 1000
local SAME_MS <const> = 60 * 1000 -- in which lines of one flow and FROM get the same label
local LABELS_MAX <const> = 4096
local OF_ONE_MAX <const> = 1000 -- of one node, by all its flows: else it could put out the labels of all others
local ACCOUNT_SIZE <const>, NUMBER <const>, CODE_SIZE <const> = 3, ">I5", 8 -- bytes
local ACCOUNT <const> = "^~([%w_-][%w_-][%w_-][%w_-])" -- the first three bytes of a label

--- given.loop, given.random (core.random)
function labels.new(given)
  return setmetatable({ loop = given.loop, secret = given.random:bytes(32), first = 1, last = 0, count = 0,
    entries = {}, by_key = {}, by_node = {}, dropped = 0 }, labels)
end

local function code_of(self, bytes) return hash.blake2b(bytes, self.secret):sub(1, CODE_SIZE) end

--- What is the same in all labels that one relay makes for lines of one node, as FROM of a line has it | nil: no label.
--- So who answers keeps apart what different nodes ask over the same relay.
function labels.account(from) return from:match(ACCOUNT) end

-- Numbers grow, so that what goes is always the oldest of its node.
local function forget(self, number)
  local entry = self.entries[number]
  if not entry then return end
  self.entries[number], self.count = nil, self.count - 1
  if self.by_key[entry.key] == entry then self.by_key[entry.key] = nil end
  local own = self.by_node[entry.by]
  own[own.first] = nil
  own.first = own.first + 1
  if own.first > own.last then self.by_node[entry.by] = nil end
end

local function forget_first(self)
  forget(self, self.first)
  self.first = self.first + 1
end

local function is_over(self, now)
  local entry = self.entries[self.first]
  return not entry or now - entry.at >= LIFE_MS
end

-- Makes room for one more of BY.
local function trim(self, now, by)
  while self.first <= self.last and is_over(self, now) do forget_first(self) end
  local own = self.by_node[by]
  if own and own.last - own.first + 1 >= OF_ONE_MAX then
    forget(self, own[own.first])
  elseif self.count >= LABELS_MAX then
    forget_first(self)
  else
    return
  end
  self.dropped = self.dropped + 1
end

local function put(self, entry, number)
  local own = self.by_node[entry.by] or { first = 1, last = 0 }
  own.last = own.last + 1
  own[own.last], self.by_node[entry.by] = number, own
  self.entries[number], self.by_key[entry.key], self.count = entry, entry, self.count + 1
end

--- The label for a line that came over SOURCE (nil: it begins here) from FROM → text "~…", its entry { source =, from =
--- at = ms }, in which its user keeps what he needs. TO: where the line goes, if it begins here. BY: the ID of who
--- proved that flow, or nil.
function labels:make(source, from, to, by)
  local now = self.loop:now()
  local key = ("%s %s %s"):format(source and source.id or "", from, to or "")
  local entry = self.by_key[key]
  if not entry or now - entry.at >= SAME_MS then
    by = by or source and source.id or ""
    trim(self, now, by)
    self.last = self.last + 1
    local bytes = hash.blake2b("account " .. by, self.secret):sub(1, ACCOUNT_SIZE) .. NUMBER:pack(self.last)
    entry = { key = key, by = by, from = from, at = now, text = "~" .. text.base64url(bytes .. code_of(self, bytes)) }
    put(self, entry, self.last)
  end
  entry.source = source
  return entry.text, entry
end

local function wrong(why) return nil, "address: " .. why, "address" end

--- LABEL, the 22 characters behind the ~ → its entry | nil, text, "address"
function labels:read(label)
  local bytes = text.unbase64url(label)
  if not bytes or #bytes ~= 8 + CODE_SIZE then return wrong "that is no return label" end
  local named = bytes:sub(1, 8)
  if bytes:sub(9) ~= code_of(self, named) then return wrong "a return label of another node, or an invented one" end
  local entry = self.entries[NUMBER:unpack(bytes, ACCOUNT_SIZE + 1)]
  if not entry or self.loop:now() - entry.at >= LIFE_MS then
    return wrong "that return label has ended: it is good for two minutes"
  end
  return entry
end

--- What is bounded here, as bounded.lua's rows.
function labels:bounds()
  return { { name = "labels", count = self.count, limit = LABELS_MAX, dropped = self.dropped } }
end

return labels
