/* compact.c - letting go: segments whose every END has passed, and lines that
 * nobody needs. It writes nothing itself: what stands for them waits for a flush. */
#include "journal.h"
#include <errno.h>

#define WAITS 1 /* for a flush */

/* The ended segment with the smallest END, of those whose sizes together are more than
 * SPARE; 0: none. */
static int64_t choose_ended(const journal *j, int64_t now, int64_t spare) {
  const segment *first = NULL;
  int64_t size = 0;
  for (size_t i = 0; i < j->count; i++) {
    const segment *s = &j->segments[i];
    if (s->removed || s->in_flush || s->end == 0 || s->end > now)
      continue;
    size += s->size;
    if (!first || s->end < first->end)
      first = s;
  }
  return first && size > spare ? first->number : 0;
}

/* (journal, now_s, [spare = 0]) -> segments removed: those whose every END is at NOW or
 * before, the earliest first, until those that are left together are no longer than SPARE
 * bytes. */
int journal_lua_expire(lua_State *L) {
  journal *j = journal_argument(L, 1);
  int64_t number, now = luaL_checkinteger(L, 2), spare = luaL_optinteger(L, 3, 0);
  lua_Integer removed = 0;
  for (; (number = choose_ended(j, now, spare)); removed++) {
    int status = journal_remove(j, number);
    if (status < 0)
      return journal_lua_fail(L, j, status);
  }
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
  int64_t number = choose_victim(j);
  int unreadable = 0, status = 0;
  if (number)
    status = journal_load(j, journal_find(j, number), &unreadable);
  if (status < 0 || unreadable)
    return status < 0 ? status : -EIO; /* its lines may be read another time */
  j->victim = number;
  j->victim_at = 0;
  j->victim_mark = -1;
  return 0;
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
  journal_call(L, j, 2, 1);
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
  journal_call(L, j, 3, 0);
  return 0;
}

/* The lines that replace the victim's, and its own at their new places, are on the disk
 * first. */
static int finish_victim(journal *j) {
  int64_t number = j->victim;
  if (j->victim_mark < 0)
    j->victim_mark = j->appended;
  if (j->covered < j->victim_mark)
    return WAITS;
  j->victim = 0;
  journal_unload(j);
  return journal_remove(j, number);
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
      status = WAITS;
    else if (kind == 1 && line.size > 0)
      status = move_line(L, j, &line);
    if (status != 0)
      j->victim_at = before;
  }
  return status;
}

/* (journal, max_bytes, alive(line, place) -> bool, moved(line, new_place, old_place))
 * -> bytes looked at, 0 when there is nothing to do, then true when it waits for a flush.
 * Greedy, one segment at a time. */
int journal_lua_compact_step(lua_State *L) {
  journal *j = journal_argument(L, 1);
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
