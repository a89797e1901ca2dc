#include "kernels/reference/reference.h"

#include <assert.h>
#include <string.h>

#include "kernels/reference/quantise.h"

/* A vector that needs no conversion is copied, so that it keeps its bytes. */
static void append_vector(const kvspan_plane_view *plane, kvspan_dtype source_dtype,
                          const unsigned char *source, const kvspan_plane_place *target)
{
    float vector[KVSPAN_MAX_DIM];

    if (source_dtype == plane->dtype) {
        assert(!target->scale);
        memcpy(target->elements, source, (size_t)plane->dim * kvspan_dtype_bytes(plane->dtype));
        return;
    }
    kvspan_row_load(source_dtype, source, plane->dim, vector);
    kvspan_quantise(plane->dtype, vector, plane->dim, target);
}

static void append_token(const kvspan_append_tokens_args *args, const uint32_t *table,
                         uint32_t token, uint64_t position)
{
    const kvspan_plane_view *plane = &args->plane;
    const kvspan_token_rule *rule = &args->rows.rule;
    const uint64_t index = kvspan_token_index(rule, position);

    assert(index / rule->page_tokens < args->rows.page_table_stride);
    for (uint32_t head = 0; head < plane->heads; head++) {
        const kvspan_plane_place place =
            kvspan_plane_find(plane, table, rule->page_tokens, head, index);

        append_vector(plane, args->source.dtype, kvspan_row_address(&args->source, token, head),
                      &place);
    }
}

kvspan_status kvspan_reference_append_tokens(kvspan_device *device,
                                             const kvspan_append_tokens_args *args,
                                             kvspan_stream stream, kvspan_error *error)
{
    const kvspan_step_arrays *rows = &args->rows;

    (void)device;
    (void)stream;
    (void)error;
    for (uint32_t row = 0; row < rows->row_count; row++) {
        const uint32_t *table =
            rows->page_table + (uint64_t)rows->row_slots[row] * rows->page_table_stride;

        for (uint32_t token = rows->row_starts[row]; token < rows->row_starts[row + 1]; token++) {
            const int32_t position = rows->positions[token];

            assert(position >= 0);
            if (kvspan_token_owner(&rows->rule, (uint64_t)position) == rows->rule.member) {
                append_token(args, table, token, (uint64_t)position);
            }
        }
    }
    return KVSPAN_OK;
}
