/* order.h - the short IDs of one class in order, for digests and lists. No record. */
#ifndef ORDER_H
#define ORDER_H

#include <stdint.h>

/* Numbers of records in the order of their short IDs; NULL until somebody asks for it. */
struct order {
  uint32_t *numbers;
  uint32_t count, room;
  uint32_t
      changes; /* since it was last asked for: an order that changes unread is dropped */
};

typedef const uint8_t *(*order_id)(const void *owner, uint32_t number); /* 16 bytes */

/* A record comes or goes (before its ID is forgotten). Nothing where the order is not
 * built. */
void order_add(struct order *o, order_id id, const void *owner, uint32_t number);
void order_remove(struct order *o, order_id id, const void *owner, uint32_t number);

/* Room for COUNT numbers, to be filled and then sorted: 0, or -1: no memory. */
int order_start(struct order *o, uint32_t count);
int order_sort(struct order *o, order_id id, const void *owner);

/* Place of the first record whose ID is greater than ID (or not less, where EQUAL). */
uint32_t order_after(const struct order *o, order_id id, const void *owner,
                     const uint8_t *sought, int equal);

void order_free(struct order *o);

#endif
