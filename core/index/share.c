/* share.c - which of a signer's slots has the greatest hash: the first to go where his
 * share is full. No rule. */
#include "index.h"
#include <stdlib.h>

/* The entries of a full share as a binary heap, the greatest slot on top. It is made when
 * it is first asked for, and let go when another one than the greatest leaves, as at its
 * END: so a word in a full share costs the logarithm of the share, and one walk through
 * it after some have ended. */

static uint64_t slot_at(struct index *ix, const struct holder *h, uint32_t at) {
  ix->share_steps++;
  return index_entry(ix, h->heap[at])->slot;
}

/* NUMBER, whose place is AT or below it: greater ones below come up. */
static void sink(struct index *ix, struct holder *h, uint32_t at, uint32_t number) {
  uint64_t slot = index_entry(ix, number)->slot;
  for (uint32_t child; (child = 2 * at + 1) < h->heap_count; at = child) {
    if (child + 1 < h->heap_count && slot_at(ix, h, child + 1) > slot_at(ix, h, child))
      child++;
    if (slot_at(ix, h, child) < slot)
      break;
    h->heap[at] = h->heap[child];
  }
  h->heap[at] = number;
}

void index_drop_heap(struct index *ix, struct holder *h) {
  ix->extra -= (int64_t)h->heap_room * (int64_t)sizeof *h->heap;
  free(h->heap);
  h->heap = NULL;
  h->heap_count = h->heap_room = 0;
}

/* Without memory for it there is none, and the share is walked through each time. */
static void make_heap(struct index *ix, struct holder *h) {
  if (!(h->heap = malloc(h->count * sizeof *h->heap)))
    return;
  h->heap_room = h->count;
  ix->extra += (int64_t)h->heap_room * (int64_t)sizeof *h->heap;
  for (uint32_t number = h->first; number;
       number = index_entry(ix, number)->next_of_holder)
    h->heap[h->heap_count++] = number;
  for (uint32_t at = h->heap_count / 2; at-- > 0;)
    sink(ix, h, at, h->heap[at]);
}

uint32_t index_greatest(struct index *ix, struct holder *h) {
  uint32_t greatest = h->first;
  if (!h->heap)
    make_heap(ix, h);
  if (h->heap)
    return h->heap[0];
  for (uint32_t number = h->first; number;
       number = index_entry(ix, number)->next_of_holder)
    if (index_entry(ix, number)->slot > index_entry(ix, greatest)->slot)
      greatest = number;
  return greatest;
}

void index_add_to_share(struct index *ix, struct holder *h, uint32_t number) {
  uint32_t at = h->heap_count, above;
  if (!h->heap)
    return;
  if (at == h->heap_room) {
    index_drop_heap(ix, h);
    return;
  }
  h->heap_count++;
  for (; at > 0; at = above) {
    above = (at - 1) / 2;
    if (slot_at(ix, h, above) > index_entry(ix, number)->slot)
      break;
    h->heap[at] = h->heap[above];
  }
  h->heap[at] = number;
}

void index_take_from_share(struct index *ix, struct holder *h, uint32_t number) {
  if (!h->heap)
    return;
  if (h->heap[0] == number && --h->heap_count > 0)
    sink(ix, h, 0, h->heap[h->heap_count]);
  else
    index_drop_heap(ix, h);
}
