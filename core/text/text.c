/* text.c - base58, base32, base64, hex, varint, clean UTF-8: strict both ways. No meaning
 * of text. */
#include "core.h"
#include "codecs.h"
#include <string.h>

static const char base58_alphabet[] =
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/* A codec whose character stands for a whole number of bits. */
typedef struct {
  const char *alphabet;
  int bits;
} codec;

static const codec base32 = {"abcdefghijklmnopqrstuvwxyz234567", 5};
static const codec base64url = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 6};
static const codec base64 = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 6};
static const codec hex = {"0123456789abcdef", 4};

static int digit(const char *alphabet, size_t count, char c) {
  const char *at = memchr(alphabet, c, count);
  return at ? (int)(at - alphabet) : -1;
}

static int64_t encode_bits(const codec *c, const void *in, size_t size, char *out,
                           size_t room) {
  const uint8_t *bytes = in;
  uint32_t held = 0;
  int bits = 0;
  size_t n = 0;
  if (room < (size * 8 + (size_t)c->bits - 1) / (size_t)c->bits)
    return -1;
  for (size_t i = 0; i < size; i++) {
    held = held << 8 | bytes[i];
    for (bits += 8; bits >= c->bits; bits -= c->bits)
      out[n++] = c->alphabet[held >> (bits - c->bits) & ((1u << c->bits) - 1)];
  }
  if (bits)
    out[n++] = c->alphabet[held << (c->bits - bits) & ((1u << c->bits) - 1)];
  return (int64_t)n;
}

#define NO_DIGIT 0xff

/* What is left after the last byte must be zero, and less than a character: one spelling.
 */
static int64_t decode_bits(const codec *c, const char *in, size_t size, void *out,
                           size_t room) {
  uint8_t *bytes = out, values[256];
  uint32_t held = 0;
  int bits = 0;
  size_t n = 0;
  memset(values, NO_DIGIT, sizeof values);
  for (uint8_t i = 0; i < 1 << c->bits; i++)
    values[(uint8_t)c->alphabet[i]] = i;
  for (size_t i = 0; i < size; i++) {
    uint8_t value = values[(uint8_t)in[i]];
    if (value == NO_DIGIT)
      return -1;
    held = held << c->bits | value;
    bits += c->bits;
    if (bits < 8)
      continue;
    if (n == room)
      return -1;
    bits -= 8;
    bytes[n++] = (uint8_t)(held >> bits);
  }
  if (bits >= c->bits || (held & ((1u << bits) - 1)))
    return -1;
  return (int64_t)n;
}

int64_t text_base32(const void *in, size_t size, char *out, size_t room) {
  return encode_bits(&base32, in, size, out, room);
}

int64_t text_unbase32(const char *in, size_t size, void *out, size_t room) {
  return decode_bits(&base32, in, size, out, room);
}

int64_t text_base64url(const void *in, size_t size, char *out, size_t room) {
  return encode_bits(&base64url, in, size, out, room);
}

int64_t text_unbase64url(const char *in, size_t size, void *out, size_t room) {
  return decode_bits(&base64url, in, size, out, room);
}

int64_t text_hex(const void *in, size_t size, char *out, size_t room) {
  return encode_bits(&hex, in, size, out, room);
}

int64_t text_unhex(const char *in, size_t size, void *out, size_t room) {
  return decode_bits(&hex, in, size, out, room);
}

int64_t text_base64(const void *in, size_t size, char *out, size_t room) {
  int64_t n = encode_bits(&base64, in, size, out, room);
  if (n < 0 || room < (size + 2) / 3 * 4)
    return -1;
  while (n % 4)
    out[n++] = '=';
  return n;
}

int64_t text_unbase64(const char *in, size_t size, void *out, size_t room) {
  size_t bare = size;
  if (size % 4)
    return -1;
  while (bare > 0 && size - bare < 2 && in[bare - 1] == '=')
    bare--;
  return decode_bits(&base64, in, bare, out, room);
}

/* VALUE := VALUE * FACTOR + CARRY in base BASE, most significant digit last. New count of
 * digits. */
static size_t big_step(uint8_t *digits, size_t count, uint32_t factor, uint32_t carry,
                       uint32_t base) {
  for (size_t i = 0; i < count; i++) {
    carry += digits[i] * factor;
    digits[i] = (uint8_t)(carry % base);
    carry /= base;
  }
  for (; carry; carry /= base)
    digits[count++] = (uint8_t)(carry % base);
  return count;
}

