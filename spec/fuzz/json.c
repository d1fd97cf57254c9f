/* json.c - fuzzes core/text/json.c: what is taken is written again to the byte. */
#include "fuzz.h"
#include "text/json.h"
#include <stdlib.h>
#include <string.h>

/* decode(text), then encode(value): the same text. The value's depth is bounded. */
static void there_and_back(const char *text, size_t size) {
  lua_State *L = fuzz_state();
  size_t again_size;
  const char *again;
  lua_settop(L, 0);
  luaL_requiref(L, "core.json", luaopen_core_json, 0);
  lua_getfield(L, 1, "encode");
  lua_getfield(L, 1, "decode");
  lua_pushlstring(L, text, size);
  lua_call(L, 1, 1);
  FUZZ_CHECK(!lua_isnil(L, -1));
  lua_call(L, 1, 1);
  again = lua_tolstring(L, -1, &again_size);
  FUZZ_CHECK(again && again_size == size && !memcmp(again, text, size));
}

static void refused(const char *text, size_t size) {
  lua_State *L = fuzz_state();
  lua_settop(L, 0);
  luaL_requiref(L, "core.json", luaopen_core_json, 0);
  lua_getfield(L, 1, "decode");
  lua_pushlstring(L, text, size);
  lua_call(L, 1, 3);
  FUZZ_CHECK(lua_isnil(L, 2) && fuzz_is_word(lua_tostring(L, 4)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  const char *why = NULL;
  if (json_check(text, size, &why) == 0) {
    there_and_back(text, size);
  } else {
    FUZZ_CHECK(why && *why);
    refused(text, size);
  }
  return 0;
}
