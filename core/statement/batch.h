/* batch.h - the statements of one frame as one thing, for other C files. No record. */
#ifndef BATCH_H
#define BATCH_H

#include <stdatomic.h>
#include "statement.h"

/* A statement, and the word that refuses it; NULL: nothing is known against it. */
struct batch_item {
  struct statement st; /* its fields stand only where the word is not one of its form */
  const char *word;
};

/* ORDER says which item stands at which place. Text and items live as long as somebody
 * holds the batch: threads look at what Lua may have let go. */
struct batch {
  atomic_uint holders;
  uint32_t count; /* statements */
  size_t bytes;   /* of the text */
  uint8_t order[CORE_STATEMENTS_MAX];
  struct batch_item items[]; /* and behind them the text */
};

/* Makes the class known; before the first batch, and as often as one likes. */
void batch_class(lua_State *L);

/* Pushes the batch of the lines of TEXT, a line feed between two and perhaps behind the
 * last; or nil, message, "long". How many it pushed. */
int batch_push(lua_State *L, const char *text, size_t size);

/* The batch at INDEX of the stack, or throws; it is not held for the caller. */
struct batch *batch_argument(lua_State *L, int index);
void batch_hold(struct batch *b);
void batch_leave(struct batch *b);

/* The item at PLACE, from 0 on. */
struct batch_item *batch_item(struct batch *b, uint32_t place);

/* Places FROM … TO of arguments INDEX and INDEX + 1, which count from 1 and lie in B: the
 * first from 0 on into *FROM, how many as the result. */
uint32_t batch_range(lua_State *L, const struct batch *b, int index, uint32_t *from);

#endif
