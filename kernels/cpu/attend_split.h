/** @file
 * Attention of a block of queries over one split of its tokens.
 *
 * A split begins where the local index is a multiple of KVSPAN_SPLIT_TOKENS. Each starts afresh
 * and is folded into what came before in ascending order, so the result has the same bits whether
 * one thread or several worked on a row.
 */
#ifndef KVSPAN_KERNELS_CPU_ATTEND_SPLIT_H
#define KVSPAN_KERNELS_CPU_ATTEND_SPLIT_H

#include "kernels/cpu/tile_kernels.h"
#include "kernels/kernels.h"

enum {
    KVSPAN_SPLIT_TOKENS = 8 * KVSPAN_CHUNK_TOKENS
};

/* Some tokens of an item with some q heads of some kv heads: at most KVSPAN_BLOCK_ROWS rows. */
typedef struct kvspan_attend_block {
    const kvspan_attend_pages_args *args;
    const kvspan_work_item *item;
    const kvspan_tile_kernels *kernels;
    kvspan_tile_block tile;
    uint32_t kv_head;       /* the first, local */
    uint32_t kv_head_count; /* each with the same number of q heads */
    uint32_t first_token;   /* within the item */
    uint32_t token_count;
    kvspan_range heads;   /* of q; row = (kv head · token_count + token) · heads of it + head */
    uint64_t index_begin; /* local tokens that some row sees */
    uint64_t index_end;
    const kvspan_tile_chunk
        *follower; /* is fetched at the end; NULL = nothing is known to follow */
} kvspan_attend_block;

/* Which token and head of q a row is. */
typedef struct kvspan_attend_row {
    uint32_t token; /* within the item */
    uint32_t head;
} kvspan_attend_row;

kvspan_attend_row kvspan_attend_row_of(const kvspan_attend_block *block, uint32_t row);

/* Packs the queries and finds what each row sees. The caller has set everything but index_begin,
 * index_end and the rows of tile. */
void kvspan_attend_block_begin(kvspan_attend_block *block);

/* Folds the split of that number into outputs, maxima and sums, which start at none. */
void kvspan_attend_split(const kvspan_attend_block *block, uint64_t split);

/* Finds the first chunk that the block's item reads, for it to be fetched before: the caller has
 * set args, item and kv_head. Returns 0 if it reads none. */
int kvspan_attend_find_first(const kvspan_attend_block *block, kvspan_tile_chunk *chunk_out);

/* The result of a split, or of several. */
typedef struct kvspan_partial {
    float *output; /* [value_dim], e^−maximum times the sum of weighted values */
    float *maximum;
    float *sum;
} kvspan_partial;

/* Folds `part` into `total`; sum 0 is an empty one. */
void kvspan_partial_fold(const kvspan_partial *part, uint32_t value_dim,
                         const kvspan_partial *total);

/* Writes a row's result where the arguments want it; spoils total's output. */
void kvspan_attend_store(const kvspan_attend_block *block, uint32_t row,
                         const kvspan_partial *total);

#endif
