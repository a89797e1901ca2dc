/** @file
 * From products to weights: logits, the running maximum, exponentials, sums.
 *
 * A part of the file of one instruction set, which has chosen the vectors before (see tile_body.h).
 */
#ifndef KVSPAN_KERNELS_CPU_WEIGHT_BODY_H
#define KVSPAN_KERNELS_CPU_WEIGHT_BODY_H

#include <math.h>

#include "kernels/cpu/beside_body.h"
#include "kernels/cpu/line_body.h"

/* e^x for x up to 150, where it is infinite; 0 far below, NaN for NaN. Off by 3 ulp where |x| is
 * below 8, by about |x| / 4 beyond, since log2(e) is one float. 2^f is its Taylor series. */
INLINED vector exponential(vector x)
{
    const vector log2_e = vector_of(1.44269504f);
    const vector rounder = vector_of(0x1.8p23f); /* a sum with it has no bits below 1 */
    const vector bounded = vector_max(vector_of(-150.0f), x);
    const vector whole = vector_subtract(vector_fused(bounded, log2_e, rounder), rounder);
    const vector f = vector_fused_less(bounded, log2_e, whole);
    vector sum = vector_of(1.54035304e-4f);

    sum = vector_fused(sum, f, vector_of(1.33335581e-3f));
    sum = vector_fused(sum, f, vector_of(9.61812911e-3f));
    sum = vector_fused(sum, f, vector_of(5.55041087e-2f));
    sum = vector_fused(sum, f, vector_of(2.40226507e-1f));
    sum = vector_fused(sum, f, vector_of(6.93147181e-1f));
    sum = vector_fused(sum, f, vector_of(1.0f));
    return vector_scale(sum, whole);
}

/* c · tanh(s / c) = c − 2c / (1 + e^(2s / c)) */
INLINED vector capped(vector score, float cap)
{
    const vector exponent = vector_multiply(score, vector_of(2.0f / cap));
    const vector power = exponential(vector_min(vector_of(150.0f), exponent));
    const vector part = vector_divide(vector_of(2.0f * cap), vector_add(vector_of(1.0f), power));

    return vector_subtract(vector_of(cap), part);
}

/* Where a row's kv head has its scales, in floats from those of the block's first. */
static size_t scales_offset(const kvspan_tile_block *block, uint64_t head_stride, uint32_t row)
{
    return row / block->head_rows * (head_stride / sizeof(float));
}

/* The i-th vector of scales of a chunk. Those that are no token's may be anything. */
INLINED vector load_scales(const float *const *tiles, size_t offset, uint32_t i)
{
    return vector_load(tiles[i / LINE_VECTORS] + offset +
                       (size_t)(i % LINE_VECTORS) * VECTOR_FLOATS);
}

/* Which tokens of a chunk a row sees: [first, last). */
struct sight {
    int32_t first;
    int32_t last;
};

static int is_partial(struct sight sight, uint32_t vectors)
{
    return sight.first > 0 || sight.last < (int32_t)(vectors * VECTOR_FLOATS);
}

/* Turns products into logits, those outside [first, last) into −inf; returns the highest. */
static float finish_scores(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                           uint32_t row, uint32_t vectors, struct sight sight)
{
    float *const scores = block->work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS;
    const size_t offset = scales_offset(block, block->key_head_stride, row);
    const int has_unseen = is_partial(sight, vectors);
    vector highest = vector_of(-INFINITY);

    for (uint32_t i = 0; i < vectors; i++) {
        const int32_t lane = (int32_t)(i * VECTOR_FLOATS);
        vector score = vector_multiply(vector_load(scores + lane), vector_of(block->scale));

        if (block->has_key_scales) {
            score = vector_multiply(score, load_scales(chunk->key_scales, offset, i));
        }
        if (block->soft_cap != 0.0f) {
            score = capped(score, block->soft_cap);
        }
        if (has_unseen) {
            score =
                vector_within(score, sight.first - lane, sight.last - lane, vector_of(-INFINITY));
        }
        vector_store(scores + lane, score);
        highest = vector_max(score, highest);
    }
    return vector_highest(highest);
}

/* Hides what the tree mask hides of logits; returns the highest of the others. */
static float hide_scores(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                         uint32_t row, uint32_t vectors)
{
    const float *const scores = block->work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS;
    vector highest = vector_of(-INFINITY);

    kvspan_tile_hide_tokens(block, chunk, row);
    for (uint32_t i = 0; i < vectors; i++) {
        highest = vector_max(vector_load(scores + (size_t)i * VECTOR_FLOATS), highest);
    }
    return vector_highest(highest);
}

/* A maximum may lag behind by this much: weights up to e^8 lose nothing in bf16 or f32, and most
 * chunks then leave the outputs as they are. */
static const float maximum_slack = 8.0f;

static void scale_row(float *output, uint32_t dim, float factor)
{
    for (uint32_t i = 0; i < dim; i += VECTOR_FLOATS) {
        vector_store(output + i, vector_multiply(vector_load(output + i), vector_of(factor)));
    }
}

