/* served_inside.h - the table of what is served, as its own files see it and nobody else.
 */
#ifndef SERVED_INSIDE_H
#define SERVED_INSIDE_H

#include "served.h"
#include <pthread.h>

struct served_entry {
  int64_t uses, place; /* in the table, as long as it is served */
  uint8_t cid[CID_SIZE];
  file_identity identity;
  served_class class;
  char *folder, *name;
  uint8_t *leaves, *nodes; /* digests; of nodes the lowest level first, the root last */
  int64_t leaf_count, node_count;
  uint32_t *node_sizes;
  uint8_t *verified; /* a bit a leaf: hashed under this identity */

  /* Of a checkpoint only (checkpoint.c): nodes are that of machines.txt, if it has one,
   * and the folder's. */
  struct unixfs_checkpoint *checkpoint;
  uint32_t *sizes;
  int64_t *starts; /* in its file, of each leaf */
  char *first;     /* the file of leaf 0 */
  file_identity first_identity;
  int suspect; /* a leaf could not be read as it was hashed, since last asked */
};

struct slot;

struct served {
  pthread_mutex_t lock;
  served_entry **files; /* some of the first TOP may be NULL */
  uint32_t count, top, room;
  struct slot *slots; /* open addressing by the digest's first bytes; a power of two */
  size_t slot_count, used;
};

/* ---- checkpoints (checkpoint.c) ---- */

/* Fills F, whose folder, name and identity stand, with a checkpoint: 0, -EINVAL: the
 * leaves do not give the root, or -ENOMEM. */
int served_checkpoint_fill(served_entry *f, const served_file *file);
void served_checkpoint_free(served_entry *f);
void served_checkpoint_node(const served_entry *f, int64_t index, uint8_t *out);

/* Blocks in the order of a walk, depth first: place 0 is the folder. */
int64_t served_checkpoint_place(const served_entry *f, int is_node, int64_t index);
/* 1: a node stands at PLACE; *INDEX: which of the nodes or leaves. */
int served_checkpoint_at(const served_entry *f, int64_t place, int64_t *index);
/* The place behind all that is beneath the block at PLACE. */
int64_t served_checkpoint_end(const served_entry *f, int64_t place);

int64_t served_block_size(const served_entry *f, int is_node, int64_t index);

/* Under the lock: a file's place, or -1; one use less. */
int64_t served_root(served *o, const uint8_t cid[CID_SIZE]);
void served_drop(served_entry *f);

#endif
