/* pump.c - sealed streams as Lua sees them: one thread that moves their bytes, beside the
 * loop. Boxes are stream.c's; who may have a stream is Lua's to say. */
#include "core.h"
#include "net/net.h"
#include "stream.h"
#include "worker/worker.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CLASS "core.pump"
#define STREAMS_MAX 8
#define SILENCE_MS 30000
#define LOOK_MS 1000 /* between two looks at who is silent */

typedef struct {
  lua_Integer id; /* 0: free */
  stream *s;
  int told; /* to the loop that it is over */
} place;

typedef struct {
  int wake, over, running; /* OVER: an eventfd that Lua watches */
  int silence_ms;
  pthread_t thread;
  int stopping;
  pthread_mutex_t lock; /* of all that follows */
  place places[STREAMS_MAX];
  lua_Integer last;
  stream_budget budget;
} pump;

/* -- the thread -- */

/* What poll is to look at, two entries a place. Returns for how long at most. */
static int gather(pump *p, struct pollfd *fds, int64_t now) {
  int64_t wait = -1, rest;
  for (int i = 0; i < STREAMS_MAX; i++) {
    stream *s = p->places[i].s;
    struct pollfd *fd = fds + 2 * i;
    fd[0] = fd[1] = (struct pollfd){.fd = -1};
    if (!s || s->word)
      continue;
    fd[0].events = stream_wants_outer(s, now);
    fd[1].events = stream_wants_inner(s, now);
    if (fd[0].events || s->in_over) /* else it would tell of its end again and again */
      fd[0].fd = s->outer;
    if (fd[1].events)
      fd[1].fd = s->listener >= 0 ? s->listener : s->inner;
    rest = s->budget ? stream_budget_wait(s->budget, now) : 0;
    if (rest == 0 || rest > LOOK_MS)
      rest = LOOK_MS;
    wait = wait < 0 || rest < wait ? rest : wait;
  }
  return (int)wait;
}

static void move(pump *p, place *at, short outer, int64_t now) {
  stream *s = at->s;
  if (s->in_over && outer & (POLLERR | POLLHUP))
    s->word = "closed";
  stream_move(s, now);
  if (!s->word && now - s->moved > p->silence_ms)
    s->word = "slow";
  if (!s->word || at->told)
    return;
  at->told = 1;
  stream_end(s);
  worker_ring(p->over);
}

static void move_all(pump *p, const struct pollfd *fds) {
  int64_t now = worker_now();
  for (int i = 0; i < STREAMS_MAX; i++)
    if (p->places[i].s && !p->places[i].told)
      move(p, &p->places[i],
           fds[2 * i].fd == p->places[i].s->outer ? fds[2 * i].revents : 0, now);
}

static void *run(void *user) {
  pump *p = user;
  struct pollfd fds[2 * STREAMS_MAX + 1];
  uint64_t times;
  pthread_mutex_lock(&p->lock);
  while (!p->stopping) {
    int wait = gather(p, fds, worker_now());
    fds[2 * STREAMS_MAX] = (struct pollfd){p->wake, POLLIN, 0};
    pthread_mutex_unlock(&p->lock);
    poll(fds, 2 * STREAMS_MAX + 1, wait);
    if (fds[2 * STREAMS_MAX].revents && read(p->wake, &times, sizeof times) < 0)
      times = 0;
    pthread_mutex_lock(&p->lock);
    if (!p->stopping)
      move_all(p, fds);
  }
  pthread_mutex_unlock(&p->lock);
  return NULL;
}

static int start(pump *p) {
  int err = worker_thread(&p->thread, run, p);
  p->running = err == 0;
  return err;
}

/* -- Lua -- */

static pump *check_open(lua_State *L) {
  pump *p = luaL_checkudata(L, 1, CLASS);
  luaL_argcheck(L, p->wake >= 0, 1, "closed");
  return p;
}

/* pump.new([silence in ms]) -> p | nil, message, errno's name. Its thread begins with the
 * first stream. */
static int pump_new(lua_State *L) {
  lua_Integer silence = luaL_optinteger(L, 1, SILENCE_MS);
  pump *p = core_new(L, CLASS, sizeof *p);
  p->over = -1;
  p->silence_ms = (int)silence;
  pthread_mutex_init(&p->lock, NULL);
  p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (p->wake >= 0)
    p->over = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (p->over >= 0)
    return 1;
  net_close(&p->wake);
  return core_fail_errno(L, errno, "pump");
}

