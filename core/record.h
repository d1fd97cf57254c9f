/* record.h - the index of records that Lua holds, for other C files. */
#ifndef RECORD_H
#define RECORD_H

#include "index.h"

/* The index at INDEX of the stack, or throws. It lives as long as the userdata. */
struct index *index_argument(lua_State *L, int index);

#endif
