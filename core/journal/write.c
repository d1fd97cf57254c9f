/* write.c - tails to the disk, and what is done when it refuses. No choice of
 * what or when. */
#include "journal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int write_tail(journal *j, segment *s) {
  int status = journal_open_file(j, s);
  if (status < 0)
    return status;
  status = disk_write(j->disk, s->file, s->tail + s->written, s->tail_size - s->written,
                      s->synced + (int64_t)s->written);
  if (status == 0)
    s->written = s->tail_size;
  return status;
}

void journal_mark_synced(segment *s, size_t size) {
  s->named = s->sure = 1;
  s->synced += (int64_t)size;
  s->tail_size -= size;
  s->written = s->written > size ? s->written - size : 0;
  if (s->tail_size > 0) {
    memmove(s->tail, s->tail + size, s->tail_size);
    return;
  }
  if (!s->closed && s->tail_room < 65536)
    return;
  free(s->tail);
  s->tail = NULL;
  s->tail_room = 0;
}

static int sync_tail(journal *j, segment *s) {
  int status = disk_sync(j->disk, s->file);
  if (status == 0 && !s->named)
    status = disk_sync_directory(j->disk, j->folder);
  if (status == 0)
    journal_mark_synced(s, s->tail_size);
  return status;
}

static void take_lines(segment *to, const segment *from, size_t at) {
  journal_line line;
  int64_t offset = 0;
  while (offset >= 0 && at < from->tail_size) {
    const char *record = from->tail + at;
    size_t size = (size_t)((char *)memchr(record, '\n', from->tail_size - at) - record);
    line.offset = from->synced + (int64_t)at;
    if (journal_decode(record, size, from->number, &line))
      offset = journal_put_line(to, line.text, line.size, line.end);
    at += size + 1;
  }
}

static void unlink_segment(journal *j, segment *s) {
  char name[80], path[DISK_PATH_MAX];
  journal_file_name(j, s, name, sizeof name);
  journal_path(j, name, path);
  disk_unlink(j->disk, path);
}

/* Reads what had been synced of S; counts the lines that are no longer whole. */
static void read_back(journal *j, segment *s) {
  journal_line line;
  char header[JOURNAL_HEADER_MAX];
  size_t at = journal_header(j, s, header);
  int kind, unreadable;
  if (journal_load(j, s, &unreadable) < 0)
    return;
  j->victim = 0;
  while ((kind = journal_next(j->scratch, j->scratch_size, s->number, &at, &line)) >= 0)
    j->lost_lines += kind == 0;
}

/* After a write or sync that failed, the pages of the file may be marked clean with the
 * data gone: no second try on it. Its tail goes into a new segment, it is closed and read
 * back; places in the tail lead to the new one as long as the journal is open. */
static int abandon(journal *j, int64_t number) {
  segment *s = journal_find(j, number), *fresh;
  family *f = &j->families[s->family];
  int64_t active = f->active;
  char header[JOURNAL_HEADER_MAX];
  size_t skipped;
  fresh = journal_fresh_segment(j, s->family);
  if (!fresh)
    return -ENOMEM;
  if (active != number)
    f->active = active;        /* it was full, and another one had begun */
  s = journal_find(j, number); /* the table may have moved */
  skipped = s->synced == 0 ? journal_header(j, s, header) : 0;
  if (journal_tail_room(fresh, s->tail_size) < 0)
    return -ENOMEM;
  s->moved_to = fresh->number;
  s->moved_from = s->synced + (int64_t)skipped;
  s->moved_by = fresh->size - s->moved_from;
  s->moved_end = s->size;
  take_lines(fresh, s, skipped);
  fresh->closed = s->closed;
  s->closed = 1;
  s->size = s->synced;
  s->tail_size = s->written = 0;
  s->removed = s->synced == 0;
  s->trim = !s->removed;
  if (s->created && s->removed)
    unlink_segment(j, s);
  else
    read_back(j, s);
  journal_close_file(j, s);
  return 0;
}

void journal_reserve_path(const journal *j, char out[static DISK_PATH_MAX]) {
  journal_path(j, "reserve", out);
}

/* The room kept back for a full disk: what is dismissed must be written even then. */
int journal_use_reserve(journal *j) {
  char path[DISK_PATH_MAX];
  if (!j->has_reserve)
    return 0;
  j->has_reserve = 0;
  journal_reserve_path(j, path);
  return disk_unlink(j->disk, path) == 0;
}

void journal_fill_reserve(journal *j) {
  char path[DISK_PATH_MAX], *zeros;
  if (j->has_reserve || j->reserve == 0)
    return;
  journal_reserve_path(j, path);
  zeros = calloc(1, (size_t)j->reserve);
  j->has_reserve =
      zeros && disk_replace(j->disk, path, zeros, (size_t)j->reserve, 0600) == 0;
  free(zeros);
}

int journal_is_full(int status) {
  return status == -ENOSPC || status == -EDQUOT;
}

static int try_segment(journal *j, int64_t number, int sync) {
  segment *s = journal_find(j, number);
  int status = write_tail(j, s);
  if (journal_is_full(status) && journal_use_reserve(j))
    status = write_tail(j, s);
  if (status == 0 && (sync || s->closed))
    status = sync_tail(j, s);
  return status;
}

/* A full disk takes the same bytes later, and a file that was not made can be made later.
 * A sync that says ENOSPC has lost its pages as any other. */
static int may_try_again(const segment *s, int status) {
  if (!s->created)
    return status != -EEXIST; /* made after all, by a create that said it had failed */
  return journal_is_full(status) && s->written < s->tail_size;
}

int journal_refused(journal *j, int64_t number, int status, int wrote) {
  if (!wrote && may_try_again(journal_find(j, number), status))
    return 0;
  j->failed_syncs++;
  if (abandon(j, number) == 0)
    return 1;
  journal_find(j, number)->written = 0; /* written anew, the pages are dirty again */
  return 0;
}

/* Writes one segment's tail; where that fails for another reason than room, once more
 * into a new segment. A third one takes the lines in memory when that fails too. */
static int flush_segment(journal *j, int64_t number, int sync) {
  int status = 0;
  for (int i = 0; i < 2; i++) {
    status = try_segment(j, number, sync || i > 0);
    if (status == 0 || !journal_refused(j, number, status, 0))
      return status;
    number = journal_find(j, number)->moved_to;
  }
  return status;
}

/* What an abandoned segment has behind its synced part is in another one now. */
void journal_trim(journal *j) {
  for (size_t i = 0; i < j->count; i++) {
    segment *s = &j->segments[i];
    if (!s->trim || journal_find(j, s->moved_to) == NULL || journal_open_file(j, s) < 0)
      continue;
    s->trim = disk_truncate(j->disk, s->file, s->synced) < 0;
    journal_close_file(j, s);
  }
}

static int flush_folder(journal *j) {
  int status = j->folder_dirty ? disk_sync_directory(j->disk, j->folder) : 0;
  j->folder_dirty = status < 0;
  return status;
}

int journal_flush(journal *j, int sync) {
  journal_land(j);
  for (size_t i = 0; i < j->count; i++) {
    const segment *s = &j->segments[i];
    int status;
    if (s->tail_size == 0 || (!sync && !s->closed && s->written == s->tail_size))
      continue;
    status = flush_segment(j, s->number, sync);
    if (status < 0)
      return status;
  }
  if (!sync)
    return 0;
  j->covered = j->appended;
  if (j->failed_syncs)
    journal_trim(j);
  return flush_folder(j);
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
  return journal_flush(j, 1);
}
