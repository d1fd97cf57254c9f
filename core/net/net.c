/* net.c - sockets: UDP, TCP, Unix. No loop in here: a socket is an fd that Lua watches.
 */
#include "net.h"
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NET_LISTENER "core.net.listener"
#define NET_STREAM "core.net.stream"
#define NET_BACKLOG 64
#define NET_RECEIVE_MAX 65536 /* bytes of one stream:receive() */
#define NET_KEEPALIVE_S                                                                  \
  50 /* silence before the first probe, then every 10 s, three times */
#define NET_USER_TIMEOUT 30000 /* ms that sent bytes may stay unacknowledged */
#define NET_UNIX_PATH_MAX (sizeof((struct sockaddr_un *)0)->sun_path - 1)

typedef struct {
  int fd;
  char path[NET_UNIX_PATH_MAX + 1]; /* of a Unix socket, else empty */
  dev_t device;
  ino_t inode;
} listener;

typedef struct {
  int fd;
} stream;

int net_set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value);
}

int net_local_port(int fd) {
  net_address address = {.size = sizeof address.as};
  char host[NET_HOST_MAX];
  if (getsockname(fd, &address.as.any, &address.size) < 0)
    return 0;
  return net_print(&address, host);
}

void net_close(int *fd) {
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}

int net_fail(lua_State *L, const char *what) {
  if (errno != EAGAIN)
    return core_fail_errno(L, errno, what);
  lua_pushnil(L);
  lua_pushliteral(L, "EAGAIN: not now");
  lua_pushliteral(L, "EAGAIN");
  return 3;
}

int net_fail_at(lua_State *L, const char *what, const char *host, lua_Integer port) {
  int err = errno;
  return core_fail(L, core_errno_name(err), "%s %s port %lld: %s", what, host,
                   (long long)port, strerror(err));
}

const char *net_options(lua_State *L, net_address *address, lua_Integer *port) {
  const char *host = "0.0.0.0";
  luaL_checktype(L, 1, LUA_TTABLE);
  *port = core_field_integer(L, 1, "port", 0);
  luaL_argcheck(L, *port >= 0 && *port <= 65535, 1, "port is none");
  if (lua_getfield(L, 1, "host") != LUA_TNIL)
    host = luaL_checkstring(L, -1);
  if (net_parse(address, host, *port))
    return host;
  core_fail(L, "address", "'%s' is no IP address here", host);
  return NULL;
}

/* -- streams
 * ------------------------------------------------------------------------------ */

static stream *stream_argument(lua_State *L, int index) {
  stream *s = luaL_checkudata(L, index, NET_STREAM);
  luaL_argcheck(L, s->fd >= 0, index, "stream is closed");
  return s;
}

static stream *check_stream(lua_State *L) {
  return stream_argument(L, 1);
}

static stream *new_stream(lua_State *L) {
  stream *s = core_new(L, NET_STREAM, sizeof *s);
  s->fd = -1;
  return s;
}

void net_push_stream(lua_State *L, int *fd) {
  stream *s = new_stream(L);
  s->fd = *fd;
  *fd = -1;
}

static int stream_close(lua_State *L) {
  net_close(&((stream *)luaL_checkudata(L, 1, NET_STREAM))->fd);
  return 0;
}

static int stream_fd(lua_State *L) {
  lua_pushinteger(L, check_stream(L)->fd);
  return 1;
}

/* A peer that was switched off is noticed after 80 s of silence at most, or 30 s of
 * unanswered bytes. */
void net_tcp_options(int fd) {
  net_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  net_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  net_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, NET_KEEPALIVE_S);
  net_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  net_set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  net_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, NET_USER_TIMEOUT);
}

/* connect{ host =, port = } → stream | nil, msg, errno. Not connected yet: watch for
 * writable, then ask finished(). */
static int net_connect(lua_State *L) {
  net_address address;
  lua_Integer port;
  const char *host = net_options(L, &address, &port);
  stream *s;
  if (!host)
    return 3;
  s = new_stream(L);
  s->fd = socket(address.as.any.sa_family, SOCK_STREAM | NET_SOCKET, 0);
  if (s->fd < 0)
    return net_fail_at(L, "tcp to", host, port);
  net_tcp_options(s->fd);
  if (connect(s->fd, &address.as.any, address.size) == 0 || errno == EINPROGRESS)
    return 1;
  net_fail_at(L, "tcp to", host, port);
  net_close(&s->fd);
  return 3;
}

