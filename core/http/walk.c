/* walk.c - a block and all beneath it, one after the other. No HTTP, no format. */
#include "served_inside.h"
#include "walk.h"
#include <stdlib.h>
#include <string.h>

/* Leaves beneath a full node. */
static int64_t span(int level) {
  return INT64_C(1) << 10 * level;
}

static int64_t nodes_of(const served_entry *f, int level) {
  return (f->leaf_count + span(level) - 1) / span(level);
}

/* A node's place among all of its file, where the lowest level comes first. */
static int64_t node_index(const served_entry *f, int level, int64_t leaf) {
  int64_t index = leaf / span(level);
  for (int lower = 1; lower < level; lower++)
    index += nodes_of(f, lower);
  return index;
}

static const uint8_t *digest_of(const served_entry *f, int level, int64_t leaf) {
  return level == 0 ? f->leaves + leaf * 32 : f->nodes + node_index(f, level, leaf) * 32;
}

/* The block at place LEAF of a checkpoint. */
static void settle_in_checkpoint(walk *w) {
  const served_entry *f = w->at.of;
  int is_node = served_checkpoint_at(f, w->leaf, &w->at.index);
  w->at.size = served_block_size(f, is_node, w->at.index);
  cid_make(is_node ? CID_DAG_PB : CID_RAW,
           (is_node ? f->nodes : f->leaves) + w->at.index * 32, w->at.cid);
}

static void settle(walk *w) {
  const served_entry *f = w->at.of;
  if (f->checkpoint) {
    settle_in_checkpoint(w);
    return;
  }
  w->at.index = w->level == 0 ? w->leaf : node_index(f, w->level, w->leaf);
  w->at.size = served_block_size(f, w->level > 0, w->at.index);
  cid_make(w->level == 0 ? CID_RAW : CID_DAG_PB, digest_of(f, w->level, w->leaf),
           w->at.cid);
}

/* -- equal blocks -- */

static int64_t power_above(int64_t count) {
  int64_t size = 4;
  while (size < 2 * count)
    size *= 2;
  return size;
}

/* Is a leaf equal to one that is in the table already? Else it goes in. */
static int is_known(uint32_t *table, int64_t size, const uint8_t *leaves, int64_t i) {
  uint64_t at;
  memcpy(&at, leaves + i * 32, sizeof at);
  for (at &= size - 1; table[at]; at = (at + 1) & (size - 1))
    if (!memcmp(leaves + (int64_t)(table[at] - 1) * 32, leaves + i * 32, 32))
      return 1;
  table[at] = (uint32_t)i + 1;
  return 0;
}

static int find_repeats(walk *w) {
  int64_t count = w->end - w->from, size = power_above(count);
  const uint8_t *leaves = w->at.of->leaves + w->from * 32;
  uint32_t *table = calloc((size_t)size, sizeof *table);
  w->repeats = calloc(1, (size_t)count / 8 + 1);
  if (!table || !w->repeats) {
    free(table);
    return -1;
  }
  for (int64_t i = 0; i < count; i++)
    if (is_known(table, size, leaves, i))
      w->repeats[i / 8] |= (uint8_t)(1 << i % 8);
  free(table);
  return 0;
}

/* Nodes are few: 1,024 below the root at most. */
static int is_repeat(const walk *w) {
  const served_entry *f = w->at.of;
  int64_t i = w->leaf - w->from;
  if (!w->repeats)
    return 0;
  if (w->level == 0)
    return w->repeats[i / 8] >> i % 8 & 1;
  for (int64_t leaf = w->from; leaf < w->leaf; leaf += span(w->level))
    if (!memcmp(digest_of(f, w->level, leaf), digest_of(f, w->level, w->leaf), 32))
      return 1;
  return 0;
}

/* -- what others call -- */

static int level_of(const served_block *b) {
  int level = 1;
  if (b->cid[1] == CID_RAW)
    return 0;
  for (int64_t before = nodes_of(b->of, 1); b->index >= before; level++)
    before += nodes_of(b->of, level + 1);
  return level;
}

static void set_range(walk *w) {
  const served_entry *f = w->at.of;
  int64_t first = w->at.index;
  if (f->checkpoint) { /* FROM … END are places then, and no two blocks are equal */
    w->from = w->leaf = served_checkpoint_place(f, w->at.cid[1] == CID_DAG_PB, first);
    w->end = served_checkpoint_end(f, w->from);
    return;
  }
  w->top = w->level = level_of(&w->at);
  for (int lower = 1; lower < w->top; lower++)
    first -= nodes_of(f, lower);
  w->from = w->leaf = first * span(w->top);
  w->end = w->from + span(w->top);
  if (w->end > f->leaf_count)
    w->end = f->leaf_count;
}

int walk_begin(served *o, const uint8_t cid[CID_SIZE], served_class reach, int flags,
               walk *w) {
  memset(w, 0, sizeof *w);
  w->reach = reach;
  if (!served_find(o, cid, reach, &w->at))
    return 0;
  set_range(w);
  if (flags & WALK_TOP)
    w->end = w->from;
  else if (!w->at.of->checkpoint && !(flags & WALK_TWICE) && find_repeats(w) < 0) {
    walk_end(o, w);
    return -1;
  }
  return 1;
}

static void step(walk *w) {
  if (w->level > 0) {
    w->level--;
    return;
  }
  w->leaf++;
  while (w->level + 1 < w->top && w->leaf % span(w->level + 1) == 0)
    w->level++;
}

int walk_next(walk *w) {
  do {
    step(w);
    if (w->leaf >= w->end)
      return 0;
  } while (is_repeat(w));
  settle(w);
  return 1;
}

void walk_leaves(walk *w, int64_t index) {
  w->top = w->level = 0;
  w->leaf = w->from + index;
  settle(w);
}

int64_t walk_bytes(const walk *w) {
  const served_entry *f = w->at.of;
  if (f->checkpoint)
    return w->at.cid[1] == CID_RAW ? w->at.size : -1;
  return (w->end == f->leaf_count ? f->identity.size : w->end * UNIXFS_CHUNK) -
         w->from * UNIXFS_CHUNK;
}

/* The file may be served anew meanwhile, from elsewhere: the same root has the same
 * blocks. As another class: then not to everybody any more. */
static int is_served(served *o, walk *w) {
  int64_t place;
  pthread_mutex_lock(&o->lock);
  place = w->at.of->place;
  if (o->files[place] != w->at.of)
    place = served_root(o, w->at.of->cid);
  if (place >= 0 && o->files[place]->class > w->reach)
    place = -1;
  if (place >= 0 && o->files[place] != w->at.of) {
    served_drop(w->at.of);
    w->at.of = o->files[place];
    w->at.of->uses++;
  }
  pthread_mutex_unlock(&o->lock);
  return place >= 0;
}

int walk_read(served *o, walk *w, uint8_t *out, const char **word) {
  if (is_served(o, w))
    return served_read(o, &w->at, out, word);
  *word = "missing";
  return -1;
}

void walk_end(served *o, walk *w) {
  free(w->repeats);
  w->repeats = NULL;
  served_release(o, &w->at);
}
