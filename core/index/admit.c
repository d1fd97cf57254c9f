/* admit.c - whose words the index takes: a set of public keys, or everybody's. Judges no
 * word and drops none. */
#include "record.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const struct index *ix, const uint8_t *public) {
  uint64_t hash;
  crypto_shorthash((uint8_t *)&hash, public, CORE_PUBLIC_SIZE, ix->secret);
  return hash;
}

static uint64_t key_hash(const void *ix, uint32_t number) {
  const struct admission *a = &((const struct index *)ix)->admission;
  return hash_of(ix, a->keys[number].public);
}

static int key_is(const void *ix, uint32_t number, const void *public) {
  const struct admission *a = &((const struct index *)ix)->admission;
  return memcmp(a->keys[number].public, public, CORE_PUBLIC_SIZE) == 0;
}

static const struct table_kind by_key = {key_hash, key_is};

static uint32_t find(const struct index *ix, const uint8_t *public) {
  return table_find(&ix->admission.by_key, &by_key, ix, hash_of(ix, public), public);
}

int index_admitted_to(const struct index *ix, const uint8_t *public) {
  const struct admission *a = &ix->admission;
  if (!a->is_closed || (a->has_own && memcmp(a->own, public, CORE_PUBLIC_SIZE) == 0))
    return ADMITTED_TO_ALL;
  uint32_t number = find(ix, public);
  return number ? a->keys[number].class_number : ADMITTED_TO_NONE;
}

void index_admit_all(struct index *ix) {
  struct admission *a = &ix->admission;
  table_free(&a->by_key);
  free(a->keys);
  a->keys = NULL;
  a->top = a->room = 0;
  a->is_closed = 0;
}

/* Keys are numbered from 1, as a table wants it. */
static int reserve(struct index *ix) {
  struct admission *a = &ix->admission;
  if (a->top + 1 >= a->room) {
    uint32_t room = a->room ? a->room * 2 : 64;
    void *keys =
        room <= TABLE_NUMBER_MAX ? realloc(a->keys, room * sizeof *a->keys) : NULL;
    if (!keys)
      return -1;
    a->keys = keys;
    a->room = room;
  }
  return table_reserve(&a->by_key, &by_key, ix);
}

/* What is admitted to all classes stays so; one that is admitted to one of them is
 * admitted to CLASS_NUMBER in its place. */
static int add(struct index *ix, const uint8_t *public, int class_number) {
  struct admission *a = &ix->admission;
  if (index_admitted_to(ix, public) == ADMITTED_TO_ALL)
    return 0;
  uint32_t number = find(ix, public);
  if (!number) {
    if (reserve(ix))
      return -1;
    number = ++a->top;
    memcpy(a->keys[number].public, public, CORE_PUBLIC_SIZE);
    table_add(&a->by_key, hash_of(ix, public), number);
  }
  a->keys[number].class_number = (int16_t)class_number;
  return 0;
}

void record_own(struct index *ix, const uint8_t *public) {
  memcpy(ix->admission.own, public, CORE_PUBLIC_SIZE);
  ix->admission.has_own = 1;
}

/* index:admit(array of IDs | nil[, more[, class]]): from here on only words of these
 * keys, and our own, are taken; nil: everybody's. MORE: of these beside those whose words
 * were taken before; CLASS: in the class of that name alone. What others said stays until
 * it is dropped. → true | nil, message, "ENOMEM" */
static int f_admit(lua_State *L) {
  struct index *ix = index_argument(L, 1);
  int more = lua_toboolean(L, 3) && !lua_isnoneornil(L, 2);
  int only = lua_isnoneornil(L, 4) ? ADMITTED_TO_ALL : record_class_argument(L, ix, 4);
  uint8_t public[CORE_PUBLIC_SIZE];
  if (!more)
    index_admit_all(ix);
  if (!lua_isnoneornil(L, 2)) {
    luaL_checktype(L, 2, LUA_TTABLE);
    ix->admission.is_closed |= !more;
    for (lua_Integer i = 1, n = luaL_len(L, 2); i <= n; i++) {
      lua_rawgeti(L, 2, i);
      record_public(L, -1, 2, public);
      lua_pop(L, 1);
      if (add(ix, public, only))
        return core_fail_errno(L, ENOMEM, "the index");
    }
  }
  lua_pushboolean(L, 1);
  return 1;
}

const luaL_Reg record_admission[] = {
    {"admit", f_admit},
    {NULL,    NULL   }
};
