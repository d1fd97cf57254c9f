/* json.c - canonical JSON for what we sign and say: strict reading, one way of writing.
 * Not for other people's JSON (lua-cjson is). */
#include "core.h"
#include "json.h"
#include "codecs.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* == checking == */

typedef struct {
  const char *at, *end;
  const char *why;
} reader;

typedef struct {
  const char *text; /* between the quotation marks, escapes as they stand */
  size_t size;
} string;

static int check_value(reader *r, int depth);

static int wrong(reader *r, const char *why) {
  if (!r->why)
    r->why = why;
  return -1;
}

static int take(reader *r, char c) {
  if (r->at == r->end || *r->at != c)
    return 0;
  r->at++;
  return 1;
}

static int check_string(reader *r, string *s) {
  if (!take(r, '"'))
    return wrong(r, "a string was expected");
  s->text = r->at;
  while (r->at < r->end && *r->at != '"') {
    int length = text_character(r->at, (size_t)(r->end - r->at));
    if (length == 0)
      return wrong(r, "a string is not UTF-8 without controls");
    if (*r->at == '\\') {
      if (r->end - r->at < 2 || (r->at[1] != '"' && r->at[1] != '\\'))
        return wrong(r, "only \\\" and \\\\ are escaped");
      length = 2;
    }
    r->at += length;
  }
  s->size = (size_t)(r->at - s->text);
  return take(r, '"') ? 0 : wrong(r, "a string does not end");
}

/* The digits of an integer without sign; at most 16 can be within 2^53. */
static int check_digits(reader *r) {
  const char *start = r->at;
  int64_t value = 0;
  while (r->at < r->end && *r->at >= '0' && *r->at <= '9' && r->at - start < 17)
    value = value * 10 + (*r->at++ - '0');
  if (r->at == start)
    return wrong(r, "a value was expected");
  if (*start == '0' && r->at - start > 1)
    return wrong(r, "a number begins with 0");
  return value <= JSON_INTEGER_MAX ? 0 : wrong(r, "an integer is beyond 2^53");
}

static int check_number(reader *r) {
  if (take(r, '-') && r->at < r->end && *r->at == '0')
    return wrong(r, "-0 is not an integer");
  if (check_digits(r) != 0)
    return -1;
  if (r->at < r->end && strchr(".eE", *r->at))
    return wrong(r, "a number is not an integer");
  return 0;
}

static int check_word(reader *r, const char *word) {
  size_t size = strlen(word);
  if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0)
    return wrong(r, "a value was expected");
  r->at += size;
  return 0;
}

static int next_byte(string *s) {
  if (s->size == 0)
    return -1;
  if (*s->text == '\\')
    s->text++, s->size--;
  s->size--;
  return (uint8_t)*s->text++;
}

/* Order of the bytes that are meant, not of those that stand there escaped. */
static int compare(string a, string b) {
  int x, y;
  do
    x = next_byte(&a), y = next_byte(&b);
  while (x == y && x >= 0);
  return x - y;
}

static int check_members(reader *r, int depth) {
  string key, before = {NULL, 0};
  do {
    if (check_string(r, &key) != 0)
      return -1;
    if (before.text && compare(before, key) >= 0)
      return wrong(r, "keys are not sorted and unique");
    if (!take(r, ':'))
      return wrong(r, "a colon was expected");
    if (check_value(r, depth) != 0)
      return -1;
    before = key;
  } while (take(r, ','));
  return take(r, '}') ? 0 : wrong(r, "an object does not end");
}

static int check_elements(reader *r, int depth) {
  do
    if (check_value(r, depth) != 0)
      return -1;
  while (take(r, ','));
  return take(r, ']') ? 0 : wrong(r, "an array does not end");
}

static int check_value(reader *r, int depth) {
  string ignored;
  char c = r->at < r->end ? *r->at : '\0';
  if ((c == '{' || c == '[') && depth == CORE_JSON_DEPTH)
    return wrong(r, "nested deeper than 8");
  if (take(r, '{'))
    return take(r, '}') ? 0 : check_members(r, depth + 1);
  if (take(r, '['))
    return take(r, ']') ? 0 : check_elements(r, depth + 1);
  if (c == '"')
    return check_string(r, &ignored);
  if (c == 't')
    return check_word(r, "true");
  if (c == 'f')
    return check_word(r, "false");
  if (c == 'n')
    return check_word(r, "null");
  return check_number(r);
}

int json_check(const char *text, size_t size, const char **why) {
  reader r = {text, text + size, NULL};
  int result = check_value(&r, 0);
  if (result == 0 && r.at != r.end)
    result = wrong(&r, "something follows the value");
  if (result != 0 && why)
    *why = r.why;
  return result;
}

/* == reading == the text has been checked: nothing here can go wrong but memory */

