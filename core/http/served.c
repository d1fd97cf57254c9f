/* served.c - which blocks the gateway may give and where they lie: a locked table. No
 * HTTP, no Lua. */
#include "core.h"
#include "crypto/crypto.h"
#include "served_inside.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NODE UINT32_C(0x80000000) /* in a slot's index: an inner node */
#define SLOTS 64                  /* of the first table */

struct slot {
  uint32_t file; /* place in the array + 1; 0 = free */
  uint32_t index;
  uint32_t hash; /* the digest's first bytes: moving a slot touches no file */
};
typedef struct slot slot;

/* -- one file -- */

static void served_file_free(served_entry *f) {
  if (!f)
    return;
  free(f->folder);
  free(f->name);
  free(f->leaves);
  free(f->nodes);
  free(f->node_sizes);
  free(f->verified);
  served_checkpoint_free(f);
  free(f);
}

static int64_t count_nodes(int64_t leaves) {
  int64_t all = 0;
  while (leaves > 1) {
    leaves = (leaves + UNIXFS_LINKS - 1) / UNIXFS_LINKS;
    all += leaves;
  }
  return all;
}

static int note_node(void *context, const uint8_t cid[CID_SIZE], const uint8_t *bytes,
                     size_t size) {
  served_entry *f = context;
  (void)bytes;
  memcpy(f->nodes + f->node_count * 32, cid + 4, 32);
  f->node_sizes[f->node_count++] = (uint32_t)size;
  return 0;
}

static int visit_nodes(const served_entry *f, unixfs_visit *visit, void *context,
                       uint8_t *cid) {
  void *scratch = malloc(unixfs_scratch_size(f->identity.size));
  int result =
      scratch ? unixfs_nodes(f->identity.size, f->leaves, scratch, visit, context, cid)
              : -1;
  free(scratch);
  return result;
}

static int allocate(served_entry *f, const served_file *file) {
  int64_t nodes = file->sizes ? 2 : count_nodes(f->leaf_count);
  f->folder = strdup(file->folder);
  f->name = strdup(file->name);
  f->leaves = malloc(f->leaf_count * 32);
  f->nodes = malloc(nodes * 32 + 1);
  f->node_sizes = malloc(nodes * sizeof *f->node_sizes + 1);
  f->verified = calloc(1, f->leaf_count / 8 + 1);
  return f->folder && f->name && f->leaves && f->nodes && f->node_sizes && f->verified;
}

static int served_file_new(const served_file *file, served_entry **made) {
  uint8_t cid[CID_SIZE];
  served_entry *f = calloc(1, sizeof *f);
  int err = -ENOMEM;
  *made = f;
  if (!f)
    return err;
  f->uses = 1;
  f->identity = file->identity;
  f->class = file->class;
  memcpy(f->cid, file->cid, sizeof f->cid);
  f->leaf_count = file->sizes ? file->leaf_count : unixfs_leaf_count(file->identity.size);
  if (allocate(f, file)) {
    memcpy(f->leaves, file->leaves, f->leaf_count * 32);
    if (file->sizes)
      err = served_checkpoint_fill(f, file);
    else if (visit_nodes(f, note_node, f, cid) == 0)
      err = memcmp(cid, f->cid, sizeof cid) ? -EINVAL : 0;
  }
  if (err)
    served_file_free(f);
  return err;
}

static const uint8_t *digest_at(const served_entry *f, uint32_t index) {
  return index & NODE ? f->nodes + (index & ~NODE) * 32 : f->leaves + (size_t)index * 32;
}

/* -- the table -- */

static uint32_t hash_of(const uint8_t *digest) {
  uint32_t hash;
  memcpy(&hash, digest, sizeof hash);
  return hash;
}

static size_t after(const served *o, size_t at) {
  return (at + 1) & (o->slot_count - 1);
}

static size_t home(const served *o, uint32_t hash) {
  return hash & (o->slot_count - 1);
}

