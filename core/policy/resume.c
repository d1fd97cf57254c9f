/* resume.c - a question in a fence that is asked a slice at a time, and may ask back. No
 * clock, no rule.
 */
#include "fence.h"

#define STEP 100 /* instructions between two looks at what is left */

typedef fence_crossing crossing;
typedef fence_request request;

static void on_slice(lua_State *P, lua_Debug *unused);

/* lua_sethook visits each call that is open, of which there may be thousands: so only
 * what changes is set. */
static void look_after(lua_State *P, int instructions) {
  if (lua_gethookcount(P) != instructions)
    lua_sethook(P, on_slice, LUA_MASKCOUNT, instructions);
}

/* Calls and allocations are dearer than instructions: where they have used up the slice,
 * it ends at the next instruction. */
static void on_slice(lua_State *P, lua_Debug *unused) {
  fence *f = fence_of(P);
  (void)unused;
  look_after(P, STEP);
  fence_charge_at(P, STEP, 0);
  if (f->slice > 0 && f->churn <= FENCE_SLICE_CHURN && !f->pressed)
    return;
  if (lua_isyieldable(P))
    lua_yield(P, 0);
  else if (f->slice < -FENCE_UNYIELDING)
    luaL_error(P, "a function that string.gsub or another one calls takes too long");
}

void fence_charge_slice(lua_State *P, int64_t units) {
  fence *f = fence_of(P);
  if (P != f->thread)
    return;
  if (units > FENCE_CALL)
    luaL_error(P, "too much work for one call");
  f->slice -= units;
  if (f->slice <= 0 && units != STEP)
    look_after(P, 1);
}

/* A refusal has Lua collect all that is garbage, which takes a while: so the second one
 * in a slice is the last. */
int fence_is_over(fence *f, size_t more, size_t block) {
  if (!f->is_exhausted && f->used + more <= f->limit && block <= f->block)
    return 0;
  if (++f->pressed > 1)
    f->is_exhausted = 1;
  return 1;
}

int fence_ask(lua_State *P) {
  fence *f = fence_of(P);
  if (P != f->thread)
    return luaL_error(P, "the node is asked in slices only");
  if (!lua_isyieldable(P))
    return luaL_error(
        P,
        "the node cannot be asked by a function that string.gsub or another one calls");
  f->asks = 1;
  return lua_yield(P, lua_gettop(P));
}

/* Copies the host's arguments onto P. */
static void copy_in(lua_State *P, const request *r) {
  crossing c = {0, 0};
  luaL_checkstack(P, r->last - r->first + 8, "arguments");
  for (int i = r->first; i <= r->last; i++) {
    const char *why = fence_copy(r->host, i, P, &c, 0);
    if (why)
      luaL_error(P, "argument %d: %s", i - r->first + 1, why);
  }
}

static int inside_start(lua_State *P) {
  request *r = lua_touserdata(P, 1);
  lua_State *thread;
  if (fence_of(P)->is_littered)
    lua_gc(P, LUA_GCCOLLECT);
  fence_of(P)->is_littered = 0;
  lua_gc(P, LUA_GCINC, 130, 25, 0);
  thread = lua_newthread(P);
  lua_setfield(P, LUA_REGISTRYINDEX, FENCE_CLASS ".thread");
  lua_settop(P, 1);
  fence_push_called(P, r->name);
  lua_replace(P, 1);
  lua_settop(P, 1);
  copy_in(P, r);
  if (!lua_checkstack(thread, lua_gettop(P)))
    return luaL_error(P, "no room on the stack");
  lua_xmove(P, thread, lua_gettop(P));
  lua_pushlightuserdata(P, thread);
  return 1;
}

static int inside_give(lua_State *P) {
  request *r = lua_touserdata(P, 1);
  lua_State *thread = fence_of(P)->thread;
  lua_settop(P, 0);
  copy_in(P, r);
  if (!lua_checkstack(thread, lua_gettop(P) + 1))
    return luaL_error(P, "no room on the stack");
  lua_xmove(P, thread, lua_gettop(P));
  return 0;
}

static void drop(fence *f) {
  f->thread = NULL;
  lua_pushnil(f->state);
  lua_setfield(f->state, LUA_REGISTRYINDEX, FENCE_CLASS ".thread");
}

/* f:start(name, …) → true | nil, message, "policy". Makes ready a question that
 * f:resume() goes on with: the function NAME with copies of the arguments. One that runs
 * is given up. The limit of instructions is for all its slices. */
