-- stream.lua - parts of a stream a second time, from spec/PROTOCOL.md alone: framed, sealed, opened. Keys are a call's.
local box = require "spec.second.box"

local stream = {}

local PART <const>, MORE <const> = 16384, 16 -- bytes of a part; of its box beyond these

local function nonce(n) return ("\0"):rep(16) .. ("<I8"):pack(n) end

local function with(swarm) return "dt-swarm/1 stream " .. swarm .. "\n" end

-- Part N, which is of KEY's side: its length and its box.
function stream.seal(swarm, n, key, text)
  return (">s2"):pack(box.seal(key, nonce(n), with(swarm), text))
end

-- The part N at the beginning of BYTES → its text, the bytes behind it | nil: it is not whole yet | false, word
function stream.open(swarm, n, key, bytes)
  if #bytes < 2 then return nil end
  local size = (">I2"):unpack(bytes)
  if size < MORE or size > PART + MORE then return false, "form" end
  if #bytes < 2 + size then return nil end
  local text = box.open(key, nonce(n), with(swarm), bytes:sub(3, 2 + size))
  if not text then return false, "signature" end
  return text, bytes:sub(3 + size)
end

return stream
