/* connections.c - connections of a daemon of libmicrohttpd, their deadlines, the names
 * that they ask for. No requests, no answers. */
#include "connections.h"
#include "worker/worker.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

void http_connected(http_clients *all, struct MHD_Connection *c, void **context) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
  http_client *client = calloc(1, sizeof *client);
  *context = client;
  if (!client)
    return;
  client->fd = info ? info->connect_fd : -1;
  client->sending = -1;
  http_request_begins(all, client);
  client->next = all->first;
  client->self = &all->first;
  if (all->first)
    all->first->self = &client->next;
  all->first = client;
  all->count++;
}

int http_disconnected(http_clients *all, http_client *client) {
  int overdue;
  if (!client)
    return 0;
  *client->self = client->next;
  if (client->next)
    client->next->self = client->self;
  overdue = client->overdue;
  free(client);
  all->count--;
  return overdue;
}

http_client *http_client_of(struct MHD_Connection *c) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info ? info->socket_context : NULL;
}

void http_request_begins(http_clients *all, http_client *client) {
  client->since = worker_now();
  client->deadline = client->since + all->request_ms;
}

void http_hang_up(http_client *client) {
  client->overdue = client->sending >= 0 || !client->answered;
  shutdown(client->fd, SHUT_RDWR); /* libmicrohttpd sees it in its next turn */
}

void http_hang_up_on_overdue(http_clients *all, int64_t now) {
  for (http_client *c = all->first; c; c = c->next)
    if (now > c->deadline)
      http_hang_up(c);
}

int http_hang_up_on_slowest(http_clients *all, int64_t since) {
  http_client *slowest = NULL;
  for (http_client *c = all->first; c; c = c->next)
    if (c->sending >= 0 && !c->overdue && c->since < since &&
        (!slowest || c->since < slowest->since))
      slowest = c;
  if (slowest)
    http_hang_up(slowest);
  return slowest != NULL;
}

/* What stands behind a host: nothing, or a port. */
static int is_port(const char *text) {
  return !*text || (*text == ':' && !text[1 + strspn(text + 1, "0123456789")]);
}

int http_host_is_address(struct MHD_Connection *c) {
  const char *host =
      MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
  char text[64], binary[16];
  size_t size;
  if (!host)
    return 0;
  if (host[0] == '[') {
    size = strcspn(++host, "]");
  } else {
    size = strcspn(host, ":");
    if (size == 9 && !strncasecmp(host, "localhost", 9))
      return is_port(host + size);
  }
  if (size >= sizeof text || !is_port(host + size + (host[size] == ']')))
    return 0;
  memcpy(text, host, size);
  text[size] = '\0';
  return inet_pton(host[size] == ']' ? AF_INET6 : AF_INET, text, binary) == 1;
}
