/** @file
 * The packed work plan of the cuda column: what a launch of attend_pages reads. Pure C, no device.
 *
 * A unit is what one block does for one kv head: up to 16 rows (decode) or 128 rows (prefill, which
 * some kernels share among two blocks) of an item. Rows of an item are its queries of one kv head:
 * row = token · group_size + head. An item decodes if it has at most 16 rows, or one token; others
 * prefill.
 *
 * Decode folds local tokens in splits. A split ends where the local index is a multiple of
 * kvspan_attend_split_tokens(end of the unit's tokens), so splits depend on the sequence alone. A
 * unit either is one split, whose partial results the last block to finish folds in ascending
 * order, or it folds all its splits itself, in the same order with the same arithmetic: which of
 * the two changes no bit, and is decided by how much the whole plan gains. Prefill is not split.
 */
#ifndef KVSPAN_KERNELS_CUDA_ATTEND_PLAN_H
#define KVSPAN_KERNELS_CUDA_ATTEND_PLAN_H

#include "kernels/work_plan.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KVSPAN_DECODE_ROWS = 16,
    KVSPAN_PREFILL_ROWS = 128,
    KVSPAN_SPLIT_TOKENS = 512,        /* the shortest split */
    KVSPAN_MAX_SPLITS = 256,          /* of a sequence; longer ones have longer splits */
    KVSPAN_SPLIT_COUNTERS = 8192,     /* of units shared by blocks, times kv heads */
    KVSPAN_MAX_PARTIAL_ROWS = 131072, /* partial results of a launch, times kv heads */
    KVSPAN_SHARED_BLOCKS = 1024       /* units above 1 / 1024 of the work are shared */
};

#define KVSPAN_NO_PARTIAL 0xffffffffU

typedef struct kvspan_attend_unit {
    uint32_t slot;
    uint32_t first_token; /* of the item, among the step's tokens */
    uint32_t position;    /* of first_token */
    uint32_t first_row;   /* of the item */
    uint32_t row_count;
    uint32_t index_begin; /* local tokens [begin, end) that some row of the item sees */
    uint32_t index_end;
    uint32_t split_tokens;
    uint32_t partial_row; /* first of all splits' partial rows, [split][row_count]; or NO_PARTIAL */
    uint32_t split;       /* with partial results: which of the splits with tokens in them */
    uint32_t split_count;
    uint32_t counter; /* of the splits that are done */
} kvspan_attend_unit;

/* Followed by decode_count units of decode, then prefill_count of prefill. */
typedef struct kvspan_attend_plan {
    uint32_t decode_count;
    uint32_t prefill_count;
    uint32_t decode_capacity; /* of every plan with these limits */
    uint32_t prefill_capacity;
    uint32_t partial_row_count; /* for one kv head */
    uint32_t counter_count;     /* for one kv head */
    uint32_t partial_row_capacity;
    uint32_t reserved;
} kvspan_attend_plan;

/* Tokens of a split where a sequence has `index_end` local tokens: a power of two. */
uint32_t kvspan_attend_split_tokens(uint64_t index_end);

/* Partial rows that scratch holds for one kv head. */
uint32_t kvspan_attend_partial_rows(const kvspan_plan_limits *limits);

#ifdef __cplusplus
}
#endif

#endif