static void read_value(lua_State *L, const char **at, int mark);

static void read_string(lua_State *L, const char **at) {
  luaL_Buffer b;
  const char *from = ++*at;
  luaL_buffinit(L, &b);
  for (; **at != '"'; ++*at) {
    if (**at != '\\')
      continue;
    luaL_addlstring(&b, from, (size_t)(*at - from));
    from = ++*at;
  }
  luaL_addlstring(&b, from, (size_t)(*at - from));
  luaL_pushresult(&b);
  ++*at;
}

static void read_object(lua_State *L, const char **at, int mark) {
  lua_newtable(L);
  for (++*at; **at != '}';) {
    read_string(L, at);
    ++*at; /* the colon */
    read_value(L, at, mark);
    lua_rawset(L, -3);
    if (**at == ',')
      ++*at;
  }
  ++*at;
}

static void read_array(lua_State *L, const char **at, int mark) {
  lua_newtable(L);
  lua_pushvalue(L, mark);
  lua_setmetatable(L, -2);
  ++*at;
  for (lua_Integer i = 1; **at != ']'; i++) {
    read_value(L, at, mark);
    lua_rawseti(L, -2, i);
    if (**at == ',')
      ++*at;
  }
  ++*at;
}

static void read_value(lua_State *L, const char **at, int mark) {
  char *end;
  luaL_checkstack(L, 8, "nested JSON");
  switch (**at) {
  case '{':
    read_object(L, at, mark);
    return;
  case '[':
    read_array(L, at, mark);
    return;
  case '"':
    read_string(L, at);
    return;
  case 't':
    lua_pushboolean(L, 1), *at += 4;
    return;
  case 'f':
    lua_pushboolean(L, 0), *at += 5;
    return;
  case 'n':
    lua_pushlightuserdata(L, NULL), *at += 4;
    return;
  default:
    lua_pushinteger(L, strtoll(*at, &end, 10)), *at = end;
  }
}

/* == writing == */

/* Output in a userdata that stands at SLOT of the stack, so that an error leaks nothing.
 */
typedef struct {
  lua_State *L;
  int slot, mark;
  char *bytes;
  size_t size, room;
  int dirty; /* a string was met that DATA cannot hold */
} writer;

static void write_value(writer *w, int depth);

static void put(writer *w, const char *bytes, size_t size) {
  if (w->room - w->size < size) {
    size_t room = (w->size + size) * 2 + 256;
    char *grown = lua_newuserdatauv(w->L, room, 0);
    if (w->size)
      memcpy(grown, w->bytes, w->size);
    lua_replace(w->L, w->slot);
    w->bytes = grown;
    w->room = room;
  }
  memcpy(w->bytes + w->size, bytes, size);
  w->size += size;
}

static void write_string(writer *w, const char *text, size_t size) {
  if (!text_is_clean(text, size))
    w->dirty = 1;
  put(w, "\"", 1);
  for (size_t i = 0; i < size; i++) {
    if (text[i] == '"' || text[i] == '\\')
      put(w, "\\", 1);
    put(w, text + i, 1);
  }
  put(w, "\"", 1);
}

static void write_integer(writer *w) {
  int isinteger;
  char digits[32];
  lua_Integer value = lua_tointegerx(w->L, -1, &isinteger);
  if (!isinteger)
    luaL_error(w->L, "JSON DATA has integers only, not %f", lua_tonumber(w->L, -1));
  if (value > JSON_INTEGER_MAX || value < -JSON_INTEGER_MAX)
    luaL_error(w->L, "JSON DATA has integers within 2^53 only, not %I",
               (LUAI_UACINT)value);
  put(w, digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)value));
}

static int compare_keys(const void *a, const void *b) {
  const string *x = a, *y = b;
  int order = memcmp(x->text, y->text, x->size < y->size ? x->size : y->size);
  return order ? order : (x->size > y->size) - (x->size < y->size);
}

/* Sorts the keys of the table on the top into a userdata that is pushed. The table keeps
 * the strings alive meanwhile: nothing of Lua runs in between. */
static string *sorted_keys(lua_State *L, size_t count) {
  string *keys = lua_newuserdatauv(L, count * sizeof *keys, 0), *key = keys;
  lua_pushnil(L);
  while (lua_next(L, -3)) {
    key->text = lua_tolstring(L, -2, &key->size);
    key++;
    lua_pop(L, 1);
  }
  qsort(keys, count, sizeof *keys, compare_keys);
  return keys;
}

