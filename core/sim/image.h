/* image.h - what the disk in memory is made of: files and names, now and after a
 * power cut. */
#ifndef SIM_IMAGE_H
#define SIM_IMAGE_H

#include "disk/disk.h"

/* Files in memory: each name and each 512 bytes of content
 * are there as seen now and as a power cut would leave them. */
typedef enum {
  DISK_FAIL,  /* the error, nothing done; of a sync: what was dirty never gets to the disk
               */
  DISK_TEAR,  /* the error, a part done */
  DISK_SHORT, /* a write that writes a part and says so */
  DISK_FORGET, /* success, seen until the power cut, never on the disk */
  DISK_OFF     /* the power goes: done or not, this and everything later fails */
} disk_effect;

disk *disk_memory(uint64_t seed);
/* The NTHth operation of KIND from now (1 = the next; DISK_KIND_COUNT: of any kind that
 * changes the disk) has EFFECT, with errno ERR. At most 16 wait at a time: -ENOSPC. */
int disk_memory_inject(disk *d, disk_kind kind, int64_t nth, disk_effect effect, int err);
/* A disk as after a power cut: what was not synced is kept, lost or torn by SEED. */
disk *disk_memory_crash(disk *d, uint64_t seed);
/* At most BYTES of content from now on (ENOSPC beyond); 0: no limit. */
void disk_memory_limit(disk *d, int64_t bytes);
int disk_is_memory(const disk *d);

#define SECTOR 512 /* what a disk writes whole or not at all */
#define FAULTS_MAX 16

typedef struct {
  unsigned char *bytes;
  size_t size, room; /* the bytes from size to room are zero */
} image;

/* A file or folder. Contents as seen now and as on the disk; dirty: a byte a sector, set
 * while the sector waits for a sync. A failed sync clears it and writes nothing, as Linux
 * does. */
typedef struct node {
  struct node *next;
  image now, durable;
  unsigned char *dirty;
  int64_t number, changed;
  int references, directory, mode, locked;
} node;

typedef struct {
  node *node; /* NULL: not in use */
  int writable;
} handle;

typedef struct {
  char path[DISK_PATH_MAX];
  node *node;
} entry;

typedef struct {
  entry *entries;
  size_t count, room;
} names;

/* A change of names that no sync_directory has made durable: REMOVED goes, ADDED comes.
 * Or, without a node, the two are exchanged with all beneath them; one may be missing. */
typedef struct {
  char removed[DISK_PATH_MAX], added[DISK_PATH_MAX];
  node *node;
} change;

typedef struct {
  disk_kind kind;
  disk_effect effect;
  int64_t left;
  int err;
} fault;

typedef struct {
  disk base;
  node *nodes;
  names now, durable;
  change *changes;
  size_t change_count, change_room;
  handle *files; /* by number */
  size_t file_room;
  fault faults[FAULTS_MAX];
  uint64_t random;
  int64_t limit, ticks;
  int off; /* errno of everything once the power is gone */
} memory;

uint64_t disk_image_draw(uint64_t *state, uint64_t n); /* 0 to n - 1 */
void *disk_image_grown(void *array, size_t *room, size_t needed, size_t size);
size_t disk_image_sectors(size_t size);

/* Room for SIZE bytes of contents; the bytes past the present size are zero. */
int disk_image_reserve(node *n, size_t size);
void disk_image_mark(node *n, size_t from,
                     size_t to); /* bytes: their sectors are dirty */
/* Of 4 dirty sectors CHANCE get to the disk; none is dirty afterwards. */
int disk_image_write_back(memory *m, node *n, unsigned chance);

node *disk_image_new(memory *m, int directory, int mode);
void disk_image_release(memory *m, node *n);
entry *disk_image_find(const names *in, const char *path);
size_t disk_image_folder_size(const char *path); /* bytes of PATH before its last slash */
int disk_image_is_folder(const memory *m, const char *path, size_t size);
/* Makes the change now; the disk learns it later, or never when FORGOTTEN. */
int disk_image_change(memory *m, const char *removed, const char *added, node *n,
                      int forgotten);
/* Exchanges ONE and OTHER, and all beneath them, in the same way. */
int disk_image_exchange(memory *m, const char *one, const char *other, int forgotten);
/* Makes the changes of names in FOLDER durable. */
int disk_image_sync_folder(memory *m, const char *folder);

#endif