/* p:fd() -> fd; readable: call step(). */
static int pump_fd(lua_State *L) {
  lua_pushinteger(L, check_open(L)->over);
  return 1;
}

/* Where the local end comes from: 0 and what Lua is told of it, or -1 and errno. DIR:
 * NULL where it is handed out. */
static int make_inner(lua_State *L, stream *s, const char *dir, int number) {
  char name[sizeof s->name], path[64];
  int pair[2];
  if (dir) {
    snprintf(name, sizeof name, "stream-%d", number);
    if (stream_listen(s, dir, name) < 0)
      return -1;
    snprintf(path, sizeof path, STREAM_PATH, s->folder, s->name);
    lua_pushstring(L, path);
    return 0;
  }
  if (socketpair(AF_UNIX, SOCK_STREAM | NET_SOCKET, 0, pair) < 0)
    return -1;
  s->inner = pair[0];
  lua_pushinteger(L, pair[1]);
  return 0;
}

static place *free_place(pump *p) {
  for (int i = 0; i < STREAMS_MAX; i++)
    if (!p->places[i].s)
      return &p->places[i];
  return NULL;
}

/* Of the table at 2; NULL without memory. Throws while nothing is held yet. */
static stream *make_stream(lua_State *L) {
  size_t with_size, ahead_size = 0;
  const uint8_t *keys;
  const char *with, *ahead;
  stream *s;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_getfield(L, 2, "keys");
  keys = seal_keys(L, lua_gettop(L));
  lua_getfield(L, 2, "with");
  with = luaL_checklstring(L, -1, &with_size);
  lua_getfield(L, 2, "ahead");
  ahead = luaL_optlstring(L, -1, "", &ahead_size);
  luaL_argcheck(L, with_size <= STREAM_WITH, 2, "with: at most 160 bytes");
  luaL_argcheck(L, ahead_size <= STREAM_FRAME, 2, "ahead: at most one box");
  lua_getfield(L, 2, "stream"); /* stays at the top */
  s = calloc(1, sizeof *s);
  if (!s || !(s->keys = sodium_malloc(SEAL_KEYS_SIZE))) {
    free(s);
    return NULL;
  }
  memcpy(s->keys, keys, SEAL_KEYS_SIZE);
  memcpy(s->with, with, s->with_size = with_size);
  memcpy(s->boxes.bytes, ahead, s->boxes.to = ahead_size);
  s->inner = s->outer = s->listener = s->folder = -1;
  s->read = s->said = 1; /* the call's own box, each way */
  s->moved = worker_now();
  return s;
}

static int refuse(lua_State *L, stream *s, int err) {
  stream_end(s);
  free(s);
  return core_fail_errno(L, err, "stream");
}

/* p:add{ stream = core.net's, taken over; keys = core.seal's, copied; with = what boxes
 * are bound to; ahead = bytes that came already; limited = does the budget count?; listen
 * = a folder, or nil } -> id, and the local socket's other end: its fd, for who serves;
 * with `listen` the path of a socket there that this process may connect to, once | nil,
 * message, "full"|errno's name; then the stream is not touched. */
static int pump_add(lua_State *L) {
  pump *p = check_open(L);
  const char *dir;
  int limited, err;
  stream *s;
  place *at;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_getfield(L, 2, "listen");
  dir = luaL_optstring(L, -1, NULL);
  limited = core_field_boolean(L, 2, "limited");
  pthread_mutex_lock(&p->lock);
  at = free_place(p);
  pthread_mutex_unlock(&p->lock);
  if (!at)
    return core_fail(L, "full", "%d streams are open", STREAMS_MAX);
  s = make_stream(L);
  if (!s)
    return core_fail_errno(L, ENOMEM, "stream");
  if (make_inner(L, s, dir, (int)(at - p->places)) < 0)
    return refuse(L, s, errno);
  if (!p->running && (err = start(p)))
    return refuse(L, s, err);
  s->outer = net_stream_take(L, -2);
  s->budget = limited ? &p->budget : NULL;
  pthread_mutex_lock(&p->lock);
  *at = (place){++p->last, s, 0};
  pthread_mutex_unlock(&p->lock);
  worker_ring(p->wake);
  lua_pushinteger(L, at->id);
  lua_insert(L, -2);
  return 2;
}

static void forget(place *at) {
  stream_end(at->s);
  free(at->s);
  *at = (place){0};
}

