/* statement.c - fuzzes core/statement/statement.c and the index that takes its words in:
 * each line of the input is offered and put; in the other order the digest is the same.
 */
#include "fuzz.h"
#include "index/index.h"
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 32
#define TICK 1767225600

static const char law_text[] =
    "return {{name='share', max_ttl=2592000, size=1024, slots=3, kept=true,"
    " buckets={'share/…','a','pri/*/health'}},"
    " {name='soft', max_ttl=1200, size=512, slots=2, kept=false, "
    "buckets={'peer','b/*'}}}";

static void open_index(struct index *ix) {
  lua_State *L = fuzz_state();
  lua_settop(L, 0);
  if (luaL_dostring(L, law_text) != LUA_OK)
    abort();
  memset(ix, 0, sizeof *ix);
  index_open(ix);
  law_read(L, 1, &ix->law);
}

/* The line is what its fields say, with KEY spelled `-` where it is the signer. */
static void check_fields(const struct statement *st, const char *line, size_t size) {
  char again[CORE_STATEMENT_MAX + 128];
  int own =
      st->key.size == st->signer.size && !memcmp(st->key.at, st->signer.at, st->key.size);
  int n = snprintf(again, sizeof again, "%.86s %.*s %.*s %.*s %lld %lld %lld %.*s ", line,
                   (int)st->verb.size, st->verb.at, (int)st->bucket.size, st->bucket.at,
                   own ? 1 : (int)st->key.size, own ? "-" : st->key.at,
                   (long long)st->valid_from, (long long)st->valid_until,
                   (long long)st->at, (int)st->signer.size, st->signer.at);
  FUZZ_CHECK(n > 0 && n + st->data.size == size && !memcmp(again, line, (size_t)n));
  FUZZ_CHECK(!memcmp(line + n, st->data.at, st->data.size));
  FUZZ_CHECK(size <= CORE_STATEMENT_MAX && st->valid_from <= st->valid_until &&
             st->valid_until % STATEMENT_TICK == 0);
}

/* What was put is a duplicate then, unless a quota cut it off. */
static void put(struct index *ix, const char *line, size_t size, int64_t place) {
  struct statement st;
  struct index_gone gone;
  const char *why = NULL, *word = statement_parse(line, size, &st, &why), *offered;
  if (word) {
    FUZZ_CHECK(fuzz_is_word(word) && why && *why);
    return;
  }
  check_fields(&st, line, size);
  offered = index_check(ix, &st, place % 2 ? TICK * INT64_C(1000) : -1);
  FUZZ_CHECK(!offered || fuzz_is_word(offered));
  word = index_put(ix, &st, place % 3 ? place : INDEX_NOWHERE, 0, &gone);
  FUZZ_CHECK(!word || fuzz_is_word(word));
  offered = index_check(ix, &st, -1);
  FUZZ_CHECK(word ||
             (offered && (!strcmp(offered, "duplicate") || !strcmp(offered, "quota"))));
}

static void no_trace(void *context, struct index_gone gone) {
  (void)context, (void)gone;
}

static void digests(struct index *a, struct index *b) {
  for (int i = 0; i < a->law.class_count; i++) {
    struct digest x, y;
    FUZZ_CHECK(index_digest(a, i, TICK, "", 0, &x) == 0);
    FUZZ_CHECK(index_digest(b, i, TICK, "", 0, &y) == 0);
    FUZZ_CHECK(x.count == y.count && !memcmp(x.bytes, y.bytes, sizeof x.bytes));
  }
}

/* Costs a hundred times what all else costs, so only of a line that comes alone. */
static void verify(const char *line, size_t size) {
  struct statement st;
  const char *why, *word;
  if (statement_parse(line, size, &st, &why))
    return;
  word = statement_verify(&st, "fuzz", 4);
  FUZZ_CHECK(!word || !strcmp(word, "signature") || !strcmp(word, "key"));
}

static void both_ways(const char **lines, const size_t *sizes, int count) {
  struct index a, b;
  open_index(&a);
  open_index(&b);
  for (int i = 0; i < count; i++) {
    put(&a, lines[i], sizes[i], i + 1);
    put(&b, lines[count - 1 - i], sizes[count - 1 - i], i + 1);
  }
  digests(&a, &b);
  index_expire(&a, TICK + 100000, no_trace, NULL);
  index_expire(&a, INT64_MAX / 2, no_trace, NULL);
  for (int i = 0; i < a.law.class_count; i++)
    FUZZ_CHECK(a.counts[i] == 0);
  index_close(&a);
  index_close(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *lines[LINES_MAX];
  size_t sizes[LINES_MAX];
  int count = 0;
  for (size_t at = 0; at <= size && count < LINES_MAX; count++) {
    const uint8_t *feed = size - at ? memchr(data + at, '\n', size - at) : NULL;
    sizes[count] = feed ? (size_t)(feed - data) - at : size - at;
    lines[count] = fuzz_copy(data + at, sizes[count]);
    at += sizes[count] + 1;
  }
  if (count == 1)
    verify(lines[0], sizes[0]);
  both_ways(lines, sizes, count);
  while (count--)
    free((void *)lines[count]);
  return 0;
}
