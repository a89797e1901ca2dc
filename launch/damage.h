/** @file
 * Damage on purpose, for tests: one bit of one stored value is flipped, and a check has to find it.
 */
#ifndef KVSPAN_LAUNCH_DAMAGE_H
#define KVSPAN_LAUNCH_DAMAGE_H

#include <kvspan/cache.h>
#include <kvspan/device.h>
#include <stdbool.h>

/* What is to be damaged. */
typedef struct kvspan_damage {
    uint32_t layer;
    uint32_t kv_head; /* global, of this rank */
    uint64_t first;   /* positions [first, last] of a row's sequence that a query sees */
    uint64_t last;
} kvspan_damage;

/* Flips the highest exponent bit of the first value that this rank stores of the positions, or of
 * its scale: what a row that sees it returns is off by orders of magnitude. Leaves has_flipped_out
 * false, and all as it was, if this rank stores none of them. */
kvspan_status kvspan_damage_flip(const kvspan_damage *damage, const kvspan_token_rule *rule,
                                 uint32_t slot, kvspan_cache *cache, kvspan_device *device,
                                 bool *has_flipped_out, kvspan_error *error);

#endif
