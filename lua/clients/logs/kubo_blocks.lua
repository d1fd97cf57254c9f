-- kubo_blocks.lua - takes all blocks of a file out of a Kubo, which keeps an old reference rather than take a new one.
-- Which blocks these are it reads at our gateway. Unpins nothing.
local unixfs = require "core.unixfs"

local kubo_blocks = {}

local AT_ONCE <const> = 48 -- blocks of one request
local NODE_MAX <const> = 1048576 -- bytes of a node

-- Those of LIST, which is empty then; what is pinned by somebody else stays.
local function remove(self, done)
  if not self.list[1] then return done() end
  local path = "block/rm?force=true&quiet=true&arg=" .. table.concat(self.list, "&arg=")
  self.list = {}
  self.pins.kubo:ask(path, {}, function(body, ...)
    if not body then return self.done(nil, ...) end
    done()
  end)
end

local step

-- The children of NODE, which has these BYTES.
local function take(self, node, bytes)
  local children, text, code = unixfs.decode(node.cid, bytes, node.size, node.height)
  if not children then return self.done(nil, text, code, nil, true) end
  for _, child in ipairs(children) do table.insert(child.height > 0 and self.nodes or self.leaves, child) end
  step(self)
end

function step(self)
  while self.leaves[1] and #self.list < AT_ONCE do table.insert(self.list, table.remove(self.leaves).cid) end
  if #self.list >= AT_ONCE then return remove(self, function() step(self) end) end
  local node = table.remove(self.nodes)
  if not node then return remove(self, function() self.done(true) end) end
  table.insert(self.list, node.cid)
  local id, text, code = self.pins.http:get({ url = ("%s/ipfs/%s?format=raw"):format(self.from, node.cid),
    max = NODE_MAX }, function(answer)
    if answer.word then return self.done(nil, answer.error, answer.word, nil, true) end
    take(self, node, answer.body)
  end)
  if not id then self.done(nil, text, code) end
end

--- All blocks of the file KEY of SIZE bytes, which our gateway at FROM gives, out of the Kubo of PINS (kubo_pins.lua).
--- done(true), or done(nil, text, code, cure, ours), as that one's add.
function kubo_blocks.remove(pins, key, size, from, done)
  local self = { pins = pins, from = from, done = done, list = {}, nodes = {}, leaves = {} }
  table.insert(size <= unixfs.chunk and self.leaves or self.nodes, { cid = key, size = size })
  step(self)
end

return kubo_blocks
