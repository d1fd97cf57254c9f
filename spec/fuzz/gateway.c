/* gateway.c - fuzzes what the gateway makes of a request: METHOD PATH?format=F LF, then
 * headers. libmicrohttpd is played here, so that only our side runs. */
#include "fuzz.h"
#include "cid.h"
#include "gateway.h"
#include "hash.h"
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define FOLDER "spec/vectors"
#define FILE_NAME "cid.txt"
#define HEADERS_MAX 16

struct MHD_Connection {
  union MHD_ConnectionInfo info;
  struct sockaddr_storage from;
  char *names[HEADERS_MAX], *values[HEADERS_MAX];
  char *arguments; /* what stands behind the `?` */
  int count, answers, is_head;
  unsigned status;
};

struct MHD_Response {
  const char *body;
  uint64_t size;
  MHD_ContentReaderCallback reader;
  MHD_ContentReaderFreeCallback free;
  void *context;
  char copy[64];
};

/* -- libmicrohttpd -- */

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
    char word[64] = {0};
    memcpy(word, r->body, (size_t)r->size - 1);
    FUZZ_CHECK(fuzz_is_word(word));
  }
  return MHD_YES;
}

void MHD_destroy_response(struct MHD_Response *r) {
  if (r->free)
    r->free(r->context);
  free(r);
}

/* -- the gateway, with one file of this tree -- */

static uint8_t root[CID_SIZE];

static void offer_file(gateway *g) {
  static char bytes[1 << 16];
  const char *word = NULL;
  uint8_t digest[32];
  offers_file file = {.folder = FOLDER, .name = FILE_NAME, .leaves = digest};
  int fd = beneath_open(FOLDER, FILE_NAME, &file.identity, &word);
  ssize_t n = read(fd, bytes, sizeof bytes);
  FUZZ_CHECK(n == file.identity.size && hash_sha256(bytes, (size_t)n, digest) == 0);
  close(fd);
  cid_make(CID_RAW, digest, file.cid);
  memcpy(root, file.cid, sizeof root);
  FUZZ_CHECK(offers_put(g->offers, &file) == 0);
}

static gateway *the_gateway(void) {
  static gateway g;
  if (g.offers)
    return &g;
  pthread_mutex_init(&g.lock, NULL);
  g.readers = 2;
  g.network_count = 1;
  g.networks[0] = (gateway_network){
      AF_INET, {10, 1, 2},
       23
  };
  g.offers = offers_new();
  offer_file(&g);
  return &g;
}

/* -- requests -- */

static void add_header(struct MHD_Connection *c, char *line) {
  char *colon = strchr(line, ':');
  if (!colon || c->count == HEADERS_MAX)
    return;
  *colon = '\0';
  c->names[c->count] = line;
  c->values[c->count++] = colon + 1 + strspn(colon + 1, " ");
  if (!strcmp(line, "From-Address"))
    inet_pton(AF_INET, c->values[c->count - 1],
              &((struct sockaddr_in *)&c->from)->sin_addr);
}

/* "CID" in a path stands for the one that is offered. */
static char *url_of(const char *path) {
  char text[CID_TEXT_SIZE + 1] = {0}, *url = malloc(strlen(path) + sizeof text);
  const char *at = strstr(path, "CID");
  cid_text(root, text);
  if (at)
    sprintf(url, "%.*s%s%s", (int)(at - path), path, text, at + 3);
  else
    strcpy(url, path);
  return url;
}

static void ask(struct MHD_Connection *c, char *request) {
  gateway *g = the_gateway();
  gateway_client client = {.fd = -1, .sending = -1};
  char *path = strchr(request, ' '), *mark, *url;
  if (!path)
    return;
  *path++ = '\0';
  if ((mark = strchr(path, '?'))) {
    *mark = '\0';
    c->arguments = mark + 1;
  }
  url = url_of(path);
  c->is_head = !strcmp(request, "HEAD");
  FUZZ_CHECK(gateway_answer(g, &client, c, url, request) == MHD_YES);
  FUZZ_CHECK(c->answers == 1 && g->busy == 0);
  free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1), *rest = text;
  struct MHD_Connection c = {.count = 0};
  memcpy(text, data, size);
  text[size] = '\0';
  ((struct sockaddr_in *)&c.from)->sin_family = AF_INET;
  ((struct sockaddr_in *)&c.from)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  char *request = strsep(&rest, "\n");
  while (rest)
    add_header(&c, strsep(&rest, "\n"));
  ask(&c, request);
  free(text);
  return 0;
}
