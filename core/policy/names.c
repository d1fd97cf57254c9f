/* names.c - what a fence hands out, each function at its price. No state, no limit
 * kept. */
#include "fence.h"
#include <ctype.h>
#include <lualib.h>
#include <string.h>

/* The count hook sees no instruction inside a C function, so each pays for its work
 * beforehand. */
#define BYTES_PER_UNIT 16
#define VALUES_PER_UNIT 4
#define UNITS_PER_FIELD 50 /* of format: a large number has 400 digits */

/* ---- what a pattern costs at worst ---- */

#define STEPS_MAX 2500000.0 /* of the matcher, 10 ms */
#define STEPS_PER_UNIT 128.0
#define SET_PER_STEP 8 /* bytes of a set such as [a-z_] that are looked at in a step */

/* One item of a pattern: the sort of byte that it takes (letter or digit, blank,
 * punctuation, or '?' for anything), and how often: '1', one of * + - ?, 'b' for %b and
 * %1, '$' at the end. No byte is of two sorts. */
typedef struct {
  char sort, times;
  size_t set; /* bytes of its set */
} item;

static char sort_of(unsigned char c, int is_escaped) {
  if (is_escaped && isalpha(c) && strchr("acdglpsuwx", tolower(c))) {
    if (strchr("adluwx", c))
      return 'w';
    return c == 's' || c == 'p' ? (char)c : '?';
  }
  if (isalnum(c))
    return 'w';
  return isspace(c) ? 's' : ispunct(c) ? 'p' : '?';
}

/* Behind the set that begins at P, as the matcher finds its end: its first character
 * never is it. */
static const char *skip_set(const char *p, const char *end) {
  p += p + 1 < end && p[1] == '^' ? 2 : 1;
  for (int first = 1; p < end && (*p != ']' || first); first = 0)
    p += *p == '%' && p + 1 < end ? 2 : 1;
  return p < end ? p + 1 : end;
}

/* Reads the next item that takes bytes; captures and frontiers take none and are passed
 * over. A malformed pattern is read as far as it goes: the matcher itself refuses it. */
static const char *read_item(const char *p, const char *end, item *it) {
  const char *from = p;
  *it = (item){'?', '1', 0};
  while (p < end && (*p == '(' || *p == ')'))
    from = ++p;
  if (p == end || (*p == '$' && p + 1 == end)) {
    it->times = '$';
    return end;
  }
  if (*p == '[') {
    p = skip_set(p, end);
    it->set = (size_t)(p - from);
  } else if (*p != '%' || p + 1 == end) {
    it->sort = *p == '.' ? '?' : sort_of((unsigned char)*p, 0);
    p++;
  } else if (p[1] == 'f' && p + 2 < end) {
    return read_item(skip_set(p + 2, end), end, it);
  } else if (p[1] == 'b' || isdigit((unsigned char)p[1])) {
    it->times = 'b';
    return p[1] == 'b' && end - p >= 4 ? p + 4 : p + 2;
  } else {
    it->sort = sort_of((unsigned char)p[1], 1);
    p += 2;
  }
  if (p < end && memchr("*+-?", *p, 4))
    it->times = *p++;
  return p;
}

/* Whether a repetition can end in one place only, because what must follow is of another
 * sort: then it cannot be shortened or lengthened to try again. */
static int ends_once(const item *it, const item *next) {
  if (next->times == '$')
    return 1;
  return (next->times == '1' || next->times == '+') && it->sort != '?' &&
         next->sort != '?' && it->sort != next->sort;
}

typedef struct {
  int free_ends; /* repetitions that may end anywhere, and a beginning that may be
                  * anywhere
                  */
  double steps;
} cost;

/* Each free end multiplies the ways: C(SIZE + n, n) for n of them; the repetitions that
 * end once cost a walk each, and each `?` is tried with and without. */
static cost cost_of_pattern(const char *pattern, size_t length, size_t size,
                            int is_anchored) {
  const char *end = pattern + length, *p = is_anchored ? pattern + 1 : pattern;
  cost c = {is_anchored ? 0 : 1, 1};
  double walks = 1;
  size_t longest_set = 0;
  item it, next;
  for (p = read_item(p, end, &it); it.times != '$'; it = next) {
    p = read_item(p, end, &next);
    longest_set = it.set > longest_set ? it.set : longest_set;
    walks++;
    if (it.times == '?')
      c.steps *= 2;
    else if (it.times == 'b' || (it.times != '1' && !ends_once(&it, &next)))
      c.free_ends++;
    else if (it.times != '1')
      walks += (double)size;
  }
  for (int i = 1; i <= c.free_ends && c.steps < 1e12; i++)
    c.steps *= ((double)size + i) / i;
  c.steps *= walks * (1 + (double)(longest_set / SET_PER_STEP));
  return c;
}

