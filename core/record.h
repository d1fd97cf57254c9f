/* record.h - the index of records that Lua holds, for other C files. */
#ifndef RECORD_H
#define RECORD_H

#include "index.h"

/* The index at INDEX of the stack, or throws. It lives as long as the userdata. */
struct index *index_argument(lua_State *L, int index);

/* A text, and a short ID, at INDEX of the stack, or they throw. */
struct statement_part record_part(lua_State *L, int index);
const uint8_t *record_id(lua_State *L, int index);

/* Sets a field of the table on top. */
void record_set_integer(lua_State *L, const char *name, int64_t value);

/* The methods that look up (lookup.c). */
extern const luaL_Reg record_lookups[];

#endif
