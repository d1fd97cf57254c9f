/* names.c - what a fence hands out, each function at its price. No state, no limit
 * kept. */
#include "fence.h"
#include <lualib.h>
#include <string.h>

/* The count hook sees no instruction inside a C function, so each pays for its work
 * beforehand. */
enum { BY_TEXT, BY_LIST, BY_MOVE, BY_REP, BY_PATTERN, BY_GMATCH, BY_FORMAT, BY_TOSTRING };

#define STEPS_MAX 67108864.0 /* of the matcher, half a second on a small board */
#define STEPS_PER_UNIT 128.0
#define BYTES_PER_UNIT 16
#define VALUES_PER_UNIT 4

static int64_t price_of_pattern(lua_State *P, int may_anchor) {
  size_t size, length;
  const char *pattern;
  double steps;
  luaL_checklstring(P, 1, &size);
  pattern = luaL_checklstring(P, 2, &length);
  if (may_anchor && lua_isboolean(P, 4) && lua_toboolean(P, 4)) /* find, plain */
    return (int64_t)(size * (length + 1) / BYTES_PER_UNIT);
  if (size > FENCE_SUBJECT_MAX)
    luaL_error(P, "a text of %d bytes is too long for a pattern", (int)size);
  if (length > FENCE_PATTERN_MAX)
    luaL_error(P, "a pattern of %d bytes is too long", (int)length);
  steps = fence_pattern_steps(pattern, length, size,
                              may_anchor && length > 0 && *pattern == '^');
  if (steps > STEPS_MAX)
    luaL_error(P, "too many repetitions in the pattern for a text of %d bytes",
               (int)size);
  return (int64_t)(steps / STEPS_PER_UNIT);
}

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
  return (int64_t)((size + gap) * (size_t)count / BYTES_PER_UNIT);
}

/* An address differs from run to run: a table is shown as the word "table" and no more.
 */
static void hide_addresses(lua_State *P) {
  for (int i = lua_gettop(P); i >= 1; i--) {
    int type = lua_type(P, i);
    if (type != LUA_TTABLE && type != LUA_TFUNCTION)
      continue;
    lua_pushstring(P, lua_typename(P, type));
    lua_replace(P, i);
  }
}

static void refuse_pointers(lua_State *P) {
  const char *p = luaL_checkstring(P, 1);
  for (; (p = strchr(p, '%')) != NULL; p++) {
    p += 1 + strspn(p + 1, "-+ #0123456789.");
    if (*p == 'p')
      luaL_error(P, "'%%p' would show an address");
    if (!*p)
      return;
  }
}

static int64_t price_of_text(lua_State *P) {
  size_t bytes = 0, size;
  for (int i = lua_gettop(P); i >= 1; i--)
    if (lua_type(P, i) == LUA_TSTRING) {
      lua_tolstring(P, i, &size);
      bytes += size;
    }
  return (int64_t)(bytes / BYTES_PER_UNIT);
}

/* Upvalues: the library's own function, how its work is counted. */
static int metered(lua_State *P) {
  lua_CFunction function = lua_tocfunction(P, lua_upvalueindex(1));
  int64_t price = price_of_text(P);
  switch (lua_tointeger(P, lua_upvalueindex(2))) {
  case BY_LIST:
    price += lua_istable(P, 1) ? (int64_t)lua_rawlen(P, 1) / VALUES_PER_UNIT : 0;
    break;
  case BY_MOVE:
    price += price_of_move(P);
    break;
  case BY_REP:
    price += price_of_rep(P);
    break;
  case BY_PATTERN:
    price += price_of_pattern(P, 1);
    break;
  case BY_GMATCH:
    price += price_of_pattern(P, 0);
    break;
  case BY_FORMAT:
    refuse_pointers(P);
    hide_addresses(P);
    break;
  case BY_TOSTRING:
    hide_addresses(P);
    break;
  default:
    break;
  }
  if (price > 0)
    fence_charge(P, price);
  return function(P);
}

typedef struct {
  const char *name;
  int price;
} handed;

static const handed base_names[] = {
    {"assert",   BY_TEXT    },
    {"error",    BY_TEXT    },
    {"ipairs",   BY_TEXT    },
    {"select",   BY_TEXT    },
    {"tonumber", BY_TEXT    },
    {"tostring", BY_TOSTRING},
    {"type",     BY_TEXT    },
    {NULL,       0          },
};
static const handed string_names[] = {
    {"byte",    BY_TEXT   },
    {"char",    BY_TEXT   },
    {"find",    BY_PATTERN},
    {"format",  BY_FORMAT },
    {"gmatch",  BY_GMATCH },
    {"gsub",    BY_PATTERN},
    {"len",     BY_TEXT   },
    {"lower",   BY_TEXT   },
    {"match",   BY_PATTERN},
    {"rep",     BY_REP    },
    {"reverse", BY_TEXT   },
    {"sub",     BY_TEXT   },
    {"upper",   BY_TEXT   },
    {NULL,      0         },
};
static const handed table_names[] = {
    {"concat", BY_LIST},
    {"insert", BY_LIST},
    {"move",   BY_MOVE},
    {"pack",   BY_TEXT},
    {"remove", BY_LIST},
    {"unpack", BY_LIST},
    {NULL,     0      },
};
static const handed utf8_names[] = {
    {"char",      BY_TEXT},
    {"codepoint", BY_TEXT},
    {"codes",     BY_TEXT},
    {"len",       BY_TEXT},
    {"offset",    BY_TEXT},
    {NULL,        0      },
};

/* Leaves on the stack a new table with NAMES out of the one on top, which it replaces. */
static void hand_out(lua_State *P, const handed *names) {
  lua_newtable(P);
  for (; names->name; names++) {
    lua_getfield(P, -2, names->name);
    lua_pushinteger(P, names->price);
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

/* compile(text, name, environment) → function | nil, message. Text only: bytecode is not
 * checked by the virtual machine and could leave it. */
static int inner_compile(lua_State *P) {
  size_t size;
  const char *text = luaL_checklstring(P, 1, &size);
  luaL_checktype(P, 3, LUA_TTABLE);
  fence_charge(P, (int64_t)size);
  lua_pushfstring(P, "@%s", luaL_checkstring(P, 2));
  if (luaL_loadbufferx(P, text, size, lua_tostring(P, -1), "t") != LUA_OK) {
    lua_pushnil(P);
    lua_insert(P, -2);
    return 2;
  }
  lua_pushvalue(P, 3);
  if (!lua_setupvalue(P, -2, 1))
    lua_pop(P, 1);
  return 1;
}

/* where(function | level) → file, line of its definition, or of the call at that level */
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
}
