-- lines.lua - a stream of any bytes: the same frames however it is cut, each written again. The fuzzer's property.
local lines = require "routing.channels.lines"
local stub = require "spec.net.stub"

local function drain(reader, found)
  for _ = 1, 100000 do
    local message, word, lost = reader:next()
    if message == nil then return true end
    if message then
      found[#found + 1] = stub.text(message)
    else
      assert(is_word(word), word)
      found[#found + 1] = "!" .. word .. (lost and " lost" or "")
      if lost then return false end
    end
  end
  error "no end"
end

local function read(bytes, piece)
  local reader, found = lines.reader(), {}
  for at = 1, #bytes, piece do
    reader:feed(bytes:sub(at, at + piece - 1))
    if not drain(reader, found) then return found end
    assert(reader.waiting:left() <= (reader.need and 256 * 1025 or 8192) + piece, "what waits is bounded")
  end
  return found
end

local function same(a, b)
  assert(#a == #b, "pieces change the frames")
  for i = 1, #a do assert(a[i] == b[i], "pieces change a frame") end
end

local function again(text)
  local bytes = assert(lines.encode(stub.message(text)))
  local found = read(bytes, #bytes)
  assert(#found == 1 and found[1] == text, "there and back")
end


return function(bytes)
  local found = read(bytes, 8192)
  same(found, read(bytes, 7))
  if #bytes <= 300 then same(found, read(bytes, 1)) end
  for _, text in ipairs(found) do
    if text:sub(1, 1) ~= "!" then again(text) end
  end
  local made, word = lines.encode(stub.message(bytes))
  if not made then return assert(is_word(word)) end
  local back = read(made, 8192)
  assert(#back == 1, "one frame is one frame")
end
