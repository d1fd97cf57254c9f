/* cid.h - CIDv1 with SHA2-256, the one kind of CID here, for other C files. */
#ifndef CID_H
#define CID_H

#include <stddef.h>
#include <stdint.h>

#define CID_SIZE 36      /* 01, codec, 12 20, digest */
#define CID_TEXT_SIZE 59 /* "b" and 58 characters of base32; no terminator */

enum { CID_RAW = 0x55, CID_DAG_PB = 0x70 };

void cid_make(int codec, const uint8_t digest[32], uint8_t out[CID_SIZE]);

/* 0, or -1: not a CIDv1 of a codec above with a SHA2-256 digest. The digest begins at CID
 * + 4. */
int cid_check(const void *cid, size_t size);

void cid_text(const uint8_t cid[CID_SIZE], char out[CID_TEXT_SIZE]);

/* 0, or -1: not such a CID in lower case base32. */
int cid_parse(const char *text, size_t size, uint8_t out[CID_SIZE]);

#endif
