/* lookup.c - what the index remembers, for Lua: one statement, those of a key, of a
 * bucket, of a signer. Takes nothing in, compares nothing. */
#include "record.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MOST 65536
#define WALK_ROWS 4096 /* looked at in one step of a walk */

/* Pushes {place= or text=, size=, at=, short=, valid_until=, dismiss=, bucket=, way=}. */
static void push_entry(lua_State *L, const struct index *ix, uint32_t number) {
  const struct entry *e = index_entry(ix, number);
  const struct bucket *b = &ix->buckets[e->bucket];
  lua_createtable(L, 0, 9);
  if (e->has_text)
    lua_pushlstring(L, e->where.text, e->size), lua_setfield(L, -2, "text");
  else
    core_set_integer(L, "place", e->where.place);
  core_set_integer(L, "size", e->size);
  core_set_integer(L, "at", e->at);
  core_set_integer(L, "valid_until", (int64_t)e->until * STATEMENT_TICK);
  core_set_integer(L, "ends", law_end(index_class(ix, e), e->at));
  lua_pushlstring(L, (const char *)e->id, sizeof e->id);
  lua_setfield(L, -2, "short");
  core_set_boolean(L, "dismiss", e->is_dismissal);
  core_set_integer(L, "way", (lua_Integer)(e->way_high << 4 | e->way_low));
  lua_pushlstring(L, b->name, b->size);
  lua_setfield(L, -2, "bucket");
}

static int push_found(lua_State *L, const struct index *ix, uint32_t number) {
  if (number)
    push_entry(L, ix, number);
  else
    lua_pushnil(L);
  return 1;
}

/* index:get(short) -> entry | nil */
static int f_get(lua_State *L) {
  const struct index *ix = index_argument(L, 1);
  return push_found(L, ix, index_find(ix, record_id(L, 2)));
}

/* index:has(short) -> boolean */
static int f_has(lua_State *L) {
  lua_pushboolean(L, index_find(index_argument(L, 1), record_id(L, 2)) != 0);
  return 1;
}

/* index:slot(bucket, key, signer) -> entry | nil: the newest word there, remembered here
 */
static int f_slot(lua_State *L) {
  const struct index *ix = index_argument(L, 1);
  return push_found(
      L, ix,
      index_find_slot(ix, record_part(L, 2), record_part(L, 3), record_part(L, 4)));
}

static int compare_age(const void *a, const void *b, void *ix) {
  const struct entry *x = index_entry(ix, *(const uint32_t *)a);
  const struct entry *y = index_entry(ix, *(const uint32_t *)b);
  if (x->at != y->at)
    return x->at < y->at ? -1 : 1;
  return memcmp(x->id, y->id, sizeof x->id);
}

/* Numbers of the entries in a bucket into OUT, of SIGNER only where that is not NULL. */
static uint32_t list_bucket(const struct index *ix, uint32_t bucket,
                            const uint8_t *signer, uint32_t *out) {
  uint32_t count = 0, first = bucket ? ix->buckets[bucket].first : 0;
  for (uint32_t n = first; n; n = index_next(ix, &first, n)) {
    const uint8_t *public = ix->holders[index_entry(ix, n)->holder].public;
    if (!signer || memcmp(public, signer, CORE_PUBLIC_SIZE) == 0)
      out[count++] = n;
  }
  return count;
}

