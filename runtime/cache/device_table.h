/** @file
 * What kernels read of a step on the device: page tables, patched in stream order, and the arrays
 * of its rows, at fixed addresses.
 */
#ifndef KVSPAN_CACHE_DEVICE_TABLE_H
#define KVSPAN_CACHE_DEVICE_TABLE_H

#include "kernels/device.h"
#include "runtime/step/replica.h"

typedef struct kvspan_device_table {
    kvspan_device *device;
    kvspan_step_limits limits;
    uint32_t *tables;            /* device [group][slot][column] */
    kvspan_table_patch *patches; /* pinned [kvspan_replica_max_patches] */
    unsigned char *staged;       /* pinned: the arrays below, one after another */
    unsigned char *arrays;       /* device: the same bytes */
    uint32_t *row_starts;        /* device [max_rows + 1] */
    uint32_t *row_slots;         /* device [max_rows] */
    int32_t *positions;          /* device [max_tokens] */
} kvspan_device_table;

kvspan_status kvspan_device_table_init(kvspan_device_table *table, kvspan_device *device,
                                       const kvspan_step_limits *limits, kvspan_error *error);
void kvspan_device_table_fini(kvspan_device_table *table);

/* Brings a step to the device. Stream-ordered. */
kvspan_status kvspan_device_table_update(kvspan_device_table *table,
                                         const kvspan_replica_result *result, kvspan_stream stream,
                                         kvspan_error *error);

/* The arrays of the current step for kernels of a group. */
kvspan_step_arrays kvspan_device_table_arrays(const kvspan_device_table *table, uint32_t group,
                                              uint32_t row_count, uint32_t token_count,
                                              const kvspan_token_rule *rule);

#endif
