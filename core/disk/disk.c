/* disk.c - the Lua functions of every disk. No file operation itself. */
#include "disk.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_CLASS "core.disk.file"
#define NAMES_CLASS "core.disk.names"

typedef struct {
  disk *disk;
  int number; /* -1: closed */
} file;

static int done(lua_State *L, int status, const char *what) {
  if (status < 0)
    return core_fail_errno(L, -status, what);
  lua_pushboolean(L, 1);
  return 1;
}

disk *disk_check(lua_State *L, int index) {
  return *(disk **)luaL_checkudata(L, index, DISK_CLASS);
}

disk **disk_push(lua_State *L) {
  return core_new(L, DISK_CLASS, sizeof(disk *));
}

int disk_pushed(lua_State *L, disk **d) {
  return *d ? 1 : luaL_error(L, "not enough memory");
}

/* () -> disk */
static int disk_lua_real(lua_State *L) {
  disk **d = disk_push(L);
  *d = disk_real();
  return disk_pushed(L, d);
}

static int disk_gc(lua_State *L) {
  disk **d = luaL_checkudata(L, 1, DISK_CLASS);
  if (*d)
    (*d)->operations->free(*d);
  *d = NULL;
  return 0;
}

/* (disk, path, [mode 0700]) -> true: with the folders above it */
static int disk_lua_mkdir(lua_State *L) {
  const char *path = luaL_checkstring(L, 2);
  return done(L, disk_mkdir(disk_check(L, 1), path, (int)luaL_optinteger(L, 3, 0700)),
              path);
}

static file *push_file(lua_State *L, disk *d) {
  file *f = core_new(L, FILE_CLASS, sizeof *f);
  f->disk = d;
  f->number = -1;
  lua_pushvalue(L, 1); /* the disk lives as long as its files */
  lua_setiuservalue(L, -2, 1);
  return f;
}

/* (disk, path, mode) -> true; of what a link leads to */
static int disk_lua_chmod(lua_State *L) {
  const char *path = luaL_checkstring(L, 2);
  return done(L, disk_chmod(disk_check(L, 1), path, (int)luaL_checkinteger(L, 3)), path);
}

/* (disk, path, "read" | "write" | "create" | "new" | "linked", [mode 0600]) -> file.
 * Those but "read" and "linked" read and write. Regular files only; a link is refused
 * with ELOOP, but followed by "linked", which reads. */
static int disk_lua_open(lua_State *L) {
  static const char *const names[] = {"linked", "read", "write", "create", "new", NULL};
  disk *d = disk_check(L, 1);
  const char *path = luaL_checkstring(L, 2);
  int flags = luaL_checkoption(L, 3, "read", names),
      mode = (int)luaL_optinteger(L, 4, 0600);
  file *f = push_file(L, d);
  int number = disk_open(d, path, (disk_open_flags)flags, mode);
  if (number < 0)
    return core_fail_errno(L, -number, path);
  f->number = number;
  return 1;
}

/* (disk, path) -> lock, held until lock:close(); EWOULDBLOCK: somebody else holds it */
static int disk_lua_lock(lua_State *L) {
  disk *d = disk_check(L, 1);
  const char *path = luaL_checkstring(L, 2);
  file *f = push_file(L, d);
  int number =
      strlen(path) < DISK_PATH_MAX ? d->operations->lock(d, path) : -ENAMETOOLONG;
  if (number == -EWOULDBLOCK)
    return core_fail(L, "EWOULDBLOCK", "%s: held by another process", path);
  if (number < 0)
    return core_fail_errno(L, -number, path);
  f->number = number;
  return 1;
}

/* To the end of the file; -EFBIG past MAX. Its size is not asked: a file of /proc says 0.
 */
static int64_t read_all(const file *f, luaL_Buffer *buffer, size_t max) {
  int64_t n, size = 0;
  do {
    char *room = luaL_prepbuffsize(buffer, 16384);
    n = disk_read(f->disk, f->number, room, 16384, size);
    if (n < 0)
      return n;
    luaL_addsize(buffer, (size_t)n);
    size += n;
    if ((size_t)size > max)
      return -EFBIG;
  } while (n == 16384);
  return size;
}

/* (disk, path, [max 64 MiB], [linked]) -> bytes; more than MAX: "long". A link is refused
 * with ELOOP, unless LINKED: then it is followed. */
