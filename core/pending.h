/* pending.h - the set of what is being checked, for verify.c. */
#ifndef PENDING_H
#define PENDING_H

#include "batch.h"

void pending_class(lua_State *L);
/* Lua: verify.pending() -> an empty set of short IDs */
int pending_new(lua_State *L);

#endif
