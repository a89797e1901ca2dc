/** @file
 * The loops of tile_kernels.h, written once over what the including file chose before: a
 * vector_….h, a pairs_….h, the sizes below, FETCH_HINT, WIDEN_TILE, DIGIT_PASSES (for int8, NULL =
 * it is widened), LEAVE (NULL = nothing to do), TILE_KERNELS and its name; then ahead_body.h, and
 * score_body.h with value_body.h, or matrix_body.h instead of both.
 *
 *   FETCHES_IN_STREAMS         see fetch_streams.h
 *   FETCHES_CHUNKS             see ahead_body.h
 *   BESIDE_LINES               lines of values fetched beside a line of weights
 *   BLOCK_ROWS                 queries of a block
 *   STEP_TILES                 tiles of a head at least that are read before the next head's, in
 *                              whole pages
 *   VALUE_STEP_TILES           tiles of values that all rows of a head use before the next are read
 *   VALUE_STREAMS              tiles of values whose pairs take turns: 1, or VALUE_STEP_TILES
 * and, but for matrix_body.h,
 *   SCORE_ROWS × SCORE_TILES   queries × tiles whose products are summed in registers at once
 *   FEW_ROWS × FEW_ROWS_TILES  the same, for heads of no more queries
 *   SCORES_IN_ORDER            whether keys are fetched as they lie, not in a stream for each tile,
 *                              and three to seven queries take a tile at a time
 *   VALUE_ROWS × VALUE_LINES   queries × lines of 16 dims whose outputs are
 *   WIDE_ROWS × WIDE_LINES     the same, for so many lines and up to WIDE_HEAD_ROWS queries
 *   SCORE_NEAR_LINES           a line of a tile goes from the second cache to the first so many
 *                              lines before it is read; 0 = when it is
 *   VALUE_NEAR_PAIRS           the same of values, in pairs of tokens
 */
#ifndef KVSPAN_KERNELS_CPU_TILE_BODY_H
#define KVSPAN_KERNELS_CPU_TILE_BODY_H

#include <string.h>

#include "kernels/cpu/digit_passes.h"
#include "kernels/cpu/weight_body.h"

/* The tile behind those from `tile` on that are read before the next head's: of some pages, or of
 * the chunk, at most `most`. */
static uint32_t step_end(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                         uint32_t tile, uint32_t most)
{
    uint32_t end = tile;

    if (block->head_count == 1 || is_by_head(block)) {
        end = chunk->tile_count;
    }
    while (end < chunk->tile_count && end - tile < STEP_TILES) {
        end = kvspan_page_end(block, chunk->index, chunk->tile_count, end);
    }
    return end - tile < most ? end : tile + most;
}

/* The same of values. Where the pairs of several tiles take turns, which do is a matter of their
 * places alone, as sums are added up in that order. */
static uint32_t value_step_end(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                               uint32_t tile)
{
    if (VALUE_STREAMS > 1 && !block->value_digits) {
        const uint64_t index = chunk->index / KVSPAN_TILE_TOKENS + tile;
        const uint32_t end = tile + VALUE_STREAMS - (uint32_t)(index % VALUE_STREAMS);

        return end < chunk->tile_count ? end : chunk->tile_count;
    }
    return step_end(block, chunk, tile, VALUE_STEP_TILES);
}

static void ready_key(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk, uint32_t head,
                      uint32_t tile, uint32_t place, struct ready_tiles *ready)
{
    const unsigned char *const key = chunk->keys[tile] + head * block->key_head_stride;
    const unsigned char *const next = after_key(block, chunk, head, tile);
    uint16_t *const copy = block->work->keys + (size_t)place * KVSPAN_TILE_TOKENS * block->key_dim;

    ready->tiles[place] = key;
    ready->next[place] = next;
    if (block->key_codes) {
        WIDEN_TILE(block->key_codes, key, next, block->key_dim / 4, 1, copy);
        ready->tiles[place] = (const unsigned char *)copy;
        ready->next[place] = ready->tiles[place];
        ready->behind[place] = ready->tiles[place];
    }
}

/* As many tiles as choose_tiles() says for the rows of one head. */
static void score_step(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                       uint32_t head, uint32_t first_tile, uint32_t tiles, struct place behind)
{
    struct ready_tiles ready;

    for (uint32_t i = 0; i < tiles; i++, behind.tile++) {
        ready.behind[i] = key_at(block, chunk, behind);
        ready_key(block, chunk, head, first_tile + i, i, &ready);
    }
    if (block->key_digits) {
        const kvspan_digit_tiles keys = { .tiles = ready.tiles,
                                          .next = ready.next,
                                          .soon = ready.behind,
                                          .count = tiles,
                                          .first = first_tile };

        block->key_digits->score(block, head * block->head_rows, block->head_rows, &keys);
        return;
    }
    score_tile_rows(block, head, first_tile, &ready, tiles);
}

