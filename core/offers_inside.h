/* offers_inside.h - the table of offers, as its own files see it and nobody else. */
#ifndef OFFERS_INSIDE_H
#define OFFERS_INSIDE_H

#include "offers.h"
#include <pthread.h>

struct offer {
  int64_t uses;
  uint8_t cid[UNIXFS_CID_SIZE];
  beneath_identity identity;
  char *folder, *name;
  uint8_t *leaves, *nodes; /* digests; of nodes the lowest level first, the root last */
  int64_t leaf_count, node_count;
  uint32_t *node_sizes;
  uint8_t *verified; /* a bit a leaf: hashed under this identity */
  int suspect;       /* a leaf could not be read as it was hashed, since last asked */
};

struct slot;

struct offers {
  pthread_mutex_t lock;
  offer **files;
  uint32_t count, room;
  struct slot *slots; /* open addressing by the digest's first bytes; a power of two */
  size_t slot_count, used;
};

int64_t offers_block_size(const offer *f, int is_node, int64_t index);

/* Under the lock: a file's place, or -1; one use less. */
int64_t offers_root(offers *o, const uint8_t cid[UNIXFS_CID_SIZE]);
void offers_drop(offer *f);

#endif
