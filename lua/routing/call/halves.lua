-- call/halves.lua - calls of which not every part is here yet: few, small, and not for long. Opens no box.
local lines = require "routing.call.lines"

local halves = {}
halves.__index = halves

local HALVES_MAX <const> = 16
local PRINCIPAL_MAX <const>, RELAYED_MAX <const> = 2, 8 -- of these; of all whose lines one relay passes on
local PATIENCE <const>, LIFE <const> = 10 * 1000, 60 * 1000 -- ms until the next line of it; until the last
local PARTS_MOST <const> = lines.request_most // lines.datagram_part

--- given.now      fn() → ms
--- given.refused  fn(code, principal)
function halves.new(given) return setmetatable({ now = given.now, refused = given.refused, list = {} }, halves) end

local function remove(self, half)
  for i, each in ipairs(self.list) do
    if each == half then table.remove(self.list, i) end
  end
end

local function find(self, ec, w)
  for _, half in ipairs(self.list) do
    if half.ec == ec and half.w == w then return half end
  end
end

local function count(self, name, value)
  local n = 0
  for _, half in ipairs(self.list) do n = n + (half[name] == value and 1 or 0) end
  return n
end

local function begin(self, line, from)
  local is_full = count(self, "of", from.principal) >= PRINCIPAL_MAX
    or from.by and count(self, "by", from.by) >= RELAYED_MAX
  if #self.list >= HALVES_MAX or is_full then
    return nil, "full: more calls have begun than are waited for", "full"
  end
  local half = { ec = line.ec, w = line.w, of = from.principal, by = from.by, parts = {}, count = 0, highest = 0,
    bytes = 0, began = self.now() }
  self.list[#self.list + 1] = half
  return half
end

-- So many parts as HALF ought to have → the whole text | nil, text, code
local function joined(half)
  if not half.last or half.last > PARTS_MOST or half.bytes > lines.request_most then
    return nil, "long: a request has 64 KiB at most, in 128 parts", "long"
  end
  if half.highest > half.last then return nil, "form: a part behind the last one", "form" end
  local whole = table.concat(half.parts, "", 1, half.last) -- as none is beyond the last, none before it is missing
  return whole
end

--- Part LINE with its PLAIN text, FROM (callee.lua) → the whole text | nil: more has to come | nil, text, code
function halves:put(line, plain, from)
  if line.word == "end" and line.n == 1 then return plain end
  local half, err, code = find(self, line.ec, line.w), nil, nil
  if not half then half, err, code = begin(self, line, from) end
  if not half then return nil, err, code end
  half.heard = self.now()
  if half.parts[line.n] then return nil, "duplicate: that part was here already", "duplicate" end
  half.bytes, half.count = half.bytes + #plain, half.count + 1
  half.parts[line.n], half.highest = plain, math.max(half.highest, line.n)
  if line.word == "end" then half.last = half.last or line.n end
  if half.count < math.min(half.last or PARTS_MOST, PARTS_MOST) and half.bytes <= lines.request_most then return nil end
  remove(self, half)
  return joined(half)
end

--- Forgets what there is of the call EC.
function halves:forget(ec)
  for i = #self.list, 1, -1 do
    if self.list[i].ec == ec then table.remove(self.list, i) end
  end
end

--- Forgets those of whom nothing more came → ms until it is the next one's turn | nil
function halves:tick()
  local now, wait = self.now(), nil
  for i = #self.list, 1, -1 do
    local half = self.list[i]
    local left = math.min(half.heard + PATIENCE, half.began + LIFE) - now
    if left <= 0 then
      self.refused("slow", table.remove(self.list, i).of)
    else
      wait = math.min(wait or left, left)
    end
  end
  return wait
end

return halves
