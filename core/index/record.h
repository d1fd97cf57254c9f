/* record.h - what the files share that show the index to Lua. */
#ifndef RECORD_H
#define RECORD_H

#include "index.h"

/* A text, and a short ID, at INDEX of the stack, or they throw. */
struct statement_part record_part(lua_State *L, int index);
const uint8_t *record_id(lua_State *L, int index);

/* The class whose name is argument INDEX, or it throws. */
int record_class_argument(lua_State *L, const struct index *ix, int index);

/* The methods that look up (lookup.c); that say whose words are taken (admit.c). */
extern const luaL_Reg record_lookups[], record_admission[];

/* The peer ID on top of the stack, which is taken off, is our own: its words are always
 * taken. */
void record_own(lua_State *L, struct index *ix);

#endif
