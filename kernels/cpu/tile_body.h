/** @file
 * The loops of tile_kernels.h, written once over what the including file chose before: a
 * vector_….h, a pairs_….h, the sizes below, FETCH_HINT, WIDEN_TILE, DIGIT_PASSES (for int8, NULL =
 * it is widened), TILE_KERNELS and its name.
 *
 *   SCORE_ROWS × SCORE_TILES   queries × tiles whose products are summed in registers at once
 *   VALUE_ROWS × VALUE_LINES   queries × lines of 16 dims whose outputs are
 *   WIDE_ROWS × WIDE_LINES     the same, for heads that have so many lines
 *
 * Loops over rows, tiles and vectors have constant bounds once inlined, so that the sums live in
 * registers.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels/cpu/digit_passes.h"

enum {
    LINE_BYTES = 64,
    LINE_VECTORS = KVSPAN_TILE_DIMS / VECTOR_FLOATS, /* vectors of floats that a line makes */
    TILE_PAIRS = KVSPAN_TILE_TOKENS / 2
};

#define INLINED static inline __attribute__((always_inline))

/* A block of queries against some tiles of keys. */
struct score_pass {
    const number *queries; /* [row][dim] of the first row */
    uint32_t dim;
    const unsigned char *const *tiles;
    const unsigned char *const *next_tiles;
    float *scores; /* [row][KVSPAN_CHUNK_TOKENS], at the first tile's first token */
};

INLINED void score_tiles(const struct score_pass *pass, const int rows, const int tiles)
{
    vector sums[SCORE_ROWS][SCORE_TILES * LINE_VECTORS];
    const int vectors = tiles * LINE_VECTORS;
    const number *const queries = pass->queries;
    const size_t dim = pass->dim;

#pragma GCC unroll 16
    for (int row = 0; row < rows; row++) {
#pragma GCC unroll 4
        for (int i = 0; i < vectors; i++) {
            sums[row][i] = vector_of(0.0f);
        }
    }
    for (size_t pair = 0; pair < dim / 2; pair++) {
        stored_pairs keys[SCORE_TILES * LINE_VECTORS];

#pragma GCC unroll 4
        for (int i = 0; i < vectors; i++) {
            keys[i] = pairs_load(pass->tiles[i / LINE_VECTORS] + pair * LINE_BYTES +
                                 (size_t)(i % LINE_VECTORS) * VECTOR_FLOATS * 4);
        }
#pragma GCC unroll 4
        for (int i = 0; i < tiles; i++) {
            _mm_prefetch((const char *)pass->next_tiles[0] +
                             (pair * (size_t)tiles + (size_t)i) * LINE_BYTES,
                         FETCH_HINT);
        }
#pragma GCC unroll 16
        for (int row = 0; row < rows; row++) {
            const number_pair query = pair_of(queries + (size_t)row * dim + 2 * pair);

#pragma GCC unroll 4
            for (int i = 0; i < vectors; i++) {
                sums[row][i] = pairs_fold(sums[row][i], keys[i], query);
            }
        }
    }
#pragma GCC unroll 16
    for (int row = 0; row < rows; row++) {
#pragma GCC unroll 4
        for (int i = 0; i < vectors; i++) {
            vector_store(pass->scores + (size_t)row * KVSPAN_CHUNK_TOKENS + i * VECTOR_FLOATS,
                         sums[row][i]);
        }
    }
}

/* Queries in nearly equal parts of at most SCORE_ROWS. */
static void score_rows(const struct score_pass *pass, uint32_t rows, uint32_t tiles)
{
    assert(rows <= SCORE_ROWS);
#define SCORE_CASE(n)                                                         \
    case n:                                                                   \
        if (tiles == SCORE_TILES) {                                           \
            score_tiles(pass, n <= SCORE_ROWS ? n : SCORE_ROWS, SCORE_TILES); \
        } else {                                                              \
            score_tiles(pass, n <= SCORE_ROWS ? n : SCORE_ROWS, 1);           \
        }                                                                     \
        return
    switch (rows) {
        SCORE_CASE(1);
        SCORE_CASE(2);
        SCORE_CASE(3);
        SCORE_CASE(4);
        SCORE_CASE(5);
        SCORE_CASE(6);
        SCORE_CASE(7);
        SCORE_CASE(8);
        SCORE_CASE(9);
        SCORE_CASE(10);
        SCORE_CASE(11);
        SCORE_CASE(12);
    }
#undef SCORE_CASE
}

