/** @file
 * The work plan: how a step's rows are cut into pieces of attention. Pure C, no device. Made once
 * per step and window, used by every layer with that window.
 *
 * Cuts depend on absolute positions alone, never on the batch, the heads, the threads or the ranks:
 * that is what gives a row the same bits everywhere.
 */
#ifndef KVSPAN_KERNELS_WORK_PLAN_H
#define KVSPAN_KERNELS_WORK_PLAN_H

#include <kvspan/token_rule.h>
#include <kvspan/types.h>

/* A piece: some neighbouring new tokens of one row, and the local tokens any of them sees. */
typedef struct kvspan_work_item {
    uint32_t row;
    uint32_t first_token; /* index among the step's tokens */
    uint32_t token_count;
    uint32_t slot;
    uint64_t position;    /* of first_token */
    uint64_t index_begin; /* local token indices [begin, end) that this member holds and … */
    uint64_t index_end;   /* … at least one query of the piece sees */
} kvspan_work_item;

typedef struct kvspan_work_plan {
    const kvspan_work_item *items;
    uint32_t item_count;
    /* What the column has packed of it (kvspan_kernels.pack_plan), in host memory that the device
     * can copy from, and the copy on the device. NULL for columns that pack nothing. */
    const void *packed;
    const void *device;
} kvspan_work_plan;

/* What limits the plans of a layer group, fixed when a cache is made. */
typedef struct kvspan_plan_limits {
    uint32_t max_rows;
    uint32_t max_tokens;       /* of a step */
    uint32_t max_items;        /* kvspan_work_plan_capacity() */
    uint64_t max_local_tokens; /* of one sequence on one member */
    uint32_t group_size;       /* query heads per kv head */
    uint32_t q_heads;          /* of one call, at most */
    uint32_t kv_heads;         /* local */
    uint32_t key_dim;
    uint32_t value_dim;
} kvspan_plan_limits;

/* What the plan is made from: host copies of the step's rows. */
typedef struct kvspan_work_row {
    uint64_t position;
    uint32_t slot;
    uint32_t first_token;
    uint32_t token_count;
} kvspan_work_row;

/* The most items that rows of a step can need: rows are cut where position is a multiple of
 * tile_tokens. */
uint32_t kvspan_work_plan_capacity(uint32_t max_rows, uint32_t max_tokens, uint32_t tile_tokens);

/* Writes the items of the rows, in row order. window 0 = all. items_out: [capacity as above]. */
kvspan_work_plan kvspan_work_plan_make(const kvspan_work_row *rows, uint32_t row_count,
                                       const kvspan_token_rule *rule, uint32_t window,
                                       uint32_t tile_tokens, kvspan_work_item *items_out);

#endif
