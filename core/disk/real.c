/* real.c - files for C: the kernel's operations, and what is the same on every disk.
 * No Lua. */
#include "disk.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A fifo would hold the opener for ever, so: not blocking, and regular files only. */
static int real_open(disk *d, const char *path, disk_open_flags flags, int mode) {
  static const int bits[] = {O_RDONLY, O_RDONLY, O_RDWR, O_RDWR | O_CREAT,
                             O_RDWR | O_CREAT | O_EXCL};
  struct stat facts;
  int links = flags == DISK_OPEN_LINKED ? 0 : O_NOFOLLOW;
  int file =
      open(path, bits[flags] | links | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, (mode_t)mode);
  (void)d;
  if (file < 0)
    return -errno;
  if (fstat(file, &facts) == 0 && S_ISREG(facts.st_mode))
    return file;
  close(file);
  return S_ISDIR(facts.st_mode) ? -EISDIR : -ENXIO;
}

static int64_t real_read(disk *d, int file, void *bytes, size_t size, int64_t offset) {
  ssize_t n;
  (void)d;
  while ((n = pread(file, bytes, size, offset)) < 0 && errno == EINTR)
    continue;
  return n < 0 ? -errno : n;
}

static int64_t real_write(disk *d, int file, const void *bytes, size_t size,
                          int64_t offset) {
  ssize_t n;
  (void)d;
  while ((n = pwrite(file, bytes, size, offset)) < 0 && errno == EINTR)
    continue;
  return n < 0 ? -errno : n;
}

/* A sync that failed is never tried again on the same file: the kernel has marked the
 * pages clean, and a second one would succeed with the data gone. EINTR is no such
 * failure. */
static int real_sync(disk *d, int file) {
  (void)d;
  while (fdatasync(file) < 0)
    if (errno != EINTR)
      return -errno;
  return 0;
}

static int real_truncate(disk *d, int file, int64_t size) {
  (void)d;
  return ftruncate(file, size) < 0 ? -errno : 0;
}

static int real_close(disk *d, int file) {
  (void)d;
  return close(file) < 0 && errno != EINTR ? -errno : 0;
}

static int64_t nanoseconds(struct timespec t) {
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int real_stat(disk *d, const char *path, disk_facts *facts) {
  struct stat s;
  (void)d;
  if (lstat(path, &s) < 0)
    return -errno;
  facts->size = s.st_size;
  facts->mtime_ns = nanoseconds(s.st_mtim);
  facts->ctime_ns = nanoseconds(s.st_ctim);
  facts->ino = (int64_t)s.st_ino;
  facts->dev = (int64_t)s.st_dev;
  facts->mode = s.st_mode & 07777;
  facts->uid = (int64_t)s.st_uid;
  facts->kind = S_ISREG(s.st_mode)   ? "file"
                : S_ISDIR(s.st_mode) ? "directory"
                : S_ISLNK(s.st_mode) ? "link"
                                     : "other";
  return 0;
}

static int real_rename(disk *d, const char *from, const char *to) {
  (void)d;
  return rename(from, to) < 0 ? -errno : 0;
}

/* Of file systems that know no exchange some say that the flag makes no sense. */
static int real_exchange(disk *d, const char *one, const char *other) {
  (void)d;
  if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) == 0)
    return 0;
  return errno == EINVAL || errno == EOPNOTSUPP ? -ENOSYS : -errno;
}

static int real_rmdir(disk *d, const char *path) {
  (void)d;
  return rmdir(path) < 0 ? -errno : 0;
}

static int real_unlink(disk *d, const char *path) {
  (void)d;
  return unlink(path) < 0 ? -errno : 0;
}

static int real_mkdir(disk *d, const char *path, int mode) {
  (void)d;
  return mkdir(path, (mode_t)mode) < 0 ? -errno : 0;
}

static int real_sync_directory(disk *d, const char *path) {
  int status = 0, folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  (void)d;
  if (folder < 0)
    return -errno;
  if (fsync(folder) < 0)
    status = -errno;
  close(folder);
  return status;
}

static int real_list(disk *d, const char *path, disk_names *names) {
  DIR *folder = opendir(path);
  struct dirent *e;
  int status = 0;
  (void)d;
  if (!folder)
    return -errno;
  while (errno = 0, status == 0 && (e = readdir(folder)))
    if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
      status = disk_names_add(names, e->d_name);
  if (status == 0)
    status = -errno;
  closedir(folder);
  return status;
}

