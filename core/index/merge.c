/* merge.c - which word of a signer counts: slots, shares, memory. No rows, no journal. */
#include "index.h"
#include "crypto/crypto.h"
#include <stdlib.h>
#include <string.h>

/* First 8 bytes, most significant first, of BLAKE2b-256 over "BUCKET KEY SIGNER". It is
 * the same on every node, since quotas go by it; only a signer himself could make two of
 * his own slots fall together, and then they are one on every node. */
static uint64_t slot_of(struct statement_part bucket, struct statement_part key,
                        struct statement_part signer) {
  char text[CORE_BUCKET_MAX + CORE_KEY_MAX + KEY_ID_SIZE + 2], *at = text;
  uint8_t hash[CORE_HASH_SIZE];
  uint64_t slot = 0;
  at = mempcpy(at, bucket.at, bucket.size);
  *at++ = ' ';
  at = mempcpy(at, key.at, key.size);
  *at++ = ' ';
  at = mempcpy(at, signer.at, signer.size);
  hash_blake2b(text, (size_t)(at - text), NULL, 0, hash);
  for (int i = 0; i < 8; i++)
    slot = slot << 8 | hash[i];
  return slot;
}

uint32_t index_find_slot(const struct index *ix, struct statement_part bucket,
                         struct statement_part key, struct statement_part signer) {
  uint8_t public[CORE_PUBLIC_SIZE];
  int class_number = index_class_number(ix, bucket);
  if (class_number < 0 || bucket.size > CORE_BUCKET_MAX || key.size > CORE_KEY_MAX)
    return 0;
  if (key_public_of_id(signer.at, signer.size, public))
    return 0;
  return index_find_in_slot(ix, slot_of(bucket, key, signer),
                            index_find_holder(ix, public, class_number));
}

/* ---- checking: what would happen ---- */

/* Where a statement would go; numbers are 0 where nothing is yet. */
struct target {
  int class_number;
  uint64_t slot;
  uint32_t holder, entry;
};

/* The winner of a slot is the newest word; of two of the same millisecond the larger ID.
 */
static int is_newer(const struct statement *st, const struct entry *e) {
  if (st->at != e->at)
    return st->at > e->at;
  return memcmp(st->id, e->id, CORE_SHORT_ID_SIZE) > 0;
}

/* Does a new slot fit in its signer's share? The slots with the smallest hashes count, so
 * that every order of arrival leaves the same ones. */
static int has_share(struct index *ix, const struct target *to) {
  struct holder *h;
  if (!to->holder)
    return 1;
  h = &ix->holders[to->holder];
  return h->count < ix->law.classes[to->class_number].slots ||
         to->slot < index_entry(ix, index_greatest(ix, h))->slot;
}

/* A frame's statements are checked together, and put a little later: remembered between.
 */
static uint64_t slot_of_statement(struct index *ix, const struct statement *st) {
  struct index_seen *seen = &ix->seen[st->id[0] % INDEX_SEEN];
  if (memcmp(seen->id, st->id, sizeof seen->id)) {
    seen->slot = slot_of(st->bucket, st->key, st->signer);
    memcpy(seen->id, st->id, sizeof seen->id);
  }
  return seen->slot;
}

static const char *find_target(struct index *ix, const struct statement *st, int64_t now,
                               struct target *to) {
  const char *word;
  int admitted = index_admitted_to(ix, st->public);
  if (admitted == ADMITTED_TO_NONE) /* first: a flood of theirs costs one look-up each */
    return "stranger";
  to->class_number = index_class_number(ix, st->bucket);
  if (!index_admits(admitted, to->class_number))
    return "stranger";
  if (to->class_number < 0)
    return "class";
  if ((word = law_check(&ix->law.classes[to->class_number], st, now)))
    return word;
  if (index_find(ix, st->id))
    return "duplicate";
  to->slot = slot_of_statement(ix, st);
  to->holder = index_find_holder(ix, st->public, to->class_number);
  to->entry = index_find_in_slot(ix, to->slot, to->holder);
  if (to->entry)
    return is_newer(st, index_entry(ix, to->entry)) ? NULL : "older";
  return has_share(ix, to) ? NULL : "quota";
}

const char *index_check(struct index *ix, const struct statement *st, int64_t now) {
  struct target to;
  return find_target(ix, st, now, &to);
}

/* ---- taking in, taking out ---- */

/* A change of a class: no digest of it holds any more. */
static void count_change(struct index *ix, int class_number, int change) {
  ix->counts[class_number] += change;
  for (int i = 0; i < INDEX_DIGESTS; i++)
    ix->digests[class_number][i].is_known = 0;
}

static struct index_gone forget_line(struct index *ix, struct entry *e) {
  struct index_gone gone = {e->has_text ? INDEX_NOWHERE : e->where.place, e->size};
  if (!e->has_text)
    return gone;
  ix->extra -= e->size;
  if (index_class(ix, e)->is_kept)
    ix->unwritten -= e->size;
  free(e->where.text);
  return gone;
}

static struct index_gone take_out(struct index *ix, uint32_t number) {
  struct entry *e = index_entry(ix, number);
  int class_number = ix->holders[e->holder].class_number;
  struct index_gone gone = forget_line(ix, e);
  index_unname_entry(ix, number);
  index_free_entry(ix, number);
  count_change(ix, class_number, -1);
  return gone;
}

