/* unixfs.c - hashes files in place as UnixFS; lays out and reads blocks for Lua. Stores
 * none. */
#include "core.h"
#include "safe_open.h"
#include "crypto/crypto.h"
#include "text/text.h"
#include "unixfs.h"
#include "worker/worker.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <openssl/evp.h>

#define READ_SIZE (128 * 1024) /* stays in the processor's cache while it is hashed */

/* == hashing a file in place, on a thread == */

typedef struct {
  worker_job job;
  const char *word; /* why not, or NULL */
  bool good;
  file_identity identity;
  uint8_t *leaves;
  uint8_t cid[CID_SIZE];
  const char *name; /* within text, after the folder */
  char text[];
} hash_job;

/* Was the last page of a chunk in the page cache? Tells 1 too where the kernel will not
 * say. */
static bool is_cached(int fd, int64_t offset, int64_t size) {
  int64_t page = sysconf(_SC_PAGESIZE), last = (offset + size - 1) / page * page;
  unsigned char resident = 1;
  void *map = mmap(NULL, (size_t)page, PROT_NONE, MAP_SHARED, fd, (off_t)last);
  if (map == MAP_FAILED)
    return true;
  if (mincore(map, (size_t)page, &resident) < 0)
    resident = 1;
  munmap(map, (size_t)page);
  return resident & 1;
}

/* Hashes one leaf. NULL, or the word for why not. */
static const char *hash_leaf(int fd, int64_t offset, int64_t size, EVP_MD_CTX *context,
                             uint8_t *buffer, uint8_t digest[32]) {
  if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
    return "ENOMEM";
  for (int64_t done = 0; done < size; done += READ_SIZE) {
    size_t wanted = (size_t)(size - done < READ_SIZE ? size - done : READ_SIZE);
    const char *word = file_read(fd, buffer, wanted, offset + done);
    if (word)
      return word;
    EVP_DigestUpdate(context, buffer, wanted);
  }
  return EVP_DigestFinal_ex(context, digest, NULL) == 1 ? NULL : "ENOMEM";
}

/* What hashing brought into the page cache goes again; what others had there stays. */
static const char *hash_leaves(hash_job *h, int fd, EVP_MD_CTX *context,
                               uint8_t *buffer) {
  int64_t size = h->identity.size;
  for (int64_t i = 0; i < unixfs_leaf_count(size); i++) {
    int64_t offset = i * UNIXFS_CHUNK, left = size - offset;
    int64_t length = left < UNIXFS_CHUNK ? left : UNIXFS_CHUNK;
    bool cached = length == 0 || is_cached(fd, offset, length);
    const char *word = hash_leaf(fd, offset, length, context, buffer, h->leaves + 32 * i);
    if (!cached)
      posix_fadvise(fd, (off_t)offset, (off_t)length, POSIX_FADV_DONTNEED);
    if (word)
      return word;
    if (atomic_load(&h->job.cancelled))
      return "closed";
    atomic_store(&h->job.progress, offset + length);
  }
  return NULL;
}

/* Still the same file, and still under its name? */
static bool has_moved(const hash_job *h, int fd) {
  file_identity after, named;
  const char *word;
  int again;
  if (file_identify(fd, &after) < 0 || !file_same(&h->identity, &after))
    return true;
  again = safe_open(h->text, h->name, &named, &word);
  if (again < 0)
    return true;
  close(again);
  return !file_same(&h->identity, &named);
}

static const char *hash_file(hash_job *h, int fd) {
  int64_t size = h->identity.size;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  uint8_t *buffer = malloc(READ_SIZE), *scratch = malloc(unixfs_scratch_size(size));
  const char *word = "ENOMEM";
  h->leaves = malloc((size_t)unixfs_leaf_count(size) * 32);
  if (context && buffer && scratch && h->leaves)
    word = hash_leaves(h, fd, context, buffer);
  if (!word && has_moved(h, fd))
    word = "moved";
  if (!word && unixfs_nodes(size, h->leaves, scratch, NULL, NULL, h->cid))
    word = "ENOMEM";
  EVP_MD_CTX_free(context);
  free(buffer);
  free(scratch);
  return word;
}

static void hash_run(worker_job *job) {
  hash_job *h = (hash_job *)job;
  int fd = safe_open(h->text, h->name, &h->identity, &h->word);
  if (fd < 0) {
    if (!h->word)
      h->word = core_errno_name(errno);
    return;
  }
  atomic_store(&job->total, h->identity.size);
  posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  h->word = h->identity.size > UNIXFS_SIZE_MAX ? "size" : hash_file(h, fd);
  h->good = !h->word;
  close(fd);
}

static void hash_release(worker_job *job) {
  free(((hash_job *)job)->leaves);
}

/* == Lua == */

