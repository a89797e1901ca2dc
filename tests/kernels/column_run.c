#include "column.h"

#include <stdlib.h>
#include <string.h>

#include "mirror_args.h"
#include "support/suite.h"

enum {
    POISON = 0xff
};

/* Runs an operation on arguments that the device sees. */
#define RUN(shadow, operation, args)                                                     \
    do {                                                                                 \
        kvspan_error run_error = { .status = KVSPAN_OK };                                \
        const kvspan_status run_status = (shadow)->device->kernels->operation(           \
            (shadow)->device, args, (shadow)->stream, &run_error);                       \
        ck_assert_msg(run_status == KVSPAN_OK, "%s: %s", #operation, run_error.message); \
    } while (0)

static void end(mirror *shadow)
{
    kvspan_device *const device = shadow->device;

    mirror_end(shadow);
    kvspan_device_close(device);
}

void column_copy_pages(const kvspan_copy_pages_args *args)
{
    mirror shadow = mirror_begin(column_device_open());
    kvspan_copy_pages_args seen = *args;
    const mirror_pages pages = { .data = args->data,
                                 .page_stride = args->page_stride,
                                 .bytes = args->copy_bytes,
                                 .part_count = args->part_count,
                                 .part_stride = args->part_stride,
                                 .pages = args->pairs,
                                 .page_count = 2 * args->pair_count };

    seen.data = mirror_add_pages(&shadow, &pages, true);
    RUN(&shadow, copy_pages, &seen);
    end(&shadow);
}

void column_fill_pages(const kvspan_fill_pages_args *args)
{
    mirror shadow = mirror_begin(column_device_open());
    kvspan_fill_pages_args seen = *args;
    const mirror_pages pages = { .data = args->data,
                                 .page_stride = args->page_stride,
                                 .bytes = args->fill_bytes,
                                 .part_count = args->part_count,
                                 .part_stride = args->part_stride,
                                 .pages = args->pages,
                                 .page_count = args->page_count };

    seen.data = mirror_add_pages(&shadow, &pages, true);
    RUN(&shadow, fill_pages, &seen);
    end(&shadow);
}

void column_checksum_pages(const kvspan_checksum_pages_args *args)
{
    mirror shadow = mirror_begin(column_device_open());
    kvspan_checksum_pages_args seen = *args;
    const mirror_pages pages = { .data = (unsigned char *)(uintptr_t)args->data,
                                 .page_stride = args->page_stride,
                                 .bytes = args->part_bytes,
                                 .part_count = args->part_count,
                                 .part_stride = args->part_stride,
                                 .pages = args->pages,
                                 .page_count = args->page_count };

    seen.data = mirror_add_pages(&shadow, &pages, false);
    RUN(&shadow, checksum_pages, &seen);
    end(&shadow);
}

/* Pages and rows are both brought back: what an operation only reads must be as it was. */
static kvspan_transcode_pages_args mirror_transcode(mirror *shadow,
                                                    const kvspan_transcode_pages_args *args)
{
    const kvspan_plane_view *const plane = &args->plane;
    kvspan_transcode_pages_args seen = *args;
    const mirror_pages pages = { .data = plane->data,
                                 .page_stride = plane->page_stride,
                                 .bytes = plane->heads * plane->head_stride,
                                 .part_count = 1,
                                 .pages = args->pages,
                                 .page_count = args->page_count };

    seen.plane.data = mirror_add_pages(shadow, &pages, true);
    seen.rows = mirror_output(shadow, args->rows,
                              (uint64_t)args->page_count * plane->heads * plane->head_stride);
    return seen;
}

void column_gather_pages(const kvspan_transcode_pages_args *args)
{
    mirror shadow = mirror_begin(column_device_open());
    const kvspan_transcode_pages_args seen = mirror_transcode(&shadow, args);

    RUN(&shadow, gather_pages, &seen);
    end(&shadow);
}

void column_scatter_pages(const kvspan_transcode_pages_args *args)
{
    mirror shadow = mirror_begin(column_device_open());
    const kvspan_transcode_pages_args seen = mirror_transcode(&shadow, args);

    RUN(&shadow, scatter_pages, &seen);
    end(&shadow);
}

void column_patch_table(const kvspan_patch_table_args *args)
{
    mirror shadow = mirror_begin(column_device_open());
    kvspan_patch_table_args seen = *args;
    uint64_t cells = 0;

    for (uint32_t i = 0; i < args->patch_count; i++) {
        const uint64_t end_cell = ((uint64_t)args->patches[i].slot + 1) * args->stride;

        cells = end_cell > cells ? end_cell : cells;
    }
    seen.table = mirror_output(&shadow, args->table, cells * sizeof(uint32_t));
    seen.patches = mirror_input(&shadow, args->patches, args->patch_count * sizeof(*args->patches));
    RUN(&shadow, patch_table, &seen);
    end(&shadow);
}

void column_place_heads(const kvspan_place_heads_args *args)
{
    mirror shadow = mirror_begin(column_device_open());
    kvspan_place_heads_args seen = *args;
    const uint64_t row_bytes = (uint64_t)args->out.dim * kvspan_dtype_bytes(args->out.dtype);
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < args->block_count; i++) {
        const uint64_t block_bytes =
            args->places[i].token_count * args->places[i].source_heads * row_bytes;

        bytes = i * args->block_stride + block_bytes > bytes ? i * args->block_stride + block_bytes
                                                             : bytes;
    }
    seen.blocks = mirror_input(&shadow, args->blocks, bytes);
    mirror_tensor(&shadow, &seen.out, true);
    RUN(&shadow, place_heads, &seen);
    end(&shadow);
}

