/* gateway.c - HTTP in, as Lua sees it: a socket, a thread, and what may be asked of them.
 */
#include "core.h"
#include "text/text.h"
#include "gateway.h"
#include "net/net.h"
#include "worker/worker.h"
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLASS "core.gateway"
#define READERS 8
#define CONNECTIONS 64
#define PER_HOST 16
#define REQUEST_MS 10000
#define ANSWER_MS 900000 /* 1.2 KB/s */
#define PRESSED_MS 15000 /* 70 KB/s */

/* -- the socket -- */

/* 0 or an errno. */
static int open_all(gateway *g, const net_address *address, const char *congestion) {
  g->listener = net_listen_at(address, 1);
  if (g->listener < 0)
    return errno;
  if (congestion)
    setsockopt(g->listener, IPPROTO_TCP, TCP_CONGESTION, congestion,
               (socklen_t)strlen(congestion));
  g->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (g->wake < 0)
    return errno;
  g->served = served_new();
  if (!g->served)
    return ENOMEM;
  return gateway_start(g);
}

static void shut(gateway *g) {
  gateway_stop(g);
  for (; g->given_count > 0; g->given_count--)
    if (!g->given[g->given_count - 1].is_known)
      close(g->given[g->given_count - 1].fd);
  if (g->listener >= 0)
    close(g->listener);
  if (g->wake >= 0)
    close(g->wake);
  if (g->spare)
    munmap(g->spare, UNIXFS_CHUNK);
  served_free(g->served);
  g->listener = g->wake = -1;
  g->spare = NULL;
  g->served = NULL;
}

/* -- Lua -- */

static gateway *check_open(lua_State *L) {
  gateway *g = luaL_checkudata(L, 1, CLASS);
  luaL_argcheck(L, g->served, 1, "closed");
  return g;
}

static const char *field_text(lua_State *L, int index, const char *name,
                              const char *fallback) {
  lua_getfield(L, index, name);
  if (!lua_isnil(L, -1))
    luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, index, name);
  return lua_isnil(L, -1) ? fallback : lua_tostring(L, -1); /* stays on the stack */
}

static int field_count(lua_State *L, const char *name, int fallback, int max) {
  lua_Integer value = core_field_integer(L, 1, name, fallback);
  luaL_argcheck(L, value >= 1 && value <= max, 1, name);
  return (int)value;
}

/* gateway.new{ host = "0.0.0.0", port = 0 (the kernel's choice), readers = 8 (1 MiB
 * each), connections = 64, per_host = 16, congestion = nil ("bbr", where the kernel has
 * it), request_ms = 10000 (for a request's headers), answer_ms = 900000 (for a block),
 * pressed_ms = 15000 (for a block while others are sent away) } -> g | nil, message,
 * errno's name such as "EADDRINUSE". Serves nothing before serve(). */
static int gateway_new(lua_State *L) {
  net_address address;
  const char *host, *congestion;
  lua_Integer port;
  gateway *g;
  int err;
  luaL_checktype(L, 1, LUA_TTABLE);
  host = field_text(L, 1, "host", "0.0.0.0");
  congestion = field_text(L, 1, "congestion", NULL);
  port = core_field_integer(L, 1, "port", 0);
  luaL_argcheck(L, port >= 0 && port <= 65535, 1, "port: 0 to 65535");
  luaL_argcheck(L, net_parse(&address, host, port), 1, "host: an IP address");
  g = core_new(L, CLASS, sizeof *g);
  g->listener = g->wake = -1;
  pthread_mutex_init(&g->lock, NULL);
  g->readers = field_count(L, "readers", READERS, 64);
  g->connections = field_count(L, "connections", CONNECTIONS, 1024);
  g->per_host = field_count(L, "per_host", PER_HOST, 1024);
  g->clients.request_ms = field_count(L, "request_ms", REQUEST_MS, INT_MAX);
  g->answer_ms = field_count(L, "answer_ms", ANSWER_MS, INT_MAX);
  g->pressed_ms = field_count(L, "pressed_ms", PRESSED_MS, INT_MAX);
  err = open_all(g, &address, congestion);
  if (err == 0)
    return 1;
  shut(g);
  return core_fail_errno(L, err, host);
}

/* g:port() -> the port, chosen by the kernel where 0 was asked for. */
static int gateway_port(lua_State *L) {
  lua_pushinteger(L, net_local_port(check_open(L)->listener));
  return 1;
}

static file_identity check_identity(lua_State *L, int index, const char *name) {
  file_identity identity;
  luaL_argcheck(L, lua_getfield(L, index, name) == LUA_TTABLE, index, name);
  identity.device = core_field_integer(L, -1, "dev", 0);
  identity.inode = core_field_integer(L, -1, "ino", 0);
  identity.size = core_field_integer(L, -1, "size", -1);
  identity.mtime = core_field_integer(L, -1, "mtime_ns", 0);
  identity.ctime = core_field_integer(L, -1, "ctime_ns", 0);
  luaL_argcheck(L, identity.size >= 0 && identity.size <= UNIXFS_SIZE_MAX, index,
                "identity.size: 0 to 1 TiB");
  lua_pop(L, 1);
  return identity;
}

