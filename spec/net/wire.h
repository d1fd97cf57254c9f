/* wire.h - what the wire's two rooms share: the switch (wire.c) and its commands
 * (wire_command.c). */
#ifndef WIRE_H
#define WIRE_H

#include <stddef.h>
#include <stdint.h>

#define PORTS_MAX 64
#define FRAME_MAX 2048
#define QUEUE 65536 /* bytes that wait at a throttled port unless told otherwise */
#define HELD_UP                                                                          \
  10 /* ms, and half the delay: how long a frame is held to be overtaken                 \
      */

enum { ARP, BROADCAST, OTHER, TCP, UDP, KINDS }; /* in the order of their names */

/* At the sender: IN, THROTTLED (its queue was full). Towards the receiver, so that
 * OFFERED + DOUBLED = OUT + LOST + CUT + UNABLE + those under way. */
enum {
  CORRUPTED,
  CUT,
  DOUBLED,
  IN,
  IN_BYTES,
  LOST,
  OFFERED,
  OUT,
  OUT_BYTES,
  REORDERED,
  THROTTLED,
  UNABLE, /* to be given to the host: its interface is down */
  FATES
};

typedef struct {
  double loss, doubling, reorder, corrupt; /* of 1 */
  double delay, jitter;                    /* ms */
} wish;

typedef struct {
  wish wish;
  int cut;
  uint64_t count; /* frames so far */
  int64_t last;   /* ns: the latest arrival that was set */
} link_state;

typedef struct {
  char name[32];
  int fd, lan;
  double rate, queue; /* bytes/s, 0: no bound; bytes */
  int64_t busy;       /* ns: until when the cable is taken */
  uint64_t fates[KINDS][FATES];
} port;

typedef struct {
  uint64_t seed;
  int count;
  port ports[PORTS_MAX];
  link_state links[PORTS_MAX][PORTS_MAX]; /* [from][to] */
} wire;

int64_t wire_now(void); /* ns, monotonic */
size_t wire_flying(void);

/* One command; prints one line: `ok`, JSON, or `no: why`. */
void wire_command(wire *w, char *line);

#endif
