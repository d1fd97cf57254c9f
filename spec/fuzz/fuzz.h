/* fuzz.h - what fuzzers share: one entry, one check, a Lua state. Knows no parser. */
#ifndef FUZZ_H
#define FUZZ_H

#include "core.h"

/* In the program that replays inputs all fuzzers are linked together: each under its
 * name. */
#define FUZZ_JOIN_(a, b) a##b
#define FUZZ_JOIN(a, b) FUZZ_JOIN_(a, b)
#ifdef FUZZ_NAME
#define LLVMFuzzerTestOneInput FUZZ_JOIN(fuzz_, FUZZ_NAME)
#endif
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that no input may break. */
#define FUZZ_CHECK(holds) ((holds) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #holds))
_Noreturn void fuzz_fail(const char *file, int line, const char *what);

/* 1 when WORD is on the list of refusals (CORE_WORDS) or is an errno's name. */
int fuzz_is_word(const char *word);

/* A copy of exactly SIZE bytes, so that a byte read behind them is noticed. free() it. */
void *fuzz_copy(const void *data, size_t size);

/* The process's one Lua state, with the core's modules and this tree's lua/. */
lua_State *fuzz_state(void);

/* Calls the function that spec/fuzz/NAME.lua returned with the input. What it throws is a
 * failure; lines of Lua that it reaches count as coverage. */
int fuzz_script(const char *name, const uint8_t *data, size_t size);

#endif
