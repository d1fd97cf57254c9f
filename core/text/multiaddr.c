/* multiaddr.c - multiaddresses of the ways that we speak: text to binary and back. No
 * Lua: address.c. */
#include "core.h"
#include "multiaddr.h"
#include "cid.h"
#include "codecs.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define DNS_MAX 253
#define WORD_MAX 64  /* a channel, a topic, a component */
#define PEER_SIZE 38 /* 00 24 08 01 12 20 and the Ed25519 key: an identity multihash */

typedef enum { NOTHING, IP4, IP6, PORT, DNS, CHANNEL, TOPIC, CONTENT, PEER } value_kind;

/* Codes of the multiformats table; those from 0x300000 are its range for private use. */
typedef struct {
  const char *name;
  uint32_t code;
  value_kind kind;
} protocol;

static const protocol protocols[] = {
    {"ip4",         4,        IP4    },
    {"tcp",         6,        PORT   },
    {"ip6",         41,       IP6    },
    {"dns4",        54,       DNS    },
    {"dns6",        55,       DNS    },
    {"udp",         273,      PORT   },
    {"irc",         0x300001, CHANNEL},
    {"ipfs-pubsub", 0x300002, TOPIC  },
    {"ipfs",        0x300003, CONTENT},
    {"dswarm-line", 0x300004, NOTHING},
    {"dswarm",      0x300005, PEER   },
};
#define PROTOCOLS (sizeof protocols / sizeof *protocols)

typedef struct {
  const char *at, *end;
} cursor;

static void put(multiaddr_buffer *b, const void *bytes, size_t size) {
  if (size > sizeof b->bytes - b->size) {
    b->full = 1;
    return;
  }
  memcpy(b->bytes + b->size, bytes, size);
  b->size += size;
}

static void put_varint(multiaddr_buffer *b, uint64_t value) {
  uint8_t bytes[TEXT_VARINT_MAX];
  put(b, bytes, (size_t)text_varint(value, bytes));
}

/* A value whose size is not fixed stands behind its size. */
static void put_sized(multiaddr_buffer *b, const void *bytes, size_t size) {
  put_varint(b, size);
  put(b, bytes, size);
}

static int is(const multiaddr_part *segment, const char *word) {
  return strlen(word) == segment->size && memcmp(segment->text, word, segment->size) == 0;
}

static const protocol *find_name(const multiaddr_part *segment) {
  for (size_t i = 0; i < PROTOCOLS; i++)
    if (is(segment, protocols[i].name))
      return &protocols[i];
  return NULL;
}

static const protocol *find_code(uint64_t code) {
  for (size_t i = 0; i < PROTOCOLS; i++)
    if (protocols[i].code == code)
      return &protocols[i];
  return NULL;
}

/* The next "/segment", without its slash; 0 where there is none. */
static int peek(const cursor *c, multiaddr_part *segment) {
  if (c->at == c->end || *c->at != '/')
    return 0;
  segment->text = c->at + 1;
  const char *end = memchr(segment->text, '/', (size_t)(c->end - segment->text));
  segment->size = (size_t)((end ? end : c->end) - segment->text);
  return segment->size > 0;
}

static int take(cursor *c, multiaddr_part *segment) {
  if (!peek(c, segment))
    return 0;
  c->at = segment->text + segment->size;
  return 1;
}

/* == text to binary == each gives NULL, or why not */

static const char *read_ip(cursor *c, multiaddr_buffer *out, int family, size_t size) {
  multiaddr_part s;
  char text[64], in[16];
  if (!take(c, &s) || s.size >= sizeof text)
    return "an IP address was expected";
  memcpy(text, s.text, s.size);
  text[s.size] = '\0';
  if (strlen(text) != s.size || inet_pton(family, text, in) != 1)
    return "not an IP address";
  put(out, in, size);
  return NULL;
}

static const char *read_port(cursor *c, multiaddr_buffer *out) {
  multiaddr_part s;
  unsigned port = 0;
  if (!take(c, &s) || s.size > 5 || *s.text == '0')
    return "a port, 1 to 65535, was expected";
  for (size_t i = 0; i < s.size; i++) {
    if (s.text[i] < '0' || s.text[i] > '9')
      return "a port, 1 to 65535, was expected";
    port = port * 10 + (unsigned)(s.text[i] - '0');
  }
  if (port > 65535)
    return "a port, 1 to 65535, was expected";
  put(out, (uint8_t[]){(uint8_t)(port >> 8), (uint8_t)port}, 2);
  return NULL;
}

static int is_all(const char *text, size_t size, const char *allowed) {
  for (size_t i = 0; i < size; i++)
    if (text[i] == '\0' || !strchr(allowed, text[i]))
      return 0;
  return 1;
}