/* The first slot with that digest and kind, of FILE (place + 1) or, where that is 0, of
 * any file that goes as far as REACH; a free one where there is none. */
static slot *find(const served *o, const uint8_t *digest, uint32_t kind, uint32_t file,
                  served_class reach) {
  uint32_t hash = hash_of(digest);
  for (size_t at = home(o, hash);; at = after(o, at)) {
    slot *s = &o->slots[at];
    if (!s->file)
      return s;
    if (s->hash == hash && (s->index & NODE) == kind &&
        (file ? s->file == file : o->files[s->file - 1]->class <= reach) &&
        !memcmp(digest_at(o->files[s->file - 1], s->index), digest, 32))
      return s;
  }
}

/* Equal blocks of one file (a sparse one's zeros) share a slot; each file has its own, so
 * that one can go without a look at the others. */
static void insert(served *o, uint32_t place, uint32_t index) {
  const uint8_t *digest = digest_at(o->files[place], index);
  slot *s = find(o, digest, index & NODE, place + 1, SERVED_LAB);
  if (s->file)
    return;
  *s = (slot){place + 1, index, hash_of(digest)};
  o->used++;
}

/* Moves back what stood behind the hole because of it (Knuth 3, 6.4, algorithm R). */
static void clear(served *o, slot *s) {
  size_t hole = (size_t)(s - o->slots);
  for (size_t at = after(o, hole); o->slots[at].file; at = after(o, at)) {
    size_t from_home = (at - home(o, o->slots[at].hash)) & (o->slot_count - 1);
    if (from_home < ((at - hole) & (o->slot_count - 1)))
      continue;
    o->slots[hole] = o->slots[at];
    hole = at;
  }
  o->slots[hole] = (slot){0};
  o->used--;
}

static void take_out(served *o, uint32_t place, uint32_t index) {
  slot *s =
      find(o, digest_at(o->files[place], index), index & NODE, place + 1, SERVED_LAB);
  if (s->file)
    clear(o, s);
}

/* A run of equal leaves is one block. */
static void each_block(served *o, uint32_t place,
                       void (*act)(served *, uint32_t, uint32_t)) {
  const served_entry *f = o->files[place];
  for (int64_t i = 0; i < f->leaf_count; i++)
    if (i == 0 || memcmp(f->leaves + (i - 1) * 32, f->leaves + i * 32, 32))
      act(o, place, (uint32_t)i);
  for (int64_t i = 0; i < f->node_count; i++)
    act(o, place, (uint32_t)i | NODE);
}

/* A table with room for MORE blocks; the old one stays when there is no memory. */
static int grow(served *o, size_t more) {
  served grown = {.slot_count = SLOTS};
  while (grown.slot_count * 3 < (o->used + more) * 4)
    grown.slot_count *= 2;
  grown.slots = calloc(grown.slot_count, sizeof *grown.slots);
  if (!grown.slots)
    return -ENOMEM;
  for (size_t i = 0; i < o->slot_count; i++) {
    size_t at = home(&grown, o->slots[i].hash);
    if (!o->slots[i].file)
      continue;
    while (grown.slots[at].file)
      at = after(&grown, at);
    grown.slots[at] = o->slots[i];
  }
  free(o->slots);
  o->slots = grown.slots;
  o->slot_count = grown.slot_count;
  return 0;
}

static int make_room(served *o, size_t more) {
  if (o->count == o->top && o->top == o->room) {
    uint32_t room = o->room ? o->room * 2 : 16;
    served_entry **files = realloc(o->files, room * sizeof *files);
    if (!files)
      return -ENOMEM;
    o->files = files;
    o->room = room;
  }
  return o->slot_count * 3 < (o->used + more) * 4 ? grow(o, more) : 0;
}

/* A file keeps its place as long as it is served, since its slots name it. */
static uint32_t free_place(served *o) {
  uint32_t place = 0;
  if (o->count == o->top)
    return o->top++;
  while (o->files[place])
    place++;
  return place;
}

