/* folder.c - the nodes of a checkpoint: a file whose leaves end where its lines do, and
 * the folder of two files. No Lua, no file. */
#include "crypto/crypto.h"
#include "text/text.h"
#include "unixfs.h"
#include <string.h>

#define NAME_MAX_SIZE 32 /* of a file in the folder, bytes */

static uint8_t *put_field(uint8_t *out, uint8_t tag, int64_t value) {
  *out++ = tag;
  return out + text_varint((uint64_t)value, out);
}

static uint8_t *put_bytes(uint8_t *out, uint8_t tag, const void *bytes, size_t size) {
  out = put_field(out, tag, (int64_t)size);
  memcpy(out, bytes, size);
  return out + size;
}

/* PBLink: Hash, Name, Tsize (dag-pb spec: links before data, fields in order). */
static uint8_t *put_link(uint8_t *out, const uint8_t cid[CID_SIZE], const char *name,
                         int64_t size) {
  uint8_t link[CID_SIZE + NAME_MAX_SIZE + 2 * TEXT_VARINT_MAX + 4], *end = link;
  end = put_bytes(end, 0x0a, cid, CID_SIZE);
  end = put_bytes(end, 0x12, name, strlen(name));
  end = put_field(end, 0x18, size);
  return put_bytes(out, 0x12, link, (size_t)(end - link));
}

/* UnixFS message: Type file, filesize, blocksizes not packed. */
static uint8_t *put_message(uint8_t *out, const uint32_t *sizes, int64_t count) {
  uint8_t message[(UNIXFS_LINKS + 2) * 6], *end = message;
  int64_t all = 0;
  for (int64_t i = 0; i < count; i++)
    all += sizes[i];
  end = put_field(put_field(end, 0x08, 2), 0x18, all);
  for (int64_t i = 0; i < count; i++)
    end = put_field(end, 0x20, sizes[i]);
  return put_bytes(out, 0x0a, message, (size_t)(end - message));
}

/* The node of a file of COUNT leaves (1..UNIXFS_LINKS). Its length. */
static size_t file_node(const uint32_t *sizes, int64_t count, const uint8_t *digests,
                        uint8_t *out) {
  uint8_t *begin = out, cid[CID_SIZE];
  for (int64_t i = 0; i < count; i++) {
    cid_make(CID_RAW, digests + 32 * i, cid);
    out = put_link(out, cid, "", sizes[i]);
  }
  return (size_t)(put_message(out, sizes, count) - begin);
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
static int make_machines(struct unixfs_folder *f, const uint32_t *sizes, int64_t count,
                         const uint8_t *digests, int64_t *all) {
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

int unixfs_folder(const uint32_t *sizes, int64_t count, const uint8_t *digests,
                  struct unixfs_folder *f) {
  static const uint8_t folder[] = {0x08, 0x01};
  uint8_t humans[CID_SIZE], *begin, *out;
  int64_t all = 0;
  cid_make(CID_RAW, digests, humans);
  if (make_machines(f, sizes + 1, count - 1, digests + 32, &all))
    return -1;
  begin = out = f->nodes + f->node_sizes[0];
  out = put_link(out, humans, "humans.txt", sizes[0]);
  out = put_link(out, f->machines, "machines.txt", all);
  out = put_bytes(out, 0x0a, folder, sizeof folder);
  f->node_sizes[1] = (uint32_t)(out - begin);
  return hash_node(begin, f->node_sizes[1], f->cid);
}
