/* sensor.c - what the kernel tells of the machine's body: small files, disks, its clock,
 * the power supply of a Raspberry Pi, Wi-Fi. One look is one job of a worker: a file on a
 * dead file system may hold its reader for ever. Understands nothing of what it reads. */
#include "core.h"
#include "worker/worker.h"
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/if.h>
#include <linux/wireless.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#define PATTERNS_MAX 64
#define FILES_MAX 128
#define DISKS_MAX 8
#define INTERFACES_MAX 8
#define TEXT_MAX_ 4096
#define VCIO_PROPERTY _IOWR(100, 0, char *)
#define GET_THROTTLED 0x00030046u

typedef struct {
  char *path, *text;
  size_t size;
  int error;
  bool cut;
} file_read;

typedef struct {
  const char *path;
  struct statvfs room;
  int error;
} disk_read;

typedef struct {
  const char *name;
  struct iw_statistics quality;
  int error;
} interface_read;

typedef struct {
  worker_job job;
  char *words; /* all names, each ended by 0 */
  const char *patterns[PATTERNS_MAX], *vcio;
  const char *more; /* the first pattern of which not all files are read, or NULL */
  disk_read disks[DISKS_MAX];
  interface_read interfaces[INTERFACES_MAX];
  int pattern_count, disk_count, interface_count, file_count;
  file_read files[FILES_MAX];
  struct timex clock;
  uint32_t throttled;
  int clock_state, clock_error, throttled_error;
} look_job;

/* == on the thread == */

/* Reads at most TEXT_MAX_ bytes; whatever is no regular file is not waited for. ENOTSUP
 * is what a sensor says that the machine lacks: a pipe is no such thing. */
static int read_text(file_read *f, char buffer[TEXT_MAX_ + 1]) {
  struct stat info;
  ssize_t n = 1;
  int fd = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), err = 0;
  if (fd < 0)
    return errno;
  if (fstat(fd, &info) != 0)
    err = errno;
  else if (!S_ISREG(info.st_mode))
    err = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
  while (!err && n > 0 && f->size <= TEXT_MAX_) {
    n = read(fd, buffer + f->size, TEXT_MAX_ + 1 - f->size);
    if (n > 0)
      f->size += (size_t)n;
    else if (n < 0 && errno != EINTR)
      err = errno;
  }
  close(fd);
  return err;
}

/* A place for what PATH, which fits PATTERN, gives, or NULL. */
static file_read *new_file(look_job *l, const char *path, const char *pattern) {
  file_read *f = &l->files[l->file_count];
  if (l->file_count == FILES_MAX) {
    if (!l->more)
      l->more = pattern;
    return NULL;
  }
  *f = (file_read){.path = strdup(path)};
  if (!f->path)
    return NULL;
  l->file_count++;
  return f;
}

static void read_file(look_job *l, const char *path, const char *pattern) {
  char buffer[TEXT_MAX_ + 1];
  bool may_be_missing = path != pattern;
  file_read *f = new_file(l, path, pattern);
  if (!f)
    return;
  f->error = read_text(f, buffer);
  if (may_be_missing && (f->error == ENOENT || f->error == ENOTDIR)) {
    free(f->path);
    l->file_count--;
    return;
  }
  f->cut = f->size > TEXT_MAX_;
  if (f->cut)
    f->size = TEXT_MAX_;
  if (!f->error && !(f->text = malloc(f->size + 1)))
    f->error = ENOMEM;
  if (!f->error)
    memcpy(f->text, buffer, f->size);
}

/* glob's callback can be told nothing: the thread of one look notes here which folder it
 * may not read. */
static _Thread_local int glob_error;

static int note_error(const char *folder, int err) {
  (void)folder;
  if (err != ENOENT && err != ENOTDIR)
    glob_error = err;
  return 0;
}

/* A pattern without `*` is a file that may be missing, and that is said. One with it is
 * whatever there is: of what stands behind its last `*` it is tried whether it is there,
 * since glob does not tell a file that is missing from one in a folder that may not be
 * read. A folder that may not be read gives the pattern itself, with the error. The last
 * names come first: where there are too many, and their names are times, the newest. */
static void read_files(look_job *l, const char *pattern) {
  glob_t found = {0};
  char path[PATH_MAX];
  const char *star = strrchr(pattern, '*'), *rest = star ? strchr(star, '/') : NULL;
  file_read *f;
  if (!star) {
    read_file(l, pattern, pattern);
    return;
  }
  if (!rest)
    rest = star + strlen(star);
  snprintf(path, sizeof path, "%.*s", (int)(rest - pattern), pattern);
  glob_error = 0;
  if (glob(path, 0, note_error, &found) == 0)
    for (size_t i = found.gl_pathc; i-- > 0;)
      if (snprintf(path, sizeof path, "%s%s", found.gl_pathv[i], rest) < (int)sizeof path)
        read_file(l, path, pattern);
  globfree(&found);
  if (glob_error && (f = new_file(l, pattern, pattern)))
    f->error = glob_error;
}

