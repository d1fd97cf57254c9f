/* gateway.c - fuzzes what the gateway makes of a request: METHOD PATH?format=F LF, then
 * headers. libmicrohttpd is played by gateway_library.c, so that only our side runs. */
#include "fuzz.h"
#include "text/cid.h"
#include "gateway_library.h"
#include "crypto/hash.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "spec/vectors"
#define FILE_NAME "cid.txt"

/* -- the gateway, with one file of this tree -- */

static uint8_t root[CID_SIZE];

static void serve_file(gateway *g) {
  static char bytes[1 << 16];
  const char *word = NULL;
  uint8_t digest[32];
  served_file file = {.folder = FOLDER, .name = FILE_NAME, .leaves = digest};
  int fd = safe_open(FOLDER, FILE_NAME, &file.identity, &word);
  ssize_t n = read(fd, bytes, sizeof bytes);
  FUZZ_CHECK(n == file.identity.size && hash_sha256(bytes, (size_t)n, digest) == 0);
  close(fd);
  cid_make(CID_RAW, digest, file.cid);
  memcpy(root, file.cid, sizeof root);
  FUZZ_CHECK(served_put(g->served, &file) == 0);
}

static gateway *the_gateway(void) {
  static gateway g;
  if (g.served)
    return &g;
  pthread_mutex_init(&g.lock, NULL);
  g.readers = 2;
  g.network_count = 1;
  g.networks[0] = (gateway_network){
      AF_INET, {10, 1, 2},
       23
  };
  g.served = served_new();
  serve_file(&g);
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
  http_client client = {.fd = -1, .sending = -1};
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
