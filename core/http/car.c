/* car.c - a block and all beneath it as one CAR (CARv1), sent as it is read. No
 * connections, no table. */
#include "core.h"
#include "text/text.h"
#include "gateway.h"
#include "sending.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ROOTS "\xa2\x65roots\x81\xd8\x2a"
#define VERSION "\x67version\x01"
#define PREFIX_MAX SENDING_PREFIX_MAX /* the header, and a section's length and CID */

/* -- what is asked for -- */

typedef struct {
  int flags;         /* WALK_… */
  const char *scope; /* as asked for: the answer's tag differs by it */
} car_kind;

static const char *argument(const gateway_request *r, const char *name) {
  return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* What a media type's parameters say of NAME, its length in SIZE; NULL when nothing. RFC
 * 9110, 5.6.6. */
static const char *parameter(const char *range, const char *name, size_t *size) {
  size_t length = strlen(name);
  for (const char *at = range; *at && *at != ',';) {
    at += strcspn(at, ";,");
    if (*at != ';')
      return NULL;
    at += 1 + strspn(at + 1, " \t");
    if (strncasecmp(at, name, length) || at[length] != '=')
      continue;
    at += length + 1;
    at += *at == '"';
    *size = strcspn(at, "\";, \t");
    return at;
  }
  return NULL;
}

/* Is VALUE one of two? NULL, which is not to have said anything, is. */
static int is_one(const char *value, size_t size, const char *a, const char *b) {
  return !value || (size == strlen(a) && !strncasecmp(value, a, size)) ||
         (size == strlen(b) && !strncasecmp(value, b, size));
}

/* The query outranks the media range. 1, and in DUPS whether equal blocks are wanted; 0
 * when it is no CAR that there is. */
static int fits(const gateway_request *r, const char *range, int *dups) {
  static const char *const names[][4] = {
      {"version", "car-version", "1",   "1"  },
      {"order",   "car-order",   "dfs", "unk"},
      {"dups",    "car-dups",    "n",   "y"  },
  };
  for (int i = 0; i < 3; i++) {
    size_t size = 0;
    const char *value = argument(r, names[i][1]);
    if (value)
      size = strlen(value);
    else
      value = parameter(range, names[i][0], &size);
    if (!is_one(value, size, names[i][2], names[i][3]))
      return 0;
    *dups = value && (*value == 'y' || *value == 'Y');
  }
  return 1;
}

/* Of several media ranges the first that can be had; none is said where `format` is. */
static int choose(const gateway_request *r, int *dups) {
  const char *accept =
      MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
  const char *range = accept ? strstr(accept, GATEWAY_CAR) : NULL;
  if (!range)
    return fits(r, "", dups);
  for (; range; range = strstr(range + 1, GATEWAY_CAR))
    if (fits(r, range, dups))
      return 1;
  return 0;
}

/* NULL, or the word for why not. A file has no parts to be named by a path, so the scopes
 * `all` and `entity` are one; of ranges of bytes there is no CAR here. */
static const char *read_kind(const gateway_request *r, car_kind *kind) {
  int dups;
  kind->scope = argument(r, "dag-scope");
  if (!kind->scope)
    kind->scope = "all";
  if (argument(r, "entity-bytes"))
    return "form";
  if (strcmp(kind->scope, "all") && strcmp(kind->scope, "entity") &&
      strcmp(kind->scope, "block"))
    return "form";
  if (!choose(r, &dups))
    return "kind";
  kind->flags = (dups ? WALK_TWICE : 0) | (strcmp(kind->scope, "block") ? 0 : WALK_TOP);
  return NULL;
}

/* -- CARv1 (ipld.io/specs/transport/car/carv1) -- */

static uint8_t *put(uint8_t *out, const void *bytes, size_t size) {
  memcpy(out, bytes, size);
  return out + size;
}

/* The header: DAG-CBOR of { roots: [CID], version: 1 }, its length before it. */
static size_t write_header(const uint8_t *cid, size_t size, uint8_t *out) {
  uint8_t body[PREFIX_MAX], *end = put(body, ROOTS, sizeof ROOTS - 1);
  if (size + 1 < 24) {
    *end++ = (uint8_t)(0x40 + size + 1);
  } else {
    *end++ = 0x58;
    *end++ = (uint8_t)(size + 1);
  }
  *end++ = 0; /* multibase: as it is */
  end = put(end, cid, size);
  end = put(end, VERSION, sizeof VERSION - 1);
  *out = (uint8_t)(end - body);
  return (size_t)(put(out + 1, body, (size_t)(end - body)) - out);
}

static size_t write_prefix(const served_block *block, uint8_t *out) {
  int length = text_varint((uint64_t)(block->size + CID_SIZE), out);
  memcpy(out + length, block->cid, CID_SIZE);
  return (size_t)length + CID_SIZE;
}

/* Length of the whole CAR: known from the tree alone, so that one cut short is seen. */
static int64_t car_size(const walk *from) {
  walk w = *from;
  uint8_t prefix[PREFIX_MAX];
  int64_t size = (int64_t)write_header(w.at.cid, CID_SIZE, prefix);
  do
    size += (int64_t)write_prefix(&w.at, prefix) + w.at.size;
  while (walk_next(&w));
  return size;
}

static enum MHD_Result give(const gateway_request *r, sending *s,
                            const gateway_label *label) {
  int64_t size = car_size(&s->walk);
  const char *word;
  uint8_t header[PREFIX_MAX];
  size_t header_size = write_header(s->walk.at.cid, CID_SIZE, header);
  s->write_prefix = write_prefix;
  word = sending_load(s);
  if (word) {
    sending_free(s);
    return sending_refuse(r, word);
  }
  put(header + header_size, s->prefix, s->prefix_size);
  s->prefix_size += header_size;
  memcpy(s->prefix, header, s->prefix_size);
  return gateway_send(r, 200, label, sending_response(s, size));
}

/* -- requests -- */

/* S is taken over. */
static enum MHD_Result answer_found(const gateway_request *r, sending *s,
                                    const gateway_label *label, int is_head) {
  enum MHD_Result result;
  int current = gateway_has_current_copy(r, label->tag);
  if (!current && !is_head)
    return give(r, s, label);
  result = current ? gateway_send(r, 304, label, gateway_no_bytes())
                   : gateway_send(r, 200, label, gateway_head(car_size(&s->walk)));
  sending_free(s);
  return result;
}

static enum MHD_Result find(const gateway_request *r, const uint8_t *cid, int flags,
                            const gateway_label *label, int is_head) {
  sending *s;
  int found = sending_begin(r, cid, flags, &s);
  if (found == 1)
    return answer_found(r, s, label, is_head);
  return found == 0 ? gateway_refuse_missing(r) : gateway_refuse(r, 500, "ENOMEM");
}

/* A CAR of no blocks. */
static enum MHD_Result answer_empty(const gateway_request *r,
                                    const gateway_label *label) {
  static const uint8_t cid[] = {1, CID_RAW, 0, 0};
  uint8_t bytes[PREFIX_MAX];
  size_t size = write_header(cid, sizeof cid, bytes);
  return gateway_send(
      r, 200, label, MHD_create_response_from_buffer(size, bytes, MHD_RESPMEM_MUST_COPY));
}

enum MHD_Result gateway_answer_car(const gateway_request *r, const char *text,
                                   int is_head) {
  car_kind kind;
  const char *word = read_kind(r, &kind);
  int twice = !word && kind.flags & WALK_TWICE;
  char tag[160], type[96];
  gateway_label label = {text, type, tag, "car"};
  uint8_t cid[CID_SIZE];
  if (word)
    return gateway_refuse(r, strcmp(word, "kind") ? 400 : 406, word);
  snprintf(tag, sizeof tag, "\"%s.dfs.%c.%s.car\"", kind.scope, twice ? 'y' : 'n', text);
  snprintf(type, sizeof type, GATEWAY_CAR "; version=1; order=dfs; dups=%c",
           twice ? 'y' : 'n');
  if (!strcmp(text, GATEWAY_EMPTY_CID))
    return answer_empty(r, &label);
  if (cid_parse(text, strlen(text), cid) < 0)
    return gateway_refuse(r, 400, "form");
  return find(r, cid, kind.flags, &label, is_head);
}
