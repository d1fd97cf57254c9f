/* offers_walk.h - a block and all beneath it, one after the other. No HTTP, no format. */
#ifndef OFFERS_WALK_H
#define OFFERS_WALK_H

#include "offers.h"

#define OFFERS_WALK_TWICE 1 /* equal blocks as often as they occur, not once */
#define OFFERS_WALK_TOP 2   /* the block itself, nothing beneath it */

/* Depth first, a parent before its children, children in order. */
typedef struct {
  offers_block at; /* whose turn it is */
  int top, level;  /* heights above the leaves */
  int64_t from, leaf, end;
  uint8_t *repeats; /* a bit a leaf from `from` on: one before it is equal; or NULL */
} offers_walk;

/* 1: AT is the block; 0: nobody offers it; -1: no memory. */
int offers_walk_begin(offers *o, const uint8_t cid[UNIXFS_CID_SIZE], int flags,
                      offers_walk *w);

/* 1: AT is the next; 0: there is none. Looks at no file, so that a copy of W may count
 * what is to come. */
int offers_walk_next(offers_walk *w);

/* As offers_read, of AT; `missing` when its file is no longer offered. */
int offers_walk_read(offers *o, offers_walk *w, uint8_t *out, const char **word);

void offers_walk_end(offers *o, offers_walk *w);

#endif