/* Bytes of a part from its first O to its last LSE. */
static uint64_t part_bytes(const kvspan_merge_partials_args *args)
{
    const uint64_t outputs = (uint64_t)args->heads * args->dim * sizeof(float);
    const uint64_t logits = args->heads * sizeof(float);
    const uint64_t last = args->tokens - 1;
    const uint64_t output_end =
        last * (args->token_stride ? args->token_stride : outputs) + outputs;
    const uint64_t lse_end = args->lse_offset +
                             last * (args->lse_token_stride ? args->lse_token_stride : logits) +
                             logits;

    return output_end > lse_end ? output_end : lse_end;
}

void column_merge_partials(const kvspan_merge_partials_args *args)
{
    mirror shadow = mirror_begin(column_device_open());
    kvspan_merge_partials_args seen = *args;

    if (args->tokens > 0 && args->heads > 0 && args->part_count > 0) {
        seen.parts = mirror_input(&shadow, args->parts,
                                  (args->part_count - 1) * args->part_stride + part_bytes(args));
    }
    if (args->tokens > 0 && args->heads > 0) {
        seen.sinks = mirror_input(&shadow, args->sinks, args->heads * sizeof(float));
        seen.lse =
            mirror_output(&shadow, args->lse,
                          ((args->tokens - 1) * args->lse_stride + args->heads) * sizeof(float));
        mirror_tensor(&shadow, &seen.out, true);
    }
    RUN(&shadow, merge_partials, &seen);
    end(&shadow);
}

/* Keys are the first plane, or there are none. */
static kvspan_layer_group append_group(const kvspan_append_tokens_args *args, kvspan_role role)
{
    const kvspan_plane_view *const first = &args->planes[0].view;

    if (role == KVSPAN_VALUE) {
        return column_group(NULL, first);
    }
    return column_group(first, args->plane_count > 1 ? &args->planes[1].view : NULL);
}

void column_append_tokens(const kvspan_append_tokens_args *args, kvspan_role role,
                          uint32_t page_count)
{
    const kvspan_layer_group group = append_group(args, role);
    mirror shadow = mirror_begin(column_device_open());
    kvspan_append_tokens_args seen = *args;
    column_plane planes[2];

    ck_assert_uint_le(args->plane_count, 2);
    for (uint32_t i = 0; i < args->plane_count; i++) {
        planes[i] =
            column_plane_begin(shadow.device, &group, i == 0 ? role : KVSPAN_VALUE,
                               &args->planes[i].view, args->rows.rule.page_tokens, page_count);
        seen.planes[i].view = planes[i].view;
        mirror_plane(&shadow, &seen.planes[i].view, &args->rows, page_count, true);
        mirror_tensor(&shadow, &seen.planes[i].source, false);
    }
    mirror_rows(&shadow, &seen.rows);
    RUN(&shadow, append_tokens, &seen);
    for (uint32_t i = 0; i < args->plane_count; i++) {
        column_plane_write_back(shadow.device, &planes[i]);
        column_plane_end(&planes[i]);
    }
    end(&shadow);
}

/* Every page that a move names, twice as many as moves. */
static uint32_t *list_pages(const kvspan_move_tokens_args *args)
{
    const uint32_t count = args->row_starts[args->row_count];
    uint32_t *const pages = malloc((2 * (size_t)count + 1) * sizeof(*pages));

    ck_assert_ptr_nonnull(pages);
    for (uint32_t i = 0; i < count; i++) {
        pages[2 * (size_t)i] = args->moves[i].from_page;
        pages[2 * (size_t)i + 1] = args->moves[i].to_page;
    }
    return pages;
}