int64_t text_base58(const void *in, size_t size, char *out, size_t room) {
  const uint8_t *bytes = in;
  uint8_t digits[TEXT_BASE58_MAX * 138 / 100 + 2];
  size_t zeros = 0, count = 0;
  if (size > TEXT_BASE58_MAX)
    return -1;
  while (zeros < size && bytes[zeros] == 0)
    zeros++;
  for (size_t i = zeros; i < size; i++)
    count = big_step(digits, count, 256, bytes[i], 58);
  if (zeros + count > room)
    return -1;
  memset(out, '1', zeros);
  for (size_t i = 0; i < count; i++)
    out[zeros + i] = base58_alphabet[digits[count - 1 - i]];
  return (int64_t)(zeros + count);
}

int64_t text_unbase58(const char *in, size_t size, void *out, size_t room) {
  uint8_t bytes[TEXT_BASE58_MAX + 2], *to = out;
  size_t zeros = 0, count = 0;
  while (zeros < size && in[zeros] == '1')
    zeros++;
  for (size_t i = zeros; i < size; i++) {
    int value = digit(base58_alphabet, 58, in[i]);
    if (value < 0)
      return -1;
    count = big_step(bytes, count, 58, (uint32_t)value, 256);
    if (count > TEXT_BASE58_MAX)
      return -1;
  }
  if (zeros + count > TEXT_BASE58_MAX || zeros + count > room)
    return -1;
  memset(to, 0, zeros);
  for (size_t i = 0; i < count; i++)
    to[zeros + i] = bytes[count - 1 - i];
  return (int64_t)(zeros + count);
}

int text_varint(uint64_t value, uint8_t out[TEXT_VARINT_MAX]) {
  int n = 0;
  for (; value >= 0x80 && n < TEXT_VARINT_MAX - 1; value >>= 7)
    out[n++] = (uint8_t)(value | 0x80);
  out[n++] = (uint8_t)(value & 0x7f);
  return n;
}

int text_unvarint(const void *in, size_t size, uint64_t *value) {
  const uint8_t *bytes = in;
  *value = 0;
  for (size_t i = 0; i < size && i < TEXT_VARINT_MAX; i++) {
    *value |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
    if (bytes[i] & 0x80)
      continue;
    return bytes[i] == 0 && i > 0 ? -1 : (int)i + 1;
  }
  return -1;
}

/* Length of the sequence that BYTE begins, 0 for none, and the least code point of that
 * length. */
static int sequence(uint8_t byte, uint32_t *code, uint32_t *least) {
  if (byte < 0x80)
    return *code = byte, *least = 0, 1;
  if (byte >= 0xc2 && byte < 0xe0)
    return *code = byte & 0x1f, *least = 0x80, 2;
  if (byte >= 0xe0 && byte < 0xf0)
    return *code = byte & 0x0f, *least = 0x800, 3;
  if (byte >= 0xf0 && byte < 0xf5)
    return *code = byte & 0x07, *least = 0x10000, 4;
  return 0;
}

/* Characters that would let a text act on a terminal or read in another order than it
 * stands. */
