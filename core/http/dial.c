/* dial.c - streams through TLS and proxies: libcurl connects and carries the bytes, a
 * thread for each. No framing, no retry.
 *
 * A thread, as loading the certificates and the handshake take longer than the loop may
 * stand still. It has one end of a pair of sockets, and Lua has the other as a stream of
 * core.net: so that one is like any other, and a reader who rests makes the far side
 * wait. */
#include "dial.h"
#include "net/net.h"
#include "worker/worker.h"
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define CLASS "core.http.dial"
#define DIALS_MAX 64 /* threads at once */
#define HOST_MAX 256
#define TIMEOUT_MS 10000
#define CHUNK 16384      /* bytes on their way, each direction: a whole record of TLS */
#define PAIR_BYTES 32768 /* that the pair of sockets holds, each direction */
#define FLUSH_MS 10000   /* for what waited when we closed */
#define SAID_MAX 65536   /* bytes that a proxy may say before its refusal has ended */
#define LEAVE_MS 1000    /* for all threads to end, when the program does */

enum { UNDER_WAY, CONNECTED, FAILED };

/* Shared by the thread and whoever asked; the last of them frees it. */
typedef struct {
  atomic_int users, state, stop;
  int outer, inner; /* Lua's and the thread's end */
  int news;         /* readable once the state is another */
  CURLM *multi;
  CURL *easy;
  int port, tls;
  long said; /* how often libcurl asked whether to go on */
  char host[HOST_MAX], proxy[HOST_MAX];
  const char *word; /* why it failed */
  char address[NET_HOST_MAX], fault[CURL_ERROR_SIZE];
} dial;

typedef struct {
  dial *d;
} handle;

typedef struct {
  char bytes[CHUNK];
  size_t from, size; /* what waits to go on */
  int ended;         /* nothing more comes */
} direction;

static atomic_int threads;

static void release(dial *d) {
  if (!d || atomic_fetch_sub(&d->users, 1) > 1)
    return;
  if (d->easy)
    curl_easy_cleanup(d->easy);
  if (d->multi)
    curl_multi_cleanup(d->multi);
  net_close(&d->inner);
  net_close(&d->outer);
  net_close(&d->news);
  free(d);
}

/* -- connecting -- */

static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *a) {
  (void)user, (void)purpose;
  return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static int on_made(void *user, curl_socket_t fd, curlsocktype purpose) {
  (void)user, (void)purpose;
  net_tcp_options(fd);
  return CURL_SOCKOPT_OK;
}

/* What a proxy says beside its answer is for nobody. */
static size_t on_bytes(char *data, size_t size, size_t count, void *user) {
  (void)data, (void)user;
  return size * count;
}

/* libcurl reads what a proxy refuses with to its end, a byte at a time, and asks here
 * after each: one that never ends would hold the thread for ever, whatever the time. */
static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c,
                       curl_off_t e) {
  dial *d = user;
  (void)a, (void)b, (void)c, (void)e;
  return ++d->said > SAID_MAX;
}

/* No redirects, no credentials, no proxy but ours: nothing from the environment. */
static void set_bounds(CURL *easy, long timeout_ms) {
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
  curl_easy_setopt(easy, CURLOPT_SOCKS5_AUTH, (long)CURLAUTH_BASIC);
  curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_made);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
#if LIBCURL_VERSION_NUM >= 0x075700
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* waits for no name at the end */
#endif
}

