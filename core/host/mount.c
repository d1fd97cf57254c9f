/* mount.c - which file system a folder is on, as far as that can be told again after a
 * restart. Mounts nothing, remembers nothing. */
#include "core.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define BY_UUID "/dev/disk/by-uuid"

/* statx(2) has told since Linux 5.8 whether a folder is where something is mounted, and
 * the number of the mount, by which /proc/self/mountinfo lists it. */
typedef struct {
  struct statx info;
  uint64_t id; /* the file system's own, or 0 */
} place;

static dev_t device_of(const place *p) {
  return makedev(p->info.stx_dev_major, p->info.stx_dev_minor);
}

/* vfat, exfat, xfs and others have no better number than the device's, which is another
 * one after the stick was plugged in again. */
static bool is_device_number(const place *p) {
  uint32_t major = p->info.stx_dev_major, minor = p->info.stx_dev_minor;
  uint32_t encoded = (minor & 0xff) | major << 8 | (minor & ~UINT32_C(0xff)) << 12;
  return (uint32_t)p->id == encoded && p->id >> 32 == 0;
}

/* The name that udev has linked to the device, "" where there is none. */
static void find_uuid(dev_t device, char name[64]) {
  char path[PATH_MAX];
  struct dirent *entry;
  struct stat info;
  DIR *dir = opendir(BY_UUID);
  *name = '\0';
  while (dir && !*name && (entry = readdir(dir))) {
    snprintf(path, sizeof path, BY_UUID "/%s", entry->d_name);
    if (stat(path, &info) == 0 && S_ISBLK(info.st_mode) && info.st_rdev == device)
      snprintf(name, 64, "%.63s", entry->d_name);
  }
  if (dir)
    closedir(dir);
}

/* Fields of "36 35 98:0 /root /mount/point opts … - type source super" into the table on
 * top. */
static void push_line(lua_State *L, char *line) {
  char *rest = strstr(line, " - "), *word, *save = NULL;
  int field = 0;
  if (!rest)
    return;
  *rest = '\0';
  for (word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save))
    if (++field == 4)
      core_set_text(L, "root", word);
    else if (field == 5)
      core_set_text(L, "point", word);
  word = strtok_r(rest + 3, " ", &save);
  if (word)
    core_set_text(L, "type", word);
  word = word ? strtok_r(NULL, " \n", &save) : NULL;
  if (word)
    core_set_text(L, "source", word);
}

static bool has_number(const char *line, uint64_t number) {
  char *end;
  return strtoull(line, &end, 10) == number && *end == ' ';
}

/* The line is found before anything of Lua's is called, which may throw. */
static void push_mount(lua_State *L, uint64_t number) {
  char *line = NULL, copy[2 * PATH_MAX] = "";
  size_t room = 0;
  FILE *file = fopen("/proc/self/mountinfo", "re");
  while (file && getline(&line, &room, file) > 0)
    if (has_number(line, number))
      snprintf(copy, sizeof copy, "%s", line);
  if (file)
    fclose(file);
  free(line);
  push_line(L, copy);
}

static int look(const char *folder, place *p) {
  struct statfs fs;
  int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), err;
  if (fd < 0)
    return errno;
  err = statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &p->info) < 0 ||
                fstatfs(fd, &fs) < 0
            ? errno
            : 0;
  close(fd);
  if (err)
    return err;
  memcpy(&p->id, &fs.f_fsid, sizeof p->id);
  return faccessat(AT_FDCWD, folder, R_OK | X_OK, AT_EACCESS) < 0 ? errno : 0;
}

static uint64_t mixed(uint64_t sum, uint64_t part) {
  return (sum ^ part) * UINT64_C(0x9e3779b97f4a7c15) ^ (sum >> 29);
}

/* key(folder) → a number of this boot for what is mounted there, to be compared only:
 * another one when something was mounted or unmounted, or the folder is another one; nil,
 * text, errno's name where it is not there or may not be read. The kernel uses the
 * numbers of mounts and devices again, so another stick in the same slot is told by its
 * own. */
static int mount_key(lua_State *L) {
  const char *folder = luaL_checkstring(L, 1);
  char uuid[64] = "", *c;
  uint64_t sum;
  place p;
  int err = look(folder, &p);
  if (err)
    return core_fail_errno(L, err, folder);
  sum = mixed(mixed(p.info.stx_mnt_id, device_of(&p)), mixed(p.info.stx_ino, p.id));
  if (is_device_number(&p))
    find_uuid(device_of(&p), uuid);
  for (c = uuid; *c; c++)
    sum = mixed(sum, (unsigned char)*c);
  lua_pushinteger(L, (lua_Integer)sum);
  return 1;
}

/* of(folder) → { mounted = is it where something is mounted, id = the file system's own
 * number as text (nil: it has none), uuid = where the device has one and `id` is only the
 * device's number, inode = of the folder, path = without links (nil: not to be told),
 * type, source, root (of what is mounted there), point = as /proc/self/mountinfo tells,
 * nil without it }; or as key. */
static int mount_of(lua_State *L) {
  const char *folder = luaL_checkstring(L, 1);
  place p;
  char text[64], path[PATH_MAX];
  int err = look(folder, &p);
  if (err)
    return core_fail_errno(L, err, folder);
  lua_newtable(L);
  core_set_boolean(L, "mounted", (p.info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0);
  core_set_integer(L, "inode", (lua_Integer)p.info.stx_ino);
  if (realpath(folder, path))
    core_set_text(L, "path", path);
  snprintf(text, sizeof text, "%llx", (unsigned long long)p.id);
  if (p.id != 0)
    core_set_text(L, "id", text);
  if (is_device_number(&p))
    find_uuid(device_of(&p), text);
  if (is_device_number(&p) && *text)
    core_set_text(L, "uuid", text);
  if (p.info.stx_mask & STATX_MNT_ID)
    push_mount(L, p.info.stx_mnt_id);
  return 1;
}

static const luaL_Reg functions[] = {
    {"key", mount_key},
    {"of",  mount_of },
    {NULL,  NULL     }
};

int luaopen_core_mount(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
