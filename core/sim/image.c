/* image.c - contents and names as seen now and as on the disk, and the power cut. No
 * faults. */
#include "image.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* splitmix64: a fault may be found again by its seed; nothing else depends on it. */
uint64_t disk_image_draw(uint64_t *state, uint64_t n) {
  uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return n ? (z ^ (z >> 31)) % n : 0;
}

void *disk_image_grown(void *array, size_t *room, size_t needed, size_t size) {
  size_t fresh = *room * 2 > needed ? *room * 2 : needed + 8;
  char *result = needed <= *room ? array : realloc(array, fresh * size);
  if (!result || needed <= *room)
    return result;
  memset(result + *room * size, 0, (fresh - *room) * size);
  *room = fresh;
  return result;
}

size_t disk_image_sectors(size_t size) {
  return (size + SECTOR - 1) / SECTOR;
}

/* ---- contents ---- */

int disk_image_reserve(node *n, size_t size) {
  size_t room = n->now.room, dirty_room = disk_image_sectors(room);
  unsigned char *bytes, *dirty;
  if (size <= room)
    return 0;
  bytes = disk_image_grown(n->now.bytes, &room, size, 1);
  if (!bytes)
    return -ENOMEM;
  n->now.bytes = bytes;
  dirty = disk_image_grown(n->dirty, &dirty_room, disk_image_sectors(room), 1);
  if (!dirty)
    return -ENOMEM;
  n->dirty = dirty;
  n->now.room = room;
  return 0;
}

void disk_image_mark(node *n, size_t from, size_t to) {
  for (size_t i = from / SECTOR; i < disk_image_sectors(to); i++)
    n->dirty[i] = 1;
}

static int resize_durable(node *n, size_t size) {
  unsigned char *bytes =
      disk_image_grown(n->durable.bytes, &n->durable.room, size + 1, 1);
  if (!bytes)
    return -ENOMEM;
  n->durable.bytes = bytes;
  if (size < n->durable.size)
    memset(n->durable.bytes + size, 0, n->durable.size - size);
  n->durable.size = size;
  return 0;
}

static void write_sector(node *n, size_t i) {
  size_t from = i * SECTOR, to = from + SECTOR;
  if (to > n->durable.size)
    to = n->durable.size;
  if (to > n->now.size)
    to = n->now.size;
  if (from < to)
    memcpy(n->durable.bytes + from, n->now.bytes + from, to - from);
}

int disk_image_write_back(memory *m, node *n, unsigned chance) {
  if (resize_durable(n, n->now.size) < 0)
    return -ENOMEM;
  for (size_t i = 0; i < disk_image_sectors(n->now.room); i++) {
    if (n->dirty[i] && (chance == 4 || disk_image_draw(&m->random, 4) < chance))
      write_sector(n, i);
    n->dirty[i] = 0;
  }
  return 0;
}

/* ---- names ---- */

void disk_image_release(memory *m, node *n) {
  node **at = &m->nodes;
  if (--n->references > 0)
    return;
  while (*at != n)
    at = &(*at)->next;
  *at = n->next;
  free(n->now.bytes);
  free(n->durable.bytes);
  free(n->dirty);
  free(n);
}

node *disk_image_new(memory *m, int directory, int mode) {
  node *n = calloc(1, sizeof *n);
  if (!n)
    return NULL;
  n->number = ++m->ticks;
  n->changed = m->ticks;
  n->directory = directory;
  n->mode = mode;
  n->next = m->nodes;
  m->nodes = n;
  return n;
}

entry *disk_image_find(const names *in, const char *path) {
  for (size_t i = 0; i < in->count; i++)
    if (strcmp(in->entries[i].path, path) == 0)
      return &in->entries[i];
  return NULL;
}

static void drop_name(memory *m, names *in, const char *path) {
  entry *e = disk_image_find(in, path);
  node *n;
  if (!e)
    return;
  n = e->node;
  *e = in->entries[--in->count];
  disk_image_release(m, n);
}

