/* journal.c - compaction, and the Lua functions of the journal. It knows lines and their
 * END, no statements. */
#include "journal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_CLASS "core.journal.report"
#define WAITS 1 /* compaction: for a sync that a flight will make */

journal *journal_argument(lua_State *L, int index) {
  journal *j = luaL_checkudata(L, index, JOURNAL_CLASS);
  luaL_argcheck(L, j->disk, index, "the journal is closed");
  return j;
}

static journal *checked(lua_State *L) {
  return journal_argument(L, 1);
}

int journal_lua_fail(lua_State *L, const journal *j, int status) {
  if (status == -EBADMSG)
    return core_fail(L, "disk", "%s: a line does not have its checksum", j->folder);
  if (status == -ENODATA)
    return core_fail(L, "missing", "%s: no line at that place", j->folder);
  if (status == -EPROTONOSUPPORT)
    return core_fail(L, "version", "%s: written by a newer version", j->folder);
  return core_fail_errno(L, -status, j->folder);
}

static int done(lua_State *L, const journal *j, int status) {
  if (status < 0)
    return journal_lua_fail(L, j, status);
  lua_pushboolean(L, 1);
  return 1;
}

static void set_integer(lua_State *L, const char *name, int64_t value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
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
  lua_getfield(L, 3, "background");
  j->background = lua_toboolean(L, -1);
  lua_pop(L, 1);
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
  lua_pushstring(L, loss->file);
  lua_setfield(L, -2, "file");
  lua_pushstring(L, j->families[loss->family].name);
  lua_setfield(L, -2, "family");
  set_integer(L, "bytes", loss->bytes);
  set_integer(L, "lines", loss->lines);
  if (!loss->aside[0])
    return;
  lua_pushstring(L, loss->aside);
  lua_setfield(L, -2, "aside");
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
  set_integer(L, "records", r->records);
  set_integer(L, "bytes", r->bytes);
  set_integer(L, "segments", (int64_t)j->count);
  push_losses(L, j, r, 0);
  lua_setfield(L, -2, "damaged");
  push_losses(L, j, r, 1);
  lua_setfield(L, -2, "torn");
}

/* (disk, folder, { families = { names }, [segment = 512 KiB], [reserve = segment],
 *   [unsynced = 4 MiB], [date = text for names of damaged files], [background = bool] })
 * -> journal, report. BACKGROUND: journal.sync brings lines to the disk; nothing but
 * flush and close waits for it. report = { records, bytes, segments, damaged = { { file,
 * family, bytes, lines, aside } … }, torn = the same: ends that no sync had covered when
 * the power went } "version": written by a newer one, nothing was touched. The folder
 * must be ours alone. */
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
    journal_free(j);
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
  journal_free(luaL_checkudata(L, 1, JOURNAL_CLASS));
  return 0;
}

/* (journal) -> true | nil, text, word: with a last flush; closed in any case, twice is
 * safe */
static int journal_close(lua_State *L) {
  journal *j = luaL_checkudata(L, 1, JOURNAL_CLASS);
  int status = j->disk ? journal_flush(j, 1) : 0;
  if (j->disk && status == 0)
    status = journal_seal(j);
  journal_free(j);
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
  journal *j = checked(L);
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

/* (journal, [sync]) -> true | nil, text, word. Without sync the lines are written; with
 * it they are on the disk. On failure they wait in memory, and the next flush tries
 * again. */
static int journal_lua_flush(lua_State *L) {
  journal *j = checked(L);
  return done(L, j, journal_flush(j, lua_toboolean(L, 2)));
}

/* (journal, place, [size]) -> line; "disk": its checksum or SIZE does not fit */
static int journal_lua_read(lua_State *L) {
  journal *j = checked(L);
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
  const journal *j = checked(L);
  lua_pushinteger(L, journal_unsynced(j));
  lua_pushinteger(L, journal_flying(j));
  return 2;
}

/* (journal) -> lines appended since it was opened, how many of the first are on the disk
 */
static int journal_lua_mark(lua_State *L) {
  const journal *j = checked(L);
  lua_pushinteger(L, j->appended);
  lua_pushinteger(L, j->covered);
  return 2;
}

/* (journal, place, size): the line of SIZE bytes there is not needed any more */
static int journal_lua_drop(lua_State *L) {
  journal *j = checked(L);
  journal_drop(j, luaL_checkinteger(L, 2), (size_t)luaL_checkinteger(L, 3));
  return 0;
}

/* A callback may do anything but change the journal it is called from. */
static void call(lua_State *L, journal *j, int arguments, int results) {
  uint64_t generation = j->generation;
  lua_call(L, arguments, results);
  if (!j->disk || j->generation != generation)
    luaL_error(L, "a callback of the journal changed the journal");
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
    call(L, j, 4, 0);
  }
}

/* (journal, fn(family, line, place, end_s)) -> true: every whole line, oldest segment
 * first. The same line may come twice; a place that is not kept is to be dropped. */