/* "/a/b" is `b` beneath `/a`; with `folder` and `name` no link is followed beneath the
 * folder. */
static void check_path(lua_State *L, int index, served_file *file) {
  const char *path = field_text(L, index, "path", NULL), *slash;
  if (!path) {
    file->folder = field_text(L, index, "folder", NULL);
    file->name = field_text(L, index, "name", NULL);
    luaL_argcheck(L, file->folder && file->name, index, "path, or folder and name");
    return;
  }
  slash = strrchr(path, '/');
  luaL_argcheck(L, slash && slash[1], index, "path: absolute, of a file");
  lua_pushlstring(L, path, slash == path ? 1 : (size_t)(slash - path));
  file->folder = lua_tostring(L, -1);
  file->name = slash + 1;
}

/* A checkpoint: the sizes of its leaves, which lie at the top of the stack, and the file
 * of the first one. */
static void check_checkpoint(lua_State *L, int index, size_t leaves, served_file *file) {
  int64_t all = 0;
  file->sizes = unixfs_push_sizes(L, lua_gettop(L), index, &file->leaf_count);
  luaL_argcheck(L, (size_t)file->leaf_count == leaves, index, "sizes: one for each leaf");
  for (int64_t i = 1; i < file->leaf_count; i++)
    all += file->sizes[i];
  luaL_argcheck(L, all == file->identity.size, index, "sizes: together the file's");
  file->first_identity = check_identity(L, index, "first_identity");
  file->first = field_text(L, index, "first", NULL);
  luaL_argcheck(L, file->first && file->first_identity.size == file->sizes[0], index,
                "first");
}

/* Where nothing is said, or what nobody knows, it goes no further than the lab. */
static served_class class_of(lua_State *L, int index) {
  const char *said = luaL_optstring(L, index, "lab");
  if (!strcmp(said, "public"))
    return SERVED_PUBLIC;
  return strcmp(said, "swarm") ? SERVED_LAB : SERVED_SWARM;
}

static void check_file(lua_State *L, int index, served_file *file) {
  const char *cid, *leaves;
  size_t size;
  luaL_checktype(L, index, LUA_TTABLE);
  file->identity = check_identity(L, index, "identity");
  check_path(L, index, file);
  cid = field_text(L, index, "cid", "");
  luaL_argcheck(L, cid_parse(cid, strlen(cid), file->cid) == 0, index, "cid");
  leaves = field_text(L, index, "leaves", "");
  size = lua_rawlen(L, -1);
  file->leaves = (const uint8_t *)leaves;
  lua_getfield(L, index, "class");
  file->class = class_of(L, lua_gettop(L));
  if (lua_getfield(L, index, "sizes") == LUA_TTABLE) {
    check_checkpoint(L, index, size / 32, file);
    return;
  }
  luaL_argcheck(L, (int64_t)size == unixfs_leaf_count(file->identity.size) * 32, index,
                "leaves: 32 bytes for each MiB");
}

/* g:serve{ cid = root, path = absolute or folder =, name =, identity = { dev =,
 * ino =, size =, mtime_ns =, ctime_ns = }, leaves = 32 bytes each, class = "lab" (or
 * "swarm" or "public") } -> true | nil, message, "block" (these leaves do not give that
 * root), "ENOMEM". From now on all blocks of the file are served. A checkpoint has
 * besides sizes = of its leaves, the first of which is another file: first = its name,
 * first_identity =. */
static int gateway_serve(lua_State *L) {
  gateway *g = check_open(L);
  served_file file = {0};
  int err;
  check_file(L, 2, &file);
  err = served_put(g->served, &file);
  if (err == -EINVAL)
    return core_fail(L, "block", "the leaves do not give that root");
  if (err < 0)
    return core_fail_errno(L, -err, "serve");
  lua_pushboolean(L, 1);
  return 1;
}

/* g:withdraw(cid) -> true, or false where it was not served. The next request finds
 * nothing. */
static int gateway_withdraw(lua_State *L) {
  gateway *g = check_open(L);
  uint8_t cid[CID_SIZE];
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  luaL_argcheck(L, cid_parse(text, size, cid) == 0, 2, "cid");
  lua_pushboolean(L, served_withdraw(g->served, cid));
  return 1;
}

/* g:add(fd, reach): who is at the other end of this connected local socket, which is the
 * gateway's from here on, asks over it, and may have what is of class REACH ("public",
 * "swarm", "lab") or goes further. -> true | nil, message, "full" */
static int gateway_add(lua_State *L) {
  gateway *g = check_open(L);
  int fd = (int)luaL_checkinteger(L, 2), taken;
  served_class reach = class_of(L, 3);
  pthread_mutex_lock(&g->lock);
  taken = g->given_count < GATEWAY_GIVEN_MAX;
  if (taken)
    g->given[g->given_count++] = (gateway_given){fd, reach, 0};
  pthread_mutex_unlock(&g->lock);
  if (!taken) {
    close(fd);
    return core_fail(L, "full", "%d connections wait to be served", GATEWAY_GIVEN_MAX);
  }
  worker_ring(g->wake);
  lua_pushboolean(L, 1);
  return 1;
}

