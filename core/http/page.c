/* page.c - HTTP for programs of this machine, in the caller's loop: no thread. It makes
 * no answer, and knows no path.
 *
 * Who asks what is not kept waits, suspended, until Lua has answered for that URI: so no
 * Lua runs inside of libmicrohttpd, and who asks for the same is answered by one answer.
 */
#include "core.h"
#include "connections.h"
#include "page_answer.h"
#include "net/net.h"
#include "worker/worker.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLASS "core.page"
#define CONNECTIONS 16
#define REQUEST_MS 10000 /* for a request, and for its answer */
#define URI_MAX 512
#define REQUEST_MEMORY 131072 /* of headers, to say of so much that it is too much */
#define PRESSED_MS 1000 /* for a request, or its answer, while all places are taken */
#define KEPT_MAX 4
#define LOOK_MS 1000 /* between two looks while somebody is connected */

/* A request, from its first line on; until it is answered it may wait. */
typedef struct page_request {
  struct page_request *next, **self; /* among those that wait */
  struct MHD_Connection *connection;
  page_answer *answer;
  int has_begun, is_told; /* its headers are there; Lua knows that it waits */
  int is_long;
  char uri[URI_MAX + 1];
} page_request;

typedef struct {
  page_answer *answer;
  int64_t until;
  char uri[URI_MAX + 1];
} page_kept;

typedef struct {
  int listener, connections, answer_ms, closing;
  struct MHD_Daemon *daemon;
  http_clients clients;
  page_request *waiting;
  page_kept kept[KEPT_MAX];
  int64_t asked, refused[PAGE_WORD_COUNT];
} page;

/* -- requests -- */

static page_answer *kept_answer(page *p, const char *uri) {
  int64_t now = worker_now();
  for (int i = 0; i < KEPT_MAX; i++)
    if (p->kept[i].answer && now < p->kept[i].until && !strcmp(p->kept[i].uri, uri))
      return p->kept[i].answer;
  return NULL;
}

static void forget(page_kept *k) {
  page_release(k->answer);
  k->answer = NULL;
}

/* In place of one that is over, else of the oldest. */
static void keep(page *p, page_answer *a, const char *uri, int64_t ms) {
  page_kept *place = p->kept;
  for (int i = 0; i < KEPT_MAX; i++) {
    if (p->kept[i].answer && !strcmp(p->kept[i].uri, uri))
      forget(&p->kept[i]);
    if (!p->kept[i].answer || (place->answer && p->kept[i].until < place->until))
      place = &p->kept[i];
  }
  forget(place);
  a->uses++;
  place->answer = a;
  place->until = worker_now() + ms;
  snprintf(place->uri, sizeof place->uri, "%s", uri);
}

static int has_kept(page *p) {
  int64_t now = worker_now();
  int any = 0;
  for (int i = 0; i < KEPT_MAX; i++) {
    if (p->kept[i].answer && now >= p->kept[i].until)
      forget(&p->kept[i]);
    any |= p->kept[i].answer != NULL;
  }
  return any;
}

static void wait_for_answer(page *p, page_request *r) {
  r->is_told = 0;
  http_client_of(r->connection)->sending = -1; /* it is our turn */
  r->next = p->waiting;
  r->self = &p->waiting;
  if (p->waiting)
    p->waiting->self = &r->next;
  p->waiting = r;
  MHD_suspend_connection(r->connection);
}

static void end_wait(page_request *r) {
  if (!r->self)
    return;
  *r->self = r->next;
  if (r->next)
    r->next->self = r->self;
  r->self = NULL;
}

static enum MHD_Result answer(struct MHD_Connection *c, const page_answer *a) {
  http_client *client = http_client_of(c);
  client->sending = a->size;
  client->since = worker_now();
  return MHD_queue_response(c, a->status, a->response);
}

static enum MHD_Result refuse(page *p, struct MHD_Connection *c, page_word word,
                              page_answer *a) {
  enum MHD_Result result = a ? answer(c, a) : MHD_NO;
  p->refused[word]++;
  page_release(a);
  return result;
}

static enum MHD_Result give(page *p, struct MHD_Connection *c, page_request *r,
                            const char *method) {
  page_answer *kept, *refusal;
  page_word word;
  if (r->answer) /* resumed */
    return answer(c, r->answer);
  if (p->closing) /* who waited now would wait for ever */
    return MHD_NO;
  p->asked++;
  if (page_refuses(c, method, r->is_long, &word, &refusal))
    return refuse(p, c, word, refusal);
  kept = kept_answer(p, r->uri);
  if (kept)
    return answer(c, kept);
  r->connection = c;
  wait_for_answer(p, r);
  return MHD_YES;
}

/* When its headers are there, when its body, which nobody wants, is, and when it is
 * resumed. */
