/* law.h - classes of buckets and their constants: what stores the same, if equal. */
#ifndef LAW_H
#define LAW_H

#include "core.h"
#include "statement/statement.h"

#define LAW_CLASSES_MAX 32
#define LAW_PATTERNS_MAX 128
#define LAW_NAME_MAX 32
#define LAW_HASH_SIZE 8
#define LAW_TTL_MAX ((int64_t)10 * 366 * 86400)
/* Seconds that clocks may differ: END counts them in, and the future allows them. */
#define LAW_GRACE 600

struct law_class {
  char name[LAW_NAME_MAX + 1], scope[LAW_NAME_MAX + 1], admitted[LAW_NAME_MAX + 1];
  int64_t max_ttl; /* seconds */
  int64_t size;    /* longest line, bytes */
  int64_t slots;   /* of one signer */
  int is_kept;     /* in the journal and in digests; else soft */
  uint8_t hash[LAW_HASH_SIZE];
};

/* A bucket's path in which `*` stands for one segment and a last `…` for one or more. */
struct law_pattern {
  char *text;
  int class_number;
};

struct law {
  struct law_class classes[LAW_CLASSES_MAX];
  struct law_pattern patterns[LAW_PATTERNS_MAX];
  int class_count, pattern_count;
};

/* Reads the array of classes at INDEX of the stack into LAW, which is empty; throws on
 * misuse. */
void law_read(lua_State *L, int index, struct law *law);
void law_free(struct law *law);

/* The pattern that says to which class BUCKET belongs, or NULL: of those that match it
 * the one that is most specific: at the first segment where two differ, a name comes
 * before
 * `*`, and `*` before `…`. */
const struct law_pattern *law_pattern_of(const struct law *law, const char *bucket,
                                         size_t size);
/* Number of its class, or -1. */
int law_class_of(const struct law *law, const char *bucket, size_t size);
/* Number of the class with this name, or -1. */
int law_class_named(const struct law *law, const char *name);

/* When a statement stops being remembered: Unix seconds, a multiple of 16. It grows with
 * AT and depends on nothing else of the statement. */
int64_t law_end(const struct law_class *c, int64_t at);

/* NULL, or the word: size, window, and where NOW (ms, or negative: unproved) is known
 * ended, future. */
const char *law_check(const struct law_class *c, const struct statement *st, int64_t now);

#endif