/* finished() → true | nil, msg, "EINPROGRESS"|errno: how the connecting ended. */
static int stream_finished(lua_State *L) {
  stream *s = check_stream(L);
  net_address peer = {.size = sizeof peer.as};
  int err = 0;
  socklen_t size = sizeof err;
  if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0)
    err = errno;
  if (err == 0 && getpeername(s->fd, &peer.as.any, &peer.size) < 0)
    err = errno == ENOTCONN ? EINPROGRESS : errno;
  if (err != 0)
    return core_fail_errno(L, err, "connect");
  lua_pushboolean(L, 1);
  return 1;
}

/* send(bytes[, from]) → how many of the bytes from position FROM (1) on were taken | nil,
 * msg, errno. */
static int stream_send(lua_State *L) {
  stream *s = check_stream(L);
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  lua_Integer from = luaL_optinteger(L, 3, 1);
  ssize_t sent;
  luaL_argcheck(L, from >= 1 && (size_t)from <= size + 1, 3, "outside the bytes");
  sent = TEMP_FAILURE_RETRY(
      send(s->fd, bytes + from - 1, size - (size_t)from + 1, MSG_NOSIGNAL));
  if (sent < 0)
    return net_fail(L, "send");
  lua_pushinteger(L, sent);
  return 1;
}

int64_t net_stream_receive(lua_State *L, int index, void *out, size_t most) {
  return TEMP_FAILURE_RETRY(recv(stream_argument(L, index)->fd, out, most, 0));
}

int net_stream_take(lua_State *L, int index) {
  stream *s = stream_argument(L, index);
  int fd = s->fd;
  s->fd = -1;
  return fd;
}

/* receive(max) → bytes, "" at the end | nil, msg, "EAGAIN"|errno. MAX 1..65536. */
static int stream_receive(lua_State *L) {
  lua_Integer most = luaL_checkinteger(L, 2);
  luaL_Buffer buffer;
  char *bytes;
  ssize_t size;
  check_stream(L);
  luaL_argcheck(L, most >= 1 && most <= NET_RECEIVE_MAX, 2, "1 to 65536");
  bytes = luaL_buffinitsize(L, &buffer, (size_t)most);
  size = net_stream_receive(L, 1, bytes, (size_t)most);
  if (size < 0)
    return net_fail(L, "receive");
  luaL_pushresultsize(&buffer, (size_t)size);
  return 1;
}

static int push_address(lua_State *L, const net_address *address) {
  char host[NET_HOST_MAX];
  int port = net_print(address, host);
  lua_pushstring(L, host);
  lua_pushinteger(L, port);
  return 2;
}

/* peer() → host, port; "" and 0 for a Unix socket. */
static int stream_peer(lua_State *L) {
  net_address peer = {.size = sizeof peer.as};
  if (getpeername(check_stream(L)->fd, &peer.as.any, &peer.size) < 0)
    return core_fail_errno(L, errno, "peer");
  return push_address(L, &peer);
}

/* credentials() → uid, pid of whoever connected the Unix socket | nil, msg, errno. */
static int stream_credentials(lua_State *L) {
  struct ucred who;
  socklen_t size = sizeof who;
  if (getsockopt(check_stream(L)->fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
    return core_fail_errno(L, errno, "credentials");
  if (who.uid == (uid_t)-1)
    return core_fail_errno(L, ENOTCONN, "credentials");
  lua_pushinteger(L, who.uid);
  lua_pushinteger(L, who.pid);
  return 2;
}

/* congestion(name) → true if the kernel has it and lets us. A wish: nothing depends on
 * it. */
static int stream_congestion(lua_State *L) {
  stream *s = check_stream(L);
  size_t size;
  const char *name = luaL_checklstring(L, 2, &size);
  lua_pushboolean(
      L, setsockopt(s->fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)size) == 0);
  return 1;
}

/* -- listeners
 * ---------------------------------------------------------------------------- */

static listener *check_listener(lua_State *L) {
  listener *l = luaL_checkudata(L, 1, NET_LISTENER);
  luaL_argcheck(L, l->fd >= 0, 1, "listener is closed");
  return l;
}

static listener *new_listener(lua_State *L) {
  listener *l = core_new(L, NET_LISTENER, sizeof *l);
  l->fd = -1;
  return l;
}

/* The path goes only if it still is our own socket, not that of a daemon started since.
 */
static int listener_close(lua_State *L) {
  listener *l = luaL_checkudata(L, 1, NET_LISTENER);
  struct stat now;
  if (l->fd >= 0 && l->path[0] && lstat(l->path, &now) == 0 && now.st_dev == l->device &&
      now.st_ino == l->inode)
    unlink(l->path);
  net_close(&l->fd);
  return 0;
}

static int listener_fd(lua_State *L) {
  lua_pushinteger(L, check_listener(L)->fd);
  return 1;
}

static int listener_port(lua_State *L) {
  lua_pushinteger(L, net_local_port(check_listener(L)->fd));
  return 1;
}

int net_listen_at(const net_address *address, int both) {
  int err, fd = socket(address->as.any.sa_family, SOCK_STREAM | NET_SOCKET, 0);
  if (fd < 0)
    return -1;
  net_set(fd, SOL_SOCKET, SO_REUSEADDR, 1); /* old connections may still end */
  if (address->as.any.sa_family == AF_INET6)
    net_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !both);
  if (bind(fd, &address->as.any, address->size) == 0 && listen(fd, NET_BACKLOG) == 0)
    return fd;
  err = errno;
  close(fd);
  errno = err;
  return -1;
}

