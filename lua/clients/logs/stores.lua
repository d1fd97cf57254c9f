-- stores.lua - the client `stores`: what stores of the swarm hold, do, take, and why not. Ties its parts to the node.
local cards = require "clients.logs.cards"
local changes = require "policy.changes"
local claim_data = require "dcache.content.claim_data"
local store_word = require "clients.logs.store_word"
local store_words = require "clients.logs.store_words"
local waits = require "clients.logs.waits"

local stores = { name = "stores", needs = { "content" } }
local Stores = {}
Stores.__index = Stores

local LOOK <const>, ROOM <const> = 10 * 1000, 16 * 1000000 -- ms between two looks at the room; bytes more that are news
local FETCH <const>, DOMAIN <const> = "clients.logs.fetch", "clients.logs.domain"

-- What comes now; what waits for somebody is told as that.
local function doing_of(content)
  local list = {}
  for _, row in ipairs(content:fetching()) do
    local percent = (row.size or 0) > 0 and (row.done or 0) * 100 // row.size or 0
    if row.state ~= "waits" then list[#list + 1] = { cid = row.cid, percent = percent } end
  end
  return list
end

-- What this node's store is like now | nil: it takes nothing of others, and holds nothing.
local function facts_of(node)
  local content, own = node.content, not select(3, node.policy:where(FETCH))
  local files, bytes = content:sums()
  if not own and files == 0 then return nil end
  return { bytes = bytes, files = files, free = node.here().store_free, take = own and content:takes(),
    domain = claim_data.domain(node.policy), doing = doing_of(content), waits = waits.of(node) }
end

-- What others say of the disks of their shared files: array of { id, percent }.
local function told_cards(node)
  local list, others = {}, node.diagnostics and node.diagnostics.others
  for _, id in ipairs(others and others:ids() or {}) do
    local word = others:of(id)
    if word then list[#list + 1] = { id = id, percent = not word.stale and word.said.disk_free or nil } end
  end
  return list
end

--- The client, as lua/clients/init.lua has it. Fields: word, words, cards.
function stores.open(handle)
  local node, self = handle.node, setmetatable({ node = handle.node, loop = handle.loop }, Stores)
  self.words = store_words.new { loop = handle.loop,
    listed = function(id) return node.discovery ~= nil and node.discovery.said:of(id) ~= nil end }
  self.word = store_word.new { loop = handle.loop, comms = node.comms, log = node.log, id = node.id,
    facts = function() return facts_of(node) end }
  self.cards = cards.new { loop = handle.loop, id = node.id, free = function() return node.here().disk_free end,
    others = function() return told_cards(node) end }
  handle:on_statement("pri/*/store", function(st) self.words:hear(st) end)
  handle:on_newcomer(function() self.word:newcomer() end)
  return self
end

-- Room was made: what waited for it is asked about again now.
local function look_at_room(self)
  local free, before = self.node.here().store_free, self.free
  self.free = free
  if free and before and free - before >= ROOM and self.node.replicate then self.node.replicate:again() end
end

function Stores:start()
  self.timer = self.loop:every(LOOK, function() look_at_room(self) end)
  self.word:start()
  self.cards:start()
end

-- What fails together with this node is another thing now: its claims say so.
function Stores:apply(_, changed)
  if changes.concern(changed, { DOMAIN }) then self.node.content:say_again() end
end

function Stores:stop()
  if self.timer then self.timer:cancel() end
  self.word:stop()
  self.cards:stop()
end

--- As store_words.lua has them, this node's own among them.
function Stores:rows() return self.words:rows() end
function Stores:of(id) return self.words:of(id) end

--- ms until the disk of the shared files of node ID is full | nil: it does not fill, or nobody knows.
function Stores:full_in(id) return self.cards:full_in(id) end

--- What is bounded in it, as bounded.lua's rows.
function Stores:bounds() return self.words:bounds() end

return stores
