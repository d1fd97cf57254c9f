/* worker.c - threads that run C jobs, and a wake-up to watch. No Lua on the threads. */
#include "core.h"
#include "worker.h"
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define POOL "core.worker"
#define JOB "core.worker.job"
#define THREADS_MAX 16
#define QUEUE_MAX 65536

enum { JOB_NEW, JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_RELEASED };

typedef struct {
  worker_job *first, *last;
  int64_t count;
} job_list;

typedef struct worker_pool {
  bool open, is_inline;
  int fd, threads, nice;
  int64_t limit, submitted; /* most jobs not yet collected; all jobs ever taken */
  job_list queued, running, done;
  pthread_mutex_t mutex;
  pthread_cond_t work, ended; /* a job to run or the pool closing; a job ended */
  pthread_t thread[THREADS_MAX];
} worker_pool;

static void list_push(job_list *list, worker_job *job) {
  job->next = NULL;
  if (list->last)
    list->last->next = job;
  else
    list->first = job;
  list->last = job;
  list->count++;
}

static worker_job *list_pop(job_list *list) {
  worker_job *job = list->first;
  if (!job)
    return NULL;
  list->first = job->next;
  if (!list->first)
    list->last = NULL;
  list->count--;
  return job;
}

static void list_remove(job_list *list, worker_job *job) {
  job_list kept = {0};
  worker_job *each;
  while ((each = list_pop(list)))
    if (each != job)
      list_push(&kept, each);
  *list = kept;
}

/* Takes one job from the queue and runs it, the lock let go meanwhile. */
static void run_one(worker_pool *pool) {
  worker_job *job = list_pop(&pool->queued);
  job->state = JOB_RUNNING;
  list_push(&pool->running, job);
  pthread_mutex_unlock(&pool->mutex);
  if (!atomic_load(&job->cancelled))
    job->run(job);
  pthread_mutex_lock(&pool->mutex);
  list_remove(&pool->running, job);
  job->state = JOB_DONE;
  list_push(&pool->done, job);
  pthread_cond_broadcast(&pool->ended);
}

static void *thread_main(void *context) {
  worker_pool *pool = context;
  pthread_setname_np(pthread_self(), "worker");
  if (pool->nice)
    setpriority(PRIO_PROCESS, (id_t)gettid(), pool->nice);
  pthread_mutex_lock(&pool->mutex);
  while (pool->open) {
    if (!pool->queued.first) {
      pthread_cond_wait(&pool->work, &pool->mutex);
      continue;
    }
    run_one(pool);
    worker_ring(pool->fd);
  }
  pthread_mutex_unlock(&pool->mutex);
  return NULL;
}

/* 0 or an errno. */
static int start_threads(worker_pool *pool, int wanted) {
  int err = 0;
  while (!err && pool->threads < wanted) {
    err = worker_thread(&pool->thread[pool->threads], thread_main, pool);
    if (!err)
      pool->threads++;
  }
  return err;
}

static void job_release(worker_job *job) {
  if (job->state == JOB_RELEASED)
    return;
  job->state = JOB_RELEASED;
  job->pool = NULL;
  if (job->release)
    job->release(job);
}

static void cancel_all(worker_pool *pool) {
  for (worker_job *job = pool->queued.first; job; job = job->next)
    atomic_store(&job->cancelled, true);
  for (worker_job *job = pool->running.first; job; job = job->next)
    atomic_store(&job->cancelled, true);
}

/* Joins the threads; a running job ends by itself or because it was cancelled. */
static void pool_close(worker_pool *pool) {
  worker_job *job;
  if (!pool->open)
    return;
  pthread_mutex_lock(&pool->mutex);
  pool->open = false;
  cancel_all(pool);
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->mutex);
  for (int i = 0; i < pool->threads; i++)
    pthread_join(pool->thread[i], NULL);
  while ((job = list_pop(&pool->queued)) || (job = list_pop(&pool->done)))
    job_release(job);
  pthread_mutex_destroy(&pool->mutex);
  pthread_cond_destroy(&pool->work);
  pthread_cond_destroy(&pool->ended);
  if (pool->fd >= 0)
    close(pool->fd);
  pool->fd = -1;
}

/* A handle collected while its job is still the pool's: only when the whole state is
 * closing. */