static void scale_outputs(const kvspan_tile_block *block, uint32_t row, float factor)
{
    scale_row(block->work->outputs + (size_t)row * block->value_dim, block->value_dim, factor);
    block->work->sums[row] *= factor;
    block->work->weight_sums[row] *= factor;
}

/* Makes `highest` the row's maximum where it is far above. Returns what weights are relative to. */
static float raise_maximum(const kvspan_tile_block *block, uint32_t row, float highest)
{
    float *const maximum = &block->work->maxima[row];

    if (highest > *maximum + maximum_slack) {
        float lanes[VECTOR_FLOATS] __attribute__((aligned(64)));

        vector_store(lanes, exponential(vector_of(*maximum - highest)));
        scale_outputs(block, row, lanes[0]);
        *maximum = highest;
    }
    /* Nothing but −inf so far must stay weight 0, not become e^(−inf + inf). */
    return *maximum == -INFINITY ? 0.0f : *maximum;
}

/* Writes the row's weights of the chunk, 0 where it sees nothing, and adds them to its sums. */
static void weigh_row(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk, uint32_t row,
                      uint32_t vectors, vector shift)
{
    kvspan_tile_workspace *const work = block->work;
    const float *const scores = work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS;
    number *const weights = (number *)work->weights + (size_t)row * KVSPAN_CHUNK_TOKENS;
    const struct beside beside = choose_beside(block, chunk, row);
    vector sum = vector_of(0.0f);
    vector weight_sum = vector_of(0.0f);

    for (uint32_t i = 0; i < vectors; i++) {
        const size_t lane = (size_t)i * VECTOR_FLOATS;
        const vector weight = exponential(vector_subtract(vector_load(scores + lane), shift));

        fetch_beside(&beside, i);
        /* One vector after the other: zeros in front of a row's tokens then change no bit. */
        sum = vector_add(sum, weight);
        weight_sum = vector_add(weight_sum, weights_store(weights + lane, weight));
    }
    work->sums[row] += vector_sum(sum);
    work->weight_sums[row] += vector_sum(weight_sum);
}

/* Turns logits into weights times the values' scales, where they lie; returns the highest, NaN if
 * any is NaN: digits cannot be. */
static float scale_weights(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                           uint32_t row, uint32_t vectors, struct sight sight, vector shift)
{
    float *const scores = block->work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS;
    const size_t offset = scales_offset(block, block->value_head_stride, row);
    const int has_unseen = is_partial(sight, vectors);
    const struct beside beside = choose_beside(block, chunk, row);
    vector sum = vector_of(0.0f);
    vector highest = vector_of(0.0f);
    vector scaled_sum = vector_of(0.0f); /* NaN if a weight is */

    for (uint32_t i = 0; i < vectors; i++) {
        const int32_t lane = (int32_t)(i * VECTOR_FLOATS);
        vector weight = exponential(vector_subtract(vector_load(scores + lane), shift));

        fetch_beside(&beside, i);
        sum = vector_add(sum, weight);
        if (block->has_value_scales) {
            weight = vector_multiply(weight, load_scales(chunk->value_scales, offset, i));
        }
        if (has_unseen) {
            weight = vector_within(weight, sight.first - lane, sight.last - lane, vector_of(0.0f));
        }
        highest = vector_max(weight, highest);
        scaled_sum = vector_add(scaled_sum, weight);
        vector_store(scores + lane, weight);
    }
    block->work->sums[row] += vector_sum(sum);
    return isnan(vector_sum(scaled_sum)) ? NAN : vector_highest(highest);
}

/* Writes weights that are scaled as multiples of the highest, which is then exact, and so is a
 * single one; and twice, rounded and what that took away, since no sum of them can make up for it.
 */
static void write_scaled_weights(const kvspan_tile_block *block, uint32_t row, uint32_t vectors,
                                 float highest)
{
    kvspan_tile_workspace *const work = block->work;
    const float *const scores = work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS;
    number *const weights = (number *)work->weights + (size_t)row * KVSPAN_CHUNK_TOKENS;
    number *const rests = (number *)work->rests + (size_t)row * KVSPAN_CHUNK_TOKENS;
    const vector unit = vector_of(highest == 0.0f ? 1.0f : highest);

    for (uint32_t i = 0; i < vectors; i++) {
        const size_t lane = (size_t)i * VECTOR_FLOATS;
        const vector weight = vector_divide(vector_load(scores + lane), unit);

        weights_store_whole(weights + lane, rests + lane, weight);
    }
    work->units[row] = highest == 0.0f ? 1.0f : highest;
}

/* weigh_row() where each chunk's weights are multiples of a unit. */
static void weigh_row_in_units(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                               uint32_t row, uint32_t vectors, struct sight sight, vector shift)
{
    const float highest = scale_weights(block, chunk, row, vectors, sight, shift);

    if (block->value_digits) {
        block->value_digits->split_weights(block->work, row, vectors * VECTOR_FLOATS, highest);
    } else {
        write_scaled_weights(block, row, vectors, highest);
    }
}

#endif
