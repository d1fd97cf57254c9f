/* multiaddr.h - multiaddresses between text and binary, for other C files. No name is
 * looked up. */
#ifndef MULTIADDR_H
#define MULTIADDR_H

#include <stddef.h>
#include <stdint.h>

#define MULTIADDR_PARTS_MAX 32
#define MULTIADDR_BINARY_MAX 1024

typedef struct {
  char bytes[MULTIADDR_BINARY_MAX];
  size_t size;
  int full; /* more was to be written than there was room for */
} multiaddr_buffer;

typedef struct {
  const char *text; /* "/ip4/1.2.3.4": where the part stands in its address */
  size_t size;
} multiaddr_part;

typedef struct {
  multiaddr_part parts[MULTIADDR_PARTS_MAX];
  int count;
  const char *why; /* of the refusal, a constant */
} multiaddr_reading;

/* 0, or -1 with r->why. An address only if multiaddr_text gives the same again. */
int multiaddr_read(const char *text, size_t size, multiaddr_reading *r,
                   multiaddr_buffer *out);

/* 0, or -1. What comes out is an address only if multiaddr_read gives the same bytes
 * again. */
int multiaddr_text(const char *bytes, size_t size, multiaddr_buffer *out);

/* The segments of a part, one after another from *AT (NULL at first): its name, then its
 * values. 0 after the last. */
int multiaddr_segment(const multiaddr_part *p, const char **at, multiaddr_part *segment);

#endif
