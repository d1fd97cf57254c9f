/* sending.h - blocks of a walk as one answer, each read when the one before is gone. No
 * format, no headers. */
#ifndef HTTP_SENDING_H
#define HTTP_SENDING_H

#include "reply.h"
#include "walk.h"

#define SENDING_BUFFER 65536 /* bytes that libmicrohttpd takes at a time */
#define SENDING_PREFIX_MAX 128

typedef struct {
  gateway *gateway;
  http_client *client;
  walk walk;
  int is_long; /* of several blocks: it holds a reader for long */
  /* What stands before a block in the answer, and its length; NULL: nothing. */
  size_t (*write_prefix)(const served_block *block, uint8_t *out);
  uint8_t *memory, prefix[SENDING_PREFIX_MAX];
  size_t prefix_size, block_size, at;
  int64_t left; /* bytes of blocks that are still to be read for it */
} sending;

/* A walk of CID as walk_begin's; 1; 0: nobody serves it; -1: no memory. */
int sending_begin(const gateway_request *r, const uint8_t *cid, int flags, sending **s);

/* Takes a reader, and reads the first block: NULL, or the word for why not. */
const char *sending_load(sending *s);

/* SIZE bytes of it, from the place S->at of the first block on. S is taken over. */
struct MHD_Response *sending_response(sending *s, int64_t size);

void sending_free(sending *s);

/* What the word of sending_load is told as. */
enum MHD_Result sending_refuse(const gateway_request *r, const char *word);

#endif
