/* sending.c - blocks of a walk as one answer, each read when the one before is gone. No
 * format, no headers. */
#include "sending.h"
#include "core.h"
#include "worker/worker.h"
#include <stdlib.h>
#include <string.h>

int sending_begin(const gateway_request *r, const uint8_t *cid, int flags, sending **s) {
  int found;
  *s = calloc(1, sizeof **s);
  if (!*s)
    return -1;
  (*s)->gateway = r->gateway;
  (*s)->client = r->client;
  (*s)->is_long = 1;
  (*s)->left = INT64_MAX;
  found = walk_begin(r->gateway->served, cid, r->client->reach, flags, &(*s)->walk);
  if (found != 1)
    free(*s);
  return found;
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* Reads the walk's block. NULL, or the word for why not. */
static const char *read_block(sending *s) {
  const char *word;
  if (walk_read(s->gateway->served, &s->walk, s->memory, &word) < 0)
    return word;
  s->block_size = (size_t)s->walk.at.size;
  s->client->sending = least((int64_t)(s->block_size - s->at), s->left);
  s->left -= s->client->sending;
  s->client->since = worker_now();
  s->client->deadline = s->client->since + s->gateway->answer_ms;
  s->prefix_size = s->write_prefix ? s->write_prefix(&s->walk.at, s->prefix) : 0;
  return NULL;
}

/* A long answer holds a reader for long, so half of them stay for who asks for blocks. */
static int take_reader(sending *s) {
  gateway *g = s->gateway;
  if (s->is_long && g->streams >= (g->readers + 1) / 2) {
    g->pressed = 1;
    return 0;
  }
  s->memory = gateway_take_memory(g);
  g->streams += s->memory && s->is_long;
  return s->memory != NULL;
}

const char *sending_load(sending *s) {
  return take_reader(s) ? read_block(s) : "full";
}

/* 0; -1 when the answer ends here, cut short, and the connection with it. */
static int load_next(sending *s) {
  gateway *g = s->gateway;
  const char *word;
  g->blocks++;
  g->bytes += s->client->sending;
  s->client->sending = -1; /* counted */
  if (!walk_next(&s->walk))
    return -1;
  s->at = 0;
  word = g->paused ? "pause" : read_block(s);
  if (word)
    gateway_count(g, gateway_word_number(word));
  return word ? -1 : 0;
}

/* Of the bytes from BEGIN to END of a section, which lie at FROM, what is due and fits.
 */
static size_t copy_part(sending *s, const uint8_t *from, size_t begin, size_t end,
                        char *out, size_t room) {
  size_t size = s->at < end ? end - s->at : 0;
  if (s->at < begin || size == 0)
    return 0;
  if (size > room)
    size = room;
  memcpy(out, from + (s->at - begin), size);
  s->at += size;
  return size;
}

static ssize_t read_on(void *user, uint64_t unused, char *out, size_t room) {
  sending *s = user;
  size_t done;
  (void)unused;
  if (s->at == s->prefix_size + s->block_size && load_next(s) < 0)
    return MHD_CONTENT_READER_END_WITH_ERROR;
  done = copy_part(s, s->prefix, 0, s->prefix_size, out, room);
  done += copy_part(s, s->memory, s->prefix_size, s->prefix_size + s->block_size,
                    out + done, room - done);
  return (ssize_t)done;
}

static void free_it(void *user) {
  sending *s = user;
  gateway *g = s->gateway;
  walk_end(g->served, &s->walk);
  if (s->memory) {
    gateway_give_back(g, s->memory);
    g->streams -= s->is_long;
  }
  free(s);
}

void sending_free(sending *s) {
  free_it(s);
}

struct MHD_Response *sending_response(sending *s, int64_t size) {
  struct MHD_Response *response = MHD_create_response_from_callback(
      (uint64_t)size, SENDING_BUFFER, read_on, s, free_it);
  if (!response)
    free_it(s);
  return response;
}

enum MHD_Result sending_refuse(const gateway_request *r, const char *word) {
  return strcmp(word, "full") ? gateway_refuse_block(r, word)
                              : gateway_refuse(r, 503, word);
}
