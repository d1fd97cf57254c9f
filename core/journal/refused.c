/* refused.c - what is done when the disk refuses a write or a sync of a segment:
 * its lines wait in a new one. Nothing of it is written here. */
#include "journal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
  char path[DISK_PATH_MAX];
  journal_segment_path(j, s, path);
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
  while ((kind = journal_next(j->scratch, j->scratch_size, s->number, &at, &line)) >= 0)
    j->lost_lines += kind == 0;
}

/* Takes no more lines; what had been synced of it stays, and its lines in memory are in
 * FRESH. */
static void give_up(journal *j, segment *s) {
  s->closed = 1;
  s->size = s->synced;
  s->tail_size = 0;
  s->removed = s->synced == 0;
  s->trim = !s->removed;
  if (s->created && s->removed)
    unlink_segment(j, s);
  else
    read_back(j, s);
  journal_close_file(j, s);
}

/* After a write or sync that failed, the pages of the file may be marked clean with the
 * data gone: no second try on it. Its tail goes into a new segment, it is closed and read
 * back; places in the tail lead to the new one as long as the journal is open. */
static void abandon(journal *j, int64_t number) {
  segment *s = journal_find(j, number), *fresh;
  family *f = &j->families[s->family];
  int64_t active = f->active;
  char header[JOURNAL_HEADER_MAX];
  size_t skipped;
  fresh = journal_fresh_segment(j, s->family);
  if (!fresh)
    return;
  if (active != number)
    f->active = active;        /* it was full, and another one had begun */
  s = journal_find(j, number); /* the table may have moved */
  skipped = s->synced == 0 ? journal_header(j, s, header) : 0;
  if (journal_tail_room(fresh, s->tail_size) < 0)
    return;
  s->moved_to = fresh->number;
  s->moved_from = s->synced + (int64_t)skipped;
  s->moved_by = fresh->size - s->moved_from;
  s->moved_end = s->size;
  take_lines(fresh, s, skipped);
  fresh->closed = s->closed;
  give_up(j, s);
}

int journal_is_full(int status) {
  return status == -ENOSPC || status == -EDQUOT;
}

/* A full disk takes the same bytes later, and a file that was not made can be made later.
 * A sync that says ENOSPC has lost its pages as any other. */
static int may_try_again(const segment *s, int status, int wrote) {
  if (!s->created)
    return status != -EEXIST; /* made after all, by a create that said it had failed */
  return journal_is_full(status) && !wrote;
}

void journal_refused(journal *j, int64_t number, int status, int wrote) {
  if (may_try_again(journal_find(j, number), status, wrote))
    return;
  j->failed_syncs++;
  abandon(j, number);
}

void journal_trim(journal *j) {
  for (size_t i = 0; i < j->count; i++) {
    segment *s = &j->segments[i];
    if (!s->trim || journal_find(j, s->moved_to) == NULL || journal_open_file(j, s) < 0)
      continue;
    s->trim = disk_truncate(j->disk, s->file, s->synced) < 0;
    journal_close_file(j, s);
  }
}
