/* reply.c - what the answers of the gateway are made of: refusals, labels, a
 * block's memory. It does not choose what is answered. */
#include "core.h"
#include "gateway.h"
#include "reply.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define FOR_EVER "public, max-age=29030400, immutable"
#define RETRY_AFTER "1"
#define PAUSE_AFTER "60" /* s; a pause is as long as a drive */

void gateway_count(gateway *g, gateway_word word) {
  g->refused[word]++;
}

gateway_word gateway_word_number(const char *word) {
  static const char *const words[] = {
#define WORD_TEXT(w) #w,
      GATEWAY_WORDS(WORD_TEXT)
#undef WORD_TEXT
  };
  for (int i = 0; i < GATEWAY_WORD_COUNT; i++)
    if (!strcmp(words[i], word))
      return (gateway_word)i;
  return GATEWAY_disk;
}

/* -- any answer -- */

static void header(struct MHD_Response *response, const char *name, const char *value) {
  MHD_add_response_header(response, name, value);
}

/* What is here is bytes from anybody: never to be run or framed under this origin. A
 * picture or film is shown by a page of the browser's own, which may load it. */
static void add_guards(struct MHD_Response *response) {
  header(response, "X-Content-Type-Options", "nosniff");
  header(response, "Content-Security-Policy",
         "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; "
         "style-src 'unsafe-inline'; frame-ancestors 'none'");
}

static enum MHD_Result send_response(const gateway_request *r, unsigned status,
                                     struct MHD_Response *response) {
  enum MHD_Result result;
  if (!response)
    return MHD_NO;
  add_guards(response);
  result = MHD_queue_response(r->connection, status, response);
  MHD_destroy_response(response);
  return result;
}

/* -- refusals -- */

int gateway_is_browser(const gateway_request *r) {
  const char *accept =
      MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
  return accept && strstr(accept, "text/html") != NULL;
}

/* Programs read the word, which comes first; a person is told what would help. */
static const char *advice(const char *word) {
  if (!strcmp(word, "host"))
    return "host: ask by the node's IP address, such as http://192.168.1.20:3826/, not "
           "by a name.\n";
  if (!strcmp(word, "permission"))
    return "permission: only hosts in this node's own networks may ask it.\n";
  if (!strcmp(word, "form"))
    return "form: /ipfs/ and a CID, nothing more: that is no CID of this swarm's "
           "kind.\n\n" GATEWAY_HELP;
  if (!strcmp(word, "missing"))
    return "missing: this node has no file or block of that CID.\n\n" GATEWAY_HELP;
  if (!strcmp(word, "pause"))
    return "pause: this node gives no files while it drives, is hot, or has other work. "
           "Ask "
           "again in a minute.\n";
  return NULL;
}

static struct MHD_Response *words_of(const gateway_request *r, const char *word,
                                     const char *hint) {
  char text[160];
  const char *more = gateway_is_browser(r) ? advice(word) : NULL;
  int size =
      snprintf(text, sizeof text, "%s%s%s\n", word, hint ? ": " : "", hint ? hint : "");
  if (more)
    return MHD_create_response_from_buffer(strlen(more), (void *)more,
                                           MHD_RESPMEM_PERSISTENT);
  return MHD_create_response_from_buffer((size_t)size, text, MHD_RESPMEM_MUST_COPY);
}

enum MHD_Result gateway_refuse_with(const gateway_request *r, unsigned status,
                                    const char *word, const char *hint) {
  struct MHD_Response *response = words_of(r, word, hint);
  gateway_count(r->gateway, gateway_word_number(word));
  if (!response)
    return MHD_NO;
  header(response, "Content-Type", "text/plain");
  if (status == 405)
    header(response, "Allow", "GET, HEAD");
  if (status == 503)
    header(response, "Retry-After", strcmp(word, "pause") ? RETRY_AFTER : PAUSE_AFTER);
  return send_response(r, status, response);
}

enum MHD_Result gateway_refuse(const gateway_request *r, unsigned status,
                               const char *word) {
  return gateway_refuse_with(r, status, word, NULL);
}

