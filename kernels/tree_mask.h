/** @file
 * What a tree mask hides from a query.
 */
#ifndef KVSPAN_KERNELS_TREE_MASK_H
#define KVSPAN_KERNELS_TREE_MASK_H

#include <stddef.h>

#include "kernels/kernels.h"

/* A query's bits. */
typedef struct kvspan_tree_sight {
    const uint32_t *words;   /* NULL: nothing is hidden */
    uint64_t first_position; /* of bit 0 */
} kvspan_tree_sight;

/* token: of the step. */
static inline kvspan_tree_sight kvspan_tree_sight_of(const kvspan_tree_mask *mask, uint32_t token)
{
    kvspan_tree_sight sight = { .words = NULL, .first_position = 0 };

    if (mask->words && mask->tokens[token].first_word != KVSPAN_NO_TREE) {
        sight.words = mask->words + mask->tokens[token].first_word;
        sight.first_position = mask->tokens[token].first_position;
    }
    return sight;
}

/* position: not behind the query's. */
static inline int kvspan_tree_hides(const kvspan_tree_sight *sight, uint64_t position)
{
    uint64_t bit;

    if (!sight->words || position < sight->first_position) {
        return 0;
    }
    bit = position - sight->first_position;
    return (sight->words[bit / 32] >> bit % 32 & 1U) == 0;
}

#endif
