/* board.c - what the kernel's own calls tell: its clocks, room on a disk, where a link
 * leads. What files tell of the board is read in lua/board.lua. */
#include "core.h"
#include <errno.h>
#include <limits.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

/* clock() → { synchronised = boolean, error_us = greatest error that the kernel reckons
 * with } | nil, text, errno name. adjtimex(2); without a time service the error grows to
 * 16 s and stays. */
static int f_clock(lua_State *L) {
  struct timex t = {0};
  int state = adjtimex(&t);
  if (state < 0)
    return core_fail_errno(L, errno, "adjtimex");
  lua_createtable(L, 0, 2);
  core_set_boolean(L, "synchronised", state != TIME_ERROR && !(t.status & STA_UNSYNC));
  core_set_integer(L, "error_us", (lua_Integer)t.maxerror);
  return 1;
}

/* uptime() → whole seconds since the machine was switched on. A call, not /proc/uptime:
 * it is asked on the loop, and waits for no file. */
static int f_uptime(lua_State *L) {
  struct timespec now = {0};
  clock_gettime(CLOCK_BOOTTIME, &now);
  lua_pushinteger(L, (lua_Integer)now.tv_sec);
  return 1;
}

/* space(path) → bytes that we may still write there, bytes in all | nil, text, errno name
 */
static int f_space(lua_State *L) {
  struct statvfs s;
  const char *path = luaL_checkstring(L, 1);
  if (statvfs(path, &s) != 0)
    return core_fail_errno(L, errno, path);
  lua_pushinteger(L, (lua_Integer)((uint64_t)s.f_bavail * s.f_frsize));
  lua_pushinteger(L, (lua_Integer)((uint64_t)s.f_blocks * s.f_frsize));
  return 2;
}

#if defined __aarch64__
#define ARCH "arm64"
#elif defined __arm__
#define ARCH "armhf"
#elif defined __x86_64__
#define ARCH "amd64"
#else
#define ARCH NULL
#endif

/* arch() → "arm64", "armhf", "amd64": for which programs are built that run here, as
 * Debian calls it; a kernel may be of more bits than they | nil: another */
static int f_arch(lua_State *L) {
  lua_pushstring(L, ARCH);
  return 1;
}

/* link(path) → where it leads, at most 4,095 bytes | nil, text, errno name */
static int f_link(lua_State *L) {
  char target[PATH_MAX];
  const char *path = luaL_checkstring(L, 1);
  ssize_t size = readlink(path, target, sizeof target - 1);
  if (size < 0)
    return core_fail_errno(L, errno, path);
  lua_pushlstring(L, target, (size_t)size);
  return 1;
}

/* may_write(path) → true: files may be made in that folder, as far as its file system and
 * rights tell | nil, text, errno name */
static int f_may_write(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  if (access(path, W_OK | X_OK) != 0)
    return core_fail_errno(L, errno, path);
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg functions[] = {
    {"arch",      f_arch     },
    {"clock",     f_clock    },
    {"uptime",    f_uptime   },
    {"space",     f_space    },
    {"link",      f_link     },
    {"may_write", f_may_write},
    {NULL,        NULL       },
};

int luaopen_core_board(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
