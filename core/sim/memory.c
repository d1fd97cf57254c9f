/* memory.c - the operations of a disk in memory, and how they are made to fail. Not
 * for real data. */
#include "image.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- faults ---- */

static const fault *struck(memory *m, disk_kind kind) {
  fault *hit = NULL;
  for (int i = 0; i < FAULTS_MAX; i++) {
    fault *f = &m->faults[i];
    int any = f->kind == DISK_KIND_COUNT && kind != DISK_read;
    if (f->left > 0 && (f->kind == kind || any) && --f->left == 0)
      hit = f;
  }
  if (hit && hit->effect == DISK_OFF)
    m->off = hit->err;
  return hit;
}

/* Begins an operation: -errno when it must fail at once, else 0 and the fault in EFFECT,
 * -1: none. With DISK_OFF what changes the disk is done and fails all the same: the cut
 * came after it. */
static int begin(memory *m, disk_kind kind, int *effect, int *err) {
  const fault *f;
  *effect = -1;
  *err = 0;
  if (m->off)
    return -m->off;
  f = struck(m, kind);
  if (!f)
    return 0;
  *effect = (int)f->effect;
  *err = f->effect == DISK_FORGET || f->effect == DISK_SHORT ? 0 : -f->err;
  return f->effect == DISK_FAIL ? *err : 0;
}

/* ---- the table of functions ---- */

static node *opened(memory *m, int file) {
  return file >= 0 && (size_t)file < m->file_room ? m->files[file].node : NULL;
}

static int open_node(memory *m, node *n, int writable) {
  size_t i = 0;
  handle *files;
  while (i < m->file_room && m->files[i].node)
    i++;
  files = disk_image_grown(m->files, &m->file_room, i + 1, sizeof *files);
  if (!files)
    return -ENOMEM;
  m->files = files;
  files[i] = (handle){n, writable};
  n->references++;
  return (int)i;
}

static int create(memory *m, const char *path, int directory, int mode, int forgotten) {
  node *n;
  int status;
  if (!disk_image_is_folder(m, path, disk_image_folder_size(path)))
    return -ENOENT;
  n = disk_image_new(m, directory, mode);
  if (!n)
    return -ENOMEM;
  status = disk_image_change(m, "", path, n, forgotten);
  return status;
}

static int memory_open(disk *d, const char *path, disk_open_flags flags, int mode) {
  memory *m = (memory *)d;
  int effect, err, status = begin(m, DISK_open, &effect, &err);
  entry *e = disk_image_find(&m->now, path);
  if (status < 0)
    return status;
  if (e && flags == DISK_OPEN_NEW)
    return -EEXIST;
  if (e && e->node->directory)
    return -EISDIR;
  if (!e && flags < DISK_OPEN_CREATE)
    return -ENOENT;
  if (!e)
    status = create(m, path, 0, mode, effect == DISK_FORGET);
  if (status < 0 || err < 0)
    return status < 0 ? status : err;
  return open_node(m, disk_image_find(&m->now, path)->node, flags > DISK_OPEN_READ);
}

static int64_t memory_read(disk *d, int file, void *bytes, size_t size, int64_t offset) {
  memory *m = (memory *)d;
  node *n = opened(m, file);
  int effect, err, status = begin(m, DISK_read, &effect, &err);
  if (!n)
    return -EBADF;
  if (status < 0 || err < 0)
    return status < 0 ? status : err;
  if ((size_t)offset >= n->now.size)
    return 0;
  if (size > n->now.size - (size_t)offset)
    size = n->now.size - (size_t)offset;
  memcpy(bytes, n->now.bytes + offset, size);
  return (int64_t)size;
}

static int64_t used(const memory *m) {
  int64_t sum = 0;
  for (size_t i = 0; i < m->now.count; i++)
    sum += (int64_t)m->now.entries[i].node->now.size;
  return sum;
}

