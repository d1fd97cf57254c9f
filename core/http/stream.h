/* stream.h - one sealed stream: a TCP connection and a local socket, and the boxes
 * between them. No thread, no Lua. */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include "crypto/crypto.h"
#include <stdint.h>

#define STREAM_PLAIN 16384 /* bytes of a part */
#define STREAM_MORE 16     /* of its box beyond these */
#define STREAM_FRAME (2 + STREAM_PLAIN + STREAM_MORE)
#define STREAM_PATH "/proc/self/fd/%d/%s" /* short, wherever that folder is */
#define STREAM_WITH 160                   /* of what every box is bound to */

/* Bytes that wait: from FROM to TO. */
typedef struct {
  size_t from, to;
  uint8_t bytes[8 * STREAM_FRAME];
} stream_buffer;

/* Bytes that may go now and a second, of all streams that share it; RATE 0: any. */
typedef struct {
  int64_t rate, left, at; /* AT: ms when LEFT was right */
} stream_budget;

typedef struct {
  int outer, inner; /* the connection; our end of the local socket, -1: not there yet */
  int listener;     /* where that comes from, or -1 */
  int folder;       /* in which that is, as NAME; or -1 */
  char name[32];
  uint8_t *keys;       /* SEAL_KEYS_SIZE of locked memory */
  uint64_t read, said; /* N of the last box, each way */
  char with[STREAM_WITH];
  size_t with_size;
  stream_buffer boxes, plain, out; /* from the connection, opened; sealed */
  int in_over, out_over;           /* that side said that it ended */
  stream_budget *budget;           /* or NULL */
  int64_t moved;                   /* ms of the last byte */
  int64_t bytes_in, bytes_out;     /* plain ones */
  const char *word;                /* it is over: "" for a good end; NULL: it goes on */
} stream;

/* Wants what happens, as poll(2) has it: of the connection, of the local socket. */
short stream_wants_outer(const stream *s, int64_t now);
short stream_wants_inner(const stream *s, int64_t now);

/* Moves what can be moved without waiting; may end the stream. */
void stream_move(stream *s, int64_t now);

/* Has the stream's local end come from a socket NAME in the folder DIR, to which this
 * process may connect once. 0, or -1 with errno. */
int stream_listen(stream *s, const char *dir, const char *name);

/* Closes and wipes all. */
void stream_end(stream *s);

/* ms until BUDGET lets something go: 0 where it does now. */
int64_t stream_budget_wait(stream_budget *b, int64_t now);

#endif
