/** @file
 * The one argument of a kernel of attend_pages, and what is asked of its instances. For C and CUDA.
 */
#ifndef KVSPAN_KERNELS_CUDA_ATTEND_PARAMS_H
#define KVSPAN_KERNELS_CUDA_ATTEND_PARAMS_H

#include <kvspan/types.h>

#include "kernels/cuda/attend_plan.h"
#include "kernels/kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Divides numbers below 2^31: n / value = (2n · multiplier) >> (32 + shift). */
typedef struct kvspan_divisor {
    uint32_t value;
    uint32_t multiplier;
    uint32_t shift;
} kvspan_divisor;

/* data: of the call's first kv head. */
typedef struct kvspan_attend_plane {
    const unsigned char *data;
    uint64_t head_stride;
    uint64_t page_stride;
    uint32_t short_page_stride; /* the same; 0 where it is not below 2^32 */
    uint32_t token_stride;
    uint32_t scale_offset; /* 0 = no scales */
    uint32_t dtype;
    uint32_t dim;
} kvspan_attend_plane;

typedef struct kvspan_attend_tensor {
    unsigned char *data;
    int64_t token_stride; /* elements */
    int64_t head_stride;  /* elements */
    uint32_t dtype;
    uint32_t is_aligned; /* to 4 elements, everywhere */
} kvspan_attend_tensor;

typedef struct kvspan_attend_params {
    kvspan_attend_plane keys;
    kvspan_attend_plane values;
    kvspan_attend_tensor q;
    kvspan_attend_tensor out;
    float *lse; /* or NULL */
    uint64_t lse_stride;
    const kvspan_attend_plan *plan;
    uint32_t *counters;
    float *partial_outputs; /* [kv head][partial row][value dim] */
    float *partial_sums;    /* [kv head][partial row]{ maximum, sum } */
    const uint32_t *page_table;
    uint32_t page_table_stride;
    uint32_t window;
    kvspan_divisor page_tokens;
    kvspan_divisor stretch; /* page_tokens · member_count */
    uint32_t member;
    uint32_t group_size;
    uint32_t head_shift; /* q head of a kv head's first row: kv head · group_size − head_shift, */
    uint32_t q_heads;    /* … as far as it is in [0, q_heads) */
    kvspan_divisor kv_heads; /* that q's heads belong to */
    uint32_t prefill_blocks; /* of the launch's blocks; those behind them decode */
    float scale;
    float soft_cap;
    kvspan_tree_mask trees;
} kvspan_attend_params;

/* A kernel: its host function and the dynamic shared memory that it wants. */
typedef struct kvspan_attend_kernel {
    const void *function;
    const char *name;
    uint32_t thread_count;
    uint32_t shared_bytes;
    uint32_t most_shared_bytes; /* where a launch has units of both kinds */
} kvspan_attend_kernel;

/* The kernels for planes of one type and some pair of dims. */
typedef struct kvspan_attend_instance {
    uint32_t key_dim;
    uint32_t value_dim;
    kvspan_attend_kernel decode;  /* of decode units alone */
    kvspan_attend_kernel mixed;   /* of prefill units, and decode units behind them */
    uint32_t prefill_unit_blocks; /* for a unit and kv head; decode units have one */
} kvspan_attend_instance;

enum {
    KVSPAN_ATTEND_DIMS = 4
};

/* Of dims (64, 64), (128, 128), (192, 128) and (256, 256). */
extern const kvspan_attend_instance kvspan_attend_bf16[KVSPAN_ATTEND_DIMS];
extern const kvspan_attend_instance kvspan_attend_f16[KVSPAN_ATTEND_DIMS];
extern const kvspan_attend_instance kvspan_attend_int8[KVSPAN_ATTEND_DIMS];
extern const kvspan_attend_instance kvspan_attend_e4m3[KVSPAN_ATTEND_DIMS];

/* Of all dims and types. */
extern const kvspan_attend_instance kvspan_attend_plain;

#ifdef __cplusplus
}
#endif

#endif
