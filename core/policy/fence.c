/* fence.c - a Lua state of its own for each policy: limits, values in and out. No rule.
 */
#include "fence.h"
#include "heap/heap.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLASS FENCE_CLASS
#define PAUSE 120 /* per cent of what lives, at which garbage is collected */
#define STEP 1000 /* instructions between two looks at what is left */

typedef fence_crossing crossing;
typedef fence_request request;

fence *fence_of(lua_State *P) {
  return *(fence **)lua_getextraspace(P);
}

static void on_count(lua_State *P, lua_Debug *unused);

/* Whether an allocation of SIZE bytes, MORE of them than before, must fail. One that
 * passes a limit is granted as long as it is within twice the memory: the hook stops the
 * question before its next instruction, and there it is known which line asked. */
static int refuses(fence *f, size_t more, size_t size, int is_text) {
  int is_large = size > f->block || (is_text && size > FENCE_STRING_MAX + 64);
  if (f->thread)
    return fence_is_over(f, more, size) || is_large;
  if (f->used + more <= f->room && !is_large)
    return 0;
  if (f->state && !f->is_pressed)
    lua_sethook(f->state, on_count, LUA_MASKCOUNT, 1);
  f->is_pressed = 1;
  f->large = is_large && size > f->large ? size : f->large;
  return f->used + more > 2 * f->room;
}

/* Where it returns NULL, Lua collects, tries again and at last throws in the state that
 * asked. A block that shrinks is never refused. For a new block OLD is its type. */
static void *allocate(void *data, void *block, size_t old, size_t new) {
  fence *f = data;
  size_t had = block ? old : 0;
  void *result;
  if (new > had) {
    if (refuses(f, new - had, new, !block && old == LUA_TSTRING))
      return NULL;
    f->churn += new - had;
  }
  result = heap_resize(block, had, new);
  if (result || !new)
    f->used += new - had;
  return result;
}

/* ---- what a question may cost ---- */

static int stop(lua_State *P, int level, const char *text, int64_t limit) {
  luaL_where(P, level);
  lua_pushfstring(P, text, (LUAI_UACINT)limit);
  lua_concat(P, 2);
  return lua_error(P);
}

/* Of this thread, in nanoseconds: what other programs do is not the policy's fault. */
static int64_t processor_time(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Instructions are the limit that is the same on each machine. The clock is for what they
 * do not tell: an instruction may compare two long texts, or have all memory collected. A
 * slow board has as many times more as it is slower: a good policy must not fail there.
 */
static void look_at_clock(lua_State *P, int level) {
  fence *f = fence_of(P);
  int64_t now = processor_time(), most = f->milliseconds * 1000000;
  if (most < f->own * FENCE_OWN)
    most = f->own * FENCE_OWN;
  f->unseen = 0;
  if (!f->began)
    f->began = now;
  else if (now - f->began > most)
    stop(P, level, "over the limit of %I ms of processor time", most / 1000000);
}

void fence_charge_at(lua_State *P, int64_t units, int level) {
  fence *f = fence_of(P);
  f->left -= units;
  f->unseen += units;
  if (f->thread)
    fence_charge_slice(P, units);
  if (f->left < 0) {
    f->left = 0;
    stop(P, level, "over the limit of %I instructions", f->instructions);
  }
  if (f->unseen >= STEP && !f->thread)
    look_at_clock(P, level);
}

void fence_charge(lua_State *P, int64_t units) {
  fence_charge_at(P, units, 1);
}

/* An allocation passed a limit. What is garbage does not count. */
static void look_at_memory(lua_State *P) {
  fence *f = fence_of(P);
  if (f->large)
    stop(P, 0, "one text or table of %I bytes is too large", (int64_t)f->large);
  if (f->used > f->room)
    lua_gc(P, LUA_GCCOLLECT);
  if (f->used > f->room)
    stop(P, 0, "over the limit of %I bytes of memory", (int64_t)f->limit);
  f->is_pressed = 0;
  lua_sethook(P, on_count, LUA_MASKCOUNT, STEP);
}

/* No pcall and no coroutine is handed out, so nothing inside can catch what this throws.
 */
static void on_count(lua_State *P, lua_Debug *unused) {
  fence *f = fence_of(P);
  (void)unused;
  if (f->is_pressed)
    look_at_memory(P);
  if (f->churn > (uint64_t)f->limit * FENCE_CHURN)
    stop(P, 0, "over the limit of %I bytes in all", (int64_t)f->limit * FENCE_CHURN);
  fence_charge_at(P, STEP, 0);
}

/* Each question begins with all that it may cost. SPARE: bytes beside the limit. */
static void arm(fence *f, size_t spare) {
  f->left = f->instructions;
  f->churn = f->large = 0;
  f->began = f->unseen = f->is_pressed = 0;
  f->room = f->limit + spare;
  lua_settop(f->state, 0);
  lua_sethook(f->state, on_count, LUA_MASKCOUNT, STEP);
}

/* A table on TO with room for what the one at INDEX holds: growing it by steps costs
 * more. */
static void make_table(lua_State *from, int index, lua_State *to) {
  int list = (int)(lua_rawlen(from, index) & 0x3fff), count = 0, top = lua_gettop(from);
  lua_pushnil(from);
  while (count < FENCE_VALUES && lua_next(from, index)) {
    lua_pop(from, 1);
    count++;
  }
  lua_settop(from, top);
  lua_createtable(to, list, count > list ? count - list : 0);
}

static const char *copy_table(lua_State *from, int index, lua_State *to, crossing *c,
                              int depth) {
  if (depth >= FENCE_DEPTH)
    return "a table is nested too deep to cross";
  if (!lua_checkstack(from, 8) || !lua_checkstack(to, 8))
    return "no room on the stack";
  make_table(from, index, to);
  lua_pushnil(from);
  while (lua_next(from, index)) {
    int top = lua_gettop(from), type = lua_type(from, top - 1);
    const char *why = NULL;
    if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN)
      why = "a key that is neither text nor number cannot cross";
    if (!why)
      why = fence_copy(from, top - 1, to, c, depth + 1);
    if (!why)
      why = fence_copy(from, top, to, c, depth + 1);
    if (why)
      return why;
    lua_rawset(to, -3);
    lua_pop(from, 1);
  }
  return NULL;
}

