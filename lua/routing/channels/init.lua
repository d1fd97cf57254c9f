-- init.lua - which channels are open: those whose addresses the policy names, one file a kind. Knows no socket.
--
-- A kind of channel is one file, and one line in KINDS. The last part of a multiaddr before /dswarm-line is its
-- scheme. The file gives:
--   form           text: what its addresses look like
--   read(parts)    → a table of what stands in an address (core.address.parts), or nil where it has another form
--   options        what an entry may say of such a channel beside its address, as entry.lua has it, or nil
--   kind(given)    → the kind for one node, with
--     open(options)  → what is open for one address: status() → its row, close(); or nil, text, code. OPTIONS: what
--                      entry.lua makes of it: what `read` gave, with address and all options of the policy. Each
--                      channel object (channel.lua) that comes to be by it, now or later, is given to `given.add`.
--     stop()         ends what all its addresses share, if there is anything
--     dial(host, port, done), port(): where repairs can dial others, and be dialled, by IP address
--     dial_link(host, port, done, gone): and for a link that stays
-- GIVEN: loop, net (core.net), random, log, resolve(name, family, done(text, host)), and
--   dial_through, or nil: core.http's dial, for TLS and proxies,
--   add(channel, options) → channel | nil, text, code: see routing:add; `entry` is the one that is being opened, if
--   it is called meanwhile,
--   told(row, event), or nil: see states.lua,
--   checkpoints, or nil: see content.lua,
--   programs, secrets, or nil: programs.lua's and secrets.lua's, for what the machine's owner keeps.
local entries = require "routing.channels.entry"
local states = require "routing.channels.states"

local channels = {}
channels.__index = channels

channels.KINDS = {
  { scheme = "udp", module = "routing.channels.udp" },
  { scheme = "tcp", module = "routing.channels.tcp" },
  { scheme = "ipfs", module = "routing.channels.content" },
  { scheme = "ipfs-pubsub", module = "routing.channels.pubsub" },
  { scheme = "exec", module = "routing.channels.exec" },
}

--- One entry of routing.channels as policy:get gives it → what the kind reads in it, and its options (entry.lua)
--- | nil, text, "address"
function channels.read(given) return entries.read(channels.KINDS, given) end

local function at(i, text) return ("routing.channels[%d]: %s"):format(i, text) end

-- All that the policy names, each once, in its order | nil, text, code
local function read_all(list)
  local wanted, seen = {}, {}
  for i, entry in ipairs(list) do
    local options, text, code = channels.read(entry)
    if not options then return nil, at(i, text), code end
    options.place = i
    if not seen[options.address] then wanted[#wanted + 1] = options end
    seen[options.address] = true
  end
  return wanted
end

-- What is open, but not WANTED any more.
local function leaving(self, wanted)
  local stays, list = {}, {}
  for _, options in ipairs(wanted) do stays[options.key] = true end
  for _, old in ipairs(self.open) do
    if not stays[old.options.key] then list[#list + 1] = old end
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

-- What is open for each of WANTED: as before where it was open, else opened now; OLD: what will be closed after that.
-- → list | nil, text, code, and nothing new is open
local function open_all(self, wanted, old)
  local list, fresh = {}, {}
  for i, options in ipairs(wanted) do
    local one = self.by_key[options.key]
    if not one then
      local text, code
      options.named = hold(old, options) or nil
      self.opening = options
      one, text, code = self.kinds[options.scheme]:open(options)
      self.opening = nil
      if not one then
        for _, other in ipairs(fresh) do other:close() end
        return nil, at(options.place, ("%s: %s"):format(options.address, text)), code
      end
      fresh[#fresh + 1] = one
    end
    list[i] = { options = options, one = one }
  end
  return list
end

--- Opens and closes channels until just those are open that LIST names (policy:get "routing.channels"). What keeps its
--- address, budget and cost is left alone: it remains the same object, with its connections. All that is new is opened
--- before anything is closed, so if one cannot be opened, all is as it was before.
--- → true | nil, text that names the entry and its address, code
function channels:apply(list)
  local wanted, text, code = read_all(list)
  if not wanted then return nil, text, code end
  local old = leaving(self, wanted)
  local open, why, reason = open_all(self, wanted, old)
  if not open then return nil, why, reason end
  self.open, self.by_key = open, {}
  for _, entry in ipairs(open) do self.by_key[entry.options.key] = entry.one end
  for _, entry in ipairs(old) do entry.one:close() end
  self.states:changed()
  return true
end

--- What is open for ADDRESS (as the policy spells it), or nil.
function channels:at(text)
  for _, entry in ipairs(self.open) do
    if entry.options.address == text then return entry.one end
  end
end

local function rows_of(self)
  local rows = {}
  for i, entry in ipairs(self.open) do rows[i] = entry.one:status() end
  return rows
end

--- A row of `status` for each address, in the policy's order, with what states.lua adds.
function channels:status() return self.states:fill() end

local function first_with(self, method)
  for _, kind in ipairs(channels.KINDS) do
    local one = self.kinds[kind.scheme]
    if one and one[method] then return one end
  end
end

--- Dials HOST, an IP address, for a repair: done(channel), or done(nil, text, code), later and once.
function channels:dial(host, port, done)
  local kind = first_with(self, "dial")
  if not kind then return done(nil, "address: no channel can be dialled", "address") end
  kind:dial(host, port, done)
end

--- The same for a link that stays: gone(reason), or nil, is called when it has ended.
function channels:dial_link(host, port, done, gone)
  local kind = first_with(self, "dial_link")
  if not kind then return done(nil, "address: no channel can be dialled", "address") end
  kind:dial_link(host, port, done, gone)
end

--- The port that others may dial, 0 while there is none.
function channels:port()
  local kind = first_with(self, "dial")
  return kind and kind:port() or 0
end

function channels:stop()
  self.states:stop()
  for _, entry in ipairs(self.open) do entry.one:close() end
  self.open, self.by_key = {}, {}
  for _, kind in ipairs(channels.KINDS) do
    local one = self.kinds[kind.scheme]
    if one and one.stop then one:stop() end
  end
end

--- No channel is open yet. GIVEN: see above.
function channels.new(given)
  local add = given.add
  local self = setmetatable({ kinds = {}, open = {}, by_key = {} }, channels)
  self.states = states.new { loop = given.loop, rows = function() return rows_of(self) end,
    told = given.told or function() end }
  given = setmetatable({ add = function(one, more)
    more.entry = more.entry or self.opening
    return add(one, more)
  end }, { __index = given })
  for _, kind in ipairs(channels.KINDS) do self.kinds[kind.scheme] = require(kind.module).kind(given) end
  return self
end

return channels
