/* batch.c - the statements of one frame as one thing: read, checked against what is held,
 * taken into journal and index. No rule of its own, no thread. */
#include "batch.h"
#include "index/index.h"
#include "journal/journal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CLASS "core.batch"

/* ---- its life ---- */

void batch_hold(struct batch *b) {
  atomic_fetch_add(&b->holders, 1);
}

void batch_leave(struct batch *b) {
  if (b && atomic_fetch_sub(&b->holders, 1) == 1)
    free(b);
}

static struct batch **handle_argument(lua_State *L, int index) {
  return luaL_checkudata(L, index, CLASS);
}

struct batch *batch_argument(lua_State *L, int index) {
  struct batch *b = *handle_argument(L, index);
  luaL_argcheck(L, b, index, "the batch is closed");
  return b;
}

static uint32_t count_lines(const char *text, size_t size) {
  uint32_t n = 1;
  if (size && text[size - 1] == '\n')
    size--;
  for (const char *at = text;
       n <= CORE_STATEMENTS_MAX && (at = memchr(at, '\n', size - (size_t)(at - text)));
       at++)
    n++;
  return n;
}

static void read_lines(struct batch *b, const char *text, size_t size) {
  const char *at = text, *end = text + size, *why;
  if (size && end[-1] == '\n')
    end--;
  for (uint32_t i = 0; i < b->count; i++) {
    const char *feed = memchr(at, '\n', (size_t)(end - at));
    size_t length = (size_t)((feed ? feed : end) - at);
    b->order[i] = (uint8_t)i;
    b->items[i].word = statement_parse(at, length, &b->items[i].st, &why);
    at += length + 1;
  }
}

/* One with room for COUNT statements in SIZE bytes, to be filled; NULL: no memory. */
static struct batch *new_batch(uint32_t count, size_t size) {
  struct batch *b = malloc(sizeof *b + count * sizeof *b->items + size + 1);
  if (!b)
    return NULL;
  atomic_init(&b->holders, 1);
  b->count = count;
  b->bytes = size;
  return b;
}

static char *text_of(struct batch *b) {
  return (char *)&b->items[b->count];
}

int batch_push(lua_State *L, const char *text, size_t size) {
  uint32_t count = count_lines(text, size);
  if (count > CORE_STATEMENTS_MAX)
    return core_fail(L, "long", "more than %d statements in a frame",
                     CORE_STATEMENTS_MAX);
  struct batch **handle = core_new(L, CLASS, sizeof *handle);
  struct batch *b = new_batch(count, size);
  if (!b)
    return luaL_error(L, "not enough memory");
  memcpy(text_of(b), text, size);
  read_lines(b, text_of(b), size);
  *handle = b;
  return 1;
}

/* batch.new(text) -> batch | nil, message, "long": more than 256 lines. TEXT is one line
 * or more, a line feed between two and perhaps behind the last. */
static int f_new(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  return batch_push(L, text, size);
}

/* close(): nobody looks at it any more; also twice. A job that runs keeps what it needs.
 */
static int f_close(lua_State *L) {
  struct batch **handle = handle_argument(L, 1);
  batch_leave(*handle);
  *handle = NULL;
  return 0;
}

static int f_count(lua_State *L) {
  lua_pushinteger(L, batch_argument(L, 1)->count);
  return 1;
}

/* text() -> what it was made of */
static int f_text(lua_State *L) {
  struct batch *b = batch_argument(L, 1);
  lua_pushlstring(L, text_of(b), b->bytes);
  return 1;
}

/* bytes() -> of its text */
static int f_bytes(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)batch_argument(L, 1)->bytes);
  return 1;
}

/* ---- its items ---- */

struct batch_item *batch_item(struct batch *b, uint32_t place) {
  return &b->items[b->order[place]];
}

uint32_t batch_range(lua_State *L, const struct batch *b, int index, uint32_t *from) {
  lua_Integer first = luaL_checkinteger(L, index), last = luaL_checkinteger(L, index + 1);
  luaL_argcheck(L, first >= 1, index, "places count from 1");
  luaL_argcheck(L, last <= b->count, index + 1, "beyond the last place");
  *from = (uint32_t)first - 1;
  return last < first ? 0 : (uint32_t)(last - first + 1);
}

static struct batch_item *item_argument(lua_State *L) {
  struct batch *b = batch_argument(L, 1);
  lua_Integer place = luaL_checkinteger(L, 2);
  luaL_argcheck(L, place >= 1 && place <= b->count, 2, "no such place");
  return batch_item(b, (uint32_t)place - 1);
}

static const struct statement *whole_argument(lua_State *L) {
  const struct batch_item *item = item_argument(L);
  luaL_argcheck(L, !item->word || item->st.is_whole, 2, "the line there is no statement");
  return &item->st;
}

/* Of the first COUNT those that nothing is known against come first, else all keep their
 * order. How many these are. */
