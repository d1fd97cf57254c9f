/* gateway_library.h - a connection as the gateway's fuzzer makes it up: what came, how it
 * was answered. */
#ifndef GATEWAY_LIBRARY_H
#define GATEWAY_LIBRARY_H

#include "http/gateway.h"
#include <netinet/in.h>

#define HEADERS_MAX 16

struct MHD_Connection {
  union MHD_ConnectionInfo info;
  struct sockaddr_storage from;
  char *names[HEADERS_MAX], *values[HEADERS_MAX];
  char *arguments; /* what stands behind the `?` */
  int count, answers, is_head;
  unsigned status;
};

#endif
