/* interfaces.c - interfaces of this machine, for core.net. No sockets. */
#include "net.h"
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int take(net_address *address, const struct sockaddr *from) {
  memset(address, 0, sizeof *address);
  if (!from)
    return 0;
  if (from->sa_family == AF_INET)
    address->size = sizeof address->as.ip4;
  if (from->sa_family == AF_INET6)
    address->size = sizeof address->as.ip6;
  if (address->size == 0)
    return 0;
  memcpy(&address->as, from, address->size);
  return 1;
}

static int prefix_length(const net_address *mask) {
  const unsigned char *bytes = mask->as.any.sa_family == AF_INET
                                   ? (const unsigned char *)&mask->as.ip4.sin_addr
                                   : mask->as.ip6.sin6_addr.s6_addr;
  int size = mask->as.any.sa_family == AF_INET ? 4 : 16, bits = 0;
  for (int i = 0; i < size; i++)
    bits += __builtin_popcount(bytes[i]);
  return bits;
}

static void set_text(lua_State *L, const char *name, const net_address *address) {
  char host[NET_HOST_MAX];
  net_print(address, host);
  core_set_text(L, name, host);
}

/* The last address of the network: what the kernel routes as broadcast even where nobody
 * gave the interface one ("ip address add" without "broadcast"). Networks of /31 and /32
 * have none. */
static void set_broadcast(lua_State *L, const net_address *host, int prefix,
                          unsigned flags) {
  net_address last = *host;
  int loopback = (flags & IFF_LOOPBACK) != 0;
  if (host->as.any.sa_family != AF_INET || prefix > 30 || prefix < 1)
    return;
  if (!(flags & IFF_BROADCAST) && !loopback)
    return;
  last.as.ip4.sin_addr.s_addr |= htonl(UINT32_MAX >> prefix);
  set_text(L, "broadcast", &last);
}

#define TENTATIVE_MAX 64 /* addresses that are asked for at a time */

typedef struct {
  int count;
  struct {
    char hex[33];
    unsigned index;
  } list[TENTATIVE_MAX];
} tentative;

/* Those of which the kernel still asks whether another host has them, or found that one
 * does (RFC 4862 §5.4): until it knows, nothing can be sent from there. Without /proc all
 * are taken for good. */
static void read_tentative(tentative *all) {
  FILE *file = fopen("/proc/self/net/if_inet6", "re");
  char hex[33], name[32];
  unsigned flags, index;
  all->count = 0;
  while (file && all->count < TENTATIVE_MAX &&
         fscanf(file, "%32s %x %*x %*x %x %31s", hex, &index, &flags, name) == 4)
    if (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) {
      memcpy(all->list[all->count].hex, hex, sizeof hex);
      all->list[all->count++].index = index;
    }
  if (file)
    fclose(file);
}

static int is_tentative(const tentative *all, const net_address *host) {
  char own[33] = "";
  if (host->as.any.sa_family != AF_INET6)
    return 0;
  for (int i = 0; i < 16; i++)
    snprintf(own + 2 * i, 3, "%02x", host->as.ip6.sin6_addr.s6_addr[i]);
  for (int i = 0; i < all->count; i++)
    if (strcmp(all->list[i].hex, own) == 0 &&
        (host->as.ip6.sin6_scope_id == 0 ||
         host->as.ip6.sin6_scope_id == all->list[i].index))
      return 1;
  return 0;
}

static void push_interface(lua_State *L, const struct ifaddrs *one,
                           const net_address *host, const tentative *all) {
  net_address mask;
  int prefix = take(&mask, one->ifa_netmask) ? prefix_length(&mask) : 0;
  unsigned live = IFF_UP | IFF_RUNNING;
  lua_createtable(L, 0, 8);
  core_set_text(L, "name", one->ifa_name);
  core_set_integer(L, "index", if_nametoindex(one->ifa_name));
  core_set_integer(L, "family", host->as.any.sa_family == AF_INET ? 4 : 6);
  core_set_integer(L, "prefix", prefix);
  core_set_boolean(L, "loopback", (one->ifa_flags & IFF_LOOPBACK) != 0);
  core_set_boolean(L, "up", (one->ifa_flags & live) == live && !is_tentative(all, host));
  set_text(L, "host", host);
  set_broadcast(L, host, prefix, one->ifa_flags);
}

