/* seal.c - boxes that only the two ends of a call can open: X25519 and
 * XChaCha20-Poly1305. Knows no call. */
#include "core.h"
#include "hash.h"
#include "seal.h"
#include <string.h>
#include <sodium.h>

#define SECRET "core.seal.secret"
#define PAIR "core.seal.pair"
#define KEYS "core.seal.keys"
#define BOX_MORE crypto_aead_xchacha20poly1305_ietf_ABYTES /* a box beyond its text */
#define NONCE_SIZE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define PREFIX_SIZE 16
#define BYTES_MAX 16384 /* of a text */

/* What all three classes hold: BYTES in locked memory, NULL when closed. */
typedef struct {
  uint8_t *bytes;
  uint8_t public[crypto_kx_PUBLICKEYBYTES]; /* of a pair */
} hidden;

/* The two keys of a call: one for each direction. */
#define READ_KEY(h) ((h)->bytes)
#define WRITE_KEY(h) ((h)->bytes + crypto_kx_SESSIONKEYBYTES)

static hidden *new_hidden(lua_State *L, const char *name, size_t size) {
  hidden *h = core_new(L, name, sizeof *h);
  h->bytes = sodium_malloc(size);
  if (!h->bytes)
    luaL_error(L, "no locked memory for a key");
  return h;
}

static hidden *check_hidden(lua_State *L, int index, const char *name) {
  hidden *h = luaL_checkudata(L, index, name);
  luaL_argcheck(L, h->bytes, index, "it is closed");
  return h;
}

static void close_hidden(hidden *h) {
  sodium_free(h->bytes); /* which wipes it */
  h->bytes = NULL;
}

static const uint8_t *check_bytes(lua_State *L, int index, size_t wanted) {
  size_t size;
  const char *bytes = luaL_checklstring(L, index, &size);
  luaL_argcheck(L, size == wanted, index, "not as many bytes as it has to have");
  return (const uint8_t *)bytes;
}

/* == a secret, of which pairs are made again and again == */

/* secret([32 bytes]) → secret; without bytes they are chance, and never in Lua's memory
 */
static int f_secret(lua_State *L) {
  const uint8_t *given = lua_isnoneornil(L, 1) ? NULL : check_bytes(L, 1, CORE_HASH_SIZE);
  hidden *h = new_hidden(L, SECRET, CORE_HASH_SIZE);
  if (given)
    memcpy(h->bytes, given, CORE_HASH_SIZE);
  else
    randombytes_buf(h->bytes, CORE_HASH_SIZE);
  return 1;
}

/* secret:pair(theirs, ours) → the pair whose seed is BLAKE2b-256 of THEIRS and OURS, 32
 * bytes each, keyed with the secret: always the same, so nobody has to keep it */
static int m_secret_pair(lua_State *L) {
  hidden *h = check_hidden(L, 1, SECRET), *pair;
  uint8_t both[2 * CORE_HASH_SIZE], seed[CORE_HASH_SIZE];
  memcpy(both, check_bytes(L, 2, CORE_HASH_SIZE), CORE_HASH_SIZE);
  memcpy(both + CORE_HASH_SIZE, check_bytes(L, 3, CORE_HASH_SIZE), CORE_HASH_SIZE);
  pair = new_hidden(L, PAIR, crypto_kx_SECRETKEYBYTES);
  hash_blake2b(both, sizeof both, h->bytes, CORE_HASH_SIZE, seed);
  crypto_kx_seed_keypair(pair->public, pair->bytes, seed);
  sodium_memzero(seed, sizeof seed);
  return 1;
}

static int m_secret_close(lua_State *L) {
  close_hidden(luaL_checkudata(L, 1, SECRET));
  return 0;
}

/* == a pair of keys for one call == */

/* pair([seed of 32 bytes]) → pair */
static int f_pair(lua_State *L) {
  const uint8_t *seed =
      lua_isnoneornil(L, 1) ? NULL : check_bytes(L, 1, crypto_kx_SEEDBYTES);
  hidden *pair = new_hidden(L, PAIR, crypto_kx_SECRETKEYBYTES);
  if (seed)
    crypto_kx_seed_keypair(pair->public, pair->bytes, seed);
  else
    crypto_kx_keypair(pair->public, pair->bytes);
  return 1;
}

static int m_public(lua_State *L) {
  hidden *pair = check_hidden(L, 1, PAIR);
  lua_pushlstring(L, (char *)pair->public, sizeof pair->public);
  return 1;
}

/* pair:keys(side, theirs) → keys of the call between this pair and the public key THEIRS
 * | nil, text, "form": that is no key. SIDE: "caller" or "callee", which one we are */
static int m_keys(lua_State *L) {
  static const char *const sides[] = {"caller", "callee", NULL};
  hidden *pair = check_hidden(L, 1, PAIR);
  int callee = luaL_checkoption(L, 2, NULL, sides);
  const uint8_t *theirs = check_bytes(L, 3, crypto_kx_PUBLICKEYBYTES);
  hidden *keys = new_hidden(L, KEYS, SEAL_KEYS_SIZE);
  int (*make)(uint8_t *, uint8_t *, const uint8_t *, const uint8_t *, const uint8_t *) =
      callee ? crypto_kx_server_session_keys : crypto_kx_client_session_keys;
  if (make(READ_KEY(keys), WRITE_KEY(keys), pair->public, pair->bytes, theirs)) {
    close_hidden(keys);
    return core_fail(L, "form", "with that key everybody could open the box");
  }
  return 1;
}

