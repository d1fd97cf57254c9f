/* key.h - Ed25519 keys and peer IDs for other C files: verify, sign, ID to key. */
#ifndef KEY_H
#define KEY_H

#include "core.h"

#define KEY_ID_SIZE 52        /* text of an Ed25519 peer ID, no terminator */
#define KEY_SIGNATURE_TEXT 86 /* base64url of 64 bytes, without a zero */
#define KEY_KIND_MAX 32       /* "statement", "beacon", ... */
#define KEY_SWARM_MAX 128     /* name, or name:hash of the first root */
#define KEY_TEXT_MAX CORE_LINE_MAX

/* What is signed: "dt-swarm/1 KIND SWARM" LF TEXT. */
struct key_message {
  const char *kind, *swarm, *text;
  size_t kind_size, swarm_size, text_size;
};

/* Public key of the peer ID, 0; or -1 where it is not an Ed25519 ID in base58btc. */
int key_public_of_id(const char *id, size_t size, uint8_t public[CORE_PUBLIC_SIZE]);
void key_id_of_public(const uint8_t public[CORE_PUBLIC_SIZE], char id[KEY_ID_SIZE]);

/* NULL, or the word: form (kind, swarm or text beyond its limits), signature, key. Any
 * thread. A signature counts iff the key is a point of prime order, S < L, and R is the
 * encoding of S*B - h*A (RFC 8032 5.1.7 without the cofactor). That a key is of prime
 * order is remembered. */
const char *key_verify(const uint8_t public[CORE_PUBLIC_SIZE],
                       const struct key_message *message,
                       const uint8_t signature[CORE_SIGNATURE_SIZE]);

/* The open key at INDEX of the stack, or throws. */
struct key *key_argument(lua_State *L, int index);
const uint8_t *key_public(const struct key *k);
/* 0; -1 where kind, swarm or text is beyond its limits. */
int key_sign(const struct key *k, const struct key_message *message,
             char out[KEY_SIGNATURE_TEXT + 1]);

#endif
