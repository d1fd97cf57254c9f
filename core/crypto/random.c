/* random.c - random numbers as an object: the system's, or seeded and the same
 * everywhere. No state. */
#include "core.h"
#include "hash.h"
#include <string.h>
#include <sodium.h>

#define RANDOM "core.random"
#define RANDOM_BYTES_MAX (16 * 1024 * 1024)

/* Seeded: the stream of ChaCha20 (RFC 8439's predecessor with a 64-bit nonce, as
 * libsodium has it), key = BLAKE2b("dt-swarm random " + the seed as 8 bytes, least
 * first); block N of the stream, 512 bytes, under the nonce N as 8 bytes, least first. */
typedef struct {
  int seeded;
  uint64_t next; /* nonce of the next block */
  size_t left;   /* bytes of BLOCK not yet given */
  uint8_t key[crypto_stream_chacha20_KEYBYTES];
  uint8_t block[512];
} source;

static void put64(uint8_t out[8], uint64_t value) {
  for (int i = 0; i < 8; i++)
    out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get64(const uint8_t in[8]) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; i--)
    value = value << 8 | in[i];
  return value;
}

static void refill(source *s) {
  uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
  put64(nonce, s->next++);
  crypto_stream_chacha20(s->block, sizeof s->block, nonce, s->key);
  s->left = sizeof s->block;
}

static void fill(source *s, uint8_t *out, size_t size) {
  if (!s->seeded) {
    randombytes_buf(out, size);
    return;
  }
  while (size) {
    if (s->left == 0)
      refill(s);
    size_t n = size < s->left ? size : s->left;
    memcpy(out, s->block + sizeof s->block - s->left, n);
    s->left -= n;
    out += n;
    size -= n;
  }
}

static uint64_t next64(source *s) {
  uint8_t bytes[8];
  fill(s, bytes, sizeof bytes);
  return get64(bytes);
}

/* == Lua == */

/* r:bytes(n) → n random bytes, n ≤ 16 MiB */
static int m_bytes(lua_State *L) {
  source *s = luaL_checkudata(L, 1, RANDOM);
  lua_Integer n = luaL_checkinteger(L, 2);
  luaL_Buffer b;
  luaL_argcheck(L, n >= 0 && n <= RANDOM_BYTES_MAX, 2, "must be 0 to 16 MiB");
  fill(s, (uint8_t *)luaL_buffinitsize(L, &b, (size_t)n), (size_t)n);
  luaL_pushresultsize(&b, (size_t)n);
  return 1;
}

/* r:integer(n) → 0 … n - 1, each as likely as the others */
static int m_integer(lua_State *L) {
  source *s = luaL_checkudata(L, 1, RANDOM);
  lua_Integer n = luaL_checkinteger(L, 2);
  luaL_argcheck(L, n >= 1, 2, "must be at least 1");
  uint64_t bound = (uint64_t)n, uneven = (UINT64_MAX % bound + 1) % bound, value;
  do
    value = next64(s);
  while (value > UINT64_MAX - uneven);
  lua_pushinteger(L, (lua_Integer)(value % bound));
  return 1;
}

/* r:unit() → a float in [0, 1) with 53 random bits */
static int m_unit(lua_State *L) {
  source *s = luaL_checkudata(L, 1, RANDOM);
  lua_pushnumber(L, (lua_Number)(next64(s) >> 11) * 0x1p-53);
  return 1;
}

static int f_system(lua_State *L) {
  core_new(L, RANDOM, sizeof(source));
  return 1;
}

static int f_seeded(lua_State *L) {
  uint8_t seed[24] = "dt-swarm random ";
  put64(seed + 16, (uint64_t)luaL_checkinteger(L, 1));
  source *s = core_new(L, RANDOM, sizeof *s);
  s->seeded = 1;
  hash_blake2b(seed, sizeof seed, NULL, 0, s->key);
  return 1;
}

static const luaL_Reg methods[] = {
    {"bytes",   m_bytes  },
    {"integer", m_integer},
    {"unit",    m_unit   },
    {NULL,      NULL     },
};

static const luaL_Reg functions[] = {
    {"system", f_system},
    {"seeded", f_seeded},
    {NULL,     NULL    },
};

int luaopen_core_random(lua_State *L) {
  core_class(L, RANDOM, methods);
  luaL_newlib(L, functions);
  return 1;
}
