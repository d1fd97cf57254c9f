/* tree.c - the blocks of a file by unixfs-v1-2025. No Lua, no file. */
#include "crypto/crypto.h"
#include "dag_pb.h"
#include "text/text.h"
#include "unixfs.h"
#include <string.h>

#define HEIGHT_MAX 2 /* 1 TiB */
#define LINK_HEAD 8  /* bytes of a link before its digest */

/* == the shape of the tree == */

int64_t unixfs_span(int height) {
  return UNIXFS_CHUNK << (10 * height);
}

int64_t unixfs_leaf_count(int64_t size) {
  return size == 0 ? 1 : (size + UNIXFS_CHUNK - 1) / UNIXFS_CHUNK;
}

int unixfs_height(int64_t size) {
  int height = 0;
  while (unixfs_span(height) < size)
    height++;
  return height;
}

static int varint_size(int64_t value) {
  uint8_t ignored[TEXT_VARINT_MAX];
  return text_varint((uint64_t)value, ignored);
}

static int64_t child_count(int64_t size, int height) {
  return (size + unixfs_span(height - 1) - 1) / unixfs_span(height - 1);
}

int64_t unixfs_child_size(int64_t size, int height, int64_t i) {
  int64_t span = unixfs_span(height - 1), left = size - i * span;
  return left < span ? left : span;
}

static int64_t tree_size(int64_t size, int height);

/* Bytes of a link after its length, of the UnixFS message, and of the whole node. */
static int64_t link_size(int64_t size, int height) {
  return 2 + CID_SIZE + 2 + 1 + varint_size(tree_size(size, height));
}

static int64_t message_size(int64_t size, int height) {
  int64_t count = child_count(size, height),
          last = unixfs_child_size(size, height, count - 1);
  return 2 + 1 + varint_size(size) +
         (count - 1) * (1 + varint_size(unixfs_span(height - 1))) + 1 + varint_size(last);
}

static int64_t node_size(int64_t size, int height) {
  int64_t count = child_count(size, height),
          last = unixfs_child_size(size, height, count - 1);
  int64_t message = message_size(size, height);
  return (count - 1) * (2 + link_size(unixfs_span(height - 1), height - 1)) + 2 +
         link_size(last, height - 1) + 1 + varint_size(message) + message;
}

/* All blocks of a subtree, which dag-pb calls Tsize: known from the size alone. */
static int64_t tree_size(int64_t size, int height) {
  int64_t full, rest, total;
  if (height == 0)
    return size;
  full = size / unixfs_span(height - 1);
  rest = size % unixfs_span(height - 1);
  total = node_size(size, height);
  if (full)
    total += full * tree_size(unixfs_span(height - 1), height - 1);
  return rest ? total + tree_size(rest, height - 1) : total;
}

/* == blocks == */

size_t unixfs_node(int64_t size, int height, const uint8_t *digests, uint8_t *out) {
  int64_t count = child_count(size, height), sizes[UNIXFS_LINKS];
  uint8_t *begin = out, cid[CID_SIZE];
  for (int64_t i = 0; i < count; i++) {
    sizes[i] = unixfs_child_size(size, height, i);
    cid_make(height == 1 ? CID_RAW : CID_DAG_PB, digests + 32 * i, cid);
    out = dag_pb_link(out, cid, "", tree_size(sizes[i], height - 1));
  }
  return (size_t)(dag_pb_file(out, sizes, count) - begin);
}

int unixfs_read(const uint8_t *bytes, size_t length, int64_t size, int height,
                uint8_t (*digests)[32]) {
  uint8_t expected[UNIXFS_NODE_MAX];
  int64_t count, at = 0;
  if (size <= 0 || height < 1 || height > HEIGHT_MAX || size > unixfs_span(height))
    return -1;
  count = child_count(size, height);
  if ((int64_t)length != node_size(size, height))
    return -1;
  for (int64_t i = 0; i < count; i++) {
    memcpy(digests[i], bytes + at + LINK_HEAD, 32);
    at += 2 + link_size(unixfs_child_size(size, height, i), height - 1);
  }
  unixfs_node(size, height, digests[0], expected);
  return memcmp(expected, bytes, length) == 0 ? (int)count : -1;
}

typedef struct {
  int64_t size;
  uint8_t
      *digests; /* of the level below, overwritten from its front by those of this one */
  uint8_t *block;
  unixfs_visit *visit;
  void *context;
} builder;

/* Makes the nodes of one level; 0, -1 or what the visitor said. */
static int build_level(builder *b, int height) {
  int64_t span = unixfs_span(height);
  uint8_t cid[CID_SIZE], digest[32];
  for (int64_t i = 0; i * span < b->size; i++) {
    int64_t left = b->size - i * span, content = left < span ? left : span;
    size_t length =
        unixfs_node(content, height, b->digests + 32 * UNIXFS_LINKS * i, b->block);
    int stop = hash_sha256(b->block, length, digest);
    memcpy(b->digests + 32 * i, digest, 32);
    cid_make(CID_DAG_PB, digest, cid);
    if (stop == 0 && b->visit)
      stop = b->visit(b->context, cid, b->block, length);
    if (stop)
      return stop;
  }
  return 0;
}

size_t unixfs_scratch_size(int64_t size) {
  return (size_t)unixfs_leaf_count(size) * 32 + UNIXFS_NODE_MAX;
}

int unixfs_nodes(int64_t size, const uint8_t *leaves, void *scratch, unixfs_visit *visit,
                 void *context, uint8_t cid[CID_SIZE]) {
  int top = unixfs_height(size);
  builder b = {.size = size, .block = scratch, .visit = visit, .context = context};
  b.digests = b.block + UNIXFS_NODE_MAX;
  memcpy(b.digests, leaves, (size_t)unixfs_leaf_count(size) * 32);
  for (int height = 1; height <= top; height++) {
    int stop = build_level(&b, height);
    if (stop)
      return stop;
  }
  cid_make(top == 0 ? CID_RAW : CID_DAG_PB, b.digests, cid);
  return 0;
}