static int64_t price_of_pattern(lua_State *P, int may_anchor) {
  size_t size, length;
  const char *pattern;
  cost c;
  luaL_checklstring(P, 1, &size);
  pattern = luaL_checklstring(P, 2, &length);
  if (size > FENCE_SUBJECT_MAX)
    luaL_error(P, "a text of %d bytes is too long for a pattern (%d bytes at most)",
               (int)size, FENCE_SUBJECT_MAX);
  if (length > FENCE_PATTERN_MAX)
    luaL_error(P, "a pattern of %d bytes is too long (%d at most)", (int)length,
               FENCE_PATTERN_MAX);
  c = cost_of_pattern(pattern, length, size, may_anchor && length && *pattern == '^');
  if (c.steps > STEPS_MAX)
    luaL_error(
        P,
        "too many repetitions in the pattern for a text of %d bytes: %d places may "
        "be anywhere; begin it with ^, or let each * + - be followed by something "
        "that it does not take, as in %%w+=",
        (int)size, c.free_ends);
  return (int64_t)(c.steps / STEPS_PER_UNIT);
}

static int64_t price_of_gmatch(lua_State *P) {
  return price_of_pattern(P, 0);
}

static int64_t price_of_match(lua_State *P) {
  return price_of_pattern(P, 1);
}

static int64_t price_of_find(lua_State *P) {
  size_t size, length;
  luaL_checklstring(P, 1, &size);
  luaL_checklstring(P, 2, &length);
  if (lua_isboolean(P, 4) && lua_toboolean(P, 4)) /* plain */
    return (int64_t)(size * (length + 1) / BYTES_PER_UNIT);
  return price_of_pattern(P, 1);
}

/* ---- what other work costs ---- */

static int64_t price_of_move(lua_State *P) {
  lua_Integer from = luaL_checkinteger(P, 2), to = luaL_checkinteger(P, 3);
  if (to < from)
    return 0;
  luaL_argcheck(P, from > 0 && to < FENCE_BLOCK_MAX, 3, "too many elements to move");
  return (to - from) / VALUES_PER_UNIT;
}

static int64_t price_of_rep(lua_State *P) {
  size_t size, gap = 0;
  lua_Integer count = luaL_checkinteger(P, 2);
  luaL_checklstring(P, 1, &size);
  luaL_optlstring(P, 3, "", &gap);
  if (count <= 0)
    return 0;
  if (count > FENCE_STRING_MAX || (size + gap) * (size_t)count > FENCE_STRING_MAX)
    luaL_error(P, "resulting string too large");
  return (int64_t)((size + gap + 1) * (size_t)count / BYTES_PER_UNIT);
}

static int64_t price_of_list(lua_State *P) {
  return lua_istable(P, 1) ? (int64_t)lua_rawlen(P, 1) / VALUES_PER_UNIT : 0;
}

static int64_t price_of_concat(lua_State *P) {
  size_t bytes = 0, count = lua_istable(P, 1) ? lua_rawlen(P, 1) : 0;
  for (size_t i = 1; i <= count; i++) {
    if (lua_rawgeti(P, 1, (lua_Integer)i) == LUA_TSTRING)
      bytes += lua_rawlen(P, -1);
    lua_pop(P, 1);
  }
  if (bytes > FENCE_STRING_MAX)
    luaL_error(P, "resulting string too large");
  return (int64_t)(count / VALUES_PER_UNIT + bytes / BYTES_PER_UNIT);
}

static int64_t price_of_unpack(lua_State *P) {
  lua_Integer from = luaL_optinteger(P, 2, 1);
  lua_Integer to = lua_isnoneornil(P, 3) ? luaL_len(P, 1) : luaL_checkinteger(P, 3);
  if (to < from)
    return 0;
  if ((lua_Unsigned)to - (lua_Unsigned)from >= FENCE_VALUES)
    luaL_error(P, "too many results to unpack");
  return (to - from) / VALUES_PER_UNIT;
}

