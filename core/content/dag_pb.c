/* dag_pb.c - nodes of files and folders, written field by field: dag-pb around UnixFS.
 * Decides no shape, hashes nothing. */
#include "dag_pb.h"
#include "unixfs.h"
#include <string.h>

#define FIELD_MAX (1 + TEXT_VARINT_MAX) /* bytes of a field that is a number */

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
uint8_t *dag_pb_link(uint8_t *out, const uint8_t cid[CID_SIZE], const char *name,
                     int64_t tree) {
  uint8_t link[CID_SIZE + DAG_PB_NAME_MAX + 3 * FIELD_MAX], *end = link;
  end = put_bytes(end, 0x0a, cid, CID_SIZE);
  end = put_bytes(end, 0x12, name, strlen(name));
  end = put_field(end, 0x18, tree);
  return put_bytes(out, 0x12, link, (size_t)(end - link));
}

/* UnixFS message: Type file, filesize, blocksizes not packed. */
uint8_t *dag_pb_file(uint8_t *out, const int64_t *sizes, int64_t count) {
  uint8_t message[(UNIXFS_LINKS + 2) * FIELD_MAX], *end = message;
  int64_t all = 0;
  for (int64_t i = 0; i < count; i++)
    all += sizes[i];
  end = put_field(put_field(end, 0x08, 2), 0x18, all);
  for (int64_t i = 0; i < count; i++)
    end = put_field(end, 0x20, sizes[i]);
  return put_bytes(out, 0x0a, message, (size_t)(end - message));
}

/* UnixFS message: Type directory. */
uint8_t *dag_pb_folder(uint8_t *out) {
  static const uint8_t message[] = {0x08, 0x01};
  return put_bytes(out, 0x0a, message, sizeof message);
}
