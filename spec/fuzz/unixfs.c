/* unixfs.c - fuzzes unixfs.decode's reading of inner blocks: SIZE HEIGHT LF, then a
 * block. */
#include "fuzz.h"
#include "content/unixfs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t digests[UNIXFS_LINKS][32];

typedef struct {
  const uint8_t *bytes;
  size_t size;
  int met;
} sought;

static int compare(void *context, const uint8_t *cid, const uint8_t *bytes, size_t size) {
  sought *s = context;
  (void)cid;
  s->met += size == s->size && !memcmp(bytes, s->bytes, size);
  return 0;
}

/* A block over raw leaves that is taken is what we make of the same leaves. */
static void make_again(const uint8_t *bytes, size_t length, int64_t size) {
  uint8_t cid[CID_SIZE], *scratch = malloc(unixfs_scratch_size(size));
  sought s = {bytes, length, 0};
  FUZZ_CHECK(unixfs_nodes(size, digests[0], scratch, compare, &s, cid) == 0);
  FUZZ_CHECK(s.met == 1);
  free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char head[48] = {0};
  long long content;
  int height, count, used = 0;
  const uint8_t *feed = memchr(data, '\n', size < 40 ? size : 40);
  if (!feed)
    return 0;
  memcpy(head, data, (size_t)(feed - data));
  if (sscanf(head, "%19lld %3d%n", &content, &height, &used) != 2)
    return 0;
  size -= (size_t)(feed - data) + 1;
  const uint8_t *block = feed + 1;
  count = unixfs_read(block, size, content, height, digests);
  FUZZ_CHECK(count >= -1 && count <= UNIXFS_LINKS && count != 0);
  if (count > 0) {
    FUZZ_CHECK(size <= UNIXFS_NODE_MAX && content <= UNIXFS_SIZE_MAX);
    int64_t sum = 0;
    for (int i = 0; i < count; i++)
      sum += unixfs_child_size(content, height, i);
    FUZZ_CHECK(sum == content);
    if (height == 1 && unixfs_height(content) == 1)
      make_again(block, size, content);
  }
  return 0;
}
