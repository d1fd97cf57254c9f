/* statement.h - one signed line and its fields, for other C files. */
#ifndef STATEMENT_H
#define STATEMENT_H

#include "core.h"
#include "crypto/crypto.h"

/* Numbers of a statement: seconds are multiples of 16 up to 16 * (2^32 - 1), so that they
 * fit 32 bits as ticks; milliseconds end with the same second. */
#define STATEMENT_TICK 16
#define STATEMENT_SECONDS_MAX ((int64_t)16 * UINT32_MAX)
#define STATEMENT_AT_MAX (STATEMENT_SECONDS_MAX * 1000 + 999)

struct statement_part {
  const char *at;
  size_t size;
};

/* Everything that a line says. The parts point into the line; KEY is the signer where `-`
 * stands. */
struct statement {
  struct statement_part line, text, verb, bucket, key, signer, data;
  int64_t valid_from, valid_until; /* Unix seconds */
  int64_t at;                      /* Unix milliseconds, the signer's order */
  int is_dismissal, is_whole;      /* WHOLE: every field above and below stands */
  uint8_t public[CORE_PUBLIC_SIZE];
  uint8_t signature[CORE_SIGNATURE_SIZE];
  uint8_t id[CORE_HASH_SIZE]; /* BLAKE2b-256 of the line; the short ID is its beginning */
};

/* Reads LINE (no line feed) without copying. NULL, or the word (form, long, window,
 * owner) and WHY. The signature is decoded, not verified. Any thread. */
const char *statement_parse(const char *line, size_t size, struct statement *st,
                            const char **why);

/* NULL, or the word: signature, key, form (the swarm's name). Any thread. */
const char *statement_verify(const struct statement *st, const char *swarm,
                             size_t swarm_size);

/* Pushes the statement that LINE says as a userdata; or nil, message, word. How many it
 * pushed. */
int statement_push(lua_State *L, const char *line, size_t size);

/* The statement at INDEX of the stack, or throws. It lives as long as the userdata. */
const struct statement *statement_argument(lua_State *L, int index);

#endif
