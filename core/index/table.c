/* table.c - a hash table of numbers that name things kept elsewhere. Owns no thing. */
#include "table.h"
#include <stdlib.h>

#define ROOM_MIN 16

/* The upper bits of the hash; the lower ones say where the cell is. */
static uint32_t tag_of(uint64_t hash) {
  return (uint32_t)(hash >> 56) << 24;
}

static uint32_t number_of(uint32_t cell) {
  return cell & TABLE_NUMBER_MAX;
}

/* The cell where a thing with that hash would stand if the table were empty. A table is
 * of any size: the lower half of the hash is taken as a share of it. */
static uint32_t home_of(const struct table *t, uint64_t hash) {
  return (uint32_t)((hash & 0xffffffff) * t->room >> 32);
}

static uint32_t after(const struct table *t, uint32_t at) {
  return at + 1 < t->room ? at + 1 : 0;
}

/* How far AT is behind FROM, round the end. */
static uint32_t distance(const struct table *t, uint32_t from, uint32_t at) {
  return at >= from ? at - from : at + t->room - from;
}

uint32_t table_find(const struct table *t, const struct table_kind *kind,
                    const void *owner, uint64_t hash, const void *sought) {
  uint32_t tag = tag_of(hash);
  if (!t->room)
    return 0;
  for (uint32_t at = home_of(t, hash);; at = after(t, at)) {
    uint32_t cell = t->cells[at];
    if (!cell)
      return 0;
    if ((cell & ~TABLE_NUMBER_MAX) == tag && kind->is(owner, number_of(cell), sought))
      return number_of(cell);
  }
}

void table_add(struct table *t, uint64_t hash, uint32_t number) {
  uint32_t at = home_of(t, hash);
  while (t->cells[at])
    at = after(t, at);
  t->cells[at] = tag_of(hash) | number;
  t->count++;
}

/* Half as large again: a table that doubled would be half empty for long. */
int table_reserve(struct table *t, const struct table_kind *kind, const void *owner) {
  struct table grown = {.room = t->room ? t->room / 2 * 3 : ROOM_MIN};
  if (t->count + 1 <= (uint64_t)t->room * 7 / 8)
    return 0;
  if (grown.room <= t->room || !(grown.cells = calloc(grown.room, sizeof *grown.cells)))
    return -1;
  for (uint32_t i = 0; i < t->room; i++)
    if (t->cells[i])
      table_add(&grown, kind->hash(owner, number_of(t->cells[i])),
                number_of(t->cells[i]));
  free(t->cells);
  *t = grown;
  return 0;
}

/* Moves back what stood behind the hole because of it, so that no tombstones are needed
 * (Knuth, The Art of Computer Programming 3, 6.4, algorithm R). */
void table_remove(struct table *t, const struct table_kind *kind, const void *owner,
                  uint32_t number) {
  uint32_t hole = home_of(t, kind->hash(owner, number));
  while (number_of(t->cells[hole]) != number)
    hole = after(t, hole);
  for (uint32_t at = after(t, hole); t->cells[at]; at = after(t, at)) {
    uint32_t home = home_of(t, kind->hash(owner, number_of(t->cells[at])));
    if (distance(t, home, at) < distance(t, hole, at))
      continue;
    t->cells[hole] = t->cells[at];
    hole = at;
  }
  t->cells[hole] = 0;
  t->count--;
}

void table_free(struct table *t) {
  free(t->cells);
  *t = (struct table){0};
}

int64_t table_memory(const struct table *t) {
  return (int64_t)t->room * (int64_t)sizeof *t->cells;
}
