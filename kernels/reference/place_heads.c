#include "kernels/reference/reference.h"

#include <assert.h>
#include <string.h>

#include "kernels/reference/rows.h"

static void place_block(const unsigned char *block, const kvspan_head_block *place,
                        const kvspan_tensor *out)
{
    const size_t row_bytes = (size_t)out->dim * kvspan_dtype_bytes(out->dtype);

    assert(place->first_token + place->token_count <= out->tokens);
    assert((uint64_t)place->first_head + place->head_count <= out->heads);
    assert((uint64_t)place->source_first + place->head_count <= place->source_heads);
    for (uint64_t token = 0; token < place->token_count; token++) {
        const uint64_t source_row = token * place->source_heads + place->source_first;

        for (uint32_t head = 0; head < place->head_count; head++) {
            memcpy(kvspan_row_address(out, place->first_token + token, place->first_head + head),
                   block + (source_row + head) * row_bytes, row_bytes);
        }
    }
}

kvspan_status kvspan_reference_place_heads(kvspan_device *device,
                                           const kvspan_place_heads_args *args,
                                           kvspan_stream stream, kvspan_error *error)
{
    (void)device;
    (void)stream;
    (void)error;
    for (uint32_t i = 0; i < args->block_count; i++) {
        place_block(args->blocks + i * args->block_stride, &args->places[i], &args->out);
    }
    return KVSPAN_OK;
}