/* listen{ host = "0.0.0.0", port = 0 } → listener | nil, msg, "EADDRINUSE"|errno. */
static int net_listen(lua_State *L) {
  net_address address;
  lua_Integer port;
  const char *host = net_options(L, &address, &port);
  listener *l;
  if (!host)
    return 3;
  l = new_listener(L);
  l->fd = net_listen_at(&address, 0);
  return l->fd < 0 ? net_fail_at(L, "tcp", host, port) : 1;
}

/* accept() → stream, host, port | nil, msg, "EAGAIN"|errno. */
static int listener_accept(lua_State *L) {
  listener *l = check_listener(L);
  net_address peer = {.size = sizeof peer.as};
  stream *s = new_stream(L);
  s->fd = TEMP_FAILURE_RETRY(accept4(l->fd, &peer.as.any, &peer.size, NET_SOCKET));
  if (s->fd < 0)
    return net_fail(L, "accept");
  if (l->path[0] == '\0')
    net_tcp_options(s->fd);
  return 1 + push_address(L, &peer);
}

/* -- Unix sockets
 * ------------------------------------------------------------------------- */

/* The path as an address; 0 with errno if it is too long (107 bytes) or empty. */
static int unix_address(struct sockaddr_un *address, const char *path, size_t size) {
  memset(address, 0, sizeof *address);
  errno = size == 0 ? EINVAL : ENAMETOOLONG;
  if (size == 0 || size > NET_UNIX_PATH_MAX || strlen(path) != size)
    return 0;
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, path, size);
  return 1;
}

/* True if nobody listens at the address any more: a daemon that was killed leaves its
 * path. */
static int is_stale(const struct sockaddr_un *address) {
  struct stat found;
  int stale, fd;
  if (lstat(address->sun_path, &found) < 0 || !S_ISSOCK(found.st_mode))
    return 0;
  fd = socket(AF_UNIX, SOCK_STREAM | NET_SOCKET, 0);
  if (fd < 0)
    return 0;
  stale = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 &&
          errno == ECONNREFUSED;
  close(fd);
  return stale;
}

static int unix_bind(int fd, const struct sockaddr_un *address, mode_t mode) {
  struct stat made;
  fchmod(fd,
         mode); /* before bind: there is no moment in which the path is open to more */
  if (bind(fd, (const struct sockaddr *)address, sizeof *address) < 0) {
    if (errno != EADDRINUSE)
      return -1;
    if (!is_stale(address))
      return errno = EADDRINUSE, -1;
    unlink(address->sun_path);
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) < 0)
      return -1;
  }
  if (chmod(address->sun_path, mode) < 0 || lstat(address->sun_path, &made) < 0)
    return -1;
  return listen(fd, NET_BACKLOG);
}

/* unix_listen(path[, mode = 0600]) → listener | nil, msg,
 * "EADDRINUSE"|"ENAMETOOLONG"|errno. A path that a dead process left is taken over;
 * close() removes the path. */
