/* record.c - the index of records for Lua: put, compare. Looks nothing up, has no journal
 * and no rule. */
#include "record.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CLASS "core.record"
#define IDS_MAX 65536

struct index *index_argument(lua_State *L, int index) {
  return luaL_checkudata(L, index, CLASS);
}

int record_class_argument(lua_State *L, const struct index *ix, int index) {
  int number = law_class_named(&ix->law, luaL_checkstring(L, index));
  luaL_argcheck(L, number >= 0, index, "no class of this name");
  return number;
}

struct statement_part record_part(lua_State *L, int index) {
  struct statement_part p;
  p.at = luaL_checklstring(L, index, &p.size);
  return p;
}

const uint8_t *record_id(lua_State *L, int index) {
  size_t size;
  const char *id = luaL_checklstring(L, index, &size);
  luaL_argcheck(L, size == CORE_SHORT_ID_SIZE, index, "a short ID has 16 bytes");
  return (const uint8_t *)id;
}

void record_public(lua_State *L, int index, int argument, uint8_t *public) {
  struct statement_part id = record_part(L, index);
  luaL_argcheck(L, !key_public_of_id(id.at, id.size, public), argument, "not a peer ID");
}

int record_signer_argument(lua_State *L, int index, uint8_t *public) {
  if (lua_isnoneornil(L, index))
    return 0;
  record_public(L, index, index, public);
  return 1;
}

/* As core_fail, but without printing: duplicates come by the hundred thousand. */
static int refuse(lua_State *L, const char *word) {
  static const char *const texts[][2] = {
#define WORD_AND_TEXT(name, text) {#name, #name ": " text},
      CORE_WORDS(WORD_AND_TEXT)
#undef WORD_AND_TEXT
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    if (strcmp(texts[i][0], word))
      continue;
    lua_pushnil(L);
    lua_pushstring(L, texts[i][1]);
    lua_pushstring(L, word);
    return 3;
  }
  return core_fail_errno(L, ENOMEM, "the index");
}

/* ---- taking in ---- */

unsigned index_way_argument(lua_State *L, int index) {
  lua_Integer way = luaL_optinteger(L, index, 0);
  luaL_argcheck(L, way >= 0 && way < INDEX_WAYS, index,
                "a way is a number from 0 to 511");
  return (unsigned)way;
}

/* record.new({{name=, max_ttl=s, size=bytes, slots=n, kept=bool, scope=, admitted=,
 * buckets={...}}}[, own ID]) -> index. Words of OWN ID are always taken (admit.c). */
static int f_new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  uint8_t own[CORE_PUBLIC_SIZE];
  struct index *ix = core_new(L, CLASS, sizeof *ix);
  index_open(ix);
  law_read(L, 1, &ix->law);
  if (record_signer_argument(L, 2, own))
    record_own(ix, own);
  return 1;
}

static int f_close(lua_State *L) {
  index_close(index_argument(L, 1));
  return 0;
}

/* index:put(statement, [place, [way]]) -> "new", place and size of what it replaced (or
 * nothing) | nil, message, word. Without a place the index keeps the line. WAY: a number
 * from 0 to 511 that its entry has, 0 unless given. */
static int f_put(lua_State *L) {
  struct index *ix = index_argument(L, 1);
  int64_t place = luaL_optinteger(L, 3, INDEX_NOWHERE);
  unsigned way = index_way_argument(L, 4);
  struct index_gone gone;
  luaL_argcheck(L, lua_isnoneornil(L, 3) || place >= 0, 3, "a place is not negative");
  const char *word = index_put(ix, statement_argument(L, 2), place, way, &gone);
  if (word)
    return refuse(L, word);
  lua_pushliteral(L, "new");
  if (gone.size == 0 || gone.place == INDEX_NOWHERE)
    return 1;
  lua_pushinteger(L, gone.place);
  lua_pushinteger(L, gone.size);
  return 3;
}

/* Appends {place=, size=} to the array at index 3; what had its text here leaves no
 * trace. */
static void note_gone(void *context, struct index_gone gone) {
  lua_State *L = context;
  if (gone.place == INDEX_NOWHERE)
    return;
  lua_createtable(L, 0, 2);
  core_set_integer(L, "place", gone.place);
  core_set_integer(L, "size", gone.size);
  lua_rawseti(L, 3, (lua_Integer)lua_rawlen(L, 3) + 1);
}

/* Leaves NOW alone on the stack, with an empty list for note_gone above it. */
static int64_t prepare_drop(lua_State *L) {
  int64_t now = luaL_checkinteger(L, 2);
  lua_settop(L, 2);
  lua_newtable(L);
  return now;
}

static int dropped(lua_State *L, int64_t count) {
  lua_pushinteger(L, count);
  lua_insert(L, 3);
  return 2;
}

/* index:expire(now in seconds) -> how many, array of {place=, size=} */
static int f_expire(lua_State *L) {
  struct index *ix = index_argument(L, 1);
  int64_t now = prepare_drop(L);
  return dropped(L, index_expire(ix, now, note_gone, L));
}

/* index:drop_future(now in ms, [signer]) -> the same of what a check would refuse as
 * being of the future; SIGNER: his words only */
static int f_drop_future(lua_State *L) {
  struct index *ix = index_argument(L, 1);
  uint8_t public[CORE_PUBLIC_SIZE];
  int of_one = record_signer_argument(L, 3, public);
  int64_t now = prepare_drop(L);
  return dropped(L, index_drop_future(ix, now, of_one ? public : NULL, note_gone, L));
}

