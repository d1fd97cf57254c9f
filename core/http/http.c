/* http.c - HTTP out: libcurl's multi interface behind one fd. No loop, no retry, no
 * trust. */
#include "core.h"
#include "dial.h"
#include "transfer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define CLASS "core.http"
#define REQUESTS_MAX 64 /* under way at once, on one handle */
#define HOST_MAX 8      /* connections to one peer */
#define TOTAL_MAX 16    /* connections in all */
#define LOCAL_MAX 100   /* bytes of an local socket's path */
#define EVENTS_MAX 32   /* ready sockets of one step */
#define TIMEOUT_MS 600000
#define LOW_SPEED 1024 /* bytes/s below which, for LOW_SECONDS, an answer is `slow` */
#define LOW_SECONDS 20

int luaopen_core_http(lua_State *L);

/* libcurl's sockets and its timer are in one epoll set, whose fd is what Lua watches:
 * libcurl opens, closes and re-uses numbers as it likes and nobody's watch goes stale. */
typedef struct {
  CURLM *multi;
  int epoll, timer;
  transfer *first;
  int64_t last_id;
  int count;
  char local[LOCAL_MAX + 1]; /* all goes over this local socket; empty: over TCP */
} http;

/* -- what libcurl calls -- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known) {
  http *h = user;
  struct epoll_event event = {.data.fd = fd};
  (void)easy, (void)known;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(h->epoll, EPOLL_CTL_DEL, fd, NULL);
    return 0;
  }
  if (what & CURL_POLL_IN)
    event.events |= EPOLLIN;
  if (what & CURL_POLL_OUT)
    event.events |= EPOLLOUT;
  if (epoll_ctl(h->epoll, EPOLL_CTL_MOD, fd, &event) < 0)
    epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &event);
  return 0; /* anything else would end the whole multi handle */
}

static int on_timer(CURLM *multi, long ms, void *user) {
  http *h = user;
  struct itimerspec when = {0};
  (void)multi;
  when.it_value.tv_sec = ms > 0 ? ms / 1000 : 0;
  when.it_value.tv_nsec = ms > 0 ? ms % 1000 * 1000000 : ms == 0;
  return timerfd_settime(h->timer, 0, &when, NULL);
}

static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *a) {
  (void)user, (void)purpose;
  return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* -- requests -- */

static transfer *take(http *h, int64_t id) {
  for (transfer **at = &h->first; *at; at = &(*at)->next) {
    transfer *t = *at;
    if (t->id != id)
      continue;
    *at = t->next;
    h->count--;
    return t;
  }
  return NULL;
}

static int start(http *h, transfer *t) {
  curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
  if (*h->local)
    curl_easy_setopt(t->easy, CURLOPT_UNIX_SOCKET_PATH, h->local);
  if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
    return 0;
  t->next = h->first;
  h->first = t;
  t->id = ++h->last_id;
  h->count++;
  return 1;
}

static void end(http *h, transfer *t) {
  if (!t)
    return;
  curl_multi_remove_handle(h->multi, t->easy);
  transfer_free(t);
}

static void act(http *h, const struct epoll_event *event) {
  int running, mask = 0;
  uint64_t times;
  if (event->data.fd == h->timer) {
    if (read(h->timer, &times, sizeof times) < 0)
      return; /* set anew meanwhile */
    curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    return;
  }
  if (event->events & EPOLLIN)
    mask |= CURL_CSELECT_IN;
  if (event->events & EPOLLOUT)
    mask |= CURL_CSELECT_OUT;
  if (event->events & (EPOLLERR | EPOLLHUP))
    mask |= CURL_CSELECT_ERR;
  curl_multi_socket_action(h->multi, event->data.fd, mask, &running);
}

static int open_all(http *h) {
  struct epoll_event event = {.events = EPOLLIN};
  h->epoll = epoll_create1(EPOLL_CLOEXEC);
  h->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  event.data.fd = h->timer;
  if (h->epoll < 0 || h->timer < 0)
    return 0;
  if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, h->timer, &event) < 0)
    return 0;
  h->multi = curl_multi_init();
  if (!h->multi)
    return 0;
  curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
  curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
  curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
  curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                    *h->local ? 1L : (long)HOST_MAX);
  curl_multi_setopt(h->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)TOTAL_MAX);
  curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)TOTAL_MAX);
  return 1;
}

