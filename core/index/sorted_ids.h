/* sorted_ids.h - the short IDs of one class in order, for digests and lists. No record.
 */
#ifndef SORTED_IDS_H
#define SORTED_IDS_H

#include <stdint.h>

/* Numbers of records in the order of their short IDs; NULL until somebody asks for it. */
struct sorted_ids {
  uint32_t *numbers;
  uint32_t count, room;
  uint32_t
      changes; /* since it was last asked for: an order that changes unread is dropped */
};

typedef const uint8_t *(*sorted_ids_id)(const void *owner,
                                        uint32_t number); /* 16 bytes */

/* A record comes or goes (before its ID is forgotten). Nothing where the order is not
 * built. */
void sorted_ids_add(struct sorted_ids *o, sorted_ids_id id, const void *owner,
                    uint32_t number);
void sorted_ids_remove(struct sorted_ids *o, sorted_ids_id id, const void *owner,
                       uint32_t number);

/* Room for COUNT numbers, to be filled and then sorted: 0, or -1: no memory. */
int sorted_ids_start(struct sorted_ids *o, uint32_t count);
int sorted_ids_sort(struct sorted_ids *o, sorted_ids_id id, const void *owner);

/* Place of the first record whose ID is greater than ID (or not less, where EQUAL). */
uint32_t sorted_ids_after(const struct sorted_ids *o, sorted_ids_id id, const void *owner,
                          const uint8_t *sought, int equal);

void sorted_ids_free(struct sorted_ids *o);

#endif
