/** @file
 * One call of attend, on its way through its stages: resolve (attend.c), make the partial or final
 * results (attend.c), let partial results meet (meet.c), gather (gather.c).
 */
#ifndef KVSPAN_CACHE_ATTEND_CALL_H
#define KVSPAN_CACHE_ATTEND_CALL_H

#include "runtime/cache/cache_parts.h"
#include "runtime/cache/placement.h"

/* One call of attend, resolved. */
typedef struct kvspan_attend_call {
    kvspan_cache *cache;
    uint32_t group;
    uint32_t layer_index;
    kvspan_attention attention;
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
} kvspan_attend_call;

/* Where the results that meet or are computed here go: into out, or into this rank's block of the
 * gather. */
kvspan_tensor kvspan_attend_target(const kvspan_attend_call *call, float **lse_out,
                                   uint64_t *lse_stride_out);

/* Brings the query heads of all copies of the kv heads here; call->q is theirs afterwards. */
kvspan_status kvspan_attend_gather_q(kvspan_attend_call *call, kvspan_error *error);

/* Where a rank's partial results of all tokens are written: O, and LSE at lse_out. */
kvspan_tensor kvspan_attend_partials(const kvspan_attend_call *call, float **lse_out,
                                     uint64_t *lse_stride_out);

/* Partial results of the token group meet and are merged into the target; sinks enter here. */
kvspan_status kvspan_attend_meet(const kvspan_attend_call *call, kvspan_error *error);

/* Results of other ranks come into out. */
kvspan_status kvspan_attend_gather(const kvspan_attend_call *call, kvspan_error *error);

/* Whose results are gathered. */
kvspan_group kvspan_attend_gather_group(const kvspan_attend_call *call);

#endif
