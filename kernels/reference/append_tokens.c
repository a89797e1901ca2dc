#include "kernels/reference/reference.h"

#include <assert.h>

#include "kernels/reference/plane_vector.h"
#include "kernels/reference/rows.h"

static void append_token(const kvspan_append_tokens_args *args, const uint32_t *table,
                         uint32_t token, uint64_t position)
{
    const kvspan_plane_view *plane = &args->plane;
    const kvspan_token_rule *rule = &args->rows.rule;
    const uint64_t index = kvspan_token_index(rule, position);

    assert(index / rule->page_tokens < args->rows.page_table_stride);
    for (uint32_t head = 0; head < plane->heads; head++) {
        const kvspan_plane_token target = {
            .table = table, .page_tokens = rule->page_tokens, .head = head, .index = index
        };

        kvspan_plane_write(plane, &target, args->source.dtype,
                           kvspan_row_address(&args->source, token, head));
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
