/* cid.c - fuzzes core/text/cid.c and the ID and key file of core/crypto/key.c: one
 * spelling each. */
#include "fuzz.h"
#include "text/cid.h"
#include "crypto/key.h"
#include <stdlib.h>
#include <string.h>

static void content(const char *text, size_t size) {
  uint8_t cid[CID_SIZE];
  char again[CID_TEXT_SIZE];
  if (cid_parse(text, size, cid) == 0) {
    FUZZ_CHECK(cid_check(cid, sizeof cid) == 0 && size == sizeof again);
    cid_text(cid, again);
    FUZZ_CHECK(!memcmp(again, text, size));
  }
  if (cid_check(text, size) == 0) {
    cid_text((const uint8_t *)text, again);
    FUZZ_CHECK(cid_parse(again, sizeof again, cid) == 0 && !memcmp(cid, text, size));
  }
}

static void peer(const char *text, size_t size) {
  uint8_t public[CORE_PUBLIC_SIZE];
  char again[KEY_ID_SIZE];
  if (key_public_of_id(text, size, public) != 0)
    return;
  key_id_of_public(public, again);
  FUZZ_CHECK(size == KEY_ID_SIZE && !memcmp(again, text, size));
}

/* A key file that is taken is given back byte by byte. */
static void key_file(const char *bytes, size_t size) {
  lua_State *L = fuzz_state();
  size_t given;
  const char *back;
  lua_settop(L, 0);
  luaL_requiref(L, "core.key", luaopen_core_key, 0);
  lua_getfield(L, 1, "load");
  lua_pushlstring(L, bytes, size);
  lua_call(L, 1, LUA_MULTRET);
  if (lua_isnil(L, 2)) {
    FUZZ_CHECK(fuzz_is_word(lua_tostring(L, 4)));
    return;
  }
  lua_getfield(L, 2, "export");
  lua_pushvalue(L, 2);
  lua_call(L, 1, 1);
  back = lua_tolstring(L, -1, &given);
  FUZZ_CHECK(given == size && !memcmp(back, bytes, size));
  lua_getfield(L, 2, "close");
  lua_pushvalue(L, 2);
  lua_call(L, 1, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  content(text, size);
  peer(text, size);
  key_file(text, size);
  return 0;
}
