/* address.c - socket addresses as text, for core.net. Looks up no names. */
#include "net.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

static int parse_ip6(struct in6_addr *out, uint32_t *zone, const char *host) {
  char text[NET_HOST_MAX];
  char *percent;
  size_t size = strlen(host);
  if (size >= sizeof text)
    return 0;
  memcpy(text, host, size + 1);
  percent = strchr(text, '%');
  *zone = 0;
  if (percent) {
    *percent = '\0';
    *zone = if_nametoindex(percent + 1);
    if (*zone == 0)
      return 0;
  }
  return inet_pton(AF_INET6, text, out) == 1;
}

int net_parse(net_address *address, const char *host, lua_Integer port) {
  memset(address, 0, sizeof *address);
  if (port < 0 || port > 65535)
    return 0;
  if (inet_pton(AF_INET, host, &address->as.ip4.sin_addr) == 1) {
    address->as.ip4.sin_family = AF_INET;
    address->as.ip4.sin_port = htons((uint16_t)port);
    address->size = sizeof address->as.ip4;
    return 1;
  }
  if (!parse_ip6(&address->as.ip6.sin6_addr, &address->as.ip6.sin6_scope_id, host))
    return 0;
  address->as.ip6.sin6_family = AF_INET6;
  address->as.ip6.sin6_port = htons((uint16_t)port);
  address->size = sizeof address->as.ip6;
  return 1;
}

/* A link-local address means nothing without its zone, so it is printed with it. */
static int print_ip6(const struct sockaddr_in6 *ip6, char host[NET_HOST_MAX]) {
  char zone[IF_NAMESIZE];
  inet_ntop(AF_INET6, &ip6->sin6_addr, host, NET_HOST_MAX);
  if (ip6->sin6_scope_id != 0 && if_indextoname(ip6->sin6_scope_id, zone)) {
    strcat(host, "%"); /* 45 + 1 + 15 characters at most */
    strcat(host, zone);
  }
  return ntohs(ip6->sin6_port);
}

int net_print(const net_address *address, char host[NET_HOST_MAX]) {
  host[0] = '\0';
  if (address->as.any.sa_family == AF_INET) {
    inet_ntop(AF_INET, &address->as.ip4.sin_addr, host, NET_HOST_MAX);
    return ntohs(address->as.ip4.sin_port);
  }
  if (address->as.any.sa_family == AF_INET6)
    return print_ip6(&address->as.ip6, host);
  return 0;
}