static int set_name(memory *m, names *in, const char *path, node *n) {
  entry *entries =
      disk_image_grown(in->entries, &in->room, in->count + 1, sizeof *entries);
  if (!entries)
    return -ENOMEM;
  in->entries = entries;
  n->references++;
  drop_name(m, in, path);
  strcpy(in->entries[in->count].path, path);
  in->entries[in->count++].node = n;
  return 0;
}

/* The folder of PATH as long as "" stands for "." and "/". */
size_t disk_image_folder_size(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? (size_t)(slash - path) : 0;
}

int disk_image_is_folder(const memory *m, const char *path, size_t size) {
  if (size == 0 || (size == 1 && (*path == '.' || *path == '/')))
    return 1;
  for (size_t i = 0; i < m->now.count; i++)
    if (strncmp(m->now.entries[i].path, path, size) == 0 && !m->now.entries[i].path[size])
      return m->now.entries[i].node->directory;
  return 0;
}

/* PATH as it is called once ONE and OTHER are exchanged. */
static void exchange_path(char *path, const char *one, const char *other) {
  const char *pairs[2][2] = {
      {one,   other},
      {other, one  }
  };
  char fresh[2 * DISK_PATH_MAX];
  for (int i = 0; i < 2; i++) {
    size_t size = strlen(pairs[i][0]);
    if (strncmp(path, pairs[i][0], size) != 0 || (path[size] && path[size] != '/'))
      continue;
    strcat(strcpy(fresh, pairs[i][1]), path + size);
    fresh[DISK_PATH_MAX - 1] = 0;
    strcpy(path, fresh);
    return;
  }
}

static int apply(memory *m, names *in, const change *c) {
  for (size_t i = 0; !c->node && i < in->count; i++)
    exchange_path(in->entries[i].path, c->removed, c->added);
  if (!c->node)
    return 0;
  if (*c->removed)
    drop_name(m, in, c->removed);
  return *c->added ? set_name(m, in, c->added, c->node) : 0;
}

static change *add_change(memory *m, const char *removed, const char *added) {
  change *c, *changes = disk_image_grown(m->changes, &m->change_room, m->change_count + 1,
                                         sizeof *c);
  if (!changes)
    return NULL;
  m->changes = changes;
  c = &changes[m->change_count];
  strcpy(c->removed, removed);
  strcpy(c->added, added);
  c->node = NULL;
  return c;
}

int disk_image_exchange(memory *m, const char *one, const char *other, int forgotten) {
  const change *c = add_change(m, one, other);
  if (!c)
    return -ENOMEM;
  apply(m, &m->now, c);
  m->change_count += !forgotten;
  return 0;
}

int disk_image_change(memory *m, const char *removed, const char *added, node *n,
                      int forgotten) {
  change *c = add_change(m, removed, added);
  if (!c)
    return -ENOMEM;
  c->node = n;
  n->references += 2; /* one for the change, one while it is applied */
  apply(m, &m->now, c);
  m->change_count++;
  disk_image_release(m, n);
  if (!forgotten)
    return 0;
  m->change_count--;
  disk_image_release(m, n);
  return 0;
}

static int concerns(const change *c, const char *folder) {
  const char *paths[2] = {c->removed, c->added};
  size_t size = strlen(folder);
  if (size == 1 && (*folder == '.' || *folder == '/'))
    size = 0;
  for (int i = 0; i < 2; i++)
    if (*paths[i] && disk_image_folder_size(paths[i]) == size &&
        strncmp(paths[i], folder, size) == 0)
      return 1;
  return 0;
}

/* The first COUNT changes wait still, in folders that are called otherwise by C. */
static void rename_waiting(memory *m, size_t count, const change *c) {
  for (size_t i = 0; i < count; i++) {
    exchange_path(m->changes[i].removed, c->removed, c->added);
    exchange_path(m->changes[i].added, c->removed, c->added);
  }
}

int disk_image_sync_folder(memory *m, const char *folder) {
  size_t kept = 0;
  for (size_t i = 0; i < m->change_count; i++) {
    if (!concerns(&m->changes[i], folder)) {
      m->changes[kept++] = m->changes[i];
      continue;
    }
    if (apply(m, &m->durable, &m->changes[i]) < 0)
      return -ENOMEM;
    if (m->changes[i].node)
      disk_image_release(m, m->changes[i].node);
    else
      rename_waiting(m, kept, &m->changes[i]);
  }
  m->change_count = kept;
  return 0;
}

