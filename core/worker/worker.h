/* worker.h - threads, and jobs for a pool of them, for other C files. No scheduling
 * beyond first come, first served. */
#ifndef WORKER_H
#define WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <lua.h>

/* Begins a thread with a small stack, which calls RUN with GIVEN. Signals stay with the
 * thread of the loop. 0 or an errno. */
int worker_thread(pthread_t *thread, void *(*run)(void *given), void *given);

/* Wakes who waits for the eventfd FD, which does not block. */
void worker_ring(int fd);

/* Monotonic ms: to time things by, nothing else. */
int64_t worker_now(void);

typedef struct worker_job worker_job;
struct worker_pool;

/* First member of a client's own struct, made by worker_job_new. The client sets the
 * functions; whatever they need is in his struct, because a Lua string may be gone when
 * `run` reads it. */
struct worker_job {
  void (*run)(worker_job *job); /* on a thread: touches no lua_State */
  void (*finish)(lua_State *L,
                 worker_job *job);  /* sets fields of the table on top; may throw */
  void (*release)(worker_job *job); /* frees what the job holds; called once */
  atomic_bool cancelled;            /* `run` looks at it often and returns early */
  _Atomic int64_t progress, total;  /* whatever the job counts; 0 = not known */
  struct worker_pool *pool;         /* from here on the pool's own */
  worker_job *next;
  int state;
};

/* Pushes a job of SIZE zeroed bytes that begins with a worker_job; the userdata is the
 * handle. */
worker_job *worker_job_new(lua_State *L, size_t size);

/* Hands the job at index JOB to the pool at index POOL; the value at index DONE
 * (function, nil or none) comes back as field `done` of its result. Pushes the handle; or
 * nil, message, "full" or "closed". Returns the number of values pushed. */
int worker_submit(lua_State *L, int pool, int job, int done);

/* The job begins no more and does not run any more when this returns; it waits for one
 * that runs. Its result still comes. On the loop's thread. */
void worker_job_end(worker_job *job);

#endif
