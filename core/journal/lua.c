/* lua.c - what the Lua functions of the journal share: their first argument,
 * errors, callbacks. */
#include "journal.h"
#include <errno.h>

journal *journal_argument(lua_State *L, int index) {
  journal *j = luaL_checkudata(L, index, JOURNAL_CLASS);
  luaL_argcheck(L, j->disk, index, "the journal is closed");
  return j;
}

int journal_lua_fail(lua_State *L, const journal *j, int status) {
  if (status == -EBADMSG)
    return core_fail(L, "disk", "%s: a line does not have its checksum", j->folder);
  if (status == -ENODATA)
    return core_fail(L, "missing", "%s: no line at that place", j->folder);
  if (status == -EPROTONOSUPPORT)
    return core_fail(L, "version", "%s: written by a newer version", j->folder);
  return core_fail_errno(L, -status, j->folder);
}

/* A callback may do anything but change the journal it is called from. */
void journal_call(lua_State *L, journal *j, int arguments, int results) {
  uint64_t generation = j->generation;
  lua_call(L, arguments, results);
  if (!j->disk || j->generation != generation)
    luaL_error(L, "a callback of the journal changed the journal");
}