static void run_moves(mirror *shadow, const kvspan_move_tokens_args *args)
{
    kvspan_move_tokens_args seen = *args;
    uint32_t *const listed = list_pages(args);
    const mirror_pages pages = { .data = args->plane.data,
                                 .page_stride = args->plane.page_stride,
                                 .bytes = args->plane.heads * args->plane.head_stride,
                                 .part_count = args->layer_count,
                                 .part_stride = args->layer_stride,
                                 .pages = listed,
                                 .page_count = 2 * args->row_starts[args->row_count] };

    seen.plane.data = mirror_add_pages(shadow, &pages, true);
    RUN(shadow, move_tokens, &seen);
    mirror_wait(shadow->device, shadow->stream);
    free(listed);
}

void column_move_tokens(const kvspan_move_tokens_args *args, kvspan_role role, uint32_t page_tokens,
                        uint32_t page_count)
{
    const bool is_layer_first = args->layer_stride >= page_count * args->plane.page_stride;
    kvspan_plane_view canonical = args->plane;
    mirror shadow = mirror_begin(column_device_open());
    kvspan_move_tokens_args seen = *args;
    kvspan_layer_group group;
    column_plane plane;

    if (is_layer_first) {
        page_count *= args->layer_count;
    } else {
        canonical.heads *= args->layer_count;
    }
    group = role == KVSPAN_KEY ? column_group(&canonical, NULL) : column_group(NULL, &canonical);
    plane = column_plane_begin(shadow.device, &group, role, &canonical, page_tokens, page_count);
    seen.plane = plane.view;
    seen.plane.heads = args->plane.heads;
    if (is_layer_first) {
        seen.layer_stride = page_count / args->layer_count * plane.view.page_stride;
    }
    run_moves(&shadow, &seen);
    column_plane_write_back(shadow.device, &plane);
    column_plane_end(&plane);
    end(&shadow);
}

/* What limits the plan of a single call: no more than it has. */
static kvspan_plan_limits limits_of(const kvspan_attend_pages_args *args)
{
    kvspan_plan_limits limits = { .max_rows = args->rows.row_count,
                                  .max_tokens = args->rows.token_count,
                                  .max_items = args->plan.item_count,
                                  .group_size = args->group_size,
                                  .q_heads = args->q.heads,
                                  .kv_heads = args->keys.heads,
                                  .key_dim = args->keys.dim,
                                  .value_dim = args->values.dim };

    for (uint32_t i = 0; i < args->plan.item_count; i++) {
        const uint64_t end_index = args->plan.items[i].index_end;

        limits.max_local_tokens =
            end_index > limits.max_local_tokens ? end_index : limits.max_local_tokens;
    }
    return limits;
}

/* As a cache does once per step. */
static void pack_plan(mirror *shadow, kvspan_attend_pages_args *seen, void **packed_out)
{
    const kvspan_kernels *const kernels = shadow->device->kernels;
    const kvspan_plan_limits limits = limits_of(seen);
    uint64_t bytes;

    *packed_out = NULL;
    if (!kernels->packed_plan_bytes) {
        return;
    }
    bytes = kernels->packed_plan_bytes(&limits);
    *packed_out = malloc(bytes ? bytes : 1);
    ck_assert_ptr_nonnull(*packed_out);
    memset(*packed_out, POISON, bytes); /* behind the plan nothing may be looked at */
    ck_assert_uint_le(kernels->pack_plan(&limits, &seen->plan, *packed_out), bytes);
    seen->plan.packed = *packed_out;
    seen->plan.device = mirror_input(shadow, *packed_out, bytes);
    seen->scratch = mirror_scratch(shadow, kernels->attend_scratch_bytes(&limits));
}

void column_attend_pages(kvspan_device *device, const kvspan_attend_pages_args *args,
                         uint32_t page_count)
{
    mirror shadow = mirror_begin(device);
    kvspan_attend_pages_args seen = *args;
    void *packed;

    pack_plan(&shadow, &seen, &packed);
    mirror_plane(&shadow, &seen.keys, &args->rows, page_count, false);
    mirror_plane(&shadow, &seen.values, &args->rows, page_count, false);
    mirror_rows(&shadow, &seen.rows);
    mirror_trees(&shadow, &seen.trees, args->rows.positions, args->rows.token_count);
    mirror_tensor(&shadow, &seen.q, false);
    mirror_tensor(&shadow, &seen.out, true);
    if (args->rows.token_count > 0) {
        seen.lse = mirror_output(&shadow, args->lse,
                                 ((args->rows.token_count - 1) * args->lse_stride + args->q.heads) *
                                     sizeof(float));
    }
    RUN(&shadow, attend_pages, &seen);
    mirror_end(&shadow);
    free(packed);
}