static void shut(http *h) {
  while (h->first)
    end(h, take(h, h->first->id));
  if (h->multi)
    curl_multi_cleanup(h->multi);
  if (h->epoll >= 0)
    close(h->epoll);
  if (h->timer >= 0)
    close(h->timer);
  h->multi = NULL;
  h->epoll = h->timer = -1;
}

/* -- Lua -- */

static http *check_open(lua_State *L) {
  http *h = luaL_checkudata(L, 1, CLASS);
  luaL_argcheck(L, h->multi, 1, "closed");
  return h;
}

/* http.new([path of a local socket, over which all goes, one request after the
 * other]) -> h | nil, message, errno's name */
static int http_new(lua_State *L) {
  size_t size = 0;
  const char *local = luaL_optlstring(L, 1, "", &size);
  http *h = core_new(L, CLASS, sizeof *h);
  luaL_argcheck(L, size <= LOCAL_MAX, 1, "a path of at most 100 bytes");
  memcpy(h->local, local, size);
  h->epoll = h->timer = -1;
  errno = ENOMEM;
  if (open_all(h))
    return 1;
  shut(h);
  return core_fail_errno(L, errno, "libcurl");
}

/* h:fd() -> fd; readable: call step(). Watched from new() to close(). */
static int http_fd(lua_State *L) {
  lua_pushinteger(L, check_open(L)->epoll);
  return 1;
}

/* What a header of ours is to say, which stays on the stack; NULL where field NAME is
 * nil.
 */
static const char *header_field(lua_State *L, const char *name) {
  size_t size;
  const char *value;
  lua_getfield(L, 2, name);
  value = luaL_optlstring(L, -1, NULL, &size);
  luaL_argcheck(L, !value || (size <= TRANSFER_VALUE_MAX && !strpbrk(value, "\r\n")), 2,
                "a header's value is one line of at most 512 bytes");
  return value;
}

/* Reads the request; throws while nothing is held yet. The strings stay on the stack. */
static transfer_request check_request(lua_State *L) {
  transfer_request r;
  lua_Integer max;
  luaL_checktype(L, 2, LUA_TTABLE);
  max = core_field_integer(L, 2, "max", 1 << 20);
  luaL_argcheck(L, max >= 0 && max <= TRANSFER_BODY_MAX, 2, "max: 0 bytes to 64 MiB");
  r.max = (size_t)max;
  r.timeout_ms = (long)core_field_integer(L, 2, "timeout_ms", TIMEOUT_MS);
  r.low_speed = (long)core_field_integer(L, 2, "low_speed", LOW_SPEED);
  r.low_seconds = (long)core_field_integer(L, 2, "low_seconds", LOW_SECONDS);
  r.fresh = core_field_boolean(L, 2, "fresh");
  r.posts = r.is_stream = 0;
  r.file = r.authorization = r.abspath = NULL;
  r.comes = -1;
  r.file_size = 0;
  luaL_argcheck(L, lua_getfield(L, 2, "url") == LUA_TSTRING, 2, "url is missing");
  r.url = lua_tostring(L, -1);
  r.accept = header_field(L, "accept");
  lua_getfield(L, 2, "range");
  r.range = luaL_optstring(L, -1, NULL);
  return r;
}

