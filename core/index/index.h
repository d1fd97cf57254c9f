/* index.h - the records that a node remembers: rows, rules, digests. No Lua. */
#ifndef INDEX_H
#define INDEX_H

#include "core.h"
#include "law.h"
#include "sorted_ids.h"
#include "statement/statement.h"
#include "table.h"
#include <sodium.h>

#define INDEX_NOWHERE (-1) /* no place in the journal */
#define INDEX_DIGESTS 2    /* kept of a class: at our own T, and at a peer's */
#define INDEX_WAYS 512     /* ways by which a statement can have come: 9 bits */

/* One remembered statement: the newest word in its slot, which is (bucket, key, signer).
 * 72 bytes; numbers of others begin with 1, 0 is none. A number has 24 bits
 * (TABLE_NUMBER_MAX), so that beside each two of them 16 bits are left for something
 * small. Statements with the same bucket and key hang together: the first of them is in
 * the list of its bucket, the others follow it, and their `previous` is the one before of
 * the same key. */
struct entry {
  uint8_t id[CORE_SHORT_ID_SIZE];
  uint64_t slot; /* hash of the slot; with signer and class it names it */
  int64_t at;    /* milliseconds */
  union {
    int64_t place; /* in the journal */
    char *text;    /* or the line itself */
  } where;
  uint64_t bucket : 24, holder : 24;
  uint64_t size : 11;    /* of the line, at most 1,024; 0 in an unused entry */
  uint64_t way_high : 5; /* with way_low: by which way it came, a number of whoever put it
                            in */
  uint64_t next_of_holder : 24, previous_of_holder : 24;
  uint64_t key_high : 16; /* with key_low: 32 bits of the key's hash */
  uint64_t next_in_bucket : 24, previous : 24;
  uint64_t key_low : 16;
  uint64_t next_of_key : 24;
  uint64_t until : 32; /* ticks of 16 s */
  uint64_t is_dismissal : 1, has_text : 1;
  uint64_t is_for_later : 1; /* FROM is after AT */
  uint64_t is_first : 1;     /* of its key */
  uint64_t way_low : 4;
};

/* A bucket that has records, or an unused row (no name; FIRST is then the next unused
 * one). */
struct bucket {
  char *name;
  uint32_t first, count; /* the first statement of the first key; all statements */
  uint16_t size;
  uint8_t class_number;
};

/* A signer's share of a class. */
struct holder {
  uint8_t public[CORE_PUBLIC_SIZE];
  uint32_t *heap; /* of its entries, where the share is full (share.c) */
  uint32_t heap_count, heap_room;
  uint32_t first, count;
  uint8_t class_number;
};

/* A digest holds for every T from FROM until before UNTIL, as long as the class does not
 * change. */
struct digest {
  int64_t from, until;
  int64_t count;
  uint8_t bytes[16];
  int is_known;
};

/* Slot hash of a statement seen lately: a check and the put that follows hash once. */
#define INDEX_SEEN 256

struct index_seen {
  uint8_t id[CORE_SHORT_ID_SIZE];
  uint64_t slot;
};

/* Key hashes of one class that changed since they were taken from here, the last one
 * first; one may stand here more than once. HASHES is NULL while nobody follows. */
struct index_touched {
  uint32_t *hashes;
  uint32_t count, room;
  int class_number;
  int is_over; /* there were more: whoever follows begins anew */
};

/* A key whose words are taken: of all classes, or of one. */
struct admitted {
  uint8_t public[CORE_PUBLIC_SIZE];
  int16_t class_number; /* or ADMITTED_TO_ALL */
};

#define ADMITTED_TO_ALL (-1)
#define ADMITTED_TO_NONE (-2)

/* Whose words are taken (admit.c): everybody's, or those of KEYS and our own. KEYS[0] is
 * unused. */
struct admission {
  struct admitted *keys;
  uint32_t top, room;
  struct table by_key;
  int is_closed, has_own;
  uint8_t own[CORE_PUBLIC_SIZE];
};

struct index {
  struct law law;
  uint8_t
      secret[crypto_shorthash_KEYBYTES]; /* for looking up; nothing else depends on it */
  struct entry **pages;
  uint32_t page_count, page_room, unused_entry, entry_top;
  struct bucket *buckets;
  uint32_t bucket_room, bucket_top, unused_bucket;
  struct holder *holders;
  uint32_t holder_room, holder_top, unused_holder;
  struct table by_id, by_slot, by_key, by_bucket, by_holder; /* by_key: first ones */
  struct sorted_ids orders[LAW_CLASSES_MAX];
  struct digest digests[LAW_CLASSES_MAX][INDEX_DIGESTS]; /* the newest first */
  int64_t counts[LAW_CLASSES_MAX];
  struct index_seen seen[INDEX_SEEN]; /* by the first byte of the ID */
  int64_t earliest_end;               /* no entry ends before it; seconds */
  int64_t extra;                      /* bytes of names, texts and heaps */
  int64_t share_steps;                /* looks at entries of full shares, ever */
  int64_t unwritten; /* bytes of kept lines that are here and in no journal yet */
  struct index_touched touched;
  struct admission admission;
};

/* What was taken out: where its line is, and how long. */
struct index_gone {
  int64_t place, size; /* INDEX_NOWHERE where the index kept the text */
};

/* Opens an index whose law has been read. */
void index_open(struct index *ix);
void index_close(struct index *ix);

/* ---- rows (index.c) ---- */

struct entry *index_entry(const struct index *ix, uint32_t number);
const uint8_t *index_id(const void *ix, uint32_t number);
const struct law_class *index_class(const struct index *ix, const struct entry *e);
int64_t index_memory(const struct index *ix);
/* Gives all memory back where nothing is remembered any more. */
void index_tidy(struct index *ix);

