#include "kernels/cpu/widen_tile.h"

#include "kernels/number_formats.h"
#include "kernels/reference/rows.h"

void kvspan_code_table_fill(kvspan_code_table *table, kvspan_dtype dtype)
{
    table->dtype = dtype;
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
