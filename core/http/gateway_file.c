/* gateway_file.c - a file as it is, under its name: its type, one range of its bytes. No
 * blocks, no CARs. */
#include "core.h"
#include "text/text.h"
#include "sending.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES 255 /* as file systems have it */
#define HEADER_MAX 1280    /* such a name twice, once of three characters a byte */

/* -- the name, and what it says of the bytes -- */

/* What browsers show; all else is for the disk. Never HTML, nor what holds scripts: these
 * are bytes from anybody, under the origin of this gateway. */
static const char *shown_as(const char *name) {
  static const char *const types[][2] = {
      {"txt",  "text/plain; charset=utf-8"},
      {"log",  "text/plain; charset=utf-8"},
      {"csv",  "text/plain; charset=utf-8"},
      {"json", "text/plain; charset=utf-8"},
      {"yaml", "text/plain; charset=utf-8"},
      {"png",  "image/png"                },
      {"jpg",  "image/jpeg"               },
      {"jpeg", "image/jpeg"               },
      {"mp4",  "video/mp4"                },
  };
  const char *dot = strrchr(name, '.');
  for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
    if (!strcasecmp(dot + 1, types[i][0]))
      return types[i][1];
  return NULL;
}

static const char *argument(const gateway_request *r, const char *name) {
  return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* As the request names it, else as it is called here, else the CID. */
static void name_of(const gateway_request *r, const char *text, const uint8_t *cid,
                    char out[NAME_MAX_BYTES + 1]) {
  const char *said = argument(r, "filename");
  if (said)
    snprintf(out, NAME_MAX_BYTES + 1, "%s", said);
  else
    served_name(r->gateway->served, cid, out, NAME_MAX_BYTES + 1);
  if (!*out)
    snprintf(out, NAME_MAX_BYTES + 1, "%s", text);
}

/* RFC 6266: in plain letters for who knows no others, and as it is (RFC 8187). */
static void write_disposition(const char *name, int is_shown, char out[HEADER_MAX]) {
  static const char plain[] = "!#$&+-.^_`|~";
  int at =
      snprintf(out, HEADER_MAX, "%s; filename=\"", is_shown ? "inline" : "attachment");
  for (const char *c = name; *c; c++)
    out[at++] = *c < ' ' || *c > '~' || strchr("\"\\/%", *c) ? '_' : *c;
  at += snprintf(out + at, HEADER_MAX - at, "\"; filename*=UTF-8''");
  for (const char *c = name; *c; c++)
    at += snprintf(out + at, HEADER_MAX - at,
                   isalnum((uint8_t)*c) || strchr(plain, *c) ? "%c" : "%%%02X",
                   (uint8_t)*c);
}

/* -- ranges (RFC 9110, 14) -- */

typedef struct {
  int64_t from, end; /* bytes; END is the first behind it */
  int is_part;
} byte_range;

static const char *read_number(const char *at, int64_t *n) {
  for (*n = 0; *at >= '0' && *at <= '9'; at++)
    *n = *n > INT64_MAX / 10 - 1 ? INT64_MAX / 10 : *n * 10 + (*at - '0');
  return at;
}

/* 0; -1: none of those bytes are there. What is not understood, and several ranges, ask
 * for all. */
static int read_range(const char *said, int64_t size, byte_range *range) {
  int64_t from, last = size - 1;
  const char *dash, *end;
  if (strncasecmp(said, "bytes=", 6) || size == 0)
    return 0;
  dash = read_number(said + 6, &from);
  if (*dash != '-')
    return 0;
  end = read_number(dash + 1, &last);
  if (*end || (dash == said + 6 && end == dash + 1))
    return 0;
  if (dash == said + 6) { /* the last so many */
    from = last < size ? size - last : 0;
    last = size - 1;
  } else if (end == dash + 1) {
    last = size - 1;
  } else if (last < from) {
    return 0;
  }
  if (from >= size)
    return -1;
  *range = (byte_range){from, last < size ? last + 1 : size, 1};
  return 0;
}

/* Who continues what he has of another file gets all of this one. */
static int find_range(const gateway_request *r, const char *tag, int64_t size,
                      byte_range *range) {
  const char *said =
      MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_RANGE);
  const char *only = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND,
                                                 MHD_HTTP_HEADER_IF_RANGE);
  *range = (byte_range){0, size, 0};
  if (!said || (only && strcmp(only, tag)))
    return 0;
  return read_range(said, size, range);
}