static int put_bytes(memory *m, node *n, const void *bytes, size_t size, size_t offset) {
  size_t end = offset + size, old = n->now.size;
  if (disk_image_reserve(n, end) < 0)
    return -ENOMEM;
  memcpy(n->now.bytes + offset, bytes, size);
  if (end > old)
    n->now.size = end;
  disk_image_mark(n, offset < old ? offset : old, end);
  n->changed = ++m->ticks;
  return 0;
}

/* A forgotten write is seen but not dirty: no sync will ever bring it to the disk. */
static void unmark(node *n, size_t from, size_t to) {
  for (size_t i = disk_image_sectors(from); i < disk_image_sectors(to); i++)
    n->dirty[i] = 0;
}

static int64_t memory_write(disk *d, int file, const void *bytes, size_t size,
                            int64_t offset) {
  memory *m = (memory *)d;
  node *n = opened(m, file);
  int effect, err, status = begin(m, DISK_write, &effect, &err);
  if (!n || !m->files[file].writable)
    return -EBADF;
  if (status < 0)
    return status;
  if (effect == DISK_TEAR || effect == DISK_SHORT || effect == DISK_OFF)
    size = size ? (size_t)disk_image_draw(&m->random, size) + (effect != DISK_TEAR) : 0;
  if (m->limit > 0 && offset + (int64_t)size > (int64_t)n->now.size) {
    int64_t room = m->limit - used(m) + (int64_t)n->now.size - offset;
    if (room <= 0)
      return -ENOSPC;
    if ((int64_t)size > room)
      size = (size_t)room;
  }
  status = put_bytes(m, n, bytes, size, (size_t)offset);
  if (effect == DISK_FORGET)
    unmark(n, (size_t)offset, (size_t)offset + size);
  return status < 0 ? status : err < 0 ? err : (int64_t)size;
}

static int memory_sync(disk *d, int file) {
  memory *m = (memory *)d;
  node *n = opened(m, file);
  int effect, err, status = begin(m, DISK_sync, &effect, &err);
  if (!n)
    return -EBADF;
  if (effect == DISK_OFF || effect == DISK_FORGET || m->off)
    return status < 0 ? status : err;
  if (effect == DISK_FAIL && n->dirty)
    memset(n->dirty, 0, disk_image_sectors(n->now.room));
  if (status < 0)
    return status;
  status = disk_image_write_back(m, n, effect == DISK_TEAR ? 2 : 4);
  return status < 0 ? status : err;
}

static int memory_truncate(disk *d, int file, int64_t size) {
  memory *m = (memory *)d;
  node *n = opened(m, file);
  int effect, err, status = begin(m, DISK_truncate, &effect, &err);
  size_t old, fresh = (size_t)size;
  if (!n || !m->files[file].writable)
    return -EINVAL;
  if (status < 0 || disk_image_reserve(n, fresh) < 0)
    return status < 0 ? status : -ENOMEM;
  old = n->now.size;
  if (fresh < old)
    memset(n->now.bytes + fresh, 0, old - fresh);
  n->now.size = fresh;
  disk_image_mark(n, fresh < old ? fresh : old, fresh < old ? old : fresh);
  n->changed = ++m->ticks;
  return err;
}

static int memory_close(disk *d, int file) {
  memory *m = (memory *)d;
  node *n = opened(m, file);
  if (!n)
    return -EBADF;
  if (n->locked == file + 1)
    n->locked = 0;
  m->files[file].node = NULL;
  disk_image_release(m, n);
  return m->off ? -m->off : 0;
}

static int memory_stat(disk *d, const char *path, disk_facts *facts) {
  memory *m = (memory *)d;
  const entry *e = disk_image_find(&m->now, path);
  memset(facts, 0, sizeof *facts);
  if (m->off)
    return -m->off;
  facts->kind = e && !e->node->directory ? "file" : "directory";
  facts->mode = 0700;
  if (!e)
    return disk_image_is_folder(m, path, strlen(path)) ? 0 : -ENOENT;
  facts->size = (int64_t)e->node->now.size;
  facts->mtime_ns = facts->ctime_ns = e->node->changed;
  facts->ino = e->node->number;
  facts->mode = e->node->mode;
  return 0;
}

