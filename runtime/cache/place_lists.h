/** @file
 * Lists of places for place_heads. The device may read a list late, so it stays in the step's slot
 * of pinned memory; calls that want the same list, as all layers of a group do, share one.
 */
#ifndef KVSPAN_CACHE_PLACE_LISTS_H
#define KVSPAN_CACHE_PLACE_LISTS_H

#include "kernels/kernels.h"

enum {
    KVSPAN_PLACE_LISTS = 24 /* of one step, before its first have to be given up */
};

typedef struct kvspan_place_lists {
    kvspan_head_block *places; /* pinned [capacity], of the current slot */
    uint32_t capacity;
    uint32_t used;
    uint32_t list_count;
    uint32_t starts[KVSPAN_PLACE_LISTS];
    uint32_t counts[KVSPAN_PLACE_LISTS];
} kvspan_place_lists;

/* An empty set in that memory. */
void kvspan_place_lists_begin(kvspan_place_lists *lists, kvspan_head_block *places,
                              uint32_t capacity);

/* The list with these places, [count] of at most capacity; NULL if there is no room: once the
 * device is past all that was enqueued, the set can begin anew. */
const kvspan_head_block *kvspan_place_lists_put(kvspan_place_lists *lists,
                                                const kvspan_head_block *places, uint32_t count);

#endif
