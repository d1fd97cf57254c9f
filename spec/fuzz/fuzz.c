/* fuzz.c - the shared side of fuzzers: failing, the Lua state, coverage of Lua. No
 * parser. */
#include "fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <lualib.h>

int luaopen_core_sim(lua_State *L); /* in the binary it would be core/sim.so */

/* libFuzzer sees no lines of Lua by itself; these counters it takes for its own. */
#define COUNTERS 16384
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counters[COUNTERS];

_Noreturn void fuzz_fail(const char *file, int line, const char *what) {
  fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
  abort();
}

int fuzz_is_word(const char *word) {
  static const char *const words[] = {
#define WORD(name, text) #name,
      CORE_WORDS(WORD)
#undef WORD
  };
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcmp(words[i], word))
      return 1;
  for (int err = 1; err < 134; err++)
    if (!strcmp(core_errno_name(err), word))
      return 1;
  return 0;
}

void *fuzz_copy(const void *data, size_t size) {
  void *copy = malloc(size ? size : 1);
  if (!copy)
    abort();
  memcpy(copy, data, size);
  return copy;
}

static int is_word(lua_State *L) {
  lua_pushboolean(L, fuzz_is_word(luaL_checkstring(L, 1)));
  return 1;
}

static lua_State *new_state(void) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  luaL_requiref(L, "core", luaopen_core, 0);
  luaL_requiref(L, "core.sim", luaopen_core_sim, 0);
  lua_getglobal(L, "package");
  lua_pushliteral(L, "lua/?.lua;lua/?/init.lua;./?.lua;/usr/local/share/lua/5.4/?.lua;"
                     "/usr/share/lua/5.4/?.lua");
  lua_setfield(L, -2, "path");
  lua_register(L, "is_word", is_word);
  lua_settop(L, 0);
  return L;
}

lua_State *fuzz_state(void) {
  static lua_State *L;
  if (!L)
    L = new_state();
  return L;
}

/* -- coverage: steps from one line to the next, told apart by the files' names -- */

static uint32_t hash_of(const lua_Debug *ar) {
  uint32_t hash = 2166136261u;
  for (const char *at = ar->short_src; *at; at++)
    hash = (hash ^ (uint8_t)*at) * 16777619u;
  return (hash ^ (uint32_t)ar->currentline) * 16777619u;
}

static void on_line(lua_State *L, lua_Debug *ar) {
  static uint32_t before;
  uint32_t now;
  lua_getinfo(L, "S", ar);
  now = hash_of(ar);
  counters[(now ^ before >> 1) >> 8 & (COUNTERS - 1)]++;
  before = now;
}

/* -- scripts -- */

static int traceback(lua_State *L) {
  luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
  return 1;
}

static void check(lua_State *L, const char *name, int status) {
  if (status == LUA_OK)
    return;
  fprintf(stderr, "%s: %s\n", name, lua_tostring(L, -1));
  abort();
}

/* Pushes the script's function, read when it is first asked for. */
static void push_script(lua_State *L, const char *name) {
  char path[256];
  if (lua_getfield(L, LUA_REGISTRYINDEX, name) == LUA_TFUNCTION)
    return;
  lua_pop(L, 1);
  snprintf(path, sizeof path, "spec/fuzz/%s.lua", name);
  check(L, name, luaL_loadfile(L, path));
  check(L, name, lua_pcall(L, 0, 1, 1));
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, name);
}

int fuzz_script(const char *name, const uint8_t *data, size_t size) {
  lua_State *L = fuzz_state();
  lua_settop(L, 0);
  lua_pushcfunction(L, traceback);
  push_script(L, name);
  lua_pushlstring(L, (const char *)data, size);
#ifdef __clang__
  lua_sethook(L, on_line, LUA_MASKLINE, 0);
#else
  (void)on_line;
#endif
  check(L, name, lua_pcall(L, 1, 0, 1));
  lua_sethook(L, NULL, 0, 0);
  return 0;
}
