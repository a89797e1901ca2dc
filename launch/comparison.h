/** @file
 * A second opinion on a run: beside its cache, each rank keeps one of its own on another device,
 * without peers, with the same requests' keys and values of its heads. Every row is attended in
 * both. Where tokens are divided over ranks, the second one holds them all.
 */
#ifndef KVSPAN_LAUNCH_COMPARISON_H
#define KVSPAN_LAUNCH_COMPARISON_H

#include <kvspan/cache.h>

#include "launch/oracle.h"
#include "launch/run_model.h"

typedef struct kvspan_comparison_settings {
    const kvspan_device_choice *device;
    const kvspan_run_model *model;
    uint32_t kv_heads; /* of this rank, [0, kv_heads) there */
    uint32_t q_heads;  /* a multiple */
    uint32_t page_tokens;
    uint32_t slot_count;
    uint32_t max_step_tokens;
    uint64_t max_sequence_tokens;
} kvspan_comparison_settings;

/* Rows that were compared. One is beyond its bound where an element differs by more than rounding
 * explains: for numbers of about 1, 4e-3 and 1/128 of the element in bf16, 1e-3 and 1/512 in f16,
 * 5e-4 in f32. A plain struct: ranks can send it. */
typedef struct kvspan_comparison_result {
    uint64_t rows;
    uint64_t failed_rows;
    double max_difference;     /* infinite if one of the two is no finite number */
    kvspan_oracle_place worst; /* where */
    uint32_t worst_dim;
    double actual;   /* there, of the run */
    double expected; /* and of the second opinion */
} kvspan_comparison_result;

typedef struct kvspan_comparison kvspan_comparison;

/* What device and cache answer. model outlives it. */
kvspan_status kvspan_comparison_create(const kvspan_comparison_settings *settings,
                                       kvspan_comparison **comparison_out, kvspan_error *error);
void kvspan_comparison_destroy(kvspan_comparison *comparison); /* may be NULL */

/* A step as the run sees it, then all its layers, then its end. A row that does not follow its
 * sequence's last one is a sequence that starts again. CORRUPT: it does not start at 0. */
kvspan_status kvspan_comparison_begin(kvspan_comparison *comparison, const kvspan_step_view *view,
                                      kvspan_error *error);
kvspan_status kvspan_comparison_attend(kvspan_comparison *comparison, uint32_t layer,
                                       const kvspan_tensor *planes, const kvspan_tensor *q,
                                       kvspan_error *error);
kvspan_status kvspan_comparison_end(kvspan_comparison *comparison, kvspan_error *error);

/* Compares one row of the run, [value_dim] elements, with that of the layer attended last. token is
 * the step's, local_head the rank's; place only says in the result where that is. */
void kvspan_comparison_judge(kvspan_comparison *comparison, const kvspan_oracle_place *place,
                             uint64_t token, uint32_t local_head, const void *row);

kvspan_comparison_result kvspan_comparison_results(const kvspan_comparison *comparison);

/* Adds another rank's. */
void kvspan_comparison_merge(kvspan_comparison_result *result,
                             const kvspan_comparison_result *other);

#endif
