/** @file
 * The stream that a cache's exchanges go to, and its order with the caller's: pass by pass, what is
 * to be exchanged has been computed before, and what is computed on has been exchanged. On devices
 * whose calls are synchronous there is nothing to order.
 */
#ifndef KVSPAN_CACHE_EXCHANGE_LANE_H
#define KVSPAN_CACHE_EXCHANGE_LANE_H

#include "runtime/cache/step_work.h"

typedef struct kvspan_exchange_lane {
    kvspan_device *device;
    kvspan_stream stream;
    bool has_stream;
    uint32_t event_count;                      /* created, of both kinds, alternately */
    kvspan_event *computed[KVSPAN_MAX_PASSES]; /* on the caller's stream */
    kvspan_event *exchanged[KVSPAN_MAX_PASSES];
} kvspan_exchange_lane;

kvspan_status kvspan_exchange_lane_init(kvspan_exchange_lane *lane, kvspan_device *device,
                                        kvspan_error *error);
void kvspan_exchange_lane_fini(kvspan_exchange_lane *lane);

/* What the pass exchanges is enqueued on the caller's stream. */
kvspan_status kvspan_exchange_lane_computed(kvspan_exchange_lane *lane, kvspan_stream stream,
                                            uint32_t pass, kvspan_error *error);

/* Around the exchange of a pass. */
kvspan_status kvspan_exchange_lane_begin(kvspan_exchange_lane *lane, uint32_t pass,
                                         kvspan_error *error);
kvspan_status kvspan_exchange_lane_end(kvspan_exchange_lane *lane, uint32_t pass,
                                       kvspan_error *error);

/* What the caller's stream does from now on comes behind the exchange of the pass. */
kvspan_status kvspan_exchange_lane_await(kvspan_exchange_lane *lane, kvspan_stream stream,
                                         uint32_t pass, kvspan_error *error);

#endif
