/* hash.c - SHA-256 (content, as IPFS has it) and BLAKE2b-256 (everything else). No other
 * hash. */
#include "core.h"
#include "hash.h"
#include <string.h>
#include <openssl/evp.h>
#include <sodium.h>

#define HASHER "core.hash.hasher"

void hash_blake2b(const void *in, size_t size, const void *key, size_t key_size,
                  uint8_t out[32]) {
  crypto_generichash_blake2b(out, CORE_HASH_SIZE, in, size, key_size ? key : NULL,
                             key_size);
}

int hash_sha256(const void *in, size_t size, uint8_t out[32]) {
  unsigned int written = CORE_HASH_SIZE;
  return EVP_Digest(in, size, out, &written, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

/* == Lua == */

/* A hash in the making: one of the two is in use; after `final` neither. */
typedef struct {
  EVP_MD_CTX *sha256;
  crypto_generichash_blake2b_state
      *blake2b; /* inside ROOM: libsodium wants it on 64 bytes */
  uint8_t room[sizeof(crypto_generichash_blake2b_state) + 64];
} hasher;

static int f_sha256(lua_State *L) {
  size_t size;
  uint8_t digest[CORE_HASH_SIZE];
  const char *bytes = luaL_checklstring(L, 1, &size);
  if (hash_sha256(bytes, size, digest) != 0)
    return luaL_error(L, "libcrypto has no memory");
  lua_pushlstring(L, (char *)digest, sizeof digest);
  return 1;
}

/* blake2b(bytes [, key]) → 32 bytes; a key has at most 64 */
static int f_blake2b(lua_State *L) {
  size_t size, key_size;
  uint8_t digest[CORE_HASH_SIZE];
  const char *bytes = luaL_checklstring(L, 1, &size);
  const char *key = luaL_optlstring(L, 2, "", &key_size);
  luaL_argcheck(L, key_size <= crypto_generichash_blake2b_KEYBYTES_MAX, 2,
                "longer than 64 bytes");
  hash_blake2b(bytes, size, key, key_size, digest);
  lua_pushlstring(L, (char *)digest, sizeof digest);
  return 1;
}

static void open_blake2b(hasher *h) {
  uintptr_t at = ((uintptr_t)h->room + 63) & ~(uintptr_t)63;
  h->blake2b = (crypto_generichash_blake2b_state *)at;
  crypto_generichash_blake2b_init(h->blake2b, NULL, 0, CORE_HASH_SIZE);
}

/* new "sha256" or new "blake2b" → hasher */
static int f_new(lua_State *L) {
  static const char *const names[] = {"sha256", "blake2b", NULL};
  int which = luaL_checkoption(L, 1, NULL, names);
  hasher *h = core_new(L, HASHER, sizeof *h);
  if (which == 1) {
    open_blake2b(h);
    return 1;
  }
  h->sha256 = EVP_MD_CTX_new();
  if (!h->sha256 || EVP_DigestInit_ex(h->sha256, EVP_sha256(), NULL) != 1)
    return luaL_error(L, "libcrypto has no memory");
  return 1;
}

static hasher *check_open(lua_State *L) {
  hasher *h = luaL_checkudata(L, 1, HASHER);
  luaL_argcheck(L, h->sha256 || h->blake2b, 1, "this hash is finished");
  return h;
}

/* hasher:update(bytes) → hasher */
static int m_update(lua_State *L) {
  hasher *h = check_open(L);
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  if (h->blake2b)
    crypto_generichash_blake2b_update(h->blake2b, (const uint8_t *)bytes, size);
  else if (EVP_DigestUpdate(h->sha256, bytes, size) != 1)
    return luaL_error(L, "libcrypto failed");
  lua_settop(L, 1);
  return 1;
}

static int m_close(lua_State *L) {
  hasher *h = luaL_checkudata(L, 1, HASHER);
  EVP_MD_CTX_free(h->sha256);
  h->sha256 = NULL;
  h->blake2b = NULL;
  return 0;
}

/* hasher:final() → 32 bytes; the hasher is finished */
static int m_final(lua_State *L) {
  hasher *h = check_open(L);
  uint8_t digest[CORE_HASH_SIZE];
  int fine = 1;
  if (h->blake2b)
    crypto_generichash_blake2b_final(h->blake2b, digest, sizeof digest);
  else
    fine = EVP_DigestFinal_ex(h->sha256, digest, NULL);
  if (fine != 1)
    return luaL_error(L, "libcrypto failed");
  m_close(L);
  lua_pushlstring(L, (char *)digest, sizeof digest);
  return 1;
}

static const luaL_Reg methods[] = {
    {"update", m_update},
    {"final",  m_final },
    {"close",  m_close },
    {"__gc",   m_close },
    {NULL,     NULL    },
};

static const luaL_Reg functions[] = {
    {"sha256",  f_sha256 },
    {"blake2b", f_blake2b},
    {"new",     f_new    },
    {NULL,      NULL     },
};

int luaopen_core_hash(lua_State *L) {
  core_class(L, HASHER, methods);
  luaL_newlib(L, functions);
  return 1;
}
