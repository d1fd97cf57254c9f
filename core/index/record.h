/* record.h - what the files share that show the index to Lua. */
#ifndef RECORD_H
#define RECORD_H

#include "index.h"

/* A text, and a short ID, at INDEX of the stack, or they throw. */
struct statement_part record_part(lua_State *L, int index);
const uint8_t *record_id(lua_State *L, int index);

/* The public key of the peer ID at INDEX (argument ARGUMENT), or it throws. */
void record_public(lua_State *L, int index, int argument, uint8_t *public);
/* The same of an argument that may be left out: 0 where it is. */
int record_signer_argument(lua_State *L, int index, uint8_t *public);

/* The class whose name is argument INDEX, or it throws. */
int record_class_argument(lua_State *L, const struct index *ix, int index);

/* The methods that look up (lookup.c); that say whose words are taken (admit.c). */
extern const luaL_Reg record_lookups[], record_admission[];

/* PUBLIC is our own key: its words are always taken (admit.c). */
void record_own(struct index *ix, const uint8_t *public);

#endif
