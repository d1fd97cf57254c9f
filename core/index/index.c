/* index.c - the rows of the index: entries, buckets, signers, tables of them. No rule. */
#include "index.h"
#include <stdlib.h>
#include <string.h>

#define PAGE 512 /* entries; 36 KiB */

/* ---- what the five tables ask ---- */

static uint64_t keyed(const struct index *ix, const void *bytes, size_t size) {
  uint64_t hash;
  crypto_shorthash((uint8_t *)&hash, bytes, size, ix->secret);
  return hash;
}

struct entry *index_entry(const struct index *ix, uint32_t number) {
  return &ix->pages[number / PAGE][number % PAGE];
}

const uint8_t *index_id(const void *ix, uint32_t number) {
  return index_entry(ix, number)->id;
}

static uint64_t id_hash(const void *ix, uint32_t number) {
  return keyed(ix, index_id(ix, number), CORE_SHORT_ID_SIZE);
}

static int id_is(const void *ix, uint32_t number, const void *id) {
  return memcmp(index_id(ix, number), id, CORE_SHORT_ID_SIZE) == 0;
}

struct slot_name {
  uint64_t slot;
  uint64_t holder; /* signer and class; a whole word, so that no padding is hashed */
};

static uint64_t slot_hash(const void *ix, uint32_t number) {
  const struct entry *e = index_entry(ix, number);
  struct slot_name name = {e->slot, e->holder};
  return keyed(ix, &name, sizeof name);
}

static int slot_is(const void *ix, uint32_t number, const void *sought) {
  const struct entry *e = index_entry(ix, number);
  const struct slot_name *name = sought;
  return e->slot == name->slot && e->holder == name->holder;
}

struct key_name {
  uint32_t bucket, hash;
};

static struct key_name key_name_of(const struct entry *e) {
  return (struct key_name){e->bucket, (uint32_t)e->key_high << 16 | e->key_low};
}

static uint64_t key_hash(const void *ix, uint32_t number) {
  struct key_name name = key_name_of(index_entry(ix, number));
  return keyed(ix, &name, sizeof name);
}

static int key_is(const void *ix, uint32_t number, const void *sought) {
  struct key_name name = key_name_of(index_entry(ix, number));
  return memcmp(&name, sought, sizeof name) == 0;
}

static uint64_t bucket_hash(const void *owner, uint32_t number) {
  const struct index *ix = owner;
  return keyed(ix, ix->buckets[number].name, ix->buckets[number].size);
}

static int bucket_is(const void *owner, uint32_t number, const void *sought) {
  const struct bucket *b = &((const struct index *)owner)->buckets[number];
  const struct statement_part *name = sought;
  return b->size == name->size && memcmp(b->name, name->at, name->size) == 0;
}

struct holder_name {
  uint8_t public[CORE_PUBLIC_SIZE], class_number;
};

static uint64_t holder_hash(const void *owner, uint32_t number) {
  const struct holder *h = &((const struct index *)owner)->holders[number];
  struct holder_name name = {.class_number = h->class_number};
  memcpy(name.public, h->public, sizeof name.public);
  return keyed(owner, &name, sizeof name);
}

static int holder_is(const void *owner, uint32_t number, const void *sought) {
  const struct holder *h = &((const struct index *)owner)->holders[number];
  const struct holder_name *name = sought;
  return h->class_number == name->class_number &&
         memcmp(h->public, name->public, sizeof name->public) == 0;
}

static const struct table_kind by_id = {id_hash, id_is}, by_slot = {slot_hash, slot_is},
                               by_key = {key_hash, key_is},
                               by_bucket = {bucket_hash, bucket_is},
                               by_holder = {holder_hash, holder_is};

/* ---- finding ---- */

uint32_t index_find(const struct index *ix, const uint8_t id[CORE_SHORT_ID_SIZE]) {
  return table_find(&ix->by_id, &by_id, ix, keyed(ix, id, CORE_SHORT_ID_SIZE), id);
}

uint32_t index_find_bucket(const struct index *ix, const char *name, size_t size) {
  struct statement_part sought = {name, size};
  return table_find(&ix->by_bucket, &by_bucket, ix, keyed(ix, name, size), &sought);
}

uint32_t index_find_holder(const struct index *ix, const uint8_t *public,
                           int class_number) {
  struct holder_name name = {.class_number = (uint8_t)class_number};
  memcpy(name.public, public, sizeof name.public);
  return table_find(&ix->by_holder, &by_holder, ix, keyed(ix, &name, sizeof name), &name);
}

int index_class_number(const struct index *ix, struct statement_part bucket) {
  uint32_t number = index_find_bucket(ix, bucket.at, bucket.size);
  if (number)
    return ix->buckets[number].class_number;
  return law_class_of(&ix->law, bucket.at, bucket.size);
}

