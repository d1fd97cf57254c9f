/* law.c - classes of buckets: constants, patterns, the hash that tells who differs. No
 * index. */
#include "law.h"
#include "crypto/crypto.h"
#include <stdlib.h>
#include <string.h>

#define REST "\xE2\x80\xA6" /* … */

/* ---- patterns ---- */

static size_t segment_size(const char *at, const char *end) {
  const char *slash = memchr(at, '/', (size_t)(end - at));
  return (size_t)((slash ? slash : end) - at);
}

/* 2 a name, 1 `*`, 0 `…`: the greater is the more specific. */
static int rank(const char *segment, size_t size) {
  if (size == 1 && *segment == '*')
    return 1;
  return !(size == sizeof REST - 1 && memcmp(segment, REST, size) == 0) * 2;
}

static int matches(const char *pattern, const char *bucket, const char *bucket_end) {
  const char *end = pattern + strlen(pattern);
  while (pattern < end && bucket < bucket_end) {
    size_t size = segment_size(pattern, end), given = segment_size(bucket, bucket_end);
    int kind = rank(pattern, size);
    if (kind == 0)
      return 1;
    if (kind == 2 && (size != given || memcmp(pattern, bucket, size)))
      return 0;
    pattern += size + 1;
    bucket += given + 1;
  }
  return pattern > end && bucket > bucket_end;
}

/* Of two different patterns that match one bucket: is A the more specific? */
static int is_more_specific(const char *a, const char *b) {
  const char *a_end = a + strlen(a), *b_end = b + strlen(b);
  for (;;) {
    size_t a_size = segment_size(a, a_end), b_size = segment_size(b, b_end);
    int difference = rank(a, a_size) - rank(b, b_size);
    if (difference || a + a_size == a_end || b + b_size == b_end)
      return difference > 0;
    a += a_size + 1;
    b += b_size + 1;
  }
}

const struct law_pattern *law_pattern_of(const struct law *law, const char *bucket,
                                         size_t size) {
  const struct law_pattern *best = NULL;
  for (int i = 0; i < law->pattern_count; i++) {
    const struct law_pattern *p = &law->patterns[i];
    if (!matches(p->text, bucket, bucket + size))
      continue;
    if (!best || is_more_specific(p->text, best->text))
      best = p;
  }
  return best;
}

int law_class_of(const struct law *law, const char *bucket, size_t size) {
  const struct law_pattern *pattern = law_pattern_of(law, bucket, size);
  return pattern ? pattern->class_number : -1;
}

int law_class_named(const struct law *law, const char *name) {
  for (int i = 0; i < law->class_count; i++)
    if (strcmp(law->classes[i].name, name) == 0)
      return i;
  return -1;
}

/* ---- what a class says about a statement ---- */

int64_t law_end(const struct law_class *c, int64_t at) {
  int64_t end = (at + 999) / 1000 + LAW_GRACE + c->max_ttl;
  return (end + STATEMENT_TICK - 1) / STATEMENT_TICK * STATEMENT_TICK;
}

const char *law_check(const struct law_class *c, const struct statement *st,
                      int64_t now) {
  if ((int64_t)st->line.size > c->size)
    return "size";
  if (st->valid_until * 1000 > st->at + c->max_ttl * 1000)
    return "window";
  if (now < 0)
    return NULL;
  if (law_end(c, st->at) * 1000 <= now)
    return "ended";
  return st->at > now + LAW_GRACE * 1000 ? "future" : NULL;
}

/* ---- reading the table of classes ---- */

static int is_name(const char *text) {
  size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
  return size > 0 && size <= LAW_NAME_MAX && text[size] == 0;
}

static void read_name(lua_State *L, const char *field, const char *fallback, char *out) {
  lua_getfield(L, -1, field);
  const char *text = lua_isnil(L, -1) ? fallback : lua_tostring(L, -1);
  if (!text || !is_name(text))
    luaL_error(L, "'%s' of a class must be a name", field);
  strcpy(out, text);
  lua_pop(L, 1);
}

static int64_t read_number(lua_State *L, const char *field, int64_t max) {
  int64_t value = core_field_integer(L, -1, field, -1);
  if (value < 1 || value > max)
    luaL_error(L, "'%s' of a class is out of range", field);
  return value;
}

