/* recover.c - opening after anything: what is whole is used, the rest set aside.
 * Deletes no line. */
#include "journal.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  int64_t records, end, good_end, first_bad, last_plus, bad_bytes, bad_lines, seals;
  int unreadable, header, begun; /* BEGUN: its first line was cut off, or is zero */
  int empty;                     /* and so is all behind it */
} findings;

/* FAMILY.NUMBER.journal, with anything behind it when it was set aside. */
static int64_t parse_name(const char *name, size_t *family_size, int *whole) {
  const char *dot = strchr(name, '.'), *at;
  int64_t number = 0;
  if (!dot)
    return -1;
  for (at = dot + 1; *at >= '0' && *at <= '9' && at - dot < 12; at++)
    number = number * 10 + (*at - '0');
  if (at - dot < 9 || strncmp(at, ".journal", 8) != 0 || number > INT32_MAX)
    return -1;
  *family_size = (size_t)(dot - name);
  *whole = at[8] == 0;
  return number;
}

/* ---- finding the segments ---- */

/* The first line of a segment says which version wrote it: 0 when we may go on. */
static int check_version(journal *j, segment *s) {
  static const char title[] = "dt-swarm-journal/";
  char bytes[32] = {0}, *digits = bytes + sizeof title - 1;
  int status = journal_open_file(j, s);
  if (status < 0)
    return status;
  if (disk_read(j->disk, s->file, bytes, sizeof bytes - 1, 0) < 20)
    return 0;
  if (strncmp(bytes, title, sizeof title - 1) != 0)
    return 0;
  if (*digits < '1' || *digits > '9' || (digits[0] == '1' && digits[1] == ' '))
    return 0;
  return strchr(digits, ' ') ? -EPROTONOSUPPORT : 0;
}

static int add_file(journal *j, const char *name) {
  size_t family_size;
  int whole, of;
  char path[DISK_PATH_MAX];
  int64_t number = parse_name(name, &family_size, &whole);
  disk_facts facts;
  segment *s;
  if (number < 0)
    return 0;
  if (number > j->last_number)
    j->last_number = number; /* a number is never used again */
  journal_path(j, name, path);
  if (!whole || disk_stat(j->disk, path, &facts) < 0 || strcmp(facts.kind, "file") != 0)
    return 0;
  of = journal_family(j, name, family_size, 1);
  if (of < 0 || journal_find(j, number))
    return -EEXIST;
  s = journal_add(j, number, of);
  if (!s)
    return -ENOMEM;
  s->created = s->named = 1;
  s->size = s->synced =
      facts.size < JOURNAL_SEGMENT_MAX ? facts.size : JOURNAL_SEGMENT_MAX;
  return check_version(j, s);
}

static int find_segments(journal *j) {
  disk_names names = {0};
  const char *name;
  int status = disk_list(j->disk, j->folder, &names);
  name = names.text;
  for (size_t i = 0; status == 0 && i < names.count; i++, name += strlen(name) + 1) {
    if (strcmp(name, "reserve") == 0)
      j->has_reserve = 1;
    status = add_file(j, name);
  }
  disk_names_free(&names);
  return status;
}

/* ---- looking through one ---- */

static size_t look_at_header(const journal *j, const segment *s, findings *f) {
  char header[JOURNAL_HEADER_MAX];
  size_t same = 0, zeros, size = journal_header(j, s, header);
  while (same < size && same < j->scratch_size && j->scratch[same] == header[same])
    same++;
  for (zeros = same; zeros < j->scratch_size && j->scratch[zeros] == 0; zeros++)
    continue;
  f->header = same == size;
  f->empty = !f->header && zeros == j->scratch_size;
  f->begun = f->empty || (!f->header && j->scratch[same] == 0);
  return f->header ? size : 0;
}

static void look_at(journal *j, const segment *s, findings *f) {
  size_t at = look_at_header(j, s, f);
  journal_line line;
  int kind;
  f->good_end = (int64_t)at;
  f->first_bad = INT64_MAX;
  while ((kind = journal_next(j->scratch, j->scratch_size, s->number, &at, &line)) >= 0) {
    if (kind == 0) {
      if (f->first_bad == INT64_MAX)
        f->first_bad = line.offset;
      f->bad_bytes += (int64_t)line.size;
      f->bad_lines++;
      continue;
    }
    f->records += line.size > 0;
    f->seals += line.size == 0 ? (int64_t)at - line.offset : 0;
    f->good_end = (int64_t)at;
    if (line.end > f->end)
      f->end = line.end;
    if (line.mark == '+')
      f->last_plus = line.offset;
  }
}

static int is_newest(const journal *j, const segment *s) {
  for (const segment *t = s + 1; t < j->segments + j->count; t++)
    if (t->family == s->family)
      return 0;
  return 1;
}

/* Only the newest segment of a family can have an end that no sync has covered: a segment
 * is synced before the next one begins, and '+' says how far a sync had come. It can be
 * as long as the segment: so much may wait for a slow disk. */
