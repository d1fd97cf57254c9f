/* offers.h - which blocks the gateway may give and where they lie: a locked table. No
 * HTTP, no Lua. */
#ifndef OFFERS_H
#define OFFERS_H

#include "beneath.h"
#include "unixfs.h"
#include <stddef.h>
#include <stdint.h>

typedef struct offers offers; /* for several threads at once */
typedef struct offer offer;

typedef struct {
  const char *folder, *name; /* as for beneath_open; copied */
  beneath_identity identity; /* of the file when its leaves were hashed; holds its size */
  const uint8_t *leaves;     /* 32 bytes each, unixfs_leaf_count(identity.size); copied */
  uint8_t cid[UNIXFS_CID_SIZE]; /* of the root; must be what the leaves give */
} offers_file;

typedef struct {
  offer *of; /* counted: alive until offers_release, whatever is withdrawn meanwhile */
  uint8_t cid[UNIXFS_CID_SIZE];
  int64_t index; /* of the leaf, or of the inner node */
  int64_t size;  /* bytes, at most UNIXFS_CHUNK */
} offers_block;

offers *offers_new(void); /* NULL without memory */
void offers_free(offers *o);

/* Puts a file's blocks in; one that is there under the same root is replaced. 0; or
 * -EINVAL: the leaves do not give the root; -ENOMEM. */
int offers_put(offers *o, const offers_file *file);

/* 1; 0 when it was not there. The next offers_find does not find it. */
int offers_withdraw(offers *o, const uint8_t cid[UNIXFS_CID_SIZE]);

int64_t offers_count(offers *o); /* files */

/* The roots of at most MOST files of which a leaf could not be read as it was hashed;
 * each is told once. Returns how many. */
size_t offers_suspects(offers *o, uint8_t (*cids)[UNIXFS_CID_SIZE], size_t most);

/* 1 and BLOCK, to be released; 0 when nobody offers it. */
int offers_find(offers *o, const uint8_t cid[UNIXFS_CID_SIZE], offers_block *block);
void offers_release(offers *o, offers_block *block);

/* Fills OUT with BLOCK->size bytes that have its CID: checked now, or before under the
 * identity that the file still has, before and after reading. 0; or -1 and *WORD: moved,
 * block (the file says that it did not change, its bytes say otherwise), link, missing,
 * or an errno's name. */
int offers_read(offers *o, const offers_block *block, uint8_t *out, const char **word);

#endif