enum {
    AHEAD_HEADS = 2, /* how far ahead memory is fetched, in heads of a page, … */
    AHEAD_TILES = 4  /* … or in tiles if there is one head */
};

/* The same place some steps later. */
static void step_ahead(const kvspan_tile_block *block, uint32_t *head, uint32_t *tile)
{
    if (block->head_count == 1) {
        *tile += AHEAD_TILES;
        return;
    }
    *head += AHEAD_HEADS;
    while (*head >= block->head_count) {
        *head -= block->head_count;
        *tile += block->page_tiles;
    }
}

/* Planes of codes that are multiplied as they are stored are so small that a whole chunk of both
 * stays in the second cache. There values are fetched while keys are read, and the next chunk's
 * keys while values are, in the order in which they lie; they may then be read in any. */
static int fetches_chunks(const kvspan_tile_block *block)
{
    return block->key_digits && block->value_digits;
}

/* What is read some steps after a tile of keys: values come after the last keys. */
static const unsigned char *after_key(const kvspan_tile_block *block,
                                      const kvspan_tile_chunk *chunk, uint32_t head, uint32_t tile)
{
    if (fetches_chunks(block)) {
        return chunk->values[tile] + head * block->value_head_stride;
    }
    step_ahead(block, &head, &tile);
    if (tile < chunk->tile_count) {
        return chunk->keys[tile] + head * block->key_head_stride;
    }
    tile -= chunk->tile_count;
    tile = tile < chunk->tile_count ? tile : chunk->tile_count - 1;
    return chunk->values[tile] + head * block->value_head_stride;
}

/* A key that is read some steps later: what was fetched with the chunk, but dropped by a processor
 * that had too much to fetch. */
static const unsigned char *soon_key(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                                     uint32_t head, uint32_t tile)
{
    step_ahead(block, &head, &tile);
    tile = tile < chunk->tile_count ? tile : chunk->tile_count - 1;
    return chunk->keys[tile] + head * block->key_head_stride;
}

/* Values are read in steps of KVSPAN_VALUE_TILES of each head; as many keys have been fetched. */
static const unsigned char *next_key_in_order(const kvspan_tile_block *block,
                                              const kvspan_tile_chunk *chunk, uint32_t head,
                                              uint32_t tile)
{
    const uint32_t first = tile / KVSPAN_VALUE_TILES * KVSPAN_VALUE_TILES;
    const uint32_t left = chunk->tile_count - first;
    const uint32_t count = left < KVSPAN_VALUE_TILES ? left : KVSPAN_VALUE_TILES;
    const uint32_t read = first * block->head_count + head * count + tile - first;
    const uint32_t page_read = read % (block->head_count * block->page_tiles);

    tile = read / (block->head_count * block->page_tiles) * block->page_tiles +
           page_read % block->page_tiles;
    tile = tile < chunk->tile_count ? tile : chunk->tile_count - 1;
    return chunk->next_keys[tile] + page_read / block->page_tiles * block->key_head_stride;
}

/* … and the next chunk's keys after the last values. */
static const unsigned char *after_value(const kvspan_tile_block *block,
                                        const kvspan_tile_chunk *chunk, uint32_t head,
                                        uint32_t tile)
{
    if (fetches_chunks(block)) {
        return next_key_in_order(block, chunk, head, tile);
    }
    step_ahead(block, &head, &tile);
    if (tile < chunk->tile_count) {
        return chunk->values[tile] + head * block->value_head_stride;
    }
    tile -= chunk->tile_count;
    tile = tile < chunk->tile_count ? tile : chunk->tile_count - 1;
    return chunk->next_keys[tile] + head * block->key_head_stride;
}

/* The tile behind those from `tile` on that lie in one page, at most `most`. */
static uint32_t step_end(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                         uint32_t tile, uint32_t most)
{
    const uint64_t tile_index = chunk->index / KVSPAN_TILE_TOKENS + tile;
    const uint32_t in_page = block->page_tiles - (uint32_t)(tile_index % block->page_tiles);
    uint32_t count = chunk->tile_count - tile;

    if (block->head_count > 1 && !fetches_chunks(block) && in_page < count) {
        count = in_page;
    }
    return tile + (count < most ? count : most);
}

/* Tiles in the form that passes read: bf16, and finite where nobody looks. What is copied needs no
 * fetching ahead any more: its next tile is itself. */
