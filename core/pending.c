/* pending.c - which statements are being checked now: a set of short IDs. Checks nothing.
 */
#include "pending.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define CLASS "core.verify.pending"
#define ROOM_MIN 256

/* Open addressing with linear probing, at most half full; an ID of zeros is an empty
 * cell. */
struct pending {
  uint8_t secret[crypto_shorthash_KEYBYTES]; /* so that nobody can make cells collide */
  uint8_t (*cells)[CORE_SHORT_ID_SIZE];
  size_t room, count;
};

static struct pending *pending_argument(lua_State *L) {
  return luaL_checkudata(L, 1, CLASS);
}

int pending_new(lua_State *L) {
  struct pending *p = core_new(L, CLASS, sizeof *p);
  randombytes_buf(p->secret, sizeof p->secret);
  return 1;
}

static int pending_gc(lua_State *L) {
  struct pending *p = pending_argument(L);
  free(p->cells);
  p->cells = NULL;
  p->room = p->count = 0;
  return 0;
}

static size_t home(const struct pending *p, const uint8_t *id) {
  uint64_t hash;
  crypto_shorthash((uint8_t *)&hash, id, CORE_SHORT_ID_SIZE, p->secret);
  return hash & (p->room - 1);
}

static int is_empty(const uint8_t *cell) {
  static const uint8_t zeros[CORE_SHORT_ID_SIZE];
  return memcmp(cell, zeros, sizeof zeros) == 0;
}

/* Where ID is, or the empty cell where it would be. */
static size_t find(const struct pending *p, const uint8_t *id) {
  size_t at = home(p, id);
  while (!is_empty(p->cells[at]) && memcmp(p->cells[at], id, CORE_SHORT_ID_SIZE))
    at = (at + 1) & (p->room - 1);
  return at;
}

static int reserve(struct pending *p) {
  struct pending grown = *p;
  if (p->count * 2 < p->room)
    return 0;
  grown.room = p->room ? p->room * 2 : ROOM_MIN;
  if (!(grown.cells = calloc(grown.room, CORE_SHORT_ID_SIZE)))
    return -1;
  for (size_t i = 0; i < p->room; i++)
    if (!is_empty(p->cells[i]))
      memcpy(grown.cells[find(&grown, p->cells[i])], p->cells[i], CORE_SHORT_ID_SIZE);
  free(p->cells);
  *p = grown;
  return 0;
}

/* Moves back what stood behind the hole because of it (Knuth, The Art of Computer
 * Programming 3, 6.4, algorithm R). */
static void take_out(struct pending *p, size_t hole) {
  size_t mask = p->room - 1;
  for (size_t at = (hole + 1) & mask; !is_empty(p->cells[at]); at = (at + 1) & mask) {
    if (((at - home(p, p->cells[at])) & mask) < ((at - hole) & mask))
      continue;
    memcpy(p->cells[hole], p->cells[at], CORE_SHORT_ID_SIZE);
    hole = at;
  }
  memset(p->cells[hole], 0, CORE_SHORT_ID_SIZE);
  p->count--;
}

/* add(batch, count) -> how many of the first COUNT are not being checked yet; they come
 * first, and are now. The others are refused as duplicates. */
static int pending_add(lua_State *L) {
  struct pending *p = pending_argument(L);
  struct batch *b = batch_argument(L, 2);
  lua_Integer count = luaL_checkinteger(L, 3);
  luaL_argcheck(L, count >= 0 && count <= b->count, 3, "more than there are");
  for (uint32_t i = 0; i < (uint32_t)count; i++) {
    struct batch_item *item = batch_item(b, i);
    if (reserve(p))
      return luaL_error(L, "not enough memory");
    uint8_t *cell = p->cells[find(p, item->st.id)];
    if (is_empty(cell)) {
      memcpy(cell, item->st.id, CORE_SHORT_ID_SIZE);
      p->count++;
    } else {
      item->word = "duplicate";
    }
  }
  lua_pushinteger(L, batch_part(b, (uint32_t)count));
  return 1;
}

/* remove(batch, from, to): what stands there is not being checked any more. */
static int pending_remove(lua_State *L) {
  struct pending *p = pending_argument(L);
  struct batch *b = batch_argument(L, 2);
  uint32_t from, count = batch_range(L, b, 3, &from);
  for (uint32_t i = from; i < from + count && p->room; i++) {
    size_t at = find(p, batch_item(b, i)->st.id);
    if (!is_empty(p->cells[at]))
      take_out(p, at);
  }
  return 0;
}

static int pending_count(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)pending_argument(L)->count);
  return 1;
}

static const luaL_Reg methods[] = {
    {"add",    pending_add   },
    {"remove", pending_remove},
    {"__len",  pending_count },
    {"__gc",   pending_gc    },
    {NULL,     NULL          }
};

void pending_class(lua_State *L) {
  core_class(L, CLASS, methods);
}
