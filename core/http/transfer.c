/* transfer.c - one HTTP request on libcurl: bounds on what comes back, and its word. No
 * Lua. */
#include "core.h"
#include "transfer.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSAL_MAX 4096    /* bytes read of a body that is not a success */
#define RECEIVE_SIZE 131072 /* bytes asked of a socket at once */
#define CONNECT_MS 5000

static size_t on_header(char *data, size_t size, size_t count, void *user) {
  transfer *t = user;
  t->header_size += size * count;
  if (size * count == 2 && *data == '\r') /* the empty line behind the headers */
    t->began = t->is_stream && transfer_status(t) == 200;
  if (t->header_size <= TRANSFER_HEADER_MAX)
    return size * count;
  t->over = 1;
  return 0;
}

static int make_room(transfer *t, size_t wanted) {
  size_t room = t->room ? t->room : 16384;
  char *body;
  while (room < wanted)
    room *= 2;
  if (room > t->max)
    room = t->max;
  if (room <= t->room)
    return 1;
  body = realloc(t->body, room);
  if (!body)
    return 0;
  t->body = body;
  t->room = room;
  return 1;
}

static size_t on_refusal(transfer *t, const char *data, size_t size) {
  size_t have = strlen(t->said), room = TRANSFER_SAID_MAX - have;
  memcpy(t->said + have, data, size < room ? size : room);
  t->header_size += size;
  return t->header_size <= TRANSFER_HEADER_MAX + REFUSAL_MAX ? size : 0;
}

/* What does not fit is kept by libcurl, which reads no more until it is told to go on. */
static size_t on_stream(transfer *t, const char *data, size_t size) {
  if (t->paused || size > t->max - t->size) {
    t->held = 1;
    return CURL_WRITEFUNC_PAUSE;
  }
  if (!make_room(t, t->size + size))
    return 0;
  memcpy(t->body + t->size, data, size);
  t->size += size;
  return size;
}

/* The announced length is believed only as far as it asks for less than was allowed. */
static size_t on_body(char *data, size_t size, size_t count, void *user) {
  transfer *t = user;
  curl_off_t announced = -1;
  size *= count;
  if (transfer_status(t) >= 300)
    return on_refusal(t, data, size);
  if (t->is_stream)
    return on_stream(t, data, size);
  curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
  if (size > t->max - t->size || (announced > 0 && (uint64_t)announced > t->max)) {
    t->over = 1;
    return 0;
  }
  if (!make_room(t, announced > 0 && t->size == 0 ? (size_t)announced : t->size + size))
    return 0;
  if (t->size + size > t->room)
    return 0;
  memcpy(t->body + t->size, data, size);
  t->size += size;
  return size;
}

static int is_path(const char *text) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-._~/?=&%+:";
  return text[0] == '/' && text[strspn(text, allowed)] == '\0';
}

/* The interface of a link-local address. */
static int is_zone(const char *text) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-._~";
  return text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

/* Numeric hosts only: addresses here were proved, a name would be somebody else's word.
 */
int transfer_url_is_numeric(const char *url) {
  char host[64], binary[16], *after, *zone;
  const char *from, *end;
  int family = AF_INET;
  if (strncmp(url, "http://", 7) != 0)
    return 0;
  from = url + 7;
  if (*from == '[')
    from++, family = AF_INET6;
  end = strchr(from, family == AF_INET6 ? ']' : ':');
  if (!end || (size_t)(end - from) >= sizeof host)
    return 0;
  memcpy(host, from, end - from);
  host[end - from] = '\0';
  zone = family == AF_INET6 ? strstr(host, "%25") : NULL; /* RFC 6874 */
  if (zone && !is_zone(zone + 3))
    return 0;
  if (zone)
    *zone = '\0';
  if (inet_pton(family, host, binary) != 1)
    return 0;
  if (family == AF_INET6)
    end++;
  if (end[0] != ':' || end[1] < '1' || end[1] > '9')
    return 0;
  return strtol(end + 1, &after, 10) <= 65535 && is_path(after);
}

static void set_bounds(CURL *easy, const transfer_request *request) {
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
#else
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTP);
#endif
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE,
                   request->posts ? (long)TRANSFER_PIECE_MAX : (long)RECEIVE_SIZE);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, request->timeout_ms);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, request->low_speed);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, request->low_seconds);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, (long)request->is_stream);
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, (long)request->fresh);
}

static void set_callbacks(transfer *t) {
  curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
  curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
  curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
}

static int add_header(transfer *t, const char *name, const char *value) {
  char line[TRANSFER_VALUE_MAX + 32];
  struct curl_slist *more;
  snprintf(line, sizeof line, "%s:%s%s", name, *value ? " " : "", value);
  more = curl_slist_append(t->headers, line);
  t->headers = more ? more : t->headers;
  return more != NULL;
}

static size_t on_read(char *out, size_t size, size_t count, void *user) {
  transfer *t = user;
  size *= count;
  if (size > t->fed_size)
    size = t->fed_size;
  t->hungry = size == 0;
  if (t->hungry)
    return CURL_READFUNC_PAUSE;
  memcpy(out, t->fed + t->fed_at, size);
  t->fed_at += size;
  t->fed_size -= size;
  return size;
}

/* Where on_read found nothing behind other bytes of the form, libcurl sends those first:
 * the part is to pause then, and the request does not yet. CURLPAUSE_CONT alone would
 * change nothing, and the part would wait for ever. */