/* Brings the scales of some tiles closer. */
static void fetch_scales(const float *const *tiles, uint32_t first, uint32_t end, uint64_t offset)
{
    for (uint32_t i = first; i < end; i++) {
        _mm_prefetch((const char *)tiles[i] + offset, FETCH_HINT);
    }
}

static void score_chunk(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk)
{
    uint32_t end;

    for (uint32_t tile = 0; tile < chunk->tile_count; tile = end) {
        end = step_end(block, chunk, tile,
                       fetches_chunks(block) ? block->page_tiles : KVSPAN_CHUNK_TILES);
        for (uint32_t head = 0; head < block->head_count; head++) {
            if (block->has_value_scales) {
                fetch_scales(chunk->value_scales, tile, end, head * block->value_head_stride);
            }
            for (uint32_t i = tile; i < end;) {
                const uint32_t tiles = choose_tiles(block, end - i);

                score_step(block, chunk, head, i, tiles,
                           place_behind(block, head, tile, i + tiles, end));
                i += tiles;
            }
        }
    }
}

static void ready_value(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                        uint32_t head, uint32_t tile, uint32_t place, struct ready_tiles *ready)
{
    const uint32_t dim = block->value_dim;
    const int32_t first = (int32_t)chunk->first - (int32_t)(tile * KVSPAN_TILE_TOKENS);
    const int32_t last = (int32_t)chunk->last - (int32_t)(tile * KVSPAN_TILE_TOKENS);
    const int is_whole = is_whole_value(block, chunk, tile);
    const unsigned char *const value = chunk->values[tile] + head * block->value_head_stride;
    const unsigned char *const next = after_value(block, chunk, head, tile);
    uint16_t *const copy = block->work->values + (size_t)place * KVSPAN_TILE_TOKENS * dim;

    ready->tiles[place] = value;
    ready->next[place] = next;
    /* What is no token weighs 0, which any int8 bears. */
    if (block->value_digits || (is_whole && !block->value_codes)) {
        return;
    }
    if (block->value_codes) {
        WIDEN_TILE(block->value_codes, value, next, KVSPAN_TILE_TOKENS / 4, dim / KVSPAN_TILE_DIMS,
                   copy);
    } else {
        memcpy(copy, value, (size_t)KVSPAN_TILE_TOKENS * dim * sizeof(*copy));
    }
    if (!is_whole) {
        kvspan_clear_tokens(copy, dim, first, last);
    }
    ready->tiles[place] = (const unsigned char *)copy;
    ready->next[place] = ready->tiles[place];
    if (block->value_codes) {
        ready->behind[place] = ready->tiles[place];
    }
}

static void fold_digits(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                        uint32_t head, uint32_t first_tile, const struct ready_tiles *ready,
                        uint32_t tile_count)
{
    const uint64_t tile = chunk->index / KVSPAN_TILE_TOKENS + first_tile;
    const kvspan_digit_tiles values = { .tiles = ready->tiles,
                                        .next = ready->next,
                                        .soon = ready->behind,
                                        .count = tile_count,
                                        .first = first_tile,
                                        .in_page = (uint32_t)(tile % block->page_tiles) };

    block->value_digits->fold(block, head * block->head_rows, block->head_rows, &values);
}

static void fold_chunk_values(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk)
{
    kvspan_tile_workspace *const work = block->work;
    float *const outputs = block->has_value_scales ? work->chunk_outputs : work->outputs;
    uint32_t end;

    for (uint32_t tile = 0; tile < chunk->tile_count; tile = end) {
        end = value_step_end(block, chunk, tile);
        for (uint32_t head = 0; head < block->head_count; head++) {
            struct place behind = place_behind(block, head, tile, end, end);
            struct ready_tiles ready;

            if (block->has_key_scales) {
                fetch_scales(chunk->next_key_scales, tile, end, head * block->key_head_stride);
            }
            for (uint32_t i = tile; i < end; i++, behind.tile++) {
                ready.behind[i - tile] = value_at(block, chunk, behind);
                ready_value(block, chunk, head, i, i - tile, &ready);
            }
            if (block->value_digits) {
                fold_digits(block, chunk, head, tile, &ready, end - tile);
                continue;
            }
            fold_value_tiles(block, chunk, head, tile, &ready, end - tile, work->weights, outputs);
            if (block->has_value_scales && !WEIGHTS_ARE_EXACT) {
                fold_value_tiles(block, chunk, head, tile, &ready, end - tile, work->rests,
                                 work->rest_outputs);
            }
        }
    }
}

