#include "kernels/reference/reference.h"

#include <assert.h>

#include "kernels/reference/plane_vector.h"
#include "kernels/reference/rows.h"

static void append_token(const kvspan_append_plane *plane, const kvspan_step_arrays *rows,
                         const uint32_t *table, uint32_t token)
{
    const kvspan_token_rule *rule = &rows->rule;
    const uint64_t index = kvspan_token_index(rule, (uint64_t)rows->positions[token]);

    assert(index / rule->page_tokens < rows->page_table_stride);
    for (uint32_t head = 0; head < plane->view.heads; head++) {
        const kvspan_plane_token target = {
            .table = table, .page_tokens = rule->page_tokens, .head = head, .index = index
        };

        kvspan_plane_write(&plane->view, &target, plane->source.dtype,
                           kvspan_row_address(&plane->source, token, head));
    }
}

void kvspan_reference_append_plane(const kvspan_append_plane *plane, const kvspan_step_arrays *rows)
{
    for (uint32_t row = 0; row < rows->row_count; row++) {
        const uint32_t *table =
            rows->page_table + (uint64_t)rows->row_slots[row] * rows->page_table_stride;

        for (uint32_t token = rows->row_starts[row]; token < rows->row_starts[row + 1]; token++) {
            const int32_t position = rows->positions[token];

            assert(position >= 0);
            if (kvspan_token_owner(&rows->rule, (uint64_t)position) == rows->rule.member) {
                append_token(plane, rows, table, token);
            }
        }
    }
}

kvspan_status kvspan_reference_append_tokens(kvspan_device *device,
                                             const kvspan_append_tokens_args *args,
                                             kvspan_stream stream, kvspan_error *error)
{
    (void)device;
    (void)stream;
    (void)error;
    for (uint32_t i = 0; i < args->plane_count; i++) {
        kvspan_reference_append_plane(&args->planes[i], &args->rows);
    }
    return KVSPAN_OK;
}