static uint32_t part(struct batch *b, uint32_t count) {
  uint8_t refused[CORE_STATEMENTS_MAX];
  uint32_t good = 0, bad = 0;
  for (uint32_t i = 0; i < count; i++)
    if (batch_item(b, i)->word)
      refused[bad++] = b->order[i];
    else
      b->order[good++] = b->order[i];
  memcpy(b->order + good, refused, bad);
  return good;
}

/* part(count) -> of the first COUNT, how many nothing is known against; they come first.
 */
static int f_part(lua_State *L) {
  struct batch *b = batch_argument(L, 1);
  lua_Integer count = luaL_checkinteger(L, 2);
  luaL_argcheck(L, count >= 0 && count <= b->count, 2, "more than there are");
  lua_pushinteger(L, part(b, (uint32_t)count));
  return 1;
}

/* The lines of the first COUNT places as a batch of their own, or NULL: no memory. */
static struct batch *beginning(struct batch *b, uint32_t count, size_t size) {
  struct batch *kept = new_batch(count, size);
  if (!kept)
    return NULL;
  char *at = text_of(kept);
  for (uint32_t i = 0; i < count; i++) {
    struct statement_part line = batch_item(b, i)->st.line;
    memcpy(at, line.at, line.size);
    at[line.size] = '\n';
    at += line.size + 1;
  }
  read_lines(kept, text_of(kept), size);
  return kept;
}

/* cut(count): only the first COUNT statements, none of which was refused, stay in the
 * batch and in memory: a batch that waits must not keep the others with it. Only while
 * nobody else holds the batch. */
static int f_cut(lua_State *L) {
  struct batch *b = batch_argument(L, 1), *kept;
  lua_Integer count = luaL_checkinteger(L, 2);
  size_t size = 0;
  luaL_argcheck(L, count >= 1 && count <= b->count, 2, "no such place");
  luaL_argcheck(L, atomic_load(&b->holders) == 1, 1, "somebody else looks at it");
  for (uint32_t i = 0; i < (uint32_t)count; i++) {
    luaL_argcheck(L, !batch_item(b, i)->word, 2, "a statement that was refused");
    size += batch_item(b, i)->st.line.size + 1;
  }
  kept = count < b->count ? beginning(b, (uint32_t)count, size) : NULL;
  if (kept) {
    *handle_argument(L, 1) = kept;
    batch_leave(b);
  }
  return 0;
}

/* code(place) -> the code by which what stands there is refused, or nil */
static int f_code(lua_State *L) {
  lua_pushstring(L, item_argument(L)->word);
  return 1;
}

/* refuse(place, word): one of the closed list */
static int f_refuse(lua_State *L) {
  static const char *const words[] = {
#define WORD(name, text) #name,
      CORE_WORDS(WORD)
#undef WORD
          NULL};
  struct batch_item *item = item_argument(L);
  item->word = words[luaL_checkoption(L, 3, NULL, words)];
  return 0;
}

static int f_short(lua_State *L) {
  lua_pushlstring(L, (const char *)whole_argument(L)->id, CORE_SHORT_ID_SIZE);
  return 1;
}

static int f_bucket(lua_State *L) {
  struct statement_part bucket = whole_argument(L)->bucket;
  lua_pushlstring(L, bucket.at, bucket.size);
  return 1;
}

/* BUCKET as it stands, or NAME with one `*` for anything in between */
static int is_of(struct statement_part bucket, const char *name, size_t size) {
  const char *star = memchr(name, '*', size);
  if (!star)
    return bucket.size == size && memcmp(bucket.at, name, size) == 0;
  size_t before = (size_t)(star - name), after = size - before - 1;
  return bucket.size >= before + after && memcmp(bucket.at, name, before) == 0 &&
         memcmp(bucket.at + bucket.size - after, star + 1, after) == 0;
}

/* next(bucket, from, to) -> the first place of a statement of BUCKET, in which one `*`
 * may stand for anything, that no word refuses; nil where there is none */
static int f_next(lua_State *L) {
  struct batch *b = batch_argument(L, 1);
  size_t size;
  const char *bucket = luaL_checklstring(L, 2, &size);
  uint32_t from, count = batch_range(L, b, 3, &from);
  for (uint32_t i = from; i < from + count; i++) {
    const struct batch_item *item = batch_item(b, i);
    if (item->word || !is_of(item->st.bucket, bucket, size))
      continue;
    lua_pushinteger(L, (lua_Integer)i + 1);
    return 1;
  }
  return 0;
}

/* statement(place) -> a statement of its own; throws where the line is none */
static int f_statement(lua_State *L) {
  struct statement_part line = whole_argument(L)->line;
  return statement_push(L, line.at, line.size);
}

/* verify(swarm, from, to): checks the signatures at once, on this thread */
static int f_verify(lua_State *L) {
  struct batch *b = batch_argument(L, 1);
  size_t size;
  const char *swarm = luaL_checklstring(L, 2, &size);
  uint32_t from, count = batch_range(L, b, 3, &from);
  for (uint32_t i = from; i < from + count; i++) {
    struct batch_item *item = batch_item(b, i);
    if (!item->word)
      item->word = statement_verify(&item->st, swarm, size);
  }
  return 0;
}

