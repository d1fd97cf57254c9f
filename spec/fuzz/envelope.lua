-- envelope.lua - envelopes and frames of any bytes: what is read is written again. The fuzzer's property.
local batch, statement = require "core.batch", require "core.statement"
local envelope = require "routing.envelope"
local frame = require "routing.channels.frame"

-- Each line of a frame is judged as it is alone, wherever it stands.
local function statements(text)
  local list, err, refused = batch.new(text)
  if not list then return assert(refused == "long" and err:sub(1, 4) == "long") end
  local n, places = 0, list:part(#list)
  for line in (text:sub(-1) == "\n" and text or text .. "\n"):gmatch "([^\n]*)\n" do
    local st, _, word = statement.parse(line)
    n = n + 1
    if n <= 8 and st then assert(places > 0, "a statement went") end
    assert(word == nil or is_word(word))
  end
  assert(n == #list and list:bytes() == #text, "lines")
  for i = 1, #list do
    assert((list:code(i) == nil) == (i <= places), "order")
    if i <= places then assert(list:short(i) == list:statement(i).short) else assert(is_word(list:code(i))) end
  end
  list:close()
end

return function(bytes)
  local head, tail = bytes:match "^([^\n]*)\n(.*)$"
  head = head or bytes
  local message, text, word = envelope.parse(head)
  local whole = frame.read(bytes)
  assert(whole.code == word or not word and tail and is_word(whole.code))
  if not message then
    assert(is_word(word) and text:sub(1, #word) == word)
    return
  end
  assert(message.hops >= 0 and message.hops <= 8)
  message.head, message.body = envelope.head(message), tail and { tail }
  assert(frame.text(message) == bytes, "text")
  if tail then statements(tail) end
end
