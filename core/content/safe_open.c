/* safe_open.c - files beneath a folder. Follows no link, never leaves the folder. */
#include "core.h"
#include "safe_open.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READ_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW)

/* Plain segments only: none empty, none "." or "..". */
static bool name_is_plain(const char *name) {
  while (*name) {
    size_t length = strcspn(name, "/");
    if (length == 0 || length > NAME_MAX)
      return false;
    if (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')))
      return false;
    name += length;
    if (*name == '/' && !*++name)
      return false;
  }
  return true;
}

/* Linux before 5.6, and sandboxes that refuse openat2: segment by segment, no link on the
 * way. */
static int walk(int folder, const char *name, int flags) {
  char segment[NAME_MAX + 1];
  int at = fcntl(folder, F_DUPFD_CLOEXEC, 3), next, err;
  while (at >= 0) {
    size_t length = strcspn(name, "/");
    bool last = name[length] == '\0';
    memcpy(segment, name, length);
    segment[length] = '\0';
    next =
        openat(at, segment, last ? flags : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    err = next < 0 && errno == ENOTDIR && !last ? ELOOP : errno; /* as openat2 says it */
    close(at);
    errno = err;
    at = next;
    if (last)
      break;
    name += length + 1;
  }
  return at;
}

static int open_at(int folder, const char *name, int flags) {
  struct open_how how = {.flags = (uint64_t)flags,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
                                    RESOLVE_NO_MAGICLINKS};
  int fd = (int)syscall(SYS_openat2, folder, name, &how, sizeof how);
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM && errno != EAGAIN))
    return fd;
  return walk(folder, name, flags);
}

/* Opens NAME beneath FOLDER ("" = the folder itself, which may be a link); -1 and errno.
 */
static int open_in(const char *folder, const char *name, int flags) {
  int at, fd, err;
  if (!name_is_plain(name)) {
    errno = ELOOP;
    return -1;
  }
  at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (at < 0)
    return -1;
  fd = *name ? open_at(at, name, flags) : openat(at, ".", flags & ~O_NOFOLLOW);
  err = errno;
  close(at);
  errno = err;
  return fd;
}

static void identity_of(const struct stat *info, file_identity *identity) {
  identity->device = (int64_t)info->st_dev;
  identity->inode = (int64_t)info->st_ino;
  identity->size = info->st_size;
  identity->mtime = info->st_mtim.tv_sec * INT64_C(1000000000) + info->st_mtim.tv_nsec;
  identity->ctime = info->st_ctim.tv_sec * INT64_C(1000000000) + info->st_ctim.tv_nsec;
}

int file_identify(int fd, file_identity *identity) {
  struct stat info;
  if (fstat(fd, &info) < 0)
    return -1;
  identity_of(&info, identity);
  return 0;
}

bool file_same(const file_identity *a, const file_identity *b) {
  return a->device == b->device && a->inode == b->inode && a->size == b->size &&
         a->mtime == b->mtime && a->ctime == b->ctime;
}

const char *file_read(int fd, void *out, size_t size, int64_t offset) {
  for (size_t done = 0; done < size;) {
    ssize_t n =
        pread(fd, (char *)out + done, size - done, (off_t)(offset + (int64_t)done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return core_errno_name(errno);
    if (n == 0)
      return "moved";
    done += (size_t)n;
  }
  return NULL;
}

/* A regular file or -1; *WORD as in safe_open. Closes FD when it is none. */
static int only_regular(int fd, struct stat *info, const char **word) {
  if (fd < 0) {
    *word = errno == ELOOP || errno == EXDEV || errno == ENXIO || errno == ENOTDIR
                ? "link"
                : NULL;
    return -1;
  }
  if (fstat(fd, info) == 0 && S_ISREG(info->st_mode))
    return fd;
  close(fd);
  *word = "link";
  return -1;
}

/* Looked at before it is opened: opening a device or a FIFO can do things or wait. */
int safe_open(const char *folder, const char *name, file_identity *identity,
              const char **word) {
  struct stat info;
  int fd;
  *word = "link";
  if (!*name)
    return -1;
  fd = only_regular(open_in(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), &info, word);
  if (fd < 0)
    return -1;
  close(fd);
  fd = only_regular(open_in(folder, name, READ_FLAGS), &info, word);
  if (fd >= 0)
    identity_of(&info, identity);
  return fd;
}

/* == Lua == */

void file_push_identity(lua_State *L, const file_identity *identity) {
  lua_createtable(L, 0, 8);
  core_set_integer(L, "dev", identity->device);
  core_set_integer(L, "ino", identity->inode);
  core_set_integer(L, "size", identity->size);
  core_set_integer(L, "mtime_ns", identity->mtime);
  core_set_integer(L, "ctime_ns", identity->ctime);
}

static const char *kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG:
    return "file";
  case S_IFDIR:
    return "directory";
  case S_IFLNK:
    return "link";
  case S_IFIFO:
    return "fifo";
  case S_IFSOCK:
    return "socket";
  default:
    return "device";
  }
}

static void push_info(lua_State *L, const struct stat *info) {
  file_identity identity;
  identity_of(info, &identity);
  file_push_identity(L, &identity);
  core_set_text(L, "kind", kind_of(info->st_mode));
}

