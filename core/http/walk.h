/* walk.h - a block and all beneath it, one after the other. No HTTP, no format. */
#ifndef WALK_H
#define WALK_H

#include "served.h"

#define WALK_TWICE 1 /* equal blocks as often as they occur, not once */
#define WALK_TOP 2   /* the block itself, nothing beneath it */

/* Depth first, a parent before its children, children in order. */
typedef struct {
  served_block at; /* whose turn it is */
  served_class reach;
  int top, level; /* heights above the leaves */
  int64_t from, leaf, end;
  uint8_t *repeats; /* a bit a leaf from `from` on: one before it is equal; or NULL */
} walk;

/* 1: AT is the block; 0: nobody serves it; -1: no memory. */
int walk_begin(served *o, const uint8_t cid[CID_SIZE], served_class reach, int flags,
               walk *w);

/* 1: AT is the next; 0: there is none. Looks at no file, so that a copy of W may count
 * what is to come. */
int walk_next(walk *w);

/* From here on leaves alone, from the INDEXth beneath the block on. */
void walk_leaves(walk *w, int64_t index);

/* Bytes of all leaves beneath the block; -1: a checkpoint, whose files are several. */
int64_t walk_bytes(const walk *w);

/* As served_read, of AT; `missing` when its file is no longer served, or not to such. */
int walk_read(served *o, walk *w, uint8_t *out, const char **word);

void walk_end(served *o, walk *w);

#endif