/* ---- against what is held ---- */

static int is_by(const struct statement *st, const char *id, size_t size) {
  return st->signer.size == size && memcmp(st->signer.at, id, size) == 0;
}

/* check(index, [now in ms], [own ID, own time in ms]) -> how many would be new: they come
 * first. The others keep the word that refuses them. Words of our own that
 * are of the future by our own time are refused, proved or not: what we say now would
 * never pass them. */
static int f_check(lua_State *L) {
  struct batch *b = batch_argument(L, 1);
  struct index *ix = index_argument(L, 2);
  int64_t now = luaL_optinteger(L, 3, -1);
  size_t size;
  const char *own = luaL_optlstring(L, 4, "", &size);
  int64_t own_time = luaL_optinteger(L, 5, INT64_MAX / 2);
  for (uint32_t i = 0; i < b->count; i++) {
    struct batch_item *item = batch_item(b, i);
    if (!item->word)
      item->word = index_check(ix, &item->st, now);
    if (!item->word && item->st.at > own_time + LAW_GRACE * 1000 &&
        is_by(&item->st, own, size))
      item->word = "future";
  }
  lua_pushinteger(L, part(b, b->count));
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
  unsigned way;
};

/* A line that goes into the journal at once, so that *PLACE is set; NULL, or the word. A
 * foreign word that replaces one waits in the index instead, for f_write_down: so a
 * signer who says a thousand a second in one slot costs the disk no more than who says
 * one. */
static const char *keep(struct taking *t, const struct statement *st, int of, int64_t end,
                        int64_t *place) {
  if (of < 0 || (!is_by(st, t->own, t->own_size) && index_replaces(t->index, st)))
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
  if ((word = index_put(t->index, st, place, t->way, &gone))) {
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

/* take(from, to, index, journal, families, own, [way]) -> how many of the places
 * FROM … TO were taken in; classes that changed, as bits (class 1 is bit 0); AT of the
 * newest that OWN signed, or nil. Their signatures were checked: places with a word are
 * left alone, others get one where they are refused. FAMILIES: by class, false for a soft
 * one. WAY: as index:put has it. */
static int f_take(lua_State *L) {
  struct batch *b = batch_argument(L, 1);
  uint32_t from, count = batch_range(L, b, 2, &from);
  struct taking t = {.own_at = -1};
  t.index = index_argument(L, 4);
  t.journal = journal_argument(L, 5);
  luaL_checktype(L, 6, LUA_TTABLE);
  t.own = luaL_checklstring(L, 7, &t.own_size);
  t.way = index_way_argument(L, 8);
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

/* One kept line from the index into the journal: 0, or -errno. */
static int write_entry(struct taking *t, uint32_t number) {
  struct entry *e = index_entry(t->index, number);
  int of = e->size && e->has_text ? t->families[t->index->holders[e->holder].class_number]
                                  : -1;
  int64_t place;
  if (of < 0)
    return 0;
  place = journal_take(t->journal, of, e->where.text, e->size,
                       law_end(index_class(t->index, e), e->at));
  if (place < 0)
    return (int)place;
  index_written(t->index, number, place);
  return 0;
}

/* batch.write_down(index, journal, families): what replaced other words goes into the
 * journal, the newest of each slot. Stops where the journal is full; the rest waits on.
 */
static int f_write_down(lua_State *L) {
  struct taking t = {.index = index_argument(L, 1), .journal = journal_argument(L, 2)};
  luaL_checktype(L, 3, LUA_TTABLE);
  read_families(L, 3, &t);
  for (uint32_t i = 1; i <= t.index->entry_top && t.index->unwritten > 0; i++)
    if (write_entry(&t, i))
      break;
  return 0;
}

static const luaL_Reg methods[] = {
    {"part",      f_part     },
    {"cut",       f_cut      },
    {"code",      f_code     },
    {"refuse",    f_refuse   },
    {"short",     f_short    },
    {"bucket",    f_bucket   },
    {"next",      f_next     },
    {"statement", f_statement},
    {"verify",    f_verify   },
    {"check",     f_check    },
    {"take",      f_take     },
    {"text",      f_text     },
    {"bytes",     f_bytes    },
    {"close",     f_close    },
    {"__len",     f_count    },
    {"__gc",      f_close    },
    {"__close",   f_close    },
    {NULL,        NULL       }
};

static const luaL_Reg functions[] = {
    {"new",        f_new       },
    {"write_down", f_write_down},
    {NULL,         NULL        }
};

void batch_class(lua_State *L) {
  core_class(L, CLASS, methods);
}

int luaopen_core_batch(lua_State *L) {
  batch_class(L);
  luaL_newlib(L, functions);
  return 1;
}
