#include "launch/turns.h"

#include "launch/generate.h"

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        const uint64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

static uint32_t part_first(uint32_t heads, uint32_t parts, uint32_t part)
{
    return (uint32_t)((uint64_t)part * heads / parts);
}

/* The heads in an order that goes round the parts: the first of each, the second of each, … Parts
 * differ by one head at most, and the larger ones have the last places. */
static uint32_t head_at(const kvspan_turns *turns, uint32_t place)
{
    const uint32_t heads = turns->q_heads;
    const uint32_t parts = turns->head_parts < heads ? turns->head_parts : heads;
    const uint32_t common = heads / parts;
    uint32_t part = place % parts;
    uint32_t inner = place / parts;
    uint32_t first;
    uint32_t count;

    if (inner == common) {
        uint32_t larger = part;

        for (part = 0;; part++) {
            count = part_first(heads, parts, part + 1) - part_first(heads, parts, part);
            if (count > common && larger-- == 0) {
                break;
            }
        }
    }
    first = part_first(heads, parts, part);
    count = part_first(heads, parts, part + 1) - first;
    inner = (inner + (uint32_t)(kvspan_generate_mix(turns->seed + 2) % count)) % count;
    return first + inner;
}

void kvspan_turns_take(const kvspan_turns *turns, uint64_t turn, uint32_t *layer_out,
                       uint32_t *q_head_out)
{
    const uint64_t layers = turns->layer_count;
    const uint64_t heads = turns->q_heads;
    /* Both go on by one each turn and would meet again after the least common multiple: then one
     * of them goes on by one more. */
    const uint64_t meeting = layers / greatest_common_divisor(layers, heads) * heads;
    const uint64_t turn_of_round = turn % (layers * heads);

    *layer_out = (uint32_t)((turn + kvspan_generate_mix(turns->seed + 3) % layers) % layers);
    *q_head_out = head_at(turns, (uint32_t)((turn_of_round + turn_of_round / meeting) % heads));
}