/* Of a signer whose share is full: the slot with the largest hash does not count. */
static struct index_gone make_share(struct index *ix, const struct target *to) {
  struct holder *h = &ix->holders[to->holder];
  if (!to->holder || h->count < ix->law.classes[to->class_number].slots)
    return (struct index_gone){INDEX_NOWHERE, 0};
  return take_out(ix, index_greatest(ix, h));
}

/* Fills an entry whose slot, bucket and holder stand; TEXT is the line or NULL. */
static void fill(struct index *ix, uint32_t number, const struct statement *st,
                 int64_t place, unsigned way, char *text) {
  struct entry *e = index_entry(ix, number);
  int64_t end = law_end(index_class(ix, e), st->at);
  e->at = st->at;
  e->until = (uint32_t)(st->valid_until / STATEMENT_TICK);
  e->size = st->line.size & 0x7ff;
  e->way_high = way >> 4 & 0x1f;
  e->way_low = way & 0xf;
  e->is_dismissal = st->is_dismissal != 0;
  e->is_for_later = st->valid_from * 1000 > st->at;
  e->has_text = text != NULL;
  if (text)
    e->where.text = text;
  else
    e->where.place = place;
  if (text)
    ix->extra += e->size;
  if (text && index_class(ix, e)->is_kept)
    ix->unwritten += e->size;
  if (end < ix->earliest_end)
    ix->earliest_end = end;
  index_name_entry(ix, number, st->id);
  index_touch(ix, e);
}

/* The entry for a slot that is new here, or the slot's own after the older word has left
 * it. */
static uint32_t make_entry(struct index *ix, const struct target *to,
                           const struct statement *st, char *name,
                           struct index_gone *gone) {
  if (to->entry) {
    *gone = forget_line(ix, index_entry(ix, to->entry));
    index_unname_entry(ix, to->entry);
  } else {
    *gone = make_share(ix, to);
  }
  uint32_t bucket = index_use_bucket(ix, name, st->bucket.size, to->class_number);
  uint32_t hash = index_key_hash(ix, st->key);
  count_change(ix, to->class_number, to->entry ? 0 : 1);
  if (!to->entry)
    return index_new_entry(ix, to->slot, st->public, to->class_number, bucket, hash);
  index_move_entry(ix, to->entry, bucket,
                   hash); /* two slots of one signer may fall together */
  return to->entry;
}

static char *copy(struct statement_part p) {
  char *bytes = malloc(p.size);
  return bytes ? memcpy(bytes, p.at, p.size) : NULL;
}

const char *index_put(struct index *ix, const struct statement *st, int64_t place,
                      unsigned way, struct index_gone *gone) {
  struct target to;
  const char *word = find_target(ix, st, -1, &to);
  if (word)
    return word;
  char *text = place == INDEX_NOWHERE ? copy(st->line) : NULL;
  char *name = copy(st->bucket);
  if ((place == INDEX_NOWHERE && !text) || !name || index_reserve(ix)) {
    free(text);
    free(name);
    return "ENOMEM";
  }
  fill(ix, make_entry(ix, &to, st, name, gone), st, place, way, text);
  return NULL;
}

int index_replaces(struct index *ix, const struct statement *st) {
  int class_number = index_class_number(ix, st->bucket);
  uint32_t holder = index_find_holder(ix, st->public, class_number);
  return holder && index_find_in_slot(ix, slot_of_statement(ix, st), holder);
}

void index_written(struct index *ix, uint32_t number, int64_t place) {
  struct entry *e = index_entry(ix, number);
  forget_line(ix, e);
  e->has_text = 0;
  e->where.place = place;
}

int64_t index_expire(struct index *ix, int64_t now,
                     void (*gone)(void *context, struct index_gone what), void *context) {
  int64_t dropped = 0, earliest = INT64_MAX;
  if (now < ix->earliest_end)
    return 0;
  for (uint32_t number = 1; number <= ix->entry_top; number++) {
    const struct entry *e = index_entry(ix, number);
    if (!e->size)
      continue;
    int64_t end = law_end(index_class(ix, e), e->at);
    if (end > now) {
      if (end < earliest)
        earliest = end;
      continue;
    }
    gone(context, take_out(ix, number));
    dropped++;
  }
  ix->earliest_end = earliest;
  index_tidy(ix);
  return dropped;
}

int64_t index_drop_future(struct index *ix, int64_t now, const uint8_t *signer,
                          void (*gone)(void *context, struct index_gone what),
                          void *context) {
  int64_t dropped = 0;
  for (uint32_t number = 1; number <= ix->entry_top; number++) {
    const struct entry *e = index_entry(ix, number);
    if (!e->size || e->at <= now + LAW_GRACE * 1000)
      continue;
    if (signer && memcmp(ix->holders[e->holder].public, signer, CORE_PUBLIC_SIZE))
      continue;
    gone(context, take_out(ix, number));
    dropped++;
  }
  index_tidy(ix);
  return dropped;
}

int64_t index_drop_strangers(struct index *ix,
                             void (*gone)(void *context, struct index_gone what),
                             void *context) {
  int64_t dropped = 0;
  for (uint32_t number = 1; number <= ix->entry_top; number++) {
    const struct entry *e = index_entry(ix, number);
    const struct holder *h = &ix->holders[e->holder];
    if (!e->size || index_admits(index_admitted_to(ix, h->public), h->class_number))
      continue;
    gone(context, take_out(ix, number));
    dropped++;
  }
  index_tidy(ix);
  return dropped;
}
