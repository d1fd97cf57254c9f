-- own_addresses.lua - says where this node can be met, as far as the policy lets it. Dials nobody.
local address = require "core.address"
local json = require "core.json"
local soon = require "soon"

local own_addresses = {}
own_addresses.__index = own_addresses

local LOOK <const> = 60 * 1000 -- ms between two looks: cables are pulled, other networks come
local SOON <const> = 1000 -- ms after a channel came or went
local RENEW <const> = 5 * 60 * 1000 -- a presence statement lives four renewals
local MOST <const> = 4 -- addresses
local DATA_MAX <const> = 440 -- bytes
local ENDS <const> = "/dswarm-line"

--- given.loop, comms, log
--- given.id     text: this node's ID
--- given.known  fn() → array of { address = }, port or nil: what there is to be told
--- given.told   fn() → { addresses = array of { address = }, the first to be tried first, http = port }: what the
---              policy lets others know
--- given.ipfs   fn() → { peer ID, port } of this node's Kubo | nil
--- given.looked fn(), or nil: called at each look, once a minute
function own_addresses.new(given)
  local self = setmetatable({ bucket = ("pri/%s/addresses"):format(given.id) }, own_addresses)
  for _, name in ipairs { "loop", "comms", "log", "known", "told", "ipfs", "looked" } do self[name] = given[name] end
  self.coming = soon.new(self.loop, SOON, function() self:look() end)
  return self
end

-- Where it may be met goes last, but some of it is to be among the few that are told.
local function few_of(list)
  local i = #list
  while list[MOST + 1] and i > 0 do
    if list[i].own ~= false then table.remove(list, i) end
    i = i - 1
  end
  local texts = {}
  for place = 1, math.min(#list, MOST) do texts[place] = list[place].address end
  return texts
end

-- A policy may have written anything into it.
local function texts_of(rows)
  local list, seen = {}, {}
  for _, row in ipairs(type(rows) == "table" and rows or {}) do
    local text = type(row) == "table" and type(row.address) == "string" and address.check(row.address)
    if text and text:sub(-#ENDS) == ENDS and not seen[text] then
      seen[text] = true
      list[#list + 1] = { address = text, own = row.own }
    end
  end
  return few_of(list)
end

local function is_port(value) return math.type(value) == "integer" and value > 0 and value < 65536 end

-- → DATA, and as text | nil: there is nothing to say
local function data_of(self)
  local told = self.told()
  local at, ipfs = texts_of(told.addresses), self.ipfs()
  while at[1] do
    local data = { at = json.array(at), http = is_port(told.http) and told.http or nil,
      ipfs = ipfs and json.array(ipfs) or nil }
    local text = json.encode(data)
    if #text <= DATA_MAX then return data, text end
    table.remove(at)
  end
end

local function say(self, data, text)
  local st, why
  if data then
    st, why = self.comms:propose(self.bucket, data, {})
  else
    st, why = self.comms:dismiss(self.bucket, {})
  end
  if not st then return self.log:error("discovery", "could not tell addresses", { why = why }) end
  self.text, self.word, self.said = text, data and st.short or nil, self.loop:now()
end

-- All that may be told, as one text: the policy need not be asked while it is the same.
local function known(self)
  local rows, port = self.known()
  local list, ipfs = { tostring(port) }, self.ipfs() or {}
  for i, row in ipairs(rows) do list[i + 1] = row.address end
  return ("%s %s %s"):format(table.concat(list, " "), ipfs[1], ipfs[2])
end

--- Looks what there is to say, and says it where it is new or was said long ago.
function own_addresses:look()
  local now, all = self.loop:now(), known(self)
  if all == self.all and now - self.asked < RENEW then return end
  self.all, self.asked = all, now
  local data, text
  if self.known()[1] or self.ipfs() then data, text = data_of(self) end
  if text == self.text and (not text or now - self.said < RENEW) then return end
  say(self, data, text)
end

--- Another policy is in force: it is asked soon, so that what it hides is not told for minutes.
function own_addresses:ask_anew()
  self.all = nil
  self:look_soon()
end

--- Where this node can be met may be otherwise: looks soon.
function own_addresses:look_soon() self.coming:ask() end

--- A newcomer hears it again. MINE: at once, as one's own; FITS: on which channels (comms/init.lua).
function own_addresses:say_again(mine, fits)
  if self.word then self.comms:say_again_everywhere(self.word, mine, fits) end
end

function own_addresses:start()
  self:look()
  self.timer = self.loop:every(LOOK, function()
    self:look()
    if self.looked then self.looked() end
  end)
end

function own_addresses:stop()
  if self.timer then self.timer:cancel() end
  self.coming:cancel()
end

--- What the policy lets others know of NODE: as the hook `announce` answers.
function own_addresses.told(node)
  local tcp, http = node.ports()
  local here = node.here()
  local facts = { name = node.name, type = node.type, version = node.version, tags = here.tags or {}, site = here.site,
    level = node.diagnostics and node.diagnostics.checks:level(), clock = node.time.source,
    tcp = tcp > 0 and tcp or nil, http = http > 0 and http or nil, addresses = node:own_addresses() }
  return (node.policy:ask("clients.discovery.announce", facts, here)) or {}
end

--- The same as `new`, for NODE.
function own_addresses.of(node, loop, looked)
  return own_addresses.new { loop = loop, comms = node.comms, log = node.log, id = node.id,
    known = function() return node:own_addresses(), (select(2, node.ports())) end,
    told = function() return own_addresses.told(node) end, ipfs = function() return node.ipfs and node:ipfs() end,
    looked = looked }
end

return own_addresses
