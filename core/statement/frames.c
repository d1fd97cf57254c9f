/* frames.c - bytes of a stream that wait until a line, or the statements of a frame, are
 * whole. No envelope. */
#include "batch.h"
#include "net/net.h"
#include <stdlib.h>
#include <string.h>

#define CLASS "core.frames"
#define KEPT_MAX 16384 /* most bytes at once, and the room that an idle reader keeps */

/* BYTES from START to END wait. Of them the first LINES lines, up to SCANNED, are known
 * to be good statements' lines. */
struct reader {
  char *bytes;
  size_t start, scanned, end, room;
  uint32_t lines;
};

static struct reader *reader_argument(lua_State *L) {
  return luaL_checkudata(L, 1, CLASS);
}

static int f_reader(lua_State *L) {
  core_new(L, CLASS, sizeof(struct reader));
  return 1;
}

static int f_close(lua_State *L) {
  struct reader *r = reader_argument(L);
  free(r->bytes);
  memset(r, 0, sizeof *r);
  return 0;
}

/* Room for SIZE more behind what waits, which begins at 0 then. */
static int reserve(struct reader *r, size_t size) {
  size_t room = r->room ? r->room : 4096;
  char *bytes;
  if (r->start)
    memmove(r->bytes, r->bytes + r->start, r->end - r->start);
  r->end -= r->start;
  r->scanned -= r->start;
  r->start = 0;
  while (room < r->end + size)
    room *= 2;
  if (room == r->room)
    return 0;
  if (!(bytes = realloc(r->bytes, room)))
    return -1;
  r->bytes = bytes;
  r->room = room;
  return 0;
}

/* feed(bytes): they come behind what waits. */
static int f_feed(lua_State *L) {
  struct reader *r = reader_argument(L);
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  if (reserve(r, size))
    return luaL_error(L, "not enough memory");
  memcpy(r->bytes + r->end, bytes, size);
  r->end += size;
  return 0;
}

/* receive(stream, most) -> how many bytes of the stream came behind what waits, 0 at its
 * end | nil, msg, "EAGAIN"|errno */
static int f_receive(lua_State *L) {
  struct reader *r = reader_argument(L);
  lua_Integer most = luaL_checkinteger(L, 3);
  luaL_argcheck(L, most >= 1 && most <= KEPT_MAX, 3, "1 to 16384 bytes");
  if (reserve(r, (size_t)most))
    return luaL_error(L, "not enough memory");
  int64_t size = net_stream_receive(L, 2, r->bytes + r->end, (size_t)most);
  if (size < 0)
    return net_fail(L, "receive");
  r->end += (size_t)size;
  lua_pushinteger(L, size);
  return 1;
}

/* left() -> bytes that wait */
static int f_left(lua_State *L) {
  const struct reader *r = reader_argument(L);
  lua_pushinteger(L, (lua_Integer)(r->end - r->start));
  return 1;
}

/* The first bytes, up to AT, are done with. */
static void advance(struct reader *r, size_t at) {
  r->start = r->scanned = at;
  r->lines = 0;
  if (r->start < r->end)
    return;
  r->start = r->scanned = r->end = 0;
  if (r->room <= KEPT_MAX)
    return;
  free(r->bytes);
  r->bytes = NULL;
  r->room = 0;
}

/* line(most) -> the next line without its line feed | nil: it is not whole | false: it
 * is longer than MOST bytes */
static int f_line(lua_State *L) {
  struct reader *r = reader_argument(L);
  size_t most = (size_t)luaL_checkinteger(L, 2), left = r->end - r->start;
  const char *at = r->bytes + r->start, *feed = left ? memchr(at, '\n', left) : NULL;
  size_t size = feed ? (size_t)(feed - at) : left;
  if (size > most)
    lua_pushboolean(L, 0);
  else if (!feed)
    lua_pushnil(L);
  else
    lua_pushlstring(L, at, size), advance(r, r->start + size + 1);
  return 1;
}

static int is_garbled(const char *at, size_t size) {
  for (size_t i = 0; i < size; i++)
    if ((unsigned char)at[i] < ' ' || at[i] == 127)
      return 1;
  return 0;
}

/* Looks at lines that came since, up to COUNT in all. NULL, or why the next is none. */
static const char *scan(struct reader *r, uint32_t count) {
  while (r->lines < count) {
    size_t left = r->end - r->scanned;
    const char *at = r->bytes + r->scanned, *feed = left ? memchr(at, '\n', left) : NULL;
    size_t size = feed ? (size_t)(feed - at) : left;
    if (size > CORE_STATEMENT_MAX)
      return "long";
    if (!feed)
      return NULL;
    if (size == 0 || is_garbled(at, size))
      return "form";
    r->scanned += size + 1;
    r->lines++;
  }
  return NULL;
}

/* statements(count) -> batch of the next COUNT lines, 1 to 256 | nil, how many are whole
 * | false, "form"|"long": the next line can be no statement's */
static int f_statements(lua_State *L) {
  struct reader *r = reader_argument(L);
  lua_Integer count = luaL_checkinteger(L, 2);
  luaL_argcheck(L, count >= 1 && count <= CORE_STATEMENTS_MAX, 2, "1 to 256 statements");
  const char *word = scan(r, (uint32_t)count);
  if (word) {
    lua_pushboolean(L, 0);
    lua_pushstring(L, word);
  } else if (r->lines < (uint32_t)count) {
    lua_pushnil(L);
    lua_pushinteger(L, r->lines);
  } else {
    int pushed = batch_push(L, r->bytes + r->start, r->scanned - r->start - 1);
    advance(r, r->scanned);
    return pushed;
  }
  return 2;
}

static const luaL_Reg methods[] = {
    {"feed",       f_feed      },
    {"receive",    f_receive   },
    {"left",       f_left      },
    {"line",       f_line      },
    {"statements", f_statements},
    {"close",      f_close     },
    {"__gc",       f_close     },
    {"__close",    f_close     },
    {NULL,         NULL        }
};

static const luaL_Reg functions[] = {
    {"reader", f_reader},
    {NULL,     NULL    }
};

int luaopen_core_frames(lua_State *L) {
  batch_class(L);
  core_class(L, CLASS, methods);
  luaL_newlib(L, functions);
  return 1;
}