/* What only a POST has. */
static void check_post(lua_State *L, transfer_request *r) {
  r->posts = 1;
  lua_getfield(L, 2, "file");
  r->file = luaL_optlstring(L, -1, NULL, &r->file_size);
  r->comes = core_field_integer(L, 2, "comes", -1);
  luaL_argcheck(L, r->comes < 0 || !r->file, 2, "file and comes: one of them");
  r->authorization = header_field(L, "authorization");
  r->abspath = header_field(L, "abspath");
  r->is_stream = core_field_boolean(L, 2, "stream");
  luaL_argcheck(L, !r->is_stream || r->max >= TRANSFER_PIECE_MAX, 2,
                "max of a stream: 16 KiB at least, as libcurl splits no piece");
}

static int ask(lua_State *L, http *h, const transfer_request *request) {
  transfer *t;
  if (!transfer_url_is_numeric(request->url))
    return core_fail(L, "form", "not http://ADDRESS:PORT/path");
  if (h->count >= REQUESTS_MAX)
    return core_fail(L, "full", "%d requests under way", h->count);
  t = transfer_new(request);
  if (!t || !start(h, t)) {
    transfer_free(t);
    return core_fail_errno(L, ENOMEM, "request");
  }
  lua_pushinteger(L, t->id);
  return 1;
}

/* h:get{ url =, max = bytes of body, accept =, range = "N-M", timeout_ms =, low_speed =
 * bytes/s, low_seconds =, fresh = over a new connection } -> id | nil, message, "form"
 * (not http://NUMERIC:PORT/path) or "full". RFC 9110, 9112. The answer comes from step().
 */
static int http_get(lua_State *L) {
  http *h = check_open(L);
  transfer_request request = check_request(L);
  return ask(L, h, &request);
}

/* The same by POST, and more: file = bytes, sent as a form's only file (RFC 7578);
 * comes = bytes of such a file which feed() brings, abspath = what its part's header of
 * that name says; authorization = the header's text; stream = true: step() gives what
 * came as { id =, more = true, body = } again and again, at most `max` bytes (of 16 KiB
 * or more) at a time; the first, with an empty body, once it began. */
static int http_post(lua_State *L) {
  http *h = check_open(L);
  transfer_request request = check_request(L);
  check_post(L, &request);
  return ask(L, h, &request);
}

/* h:pause(id, paused): a stream reads no more, so that its sender waits; or reads again,
 * and then call step(). An id that has ended is ignored. */
static int http_pause(lua_State *L) {
  http *h = check_open(L);
  lua_Integer id = luaL_checkinteger(L, 2);
  for (transfer *t = h->first; t; t = t->next)
    if (t->id == id && t->is_stream)
      transfer_pause(t, lua_toboolean(L, 3));
  return 0;
}

/* h:feed(id, bytes): the next of a POST's file -> bytes that wait to be sent, at most 1
 * MiB; | nil, message, "closed" (it has ended) or "full" (as many wait already). */
static int http_feed(lua_State *L) {
  http *h = check_open(L);
  lua_Integer id = luaL_checkinteger(L, 2);
  size_t size;
  const char *bytes = luaL_checklstring(L, 3, &size);
  transfer *t = h->first;
  while (t && t->id != id)
    t = t->next;
  if (!t)
    return core_fail(L, "closed", "no such request");
  if (!transfer_feed(t, bytes, size))
    return core_fail(L, "full", "%d bytes wait to be sent", (int)t->fed_size);
  lua_pushinteger(L, (lua_Integer)t->fed_size);
  return 1;
}

/* What WORD means: libcurl's own words are for who writes programs with it. */
static const char *meaning(const transfer *t, const char *word) {
  static const struct {
    const char *word, *text;
  } words[] = {
#define WORD_AND_TEXT(word, text) {#word, text},
      CORE_WORDS(WORD_AND_TEXT)
#undef WORD_AND_TEXT
  };
  long err = 0;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcmp(words[i].word, word))
      return words[i].text;
  curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &err);
  return strerror(err ? (int)err : ENOMEM);
}

