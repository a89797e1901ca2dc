/** @file
 * The inner loops of attention over tiled pages, once per instruction set: a block of queries is
 * folded over a chunk of tokens.
 *
 * A block has some neighbouring kv heads and for each of them the same number of queries. All
 * queries of a head read a tile together: it comes from memory once. Heads take turns page by page,
 * or a few pages at a time, so that memory is read as it lies. The arithmetic of a row depends on
 * its own query and tokens alone, never on the other rows of its block.
 */
#ifndef KVSPAN_KERNELS_CPU_TILE_KERNELS_H
#define KVSPAN_KERNELS_CPU_TILE_KERNELS_H

#include <kvspan/element_order.h>
#include <kvspan/types.h>

#include "kernels/tree_mask.h"

enum {
    KVSPAN_TILE_MAX_DIM = 256, /* of a head, in tiled pages that are attended */
    KVSPAN_CHUNK_TILES = 16, /* a chunk begins where the local index is a multiple of its tokens */
    KVSPAN_CHUNK_TOKENS = KVSPAN_CHUNK_TILES * KVSPAN_TILE_TOKENS,
    KVSPAN_VALUE_TILES = 4, /* value tiles that stay in the first cache while all rows use them */
    KVSPAN_BLOCK_ROWS = 128 /* queries of a block at most */
};

/* A query as digits, see digit_passes.h. The starts of its sums make up for codes that are taken as
 * unsigned. */
typedef struct kvspan_query_digits {
    int8_t numbers[KVSPAN_TILE_MAX_DIM * 2];     /* [four dims][high, low][4] */
    int8_t rests[KVSPAN_TILE_MAX_DIM];           /* [rest_count][4] */
    uint8_t rest_quads[KVSPAN_TILE_MAX_DIM / 4]; /* which four dims those are of */
    uint32_t rest_count;
    int32_t high_start;
    int32_t low_start;
    int32_t rest_start;
    float unit;
} kvspan_query_digits;

struct kvspan_digit_passes;
struct kvspan_tile_block;
struct kvspan_tile_chunk;

enum {
    KVSPAN_KEY_TILES = 4, /* the most that an instruction set multiplies at once */
    KVSPAN_STREAMS = 4,
    KVSPAN_STREAM_TILES = 16 /* the most of a stream */
};

/* What is being fetched, see fetch_streams.h. */
typedef struct kvspan_fetch {
    const struct kvspan_tile_block *block;
    const struct kvspan_tile_chunk *chunk;
    const unsigned char *announced_key; /* the first of the chunk after it, … */
    uint32_t tile_count;                /* … which is expected to be of the same shape */
    uint32_t head_count;
    /* Which tile comes next. */
    uint32_t plane;
    uint32_t head;
    uint32_t tile;
    /* How many lines are fetched and not read, and should be. */
    int32_t ahead_lines;
    int32_t aim_lines;
    /* The tiles that are being fetched: [stream][stream_tiles]. */
    const unsigned char *window[KVSPAN_STREAMS * KVSPAN_STREAM_TILES];
    uint32_t stream_count;
    uint32_t stream_tiles;
    uint32_t stream_tile; /* of each stream … */
    uint32_t offset;      /* … and a place in it */
    uint32_t tile_bytes;
} kvspan_fetch;

/* What one thread needs. A query or weight is bf16 or f32, as the instruction set multiplies. */
typedef struct kvspan_tile_workspace {
    _Alignas(64) float scores[KVSPAN_BLOCK_ROWS * KVSPAN_CHUNK_TOKENS];
    _Alignas(64) float weights[KVSPAN_BLOCK_ROWS * KVSPAN_CHUNK_TOKENS];
    _Alignas(64) float rests[KVSPAN_BLOCK_ROWS * KVSPAN_CHUNK_TOKENS]; /* what rounding took away */
    _Alignas(64) float queries[KVSPAN_BLOCK_ROWS * KVSPAN_TILE_MAX_DIM];
    _Alignas(64) float outputs[KVSPAN_BLOCK_ROWS * KVSPAN_TILE_MAX_DIM]; /* of the current split */
    _Alignas(64) union {
        float chunk_outputs[KVSPAN_BLOCK_ROWS * KVSPAN_TILE_MAX_DIM];    /* in multiples of units */
        int32_t chunk_sums[2 * KVSPAN_BLOCK_ROWS * KVSPAN_TILE_MAX_DIM]; /* of digits' products */
    };
    _Alignas(64) float rest_outputs[KVSPAN_BLOCK_ROWS * KVSPAN_TILE_MAX_DIM];
    _Alignas(64) float totals[KVSPAN_BLOCK_ROWS * KVSPAN_TILE_MAX_DIM]; /* of all splits so far */
    _Alignas(64) uint16_t keys[KVSPAN_KEY_TILES * KVSPAN_TILE_TOKENS * KVSPAN_TILE_MAX_DIM];
    _Alignas(64) uint16_t values[KVSPAN_CHUNK_TILES * KVSPAN_TILE_TOKENS * KVSPAN_TILE_MAX_DIM];
    _Alignas(64) unsigned char unit_copies[2][2 * KVSPAN_TILE_TOKENS * KVSPAN_TILE_MAX_DIM * 2];
    _Alignas(64) kvspan_query_digits query_digits[KVSPAN_BLOCK_ROWS];
    _Alignas(64) uint8_t
        weight_digits[KVSPAN_BLOCK_ROWS * KVSPAN_CHUNK_TOKENS * 2]; /* [four][high, low][4] */
    float maxima[KVSPAN_BLOCK_ROWS];      /* what the exponents of the split are relative to */
    float sums[KVSPAN_BLOCK_ROWS];        /* of e^(logit − maximum) */
    float weight_sums[KVSPAN_BLOCK_ROWS]; /* the same as rounded: what outputs are made with */
    float units[KVSPAN_BLOCK_ROWS];       /* what a chunk's weights are multiples of */
    float total_maxima[KVSPAN_BLOCK_ROWS];
    float total_sums[KVSPAN_BLOCK_ROWS];
    uint64_t row_begins[KVSPAN_BLOCK_ROWS]; /* local tokens [begin, end) that a row sees */
    uint64_t row_ends[KVSPAN_BLOCK_ROWS];
    kvspan_tree_sight row_trees[KVSPAN_BLOCK_ROWS]; /* what of them is hidden */
    uint32_t
        matrix_key; /* how the thread's matrix registers are laid out; 0 = they are not in use */
    kvspan_fetch fetch; /* by kernels that fetch in streams; zeros = of no chunk */
} kvspan_tile_workspace;

