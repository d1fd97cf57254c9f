/* board.c - which board this is, which boot, what the kernel thinks of its clock, room on
 * a disk. Facts as found, unknown where unreadable: what follows from them is decided in
 * lua/. */
#include "core.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#define VALUE_MAX 256 /* a fact as text, with its terminator */

typedef char value[VALUE_MAX];

/* The beginning of file ROOT/PATH, cut at the first NUL or line end, without blanks about
 * it. Its length; 0 where it cannot be read. */
static size_t read_line(const char *root, const char *path, value out) {
  char name[PATH_MAX];
  size_t start;
  out[0] = '\0';
  if (snprintf(name, sizeof name, "%s/%s", root, path) >= (int)sizeof name)
    return 0;
  int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0)
    return 0;
  ssize_t n = read(fd, out, VALUE_MAX - 1);
  close(fd);
  out[n > 0 ? n : 0] = '\0';
  out[strcspn(out, "\r\n")] = '\0';
  start = strspn(out, " \t");
  memmove(out, out + start, strlen(out + start) + 1);
  for (n = (ssize_t)strlen(out); n > 0 && strchr(" \t", out[n - 1]); n--)
    out[n - 1] = '\0';
  return strlen(out);
}

/* Calls each(root, folder/NAME, context) for the entries of ROOT/FOLDER whose names begin
 * with PREFIX. */
typedef void visitor(const char *root, const char *path, void *context);

static void visit(const char *root, const char *folder, const char *prefix, visitor *each,
                  void *context) {
  char name[PATH_MAX];
  struct dirent *entry;
  if (snprintf(name, sizeof name, "%s/%s", root, folder) >= (int)sizeof name)
    return;
  DIR *dir = opendir(name);
  if (!dir)
    return;
  while ((entry = readdir(dir))) {
    if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
      continue;
    if (snprintf(name, sizeof name, "%s/%s", folder, entry->d_name) < (int)sizeof name)
      each(root, name, context);
  }
  closedir(dir);
}

static int is_of(const char *text, const char *allowed) {
  return text[strspn(text, allowed)] == '\0';
}

/* == serial number == */

/* What makers write where they give none; a number of one digit only is none either. */
static int is_filler(const char *text) {
  static const char *const fillers[] = {
      "to be filled by o.e.m.",
      "default string",
      "none",
      "not specified",
      "not applicable",
      "system serial number",
      "n/a",
      "0123456789",
      "123456789",
      "unknown",
  };
  for (size_t i = 0; i < sizeof fillers / sizeof *fillers; i++)
    if (strcasecmp(text, fillers[i]) == 0)
      return 1;
  return is_of(text, "0-: ") || is_of(text, "fF-: ");
}

static int read_serial(const char *root, const char *path, value out) {
  return read_line(root, path, out) > 0 && !is_filler(out);
}

/* "Serial : 10000000abcdef01" of /proc/cpuinfo, as older Raspberry Pi kernels have it. */
static int read_cpuinfo(const char *root, value out) {
  char name[PATH_MAX], line[VALUE_MAX];
  snprintf(name, sizeof name, "%.4000s/proc/cpuinfo", root);
  FILE *file = fopen(name, "re");
  int found = 0;
  while (file && !found && fgets(line, sizeof line, file))
    found = sscanf(line, "Serial : %255s", out) == 1 && !is_filler(out);
  if (file)
    fclose(file);
  return found;
}

static int find_serial(const char *root, value out) {
  return read_serial(root, "proc/device-tree/serial-number", out) ||
         read_serial(root, "sys/firmware/devicetree/base/serial-number", out) ||
         read_cpuinfo(root, out) ||
         read_serial(root, "sys/class/dmi/id/product_uuid", out) ||
         read_serial(root, "sys/class/dmi/id/product_serial", out) ||
         read_serial(root, "sys/class/dmi/id/board_serial", out);
}

/* == MAC == */

/* The best address so far: of the least rank, and of these the lowest. */
typedef struct {
  int rank;
  value mac;
} best_mac;

static int exists(const char *root, const char *path, const char *file) {
  char name[PATH_MAX + 64];
  return snprintf(name, sizeof name, "%s/%s/%s", root, path, file) < (int)sizeof name &&
         access(name, F_OK) == 0;
}

static size_t read_of(const char *root, const char *path, const char *file, value out) {
  char name[PATH_MAX + 64];
  snprintf(name, sizeof name, "%s/%s", path, file);
  return read_line(root, name, out);
}

/* 0: a device's own address from its maker; 1: one that is locally administered; 2: of no
 * device, as in a container; -1: none to know a board by (loopback, bridge, tunnel, drawn
 * at random). */
static int rank_interface(const char *root, const char *path, const char *mac) {
  value text;
  int assigned = read_of(root, path, "addr_assign_type", text) ? atoi(text) : 0;
  if (!read_of(root, path, "type", text) || strcmp(text, "1") != 0)
    return -1;
  if (exists(root, path, "bridge") || exists(root, path, "tun_flags"))
    return -1;
  if (!exists(root, path, "device"))
    return 2;
  if (assigned != 0)
    return -1;
  return strtol((char[]){mac[0], mac[1], '\0'}, NULL, 16) & 2 ? 1 : 0;
}

static void consider_interface(const char *root, const char *path, void *context) {
  best_mac *best = context;
  value mac;
  if (read_of(root, path, "address", mac) != 17 || !is_of(mac, "0123456789abcdef:"))
    return;
  if (is_of(mac, "0:"))
    return;
  int rank = rank_interface(root, path, mac);
  if (rank < 0 || rank > best->rank)
    return;
  if (rank == best->rank && strcmp(mac, best->mac) >= 0)
    return;
  best->rank = rank;
  memcpy(best->mac, mac, sizeof mac);
}