/* ---- the power cut ---- */

static size_t surviving_size(uint64_t *seed, const node *n) {
  size_t a = n->durable.size, b = n->now.size;
  switch (disk_image_draw(seed, 3)) {
  case 0:
    return a;
  case 1:
    return b;
  default:
    return b > a ? a + (size_t)disk_image_draw(seed, b - a + 1) : a;
  }
}

/* What a cut leaves of a file: nothing unsynced, all of it, a beginning, or sectors by
 * chance. */
static int survive(uint64_t *seed, const node *old, node *fresh) {
  uint64_t manner = disk_image_draw(seed, 4);
  size_t size = manner == 0   ? old->durable.size
                : manner == 1 ? old->now.size
                              : surviving_size(seed, old);
  size_t kept = old->durable.size < size ? old->durable.size : size;
  if (disk_image_reserve(fresh, size) < 0)
    return -ENOMEM;
  if (kept)
    memcpy(fresh->now.bytes, old->durable.bytes, kept);
  fresh->now.size = size;
  for (size_t i = 0; manner > 0 && i < disk_image_sectors(old->now.room); i++) {
    size_t from = i * SECTOR, to = from + SECTOR < size ? from + SECTOR : size;
    if (!old->dirty[i] || (manner == 3 && disk_image_draw(seed, 2)))
      continue;
    if (to > old->now.size)
      to = old->now.size;
    if (from < to)
      memcpy(fresh->now.bytes + from, old->now.bytes + from, to - from);
  }
  if (size)
    disk_image_mark(fresh, 0, size);
  return disk_image_write_back(NULL, fresh, 4);
}

/* The names on the disk, and of the changes on their way none, all, the first, or some.
 */
static int surviving_names(memory *m, uint64_t *seed, names *left) {
  uint64_t manner = disk_image_draw(seed, 4),
           first = disk_image_draw(seed, m->change_count + 1);
  int status = 0;
  for (size_t i = 0; status == 0 && i < m->durable.count; i++)
    status = set_name(m, left, m->durable.entries[i].path, m->durable.entries[i].node);
  for (size_t i = 0; status == 0 && i < m->change_count; i++)
    if (manner == 1 || (manner == 2 && i < first) ||
        (manner == 3 && disk_image_draw(seed, 2)))
      status = apply(m, left, &m->changes[i]);
  return status;
}

/* A name in a folder that was lost is lost with it. */
static int reachable(const names *left, const char *path) {
  char folder[DISK_PATH_MAX] = {0};
  const entry *e;
  memcpy(folder, path, disk_image_folder_size(path));
  e = disk_image_find(left, folder);
  return !*folder || (e && e->node->directory);
}

static int copy_survivor(memory *fresh, const entry *e, uint64_t *seed) {
  node *n = disk_image_new(fresh, e->node->directory, e->node->mode);
  if (!n || set_name(fresh, &fresh->now, e->path, n) < 0)
    return -ENOMEM;
  if (set_name(fresh, &fresh->durable, e->path, n) < 0)
    return -ENOMEM;
  n->number = e->node->number;
  n->changed = e->node->changed;
  return survive(seed, e->node, n);
}

static void drop_last(memory *m, names *in) {
  disk_image_release(m, in->entries[--in->count].node);
}

disk *disk_memory_crash(disk *d, uint64_t seed) {
  memory *m = (memory *)d, *fresh = (memory *)disk_memory(seed);
  names left = {0};
  int status = fresh ? surviving_names(m, &seed, &left) : -ENOMEM;
  if (fresh)
    fresh->ticks = m->ticks; /* a file made now is none of those that were */
  for (size_t i = 0; status == 0 && i < left.count; i++)
    if (reachable(&left, left.entries[i].path))
      status = copy_survivor(fresh, &left.entries[i], &seed);
  while (left.count)
    drop_last(m, &left);
  free(left.entries);
  if (status == 0)
    return &fresh->base;
  if (fresh)
    fresh->base.operations->free(&fresh->base);
  return NULL;
}
