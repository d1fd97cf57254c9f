/* touched.c - which keys of a class changed since somebody looked, so that what he made
 * of them can be kept up to date. Reads no statement. */
#include "index.h"
#include <stdlib.h>

#define SPARE 4096 /* keys beyond those that there are, before all count as changed */

static uint32_t key_of(const struct entry *e) {
  return (uint32_t)e->key_high << 16 | (uint32_t)e->key_low;
}

static void add(struct index_touched *t, uint32_t hash) {
  if (t->count && t->hashes[t->count - 1] == hash)
    return;
  t->hashes[t->count++] = hash;
}

void index_touch(struct index *ix, const struct entry *e) {
  struct index_touched *t = &ix->touched;
  if (!t->hashes || ix->holders[e->holder].class_number != t->class_number)
    return;
  if (t->count == t->room)
    t->is_over = 1;
  else
    add(t, key_of(e));
}

int index_touch_all(struct index *ix, int class_number) {
  struct index_touched *t = &ix->touched;
  uint32_t room = (uint32_t)ix->counts[class_number] + SPARE;
  uint32_t *hashes = realloc(t->hashes, room * sizeof *hashes);
  if (!hashes)
    return -1;
  *t = (struct index_touched){
      .hashes = hashes, .room = room, .class_number = class_number};
  for (uint32_t number = 1; number <= ix->entry_top; number++) {
    const struct entry *e = index_entry(ix, number);
    if (e->size && e->is_first && ix->holders[e->holder].class_number == class_number)
      add(t, key_of(e));
  }
  return 0;
}

void index_touch_none(struct index *ix) {
  free(ix->touched.hashes);
  ix->touched = (struct index_touched){0};
}