static int m_pair_close(lua_State *L) {
  close_hidden(luaL_checkudata(L, 1, PAIR));
  return 0;
}

/* == boxes == */

/* The nonce: the prefix at INDEX (16 bytes; zeros where it is nil), then N, least first.
 */
static void nonce_of(lua_State *L, int n_index, int prefix_index,
                     uint8_t nonce[NONCE_SIZE]) {
  lua_Integer n = luaL_checkinteger(L, n_index);
  luaL_argcheck(L, n >= 0, n_index, "a number is not negative");
  memset(nonce, 0, NONCE_SIZE);
  if (!lua_isnoneornil(L, prefix_index))
    memcpy(nonce, check_bytes(L, prefix_index, PREFIX_SIZE), PREFIX_SIZE);
  for (int i = 0; i < 8; i++)
    nonce[PREFIX_SIZE + i] = (uint8_t)((uint64_t)n >> (8 * i));
}

/* keys:seal(n, with, text [, prefix]) → box, 16 bytes longer than the text. WITH is not
 * in it, but it opens only with the same. Nobody seals two texts with one N and prefix.
 */
static int m_seal(lua_State *L) {
  hidden *keys = check_hidden(L, 1, KEYS);
  uint8_t nonce[NONCE_SIZE], box[BYTES_MAX + BOX_MORE];
  size_t with_size, size;
  const char *with = luaL_checklstring(L, 3, &with_size);
  const char *text = luaL_checklstring(L, 4, &size);
  nonce_of(L, 2, 5, nonce);
  luaL_argcheck(L, size <= BYTES_MAX, 4, "longer than 16,384 bytes");
  crypto_aead_xchacha20poly1305_ietf_encrypt(box, NULL, (const uint8_t *)text, size,
                                             (const uint8_t *)with, with_size, NULL,
                                             nonce, WRITE_KEY(keys));
  lua_pushlstring(L, (char *)box, size + BOX_MORE);
  return 1;
}

/* keys:open(n, with, box [, prefix]) → text | nil, text, "signature": sealed by somebody
 * else, for somebody else, or changed */
static int m_open(lua_State *L) {
  hidden *keys = check_hidden(L, 1, KEYS);
  uint8_t nonce[NONCE_SIZE], text[BYTES_MAX];
  size_t with_size, size;
  const char *with = luaL_checklstring(L, 3, &with_size);
  const char *box = luaL_checklstring(L, 4, &size);
  nonce_of(L, 2, 5, nonce);
  if (size < BOX_MORE || size > BYTES_MAX + BOX_MORE ||
      crypto_aead_xchacha20poly1305_ietf_decrypt(text, NULL, NULL, (const uint8_t *)box,
                                                 size, (const uint8_t *)with, with_size,
                                                 nonce, READ_KEY(keys)))
    return core_fail(L, "signature", "the box does not open");
  lua_pushlstring(L, (char *)text, size - BOX_MORE);
  sodium_memzero(text, size - BOX_MORE);
  return 1;
}

const uint8_t *seal_keys(lua_State *L, int index) {
  return check_hidden(L, index, KEYS)->bytes;
}

/* keys:copy() → the same keys once more, for who closes them later */
static int m_copy(lua_State *L) {
  hidden *keys = check_hidden(L, 1, KEYS), *made;
  made = new_hidden(L, KEYS, SEAL_KEYS_SIZE);
  memcpy(made->bytes, keys->bytes, SEAL_KEYS_SIZE);
  return 1;
}

static int m_keys_close(lua_State *L) {
  close_hidden(luaL_checkudata(L, 1, KEYS));
  return 0;
}

static const luaL_Reg secret_methods[] = {
    {"pair",  m_secret_pair },
    {"close", m_secret_close},
    {"__gc",  m_secret_close},
    {NULL,    NULL          },
};

static const luaL_Reg pair_methods[] = {
    {"public", m_public    },
    {"keys",   m_keys      },
    {"close",  m_pair_close},
    {"__gc",   m_pair_close},
    {NULL,     NULL        },
};

static const luaL_Reg keys_methods[] = {
    {"seal",  m_seal      },
    {"open",  m_open      },
    {"copy",  m_copy      },
    {"close", m_keys_close},
    {"__gc",  m_keys_close},
    {NULL,    NULL        },
};

static const luaL_Reg functions[] = {
    {"secret", f_secret},
    {"pair",   f_pair  },
    {NULL,     NULL    },
};

int luaopen_core_seal(lua_State *L) {
  core_class(L, SECRET, secret_methods);
  core_class(L, PAIR, pair_methods);
  core_class(L, KEYS, keys_methods);
  luaL_newlib(L, functions);
  return 1;
}
