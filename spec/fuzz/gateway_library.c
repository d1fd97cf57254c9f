/* gateway_library.c - libmicrohttpd as the gateway's fuzzer plays it: no socket, answers
 * are looked at. */
#include "fuzz.h"
#include "gateway_library.h"
#include "crypto/hash.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct MHD_Response {
  const char *body;
  uint64_t size;
  MHD_ContentReaderCallback reader;
  MHD_ContentReaderFreeCallback free;
  void *context;
  char copy[512];
};

const union MHD_ConnectionInfo *
MHD_get_connection_info(struct MHD_Connection *c, enum MHD_ConnectionInfoType type, ...) {
  FUZZ_CHECK(type == MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  c->info.client_addr = (struct sockaddr *)&c->from;
  return &c->info;
}

/* The value of `NAME=value&…`. Lives until the next question. */
static const char *argument(const char *all, const char *name) {
  static char value[1024];
  size_t size = strlen(name), length;
  for (const char *at = all; at; at = strchr(at, '&')) {
    at += *at == '&';
    if (strncmp(at, name, size) || at[size] != '=')
      continue;
    length = strcspn(at + size + 1, "&");
    snprintf(value, sizeof value, "%.*s", (int)length, at + size + 1);
    return value;
  }
  return NULL;
}

const char *MHD_lookup_connection_value(struct MHD_Connection *c, enum MHD_ValueKind kind,
                                        const char *name) {
  if (kind == MHD_GET_ARGUMENT_KIND)
    return argument(c->arguments, name);
  for (int i = 0; i < c->count; i++)
    if (!strcasecmp(c->names[i], name))
      return c->values[i];
  return NULL;
}

static struct MHD_Response *response_of(const char *body, uint64_t size) {
  struct MHD_Response *r = calloc(1, sizeof *r);
  r->body = body;
  r->size = size;
  return r;
}

struct MHD_Response *MHD_create_response_from_buffer(size_t size, void *body,
                                                     enum MHD_ResponseMemoryMode mode) {
  struct MHD_Response *r = response_of(body, size);
  if (mode != MHD_RESPMEM_MUST_COPY)
    return r;
  FUZZ_CHECK(size < sizeof r->copy);
  r->body = memcpy(r->copy, body, size);
  return r;
}

struct MHD_Response *MHD_create_response_from_buffer_with_free_callback_cls(
    size_t size, void *body, MHD_ContentReaderFreeCallback callback, void *context) {
  struct MHD_Response *r = response_of(body, size);
  r->free = callback;
  r->context = context;
  return r;
}

struct MHD_Response *
MHD_create_response_from_callback(uint64_t size, size_t block,
                                  MHD_ContentReaderCallback reader, void *context,
                                  MHD_ContentReaderFreeCallback end) {
  struct MHD_Response *r = response_of(NULL, size);
  (void)block;
  r->reader = reader;
  r->context = context;
  r->free = end;
  return r;
}

/* Nothing that came with the request may begin a line of the answer. */
enum MHD_Result MHD_add_response_header(struct MHD_Response *r, const char *name,
                                        const char *value) {
  FUZZ_CHECK(r && *name && !strpbrk(value, "\r\n"));
  return MHD_YES;
}

/* A body that is made as it is sent has the length that was said. */
static void read_all(const struct MHD_Response *r) {
  static char out[65536];
  uint64_t done = 0;
  while (done < r->size) {
    size_t room = 1 + done % sizeof out;
    ssize_t n = r->reader(r->context, done, out, room);
    FUZZ_CHECK(n > 0 && (size_t)n <= room);
    done += (uint64_t)n;
  }
  FUZZ_CHECK(done == r->size);
}

enum MHD_Result MHD_queue_response(struct MHD_Connection *c, unsigned status,
                                   struct MHD_Response *r) {
  uint8_t digest[32], sum[32];
  c->answers++;
  c->status = status;
  if (status == 200 && r->reader) {
    if (!c->is_head)
      read_all(r);
  } else if (status == 200 && r->free) {
    FUZZ_CHECK(hash_sha256(r->body, (size_t)r->size, digest) == 0);
    char *own = fuzz_copy(r->body, (size_t)r->size);
    FUZZ_CHECK(hash_sha256(own, (size_t)r->size, sum) == 0 && !memcmp(sum, digest, 32));
    free(own);
  } else if (r->body && r->size && status >= 400) {
    char word[64] = {0}; /* alone, or with advice for a person behind a colon */
    for (size_t i = 0; i < r->size && i < sizeof word - 1; i++) {
      if (r->body[i] == '\n' || r->body[i] == ':')
        break;
      word[i] = r->body[i];
    }
    FUZZ_CHECK(fuzz_is_word(word));
  }
  return MHD_YES;
}

void MHD_destroy_response(struct MHD_Response *r) {
  if (r->free)
    r->free(r->context);
  free(r);
}
