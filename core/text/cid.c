/* cid.c - content identifiers: CIDv1, base32, raw or dag-pb, SHA2-256. No other version,
 * base or hash. */
#include "core.h"
#include "cid.h"
#include "codecs.h"
#include <string.h>

void cid_make(int codec, const uint8_t digest[32], uint8_t out[CID_SIZE]) {
  const uint8_t head[4] = {0x01, (uint8_t)codec, 0x12, 0x20};
  memcpy(out, head, sizeof head);
  memcpy(out + sizeof head, digest, 32);
}

int cid_check(const void *cid, size_t size) {
  const uint8_t *bytes = cid;
  if (size != CID_SIZE || bytes[0] != 0x01 || bytes[2] != 0x12 || bytes[3] != 0x20)
    return -1;
  return bytes[1] == CID_RAW || bytes[1] == CID_DAG_PB ? 0 : -1;
}

void cid_text(const uint8_t cid[CID_SIZE], char out[CID_TEXT_SIZE]) {
  out[0] = 'b';
  text_base32(cid, CID_SIZE, out + 1, CID_TEXT_SIZE - 1);
}

int cid_parse(const char *text, size_t size, uint8_t out[CID_SIZE]) {
  if (size != CID_TEXT_SIZE || text[0] != 'b')
    return -1;
  int64_t n = text_unbase32(text + 1, size - 1, out, CID_SIZE);
  return n == CID_SIZE ? cid_check(out, CID_SIZE) : -1;
}

/* == Lua == */

static const char *const codec_names[] = {"raw", "dag-pb", NULL};
static const int codecs[] = {CID_RAW, CID_DAG_PB};

static int push_text(lua_State *L, const uint8_t cid[CID_SIZE]) {
  char text[CID_TEXT_SIZE];
  cid_text(cid, text);
  lua_pushlstring(L, text, sizeof text);
  return 1;
}

static int read_text(lua_State *L, uint8_t cid[CID_SIZE]) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  return cid_parse(text, size, cid);
}

static int fail_form(lua_State *L) {
  return core_fail(L, "form", "not a CIDv1 in base32 of raw or dag-pb with SHA2-256");
}

/* make("raw" | "dag-pb", digest of 32 bytes) → text */
static int f_make(lua_State *L) {
  size_t size;
  uint8_t cid[CID_SIZE];
  int codec = codecs[luaL_checkoption(L, 1, NULL, codec_names)];
  const char *digest = luaL_checklstring(L, 2, &size);
  luaL_argcheck(L, size == CORE_HASH_SIZE, 2, "a digest has 32 bytes");
  cid_make(codec, (const uint8_t *)digest, cid);
  return push_text(L, cid);
}

/* parse(text) → "raw" | "dag-pb", digest | nil, text, "form" */
static int f_parse(lua_State *L) {
  uint8_t cid[CID_SIZE];
  if (read_text(L, cid) != 0)
    return fail_form(L);
  lua_pushstring(L, codec_names[cid[1] == CID_DAG_PB]);
  lua_pushlstring(L, (char *)cid + 4, CORE_HASH_SIZE);
  return 2;
}

static const luaL_Reg functions[] = {
    {"make",  f_make },
    {"parse", f_parse},
    {NULL,    NULL   },
};

int luaopen_core_cid(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