/* g:suspects() -> array of the CIDs of files of which a block was refused since the last
 * call because its bytes could not be read as they were hashed; at most 64 a call. */
static int gateway_suspects(lua_State *L) {
  uint8_t cids[64][CID_SIZE];
  char text[CID_TEXT_SIZE];
  size_t count = served_suspects(check_open(L)->served, cids, 64);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    cid_text(cids[i], text);
    lua_pushlstring(L, text, sizeof text);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static gateway_network check_network(lua_State *L, int index) {
  gateway_network n = {0};
  const char *text;
  int is_integer;
  luaL_checktype(L, index, LUA_TTABLE);
  lua_rawgeti(L, index, 1);
  lua_rawgeti(L, index, 2);
  lua_rawgeti(L, index, 3);
  n.shut = lua_toboolean(L, -1);
  lua_pop(L, 1);
  text = luaL_checkstring(L, -2);
  n.family = strchr(text, ':') ? AF_INET6 : AF_INET;
  n.bits = (int)lua_tointegerx(L, -1, &is_integer);
  if (!is_integer || inet_pton(n.family, text, n.address) != 1 || n.bits < 0 ||
      n.bits > (n.family == AF_INET ? 32 : 128))
    luaL_error(L, "a network is {address, bits[, shut]}, not {%s, …}", text);
  lua_pop(L, 2);
  return n;
}

/* g:networks{ {"192.168.1.0", 24}, {"192.168.1.7", 32, true}, … }: from where may be
 * asked for all, beside this machine's loopback; where `true` stands who connects is sent
 * away unheard. At most 320. The rest has what is public, and else 403. Replaces what was
 * set before. */
static int gateway_networks(lua_State *L) {
  gateway *g = check_open(L);
  gateway_network networks[GATEWAY_NETWORKS_MAX];
  lua_Integer count;
  luaL_checktype(L, 2, LUA_TTABLE);
  count = luaL_len(L, 2);
  luaL_argcheck(L, count <= GATEWAY_NETWORKS_MAX, 2, "at most 320 networks");
  for (lua_Integer i = 0; i < count; i++) {
    lua_rawgeti(L, 2, i + 1);
    networks[i] = check_network(L, lua_absindex(L, -1));
    lua_pop(L, 1);
  }
  pthread_mutex_lock(&g->lock);
  memcpy(g->networks, networks, (size_t)count * sizeof *networks);
  g->network_count = (int)count;
  pthread_mutex_unlock(&g->lock);
  return 0;
}

/* g:pause(is_paused): from now on nothing is given but who asks is told `pause`, and
 * what is under way ends with its block; or all is given again. */
static int gateway_pause(lua_State *L) {
  check_open(L)->paused = lua_toboolean(L, 2);
  return 0;
}

/* g:partly(is_partly): not all that this node holds is served yet, so who asks for what
 * is not here is told `full`, ask again, instead of `missing`; or all is. */
static int gateway_partly(lua_State *L) {
  check_open(L)->partly = lua_toboolean(L, 2);
  return 0;
}

static void push_refused(lua_State *L, gateway *g) {
  static const char *const words[] = {
#define WORD_TEXT(word) #word,
      GATEWAY_WORDS(WORD_TEXT)
#undef WORD_TEXT
  };
  lua_newtable(L);
  for (int i = 0; i < GATEWAY_WORD_COUNT; i++) {
    if (g->refused[i] == 0)
      continue;
    core_set_integer(L, words[i], g->refused[i]);
  }
}

/* g:counts() -> { blocks =, bytes = (sent whole), files = (served), readers =,
 * connections = (now), refused = { word = count } } */
static int gateway_counts(lua_State *L) {
  gateway *g = check_open(L);
  lua_createtable(L, 0, 6);
  core_set_integer(L, "blocks", g->blocks);
  core_set_integer(L, "bytes", g->bytes);
  core_set_integer(L, "files", served_count(g->served));
  core_set_integer(L, "readers", g->busy);
  core_set_integer(L, "connections", g->open);
  push_refused(L, g);
  lua_setfield(L, -2, "refused");
  return 1;
}

/* g:close(): waits for the thread, at most one block's read. Twice is safe. */
static int gateway_close(lua_State *L) {
  shut(luaL_checkudata(L, 1, CLASS));
  return 0;
}

static const luaL_Reg methods[] = {
    {"port",     gateway_port    },
    {"serve",    gateway_serve   },
    {"withdraw", gateway_withdraw},
    {"add",      gateway_add     },
    {"networks", gateway_networks},
    {"pause",    gateway_pause   },
    {"partly",   gateway_partly  },
    {"suspects", gateway_suspects},
    {"counts",   gateway_counts  },
    {"close",    gateway_close   },
    {"__gc",     gateway_close   },
    {"__close",  gateway_close   },
    {NULL,       NULL            },
};

static const luaL_Reg functions[] = {
    {"new", gateway_new},
    {NULL,  NULL       },
};

int luaopen_core_gateway(lua_State *L) {
  core_class(L, CLASS, methods);
  luaL_newlib(L, functions);
  return 1;
}
