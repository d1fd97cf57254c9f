/* journal.c - the journal as Lua sees it. It knows lines and their END, no statements. */
#include "journal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_CLASS "core.journal.report"

static int done(lua_State *L, const journal *j, int status) {
  if (status < 0)
    return journal_lua_fail(L, j, status);
  lua_pushboolean(L, 1);
  return 1;
}

static void let_go(journal *j) {
  journal_wait(j);
  for (size_t i = 0; i < j->count; i++) {
    if (j->disk)
      journal_close_file(j, &j->segments[i]);
    free(j->segments[i].tail);
  }
  free(j->segments);
  free(j->scratch);
  j->segments = NULL;
  j->scratch = NULL;
  j->count = j->room = 0;
  j->disk = NULL;
}

/* ---- opening ---- */

static int is_family_name(const char *name, size_t size) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  return size > 0 && size < JOURNAL_FAMILY_MAX && strspn(name, allowed) == size;
}

static void read_families(lua_State *L, journal *j) {
  luaL_argcheck(L, lua_getfield(L, 3, "families") == LUA_TTABLE, 3,
                "families = { names }");
  for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
    size_t size = 0;
    const char *name = lua_tolstring(L, -1, &size);
    if (!name || !is_family_name(name, size) || journal_family(j, name, size, 1) < 0)
      luaL_error(L, "family: at most %d names of a-z 0-9 _ -", JOURNAL_FAMILIES_MAX);
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
}

