/* key.c - an Ed25519 libp2p key: peer ID, sign, verify, key file. Not whom to believe. */
#include "key.h"
#include "text/text.h"
#include "torsion.h"
#include <pthread.h>
#include <string.h>
#include <sodium.h>

#define CLASS "core.key"

/* libp2p PublicKey and PrivateKey protobufs: Type = Ed25519, Data = 32 or 64 bytes
 * (libp2p specs, peer-ids). A peer ID is the identity multihash of the public one. */
static const uint8_t id_prefix[] = {0x00, 0x24, 0x08, 0x01, 0x12, 0x20};
static const uint8_t file_prefix[] = {0x08, 0x01, 0x12, 0x40};
#define FILE_SIZE (sizeof file_prefix + crypto_sign_SECRETKEYBYTES)

struct key {
  uint8_t *secret; /* seed and public half, in locked memory; NULL when closed */
  uint8_t public[CORE_PUBLIC_SIZE];
};

/* ---- peer IDs ---- */

static int base58_digit(char c) {
  static const int8_t digits[] = {
      -1, 0,  1,  2,  3,  4,  5,  6,  7,  8,  -1, -1, -1, -1, -1, -1, /* 0..9 */
      -1, 9,  10, 11, 12, 13, 14, 15, 16, -1, 17, 18, 19, 20, 21, -1, /* A..O */
      22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, -1, -1, -1, -1, -1, /* P..Z */
      -1, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, -1, 44, 45, 46, /* a..o */
      47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, -1, -1, -1, -1, -1, /* p..z */
  };
  return c < '0' || c > 'z' ? -1 : digits[c - '0'];
}

/* Base58 of this one length, five digits a step: it stands in the path of each statement,
 * where text_unbase58 costs ten times as much. LIMBS: 320 bits, most significant first.
 */
static int id_limbs(const char *id, uint32_t limbs[10]) {
  memset(limbs, 0, 10 * sizeof *limbs);
  for (int at = 0; at < KEY_ID_SIZE;) {
    uint64_t carry = 0, factor = 1;
    do {
      int digit = base58_digit(id[at++]);
      if (digit < 0)
        return -1;
      carry = carry * 58 + (uint64_t)digit;
      factor *= 58;
    } while ((KEY_ID_SIZE - at) % 5);
    for (int i = 9; i >= 0; i--, carry >>= 32) {
      carry += limbs[i] * factor;
      limbs[i] = (uint32_t)carry;
    }
  }
  return 0;
}

int key_public_of_id(const char *id, size_t size, uint8_t public[CORE_PUBLIC_SIZE]) {
  uint32_t limbs[10];
  if (size != KEY_ID_SIZE || id[0] != '1' || id_limbs(id, limbs))
    return -1;
  if (limbs[0] != 0x24 || limbs[1] != 0x08011220)
    return -1;
  for (int i = 0; i < CORE_PUBLIC_SIZE; i++)
  public[i] = (uint8_t)(limbs[2 + i / 4] >> (24 - 8 * (i % 4)));
  return 0;
}

void key_id_of_public(const uint8_t public[CORE_PUBLIC_SIZE], char id[KEY_ID_SIZE]) {
  uint8_t bytes[sizeof id_prefix + CORE_PUBLIC_SIZE];
  memcpy(bytes, id_prefix, sizeof id_prefix);
  memcpy(bytes + sizeof id_prefix, public, CORE_PUBLIC_SIZE);
  text_base58(bytes, sizeof bytes, id, KEY_ID_SIZE);
}

/* ---- keys of prime order: remembered in sets of four, the oldest of a set goes ---- */

#define SETS 1024
#define WAYS 4

static struct {
  pthread_mutex_t lock;
  uint8_t seed[crypto_shorthash_KEYBYTES]; /* so that nobody can aim at one set */
  uint8_t keys[SETS][WAYS][CORE_PUBLIC_SIZE];
  uint8_t next[SETS];
} prime = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t prime_set(const uint8_t *public) {
  uint64_t hash;
  crypto_shorthash((uint8_t *)&hash, public, CORE_PUBLIC_SIZE, prime.seed);
  return hash % SETS;
}

