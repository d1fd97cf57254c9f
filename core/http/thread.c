/* thread.c - the thread that serves HTTP: connections, their deadlines, wake-up. No
 * answers. */
#include "core.h"
#include "gateway.h"
#include "reply.h"
#include "worker/worker.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_MEMORY 16384 /* bytes for a connection's headers, both ways */
#define IDLE_MS 30000 /* from one answer to the end of the next request's headers */
#define LOOK_MS 250   /* between two looks at who is overdue */

/* -- connections -- */

/* Was it given to us? Then with which reach. */
static void look_whether_given(gateway *g, http_client *client) {
  pthread_mutex_lock(&g->lock);
  for (int i = 0; client && i < g->given_count; i++) {
    if (g->given[i].fd != client->fd)
      continue;
    client->is_given = 1;
    client->reach = g->given[i].reach;
    g->given[i] = g->given[--g->given_count];
    break;
  }
  pthread_mutex_unlock(&g->lock);
}

static void on_connection(void *user, struct MHD_Connection *c, void **context,
                          enum MHD_ConnectionNotificationCode code) {
  gateway *g = user;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    http_connected(&g->clients, c, context);
    look_whether_given(g, *context);
  } else if (http_disconnected(&g->clients, *context))
    gateway_count(g, GATEWAY_slow);
  g->open = g->clients.count;
}

/* Twice a request: when its headers are there, and when its body, which nobody wants, is.
 */
static enum MHD_Result on_request(void *user, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version,
                                  const char *body, size_t *size, void **context) {
  gateway *g = user;
  http_client *client = http_client_of(c);
  (void)version, (void)body;
  if (!client)
    return MHD_NO;
  if (!*context) {
    *context = client;
    http_request_begins(&g->clients, client);
    return MHD_YES;
  }
  if (*size > 0) {
    *size = 0;
    return MHD_YES;
  }
  client->deadline = client->since + g->answer_ms;
  return gateway_answer(g, client, c, url, method);
}

static void on_completed(void *user, struct MHD_Connection *c, void **context,
                         enum MHD_RequestTerminationCode how) {
  gateway *g = user;
  http_client *client = http_client_of(c);
  (void)context;
  if (!client)
    return;
  if (client->sending >= 0 && how == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
    g->blocks++;
    g->bytes += client->sending;
  } else if (client->sending >= 0 && !client->overdue) {
    gateway_count(g, GATEWAY_closed);
  }
  client->sending = -1;
  client->answered = 1;
  client->deadline = worker_now() + IDLE_MS;
}

/* -- deadlines -- */

/* While honest readers are sent away, the one who has held his place longest gives it up.
 */
static void hang_up_on_slowest(gateway *g, int64_t now) {
  http_hang_up_on_slowest(&g->clients, now - g->pressed_ms);
  g->pressed = 0;
}

static void look_for_overdue(gateway *g, int64_t now) {
  http_hang_up_on_overdue(&g->clients, now);
  if (g->pressed)
    hang_up_on_slowest(g, now);
}

/* -- the thread -- */

/* Who is shut out is not answered at all. */
static enum MHD_Result on_accept(void *own, const struct sockaddr *a, socklen_t size) {
  gateway *g = own;
  (void)size;
  if (!gateway_shuts(g, a))
    return MHD_YES;
  gateway_count(g, GATEWAY_permission);
  return MHD_NO;
}

static int start_daemon(gateway *g) {
  g->daemon = MHD_start_daemon(
      MHD_USE_EPOLL | MHD_USE_SUPPRESS_DATE_NO_CLOCK, 0, on_accept, g, on_request, g,
      MHD_OPTION_LISTEN_SOCKET, g->listener, MHD_OPTION_CONNECTION_LIMIT,
      (unsigned)g->connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)g->per_host,
      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(2 * IDLE_MS / 1000),
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY,
      MHD_OPTION_NOTIFY_CONNECTION, on_connection, g, MHD_OPTION_NOTIFY_COMPLETED,
      on_completed, g, MHD_OPTION_END);
  return g->daemon != NULL;
}

/* The next that libmicrohttpd does not have yet, or -1. Those that it has stay in the
 * list until it tells of their connection. */
static int next_given(gateway *g) {
  int fd = -1;
  pthread_mutex_lock(&g->lock);
  for (int i = 0; i < g->given_count && fd < 0; i++)
    if (!g->given[i].is_known) {
      g->given[i].is_known = 1;
      fd = g->given[i].fd;
    }
  pthread_mutex_unlock(&g->lock);
  return fd;
}

static void forget_given(gateway *g, int fd) {
  pthread_mutex_lock(&g->lock);
  for (int i = 0; i < g->given_count; i++)
    if (g->given[i].fd == fd)
      g->given[i--] = g->given[--g->given_count];
  pthread_mutex_unlock(&g->lock);
}

/* libmicrohttpd closes what it refuses. */
static void take_given(gateway *g) {
  struct sockaddr_un nobody = {.sun_family = AF_UNIX};
  int fd;
  while ((fd = next_given(g)) >= 0)
    if (MHD_add_connection(g->daemon, fd, (struct sockaddr *)&nobody,
                           sizeof nobody.sun_family) != MHD_YES)
      forget_given(g, fd);
}

static int daemon_fd(gateway *g) {
  const union MHD_DaemonInfo *info =
      g->daemon ? MHD_get_daemon_info(g->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
  return info ? info->epoll_fd : g->listener;
}

/* With nobody connected it waits for ever: an idle gateway costs no processor time. */
static int wait_ms(gateway *g) {
  MHD_UNSIGNED_LONG_LONG ms;
  if (!g->daemon || !g->clients.first)
    return -1;
  if (MHD_get_timeout(g->daemon, &ms) == MHD_YES && ms < LOOK_MS)
    return (int)ms;
  return LOOK_MS;
}

/* libmicrohttpd is started by the first who connects; until then there is a socket only.
 */
static void *serve(void *user) {
  gateway *g = user;
  int64_t looked = 0, now;
  uint64_t woken;
  while (!g->stopping) {
    struct pollfd fds[] = {
        {g->wake,      POLLIN, 0},
        {daemon_fd(g), POLLIN, 0}
    };
    int ready = poll(fds, 2, wait_ms(g));
    if (g->stopping || (ready < 0 && errno != EINTR) ||
        (fds[0].revents && read(g->wake, &woken, sizeof woken) < 0 && errno != EAGAIN))
      break;
    if (!g->daemon && !start_daemon(g)) {
      poll(fds, 1, 1000); /* no memory: not at full speed */
      continue;
    }
    take_given(g);
    MHD_run(g->daemon);
    now = worker_now();
    if (now - looked < LOOK_MS)
      continue;
    looked = now;
    look_for_overdue(g, now);
  }
  if (g->daemon) {
    MHD_stop_daemon(g->daemon); /* closes the listener, too */
    g->listener = -1;
  }
  return NULL;
}

int gateway_start(gateway *g) {
  int err = worker_thread(&g->thread, serve, g);
  g->running = err == 0;
  return err;
}

void gateway_stop(gateway *g) {
  if (!g->running)
    return;
  g->stopping = 1;
  worker_ring(g->wake);
  pthread_join(g->thread, NULL);
  g->running = 0;
}