static int is_empty(const memory *m, const char *folder) {
  size_t size = strlen(folder);
  for (size_t i = 0; i < m->now.count; i++)
    if (strncmp(m->now.entries[i].path, folder, size) == 0 &&
        m->now.entries[i].path[size] == '/')
      return 0;
  return 1;
}

/* What the kernel says before FROM takes the place of OLD. */
static int rename_fault(const memory *m, const entry *from, const entry *old) {
  if (!old || old == from)
    return 0;
  if (from->node->directory != old->node->directory)
    return old->node->directory ? -EISDIR : -ENOTDIR;
  return old->node->directory && !is_empty(m, old->path) ? -ENOTEMPTY : 0;
}

static int rename_folder(memory *m, const char *from, const char *to, int forgotten) {
  entry *old = disk_image_find(&m->now, to);
  int status = 0;
  if (old)
    status = disk_image_change(m, to, "", old->node, forgotten);
  return status < 0 ? status : disk_image_exchange(m, from, to, forgotten);
}

static int memory_rename(disk *d, const char *from, const char *to) {
  memory *m = (memory *)d;
  int effect, err, status = begin(m, DISK_rename, &effect, &err);
  entry *e = disk_image_find(&m->now, from), *old = disk_image_find(&m->now, to);
  if (status < 0)
    return status;
  if (!e || !disk_image_is_folder(m, to, disk_image_folder_size(to)))
    return -ENOENT;
  status = rename_fault(m, e, old);
  if (status < 0 || effect == DISK_TEAR)
    return status < 0 ? status : err;
  if (e->node->directory)
    status = e == old ? 0 : rename_folder(m, from, to, effect == DISK_FORGET);
  else
    status = disk_image_change(m, from, to, e->node, effect == DISK_FORGET);
  return status < 0 ? status : err;
}

static int memory_exchange(disk *d, const char *one, const char *other) {
  memory *m = (memory *)d;
  int effect, err, status = begin(m, DISK_exchange, &effect, &err);
  if (status < 0)
    return status;
  if (!disk_image_find(&m->now, one) || !disk_image_find(&m->now, other))
    return -ENOENT;
  if (effect == DISK_TEAR || strcmp(one, other) == 0)
    return err;
  status = disk_image_exchange(m, one, other, effect == DISK_FORGET);
  return status < 0 ? status : err;
}

static int memory_rmdir(disk *d, const char *path) {
  memory *m = (memory *)d;
  int effect, err, status = begin(m, DISK_rmdir, &effect, &err);
  entry *e = disk_image_find(&m->now, path);
  if (status < 0)
    return status;
  if (!e)
    return -ENOENT;
  if (!e->node->directory)
    return -ENOTDIR;
  if (!is_empty(m, path))
    return -ENOTEMPTY;
  if (effect == DISK_TEAR)
    return err;
  status = disk_image_change(m, path, "", e->node, effect == DISK_FORGET);
  return status < 0 ? status : err;
}

static int memory_unlink(disk *d, const char *path) {
  memory *m = (memory *)d;
  int effect, err, status = begin(m, DISK_unlink, &effect, &err);
  entry *e = disk_image_find(&m->now, path);
  if (status < 0)
    return status;
  if (!e)
    return -ENOENT;
  if (e->node->directory)
    return -EISDIR;
  if (effect == DISK_TEAR)
    return err;
  status = disk_image_change(m, path, "", e->node, effect == DISK_FORGET);
  return status < 0 ? status : err;
}

static int memory_mkdir(disk *d, const char *path, int mode) {
  memory *m = (memory *)d;
  int effect, err, status = begin(m, DISK_mkdir, &effect, &err);
  if (status < 0)
    return status;
  if (disk_image_find(&m->now, path) || disk_image_is_folder(m, path, strlen(path)))
    return -EEXIST;
  status = create(m, path, 1, mode, effect == DISK_FORGET);
  return status < 0 ? status : err;
}