/* The firmware's mailbox: a message of one tag, answered in place
 * (github.com/raspberrypi/firmware/wiki/Mailbox-property-interface). */
static int read_throttled(const char *path, uint32_t *word) {
  uint32_t message[8] = {sizeof message, 0, GET_THROTTLED, 4, 0, 0, 0, 0};
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), err = 0;
  if (fd < 0)
    return errno;
  if (ioctl(fd, VCIO_PROPERTY, message) < 0)
    err = errno;
  else if (message[1] != 0x80000000u || !(message[4] & 0x80000000u))
    err = EPROTO;
  close(fd);
  *word = message[5];
  return err;
}

static int read_quality(int fd, interface_read *one) {
  struct iwreq request = {0};
  if (strlen(one->name) >= sizeof request.ifr_name)
    return ENODEV;
  strcpy(request.ifr_name, one->name);
  request.u.data.pointer = &one->quality;
  request.u.data.length = sizeof one->quality;
  request.u.data.flags = 1; /* clears "is new" */
  return ioctl(fd, SIOCGIWSTATS, &request) < 0 ? errno : 0;
}

static void look_run(worker_job *job) {
  look_job *l = (look_job *)job;
  int fd = l->interface_count ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
  for (int i = 0; i < l->pattern_count && !atomic_load(&job->cancelled); i++)
    read_files(l, l->patterns[i]);
  for (int i = 0; i < l->disk_count && !atomic_load(&job->cancelled); i++)
    l->disks[i].error = statvfs(l->disks[i].path, &l->disks[i].room) ? errno : 0;
  for (int i = 0; i < l->interface_count; i++)
    l->interfaces[i].error = fd < 0 ? EMFILE : read_quality(fd, &l->interfaces[i]);
  if (fd >= 0)
    close(fd);
  if (l->vcio)
    l->throttled_error = read_throttled(l->vcio, &l->throttled);
  l->clock_state = adjtimex(&l->clock);
  l->clock_error = l->clock_state < 0 ? errno : 0;
}

static void look_release(worker_job *job) {
  look_job *l = (look_job *)job;
  for (int i = 0; i < l->file_count; i++) {
    free(l->files[i].path);
    free(l->files[i].text);
  }
  free(l->words);
}

/* == Lua == */

/* A new table on top with its `code` if it failed. */
static bool push_one(lua_State *L, int err) {
  lua_createtable(L, 0, 4);
  if (err)
    core_set_text(L, "code", core_errno_name(err));
  return !err;
}

static void push_files(lua_State *L, const look_job *l) {
  lua_createtable(L, 0, l->file_count);
  for (int i = 0; i < l->file_count; i++) {
    const file_read *f = &l->files[i];
    if (push_one(L, f->error)) {
      lua_pushlstring(L, f->text, f->size);
      lua_setfield(L, -2, "text");
      core_set_boolean(L, "cut", f->cut);
    }
    lua_setfield(L, -2, f->path);
  }
}

static void push_disks(lua_State *L, const look_job *l) {
  lua_createtable(L, 0, l->disk_count);
  for (int i = 0; i < l->disk_count; i++) {
    const disk_read *d = &l->disks[i];
    if (push_one(L, d->error)) {
      core_set_integer(L, "total",
                       (int64_t)((uint64_t)d->room.f_blocks * d->room.f_frsize));
      core_set_integer(L, "free",
                       (int64_t)((uint64_t)d->room.f_bavail * d->room.f_frsize));
      core_set_integer(L, "inodes", (int64_t)d->room.f_files);
      core_set_integer(L, "inodes_free", (int64_t)d->room.f_favail);
      core_set_boolean(L, "readonly", (d->room.f_flag & ST_RDONLY) != 0);
    }
    lua_setfield(L, -2, d->path);
  }
}

/* Its level is dBm only where the driver says so; then a byte that stands for a negative
 * number (wireless.h). */
static void push_interfaces(lua_State *L, const look_job *l) {
  lua_createtable(L, 0, l->interface_count);
  for (int i = 0; i < l->interface_count; i++) {
    const struct iw_quality *q = &l->interfaces[i].quality.qual;
    if (push_one(L, l->interfaces[i].error) && q->updated & IW_QUAL_DBM &&
        !(q->updated & IW_QUAL_LEVEL_INVALID))
      core_set_integer(L, "dbm", q->level >= 64 ? (int)q->level - 256 : q->level);
    lua_setfield(L, -2, l->interfaces[i].name);
  }
}

