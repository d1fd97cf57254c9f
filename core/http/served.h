/* served.h - which blocks the gateway may give and where they lie: a locked table. No
 * HTTP, no Lua. */
#ifndef SERVED_H
#define SERVED_H

#include "content/content.h"
#include <stddef.h>
#include <stdint.h>

typedef struct served served; /* for several threads at once */
typedef struct served_entry served_entry;

/* Who may have a file, and how far who asks may reach: less goes further. */
typedef enum { SERVED_PUBLIC, SERVED_SWARM, SERVED_LAB } served_class;

typedef struct {
  const char *folder, *name; /* as for safe_open; copied */
  file_identity identity;    /* of the file when its leaves were hashed; holds its size */
  const uint8_t *leaves;     /* 32 bytes each, unixfs_leaf_count(identity.size); copied */
  uint8_t cid[CID_SIZE];     /* of the root; must be what the leaves give */
  served_class class;

  /* A checkpoint: the folder of humans.txt, which is the first leaf, and of NAME, whose
   * leaves have sizes of their own. NULL: one file, and its size gives the leaves. */
  const uint32_t *sizes; /* of all leaves; copied */
  int64_t leaf_count;
  const char *first; /* name of humans.txt; copied */
  file_identity first_identity;
} served_file;

typedef struct {
  served_entry
      *of; /* counted: alive until served_release, whatever is withdrawn meanwhile */
  uint8_t cid[CID_SIZE];
  int64_t index; /* of the leaf, or of the inner node */
  int64_t size;  /* bytes, at most UNIXFS_CHUNK */
} served_block;

served *served_new(void); /* NULL without memory */
void served_free(served *o);

/* Puts a file's blocks in; one that is there under the same root is replaced. 0; or
 * -EINVAL: the leaves do not give the root; -ENOMEM. */
int served_put(served *o, const served_file *file);

/* 1; 0 when it was not there. The next served_find does not find it. */
int served_withdraw(served *o, const uint8_t cid[CID_SIZE]);

int64_t served_count(served *o); /* files */

/* The name, without its folders, of the file whose root CID is; "" where none is. */
void served_name(served *o, const uint8_t cid[CID_SIZE], char *out, size_t room);

/* The roots of at most MOST files of which a leaf could not be read as it was hashed;
 * each is told once. Returns how many. */
size_t served_suspects(served *o, uint8_t (*cids)[CID_SIZE], size_t most);

/* 1 and BLOCK, to be released; 0 when nobody serves it to whom REACHes so far. */
int served_find(served *o, const uint8_t cid[CID_SIZE], served_class reach,
                served_block *block);
void served_release(served *o, served_block *block);

/* Fills OUT with BLOCK->size bytes that have its CID: checked now, or before under the
 * identity that the file still has, before and after reading. 0; or -1 and *WORD: moved,
 * block (the file says that it did not change, its bytes say otherwise), link, missing,
 * or an errno's name. */
int served_read(served *o, const served_block *block, uint8_t *out, const char **word);

#endif
