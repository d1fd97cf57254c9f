/* wire.c - an Ethernet switch over TAP devices that loses, delays, doubles, reorders,
 * corrupts, throttles and cuts by a seed, and counts. A tool of specs, no part of the
 * daemon.
 *
 * usage: wire SEED PARENT AFTER NAME=NETNS:DEVICE:LAN...
 * NETNS: a network namespace's path, where DEVICE is made; only ports of one LAN hear
 * each other. Commands come line by line on stdin and each is answered by one line on
 * stdout. When the process PARENT ends, so does the wire, and the shell command AFTER is
 * run. */
#include "wire.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FLYING_MAX 65536 /* frames under way */
#define BURST 64         /* frames read from one port a turn */
#define COMMAND_MAX 256

typedef struct {
  int64_t at; /* ns */
  uint64_t number;
  int from, to;
  uint8_t kind;
  uint16_t size;
  uint8_t bytes[];
} frame;

typedef struct {
  uint8_t mac[6];
  int port;
} place;

static wire world;
static frame *flying[FLYING_MAX]; /* a heap, the next to arrive first */
static size_t flying_count;
static uint64_t flying_number;
static place places[256];

int64_t wire_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* -- chance: the word for the k-th frame of a link depends on seed, link and k alone --
 */

static uint64_t mix(uint64_t x) { /* splitmix64's finaliser */
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

enum { LOSS, DOUBLE, REORDER, CORRUPT, JITTER, BIT };

static uint64_t word(int from, int to, uint64_t k, int what) {
  uint64_t link = (uint64_t)(from * PORTS_MAX + to) + 1;
  return mix(mix(mix(world.seed ^ link << 32) + k) + (uint64_t)what);
}

static double chance(int from, int to, uint64_t k, int what) {
  return (double)(word(from, to, k, what) >> 11) / 9007199254740992.0; /* 2^53 */
}

/* -- frames under way -- */

static int before(const frame *a, const frame *b) {
  return a->at < b->at || (a->at == b->at && a->number < b->number);
}

static void swap(size_t a, size_t b) {
  frame *f = flying[a];
  flying[a] = flying[b];
  flying[b] = f;
}

static void heap_add(frame *f) {
  size_t at = flying_count++;
  flying[at] = f;
  while (at > 0 && before(flying[at], flying[(at - 1) / 2])) {
    swap(at, (at - 1) / 2);
    at = (at - 1) / 2;
  }
}

static frame *heap_take(void) {
  frame *first = flying[0];
  flying[0] = flying[--flying_count];
  for (size_t at = 0, child = 1; child < flying_count; child = 2 * at + 1) {
    if (child + 1 < flying_count && before(flying[child + 1], flying[child]))
      child++;
    if (!before(flying[child], flying[at]))
      break;
    swap(at, child);
    at = child;
  }
  return first;
}

/* -- one frame -- */

static uint8_t kind_of(const uint8_t *bytes, size_t size) {
  unsigned type = (unsigned)bytes[12] << 8 | bytes[13];
  int protocol = -1;
  if (type == 0x0806)
    return ARP;
  if (bytes[0] & 1)
    return BROADCAST;
  if (type == 0x0800 && size > 23)
    protocol = bytes[23];
  else if (type == 0x86dd && size > 20)
    protocol = bytes[20];
  return protocol == 17 ? UDP : protocol == 6 ? TCP : OTHER;
}

static place *place_of(const uint8_t *mac) {
  return &places[(mac[5] ^ mac[4] ^ mac[3]) & 255];
}

static void learn(const uint8_t *source, int from) {
  place *p = place_of(source);
  memcpy(p->mac, source, 6);
  p->port = from;
}

/* The port where MAC lives, -1: unknown, so all hear it. */
static int find(const uint8_t *mac) {
  const place *p = place_of(mac);
  return memcmp(p->mac, mac, 6) ? -1 : p->port;
}

static void launch(const uint8_t *bytes, size_t size, int from, int to, uint8_t kind,
                   int64_t at, int64_t bit) {
  frame *f = flying_count < FLYING_MAX ? malloc(sizeof *f + size) : NULL;
  if (!f) {
    world.ports[to].fates[kind][UNABLE]++;
    return;
  }
  *f = (frame){at, flying_number++, from, to, kind, (uint16_t)size};
  memcpy(f->bytes, bytes, size);
  if (bit >= 0)
    f->bytes[14 + (size_t)bit / 8 % (size - 14)] ^= (uint8_t)(1 << bit % 8);
  heap_add(f);
}

/* When the K-th frame arrives: in order, but for one that is held up to be overtaken. */
static int64_t arrival(link_state *l, double swing, int held, int64_t leaves) {
  const wish *w = &l->wish;
  double late = w->delay + w->jitter * (2 * swing - 1);
  int64_t at = leaves + (late > 0 ? (int64_t)(late * 1e6) : 0);
  if (held)
    return at + (int64_t)((w->delay / 2 + HELD_UP) * 1e6);
  if (at < l->last)
    at = l->last;
  return l->last = at;
}

static void pass(const uint8_t *bytes, size_t size, int from, int to, uint8_t kind,
                 int64_t leaves) {
  link_state *l = &world.links[from][to];
  uint64_t k = l->count++, *fates = world.ports[to].fates[kind];
  const wish *w = &l->wish;
  int64_t bit = -1;
  fates[OFFERED]++;
  if (l->cut || chance(from, to, k, LOSS) < w->loss) {
    fates[l->cut ? CUT : LOST]++;
    return;
  }
  int held = chance(from, to, k, REORDER) < w->reorder;
  int64_t at = arrival(l, chance(from, to, k, JITTER), held, leaves);
  fates[REORDERED] += (uint64_t)held;
  if (size > 14 && chance(from, to, k, CORRUPT) < w->corrupt) {
    bit = (int64_t)(word(from, to, k, BIT) >> 1);
    fates[CORRUPTED]++;
  }
  launch(bytes, size, from, to, kind, at, bit);
  if (chance(from, to, k, DOUBLE) < w->doubling) {
    fates[DOUBLED]++;
    launch(bytes, size, from, to, kind, at, bit);
  }
}

/* When a frame leaves its sender's cable; -1: the queue there is full. */
static int64_t leave(port *p, size_t size, int64_t now) {
  if (p->rate <= 0)
    return now;
  if (p->busy < now)
    p->busy = now;
  if ((double)(p->busy - now) / 1e9 * p->rate + (double)size > p->queue)
    return -1;
  p->busy += (int64_t)((double)size / p->rate * 1e9);
  return p->busy;
}

static void receive(int from, const uint8_t *bytes, size_t size) {
  port *p = &world.ports[from];
  uint8_t kind = kind_of(bytes, size);
  p->fates[kind][IN]++;
  p->fates[kind][IN_BYTES] += size;
  learn(bytes + 6, from);
  int64_t leaves = leave(p, size, wire_now());
  if (leaves < 0) {
    p->fates[kind][THROTTLED]++;
    return;
  }
  int only = bytes[0] & 1 ? -1 : find(bytes);
  for (int to = 0; to < world.count; to++)
    if (to != from && world.ports[to].lan == p->lan && (only < 0 || only == to))
      pass(bytes, size, from, to, kind, leaves);
}

static void read_port(int number) {
  uint8_t bytes[FRAME_MAX];
  for (int i = 0; i < BURST; i++) {
    ssize_t n = read(world.ports[number].fd, bytes, sizeof bytes);
    if (n < 14)
      return;
    receive(number, bytes, (size_t)n);
  }
}

static void deliver(frame *f) {
  port *p = &world.ports[f->to];
  if (world.links[f->from][f->to].cut)
    p->fates[f->kind][CUT]++;
  else if (write(p->fd, f->bytes, f->size) != f->size)
    p->fates[f->kind][UNABLE]++; /* its interface is down */
  else {
    p->fates[f->kind][OUT]++;
    p->fates[f->kind][OUT_BYTES] += f->size;
  }
  free(f);
}

static void deliver_due(void) {
  int64_t now = wire_now();
  while (flying_count > 0 && flying[0]->at <= now)
    deliver(heap_take());
}

size_t wire_flying(void) {
  return flying_count;
}

/* -- start and end -- */

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int open_tap(const char *path, const char *device) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  int space = open(path, O_RDONLY | O_CLOEXEC), fd;
  if (space < 0 || setns(space, CLONE_NEWNET) < 0)
    die(path);
  close(space);
  if ((fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)) < 0)
    die("/dev/net/tun");
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", device);
  if (ioctl(fd, TUNSETIFF, &request) < 0)
    die(device);
  return fd;
}

