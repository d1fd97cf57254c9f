/* heap.h - memory for states of Lua, whose blocks are many and small. All states of a
 * process live on one thread, and so does this. */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include <stddef.h>

/* As realloc; of BLOCK (or NULL) Lua knows the size, OLD. NEW is 0: it is freed. */
void *heap_resize(void *block, size_t old, size_t new);

/* What is free in whole pages goes back to the system. */
void heap_trim(void);

#endif
