#include "kernels/cpu/widen_tile.h"

#include "kernels/number_formats.h"
#include "kernels/reference/rows.h"

enum {
    LINE_BYTES = 64,
    LINE_PAIRS = LINE_BYTES / 2 /* elements of 2 bytes in a line */
};

void kvspan_code_table_fill(kvspan_code_table *table, kvspan_dtype dtype)
{
    table->is_complement = dtype == KVSPAN_I8;
    for (uint32_t code = 0; code < 128; code++) {
        const uint8_t byte = (uint8_t)code;
        uint16_t bf16;
        float value;

        kvspan_row_load(dtype, &byte, 1, &value);
        bf16 = kvspan_bf16_from_f32(value);
        table->low[code] = (uint8_t)bf16;
        table->high[code] = (uint8_t)(bf16 >> 8);
    }
}

static uint16_t widen(const kvspan_code_table *codes, uint8_t code)
{
    const uint8_t sign = code & 0x80;
    const uint8_t magnitude = codes->is_complement && sign ? (uint8_t)(0u - code) : code;

    return (uint16_t)(codes->low[magnitude & 0x7f] | (codes->high[magnitude & 0x7f] | sign) << 8);
}

void kvspan_widen_tile(const kvspan_code_table *codes, const unsigned char *tile,
                       const unsigned char *next, uint32_t quads, uint32_t lines,
                       uint16_t *bf16_out)
{
    for (size_t line = 0; line < (size_t)quads * lines; line++) {
        const unsigned char *const source = tile + line * LINE_BYTES;
        uint16_t *const first = bf16_out + (line / lines * 2 * lines + line % lines) * LINE_PAIRS;

        __builtin_prefetch(next + line * LINE_BYTES, 0, 2);
        for (size_t i = 0; i < LINE_BYTES; i++) {
            /* Each unit of 4 bytes holds two pairs. */
            uint16_t *const target = first + i / 2 % 2 * lines * LINE_PAIRS + i / 4 * 2 + i % 2;

            *target = widen(codes, source[i]);
        }
    }
}

void kvspan_clear_tokens(uint16_t *tile, uint32_t dim, int32_t first, int32_t last)
{
    for (int32_t token = 0; token < KVSPAN_TILE_TOKENS; token++) {
        if (token >= first && token < last) {
            continue;
        }
        for (size_t i = 0; i < dim; i++) {
            tile[((size_t)token / 2 * dim + i) * 2 + (size_t)token % 2] = 0;
        }
    }
}
