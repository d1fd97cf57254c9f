/* intake.c - a batch against what is held: offered, taken into journal and index. No
 * signature, no rule of its own. */
#include "batch.h"
#include "index.h"
#include "journal.h"
#include "record.h"
#include <errno.h>
#include <string.h>

static int is_by(const struct statement *st, const char *id, size_t size) {
  return st->signer.size == size && memcmp(st->signer.at, id, size) == 0;
}

/* intake.offer(batch, index, [now in ms], [own ID, own time in ms]) -> how many would be
 * new: they come first. The others keep the word that refuses them. Words of our own that
 * are of the future by our own time are refused, proved or not: what we say now would
 * never pass them. */
static int f_offer(lua_State *L) {
  struct batch *b = batch_argument(L, 1);
  struct index *ix = index_argument(L, 2);
  int64_t now = luaL_optinteger(L, 3, -1);
  size_t size;
  const char *own = luaL_optlstring(L, 4, "", &size);
  int64_t own_time = luaL_optinteger(L, 5, INT64_MAX / 2);
  for (uint32_t i = 0; i < b->count; i++) {
    struct batch_item *item = batch_item(b, i);
    if (!item->word)
      item->word = index_offer(ix, &item->st, now);
    if (!item->word && item->st.at > own_time + LAW_GRACE * 1000 &&
        is_by(&item->st, own, size))
      item->word = "future";
  }
  lua_pushinteger(L, batch_part(b, b->count));
  return 1;
}

/* What one call works on, and what came of it. */
struct taking {
  struct index *index;
  journal *journal;
  int families[LAW_CLASSES_MAX]; /* of the journal, by class; -1: the class is soft */
  const char *own;
  size_t own_size;
  int64_t own_at; /* of the newest own word; -1: none */
  lua_Integer taken, classes;
};

static const char *keep(struct taking *t, const struct statement *st, int of, int64_t end,
                        int64_t *place) {
  if (of < 0)
    return NULL;
  *place = journal_take(t->journal, of, st->line.at, st->line.size, end);
  if (*place >= 0)
    return NULL;
  return *place == -ENOBUFS ? "full" : "disk";
}

/* NULL, or the word. A line that the index did not want after all is dead at once. */
static const char *take(struct taking *t, const struct statement *st) {
  struct index_gone gone = {INDEX_NOWHERE, 0};
  int number = index_class_number(t->index, st->bucket);
  int64_t place = INDEX_NOWHERE;
  const char *word;
  if (number < 0)
    return "class";
  word = keep(t, st, t->families[number], law_end(&t->index->law.classes[number], st->at),
              &place);
  if (word)
    return word;
  if ((word = index_put(t->index, st, place, &gone))) {
    if (place >= 0)
      journal_drop(t->journal, place, st->line.size);
    return strcmp(word, "ENOMEM") ? word : "full";
  }
  if (gone.size && gone.place != INDEX_NOWHERE)
    journal_drop(t->journal, gone.place, (size_t)gone.size);
  t->classes |= (lua_Integer)1 << number;
  t->taken++;
  return NULL;
}

static void note_own(struct taking *t, const struct statement *st) {
  if (is_by(st, t->own, t->own_size) && st->at > t->own_at)
    t->own_at = st->at;
}

static void read_families(lua_State *L, int list, struct taking *t) {
  for (int i = 0; i < t->index->law.class_count; i++) {
    size_t size;
    const char *name;
    lua_rawgeti(L, list, i + 1);
    name = lua_tolstring(L, -1, &size);
    t->families[i] = name ? journal_family(t->journal, name, size, 0) : -1;
    luaL_argcheck(L, !name || t->families[i] >= 0, list, "a family of the journal");
    lua_pop(L, 1);
  }
}

/* intake.take(batch, from, to, index, journal, families, own) -> how many of the places
 * FROM … TO were taken in; classes that changed, as bits (class 1 is bit 0); AT of the
 * newest that OWN signed, or nil. Their signatures were checked: places with a word are
 * left alone, others get one where they are refused. FAMILIES: by class, false for a soft
 * one. */
static int f_take(lua_State *L) {
  struct batch *b = batch_argument(L, 1);
  uint32_t from, count = batch_range(L, b, 2, &from);
  struct taking t = {.own_at = -1};
  t.index = index_argument(L, 4);
  t.journal = journal_argument(L, 5);
  luaL_checktype(L, 6, LUA_TTABLE);
  t.own = luaL_checklstring(L, 7, &t.own_size);
  read_families(L, 6, &t);
  for (uint32_t i = from; i < from + count; i++) {
    struct batch_item *item = batch_item(b, i);
    if (item->word)
      continue;
    item->word = take(&t, &item->st);
    if (!item->word)
      note_own(&t, &item->st);
  }
  lua_pushinteger(L, t.taken);
  lua_pushinteger(L, t.classes);
  if (t.own_at < 0)
    return 2;
  lua_pushinteger(L, t.own_at);
  return 3;
}

static const luaL_Reg functions[] = {
    {"offer", f_offer},
    {"take",  f_take },
    {NULL,    NULL   }
};

int luaopen_core_intake(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