/* index:drop_strangers() -> the same of words of those whose words are not taken any more
 */
static int f_drop_strangers(lua_State *L) {
  struct index *ix = index_argument(L, 1);
  lua_settop(L, 2);
  lua_newtable(L);
  return dropped(L, index_drop_strangers(ix, note_gone, L));
}

/* index:unwritten() -> bytes of kept lines that no journal has yet */
static int f_unwritten(lua_State *L) {
  lua_pushinteger(L, index_argument(L, 1)->unwritten);
  return 1;
}

/* index:place(short, place) -> true | nil, message, "missing": the journal moved the line
 */
static int f_place(lua_State *L) {
  const struct index *ix = index_argument(L, 1);
  uint32_t number = index_find(ix, record_id(L, 2));
  int64_t place = luaL_checkinteger(L, 3);
  luaL_argcheck(L, place >= 0, 3, "a place is not negative");
  if (!number || index_entry(ix, number)->has_text)
    return refuse(L, "missing");
  index_entry(ix, number)->where.place = place;
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- comparing ---- */

/* index:law(class) -> 8 bytes: hash of its constants, and of nothing else */
static int f_law(lua_State *L) {
  const struct index *ix = index_argument(L, 1);
  const struct law_class *c = &ix->law.classes[record_class_argument(L, ix, 2)];
  lua_pushlstring(L, (const char *)c->hash, sizeof c->hash);
  return 1;
}

/* index:digest(class, T in seconds, [salt of at most 64 bytes]) -> 16 bytes, how many
 * statements */
static int f_digest(lua_State *L) {
  struct index *ix = index_argument(L, 1);
  int number = record_class_argument(L, ix, 2);
  int64_t t = luaL_checkinteger(L, 3);
  size_t size;
  const char *salt = luaL_optlstring(L, 4, "", &size);
  struct digest d;
  luaL_argcheck(L, size <= crypto_generichash_KEYBYTES_MAX, 4, "the salt is too long");
  if (index_digest(ix, number, t, salt, size, &d))
    return refuse(L, "ENOMEM");
  lua_pushlstring(L, (const char *)d.bytes, sizeof d.bytes);
  lua_pushinteger(L, d.count);
  return 2;
}

/* index:ids(class, T in seconds, after, max) -> sorted array of at most MAX short IDs
 * greater than AFTER ("" for the first) of statements with END > T */
static int f_ids(lua_State *L) {
  struct index *ix = index_argument(L, 1);
  int number = record_class_argument(L, ix, 2);
  int64_t t = luaL_checkinteger(L, 3), max = luaL_checkinteger(L, 5), count = 0;
  luaL_argcheck(L, max >= 0 && max <= IDS_MAX, 5, "0 to 65536 IDs");
  const uint8_t *after = lua_rawlen(L, 4) ? record_id(L, 4) : NULL;
  const struct sorted_ids *o = index_order(ix, number);
  if (!o)
    return refuse(L, "ENOMEM");
  lua_newtable(L);
  for (uint32_t i = after ? sorted_ids_after(o, index_id, ix, after, 0) : 0;
       i < o->count && count < max; i++) {
    const struct entry *e = index_entry(ix, o->numbers[i]);
    if (law_end(index_class(ix, e), e->at) <= t)
      continue;
    lua_pushlstring(L, (const char *)e->id, sizeof e->id);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

/* index:count([class]) -> statements remembered */
static int f_count(lua_State *L) {
  const struct index *ix = index_argument(L, 1);
  int64_t count = 0;
  if (lua_isnoneornil(L, 2))
    for (int i = 0; i < ix->law.class_count; i++)
      count += ix->counts[i];
  else
    count = ix->counts[record_class_argument(L, ix, 2)];
  lua_pushinteger(L, count);
  return 1;
}

/* index:memory() -> bytes */
static int f_memory(lua_State *L) {
  lua_pushinteger(L, index_memory(index_argument(L, 1)));
  return 1;
}

static const luaL_Reg methods[] = {
    {"put",            f_put           },
    {"expire",         f_expire        },
    {"drop_future",    f_drop_future   },
    {"drop_strangers", f_drop_strangers},
    {"place",          f_place         },
    {"unwritten",      f_unwritten     },
    {"law",            f_law           },
    {"digest",         f_digest        },
    {"ids",            f_ids           },
    {"count",          f_count         },
    {"memory",         f_memory        },
    {"__gc",           f_close         },
    {NULL,             NULL            }
};

/* record.ends(at in ms, max_ttl in seconds) -> END of a statement: when it is no longer
 * remembered, seconds. MAX_TTL: the longest validity that its class allows. */
static int f_ends(lua_State *L) {
  struct law_class c = {.max_ttl = luaL_checkinteger(L, 2)};
  lua_pushinteger(L, law_end(&c, luaL_checkinteger(L, 1)));
  return 1;
}

static const luaL_Reg functions[] = {
    {"new",  f_new },
    {"ends", f_ends},
    {NULL,   NULL  }
};

int luaopen_core_record(lua_State *L) {
  core_class(L, CLASS, methods);
  luaL_getmetatable(L, CLASS);
  lua_getfield(L, -1, "__index");
  luaL_setfuncs(L, record_lookups, 0);
  luaL_setfuncs(L, record_admission, 0);
  lua_pop(L, 2);
  luaL_newlib(L, functions);
  return 1;
}