/* Labels of letters, digits and hyphens in lower case (RFC 1123); the last is no number,
 * since that would be an IP address to somebody. */
static const char *check_dns(const char *text, size_t size) {
  static const char *const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
  if (size > DNS_MAX)
    return "a host name has at most 253 characters";
  for (;;) {
    const char *dot = memchr(text, '.', size);
    size_t length = dot ? (size_t)(dot - text) : size;
    if (length == 0 || length > 63 || text[0] == '-' || text[length - 1] == '-' ||
        !is_all(text, length, allowed))
      return "a host name has labels of a-z, 0-9 and inner hyphens";
    if (!dot)
      return is_all(text, length, "0123456789") ? "a host name ends in a number" : NULL;
    text += length + 1;
    size -= length + 1;
  }
}

static const char *read_dns(cursor *c, multiaddr_buffer *out) {
  multiaddr_part s;
  if (!take(c, &s))
    return "a host name was expected";
  const char *why = check_dns(s.text, s.size);
  if (!why)
    put_sized(out, s.text, s.size);
  return why;
}

static int is_printable(const multiaddr_part *s, const char *without) {
  if (s->size > WORD_MAX)
    return 0;
  for (size_t i = 0; i < s->size; i++)
    if (s->text[i] <= ' ' || s->text[i] > '~' || strchr(without, s->text[i]))
      return 0;
  return 1;
}

/* IRC does not tell case apart, so capital letters would be a second spelling. */
static const char *read_channel(cursor *c, multiaddr_buffer *out) {
  multiaddr_part s;
  if (!peek(c, &s) || s.text[0] != '#') {
    put_sized(out, "", 0);
    return NULL;
  }
  if (s.size < 2 || !is_printable(&s, ",:ABCDEFGHIJKLMNOPQRSTUVWXYZ[]\\^"))
    return "an IRC channel is # and 1 to 63 characters, in lower case";
  take(c, &s);
  put_sized(out, s.text, s.size);
  return NULL;
}

static const char *read_topic(cursor *c, multiaddr_buffer *out) {
  multiaddr_part s;
  if (!take(c, &s) || !is_printable(&s, ""))
    return "a topic of 1 to 64 characters was expected";
  put_sized(out, s.text, s.size);
  return NULL;
}

static const char *read_content(cursor *c, multiaddr_buffer *out) {
  multiaddr_part s;
  uint8_t cid[CID_SIZE];
  if (!take(c, &s) || cid_parse(s.text, s.size, cid) != 0)
    return "a CID was expected";
  put_sized(out, cid, sizeof cid);
  return NULL;
}

static int is_component(const multiaddr_part *s) {
  static const char *const allowed = "abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return s->size <= WORD_MAX && is_all(s->text, s->size, allowed);
}

/* "*" is an empty ID. The component may be left out; no component has the name of a
 * protocol. */
static const char *read_peer(cursor *c, multiaddr_buffer *out) {
  static const uint8_t head[6] = {0x00, 0x24, 0x08, 0x01, 0x12, 0x20};
  multiaddr_part s;
  uint8_t id[PEER_SIZE];
  int64_t size = 0;
  if (!take(c, &s))
    return "a peer ID or * was expected";
  if (!is(&s, "*")) {
    size = text_unbase58(s.text, s.size, id, sizeof id);
    if (size != PEER_SIZE || memcmp(id, head, sizeof head) != 0)
      return "not an Ed25519 peer ID";
  }
  put_sized(out, id, (size_t)size);
  if (!peek(c, &s) || find_name(&s))
    s.size = 0;
  else if (!is_component(&s))
    return "a component is 1 to 64 of A-Z a-z 0-9 _ -";
  else
    take(c, &s);
  put_sized(out, s.text, s.size);
  return NULL;
}

static const char *read_value(value_kind kind, cursor *c, multiaddr_buffer *out) {
  switch (kind) {
  case IP4:
    return read_ip(c, out, AF_INET, 4);
  case IP6:
    return read_ip(c, out, AF_INET6, 16);
  case PORT:
    return read_port(c, out);
  case DNS:
    return read_dns(c, out);
  case CHANNEL:
    return read_channel(c, out);
  case TOPIC:
    return read_topic(c, out);
  case CONTENT:
    return read_content(c, out);
  case PEER:
    return read_peer(c, out);
  case NOTHING:
    break;
  }
  return NULL;
}

static const char *read_part(cursor *c, multiaddr_buffer *out) {
  multiaddr_part name;
  const protocol *p = take(c, &name) ? find_name(&name) : NULL;
  if (!p)
    return "an unknown protocol";
  put_varint(out, p->code);
  return read_value(p->kind, c, out);
}