enum {
    /* Whole pages of memory, so that no two threads write to one. */
    KVSPAN_TILE_WORKSPACE_BYTES = (sizeof(kvspan_tile_workspace) + 4095) / 4096 * 4096
};

/* The magnitudes of an 8-bit type as bf16, exact for int8, e4m3 and e5m2; bytes apart, as table
 * lookups want them. A code's upper bit is its sign, in two's complement for int8, of which −128 is
 * no code (kvspan_plane). */
typedef struct kvspan_code_table {
    _Alignas(64) uint8_t low[128];
    _Alignas(64) uint8_t high[128];
    kvspan_dtype dtype;
} kvspan_code_table;

/* What all chunks of a block have in common. */
typedef struct kvspan_tile_block {
    kvspan_tile_workspace *work;
    uint32_t row_count;  /* head_count · head_rows; rows of a kv head are neighbours */
    uint32_t head_count; /* kv heads */
    uint32_t head_rows;  /* queries of each */
    uint32_t page_tiles; /* tiles of a head that follow each other in memory */
    uint64_t key_head_stride;
    uint64_t value_head_stride;
    uint32_t key_dim;
    uint32_t value_dim;
    float scale;
    float soft_cap;                               /* 0 = none */
    const kvspan_code_table *key_codes;           /* NULL = keys are not widened */
    const kvspan_code_table *value_codes;         /* NULL = values are not */
    const struct kvspan_digit_passes *key_digits; /* NULL = keys are bf16, widened or not */
    const struct kvspan_digit_passes *value_digits;
    uint32_t has_key_scales;
    uint32_t has_value_scales;
    const kvspan_token_rule *tree_rule; /* of the tokens that row_trees are about; NULL: no trees */
} kvspan_tile_block;

/* Up to KVSPAN_CHUNK_TILES tiles. */
typedef struct kvspan_tile_chunk {
    uint64_t index; /* local, of the first tile's first token */
    uint32_t tile_count;
    uint32_t
        first; /* tokens [first, last) of the chunk are read; others may be anything, NaN too */
    uint32_t last;
    const unsigned char *keys[KVSPAN_CHUNK_TILES]; /* of the block's first kv head */
    const unsigned char *values[KVSPAN_CHUNK_TILES];
    const float *key_scales[KVSPAN_CHUNK_TILES]; /* each tile's, where there are any */
    const float *value_scales[KVSPAN_CHUNK_TILES];
    const unsigned char *next_keys[KVSPAN_CHUNK_TILES]; /* of the chunk after it, to be fetched */
    const float *next_key_scales[KVSPAN_CHUNK_TILES];
} kvspan_tile_chunk;

/* Makes the row's logits of a chunk −inf where the tree mask hides the token. */
void kvspan_tile_hide_tokens(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                             uint32_t row);

/* How many of the rows left the next pass takes, where they are taken in nearly equal parts of at
 * most so many. */
static inline uint32_t kvspan_part_rows(uint32_t left, uint32_t most)
{
    const uint32_t parts = (left + most - 1) / most;

    return (left + parts - 1) / parts;
}

typedef struct kvspan_tile_kernels {
    const char *name;
    uint32_t block_rows; /* queries that a block has where there are enough */
    /* Writes a query of `dim` elements as the block's row. */
    void (*pack_query)(kvspan_tile_workspace *work, uint32_t row, kvspan_dtype dtype,
                       const void *query, uint32_t dim);
    /* Folds a chunk into outputs, maxima and sums of the rows that see some of it. */
    void (*fold_chunk)(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk);
    /* Behind a split's last chunk: makes outputs what they would be with weights not rounded. */
    void (*finish_split)(const kvspan_tile_block *block);
    /* When the thread is done with blocks for now; NULL = there is nothing to give back. */
    void (*leave)(kvspan_tile_workspace *work);
    /* For int8 planes; NULL = they are widened. */
    const struct kvspan_digit_passes *digits;
} kvspan_tile_kernels;

extern const kvspan_tile_kernels kvspan_tile_kernels_avx2;
extern const kvspan_tile_kernels kvspan_tile_kernels_avx512;
extern const kvspan_tile_kernels kvspan_tile_kernels_avx512_vnni;
extern const kvspan_tile_kernels kvspan_tile_kernels_avx512_bf16; /* queries of bf16 only */
extern const kvspan_tile_kernels kvspan_tile_kernels_amx;         /* of bf16 only, too */

#endif
