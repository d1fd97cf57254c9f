-- box.lua - X25519, BLAKE2b, XChaCha20-Poly1305 a second time, in plain Lua from the RFCs. Slow, and not for secrets.
local box = {}

-- == BLAKE2b (RFC 7693)

local IV <const> = { 0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
  0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179 }
local SIGMA <const> = {
  { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }, { 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3 },
  { 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4 }, { 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8 },
  { 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13 }, { 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9 },
  { 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11 }, { 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10 },
  { 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5 }, { 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0 },
}
local QUARTERS <const> = { { 1, 5, 9, 13 }, { 2, 6, 10, 14 }, { 3, 7, 11, 15 }, { 4, 8, 12, 16 }, { 1, 6, 11, 16 },
  { 2, 7, 12, 13 }, { 3, 8, 9, 14 }, { 4, 5, 10, 15 } }

local function rotated(x, by) return x >> by | x << 64 - by end

local function compress(h, block, counted, last)
  local m, v = table.pack(("<" .. ("i8"):rep(16)):unpack(block)), {}
  for i = 1, 8 do v[i], v[i + 8] = h[i], IV[i] end
  v[13] = v[13] ~ counted
  if last then v[15] = ~v[15] end
  for round = 0, 11 do
    local s = SIGMA[round % 10 + 1]
    for i, q in ipairs(QUARTERS) do
      local a, b, c, d = q[1], q[2], q[3], q[4]
      v[a] = v[a] + v[b] + m[s[2 * i - 1] + 1]
      v[d] = rotated(v[d] ~ v[a], 32)
      v[c] = v[c] + v[d]
      v[b] = rotated(v[b] ~ v[c], 24)
      v[a] = v[a] + v[b] + m[s[2 * i] + 1]
      v[d] = rotated(v[d] ~ v[a], 16)
      v[c] = v[c] + v[d]
      v[b] = rotated(v[b] ~ v[c], 63)
    end
  end
  for i = 1, 8 do h[i] = h[i] ~ v[i] ~ v[i + 8] end
end