static int is_pattern_segment(const char *at, size_t size, int is_last) {
  static const char allowed[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~:@+-";
  if (size == 0 || rank(at, size) == 0)
    return size && is_last;
  return rank(at, size) == 1 || strspn(at, allowed) >= size;
}

static int is_pattern(const char *text) {
  const char *end = text + strlen(text);
  for (const char *at = text;; at++) {
    size_t size = segment_size(at, end);
    if (!is_pattern_segment(at, size, at + size == end))
      return 0;
    at += size;
    if (at == end)
      return 1;
  }
}

/* Takes the string on top of the stack as a pattern of class NUMBER. */
static void add_pattern(lua_State *L, struct law *law, int number) {
  const char *text = lua_tostring(L, -1);
  if (!text || strlen(text) > CORE_BUCKET_MAX || !is_pattern(text))
    luaL_error(L, "class '%s': not a pattern of buckets", law->classes[number].name);
  if (law->pattern_count == LAW_PATTERNS_MAX)
    luaL_error(L, "too many patterns of buckets");
  for (int i = 0; i < law->pattern_count; i++)
    if (strcmp(law->patterns[i].text, text) == 0)
      luaL_error(L, "two classes have '%s'", text);
  struct law_pattern *p = &law->patterns[law->pattern_count];
  p->class_number = number;
  if (!(p->text = strdup(text)))
    luaL_error(L, "no memory");
  law->pattern_count++;
}

static void read_patterns(lua_State *L, struct law *law, int number) {
  lua_getfield(L, -1, "buckets");
  luaL_argcheck(L, lua_istable(L, -1), 1, "'buckets' of a class must be an array");
  for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
    add_pattern(L, law, number);
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
}

/* The constants in one canonical text; its patterns sorted, so that their order means
 * nothing. */
static void push_constants(lua_State *L, const struct law *law, int number) {
  const struct law_class *c = &law->classes[number];
  const char *last = "", *next;
  lua_pushfstring(
      L, "dt-swarm/1 law\n%s max_ttl=%I size=%I slots=%I %s scope=%s admitted=%s\n",
      c->name, (LUAI_UACINT)c->max_ttl, (LUAI_UACINT)c->size, (LUAI_UACINT)c->slots,
      c->is_kept ? "kept" : "soft", c->scope, c->admitted);
  do {
    next = NULL;
    for (int i = 0; i < law->pattern_count; i++) {
      const struct law_pattern *p = &law->patterns[i];
      if (p->class_number != number || strcmp(p->text, last) <= 0)
        continue;
      if (!next || strcmp(p->text, next) < 0)
        next = p->text;
    }
    if (next)
      lua_pushfstring(L, "%s%s\n", lua_tostring(L, -1), next), lua_remove(L, -2);
  } while ((last = next));
}

static void hash_class(lua_State *L, struct law *law, int number) {
  uint8_t hash[CORE_HASH_SIZE];
  size_t size;
  push_constants(L, law, number);
  const char *text = lua_tolstring(L, -1, &size);
  hash_blake2b(text, size, NULL, 0, hash);
  memcpy(law->classes[number].hash, hash, LAW_HASH_SIZE);
  lua_pop(L, 1);
}

/* Takes the table on top of the stack as the next class. */
static void read_class(lua_State *L, struct law *law) {
  luaL_argcheck(L, lua_istable(L, -1), 1, "a class must be a table");
  luaL_argcheck(L, law->class_count < LAW_CLASSES_MAX, 1, "too many classes");
  int number = law->class_count;
  struct law_class *c = &law->classes[number];
  read_name(L, "name", NULL, c->name);
  if (law_class_named(law, c->name) >= 0)
    luaL_error(L, "two classes are named '%s'", c->name);
  read_name(L, "scope", "swarm", c->scope);
  read_name(L, "admitted", "anyone", c->admitted);
  c->max_ttl = read_number(L, "max_ttl", LAW_TTL_MAX);
  c->size = read_number(L, "size", CORE_STATEMENT_MAX);
  c->slots = read_number(L, "slots", INT32_MAX);
  c->is_kept = core_field_boolean(L, -1, "kept");
  law->class_count++;
  read_patterns(L, law, number);
  hash_class(L, law, number);
}

void law_read(lua_State *L, int index, struct law *law) {
  luaL_checktype(L, index, LUA_TTABLE);
  for (lua_Integer i = 1; lua_rawgeti(L, index, i) != LUA_TNIL; i++) {
    read_class(L, law);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

void law_free(struct law *law) {
  for (int i = 0; i < law->pattern_count; i++)
    free(law->patterns[i].text);
  law->pattern_count = 0;
}
