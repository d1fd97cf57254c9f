/* http.c - fuzzes core/http/transfer.c: any bytes as the answer of a peer, any text as
 * its URL. */
#include "fuzz.h"
#include "http/transfer.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX 300

typedef struct {
  const uint8_t *answer;
  size_t size;
} peer;

/* A socket whose other end has said its answer and hung up. */
static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *a) {
  peer *p = user;
  int ends[2], room = 1 << 20;
  (void)purpose, (void)a;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    abort();
  setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  if (send(ends[1], p->answer, p->size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && p->size)
    abort();
  shutdown(ends[1], SHUT_WR);
  p->answer = NULL;
  p->size = (size_t)ends[1];
  return ends[0];
}

static int on_connected(void *user, curl_socket_t fd, curlsocktype purpose) {
  (void)user, (void)fd, (void)purpose;
  return CURL_SOCKOPT_ALREADY_CONNECTED;
}

/* Never more than MAX bytes, and a word for whatever is no success. */
static void check(const transfer *t, CURLcode code) {
  const char *word = transfer_word(t, code);
  long status = transfer_status(t);
  FUZZ_CHECK(t->size <= MAX && t->room <= MAX);
  FUZZ_CHECK(t->header_size < 8 * TRANSFER_HEADER_MAX);
  FUZZ_CHECK(!word || fuzz_is_word(word));
  FUZZ_CHECK(word || (status >= 200 && status < 300 && code == CURLE_OK));
}

static void answer(const uint8_t *data, size_t size) {
  transfer_request request = {"http://127.0.0.1:1/ipfs/x?format=raw",
                              "application/vnd.ipld.raw",
                              NULL,
                              MAX,
                              2000,
                              0,
                              0};
  transfer *t = transfer_new(&request);
  peer p = {data, size};
  curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
  curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, &p);
  curl_easy_setopt(t->easy, CURLOPT_SOCKOPTFUNCTION, on_connected);
  check(t, curl_easy_perform(t->easy));
  if (!p.answer)
    close((int)p.size);
  transfer_free(t);
}

/* What passes for numeric is http://, an address, a port of 1 to 65535, a plain path. */
static void url(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  CURLU *parts = curl_url();
  char *host = NULL, *port = NULL, *user = NULL;
  memcpy(text, data, size);
  text[size] = '\0';
  if (transfer_url_is_numeric(text)) {
    FUZZ_CHECK(!strncmp(text, "http://", 7) && !strpbrk(text, " @#\\\r\n\t"));
    FUZZ_CHECK(curl_url_set(parts, CURLUPART_URL, text, 0) == CURLUE_OK);
    FUZZ_CHECK(curl_url_get(parts, CURLUPART_PORT, &port, 0) == CURLUE_OK);
    FUZZ_CHECK(curl_url_get(parts, CURLUPART_USER, &user, 0) != CURLUE_OK);
    FUZZ_CHECK(curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK);
    FUZZ_CHECK(strstr(text, port) && atoi(port) >= 1 && atoi(port) <= 65535);
    FUZZ_CHECK(text[7] == '[' || !strncmp(text + 7, host, strlen(host)));
  }
  curl_free(host);
  curl_free(port);
  curl_free(user);
  curl_url_cleanup(parts);
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size >= 7 && !memcmp(data, "http://", 7))
    url(data, size);
  else if (size < 65536)
    answer(data, size);
  return 0;
}
