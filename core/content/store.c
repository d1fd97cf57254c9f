/* store.c - leaves on their way to the disk, out of another file too, and back, on a
 * thread: checked, written, synced. No network, no order. */
#include "core.h"
#include "text/text.h"
#include "disk/disk.h"
#include "crypto/crypto.h"
#include "unixfs.h"
#include "worker/worker.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  worker_job job;
  disk *disk;
  int file;   /* a number of its own, so that the loop may close its; -1 = none */
  int source; /* the same, of the file whose bytes are copied; -1 = none */
  bool ran, wrong, lost, sync;
  bool sparse, zeros; /* may zeros be left out; they were */
  int status;         /* 0 or -errno */
  const char *bytes;  /* Lua's, held by the handle; NULL = none to write */
  const char *make, *directory;
  int64_t size, offset;
  uint8_t cid[CID_SIZE];
} store_job;

static bool is_block(const store_job *s, const void *bytes) {
  uint8_t digest[32];
  return hash_sha256(bytes, (size_t)s->size, digest) == 0 &&
         memcmp(digest, s->cid + 4, 32) == 0;
}

static void put(store_job *s, int *file) {
  if (*file >= 0)
    disk_close(s->disk, *file);
  *file = -1;
}

static void put_files(store_job *s) {
  put(s, &s->file);
  put(s, &s->source);
}

/* == to the disk == */

static bool is_zeros(const char *bytes, int64_t size) {
  return size > 0 && bytes[0] == 0 && !memcmp(bytes, bytes + 1, (size_t)size - 1);
}

static int write_checked(store_job *s, const char *bytes) {
  s->wrong = !is_block(s, bytes);
  s->zeros = !s->wrong && s->sparse && is_zeros(bytes, s->size);
  return s->wrong || s->zeros
             ? 0
             : disk_write(s->disk, s->file, bytes, (size_t)s->size, s->offset);
}

/* What is shorter than the leaf is not its bytes either. */
static int copy_checked(store_job *s) {
  char *bytes = malloc((size_t)s->size + 1);
  int64_t n =
      bytes ? disk_read(s->disk, s->source, bytes, (size_t)s->size, s->offset) : -ENOMEM;
  int status = n < 0 ? (int)n : 0;
  s->wrong = n >= 0 && n < s->size;
  if (n == s->size)
    status = write_checked(s, bytes);
  free(bytes);
  return status;
}

static void store_run(worker_job *job) {
  store_job *s = (store_job *)job;
  s->ran = true;
  if (s->bytes)
    s->status = write_checked(s, s->bytes);
  else if (s->source >= 0)
    s->status = copy_checked(s);
  if (s->sync && !s->wrong && s->status == 0) {
    s->status = disk_sync(s->disk, s->file);
    s->lost = s->status < 0;
  }
  if (s->make && !s->wrong && s->status == 0)
    s->status = disk_mkdir(s->disk, s->make, 0700);
  if (s->directory && s->status == 0)
    s->status = disk_sync_directory(s->disk, s->directory);
  put_files(s);
}

static void store_release(worker_job *job) {
  put_files((store_job *)job);
}

static void store_finish(lua_State *L, worker_job *job) {
  store_job *s = (store_job *)job;
  core_set_boolean(L, "lost", s->lost);
  core_set_boolean(L, "zeros", s->zeros);
  if (!s->ran)
    core_fail(L, "closed", "not begun");
  else if (s->wrong)
    core_fail(L, "block", "bytes of another block");
  else if (s->status < 0)
    core_fail_errno(L, -s->status,
                    s->directory ? s->directory
                    : s->make    ? s->make
                                 : "store");
  else
    return;
  core_set_failure(L);
}

/* == and back == */

static void check_run(worker_job *job) {
  store_job *s = (store_job *)job;
  uint8_t *bytes = malloc((size_t)s->size + 1);
  int64_t n =
      bytes ? disk_read(s->disk, s->file, bytes, (size_t)s->size, s->offset) : -ENOMEM;
  s->ran = true;
  s->status = n < 0 ? (int)n : n < s->size ? -ENODATA : 0;
  s->wrong = s->status < 0 || !is_block(s, bytes);
  free(bytes);
  put_files(s);
}