/* Pushes an array of the first MOST of COUNT entries in the order of AT, then ID. */
static void push_by_age(lua_State *L, struct index *ix, uint32_t *numbers, uint32_t count,
                        uint32_t most) {
  qsort_r(numbers, count, sizeof *numbers, compare_age, ix);
  lua_newtable(L);
  for (uint32_t i = 0; i < count && i < most; i++) {
    push_entry(L, ix, numbers[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

/* index:bucket(bucket[, signer]) -> array of entries in the order of AT, then ID */
static int f_bucket(lua_State *L) {
  struct index *ix = index_argument(L, 1);
  struct statement_part name = record_part(L, 2);
  uint8_t public[CORE_PUBLIC_SIZE];
  int of_one = record_signer_argument(L, 3, public);
  uint32_t bucket = index_find_bucket(ix, name.at, name.size), count = 0;
  uint32_t total = bucket ? ix->buckets[bucket].count : 0;
  uint32_t *numbers = lua_newuserdatauv(L, (total + 1) * sizeof *numbers, 0);
  count = list_bucket(ix, bucket, of_one ? public : NULL, numbers);
  push_by_age(L, ix, numbers, count, count);
  return 1;
}

/* index:shorts(bucket[, signer]) -> array of the short IDs of its entries, in no order */
static int f_shorts(lua_State *L) {
  const struct index *ix = index_argument(L, 1);
  struct statement_part name = record_part(L, 2);
  uint8_t public[CORE_PUBLIC_SIZE];
  int of_one = record_signer_argument(L, 3, public);
  uint32_t bucket = index_find_bucket(ix, name.at, name.size);
  uint32_t first = bucket ? ix->buckets[bucket].first : 0;
  lua_Integer count = 0;
  lua_newtable(L);
  for (uint32_t n = first; n; n = index_next(ix, &first, n)) {
    const struct entry *e = index_entry(ix, n);
    if (of_one && memcmp(ix->holders[e->holder].public, public, CORE_PUBLIC_SIZE))
      continue;
    lua_pushlstring(L, (const char *)e->id, sizeof e->id);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

/* The hash of the key at INDEX: a text, or a number, which is the hash itself. */
static uint32_t hash_argument(lua_State *L, const struct index *ix, int index) {
  if (lua_type(L, index) == LUA_TNUMBER)
    return (uint32_t)luaL_checkinteger(L, index);
  return index_key_hash(ix, record_part(L, index));
}

/* index:key_hash(key) -> 32 bits, which other keys may have, too */
static int f_key_hash(lua_State *L) {
  const struct index *ix = index_argument(L, 1);
  lua_pushinteger(L, index_key_hash(ix, record_part(L, 2)));
  return 1;
}

/* index:touched(class, most) -> array of at most MOST hashes of keys of the class whose
 * statements changed since they were given; true where the caller forgets what he knew of
 * them, since all keys are given anew | nil, message, "ENOMEM". One class is followed at
 * a time, from the first such call on; without a class none is. */
static int f_touched(lua_State *L) {
  struct index *ix = index_argument(L, 1);
  struct index_touched *t = &ix->touched;
  if (lua_isnoneornil(L, 2)) {
    index_touch_none(ix);
    return 0;
  }
  int number = law_class_named(&ix->law, luaL_checkstring(L, 2));
  lua_Integer most = luaL_checkinteger(L, 3), count = 0;
  luaL_argcheck(L, number >= 0, 2, "no class of this name");
  int anew = !t->hashes || t->class_number != number || t->is_over;
  if (anew && index_touch_all(ix, number))
    return core_fail_errno(L, ENOMEM, "the index");
  lua_newtable(L);
  while (count < most && t->count) {
    lua_pushinteger(L, t->hashes[--t->count]);
    lua_rawseti(L, -2, ++count);
  }
  lua_pushboolean(L, anew);
  return 2;
}

/* index:key(bucket, key or its hash, most) -> array of at most MOST entries with this
 * bucket and key, the oldest first by AT, then ID; how many there are. Some may be of
 * another key, whose hash is the same. */
static int f_key(lua_State *L) {
  struct index *ix = index_argument(L, 1);
  struct statement_part name = record_part(L, 2);
  lua_Integer most = luaL_checkinteger(L, 4);
  uint32_t bucket = index_find_bucket(ix, name.at, name.size), count = 0;
  uint32_t first = bucket ? index_find_key(ix, bucket, hash_argument(L, ix, 3)) : 0;
  luaL_argcheck(L, most > 0 && most <= KEY_MOST, 4, "1 to 65536 entries");
  for (uint32_t n = first; n; n = index_entry(ix, n)->next_of_key)
    count++;
  uint32_t *numbers = lua_newuserdatauv(L, (count + 1) * sizeof *numbers, 0);
  count = 0;
  for (uint32_t n = first; n; n = index_entry(ix, n)->next_of_key)
    numbers[count++] = n;
  push_by_age(L, ix, numbers, count, (uint32_t)most);
  lua_pushinteger(L, count);
  return 2;
}

/* index:walk(bucket, row, most) -> array of at most MOST entries of a bucket in the rows
 * behind ROW (0: from the first), the row to go on behind | nil at the end. A row stays
 * where it is while its statement is renewed: a walk of many turns meets each slot once
 * that is there all the time. */
static int f_walk(lua_State *L) {
  const struct index *ix = index_argument(L, 1);
  struct statement_part name = record_part(L, 2);
  lua_Integer row = luaL_checkinteger(L, 3), most = luaL_checkinteger(L, 4), count = 0;
  uint32_t bucket = index_find_bucket(ix, name.at, name.size);
  luaL_argcheck(L, row >= 0, 3, "a row is not negative");
  lua_Integer last = bucket && row < ix->entry_top ? ix->entry_top : row;
  if (last - row > WALK_ROWS)
    last = row + WALK_ROWS;
  lua_newtable(L);
  for (; row < last && count < most; row++) {
    const struct entry *e = index_entry(ix, (uint32_t)row + 1);
    if (!e->size || e->bucket != bucket)
      continue;
    push_entry(L, ix, (uint32_t)row + 1);
    lua_rawseti(L, -2, ++count);
  }
  if (bucket && row < ix->entry_top)
    lua_pushinteger(L, row);
  else
    lua_pushnil(L);
  return 2;
}

/* Taken back by its own signer, or over by LOW (seconds). */
static int is_over(const struct entry *e, int64_t low) {
  int64_t until = (int64_t)e->until * STATEMENT_TICK;
  return until * 1000 <= e->at || until < low;
}

/* Pushes a table: how many are counted, by signer. */
static void push_counts(lua_State *L, const struct index *ix, const uint32_t *counts) {
  char id[KEY_ID_SIZE];
  lua_newtable(L);
  for (uint32_t h = 1; h <= ix->holder_top; h++) {
    if (!counts[h])
      continue;
    key_id_of_public(ix->holders[h].public, id);
    lua_pushlstring(L, id, sizeof id);
    lua_pushinteger(L, counts[h]);
    lua_rawset(L, -3);
  }
}

/* index:signers(bucket, low in seconds) -> { [signer] = how many of his words there are
 * proposals that are not over at LOW }, array of the entries that are meant for later:
 * these are not counted, since the index does not know when they begin; { [signer] = how
 * many of his words there are dismissals, over or not } */
static int f_signers(lua_State *L) {
  const struct index *ix = index_argument(L, 1);
  struct statement_part name = record_part(L, 2);
  int64_t low = luaL_checkinteger(L, 3);
  uint32_t bucket = index_find_bucket(ix, name.at, name.size);
  uint32_t first = bucket ? ix->buckets[bucket].first : 0;
  size_t holders = ix->holder_top + 1, size = 2 * holders * sizeof(uint32_t);
  uint32_t *counts = memset(lua_newuserdatauv(L, size, 0), 0, size);
  uint32_t *dismissals = counts + holders;
  lua_newtable(L);
  for (uint32_t n = first; n; n = index_next(ix, &first, n)) {
    const struct entry *e = index_entry(ix, n);
    if (e->is_dismissal)
      dismissals[e->holder]++;
    if (e->is_dismissal || is_over(e, low))
      continue;
    if (!e->is_for_later) {
      counts[e->holder]++;
      continue;
    }
    push_entry(L, ix, n);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
  push_counts(L, ix, counts);
  lua_insert(L, -2);
  push_counts(L, ix, dismissals);
  return 3;
}

static int compare_names(const void *a, const void *b) {
  const struct bucket *x = *(const struct bucket *const *)a,
                      *y = *(const struct bucket *const *)b;
  int difference = memcmp(x->name, y->name, x->size < y->size ? x->size : y->size);
  return difference ? difference : (x->size > y->size) - (x->size < y->size);
}

/* index:bucket_count(bucket, T in seconds) -> how many of its records have END > T: those
 * that a digest at T counts */
static int f_bucket_count(lua_State *L) {
  const struct index *ix = index_argument(L, 1);
  struct statement_part name = record_part(L, 2);
  int64_t t = luaL_checkinteger(L, 3);
  lua_Integer count = 0;
  uint32_t bucket = index_find_bucket(ix, name.at, name.size);
  uint32_t first = bucket ? ix->buckets[bucket].first : 0;
  for (uint32_t n = first; n; n = index_next(ix, &first, n))
    count += law_end(index_class(ix, index_entry(ix, n)), index_entry(ix, n)->at) > t;
  lua_pushinteger(L, count);
  return 1;
}

/* index:buckets([prefix]) -> sorted array of the names of buckets that have records */
static int f_buckets(lua_State *L) {
  const struct index *ix = index_argument(L, 1);
  size_t size, count = 0;
  const char *prefix = luaL_optlstring(L, 2, "", &size);
  const struct bucket **found =
      lua_newuserdatauv(L, (ix->bucket_top + 1) * sizeof *found, 0);
  for (uint32_t i = 1; i <= ix->bucket_top; i++) {
    const struct bucket *b = &ix->buckets[i];
    if (b->name && b->size >= size && memcmp(b->name, prefix, size) == 0)
      found[count++] = b;
  }
  qsort(found, count, sizeof *found, compare_names);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_pushlstring(L, found[i]->name, found[i]->size);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* index:class(bucket) -> name of its class, the pattern that says so | nil */
static int f_class(lua_State *L) {
  const struct index *ix = index_argument(L, 1);
  struct statement_part bucket = record_part(L, 2);
  const struct law_pattern *pattern = law_pattern_of(&ix->law, bucket.at, bucket.size);
  lua_pushstring(L, pattern ? ix->law.classes[pattern->class_number].name : NULL);
  lua_pushstring(L, pattern ? pattern->text : NULL);
  return 2;
}

const luaL_Reg record_lookups[] = {
    {"get",          f_get         },
    {"has",          f_has         },
    {"slot",         f_slot        },
    {"key",          f_key         },
    {"key_hash",     f_key_hash    },
    {"touched",      f_touched     },
    {"walk",         f_walk        },
    {"shorts",       f_shorts      },
    {"bucket",       f_bucket      },
    {"buckets",      f_buckets     },
    {"bucket_count", f_bucket_count},
    {"signers",      f_signers     },
    {"class",        f_class       },
    {NULL,           NULL          }
};
