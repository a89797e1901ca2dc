/** @file
 * Generated q, k and v: every element is a function of a seed and its global coordinates, so each
 * rank makes its own shard and any rank can tell what another one holds.
 *
 * An element is uniform in (-√3, √3): mean 0, variance 1. It is made of 16 random bits and one
 * exactly rounded multiplication, and rounded to the element type (to nearest, ties to even), so it
 * has the same bits on every machine. Four neighbouring elements share one 64-bit mix, the
 * finaliser of splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
 * 2014).
 */
#ifndef KVSPAN_LAUNCH_GENERATE_H
#define KVSPAN_LAUNCH_GENERATE_H

#include <kvspan/cache.h>

typedef enum kvspan_generate_role {
    KVSPAN_GENERATE_Q = 0,
    KVSPAN_GENERATE_K = 1,
    KVSPAN_GENERATE_V = 2
} kvspan_generate_role;

/* One vector of the model: which of the three, and its global coordinates. */
typedef struct kvspan_generate_place {
    kvspan_generate_role role;
    uint32_t layer;
    uint32_t head; /* query head for Q, kv head for K and V */
    uint64_t request;
    uint64_t position;
} kvspan_generate_place;

/* What is generated. */
typedef struct kvspan_generate {
    uint64_t seed;
    kvspan_dtype dtype; /* bf16, f16 or f32 */
} kvspan_generate;

/* 64 random bits of a word: a bijection without fixed structure. For choosing by hash. */
uint64_t kvspan_generate_mix(uint64_t word);

/* One element; the definition that the others are held to. */
float kvspan_generate_value(const kvspan_generate *generate, const kvspan_generate_place *place,
                            uint32_t dim);

/* One vector, [dims], as f32 numbers of the element type. */
void kvspan_generate_vector(const kvspan_generate *generate, const kvspan_generate_place *place,
                            uint32_t dims, float *values_out);

/* Writes the tokens of a step's row: heads [head_first, head_first + tensor->heads) of a layer, for
 * request row->tag and positions from row->position on, into tokens [row->first_token, +
 * row->token_count) of the tensor. Its element type is generate->dtype. */
void kvspan_generate_fill(const kvspan_generate *generate, const kvspan_row *row,
                          kvspan_generate_role role, uint32_t layer, uint32_t head_first,
                          const kvspan_tensor *tensor);

#endif