static int prime_known(const uint8_t *public, size_t set) {
  int known = 0;
  pthread_mutex_lock(&prime.lock);
  for (int way = 0; way < WAYS; way++)
    known |= memcmp(prime.keys[set][way], public, CORE_PUBLIC_SIZE) == 0;
  pthread_mutex_unlock(&prime.lock);
  return known;
}

static int has_prime_order(const uint8_t *public) {
  size_t set = prime_set(public);
  if (sodium_is_zero(public, CORE_PUBLIC_SIZE))
    return 0; /* of order 4; and an empty place */
  if (prime_known(public, set))
    return 1;
  if (!crypto_core_ed25519_is_valid_point(public))
    return 0;
  pthread_mutex_lock(&prime.lock);
  memcpy(prime.keys[set][prime.next[set]++ % WAYS], public, CORE_PUBLIC_SIZE);
  pthread_mutex_unlock(&prime.lock);
  return 1;
}

/* ---- signatures ---- */

static int library_is_cofactored; /* set once, when the module is opened */

static int is_plain(const char *text, size_t size, size_t max) {
  for (size_t i = 0; i < size; i++)
    if (text[i] <= ' ' || text[i] > '~')
      return 0;
  return size > 0 && size <= max;
}

#define PREFIX "dt-swarm/1 "
#define MESSAGE_MAX (sizeof PREFIX + KEY_KIND_MAX + KEY_SWARM_MAX + KEY_TEXT_MAX + 2)

static char *append(char *at, const char *text, size_t size) {
  memcpy(at, text, size);
  return at + size;
}

/* Size of the signed bytes in OUT, or 0: beyond the limits. */
static size_t signed_bytes(const struct key_message *m, char out[MESSAGE_MAX]) {
  char *at = out;
  if (!is_plain(m->kind, m->kind_size, KEY_KIND_MAX))
    return 0;
  if (!is_plain(m->swarm, m->swarm_size, KEY_SWARM_MAX) || m->text_size > KEY_TEXT_MAX)
    return 0;
  at = append(at, PREFIX, sizeof PREFIX - 1);
  at = append(at, m->kind, m->kind_size);
  *at++ = ' ';
  at = append(at, m->swarm, m->swarm_size);
  *at++ = '\n';
  return (size_t)(append(at, m->text, m->text_size) - out);
}

/* The library's answer, made one rule whatever its version: with a key of prime order, a
 * cofactored check differs from ours only where R has a part of small order. */
static const char *verify_bytes(const uint8_t *public, const void *bytes, size_t size,
                                const uint8_t *signature) {
  if (crypto_sign_verify_detached(signature, bytes, size, public))
    return "signature";
  if (!has_prime_order(public))
    return "key";
  if (library_is_cofactored && !crypto_core_ed25519_is_valid_point(signature))
    return "signature";
  return NULL;
}

const char *key_verify(const uint8_t public[CORE_PUBLIC_SIZE],
                       const struct key_message *message,
                       const uint8_t signature[CORE_SIGNATURE_SIZE]) {
  char bytes[MESSAGE_MAX];
  size_t size = signed_bytes(message, bytes);
  return size ? verify_bytes(public, bytes, size, signature) : "form";
}

const uint8_t *key_public(const struct key *k) {
  return k->public;
}

int key_sign(const struct key *k, const struct key_message *message,
             char out[KEY_SIGNATURE_TEXT + 1]) {
  char bytes[MESSAGE_MAX];
  uint8_t signature[CORE_SIGNATURE_SIZE];
  size_t size = signed_bytes(message, bytes);
  if (!size)
    return -1;
  crypto_sign_detached(signature, NULL, (uint8_t *)bytes, size, k->secret);
  text_base64url(signature, sizeof signature, out, KEY_SIGNATURE_TEXT + 1);
  return 0;
}

/* ---- self test ---- */