uint32_t index_find_in_slot(const struct index *ix, uint64_t slot, uint32_t holder) {
  struct slot_name name = {slot, holder};
  if (!holder)
    return 0;
  return table_find(&ix->by_slot, &by_slot, ix, keyed(ix, &name, sizeof name), &name);
}

uint32_t index_key_hash(const struct index *ix, struct statement_part key) {
  return (uint32_t)keyed(ix, key.at, key.size);
}

uint32_t index_find_key(const struct index *ix, uint32_t bucket, uint32_t hash) {
  struct key_name name = {bucket, hash};
  return table_find(&ix->by_key, &by_key, ix, keyed(ix, &name, sizeof name), &name);
}

uint32_t index_next(const struct index *ix, uint32_t *first, uint32_t number) {
  uint32_t next = index_entry(ix, number)->next_of_key;
  return next ? next : (*first = index_entry(ix, *first)->next_in_bucket);
}

const struct law_class *index_class(const struct index *ix, const struct entry *e) {
  return &ix->law.classes[ix->holders[e->holder].class_number];
}

/* ---- rows: taking one into use, and giving it back ---- */

/* ROWS with room for row TOP + 1; they double, and begin with row 1. NULL: no memory. */
static void *grow_rows(void *rows, uint32_t *room, uint32_t top, size_t size) {
  if (top + 1 < *room)
    return rows;
  uint32_t grown = *room ? *room * 2 : 16;
  void *at = realloc(rows, (size_t)grown * size);
  if (at)
    *room = grown;
  return at;
}

static int reserve_entry(struct index *ix) {
  if (ix->unused_entry || ix->entry_top + 1 < ix->page_count * PAGE)
    return 0;
  if (ix->page_count * PAGE >= TABLE_NUMBER_MAX)
    return -1;
  void *pages = grow_rows(ix->pages, &ix->page_room, ix->page_count, sizeof *ix->pages);
  if (!pages)
    return -1;
  ix->pages = pages;
  struct entry *page = calloc(PAGE, sizeof *page);
  if (!page)
    return -1;
  ix->pages[ix->page_count++] = page;
  return 0;
}

static int reserve_rows(struct index *ix) {
  void *rows =
      grow_rows(ix->buckets, &ix->bucket_room, ix->bucket_top, sizeof *ix->buckets);
  if (!rows)
    return -1;
  ix->buckets = rows;
  rows = grow_rows(ix->holders, &ix->holder_room, ix->holder_top, sizeof *ix->holders);
  if (!rows)
    return -1;
  ix->holders = rows;
  return 0;
}

/* Everything that taking one statement in can need, so that it cannot fail half-way. */
int index_reserve(struct index *ix) {
  if (reserve_entry(ix) || reserve_rows(ix))
    return -1;
  if (table_reserve(&ix->by_id, &by_id, ix) || table_reserve(&ix->by_slot, &by_slot, ix))
    return -1;
  if (table_reserve(&ix->by_key, &by_key, ix) ||
      table_reserve(&ix->by_bucket, &by_bucket, ix))
    return -1;
  return table_reserve(&ix->by_holder, &by_holder, ix);
}

static uint32_t use_entry(struct index *ix) {
  uint32_t number = ix->unused_entry;
  if (!number)
    return ++ix->entry_top;
  ix->unused_entry = index_entry(ix, number)->next_in_bucket;
  return number;
}

/* The row of a bucket; NAME, allocated, becomes its own where it is new and is freed
 * otherwise. */
uint32_t index_use_bucket(struct index *ix, char *name, size_t size, int class_number) {
  uint32_t number = index_find_bucket(ix, name, size);
  if (number) {
    free(name);
    return number;
  }
  if ((number = ix->unused_bucket))
    ix->unused_bucket = ix->buckets[number].first;
  else
    number = ++ix->bucket_top;
  ix->buckets[number] = (struct bucket){
      .name = name, .size = (uint16_t)size, .class_number = (uint8_t)class_number};
  table_add(&ix->by_bucket, bucket_hash(ix, number), number);
  ix->extra += (int64_t)size;
  return number;
}

static uint32_t use_holder(struct index *ix, const uint8_t *public, int class_number) {
  uint32_t number = ix->unused_holder;
  if (number)
    ix->unused_holder = ix->holders[number].first;
  else
    number = ++ix->holder_top;
  struct holder *h = &ix->holders[number];
  *h = (struct holder){.class_number = (uint8_t)class_number};
  memcpy(h->public, public, sizeof h->public);
  table_add(&ix->by_holder, holder_hash(ix, number), number);
  return number;
}