local function padded(bytes, size) return bytes .. ("\0"):rep(size - #bytes) end

-- SIZE bytes.
function box.blake2b(bytes, size, key)
  key = key or ""
  local h = { table.unpack(IV) }
  h[1] = h[1] ~ (0x01010000 | #key << 8 | size)
  local all = (key == "" and "" or padded(key, 128)) .. bytes
  local at = 0
  while #all - at > 128 do
    at = at + 128
    compress(h, all:sub(at - 127, at), at, false)
  end
  compress(h, padded(all:sub(at + 1), 128), #all, true)
  return ("<" .. ("i8"):rep(8)):pack(table.unpack(h)):sub(1, size)
end

-- == X25519 (RFC 7748): numbers of sixteen digits to the base 2^16, which may be beyond their range

local function carried(o)
  for i = 1, 16 do
    local more = o[i] // 65536
    o[i] = o[i] - more * 65536
    local to = i % 16 + 1
    o[to] = o[to] + more * (i == 16 and 38 or 1)
  end
  return o
end

local function times(a, b)
  local wide, o = {}, {}
  for i = 1, 32 do wide[i] = 0 end
  for i = 1, 16 do
    local digit = a[i]
    for j = 1, 16 do wide[i + j - 1] = wide[i + j - 1] + digit * b[j] end
  end
  for i = 1, 16 do o[i] = wide[i] + 38 * wide[i + 16] end
  return carried(carried(o))
end

local function plus(a, b)
  local o = {}
  for i = 1, 16 do o[i] = a[i] + b[i] end
  return o
end

local function minus(a, b)
  local o = {}
  for i = 1, 16 do o[i] = a[i] - b[i] end
  return o
end

local function small(n)
  local o = { n & 65535, n >> 16 }
  for i = 3, 16 do o[i] = 0 end
  return o
end

local function inverse(a)
  local o = a
  for bit = 253, 0, -1 do
    o = times(o, o)
    if bit ~= 2 and bit ~= 4 then o = times(o, a) end
  end
  return o
end

local function packed(a)
  local o = carried(carried(carried({ table.unpack(a) })))
  for _ = 1, 2 do
    local m, borrow = {}, 0
    for i = 1, 16 do
      local digit = o[i] - (i == 1 and 0xffed or i == 16 and 0x7fff or 0xffff) - borrow
      borrow = digit < 0 and 1 or 0
      m[i] = digit & 65535
    end
    if borrow == 0 then o = m end
  end
  return ("<" .. ("I2"):rep(16)):pack(table.unpack(o))
end

-- The product of SCALAR and the point U, 32 bytes each.
function box.x25519(scalar, u)
  local k, x = table.pack(scalar:byte(1, 32)), table.pack(("<" .. ("I2"):rep(16)):unpack(u))
  k[1], k[32] = k[1] & 248, k[32] & 127 | 64
  x[16], x[17] = x[16] & 0x7fff, nil
  local a, b, c, d = small(1), x, small(0), small(1)
  for bit = 254, 0, -1 do
    local swap = k[(bit >> 3) + 1] >> (bit & 7) & 1 == 1
    if swap then a, b, c, d = b, a, d, c end
    local sum, difference = plus(a, c), minus(a, c)
    local cross_one, cross_two = times(plus(b, d), difference), times(minus(b, d), sum)
    local squares, others = times(sum, sum), times(difference, difference)
    local gap = minus(squares, others)
    a, c = times(squares, others), times(gap, plus(squares, times(small(121665), gap)))
    local together, apart = plus(cross_one, cross_two), minus(cross_one, cross_two)
    b, d = times(together, together), times(x, times(apart, apart))
    if swap then a, b, c, d = b, a, d, c end
  end
  return packed(times(a, inverse(c)))
end

function box.public(scalar) return box.x25519(scalar, "\9" .. ("\0"):rep(31)) end

-- == ChaCha20 and Poly1305 (RFC 8439), XChaCha20 (draft-irtf-cfrg-xchacha)

local function turned(x, by) return (x << by | x >> 32 - by) & 0xffffffff end

local CHACHA <const> = { { 1, 5, 9, 13 }, { 2, 6, 10, 14 }, { 3, 7, 11, 15 }, { 4, 8, 12, 16 }, { 1, 6, 11, 16 },
  { 2, 7, 12, 13 }, { 3, 8, 9, 14 }, { 4, 5, 10, 15 } }

-- Twenty rounds over sixteen words.
local function rounds(state)
  local s = { table.unpack(state, 1, 16) }
  for _ = 1, 10 do
    for _, q in ipairs(CHACHA) do
      local a, b, c, d = q[1], q[2], q[3], q[4]
      for turn = 1, 2 do
        s[a] = s[a] + s[b] & 0xffffffff
        s[d] = turned(s[d] ~ s[a], turn == 1 and 16 or 8)
        s[c] = s[c] + s[d] & 0xffffffff
        s[b] = turned(s[b] ~ s[c], turn == 1 and 12 or 7)
      end
    end
  end
  return s
end

local WORDS <const> = "<" .. ("I4"):rep(16)

local function start(key, rest) return table.pack(WORDS:unpack("expand 32-byte k" .. key .. rest)) end

local function stream(key, nonce, size)
  local list = {}
  for counter = 0, (size + 63) // 64 do
    local state = start(key, ("<I4"):pack(counter) .. nonce)
    local mixed = rounds(state)
    for i = 1, 16 do mixed[i] = mixed[i] + state[i] & 0xffffffff end
    list[#list + 1] = WORDS:pack(table.unpack(mixed))
  end
  return table.concat(list)
end

local function subkey(key, nonce)
  local mixed = rounds(start(key, nonce))
  return ("<" .. ("I4"):rep(8)):pack(mixed[1], mixed[2], mixed[3], mixed[4], mixed[13], mixed[14], mixed[15], mixed[16])
end

-- Numbers of 17 digits to the base 256, and more of them.
local function digits(bytes)
  local list = table.pack(bytes:byte(1, -1))
  for i = #list + 1, 17 do list[i] = 0 end
  return list
end

-- (A · R) mod 2^130 − 5, not wholly reduced.
local function poly_times(a, r)
  local o = {}
  for i = 1, 17 do
    local sum = 0
    for j = 1, 17 do
      local at = i - j + 1
      if at >= 1 then sum = sum + a[j] * r[at] else sum = sum + 320 * a[j] * r[at + 17] end
    end
    o[i] = sum
  end
  for _ = 1, 2 do
    local more = 0
    for i = 1, 16 do
      local digit = o[i] + more
      o[i], more = digit & 255, digit >> 8
    end
    local top = o[17] + more
    o[17] = top & 3
    o[1] = o[1] + 5 * (top >> 2)
  end
  return o
end

local function poly1305(key, bytes)
  local r = digits(key:sub(1, 16))
  for _, i in ipairs { 4, 8, 12, 16 } do r[i] = r[i] & 15 end
  for _, i in ipairs { 5, 9, 13 } do r[i] = r[i] & 252 end
  local h = digits ""
  for at = 1, #bytes, 16 do
    local piece = digits(bytes:sub(at, at + 15) .. "\1")
    for i = 1, 17 do h[i] = h[i] + piece[i] end
    h = poly_times(h, r)
  end
  local function settled(add)
    local o, more = {}, 0
    for i = 1, 17 do
      local digit = h[i] + add[i] + more
      o[i], more = digit & 255, digit >> 8
    end
    return o
  end
  h = settled(digits "")
  local beyond = settled(digits "\5") -- h + 5 reaches 2^130 exactly where h is not less than 2^130 − 5
  if beyond[17] >= 4 then h = beyond end
  h = settled(digits(key:sub(17, 32)))
  return string.char(table.unpack(h, 1, 16))
end

local function tag_of(stream_of, with, cipher)
  local function whole(bytes) return bytes .. ("\0"):rep(-#bytes % 16) end
  return poly1305(stream_of:sub(1, 32), whole(with) .. whole(cipher) .. ("<I8I8"):pack(#with, #cipher))
end

local function mixed(text, key_stream)
  local out = {}
  for i = 1, #text do out[i] = string.char(text:byte(i) ~ key_stream:byte(64 + i)) end
  return table.concat(out)
end

-- KEY: 32 bytes, NONCE: 24.
function box.seal(key, nonce, with, text)
  local of = stream(subkey(key, nonce:sub(1, 16)), "\0\0\0\0" .. nonce:sub(17), #text)
  local cipher = mixed(text, of)
  return cipher .. tag_of(of, with, cipher)
end

-- → the text | nil
function box.open(key, nonce, with, sealed)
  if #sealed < 16 then return nil end
  local cipher = sealed:sub(1, -17)
  local of = stream(subkey(key, nonce:sub(1, 16)), "\0\0\0\0" .. nonce:sub(17), #cipher)
  return tag_of(of, with, cipher) == sealed:sub(-16) and mixed(cipher, of) or nil
end

return box
