/* http.c - HTTP out. */
#include "core.h"
int luaopen_core_http(lua_State *L);
int luaopen_core_http(lua_State *L) {
  lua_newtable(L);
  return 1;
}
