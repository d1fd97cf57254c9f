/* journal.h - segments of checked lines, shared by the files of the journal. No
 * statements, no Lua. */
#ifndef CORE_JOURNAL_H
#define CORE_JOURNAL_H

#include "disk/disk.h"

/* The form on the disk is spec/PROTOCOL.md, "Journal". A place is the number of a
 * segment, 31 bits, and the offset of a line in it, 32 bits, in one integer; it is good
 * until the journal is closed or compact_step says that the line has moved. */
#define JOURNAL_CLASS "core.journal"
#define JOURNAL_FAMILIES_MAX 16
#define JOURNAL_FAMILY_MAX 32 /* bytes of a family's name with the zero */
#define JOURNAL_HEADER_MAX 80
#define JOURNAL_CHECK_SIZE 8 /* characters of the checksum */
#define JOURNAL_EXTRA_MAX 31 /* checksum, mark, END, space, line feed */
#define JOURNAL_RECORD_MAX (CORE_STATEMENT_MAX + JOURNAL_EXTRA_MAX)
#define JOURNAL_SEGMENT_MAX ((int64_t)64 << 20)

typedef struct {
  const char *text;
  size_t size;    /* of the text */
  int64_t offset; /* of the record in its segment */
  int64_t end;    /* END of the statement, seconds of Unix time */
  char mark;      /* '+': everything before it in the segment had been synced; else ' ' */
} journal_line;

/* The tail is what no sync has yet brought to the disk: the bytes of the file from SYNCED
 * on. */
typedef struct {
  int64_t number, size, synced; /* bytes; SIZE counts the tail */
  int64_t end, dead;            /* latest END; bytes of lines that nobody needs */
  /* After a failed sync: what stood from MOVED_FROM to MOVED_END is now in segment
   * MOVED_TO, MOVED_BY bytes further on. The callers' places lead there. */
  int64_t moved_to, moved_from, moved_end, moved_by;
  char *tail;
  size_t tail_size, tail_room;
  int family, file;                /* FILE: -1 when it is not open */
  unsigned created : 1, named : 1; /* there; its name is durable */
  unsigned sure : 1;               /* SYNCED is known from a sync, not only from a size */
  unsigned closed : 1, removed : 1; /* takes no more lines; only MOVED_TO still counts */
  unsigned trim : 1;                /* what stands behind SYNCED is elsewhere, too */
  unsigned in_flush : 1;            /* a flush of it runs, or waits for its thread */
} segment;

typedef struct {
  char name[JOURNAL_FAMILY_MAX];
  int64_t active; /* the segment that takes its lines; 0: none yet */
} family;

typedef struct flush_job flush_job; /* flush.c */

typedef struct {
  disk *disk; /* NULL: closed */
  char folder[DISK_PATH_MAX], date[40];
  family families[JOURNAL_FAMILIES_MAX];
  int family_count;
  segment *segments; /* by rising number */
  size_t count, room;
  int64_t last_number, segment_size, reserve, unsynced_max;
  int64_t failed_syncs, lost_lines; /* counted since it was opened */
  int64_t appended, covered; /* lines ever; of them the first so many are on the disk */
  flush_job *flush_job;      /* NULL: none runs */
  int folder_dirty; /* names went; the next flush syncs the folder and fills the reserve
                     */
  int opened_files, has_reserve;
  char *scratch; /* a segment being replayed or compacted */
  size_t scratch_size, victim_at;
  int64_t victim;      /* number of the segment being compacted; 0: none */
  int64_t victim_mark; /* it goes when so many lines are covered; -1: not known yet */
  uint64_t generation; /* grows when SCRATCH gets other contents */
} journal;

/* What recovery found in one segment. */
typedef struct {
  int64_t number, bytes, lines; /* that could not be read */
  char file[64], aside[128]; /* names in the folder; no ASIDE: it stands where it was */
  int family, torn; /* TORN: the unsynced end of a segment after a power cut, no damage */
  int empty;        /* not even its first line is there */
} journal_loss;

typedef struct {
  int64_t records, bytes;
  journal_loss *losses;
  size_t count, room;
} journal_report;