enum MHD_Result gateway_refuse_missing(const gateway_request *r) {
  if (r->gateway->partly)
    return gateway_refuse_with(r, 503, "full",
                               "this node has just started and looks at what it holds");
  return r->client->reach == SERVED_LAB ? gateway_refuse(r, 404, "missing")
                                        : gateway_refuse(r, 403, "permission");
}

enum MHD_Result gateway_refuse_block(const gateway_request *r, const char *word) {
  int gone = !strcmp(word, "moved") || !strcmp(word, "block") || !strcmp(word, "link");
  if (gone)
    return gateway_refuse(r, 410, word);
  return gateway_refuse(r, strcmp(word, "missing") ? 500 : 404, word);
}

enum MHD_Result gateway_refuse_range(const gateway_request *r, int64_t size) {
  char text[80];
  struct MHD_Response *response;
  snprintf(text, sizeof text, "bytes */%" PRId64, size);
  response = words_of(r, "length", NULL);
  gateway_count(r->gateway, GATEWAY_length);
  if (!response)
    return MHD_NO;
  header(response, "Content-Type", "text/plain");
  header(response, "Content-Range", text);
  return send_response(r, 416, response);
}

enum MHD_Result gateway_explain(const gateway_request *r, const char *words) {
  struct MHD_Response *response = MHD_create_response_from_buffer(
      strlen(words), (void *)words, MHD_RESPMEM_MUST_COPY);
  if (!response)
    return MHD_NO;
  header(response, "Content-Type", "text/plain; charset=utf-8");
  header(response, "Cache-Control", "no-store");
  header(response, "Vary", "Accept");
  return send_response(r, 200, response);
}

/* -- blocks -- */

static void add_label(struct MHD_Response *response, const gateway_label *label) {
  char text[160];
  header(response, "Content-Type", label->type);
  header(response, "Cache-Control", FOR_EVER);
  header(response, "Vary", "Accept");
  header(response, "Accept-Ranges",
         label->disposition || !strcmp(label->type, GATEWAY_RAW) ? "bytes" : "none");
  header(response, "ETag", label->tag);
  snprintf(text, sizeof text, "/ipfs/%s", label->cid);
  header(response, "X-Ipfs-Path", text);
  header(response, "X-Ipfs-Roots", label->cid);
  if (!label->disposition)
    snprintf(text, sizeof text, "attachment; filename=\"%s.%s\"", label->cid,
             label->suffix);
  header(response, "Content-Disposition", label->disposition ? label->disposition : text);
}

enum MHD_Result gateway_send(const gateway_request *r, unsigned status,
                             const gateway_label *label, struct MHD_Response *response) {
  if (!response)
    return MHD_NO;
  add_label(response, label);
  return send_response(r, status, response);
}

void gateway_add_range(struct MHD_Response *response, int64_t from, int64_t end,
                       int64_t size) {
  char text[80];
  snprintf(text, sizeof text, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, from, end - 1,
           size);
  header(response, "Content-Range", text);
}

struct MHD_Response *gateway_no_bytes(void) {
  return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
}

static ssize_t nothing(void *unused, uint64_t at, char *out, size_t size) {
  (void)unused, (void)at, (void)out, (void)size;
  return MHD_CONTENT_READER_END_WITH_ERROR;
}

struct MHD_Response *gateway_head(int64_t size) {
  return MHD_create_response_from_callback((uint64_t)size, 1, nothing, NULL, NULL);
}

int gateway_has_current_copy(const gateway_request *r, const char *tag) {
  const char *held =
      MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "If-None-Match");
  return held && (!strcmp(held, "*") || strstr(held, tag));
}

/* -- a block's memory: mapped, so that it goes back when nobody reads -- */

uint8_t *gateway_take_memory(gateway *g) {
  uint8_t *memory = g->spare;
  if (g->busy >= g->readers) {
    g->pressed = 1;
    return NULL;
  }
  g->spare = NULL;
  if (!memory) {
    memory = mmap(NULL, UNIXFS_CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                  -1, 0);
    if (memory == MAP_FAILED)
      return NULL;
  }
  g->busy++;
  return memory;
}

void gateway_give_back(gateway *g, uint8_t *memory) {
  if (g->busy > 1 || g->spare || g->stopping)
    munmap(memory, UNIXFS_CHUNK);
  else
    g->spare = memory;
  g->busy--;
}
