/* json.h - canonical JSON (DATA), for other C files: is this text of the one form? No
 * values. */
#ifndef JSON_H
#define JSON_H

#include <stddef.h>

#define JSON_INTEGER_MAX 9007199254740992 /* 2^53, the least is its negative */

/* 0 if TEXT is one value in canonical form (spec/PROTOCOL.md, JSON DATA); else -1 and
 * *WHY (unless NULL) a constant text. Allocates nothing, recurses at most CORE_JSON_DEPTH
 * deep. */
int json_check(const char *text, size_t size, const char **why);

#endif
