/* segment.c - lines, segments, appending in memory, reading. No writing, no
 * choice of what to keep. */
#include "journal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_FILES_MAX 24
#define RECORD_EXTRA                                                                     \
  21 /* of a usual line: checksum, mark, ten digits, space, line feed */

static int64_t number_of(int64_t place) {
  return place >> 32;
}

static int64_t offset_of(int64_t place) {
  return place & 0xffffffff;
}

/* ---- the table of segments ---- */

segment *journal_find(const journal *j, int64_t number) {
  size_t low = 0, high = j->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (j->segments[middle].number == number)
      return &j->segments[middle];
    if (j->segments[middle].number < number)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

segment *journal_add(journal *j, int64_t number, int of) {
  segment *s;
  if (j->count == j->room) {
    size_t room = j->room * 2 + 16;
    segment *segments = realloc(j->segments, room * sizeof *segments);
    if (!segments)
      return NULL;
    j->segments = segments;
    j->room = room;
  }
  for (s = &j->segments[j->count]; s > j->segments && s[-1].number > number; s--)
    *s = s[-1];
  j->count++;
  memset(s, 0, sizeof *s);
  s->number = number;
  s->family = of;
  s->file = -1;
  if (number > j->last_number)
    j->last_number = number;
  return s;
}

int journal_family(journal *j, const char *name, size_t size, int add) {
  for (int i = 0; i < j->family_count; i++)
    if (strlen(j->families[i].name) == size &&
        memcmp(j->families[i].name, name, size) == 0)
      return i;
  if (!add || size == 0 || size >= JOURNAL_FAMILY_MAX ||
      j->family_count == JOURNAL_FAMILIES_MAX)
    return -1;
  memcpy(j->families[j->family_count].name, name, size);
  return j->family_count++;
}

static void forget(journal *j, segment *s) {
  size_t i = (size_t)(s - j->segments);
  journal_close_file(j, s);
  free(s->tail);
  memmove(s, s + 1, (--j->count - i) * sizeof *s);
}

/* ---- files ---- */

void journal_close_file(journal *j, segment *s) {
  if (s->file < 0)
    return;
  disk_close(j->disk, s->file);
  s->file = -1;
  j->opened_files--;
}

/* Some file is closed when too many are open; which one does not matter. */
static void make_room(journal *j) {
  for (size_t i = 0; i < j->count && j->opened_files >= OPEN_FILES_MAX; i++)
    if (!j->segments[i].tail_size)
      journal_close_file(j, &j->segments[i]);
}

int journal_open_file(journal *j, segment *s) {
  char path[DISK_PATH_MAX];
  int file;
  if (s->file >= 0)
    return 0;
  make_room(j);
  journal_segment_path(j, s, path);
  file = disk_open(j->disk, path, s->created ? DISK_OPEN_WRITE : DISK_OPEN_NEW, 0600);
  if (file < 0)
    return file;
  s->file = file;
  s->created = 1;
  j->opened_files++;
  return 0;
}

/* Pieces that the disk cannot give are left zero, and are no lines then. */
static int read_pieces(journal *j, segment *s, int *unreadable) {
  const size_t piece = 4096;
  for (size_t at = 0; at < j->scratch_size; at += piece) {
    size_t size = j->scratch_size - at < piece ? j->scratch_size - at : piece;
    int64_t n = disk_read(j->disk, s->file, j->scratch + at, size, (int64_t)at);
    if (n == (int64_t)size)
      continue;
    memset(j->scratch + at, 0, size);
    *unreadable = 1;
  }
  return 0;
}

int journal_load(journal *j, segment *s, int *unreadable) {
  size_t size = (size_t)(s->size - (int64_t)s->tail_size);
  char *bytes = realloc(j->scratch, (size_t)s->size + 1);
  int status = size ? journal_open_file(j, s) : 0; /* it may not have been made yet */
  *unreadable = 0;
  j->victim = 0; /* it stood in SCRATCH */
  j->generation++;
  if (bytes)
    j->scratch = bytes;
  if (status < 0 || !bytes)
    return bytes ? status : -ENOMEM;
  j->scratch_size = size;
  if (size && disk_read(j->disk, s->file, bytes, size, 0) != (int64_t)size)
    read_pieces(j, s, unreadable);
  if (s->tail_size)
    memcpy(bytes + size, s->tail, s->tail_size);
  j->scratch_size = (size_t)s->size;
  return 0;
}

void journal_unload(journal *j) {
  free(j->scratch);
  j->scratch = NULL;
  j->scratch_size = 0;
}

/* ---- appending ---- */

int journal_tail_room(segment *s, size_t more) {
  size_t room = (s->tail_size + more) * 2 + 4096;
  char *tail;
  if (s->tail_size + more <= s->tail_room)
    return 0;
  tail = realloc(s->tail, room);
  if (!tail)
    return -ENOMEM;
  s->tail = tail;
  s->tail_room = room;
  return 0;
}

segment *journal_fresh_segment(journal *j, int of) {
  segment *s = journal_add(j, j->last_number + 1, of);
  if (!s || journal_tail_room(s, JOURNAL_HEADER_MAX) < 0)
    return NULL;
  s->tail_size = journal_header(j, s, s->tail);
  s->size = (int64_t)s->tail_size;
  s->sure = 1;
  j->families[of].active = s->number;
  return s;
}

int64_t journal_put_line(segment *s, const char *text, size_t size, int64_t end) {
  int64_t offset = s->size;
  char mark = s->tail_size == 0 && s->sure ? '+' : ' ';
  if (journal_tail_room(s, JOURNAL_RECORD_MAX) < 0)
    return -ENOMEM;
  size = journal_encode(s->tail + s->tail_size, s->number << 32 | offset, mark, end, text,
                        size);
  s->tail_size += size;
  s->size += (int64_t)size;
  if (end > s->end)
    s->end = end;
  return offset;
}

int64_t journal_append(journal *j, int of, const char *line, size_t size, int64_t end) {
  segment *s = journal_find(j, j->families[of].active);
  int64_t offset;
  if (s && s->size + JOURNAL_RECORD_MAX > j->segment_size) {
    s->closed = 1;
    s = NULL;
  }
  if (!s)
    s = journal_fresh_segment(j, of);
  if (!s)
    return -ENOMEM;
  offset = journal_put_line(s, line, size, end);
  j->appended += offset >= 0;
  return offset < 0 ? offset : s->number << 32 | offset;
}

int64_t journal_take(journal *j, int of, const char *line, size_t size, int64_t end) {
  if (journal_unsynced(j) + JOURNAL_RECORD_MAX > j->unsynced_max)
    return -ENOBUFS;
  return journal_append(j, of, line, size, end);
}

int64_t journal_unsynced(const journal *j) {
  int64_t sum = 0;
  for (size_t i = 0; i < j->count; i++)
    sum += (int64_t)j->segments[i].tail_size;
  return sum;
}

void journal_mark_synced(segment *s, size_t size) {
  s->named = s->sure = 1;
  s->synced += (int64_t)size;
  s->tail_size -= size;
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

/* ---- reading ---- */

int64_t journal_first_place(const journal *j, int64_t place) {
  for (size_t i = j->count; i-- > 0;) {
    const segment *s = &j->segments[i];
    int64_t offset = offset_of(place) - s->moved_by;
    if (!s->moved_to || s->moved_to != number_of(place))
      continue;
    if (offset >= s->moved_from && offset < s->moved_end)
      place = s->number << 32 | offset;
  }
  return place;
}

static segment *resolve(const journal *j, int64_t *place) {
  segment *s = journal_find(j, number_of(*place));
  while (s && s->moved_to && offset_of(*place) >= s->moved_from) {
    *place = s->moved_to << 32 | (offset_of(*place) + s->moved_by);
    s = journal_find(j, s->moved_to);
  }
  return s && !s->removed ? s : NULL;
}

static int64_t read_bytes(journal *j, segment *s, int64_t offset, char *buffer) {
  int64_t size = s->size - offset;
  int status;
  if (size > JOURNAL_RECORD_MAX)
    size = JOURNAL_RECORD_MAX;
  if (offset >= s->synced) {
    memcpy(buffer, s->tail + (offset - s->synced), (size_t)size);
    return size;
  }
  if (offset + size > s->synced)
    size = s->synced - offset; /* a line never straddles it */
  status = journal_open_file(j, s);
  return status < 0 ? status : disk_read(j->disk, s->file, buffer, (size_t)size, offset);
}

int journal_read(journal *j, int64_t place, char buffer[static JOURNAL_RECORD_MAX],
                 journal_line *line) {
  segment *s = resolve(j, &place);
  const char *feed;
  int64_t size;
  if (!s || offset_of(place) >= s->size)
    return -ENODATA;
  size = read_bytes(j, s, offset_of(place), buffer);
  if (size < 0)
    return (int)size;
  feed = memchr(buffer, '\n', (size_t)size);
  line->offset = offset_of(place);
  return feed && journal_decode(buffer, (size_t)(feed - buffer), s->number, line)
             ? 0
             : -EBADMSG;
}

/* ---- letting go ---- */

void journal_drop(journal *j, int64_t place, size_t size) {
  segment *s = resolve(j, &place);
  if (s)
    s->dead += (int64_t)size + RECORD_EXTRA;
}

int journal_remove(journal *j, int64_t number) {
  segment *s = journal_find(j, number);
  char path[DISK_PATH_MAX];
  int status;
  journal_segment_path(j, s, path);
  journal_close_file(j, s);
  status = s->created ? disk_unlink(j->disk, path) : 0;
  if (status < 0 && status != -ENOENT)
    return status;
  if (j->families[s->family].active == number)
    j->families[s->family].active = 0;
  if (j->victim == number)
    j->victim = 0;
  s->removed = 1;
  s->trim = s->tail_size = s->size = s->dead = 0;
  if (!s->moved_to)
    forget(j, s);
  j->folder_dirty = 1;
  return 0;
}
