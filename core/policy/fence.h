/* fence.h - what the two rooms of core.fence share: its limits, and the names it hands
 * out. */
#ifndef CORE_FENCE_H
#define CORE_FENCE_H

#include "core.h"

#define FENCE_MEMORY (4 * 1024 * 1024) /* bytes of one state, by default */
#define FENCE_INSTRUCTIONS 1000000     /* of the virtual machine, a question */
#define FENCE_STRING_MAX (64 * 1024)   /* bytes of one string */
#define FENCE_BLOCK_MAX (512 * 1024)   /* bytes of one allocation */
#define FENCE_CHURN 64         /* times its memory may be allocated in a question */
#define FENCE_SUBJECT_MAX 4096 /* bytes that a pattern is tried on */
#define FENCE_PATTERN_MAX 256
#define FENCE_DEPTH 16     /* of a table that crosses */
#define FENCE_VALUES 16384 /* that cross in one call, each way */
#define FENCE_BYTES (1024 * 1024)

/* Takes UNITS instructions off what is left of the question in P; throws in P when none
 * are. */
void fence_charge(lua_State *P, int64_t units);

/* Pushes the table of names that a chunk finds as globals: no way out of the state in it.
 */
void fence_push_names(lua_State *P);

/* Pushes what only the host's own chunks are given: metatables, raw access, a compiler of
 * text. */
void fence_push_inner(lua_State *P);

#endif
