/* digest.c - what a class remembers, as one number that two nodes can compare. No merge.
 */
#include "index.h"
#include <string.h>

static void collect(const struct index *ix, int class_number, struct sorted_ids *o) {
  uint32_t count = 0;
  for (uint32_t b = 1; b <= ix->bucket_top; b++) {
    if (!ix->buckets[b].name || ix->buckets[b].class_number != class_number)
      continue;
    uint32_t first = ix->buckets[b].first;
    for (uint32_t n = first; n; n = index_next(ix, &first, n))
      o->numbers[count++] = n;
  }
}

const struct sorted_ids *index_order(struct index *ix, int class_number) {
  struct sorted_ids *o = &ix->orders[class_number];
  o->changes = 0;
  if (o->numbers)
    return o;
  if (sorted_ids_start(o, (uint32_t)ix->counts[class_number]))
    return NULL;
  collect(ix, class_number, o);
  if (sorted_ids_sort(o, index_id, ix) == 0)
    return o;
  sorted_ids_free(o);
  return NULL;
}

/* BLAKE2b-256, keyed with the salt, over the short IDs in order of what ends after T. */
static void take(const struct index *ix, const struct sorted_ids *o, int64_t t,
                 struct digest *d, crypto_generichash_state *state) {
  for (uint32_t i = 0; i < o->count; i++) {
    const struct entry *e = index_entry(ix, o->numbers[i]);
    int64_t end = law_end(index_class(ix, e), e->at);
    if (end <= t) {
      if (end > d->from)
        d->from = end;
      continue;
    }
    if (end < d->until)
      d->until = end;
    crypto_generichash_update(state, e->id, sizeof e->id);
    d->count++;
  }
}

int index_digest(struct index *ix, int class_number, int64_t t, const void *salt,
                 size_t salt_size, struct digest *out) {
  struct digest *known = ix->digests[class_number];
  crypto_generichash_state state;
  uint8_t hash[CORE_HASH_SIZE];
  for (int i = 0; !salt_size && i < INDEX_DIGESTS; i++)
    if (known[i].is_known && known[i].from <= t && t < known[i].until) {
      *out = known[i];
      return 0;
    }
  const struct sorted_ids *o = index_order(ix, class_number);
  if (!o)
    return -1;
  *out = (struct digest){.from = INT64_MIN, .until = INT64_MAX, .is_known = 1};
  crypto_generichash_init(&state, salt_size ? salt : NULL, salt_size, sizeof hash);
  take(ix, o, t, out, &state);
  crypto_generichash_final(&state, hash, sizeof hash);
  memcpy(out->bytes, hash, sizeof out->bytes);
  if (salt_size)
    return 0;
  memmove(known + 1, known, (INDEX_DIGESTS - 1) * sizeof *known);
  known[0] = *out;
  return 0;
}