static void push_cid(lua_State *L, const uint8_t cid[CID_SIZE]) {
  char text[CID_TEXT_SIZE];
  cid_text(cid, text);
  lua_pushlstring(L, text, sizeof text);
}

static void hash_finish(lua_State *L, worker_job *job) {
  hash_job *h = (hash_job *)job;
  if (!h->good) {
    core_fail(L, h->word ? h->word : "closed", "%s", h->name);
    core_set_failure(L);
    return;
  }
  push_cid(L, h->cid);
  lua_setfield(L, -2, "cid");
  core_set_integer(L, "size", h->identity.size);
  file_push_identity(L, &h->identity);
  lua_setfield(L, -2, "identity");
  lua_pushlstring(L, (const char *)h->leaves,
                  (size_t)unixfs_leaf_count(h->identity.size) * 32);
  lua_setfield(L, -2, "leaves");
}

static const char *plain_field(lua_State *L, const char *name) {
  size_t length;
  const char *value;
  lua_getfield(L, 2, name);
  value = lua_tolstring(L, -1, &length);
  luaL_argcheck(L, value && strlen(value) == length && length < 4096, 2, name);
  return value;
}

/* hash(pool, { folder =, name = }[, done]) → job. Its progress is in bytes. Its result: {
 * cid =, size =, identity = { dev =, ino =, size =, mtime_ns =, ctime_ns = }, leaves = 32
 * bytes a leaf }; or error and word: "link" no regular file beneath the folder, "moved"
 * changed meanwhile, "size" above 1 TiB, "closed" cancelled, or an errno's name. */
static int unixfs_hash(lua_State *L) {
  const char *folder, *name;
  hash_job *h;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  folder = plain_field(L, "folder");
  name = plain_field(L, "name");
  h = (hash_job *)worker_job_new(L, sizeof *h + strlen(folder) + strlen(name) + 2);
  strcpy(h->text, folder);
  h->name = strcpy(h->text + strlen(folder) + 1, name);
  h->job.run = hash_run;
  h->job.finish = hash_finish;
  h->job.release = hash_release;
  return worker_submit(L, 1, lua_gettop(L), 3);
}

static int64_t check_size(lua_State *L, int index) {
  lua_Integer size = luaL_checkinteger(L, index);
  luaL_argcheck(L, size >= 0 && size <= UNIXFS_SIZE_MAX, index, "0 to 1 TiB");
  return size;
}

static int push_block(void *context, const uint8_t *cid, const uint8_t *bytes,
                      size_t size) {
  lua_State *L = context;
  lua_createtable(L, 0, 2);
  push_cid(L, cid);
  lua_setfield(L, -2, "cid");
  lua_pushlstring(L, (const char *)bytes, size);
  lua_setfield(L, -2, "bytes");
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  return 0;
}

/* layout(size, leaves) → CID of the root, array of { cid =, bytes = } of the inner
 * blocks, children before parents, the root last; empty up to 1 MiB, where the only leaf
 * is the root. */
static int unixfs_layout(lua_State *L) {
  int64_t size = check_size(L, 1);
  size_t length;
  const char *leaves = luaL_checklstring(L, 2, &length);
  uint8_t cid[CID_SIZE];
  void *scratch;
  luaL_argcheck(L, length == (size_t)unixfs_leaf_count(size) * 32, 2, "32 bytes a leaf");
  scratch = lua_newuserdatauv(L, unixfs_scratch_size(size), 0);
  lua_newtable(L);
  if (unixfs_nodes(size, (const uint8_t *)leaves, scratch, push_block, L, cid))
    return core_fail(L, "ENOMEM", "SHA-256");
  push_cid(L, cid);
  lua_insert(L, -2);
  return 2;
}

/* The codec of a CID as text whose block is BYTES; -1 no such CID, 0 another block's. */
static int codec_of_block(const char *text, size_t length, const char *bytes,
                          size_t size) {
  uint8_t cid[CID_SIZE], digest[32];
  if (cid_parse(text, length, cid))
    return -1;
  return hash_sha256(bytes, size, digest) == 0 && !memcmp(digest, cid + 4, 32) ? cid[1]
                                                                               : 0;
}

static void push_link(lua_State *L, const uint8_t digest[32], int64_t size,
                      int64_t offset, int height) {
  uint8_t cid[CID_SIZE];
  cid_make(height == 0 ? CID_RAW : CID_DAG_PB, digest, cid);
  lua_createtable(L, 0, 4);
  push_cid(L, cid);
  lua_setfield(L, -2, "cid");
  core_set_integer(L, "size", size);
  core_set_integer(L, "offset", offset);
  core_set_integer(L, "height", height);
}