static void read_options(lua_State *L, journal *j) {
  static const char allowed[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:+_-";
  const char *date;
  luaL_checktype(L, 3, LUA_TTABLE);
  read_families(L, j);
  j->segment_size = core_field_integer(L, 3, "segment", 512 << 10);
  j->reserve = core_field_integer(L, 3, "reserve", j->segment_size);
  j->unsynced_max = core_field_integer(L, 3, "unsynced", 4 << 20);
  luaL_argcheck(L, j->segment_size >= 2048 && j->segment_size <= JOURNAL_SEGMENT_MAX, 3,
                "segment: 2 KiB to 64 MiB");
  luaL_argcheck(L, j->reserve >= 0 && j->reserve <= JOURNAL_SEGMENT_MAX, 3,
                "reserve: to 64 MiB");
  lua_getfield(L, 3, "date");
  date = luaL_optstring(L, -1, "undated");
  luaL_argcheck(L, strlen(date) < sizeof j->date && strspn(date, allowed) == strlen(date),
                3, "date: at most 39 characters of a file name");
  strcpy(j->date, date);
  lua_pop(L, 1);
}

static void push_loss(lua_State *L, const journal *j, const journal_loss *loss) {
  lua_createtable(L, 0, 5);
  core_set_text(L, "file", loss->file);
  core_set_text(L, "family", j->families[loss->family].name);
  core_set_integer(L, "bytes", loss->bytes);
  core_set_integer(L, "lines", loss->lines);
  if (!loss->aside[0])
    return;
  core_set_text(L, "aside", loss->aside);
}

static void push_losses(lua_State *L, const journal *j, const journal_report *r,
                        int torn) {
  lua_Integer n = 0;
  lua_newtable(L);
  for (size_t i = 0; i < r->count; i++) {
    if (r->losses[i].torn != torn)
      continue;
    push_loss(L, j, &r->losses[i]);
    lua_rawseti(L, -2, ++n);
  }
}

static void push_report(lua_State *L, const journal *j, const journal_report *r) {
  lua_createtable(L, 0, 5);
  core_set_integer(L, "records", r->records);
  core_set_integer(L, "bytes", r->bytes);
  core_set_integer(L, "segments", (int64_t)j->count);
  push_losses(L, j, r, 0);
  lua_setfield(L, -2, "damaged");
  push_losses(L, j, r, 1);
  lua_setfield(L, -2, "torn");
}

/* (disk, folder, { families = { names }, [segment = 512 KiB], [reserve = segment],
 *   [unsynced = 4 MiB], [date = text for names of damaged files] }) -> journal, report.
 * What is said, moved or removed is on the disk after the next flush, close or
 * journal.sync, which does that on a thread. report = { records, bytes, segments, damaged
 * = { { file, family, bytes, lines, aside } … }, torn = the same: ends that no sync had
 * covered when the power went } "version": written by a newer one, nothing was touched.
 * The folder must be ours alone. */
static int journal_lua_open(lua_State *L) {
  disk *d = disk_check(L, 1);
  size_t size;
  const char *folder = luaL_checklstring(L, 2, &size);
  journal *j = core_new(L, JOURNAL_CLASS, sizeof *j);
  journal_report *report;
  int status;
  luaL_argcheck(L, size > 0 && size < 350, 2, "a path of at most 349 bytes expected");
  lua_pushvalue(L, 1); /* the disk lives as long as the journal */
  lua_setiuservalue(L, -2, 1);
  strcpy(j->folder, folder);
  read_options(L, j);
  report = core_new(L, REPORT_CLASS, sizeof *report);
  j->disk = d;
  status = disk_mkdir(d, folder, 0700);
  if (status == 0)
    status = journal_recover(j, report);
  if (status < 0) {
    journal_lua_fail(L, j, status);
    let_go(j);
    return 3;
  }
  push_report(L, j, report);
  lua_remove(L, -2);
  return 2;
}

static int report_gc(lua_State *L) {
  journal_report *report = luaL_checkudata(L, 1, REPORT_CLASS);
  free(report->losses);
  report->losses = NULL;
  return 0;
}

static int journal_gc(lua_State *L) {
  let_go(luaL_checkudata(L, 1, JOURNAL_CLASS));
  return 0;
}

/* (journal) -> true | nil, text, word: with a last flush; closed in any case, twice is
 * safe */
static int journal_close(lua_State *L) {
  journal *j = luaL_checkudata(L, 1, JOURNAL_CLASS);
  int status = j->disk ? journal_flush(j) : 0;
  if (j->disk && status == 0)
    status = journal_seal(j);
  let_go(j);
  return done(L, j, status);
}

/* ---- lines ---- */

static int checked_family(lua_State *L, journal *j, int index) {
  size_t size;
  const char *name = luaL_checklstring(L, index, &size);
  int of = journal_family(j, name, size, 0);
  luaL_argcheck(L, of >= 0, index, "a family named when the journal was opened expected");
  return of;
}

/* (journal, family, line, end_s) -> place. In memory until a flush; "full" when flushes
 * have failed for so long that `unsynced` bytes wait. */
static int journal_lua_append(lua_State *L) {
  journal *j = journal_argument(L, 1);
  int of = checked_family(L, j, 2);
  size_t size;
  const char *line = luaL_checklstring(L, 3, &size);
  int64_t place, end = luaL_checkinteger(L, 4);
  luaL_argcheck(L, size > 0 && size <= CORE_STATEMENT_MAX && !memchr(line, '\n', size), 3,
                "a line of 1 to 1024 bytes expected");
  luaL_argcheck(L, end >= 0 && end < (int64_t)1 << 40, 4,
                "seconds of Unix time expected");
  place = journal_take(j, of, line, size, end);
  if (place == -ENOBUFS)
    return core_fail(L, "full", "%s: %lld bytes wait for the disk", j->folder,
                     (long long)journal_unsynced(j));
  if (place < 0)
    return journal_lua_fail(L, j, (int)place);
  lua_pushinteger(L, place);
  return 1;
}

/* (journal) -> true | nil, text, word: all that waits in memory is on the disk. On
 * failure it waits on, and the next flush tries again. */
static int journal_lua_flush(lua_State *L) {
  journal *j = journal_argument(L, 1);
  return done(L, j, journal_flush(j));
}

/* (journal, place, [size]) -> line; "disk": its checksum or SIZE does not fit */
static int journal_lua_read(lua_State *L) {
  journal *j = journal_argument(L, 1);
  char buffer[JOURNAL_RECORD_MAX];
  journal_line line;
  int status = journal_read(j, luaL_checkinteger(L, 2), buffer, &line);
  if (status == 0 && line.size != (size_t)luaL_optinteger(L, 3, (lua_Integer)line.size))
    status = -EBADMSG;
  if (status < 0)
    return journal_lua_fail(L, j, status);
  lua_pushlstring(L, line.text, line.size);
  return 1;
}

/* (journal) -> bytes that no sync has brought to the disk; of them, those of a sync that
 * runs */
static int journal_lua_unsynced(lua_State *L) {
  const journal *j = journal_argument(L, 1);
  lua_pushinteger(L, journal_unsynced(j));
  lua_pushinteger(L, journal_in_flush(j));
  return 2;
}

/* (journal) -> lines appended since it was opened, how many of the first are on the disk
 */
static int journal_lua_mark(lua_State *L) {
  const journal *j = journal_argument(L, 1);
  lua_pushinteger(L, j->appended);
  lua_pushinteger(L, j->covered);
  return 2;
}

/* (journal, place, size): the line of SIZE bytes there is not needed any more */
static int journal_lua_drop(lua_State *L) {
  journal *j = journal_argument(L, 1);
  journal_drop(j, luaL_checkinteger(L, 2), (size_t)luaL_checkinteger(L, 3));
  return 0;
}

static void replay_segment(lua_State *L, journal *j, int64_t number, const char *name) {
  size_t at = 0;
  journal_line line;
  int kind;
  while ((kind = journal_next(j->scratch, j->scratch_size, number, &at, &line)) >= 0) {
    if (kind == 0 || line.size == 0)
      continue;
    lua_pushvalue(L, 2);
    lua_pushstring(L, name);
    lua_pushlstring(L, line.text, line.size);
    lua_pushinteger(L, journal_first_place(j, number << 32 | line.offset));
    lua_pushinteger(L, line.end);
    journal_call(L, j, 4, 0);
  }
}

/* (journal, fn(family, line, place, end_s)[, family]) -> true: every whole line, or those
 * of one family, oldest segment first. The same line may come twice; a place that is not
 * kept is to be dropped. */
static int journal_lua_replay(lua_State *L) {
  journal *j = journal_argument(L, 1);
  const char *only = luaL_optstring(L, 3, NULL);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  for (size_t i = 0; i < j->count; i++) {
    segment *s = &j->segments[i];
    const char *name = j->families[s->family].name;
    int unreadable, status;
    if (s->removed || (only && strcmp(name, only)))
      continue;
    status = journal_load(j, s, &unreadable);
    if (status < 0)
      return journal_lua_fail(L, j, status);
    replay_segment(L, j, s->number, name);
  }
  journal_unload(j);
  lua_pushboolean(L, 1);
  return 1;
}

/* (journal) -> { segments, bytes, dead, unsynced, failed_syncs, lost_lines, reserve =
 * bool } */
static int journal_lua_status(lua_State *L) {
  const journal *j = journal_argument(L, 1);
  int64_t size = 0, dead = 0, segments = 0;
  for (size_t i = 0; i < j->count; i++) {
    size += j->segments[i].size;
    dead += j->segments[i].dead;
    segments += !j->segments[i].removed;
  }
  lua_createtable(L, 0, 7);
  core_set_integer(L, "segments", segments);
  core_set_integer(L, "bytes", size);
  core_set_integer(L, "dead", dead);
  core_set_integer(L, "unsynced", journal_unsynced(j));
  core_set_integer(L, "failed_syncs", j->failed_syncs);
  core_set_integer(L, "lost_lines", j->lost_lines);
  core_set_boolean(L, "reserve", j->has_reserve);
  return 1;
}

static const luaL_Reg methods[] = {
    {"append",       journal_lua_append      },
    {"flush",        journal_lua_flush       },
    {"read",         journal_lua_read        },
    {"replay",       journal_lua_replay      },
    {"unsynced",     journal_lua_unsynced    },
    {"mark",         journal_lua_mark        },
    {"drop",         journal_lua_drop        },
    {"expire",       journal_lua_expire      },
    {"compact_step", journal_lua_compact_step},
    {"status",       journal_lua_status      },
    {"close",        journal_close           },
    {"__gc",         journal_gc              },
    {NULL,           NULL                    }
};

static const luaL_Reg report_methods[] = {
    {"__gc", report_gc},
    {NULL,   NULL     }
};

static const luaL_Reg functions[] = {
    {"open", journal_lua_open},
    {"sync", journal_lua_sync},
    {NULL,   NULL            }
};

int luaopen_core_journal(lua_State *L) {
  core_class(L, JOURNAL_CLASS, methods);
  core_class(L, REPORT_CLASS, report_methods);
  luaL_newlib(L, functions);
  return 1;
}
