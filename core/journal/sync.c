/* sync.c - a flush on a worker's thread: what it takes along, does there and
 * brings back. The thread sees copies, never the journal. */
#include "journal.h"
#include "worker/worker.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One segment of a flight: COVER bytes of its tail, of which the first have been written
 * before; the other SIZE are in BYTES. */
typedef struct {
  int64_t number, offset;
  size_t cover, size;
  char *bytes, path[DISK_PATH_MAX];
  int file;           /* of its own; -1: to be opened */
  int created, named; /* as in the segment, and set by the thread */
  int wrote, synced;  /* set by the thread */
} leg;

struct journal_flight {
  worker_job job;
  journal *journal; /* NULL once it is taken in; not for the thread */
  disk *disk;
  char folder[DISK_PATH_MAX], reserve_path[DISK_PATH_MAX];
  leg *legs; /* by rising number: a segment is synced before the next one begins */
  size_t count;
  int64_t mark, reserve; /* lines appended when it began; bytes of a reserve to be made */
  int folder_dirty, has_reserve, ran, status;
};

/* ---- on the thread ---- */

static int fly_leg(journal_flight *f, leg *l) {
  int status;
  if (l->file < 0)
    l->file =
        disk_open(f->disk, l->path, l->created ? DISK_OPEN_WRITE : DISK_OPEN_NEW, 0600);
  if (l->file < 0)
    return l->file;
  l->created = 1;
  status = disk_write(f->disk, l->file, l->bytes, l->size, l->offset);
  if (status < 0)
    return status;
  l->wrote = 1;
  status = disk_sync(f->disk, l->file);
  if (status == 0 && !l->named)
    status = disk_sync_directory(f->disk, f->folder);
  l->synced = status == 0;
  return status;
}

/* Room for a full disk, given back by what was removed. Its failure harms no line. */
static void make_reserve(journal_flight *f) {
  char *zeros = calloc(1, (size_t)f->reserve);
  f->has_reserve = zeros && disk_replace(f->disk, f->reserve_path, zeros,
                                         (size_t)f->reserve, 0600) == 0;
  free(zeros);
}

static void fly(worker_job *job) {
  journal_flight *f = (journal_flight *)job;
  f->ran = 1;
  for (size_t i = 0; f->status == 0 && i < f->count; i++)
    f->status = fly_leg(f, &f->legs[i]);
  if (f->status == 0 && f->folder_dirty)
    f->folder_dirty = disk_sync_directory(f->disk, f->folder) < 0;
  if (f->status == 0 && f->reserve > 0)
    make_reserve(f);
}

/* ---- before ---- */

static int pack_leg(journal_flight *f, const segment *s) {
  const journal *j = f->journal;
  char name[80];
  leg *l = &f->legs[f->count];
  l->bytes = malloc(s->tail_size - s->written + 1);
  if (!l->bytes)
    return -ENOMEM;
  f->count++;
  journal_file_name(j, s, name, sizeof name);
  journal_path(j, name, l->path);
  l->number = s->number;
  l->cover = s->tail_size;
  l->size = s->tail_size - s->written;
  l->offset = s->synced + (int64_t)s->written;
  memcpy(l->bytes, s->tail + s->written, l->size);
  l->created = s->created;
  l->named = s->named;
  /* The same open file, if it is open: a failure to write back what was written before is
   * told to that one. Where there is no number left, the thread opens it by its name. */
  l->file = s->file < 0 ? -1 : disk_duplicate(j->disk, s->file);
  return 0;
}

static int pack(journal_flight *f, journal *j) {
  int status = 0;
  f->journal = j;
  f->disk = j->disk;
  strcpy(f->folder, j->folder);
  journal_reserve_path(j, f->reserve_path);
  f->mark = j->appended;
  f->folder_dirty = j->folder_dirty;
  f->reserve = j->folder_dirty && !j->has_reserve ? j->reserve : 0;
  f->legs = calloc(j->count + 1, sizeof *f->legs);
  if (!f->legs)
    return -ENOMEM;
  for (size_t i = 0; status == 0 && i < j->count; i++)
    if (j->segments[i].tail_size)
      status = pack_leg(f, &j->segments[i]);
  return status;
}