void served_drop(served_entry *f) {
  if (--f->uses == 0)
    served_file_free(f);
}

int64_t served_root(served *o, const uint8_t cid[CID_SIZE]) {
  for (uint32_t i = 0; i < o->top; i++)
    if (o->files[i] && !memcmp(o->files[i]->cid, cid, CID_SIZE))
      return i;
  return -1;
}

/* -- what others call -- */

served *served_new(void) {
  served *o = calloc(1, sizeof *o);
  if (o && grow(o, 0) < 0) {
    free(o);
    return NULL;
  }
  if (o)
    pthread_mutex_init(&o->lock, NULL);
  return o;
}

void served_free(served *o) {
  if (!o)
    return;
  for (uint32_t i = 0; i < o->top; i++)
    if (o->files[i])
      served_drop(o->files[i]);
  pthread_mutex_destroy(&o->lock);
  free(o->files);
  free(o->slots);
  free(o);
}

int served_put(served *o, const served_file *file) {
  served_entry *f;
  int64_t place;
  int err = served_file_new(file, &f);
  if (err)
    return err;
  pthread_mutex_lock(&o->lock);
  place = served_root(o, f->cid);
  if (place >= 0) { /* the same root has the same blocks at the same indices */
    served_drop(o->files[place]);
    o->files[place] = f;
    f->place = place;
  } else if ((err = make_room(o, f->leaf_count + f->node_count)) == 0) {
    place = free_place(o);
    o->files[place] = f;
    f->place = place;
    o->count++;
    each_block(o, (uint32_t)place, insert);
  } else {
    served_file_free(f);
  }
  pthread_mutex_unlock(&o->lock);
  return err;
}

int served_withdraw(served *o, const uint8_t cid[CID_SIZE]) {
  int64_t place;
  pthread_mutex_lock(&o->lock);
  place = served_root(o, cid);
  if (place >= 0) {
    each_block(o, (uint32_t)place, take_out);
    served_drop(o->files[place]);
    o->files[place] = NULL;
    o->count--;
  }
  pthread_mutex_unlock(&o->lock);
  return place >= 0;
}

void served_name(served *o, const uint8_t cid[CID_SIZE], char *out, size_t room) {
  int64_t place;
  const char *slash;
  *out = '\0';
  pthread_mutex_lock(&o->lock);
  place = served_root(o, cid);
  if (place >= 0 && !o->files[place]->checkpoint) {
    slash = strrchr(o->files[place]->name, '/');
    snprintf(out, room, "%s", slash ? slash + 1 : o->files[place]->name);
  }
  pthread_mutex_unlock(&o->lock);
}

int64_t served_count(served *o) {
  int64_t count;
  pthread_mutex_lock(&o->lock);
  count = o->count;
  pthread_mutex_unlock(&o->lock);
  return count;
}

size_t served_suspects(served *o, uint8_t (*cids)[CID_SIZE], size_t most) {
  size_t count = 0;
  pthread_mutex_lock(&o->lock);
  for (uint32_t i = 0; i < o->top && count < most; i++) {
    if (!o->files[i] || !o->files[i]->suspect)
      continue;
    o->files[i]->suspect = 0;
    memcpy(cids[count++], o->files[i]->cid, CID_SIZE);
  }
  pthread_mutex_unlock(&o->lock);
  return count;
}

int64_t served_block_size(const served_entry *f, int is_node, int64_t index) {
  if (is_node)
    return f->node_sizes[index];
  if (f->checkpoint)
    return f->sizes[index];
  if (index + 1 < f->leaf_count)
    return UNIXFS_CHUNK;
  return f->identity.size - (f->leaf_count - 1) * UNIXFS_CHUNK;
}

