/* transfer.h - one HTTP request on libcurl and what came back, for http.c. No Lua, no
 * sockets. */
#ifndef TRANSFER_H
#define TRANSFER_H

#include <stddef.h>
#include <stdint.h>
#include <curl/curl.h>

#define TRANSFER_HEADER_MAX 16384 /* bytes of an answer's headers */
#define TRANSFER_BODY_MAX (64 << 20)
#define TRANSFER_SAID_MAX 240
#define TRANSFER_PIECE_MAX 16384 /* bytes asked of a socket at once by a POST */
#define TRANSFER_VALUE_MAX 512   /* bytes of what a header of ours says */
#define TRANSFER_FED_MAX 1048576 /* bytes that wait to be sent */

typedef struct transfer {
  struct transfer *next;
  int64_t id;
  CURL *easy;
  struct curl_slist *headers;
  char *body; /* SIZE bytes; none of an answer that is not a success */
  size_t size, room, max;
  size_t header_size;
  int over; /* a bound was passed, whatever libcurl calls it */
  curl_mime *form;
  struct curl_slist *part; /* headers of the form's file */
  char *fed;               /* FED_SIZE bytes of that file which wait to be sent */
  size_t fed_at, fed_size; /* from FED_AT on */
  int hungry;              /* libcurl waits for more of them */
  int is_stream;           /* it is handed on as it comes */
  int began;               /* its headers are there, and its reader does not know yet */
  int paused;              /* by its reader */
  int held; /* libcurl keeps what had no room, and waits for transfer_taken */
  char said[TRANSFER_SAID_MAX + 1]; /* how a refusal's body begins */
} transfer;

typedef struct {
  const char *url, *accept, *range; /* copied; accept and range may be NULL */
  size_t max;                       /* bytes of body */
  long timeout_ms, low_speed, low_seconds;
  int fresh; /* over a connection of its own, not over one that is open already */
  int posts; /* POST, of FILE_SIZE bytes at FILE as a form's only file; NULL: of nothing
              */
  const char *file, *authorization; /* both copied, and NULL where there are none */
  size_t file_size;
  int64_t comes;       /* bytes of the form's only file, which transfer_feed brings; -1 */
  const char *abspath; /* of that file, as Kubo's header has it; or NULL */
  int is_stream;       /* has no end: MAX bytes wait at most, then it reads no more */
} transfer_request;

/* 1 for http://NUMERIC-ADDRESS:PORT/path with nothing else in it. */
int transfer_url_is_numeric(const char *url);

/* Ready for curl_multi_add_handle; NULL without memory. One protocol, no redirects, no
 * proxy, no credentials. Freed when it is in no multi handle any more. */
transfer *transfer_new(const transfer_request *request);
void transfer_free(transfer *t);

/* Takes what came of a stream out of its body, and lets more come. */
void transfer_taken(transfer *t);

/* SIZE more bytes of the form's file: 1; 0: no memory, or too many wait already. */
int transfer_feed(transfer *t, const char *bytes, size_t size);

/* The reader of a stream wants no more for now, or again. */
void transfer_pause(transfer *t, int paused);

long transfer_status(const transfer *t); /* 0 before there is one */

/* Why it is no success, one of CORE_WORDS or an errno's name; NULL for a success. */
const char *transfer_word(const transfer *t, CURLcode code);

#endif
