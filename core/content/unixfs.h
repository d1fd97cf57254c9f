/* unixfs.h - files as UnixFS blocks, for other C files: the profile unixfs-v1-2025 and no
 * other. */
#ifndef UNIXFS_H
#define UNIXFS_H

#include "text/text.h"
#include <stddef.h>
#include <stdint.h>

struct lua_State;

/* store.c: functions of core.unixfs. */
int unixfs_store(struct lua_State *L);
int unixfs_check(struct lua_State *L);

/* unixfs.c: sizes of a checkpoint's leaves, humans.txt first, from the array at INDEX (a
 * positive one). They lie in a value that is pushed; *COUNT: how many, 2 to 1,025. Throws
 * for ARGUMENT what is none. */
const uint32_t *unixfs_push_sizes(struct lua_State *L, int index, int argument,
                                  int64_t *count);

/* IPIP-499 `unixfs-v1-2025`: CIDv1, SHA-256, raw leaves of 1 MiB, balanced, inner nodes
 * in dag-pb. A file's size alone gives the shape of its tree; its leaves' hashes give the
 * rest. */
#define UNIXFS_CHUNK INT64_C(1048576)
#define UNIXFS_LINKS 1024 /* most links of a node */
#define UNIXFS_SIZE_MAX                                                                  \
  (INT64_C(1) << 40)          /* largest file: 1 TiB, two levels of nodes                \
                               */
#define UNIXFS_NODE_MAX 65536 /* longest inner node, bytes */

/* Leaves of a file of SIZE bytes: at least one, an empty file has one empty leaf. */
int64_t unixfs_leaf_count(int64_t size);

/* Levels of inner nodes above the leaves: 0 up to 1 MiB, 1 up to 1 GiB, 2 up to 1 TiB. */
int unixfs_height(int64_t size);

/* Is given an inner block; its bytes are gone afterwards. Not 0 stops. */
typedef int unixfs_visit(void *context, const uint8_t cid[CID_SIZE], const uint8_t *bytes,
                         size_t size);

/* Makes the inner blocks of a file of SIZE bytes (0..UNIXFS_SIZE_MAX) from its leaves'
 * digests (32 bytes each, unixfs_leaf_count of them): lower levels first, in order, the
 * root last. SCRATCH has unixfs_scratch_size(SIZE) bytes; nothing is allocated, so VISIT
 * (or NULL) may leave by longjmp. CID gets the root's. 0; -1 when libcrypto fails; or
 * what VISIT answered. */
int unixfs_nodes(int64_t size, const uint8_t *leaves, void *scratch, unixfs_visit *visit,
                 void *context, uint8_t cid[CID_SIZE]);
size_t unixfs_scratch_size(int64_t size);

/* The inner block of HEIGHT >= 1 over SIZE bytes of content (1..unixfs_span(HEIGHT)) from
 * its children's digests, 32 bytes each: its length, at most UNIXFS_NODE_MAX. */
size_t unixfs_node(int64_t size, int height, const uint8_t *digests, uint8_t *out);

/* Reads an inner block of HEIGHT >= 1 over SIZE bytes of content: fills DIGESTS (room for
 * UNIXFS_LINKS) and returns their number; -1 when BYTES are not exactly the profile's
 * block for that size. The children are raw when HEIGHT is 1; all but the last have
 * unixfs_span(HEIGHT - 1) bytes of content. Does not check the block's own hash. */
int unixfs_read(const uint8_t *bytes, size_t length, int64_t size, int height,
                uint8_t (*digests)[32]);

/* ---- checkpoints (checkpoint.c) ---- */

#define UNIXFS_PIECE_MAX 262144 /* longest leaf of machines.txt, bytes */

/* The inner blocks of a folder of two files: humans.txt, which is one leaf, and
 * machines.txt, whose leaves have sizes of their own. */
struct unixfs_checkpoint {
  uint8_t cid[CID_SIZE], machines[CID_SIZE]; /* of the folder, and of machines.txt */
  uint32_t node_sizes[2]; /* of the node of machines.txt, 0 where it is one leaf; of the
                             folder's */
  uint8_t nodes[UNIXFS_NODE_MAX + 256]; /* one behind the other */
};

/* Makes them from the leaves' SIZES and digests (32 bytes each): the first leaf is
 * humans.txt, then come 1 to UNIXFS_LINKS leaves of machines.txt; COUNT: all of them. 0,
 * or -1 when libcrypto fails. */
int unixfs_checkpoint(const uint32_t *sizes, int64_t count, const uint8_t *digests,
                      struct unixfs_checkpoint *f);

/* Content of a full subtree of HEIGHT. */
int64_t unixfs_span(int height);

/* Content of child I of a node of HEIGHT >= 1 over SIZE bytes. */
int64_t unixfs_child_size(int64_t size, int height, int64_t i);

#endif
