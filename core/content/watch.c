/* watch.c - inotify as a descriptor, its events as tables. Knows folders, no tree. */
#include "core.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define WATCH "core.watch"
#define MASK                                                                             \
  (IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO |    \
   IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK)

typedef struct {
  int fd;
} watch;

static const struct {
  uint32_t bit;
  const char *name;
} bits[] = {
    {IN_CREATE,      "create"     },
    {IN_MODIFY,      "modify"     },
    {IN_ATTRIB,      "attributes" },
    {IN_CLOSE_WRITE, "close_write"},
    {IN_MOVED_FROM,  "moved_from" },
    {IN_MOVED_TO,    "moved_to"   },
    {IN_DELETE,      "delete"     },
    {IN_DELETE_SELF, "self"       },
    {IN_MOVE_SELF,   "self"       },
    {IN_UNMOUNT,     "self"       },
    {IN_IGNORED,     "ignored"    },
    {IN_Q_OVERFLOW,  "overflow"   },
    {IN_ISDIR,       "isdir"      },
};

static watch *check(lua_State *L) {
  watch *w = luaL_checkudata(L, 1, WATCH);
  luaL_argcheck(L, w->fd >= 0, 1, "closed");
  return w;
}

/* new() → watch, or nil and EMFILE when the user has too many
 * (fs.inotify.max_user_instances). */
static int watch_new(lua_State *L) {
  watch *w = core_new(L, WATCH, sizeof *w);
  w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  return w->fd < 0 ? core_fail_errno(L, errno, "inotify") : 1;
}

static int watch_fd(lua_State *L) {
  lua_pushinteger(L, check(L)->fd);
  return 1;
}

/* add(path[, follow]) → number of the watch. A folder; a link to one only when FOLLOW.
 * ENOSPC when the user has too many (fs.inotify.max_user_watches). */
static int watch_add(lua_State *L) {
  watch *w = check(L);
  const char *path = luaL_checkstring(L, 2);
  int wd =
      inotify_add_watch(w->fd, path, MASK | (lua_toboolean(L, 3) ? 0 : IN_DONT_FOLLOW));
  if (wd < 0)
    return core_fail_errno(L, errno, path);
  lua_pushinteger(L, wd);
  return 1;
}

/* remove(wd); one that is gone already is no fault. */
static int watch_remove(lua_State *L) {
  watch *w = check(L);
  inotify_rm_watch(w->fd, (int)luaL_checkinteger(L, 2));
  return 0;
}

static void push_event(lua_State *L, const struct inotify_event *event) {
  lua_createtable(L, 0, 4);
  core_set_integer(L, "wd", event->wd);
  if (event->len) {
    core_set_text(L, "name", event->name);
  }
  for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
    if (!(event->mask & bits[i].bit))
      continue;
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, bits[i].name);
  }
}

/* read() → array, empty when nothing happened, of { wd =, name = (nil: the folder itself)
 * } and `true` for each of: create modify attributes close_write moved_from moved_to
 * delete self (the folder went, moved or was unmounted) ignored (the watch is over)
 * overflow (events were lost) isdir. One read of 16 KiB: what is left keeps the
 * descriptor readable. */
static int watch_read(lua_State *L) {
  watch *w = check(L);
  char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
  ssize_t size = read(w->fd, buffer, sizeof buffer);
  lua_Integer n = 0;
  if (size < 0 && errno != EAGAIN && errno != EINTR)
    return core_fail_errno(L, errno, "inotify");
  lua_newtable(L);
  for (ssize_t at = 0; at < size;) {
    const struct inotify_event *event = (const void *)(buffer + at);
    push_event(L, event);
    lua_rawseti(L, -2, ++n);
    at += (ssize_t)(sizeof *event + event->len);
  }
  return 1;
}

static int watch_close(lua_State *L) {
  watch *w = luaL_checkudata(L, 1, WATCH);
  if (w->fd >= 0)
    close(w->fd);
  w->fd = -1;
  return 0;
}

static const luaL_Reg methods[] = {
    {"fd",      watch_fd    },
    {"add",     watch_add   },
    {"remove",  watch_remove},
    {"read",    watch_read  },
    {"close",   watch_close },
    {"__gc",    watch_close },
    {"__close", watch_close },
    {NULL,      NULL        }
};

static const luaL_Reg functions[] = {
    {"new", watch_new},
    {NULL,  NULL     }
};

int luaopen_core_watch(lua_State *L) {
  core_class(L, WATCH, methods);
  luaL_newlib(L, functions);
  return 1;
}