/* A unit for each argument, since all are looked at. */
static int64_t price_of_arguments(lua_State *P) {
  size_t bytes = 0, size;
  for (int i = lua_gettop(P); i >= 1; i--)
    if (lua_type(P, i) == LUA_TSTRING) {
      lua_tolstring(P, i, &size);
      bytes += size;
    }
  return (int64_t)(bytes / BYTES_PER_UNIT) + lua_gettop(P);
}

/* An address differs from run to run: a table is shown as the word "table" and no more.
 */
static int64_t hide_addresses(lua_State *P) {
  for (int i = lua_gettop(P); i >= 1; i--) {
    int type = lua_type(P, i);
    if (type != LUA_TTABLE && type != LUA_TFUNCTION)
      continue;
    lua_pushstring(P, lua_typename(P, type));
    lua_replace(P, i);
  }
  return 0;
}

static int64_t check_format(lua_State *P) {
  size_t size;
  const char *p = luaL_checklstring(P, 1, &size), *end = p + size;
  int64_t price = 0;
  for (; (p = memchr(p, '%', (size_t)(end - p))) != NULL; price += UNITS_PER_FIELD) {
    p += 1 + strspn(p + 1, "-+ #0123456789.");
    if (*p == 'p')
      luaL_error(P, "'%%p' would show an address");
    p += p < end;
  }
  hide_addresses(P);
  return price;
}

/* ---- what is handed out ---- */

/* PRICE: units beside those for the texts among the arguments, which it may also refuse
 * or change. */
typedef struct {
  const char *name;
  int64_t (*price)(lua_State *P);
} handed;

/* Upvalues: the library's own function, its row below. */
static int metered(lua_State *P) {
  lua_CFunction function = lua_tocfunction(P, lua_upvalueindex(1));
  const handed *row = lua_touserdata(P, lua_upvalueindex(2));
  int64_t price = price_of_arguments(P) + (row->price ? row->price(P) : 0);
  if (price > 0)
    fence_charge(P, price);
  return function(P);
}

static const handed base_names[] = {
    {"assert",   NULL          },
    {"error",    NULL          },
    {"ipairs",   NULL          },
    {"select",   NULL          },
    {"tonumber", NULL          },
    {"tostring", hide_addresses},
    {"type",     NULL          },
    {NULL,       NULL          },
};
static const handed string_names[] = {
    {"byte",    NULL           },
    {"char",    NULL           },
    {"find",    price_of_find  },
    {"format",  check_format   },
    {"gmatch",  price_of_gmatch},
    {"gsub",    price_of_match },
    {"len",     NULL           },
    {"lower",   NULL           },
    {"match",   price_of_match },
    {"rep",     price_of_rep   },
    {"reverse", NULL           },
    {"sub",     NULL           },
    {"upper",   NULL           },
    {NULL,      NULL           },
};
static const handed table_names[] = {
    {"concat", price_of_concat},
    {"insert", price_of_list  },
    {"move",   price_of_move  },
    {"pack",   NULL           },
    {"remove", price_of_list  },
    {"unpack", price_of_unpack},
    {NULL,     NULL           },
};
static const handed utf8_names[] = {
    {"char",      NULL},
    {"codepoint", NULL},
    {"codes",     NULL},
    {"len",       NULL},
    {"offset",    NULL},
    {NULL,        NULL},
};

/* Leaves on the stack a new table with NAMES out of the one on top, which it replaces. */
static void hand_out(lua_State *P, const handed *names) {
  lua_newtable(P);
  for (; names->name; names++) {
    lua_getfield(P, -2, names->name);
    lua_pushlightuserdata(P, (void *)names);
    lua_pushcclosure(P, metered, 2);
    lua_setfield(P, -2, names->name);
  }
  lua_remove(P, -2);
}

static void open_library(lua_State *P, const char *name, lua_CFunction open,
                         const handed *names) {
  luaL_requiref(P, name, open, 0);
  hand_out(P, names);
  lua_setfield(P, -2, name);
}

static void open_math(lua_State *P) {
  luaL_requiref(P, "math", luaopen_math, 0);
  lua_pushnil(P);
  lua_setfield(P, -2, "random");
  lua_pushnil(P);
  lua_setfield(P, -2, "randomseed");
  lua_setfield(P, -2, "math");
}

/* ("x"):rep(3) finds its method in the strings' metatable: it must find the metered one.
 */
