/* disk.h - the file operations of journal, key file and received files. No format, no
 * rule. */
#ifndef CORE_DISK_H
#define CORE_DISK_H

#include "core.h"

/* A disk is a table of functions, so that one can stand in its place that tears and
 * forgets. Every function returns 0 or a count, or -errno. Paths are at most
 * DISK_PATH_MAX bytes with the zero at the end. A file is a small number, valid until
 * disk_close. Not for several threads at once on one disk of the memory kind. */
#define DISK_PATH_MAX 512
#define DISK_CLASS "core.disk" /* of the userdata, in the registry */

#define DISK_KINDS(X)                                                                    \
  X(open)                                                                                \
  X(read)                                                                                \
  X(write)                                                                               \
  X(sync) X(truncate) X(rename) X(exchange) X(unlink) X(mkdir) X(rmdir) X(sync_directory)

typedef enum {
#define DISK_KIND(name) DISK_##name,
  DISK_KINDS(DISK_KIND)
#undef DISK_KIND
      DISK_KIND_COUNT
} disk_kind;

typedef enum {
  DISK_OPEN_LINKED, /* for reading; must lead to a regular file */
  DISK_OPEN_READ,   /* must be a regular file and no link */
  DISK_OPEN_WRITE,  /* the same, for reading and writing */
  DISK_OPEN_CREATE, /* made when it is missing */
  DISK_OPEN_NEW     /* must not exist */
} disk_open_flags;

typedef struct {
  int64_t size, mtime_ns, ctime_ns, ino, dev; /* bytes, nanoseconds of Unix time */
  int mode;                                   /* permission bits */
  int64_t uid;                                /* of the owner */
  const char *kind;                           /* "file", "directory", "link" or "other" */
} disk_facts;

/* Names, one after the other, each with a zero at its end. Freed by disk_names_free. */
typedef struct {
  char *text;
  size_t used, room, count;
} disk_names;

typedef struct disk disk;

typedef struct {
  int (*open)(disk *d, const char *path, disk_open_flags flags, int mode);
  int64_t (*read)(disk *d, int file, void *bytes, size_t size, int64_t offset);
  int64_t (*write)(disk *d, int file, const void *bytes, size_t size, int64_t offset);
  int (*sync)(disk *d, int file); /* contents and size, as fdatasync */
  int (*truncate)(disk *d, int file, int64_t size);
  int (*close)(disk *d, int file);
  int (*stat)(disk *d, const char *path, disk_facts *facts); /* of a link itself */
  int (*rename)(disk *d, const char *from, const char *to);
  int (*unlink)(disk *d, const char *path);
  int (*mkdir)(disk *d, const char *path, int mode);
  int (*sync_directory)(disk *d, const char *path);
  int (*list)(disk *d, const char *path,
              disk_names *names);                    /* unsorted, without . and .. */
  int (*lock)(disk *d, const char *path);            /* a file; -EWOULDBLOCK: held */
  int (*chmod)(disk *d, const char *path, int mode); /* of what a link leads to */
  int (*duplicate)(disk *d, int file); /* a second number for the same opened file */
  int (*exchange)(disk *d, const char *one,
                  const char *other);      /* -ENOSYS: unknown here */
  int (*rmdir)(disk *d, const char *path); /* an empty folder */
  void (*free)(disk *d);
} disk_operations;

struct disk {
  const disk_operations *operations;
  _Atomic int64_t counts[DISK_KIND_COUNT]; /* operations asked for, by whatever thread */
  _Atomic int64_t written;                 /* bytes passed to write */
};

int disk_open(disk *d, const char *path, disk_open_flags flags, int mode);
int64_t disk_read(disk *d, int file, void *bytes, size_t size, int64_t offset);
/* Writes all or fails: what a short write left is tried again; returns 0 or -errno. */
int disk_write(disk *d, int file, const void *bytes, size_t size, int64_t offset);
int disk_sync(disk *d, int file);
int disk_truncate(disk *d, int file, int64_t size);
int disk_close(disk *d, int file);
int disk_duplicate(disk *d, int file);
int disk_stat(disk *d, const char *path, disk_facts *facts);
int disk_rename(disk *d, const char *from, const char *to);
/* Each name is what the other one was, at once. -ENOSYS: this file system cannot. */
int disk_exchange(disk *d, const char *one, const char *other);
int disk_unlink(disk *d, const char *path);
int disk_rmdir(disk *d, const char *path);
int disk_sync_directory(disk *d, const char *path);
int disk_list(disk *d, const char *path, disk_names *names);

/* Makes a folder and those above it; one that is there already is no error. Each new name
 * is synced in the folder above it. */
int disk_mkdir(disk *d, const char *path, int mode);
int disk_chmod(disk *d, const char *path, int mode);

/* The whole file or the old one, whatever happens: PATH.new is written, synced, renamed,
 * and the folder synced. */
int disk_replace(disk *d, const char *path, const void *bytes, size_t size, int mode);

int disk_names_add(disk_names *names, const char *name);
void disk_names_free(disk_names *names);

/* The disk in the userdata at INDEX; throws when it is none. */
disk *disk_check(lua_State *L, int index);

/* Pushes a userdata for a disk of another kind, empty; and what it is when it is filled.
 */
disk **disk_push(lua_State *L);
int disk_pushed(lua_State *L, disk **d);

/* The disk of the open file at INDEX, and the file's NUMBER; throws when it is none. */
disk *disk_check_file(lua_State *L, int index, int *number);

int disk_lua_replacing(lua_State *L); /* replace.c: a function of core.disk */

disk *disk_real(void); /* real.c; NULL without memory */

#endif
