/* verify.c - signatures of many statements as one job for a thread. Takes nothing in. */
#include "core.h"
#include "statement.h"
#include "worker.h"
#include <string.h>

#define BATCH_MAX 256
#define SWARM_MAX 256

struct item {
  uint32_t at, size;
  const char *word; /* NULL: the signature fits */
};

/* The lines are copied: a thread may not look at what Lua owns. */
struct verify_job {
  worker_job base;
  uint32_t count, swarm_size;
  struct item items[BATCH_MAX];
  char swarm[SWARM_MAX];
  char lines[];
};

static const char *judge(const struct verify_job *job, const struct item *item) {
  struct statement st;
  const char *why;
  const char *word = statement_parse(job->lines + item->at, item->size, &st, &why);
  return word ? word : statement_verify(&st, job->swarm, job->swarm_size);
}

static void run(worker_job *base) {
  struct verify_job *job = (struct verify_job *)base;
  for (uint32_t i = 0; i < job->count && !atomic_load(&base->cancelled); i++)
    job->items[i].word = judge(job, &job->items[i]);
}

/* result.words[i] is true or the word that refuses the i-th statement. */
static void finish(lua_State *L, worker_job *base) {
  const struct verify_job *job = (const struct verify_job *)base;
  lua_createtable(L, (int)job->count, 0);
  for (uint32_t i = 0; i < job->count; i++) {
    if (job->items[i].word)
      lua_pushstring(L, job->items[i].word);
    else
      lua_pushboolean(L, 1);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "words");
}

static void release(worker_job *base) {
  (void)base; /* all of it is in the userdata */
}

static size_t lines_size(lua_State *L, int list, lua_Integer count) {
  size_t total = 0;
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, list, i);
    total += statement_argument(L, -1)->line.size;
    lua_pop(L, 1);
  }
  return total;
}

static void copy_lines(lua_State *L, int list, struct verify_job *job) {
  uint32_t at = 0;
  for (uint32_t i = 0; i < job->count; i++) {
    struct statement_part line;
    lua_rawgeti(L, list, (lua_Integer)i + 1);
    line = statement_argument(L, -1)->line;
    memcpy(job->lines + at, line.at, line.size);
    job->items[i] = (struct item){at, (uint32_t)line.size, "closed"};
    at += (uint32_t)line.size;
    lua_pop(L, 1);
  }
}

/* verify.statements(pool, { swarm = text, [1…256] = statements }, done) → job | nil,
 * text, "full"|"closed". The result has words = { true | "signature" | "key" | "form", …
 * } in the order given. */
static int f_statements(lua_State *L) {
  struct verify_job *job;
  const char *swarm;
  size_t swarm_size;
  lua_Integer count;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  count = luaL_len(L, 2);
  luaL_argcheck(L, count >= 1 && count <= BATCH_MAX, 2, "1 to 256 statements");
  lua_getfield(L, 2, "swarm");
  swarm = luaL_checklstring(L, 4, &swarm_size);
  luaL_argcheck(L, swarm_size <= SWARM_MAX, 2, "a swarm's name of at most 256 bytes");
  job = (struct verify_job *)worker_job_new(L, sizeof *job + lines_size(L, 2, count));
  job->base.run = run;
  job->base.finish = finish;
  job->base.release = release;
  job->count = (uint32_t)count;
  job->swarm_size = (uint32_t)swarm_size;
  memcpy(job->swarm, swarm, swarm_size);
  copy_lines(L, 2, job);
  return worker_submit(L, 1, 5, 3);
}

static const luaL_Reg functions[] = {
    {"statements", f_statements},
    {NULL,         NULL        }
};

int luaopen_core_verify(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