static void leave_bucket(struct index *ix, uint32_t number) {
  struct bucket *b = &ix->buckets[number];
  if (--b->count)
    return;
  table_remove(&ix->by_bucket, &by_bucket, ix, number);
  ix->extra -= b->size;
  free(b->name);
  *b = (struct bucket){.first = ix->unused_bucket};
  ix->unused_bucket = number;
}

static void leave_holder(struct index *ix, uint32_t number) {
  struct holder *h = &ix->holders[number];
  if (--h->count)
    return;
  index_drop_heap(ix, h);
  table_remove(&ix->by_holder, &by_holder, ix, number);
  *h = (struct holder){.first = ix->unused_holder};
  ix->unused_holder = number;
}

/* ---- lists: of a bucket and key, of a holder ---- */

/* NUMBER takes the place of OTHER, or of nothing, between the first entries that stand
 * before and behind it in its bucket. */
static void set_neighbours(struct index *ix, uint32_t number, uint32_t next,
                           uint32_t previous, uint32_t bucket) {
  if (next)
    index_entry(ix, next)->previous = number ? number : previous;
  if (previous)
    index_entry(ix, previous)->next_in_bucket = number ? number : next;
  else
    ix->buckets[bucket].first = number ? number : next;
  if (!number)
    return;
  index_entry(ix, number)->next_in_bucket = next;
  index_entry(ix, number)->previous = previous;
}

static void begin_key(struct index *ix, uint32_t number) {
  struct entry *e = index_entry(ix, number);
  e->is_first = 1;
  set_neighbours(ix, number, ix->buckets[e->bucket].first, 0, e->bucket);
  table_add(&ix->by_key, key_hash(ix, number), number);
}

static void follow_first(struct index *ix, uint32_t number, uint32_t first) {
  struct entry *e = index_entry(ix, number);
  e->is_first = 0;
  e->next_of_key = index_entry(ix, first)->next_of_key;
  e->previous = first;
  if (e->next_of_key)
    index_entry(ix, e->next_of_key)->previous = number;
  index_entry(ix, first)->next_of_key = number;
}

static void link_key(struct index *ix, uint32_t number, uint32_t bucket, uint32_t hash) {
  struct entry *e = index_entry(ix, number);
  uint32_t first = index_find_key(ix, bucket, hash);
  e->bucket = bucket;
  e->key_high = hash >> 16;
  e->key_low = hash & 0xffff;
  e->next_of_key = 0;
  if (first)
    follow_first(ix, number, first);
  else
    begin_key(ix, number);
  ix->buckets[bucket].count++;
}

/* The next one of its key, if there is one, becomes the first. */
static void end_first(struct index *ix, uint32_t number) {
  const struct entry *e = index_entry(ix, number);
  uint32_t heir = e->next_of_key;
  table_remove(&ix->by_key, &by_key, ix, number);
  set_neighbours(ix, heir, e->next_in_bucket, e->previous, e->bucket);
  if (!heir)
    return;
  index_entry(ix, heir)->is_first = 1;
  table_add(&ix->by_key, key_hash(ix, heir), heir);
}

static void unlink_key(struct index *ix, uint32_t number) {
  const struct entry *e = index_entry(ix, number);
  index_touch(ix, e);
  if (e->is_first) {
    end_first(ix, number);
  } else {
    index_entry(ix, e->previous)->next_of_key = e->next_of_key;
    if (e->next_of_key)
      index_entry(ix, e->next_of_key)->previous = e->previous;
  }
  leave_bucket(ix, e->bucket);
}

static void link_holder(struct index *ix, uint32_t number, uint32_t holder) {
  struct entry *e = index_entry(ix, number);
  struct holder *h = &ix->holders[holder];
  e->holder = holder;
  e->previous_of_holder = 0;
  e->next_of_holder = h->first;
  if (h->first)
    index_entry(ix, h->first)->previous_of_holder = number;
  h->first = number;
  h->count++;
  index_add_to_share(ix, h, number);
}

static void unlink_holder(struct index *ix, uint32_t number) {
  const struct entry *e = index_entry(ix, number);
  index_take_from_share(ix, &ix->holders[e->holder], number);
  if (e->next_of_holder)
    index_entry(ix, e->next_of_holder)->previous_of_holder = e->previous_of_holder;
  if (e->previous_of_holder)
    index_entry(ix, e->previous_of_holder)->next_of_holder = e->next_of_holder;
  else
    ix->holders[e->holder].first = e->next_of_holder;
  leave_holder(ix, e->holder);
}

