/* address.c - multiaddresses in Lua: checked, taken apart. Equal to their one spelling or
 * refused; no name is looked up, nothing is dialled. */
#include "core.h"
#include "cid.h"
#include "codecs.h"
#include <arpa/inet.h>
#include <string.h>

#define PARTS_MAX 32
#define DNS_MAX 253
#define WORD_MAX 64  /* a channel, a topic, a component */
#define ZONE_MAX 15  /* the name of a network interface: IFNAMSIZ without its NUL */
#define PEER_SIZE 38 /* 00 24 08 01 12 20 and the Ed25519 key: an identity multihash */

typedef struct {
  const char *text;
  size_t size;
} piece;

/* What is read, and the same again in its one spelling. */
typedef struct {
  const char *at, *end;
  char spelling[2 * CORE_ADDRESS_MAX];
  size_t size;
} cursor;

/* Reads the values of a part: NULL, or why not. */
typedef const char *reader(cursor *c);

static int put(cursor *c, const char *text, size_t size) {
  if (size > sizeof c->spelling - c->size)
    return 0;
  memcpy(c->spelling + c->size, text, size);
  c->size += size;
  return 1;
}

/* The next "/segment", without its slash; 0 where there is none. */
static int peek(const cursor *c, piece *segment) {
  if (c->at == c->end || *c->at != '/')
    return 0;
  segment->text = c->at + 1;
  const char *end = memchr(segment->text, '/', (size_t)(c->end - segment->text));
  segment->size = (size_t)((end ? end : c->end) - segment->text);
  return segment->size > 0;
}

static int take(cursor *c, piece *segment) {
  if (!peek(c, segment) || !put(c, "/", 1) || !put(c, segment->text, segment->size))
    return 0;
  c->at = segment->text + segment->size;
  return 1;
}

static int is(const piece *segment, const char *word) {
  return strlen(word) == segment->size && memcmp(segment->text, word, segment->size) == 0;
}

static const char *read_ip(cursor *c, int family) {
  piece s;
  char text[INET6_ADDRSTRLEN], binary[16];
  if (!take(c, &s) || s.size >= sizeof text)
    return "an IP address was expected";
  memcpy(text, s.text, s.size);
  text[s.size] = '\0';
  if (strlen(text) != s.size || inet_pton(family, text, binary) != 1)
    return "not an IP address";
  inet_ntop(family, binary, text, sizeof text);
  c->size -= s.size;
  return put(c, text, strlen(text)) ? NULL : "too long";
}

static const char *read_ip4(cursor *c) {
  return read_ip(c, AF_INET);
}

static const char *read_ip6(cursor *c) {
  return read_ip(c, AF_INET6);
}

static int is_all(const char *text, size_t size, const char *allowed) {
  for (size_t i = 0; i < size; i++)
    if (text[i] == '\0' || !strchr(allowed, text[i]))
      return 0;
  return 1;
}

