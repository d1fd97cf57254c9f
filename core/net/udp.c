/* udp.c - datagrams for core.net, with the interface they came and leave by. No TCP,
 * no loop. */
#include "net.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NET_UDP "core.net.udp"

typedef struct {
  int fd;
  int family;
  int64_t drops; /* datagrams that the kernel dropped for want of room, as it last said */
} udp;

static udp *check_udp(lua_State *L) {
  udp *u = luaL_checkudata(L, 1, NET_UDP);
  luaL_argcheck(L, u->fd >= 0, 1, "socket is closed");
  return u;
}

static int udp_close(lua_State *L) {
  net_close(&((udp *)luaL_checkudata(L, 1, NET_UDP))->fd);
  return 0;
}

static void udp_options(int fd, int family, int broadcast, int shared) {
  if (family == AF_INET)
    net_set(fd, IPPROTO_IP, IP_PKTINFO, 1);
  if (family == AF_INET6) {
    net_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    net_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  }
  net_set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
  net_set(fd, SOL_SOCKET, SO_BROADCAST, broadcast);
  net_set(fd, SOL_SOCKET, SO_REUSEADDR, shared);
}

/* udp{ host = "0.0.0.0", port = 0, broadcast = bool, shared = bool } → socket | nil, msg,
 * errno. shared: several sockets on one port, all of which hear a broadcast (Linux,
 * SO_REUSEADDR). */
int net_udp(lua_State *L) {
  net_address address;
  lua_Integer port;
  const char *host = net_options(L, &address, &port);
  int broadcast = core_field_boolean(L, 1, "broadcast"),
      shared = core_field_boolean(L, 1, "shared");
  udp *u;
  if (!host)
    return 3;
  u = core_new(L, NET_UDP, sizeof *u);
  u->family = address.as.any.sa_family;
  u->fd = socket(u->family, SOCK_DGRAM | NET_SOCKET, 0);
  if (u->fd < 0)
    return net_fail_at(L, "udp", host, port);
  udp_options(u->fd, u->family, broadcast, shared);
  if (bind(u->fd, &address.as.any, address.size) == 0)
    return 1;
  net_fail_at(L, "udp", host, port);
  net_close(&u->fd);
  return 3;
}

static int udp_fd(lua_State *L) {
  lua_pushinteger(L, check_udp(L)->fd);
  return 1;
}

static int udp_port(lua_State *L) {
  lua_pushinteger(L, net_local_port(check_udp(L)->fd));
  return 1;
}

static int udp_drops(lua_State *L) {
  lua_pushinteger(L, ((udp *)luaL_checkudata(L, 1, NET_UDP))->drops);
  return 1;
}

/* join(group, index) → true | nil, msg, errno. From now on what is said to the multicast
 * address GROUP (IPv6) on the interface INDEX is heard; a second time changes nothing. */
static int udp_join(lua_State *L) {
  udp *u = check_udp(L);
  const char *group = luaL_checkstring(L, 2);
  net_address address;
  struct ipv6_mreq wish = {.ipv6mr_interface = (unsigned)luaL_checkinteger(L, 3)};
  if (!net_parse(&address, group, 0) || address.as.any.sa_family != AF_INET6)
    return core_fail(L, "address", "'%s' is no IPv6 group", group);
  wish.ipv6mr_multiaddr = address.as.ip6.sin6_addr;
  if (setsockopt(u->fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &wish, sizeof wish) < 0 &&
      errno != EADDRINUSE)
    return core_fail_errno(L, errno, group);
  lua_pushboolean(L, 1);
  return 1;
}

/* Without it two interfaces of one network would share one way out, and one of them stay
 * silent. */
static void send_by(struct msghdr *message, int family, lua_Integer index) {
  struct cmsghdr *control = message->msg_control;
  memset(control, 0, message->msg_controllen);
  if (family == AF_INET) {
    struct in_pktinfo way = {.ipi_ifindex = (int)index};
    control->cmsg_level = IPPROTO_IP;
    control->cmsg_type = IP_PKTINFO;
    control->cmsg_len = CMSG_LEN(sizeof way);
    memcpy(CMSG_DATA(control), &way, sizeof way);
    message->msg_controllen = CMSG_SPACE(sizeof way);
  } else {
    struct in6_pktinfo way = {.ipi6_ifindex = (unsigned)index};
    control->cmsg_level = IPPROTO_IPV6;
    control->cmsg_type = IPV6_PKTINFO;
    control->cmsg_len = CMSG_LEN(sizeof way);
    memcpy(CMSG_DATA(control), &way, sizeof way);
    message->msg_controllen = CMSG_SPACE(sizeof way);
  }
}