uint32_t index_new_entry(struct index *ix, uint64_t slot, const uint8_t *public,
                         int class_number, uint32_t bucket, uint32_t hash) {
  uint32_t number = use_entry(ix), holder = index_find_holder(ix, public, class_number);
  if (!holder)
    holder = use_holder(ix, public, class_number);
  index_entry(ix, number)->slot = slot;
  link_holder(ix, number, holder);
  link_key(ix, number, bucket, hash);
  table_add(&ix->by_slot, slot_hash(ix, number), number);
  return number;
}

void index_move_entry(struct index *ix, uint32_t number, uint32_t bucket, uint32_t hash) {
  struct key_name name = key_name_of(index_entry(ix, number));
  if (name.bucket == bucket && name.hash == hash)
    return;
  unlink_key(ix, number);
  link_key(ix, number, bucket, hash);
}

void index_free_entry(struct index *ix, uint32_t number) {
  table_remove(&ix->by_slot, &by_slot, ix, number);
  unlink_key(ix, number);
  unlink_holder(ix, number);
  *index_entry(ix, number) = (struct entry){.next_in_bucket = ix->unused_entry};
  ix->unused_entry = number;
}

void index_name_entry(struct index *ix, uint32_t number, const uint8_t *id) {
  struct entry *e = index_entry(ix, number);
  memcpy(e->id, id, sizeof e->id);
  table_add(&ix->by_id, id_hash(ix, number), number);
  sorted_ids_add(&ix->orders[ix->holders[e->holder].class_number], index_id, ix, number);
}

void index_unname_entry(struct index *ix, uint32_t number) {
  int class_number = ix->holders[index_entry(ix, number)->holder].class_number;
  sorted_ids_remove(&ix->orders[class_number], index_id, ix, number);
  table_remove(&ix->by_id, &by_id, ix, number);
}

/* ---- its own life ---- */

void index_open(struct index *ix) {
  randombytes_buf(ix->secret, sizeof ix->secret);
  ix->earliest_end = INT64_MAX;
}

static void free_rows(struct index *ix) {
  for (uint32_t page = 0; page < ix->page_count; page++)
    free(ix->pages[page]);
  for (uint32_t number = 1; number <= ix->holder_top; number++)
    free(ix->holders[number].heap);
  table_free(&ix->by_id);
  table_free(&ix->by_slot);
  table_free(&ix->by_key);
  table_free(&ix->by_bucket);
  table_free(&ix->by_holder);
  free(ix->pages);
  free(ix->buckets);
  free(ix->holders);
  ix->pages = NULL;
  ix->buckets = NULL;
  ix->holders = NULL;
  ix->page_count = ix->page_room = ix->entry_top = ix->unused_entry = 0;
  ix->bucket_room = ix->bucket_top = ix->unused_bucket = 0;
  ix->holder_room = ix->holder_top = ix->unused_holder = 0;
}

void index_tidy(struct index *ix) {
  if (ix->by_id.count == 0)
    free_rows(ix);
}

void index_close(struct index *ix) {
  for (uint32_t number = 1; number <= ix->entry_top; number++)
    if (index_entry(ix, number)->has_text)
      free(index_entry(ix, number)->where.text);
  for (uint32_t number = 1; number <= ix->bucket_top; number++)
    free(ix->buckets[number].name);
  for (int i = 0; i < LAW_CLASSES_MAX; i++)
    sorted_ids_free(&ix->orders[i]);
  index_touch_none(ix);
  index_admit_all(ix);
  free_rows(ix);
  law_free(&ix->law);
  memset(ix, 0, sizeof *ix);
}

int64_t index_memory(const struct index *ix) {
  int64_t bytes = (int64_t)sizeof *ix + ix->extra;
  bytes += (int64_t)ix->touched.room * (int64_t)sizeof *ix->touched.hashes;
  bytes += (int64_t)ix->admission.room * (int64_t)sizeof *ix->admission.keys;
  bytes += table_memory(&ix->admission.by_key);
  bytes += (int64_t)ix->page_count * PAGE * (int64_t)sizeof(struct entry);
  bytes += (int64_t)ix->page_room * (int64_t)sizeof *ix->pages;
  bytes += (int64_t)ix->bucket_room * (int64_t)sizeof *ix->buckets;
  bytes += (int64_t)ix->holder_room * (int64_t)sizeof *ix->holders;
  bytes += table_memory(&ix->by_id) + table_memory(&ix->by_slot);
  bytes += table_memory(&ix->by_key);
  bytes += table_memory(&ix->by_bucket) + table_memory(&ix->by_holder);
  for (int i = 0; i < LAW_CLASSES_MAX; i++)
    bytes += (int64_t)ix->orders[i].room * (int64_t)sizeof *ix->orders[i].numbers;
  return bytes;
}
