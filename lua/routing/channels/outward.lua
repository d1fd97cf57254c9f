-- outward.lua - how this node dials others, and is dialled and joined: it asks the kinds, and what is open. Opens none.
local outward = {}
outward.__index = outward

--- given.kinds    the kind of each scheme
--- given.order    { scheme = } of each, in order
--- given.entries  fn() → array of { one = what is open, or nil }, in the policy's order
function outward.new(given)
  return setmetatable({ kinds = given.kinds, order = given.order, entries = given.entries }, outward)
end

local function kind_with(self, method)
  for _, row in ipairs(self.order) do
    if self.kinds[row.scheme][method] then return self.kinds[row.scheme] end
  end
end

-- What can be joined now, the first one in the policy's order, and how.
local function joinable(self)
  for _, entry in ipairs(self.entries()) do
    local place = entry.one and entry.one.meeting and entry.one:meeting()
    if place then return entry.one, place end
  end
end

--- Dials HOST, an IP address, for a repair: done(channel), or done(nil, text, code), later and once.
function outward:dial(host, port, done)
  local kind = kind_with(self, "dial")
  if not kind then return done(nil, "address: no channel can be dialled", "address") end
  kind:dial(host, port, done)
end

--- The same for a link that stays: gone(reason), or nil, is called when it has ended.
function outward:dial_link(host, port, done, gone)
  local kind = kind_with(self, "dial_link")
  if not kind then return done(nil, "address: no channel can be dialled", "address") end
  kind:dial_link(host, port, done, gone)
end

--- The port that others may dial, 0 while there is none.
function outward:port()
  local kind = kind_with(self, "dial")
  return kind and kind:port() or 0
end

--- Where others may dial this machine, array of { address =, lan = bool, own = true } (dialable.lua), and behind that
--- where they may meet it: { address =, lan = false, own = false }.
function outward:own_addresses()
  local kind = kind_with(self, "own_addresses")
  local rows = kind and kind:own_addresses() or {}
  for _, entry in ipairs(self.entries()) do
    local one = entry.one
    local place = one and (one.meets and one:meets() or one.meeting and one.address)
    if place then rows[#rows + 1] = { address = place, lan = false, own = false } end
  end
  return rows
end

--- What others join to, so that a channel here reaches them: { its name, its port }, such as a Kubo's | nil.
function outward:meeting()
  return select(2, joinable(self))
end

--- Joins it to another node's, of that NAME, at HOST and PORT: done(true), or done(nil, text, code), once at most.
function outward:meet(host, name, port, done)
  local one = joinable(self)
  if not one then return done(nil, "address: no channel can be joined to another", "address") end
  one:meet(host, name, port, done)
end

return outward