/* p:stop(id): it is over; step() does not tell of it. */
static int pump_stop(lua_State *L) {
  pump *p = check_open(L);
  lua_Integer id = luaL_checkinteger(L, 2);
  pthread_mutex_lock(&p->lock);
  for (int i = 0; i < STREAMS_MAX; i++)
    if (p->places[i].s && p->places[i].id == id)
      forget(&p->places[i]);
  pthread_mutex_unlock(&p->lock);
  worker_ring(p->wake);
  return 0;
}

/* p:limit(bytes a second | nil): of all streams together for which the budget counts. */
static int pump_limit(lua_State *L) {
  pump *p = check_open(L);
  lua_Integer rate = luaL_optinteger(L, 2, 0);
  luaL_argcheck(L, rate >= 0, 2, "bytes a second");
  pthread_mutex_lock(&p->lock);
  p->budget = (stream_budget){rate, 0, worker_now()};
  pthread_mutex_unlock(&p->lock);
  worker_ring(p->wake);
  return 0;
}

/* p:charge(bytes): as many went, or (below 0) did not, beside the streams -> ms until
 * what is owed has come back. */
static int pump_charge(lua_State *L) {
  pump *p = check_open(L);
  lua_Integer bytes = luaL_checkinteger(L, 2);
  int64_t wait;
  pthread_mutex_lock(&p->lock);
  if (p->budget.rate)
    p->budget.left -= bytes;
  wait = stream_budget_wait(&p->budget, worker_now());
  pthread_mutex_unlock(&p->lock);
  lua_pushinteger(L, wait);
  return 1;
}

static void push_row(lua_State *L, const place *at) {
  lua_createtable(L, 0, 4);
  core_set_integer(L, "id", at->id);
  core_set_integer(L, "read", at->s->bytes_in);
  core_set_integer(L, "written", at->s->bytes_out);
  if (at->s->word && *at->s->word)
    core_set_text(L, "word", at->s->word);
}

/* p:rows([over]) -> array of { id =, read =, written = bytes, word = why it is over, nil:
 * by both ends } */
static int push_rows(lua_State *L, pump *p, int over) {
  int n = 0;
  lua_newtable(L);
  pthread_mutex_lock(&p->lock);
  for (int i = 0; i < STREAMS_MAX; i++) {
    if (!p->places[i].s || !p->places[i].told != !over)
      continue;
    push_row(L, &p->places[i]);
    lua_rawseti(L, -2, ++n);
    if (over)
      forget(&p->places[i]);
  }
  pthread_mutex_unlock(&p->lock);
  return 1;
}

/* p:step() -> array of those that are over since the last call: { id =, read =, written =
 * plain bytes, word = why; nil: both ends said that it is } */
static int pump_step(lua_State *L) {
  pump *p = check_open(L);
  uint64_t times;
  if (read(p->over, &times, sizeof times) < 0)
    times = 0;
  return push_rows(L, p, 1);
}

/* p:rows() -> the same of those that go on. */
static int pump_rows(lua_State *L) {
  return push_rows(L, check_open(L), 0);
}

/* p:close(): all end. End the watch of fd() first. Twice is safe. */
static int pump_close(lua_State *L) {
  pump *p = luaL_checkudata(L, 1, CLASS);
  pthread_mutex_lock(&p->lock);
  p->stopping = 1;
  pthread_mutex_unlock(&p->lock);
  if (p->running) {
    worker_ring(p->wake);
    pthread_join(p->thread, NULL);
    p->running = 0;
  }
  for (int i = 0; i < STREAMS_MAX; i++)
    if (p->places[i].s)
      forget(&p->places[i]);
  net_close(&p->wake);
  net_close(&p->over);
  return 0;
}

static const luaL_Reg methods[] = {
    {"fd",      pump_fd    },
    {"add",     pump_add   },
    {"stop",    pump_stop  },
    {"limit",   pump_limit },
    {"charge",  pump_charge},
    {"step",    pump_step  },
    {"rows",    pump_rows  },
    {"close",   pump_close },
    {"__gc",    pump_close },
    {"__close", pump_close },
    {NULL,      NULL       },
};

static const luaL_Reg functions[] = {
    {"new", pump_new},
    {NULL,  NULL    },
};

int luaopen_core_pump(lua_State *L) {
  core_class(L, CLASS, methods);
  luaL_newlib(L, functions);
  return 1;
}
