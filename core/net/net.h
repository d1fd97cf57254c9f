/* net.h - what the files of core.net share: addresses, options, failing. No sockets of
 * its own. */
#ifndef CORE_NET_H
#define CORE_NET_H

#include "core.h"
#include <netinet/in.h>
#include <sys/socket.h>

#define NET_HOST_MAX 80 /* an IPv6 address as text with %zone, NUL included */
#define NET_SOCKET (SOCK_CLOEXEC | SOCK_NONBLOCK)

typedef struct {
  union {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
  } as;
  socklen_t size;
} net_address;

/* Reads HOST (IPv4 in four decimal parts, or IPv6 with or without %zone) and PORT
 * (0..65535). False if it is anything else; names are not looked up here. */
int net_parse(net_address *address, const char *host, lua_Integer port);

/* Writes the host as text; returns the port, 0 where there is none. */
int net_print(const net_address *address, char host[NET_HOST_MAX]);

/* A TCP socket that listens at the address, at an IPv6 one for IPv4 too if BOTH; or -1
 * with errno. */
int net_listen_at(const net_address *address, int both);

/* Port that the socket is bound to, 0 if none. */
int net_local_port(int fd);

/* setsockopt of an int: 0, or -1 with errno. */
int net_set(int fd, int level, int option, int value);

/* What every TCP socket that says our lines has: no delay, and keep-alive. */
void net_tcp_options(int fd);

/* Pushes a stream whose socket is *FD, which becomes -1. */
void net_push_stream(lua_State *L, int *fd);

/* Closes *FD unless it is closed, and makes it -1. */
void net_close(int *fd);

/* core_fail for errno; the second names the address too. EAGAIN, which ends every drain,
 * is cheap. */
int net_fail(lua_State *L, const char *what);
int net_fail_at(lua_State *L, const char *what, const char *host, lua_Integer port);

/* At most MOST bytes from the stream at INDEX of the stack, which throws unless it is an
 * open one: how many, 0 at the end, -1 and errno. */
int64_t net_stream_receive(lua_State *L, int index, void *out, size_t most);

/* The socket of that stream, which is closed from here on: whose it is now closes it. */
int net_stream_take(lua_State *L, int index);

/* Reads `host` ("0.0.0.0") and `port` (0) of the options at 1; leaves the host on the
 * stack. NULL if the host is none, with nil, message, "address" pushed. Throws on a port
 * outside 0..65535. */
const char *net_options(lua_State *L, net_address *address, lua_Integer *port);

/* Register the classes of UDP sockets and of pollers. */
void net_udp_class(lua_State *L);
void net_poller_class(lua_State *L);

/* Lua: functions of the table of core.net that live in files of their own. */
int net_udp(lua_State *L);
int net_poller(lua_State *L);
int net_interfaces(lua_State *L);
int net_links(lua_State *L);
int net_is_own(lua_State *L);
int net_is_near(lua_State *L);

#endif