/* A local token's place in the chunk; outside, that of the nearest border. */
static int32_t place_of(uint64_t index, const kvspan_tile_chunk *chunk)
{
    const uint64_t tokens = (uint64_t)chunk->tile_count * KVSPAN_TILE_TOKENS;

    if (index <= chunk->index) {
        return 0;
    }
    return (int32_t)(index - chunk->index < tokens ? index - chunk->index : tokens);
}

/* Adds what the chunk has given a row, in multiples of its unit. */
static void add_chunk_outputs(const kvspan_tile_block *block, uint32_t row)
{
    kvspan_tile_workspace *const work = block->work;
    const float *const part = work->chunk_outputs + (size_t)row * block->value_dim;
    const float *const rest = work->rest_outputs + (size_t)row * block->value_dim;
    float *const output = work->outputs + (size_t)row * block->value_dim;
    const vector unit = vector_of(work->units[row]);

    for (uint32_t i = 0; i < block->value_dim; i += VECTOR_FLOATS) {
        const vector both = vector_add(vector_load(part + i), vector_load(rest + i));

        vector_store(output + i, vector_fused(both, unit, vector_load(output + i)));
    }
}

/* The chunk's values where weights are multiples of units. */
static void fold_values_in_units(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk)
{
    const size_t bytes = (size_t)block->row_count * block->value_dim * sizeof(float);

    if (!block->value_digits) {
        memset(block->work->chunk_outputs, 0, bytes);
        if (!WEIGHTS_ARE_EXACT) {
            memset(block->work->rest_outputs, 0, bytes);
        }
    }
    fold_chunk_values(block, chunk);
    for (uint32_t row = 0; row < block->row_count; row++) {
        if (block->value_digits) {
            block->value_digits->add_sums(block, row);
        } else {
            add_chunk_outputs(block, row);
        }
    }
}

/* Whether each chunk's weights are multiples of a unit; else they are relative to the maximum. */
static int has_units(const kvspan_tile_block *block)
{
    return block->has_value_scales || block->value_digits;
}

static void fold_chunk(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk)
{
    kvspan_tile_workspace *const work = block->work;
    const uint32_t vectors = chunk->tile_count * LINE_VECTORS;

    begin_chunk(block, chunk);
    score_chunk(block, chunk);
    for (uint32_t row = 0; row < block->row_count; row++) {
        const struct sight sight = { .first = place_of(work->row_begins[row], chunk),
                                     .last = place_of(work->row_ends[row], chunk) };
        float highest = finish_scores(block, chunk, row, vectors, sight);
        vector shift;

        pass_row(block, chunk, row);
        if (block->tree_rule) {
            highest = hide_scores(block, chunk, row, vectors);
        }
        shift = vector_of(raise_maximum(block, row, highest));
        if (has_units(block)) {
            weigh_row_in_units(block, chunk, row, vectors, sight, shift);
        } else {
            weigh_row(block, chunk, row, vectors, shift);
        }
    }
    if (has_units(block)) {
        fold_values_in_units(block, chunk);
    } else {
        fold_chunk_values(block, chunk);
    }
}

/* Rounded weights are a little more or less in all than the sum: outputs are made to fit. */
static void fit_outputs(const kvspan_tile_block *block, uint32_t row)
{
    const float sum = block->work->sums[row];
    const float weight_sum = block->work->weight_sums[row];

    if (weight_sum != 0.0f && weight_sum != sum) {
        scale_row(block->work->outputs + (size_t)row * block->value_dim, block->value_dim,
                  sum / weight_sum);
    }
}

static void finish_split(const kvspan_tile_block *block)
{
    /* Weights in units have been added in full. */
    if (WEIGHTS_ARE_EXACT || has_units(block)) {
        return;
    }
    for (uint32_t row = 0; row < block->row_count; row++) {
        fit_outputs(block, row);
    }
}

static void pack_query(kvspan_tile_workspace *work, uint32_t row, kvspan_dtype dtype,
                       const void *query, uint32_t dim)
{
    query_pack((number *)work->queries + (size_t)row * dim, dtype, query, dim);
}

const kvspan_tile_kernels TILE_KERNELS = {
    .name = TILE_KERNELS_NAME,
    .block_rows = BLOCK_ROWS,
    .pack_query = pack_query,
    .fold_chunk = fold_chunk,
    .finish_split = finish_split,
    .leave = LEAVE,
    .digits = DIGIT_PASSES,
};

#endif
