/* poller.c - one epoll set for core.net: which of many fds are ready. It never waits,
 * calls nobody.
 *
 * Lua watches the set's own fd. libuv's poll handles would do, but luv prints a line on
 * stderr for each connection that is refused or reset, and a fault would stop the handle
 * instead of being read off the socket by whoever owns it. */
#include "net.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define NET_POLLER "core.net.poller"
#define NET_READY_MAX 64 /* events of one ready() */

typedef struct {
  int fd;
} poller;

static poller *check_poller(lua_State *L) {
  poller *p = luaL_checkudata(L, 1, NET_POLLER);
  luaL_argcheck(L, p->fd >= 0, 1, "poller is closed");
  return p;
}

static int poller_close(lua_State *L) {
  net_close(&((poller *)luaL_checkudata(L, 1, NET_POLLER))->fd);
  return 0;
}

/* poller() → poller | nil, msg, errno. */
int net_poller(lua_State *L) {
  poller *p = core_new(L, NET_POLLER, sizeof *p);
  p->fd = epoll_create1(EPOLL_CLOEXEC);
  if (p->fd < 0)
    return net_fail(L, "epoll");
  return 1;
}

static int poller_fd(lua_State *L) {
  lua_pushinteger(L, check_poller(L)->fd);
  return 1;
}

/* set(fd, events, id) → true | nil, msg, errno. EVENTS "r", "w", "rw"; "" takes the fd
 * out, which must be done before it is closed. ID: any integer, handed back by ready().
 */
static int poller_set(lua_State *L) {
  poller *p = check_poller(L);
  int fd = (int)luaL_checkinteger(L, 2), result;
  const char *events = luaL_checkstring(L, 3);
  struct epoll_event wanted = {.data.u64 = (uint64_t)luaL_checkinteger(L, 4)};
  if (strchr(events, 'r'))
    wanted.events |= EPOLLIN;
  if (strchr(events, 'w'))
    wanted.events |= EPOLLOUT;
  if (wanted.events == 0) {
    result = epoll_ctl(p->fd, EPOLL_CTL_DEL, fd, NULL);
  } else {
    result = epoll_ctl(p->fd, EPOLL_CTL_MOD, fd, &wanted);
    if (result < 0 && errno == ENOENT)
      result = epoll_ctl(p->fd, EPOLL_CTL_ADD, fd, &wanted);
  }
  if (result < 0)
    return net_fail(L, "epoll");
  lua_pushboolean(L, 1);
  return 1;
}

#define READY_READ 1
#define READY_WRITE 2
#define READY_FAULT 4

/* A fault or a hang-up counts as readable and writable: whoever reads or writes learns
 * which. */
static lua_Integer bits_of(uint32_t events) {
  lua_Integer bits = 0;
  if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
    bits |= READY_READ;
  if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
    bits |= READY_WRITE;
  if (events & (EPOLLERR | EPOLLHUP))
    bits |= READY_FAULT;
  return bits;
}

/* ready() → array id, bits, id, bits, … of what is ready now (1 read, 2 write, 4 fault),
 * ≤ 64 pairs. */
static int poller_ready(lua_State *L) {
  poller *p = check_poller(L);
  struct epoll_event found[NET_READY_MAX];
  int n = TEMP_FAILURE_RETRY(epoll_wait(p->fd, found, NET_READY_MAX, 0));
  if (n < 0)
    return net_fail(L, "epoll");
  lua_createtable(L, 2 * n, 0);
  for (int i = 0; i < n; i++) {
    lua_pushinteger(L, (lua_Integer)found[i].data.u64);
    lua_rawseti(L, -2, 2 * i + 1);
    lua_pushinteger(L, bits_of(found[i].events));
    lua_rawseti(L, -2, 2 * i + 2);
  }
  return 1;
}

static const luaL_Reg methods[] = {
    {"fd",      poller_fd   },
    {"set",     poller_set  },
    {"ready",   poller_ready},
    {"close",   poller_close},
    {"__close", poller_close},
    {"__gc",    poller_close},
    {NULL,      NULL        },
};

void net_poller_class(lua_State *L) {
  core_class(L, NET_POLLER, methods);
}