typedef struct {
  struct ifaddrs *first;
} list;

static int list_gc(lua_State *L) {
  list *all = lua_touserdata(L, 1);
  if (all->first)
    freeifaddrs(all->first);
  all->first = NULL;
  return 0;
}

/* The list lives in a userdata: a Lua call that throws does not leak it. */
static list *list_new(lua_State *L) {
  list *all = lua_newuserdatauv(L, sizeof *all, 0);
  all->first = NULL;
  if (luaL_newmetatable(L, "core.net.list")) {
    lua_pushcfunction(L, list_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return all;
}

#define NET_INTERFACES_MAX 256 /* addresses looked at; more are not listed */

typedef struct {
  const struct ifaddrs *from;
  net_address address;
  char host[NET_HOST_MAX];
} entry;

/* By name, family, host. */
static int compare_entries(const void *left, const void *right) {
  const entry *a = left, *b = right;
  int order = strcmp(a->from->ifa_name, b->from->ifa_name);
  if (order == 0)
    order = a->address.as.any.sa_family - b->address.as.any.sa_family;
  return order ? order : strcmp(a->host, b->host);
}

static int sorted(const struct ifaddrs *first, entry entries[NET_INTERFACES_MAX]) {
  int n = 0;
  for (; first && n < NET_INTERFACES_MAX; first = first->ifa_next) {
    if (!take(&entries[n].address, first->ifa_addr))
      continue;
    entries[n].from = first;
    net_print(&entries[n].address, entries[n].host);
    n++;
  }
  qsort(entries, (size_t)n, sizeof *entries, compare_entries);
  return n;
}

/* interfaces() → array of { name, index, host, prefix, broadcast|nil, loopback, family =
 * 4|6, up }, one for each address, sorted by name, family, host. "up" means switched on,
 * with carrier, and that the address can be spoken from. */
int net_interfaces(lua_State *L) {
  entry entries[NET_INTERFACES_MAX];
  tentative asked;
  list *all = list_new(L);
  int n;
  if (getifaddrs(&all->first) < 0)
    return core_fail_errno(L, errno, "list of interfaces");
  n = sorted(all->first, entries);
  read_tentative(&asked);
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    push_interface(L, entries[i].from, &entries[i].address, &asked);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* Is it a port of a bridge, or one of a bond? Then the whole has the addresses. */
static int is_member(const struct ifaddrs *one) {
  char path[sizeof "/sys/class/net//master" + IF_NAMESIZE];
  snprintf(path, sizeof path, "/sys/class/net/%.*s/master", IF_NAMESIZE, one->ifa_name);
  return (one->ifa_flags & IFF_SLAVE) || access(path, F_OK) == 0;
}

/* links() → array of { name, on, carrier, loopback, broadcast, member }, one for each
 * interface, with an address or not, by index: the first 256. "on": somebody switched it
 * on; "carrier": a cable or a Wi-Fi network is there; "broadcast": it reaches all hosts
 * of a network, and finds them by ARP; "member": a part of another one. */
int net_links(lua_State *L) {
  list *all = list_new(L);
  int n = 0;
  if (getifaddrs(&all->first) < 0)
    return core_fail_errno(L, errno, "list of interfaces");
  lua_newtable(L);
  for (struct ifaddrs *one = all->first; one && n < NET_INTERFACES_MAX;
       one = one->ifa_next) {
    if (!one->ifa_addr || one->ifa_addr->sa_family != AF_PACKET)
      continue;
    lua_createtable(L, 0, 6);
    core_set_text(L, "name", one->ifa_name);
    core_set_boolean(L, "on", (one->ifa_flags & IFF_UP) != 0);
    core_set_boolean(L, "carrier", (one->ifa_flags & IFF_RUNNING) != 0);
    core_set_boolean(L, "loopback", (one->ifa_flags & IFF_LOOPBACK) != 0);
    core_set_boolean(L, "broadcast",
                     (one->ifa_flags & (IFF_BROADCAST | IFF_NOARP)) == IFF_BROADCAST);
    core_set_boolean(L, "member", is_member(one));
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

static int is_loopback(const net_address *a) {
  if (a->as.any.sa_family == AF_INET)
    return ntohl(a->as.ip4.sin_addr.s_addr) >> 24 == 127;
  return IN6_IS_ADDR_LOOPBACK(&a->as.ip6.sin6_addr);
}

static int same_host(const net_address *a, const net_address *b) {
  if (a->as.any.sa_family != b->as.any.sa_family)
    return 0;
  if (a->as.any.sa_family == AF_INET)
    return a->as.ip4.sin_addr.s_addr == b->as.ip4.sin_addr.s_addr;
  return IN6_ARE_ADDR_EQUAL(&a->as.ip6.sin6_addr, &b->as.ip6.sin6_addr);
}

/* ::ffff:A.B.C.D is the host A.B.C.D in IPv6's clothes. */
static void unmap(net_address *a) {
  struct in6_addr mapped = a->as.ip6.sin6_addr;
  if (a->as.any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&mapped))
    return;
  memset(&a->as, 0, sizeof a->as);
  a->size = sizeof a->as.ip4;
  a->as.ip4.sin_family = AF_INET;
  memcpy(&a->as.ip4.sin_addr, mapped.s6_addr + 12, sizeof a->as.ip4.sin_addr);
}

/* Whoever dials 0.0.0.0 or :: dials himself. Resolvers that block a name give it that. */
static int is_unspecified(const net_address *a) {
  if (a->as.any.sa_family == AF_INET)
    return a->as.ip4.sin_addr.s_addr == 0;
  return IN6_IS_ADDR_UNSPECIFIED(&a->as.ip6.sin6_addr);
}

/* is_own(host) → true if HOST is loopback, nobody's or an address of this machine now;
 * false for what is no address at all. Asks the kernel each time: for a socket, not for a
 * frame. */
int net_is_own(lua_State *L) {
  const char *host = luaL_checkstring(L, 1);
  net_address wanted, have;
  struct ifaddrs *first = NULL;
  int own = 0;
  if (!net_parse(&wanted, host, 0))
    return lua_pushboolean(L, 0), 1;
  unmap(&wanted);
  own = is_loopback(&wanted) || is_unspecified(&wanted);
  if (!own && getifaddrs(&first) == 0) {
    for (struct ifaddrs *one = first; one && !own; one = one->ifa_next)
      own = take(&have, one->ifa_addr) && same_host(&have, &wanted);
    freeifaddrs(first);
  }
  lua_pushboolean(L, own);
  return 1;
}

/* Are A and B equal as far as MASK, of the same family, has ones; and has it any? */
static int same_network(const net_address *a, const net_address *b,
                        const net_address *mask) {
  const unsigned char *x, *y, *m;
  int size, any = 0;
  if (a->as.any.sa_family != b->as.any.sa_family)
    return 0;
  if (a->as.any.sa_family == AF_INET) {
    x = (const unsigned char *)&a->as.ip4.sin_addr;
    y = (const unsigned char *)&b->as.ip4.sin_addr;
    m = (const unsigned char *)&mask->as.ip4.sin_addr;
    size = sizeof a->as.ip4.sin_addr;
  } else {
    x = a->as.ip6.sin6_addr.s6_addr;
    y = b->as.ip6.sin6_addr.s6_addr;
    m = mask->as.ip6.sin6_addr.s6_addr;
    size = sizeof a->as.ip6.sin6_addr;
  }
  for (int i = 0; i < size; i++) {
    any |= m[i];
    if ((x[i] & m[i]) != (y[i] & m[i]))
      return 0;
  }
  return any != 0;
}

/* is_near(host) → true if HOST, an IP address, is this machine or in a network of an
 * interface of it that is up now. Asks the kernel each time, as is_own does. */
int net_is_near(lua_State *L) {
  const char *host = luaL_checkstring(L, 1);
  net_address wanted, have, mask;
  struct ifaddrs *first = NULL;
  int near = 0;
  if (!net_parse(&wanted, host, 0))
    return lua_pushboolean(L, 0), 1;
  near = is_loopback(&wanted);
  if (!near && getifaddrs(&first) == 0) {
    for (struct ifaddrs *one = first; one && !near; one = one->ifa_next)
      near = (one->ifa_flags & IFF_UP) && take(&have, one->ifa_addr) &&
             take(&mask, one->ifa_netmask) && same_network(&have, &wanted, &mask);
    freeifaddrs(first);
  }
  lua_pushboolean(L, near);
  return 1;
}
