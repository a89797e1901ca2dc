/** @file
 * Where every (head, token) of a sequence lies, found by dealing heads and pages out one by one:
 * shares no arithmetic with sharding/.
 */
#ifndef KVSPAN_TESTS_SHARDING_NAIVE_MAP_H
#define KVSPAN_TESTS_SHARDING_NAIVE_MAP_H

#include <stdbool.h>

#include "sharding/moves.h"

enum {
    MAP_RANKS = 24,
    MAP_HEADS = 6,
    MAP_SLOTS = 64, /* local tokens: column * page_tokens + offset */
    MAP_NOTHING = 0
};

typedef struct naive_map {
    uint32_t value[MAP_RANKS][MAP_HEADS][MAP_SLOTS]; /* 1 + head * tokens + token, or MAP_NOTHING */
    bool has[MAP_RANKS][MAP_HEADS][MAP_SLOTS];       /* [rank][head][token] */
} naive_map;

void naive_map_fill(naive_map *map, const kvspan_holding *holding, uint64_t tokens);

#endif