static int is_torn(const journal *j, const segment *s, const findings *f) {
  return is_newest(j, s) && !f->unreadable && f->first_bad >= f->last_plus &&
         (f->header || f->begun);
}

static journal_loss *add_loss(journal *j, journal_report *r, const segment *s,
                              const findings *f) {
  journal_loss *loss;
  if (r->count == r->room) {
    size_t room = r->room * 2 + 8;
    journal_loss *losses = realloc(r->losses, room * sizeof *losses);
    if (!losses)
      return NULL;
    r->losses = losses;
    r->room = room;
  }
  loss = &r->losses[r->count++];
  memset(loss, 0, sizeof *loss);
  loss->number = s->number;
  loss->bytes = f->bad_bytes;
  loss->lines = f->bad_lines;
  loss->family = s->family;
  loss->torn = is_torn(j, s, f);
  journal_file_name(j, s, loss->file, sizeof loss->file);
  return loss;
}

/* A torn end with nothing good behind it is cut off, and the segment is as good as new.
 */
static int cut(journal *j, segment *s, const findings *f) {
  if (!f->header || f->first_bad < f->good_end || journal_open_file(j, s) < 0)
    return 0;
  if (disk_truncate(j->disk, s->file, f->good_end) < 0)
    return 0;
  s->size = s->synced = f->good_end;
  return 1;
}

static int examine(journal *j, int64_t number, journal_report *report) {
  segment *s = journal_find(j, number);
  findings f = {0};
  journal_loss *loss;
  int status = journal_load(j, s, &f.unreadable);
  if (status < 0)
    return status;
  look_at(j, s, &f);
  s->end = f.end;
  s->dead = f.seals;
  report->records += f.records;
  report->bytes += s->size;
  j->families[s->family].active = number;
  if (f.first_bad == INT64_MAX && f.header && !f.unreadable)
    return 0;
  loss = add_loss(j, report, s, &f);
  if (!loss)
    return -ENOMEM;
  if (loss->torn && cut(j, s, &f)) {
    loss->number = 0; /* nothing is left to be done */
    return 0;
  }
  loss->empty = f.empty;
  j->families[s->family].active = 0;
  s->closed = 1;
  return 0;
}

/* ---- setting aside ---- */

static int copy_lines(journal *j, int64_t number) {
  segment *s = journal_find(j, number);
  int of = s->family, kind, unreadable, status = journal_load(j, s, &unreadable);
  size_t at = 0;
  journal_line line;
  if (status < 0)
    return status;
  while ((kind = journal_next(j->scratch, j->scratch_size, number, &at, &line)) >= 0) {
    int64_t place =
        kind && line.size ? journal_append(j, of, line.text, line.size, line.end) : 0;
    if (place < 0)
      return (int)place;
  }
  return 0;
}

/* A name that nobody has: FILE.damaged-DATE, then with -2, -3 … behind it. */
static int aside_name(const journal *j, journal_loss *loss,
                      char path[static DISK_PATH_MAX]) {
  disk_facts facts;
  int n = snprintf(loss->aside, sizeof loss->aside, "%s.damaged-%s", loss->file, j->date);
  journal_path(j, loss->aside, path);
  for (int i = 2; i < 1000; i++) {
    if (disk_stat(j->disk, path, &facts) == -ENOENT)
      return 0;
    snprintf(loss->aside + n, sizeof loss->aside - (size_t)n, "-%d", i);
    journal_path(j, loss->aside, path);
  }
  return -EEXIST;
}

/* The good lines are on the disk elsewhere by now. */
static int set_aside(journal *j, journal_loss *loss) {
  char path[DISK_PATH_MAX], aside[DISK_PATH_MAX];
  int status = aside_name(j, loss, aside);
  if (status < 0)
    return status;
  journal_path(j, loss->file, path);
  status = disk_rename(j->disk, path, aside);
  if (status < 0)
    return status;
  journal_find(j, loss->number)->created = 0; /* nothing to unlink */
  return journal_remove(j, loss->number);
}

/* What cannot be set aside now (a full disk) stands where it was; its good lines are
 * used. */
static void put_in_order(journal *j, journal_loss *loss) {
  int status = copy_lines(j, loss->number);
  if (status == 0)
    status = journal_flush(j);
  if (status == 0)
    status = loss->empty ? journal_remove(j, loss->number) : set_aside(j, loss);
  if (status < 0)
    loss->aside[0] = 0;
}

int journal_recover(journal *j, journal_report *report) {
  int status = find_segments(j);
  for (size_t i = 0; status == 0 && i < j->count; i++)
    status = examine(j, j->segments[i].number, report);
  for (size_t i = 0; status == 0 && i < report->count; i++)
    if (report->losses[i].number)
      put_in_order(j, &report->losses[i]);
  if (status < 0)
    return status;
  j->folder_dirty |= !j->has_reserve;
  journal_flush(j); /* where it fails, what waits is for the next one */
  return 0;
}