/* line.c */
size_t journal_encode(char out[static JOURNAL_RECORD_MAX], int64_t place, char mark,
                      int64_t end, const char *text, size_t size);
/* RECORD without its line feed; OFFSET of LINE must be set. 1: a good line. */
int journal_decode(const char *record, size_t size, int64_t number, journal_line *line);
/* Reads the next piece of BYTES from *AT on and moves *AT behind it: 1 a good line, 0 a
 * piece that is no line (SIZE bytes at OFFSET), -1 the end. */
int journal_next(const char *bytes, size_t size, int64_t number, size_t *at,
                 journal_line *line);
size_t journal_header(const journal *j, const segment *s,
                      char out[static JOURNAL_HEADER_MAX]);
void journal_file_name(const journal *j, const segment *s, char *out, size_t room);
void journal_path(const journal *j, const char *name, char out[static DISK_PATH_MAX]);
void journal_segment_path(const journal *j, const segment *s,
                          char out[static DISK_PATH_MAX]);

/* segment.c. All return 0 or -errno unless said otherwise. */
segment *journal_find(const journal *j, int64_t number);  /* NULL: none */
segment *journal_add(journal *j, int64_t number, int of); /* NULL: no memory */
int journal_family(journal *j, const char *name, size_t size, int add); /* or -1 */
int journal_open_file(journal *j, segment *s);
void journal_close_file(journal *j, segment *s);
int journal_load(journal *j, segment *s, int *unreadable); /* into SCRATCH */
void journal_unload(journal *j); /* what was loaded takes no room any more */

segment *journal_fresh_segment(journal *j, int of);
int journal_tail_room(segment *s, size_t more);
/* Puts a line at the end of S, in memory; returns its offset. */
int64_t journal_put_line(segment *s, const char *text, size_t size, int64_t end);
int64_t journal_append(journal *j, int of, const char *line, size_t size, int64_t end);
/* The same for a line from outside: -ENOBUFS while too many bytes wait for the disk. */
int64_t journal_take(journal *j, int of, const char *line, size_t size, int64_t end);
int64_t journal_unsynced(const journal *j);
/* The first SIZE bytes of the tail of S are on the disk, and its name. */
void journal_mark_synced(segment *s, size_t size);
/* Reads the line at PLACE into BUFFER; -ENODATA: no such place, -EBADMSG: its checksum is
 * wrong. */
int journal_read(journal *j, int64_t place, char buffer[static JOURNAL_RECORD_MAX],
                 journal_line *line);
/* The place by which callers know a line that a failed sync has moved. */
int64_t journal_first_place(const journal *j, int64_t place);
void journal_drop(journal *j, int64_t place, size_t size);
/* Unlinks a segment. Lines that replace its own must have been synced before. */
int journal_remove(journal *j, int64_t number);

/* refused.c */
/* A write or sync of the segment failed with STATUS (-errno); WROTE: not the write. Its
 * lines wait in a new segment and it takes no more, or it may be tried again. */
void journal_refused(journal *j, int64_t number, int status, int wrote);
/* After syncs that failed and one that did not: what an abandoned segment has behind its
 * synced part is in another one now. */
void journal_trim(journal *j);
int journal_is_full(int status);

/* flush.c */
/* What waits is on the disk when this returns 0. On failure nothing is forgotten: the
 * lines wait in memory. */
int journal_flush(journal *j);
/* Before a clean stop, after a flush: an empty line says that all before it was synced.
 */
int journal_seal(journal *j);
/* Waits for the flush that runs on a thread, if any, and takes in what it brought. */
void journal_wait(journal *j);
int64_t journal_in_flush(const journal *j); /* bytes that it will have brought there */
int journal_lua_sync(lua_State *L);

/* recover.c */
int journal_recover(journal *j,
                    journal_report *report); /* -EPROTONOSUPPORT: another version */

/* compact.c */
int journal_lua_expire(lua_State *L);
int journal_lua_compact_step(lua_State *L);

/* lua.c */
journal *journal_argument(lua_State *L, int index); /* open, or it throws */
int journal_lua_fail(lua_State *L, const journal *j, int status);
void journal_call(lua_State *L, journal *j, int arguments, int results); /* lua_call */

#endif
