-- files.lua - files over the simulator's wire: who offers what, and each node's HTTP client. No sockets, no checks.
local folder = require "spec.folder"
local hash = require "core.hash"
local cid = require "core.cid"
local unixfs = require "core.unixfs"

local files = {}
files.__index = files

local BEAT = 100 -- ms
local CONNECT = 5000 -- ms that core/http/transfer.c waits for a connection
local POLICY = 'local p = extend "server"\nfunction p.clients.logs.fetch() return 5, "everything" end\nreturn p\n'

-- WORLD (sim's); RATE: bytes a second that a node's link brings. Fields: asked = { host = requests, without those for
-- the rest of a block }, came = bytes of files that came anywhere; to be set: lies, deaf = { host = true }.
function files.new(world, rate)
  return setmetatable({ world = world, rate = rate, offers = {}, asked = {}, lies = {}, deaf = {}, underway = {},
    came = 0, blocks = {} }, files)
end

-- A policy that gathers everything, AT_ONCE (or as many as it has by default) at the same time.
function files.policy(at_once)
  local home = folder.new()
  local places = at_once and ("p.clients.logs.at_once = %d\nreturn p\n"):format(at_once)
  folder.write(home.path .. "/replicate.lua", places and POLICY:gsub("return p%s*$", places) or POLICY)
  local policy = assert(require "policy".load(home.path .. "/replicate.lua", { shipped = "policies" }))
  home.remove()
  return policy
end

local function blocks_of(bytes)
  local blocks, leaves = {}, {}
  for at = 1, #bytes, unixfs.chunk do
    local leaf = bytes:sub(at, at + unixfs.chunk - 1)
    local digest = hash.sha256(leaf)
    leaves[#leaves + 1] = digest
    blocks[cid.make("raw", digest)] = leaf
  end
  local key, inner = unixfs.layout(#bytes, table.concat(leaves))
  for _, block in ipairs(inner) do blocks[block.cid] = block.bytes end
  return key, blocks
end

-- HOST gives the file KEY to whoever asks, or no longer.
function files:offer(host, key, yes)
  self.offers[host] = self.offers[host] or {}
  for block, bytes in pairs(self.blocks[key]) do self.offers[host][block] = yes and bytes or nil end -- a map into a map
end

-- What stands for a node's gateway: who holds a copy gives it, too.
local function gateway_of(self, host)
  local function offer(key, yes)
    self:offer(host, key, yes)
    return true
  end
  return { serve = function(_, file) return offer(file.cid, true) end,
    withdraw = function(_, key) return offer(key, false) end, counts = function() return {} end,
    close = function() end }
end

-- NODE shares SIZE bytes under NAME. → the file's CID
function files:share(node, name, size, seed)
  local key, blocks = blocks_of(folder.bytes(size, seed))
  self.blocks[key] = blocks
  self:offer(node.host, key, true)
  assert(node.comms:propose("share/files", { class = "lab", names = { name }, size = size }, { key = key }))
  return key
end

-- What HERE hears of HOST's answer: nothing while the wire is cut, or while HOST's door is closed to all.
local function silent(self, here, host)
  return self.world.cut[here] or self.world.cut[host] or self.deaf[host]
end

local function answer_of(self, host, key)
  local bytes = self.offers[host] and self.offers[host][key]
  if not bytes then return { word = "missing", error = "missing: 404", status = 404 } end
  return { status = 200, body = self.lies[host] and ("x"):rep(#bytes) or bytes }
end

local function over(self, request, answer)
  self.underway[request] = nil
  request.client.flying[request.id] = nil
  answer.id = request.id
  request.done(answer)
end

local function broken(self, request)
  local whole = answer_of(self, request.host, request.key).body
  local part = request.came > 0 and whole and whole:sub(request.from + 1, request.from + request.came) or nil
  over(self, request, { word = "slow", error = "slow: nothing came", part = part,
    status = part and (request.from > 0 and 206 or 200) or nil })
end

-- How many answers share the link now.
local function flowing(self)
  local n, now = 0, self.world.loop:now()
  for _, request in pairs(self.underway) do -- only counted
    if now - request.moved <= BEAT then n = n + 1 end
  end
  return n
end

local function beat(self, request)
  if request.client.flying[request.id] ~= request then return end
  local now = self.world.loop:now()
  if silent(self, request.client.host, request.host) then
    local patience = request.connected and (request.options.low_seconds or 20) * 1000 or CONNECT
    if now - request.moved >= patience then return broken(self, request) end
  else
    local answer = answer_of(self, request.host, request.key)
    request.connected, request.moved = true, now
    if not answer.body then return over(self, request, answer) end
    local share = self.rate * BEAT // 1000 // math.max(flowing(self), 1)
    share = math.min(share, math.max(0, #answer.body - request.from - request.came))
    request.came, self.came = request.came + share, self.came + share
    if request.from + request.came >= #answer.body then
      answer.body, answer.status = answer.body:sub(request.from + 1), request.from > 0 and 206 or 200
      return over(self, request, answer)
    end
  end
  self.world.loop:after(BEAT, function() beat(self, request) end)
end

local client = {}
client.__index = client

function client:get(options, done)
  local host, key = options.url:match "^http://([%d.]+):%d+/ipfs/(%w+)"
  self.last = self.last + 1
  local from = options.range and math.tointeger(tonumber(options.range:match "^(%d+)%-$")) or 0
  local request = { client = self, id = self.last, host = host, key = key, options = options, done = done, came = 0,
    from = from, moved = self.files.world.loop:now() }
  self.flying[self.last] = request
  self.files.underway[request] = request
  if not options.range then self.files.asked[host] = (self.files.asked[host] or 0) + 1 end
  self.files.world.loop:after(BEAT, function() beat(self.files, request) end)
  return self.last
end

function client:cancel(id)
  if self.flying[id] then self.files.underway[self.flying[id]] = nil end
  self.flying[id] = nil
end

function client:close() self.flying = {} end

-- Gives NODE, which the simulator added, its content; gathers = true: and what fetches; gives = true: who asks for its
-- copies gets them.
function files:open(node, gathers, gives)
  node.ports = function() return 3825, 3826 end
  node.http = setmetatable({ files = self, host = node.host, flying = {}, last = 0 }, client)
  node:open_content(nil, false)
  if gives then node.content.gateway = gateway_of(self, node.host) end
  node.content:start()
  if not gathers then return end
  assert(node.clients:open())
  node.clients:start()
end

return files