/* -- the answer -- */

/* S is taken over. */
static enum MHD_Result give(const gateway_request *r, sending *s,
                            const gateway_label *label, const byte_range *range,
                            int64_t size) {
  const char *word;
  struct MHD_Response *response;
  int64_t first = range->from / UNIXFS_CHUNK;
  walk_leaves(&s->walk, first);
  s->at = (size_t)(range->from - first * UNIXFS_CHUNK);
  s->left = range->end - range->from;
  s->is_long = range->end > (first + 1) * UNIXFS_CHUNK;
  word = sending_load(s);
  if (word) {
    sending_free(s);
    return sending_refuse(r, word);
  }
  response = sending_response(s, range->end - range->from);
  if (response && range->is_part)
    gateway_add_range(response, range->from, range->end, size);
  return gateway_send(r, range->is_part ? 206 : 200, label, response);
}

/* S is taken over. */
static enum MHD_Result answer_found(const gateway_request *r, sending *s,
                                    const gateway_label *label, int is_head) {
  int64_t size = walk_bytes(&s->walk);
  byte_range range;
  int is_known = size >= 0 && gateway_has_current_copy(r, label->tag);
  int there = size >= 0 ? find_range(r, label->tag, size, &range) : 0;
  if (size >= 0 && !is_known && !is_head && there == 0)
    return give(r, s, label, &range, size);
  sending_free(s);
  if (size < 0)
    return gateway_refuse_with(r, 406, "kind",
                               "that is a folder; say ?format=raw or ?format=car");
  if (is_known)
    return gateway_send(r, 304, label, gateway_no_bytes());
  return is_head ? gateway_send(r, 200, label, gateway_head(size))
                 : gateway_refuse_range(r, size);
}

static enum MHD_Result answer_named(const gateway_request *r, const char *text,
                                    const uint8_t *cid, sending *s, int is_head) {
  char tag[128], name[NAME_MAX_BYTES + 1], disposition[HEADER_MAX];
  gateway_label label = {text, NULL, tag, NULL, disposition};
  name_of(r, text, cid, name);
  snprintf(tag, sizeof tag, "\"%s\"", text);
  label.type = shown_as(name);
  write_disposition(name, label.type != NULL, disposition);
  if (!label.type)
    label.type = "application/octet-stream";
  return answer_found(r, s, &label, is_head);
}

/* The file that has no bytes, told by the CID itself. */
static enum MHD_Result answer_empty(const gateway_request *r) {
  gateway_label label = {GATEWAY_EMPTY_CID, "application/octet-stream",
                         "\"" GATEWAY_EMPTY_CID "\"", NULL,
                         "attachment; filename=\"" GATEWAY_EMPTY_CID "\""};
  return gateway_send(r, 200, &label, gateway_no_bytes());
}

enum MHD_Result gateway_answer_file(const gateway_request *r, const char *text,
                                    int is_head) {
  uint8_t cid[CID_SIZE];
  sending *s;
  int found;
  if (!strcmp(text, GATEWAY_EMPTY_CID))
    return answer_empty(r);
  if (cid_parse(text, strlen(text), cid) < 0)
    return gateway_refuse(r, 400, "form");
  found = sending_begin(r, cid, WALK_TWICE, &s);
  if (found == 1)
    return answer_named(r, text, cid, s, is_head);
  return found == 0 ? gateway_refuse_missing(r) : gateway_refuse(r, 500, "ENOMEM");
}