static void add_port(char *text) {
  port *p = &world.ports[world.count];
  char *path = strchr(text, '='), *device = path ? strchr(path, ':') : NULL;
  char *lan = device ? strchr(device + 1, ':') : NULL;
  if (world.count == PORTS_MAX || !lan || path - text >= (int)sizeof p->name) {
    fprintf(stderr, "wire: NAME=NETNS:DEVICE:LAN, %d at most: %s\n", PORTS_MAX, text);
    exit(2);
  }
  *path = *device = *lan = '\0';
  snprintf(p->name, sizeof p->name, "%s", text);
  p->lan = atoi(lan + 1);
  p->queue = QUEUE;
  p->fd = open_tap(path + 1, device + 1);
  world.count++;
}

static void read_commands(int fd) {
  static char line[COMMAND_MAX];
  static size_t used;
  ssize_t n = read(fd, line + used, sizeof line - 1 - used);
  if (n <= 0)
    exit(0);
  used += (size_t)n;
  line[used] = '\0';
  for (char *end; (end = memchr(line, '\n', used)) != NULL;) {
    *end = '\0';
    wire_command(&world, line);
    used -= (size_t)(end + 1 - line);
    memmove(line, end + 1, used + 1);
  }
  if (used == sizeof line - 1)
    used = 0;
}

