/* checkpoint.c - the nodes of a checkpoint: a file whose leaves end where its lines do,
 * and the folder of two files. No Lua, no file. */
#include "crypto/crypto.h"
#include "dag_pb.h"
#include "text/text.h"
#include "unixfs.h"

/* The node of a file of COUNT leaves (1..UNIXFS_LINKS). Its length. */
static size_t file_node(const uint32_t *sizes, int64_t count, const uint8_t *digests,
                        uint8_t *out) {
  int64_t contents[UNIXFS_LINKS];
  uint8_t *begin = out, cid[CID_SIZE];
  for (int64_t i = 0; i < count; i++) {
    contents[i] = sizes[i];
    cid_make(CID_RAW, digests + 32 * i, cid);
    out = dag_pb_link(out, cid, "", sizes[i]);
  }
  return (size_t)(dag_pb_file(out, contents, count) - begin);
}

static int hash_node(const uint8_t *bytes, size_t size, uint8_t cid[CID_SIZE]) {
  uint8_t digest[32];
  if (hash_sha256(bytes, size, digest) < 0)
    return -1;
  cid_make(CID_DAG_PB, digest, cid);
  return 0;
}

/* The node of machines.txt, where it has one: all its bytes and those of its leaves are
 * its Tsize. */
static int make_machines(struct unixfs_checkpoint *f, const uint32_t *sizes,
                         int64_t count, const uint8_t *digests, int64_t *all) {
  for (int64_t i = 0; i < count; i++)
    *all += sizes[i];
  f->node_sizes[0] = 0;
  if (count == 1) {
    cid_make(CID_RAW, digests, f->machines);
    return 0;
  }
  f->node_sizes[0] = (uint32_t)file_node(sizes, count, digests, f->nodes);
  *all += f->node_sizes[0];
  return hash_node(f->nodes, f->node_sizes[0], f->machines);
}

int unixfs_checkpoint(const uint32_t *sizes, int64_t count, const uint8_t *digests,
                      struct unixfs_checkpoint *f) {
  uint8_t humans[CID_SIZE], *begin, *out;
  int64_t all = 0;
  cid_make(CID_RAW, digests, humans);
  if (make_machines(f, sizes + 1, count - 1, digests + 32, &all))
    return -1;
  begin = out = f->nodes + f->node_sizes[0];
  out = dag_pb_link(out, humans, "humans.txt", sizes[0]);
  out = dag_pb_folder(dag_pb_link(out, f->machines, "machines.txt", all));
  f->node_sizes[1] = (uint32_t)(out - begin);
  return hash_node(begin, f->node_sizes[1], f->cid);
}
