-- checkpoint.lua - any bytes as a node of a checkpoint and as a bundle: bounded, and the same however they are cut. The
-- fuzzer's property.
local bundle = require "comms.bundle"
local dag = require "dcache.content.dag"

local function read(bytes, piece)
  local reader, found = bundle.reader(), {}
  for at = 1, #bytes, piece do
    for _, one in ipairs(reader:take(bytes:sub(at, at + piece - 1))) do
      found[#found + 1] = ("%d %s %s"):format(one.number, one.code or "", one.line or "")
    end
    assert(#reader.rest <= 1024 + piece, "what waits is bounded")
  end
  local ok, _, word, half = reader:finish()
  assert(ok or is_word(word), word)
  found[#found + 1] = ("%s %s %s"):format(ok, word, half)
  return table.concat(found, "\n")
end

return function(bytes)
  local leaves, sum, word = dag.file(bytes)
  assert(leaves and #leaves <= dag.LEAVES_MOST and sum <= dag.FILE_MOST or not leaves and is_word(word), word)
  local all = 0
  for _, leaf in ipairs(leaves or {}) do all = all + leaf.size end
  assert(not leaves or all == sum, "its size is that of its leaves")
  local files, _, why = dag.folder(bytes)
  assert(files or is_word(why), why)
  local whole = read(bytes, 8192)
  assert(whole == read(bytes, 7), "pieces change the lines")
  if #bytes <= 300 then assert(whole == read(bytes, 1), "pieces change the lines") end
end
