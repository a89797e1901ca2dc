/** @file
 * What kernels read of a step: page tables, patched in stream order; the arrays of its rows and the
 * packed work plans, on the device at fixed addresses; and lists that stay on the host.
 *
 * The host writes a step into a slot of pinned memory, from which the device takes it when it comes
 * to it. A slot is written again only once the device is past the step that used it last.
 */
#ifndef KVSPAN_CACHE_DEVICE_TABLE_H
#define KVSPAN_CACHE_DEVICE_TABLE_H

#include <stdbool.h>

#include "kernels/device.h"
#include "runtime/step/replica.h"

enum {
    KVSPAN_TABLE_MAX_SLOTS = 4
};

/* What a slot has room for, and where. Offsets are bytes from its begin; the first device_bytes lie
 * on the device too, at the same offsets. */
typedef struct kvspan_slot_layout {
    uint64_t plans_offset; /* behind the arrays: row starts, row slots, positions */
    uint64_t plan_bytes;   /* from one packed plan to the next; 0 = the column packs none */
    uint32_t plan_count;
    uint64_t device_bytes;
    uint64_t pairs_offset;   /* pages to copy: [kvspan_step_max_page_runs][2] */
    uint64_t patches_offset; /* [kvspan_replica_max_patches] */
    uint64_t places_offset;  /* [place_capacity] */
    uint32_t place_capacity;
    uint64_t slot_bytes;
} kvspan_slot_layout;

/* What calls of a step are made for: the step itself, or the largest there can be, where they are
 * captured and replayed for other steps. */
typedef struct kvspan_step_extent {
    uint32_t row_count;
    uint32_t token_count;
    bool is_captured;
} kvspan_step_extent;

typedef struct kvspan_device_table {
    kvspan_device *device;
    kvspan_step_limits limits;
    kvspan_slot_layout layout;
    uint32_t *tables;     /* device [group][slot][column] */
    unsigned char *block; /* device, of device_bytes: the arrays below, then the packed plans */
    uint32_t *row_starts; /* device [max_rows + 1], behind the last row its end again */
    uint32_t *row_slots;  /* device [max_rows] */
    int32_t *positions;   /* device [max_tokens] */
    unsigned char *slots; /* pinned [slot_count][slot_bytes] */
    uint32_t slot_count;
    kvspan_event *past[KVSPAN_TABLE_MAX_SLOTS]; /* the device is past the slot's last step */
    bool has_past[KVSPAN_TABLE_MAX_SLOTS];      /* past was created */
    uint32_t current;                           /* slot of the step under way */
    uint64_t *plan_used_bytes;                  /* [plan_count] of the step under way */
} kvspan_device_table;

/* plan_bytes, plan_count, place_capacity: as in the layout. slot_count: in [1, MAX_SLOTS]. */
kvspan_status kvspan_device_table_init(kvspan_device_table *table, kvspan_device *device,
                                       const kvspan_step_limits *limits, uint64_t plan_bytes,
                                       uint32_t plan_count, uint32_t place_capacity,
                                       uint32_t slot_count, kvspan_error *error);
void kvspan_device_table_fini(kvspan_device_table *table);

/* The event to be done before the slot of an epoch is written. */
kvspan_event *kvspan_device_table_past(const kvspan_device_table *table, uint64_t epoch);

/* The step of that epoch is written from now on. */
void kvspan_device_table_turn(kvspan_device_table *table, uint64_t epoch);

/* Memory of the current slot. */
uint32_t *kvspan_device_table_pairs(const kvspan_device_table *table);
kvspan_head_block *kvspan_device_table_places(const kvspan_device_table *table);
unsigned char *kvspan_device_table_packed(const kvspan_device_table *table, uint32_t plan);

/* Where a packed plan lies on the device; used_bytes of it were written. */
const void *kvspan_device_table_use_plan(kvspan_device_table *table, uint32_t plan,
                                         uint64_t used_bytes);

/* Brings the step to the device. Stream-ordered. */
kvspan_status kvspan_device_table_update(kvspan_device_table *table,
                                         const kvspan_replica_result *result, kvspan_stream stream,
                                         kvspan_error *error);

/* All operations of the step are enqueued. */
kvspan_status kvspan_device_table_end(kvspan_device_table *table, kvspan_stream stream,
                                      kvspan_error *error);

/* The page table of a group. */
const uint32_t *kvspan_device_table_of(const kvspan_device_table *table, uint32_t group);

/* The arrays of the current step for kernels of a group. */
kvspan_step_arrays kvspan_device_table_arrays(const kvspan_device_table *table, uint32_t group,
                                              const kvspan_step_extent *extent,
                                              const kvspan_token_rule *rule);

#endif