static const char *read_port(cursor *c) {
  piece s;
  int port = 0;
  if (!take(c, &s) || s.size > 5 || *s.text == '0' ||
      !is_all(s.text, s.size, "0123456789"))
    return "a port, 1 to 65535, was expected";
  for (size_t i = 0; i < s.size; i++)
    port = port * 10 + (s.text[i] - '0');
  return port > 65535 ? "a port, 1 to 65535, was expected" : NULL;
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

static const char *read_dns(cursor *c) {
  piece s;
  return take(c, &s) ? check_dns(s.text, s.size) : "a host name was expected";
}

static int is_printable(const piece *s, const char *without) {
  if (s->size > WORD_MAX)
    return 0;
  for (size_t i = 0; i < s->size; i++)
    if (s->text[i] <= ' ' || s->text[i] > '~' || strchr(without, s->text[i]))
      return 0;
  return 1;
}

/* The interface that a link-local address is of; the address must follow. */
static const char *read_zone(cursor *c) {
  piece s, next;
  if (!take(c, &s) || s.size > ZONE_MAX || !is_printable(&s, "%"))
    return "a network interface was expected";
  return peek(c, &next) && is(&next, "ip6") ? NULL : "/ip6/ was expected after a zone";
}

/* IRC does not tell case apart, so capital letters would be a second spelling. */
static const char *read_channel(cursor *c) {
  piece s;
  if (!peek(c, &s) || s.text[0] != '#')
    return NULL;
  if (s.size < 2 || !is_printable(&s, ",:ABCDEFGHIJKLMNOPQRSTUVWXYZ[]\\^") ||
      !take(c, &s))
    return "an IRC channel is # and 1 to 63 characters, in lower case";
  return NULL;
}

static const char *read_topic(cursor *c) {
  piece s;
  return take(c, &s) && is_printable(&s, "")
             ? NULL
             : "a topic of 1 to 64 characters was expected";
}

static const char *read_content(cursor *c) {
  piece s;
  uint8_t cid[CID_SIZE];
  return take(c, &s) && cid_parse(s.text, s.size, cid) == 0 ? NULL : "a CID was expected";
}

/* The name of a program in one folder: no path, and none that hides. */
static const char *read_program(cursor *c) {
  static const char *const allowed = "abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  piece s;
  if (!take(c, &s) || s.size > WORD_MAX || *s.text == '.' || *s.text == '-' ||
      !is_all(s.text, s.size, allowed))
    return "a program is 1 to 64 of A-Z a-z 0-9 . _ - and begins with no . or -";
  return NULL;
}

static const char *read_nothing(cursor *c) {
  (void)c;
  return NULL;
}

static reader read_peer;

static const struct {
  const char *name;
  reader *read;
} protocols[] = {
    {"ip4",         read_ip4    },
    {"ip6",         read_ip6    },
    {"ip6zone",     read_zone   },
    {"tcp",         read_port   },
    {"udp",         read_port   },
    {"dns4",        read_dns    },
    {"dns6",        read_dns    },
    {"irc",         read_channel},
    {"ipfs-pubsub", read_topic  },
    {"ipfs",        read_content},
    {"exec",        read_program},
    {"dswarm-line", read_nothing},
    {"dswarm",      read_peer   },
};

static reader *find_reader(const piece *name) {
  for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
    if (is(name, protocols[i].name))
      return protocols[i].read;
  return NULL;
}

/* The component may be left out; no component has the name of a protocol. */
static const char *read_peer(cursor *c) {
  static const uint8_t head[6] = {0x00, 0x24, 0x08, 0x01, 0x12, 0x20};
  static const char *const allowed = "abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  uint8_t id[PEER_SIZE];
  piece s;
  if (!take(c, &s))
    return "a peer ID or * was expected";
  if (!is(&s, "*") && (text_unbase58(s.text, s.size, id, sizeof id) != PEER_SIZE ||
                       memcmp(id, head, sizeof head) != 0))
    return "not an Ed25519 peer ID";
  if (!peek(c, &s) || find_reader(&s))
    return NULL;
  if (s.size > WORD_MAX || !is_all(s.text, s.size, allowed) || !take(c, &s))
    return "a component is 1 to 64 of A-Z a-z 0-9 _ -";
  return NULL;
}

static const char *read_part(cursor *c) {
  piece name;
  reader *read = take(c, &name) ? find_reader(&name) : NULL;
  return read ? read(c) : "an unknown protocol";
}

/* How many parts there are, into PARTS; or -1 and *WHY. */
static int read_parts(cursor *c, piece parts[PARTS_MAX], const char **why) {
  int count = 0;
  *why = c->at < c->end ? NULL : "empty";
  while (!*why && c->at < c->end) {
    if (count == PARTS_MAX) {
      *why = "more than 32 parts";
      break;
    }
    parts[count].text = c->at;
    *why = read_part(c);
    parts[count].size = (size_t)(c->at - parts[count].text);
    count++;
  }
  return *why ? -1 : count;
}

/* Argument 1, which must come back equal: how many parts it has, or -1 and the three
 * results of core_fail. */
static int check_address(lua_State *L, piece parts[PARTS_MAX]) {
  size_t size;
  const char *why, *text = luaL_checklstring(L, 1, &size);
  cursor c = {.at = text, .end = text + size};
  int count;
  if (size > CORE_ADDRESS_MAX)
    return core_fail(L, "long", "an address has at most 512 bytes"), -1;
  count = read_parts(&c, parts, &why);
  if (count < 0)
    return core_fail(L, "form", "not an address: %s", why), -1;
  if (c.size == size && memcmp(c.spelling, text, size) == 0)
    return count;
  return core_fail(L, "form", "not an address in its one spelling, which is %.*s",
                   (int)c.size, c.spelling),
         -1;
}

/* check(text) → text | nil, text, "form" | "long" */
static int f_check(lua_State *L) {
  piece parts[PARTS_MAX];
  if (check_address(L, parts) < 0)
    return 3;
  lua_settop(L, 1);
  return 1;
}

/* "/ip4/1.2.3.4" → { "ip4", "1.2.3.4" } */
static void push_part(lua_State *L, const piece *part) {
  cursor c = {.at = part->text, .end = part->text + part->size};
  piece segment;
  lua_newtable(L);
  for (int i = 1; take(&c, &segment); i++) {
    lua_pushlstring(L, segment.text, segment.size);
    lua_rawseti(L, -2, i);
  }
}

/* parts(text) → { { "ip4", "1.2.3.4" }, { "udp", "3825" }, { "dswarm", ID, component }, …
 * } | nil, text, word */
static int f_parts(lua_State *L) {
  piece parts[PARTS_MAX];
  int count = check_address(L, parts);
  if (count < 0)
    return 3;
  lua_createtable(L, count, 0);
  for (int i = 0; i < count; i++) {
    push_part(L, &parts[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* 4 or 16 bytes of an IP address without a zone into OUT, or 0. */
static int read_binary(const char *host, uint8_t out[16]) {
  char text[INET6_ADDRSTRLEN];
  size_t size = strcspn(host, "%");
  if (size >= sizeof text)
    return 0;
  memcpy(text, host, size);
  text[size] = '\0';
  if (inet_pton(AF_INET, text, out) == 1)
    return 4;
  return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

/* within(host, network, prefix) → do the first PREFIX bits of these two IP addresses
 * agree? Zones are not looked at. False where they are of two families, or none. */
static int f_within(lua_State *L) {
  uint8_t host[16], network[16];
  int size = read_binary(luaL_checkstring(L, 1), host);
  int other = read_binary(luaL_checkstring(L, 2), network), whole, rest;
  lua_Integer bits = luaL_checkinteger(L, 3);
  int same = size > 0 && size == other && bits >= 0 && bits <= 8 * size;
  whole = same ? (int)bits / 8 : 0;
  rest = same ? (int)bits % 8 : 0;
  same = same && memcmp(host, network, (size_t)whole) == 0;
  if (same && rest)
    same = (host[whole] ^ network[whole]) >> (8 - rest) == 0;
  lua_pushboolean(L, same);
  return 1;
}

static const luaL_Reg functions[] = {
    {"check",  f_check },
    {"parts",  f_parts },
    {"within", f_within},
    {NULL,     NULL    },
};

int luaopen_core_address(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
