/* flood.c - sends the datagrams of a file again and again, fast, and counts. For specs;
 * checks nothing.
 *
 * usage: flood HOST PORT[,PORT…] COUNT RATE SOURCES FILE
 * FILE: datagrams, each with two bytes of length before it (most significant first).
 * Where one holds
 * "~SERIAL~", these eight bytes become a number that grows, in digits that text,
 * base64url and base58 have. RATE: datagrams a second, 0 = as fast as they go. SOURCES:
 * how many sockets, hence source ports; with FLOOD_FROM=A.B.C.D they also have so many
 * addresses, from that one on. A broadcast HOST is fine. Prints "sent N" when it ends:
 * datagrams that the kernel took. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { SOCKETS_MAX = 1000, PORTS_MAX = 8, FILE_MAX = 1 << 22, DATAGRAM_MAX = 65000 };

typedef struct {
  const unsigned char *bytes;
  size_t size, serial; /* offset of the number, or size */
} datagram;

static unsigned char text[FILE_MAX];
static datagram *list;
static size_t listed;
static int sockets[SOCKETS_MAX];
static struct sockaddr_in to[PORTS_MAX];
static int ports;

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void load(const char *path) {
  FILE *file = fopen(path, "rb");
  size_t size, at = 0;
  if (!file)
    fail(path);
  size = fread(text, 1, sizeof text, file);
  fclose(file);
  list = calloc(size / 2 + 1, sizeof *list);
  while (list && at + 2 <= size) {
    size_t length = (size_t)text[at] << 8 | text[at + 1];
    datagram *one = &list[listed++];
    unsigned char *mark;
    at += 2;
    mark = memmem(text + at, length, "~SERIAL~", 8);
    *one = (datagram){text + at, length, mark ? (size_t)(mark - text) - at : length};
    at += length;
  }
  if (!listed)
    fail("no datagrams");
}

static void aim(const char *host, char *names) {
  for (char *name = strtok(names, ","); name && ports < PORTS_MAX;
       name = strtok(NULL, ",")) {
    to[ports].sin_family = AF_INET;
    to[ports].sin_port = htons((uint16_t)atoi(name));
    if (inet_pton(AF_INET, host, &to[ports++].sin_addr) != 1)
      fail(host);
  }
}

static void open_sockets(int count) {
  const char *first = getenv("FLOOD_FROM");
  for (int i = 0; i < count; i++) {
    struct sockaddr_in from = {.sin_family = AF_INET};
    int on = 1;
    sockets[i] = socket(AF_INET, SOCK_DGRAM, 0);
    setsockopt(sockets[i], SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    if (first && inet_pton(AF_INET, first, &from.sin_addr) == 1)
      from.sin_addr.s_addr = htonl(ntohl(from.sin_addr.s_addr) + (uint32_t)i);
    if (sockets[i] < 0 || bind(sockets[i], (struct sockaddr *)&from, sizeof from) < 0)
      fail("socket");
  }
}

static void write_serial(unsigned char *at, uint32_t number) {
  static const char digits[] =
      "ABCDEFGHJKLMNPQRSTUVWXYZabcdefgh"; /* 32 that all three alphabets have */
  for (int i = 7; i >= 0; i--, number >>= 5)
    at[i] = (unsigned char)digits[number & 31];
}

static int send_one(int fd, const datagram *one, uint32_t number,
                    const struct sockaddr_in *where) {
  static unsigned char copy[DATAGRAM_MAX];
  memcpy(copy, one->bytes, one->size);
  if (one->serial < one->size)
    write_serial(copy + one->serial, number);
  while (sendto(fd, copy, one->size, 0, (const struct sockaddr *)where, sizeof *where) <
         0) {
    struct pollfd room = {fd, POLLOUT, 0};
    if (errno == ECONNREFUSED)
      continue; /* of an earlier one */
    if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
      return 0;
    poll(&room, 1, 10);
  }
  return 1;
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void keep_pace(int64_t began, long sent, long rate) {
  int64_t due = began + (int64_t)sent * 1000000000 / rate - now();
  struct timespec wait = {due / 1000000000, due % 1000000000};
  if (due > 0)
    nanosleep(&wait, NULL);
}

int main(int argc, char **argv) {
  long count, rate, sent = 0;
  int many;
  int64_t began = now();
  if (argc != 7)
    return fprintf(stderr, "usage: flood HOST PORTS COUNT RATE SOURCES FILE\n"), 2;
  aim(argv[1], argv[2]);
  count = atol(argv[3]), rate = atol(argv[4]), many = atoi(argv[5]);
  if (many < 1 || many > SOCKETS_MAX)
    many = 1;
  load(argv[6]);
  open_sockets(many);
  for (long i = 0; i < count; i++) {
    const datagram *one = &list[(size_t)i % listed];
    long round = i / (long)listed;
    sent +=
        send_one(sockets[(i + round) % many], one, (uint32_t)i, &to[(i + round) % ports]);
    if (rate && i % 32 == 31)
      keep_pace(began, i, rate);
  }
  printf("sent %ld\n", sent);
  return 0;
}
