/* flush.c - what waits in memory goes to the disk. A job takes copies of it
 * along, writes and syncs them on a worker's thread or at once, and the journal takes in
 * what came of it. There is no other way to the disk for a line. */
#include "journal.h"
#include "worker/worker.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 2 /* of a flush that somebody waits for; the second in a new segment */

/* The tail of one segment. FILE is a number of its own for the open file, or -1: the job
 * opens it by its name. */
typedef struct {
  int64_t number, offset;
  size_t size;
  char *bytes, path[DISK_PATH_MAX];
  int file;
  int created, named; /* as in the segment, and set by the job */
  int wrote, synced;  /* set by the job */
} segment_write;

struct flush_job {
  worker_job job;
  journal *journal; /* NULL once the job was taken in; the thread does not look at it */
  disk *disk;
  char folder[DISK_PATH_MAX], reserve_path[DISK_PATH_MAX];
  segment_write *writes; /* by rising number: one is synced before the next one begins */
  size_t count;
  int64_t mark, reserve; /* lines appended when it began; bytes of a reserve to be made */
  int folder_dirty, has_reserve, ran, status;
};

/* ---- what the job does, on whatever thread ---- */

static int open_file(const flush_job *f, segment_write *w) {
  if (w->file < 0)
    w->file =
        disk_open(f->disk, w->path, w->created ? DISK_OPEN_WRITE : DISK_OPEN_NEW, 0600);
  if (w->file < 0)
    return w->file;
  w->created = 1;
  return 0;
}

/* The reserve is room kept back for a full disk, so that even then a dismissal can be
 * written. */
static int write_bytes(flush_job *f, segment_write *w) {
  int status = disk_write(f->disk, w->file, w->bytes, w->size, w->offset);
  if (!journal_is_full(status) || !f->has_reserve)
    return status;
  f->has_reserve = 0;
  if (disk_unlink(f->disk, f->reserve_path) < 0)
    return status;
  return disk_write(f->disk, w->file, w->bytes, w->size, w->offset);
}

static int run_write(flush_job *f, segment_write *w) {
  int status = open_file(f, w);
  if (status == 0)
    status = write_bytes(f, w);
  if (status < 0)
    return status;
  w->wrote = 1;
  status = disk_sync(f->disk, w->file);
  if (status == 0 && !w->named)
    status = disk_sync_directory(f->disk, f->folder);
  w->synced = status == 0;
  return status;
}

/* Its failure harms no line. */
static void make_reserve(flush_job *f) {
  char *zeros = calloc(1, (size_t)f->reserve);
  f->has_reserve = zeros && disk_replace(f->disk, f->reserve_path, zeros,
                                         (size_t)f->reserve, 0600) == 0;
  free(zeros);
}

static void run(worker_job *job) {
  flush_job *f = (flush_job *)job;
  f->ran = 1;
  for (size_t i = 0; f->status == 0 && i < f->count; i++)
    f->status = run_write(f, &f->writes[i]);
  if (f->status == 0 && f->folder_dirty)
    f->status = disk_sync_directory(f->disk, f->folder);
  if (f->status < 0 || !f->folder_dirty)
    return;
  f->folder_dirty = 0;
  if (!f->has_reserve && f->reserve > 0)
    make_reserve(f);
}

/* ---- before: copies ---- */

static int pack_write(flush_job *f, const segment *s) {
  segment_write *w = &f->writes[f->count];
  w->bytes = malloc(s->tail_size);
  if (!w->bytes)
    return -ENOMEM;
  f->count++;
  journal_segment_path(f->journal, s, w->path);
  w->number = s->number;
  w->size = s->tail_size;
  w->offset = s->synced;
  memcpy(w->bytes, s->tail, w->size);
  w->created = s->created;
  w->named = s->named;
  /* The same open file, if it is open: the kernel tells that one of a failure to write
   * back. */
  w->file = s->file < 0 ? -1 : disk_duplicate(f->disk, s->file);
  return 0;
}

static int pack(flush_job *f, journal *j) {
  int status = 0;
  f->journal = j;
  f->disk = j->disk;
  strcpy(f->folder, j->folder);
  journal_path(j, "reserve", f->reserve_path);
  f->mark = j->appended;
  f->folder_dirty = j->folder_dirty;
  f->has_reserve = j->has_reserve;
  f->reserve = j->reserve;
  f->writes = calloc(j->count + 1, sizeof *f->writes);
  if (!f->writes)
    return -ENOMEM;
  for (size_t i = 0; status == 0 && i < j->count; i++)
    if (j->segments[i].tail_size)
      status = pack_write(f, &j->segments[i]);
  return status;
}

