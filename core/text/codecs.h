/* codecs.h - text codecs for other C files: one spelling per meaning. */
#ifndef CODECS_H
#define CODECS_H

#include <stddef.h>
#include <stdint.h>
#include <lua.h>

#define TEXT_BASE58_MAX 256 /* bytes; base58 costs their square */

/* Codecs: write to OUT, which has ROOM bytes, and return how many were written, or -1:
 * not of the form, or no room. base64 and base64url want room for a zero behind the text,
 * too; the others write none. Reading accepts exactly what writing gives. base58 is
 * base58btc (draft-msporny-base58); base32 RFC 4648 in lower case without padding;
 * base64url RFC 4648 without padding; base64 RFC 4648 with padding. */
int64_t text_base58(const void *in, size_t size, char *out, size_t room);
int64_t text_base32(const void *in, size_t size, char *out, size_t room);
int64_t text_base64url(const void *in, size_t size, char *out, size_t room);
int64_t text_base64(const void *in, size_t size, char *out, size_t room);
int64_t text_unbase58(const char *in, size_t size, void *out, size_t room);
int64_t text_unbase32(const char *in, size_t size, void *out, size_t room);
int64_t text_unbase64url(const char *in, size_t size, void *out, size_t room);
int64_t text_unbase64(const char *in, size_t size, void *out, size_t room);

/* Lua functions of such codecs: (bytes) -> text, and (text) -> bytes | nil, text, "form"
 * that calls the codec NAME. */
typedef int64_t text_encoder(const void *in, size_t size, char *out, size_t room);
typedef int64_t text_decoder(const char *in, size_t size, void *out, size_t room);
int text_push_encoded(lua_State *L, text_encoder *encode);
int text_push_decoded(lua_State *L, text_decoder *decode, const char *name);

/* Unsigned varint of multiformats: minimal, at most 9 bytes, VALUE < 2^63. Bytes written.
 */
#define TEXT_VARINT_MAX 9
int text_varint(uint64_t value, uint8_t out[TEXT_VARINT_MAX]);

/* Length of the clean UTF-8 character that IN begins with, or 0. Clean: valid, shortest
 * form, no surrogate, no control (C0, DEL, C1), no U+2028/2029, no bidi control. SIZE may
 * be 0. */
int text_character(const char *in, size_t size);

/* 1 if all of IN is clean UTF-8. */
int text_is_clean(const char *in, size_t size);

#endif
