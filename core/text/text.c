/* text.c - base58, base32, base64, hex, varint, clean UTF-8: strict both ways. No meaning
 * of text. */
#include "core.h"
#include "codecs.h"
#include <sodium.h>
#include <string.h>

static const char base58_alphabet[] =
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

static int digit(const char *alphabet, size_t count, char c) {
  const char *at = memchr(alphabet, c, count);
  return at ? (int)(at - alphabet) : -1;
}

static const char base32_alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

int64_t text_base32(const void *in, size_t size, char *out, size_t room) {
  const uint8_t *bytes = in;
  uint32_t held = 0;
  int bits = 0;
  size_t n = 0;
  if (room < (size * 8 + 4) / 5)
    return -1;
  for (size_t i = 0; i < size; i++) {
    held = held << 8 | bytes[i];
    for (bits += 8; bits >= 5; bits -= 5)
      out[n++] = base32_alphabet[held >> (bits - 5) & 31];
  }
  if (bits)
    out[n++] = base32_alphabet[held << (5 - bits) & 31];
  return (int64_t)n;
}

/* What is left after the last byte must be zero, and less than a character: one spelling.
 */
int64_t text_unbase32(const char *in, size_t size, void *out, size_t room) {
  uint8_t *bytes = out;
  uint32_t held = 0;
  int bits = 0;
  size_t n = 0;
  for (size_t i = 0; i < size; i++) {
    int value = digit(base32_alphabet, 32, in[i]);
    if (value < 0)
      return -1;
    held = held << 5 | (uint32_t)value;
    bits += 5;
    if (bits < 8)
      continue;
    if (n == room)
      return -1;
    bits -= 8;
    bytes[n++] = (uint8_t)(held >> bits);
  }
  return bits >= 5 || (held & ((1u << bits) - 1)) ? -1 : (int64_t)n;
}

/* libsodium writes a zero behind the text, and ends the program where there is no room.
 */
static int64_t encode64(int variant, const void *in, size_t size, char *out,
                        size_t room) {
  size_t written = sodium_base64_encoded_len(size, variant);
  if (room < written)
    return -1;
  sodium_bin2base64(out, room, in, size, variant);
  return (int64_t)written - 1;
}

static int64_t decode64(int variant, const char *in, size_t size, void *out,
                        size_t room) {
  size_t n;
  for (size_t i = 0; i < size; i++)
    if ((unsigned char)in[i] > 0x7f) /* libsodium 1.0.18 takes these for digits */
      return -1;
  int refused = sodium_base642bin(out, room, in, size, NULL, &n, NULL, variant);
  return refused ? -1 : (int64_t)n;
}

int64_t text_base64url(const void *in, size_t size, char *out, size_t room) {
  return encode64(sodium_base64_VARIANT_URLSAFE_NO_PADDING, in, size, out, room);
}

int64_t text_unbase64url(const char *in, size_t size, void *out, size_t room) {
  return decode64(sodium_base64_VARIANT_URLSAFE_NO_PADDING, in, size, out, room);
}

int64_t text_base64(const void *in, size_t size, char *out, size_t room) {
  return encode64(sodium_base64_VARIANT_ORIGINAL, in, size, out, room);
}

int64_t text_unbase64(const char *in, size_t size, void *out, size_t room) {
  return decode64(sodium_base64_VARIANT_ORIGINAL, in, size, out, room);
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

int text_push_encoded(lua_State *L, text_encoder *encode) {
  size_t size;
  luaL_Buffer b;
  const char *bytes = luaL_checklstring(L, 1, &size);
  size_t room = size * 2 + 4;
  char *out = luaL_buffinitsize(L, &b, room);
  int64_t n = encode(bytes, size, out, room);
  luaL_argcheck(L, n >= 0, 1, "more than that codec is for");
  luaL_pushresultsize(&b, (size_t)n);
  return 1;
}

int text_push_decoded(lua_State *L, text_decoder *decode, const char *name) {
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

static int f_base64url(lua_State *L) {
  return text_push_encoded(L, text_base64url);
}

static int f_unbase64url(lua_State *L) {
  return text_push_decoded(L, text_unbase64url, "base64url");
}

static int f_base64(lua_State *L) {
  return text_push_encoded(L, text_base64);
}

static int f_unbase64(lua_State *L) {
  return text_push_decoded(L, text_unbase64, "base64");
}

static int f_hex(lua_State *L) {
  size_t size;
  luaL_Buffer b;
  const char *bytes = luaL_checklstring(L, 1, &size);
  char *out = luaL_buffinitsize(L, &b, size * 2 + 1);
  sodium_bin2hex(out, size * 2 + 1, (const uint8_t *)bytes, size);
  luaL_pushresultsize(&b, size * 2);
  return 1;
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
  char out[5] = {'\\', 'x'};
  sodium_bin2hex(out + 2, 3, (const uint8_t *)text, 1);
  luaL_addlstring(b, out, 4);
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
    {"base64url",   f_base64url  },
    {"unbase64url", f_unbase64url},
    {"base64",      f_base64     },
    {"unbase64",    f_unbase64   },
    {"hex",         f_hex        },
    {"utf8",        f_utf8       },
    {"escape",      f_escape     },
    {NULL,          NULL         },
};

int luaopen_core_text(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
