-- car.lua - reads a CARv1 and the UnixFS file in it, by the documents and not by our code. Checks every hash.
--
-- ipld.io/specs/transport/car/carv1; dag-pb and UnixFS as protobuf, RFC 8949 for the header.
local hash = require "core.hash"

local car = {}

local function varint(bytes, at)
  local value, shift = 0, 0
  while true do
    local byte = assert(bytes:byte(at), "cut short")
    value, at, shift = value | (byte & 127) << shift, at + 1, shift + 7
    if byte < 128 then return value, at end
  end
end

-- One value of CBOR: unsigned integers, byte and text strings, arrays, maps, tag 42.
local function cbor(bytes, at)
  local kind, size = bytes:byte(at) >> 5, bytes:byte(at) & 31
  at = at + 1
  if size == 24 then size, at = bytes:byte(at), at + 1 end
  assert(size < 256, "longer than such a header is")
  if kind == 0 then return size, at end
  if kind == 2 or kind == 3 then return bytes:sub(at, at + size - 1), at + size end
  if kind == 6 then
    assert(size == 42, "no CID")
    return cbor(bytes, at)
  end
  assert(kind == 4 or kind == 5, "no such value in a header")
  local made = {}
  for i = 1, size do
    local key = i
    if kind == 5 then key, at = cbor(bytes, at) end
    made[key], at = cbor(bytes, at)
  end
  return made, at
end

local function read_block(section)
  assert(section:sub(1, 1) == "\1" and section:sub(3, 4) == "\18\32", "another CID than CIDv1 with SHA-256")
  local block = { codec = section:byte(2), cid = section:sub(1, 36), bytes = section:sub(37) }
  assert(hash.sha256(block.bytes) == section:sub(5, 36), "a block that is not its CID's")
  return block
end

-- → { roots = { binary CIDs }, version =, blocks = { { codec =, cid = binary, bytes = }, … } in their order }
function car.read(bytes)
  local size, at = varint(bytes, 1)
  local header, ended = cbor(bytes, at)
  assert(ended == at + size, "the header's length")
  for i, root in ipairs(header.roots) do
    assert(root:sub(1, 1) == "\0")
    header.roots[i] = root:sub(2)
  end
  header.blocks = {}
  at = ended
  while at <= #bytes do
    size, at = varint(bytes, at)
    assert(at + size - 1 <= #bytes, "cut short")
    header.blocks[#header.blocks + 1] = read_block(bytes:sub(at, at + size - 1))
    at = at + size
  end
  return header
end

-- The fields of a protobuf message: array of { number, value }.
local function fields(bytes)
  local list, at = {}, 1
  while at <= #bytes do
    local key, value
    key, at = varint(bytes, at)
    value, at = varint(bytes, at)
    if key & 7 == 2 then value, at = bytes:sub(at, at + value - 1), at + value end
    list[#list + 1] = { key >> 3, value }
  end
  return list
end

-- The binary CIDs that a dag-pb block links to, in order; none of a leaf's.
function car.links(block)
  local links = {}
  if block.codec == 0x55 then return links end
  for _, field in ipairs(fields(block.bytes)) do
    if field[1] == 2 then
      for _, part in ipairs(fields(field[2])) do
        if part[1] == 1 then links[#links + 1] = part[2] end
      end
    end
  end
  return links
end

-- The file under CID: its bytes, and the CIDs as a walk meets them, depth first, each time.
function car.file(blocks, cid)
  local by_cid, parts, order = {}, {}, {}
  for _, block in ipairs(blocks) do by_cid[block.cid] = block end
  local function walk(each)
    local block = assert(by_cid[each], "a block is not there")
    order[#order + 1] = each
    if block.codec == 0x55 then parts[#parts + 1] = block.bytes end
    for _, link in ipairs(car.links(block)) do walk(link) end
  end
  walk(cid)
  return table.concat(parts), order
end

return car
