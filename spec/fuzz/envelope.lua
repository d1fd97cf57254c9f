-- envelope.lua - envelopes and frames of any bytes: what is read is written again. The fuzzer's property.
local envelope = require "routing.envelope"
local frame = require "routing.channels.frame"

return function(bytes)
  local head, body = envelope.split(bytes)
  assert(not head:find("\n", 1, true) and #body <= #bytes)
  for _, line in ipairs(body) do assert(not line:find("\n", 1, true)) end
  local joined = #body > 0 and head .. "\n" .. table.concat(body, "\n") or head
  assert(joined == bytes or joined .. "\n" == bytes, "split")
  local message, text, word = envelope.parse(head)
  if not message then
    assert(is_word(word) and text:sub(1, #word) == word)
    return
  end
  assert(message.hops >= 0 and message.hops <= 8)
  assert(frame.kind(head) == message.kind, "the channel reads another kind")
  message.body = body
  assert(envelope.format(message) == joined, "format")
end