static void check_finish(lua_State *L, worker_job *job) {
  store_job *s = (store_job *)job;
  core_set_boolean(L, "kept", s->ran && !s->wrong);
  if (s->status >= 0 || s->status == -ENODATA)
    return;
  core_fail_errno(L, -s->status, "check");
  core_set_failure(L);
}

/* == Lua == */

/* The value of a field of the table at 2; stays on the stack. */
static const char *text_field(lua_State *L, const char *name, size_t *size) {
  int type = lua_getfield(L, 2, name);
  luaL_argcheck(L, type == LUA_TNIL || type == LUA_TSTRING, 2, name);
  return lua_tolstring(L, -1, size);
}

static void read_cid(lua_State *L, store_job *s) {
  size_t size = 0;
  const char *text = text_field(L, "cid", &size);
  luaL_argcheck(L, text && cid_parse(text, size, s->cid) == 0 && s->cid[1] == CID_RAW, 2,
                "cid: a leaf's");
  s->offset = core_field_integer(L, 2, "offset", 0);
  luaL_argcheck(L, s->offset >= 0 && s->size >= 0 && s->size <= UNIXFS_CHUNK, 2,
                "offset and size: a leaf's");
}

/* A job at 4 that holds the table WHAT at 2, and its strings and file with it. */
static store_job *new_job(lua_State *L) {
  store_job *s;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  s = (store_job *)worker_job_new(L, sizeof *s);
  s->file = s->source = -1;
  s->job.release = store_release;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 4, 1);
  return s;
}

static int submit(lua_State *L, store_job *s) {
  int number;
  lua_getfield(L, 2, "file");
  s->disk = disk_check_file(L, lua_gettop(L), &number);
  s->file = disk_duplicate(s->disk, number);
  if (s->file < 0)
    return core_fail_errno(L, -s->file, "store");
  return worker_submit(L, 1, 4, 3);
}

/* What is to be written: `bytes`, or `size` ones that lie at `offset` of the file
 * `source`, of the same disk. */
static int read_source(lua_State *L, store_job *s) {
  int number;
  size_t size = 0;
  s->bytes = text_field(L, "bytes", &size);
  s->size = s->bytes ? (int64_t)size : core_field_integer(L, 2, "size", 0);
  bool copies = !s->bytes && lua_getfield(L, 2, "source") != LUA_TNIL;
  if (s->bytes || copies)
    read_cid(L, s);
  if (!copies)
    return 0;
  lua_getfield(L, 2, "source");
  s->disk = disk_check_file(L, lua_gettop(L), &number);
  s->source = disk_duplicate(s->disk, number);
  return s->source < 0 ? s->source : 0;
}

/* store(pool, { file = of core.disk, bytes = or source = and size =, cid =, offset = 0,
 * sparse = false, sync = false, make = nil, directory = nil }[, done]) → job | nil, text,
 * word. In this order: the bytes, or those that lie at `offset` of the file `source`, are
 * checked against the leaf's CID and written there, the file is synced, the directory of
 * the path `make` is made and synced, the one of the path `directory` is synced. Each may
 * be left out. The result has error and word when it failed: "block" for bytes of another
 * CID, nothing written; an errno's name from the disk; "closed"; and `lost` when the sync
 * did, so that what was written before may be gone; and `zeros` when `sparse` and the
 * bytes were zeros only, which were not written: the file stays as long as it was. The
 * table is not to be changed until then. A disk in memory is for inline pools only. */
int unixfs_store(lua_State *L) {
  store_job *s = new_job(L);
  size_t size = 0;
  s->directory = text_field(L, "directory", &size);
  s->make = text_field(L, "make", &size);
  int status = read_source(L, s);
  if (status < 0)
    return core_fail_errno(L, -status, "store");
  s->sync = core_field_boolean(L, 2, "sync");
  s->sparse = core_field_boolean(L, 2, "sparse");
  s->job.run = store_run;
  s->job.finish = store_finish;
  return submit(L, s);
}

/* check(pool, { file =, cid =, offset =, size = }[, done]) → job | nil, text, word. Its
 * result: { kept = whether the leaf lies there whole }; error and word when it could not
 * be read. */
int unixfs_check(lua_State *L) {
  store_job *s = new_job(L);
  s->size = core_field_integer(L, 2, "size", -1);
  read_cid(L, s);
  s->job.run = check_run;
  s->job.finish = check_finish;
  return submit(L, s);
}