static int disk_lua_read(lua_State *L) {
  disk *d = disk_check(L, 1);
  const char *path = luaL_checkstring(L, 2);
  lua_Integer max = luaL_optinteger(L, 3, 64 << 20);
  luaL_Buffer buffer;
  file *f = push_file(L, d);
  int64_t status =
      disk_open(d, path, lua_toboolean(L, 4) ? DISK_OPEN_LINKED : DISK_OPEN_READ, 0);
  if (status < 0)
    return core_fail_errno(L, (int)-status, path);
  f->number = (int)status;
  luaL_buffinit(L, &buffer);
  status = read_all(f, &buffer, (size_t)max);
  luaL_pushresult(&buffer);
  disk_close(d, f->number);
  f->number = -1;
  if (status == -EFBIG)
    return core_fail(L, "long", "%s: more than %lld bytes", path, (long long)max);
  return status < 0 ? core_fail_errno(L, (int)-status, path) : 1;
}

/* (disk, path, bytes, [mode 0600]) -> true: the new file whole and synced, or the old one
 */
static int disk_lua_replace(lua_State *L) {
  size_t size;
  disk *d = disk_check(L, 1);
  const char *path = luaL_checkstring(L, 2), *bytes = luaL_checklstring(L, 3, &size);
  return done(L, disk_replace(d, path, bytes, size, (int)luaL_optinteger(L, 4, 0600)),
              path);
}

