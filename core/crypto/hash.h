/* hash.h - the two hashes, for other C files: BLAKE2b-256 for the protocol, SHA-256 for
 * content. */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>

/* BLAKE2b-256 (RFC 7693), keyed where KEY_SIZE (0..64) is not 0. */
void hash_blake2b(const void *in, size_t size, const void *key, size_t key_size,
                  uint8_t out[32]);

/* SHA-256 (FIPS 180-4) by libcrypto, so with the processor's instructions where it has
 * them. 0, or -1 where libcrypto has no memory. */
int hash_sha256(const void *in, size_t size, uint8_t out[32]);

#endif