struct ready_tiles {
    const unsigned char *tiles[KVSPAN_VALUE_TILES];
    const unsigned char *next[KVSPAN_VALUE_TILES];
};

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
    }
}

/* At most SCORE_TILES tiles for the rows of one head. */
static void score_step(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                       uint32_t head, uint32_t first_tile, uint32_t tiles)
{
    const uint32_t dim = block->key_dim;
    const uint32_t parts = (block->head_rows + SCORE_ROWS - 1) / SCORE_ROWS;
    const uint32_t end = (head + 1) * block->head_rows;
    uint32_t row = head * block->head_rows;
    struct ready_tiles ready;
    struct score_pass pass = { .dim = dim, .tiles = ready.tiles, .next_tiles = ready.next };

    for (uint32_t i = 0; i < tiles; i++) {
        ready_key(block, chunk, head, first_tile + i, i, &ready);
    }
    if (block->key_digits) {
        const kvspan_digit_tiles keys = { .tiles = ready.tiles,
                                          .next = ready.next,
                                          .soon = soon_key(block, chunk, head, first_tile),
                                          .count = tiles,
                                          .first = first_tile };

        block->key_digits->score(block, row, block->head_rows, &keys);
        return;
    }
    for (uint32_t part = 0; part < parts; part++) {
        const uint32_t rows = (end - row + parts - part - 1) / (parts - part);

        pass.queries = (const number *)block->work->queries + (size_t)row * dim;
        pass.scores = block->work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS +
                      (size_t)first_tile * KVSPAN_TILE_TOKENS;
        score_rows(&pass, rows, tiles);
        row += rows;
    }
}

/* Tiles that are scored at once. A tile at a time is memory in order; two make use of each query
 * that is loaded, and of one or two rows sums enough to hide the latency of adding. Measured. */
static uint32_t choose_tiles(uint32_t head_rows)
{
    return head_rows >= 3 && head_rows <= 7 ? 1 : SCORE_TILES;
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
    const uint32_t tiles = choose_tiles(block->head_rows);
    uint32_t end;

    for (uint32_t tile = 0; tile < chunk->tile_count; tile = end) {
        end = step_end(block, chunk, tile,
                       fetches_chunks(block) ? block->page_tiles : KVSPAN_CHUNK_TILES);
        for (uint32_t head = 0; head < block->head_count; head++) {
            if (block->has_value_scales) {
                fetch_scales(chunk->value_scales, tile, end, head * block->value_head_stride);
            }
            for (uint32_t i = tile; i < end; i += tiles) {
                score_step(block, chunk, head, i, end - i < tiles ? end - i : tiles);
            }
        }
    }
}

/* e^x to about 1 ulp; 0 far below, infinity far above, NaN for NaN. 2^f is its Taylor series. */
INLINED vector exponential(vector x)
{
    const vector bounded = vector_max(vector_of(-150.0f), vector_min(vector_of(150.0f), x));
    const vector scaled = vector_multiply(bounded, vector_of(1.44269504f));
    const vector whole = vector_round(scaled);
    const vector f = vector_subtract(scaled, whole);
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
    const vector power = exponential(vector_multiply(score, vector_of(2.0f / cap)));
    const vector part = vector_divide(vector_of(2.0f * cap), vector_add(vector_of(1.0f), power));

    return vector_subtract(vector_of(cap), part);
}

/* The i-th vector of scales of a chunk for the row's kv head. Those that are no token's may be
 * anything. */
INLINED vector load_scales(const kvspan_tile_block *block, const float *const *tiles,
                           uint64_t head_stride, uint32_t row, uint32_t i)
{
    const size_t head = row / block->head_rows;

    return vector_load(tiles[i / LINE_VECTORS] + head * (head_stride / sizeof(float)) +
                       (size_t)(i % LINE_VECTORS) * VECTOR_FLOATS);
}

/* Which tokens of a chunk a row sees: [first, last). */
struct sight {
    int32_t first;
    int32_t last;
};