static int decode_node(lua_State *L, const char *bytes, size_t length, int64_t size,
                       int height) {
  uint8_t digests[UNIXFS_LINKS][32];
  int count = unixfs_read((const uint8_t *)bytes, length, size, height, digests);
  if (count < 0)
    return core_fail(L, "form", "no inner block of unixfs-v1-2025 for its size");
  lua_createtable(L, count, 0);
  for (int i = 0; i < count; i++) {
    push_link(L, digests[i], unixfs_child_size(size, height, i),
              i * unixfs_span(height - 1), height - 1);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* decode(cid, bytes, size[, height]) → array of { cid =, size =, offset =, height = },
 * empty for a leaf. SIZE is the content that the block must have: the file's, as its
 * record says, or a link's; HEIGHT is the link's, and left out for the root. The profile
 * allows one tree for a size, so a block of any other shape is refused: no tree is deeper
 * or wider than its size (no DAG bombs). Words: "form", "block" (BYTES are not that
 * CID's), "size" (no such file, or a leaf of other size). */
static int unixfs_decode(lua_State *L) {
  size_t cid_length, length;
  const char *cid = luaL_checklstring(L, 1, &cid_length);
  const char *bytes = luaL_checklstring(L, 2, &length);
  lua_Integer size = luaL_checkinteger(L, 3), height;
  int codec = codec_of_block(cid, cid_length, bytes, length);
  if (size < 0 || size > UNIXFS_SIZE_MAX)
    return core_fail(L, "size", "0 to 1 TiB");
  height = luaL_optinteger(L, 4, unixfs_height(size));
  if (codec < 0)
    return core_fail(L, "form", "no CID of a file's block");
  if (codec == 0)
    return core_fail(L, "block", "bytes of another block");
  if ((codec == CID_RAW) != (height == 0))
    return core_fail(L, "form", "a block of another level");
  if (height != 0)
    return decode_node(L, bytes, length, size,
                       height < 0 || height > 9 ? 9 : (int)height);
  if ((lua_Integer)length != size)
    return core_fail(L, "size", "leaf of %d bytes", (int)length);
  lua_newtable(L);
  return 1;
}

const uint32_t *unixfs_push_sizes(lua_State *L, int index, int argument, int64_t *count) {
  *count = luaL_len(L, index);
  luaL_argcheck(L, *count >= 2 && *count <= UNIXFS_LINKS + 1, argument,
                "sizes: of 2 to 1,025 leaves");
  uint32_t *sizes = lua_newuserdatauv(L, (size_t)*count * sizeof *sizes, 0);
  for (int64_t i = 0; i < *count; i++) {
    lua_Integer size = (lua_rawgeti(L, index, i + 1), lua_tointeger(L, -1));
    luaL_argcheck(L, size >= 1 && size <= (i ? UNIXFS_PIECE_MAX : UNIXFS_CHUNK), argument,
                  "sizes: of a leaf");
    sizes[i] = (uint32_t)size;
    lua_pop(L, 1);
  }
  return sizes;
}

/* checkpoint(sizes of the leaves, leaves = 32 bytes each) → CID of the folder, CID of
 * machines.txt. The first leaf is humans.txt. */
static int unixfs_checkpoint_lua(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t length;
  int64_t count;
  const char *leaves = luaL_checklstring(L, 2, &length);
  const uint32_t *sizes = unixfs_push_sizes(L, 1, 1, &count);
  luaL_argcheck(L, length == (size_t)count * 32, 2, "32 bytes a leaf");
  struct unixfs_checkpoint *f = lua_newuserdatauv(L, sizeof *f, 0);
  if (unixfs_checkpoint(sizes, count, (const uint8_t *)leaves, f))
    return core_fail(L, "ENOMEM", "SHA-256");
  push_cid(L, f->cid);
  push_cid(L, f->machines);
  return 2;
}

/* height(size) → levels of inner nodes above the leaves. */
static int unixfs_height_lua(lua_State *L) {
  lua_pushinteger(L, unixfs_height(check_size(L, 1)));
  return 1;
}

static const luaL_Reg functions[] = {
    {"hash",       unixfs_hash          },
    {"layout",     unixfs_layout        },
    {"decode",     unixfs_decode        },
    {"height",     unixfs_height_lua    },
    {"checkpoint", unixfs_checkpoint_lua},
    {"store",      unixfs_store         },
    {"check",      unixfs_check         },
    {NULL,         NULL                 }
};

int luaopen_core_unixfs(lua_State *L) {
  luaL_newlib(L, functions);
  core_set_integer(L, "chunk", UNIXFS_CHUNK);
  core_set_integer(L, "size_max", UNIXFS_SIZE_MAX);
  core_set_integer(L, "links", UNIXFS_LINKS);
  core_set_integer(L, "piece_max", UNIXFS_PIECE_MAX);
  return 1;
}
