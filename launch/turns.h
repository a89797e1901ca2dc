/** @file
 * Turns over (layer, query head): turn after turn another layer and another rank's heads, so that
 * few turns touch many. Any layer_count × q_heads turns in a row are all different pairs; the first
 * n turns touch min(n, layers) layers and the heads of min(n, ranks) ranks.
 */
#ifndef KVSPAN_LAUNCH_TURNS_H
#define KVSPAN_LAUNCH_TURNS_H

#include <stdint.h>

typedef struct kvspan_turns {
    uint64_t seed; /* where layers and heads begin */
    uint32_t layer_count;
    uint32_t q_heads;
    uint32_t head_parts; /* part m is heads [m·q_heads/head_parts, (m+1)·q_heads/head_parts) */
} kvspan_turns;

void kvspan_turns_take(const kvspan_turns *turns, uint64_t turn, uint32_t *layer_out,
                       uint32_t *q_head_out);

#endif