static int memory_sync_directory(disk *d, const char *path) {
  memory *m = (memory *)d;
  int effect, err, status = begin(m, DISK_sync_directory, &effect, &err);
  if (status < 0 || (effect >= 0 && effect != DISK_SHORT)) /* only writes are short */
    return status < 0 ? status : err;
  if (!disk_image_is_folder(m, path, strlen(path)))
    return -ENOENT;
  return disk_image_sync_folder(m, path);
}

static int memory_list(disk *d, const char *path, disk_names *out) {
  memory *m = (memory *)d;
  size_t size = strlen(path);
  int status = m->off ? -m->off : disk_image_is_folder(m, path, size) ? 0 : -ENOENT;
  if (size == 1 && (*path == '.' || *path == '/'))
    size = 0;
  for (size_t i = 0; status == 0 && i < m->now.count; i++) {
    const char *name = m->now.entries[i].path;
    if (disk_image_folder_size(name) == size && strncmp(name, path, size) == 0)
      status = disk_names_add(out, name + size + (name[size] == '/'));
  }
  return status;
}

static int memory_lock(disk *d, const char *path) {
  int file = memory_open(d, path, DISK_OPEN_CREATE, 0600);
  node *n = opened((memory *)d, file);
  if (!n)
    return file;
  if (n->locked) {
    memory_close(d, file);
    return -EWOULDBLOCK;
  }
  n->locked = file + 1;
  return file;
}

static int memory_chmod(disk *d, const char *path, int mode) {
  memory *m = (memory *)d;
  const entry *e = disk_image_find(&m->now, path);
  if (!e)
    return disk_image_is_folder(m, path, strlen(path)) ? 0 : -ENOENT;
  e->node->mode = mode;
  return 0;
}

static int memory_duplicate(disk *d, int file) {
  memory *m = (memory *)d;
  node *n = opened(m, file);
  return n ? open_node(m, n, m->files[file].writable) : -EBADF;
}

static void memory_free(disk *d) {
  memory *m = (memory *)d;
  node *next;
  for (node *n = m->nodes; n; n = next) {
    next = n->next;
    free(n->now.bytes);
    free(n->durable.bytes);
    free(n->dirty);
    free(n);
  }
  free(m->now.entries);
  free(m->durable.entries);
  free(m->changes);
  free(m->files);
  free(m);
}

static const disk_operations operations = {
    .open = memory_open,
    .read = memory_read,
    .write = memory_write,
    .sync = memory_sync,
    .truncate = memory_truncate,
    .close = memory_close,
    .stat = memory_stat,
    .rename = memory_rename,
    .unlink = memory_unlink,
    .mkdir = memory_mkdir,
    .sync_directory = memory_sync_directory,
    .list = memory_list,
    .lock = memory_lock,
    .chmod = memory_chmod,
    .duplicate = memory_duplicate,
    .exchange = memory_exchange,
    .rmdir = memory_rmdir,
    .free = memory_free,
};

disk *disk_memory(uint64_t seed) {
  memory *m = calloc(1, sizeof *m);
  if (!m)
    return NULL;
  m->base.operations = &operations;
  m->random = seed;
  return &m->base;
}

int disk_is_memory(const disk *d) {
  return d->operations == &operations;
}

int disk_memory_inject(disk *d, disk_kind kind, int64_t nth, disk_effect effect,
                       int err) {
  memory *m = (memory *)d;
  for (int i = 0; i < FAULTS_MAX; i++)
    if (m->faults[i].left <= 0) {
      m->faults[i] = (fault){kind, effect, nth, err};
      return 0;
    }
  return -ENOSPC;
}

void disk_memory_limit(disk *d, int64_t bytes) {
  ((memory *)d)->limit = bytes;
}
