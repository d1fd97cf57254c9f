/* spec.c - what of the core only other C calls, for specs. No part of the program:
 * a .so of its own, as core.sim. */
#include "core.h"
#include "heap/heap.h"
#include "index/index.h"
#include "text/text.h"
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int luaopen_core_spec(lua_State *L);

static int spec_base58(lua_State *L) {
  return text_push_encoded(L, text_base58);
}

static int spec_unbase58(lua_State *L) {
  return text_push_decoded(L, text_unbase58, "base58");
}

static int spec_base32(lua_State *L) {
  return text_push_encoded(L, text_base32);
}

static int spec_unbase32(lua_State *L) {
  return text_push_decoded(L, text_unbase32, "base32");
}

/* varint(n) → bytes; n ≥ 0 */
static int spec_varint(lua_State *L) {
  uint8_t out[TEXT_VARINT_MAX];
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_argcheck(L, n >= 0, 1, "must not be negative");
  lua_pushlstring(L, (char *)out, (size_t)text_varint((uint64_t)n, out));
  return 1;
}

/* cid_bytes(text) → 36 bytes | nil, text, "form" */
static int spec_cid_bytes(lua_State *L) {
  size_t size;
  uint8_t cid[CID_SIZE];
  const char *text = luaL_checklstring(L, 1, &size);
  if (cid_parse(text, size, cid) != 0)
    return core_fail(L, "form", "not a CID");
  lua_pushlstring(L, (char *)cid, sizeof cid);
  return 1;
}

/* cid_text(bytes) → text | nil, text, "form" */
static int spec_cid_text(lua_State *L) {
  size_t size;
  char text[CID_TEXT_SIZE];
  const char *bytes = luaL_checklstring(L, 1, &size);
  if (cid_check(bytes, size) != 0)
    return core_fail(L, "form", "not a CID");
  cid_text((const uint8_t *)bytes, text);
  lua_pushlstring(L, text, sizeof text);
  return 1;
}

/* share_steps(index) → how often entries of full shares were looked at */
static int spec_share_steps(lua_State *L) {
  lua_pushinteger(L, index_argument(L, 1)->share_steps);
  return 1;
}

/* datagram_socket(path) → fd of a Unix socket that takes datagrams there; `@` before a
 * name: an abstract one. Throws where it cannot be. */
static int spec_datagram_socket(lua_State *L) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t size;
  const char *path = luaL_checklstring(L, 1, &size);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  luaL_argcheck(L, size > 0 && size < sizeof address.sun_path, 1, "too long");
  memcpy(address.sun_path, path, size);
  if (path[0] == '@')
    address.sun_path[0] = '\0';
  if (bind(fd, (struct sockaddr *)&address,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)) < 0)
    return luaL_error(L, "bind %s: %s", path, strerror(errno));
  lua_pushinteger(L, fd);
  return 1;
}

/* datagram(fd, ms) → the next datagram, waited for so long | nil */
static int spec_datagram(lua_State *L) {
  char bytes[4096];
  struct pollfd one = {.fd = (int)luaL_checkinteger(L, 1), .events = POLLIN};
  ssize_t size;
  if (poll(&one, 1, (int)luaL_checkinteger(L, 2)) != 1)
    return 0;
  size = recv(one.fd, bytes, sizeof bytes, 0);
  if (size < 0)
    return 0;
  lua_pushlstring(L, bytes, (size_t)size);
  return 1;
}

#define BLOCKS 1000
#define LARGEST 700

typedef struct {
  uint8_t *bytes;
  size_t size;
} block;

static int is_whole(const block *b, size_t size, int number) {
  size_t alignment = b->size % 16 ? 8 : 16;
  for (size_t i = 0; i < size; i++)
    if (b->bytes[i] != (uint8_t)number)
      return 0;
  return !b->bytes || (uintptr_t)b->bytes % alignment == 0 || b->size % 8;
}

/* Gives block NUMBER another size. Was what is in it there before, and is still? */
static int resize(block *b, size_t size, int number) {
  size_t kept = size < b->size ? size : b->size;
  int was_whole = is_whole(b, b->size, number);
  *b = (block){heap_resize(b->bytes, b->size, size), size};
  if (!was_whole || !is_whole(b, kept, number))
    return 0;
  if (size)
    memset(b->bytes, number, size);
  return 1;
}

/* heap_play(steps, state) → true | the number of a step at which a block was not what was
 * written to it. STATE: what chance begins with. */
static int spec_heap_play(lua_State *L) {
  static block blocks[BLOCKS];
  lua_Integer steps = luaL_checkinteger(L, 1);
  uint64_t state = (uint64_t)luaL_checkinteger(L, 2);
  for (lua_Integer i = 0; i < steps + BLOCKS; i++) {
    int number =
        i < steps ? (int)((state >> 20) % BLOCKS) : (int)(i - steps); /* at last each */
    size_t size = i < steps && state >> 63 ? (size_t)((state >> 40) % LARGEST) : 0;
    if (!resize(&blocks[number], size, number))
      return lua_pushinteger(L, i), 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
  }
  heap_trim();
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg functions[] = {
    {"base58",          spec_base58         },
    {"unbase58",        spec_unbase58       },
    {"base32",          spec_base32         },
    {"unbase32",        spec_unbase32       },
    {"varint",          spec_varint         },
    {"cid_bytes",       spec_cid_bytes      },
    {"cid_text",        spec_cid_text       },
    {"share_steps",     spec_share_steps    },
    {"datagram_socket", spec_datagram_socket},
    {"datagram",        spec_datagram       },
    {"heap_play",       spec_heap_play      },
    {NULL,              NULL                },
};

int luaopen_core_spec(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