static void begin(flush_job *f) {
  journal *j = f->journal;
  j->flush_job = f;
  j->folder_dirty = 0; /* what goes from here on is for the next one */
  for (size_t i = 0; i < f->count; i++)
    journal_find(j, f->writes[i].number)->in_flush = 1;
}

/* ---- after: what it brought, on the loop's thread ---- */

static void take_in_write(journal *j, segment_write *w, int status) {
  segment *s = journal_find(j, w->number);
  s->created = w->created;
  if (s->file < 0 && w->file >= 0) {
    s->file = w->file;
    w->file = -1;
    j->opened_files++;
  }
  if (w->synced)
    journal_mark_synced(s, w->size);
  else
    journal_refused(j, w->number, status, w->wrote);
}

static void take_in_writes(journal *j, flush_job *f) {
  size_t i = 0;
  while (i < f->count && f->writes[i].synced)
    take_in_write(j, &f->writes[i++], 0);
  if (i < f->count)
    take_in_write(j, &f->writes[i], f->status);
}

/* Once, when nothing of it runs any more. */
static void take_in(flush_job *f) {
  journal *j = f->journal;
  f->journal = NULL;
  if (!j || j->flush_job != f)
    return;
  j->flush_job = NULL;
  for (size_t i = 0; i < f->count; i++)
    journal_find(j, f->writes[i].number)->in_flush = 0;
  j->folder_dirty |= f->folder_dirty;
  if (!f->ran)
    return;
  j->has_reserve = f->has_reserve;
  take_in_writes(j, f);
  if (f->status < 0)
    return;
  j->covered = f->mark;
  if (j->failed_syncs)
    journal_trim(j);
}

static void release(worker_job *job) {
  flush_job *f = (flush_job *)job;
  take_in(f);
  for (size_t i = 0; i < f->count; i++) {
    if (f->writes[i].file >= 0)
      disk_close(f->disk, f->writes[i].file);
    free(f->writes[i].bytes);
  }
  free(f->writes);
  f->writes = NULL;
  f->count = 0;
}

/* ---- at once ---- */

static int flush_once(journal *j) {
  flush_job *f = calloc(1, sizeof *f);
  int status = f ? pack(f, j) : -ENOMEM;
  if (status == 0) {
    begin(f);
    run(&f->job);
    status = f->status;
  }
  if (f)
    release(&f->job);
  free(f);
  return status;
}

int journal_flush(journal *j) {
  int status = -EIO;
  journal_wait(j);
  for (int i = 0; status < 0 && i < TRIES; i++)
    status = flush_once(j);
  return status;
}

int journal_seal(journal *j) {
  for (int i = 0; i < j->family_count; i++) {
    segment *s = journal_find(j, j->families[i].active);
    int64_t size = s ? s->size : 0;
    if (!s || !s->sure || s->tail_size || s->removed)
      continue;
    if (journal_put_line(s, "", 0, 0) < 0)
      return -ENOMEM;
    s->dead += s->size - size;
  }
  return journal_flush(j);
}

void journal_wait(journal *j) {
  if (!j->flush_job)
    return;
  worker_job_end(&j->flush_job->job);
  take_in(j->flush_job);
}

int64_t journal_in_flush(const journal *j) {
  int64_t sum = 0;
  for (size_t i = 0; j->flush_job && i < j->flush_job->count; i++)
    sum += (int64_t)j->flush_job->writes[i].size;
  return sum;
}

/* ---- on a thread ---- */

static void finish(lua_State *L, worker_job *job) {
  flush_job *f = (flush_job *)job;
  take_in(f);
  if (!f->ran)
    core_fail(L, "closed", "%s: the sync was not begun", f->folder);
  else if (f->status < 0)
    core_fail_errno(L, -f->status, f->folder);
  else
    return;
  core_set_failure(L);
}

/* sync(pool, journal[, done]) -> job | nil, text, word: all that waits in memory goes to
 * the disk, on the pool's thread; meanwhile lines are appended and read. Its result has
 * error and word when that failed: then nothing is forgotten, the next sync tries again.
 * One at a time: "full". A disk in memory is for inline pools only. */
int journal_lua_sync(lua_State *L) {
  journal *j = journal_argument(L, 2);
  flush_job *f;
  int status;
  lua_settop(L, 3);
  if (j->flush_job)
    return core_fail(L, "full", "%s: a sync runs already", j->folder);
  f = (flush_job *)worker_job_new(L, sizeof *f);
  lua_pushvalue(L, 2); /* the journal lives as long as its job */
  lua_setiuservalue(L, -2, 1);
  f->job.run = run;
  f->job.finish = finish;
  f->job.release = release;
  status = pack(f, j);
  if (status < 0)
    return journal_lua_fail(L, j, status);
  if (worker_submit(L, 1, 4, 3) != 1)
    return 3;
  begin(f);
  return 1;
}
