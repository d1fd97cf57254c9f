-- init.lua - which channels are open: those whose addresses the policy names, one file a kind. Knows no socket.
--
-- A kind of channel is one file, and one line in KINDS. The last part of a multiaddr before /dswarm-line is its
-- scheme. The file gives:
--   form           text: what its addresses look like
--   read(parts)    → a table of what stands in an address (core.address.parts), or nil where it has another form
--   options        what an entry may say of such a channel beside its address, as entry.lua has it, or nil
--   misfit(options) → text: why these options do not go together, or nil; it may be left out
--   kind(given)    → the kind for one node, with
--     open(options)  → what is open for one address: status() → its row, close(), and where others can join it
--                      meeting() and meet(…), as outward.lua has them; or nil, text, code. OPTIONS: what
--                      entry.lua makes of it: what `read` gave, with address and all options of the policy. Each
--                      channel object (channel.lua) that comes to be by it, now or later, is given to `given.add`.
--                      outward = true: nothing of it listens here, this node goes out to others by it.
--     stop()         ends what all its addresses share, if there is anything
--     dial(host, port, done), port(): where repairs can dial others, and be dialled, by IP address
--     dial_link(host, port, done, gone): and for a link that stays
--     own_addresses() → array of { address =, lan =, own = }: where others may dial this machine
-- GIVEN: loop, net (core.net), random, log, resolve(name, family, done(text, host, all)), and
--   dial_through, or nil: core.http's dial, for TLS and proxies,
--   add(channel, options) → channel | nil, text, code: see routing:add; `entry` is the one that is being opened, if
--   it is called meanwhile,
--   told(row, event), or nil: see states.lua,
--   here() and ask(facts, here), or nil: see opening.lua,
--   only(options) → how many living peers only the channels of an entry reach, or nil: 0,
--   met(options) → IDs of the peers that can be reached over them, or nil: none,
--   id, or nil: own peer ID, for irc.lua,
--   checkpoints, or nil: see content.lua,
--   programs, secrets, or nil: programs.lua's and secrets.lua's, for what the machine's owner keeps,
--   block, or nil: routing/block.lua: what it shuts out is neither connected to nor let in.
local block = require "routing.block"
local entries = require "routing.channels.entry"
local frame = require "routing.channels.frame"
local opening = require "routing.channels.opening"
local outward = require "routing.channels.outward"
local states = require "routing.channels.states"

local channels = {}
channels.__index = channels

channels.KINDS = {
  { scheme = "udp", module = "routing.channels.udp" },
  { scheme = "tcp", module = "routing.channels.tcp" },
  { scheme = "ipfs", module = "routing.channels.content" },
  { scheme = "ipfs-pubsub", module = "routing.channels.pubsub" },
  { scheme = "exec", module = "routing.channels.exec" },
  { scheme = "irc", module = "routing.channels.irc" },
}

--- One entry of routing.channels as policy:get gives it → what the kind reads in it, and its options (entry.lua)
--- | nil, text, "address"
function channels.read(given) return entries.read(channels.KINDS, given) end

local function at(i, text) return ("routing.channels[%d]: %s"):format(i, text) end

-- All that the policy names, each once, in its order: { options =, place =, again = the places where its address stands
-- once more, or nil } | nil, text, code
local function read_all(list)
  local wanted, first = {}, {}
  for i, given in ipairs(list) do
    local options, text, code = channels.read(given)
    if not options then return nil, at(i, text), code end
    local same = first[options.address]
    if same then
      same.again = same.again or {}
      table.insert(same.again, i)
    else
      first[options.address] = { options = options, place = i }
      table.insert(wanted, first[options.address])
    end
  end
  return wanted
end

-- Which of WANTED are open already, and which the policy wants closed. ASK: opening.lua's.
local function compare(self, wanted, ask)
  for _, entry in ipairs(wanted) do
    local before = self.by_key[entry.options.key]
    if before then entry.options, entry.one = before.options, before.one end
    local may, why = self.opening:may(entry.options, ask)
    entry.closed = not may and why or nil
  end
end