static const char *copy_string(lua_State *from, int index, lua_State *to, crossing *c) {
  size_t size;
  const char *text = lua_tolstring(from, index, &size);
  c->bytes += size;
  if (size > FENCE_STRING_MAX || c->bytes > FENCE_BYTES)
    return "too much text to cross";
  lua_pushlstring(to, text, size);
  return NULL;
}

/* Pushes a copy of the value at absolute INDEX of FROM onto TO; returns why it cannot, or
 * NULL. Of FROM it asks only what never throws: on the way in FROM is the host, TO is
 * protected. */
const char *fence_copy(lua_State *from, int index, lua_State *to, crossing *c,
                       int depth) {
  if (++c->values > FENCE_VALUES)
    return "too many values to cross";
  switch (lua_type(from, index)) {
  case LUA_TNIL:
    lua_pushnil(to);
    return NULL;
  case LUA_TBOOLEAN:
    lua_pushboolean(to, lua_toboolean(from, index));
    return NULL;
  case LUA_TNUMBER:
    if (lua_isinteger(from, index))
      lua_pushinteger(to, lua_tointeger(from, index));
    else
      lua_pushnumber(to, lua_tonumber(from, index));
    return NULL;
  case LUA_TSTRING:
    return copy_string(from, index, to, c);
  case LUA_TTABLE:
    return copy_table(from, index, to, c, depth);
  default:
    return "only text, numbers, booleans and tables of them cross";
  }
}

