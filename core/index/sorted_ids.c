/* sorted_ids.c - the short IDs of one class in order, for digests and lists. No record.
 */
#include "core.h"
#include "sorted_ids.h"
#include <stdlib.h>
#include <string.h>

/* Putting one in moves a hundred kilobytes or so; sorting anew is cheaper than many of
 * that. */
#define CHANGES_MAX 1024

static int compare(const uint8_t *a, const uint8_t *b) {
  return memcmp(a, b, CORE_SHORT_ID_SIZE);
}

uint32_t sorted_ids_after(const struct sorted_ids *o, sorted_ids_id id, const void *owner,
                          const uint8_t *sought, int equal) {
  uint32_t low = 0, high = o->count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int difference = compare(id(owner, o->numbers[middle]), sought);
    if (difference < 0 || (difference == 0 && !equal))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Is it worth to keep the order up to date for one more change? */
static int keeps_up(struct sorted_ids *o) {
  if (o->numbers && ++o->changes > CHANGES_MAX)
    sorted_ids_free(o);
  return o->numbers != NULL;
}

static int grow(struct sorted_ids *o) {
  uint32_t room = o->count + CHANGES_MAX;
  uint32_t *numbers = realloc(o->numbers, (size_t)room * sizeof *numbers);
  if (!numbers)
    return -1;
  o->numbers = numbers;
  o->room = room;
  return 0;
}

void sorted_ids_add(struct sorted_ids *o, sorted_ids_id id, const void *owner,
                    uint32_t number) {
  if (!keeps_up(o))
    return;
  if (o->count == o->room && grow(o)) {
    sorted_ids_free(o);
    return;
  }
  uint32_t at = sorted_ids_after(o, id, owner, id(owner, number), 1);
  memmove(o->numbers + at + 1, o->numbers + at,
          (size_t)(o->count - at) * sizeof *o->numbers);
  o->numbers[at] = number;
  o->count++;
}

void sorted_ids_remove(struct sorted_ids *o, sorted_ids_id id, const void *owner,
                       uint32_t number) {
  if (!keeps_up(o))
    return;
  uint32_t at = sorted_ids_after(o, id, owner, id(owner, number), 1);
  o->count--;
  memmove(o->numbers + at, o->numbers + at + 1,
          (size_t)(o->count - at) * sizeof *o->numbers);
}

int sorted_ids_start(struct sorted_ids *o, uint32_t count) {
  sorted_ids_free(o);
  o->count = count;
  if (grow(o) == 0)
    return 0;
  o->count = 0;
  return -1;
}

/* A number beside the first half of its ID: comparing two of these touches no record. */
struct sortable {
  uint64_t prefix;
  uint32_t number;
};

struct sorting {
  sorted_ids_id id;
  const void *owner;
};

static int compare_sortables(const void *a, const void *b, void *context) {
  const struct sortable *x = a, *y = b;
  const struct sorting *s = context;
  if (x->prefix != y->prefix)
    return x->prefix < y->prefix ? -1 : 1;
  return compare(s->id(s->owner, x->number), s->id(s->owner, y->number));
}

static uint64_t prefix_of(const uint8_t *id) {
  uint64_t prefix = 0;
  for (int i = 0; i < 8; i++)
    prefix = prefix << 8 | id[i];
  return prefix;
}

int sorted_ids_sort(struct sorted_ids *o, sorted_ids_id id, const void *owner) {
  struct sorting s = {id, owner};
  struct sortable *all = malloc(((size_t)o->count + 1) * sizeof *all);
  if (!all)
    return -1;
  for (uint32_t i = 0; i < o->count; i++)
    all[i] = (struct sortable){prefix_of(id(owner, o->numbers[i])), o->numbers[i]};
  qsort_r(all, o->count, sizeof *all, compare_sortables, &s);
  for (uint32_t i = 0; i < o->count; i++)
    o->numbers[i] = all[i].number;
  free(all);
  return 0;
}

void sorted_ids_free(struct sorted_ids *o) {
  free(o->numbers);
  *o = (struct sorted_ids){0};
}