static void take_off(journal_flight *f) {
  journal *j = f->journal;
  j->flight = f;
  for (size_t i = 0; i < f->count; i++)
    journal_find(j, f->legs[i].number)->flying = 1;
}

/* ---- after ---- */

static void take_in_leg(journal *j, leg *l, int status) {
  segment *s = journal_find(j, l->number);
  s->created = l->created;
  if (s->file < 0 && l->file >= 0) {
    s->file = l->file;
    l->file = -1;
    j->opened_files++;
  }
  if (l->wrote && s->written < l->cover)
    s->written = l->cover;
  if (l->synced) {
    journal_mark_synced(s, l->cover);
    return;
  }
  if (!l->wrote && journal_is_full(status) && journal_use_reserve(j))
    return;
  journal_refused(j, l->number, status, l->wrote);
}

/* The thread is done with it. On the loop's thread, once. */
static void take_in(journal_flight *f) {
  journal *j = f->journal;
  size_t flown = 0;
  f->journal = NULL;
  if (!j || j->flight != f)
    return;
  j->flight = NULL;
  for (size_t i = 0; i < f->count; i++)
    journal_find(j, f->legs[i].number)->flying = 0;
  if (!f->ran)
    return;
  while (flown < f->count && f->legs[flown].synced)
    take_in_leg(j, &f->legs[flown++], 0);
  if (f->status < 0) {
    take_in_leg(j, &f->legs[flown], f->status);
    return;
  }
  j->covered = f->mark;
  j->folder_dirty = j->folder_dirty && f->folder_dirty;
  j->has_reserve |= f->has_reserve;
  if (j->failed_syncs)
    journal_trim(j);
}

void journal_land(journal *j) {
  if (!j->flight)
    return;
  worker_job_end(&j->flight->job);
  take_in(j->flight);
}

int64_t journal_flying(const journal *j) {
  int64_t sum = 0;
  for (size_t i = 0; j->flight && i < j->flight->count; i++)
    sum += (int64_t)j->flight->legs[i].cover;
  return sum;
}

static void release(worker_job *job) {
  journal_flight *f = (journal_flight *)job;
  take_in(f);
  for (size_t i = 0; i < f->count; i++) {
    if (f->legs[i].file >= 0)
      disk_close(f->disk, f->legs[i].file);
    free(f->legs[i].bytes);
  }
  free(f->legs);
  f->legs = NULL;
  f->count = 0;
}

/* ---- Lua ---- */

static void finish(lua_State *L, worker_job *job) {
  journal_flight *f = (journal_flight *)job;
  take_in(f);
  if (!f->ran)
    core_fail(L, "closed", "%s: the sync was not begun", f->folder);
  else if (f->status < 0)
    core_fail_errno(L, -f->status, f->folder);
  else
    return;
  lua_setfield(L, -4, "word");
  lua_setfield(L, -3, "error");
  lua_pop(L, 1);
}

/* sync(pool, journal[, done]) -> job | nil, text, word: all that waits in memory goes to
 * the disk, on the pool's thread; meanwhile lines are appended and read. Its result has
 * error and word when that failed: then nothing is forgotten, the next sync tries again.
 * One at a time: "full". A disk in memory is for inline pools only. */
int journal_lua_sync(lua_State *L) {
  journal *j = luaL_checkudata(L, 2, JOURNAL_CLASS);
  journal_flight *f;
  int status;
  lua_settop(L, 3);
  luaL_argcheck(L, j->disk, 2, "the journal is closed");
  if (j->flight)
    return core_fail(L, "full", "%s: a sync runs already", j->folder);
  f = (journal_flight *)worker_job_new(L, sizeof *f);
  lua_pushvalue(L, 2); /* the journal lives as long as its flight */
  lua_setiuservalue(L, -2, 1);
  f->job.run = fly;
  f->job.finish = finish;
  f->job.release = release;
  status = pack(f, j);
  if (status < 0)
    return journal_lua_fail(L, j, status);
  if (worker_submit(L, 1, 4, 3) == 1)
    take_off(f);
  else
    return 3;
  return 1;
}