/* Everything below that may throw in the fence's state runs under lua_pcall there. */
static int inside_open(lua_State *P) {
  fence_push_names(P);
  lua_rawseti(P, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  fence_push_inner(P);
  lua_newtable(P);
  lua_setfield(P, -2, "door");
  lua_setfield(P, LUA_REGISTRYINDEX, CLASS);
  return 0;
}

static int inside_load(lua_State *P) {
  request *r = lua_touserdata(P, 1);
  lua_getfield(P, LUA_REGISTRYINDEX, CLASS);
  lua_pushfstring(P, r->inner ? "=%s" : "@%s", r->name);
  if (fence_compile(P, r->text, r->size, lua_tostring(P, -1)) != LUA_OK)
    lua_error(P);
  if (r->inner)
    lua_pushvalue(P, 2);
  lua_call(P, r->inner, 1);
  if (r->inner)
    lua_setfield(P, 2, r->name);
  return 0;
}

void fence_push_called(lua_State *P, const char *name) {
  lua_getfield(P, LUA_REGISTRYINDEX, CLASS);
  lua_getfield(P, -1, "door");
  if (lua_getfield(P, -1, name) != LUA_TFUNCTION) {
    lua_rawgeti(P, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pushstring(P, name);
    lua_rawget(P, -2);
  }
  if (!lua_isfunction(P, -1))
    luaL_error(P, "no function '%s'", name);
}

static int inside_call(lua_State *P) {
  request *r = lua_touserdata(P, 1);
  crossing c = {0, 0};
  int base;
  fence_push_called(P, r->name);
  base = lua_gettop(P);
  luaL_checkstack(P, r->last - r->first + 8, "arguments");
  for (int i = r->first; i <= r->last; i++) {
    const char *why = fence_copy(r->host, i, P, &c, 0);
    if (why)
      luaL_error(P, "argument %d: %s", i - r->first + 1, why);
  }
  lua_call(P, lua_gettop(P) - base, LUA_MULTRET);
  return lua_gettop(P) - base + 1;
}

/* Pushes the place "FILE:LINE: " of the innermost line of the policy's own text, or
 * nothing. Copies that of a chunk of the host's, where one is further in, to INNER. */
static void push_place(lua_State *P, char *inner, size_t size) {
  lua_Debug d;
  *inner = 0;
  for (int level = 1; lua_getstack(P, level, &d); level++) {
    lua_getinfo(P, "Sl", &d);
    if (d.currentline >= 0 && *d.source == '@') {
      lua_pushfstring(P, "%s:%d: ", d.short_src, d.currentline);
      return;
    }
    if (d.currentline >= 0 && !*inner)
      snprintf(inner, size, "%s:%d: ", d.short_src, d.currentline);
  }
  lua_pushliteral(P, "");
}

int fence_has_place(const char *text) {
  const char *colon = strchr(text, ':');
  size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
  return digits && colon[1 + digits] == ':';
}

/* The message handler. What C, one of the host's own chunks, or no text at all threw is
 * put down to the line of the policy. */
static int on_error(lua_State *P) {
  char inner[LUA_IDSIZE + 16];
  const char *text = lua_type(P, 1) == LUA_TSTRING ? lua_tostring(P, 1) : NULL;
  push_place(P, inner, sizeof inner);
  if (!text)
    lua_pushfstring(P, "threw a %s instead of a text", luaL_typename(P, 1));
  else if (*inner && strncmp(text, inner, strlen(inner)) == 0)
    lua_pushstring(P, text + strlen(inner));
  else if (!fence_has_place(text))
    lua_pushvalue(P, 1);
  else
    return lua_settop(P, 1), 1;
  lua_concat(P, 2);
  return 1;
}

/* Runs BODY in the fence; 0 when it came to its end, else what core_fail pushed on the
 * host. */
static int protect(lua_State *L, fence *f, lua_CFunction body, request *r, size_t spare) {
  int top = lua_gettop(L), status;
  arm(f, spare);
  lua_pushcfunction(f->state, on_error);
  lua_pushcfunction(f->state, body);
  lua_pushlightuserdata(f->state, r);
  status = lua_pcall(f->state, 1, LUA_MULTRET, 1);
  lua_remove(f->state, 1);
  lua_settop(L, top);
  if (status == LUA_OK)
    return 0;
  if (lua_type(f->state, -1) == LUA_TSTRING)
    core_fail(L, "policy", "%s", lua_tostring(f->state, -1));
  else
    core_fail(L, "policy", "threw what cannot be told");
  lua_settop(f->state, 0);
  return 3;
}

int fence_protect(lua_State *L, fence *f, lua_CFunction body, request *r) {
  return protect(L, f, body, r, 0);
}

fence *fence_check(lua_State *L) {
  fence *f = luaL_checkudata(L, 1, CLASS);
  luaL_argcheck(L, f->state, 1, "fence is closed");
  return f;
}

static int f_close(lua_State *L) {
  fence *f = luaL_checkudata(L, 1, CLASS);
  f->thread = NULL;
  if (f->state)
    lua_close(f->state);
  f->state = NULL;
  return 0;
}

/* fence.new{memory = bytes, instructions = count, milliseconds = of processor time, block
 * = bytes of one allocation} → fence | nil, message, "policy" */
static int f_new(lua_State *L) {
  fence *f;
  int failed;
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_newtable(L);
    lua_replace(L, 1);
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  f = core_new(L, CLASS, sizeof *f);
  f->limit = f->room = (size_t)core_field_integer(L, 1, "memory", FENCE_MEMORY);
  f->instructions = core_field_integer(L, 1, "instructions", FENCE_INSTRUCTIONS);
  f->milliseconds = core_field_integer(L, 1, "milliseconds", FENCE_MILLISECONDS);
  f->block = (size_t)core_field_integer(L, 1, "block", FENCE_BLOCK_MAX);
  f->state = lua_newstate(allocate, f);
  if (!f->state)
    return core_fail(L, "policy", "%d bytes are too few for a policy", (int)f->limit);
  *(fence **)lua_getextraspace(f->state) = f;
  lua_gc(f->state, LUA_GCINC, PAUSE, 0, 0);
  failed = fence_protect(L, f, inside_open, NULL);
  if (!failed)
    return 1;
  lua_close(f->state);
  f->state = NULL;
  return failed;
}

/* f:load(name, text [, inner]) → true | nil, message, "policy". Compiles TEXT (never
 * bytecode) and runs it. An inner chunk is the host's own: it is given the inner table
 * (fence_push_inner), what it returns is kept there under its name, and what it puts into
 * `door` is what f:call calls. */
static int f_load(lua_State *L) {
  fence *f = fence_check(L);
  request r = {L, 0, 0, luaL_checkstring(L, 2), NULL, 0, lua_toboolean(L, 4)};
  int failed;
  int64_t began = processor_time();
  r.text = luaL_checklstring(L, 3, &r.size);
  failed = fence_protect(L, f, inside_load, &r);
  if (r.inner)
    f->own += processor_time() - began;
  if (failed)
    return failed;
  lua_pushboolean(L, 1);
  return 1;
}

static int call(lua_State *L, fence *f, size_t spare) {
  request r = {L, 3, lua_gettop(L), luaL_checkstring(L, 2), NULL, 0, 0};
  crossing c = {0, 0};
  int failed = protect(L, f, inside_call, &r, spare), count;
  if (failed)
    return failed;
  count = lua_gettop(f->state);
  luaL_checkstack(L, count + 8, "results");
  for (int i = 1; i <= count; i++) {
    const char *why = fence_copy(f->state, i, L, &c, 0);
    if (why)
      return core_fail(L, "policy", "result %d of %s: %s", i, r.name, why);
  }
  lua_settop(f->state, 0);
  return count;
}

/* Whether what questions have left behind fills the memory: collecting it at each new
 * question would cost more than all that is asked. */
static int is_full(fence *f) {
  if (!f->is_full && f->used > f->limit - f->limit / 16) {
    lua_gc(f->state, LUA_GCCOLLECT);
    f->is_full = f->used > f->limit - f->limit / 16;
  }
  return f->is_full;
}

/* f:call(name, …) → copies of what it returns | nil, message, "policy". NAME is a
 * function of the door, else a global one. Each call is one question: its limits begin
 * anew. */
static int f_call(lua_State *L) {
  fence *f = fence_check(L);
  if (is_full(f))
    return core_fail(L, "policy",
                     "earlier questions left %d bytes behind, so no more are asked until "
                     "it is loaded anew (limit: %d bytes)",
                     (int)f->used, (int)f->limit);
  return call(L, f, 0);
}

/* f:rescue(name, …): the same with half as much memory again, for what must be answered
 * even if the policy has used up its own. */
static int f_rescue(lua_State *L) {
  fence *f = fence_check(L);
  return call(L, f, f->limit / 2);
}

/* f:spent() → instructions of the last question, bytes held now */
static int f_spent(lua_State *L) {
  fence *f = fence_check(L);
  lua_pushinteger(L, f->instructions - f->left);
  lua_pushinteger(L, (lua_Integer)f->used);
  return 2;
}

static const luaL_Reg methods[] = {
    {"load",    f_load      },
    {"call",    f_call      },
    {"rescue",  f_rescue    },
    {"start",   fence_start },
    {"resume",  fence_resume},
    {"stop",    fence_stop  },
    {"spent",   f_spent     },
    {"close",   f_close     },
    {"__gc",    f_close     },
    {"__close", f_close     },
    {NULL,      NULL        },
};

static const luaL_Reg functions[] = {
    {"new", f_new},
    {NULL,  NULL },
};

int luaopen_core_fence(lua_State *L) {
  core_class(L, CLASS, methods);
  luaL_newlib(L, functions);
  return 1;
}
