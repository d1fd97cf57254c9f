-- checkpoints.lua - checkpoints for specs: their blocks, made a second time from the page alone, and somebody who gives
-- them out under a virtual clock. No checks of its own.
local cid = require "core.cid"
local hash = require "core.hash"
local ordered = require "dcache.ordered"

local checkpoints = {}

local function varint(n)
  local bytes = ""
  repeat
    local low = n & 127
    n = n >> 7
    bytes = bytes .. string.char(n > 0 and low | 128 or low)
  until n == 0
  return bytes
end

local function field(tag, bytes) return string.char(tag) .. varint(#bytes) .. bytes end
local function number(tag, n) return string.char(tag) .. varint(n) end

--- One link of a node: to KEY (CID), called NAME, SIZE bytes beneath it.
local function link(key, name, size)
  local codec, digest = cid.parse(key)
  local head = codec == "raw" and "\1\x55\x12\x20" or "\1\x70\x12\x20"
  return field(0x12, field(0x0a, head .. digest) .. field(0x12, name) .. number(0x18, size))
end

--- Puts BYTES among BLOCKS. → its CID
function checkpoints.put(blocks, codec, bytes)
  local key = cid.make(codec, hash.sha256(bytes))
  blocks[key] = bytes
  return key
end

--- The node of a file of LEAVES, { cid =, size = } each; CLAIMED: the size that it claims to have.
function checkpoints.file_node(leaves, claimed)
  local links, sizes, sum = {}, {}, 0
  for i, leaf in ipairs(leaves) do
    links[i], sizes[i], sum = link(leaf.cid, "", leaf.size), number(0x20, leaf.size), sum + leaf.size
  end
  return table.concat(links) .. field(0x0a, number(0x08, 2) .. number(0x18, claimed or sum) .. table.concat(sizes))
end

--- The folder of both files; HUMANS_SIZE, MACHINES_SIZE: bytes of all blocks of each.
function checkpoints.folder(humans, machines, humans_size, machines_size)
  return link(humans, "humans.txt", humans_size or 0) .. link(machines, "machines.txt", machines_size or 0)
    .. field(0x0a, "\8\1")
end

--- A checkpoint whose leaves have TEXTS. OPTIONS: swarm; node = its bytes, in place of those of the file's node.
-- → { cid =, blocks = { [cid] = bytes }, leaves = array of { cid =, size = } }
function checkpoints.make(texts, options)
  local blocks, leaves = {}, {}
  for i, text in ipairs(texts) do
    leaves[i] = { cid = checkpoints.put(blocks, "raw", text), size = #text }
  end
  local humans = checkpoints.put(blocks, "raw", ("root 1 need 1\nswarm %s\n"):format(options.swarm))
  local machines = checkpoints.put(blocks, "dag-pb", options.node or checkpoints.file_node(leaves))
  return { cid = checkpoints.put(blocks, "dag-pb", checkpoints.folder(humans, machines)), blocks = blocks,
    leaves = leaves, machines = machines }
end

--- All lines that NODE holds, in leaves of PER lines.
function checkpoints.texts_of(node, per)
  local texts, lines = {}, {}
  local function flush()
    if lines[1] then texts[#texts + 1] = table.concat(lines, "\n") .. "\n" end
    lines = {}
  end
  for _, class in ipairs(ordered.classes(node.dcache)) do
    for _, short in ipairs(ordered.ids(node.dcache, class, node.time:tick())) do
      lines[#lines + 1] = node.dcache:line(short)
      if #lines == per then flush() end
    end
    flush()
  end
  return texts
end

--- What http_client.lua is, for LOOP: gives the blocks of HOSTS, { [url] = { blocks =, dead = bool, change = fn(cid,
-- bytes) → bytes, ms = his own, breaks = bytes after which each answer breaks off } }, each after MS. Field `asked`:
-- how many were asked for, by URL.
function checkpoints.http(loop, hosts, ms)
  local http = { asked = {}, serial = 0 }
  function http:get(options, done)
    self.serial = self.serial + 1
    local id, url, key = self.serial, options.url:match "^(.*)/ipfs/(%w+)%?format=raw$"
    local host = hosts[url]
    self.asked[url] = (self.asked[url] or 0) + 1
    self[id] = loop:after(host.ms or ms or 5, function()
      self[id] = nil
      local bytes = not host.dead and host.blocks[key]
      if bytes and host.change then bytes = host.change(key, bytes) end
      if host.dead then return done { id = id, word = "ECONNREFUSED", error = "nobody" } end
      if not bytes then return done { id = id, status = 404, word = "missing", error = "missing" } end
      if #bytes > options.max then return done { id = id, word = "long", error = "long" } end
      local from = host.breaks and options.range and math.tointeger(tonumber(options.range:match "%d+")) or 0
      local status, rest = from > 0 and 206 or 200, bytes:sub(from + 1)
      if not host.breaks or #rest <= host.breaks then return done { id = id, status = status, body = rest } end
      done { id = id, status = status, word = "closed", error = "closed", part = rest:sub(1, host.breaks) }
    end)
    return id
  end
  function http:cancel(id)
    if self[id] then self[id]:cancel() end
  end
  return http
end

return checkpoints