int multiaddr_read(const char *text, size_t size, multiaddr_reading *r,
                   multiaddr_buffer *out) {
  cursor c = {text, text + size};
  r->count = 0;
  r->why = size ? NULL : "empty";
  out->size = 0;
  out->full = 0;
  while (!r->why && c.at < c.end) {
    if (r->count == MULTIADDR_PARTS_MAX)
      r->why = "more than 32 parts";
    if (r->why)
      break;
    multiaddr_part *p = &r->parts[r->count++];
    p->text = c.at;
    r->why = read_part(&c, out);
    p->size = (size_t)(c.at - p->text);
  }
  if (!r->why && out->full)
    r->why = "too long";
  return r->why ? -1 : 0;
}

/* == binary to text == */

/* A value behind its size; 0 where the bytes end before it does. */
static int take_sized(cursor *c, multiaddr_part *value) {
  uint64_t size;
  int n = text_unvarint(c->at, (size_t)(c->end - c->at), &size);
  if (n < 0 || size > (uint64_t)(c->end - c->at - n))
    return 0;
  value->text = c->at + n;
  value->size = (size_t)size;
  c->at += n + (int64_t)size;
  return 1;
}

static int take_fixed(cursor *c, size_t size, multiaddr_part *value) {
  if ((size_t)(c->end - c->at) < size)
    return 0;
  value->text = c->at;
  value->size = size;
  c->at += size;
  return 1;
}

static int write_segment(multiaddr_buffer *out, const char *text, size_t size) {
  put(out, "/", 1);
  put(out, text, size);
  return 1;
}

static int write_ip(cursor *c, multiaddr_buffer *out, int family, size_t size) {
  multiaddr_part value;
  char text[INET6_ADDRSTRLEN];
  if (!take_fixed(c, size, &value))
    return 0;
  if (!inet_ntop(family, value.text, text, sizeof text))
    return 0;
  return write_segment(out, text, strlen(text));
}

static int write_port(cursor *c, multiaddr_buffer *out) {
  multiaddr_part value;
  char text[16];
  if (!take_fixed(c, 2, &value))
    return 0;
  int port = (uint8_t)value.text[0] << 8 | (uint8_t)value.text[1];
  return write_segment(out, text, (size_t)snprintf(text, sizeof text, "%d", port));
}

static int write_content(cursor *c, multiaddr_buffer *out) {
  multiaddr_part value;
  char text[CID_TEXT_SIZE];
  if (!take_sized(c, &value) || cid_check(value.text, value.size) != 0)
    return 0;
  cid_text((const uint8_t *)value.text, text);
  return write_segment(out, text, sizeof text);
}

/* A value that is its own text; the optional ones may be empty. */
static int write_name(cursor *c, multiaddr_buffer *out) {
  multiaddr_part value;
  if (!take_sized(c, &value))
    return 0;
  return value.size == 0 || write_segment(out, value.text, value.size);
}

static int write_peer(cursor *c, multiaddr_buffer *out) {
  multiaddr_part id;
  char text[CORE_PEER_ID_MAX] = "*";
  if (!take_sized(c, &id))
    return 0;
  int64_t size = id.size ? text_base58(id.text, id.size, text, sizeof text) : 1;
  return size > 0 && write_segment(out, text, (size_t)size) && write_name(c, out);
}

static int write_value(value_kind kind, cursor *c, multiaddr_buffer *out) {
  switch (kind) {
  case IP4:
    return write_ip(c, out, AF_INET, 4);
  case IP6:
    return write_ip(c, out, AF_INET6, 16);
  case PORT:
    return write_port(c, out);
  case CONTENT:
    return write_content(c, out);
  case PEER:
    return write_peer(c, out);
  case DNS:
  case TOPIC:
  case CHANNEL:
    return write_name(c, out);
  case NOTHING:
    break;
  }
  return 1;
}

int multiaddr_text(const char *bytes, size_t size, multiaddr_buffer *out) {
  cursor c = {bytes, bytes + size};
  out->size = 0;
  out->full = 0;
  while (c.at < c.end) {
    uint64_t code;
    int n = text_unvarint(c.at, (size_t)(c.end - c.at), &code);
    const protocol *p = n < 0 ? NULL : find_code(code);
    if (!p)
      return -1;
    c.at += n;
    write_segment(out, p->name, strlen(p->name));
    if (!write_value(p->kind, &c, out))
      return -1;
  }
  return out->full ? -1 : 0;
}

int multiaddr_segment(const multiaddr_part *p, const char **at, multiaddr_part *segment) {
  cursor c = {*at ? *at : p->text, p->text + p->size};
  int found = take(&c, segment);
  *at = c.at;
  return found;
}
