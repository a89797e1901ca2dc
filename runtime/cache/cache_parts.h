/** @file
 * What a cache is made of. Shared by the files of this folder alone.
 */
#ifndef KVSPAN_CACHE_CACHE_PARTS_H
#define KVSPAN_CACHE_CACHE_PARTS_H

#include <kvspan/cache.h>

#include "comm/device_comm.h"
#include "kernels/device.h"
#include "kernels/page_format.h"
#include "runtime/cache/broadcast.h"
#include "runtime/cache/config.h"
#include "runtime/cache/device_table.h"
#include "runtime/cache/exchange_lane.h"
#include "runtime/cache/geometry.h"
#include "runtime/cache/place_lists.h"
#include "runtime/cache/staging.h"
#include "runtime/cache/step_work.h"
#include "runtime/step/replica.h"

struct kvspan_cache {
    kvspan_settings settings;
    kvspan_geometry geometry;
    kvspan_device *device;
    kvspan_comm *comm;
    kvspan_local_hub *lone_hub; /* of a cache without peers: its communicator is its own */
    kvspan_plan plan;

    /* Control plane. */
    kvspan_ledger *ledger; /* on the coordinator */
    kvspan_step_limits limits;
    kvspan_step_message message;
    kvspan_replica replica;
    kvspan_replica_result result;
    kvspan_broadcast broadcast;
    uint32_t notices; /* raised on this rank */
    bool is_in_step;
    kvspan_error spent; /* status KVSPAN_OK while the handle is good */

    /* Data plane; absent with KVSPAN_CACHE_NO_ARENA. */
    unsigned char *arena;
    kvspan_page_format *formats; /* [layer group] of one arena */
    kvspan_device_table table;
    kvspan_place_lists places; /* of the current step */
    kvspan_step_work work;
    kvspan_staging staging;
    kvspan_exchange_lane lane;
    kvspan_device_comm *device_comm;
    kvspan_stream stream; /* the caller's, that was used last */
    bool has_stream;
    bool is_stream_closed; /* stream_event was recorded behind all that was enqueued there */
    kvspan_event *stream_event;
    bool has_stream_event;

    kvspan_metrics metrics;
};

/* OK, or the verdict that spent the handle, or ARGUMENT outside a step if one is needed. */
kvspan_status kvspan_cache_enter(const kvspan_cache *cache, bool needs_step, kvspan_error *error);

/* Looks a layer up for append and attend: UNSUPPORTED without an arena, ARGUMENT if unknown. */
kvspan_status kvspan_cache_find_layer(const kvspan_cache *cache, uint32_t layer,
                                      uint32_t *group_out, uint32_t *index_out,
                                      kvspan_error *error);

/* A failure that leaves this rank out of step: spends the handle, tells the peers. Returns the
 * status. Failures of a wait have done so already. */
kvspan_status kvspan_cache_spend(kvspan_cache *cache, kvspan_status status, kvspan_error *error);

#endif