static int journal_lua_replay(lua_State *L) {
  journal *j = checked(L);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  j->victim = 0;
  for (size_t i = 0; i < j->count; i++) {
    segment *s = &j->segments[i];
    int unreadable, status;
    if (s->removed)
      continue;
    status = journal_load(j, s, &unreadable);
    if (status < 0)
      return journal_lua_fail(L, j, status);
    replay_segment(L, j, s->number, j->families[s->family].name);
  }
  journal_unload(j);
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- letting go ---- */

/* (journal, now_s, [spare = 0]) -> segments removed: those whose every END is at NOW or
 * before, but for the latest of them, which may have SPARE bytes together */
static int journal_lua_expire(lua_State *L) {
  journal *j = checked(L);
  int64_t removed;
  int status =
      journal_expire(j, luaL_checkinteger(L, 2), luaL_optinteger(L, 3, 0), &removed);
  if (status < 0)
    return journal_lua_fail(L, j, status);
  lua_pushinteger(L, removed);
  return 1;
}

/* The full segment with the largest dead part, when all files together are more than 1.5
 * times what lives, or when nothing in it lives. 0: none. */
static int64_t choose_victim(const journal *j) {
  const segment *best = NULL;
  int64_t size = 0, dead = 0;
  for (size_t i = 0; i < j->count; i++) {
    const segment *s = &j->segments[i];
    size += s->size;
    dead += s->dead;
    if (s->removed || s->tail_size || j->families[s->family].active == s->number)
      continue;
    if (s->dead > 0 && (!best || s->dead * best->size > best->dead * s->size))
      best = s;
  }
  if (!best)
    return 0;
  return dead * 3 > size || best->dead + JOURNAL_HEADER_MAX >= best->size ? best->number
                                                                          : 0;
}

static int begin_victim(journal *j) {
  int unreadable;
  j->victim = choose_victim(j);
  j->victim_at = 0;
  j->victim_mark = -1;
  return j->victim ? journal_load(j, journal_find(j, j->victim), &unreadable) : 0;
}

/* Asks alive(line, place); copies the line and says moved(line, new place, old place). */
static int move_line(lua_State *L, journal *j, const journal_line *line) {
  int64_t fresh, place = journal_first_place(j, j->victim << 32 | line->offset);
  int alive, of = journal_find(j, j->victim)->family;
  lua_settop(L, 4);
  lua_pushlstring(L, line->text, line->size);
  lua_pushvalue(L, 3);
  lua_pushvalue(L, 5);
  lua_pushinteger(L, place);
  call(L, j, 2, 1);
  alive = lua_toboolean(L, -1);
  if (!alive)
    return 0;
  fresh = journal_append(j, of, line->text, line->size, line->end);
  if (fresh < 0)
    return (int)fresh;
  lua_pushvalue(L, 4);
  lua_pushvalue(L, 5);
  lua_pushinteger(L, fresh);
  lua_pushinteger(L, place);
  call(L, j, 3, 0);
  return 0;
}

/* The lines that replace the victim's, and its own at their new places, are on the disk
 * first. */
static int finish_victim(journal *j) {
  int64_t number = j->victim;
  int status;
  if (j->victim_mark < 0)
    j->victim_mark = j->appended;
  if (j->background && j->covered < j->victim_mark)
    return WAITS;
  status = j->background ? 0 : journal_flush(j, 1);
  j->victim = 0;
  journal_unload(j);
  return status < 0 ? status : journal_remove(j, number);
}

static int step(lua_State *L, journal *j, int64_t max) {
  size_t begin = j->victim_at;
  journal_line line;
  int kind = 0, status = 0;
  while (status == 0 && (int64_t)(j->victim_at - begin) < max) {
    size_t before = j->victim_at;
    kind = journal_next(j->scratch, j->scratch_size, j->victim, &j->victim_at, &line);
    if (kind < 0)
      return finish_victim(j);
    if (kind == 1 && journal_unsynced(j) + JOURNAL_RECORD_MAX > j->unsynced_max)
      status = j->background ? WAITS : journal_flush(j, 1);
    if (!j->victim)
      return status; /* a segment was read back meanwhile: begin again */
    if (kind == 1 && status == 0 && line.size > 0)
      status = move_line(L, j, &line);
    if (status != 0)
      j->victim_at = before;
  }
  return status;
}

/* (journal, max_bytes, alive(line, place) -> bool, moved(line, new_place, old_place))
 * -> bytes looked at, 0 when there is nothing to do, then true when it waits for a sync.
 * Greedy, one segment at a time. */
static int journal_lua_compact_step(lua_State *L) {
  journal *j = checked(L);
  int64_t max = luaL_checkinteger(L, 2);
  size_t begin;
  int status;
  luaL_checktype(L, 3, LUA_TFUNCTION);
  luaL_checktype(L, 4, LUA_TFUNCTION);
  luaL_argcheck(L, max > 0, 2, "1 or more expected");
  if (!j->victim && (status = begin_victim(j)) < 0)
    return journal_lua_fail(L, j, status);
  if (!j->victim) {
    lua_pushinteger(L, 0);
    return 1;
  }
  begin = j->victim_at;
  status = step(L, j, max);
  if (status < 0)
    return journal_lua_fail(L, j, status);
  if (status == WAITS) {
    lua_pushinteger(L, 0);
    lua_pushboolean(L, 1);
    return 2;
  }
  lua_pushinteger(L, j->victim_at > begin ? (lua_Integer)(j->victim_at - begin) : 1);
  return 1;
}

/* (journal) -> { segments, bytes, dead, unsynced, failed_syncs, lost_lines, reserve =
 * bool } */
static int journal_lua_status(lua_State *L) {
  const journal *j = checked(L);
  int64_t size = 0, dead = 0, segments = 0;
  for (size_t i = 0; i < j->count; i++) {
    size += j->segments[i].size;
    dead += j->segments[i].dead;
    segments += !j->segments[i].removed;
  }
  lua_createtable(L, 0, 7);
  set_integer(L, "segments", segments);
  set_integer(L, "bytes", size);
  set_integer(L, "dead", dead);
  set_integer(L, "unsynced", journal_unsynced(j));
  set_integer(L, "failed_syncs", j->failed_syncs);
  set_integer(L, "lost_lines", j->lost_lines);
  lua_pushboolean(L, j->has_reserve);
  lua_setfield(L, -2, "reserve");
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