static void run(int parent, const char *after) {
  struct pollfd set[PORTS_MAX + 2] = {
      {0,      POLLIN, 0},
      {parent, POLLIN, 0}
  };
  for (int i = 0; i < world.count; i++)
    set[i + 2] = (struct pollfd){world.ports[i].fd, POLLIN, 0};
  for (;;) {
    int64_t left = flying_count > 0 ? flying[0]->at - wire_now() : 1000000000;
    struct timespec wait = {left / 1000000000, left % 1000000000};
    if (left < 0)
      wait = (struct timespec){0, 0};
    if (ppoll(set, (nfds_t)world.count + 2, &wait, NULL) < 0 && errno != EINTR)
      die("ppoll");
    deliver_due();
    for (int i = 0; i < world.count; i++)
      if (set[i + 2].revents)
        read_port(i);
    if (set[0].revents)
      read_commands(0);
    if (set[1].revents) {
      execl("/bin/sh", "sh", "-c", after, (char *)NULL);
      die("/bin/sh");
    }
  }
}

int main(int count, char **arguments) {
  if (count < 5) {
    fprintf(stderr, "usage: wire SEED PARENT AFTER NAME=NETNS:DEVICE:LAN...\n");
    return 2;
  }
  world.seed = mix(strtoull(arguments[1], NULL, 10));
  int parent = (int)syscall(SYS_pidfd_open, atoi(arguments[2]), 0);
  if (parent < 0)
    die("PARENT");
  fcntl(parent, F_SETFD, FD_CLOEXEC);
  prctl(PR_SET_TIMERSLACK, 1000);
  int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  for (int i = 4; i < count; i++)
    add_port(arguments[i]);
  if (setns(home, CLONE_NEWNET) <
      0) /* who ends a host's processes does not mean this one */
    die("setns");
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  run(parent, arguments[3]);
}
