/* fence.h - what the files of core.fence share: its limits, its state, and the names it
 * hands out. */
#ifndef CORE_FENCE_H
#define CORE_FENCE_H

#include "core.h"

#define FENCE_MEMORY (4 * 1024 * 1024) /* bytes of one state, by default */
#define FENCE_INSTRUCTIONS 1000000     /* of the virtual machine, a question */
#define FENCE_STRING_MAX (64 * 1024)   /* bytes of one string */
#define FENCE_BLOCK_MAX (512 * 1024)   /* bytes of one allocation */
#define FENCE_MILLISECONDS 30          /* of processor time, a question, */
#define FENCE_OWN 20   /* or so many times what loading the fence's own chunks took */
#define FENCE_CHURN 16 /* times its memory may be allocated in a question */
#define FENCE_PIECE 64 /* bytes that are compiled between two charges */
#define FENCE_SUBJECT_MAX 4096 /* bytes that a pattern is tried on */
#define FENCE_PATTERN_MAX 256
#define FENCE_DEPTH 16     /* of a table that crosses */
#define FENCE_VALUES 16384 /* that cross in one call, each way */
#define FENCE_BYTES (1024 * 1024)
#define FENCE_CALL 20000 /* instructions that one function of C may cost in a slice */
#define FENCE_UNYIELDING 200000 /* without a chance to stop, behind a slice's end */
#define FENCE_SLICE_CHURN (512 * 1024) /* bytes allocated in a slice */

#define FENCE_CLASS "core.fence"

/* The fence of one policy, or of one person who looks around. */
typedef struct {
  lua_State *state; /* NULL once closed */
  size_t used, limit, block;
  size_t room;    /* the limit of this question */
  size_t large;   /* bytes of an allocation that is too large, or 0 */
  int is_pressed; /* an allocation passed a limit */
  int is_full;    /* of what questions left behind */
  uint64_t churn; /* bytes allocated by this question, freed ones too */
  int64_t instructions, left;
  int64_t unseen;       /* of them, since the last look at the clock */
  int64_t milliseconds; /* of processor time, a question */
  int64_t own;          /* ns that its own chunks took: how fast this machine is */
  int64_t began;        /* processor time in ns, 0 before the first look */
  /* A question that is asked in slices (resume.c): its coroutine, or NULL. */
  lua_State *thread;
  int64_t slice;    /* instructions left in this slice */
  int pressed;      /* refusals for want of memory in this slice */
  int is_exhausted; /* no memory is given any more */
  int is_littered;  /* the last one ended so: what it left is to be collected */
  int asks;         /* it stopped since it wants to know something of the host */
} fence;

/* What crosses in one call, counted so that a knot of tables cannot unfold. */
typedef struct {
  size_t values, bytes;
} fence_crossing;

/* What a function that runs protected in the fence is to do. */
typedef struct {
  lua_State *host;
  int first, last; /* arguments on the host's stack */
  const char *name, *text;
  size_t size;
  int inner;
} fence_request;

fence *fence_of(lua_State *P);

/* The fence that is argument 1; throws where it is closed. */
fence *fence_check(lua_State *L);

/* Pushes a copy of the value at absolute INDEX of FROM onto TO; returns why it cannot, or
 * NULL. Of FROM it asks only what never throws: on the way in FROM is the host, TO is
 * protected. */
const char *fence_copy(lua_State *from, int index, lua_State *to, fence_crossing *c,
                       int depth);

/* Runs BODY in the fence as a question of its own; 0 when it came to its end, else what
 * core_fail pushed on the host. */
int fence_protect(lua_State *L, fence *f, lua_CFunction body, fence_request *r);

/* Whether a message begins with FILE:LINE: */
int fence_has_place(const char *text);

/* Pushes TEXT (never bytecode) as a function, or why it is none; returns a status of Lua.
 */
int fence_compile(lua_State *P, const char *text, size_t size, const char *name);

/* Pushes the function NAME of the door, else the global one. */
void fence_push_called(lua_State *P, const char *name);

/* Methods: a question asked in slices. */
int fence_start(lua_State *L);
int fence_resume(lua_State *L);
int fence_stop(lua_State *L);

/* The same for its slice. */
void fence_charge_slice(lua_State *P, int64_t units);

/* Whether MORE bytes, in an allocation of BLOCK, are too many for a question in slices.
 */
int fence_is_over(fence *f, size_t more, size_t block);

/* Lua function: stops the question; what it is called with goes to the host, and it
 * returns what the host gives for that. */
int fence_ask(lua_State *P);

/* Takes UNITS instructions off what is left of the question in P; throws in P when none
 * are. */
void fence_charge(lua_State *P, int64_t units);

/* The same; the fault is that of the function at LEVEL (0: in a hook, what runs). */
void fence_charge_at(lua_State *P, int64_t units, int level);

/* Pushes the table of names that a chunk finds as globals: no way out of the state in it.
 */
void fence_push_names(lua_State *P);

/* Pushes what only the host's own chunks are given: metatables, raw access, a compiler of
 * text. */
void fence_push_inner(lua_State *P);

#endif