/* A name that a proxy looks up is looked up as it likes. */
static int set_place(dial *d, int family) {
  char url[HOST_MAX + 32];
  int ip6 = strchr(d->host, ':') != NULL;
  snprintf(url, sizeof url, "%s://%s%s%s:%d", d->tls ? "https" : "http", ip6 ? "[" : "",
           d->host, ip6 ? "]" : "", d->port);
  if (family && !d->proxy[0])
    curl_easy_setopt(d->easy, CURLOPT_IPRESOLVE,
                     family == 6 ? (long)CURL_IPRESOLVE_V6 : (long)CURL_IPRESOLVE_V4);
  curl_easy_setopt(d->easy, CURLOPT_ERRORBUFFER, d->fault);
  curl_easy_setopt(d->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(d->easy, CURLOPT_XFERINFODATA, d);
  curl_easy_setopt(d->easy, CURLOPT_NOPROGRESS, 0L);
  return curl_easy_setopt(d->easy, CURLOPT_PROXY, d->proxy) == CURLE_OK &&
         curl_easy_setopt(d->easy, CURLOPT_URL, url) == CURLE_OK &&
         curl_multi_add_handle(d->multi, d->easy) == CURLM_OK;
}

static CURLcode connect_in_time(dial *d) {
  int running, left;
  while (!atomic_load(&d->stop)) {
    CURLMsg *message;
    if (curl_multi_perform(d->multi, &running) != CURLM_OK)
      return CURLE_OUT_OF_MEMORY;
    message = curl_multi_info_read(d->multi, &left);
    if (message)
      return message->data.result;
    curl_multi_poll(d->multi, NULL, 0, 1000, NULL);
  }
  return CURLE_ABORTED_BY_CALLBACK;
}

static const char *word_of(const dial *d, CURLcode code) {
  long err = 0;
  switch (code) {
  case CURLE_OPERATION_TIMEDOUT:
    return "slow";
  case CURLE_OUT_OF_MEMORY:
    return "ENOMEM";
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
    return "certificate";
  case CURLE_SSL_CONNECT_ERROR:
    return "form";
  default:
    break;
  }
  if (d->proxy[0])
    return "proxy";
  if (code == CURLE_COULDNT_RESOLVE_HOST)
    return "address";
  curl_easy_getinfo(d->easy, CURLINFO_OS_ERRNO, &err);
  return code == CURLE_COULDNT_CONNECT && err ? core_errno_name((int)err) : "closed";
}

static void tell(dial *d, CURLcode code) {
  const char *address = NULL;
  if (code == CURLE_OK && !d->proxy[0])
    curl_easy_getinfo(d->easy, CURLINFO_PRIMARY_IP, &address);
  if (code != CURLE_OK) {
    d->word = word_of(d, code);
    if (!d->fault[0])
      snprintf(d->fault, sizeof d->fault, "%s", curl_easy_strerror(code));
  }
  snprintf(d->address, sizeof d->address, "%s", address ? address : "");
  atomic_store(&d->state, code == CURLE_OK ? CONNECTED : FAILED);
  worker_ring(d->news);
}

/* -- carrying -- */

/* More bytes into a direction where none wait. → were there some? */
static int take_far(dial *d, direction *down) {
  size_t size = 0;
  CURLcode code;
  if (down->size || down->ended)
    return 0;
  code = curl_easy_recv(d->easy, down->bytes, CHUNK, &size);
  if (code == CURLE_AGAIN)
    return 0;
  down->from = 0;
  down->size = code == CURLE_OK ? size : 0;
  down->ended = down->size == 0;
  if (down->ended)
    shutdown(d->inner, SHUT_WR);
  return 1;
}

static int take_near(dial *d, direction *up) {
  ssize_t size;
  if (up->size || up->ended)
    return 0;
  size = TEMP_FAILURE_RETRY(recv(d->inner, up->bytes, CHUNK, 0));
  if (size < 0 && errno == EAGAIN)
    return 0;
  up->from = 0;
  up->size = size > 0 ? (size_t)size : 0;
  up->ended = size <= 0;
  return 1;
}

/* Bytes go on. → did some? -1: nobody takes them any more */
static int give_far(dial *d, direction *up) {
  size_t size = 0;
  CURLcode code;
  if (!up->size)
    return 0;
  code = curl_easy_send(d->easy, up->bytes + up->from, up->size, &size);
  if (code == CURLE_AGAIN)
    return 0;
  up->from += size;
  up->size -= size;
  return code == CURLE_OK ? 1 : -1;
}

static int give_near(dial *d, direction *down) {
  ssize_t size;
  if (!down->size)
    return 0;
  size = TEMP_FAILURE_RETRY(
      send(d->inner, down->bytes + down->from, down->size, MSG_NOSIGNAL));
  if (size < 0)
    return errno == EAGAIN ? 0 : -1;
  down->from += (size_t)size;
  down->size -= (size_t)size;
  return 1;
}

/* Waits until something can go on, and sees when Lua's end is closed: from then on
 * nothing is waited for there, and UNTIL bounds the rest. → may it go on? */
static int rest(dial *d, curl_socket_t far, const direction *up, const direction *down,
                int64_t *until) {
  struct pollfd fds[] = {
      {far,                    0, 0},
      {*until ? -1 : d->inner, 0, 0}
  };
  int64_t left = *until ? *until - worker_now() : -1;
  fds[0].events =
      (short)((up->size ? POLLOUT : 0) | (!down->size && !down->ended ? POLLIN : 0));
  fds[1].events = (short)((down->size ? POLLOUT : 0) | (!up->size ? POLLIN : 0));
  if (!fds[0].events)
    fds[0].fd = -1; /* one that has ended would be ready for ever */
  if (*until && left <= 0)
    return 0;
  if (TEMP_FAILURE_RETRY(poll(fds, 2, (int)left)) <= 0)
    return 0;
  if (fds[1].revents & (POLLHUP | POLLERR))
    *until = worker_now() + FLUSH_MS;
  return 1;
}

/* Until our side closes, and what it said has gone; or until nobody takes it. What is
 * held undecrypted makes no socket readable, so all is tried before a rest. */
static void carry(dial *d) {
  direction up = {.size = 0}, down = {.size = 0};
  curl_socket_t far = CURL_SOCKET_BAD;
  int64_t until = 0;
  curl_easy_getinfo(d->easy, CURLINFO_ACTIVESOCKET, &far);
  while (!up.ended || up.size) {
    int taken = take_far(d, &down) + take_near(d, &up);
    int near = give_near(d, &down), sent = give_far(d, &up);
    if (sent < 0)
      return;
    if (near < 0)
      down.size = 0, down.ended = 1;
    else if (!taken && !near && !sent && !rest(d, far, &up, &down, &until))
      return;
  }
}

static void *serve(void *user) {
  dial *d = user;
  CURLcode code = connect_in_time(d);
  tell(d, code);
  if (code == CURLE_OK)
    carry(d);
  curl_multi_remove_handle(d->multi, d->easy);
  curl_easy_cleanup(d->easy);
  d->easy = NULL;
  net_close(&d->inner);
  release(d);
  atomic_fetch_sub(&threads, 1);
  return NULL;
}

static int start(dial *d) {
  pthread_t thread;
  int err;
  atomic_fetch_add(&d->users, 1);
  atomic_fetch_add(&threads, 1);
  err = worker_thread(&thread, serve, d);
  if (err == 0) {
    pthread_detach(thread);
    return 0;
  }
  atomic_fetch_sub(&threads, 1);
  release(d);
  return err;
}

/* -- Lua -- */

static int open_pair(dial *d) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | NET_SOCKET, 0, pair) < 0)
    return 0;
  d->outer = pair[0];
  d->inner = pair[1];
  for (int i = 0; i < 2; i++)
    net_set(pair[i], SOL_SOCKET, SO_SNDBUF, PAIR_BYTES);
  d->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return d->news >= 0;
}

