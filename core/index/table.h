/* table.h - a hash table of numbers that name things kept elsewhere. Owns no thing. */
#ifndef TABLE_H
#define TABLE_H

#include <stdint.h>

#define TABLE_NUMBER_MAX 0xffffff

/* Open addressing with linear probing, four bytes a cell: a number and eight bits of its
 * hash, so that hardly a wrong thing is ever looked at. It is between 7/12 and 7/8 full
 * once it has grown. Hashes must be keyed with a secret (SipHash), so that nobody can
 * make cells collide. */
struct table {
  uint32_t *cells; /* 0: empty */
  uint32_t room;   /* cells */
  uint32_t count;
};

/* How a table asks about the things that its numbers name. */
struct table_kind {
  uint64_t (*hash)(const void *owner, uint32_t number);
  int (*is)(const void *owner, uint32_t number, const void *sought);
};

/* Number of the thing SOUGHT, whose hash is HASH, or 0. */
uint32_t table_find(const struct table *t, const struct table_kind *kind,
                    const void *owner, uint64_t hash, const void *sought);

/* Makes sure that one more fits: 0, or -1 where there is no memory (nothing changed
 * then). */
int table_reserve(struct table *t, const struct table_kind *kind, const void *owner);

/* Adds NUMBER, 1 to TABLE_NUMBER_MAX and not in it yet; table_reserve came before. */
void table_add(struct table *t, uint64_t hash, uint32_t number);

/* Takes out NUMBER, which is in it and whose thing still has its hash. */
void table_remove(struct table *t, const struct table_kind *kind, const void *owner,
                  uint32_t number);

void table_free(struct table *t);
int64_t table_memory(const struct table *t);

#endif
