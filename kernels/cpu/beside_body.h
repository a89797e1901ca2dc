/** @file
 * What is fetched while weights are made: some of the chunk's values, a few lines beside each line
 * of weights, so that memory does not rest. Those of four tiles take turns, which are as many
 * streams of memory (see fetch_streams.h). Who fetches in streams, or whole chunks, does it in a
 * way of its own instead: pass_row() in ahead_body.h.
 *
 * A part of the file of one instruction set, which has chosen the vectors before (see tile_body.h).
 */
#ifndef KVSPAN_KERNELS_CPU_BESIDE_BODY_H
#define KVSPAN_KERNELS_CPU_BESIDE_BODY_H

#include "kernels/cpu/fetch_streams.h"
#include "kernels/cpu/line_body.h"
#include "kernels/cpu/tile_kernels.h"

/* What is fetched beside one row's weights, a line of each in turn. */
struct beside {
    const unsigned char *streams[KVSPAN_STREAMS];
};

/* Lines of each stream that are fetched beside a row. */
static uint32_t stream_lines(const kvspan_tile_chunk *chunk)
{
    return chunk->tile_count * BESIDE_LINES / KVSPAN_STREAMS;
}

/* As many rows as it takes fetch four tiles, one of each quarter of a head's. The fours of all rows
 * are spread evenly over the chunk, so that each step over its values finds some of its lines.
 * Where nothing is left to fetch, it is what is read first anyway. */
static struct beside choose_beside(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                                   uint32_t row)
{
    const uint32_t quarter = chunk->tile_count / KVSPAN_STREAMS;
    const uint32_t fours = block->head_count * quarter;
    const uint32_t lines = stream_lines(chunk);
    uint32_t four = fours;
    size_t offset = 0;
    struct beside beside;

    if (fours != 0 && lines != 0) {
        const uint32_t tile_lines = stream_tile_bytes(block, STREAM_VALUES) / LINE_BYTES;
        const uint32_t rows = lines < tile_lines ? tile_lines / lines : 1;
        const uint32_t parts = (block->row_count + rows - 1) / rows;

        four = parts < fours ? row / rows * fours / parts : row / rows;
        offset = (size_t)(row % rows * lines) * LINE_BYTES;
    }
    for (uint32_t i = 0; i < KVSPAN_STREAMS; i++) {
        beside.streams[i] = four < fours ? chunk->values[i * quarter + four % quarter] +
                                               four / quarter * block->value_head_stride + offset
                                         : chunk->values[0];
    }
    return beside;
}

/* While the i-th vector of a row's weights is made. */
INLINED void fetch_beside(const struct beside *beside, uint32_t i)
{
    if (i % LINE_VECTORS != 0) {
        return;
    }
    for (int line = 0; line < BESIDE_LINES; line++) {
        const uint32_t place = i / LINE_VECTORS * BESIDE_LINES + (uint32_t)line;

        _mm_prefetch((const char *)beside->streams[place % KVSPAN_STREAMS] +
                         (size_t)(place / KVSPAN_STREAMS) * LINE_BYTES,
                     FETCH_HINT);
    }
}

#endif