static int real_lock(disk *d, const char *path) {
  int err, file = real_open(d, path, DISK_OPEN_CREATE, 0600);
  if (file < 0 || flock(file, LOCK_EX | LOCK_NB) == 0)
    return file;
  err = errno;
  close(file);
  return -err;
}

static int real_chmod(disk *d, const char *path, int mode) {
  (void)d;
  return chmod(path, (mode_t)mode) < 0 ? -errno : 0;
}

static int real_duplicate(disk *d, int file) {
  int second = fcntl(file, F_DUPFD_CLOEXEC, 0);
  (void)d;
  return second < 0 ? -errno : second;
}

static void real_free(disk *d) {
  free(d);
}

disk *disk_real(void) {
  static const disk_operations operations = {
      real_open,           real_read,  real_write,  real_sync,   real_truncate,
      real_close,          real_stat,  real_rename, real_unlink, real_mkdir,
      real_sync_directory, real_list,  real_lock,   real_chmod,  real_duplicate,
      real_exchange,       real_rmdir, real_free};
  disk *d = calloc(1, sizeof *d);
  if (d)
    d->operations = &operations;
  return d;
}

/* ---- what is the same on every disk ---- */

int disk_open(disk *d, const char *path, disk_open_flags flags, int mode) {
  if (strlen(path) >= DISK_PATH_MAX)
    return -ENAMETOOLONG;
  d->counts[DISK_open]++;
  return d->operations->open(d, path, flags, mode);
}

int64_t disk_read(disk *d, int file, void *bytes, size_t size, int64_t offset) {
  size_t done = 0;
  while (done < size) {
    int64_t n;
    d->counts[DISK_read]++;
    n = d->operations->read(d, file, (char *)bytes + done, size - done,
                            offset + (int64_t)done);
    if (n < 0)
      return n;
    if (n == 0)
      break;
    done += (size_t)n;
  }
  return (int64_t)done;
}

int disk_write(disk *d, int file, const void *bytes, size_t size, int64_t offset) {
  size_t done = 0;
  while (done < size) {
    int64_t n;
    d->counts[DISK_write]++;
    d->written += (int64_t)(size - done);
    n = d->operations->write(d, file, (const char *)bytes + done, size - done,
                             offset + (int64_t)done);
    if (n < 0)
      return (int)n;
    if (n == 0)
      return -EIO;
    done += (size_t)n;
  }
  return 0;
}

int disk_sync(disk *d, int file) {
  d->counts[DISK_sync]++;
  return d->operations->sync(d, file);
}

int disk_truncate(disk *d, int file, int64_t size) {
  d->counts[DISK_truncate]++;
  return d->operations->truncate(d, file, size);
}

int disk_close(disk *d, int file) {
  return d->operations->close(d, file);
}

int disk_duplicate(disk *d, int file) {
  return d->operations->duplicate(d, file);
}

int disk_stat(disk *d, const char *path, disk_facts *facts) {
  if (strlen(path) >= DISK_PATH_MAX)
    return -ENAMETOOLONG;
  return d->operations->stat(d, path, facts);
}

int disk_rename(disk *d, const char *from, const char *to) {
  if (strlen(from) >= DISK_PATH_MAX || strlen(to) >= DISK_PATH_MAX)
    return -ENAMETOOLONG;
  d->counts[DISK_rename]++;
  return d->operations->rename(d, from, to);
}

int disk_exchange(disk *d, const char *one, const char *other) {
  if (strlen(one) >= DISK_PATH_MAX || strlen(other) >= DISK_PATH_MAX)
    return -ENAMETOOLONG;
  d->counts[DISK_exchange]++;
  return d->operations->exchange(d, one, other);
}

int disk_rmdir(disk *d, const char *path) {
  if (strlen(path) >= DISK_PATH_MAX)
    return -ENAMETOOLONG;
  d->counts[DISK_rmdir]++;
  return d->operations->rmdir(d, path);
}

int disk_unlink(disk *d, const char *path) {
  if (strlen(path) >= DISK_PATH_MAX)
    return -ENAMETOOLONG;
  d->counts[DISK_unlink]++;
  return d->operations->unlink(d, path);
}

