/* verify.c - signatures of many statements as one job for a thread. Takes nothing in. */
#include "core.h"
#include "batch.h"
#include "worker/worker.h"
#include <string.h>

#define SLICES_MAX 256
#define SWARM_MAX 256

/* Places of one batch. The batch is held: Lua may let it go while a thread reads it. */
struct slice {
  struct batch *of;
  uint32_t from, count;
};

struct verify_job {
  worker_job base;
  uint32_t count, swarm_size;
  char swarm[SWARM_MAX];
  struct slice slices[];
};

static void run(worker_job *base) {
  const struct verify_job *job = (struct verify_job *)base;
  for (uint32_t i = 0; i < job->count; i++) {
    const struct slice *s = &job->slices[i];
    for (uint32_t n = s->from; n < s->from + s->count; n++) {
      struct batch_item *item = batch_item(s->of, n);
      if (atomic_load(&base->cancelled))
        return;
      item->word = statement_verify(&item->st, job->swarm, job->swarm_size);
    }
  }
}

static void release(worker_job *base) {
  struct verify_job *job = (struct verify_job *)base;
  for (uint32_t i = 0; i < job->count; i++)
    batch_leave(job->slices[i].of);
  job->count = 0;
}

/* What no thread comes to is `closed`. */
static void close_items(const struct slice *s) {
  for (uint32_t n = s->from; n < s->from + s->count; n++)
    batch_item(s->of, n)->word = "closed";
}

/* Slice I from elements 3 * I + 1 … of the table at LIST; throws before it is held. */
static void read_slice(lua_State *L, int list, uint32_t i, struct verify_job *job) {
  struct slice *s = &job->slices[i];
  for (lua_Integer k = 1; k <= 3; k++)
    lua_rawgeti(L, list, 3 * (lua_Integer)i + k);
  s->of = batch_argument(L, -3);
  s->count = batch_range(L, s->of, lua_gettop(L) - 1, &s->from);
  for (uint32_t n = s->from; n < s->from + s->count; n++)
    luaL_argcheck(L, !batch_item(s->of, n)->word, 2, "a statement that was refused");
  batch_hold(s->of);
  job->count = i + 1;
  close_items(s);
  lua_pop(L, 3);
}

/* verify.batches(pool, { swarm = text, batch, from, to, [batch, from, to, …] }, done) →
 * job | nil, text, "full"|"closed". Afterwards code(place) of each says what became of
 * it: nil, "signature", "key", "form" (of the swarm's name), or "closed". Until then
 * nobody changes these places. */
static int f_batches(lua_State *L) {
  struct verify_job *job;
  const char *swarm;
  size_t swarm_size;
  lua_Integer count;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  count = luaL_len(L, 2) / 3;
  luaL_argcheck(L, count >= 1 && count <= SLICES_MAX, 2, "1 to 256 slices");
  lua_getfield(L, 2, "swarm");
  swarm = luaL_checklstring(L, 4, &swarm_size);
  luaL_argcheck(L, swarm_size <= SWARM_MAX, 2, "a swarm's name of at most 256 bytes");
  job = (struct verify_job *)worker_job_new(L, sizeof *job +
                                                   (size_t)count * sizeof(struct slice));
  job->base.run = run;
  job->base.release = release;
  job->swarm_size = (uint32_t)swarm_size;
  memcpy(job->swarm, swarm, swarm_size);
  for (uint32_t i = 0; i < count; i++)
    read_slice(L, 2, i, job);
  return worker_submit(L, 1, 5, 3);
}

static const luaL_Reg functions[] = {
    {"batches", f_batches},
    {NULL,      NULL     }
};

int luaopen_core_verify(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
