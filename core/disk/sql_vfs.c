/* sql_vfs.c - SQLite's file operations on a disk, real or in memory. No locks: whoever
 * opens a database has the state folder to itself, and SQLite is told to believe that. */
#include "sql_vfs.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sodium.h>

#define SQL_SECTOR 4096

typedef struct {
  sqlite3_file base;
  sql_vfs *owner;
  int number;
  int64_t size;              /* nobody else writes it */
  char fresh[DISK_PATH_MAX]; /* its path, until its name is synced; else empty */
} sql_file;

static int failed(sql_vfs *v, int64_t status, int code) {
  if (status >= 0)
    return SQLITE_OK;
  v->status = (int)status;
  return status == -ENOSPC || status == -EDQUOT ? SQLITE_FULL : code;
}

/* == files == */

static int file_close(sqlite3_file *base) {
  sql_file *f = (sql_file *)base;
  return failed(f->owner, disk_close(f->owner->disk, f->number), SQLITE_IOERR_CLOSE);
}

/* What lies behind the end is zeros: SQLite wants to know that it is. */
static int file_read(sqlite3_file *base, void *bytes, int size, sqlite3_int64 offset) {
  sql_file *f = (sql_file *)base;
  int64_t n = disk_read(f->owner->disk, f->number, bytes, (size_t)size, offset);
  if (n < 0)
    return failed(f->owner, n, SQLITE_IOERR_READ);
  if (n == size)
    return SQLITE_OK;
  memset((char *)bytes + n, 0, (size_t)(size - n));
  return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *bytes, int size,
                      sqlite3_int64 offset) {
  sql_file *f = (sql_file *)base;
  int status = disk_write(f->owner->disk, f->number, bytes, (size_t)size, offset);
  if (status == 0 && offset + size > f->size)
    f->size = offset + size;
  return failed(f->owner, status, SQLITE_IOERR_WRITE);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
  sql_file *f = (sql_file *)base;
  int status = disk_truncate(f->owner->disk, f->number, size);
  if (status == 0)
    f->size = size;
  return failed(f->owner, status, SQLITE_IOERR_TRUNCATE);
}

static int sync_folder(sql_vfs *v, const char *path) {
  const char *slash = strrchr(path, '/');
  char folder[DISK_PATH_MAX];
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1,
           slash ? path : ".");
  return disk_sync_directory(v->disk, folder);
}

static int file_sync(sqlite3_file *base, int flags) {
  sql_file *f = (sql_file *)base;
  int status = disk_sync(f->owner->disk, f->number);
  (void)flags;
  if (status == 0 && f->fresh[0])
    status = sync_folder(f->owner, f->fresh);
  if (status == 0)
    f->fresh[0] = 0;
  return failed(f->owner, status, SQLITE_IOERR_FSYNC);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
  *size = ((sql_file *)base)->size;
  return SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int level) {
  (void)base;
  (void)level;
  return SQLITE_OK;
}

static int file_is_reserved(sqlite3_file *base, int *is) {
  (void)base;
  *is = 0;
  return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int what, void *value) {
  (void)base;
  (void)what;
  (void)value;
  return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *base) {
  (void)base;
  return SQL_SECTOR;
}

static int file_promises(sqlite3_file *base) {
  (void)base;
  return 0;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_lock,
    .xCheckReservedLock = file_is_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_promises,
};

/* == names == */

/* What is kept for a while lies in memory (temp_store), so each file has a name. */
static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                    int *out) {
  sql_vfs *v = (sql_vfs *)vfs;
  sql_file *f = (sql_file *)base;
  disk_facts facts = {0};
  bool is_new;
  memset(f, 0, sizeof *f);
  if (!name)
    return SQLITE_CANTOPEN;
  is_new = disk_stat(v->disk, name, &facts) == -ENOENT;
  f->owner = v;
  f->number =
      disk_open(v->disk, name,
                flags & SQLITE_OPEN_CREATE ? DISK_OPEN_CREATE : DISK_OPEN_WRITE, 0600);
  if (f->number < 0)
    return failed(v, f->number, SQLITE_CANTOPEN);
  f->size = facts.size;
  if (is_new)
    snprintf(f->fresh, sizeof f->fresh, "%s", name);
  base->pMethods = &methods;
  if (out)
    *out = flags;
  return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int synced) {
  sql_vfs *v = (sql_vfs *)vfs;
  int status = disk_unlink(v->disk, name);
  if (status == -ENOENT)
    return SQLITE_IOERR_DELETE_NOENT;
  if (status == 0 && synced)
    status = sync_folder(v, name);
  return failed(v, status, SQLITE_IOERR_DELETE);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *is) {
  disk_facts facts;
  (void)flags;
  *is = disk_stat(((sql_vfs *)vfs)->disk, name, &facts) == 0 && facts.size > 0;
  return SQLITE_OK;
}

static int vfs_path(sqlite3_vfs *vfs, const char *name, int size, char *path) {
  (void)vfs;
  return snprintf(path, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_random(sqlite3_vfs *vfs, int size, char *bytes) {
  (void)vfs;
  randombytes_buf(bytes, (size_t)size);
  return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us) {
  (void)vfs;
  return us;
}

static int vfs_time(sqlite3_vfs *vfs, double *day) {
  (void)vfs;
  *day = 0;
  return SQLITE_OK;
}

static int vfs_error(sqlite3_vfs *vfs, int size, char *text) {
  (void)size;
  (void)text;
  return -((sql_vfs *)vfs)->status;
}

int sql_vfs_add(sql_vfs *v, disk *d) {
  v->disk = d;
  snprintf(v->name, sizeof v->name, "dt-swarm %p", (void *)v);
  v->vfs = (sqlite3_vfs){
      .iVersion = 1,
      .szOsFile = sizeof(sql_file),
      .mxPathname = DISK_PATH_MAX,
      .zName = v->name,
      .xOpen = vfs_open,
      .xDelete = vfs_delete,
      .xAccess = vfs_access,
      .xFullPathname = vfs_path,
      .xRandomness = vfs_random,
      .xSleep = vfs_sleep,
      .xCurrentTime = vfs_time,
      .xGetLastError = vfs_error,
  };
  return sqlite3_vfs_register(&v->vfs, 0);
}

void sql_vfs_remove(sql_vfs *v) {
  sqlite3_vfs_unregister(&v->vfs);
}