static enum MHD_Result on_request(void *user, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version,
                                  const char *body, size_t *size, void **context) {
  page *p = user;
  page_request *r = *context;
  http_client *client = http_client_of(c);
  (void)url, (void)version, (void)body;
  if (!client || !r)
    return MHD_NO;
  if (!r->has_begun) {
    r->has_begun = 1;
    return MHD_YES;
  }
  if (*size > 0) {
    *size = 0;
    return MHD_YES;
  }
  client->deadline = worker_now() + p->answer_ms;
  return give(p, c, r, method);
}

static void *on_uri(void *user, const char *uri, struct MHD_Connection *c) {
  page_request *r = calloc(1, sizeof *r);
  (void)user, (void)c;
  if (!r)
    return NULL;
  r->is_long = strlen(uri) > URI_MAX;
  snprintf(r->uri, sizeof r->uri, "%s", uri);
  return r;
}

static void on_completed(void *user, struct MHD_Connection *c, void **context,
                         enum MHD_RequestTerminationCode how) {
  page_request *r = *context;
  http_client *client = http_client_of(c);
  (void)user, (void)how;
  *context = NULL;
  if (client) {
    client->answered = 1;
    client->sending = -1;
  }
  if (!r)
    return;
  end_wait(r);
  page_release(r->answer);
  free(r);
}

static void on_connection(void *user, struct MHD_Connection *c, void **context,
                          enum MHD_ConnectionNotificationCode code) {
  page *p = user;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    http_connected(&p->clients, c, context);
    if (*context)
      ((http_client *)*context)->sending = 0; /* who asks slowly holds a place, too */
  } else if (http_disconnected(&p->clients, *context))
    p->refused[PAGE_slow]++;
}

/* -- the daemon -- */

static int open_all(page *p, const net_address *address, unsigned connections) {
  p->listener = net_listen_at(address, 0);
  if (p->listener < 0)
    return errno;
  p->daemon = MHD_start_daemon(
      MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK, 0, NULL,
      NULL, on_request, p, MHD_OPTION_LISTEN_SOCKET, p->listener,
      MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      (size_t)REQUEST_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, on_uri, p,
      MHD_OPTION_NOTIFY_CONNECTION, on_connection, p, MHD_OPTION_NOTIFY_COMPLETED,
      on_completed, p, MHD_OPTION_END);
  return p->daemon ? 0 : ENOMEM;
}

/* All that wait for URI (NULL: for any) go on in the next turn, with the answer A; NULL,
 * for want of memory: while it closes they are cut off. */
static void resume(page *p, const char *uri, page_answer *a) {
  for (page_request *r = p->waiting, *next; r; r = next) {
    next = r->next;
    if (uri && strcmp(r->uri, uri))
      continue;
    end_wait(r);
    if (a)
      a->uses++;
    r->answer = a;
    MHD_resume_connection(r->connection);
  }
}

static void shut(page *p) {
  static const char body[] = PAGE_REFUSAL("closed", "the daemon stops");
  page_answer *a;
  if (p->daemon) {
    a = page_answer_new(503, PAGE_JSON, body, sizeof body - 1);
    p->closing = 1;
    resume(p, NULL, a);
    for (int i = 0; i < 4; i++) /* resumed, answered, sent */
      MHD_run(p->daemon);
    MHD_stop_daemon(p->daemon); /* closes the listener, too */
    p->listener = -1;
    page_release(a);
  }
  p->daemon = NULL;
  net_close(&p->listener);
  for (int i = 0; i < KEPT_MAX; i++)
    forget(&p->kept[i]);
}

/* -- Lua -- */

static page *check_open(lua_State *L) {
  page *p = luaL_checkudata(L, 1, CLASS);
  luaL_argcheck(L, p->daemon, 1, "closed");
  return p;
}

/* page.new{ host = "127.0.0.1", port = 0 (the kernel's choice), connections = 16,
 * request_ms = 10000 (for a request, and again for its answer) } -> p | nil, message, an
 * errno's name such as "EADDRINUSE", or "address" for a host that is none. */
static int page_new(lua_State *L) {
  net_address address;
  lua_Integer port, connections, ms;
  const char *host;
  page *p;
  int err;
  luaL_checktype(L, 1, LUA_TTABLE);
  host = net_options(L, &address, &port);
  if (!host)
    return 3;
  connections = core_field_integer(L, 1, "connections", CONNECTIONS);
  luaL_argcheck(L, connections >= 1 && connections <= 1024, 1, "connections");
  ms = core_field_integer(L, 1, "request_ms", REQUEST_MS);
  luaL_argcheck(L, ms >= 1 && ms <= INT_MAX, 1, "request_ms");
  p = core_new(L, CLASS, sizeof *p);
  p->listener = -1;
  p->clients.request_ms = p->answer_ms = (int)ms;
  p->connections = (int)connections;
  err = open_all(p, &address, (unsigned)connections);
  if (err == 0)
    return 1;
  shut(p);
  return core_fail_errno(L, err, host);
}