int disk_sync_directory(disk *d, const char *path) {
  if (strlen(path) >= DISK_PATH_MAX)
    return -ENAMETOOLONG;
  d->counts[DISK_sync_directory]++;
  return d->operations->sync_directory(d, path);
}

int disk_list(disk *d, const char *path, disk_names *names) {
  if (strlen(path) >= DISK_PATH_MAX)
    return -ENAMETOOLONG;
  return d->operations->list(d, path, names);
}

/* The folder that holds PATH: "." for a bare name, "/" for a name at the root. */
static void folder_of(const char *path, char folder[static DISK_PATH_MAX]) {
  const char *slash = strrchr(path, '/');
  size_t size = slash ? (size_t)(slash - path) : 0;
  if (!slash || size == 0) {
    strcpy(folder, slash ? "/" : ".");
    return;
  }
  memcpy(folder, path, size);
  folder[size] = 0;
}

static int make_one(disk *d, const char *path, int mode) {
  char folder[DISK_PATH_MAX];
  disk_facts facts;
  int status, synced;
  d->counts[DISK_mkdir]++;
  status = d->operations->mkdir(d, path, mode);
  if (status < 0 && status != -EEXIST)
    return status;
  if (status == -EEXIST && d->operations->stat(d, path, &facts) == 0 &&
      strcmp(facts.kind, "file") == 0)
    return -ENOTDIR; /* one that was there is synced too: the last try may have failed */
  folder_of(path, folder);
  synced = disk_sync_directory(d, folder);
  return status == -EEXIST && synced == -EACCES ? 0 : synced; /* others' folder above */
}

/* The folder ABOVE a new one is made, or its name synced: the last try may have failed
 * between the two. */
static int make_above(disk *d, const char *above, int mode) {
  char folder[DISK_PATH_MAX];
  disk_facts facts;
  int status;
  if (strcmp(above, ".") == 0 || strcmp(above, "/") == 0)
    return 0;
  if (disk_stat(d, above, &facts) == -ENOENT)
    return disk_mkdir(d, above, mode);
  folder_of(above, folder);
  status = disk_sync_directory(d, folder);
  return status == -EACCES ? 0 : status; /* others' folder */
}

int disk_mkdir(disk *d, const char *path, int mode) {
  char above[DISK_PATH_MAX];
  int status;
  if (strlen(path) >= DISK_PATH_MAX)
    return -ENAMETOOLONG;
  folder_of(path, above);
  status = make_above(d, above, mode);
  return status < 0 ? status : make_one(d, path, mode);
}

int disk_chmod(disk *d, const char *path, int mode) {
  return d->operations->chmod(d, path, mode);
}

static int write_new(disk *d, const char *path, const void *bytes, size_t size,
                     int mode) {
  int status, closed, file = disk_open(d, path, DISK_OPEN_NEW, mode);
  if (file < 0)
    return file;
  status = disk_write(d, file, bytes, size, 0);
  if (status == 0)
    status = disk_sync(d, file);
  closed = disk_close(d, file);
  return status < 0 ? status : closed;
}

int disk_replace(disk *d, const char *path, const void *bytes, size_t size, int mode) {
  char fresh[DISK_PATH_MAX], folder[DISK_PATH_MAX];
  int status;
  if (strlen(path) + 5 > sizeof fresh)
    return -ENAMETOOLONG;
  strcat(strcpy(fresh, path), ".new");
  folder_of(path, folder);
  status = disk_unlink(d, fresh); /* left by a power cut */
  if (status < 0 && status != -ENOENT)
    return status;
  status = write_new(d, fresh, bytes, size, mode);
  if (status == 0)
    status = disk_rename(d, fresh, path);
  if (status < 0) {
    disk_unlink(d, fresh);
    return status;
  }
  return disk_sync_directory(d, folder);
}

int disk_names_add(disk_names *names, const char *name) {
  size_t size = strlen(name) + 1;
  if (names->used + size > names->room) {
    size_t room = names->room * 2 + size + 256;
    char *text = realloc(names->text, room);
    if (!text)
      return -ENOMEM;
    names->text = text;
    names->room = room;
  }
  memcpy(names->text + names->used, name, size);
  names->used += size;
  names->count++;
  return 0;
}

void disk_names_free(disk_names *names) {
  free(names->text);
  memset(names, 0, sizeof *names);
}
