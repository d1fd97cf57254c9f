/* core.c - opens the core: the list of modules, the list of words, the one way to fail.
 * No mechanism. */
#include "core.h"
#include "heap/heap.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <malloc.h>
#include <sodium.h>

int core_fail(lua_State *L, const char *word, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", word, text);
  lua_pushstring(L, word);
  return 3;
}

const char *core_errno_name(int err) {
  const char *name = strerrorname_np(err);
  return name ? name : "EUNKNOWN";
}

int core_fail_errno(lua_State *L, int err, const char *what) {
  return core_fail(L, core_errno_name(err), "%s: %s", what, strerror(err));
}

void *core_new(lua_State *L, const char *name, size_t size) {
  void *object = lua_newuserdatauv(L, size, 1);
  memset(object, 0, size);
  luaL_setmetatable(L, name);
  return object;
}

void core_class(lua_State *L, const char *name, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  lua_newtable(L);
  for (; methods->name; methods++) {
    lua_pushcfunction(L, methods->func);
    lua_setfield(L, strncmp(methods->name, "__", 2) == 0 ? -3 : -2, methods->name);
  }
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

lua_Integer core_field_integer(lua_State *L, int index, const char *name,
                               lua_Integer fallback) {
  int isinteger = 0;
  lua_Integer value;
  if (lua_getfield(L, index, name) == LUA_TNIL) {
    lua_pop(L, 1);
    return fallback;
  }
  value = lua_tointegerx(L, -1, &isinteger);
  if (!isinteger)
    luaL_error(L, "field '%s' must be an integer", name);
  lua_pop(L, 1);
  return value;
}

int core_field_boolean(lua_State *L, int index, const char *name) {
  int value;
  lua_getfield(L, index, name);
  value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

void core_set_integer(lua_State *L, const char *name, int64_t value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

void core_set_boolean(lua_State *L, const char *name, int value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}

void core_set_text(lua_State *L, const char *name, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

void core_set_failure(lua_State *L) {
  lua_setfield(L, -4, "word");
  lua_setfield(L, -3, "error");
  lua_pop(L, 1);
}

static void preload(lua_State *L, const char *name, lua_CFunction open) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, open);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

static void push_words(lua_State *L) {
  lua_newtable(L);
#define PUSH_WORD(word, text)                                                            \
  lua_pushliteral(L, text);                                                              \
  lua_setfield(L, -2, #word);
  CORE_WORDS(PUSH_WORD)
#undef PUSH_WORD
}

static void push_limits(lua_State *L) {
  static const struct {
    const char *name;
    lua_Integer value;
  } limits[] = {
      {"statement",  CORE_STATEMENT_MAX },
      {"statements", CORE_STATEMENTS_MAX},
      {"datagram",   CORE_DATAGRAM_MAX  },
      {"line",       CORE_LINE_MAX      },
  };
  lua_newtable(L);
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
    core_set_integer(L, limits[i].name, limits[i].value);
}

/* () -> free memory in between goes back to the system, as far as the C library can do
 * that. */
static int core_trim(lua_State *L) {
  (void)L;
  heap_trim();
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  return 0;
}

/* { version =, built = Unix seconds, earlier than which no time is, words = { word = text
 * }, trim() }; makes every "core.NAME" requirable. */
int luaopen_core(lua_State *L) {
  if (sodium_init() < 0)
    return luaL_error(L, "libsodium cannot start");
#define X(name) preload(L, "core." #name, luaopen_core_##name);
#include "modules.inc"
#undef X
  lua_newtable(L);
  lua_pushliteral(L, DT_SWARM_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushinteger(L, DT_SWARM_BUILT);
  lua_setfield(L, -2, "built");
  lua_pushcfunction(L, core_trim);
  lua_setfield(L, -2, "trim");
  push_words(L);
  lua_setfield(L, -2, "words");
  push_limits(L);
  lua_setfield(L, -2, "limits");
  return 1;
}
