/* checkpoint.c - a checkpoint among what is served: its blocks, their order, where each
 * lies. No HTTP, no Lua. */
#include "served_inside.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Leaves of machines.txt lie one behind the other; humans.txt is a file of its own. */
static void place_leaves(served_entry *f) {
  int64_t at = 0;
  f->starts[0] = 0;
  for (int64_t i = 1; i < f->leaf_count; i++) {
    f->starts[i] = at;
    at += f->sizes[i];
  }
}

static int allocate(served_entry *f, const served_file *file) {
  f->checkpoint = malloc(sizeof *f->checkpoint);
  f->sizes = malloc((size_t)f->leaf_count * sizeof *f->sizes);
  f->starts = malloc((size_t)f->leaf_count * sizeof *f->starts);
  f->first = strdup(file->first);
  return f->checkpoint && f->sizes && f->starts && f->first;
}

int served_checkpoint_fill(served_entry *f, const served_file *file) {
  if (!allocate(f, file))
    return -ENOMEM;
  f->first_identity = file->first_identity;
  memcpy(f->sizes, file->sizes, (size_t)f->leaf_count * sizeof *f->sizes);
  place_leaves(f);
  if (unixfs_checkpoint(f->sizes, f->leaf_count, f->leaves, f->checkpoint))
    return -ENOMEM;
  if (memcmp(f->checkpoint->cid, f->cid, CID_SIZE))
    return -EINVAL;
  if (f->checkpoint->node_sizes[0]) {
    memcpy(f->nodes, f->checkpoint->machines + 4, 32);
    f->node_sizes[f->node_count++] = f->checkpoint->node_sizes[0];
  }
  memcpy(f->nodes + 32 * f->node_count, f->cid + 4, 32);
  f->node_sizes[f->node_count++] = f->checkpoint->node_sizes[1];
  return 0;
}

void served_checkpoint_free(served_entry *f) {
  free(f->checkpoint);
  free(f->sizes);
  free(f->starts);
  free(f->first);
}

void served_checkpoint_node(const served_entry *f, int64_t index, uint8_t *out) {
  int is_folder = index == f->node_count - 1;
  memcpy(out, f->checkpoint->nodes + (is_folder ? f->checkpoint->node_sizes[0] : 0),
         f->node_sizes[index]);
}

/* ---- order: the folder, humans.txt, the node of machines.txt, its leaves ---- */

int64_t served_checkpoint_place(const served_entry *f, int is_node, int64_t index) {
  if (is_node)
    return index == f->node_count - 1 ? 0 : 2;
  return index == 0 ? 1 : index + f->node_count;
}

int served_checkpoint_at(const served_entry *f, int64_t place, int64_t *index) {
  int is_node = place == 0 || (place == 2 && f->node_count == 2);
  if (is_node)
    *index = place == 0 ? f->node_count - 1 : 0;
  else
    *index = place == 1 ? 0 : place - f->node_count;
  return is_node;
}

int64_t served_checkpoint_end(const served_entry *f, int64_t place) {
  int64_t index;
  return served_checkpoint_at(f, place, &index) ? f->leaf_count + f->node_count
                                                : place + 1;
}