static int find_mac(const char *root, value out) {
  best_mac best = {INT_MAX, ""};
  visit(root, "sys/class/net", "", consider_interface, &best);
  memcpy(out, best.mac, sizeof best.mac);
  return best.rank < INT_MAX;
}

/* == SD card == */

static void keep_lowest(const char *candidate, value lowest) {
  if (*candidate && (!*lowest || strcmp(candidate, lowest) < 0))
    memcpy(lowest, candidate, VALUE_MAX);
}

/* The lowest of several, since the kernel numbers cards in the order in which it finds
 * them. */
static void consider_card(const char *root, const char *path, void *context) {
  value cid;
  if (read_of(root, path, "device/cid", cid) == 32)
    keep_lowest(cid, context);
}

static void consider_disk(const char *root, const char *path, void *context) {
  value serial;
  if (read_of(root, path, "device/serial", serial) ||
      read_of(root, path, "serial", serial) || read_of(root, path, "device/wwid", serial))
    if (!is_filler(serial))
      keep_lowest(serial, context);
}

/* Last name of the device that is mounted on /, such as "sda2". */
static int find_root_device(const char *root, value out) {
  char name[PATH_MAX], line[4096], point[1024], device[VALUE_MAX];
  int found = 0;
  snprintf(name, sizeof name, "%.4000s/proc/mounts", root);
  FILE *file = fopen(name, "re");
  while (file && !found && fgets(line, sizeof line, file))
    found =
        sscanf(line, "/dev/%255s %1023s", device, point) == 2 && strcmp(point, "/") == 0;
  if (file)
    fclose(file);
  if (found)
    memcpy(out, device, sizeof device);
  return found;
}

typedef struct {
  value device, uuid;
} filesystem;

static void consider_uuid(const char *root, const char *path, void *context) {
  filesystem *f = context;
  char name[PATH_MAX], target[VALUE_MAX];
  if (snprintf(name, sizeof name, "%s/%s", root, path) >= (int)sizeof name)
    return;
  ssize_t n = readlink(name, target, sizeof target - 1);
  if (n <= 0)
    return;
  target[n] = '\0';
  const char *last = strrchr(target, '/');
  if (strcmp(last ? last + 1 : target, f->device) != 0)
    return;
  snprintf(f->uuid, sizeof f->uuid, "%.200s", strrchr(path, '/') + 1);
}

static int find_card(const char *root, value out) {
  filesystem f = {"", ""};
  out[0] = '\0';
  visit(root, "sys/block", "mmcblk", consider_card, out);
  if (!*out)
    visit(root, "sys/block", "", consider_disk, out);
  if (*out || !find_root_device(root, f.device))
    return *out != '\0';
  visit(root, "dev/disk/by-uuid", "", consider_uuid, &f);
  memcpy(out, f.uuid, sizeof f.uuid);
  return *out != '\0';
}

/* == Lua == */

typedef int finder(const char *root, value out);

static void set_fact(lua_State *L, const char *name, const char *root, finder *find) {
  value text;
  if (!find(root, text))
    return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

/* facts([root]) → { serial =, mac =, card = }, each nil where unknown. ROOT stands before
 * every path. */
static int f_facts(lua_State *L) {
  const char *root = luaL_optstring(L, 1, "");
  luaL_argcheck(L, strlen(root) < 3000, 1, "too long");
  lua_newtable(L);
  set_fact(L, "serial", root, find_serial);
  set_fact(L, "mac", root, find_mac);
  set_fact(L, "card", root, find_card);
  return 1;
}

/* boot_id() → the kernel's name of this boot, or nil */
static int f_boot_id(lua_State *L) {
  value text;
  if (read_line("", "proc/sys/kernel/random/boot_id", text))
    lua_pushstring(L, text);
  else
    lua_pushnil(L);
  return 1;
}

/* clock() → { synchronised = boolean, error_us = greatest error that the kernel reckons
 * with } | nil, text, errno name. adjtimex(2); without a time service the error grows to
 * 16 s and stays. */
static int f_clock(lua_State *L) {
  struct timex t = {0};
  int state = adjtimex(&t);
  if (state < 0)
    return core_fail_errno(L, errno, "adjtimex");
  lua_createtable(L, 0, 2);
  lua_pushboolean(L, state != TIME_ERROR && !(t.status & STA_UNSYNC));
  lua_setfield(L, -2, "synchronised");
  lua_pushinteger(L, (lua_Integer)t.maxerror);
  lua_setfield(L, -2, "error_us");
  return 1;
}

/* space(path) → bytes that we may still write there, bytes in all | nil, text, errno name
 */
static int f_space(lua_State *L) {
  struct statvfs s;
  const char *path = luaL_checkstring(L, 1);
  if (statvfs(path, &s) != 0)
    return core_fail_errno(L, errno, path);
  lua_pushinteger(L, (lua_Integer)((uint64_t)s.f_bavail * s.f_frsize));
  lua_pushinteger(L, (lua_Integer)((uint64_t)s.f_blocks * s.f_frsize));
  return 2;
}

static const luaL_Reg functions[] = {
    {"facts",   f_facts  },
    {"boot_id", f_boot_id},
    {"clock",   f_clock  },
    {"space",   f_space  },
    {NULL,      NULL     },
};

int luaopen_core_board(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