int served_find(served *o, const uint8_t cid[CID_SIZE], served_class reach,
                served_block *block) {
  uint32_t kind = cid[1] == CID_RAW ? 0 : NODE;
  int found;
  pthread_mutex_lock(&o->lock);
  const slot *s = find(o, cid + 4, kind, 0, reach);
  found = s->file != 0;
  if (found) {
    block->of = o->files[s->file - 1];
    block->of->uses++;
    block->index = s->index & ~NODE;
    block->size = served_block_size(block->of, kind == NODE, block->index);
    memcpy(block->cid, cid, CID_SIZE);
  }
  pthread_mutex_unlock(&o->lock);
  return found;
}

void served_release(served *o, served_block *block) {
  pthread_mutex_lock(&o->lock);
  served_drop(block->of);
  pthread_mutex_unlock(&o->lock);
  block->of = NULL;
}

/* -- reading -- */

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* The digests of a node's children lie together: leaves, or the nodes of the level below.
 */
static void read_node(const served_block *block, uint8_t *out) {
  const served_entry *f = block->of;
  if (f->checkpoint) {
    served_checkpoint_node(f, block->index, out);
    return;
  }
  int64_t lower = (f->leaf_count + UNIXFS_LINKS - 1) / UNIXFS_LINKS, size;
  int height = block->index < lower ? 1 : 2;
  int64_t at = height == 1 ? block->index * unixfs_span(1) : 0;
  size = least(f->identity.size - at, unixfs_span(height));
  unixfs_node(size, height,
              height == 1 ? f->leaves + block->index * UNIXFS_LINKS * 32 : f->nodes, out);
}

static int is_verified(served *o, const served_block *block) {
  int bit;
  pthread_mutex_lock(&o->lock);
  bit = block->of->verified[block->index / 8] >> block->index % 8 & 1;
  pthread_mutex_unlock(&o->lock);
  return bit;
}

static void set_verified(served *o, const served_block *block) {
  pthread_mutex_lock(&o->lock);
  block->of->verified[block->index / 8] |= (uint8_t)(1 << block->index % 8);
  pthread_mutex_unlock(&o->lock);
}

/* SAME: the file has been, from before reading to after it, the one whose leaves were
 * hashed. */
static const char *check_leaf(served *o, const served_block *block, const uint8_t *out,
                              int same) {
  uint8_t digest[32];
  if (same && is_verified(o, block))
    return NULL;
  if (hash_sha256(out, (size_t)block->size, digest) < 0)
    return "ENOMEM";
  if (memcmp(digest, block->cid + 4, 32))
    return same ? "block" : "moved";
  if (same)
    set_verified(o, block);
  return NULL;
}

static int read_leaf(served *o, const served_block *block, uint8_t *out,
                     const char **word) {
  const served_entry *f = block->of;
  int is_first = f->checkpoint && block->index == 0;
  const file_identity *hashed = is_first ? &f->first_identity : &f->identity;
  int64_t at = f->checkpoint ? f->starts[block->index] : block->index * UNIXFS_CHUNK;
  file_identity before, after;
  int fd, same;
  *word = NULL;
  fd = safe_open(f->folder, is_first ? f->first : f->name, &before, word);
  if (fd < 0) {
    if (!*word)
      *word = errno == ENOENT ? "missing" : core_errno_name(errno);
    return -1;
  }
  *word = file_read(fd, out, (size_t)block->size, at);
  same = file_same(&before, hashed) && file_identify(fd, &after) == 0 &&
         file_same(&after, hashed);
  close(fd);
  if (!*word)
    *word = check_leaf(o, block, out, same);
  return *word ? -1 : 0;
}

int served_read(served *o, const served_block *block, uint8_t *out, const char **word) {
  if (block->cid[1] == CID_RAW) {
    if (read_leaf(o, block, out, word) == 0)
      return 0;
    pthread_mutex_lock(&o->lock);
    block->of->suspect = 1;
    pthread_mutex_unlock(&o->lock);
    return -1;
  }
  read_node(block, out);
  return 0;
}