static const char *answer(const struct torsion_vector *v) {
  uint8_t public[CORE_PUBLIC_SIZE], signature[CORE_SIGNATURE_SIZE];
  struct key_message m = {"statement", "vectors", v->text, 9, 7, strlen(v->text)};
  sodium_hex2bin(public, sizeof public, v->public, strlen(v->public), NULL, NULL, NULL);
  sodium_hex2bin(signature, sizeof signature, v->signature, strlen(v->signature), NULL,
                 NULL, NULL);
  const char *word = key_verify(public, &m, signature);
  return word ? word : "ok";
}

/* A library that takes the vector made for it multiplies by the cofactor; then R is
 * checked too. */
static void learn_library(void) {
  randombytes_buf(prime.seed, sizeof prime.seed);
  library_is_cofactored = strcmp(answer(&torsion_vectors[1]), "ok") == 0;
}

static const char *failing_vector(void) {
  for (size_t i = 0; i < sizeof torsion_vectors / sizeof *torsion_vectors; i++)
    if (strcmp(answer(&torsion_vectors[i]), torsion_vectors[i].answer))
      return torsion_vectors[i].name;
  return NULL;
}

/* ---- Lua ---- */

struct key *key_argument(lua_State *L, int index) {
  struct key *k = luaL_checkudata(L, index, CLASS);
  luaL_argcheck(L, k->secret, index, "the key is closed");
  return k;
}

static struct key_message message_arguments(lua_State *L, int first) {
  struct key_message m;
  m.kind = luaL_checklstring(L, first, &m.kind_size);
  m.swarm = luaL_checklstring(L, first + 1, &m.swarm_size);
  m.text = luaL_checklstring(L, first + 2, &m.text_size);
  return m;
}

/* A closed key, then opened from SEED; -1 where there is no memory. */
static int open_seed(struct key *k, const uint8_t *seed) {
  k->secret = sodium_malloc(crypto_sign_SECRETKEYBYTES);
  if (!k->secret)
    return -1;
  crypto_sign_seed_keypair(k->public, k->secret, seed);
  return 0;
}

/* key.generate([seed of 32 bytes]) -> key */
static int f_generate(lua_State *L) {
  uint8_t random[crypto_sign_SEEDBYTES];
  size_t size;
  const char *given = luaL_optlstring(L, 1, NULL, &size);
  luaL_argcheck(L, !given || size == sizeof random, 1, "a seed has 32 bytes");
  struct key *k = core_new(L, CLASS, sizeof *k);
  if (!given)
    randombytes_buf(random, sizeof random);
  int failed = open_seed(k, given ? (const uint8_t *)given : random);
  sodium_memzero(random, sizeof random);
  return failed ? luaL_error(L, "no locked memory for a key") : 1;
}

/* key.load(bytes of a libp2p PrivateKey) -> key | nil, message, "form" */
static int f_load(lua_State *L) {
  size_t size;
  const uint8_t *bytes = (const uint8_t *)luaL_checklstring(L, 1, &size);
  if (size != FILE_SIZE || memcmp(bytes, file_prefix, sizeof file_prefix))
    return core_fail(L, "form", "not a libp2p Ed25519 private key of %d bytes",
                     (int)FILE_SIZE);
  struct key *k = core_new(L, CLASS, sizeof *k);
  bytes += sizeof file_prefix;
  if (open_seed(k, bytes))
    return luaL_error(L, "no locked memory for a key");
  if (sodium_memcmp(bytes + crypto_sign_SEEDBYTES, k->public, sizeof k->public))
    return core_fail(L, "form", "the halves of the private key do not belong together");
  return 1;
}

/* key:export() -> the 68 bytes of a libp2p PrivateKey, as key files and IPFS configs hold
 * them */
static int f_export(lua_State *L) {
  struct key *k = key_argument(L, 1);
  uint8_t bytes[FILE_SIZE];
  memcpy(bytes, file_prefix, sizeof file_prefix);
  memcpy(bytes + sizeof file_prefix, k->secret, crypto_sign_SECRETKEYBYTES);
  lua_pushlstring(L, (char *)bytes, sizeof bytes);
  sodium_memzero(bytes, sizeof bytes);
  return 1;
}

