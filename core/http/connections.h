/* connections.h - connections of a daemon of libmicrohttpd: who they are, and when each
 * is shut for being slow. No requests, no answers. */
#ifndef HTTP_CONNECTIONS_H
#define HTTP_CONNECTIONS_H

#include <stdint.h>
#include <microhttpd.h>

/* A connection. Only the thread that runs its daemon touches it. */
typedef struct http_client {
  struct http_client *next, **self;
  int fd;
  int64_t since, deadline; /* ms of the monotonic clock: past it the connection is shut */
  int64_t sending;       /* bytes of the answer under way; -1 = we need not wait for it */
  int answered, overdue; /* once at least; was shut for being slow */
  int reach;             /* what may be had over it, for who serves files (served.h) */
  int is_given;          /* it came by gateway:add, not by the listener */
} http_client;

typedef struct {
  http_client *first;
  int count;
  int request_ms; /* for the headers of a request */
} http_clients;

/* For MHD_OPTION_NOTIFY_CONNECTION. Without memory it has no client, and gets no answer.
 * http_disconnected frees it: 1 where it was shut for being slow. */
void http_connected(http_clients *all, struct MHD_Connection *c, void **context);
int http_disconnected(http_clients *all, http_client *client);
http_client *http_client_of(struct MHD_Connection *c); /* NULL: there is none */

void http_request_begins(http_clients *all, http_client *client);
void http_hang_up(http_client *client);
/* On the one that is in the midst of sending for longest, since before SINCE: 1; 0 where
 * there is none. */
int http_hang_up_on_slowest(http_clients *all, int64_t since);
void http_hang_up_on_overdue(http_clients *all, int64_t now);

/* Does its `Host` name an address, or localhost? A page of somebody else's, whose name
 * was made to point here, sends that name (DNS rebinding). */
int http_host_is_address(struct MHD_Connection *c);

#endif