static int net_unix_listen(lua_State *L) {
  size_t size;
  const char *path = luaL_checklstring(L, 1, &size);
  mode_t mode = (mode_t)luaL_optinteger(L, 2, 0600);
  struct sockaddr_un address;
  struct stat made;
  listener *l = new_listener(L);
  if (!unix_address(&address, path, size))
    return core_fail_errno(L, errno, path);
  l->fd = socket(AF_UNIX, SOCK_STREAM | NET_SOCKET, 0);
  if (l->fd < 0 || unix_bind(l->fd, &address, mode) < 0 || lstat(path, &made) < 0) {
    core_fail_errno(L, errno, path);
    net_close(&l->fd);
    return 3;
  }
  l->device = made.st_dev;
  l->inode = made.st_ino;
  memcpy(l->path, path, size + 1);
  return 1;
}

/* unix_connect(path) → stream | nil, msg, "ENOENT"|"ECONNREFUSED"|errno. Connects at
 * once. */
static int net_unix_connect(lua_State *L) {
  size_t size;
  const char *path = luaL_checklstring(L, 1, &size);
  struct sockaddr_un address;
  stream *s = new_stream(L);
  if (!unix_address(&address, path, size))
    return core_fail_errno(L, errno, path);
  s->fd = socket(AF_UNIX, SOCK_STREAM | NET_SOCKET, 0);
  if (s->fd >= 0 &&
      connect(s->fd, (const struct sockaddr *)&address, sizeof address) == 0)
    return 1;
  core_fail_errno(L, errno, path);
  net_close(&s->fd);
  return 3;
}

/* The same, where `@` before a name stands for the zero of an abstract one, which is no
 * file (unix(7)). Returns its size, 0 with errno. */
static socklen_t unix_target(struct sockaddr_un *address, const char *path, size_t size) {
  if (!unix_address(address, path, size))
    return 0;
  if (path[0] != '@')
    return sizeof *address;
  address->sun_path[0] = '\0';
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
}

/* unix_send(path, bytes) → true | nil, msg, "EAGAIN"|"ECONNREFUSED"|errno. One datagram
 * to the socket at that path, or of the abstract name behind an `@`. Waits for nobody. */
static int net_unix_send(lua_State *L) {
  size_t path_size, size;
  const char *path = luaL_checklstring(L, 1, &path_size);
  const char *bytes = luaL_checklstring(L, 2, &size);
  struct sockaddr_un address;
  socklen_t length = unix_target(&address, path, path_size);
  int fd, err;
  ssize_t sent;
  if (length == 0)
    return core_fail_errno(L, errno, path);
  fd = socket(AF_UNIX, SOCK_DGRAM | NET_SOCKET, 0);
  if (fd < 0)
    return core_fail_errno(L, errno, path);
  sent = TEMP_FAILURE_RETRY(
      sendto(fd, bytes, size, MSG_NOSIGNAL, (const struct sockaddr *)&address, length));
  err = errno;
  close(fd);
  if (sent < 0)
    return core_fail_errno(L, err, path);
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg stream_methods[] = {
    {"fd",          stream_fd         },
    {"finished",    stream_finished   },
    {"send",        stream_send       },
    {"receive",     stream_receive    },
    {"peer",        stream_peer       },
    {"credentials", stream_credentials},
    {"congestion",  stream_congestion },
    {"close",       stream_close      },
    {"__close",     stream_close      },
    {"__gc",        stream_close      },
    {NULL,          NULL              },
};

static const luaL_Reg listener_methods[] = {
    {"fd",      listener_fd    },
    {"port",    listener_port  },
    {"accept",  listener_accept},
    {"close",   listener_close },
    {"__close", listener_close },
    {"__gc",    listener_close },
    {NULL,      NULL           },
};

static const luaL_Reg functions[] = {
    {"udp",          net_udp         },
    {"listen",       net_listen      },
    {"connect",      net_connect     },
    {"unix_listen",  net_unix_listen },
    {"unix_connect", net_unix_connect},
    {"unix_send",    net_unix_send   },
    {"poller",       net_poller      },
    {"interfaces",   net_interfaces  },
    {"links",        net_links       },
    {"is_own",       net_is_own      },
    {"is_near",      net_is_near     },
    {NULL,           NULL            },
};

int luaopen_core_net(lua_State *L) {
  net_udp_class(L);
  net_poller_class(L);
  core_class(L, NET_STREAM, stream_methods);
  core_class(L, NET_LISTENER, listener_methods);
  luaL_newlib(L, functions);
  return 1;
}