static int open_curl(dial *d, int family, long timeout_ms) {
  errno = ENOMEM;
  d->multi = curl_multi_init();
  d->easy = curl_easy_init();
  if (!d->multi || !d->easy)
    return 0;
  set_bounds(d->easy, timeout_ms);
  return set_place(d, family);
}

/* Text field NAME, of characters that addresses and names have; 0 where it has others, or
 * is too long. */
static int read_text(lua_State *L, const char *name, char out[HOST_MAX]) {
  static const char allowed[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:%[]/";
  size_t size;
  const char *text;
  lua_getfield(L, 1, name);
  text = luaL_optlstring(L, -1, "", &size);
  if (size >= HOST_MAX || strspn(text, allowed) != size)
    return 0;
  memcpy(out, text, size + 1);
  lua_pop(L, 1);
  return 1;
}

static int is_proxy(const char *text) {
  return !text[0] || !strncmp(text, "socks5h://", 10) || !strncmp(text, "http://", 7);
}

static dial *check_dial(lua_State *L) {
  handle *h = luaL_checkudata(L, 1, CLASS);
  luaL_argcheck(L, h->d, 1, "closed");
  return h->d;
}

static dial *new_dial(lua_State *L) {
  handle *h = core_new(L, CLASS, sizeof *h);
  h->d = calloc(1, sizeof *h->d);
  if (!h->d)
    luaL_error(L, "no memory");
  h->d->outer = h->d->inner = h->d->news = -1;
  atomic_init(&h->d->users, 1);
  return h->d;
}

int http_dial(lua_State *L) {
  lua_Integer port, timeout_ms, family;
  dial *d;
  luaL_checktype(L, 1, LUA_TTABLE);
  port = core_field_integer(L, 1, "port", 0);
  timeout_ms = core_field_integer(L, 1, "timeout_ms", TIMEOUT_MS);
  family = core_field_integer(L, 1, "family", 0);
  luaL_argcheck(L, port >= 1 && port <= 65535, 1, "port is none");
  luaL_argcheck(L, timeout_ms >= 1 && timeout_ms <= 600000, 1, "timeout_ms: to 600,000");
  if (atomic_load(&threads) >= DIALS_MAX)
    return core_fail(L, "full", "%d streams through TLS and proxies", DIALS_MAX);
  d = new_dial(L);
  if (!read_text(L, "host", d->host) || !d->host[0] || strchr(d->host, '/'))
    return core_fail(L, "form", "no host");
  if (!read_text(L, "proxy", d->proxy) || !is_proxy(d->proxy))
    return core_fail(L, "form", "a proxy is socks5h://HOST:PORT or http://HOST:PORT");
  d->port = (int)port;
  d->tls = core_field_boolean(L, 1, "tls");
  if (!open_pair(d) || !open_curl(d, (int)family, (long)timeout_ms) ||
      (errno = start(d)) != 0)
    return core_fail_errno(L, errno, "dial");
  lua_settop(L, 2);
  return 1;
}

static int dial_fd(lua_State *L) {
  lua_pushinteger(L, check_dial(L)->news);
  return 1;
}

static int fail_dial(lua_State *L, const dial *d) {
  const char *by = d->proxy[0] ? " by " : "";
  return core_fail(L, d->word, "%s port %d%s%s: %s", d->host, d->port, by, d->proxy,
                   d->fault);
}

/* d:finished() -> stream, IP address ("" behind a proxy) | nil, message, "EINPROGRESS" or
 * why not. The stream is handed out once. */
static int dial_finished(lua_State *L) {
  dial *d = check_dial(L);
  int state = atomic_load(&d->state);
  if (state == FAILED)
    return fail_dial(L, d);
  if (state == UNDER_WAY || d->outer < 0)
    return core_fail_errno(L, EINPROGRESS, "dial");
  net_push_stream(L, &d->outer);
  lua_pushstring(L, d->address);
  return 2;
}

/* d:close(): what is under way is given up; a stream that was handed out lives on. */
static int dial_close(lua_State *L) {
  handle *h = luaL_checkudata(L, 1, CLASS);
  dial *d = h->d;
  h->d = NULL;
  if (!d)
    return 0;
  atomic_store(&d->stop, 1);
  if (d->multi)
    curl_multi_wakeup(d->multi);
  net_close(&d->outer);
  release(d);
  return 0;
}

/* When the Lua state ends: no thread may be inside of OpenSSL when the program frees it.
 */
static int leave(lua_State *L) {
  const struct timespec ms = {.tv_nsec = 1000000};
  (void)L;
  for (int i = 0; i < LEAVE_MS && atomic_load(&threads) > 0; i++)
    nanosleep(&ms, NULL);
  return 0;
}

static const luaL_Reg methods[] = {
    {"fd",       dial_fd      },
    {"finished", dial_finished},
    {"close",    dial_close   },
    {"__gc",     dial_close   },
    {"__close",  dial_close   },
    {NULL,       NULL         },
};

void http_dial_class(lua_State *L) {
  static const luaL_Reg last[] = {
      {"__gc", leave},
      {NULL,   NULL },
  };
  luaL_requiref(L, "core.net", luaopen_core_net, 0); /* whose streams we hand out */
  lua_pop(L, 1);
  core_class(L, CLASS ".last", last);
  core_new(L, CLASS ".last", 1); /* made first, it is freed last */
  lua_setfield(L, LUA_REGISTRYINDEX, CLASS ".last one");
  core_class(L, CLASS, methods);
}