static void job_withdraw(worker_job *job) {
  worker_pool *pool = job->pool;
  if (!pool || !pool->open)
    return;
  atomic_store(&job->cancelled, true);
  pthread_mutex_lock(&pool->mutex);
  while (job->state == JOB_RUNNING)
    pthread_cond_wait(&pool->ended, &pool->mutex);
  list_remove(job->state == JOB_QUEUED ? &pool->queued : &pool->done, job);
  pthread_mutex_unlock(&pool->mutex);
}

void worker_job_end(worker_job *job) {
  worker_pool *pool = job->pool;
  atomic_store(&job->cancelled, true);
  if (!pool || !pool->open)
    return;
  pthread_mutex_lock(&pool->mutex);
  while (job->state == JOB_RUNNING)
    pthread_cond_wait(&pool->ended, &pool->mutex);
  pthread_mutex_unlock(&pool->mutex);
}

worker_job *worker_job_new(lua_State *L, size_t size) {
  return core_new(L, JOB, size);
}

static const char *refusal(worker_pool *pool) {
  int64_t held;
  if (!pool->open)
    return "closed";
  pthread_mutex_lock(&pool->mutex);
  held = pool->queued.count + pool->running.count + pool->done.count;
  pthread_mutex_unlock(&pool->mutex);
  return held >= pool->limit ? "full" : NULL;
}

/* The pool's user value maps job → handle → `done`, so that both live until collected. */
static void remember(lua_State *L, int pool, int job, int done) {
  lua_getiuservalue(L, pool, 1);
  lua_pushvalue(L, job);
  if (lua_isnoneornil(L, done))
    lua_pushboolean(L, 0);
  else
    lua_pushvalue(L, done);
  lua_rawset(L, -3);
  lua_pushvalue(L, job);
  lua_rawsetp(L, -2, lua_touserdata(L, job));
  lua_pop(L, 1);
}

int worker_submit(lua_State *L, int pool_index, int job_index, int done_index) {
  worker_pool *pool = luaL_checkudata(L, pool_index, POOL);
  worker_job *job = luaL_checkudata(L, job_index, JOB);
  const char *word = refusal(pool);
  if (word)
    return core_fail(L, word, "a job for the worker");
  remember(L, lua_absindex(L, pool_index), lua_absindex(L, job_index), done_index);
  pthread_mutex_lock(&pool->mutex);
  job->pool = pool;
  job->state = JOB_QUEUED;
  list_push(&pool->queued, job);
  pool->submitted++;
  pthread_cond_signal(&pool->work);
  pthread_mutex_unlock(&pool->mutex);
  lua_pushvalue(L, job_index);
  return 1;
}

/* == Lua == */

static lua_Integer option(lua_State *L, const char *name, lua_Integer fallback,
                          lua_Integer most) {
  lua_Integer value = core_field_integer(L, 1, name, fallback);
  luaL_argcheck(L, value >= 0 && value <= most, 1, name);
  return value;
}

/* new{threads = 1, queue = 256 (jobs not yet collected), nice = 0, inline = false} →
 * pool. Inline: no threads, no fd; jobs run within collect, one after the other, so a run
 * can be repeated. */
static int worker_new(lua_State *L) {
  worker_pool *pool;
  int threads, err;
  luaL_checktype(L, 1, LUA_TTABLE);
  threads = (int)option(L, "threads", 1, THREADS_MAX);
  luaL_argcheck(L, threads > 0, 1, "threads");
  pool = core_new(L, POOL, sizeof *pool);
  pool->fd = -1;
  pool->nice = (int)option(L, "nice", 0, 19);
  pool->limit = option(L, "queue", 256, QUEUE_MAX);
  pool->is_inline = core_field_boolean(L, 1, "inline");
  lua_newtable(L);
  lua_setiuservalue(L, -2, 1);
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->work, NULL);
  pthread_cond_init(&pool->ended, NULL);
  pool->open = true;
  if (pool->is_inline)
    return 1;
  pool->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  err = pool->fd < 0 ? errno : start_threads(pool, threads);
  if (!err)
    return 1;
  pool_close(pool);
  return core_fail_errno(L, err, "worker");
}

/* fd() → descriptor, readable when something is done; nil when inline or closed. */
static int pool_fd(lua_State *L) {
  worker_pool *pool = luaL_checkudata(L, 1, POOL);
  if (pool->fd < 0)
    return 0;
  lua_pushinteger(L, pool->fd);
  return 1;
}

/* A job that is done, or NULL; in the inline mode it is run first. */
static worker_job *next_done(worker_pool *pool) {
  worker_job *job;
  pthread_mutex_lock(&pool->mutex);
  if (pool->is_inline && pool->queued.first)
    run_one(pool);
  job = list_pop(&pool->done);
  pthread_mutex_unlock(&pool->mutex);
  return job;
}