/* send(bytes, host, port[, index]) → true | nil, msg, errno. INDEX: of the interface to
 * leave by. */
static int udp_send(lua_State *L) {
  udp *u = check_udp(L);
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
  } control;
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size), *host = luaL_checkstring(L, 3);
  lua_Integer port = luaL_checkinteger(L, 4), index = luaL_optinteger(L, 5, 0);
  net_address to;
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
  struct msghdr message = {.msg_name = &to.as, .msg_iov = &part, .msg_iovlen = 1};
  luaL_argcheck(L, port > 0 && port <= 65535, 4, "port is none");
  if (!net_parse(&to, host, port) || to.as.any.sa_family != u->family)
    return core_fail(L, "address", "'%s' is no way for this socket", host);
  message.msg_namelen = to.size;
  if (index > 0) {
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    send_by(&message, u->family, index);
  }
  if (TEMP_FAILURE_RETRY(sendmsg(u->fd, &message, MSG_NOSIGNAL)) < 0)
    return errno == EAGAIN ? net_fail(L, "udp") : net_fail_at(L, "udp to", host, port);
  lua_pushboolean(L, 1);
  return 1;
}

/* A frame came to a broadcast address if the kernel names another local address for it.
 */
static void read_control(udp *u, struct msghdr *message, int *broadcast,
                         lua_Integer *index) {
  for (struct cmsghdr *one = CMSG_FIRSTHDR(message); one;
       one = CMSG_NXTHDR(message, one)) {
    if (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo way;
      memcpy(&way, CMSG_DATA(one), sizeof way);
      *broadcast = way.ipi_addr.s_addr != way.ipi_spec_dst.s_addr;
      *index = way.ipi_ifindex;
    } else if (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo way;
      memcpy(&way, CMSG_DATA(one), sizeof way);
      *broadcast = IN6_IS_ADDR_MULTICAST(&way.ipi6_addr);
      *index = way.ipi6_ifindex;
    } else if (one->cmsg_level == SOL_SOCKET && one->cmsg_type == SO_RXQ_OVFL) {
      uint32_t drops;
      memcpy(&drops, CMSG_DATA(one), sizeof drops);
      u->drops = drops;
    }
  }
}

/* receive() → bytes, host, port, broadcast, index of the interface | nil, msg,
 * "EAGAIN"|"long"|errno. A datagram over CORE_DATAGRAM_MAX bytes is never copied into
 * Lua: it is taken and "long". */
static int udp_receive(lua_State *L) {
  udp *u = check_udp(L);
  char bytes[CORE_DATAGRAM_MAX], control[256] __attribute__((aligned(8))),
      host[NET_HOST_MAX];
  net_address from = {.size = sizeof from.as};
  struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
  struct msghdr message = {.msg_name = &from.as,
                           .msg_namelen = from.size,
                           .msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  int broadcast = 0, port;
  lua_Integer index = 0;
  ssize_t size = TEMP_FAILURE_RETRY(recvmsg(u->fd, &message, 0));
  if (size < 0)
    return net_fail(L, "udp");
  read_control(u, &message, &broadcast, &index);
  port = net_print(&from, host);
  if (message.msg_flags & MSG_TRUNC)
    return core_fail(L, "long", "datagram from %s port %d", host, port);
  lua_pushlstring(L, bytes, (size_t)size);
  lua_pushstring(L, host);
  lua_pushinteger(L, port);
  lua_pushboolean(L, broadcast);
  lua_pushinteger(L, index);
  return 5;
}

static const luaL_Reg udp_methods[] = {
    {"fd",      udp_fd     },
    {"port",    udp_port   },
    {"join",    udp_join   },
    {"send",    udp_send   },
    {"receive", udp_receive},
    {"drops",   udp_drops  },
    {"close",   udp_close  },
    {"__close", udp_close  },
    {"__gc",    udp_close  },
    {NULL,      NULL       },
};

void net_udp_class(lua_State *L) {
  core_class(L, NET_UDP, udp_methods);
}