int transfer_feed(transfer *t, const char *bytes, size_t size) {
  if (size > TRANSFER_FED_MAX - t->fed_size)
    return 0;
  if (!t->fed)
    t->fed = malloc(TRANSFER_FED_MAX);
  if (!t->fed)
    return 0;
  memmove(t->fed, t->fed + t->fed_at, t->fed_size);
  memcpy(t->fed + t->fed_size, bytes, size);
  t->fed_at = 0;
  t->fed_size += size;
  if (t->hungry) {
    curl_easy_pause(t->easy, CURLPAUSE_SEND);
    curl_easy_pause(t->easy, CURLPAUSE_CONT);
  }
  return 1;
}

/* What the part of a form says of its file. */
static int set_part(transfer *t, curl_mimepart *part, const transfer_request *request) {
  char line[TRANSFER_VALUE_MAX + 32];
  if (!request->abspath)
    return 1;
  snprintf(line, sizeof line, "Abspath: %s", request->abspath);
  t->part = curl_slist_append(NULL, line);
  return t->part && curl_mime_headers(part, t->part, 0) == CURLE_OK;
}

static int set_file(transfer *t, curl_mimepart *part, const transfer_request *request) {
  if (request->comes < 0)
    return curl_mime_data(part, request->file, request->file_size) == CURLE_OK;
  return curl_mime_data_cb(part, request->comes, on_read, NULL, NULL, t) == CURLE_OK;
}

/* `Expect: 100-continue` would cost a second at servers that do not know it. */
static int set_post(transfer *t, const transfer_request *request) {
  curl_mimepart *part;
  if (!request->file && request->comes < 0) {
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE, 0L);
    return curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, "") == CURLE_OK;
  }
  t->form = curl_mime_init(t->easy);
  part = t->form ? curl_mime_addpart(t->form) : NULL;
  return part && curl_mime_name(part, "file") == CURLE_OK &&
         curl_mime_filename(part, "file") == CURLE_OK && set_file(t, part, request) &&
         set_part(t, part, request) && add_header(t, "Expect", "") &&
         curl_easy_setopt(t->easy, CURLOPT_MIMEPOST, t->form) == CURLE_OK;
}

static int set_text(transfer *t, const transfer_request *request) {
  curl_easy_setopt(t->easy, CURLOPT_USERAGENT, "dt-swarm/" DT_SWARM_VERSION);
  if (request->range)
    curl_easy_setopt(t->easy, CURLOPT_RANGE, request->range);
  if (request->accept && !add_header(t, "Accept", request->accept))
    return 0;
  if (request->authorization && !add_header(t, "Authorization", request->authorization))
    return 0;
  if (request->posts && !set_post(t, request))
    return 0;
  curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
  return curl_easy_setopt(t->easy, CURLOPT_URL, request->url) == CURLE_OK;
}

transfer *transfer_new(const transfer_request *request) {
  transfer *t = calloc(1, sizeof *t);
  if (!t)
    return NULL;
  t->max = request->max;
  t->is_stream = request->is_stream;
  t->easy = curl_easy_init();
  if (!t->easy || !set_text(t, request)) {
    transfer_free(t);
    return NULL;
  }
  set_bounds(t->easy, request);
  set_callbacks(t);
  return t;
}

void transfer_free(transfer *t) {
  if (!t)
    return;
  if (t->easy)
    curl_easy_cleanup(t->easy);
  curl_mime_free(t->form);
  curl_slist_free_all(t->part);
  curl_slist_free_all(t->headers);
  free(t->fed);
  free(t->body);
  free(t);
}

static void go_on(transfer *t) {
  t->held = 0;
  curl_easy_pause(t->easy, CURLPAUSE_CONT); /* brings what was kept, before it returns */
}

void transfer_taken(transfer *t) {
  t->size = 0;
  t->began = 0;
  if (t->held && !t->paused)
    go_on(t);
}

void transfer_pause(transfer *t, int paused) {
  t->paused = paused;
  if (t->held && !paused && t->size == 0)
    go_on(t);
}

long transfer_status(const transfer *t) {
  long status = 0;
  curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

static const char *status_word(long status) {
  static const struct {
    long status;
    const char *word;
  } words[] = {
      {403, "permission"},
      {404, "missing"   },
      {410, "moved"     },
      {429, "full"      },
      {503, "full"      },
  };
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (words[i].status == status)
      return words[i].word;
  return status < 400 ? "redirect" : "form";
}

static const char *code_word(CURLcode code) {
  static const struct {
    CURLcode code;
    const char *word;
  } words[] = {
      {CURLE_OPERATION_TIMEDOUT, "slow"  },
      {CURLE_PARTIAL_FILE,       "length"},
      {CURLE_COULDNT_CONNECT,    "closed"},
      {CURLE_GOT_NOTHING,        "closed"},
      {CURLE_SEND_ERROR,         "closed"},
      {CURLE_RECV_ERROR,         "closed"},
      {CURLE_WRITE_ERROR,        "ENOMEM"},
      {CURLE_OUT_OF_MEMORY,      "ENOMEM"},
  };
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (words[i].code == code)
      return words[i].word;
  return "form";
}

/* Our gateways say the word itself; of those with one status only this one matters. */
static const char *refusal_word(const transfer *t, long status) {
  return status == 503 && !strncmp(t->said, "pause", 5) ? "pause" : status_word(status);
}

const char *transfer_word(const transfer *t, CURLcode code) {
  long status = transfer_status(t), err = 0;
  int ended = code == CURLE_OK || code == CURLE_WRITE_ERROR;
  if (t->over)
    return "long";
  if (status >= 300 && ended)
    return refusal_word(t, status);
  if (code == CURLE_OK)
    return status >= 200 ? NULL : "form";
  curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &err);
  if (code == CURLE_COULDNT_CONNECT && err)
    return core_errno_name((int)err);
  return code_word(code);
}