static void write_object(writer *w, size_t count, int depth) {
  string *keys = sorted_keys(w->L, count);
  put(w, "{", 1);
  for (size_t i = 0; i < count; i++) {
    if (i)
      put(w, ",", 1);
    write_string(w, keys[i].text, keys[i].size);
    put(w, ":", 1);
    lua_pushlstring(w->L, keys[i].text, keys[i].size);
    lua_rawget(w->L, -3);
    write_value(w, depth);
    lua_pop(w->L, 1);
  }
  lua_pop(w->L, 1);
  put(w, "}", 1);
}

static void write_array(writer *w, size_t count, int depth) {
  put(w, "[", 1);
  for (size_t i = 1; i <= count; i++) {
    if (i > 1)
      put(w, ",", 1);
    lua_rawgeti(w->L, -1, (lua_Integer)i);
    write_value(w, depth);
    lua_pop(w->L, 1);
  }
  put(w, "]", 1);
}

/* How many keys the table on the top has, and how many of them are strings. */
static size_t count_keys(lua_State *L, size_t *strings) {
  size_t count = 0;
  *strings = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) == LUA_TSTRING)
      ++*strings;
    count++;
  }
  return count;
}

static int is_marked(writer *w) {
  int marked = lua_getmetatable(w->L, -1);
  if (!marked)
    return 0;
  marked = lua_rawequal(w->L, -1, w->mark);
  lua_pop(w->L, 1);
  return marked;
}

static void write_table(writer *w, int depth) {
  size_t strings, count, array;
  if (depth == CORE_JSON_DEPTH)
    luaL_error(w->L, "nested deeper than 8, or in a circle");
  luaL_checkstack(w->L, 12, "nested JSON");
  count = count_keys(w->L, &strings);
  array = lua_rawlen(w->L, -1);
  if (strings == 0 && array == count && (count > 0 || is_marked(w)))
    write_array(w, count, depth + 1);
  else if (strings == count && !is_marked(w))
    write_object(w, count, depth + 1);
  else
    luaL_error(w->L, "a table is neither 1 to n nor all string keys");
}

static void write_value(writer *w, int depth) {
  size_t size;
  const char *text;
  switch (lua_type(w->L, -1)) {
  case LUA_TSTRING:
    text = lua_tolstring(w->L, -1, &size), write_string(w, text, size);
    return;
  case LUA_TNUMBER:
    write_integer(w);
    return;
  case LUA_TBOOLEAN:
    lua_toboolean(w->L, -1) ? put(w, "true", 4) : put(w, "false", 5);
    return;
  case LUA_TTABLE:
    write_table(w, depth);
    return;
  case LUA_TLIGHTUSERDATA:
    if (lua_touserdata(w->L, -1) == NULL) {
      put(w, "null", 4);
      return;
    } /* fall through */
  default:
    luaL_error(w->L, "JSON DATA cannot hold a %s", luaL_typename(w->L, -1));
  }
}

/* == Lua == upvalue 1 of each: the metatable that marks arrays */

/* encode(value) → text | nil, text, "form" where a string is not clean UTF-8; throws on
 * whatever else DATA cannot hold */
static int f_encode(lua_State *L) {
  writer w = {.L = L, .slot = 2, .mark = lua_upvalueindex(1)};
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  lua_pushnil(L); /* the slot */
  lua_pushvalue(L, 1);
  write_value(&w, 0);
  if (w.dirty)
    return core_fail(L, "form", "a string is not UTF-8 without controls");
  lua_pushlstring(L, w.bytes, w.size);
  return 1;
}

static int fail_check(lua_State *L, const char *why) {
  return core_fail(L, "form", "not canonical JSON: %s", why);
}

/* decode(text) → value | nil, text, "form" */
static int f_decode(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size), *why;
  if (json_check(text, size, &why) != 0)
    return fail_check(L, why);
  read_value(L, &text, lua_upvalueindex(1));
  return 1;
}

/* check(text) → true | nil, text, "form" */
static int f_check(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size), *why;
  if (json_check(text, size, &why) != 0)
    return fail_check(L, why);
  lua_pushboolean(L, 1);
  return 1;
}

/* array(t) → t, marked: written as [] even when empty */
static int f_array(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_setmetatable(L, 1);
  return 1;
}

/* is_array(value) → whether it bears the mark */
static int f_is_array(lua_State *L) {
  int marked = lua_type(L, 1) == LUA_TTABLE && lua_getmetatable(L, 1) &&
               lua_rawequal(L, -1, lua_upvalueindex(1));
  lua_pushboolean(L, marked);
  return 1;
}

static const luaL_Reg functions[] = {
    {"encode",   f_encode  },
    {"decode",   f_decode  },
    {"check",    f_check   },
    {"array",    f_array   },
    {"is_array", f_is_array},
    {NULL,       NULL      },
};

int luaopen_core_json(lua_State *L) {
  luaL_newlibtable(L, functions);
  luaL_newmetatable(L, "core.json.array");
  luaL_setfuncs(L, functions, 1);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  return 1;
}
