/** @file
 * The oracle: one row of attention computed again in float64 from the values that were stored, by a
 * mapping from coordinates of its own. It uses nothing of the library that it judges.
 *
 * O = Σ softmax(cap(scale · q·k)) v over the positions max(0, p - window + 1) … p, with
 * cap(s) = c·tanh(s/c) and kv head = q head / (q heads / kv heads).
 *
 * What is allowed: max |error| of a row <= 2 × that of the naive evaluation in the same type + 2
 * ulp of the type at the row's largest |O|. The naive evaluation goes over the tokens once with a
 * running maximum; q, k and v are as stored, the weights exp(s - max) are rounded to the type,
 * products and sums are f32, and the result is rounded to the type.
 */
#ifndef KVSPAN_LAUNCH_ORACLE_H
#define KVSPAN_LAUNCH_ORACLE_H

#include "launch/generate.h"

/* Gives one stored vector, [dims]: numbers of an element type, or of one and its scale. */
typedef void kvspan_oracle_read(const void *context, const kvspan_generate_place *place,
                                uint32_t dims, double *values_out);

/* A model's attention, and where its stored values come from. */
typedef struct kvspan_oracle {
    kvspan_oracle_read *read;
    const void *context;
    uint32_t q_heads;  /* a multiple of kv_heads */
    uint32_t kv_heads; /* at least 1 */
    uint32_t key_dim;  /* in [1, KVSPAN_MAX_DIM] */
    uint32_t value_dim;
    uint32_t window_tokens; /* 0 = all */
    float scale;            /* 0 = 1/√key_dim */
    float soft_cap;         /* 0 = none */
    kvspan_dtype dtype;     /* of q and O: bf16, f16 or f32 */
} kvspan_oracle;

/* One row of O. */
typedef struct kvspan_oracle_place {
    uint64_t request;
    uint64_t position;
    uint32_t layer;
    uint32_t q_head; /* global */
} kvspan_oracle_place;

/* What a row of O was found to be: right where max_error <= bound. */
typedef struct kvspan_oracle_verdict {
    double max_error; /* infinite if an element is not a finite number */
    double bound;
    double expected; /* at worst_dim */
    double actual;
    uint32_t worst_dim;
} kvspan_oracle_verdict;

/* Computes a row in float64 and naively, both [value_dim]. Memory does not grow with position. */
void kvspan_oracle_evaluate(const kvspan_oracle *oracle, const kvspan_oracle_place *place,
                            double *exact_out, float *naive_out);

/* Judges a row of O: [value_dim] elements of the oracle's dtype. */
kvspan_oracle_verdict kvspan_oracle_check(const kvspan_oracle *oracle,
                                          const kvspan_oracle_place *place, const void *row);

#endif