/* Turns products into logits, those outside [first, last) into −inf; returns the highest. */
static float finish_scores(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                           uint32_t row, uint32_t vectors, struct sight sight)
{
    float *const scores = block->work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS;
    const int is_partial = sight.first > 0 || sight.last < (int32_t)(vectors * VECTOR_FLOATS);
    vector highest = vector_of(-INFINITY);

    for (uint32_t i = 0; i < vectors; i++) {
        const int32_t lane = (int32_t)(i * VECTOR_FLOATS);
        vector score = vector_multiply(vector_load(scores + lane), vector_of(block->scale));

        if (block->has_key_scales) {
            score = vector_multiply(
                score, load_scales(block, chunk->key_scales, block->key_head_stride, row, i));
        }
        if (block->soft_cap != 0.0f) {
            score = capped(score, block->soft_cap);
        }
        if (is_partial) {
            score =
                vector_within(score, sight.first - lane, sight.last - lane, vector_of(-INFINITY));
        }
        vector_store(scores + lane, score);
        highest = vector_max(score, highest);
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
static void weigh_row(const kvspan_tile_block *block, uint32_t row, uint32_t vectors, vector shift)
{
    kvspan_tile_workspace *const work = block->work;
    const float *const scores = work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS;
    number *const weights = (number *)work->weights + (size_t)row * KVSPAN_CHUNK_TOKENS;
    vector sum = vector_of(0.0f);
    vector weight_sum = vector_of(0.0f);

    for (uint32_t i = 0; i < vectors; i += 2) {
        const size_t lane = (size_t)i * VECTOR_FLOATS;
        const vector low = exponential(vector_subtract(vector_load(scores + lane), shift));
        const vector high =
            exponential(vector_subtract(vector_load(scores + lane + VECTOR_FLOATS), shift));

        sum = vector_add(sum, vector_add(low, high));
        weights_store(weights + lane, low, high);
        weight_sum = weights_sum(weight_sum, weights + lane);
    }
    work->sums[row] += vector_sum(sum);
    work->weight_sums[row] += vector_sum(weight_sum);
}

/* Turns logits into weights times the values' scales, where they lie; returns the highest. */
static float scale_weights(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                           uint32_t row, uint32_t vectors, struct sight sight, vector shift)
{
    float *const scores = block->work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS;
    const int is_partial = sight.first > 0 || sight.last < (int32_t)(vectors * VECTOR_FLOATS);
    vector sum = vector_of(0.0f);
    vector highest = vector_of(0.0f);

    for (uint32_t i = 0; i < vectors; i++) {
        const int32_t lane = (int32_t)(i * VECTOR_FLOATS);
        vector weight = exponential(vector_subtract(vector_load(scores + lane), shift));

        sum = vector_add(sum, weight);
        if (block->has_value_scales) {
            weight = vector_multiply(
                weight, load_scales(block, chunk->value_scales, block->value_head_stride, row, i));
        }
        if (is_partial) {
            weight = vector_within(weight, sight.first - lane, sight.last - lane, vector_of(0.0f));
        }
        highest = vector_max(weight, highest);
        vector_store(scores + lane, weight);
    }
    block->work->sums[row] += vector_sum(sum);
    return vector_highest(highest);
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

    for (uint32_t i = 0; i < vectors; i += 2) {
        const size_t lane = (size_t)i * VECTOR_FLOATS;
        const vector low = vector_divide(vector_load(scores + lane), unit);
        const vector high = vector_divide(vector_load(scores + lane + VECTOR_FLOATS), unit);

        weights_store(weights + lane, low, high);
        if (!WEIGHTS_ARE_EXACT) {
            weights_store(rests + lane, weights_rest(low), weights_rest(high));
        }
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

/* Some rows' weights times lines of values. */
struct value_pass {
    const number *weights; /* [row][KVSPAN_CHUNK_TOKENS] of the first row */
    const unsigned char *const *tiles;
    const unsigned char *const *next_tiles;
    uint32_t tile_count;
    uint32_t dim;
    uint32_t first_line;
    float *outputs; /* [row][dim] of the first row */
};

INLINED void fold_values(const struct value_pass *pass, const int rows, const int lines)
{
    vector sums[VALUE_ROWS][WIDE_LINES * LINE_VECTORS];
    const int vectors = lines * LINE_VECTORS;
    const size_t dim = pass->dim;
    const size_t pair_bytes = dim * 4;
    const size_t offset = (size_t)pass->first_line * LINE_BYTES;
    float *const outputs = pass->outputs + (size_t)pass->first_line * KVSPAN_TILE_DIMS;

#pragma GCC unroll 16
    for (int row = 0; row < rows; row++) {
#pragma GCC unroll 8
        for (int i = 0; i < vectors; i++) {
            sums[row][i] = vector_load(outputs + (size_t)row * dim + i * VECTOR_FLOATS);
        }
    }
    for (uint32_t tile = 0; tile < pass->tile_count; tile++) {
        const unsigned char *line = pass->tiles[tile] + offset;
        const unsigned char *next = pass->next_tiles[tile] + offset;
        const number *weights = pass->weights + (size_t)tile * KVSPAN_TILE_TOKENS;

        for (uint32_t pair = 0; pair < TILE_PAIRS; pair++) {
            stored_pairs values[WIDE_LINES * LINE_VECTORS];

#pragma GCC unroll 8
            for (int i = 0; i < vectors; i++) {
                values[i] = pairs_load(line + (size_t)i * VECTOR_FLOATS * 4);
            }
#pragma GCC unroll 8
            for (int i = 0; i < lines; i++) {
                _mm_prefetch((const char *)next + i * LINE_BYTES, FETCH_HINT);
            }
#pragma GCC unroll 16
            for (int row = 0; row < rows; row++) {
                const number_pair weight = pair_of(weights + (size_t)row * KVSPAN_CHUNK_TOKENS);

#pragma GCC unroll 8
                for (int i = 0; i < vectors; i++) {
                    sums[row][i] = pairs_fold(sums[row][i], values[i], weight);
                }
            }
            line += pair_bytes;
            next += pair_bytes;
            weights += 2;
        }
    }
#pragma GCC unroll 16
    for (int row = 0; row < rows; row++) {
#pragma GCC unroll 8
        for (int i = 0; i < vectors; i++) {
            vector_store(outputs + (size_t)row * dim + i * VECTOR_FLOATS, sums[row][i]);
        }
    }
}

/* Lines that are folded at once. Few rows wait for memory, which is faster in order: all lines that
 * lie side by side. Measured. */
static uint32_t choose_lines(uint32_t left, uint32_t head_rows)
{
    if (left >= WIDE_LINES && head_rows <= VALUE_ROWS) {
        return WIDE_LINES;
    }
    return left >= VALUE_LINES ? VALUE_LINES : 1;
}

static uint32_t most_rows(uint32_t lines)
{
    return lines == WIDE_LINES ? WIDE_ROWS : VALUE_ROWS;
}

INLINED void fold_value_lines(const struct value_pass *pass, const int rows, uint32_t lines)
{
    if (lines == WIDE_LINES) {
        fold_values(pass, rows <= WIDE_ROWS ? rows : WIDE_ROWS, WIDE_LINES);
    } else if (lines == VALUE_LINES) {
        fold_values(pass, rows, VALUE_LINES);
    } else {
        fold_values(pass, rows, 1);
    }
}

static void fold_value_rows(const struct value_pass *pass, uint32_t rows, uint32_t lines)
{
#define VALUE_CASE(n) \
    case n: fold_value_lines(pass, n <= VALUE_ROWS ? n : VALUE_ROWS, lines); return
    switch (rows) {
        VALUE_CASE(1);
        VALUE_CASE(2);
        VALUE_CASE(3);
        VALUE_CASE(4);
        VALUE_CASE(5);
        VALUE_CASE(6);
    }
#undef VALUE_CASE
}

static void ready_value(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                        uint32_t head, uint32_t tile, uint32_t place, struct ready_tiles *ready)
{
    const uint32_t dim = block->value_dim;
    const int32_t first = (int32_t)chunk->first - (int32_t)(tile * KVSPAN_TILE_TOKENS);
    const int32_t last = (int32_t)chunk->last - (int32_t)(tile * KVSPAN_TILE_TOKENS);
    const int is_whole = first <= 0 && last >= KVSPAN_TILE_TOKENS;
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
}

/* Some tiles for all rows of one head and all dims. */
static void fold_value_tiles(const kvspan_tile_block *block, uint32_t head, uint32_t first_tile,
                             const struct ready_tiles *ready, uint32_t tile_count,
                             const float *weights, float *outputs)
{
    const uint32_t line_count = block->value_dim / KVSPAN_TILE_DIMS;
    const uint32_t end = (head + 1) * block->head_rows;
    uint32_t lines;

    for (uint32_t line = 0; line < line_count; line += lines) {
        uint32_t row = head * block->head_rows;
        uint32_t parts;

        lines = choose_lines(line_count - line, block->head_rows);
        parts = (block->head_rows + most_rows(lines) - 1) / most_rows(lines);
        for (uint32_t part = 0; part < parts; part++) {
            const uint32_t rows = (end - row + parts - part - 1) / (parts - part);
            const struct value_pass pass = { .weights = (const number *)(const void *)weights +
                                                        (size_t)row * KVSPAN_CHUNK_TOKENS +
                                                        (size_t)first_tile * KVSPAN_TILE_TOKENS,
                                             .tiles = ready->tiles,
                                             .next_tiles = ready->next,
                                             .tile_count = tile_count,
                                             .dim = block->value_dim,
                                             .first_line = line,
                                             .outputs = outputs + (size_t)row * block->value_dim };

            fold_value_rows(&pass, rows, lines);
            row += rows;
        }
    }
}

static void fold_digits(const kvspan_tile_block *block, uint32_t head, uint32_t first_tile,
                        const struct ready_tiles *ready, uint32_t tile_count)
{
    const kvspan_digit_tiles values = {
        .tiles = ready->tiles, .next = ready->next, .count = tile_count, .first = first_tile
    };

    block->value_digits->fold(block, head * block->head_rows, block->head_rows, &values);
}

static void fold_chunk_values(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk)
{
    kvspan_tile_workspace *const work = block->work;
    float *const outputs = block->has_value_scales ? work->chunk_outputs : work->outputs;
    uint32_t end;

    for (uint32_t tile = 0; tile < chunk->tile_count; tile = end) {
        end = step_end(block, chunk, tile, KVSPAN_VALUE_TILES);
        for (uint32_t head = 0; head < block->head_count; head++) {
            struct ready_tiles ready;

            if (block->has_key_scales) {
                fetch_scales(chunk->next_key_scales, tile, end, head * block->key_head_stride);
            }
            for (uint32_t i = tile; i < end; i++) {
                ready_value(block, chunk, head, i, i - tile, &ready);
            }
            if (block->value_digits) {
                fold_digits(block, head, tile, &ready, end - tile);
                continue;
            }
            fold_value_tiles(block, head, tile, &ready, end - tile, work->weights, outputs);
            if (block->has_value_scales && !WEIGHTS_ARE_EXACT) {
                fold_value_tiles(block, head, tile, &ready, end - tile, work->rests,
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

    memset(block->work->chunk_outputs, 0, bytes);
    if (!block->value_digits) {
        memset(block->work->rest_outputs, 0, bytes);
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
    /* Two vectors make one of weights; what is behind the last tile no row sees. */
    const uint32_t vectors = (chunk->tile_count * LINE_VECTORS + 1) / 2 * 2;

    score_chunk(block, chunk);
    for (uint32_t row = 0; row < block->row_count; row++) {
        const struct sight sight = { .first = place_of(work->row_begins[row], chunk),
                                     .last = place_of(work->row_ends[row], chunk) };
        const float highest = finish_scores(block, chunk, row, vectors, sight);
        const vector shift = vector_of(raise_maximum(block, row, highest));

        if (has_units(block)) {
            weigh_row_in_units(block, chunk, row, vectors, sight, shift);
        } else {
            weigh_row(block, row, vectors, shift);
        }
    }
    if (has_units(block)) {
        fold_values_in_units(block, chunk);
    } else {
        fold_chunk_values(block, chunk);
    }
}

/* Rounded weights are a little more or less in all than the sum: outputs are made to fit. Weights
 * with scales have been added in full. */
static void finish_split(const kvspan_tile_block *block)
{
    kvspan_tile_workspace *const work = block->work;

    if (WEIGHTS_ARE_EXACT || has_units(block)) {
        return;
    }
    for (uint32_t row = 0; row < block->row_count; row++) {
        if (work->weight_sums[row] != 0.0f && work->weight_sums[row] != work->sums[row]) {
            scale_row(work->outputs + (size_t)row * block->value_dim, block->value_dim,
                      work->sums[row] / work->weight_sums[row]);
        }
    }
}

static void pack_query(kvspan_tile_workspace *work, uint32_t row, kvspan_dtype dtype,
                       const void *query, uint32_t dim)
{
    query_pack((number *)work->queries + (size_t)row * dim, dtype, query, dim);
}

const kvspan_tile_kernels TILE_KERNELS = {
    .name = TILE_KERNELS_NAME,
    .pack_query = pack_query,
    .fold_chunk = fold_chunk,
    .finish_split = finish_split,
    .digits = DIGIT_PASSES,
};