/* Number of a row or class; 0 (class: -1) where there is none. */
uint32_t index_find(const struct index *ix, const uint8_t id[CORE_SHORT_ID_SIZE]);
uint32_t index_find_bucket(const struct index *ix, const char *name, size_t size);
uint32_t index_find_holder(const struct index *ix, const uint8_t *public,
                           int class_number);
uint32_t index_find_in_slot(const struct index *ix, uint64_t slot, uint32_t holder);
int index_class_number(const struct index *ix, struct statement_part bucket);

/* 32 bits of KEY's hash. Other keys may have the same: whoever looks one up reads which
 * it is. */
uint32_t index_key_hash(const struct index *ix, struct statement_part key);
/* The first entry of BUCKET whose key has that hash; the others are its next_of_key. */
uint32_t index_find_key(const struct index *ix, uint32_t bucket, uint32_t key_hash);
/* The entry after NUMBER in its bucket; *FIRST is the first one of NUMBER's key, and then
 * of that of the entry returned. */
uint32_t index_next(const struct index *ix, uint32_t *first, uint32_t number);

/* Room for all that one statement can need, so that taking it in cannot fail half-way: 0
 * or -1. */
int index_reserve(struct index *ix);
/* The row of a bucket; NAME, allocated, is kept or freed. */
uint32_t index_use_bucket(struct index *ix, char *name, size_t size, int class_number);
uint32_t index_new_entry(struct index *ix, uint64_t slot, const uint8_t *public,
                         int class_number, uint32_t bucket, uint32_t key_hash);
void index_move_entry(struct index *ix, uint32_t number, uint32_t bucket,
                      uint32_t key_hash);
void index_free_entry(struct index *ix, uint32_t number);
void index_name_entry(struct index *ix, uint32_t number, const uint8_t *id);
void index_unname_entry(struct index *ix, uint32_t number);

/* ---- a signer's share (share.c) ---- */

/* The entry with the greatest slot hash of H, which has entries. */
uint32_t index_greatest(struct index *ix, struct holder *h);
void index_add_to_share(struct index *ix, struct holder *h, uint32_t number);
void index_take_from_share(struct index *ix, struct holder *h, uint32_t number);
void index_drop_heap(struct index *ix, struct holder *h);

/* ---- what changed (touched.c) ---- */

/* E came, was replaced or goes. */
void index_touch(struct index *ix, const struct entry *e);
/* From now on the class is followed, and all its keys count as changed: 0 or -1. */
int index_touch_all(struct index *ix, int class_number);
void index_touch_none(struct index *ix);

/* ---- whose words are taken (admit.c) ---- */

/* The class whose words of that key are taken, or one of the two constants. */
int index_admitted_to(const struct index *ix, const uint8_t *public);
/* Whether ADMITTED, as index_admitted_to gave it, is that class or all. */
static inline int index_admits(int admitted, int class_number) {
  return admitted == ADMITTED_TO_ALL || admitted == class_number;
}
/* Everybody's, as an index that was just opened. */
void index_admit_all(struct index *ix);

/* ---- rules (merge.c) ---- */

uint32_t index_find_slot(const struct index *ix, struct statement_part bucket,
                         struct statement_part key, struct statement_part signer);

/* NULL where ST would be new, or the word: stranger, class, size, window, ended, future
 * (the last two only where NOW, in ms, is not negative), duplicate, older, quota. Changes
 * nothing. */
const char *index_check(struct index *ix, const struct statement *st, int64_t now);

/* Takes ST in, whose signature has been verified. PLACE in the journal, or INDEX_NOWHERE:
 * then the line is copied. WAY, below INDEX_WAYS, is only remembered. NULL and what it
 * replaced (size 0: nothing), or a word as above, or ENOMEM. */
const char *index_put(struct index *ix, const struct statement *st, int64_t place,
                      unsigned way, struct index_gone *gone);

/* Would ST, which index_check lets in, replace a word of its slot? */
int index_replaces(struct index *ix, const struct statement *st);

/* The line of entry NUMBER, kept here until now, stands at PLACE of the journal. */
void index_written(struct index *ix, uint32_t number, int64_t place);

/* Drops what ended by NOW (seconds); calls GONE for each. Number of records dropped. */
int64_t index_expire(struct index *ix, int64_t now,
                     void (*gone)(void *context, struct index_gone what), void *context);

/* Drops what is stamped more than LAW_GRACE seconds after NOW (milliseconds): words that
 * were taken in while the time was not proved. SIGNER: of his words only, or NULL.
 * Otherwise as index_expire. */
int64_t index_drop_future(struct index *ix, int64_t now, const uint8_t *signer,
                          void (*gone)(void *context, struct index_gone what),
                          void *context);

/* Drops the words of all whose words are not taken any more. Otherwise as index_expire.
 */
int64_t index_drop_strangers(struct index *ix,
                             void (*gone)(void *context, struct index_gone what),
                             void *context);

/* ---- what two nodes compare (digest.c) ---- */

/* Digest of what a class remembers beyond T (seconds), under a salt of 0 to 64 bytes; 0
 * or -1. */
int index_digest(struct index *ix, int class_number, int64_t t, const void *salt,
                 size_t salt_size, struct digest *out);

/* The class's order, up to date, or NULL where there is no memory. */
const struct sorted_ids *index_order(struct index *ix, int class_number);

/* The index at INDEX of the stack, or throws. It lives as long as the userdata. */
struct index *index_argument(lua_State *L, int index);
/* A way, which may be left out (then 0), or it throws. */
unsigned index_way_argument(lua_State *L, int index);

#endif