static void set_string_methods(lua_State *P) {
  lua_pushliteral(P, "");
  lua_getmetatable(P, -1);
  lua_getfield(P, -3, "string");
  lua_setfield(P, -2, "__index");
  lua_pop(P, 2);
}

void fence_push_names(lua_State *P) {
  luaL_requiref(P, "_G", luaopen_base, 0);
  hand_out(P, base_names);
  open_library(P, "string", luaopen_string, string_names);
  open_library(P, "table", luaopen_table, table_names);
  open_library(P, "utf8", luaopen_utf8, utf8_names);
  open_math(P);
  set_string_methods(P);
}

/* What is left of a text that is compiled, and the line where that begins. */
typedef struct {
  const char *text;
  size_t size, piece;
  int line;
} rest;

/* Hands out a piece at a time: compiling, too, has a price and looks at the clock. */
static const char *read_piece(lua_State *P, void *data, size_t *size) {
  rest *r = data;
  for (; r->piece > 0; r->piece--, r->size--)
    r->line += *r->text++ == '\n';
  *size = r->piece = r->size < FENCE_PIECE ? r->size : FENCE_PIECE;
  fence_charge(P, (int64_t)*size);
  return r->text;
}

int fence_compile(lua_State *P, const char *text, size_t size, const char *name) {
  rest r = {text, size, 0, 1};
  int status = lua_load(P, read_piece, &r, name, "t");
  if (status == LUA_OK || fence_has_place(lua_tostring(P, -1)))
    return status;
  lua_pushfstring(P, "%s:%d: %s", name + 1, r.line, lua_tostring(P, -1));
  lua_remove(P, -2);
  return status;
}

/* compile(text, name, environment) → function | nil, message. Text only: bytecode is not
 * checked by the virtual machine and could leave it. */
static int inner_compile(lua_State *P) {
  size_t size;
  const char *text = luaL_checklstring(P, 1, &size);
  luaL_checktype(P, 3, LUA_TTABLE);
  lua_pushfstring(P, "@%s", luaL_checkstring(P, 2));
  if (fence_compile(P, text, size, lua_tostring(P, -1)) != LUA_OK) {
    lua_pushnil(P);
    lua_insert(P, -2);
    return 2;
  }
  lua_pushvalue(P, 3);
  if (!lua_setupvalue(P, -2, 1))
    lua_pop(P, 1);
  return 1;
}

/* where(function | level) → file, line of its definition and last line of it, or line of
 * the call at that level */
static int inner_where(lua_State *P) {
  lua_Debug debug;
  int function = lua_isfunction(P, 1);
  if (function) {
    lua_pushvalue(P, 1);
    lua_getinfo(P, ">S", &debug);
  } else {
    if (!lua_getstack(P, (int)luaL_checkinteger(P, 1), &debug))
      return 0;
    lua_getinfo(P, "Sl", &debug);
  }
  lua_pushstring(P, debug.short_src);
  lua_pushinteger(P, function ? debug.linedefined : debug.currentline);
  if (!function)
    return 2;
  lua_pushinteger(P, debug.lastlinedefined);
  return 3;
}

/* upvalue(function, number) → name, value; nothing behind the last */
static int inner_upvalue(lua_State *P) {
  luaL_checktype(P, 1, LUA_TFUNCTION);
  lua_settop(P, 2);
  const char *name = lua_getupvalue(P, 1, (int)luaL_checkinteger(P, 2));
  if (!name)
    return 0;
  lua_pushstring(P, name);
  lua_insert(P, -2);
  return 2;
}

void fence_push_inner(lua_State *P) {
  static const char *const names[] = {"next",   "rawequal",     "rawget",       "rawlen",
                                      "rawset", "setmetatable", "getmetatable", NULL};
  lua_newtable(P);
  luaL_getsubtable(P, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(P, -1, "_G");
  for (int i = 0; names[i]; i++) {
    lua_getfield(P, -1, names[i]);
    lua_setfield(P, -4, names[i]);
  }
  lua_pop(P, 2);
  lua_pushcfunction(P, inner_compile);
  lua_setfield(P, -2, "compile");
  lua_pushcfunction(P, inner_where);
  lua_setfield(P, -2, "where");
  lua_pushcfunction(P, fence_ask);
  lua_setfield(P, -2, "ask");
  lua_pushcfunction(P, inner_upvalue);
  lua_setfield(P, -2, "upvalue");
}
