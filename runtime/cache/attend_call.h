/** @file
 * One call of attend, on its way through its stages: resolve (attend.c), make the partial or final
 * results (attend.c), let partial results meet (meet.c), gather (gather.c).
 *
 * Each stage is done pass by pass before the next begins. What is computed goes to the caller's
 * stream and what is exchanged to the cache's own, so that one pass travels while the next is
 * computed; exchange_lane.h keeps the two in order.
 */
#ifndef KVSPAN_CACHE_ATTEND_CALL_H
#define KVSPAN_CACHE_ATTEND_CALL_H

#include "runtime/cache/cache_parts.h"
#include "runtime/cache/placement.h"
#include "runtime/cache/stream_order.h"

/* Where the blocks of a pass lie in the staging. A block is O of [token][head][dim], then LSE. */
typedef struct kvspan_block_layout {
    uint64_t offset;     /* of the first member's block, from the staging's blocks */
    uint64_t stride;     /* from a block to the next */
    uint64_t lse_offset; /* within a block */
} kvspan_block_layout;

/* One call of attend, resolved. */
typedef struct kvspan_attend_call {
    kvspan_cache *cache;
    uint32_t group;
    uint32_t layer_index;
    kvspan_attention attention;
    kvspan_step_extent extent;
    kvspan_placement placement;
    kvspan_tensor q;      /* the caller's; of all query heads of the kv heads once gathered */
    kvspan_range q_range; /* global query heads of q */
    kvspan_tensor *out;
    kvspan_stream stream;
    uint32_t key_plane;
    uint32_t value_plane;
    uint32_t value_dim;
    uint64_t part_token_bytes; /* of a token's results that meet: O then LSE of the heads */
    kvspan_group gather_group;
    kvspan_passes passes;
    kvspan_block_layout blocks[KVSPAN_MAX_PASSES];
} kvspan_attend_call;

/* The tokens of one pass among those whose results meet or are computed here. */
kvspan_range kvspan_attend_pass_tokens(const kvspan_attend_call *call, uint32_t pass);

/* Where the results of a pass go that meet or are computed here, from its first token on: into out,
 * or into this rank's block of the gather. */
kvspan_tensor kvspan_attend_target(const kvspan_attend_call *call, uint32_t pass, float **lse_out,
                                   uint64_t *lse_stride_out);

/* Brings the query heads of all copies of the kv heads here; call->q is theirs afterwards. */
kvspan_status kvspan_attend_gather_q(kvspan_attend_call *call, kvspan_error *error);

/* Where a rank's partial results of all tokens are written: O, and LSE at lse_out. */
kvspan_tensor kvspan_attend_partials(const kvspan_attend_call *call, float **lse_out,
                                     uint64_t *lse_stride_out);

/* Sorts partial results by the copy that their heads go to, where heads go to several. */
kvspan_status kvspan_attend_pack(const kvspan_attend_call *call, kvspan_error *error);

/* Partial results of a pass go to where they meet. */
kvspan_status kvspan_attend_exchange(const kvspan_attend_call *call, uint32_t pass,
                                     kvspan_error *error);

/* Partial results of a pass are merged into the target; sinks enter here. */
kvspan_status kvspan_attend_merge(const kvspan_attend_call *call, uint32_t pass,
                                  kvspan_error *error);

/* Results of other ranks come here, and then into out. */
kvspan_status kvspan_attend_gather(const kvspan_attend_call *call, uint32_t pass,
                                   kvspan_error *error);
kvspan_status kvspan_attend_place(const kvspan_attend_call *call, uint32_t pass,
                                  kvspan_error *error);

/* Whose results are gathered, and where their blocks lie: call->blocks. */
kvspan_group kvspan_attend_gather_group(const kvspan_attend_call *call);
void kvspan_attend_lay_out_blocks(kvspan_attend_call *call);

#endif