-- What is open, but is not to be open any more, if WANTED is.
local function leaving(self, wanted)
  local stays, list = {}, {}
  for _, entry in ipairs(wanted) do stays[entry.options.key] = not entry.closed end
  for _, old in ipairs(self.entries) do
    if old.one and not stays[old.options.key] then list[#list + 1] = { options = old.options, one = old.one } end
  end
  return list
end

-- Does one of LIST hold the port of OPTIONS? Then it is worth waiting for: it will soon be free.
local function hold(list, options)
  for _, old in ipairs(list) do
    if old.options.scheme == options.scheme and old.options.port == options.port then return true end
  end
  return false
end

-- → true | nil, text, code
local function open_one(self, entry)
  local options = entry.options
  self.being_opened = options
  local one, text, code = self.kinds[options.scheme]:open(options)
  self.being_opened, entry.one = nil, one
  if one then return true end
  return nil, ("%s: %s"):format(options.address, text), code
end

-- Opens those of WANTED that are to be open and are not; OLD: what will be closed after that.
-- → true | nil, text, code, and nothing new is open
local function open_all(self, wanted, old)
  local fresh = {}
  for _, entry in ipairs(wanted) do
    if not entry.one and not entry.closed then
      entry.options.named = hold(old, entry.options) or nil
      local ok, text, code = open_one(self, entry)
      if not ok then
        for _, other in ipairs(fresh) do other.one:close() end
        return nil, at(entry.place, text), code
      end
      fresh[#fresh + 1] = entry
    end
  end
  return true
end

local function warn_of_doubles(self)
  for _, entry in ipairs(self.entries) do
    for _, place in ipairs(entry.again or {}) do
      local address = entry.options.address
      self.log:once(("double %s %d"):format(address, place), "warn", "routing", "two channels of one address",
        { address = address, why = ("routing.channels[%d] is that of [%d]"):format(place, entry.place),
          cure = "the first one counts: take the other one away" })
    end
  end
end

local function close(self, list)
  for _, old in ipairs(list) do
    local entry = self.by_key[old.options.key]
    if entry and entry.one == old.one then entry.one = nil end
    old.one:close()
  end
end

--- Opens and closes channels until just those are open that LIST names (policy:get "routing.channels") and the hook
--- routing.open lets be open (ASK: that of the policy that comes, as opening.lua has it). What keeps its address and
--- its options is left alone: it remains the same object, with its connections. All that is new is opened before
--- anything is closed, so if one cannot be opened, all is as it was before.
--- → true | nil, text that names the entry and its address, code
function channels:apply(list, ask)
  local wanted, text, code = read_all(list)
  if not wanted then return nil, text, code end
  compare(self, wanted, ask)
  local old = leaving(self, wanted)
  local ok, why, reason = open_all(self, wanted, old)
  if not ok then return nil, why, reason end
  self.entries, self.by_key = wanted, {}
  for _, entry in ipairs(wanted) do self.by_key[entry.options.key] = entry end
  close(self, old)
  warn_of_doubles(self)
  self.states:changed()
  self.opening:start()
  return true
end

-- Opens ENTRY if it is not open, or closes it: WHY the policy wants that, or nil. What cannot be opened is tried again
-- when the hook is asked next.
local function set(self, entry, why)
  entry.closed = why
  if why and entry.one then
    self.log:info("routing", "channel closed", { address = entry.options.address, why = why })
    return close(self, { { options = entry.options, one = entry.one } })
  end
  if why or entry.one then return end
  local ok, text = open_one(self, entry)
  entry.fault = not ok and text or nil
  self.log:info("routing", ok and "channel opened" or "channel waits", { address = entry.options.address, why = text })
end

--- Asks the hook routing.open about each channel that the policy names.
function channels:ask()
  for _, entry in ipairs(self.entries) do set(self, entry, select(2, self.opening:may(entry.options))) end
  self.states:changed()
end

--- What is open for ADDRESS (as the policy spells it), or nil.
function channels:at(text)
  for _, entry in ipairs(self.entries) do
    if entry.options.address == text then return entry.one end
  end
end

-- What stands in a row for ENTRY while nothing is open for it.
local function closed_row(entry)
  return { address = entry.options.address, kind = entry.options.scheme, state = entry.closed and "closed" or "waiting",
    reason = entry.closed or entry.fault, sent = frame.counters(), heard = frame.counters(), refused = {} }
end

-- Whose key was met where that of ID is expected, { id =, met = bool, others = array of IDs }.
local function expected(self, options)
  local found = { id = options.expected, met = false, others = {} }
  for _, id in ipairs(self.met(options)) do
    if id == options.expected then found.met = true else table.insert(found.others, id) end
  end
  return found
end

local function rows_of(self)
  local rows = {}
  for i, entry in ipairs(self.entries) do
    local options = entry.options
    local row = entry.one and entry.one:status() or closed_row(entry)
    row.outward = entry.one and entry.one.outward
    row.limit, row.cost, row.again = options.budget or entry.one and entry.one.rate, options.cost, entry.again
    row.expected = options.expected and expected(self, options) or nil
    rows[i] = row
  end
  return rows
end

--- A row of `status` for each address, in the policy's order, with what states.lua adds.
function channels:status() return self.states:fill() end

-- How others are dialled and joined: outward.lua says it.
function channels:dial(...) return self.outward:dial(...) end
function channels:dial_link(...) return self.outward:dial_link(...) end
function channels:port() return self.outward:port() end
function channels:meeting() return self.outward:meeting() end
function channels:meet(...) return self.outward:meet(...) end
function channels:own_addresses() return self.outward:own_addresses() end

function channels:stop()
  self.states:stop()
  self.opening:stop()
  for _, entry in ipairs(self.entries) do
    if entry.one then entry.one:close() end
  end
  self.entries, self.by_key = {}, {}
  for _, kind in ipairs(channels.KINDS) do
    local one = rawget(self.kinds, kind.scheme)
    if one and one.stop then one:stop() end
  end
end

-- What the policy sees of the channel of OPTIONS.
local function facts_of(self, options)
  return { address = options.address, kind = options.scheme, budget = options.budget, cost = options.cost,
    peers = self.only(options) }
end

-- GIVEN as the kinds see it: no connection goes where it is shut out, by whichever kind and name.
local function kept_from_whom_is_shut_out(given, shut)
  local function unless(connect)
    return connect and function(where)
      local text, code = shut:against_dial(where.host, "tcp", where.port)
      if text then return nil, text, code end
      return connect(where)
    end
  end
  return setmetatable({ block = shut, dial_through = unless(given.dial_through),
    net = setmetatable({ connect = unless(given.net.connect) }, { __index = given.net }) }, { __index = given })
end

-- The kind of each scheme, read and made when it is first asked for: few nodes have channels of all.
local function kinds_of(given)
  local modules = {}
  for _, row in ipairs(channels.KINDS) do modules[row.scheme] = row.module end
  return setmetatable({}, { __index = function(kinds, scheme)
    kinds[scheme] = require(modules[scheme]).kind(given)
    return kinds[scheme]
  end })
end

--- No channel is open yet. GIVEN: see above.
function channels.new(given)
  given = kept_from_whom_is_shut_out(given, given.block or block.nobody)
  local self = setmetatable({ entries = {}, by_key = {}, log = given.log,
    met = given.met or function() return {} end, only = given.only or function() return 0 end }, channels)
  self.states = states.new { loop = given.loop, rows = function() return rows_of(self) end,
    told = given.told or function() end }
  self.opening = opening.new { loop = given.loop, here = given.here, ask = given.ask,
    facts = function(options) return facts_of(self, options) end,
    closes = function(options) return given.block:closes(options) end, due = function() self:ask() end }
  local with_entry = setmetatable({ add = function(one, more)
    more.entry = more.entry or self.being_opened
    return given.add(one, more)
  end }, { __index = given })
  self.kinds = kinds_of(with_entry)
  self.outward = outward.new { kinds = self.kinds, order = channels.KINDS,
    entries = function() return self.entries end }
  return self
end

return channels
