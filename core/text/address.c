/* address.c - multiaddresses in Lua: checked, taken apart, put together. Equal or
 * refused; no name is looked up, nothing is dialled. */
#include "core.h"
#include "multiaddr.h"
#include <string.h>

static int same(const multiaddr_buffer *b, const char *bytes, size_t size) {
  return b->size == size && memcmp(b->bytes, bytes, size) == 0;
}

/* Reads argument N, which must come back equal: 0, or the three results of core_fail
 * pushed. */
static int check_address(lua_State *L, int n, multiaddr_reading *r,
                         multiaddr_buffer *binary) {
  size_t size;
  multiaddr_buffer again;
  const char *text = luaL_checklstring(L, n, &size);
  if (size > CORE_ADDRESS_MAX)
    return core_fail(L, "long", "an address has at most 512 bytes");
  if (multiaddr_read(text, size, r, binary) != 0)
    return core_fail(L, "form", "not an address: %s", r->why);
  if (multiaddr_text(binary->bytes, binary->size, &again) != 0 ||
      !same(&again, text, size))
    return core_fail(L, "form", "not an address in its one spelling, which is %.*s",
                     (int)again.size, again.bytes);
  return 0;
}

/* check(text) → text | nil, text, "form" | "long" */
static int f_check(lua_State *L) {
  multiaddr_reading r;
  multiaddr_buffer binary;
  int failed = check_address(L, 1, &r, &binary);
  if (failed)
    return failed;
  lua_settop(L, 1);
  return 1;
}

/* bytes(text) → binary multiaddr | nil, text, word */
static int f_bytes(lua_State *L) {
  multiaddr_reading r;
  multiaddr_buffer binary;
  int failed = check_address(L, 1, &r, &binary);
  if (failed)
    return failed;
  lua_pushlstring(L, binary.bytes, binary.size);
  return 1;
}

/* text(bytes) → text | nil, text, "form" */
static int f_text(lua_State *L) {
  size_t size;
  multiaddr_reading r;
  multiaddr_buffer text, again;
  const char *bytes = luaL_checklstring(L, 1, &size);
  if (multiaddr_text(bytes, size, &text) != 0 || text.size > CORE_ADDRESS_MAX ||
      multiaddr_read(text.bytes, text.size, &r, &again) != 0 ||
      !same(&again, bytes, size))
    return core_fail(L, "form", "not the bytes of an address");
  lua_pushlstring(L, text.bytes, text.size);
  return 1;
}

/* "/ip4/1.2.3.4" → { "ip4", "1.2.3.4" } */
static void push_part(lua_State *L, const multiaddr_part *p) {
  const char *at = NULL;
  multiaddr_part segment;
  lua_newtable(L);
  for (int i = 1; multiaddr_segment(p, &at, &segment); i++) {
    lua_pushlstring(L, segment.text, segment.size);
    lua_rawseti(L, -2, i);
  }
}

/* parts(text) → { { "ip4", "1.2.3.4" }, { "udp", "3825" }, { "dswarm", ID, component }, …
 * } */
static int f_parts(lua_State *L) {
  multiaddr_reading r;
  multiaddr_buffer binary;
  int failed = check_address(L, 1, &r, &binary);
  if (failed)
    return failed;
  lua_createtable(L, r.count, 0);
  for (int i = 0; i < r.count; i++) {
    push_part(L, &r.parts[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* head(text, n) → its first n parts, the rest ("" for none) | nil, text, word */
static int f_head(lua_State *L) {
  multiaddr_reading r;
  multiaddr_buffer binary;
  lua_Integer n = luaL_checkinteger(L, 2);
  luaL_argcheck(L, n >= 1, 2, "must be at least 1");
  int failed = check_address(L, 1, &r, &binary);
  if (failed)
    return failed;
  if (n > r.count)
    return core_fail(L, "form", "the address has only %d parts", r.count);
  const char *text = r.parts[0].text, *cut = r.parts[n - 1].text + r.parts[n - 1].size;
  lua_pushlstring(L, text, (size_t)(cut - text));
  lua_pushstring(L, cut);
  return 2;
}

/* join(a, b) → a followed by b; either may be "" | nil, text, word */
static int f_join(lua_State *L) {
  multiaddr_reading r;
  multiaddr_buffer binary;
  int failed = 0;
  for (int i = 1; i <= 2 && !failed; i++)
    if (*luaL_checkstring(L, i))
      failed = check_address(L, i, &r, &binary);
  if (failed)
    return failed;
  lua_settop(L, 2);
  lua_concat(L, 2);
  failed = check_address(L, 1, &r, &binary);
  return failed ? failed : 1;
}

static const luaL_Reg functions[] = {
    {"check", f_check},
    {"bytes", f_bytes},
    {"text",  f_text },
    {"parts", f_parts},
    {"head",  f_head },
    {"join",  f_join },
    {NULL,    NULL   },
};

int luaopen_core_address(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