/* p:fd() -> what is readable when p:run() has something to do. */
static int page_fd(lua_State *L) {
  const union MHD_DaemonInfo *info =
      MHD_get_daemon_info(check_open(L)->daemon, MHD_DAEMON_INFO_EPOLL_FD);
  lua_pushinteger(L, info ? info->epoll_fd : -1);
  return 1;
}

/* p:port() -> the port, chosen by the kernel where 0 was asked for. */
static int page_port(lua_State *L) {
  lua_pushinteger(L, net_local_port(check_open(L)->listener));
  return 1;
}

/* ms after which run is due though nothing wakes it; -1: then it is not. */
static int64_t next_run(page *p, int was_full) {
  MHD_UNSIGNED_LONG_LONG ms;
  if (was_full && p->clients.count < p->connections)
    return 0; /* libmicrohttpd listens again only in its next turn */
  if (MHD_get_timeout(p->daemon, &ms) == MHD_YES && ms < LOOK_MS)
    return (int64_t)ms;
  return p->clients.first || has_kept(p) ? LOOK_MS : -1;
}

/* p:run() -> array of URIs, as they were asked, for which somebody waits since the last
 * call, some of them twice; ms after which it is to be called again though fd is not
 * readable, or nil. Blocks on nothing. */
static int page_run(lua_State *L) {
  page *p = check_open(L);
  lua_Integer n = 0;
  int64_t ms, now;
  int was_full;
  was_full = p->clients.count >= p->connections;
  MHD_run(p->daemon);
  if (p->clients.first) /* what was sent is closed only in the turn behind it */
    MHD_run(p->daemon);
  now = worker_now();
  http_hang_up_on_overdue(&p->clients, now);
  while (p->clients.count >= p->connections &&
         http_hang_up_on_slowest(&p->clients, now - PRESSED_MS)) {
  }
  lua_newtable(L);
  for (page_request *r = p->waiting; r; r = r->next) {
    if (r->is_told)
      continue;
    r->is_told = 1;
    lua_pushstring(L, r->uri);
    lua_rawseti(L, -2, ++n);
  }
  ms = next_run(p, was_full);
  if (ms < 0)
    return 1;
  lua_pushinteger(L, ms);
  return 2;
}

/* p:answer(uri, status, type, bytes, ms) -> true | nil, message, "ENOMEM": what all get
 * who wait for URI, and who ask for it within MS from now, if that is not 0. */
static int page_answer_all(lua_State *L) {
  page *p = check_open(L);
  const char *uri = luaL_checkstring(L, 2), *type = luaL_checkstring(L, 4), *bytes;
  lua_Integer status = luaL_checkinteger(L, 3), ms = luaL_optinteger(L, 6, 0);
  size_t size;
  page_answer *a;
  bytes = luaL_checklstring(L, 5, &size);
  luaL_argcheck(L, status >= 200 && status <= 599, 3, "200 to 599");
  a = page_answer_new((unsigned)status, type, bytes, size);
  if (!a)
    return core_fail_errno(L, ENOMEM, "answer");
  resume(p, uri, a);
  if (ms > 0)
    keep(p, a, uri, ms);
  page_release(a);
  lua_pushboolean(L, 1);
  return 1;
}

/* p:counts() -> { asked =, connections = (now), refused = { word = count } } */
static int page_counts(lua_State *L) {
  static const char *const words[] = {
#define WORD_TEXT(word) #word,
      PAGE_WORDS(WORD_TEXT)
#undef WORD_TEXT
  };
  page *p = check_open(L);
  lua_createtable(L, 0, 3);
  core_set_integer(L, "asked", p->asked);
  core_set_integer(L, "connections", p->clients.count);
  lua_newtable(L);
  for (int i = 0; i < PAGE_WORD_COUNT; i++)
    if (p->refused[i] > 0)
      core_set_integer(L, words[i], p->refused[i]);
  lua_setfield(L, -2, "refused");
  return 1;
}

/* p:close(): who waits is told so. End the watch of fd() first. Twice is safe. */
static int page_close(lua_State *L) {
  shut(luaL_checkudata(L, 1, CLASS));
  return 0;
}

static const luaL_Reg methods[] = {
    {"fd",      page_fd        },
    {"port",    page_port      },
    {"run",     page_run       },
    {"answer",  page_answer_all},
    {"counts",  page_counts    },
    {"close",   page_close     },
    {"__gc",    page_close     },
    {"__close", page_close     },
    {NULL,      NULL           },
};

static const luaL_Reg functions[] = {
    {"new", page_new},
    {NULL,  NULL    },
};

int luaopen_core_page(lua_State *L) {
  core_class(L, CLASS, methods);
  luaL_newlib(L, functions);
  return 1;
}