static int fail(lua_State *L, const char *word, int err, const char *name) {
  if (word)
    return core_fail(L, word, "%.200s", name);
  return core_fail_errno(L, err, name);
}

/* stat(folder, name) → { kind =, dev =, ino =, size =, mtime_ns =, ctime_ns = }. Kinds:
 * file, directory, link, fifo, socket, device. Name "" is the folder itself. */
static int safe_open_stat(lua_State *L) {
  const char *folder = luaL_checkstring(L, 1), *name = luaL_checkstring(L, 2);
  struct stat info;
  int fd = open_in(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), err = errno;
  if (fd < 0)
    return fail(L, err == ELOOP ? "link" : NULL, err, name);
  err = fstat(fd, &info) < 0 ? errno : 0;
  close(fd);
  if (err)
    return core_fail_errno(L, err, name);
  push_info(L, &info);
  return 1;
}

/* A directory that is closed by the collector if Lua throws while it is read. */
typedef struct {
  DIR *handle;
} directory;

static int directory_gc(lua_State *L) {
  directory *dir = luaL_checkudata(L, 1, "core.safe_open.directory");
  if (dir->handle)
    closedir(dir->handle);
  dir->handle = NULL;
  return 0;
}

/* What is there by its name, though nobody may look at it: WORD is an errno's name. */
static void push_unknown(lua_State *L, const char *word) {
  lua_createtable(L, 0, 3);
  core_set_text(L, "kind", "unknown");
  core_set_text(L, "word", word);
}

/* Fills the table on top with at most MOST entries; returns how many there were beyond.
 */
static lua_Integer fill(lua_State *L, DIR *handle, lua_Integer most) {
  struct dirent *entry;
  struct stat info;
  lua_Integer n = 0, beyond = 0;
  while ((entry = readdir(handle))) {
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
      continue;
    if (n == most) {
      beyond++;
      continue;
    }
    if (fstatat(dirfd(handle), name, &info, AT_SYMLINK_NOFOLLOW) == 0)
      push_info(L, &info);
    else if (errno != ENOENT) /* else gone */
      push_unknown(L, core_errno_name(errno));
    else
      continue;
    core_set_text(L, "name", name);
    lua_rawseti(L, -2, ++n);
  }
  return beyond;
}

/* list(folder, name[, most = 65536]) → array of stat's tables with `name`, in no order;
 * how many entries there were beyond `most`. Name "" is the folder itself. What cannot be
 * looked at is { kind = "unknown", name =, word = the errno's name }. */
static int safe_open_list(lua_State *L) {
  const char *folder = luaL_checkstring(L, 1), *name = luaL_checkstring(L, 2);
  lua_Integer most = luaL_optinteger(L, 3, 65536), beyond;
  directory *dir = core_new(L, "core.safe_open.directory", sizeof *dir);
  int fd = open_in(folder, name, READ_FLAGS | O_DIRECTORY), err = errno;
  if (fd < 0)
    return fail(L, err == ELOOP || err == ENOTDIR ? "link" : NULL, err, name);
  dir->handle = fdopendir(fd);
  if (!dir->handle) {
    err = errno;
    close(fd);
    return core_fail_errno(L, err, name);
  }
  lua_newtable(L);
  beyond = fill(L, dir->handle, most);
  closedir(dir->handle);
  dir->handle = NULL;
  lua_pushinteger(L, beyond);
  return 2;
}

/* 1 somebody has FD's file open for writing (or mapped so), 0 nobody, -1 cannot be asked.
 * A read lease is refused while there is a writer (fcntl(2)). It is given back at once;
 * should a writer come between, the kernel tells us by SIGURG, ignored by default, not by
 * SIGIO, which kills. */
static int has_writer(int fd) {
  if (fcntl(fd, F_SETSIG, SIGURG) < 0)
    return -1;
  if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return 0;
  }
  return errno == EAGAIN ? 1 : -1;
}

/* busy(folder, name) → true while anybody has the file open for writing, false when
 * nobody has, nil when it cannot be asked (another user's file, a file system without
 * leases, no such file): then a message and a word follow. */
static int safe_open_busy(lua_State *L) {
  const char *folder = luaL_checkstring(L, 1), *name = luaL_checkstring(L, 2), *word;
  file_identity identity;
  int fd = safe_open(folder, name, &identity, &word), err = errno, answer;
  if (fd < 0)
    return fail(L, word, err, name);
  answer = has_writer(fd);
  err = errno;
  close(fd);
  if (answer < 0)
    return core_fail_errno(L, err, name);
  lua_pushboolean(L, answer);
  return 1;
}

static const luaL_Reg directory_methods[] = {
    {"__gc", directory_gc},
    {NULL,   NULL        }
};

static const luaL_Reg functions[] = {
    {"stat", safe_open_stat},
    {"list", safe_open_list},
    {"busy", safe_open_busy},
    {NULL,   NULL          }
};

int luaopen_core_safe_open(lua_State *L) {
  core_class(L, "core.safe_open.directory", directory_methods);
  luaL_newlib(L, functions);
  return 1;
}
