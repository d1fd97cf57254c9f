-- dag.lua - the nodes of a checkpoint, read from bytes: a folder of files, a file of leaves of any size. No fetching.
--
-- The nodes of other files have one shape for each size (core.unixfs); the leaves of a checkpoint end where its lines
-- do, so that its nodes name the size of each leaf. Here bytes are read that have their CID already: what is wrong with
-- them is wrong at every source.
local cid = require "core.cid"
local unixfs = require "core.unixfs"

local dag = {}

dag.NODE_MOST = 64 * 1024 -- bytes of a node
dag.LEAF_MOST = unixfs.piece_max -- bytes of a leaf
dag.LEAVES_MOST = unixfs.links
dag.FILE_MOST = 256 * 1024 * 1024 -- bytes of all leaves of a file

local CODECS = { ["\1\x55\x12\x20"] = "raw", ["\1\x70\x12\x20"] = "dag-pb" } -- how a CIDv1 with SHA-256 begins
local CID_SIZE = 36
local FOLDER = "\8\1"

local function fail(text) return nil, "form: " .. text, "form" end

-- A number of protobuf at AT (LEB128). → number, the place behind it | nil
local function varint(bytes, at)
  local value = 0
  for i = 0, 6 do
    local byte = bytes:byte(at + i)
    if not byte then return nil end
    value = value | (byte & 127) << 7 * i
    if byte < 128 then return value, at + i + 1 end
  end
end

-- FN(tag, value) for each field of BYTES: a number, or a text. → true | nil: it is no protobuf, or fn gave false
local function each_field(bytes, fn)
  local at = 1
  while at <= #bytes do
    local tag, behind = varint(bytes, at)
    local value, after = varint(bytes, behind or #bytes + 1)
    if not value then return nil end
    at = after
    if tag & 7 == 2 then
      if at + value - 1 > #bytes then return nil end
      value, at = bytes:sub(at, at + value - 1), at + value
    elseif tag & 7 ~= 0 then
      return nil
    end
    if fn(tag, value) == false then return nil end
  end
  return true
end

-- One link of a node → { cid =, codec =, name = } | nil
local function link_of(bytes)
  local link = { name = "" }
  local ok = each_field(bytes, function(tag, value)
    if tag == 0x0a then
      link.codec = #value == CID_SIZE and CODECS[value:sub(1, 4)] or nil
      link.cid = link.codec and cid.make(link.codec, value:sub(5))
    elseif tag == 0x12 then
      link.name = value
    end
  end)
  return ok and link.cid and link or nil
end

-- → array of links, the node's data | nil
local function node_of(bytes)
  if #bytes > dag.NODE_MOST then return nil end
  local links, data = {}, nil
  local ok = each_field(bytes, function(tag, value)
    if tag == 0x12 then
      links[#links + 1] = link_of(value)
      return links[#links] ~= nil
    end
    if tag ~= 0x0a or data then return false end
    data = value
  end)
  if not ok or not data then return nil end
  return links, data
end

--- BYTES as a folder. → { [name] = cid } | nil, text, "form"
function dag.folder(bytes)
  local links, data = node_of(bytes)
  if not links or data ~= FOLDER then return fail "no folder of UnixFS" end
  local files = {}
  for _, link in ipairs(links) do files[link.name] = link.cid end
  return files
end

-- The sizes that a file's DATA names → sum, array | nil
local function sizes_of(data)
  local is_file, whole, sizes = false, nil, {}
  local ok = each_field(data, function(tag, value)
    if tag == 0x08 then is_file = value == 2
    elseif tag == 0x18 then whole = value
    elseif tag == 0x20 then sizes[#sizes + 1] = value
    else return false end
  end)
  if not ok or not is_file then return nil end
  return whole, sizes
end

--- BYTES as the node of a file. → array of { cid =, size = } of its leaves, in order, their sum | nil, text, code:
-- "form", or "size" where it is larger than a checkpoint may be
function dag.file(bytes)
  local links, data = node_of(bytes)
  if not links then return fail "no node of a file" end
  local whole, sizes = sizes_of(data)
  if not whole or #sizes ~= #links then return fail "no file of UnixFS" end
  if #links > dag.LEAVES_MOST then return nil, ("size: more than %d leaves"):format(dag.LEAVES_MOST), "size" end
  local leaves, sum = {}, 0
  for i, link in ipairs(links) do
    if link.codec ~= "raw" or link.name ~= "" then return fail "nodes within the node of a file" end
    if sizes[i] < 1 or sizes[i] > dag.LEAF_MOST then return nil, "size: a leaf of more than 256 KiB", "size" end
    leaves[i], sum = { cid = link.cid, size = sizes[i] }, sum + sizes[i]
  end
  if sum > dag.FILE_MOST then return nil, "size: more than 256 MiB", "size" end
  if sum ~= whole then return fail "a file of another size than its leaves have" end
  return leaves, sum
end

return dag