static int names_gc(lua_State *L) {
  disk_names_free(luaL_checkudata(L, 1, NAMES_CLASS));
  return 0;
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* (disk, path) -> sorted array of names */
static int disk_lua_list(lua_State *L) {
  disk *d = disk_check(L, 1);
  const char *path = luaL_checkstring(L, 2), *name, **sorted;
  disk_names *names = core_new(L, NAMES_CLASS, sizeof *names);
  int status = disk_list(d, path, names);
  if (status < 0)
    return core_fail_errno(L, -status, path);
  sorted = lua_newuserdatauv(L, (names->count + 1) * sizeof *sorted, 0);
  name = names->text;
  for (size_t i = 0; i < names->count; i++, name += strlen(name) + 1)
    sorted[i] = name;
  qsort(sorted, names->count, sizeof *sorted, by_bytes);
  lua_createtable(L, (int)names->count, 0);
  for (size_t i = 0; i < names->count; i++) {
    lua_pushstring(L, sorted[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  disk_names_free(names);
  return 1;
}

/* (disk, path) -> true */
static int disk_lua_unlink(lua_State *L) {
  const char *path = luaL_checkstring(L, 2);
  return done(L, disk_unlink(disk_check(L, 1), path), path);
}

/* (disk, path) -> true: an empty folder is removed */
static int disk_lua_rmdir(lua_State *L) {
  const char *path = luaL_checkstring(L, 2);
  return done(L, disk_rmdir(disk_check(L, 1), path), path);
}

/* (disk, one, other) -> true: each name is what the other one was, files or folders.
 * Durable when their folders have been synced. ENOSYS: unknown on this file system. */
static int disk_lua_exchange(lua_State *L) {
  const char *one = luaL_checkstring(L, 2), *other = luaL_checkstring(L, 3);
  return done(L, disk_exchange(disk_check(L, 1), one, other), one);
}

/* (disk, from, to) -> true. Durable when the folder has been synced. */
static int disk_lua_rename(lua_State *L) {
  const char *from = luaL_checkstring(L, 2), *to = luaL_checkstring(L, 3);
  return done(L, disk_rename(disk_check(L, 1), from, to), from);
}

/* (disk, path) -> true */
static int disk_lua_sync_directory(lua_State *L) {
  const char *path = luaL_checkstring(L, 2);
  return done(L, disk_sync_directory(disk_check(L, 1), path), path);
}

/* (disk, path) -> { size, mtime_ns, ctime_ns, ino, dev, mode, uid, kind }; of a link
 * itself */
static int disk_lua_stat(lua_State *L) {
  const char *path = luaL_checkstring(L, 2);
  disk_facts facts;
  int status = disk_stat(disk_check(L, 1), path, &facts);
  if (status < 0)
    return core_fail_errno(L, -status, path);
  lua_createtable(L, 0, 8);
  core_set_integer(L, "size", facts.size);
  core_set_integer(L, "mtime_ns", facts.mtime_ns);
  core_set_integer(L, "ctime_ns", facts.ctime_ns);
  core_set_integer(L, "ino", facts.ino);
  core_set_integer(L, "dev", facts.dev);
  core_set_integer(L, "mode", facts.mode);
  core_set_integer(L, "uid", facts.uid);
  core_set_text(L, "kind", facts.kind);
  return 1;
}

static file *file_argument(lua_State *L, int index) {
  file *f = luaL_checkudata(L, index, FILE_CLASS);
  luaL_argcheck(L, f->number >= 0, index, "the file is closed");
  return f;
}

static file *checked_file(lua_State *L) {
  return file_argument(L, 1);
}

disk *disk_check_file(lua_State *L, int index, int *number) {
  file *f = file_argument(L, index);
  *number = f->number;
  return f->disk;
}

static int64_t checked_offset(lua_State *L, int index) {
  lua_Integer offset = luaL_optinteger(L, index, 0);
  luaL_argcheck(L, offset >= 0, index, "an offset of 0 or more expected");
  return offset;
}

/* (file, bytes, [offset 0]) -> true: all of them */
static int file_pwrite(lua_State *L) {
  file *f = checked_file(L);
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  return done(L, disk_write(f->disk, f->number, bytes, size, checked_offset(L, 3)),
              "write");
}

/* (file, count, [offset 0]) -> bytes, fewer at the end of the file */
static int file_pread(lua_State *L) {
  file *f = checked_file(L);
  lua_Integer count = luaL_checkinteger(L, 2);
  luaL_Buffer buffer;
  int64_t n, offset = checked_offset(L, 3);
  luaL_argcheck(L, count >= 0 && count <= 1 << 30, 2, "0 to 1 GiB expected");
  n = disk_read(f->disk, f->number, luaL_buffinitsize(L, &buffer, (size_t)count),
                (size_t)count, offset);
  if (n < 0)
    return core_fail_errno(L, (int)-n, "read");
  luaL_pushresultsize(&buffer, (size_t)n);
  return 1;
}

/* (file) -> true: contents and size are on the disk; the name is, after sync_directory */
static int file_sync(lua_State *L) {
  file *f = checked_file(L);
  return done(L, disk_sync(f->disk, f->number), "sync");
}

/* (file, size) -> true */
static int file_truncate(lua_State *L) {
  file *f = checked_file(L);
  return done(L, disk_truncate(f->disk, f->number, checked_offset(L, 2)), "truncate");
}

/* (file | lock) -> its number, for a child that is to hold it too */
static int file_number(lua_State *L) {
  lua_pushinteger(L, checked_file(L)->number);
  return 1;
}

/* (file | lock) -> true; twice is safe */
static int file_close(lua_State *L) {
  file *f = luaL_checkudata(L, 1, FILE_CLASS);
  int number = f->number;
  f->number = -1;
  return done(L, number < 0 ? 0 : disk_close(f->disk, number), "close");
}

static const luaL_Reg disk_methods[] = {
    {"mkdir",          disk_lua_mkdir         },
    {"chmod",          disk_lua_chmod         },
    {"open",           disk_lua_open          },
    {"lock",           disk_lua_lock          },
    {"read",           disk_lua_read          },
    {"replace",        disk_lua_replace       },
    {"list",           disk_lua_list          },
    {"unlink",         disk_lua_unlink        },
    {"rmdir",          disk_lua_rmdir         },
    {"rename",         disk_lua_rename        },
    {"exchange",       disk_lua_exchange      },
    {"sync_directory", disk_lua_sync_directory},
    {"stat",           disk_lua_stat          },
    {"__gc",           disk_gc                },
    {NULL,             NULL                   }
};

static const luaL_Reg file_methods[] = {
    {"pwrite",   file_pwrite  },
    {"pread",    file_pread   },
    {"sync",     file_sync    },
    {"truncate", file_truncate},
    {"number",   file_number  },
    {"close",    file_close   },
    {"__close",  file_close   },
    {"__gc",     file_close   },
    {NULL,       NULL         }
};

static const luaL_Reg names_methods[] = {
    {"__gc", names_gc},
    {NULL,   NULL    }
};

static const luaL_Reg disk_functions[] = {
    {"real",      disk_lua_real     },
    {"replacing", disk_lua_replacing},
    {NULL,        NULL              }
};

int luaopen_core_disk(lua_State *L) {
  core_class(L, DISK_CLASS, disk_methods);
  core_class(L, FILE_CLASS, file_methods);
  core_class(L, NAMES_CLASS, names_methods);
  luaL_newlib(L, disk_functions);
  return 1;
}