static int is_harmful(uint32_t code) {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0))
    return 1;
  if (code == 0x61c || code == 0x200e || code == 0x200f)
    return 1;
  return (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

int text_character(const char *in, size_t size) {
  uint32_t code, least;
  int length = size ? sequence((uint8_t)in[0], &code, &least) : 0;
  if (length == 0 || (size_t)length > size)
    return 0;
  for (int i = 1; i < length; i++) {
    if (((uint8_t)in[i] & 0xc0) != 0x80)
      return 0;
    code = code << 6 | ((uint8_t)in[i] & 0x3f);
  }
  if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
    return 0;
  return is_harmful(code) ? 0 : length;
}

int text_is_clean(const char *in, size_t size) {
  while (size) {
    int length = text_character(in, size);
    if (length == 0)
      return 0;
    in += length;
    size -= (size_t)length;
  }
  return 1;
}

/* == Lua == */

typedef int64_t encoder(const void *, size_t, char *, size_t);
typedef int64_t decoder(const char *, size_t, void *, size_t);

static int push_encoded(lua_State *L, encoder *encode) {
  size_t size;
  luaL_Buffer b;
  const char *bytes = luaL_checklstring(L, 1, &size);
  size_t room = size * 2 + 4;
  char *out = luaL_buffinitsize(L, &b, room);
  int64_t n = encode(bytes, size, out, room);
  luaL_argcheck(L, n >= 0, 1, "more than base58 is for (256 bytes)");
  luaL_pushresultsize(&b, (size_t)n);
  return 1;
}

static int push_decoded(lua_State *L, decoder *decode, const char *name) {
  size_t size;
  luaL_Buffer b;
  const char *text = luaL_checklstring(L, 1, &size);
  char *out = luaL_buffinitsize(L, &b, size + 1);
  int64_t n = decode(text, size, out, size + 1);
  if (n < 0)
    return core_fail(L, "form", "not %s in its one spelling", name);
  luaL_pushresultsize(&b, (size_t)n);
  return 1;
}

static int f_base58(lua_State *L) {
  return push_encoded(L, text_base58);
}

static int f_unbase58(lua_State *L) {
  return push_decoded(L, text_unbase58, "base58");
}

static int f_base32(lua_State *L) {
  return push_encoded(L, text_base32);
}

static int f_unbase32(lua_State *L) {
  return push_decoded(L, text_unbase32, "base32");
}

static int f_base64url(lua_State *L) {
  return push_encoded(L, text_base64url);
}

static int f_unbase64url(lua_State *L) {
  return push_decoded(L, text_unbase64url, "base64url");
}

static int f_base64(lua_State *L) {
  return push_encoded(L, text_base64);
}

static int f_unbase64(lua_State *L) {
  return push_decoded(L, text_unbase64, "base64");
}

static int f_hex(lua_State *L) {
  return push_encoded(L, text_hex);
}

static int f_unhex(lua_State *L) {
  return push_decoded(L, text_unhex, "hex");
}

/* varint(n) → bytes; n ≥ 0 */
static int f_varint(lua_State *L) {
  uint8_t out[TEXT_VARINT_MAX];
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_argcheck(L, n >= 0, 1, "must not be negative");
  lua_pushlstring(L, (char *)out, (size_t)text_varint((uint64_t)n, out));
  return 1;
}

/* unvarint(bytes [, position]) → n, position after it | nil, text, "form" */
static int f_unvarint(lua_State *L) {
  size_t size;
  uint64_t value;
  const char *bytes = luaL_checklstring(L, 1, &size);
  lua_Integer at = luaL_optinteger(L, 2, 1);
  luaL_argcheck(L, at >= 1 && (size_t)at <= size + 1, 2, "outside of the bytes");
  int n = text_unvarint(bytes + at - 1, size - (size_t)at + 1, &value);
  if (n < 0)
    return core_fail(L, "form", "not a minimal varint of at most 9 bytes");
  lua_pushinteger(L, (lua_Integer)value);
  lua_pushinteger(L, at + n);
  return 2;
}

/* utf8(s) → true | nil, text, "form" */
static int f_utf8(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  if (!text_is_clean(text, size))
    return core_fail(L, "form", "not UTF-8 without controls");
  lua_pushboolean(L, 1);
  return 1;
}

/* Adds what TEXT begins with: a clean character, or one byte as \xNN. Bytes of TEXT that
 * it stands for; *SHOWN counts the characters added. */
static size_t add_shown(luaL_Buffer *b, const char *text, size_t size,
                        lua_Integer *shown) {
  int length = text_character(text, size);
  if (length > 0) {
    luaL_addlstring(b, text, (size_t)length);
    ++*shown;
    return (size_t)length;
  }
  char out[4] = {'\\', 'x'};
  encode_bits(&hex, text, 1, out + 2, 2);
  luaL_addlstring(b, out, sizeof out);
  *shown += 4;
  return 1;
}

/* escape(s [, max]) → what may be printed: all that is not clean UTF-8 as \xNN; with MAX
 * at most that many characters, the last of them … where some were cut. */
static int f_escape(lua_State *L) {
  size_t size, room = 0; /* bytes written while a … would still have fitted behind them */
  luaL_Buffer b;
  const char *text = luaL_checklstring(L, 1, &size), *end = text + size;
  lua_Integer max = luaL_optinteger(L, 2, LUA_MAXINTEGER), shown = 0;
  luaL_argcheck(L, max >= 1, 2, "must be at least 1");
  luaL_buffinit(L, &b);
  while (text < end && shown <= max) {
    text += add_shown(&b, text, (size_t)(end - text), &shown);
    if (shown < max)
      room = luaL_bufflen(&b);
  }
  if (shown > max) {
    luaL_buffsub(&b, luaL_bufflen(&b) - room);
    luaL_addstring(&b, "…");
  }
  luaL_pushresult(&b);
  return 1;
}

static const luaL_Reg functions[] = {
    {"base58",      f_base58     },
    {"unbase58",    f_unbase58   },
    {"base32",      f_base32     },
    {"unbase32",    f_unbase32   },
    {"base64url",   f_base64url  },
    {"unbase64url", f_unbase64url},
    {"base64",      f_base64     },
    {"unbase64",    f_unbase64   },
    {"hex",         f_hex        },
    {"unhex",       f_unhex      },
    {"varint",      f_varint     },
    {"unvarint",    f_unvarint   },
    {"utf8",        f_utf8       },
    {"escape",      f_escape     },
    {NULL,          NULL         },
};

int luaopen_core_text(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