/* Forgets a job; its handle stays on the stack, `done` above it. */
static void push_forgotten(lua_State *L, int pool, worker_job *job) {
  lua_getiuservalue(L, pool, 1);
  lua_rawgetp(L, -1, job);
  lua_pushvalue(L, -1);
  lua_rawget(L, -3);
  lua_pushnil(L);
  lua_rawsetp(L, -4, job);
  lua_pushvalue(L, -2);
  lua_pushnil(L);
  lua_rawset(L, -5);
  lua_remove(L, -3);
}

/* Pushes { job =, done =, … }. From here the handle owns the job: a throw costs only its
 * result. */
static void push_result(lua_State *L, worker_job *job) {
  job->pool = NULL;
  lua_createtable(L, 0, 6);
  push_forgotten(L, 1, job);
  if (lua_toboolean(L, -1))
    lua_setfield(L, -3, "done");
  else
    lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "job");
  lua_insert(L, -2);
  if (job->finish)
    job->finish(L, job);
  job_release(job);
  lua_remove(L, -2);
}

/* collect([most]) → array of { job = handle, done = as submitted, … }, in the order they
 * ended. What a job adds is said where it is made; every job's failure is `error` and
 * `word`. */
static int pool_collect(lua_State *L) {
  worker_pool *pool = luaL_checkudata(L, 1, POOL);
  lua_Integer most = luaL_optinteger(L, 2, QUEUE_MAX), n = 0;
  uint64_t counter;
  worker_job *job;
  lua_newtable(L);
  if (!pool->open)
    return 1;
  if (pool->fd >= 0 && read(pool->fd, &counter, sizeof counter) < 0 && errno != EAGAIN)
    return core_fail_errno(L, errno, "worker");
  while (n < most && (job = next_done(pool))) {
    push_result(L, job);
    lua_rawseti(L, -2, ++n);
  }
  if (n == most && pool->fd >= 0)
    worker_ring(pool->fd);
  return 1;
}

/* count() → jobs not yet collected, jobs ever taken. */
static int pool_count(lua_State *L) {
  worker_pool *pool = luaL_checkudata(L, 1, POOL);
  int64_t held = 0;
  if (pool->open) {
    pthread_mutex_lock(&pool->mutex);
    held = pool->queued.count + pool->running.count + pool->done.count;
    pthread_mutex_unlock(&pool->mutex);
  }
  lua_pushinteger(L, held);
  lua_pushinteger(L, pool->submitted);
  return 2;
}

/* close() cancels what waits and runs, joins the threads, drops what was not collected.
 */
static int pool_close_lua(lua_State *L) {
  worker_pool *pool = luaL_checkudata(L, 1, POOL);
  if (pool->open)
    pool_close(pool);
  lua_newtable(L);
  lua_setiuservalue(L, 1, 1);
  return 0;
}

/* cancel(): the job ends soon, with the word `closed`; nothing happens to one that is
 * done. */
static int job_cancel(lua_State *L) {
  worker_job *job = luaL_checkudata(L, 1, JOB);
  atomic_store(&job->cancelled, true);
  return 0;
}

/* progress() → done, total: in the job's own unit, 0 while not known. */
static int job_progress(lua_State *L) {
  worker_job *job = luaL_checkudata(L, 1, JOB);
  lua_pushinteger(L, atomic_load(&job->progress));
  lua_pushinteger(L, atomic_load(&job->total));
  return 2;
}

static int job_gc(lua_State *L) {
  worker_job *job = luaL_checkudata(L, 1, JOB);
  job_withdraw(job);
  job_release(job);
  return 0;
}

static const luaL_Reg pool_methods[] = {
    {"fd",      pool_fd       },
    {"collect", pool_collect  },
    {"count",   pool_count    },
    {"close",   pool_close_lua},
    {"__gc",    pool_close_lua},
    {"__close", pool_close_lua},
    {NULL,      NULL          }
};

static const luaL_Reg job_methods[] = {
    {"cancel",   job_cancel  },
    {"progress", job_progress},
    {"__gc",     job_gc      },
    {NULL,       NULL        }
};

static const luaL_Reg functions[] = {
    {"new", worker_new},
    {NULL,  NULL      }
};

int luaopen_core_worker(lua_State *L) {
  core_class(L, POOL, pool_methods);
  core_class(L, JOB, job_methods);
  luaL_newlib(L, functions);
  return 1;
}
