/* sim.c - the Lua functions of a disk in memory that tears and forgets, and of any disk
 * that is slow, for specs and the simulator. Not in the binary: a .so of its own, as
 * core.http, which of commands `rollout plan` alone loads. */
#include "image.h"
#include <errno.h>
#include <time.h>

int luaopen_core_sim(lua_State *L);

/* (seed: integer) -> disk */
static int sim_memory(lua_State *L) {
  uint64_t seed = (uint64_t)luaL_checkinteger(L, 1);
  disk **d = disk_push(L);
  *d = disk_memory(seed);
  return disk_pushed(L, d);
}

static disk *checked_memory(lua_State *L) {
  disk *d = disk_check(L, 1);
  luaL_argcheck(L, disk_is_memory(d), 1, "a disk in memory expected");
  return d;
}

/* Which of KNOWN the field NAME of the table at 2 says, the first one where it is absent.
 */
static int option(lua_State *L, const char *name, const char *const *known) {
  lua_getfield(L, 2, name);
  return luaL_checkoption(L, lua_gettop(L), known[0], known);
}

/* (disk, { operation = "any" | "write" | …, nth = 1, effect = "fail" | "tear" | "short" |
 * "forget" | "off", errno = "EIO" | "ENOSPC" | "EROFS" | "EACCES" |
 * "ENOSYS" }) */
static int sim_inject(lua_State *L) {
#define KIND_NAME(name) #name,
  static const char *const kinds[] = {"any", DISK_KINDS(KIND_NAME) NULL};
#undef KIND_NAME
  static const char *const effects[] = {"fail", "tear", "short", "forget", "off", NULL};
  static const char *const errors[] = {"EIO",    "ENOSPC", "EROFS",
                                       "EACCES", "ENOSYS", NULL};
  static const int numbers[] = {EIO, ENOSPC, EROFS, EACCES, ENOSYS};
  disk *d = checked_memory(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  int kind = option(L, "operation", kinds) - 1;
  int effect = option(L, "effect", effects), err = numbers[option(L, "errno", errors)];
  int64_t nth = core_field_integer(L, 2, "nth", 1);
  if (disk_memory_inject(d, kind < 0 ? DISK_KIND_COUNT : (disk_kind)kind, nth,
                         (disk_effect)effect, err) < 0)
    return luaL_error(L, "more than 16 faults wait");
  return 0;
}

/* (disk, seed: integer) -> disk; the first one is as before */
static int sim_crash(lua_State *L) {
  disk *old = checked_memory(L), **d;
  uint64_t seed = (uint64_t)luaL_checkinteger(L, 2);
  d = disk_push(L);
  *d = disk_memory_crash(old, seed);
  return disk_pushed(L, d);
}

/* (disk, bytes | nil): ENOSPC beyond so many bytes of content */
static int sim_limit(lua_State *L) {
  disk_memory_limit(checked_memory(L), luaL_optinteger(L, 2, 0));
  return 0;
}

/* ---- any disk ---- */

/* (disk) -> { open =, read =, write =, … } operations so far, and bytes = passed to write
 */
static int sim_counts(lua_State *L) {
  const disk *d = disk_check(L, 1);
  lua_createtable(L, 0, DISK_KIND_COUNT + 1);
#define SET_COUNT(name) core_set_integer(L, #name, d->counts[DISK_##name]);
  DISK_KINDS(SET_COUNT)
#undef SET_COUNT
  core_set_integer(L, "bytes", d->written);
  return 1;
}

static const disk_operations *quick; /* those of a disk that was made slow */
static _Atomic int64_t slow_ms;

static void be_slow(void) {
  struct timespec wait = {slow_ms / 1000, slow_ms % 1000 * 1000000};
  while (nanosleep(&wait, &wait) < 0 && errno == EINTR)
    continue;
}

static int slow_sync(disk *d, int file) {
  be_slow();
  return quick->sync(d, file);
}

static int slow_sync_directory(disk *d, const char *path) {
  be_slow();
  return quick->sync_directory(d, path);
}

/* (real disk, ms): each sync of a file or folder takes so much longer from now on, as on
 * a worn card. All slow disks are equally so. */
static int sim_slow(lua_State *L) {
  static disk_operations slow;
  disk *d = disk_check(L, 1);
  lua_Integer ms = luaL_checkinteger(L, 2);
  luaL_argcheck(L, !disk_is_memory(d), 1, "a real disk expected");
  luaL_argcheck(L, ms >= 0 && ms <= 60000, 2, "0 to 60000 ms expected");
  slow_ms = ms;
  if (d->operations == &slow)
    return 0;
  quick = d->operations;
  slow = *quick;
  slow.sync = slow_sync;
  slow.sync_directory = slow_sync_directory;
  d->operations = &slow;
  return 0;
}

/* { memory(seed) }; gives every disk these methods, the first three for one in memory. */
int luaopen_core_sim(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"inject", sim_inject},
      {"crash",  sim_crash },
      {"limit",  sim_limit },
      {"counts", sim_counts},
      {"slow",   sim_slow  },
      {NULL,     NULL      }
  };
  static const luaL_Reg functions[] = {
      {"memory", sim_memory},
      {NULL,     NULL      }
  };
  lua_getglobal(L, "require");
  lua_pushliteral(L, "core.disk"); /* its class is there from now on */
  lua_call(L, 1, 0);
  luaL_getmetatable(L, DISK_CLASS);
  lua_getfield(L, -1, "__index");
  luaL_setfuncs(L, methods, 0);
  luaL_newlib(L, functions);
  return 1;
}
