/* text.c - fuzzes core/text/text.c: what is read is written the same; what is written is
 * read.
 */
#include "fuzz.h"
#include "text/text.h"
#include <stdlib.h>
#include <string.h>

typedef int64_t encoder(const void *, size_t, char *, size_t);
typedef int64_t decoder(const char *, size_t, void *, size_t);

static const struct {
  encoder *encode;
  decoder *decode;
  size_t max;
} codecs[] = {
    {text_base58,    text_unbase58,    TEXT_BASE58_MAX},
    {text_base32,    text_unbase32,    SIZE_MAX       },
    {text_base64url, text_unbase64url, SIZE_MAX       },
    {text_base64,    text_unbase64,    SIZE_MAX       },
};

/* Text that is read: the one spelling of its bytes; with a byte of room less it is not.
 */
static void read_text(size_t i, const char *text, size_t size) {
  uint8_t *bytes = malloc(size + 1);
  char *again = malloc(size + 1); /* with room for the zero that base64 writes */
  int64_t n = codecs[i].decode(text, size, bytes, size);
  if (n >= 0) {
    FUZZ_CHECK((size_t)n <= size);
    FUZZ_CHECK(codecs[i].encode(bytes, (size_t)n, again, size + 1) == (int64_t)size);
    FUZZ_CHECK(!memcmp(again, text, size));
    uint8_t *less = malloc(n ? (size_t)n - 1 : 1);
    FUZZ_CHECK(n == 0 || codecs[i].decode(text, size, less, (size_t)n - 1) == -1);
    free(less);
  }
  free(bytes);
  free(again);
}

static void write_bytes(size_t i, const uint8_t *bytes, size_t size) {
  size_t room = size * 2 + 4;
  char *text = malloc(room), *tight;
  uint8_t *again = malloc(size + 1);
  int64_t n = codecs[i].encode(bytes, size, text, room);
  FUZZ_CHECK((n < 0) == (size > codecs[i].max));
  if (n >= 0) {
    FUZZ_CHECK(codecs[i].decode(text, (size_t)n, again, size) == (int64_t)size);
    FUZZ_CHECK(!memcmp(again, bytes, size));
    tight = malloc((size_t)n + 1);
    FUZZ_CHECK(codecs[i].encode(bytes, size, tight, (size_t)n + 1) == n);
    free(tight);
  }
  free(text);
  free(again);
}

/* Seven bits a byte, the least first; all but the last say that one more comes, and the
 * last is no zero too many. */
static void varint(const uint8_t *bytes, size_t size) {
  uint64_t value = 0, again = 0;
  uint8_t out[TEXT_VARINT_MAX];
  memcpy(&value, bytes, size < 8 ? size : 8);
  value &= INT64_MAX;
  int n = text_varint(value, out);
  FUZZ_CHECK(n > 0 && n <= TEXT_VARINT_MAX && (n == 1 || out[n - 1]));
  for (int i = 0; i < n; i++) {
    FUZZ_CHECK((out[i] >= 0x80) == (i < n - 1));
    again |= (uint64_t)(out[i] & 0x7f) << (7 * i);
  }
  FUZZ_CHECK(again == value);
}

/* What is shown of anything is clean; of what is clean, itself. */
static void escape(const char *text, size_t size) {
  lua_State *L = fuzz_state();
  size_t shown_size;
  const char *shown;
  int clean = text_is_clean(text, size);
  lua_settop(L, 0);
  luaL_requiref(L, "core.text", luaopen_core_text, 0);
  for (int max = 0; max < 2; max++) {
    lua_getfield(L, 1, "escape");
    lua_pushlstring(L, text, size);
    lua_pushinteger(L, max ? 7 : LUA_MAXINTEGER);
    lua_call(L, 2, 1);
    shown = lua_tolstring(L, -1, &shown_size);
    FUZZ_CHECK(text_is_clean(shown, shown_size));
    FUZZ_CHECK(max == 0 || shown_size <= 7 * 4);
    if (clean && !max)
      FUZZ_CHECK(shown_size == size && !memcmp(shown, text, size));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
    read_text(i, text, size);
    write_bytes(i, data, size);
  }
  varint(data, size);
  escape(text, size);
  return 0;
}