static void push_refusal(lua_State *L, const transfer *t, const char *word) {
  core_fail(L, word, "%s", meaning(t, word));
  core_set_failure(L);
}

/* What had come of an answer that broke off. */
static void push_part(lua_State *L, const transfer *t) {
  long status = transfer_status(t);
  if (t->over || t->size == 0 || (status != 200 && status != 206))
    return;
  lua_pushlstring(L, t->body, t->size);
  lua_setfield(L, -2, "part");
}

static void push_result(lua_State *L, const transfer *t, CURLcode code) {
  const char *word = transfer_word(t, code), *type = NULL;
  curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
  lua_createtable(L, 0, 6);
  core_set_integer(L, "id", t->id);
  core_set_integer(L, "status", transfer_status(t));
  core_set_text(L, "type", type);
  if (word) {
    core_set_text(L, "said", *t->said ? t->said : NULL);
    push_refusal(L, t, word);
    push_part(L, t);
    return;
  }
  lua_pushlstring(L, t->body ? t->body : "", t->size);
  lua_setfield(L, -2, "body");
}

static int push_streams(lua_State *L, http *h) {
  int n = 0;
  for (transfer *t = h->first; t; t = t->next)
    while (!t->paused && (t->began || (t->is_stream && t->size > 0))) {
      lua_createtable(L, 0, 3);
      core_set_integer(L, "id", t->id);
      core_set_boolean(L, "more", 1);
      lua_pushlstring(L, t->body, t->size);
      lua_setfield(L, -2, "body");
      lua_rawseti(L, -2, ++n);
      transfer_taken(t);
    }
  return n;
}

static int push_results(lua_State *L, http *h) {
  int left, n;
  CURLMsg *message;
  lua_newtable(L);
  n = push_streams(L, h);
  while ((message = curl_multi_info_read(h->multi, &left))) {
    transfer *t = NULL;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
    push_result(L, t, message->data.result);
    lua_rawseti(L, -2, ++n);
    end(h, take(h, t->id));
  }
  return 1;
}

/* h:step() -> array of { id =, status =, type =, body = } or { id =, status =, word =,
 * error =, said = how a refusal begins, part = what came before it broke off }; never
 * waits. Words: long (over `max`, or 16 KiB of headers), slow, length (fewer bytes than
 * announced), closed, redirect, missing, moved, full, pause, permission, form, or an
 * errno's name. */
static int http_step(lua_State *L) {
  http *h = check_open(L);
  struct epoll_event events[EVENTS_MAX];
  int count = epoll_wait(h->epoll, events, EVENTS_MAX, 0);
  for (int i = 0; i < count; i++)
    act(h, &events[i]);
  return push_results(L, h);
}

/* h:cancel(id) -> true, or false where it had ended. Nothing more is heard of it. */
static int http_cancel(lua_State *L) {
  http *h = check_open(L);
  transfer *t = take(h, luaL_checkinteger(L, 2));
  end(h, t);
  lua_pushboolean(L, t != NULL);
  return 1;
}

/* h:close(): end the watch of fd() first. Twice is safe. */
static int http_close(lua_State *L) {
  shut(luaL_checkudata(L, 1, CLASS));
  return 0;
}

static const luaL_Reg methods[] = {
    {"fd",      http_fd    },
    {"get",     http_get   },
    {"post",    http_post  },
    {"pause",   http_pause },
    {"feed",    http_feed  },
    {"step",    http_step  },
    {"cancel",  http_cancel},
    {"close",   http_close },
    {"__gc",    http_close },
    {"__close", http_close },
    {NULL,      NULL       },
};

static const luaL_Reg functions[] = {
    {"new",  http_new },
    {"dial", http_dial},
    {NULL,   NULL     },
};

int luaopen_core_http(lua_State *L) {
  if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK)
    return luaL_error(L, "libcurl cannot start");
  core_class(L, CLASS, methods);
  http_dial_class(L);
  luaL_newlib(L, functions);
  return 1;
}