int fence_start(lua_State *L) {
  fence *f = fence_check(L);
  request r = {L, 3, lua_gettop(L), luaL_checkstring(L, 2), NULL, 0, 0};
  int failed;
  f->thread = NULL;
  f->is_exhausted = f->pressed = f->asks = 0;
  failed = fence_protect(L, f, inside_start, &r);
  if (failed)
    return failed;
  f->thread = lua_touserdata(f->state, -1);
  lua_settop(f->state, 0);
  lua_pushboolean(L, 1);
  return 1;
}

/* f:stop(): gives up the question. Twice is safe. */
int fence_stop(lua_State *L) {
  fence *f = luaL_checkudata(L, 1, FENCE_CLASS);
  if (f->state && f->thread)
    drop(f);
  return 0;
}

/* Gives what f:resume() was called with to the question. 0, or what core_fail pushed. */
static int give(lua_State *L, fence *f) {
  request r = {L, 3, lua_gettop(L), NULL, NULL, 0, 0};
  int64_t left = f->left;
  int failed;
  if (!f->asks || r.last < r.first)
    return 0;
  failed = fence_protect(L, f, inside_give, &r);
  f->left = left;
  return failed;
}

static int tell_failure(lua_State *L, fence *f, int status) {
  lua_pushliteral(L, "failed");
  lua_pushinteger(L, f->slice);
  if (lua_type(f->thread, -1) == LUA_TSTRING)
    lua_pushstring(L, lua_tostring(f->thread, -1));
  else
    lua_pushfstring(L, "threw a %s instead of a text", luaL_typename(f->thread, -1));
  f->is_littered = status == LUA_ERRMEM;
  return 3;
}

/* WORD, what is left of the slice, and copies of the COUNT values on top of the thread.
 */
static int tell(lua_State *L, fence *f, const char *word, int count) {
  int from = lua_gettop(f->thread) - count;
  crossing c = {0, 0};
  luaL_checkstack(L, count + 8, "results");
  lua_pushstring(L, word);
  lua_pushinteger(L, f->slice);
  for (int i = 1; i <= count; i++) {
    const char *why = fence_copy(f->thread, from + i, L, &c, 0);
    if (!why)
      continue;
    f->asks = 0;
    lua_settop(L, 0);
    lua_pushliteral(L, "failed");
    lua_pushinteger(L, f->slice);
    lua_pushstring(L, why);
    return 3;
  }
  lua_pop(f->thread, count);
  return count + 2;
}

/* How many values on top of the thread lua_resume is to take: the arguments of a question
 * that begins, or what it asked for; one that was stopped by its slice's end takes none.
 */
static int waiting_arguments(const fence *f, int given) {
  if (lua_status(f->thread) == LUA_OK)
    return lua_gettop(f->thread) - 1;
  return f->asks ? given : 0;
}

/* f:resume(instructions, …) goes on for about so many, with what it asked for →
 *   "more", left           the slice is over
 *   "asks", left, …        it wants to know something (inner.ask): the next resume gives
 * it "done", left, …        copies of what it returned "failed", left, text   it threw
 * LEFT: instructions that are left of the slice, negative where it took more. A C
 * function that calls back cannot stop half-way: it may take FENCE_UNYIELDING more, then
 * it fails. */
int fence_resume(lua_State *L) {
  fence *f = fence_check(L);
  int64_t slice = luaL_checkinteger(L, 2);
  int count = lua_gettop(L) - 2, status, results = 0;
  luaL_argcheck(L, f->thread, 1, "no question was started");
  f->pressed = 0;
  if (give(L, f)) {
    drop(f);
    lua_pushliteral(L, "failed");
    lua_pushinteger(L, slice);
    lua_pushvalue(L, -4);
    return 3;
  }
  count = waiting_arguments(f, count);
  f->slice = slice;
  f->churn = 0;
  f->asks = 0;
  lua_sethook(f->thread, on_slice, LUA_MASKCOUNT, STEP);
  status = lua_resume(f->thread, f->state, count, &results);
  if (status == LUA_YIELD && !f->asks)
    return tell(L, f, "more", 0);
  if (status == LUA_YIELD)
    results = tell(L, f, "asks", results);
  else if (status == LUA_OK)
    results = tell(L, f, "done", results);
  else
    results = tell_failure(L, f, status);
  if (status != LUA_YIELD || !f->asks)
    drop(f);
  return results;
}