static void look_finish(lua_State *L, worker_job *job) {
  const look_job *l = (look_job *)job;
  push_files(L, l);
  lua_setfield(L, -2, "files");
  push_disks(L, l);
  lua_setfield(L, -2, "disks");
  push_interfaces(L, l);
  lua_setfield(L, -2, "interfaces");
  if (push_one(L, l->vcio ? l->throttled_error : ENOENT))
    core_set_integer(L, "word", l->throttled);
  lua_setfield(L, -2, "throttled");
  if (push_one(L, l->clock_error)) {
    core_set_boolean(L, "synchronised",
                     l->clock_state != TIME_ERROR && !(l->clock.status & STA_UNSYNC));
    core_set_integer(L, "error_us", l->clock.maxerror);
  }
  lua_setfield(L, -2, "clock");
  if (l->more)
    core_set_text(L, "more", l->more);
}

/* Sizes of the strings of field NAME of the table at 2, an array of at most MOST; 0 where
 * it is nil. */
static size_t measure(lua_State *L, const char *name, int most) {
  size_t sum = 0, size;
  if (lua_getfield(L, 2, name) == LUA_TNIL)
    return 0;
  luaL_argcheck(L, lua_istable(L, -1) && luaL_len(L, -1) <= most, 2, name);
  for (lua_Integer i = 1; i <= luaL_len(L, -1); i++) {
    const char *word =
        lua_geti(L, -1, i) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
    luaL_argcheck(L, word && strlen(word) == size && size < PATH_MAX, 2, name);
    sum += size + 1;
    lua_pop(L, 1);
  }
  return sum;
}

/* Copies the string on top, and takes it off; *AT moves behind the copy. */
static const char *take(lua_State *L, char **at) {
  size_t size;
  const char *word = lua_tolstring(L, -1, &size);
  char *place = memcpy(*at, word, size + 1);
  *at += size + 1;
  lua_pop(L, 1);
  return place;
}

/* What stands at 4 to 7: files, disks, interfaces, vcio. */
static void take_all(lua_State *L, look_job *l, char *at) {
  for (lua_Integer i = 1; lua_istable(L, 4) && i <= luaL_len(L, 4); i++)
    lua_geti(L, 4, i), l->patterns[l->pattern_count++] = take(L, &at);
  for (lua_Integer i = 1; lua_istable(L, 5) && i <= luaL_len(L, 5); i++)
    lua_geti(L, 5, i), l->disks[l->disk_count++].path = take(L, &at);
  for (lua_Integer i = 1; lua_istable(L, 6) && i <= luaL_len(L, 6); i++)
    lua_geti(L, 6, i), l->interfaces[l->interface_count++].name = take(L, &at);
  if (lua_isstring(L, 7))
    lua_pushvalue(L, 7), l->vcio = take(L, &at);
}

/* look(pool, { files = up to 64 paths, in which `*` stands for any name, disks = up to 8
 * paths, interfaces = up to 8 names, vcio = path or nil }[, done]) → job | nil, text,
 * word. Its result: files = by path { text = at most 4 KiB, cut = is there more? } or {
 * code = errno's name }; disks = by path { total, free (bytes), inodes, inodes_free,
 * readonly } or { code }; interfaces = by name { dbm = nil where the driver does not say
 * } or { code }; throttled = { word } or { code }; clock = { synchronised, error_us };
 * more = the first of FILES of which not all were read, nil where there are no more than
 * 128. */
static int sensor_look(lua_State *L) {
  look_job *l;
  size_t size;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  size = measure(L, "files", PATTERNS_MAX) + measure(L, "disks", DISKS_MAX) +
         measure(L, "interfaces", INTERFACES_MAX);
  lua_getfield(L, 2, "vcio");
  size += lua_isnil(L, 7) ? 0 : strlen(luaL_checkstring(L, 7)) + 1;
  l = (look_job *)worker_job_new(L, sizeof *l);
  l->job.run = look_run;
  l->job.finish = look_finish;
  l->job.release = look_release;
  if (!(l->words = malloc(size + 1)))
    return core_fail(L, "ENOMEM", "a look at the sensors");
  take_all(L, l, l->words);
  return worker_submit(L, 1, 8, 3);
}

static const luaL_Reg functions[] = {
    {"look", sensor_look},
    {NULL,   NULL       },
};

int luaopen_core_sensor(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