static void push_id(lua_State *L, const uint8_t *public) {
  char id[KEY_ID_SIZE];
  key_id_of_public(public, id);
  lua_pushlstring(L, id, sizeof id);
}

static int f_own_id(lua_State *L) {
  push_id(L, key_argument(L, 1)->public);
  return 1;
}

static int f_own_public(lua_State *L) {
  lua_pushlstring(L, (char *)key_argument(L, 1)->public, CORE_PUBLIC_SIZE);
  return 1;
}

/* key:sign(kind, swarm, text) -> 86 characters */
static int f_sign(lua_State *L) {
  struct key *k = key_argument(L, 1);
  struct key_message m = message_arguments(L, 2);
  char out[KEY_SIGNATURE_TEXT + 1];
  if (key_sign(k, &m, out))
    return luaL_error(L, "kind, swarm or text beyond its limits");
  lua_pushlstring(L, out, KEY_SIGNATURE_TEXT);
  return 1;
}

/* key:close() wipes it; twice is safe. */
static int f_close(lua_State *L) {
  struct key *k = luaL_checkudata(L, 1, CLASS);
  sodium_free(k->secret);
  k->secret = NULL;
  return 0;
}

/* key.verify(id, kind, swarm, text, signature) -> true | nil, message,
 * "form"|"key"|"signature" */
static int f_verify(lua_State *L) {
  size_t id_size, size;
  const char *id = luaL_checklstring(L, 1, &id_size);
  struct key_message m = message_arguments(L, 2);
  const char *given = luaL_checklstring(L, 5, &size);
  uint8_t public[CORE_PUBLIC_SIZE], signature[CORE_SIGNATURE_SIZE];
  if (key_public_of_id(id, id_size, public))
    return core_fail(L, "form", "not a peer ID");
  if (text_unbase64url(given, size, signature, sizeof signature) != sizeof signature)
    return core_fail(L, "form", "a signature has %d characters of base64url",
                     KEY_SIGNATURE_TEXT);
  const char *word = key_verify(public, &m, signature);
  if (word)
    return core_fail(L, word, "%s does not count", m.kind);
  lua_pushboolean(L, 1);
  return 1;
}

/* key.public(id) -> 32 bytes | nil, message, "form" */
static int f_public(lua_State *L) {
  size_t size;
  const char *id = luaL_checklstring(L, 1, &size);
  uint8_t public[CORE_PUBLIC_SIZE];
  if (key_public_of_id(id, size, public))
    return core_fail(L, "form", "not a peer ID");
  lua_pushlstring(L, (char *)public, sizeof public);
  return 1;
}

/* key.id(32 bytes) -> peer ID */
static int f_id(lua_State *L) {
  size_t size;
  const char *public = luaL_checklstring(L, 1, &size);
  luaL_argcheck(L, size == CORE_PUBLIC_SIZE, 1, "a public key has 32 bytes");
  push_id(L, (const uint8_t *)public);
  return 1;
}

/* key.self_test() -> true | nil, message, "signature": the library and we agree on
 * torsion points */
static int f_self_test(lua_State *L) {
  const char *name = failing_vector();
  if (name)
    return core_fail(L, "signature", "the crypto library answers '%s' wrongly", name);
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg methods[] = {
    {"export", f_export    },
    {"id",     f_own_id    },
    {"public", f_own_public},
    {"sign",   f_sign      },
    {"close",  f_close     },
    {"__gc",   f_close     },
    {NULL,     NULL        }
};

static const luaL_Reg functions[] = {
    {"generate",  f_generate },
    {"load",      f_load     },
    {"verify",    f_verify   },
    {"public",    f_public   },
    {"id",        f_id       },
    {"self_test", f_self_test},
    {NULL,        NULL       }
};

int luaopen_core_key(lua_State *L) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, learn_library);
  core_class(L, CLASS, methods);
  luaL_newlib(L, functions);
  return 1;
}
