#include "paged_case.h"

#include <stdlib.h>
#include <string.h>

#include "column.h"
#include "support/suite.h"

enum {
    POISON = 0xff, /* bytes of NaN in every type */
    CANARY = 0xa5
};

/* A tensor with gaps between heads and tokens. */
static kvspan_tensor make_tensor(const paged_case *paged, kvspan_dtype dtype, uint32_t dim,
                                 int fill, size_t *bytes_out)
{
    const uint32_t tokens = paged->token_count;
    const uint32_t heads = paged_case_q_heads(paged);
    const bool is_aligned = paged->shape.has_aligned_tensors;
    const int64_t head_stride = is_aligned ? (int64_t)(dim / 8 + 2) * 8 : (int64_t)dim + 3;
    const int64_t token_stride = heads * head_stride + (is_aligned ? 8 : 5);
    const size_t item_bytes = dtype == KVSPAN_F32 ? 4 : 2;
    const size_t bytes = (size_t)tokens * (size_t)token_stride * item_bytes;
    kvspan_tensor tensor = { .data = paged_take_memory(1, bytes + 1),
                             .dtype = dtype,
                             .heads = heads,
                             .dim = dim,
                             .tokens = tokens,
                             .token_stride = token_stride,
                             .head_stride = head_stride };

    memset(tensor.data, fill, bytes + 1);
    *bytes_out = bytes + 1;
    return tensor;
}

static unsigned char *element_address(const kvspan_tensor *tensor, uint32_t token, uint32_t head,
                                      uint32_t i)
{
    const int64_t element = token * tensor->token_stride + head * tensor->head_stride + i;

    return (unsigned char *)tensor->data + element * (tensor->dtype == KVSPAN_F32 ? 4 : 2);
}

static kvspan_tensor make_queries(const paged_case *paged)
{
    const uint32_t heads = paged_case_q_heads(paged);
    const uint32_t dim = paged->shape.key_dim;
    size_t bytes;
    const kvspan_tensor tensor = make_tensor(paged, paged->shape.tensor_dtype, dim, POISON, &bytes);

    for (uint32_t row = 0; row < paged->token_count * heads; row++) {
        for (uint32_t i = 0; i < dim; i++) {
            oracle_store(tensor.dtype, element_address(&tensor, row / heads, row % heads, i),
                         paged->queries[(size_t)row * dim + i]);
        }
    }
    return tensor;
}

/* Takes the rows out of a tensor, then expects nothing but canaries to be left. */
static double *take_rows(kvspan_tensor *tensor, size_t bytes)
{
    const size_t item_bytes = tensor->dtype == KVSPAN_F32 ? 4 : 2;
    double *rows = paged_take_memory(tensor->tokens * tensor->heads * tensor->dim, sizeof(*rows));
    double *next = rows;

    for (uint32_t token = 0; token < tensor->tokens; token++) {
        for (uint32_t head = 0; head < tensor->heads; head++) {
            for (uint32_t i = 0; i < tensor->dim; i++) {
                *next++ = oracle_load(tensor->dtype, element_address(tensor, token, head, i));
            }
            memset(element_address(tensor, token, head, 0), CANARY, tensor->dim * item_bytes);
        }
    }
    for (size_t i = 0; i < bytes; i++) {
        /* Every ck_assert is a system call. */
        if (((unsigned char *)tensor->data)[i] != CANARY) {
            ck_abort_msg("byte %zu of out, in no row, was written", i);
        }
    }
    free(tensor->data);
    return rows;
}

static kvspan_work_plan make_plan(const paged_case *paged, const kvspan_token_rule *rule,
                                  uint32_t tile_tokens, kvspan_work_item *items)
{
    const paged_shape *shape = &paged->shape;
    kvspan_work_row rows[PAGED_MAX_ROWS];

    for (uint32_t row = 0; row < shape->row_count; row++) {
        rows[row] = (kvspan_work_row){ .position = shape->rows[row].position,
                                       .slot = paged->row_slots[row],
                                       .first_token = paged->row_starts[row],
                                       .token_count = shape->rows[row].token_count };
    }
    return kvspan_work_plan_make(rows, shape->row_count, rule, shape->window, tile_tokens, items);
}

/* Fills keys and values, plan and tile_tokens in, and runs the column under test. */
static void run_attend(const paged_case *paged, kvspan_attend_pages_args *args)
{
    const uint32_t page_tokens = paged->shape.page_tokens;
    const uint32_t member = args->rows.rule.member;
    const kvspan_plane_view canonical_keys = paged_case_view(paged, member, true);
    const kvspan_plane_view canonical_values = paged_case_view(paged, member, false);
    const kvspan_layer_group group = column_group(&canonical_keys, &canonical_values);
    kvspan_device *device = column_device_open();
    kvspan_work_item *items = paged_take_memory(paged->token_count, sizeof(*items));
    column_plane keys = column_plane_begin(device, &group, KVSPAN_KEY, &canonical_keys, page_tokens,
                                           paged->page_count);
    column_plane values = column_plane_begin(device, &group, KVSPAN_VALUE, &canonical_values,
                                             page_tokens, paged->page_count);

    args->keys = keys.view;
    args->values = values.view;
    args->plan = make_plan(paged, &args->rows.rule, device->tile_tokens, items);
    column_attend_pages(device, args, paged->page_count);
    column_plane_end(&keys);
    column_plane_end(&values);
    free(items);
    kvspan_device_close(device);
}

paged_result paged_case_attend(const paged_case *paged, uint32_t member, kvspan_dtype out_dtype)
{
    const paged_shape *shape = &paged->shape;
    const kvspan_token_rule rule = { .page_tokens = shape->page_tokens,
                                     .member_count = shape->member_count,
                                     .member = member };
    const uint32_t heads = paged_case_q_heads(paged);
    paged_result result = { .dtype = out_dtype,
                            .lse = paged_take_memory((size_t)paged->token_count * heads,
                                                     sizeof(*result.lse)) };
    kvspan_tensor queries = make_queries(paged);
    size_t out_bytes;
    kvspan_tensor out = make_tensor(paged, out_dtype, shape->value_dim, CANARY, &out_bytes);
    kvspan_attend_pages_args args = {
        .rows = { .row_count = shape->row_count,
                  .token_count = paged->token_count,
                  .row_starts = paged->row_starts,
                  .row_slots = paged->row_slots,
                  .positions = paged->positions,
                  .page_table = paged->page_table,
                  .page_table_stride = paged->columns,
                  .rule = rule,
                  .is_captured = shape->is_captured },
        .trees = { .words = paged->tree_words, .tokens = paged->tree_tokens },
        .q = queries,
        .out = out,
        .lse = shape->has_no_lse ? NULL : result.lse,
        .lse_stride = heads,
        .q_first = paged_first_q_head(shape),
        .kv_first = shape->kv_first,
        .group_size = shape->group_size,
        .window = shape->window,
        .scale = shape->scale,
        .soft_cap = shape->soft_cap,
    };

    run_attend(paged, &args);
    result.out = take_rows(&out, out_bytes);
    free(queries.data);
    return result;
}

/* Lays a member's result out as merge_partials reads it. */
static void write_part(const paged_result *partial, size_t out_count, size_t lse_count,
                       unsigned char *part)
{
    for (size_t i = 0; i < out_count; i++) {
        const float value = (float)partial->out[i];

        memcpy(part + i * sizeof(value), &value, sizeof(value));
    }
    memcpy(part + out_count * sizeof(float), partial->lse, lse_count * sizeof(float));
}

paged_result paged_case_attend_all(const paged_case *paged, kvspan_dtype out_dtype,
                                   const float *sinks)
{
    const paged_shape *shape = &paged->shape;
    const uint32_t heads = paged_case_q_heads(paged);
    const size_t lse_count = (size_t)paged->token_count * heads;
    const size_t out_count = lse_count * shape->value_dim;
    const size_t part_stride = (out_count + lse_count) * sizeof(float) + 12;
    unsigned char *parts = paged_take_memory(shape->member_count, part_stride);
    paged_result result = { .dtype = out_dtype,
                            .lse = paged_take_memory(lse_count, sizeof(float)) };
    size_t out_bytes;
    kvspan_tensor out = make_tensor(paged, out_dtype, shape->value_dim, CANARY, &out_bytes);
    const kvspan_merge_partials_args args = { .part_count = shape->member_count,
                                              .tokens = paged->token_count,
                                              .heads = heads,
                                              .dim = shape->value_dim,
                                              .parts = parts,
                                              .part_stride = part_stride,
                                              .lse_offset = out_count * sizeof(float),
                                              .sinks = sinks,
                                              .out = out,
                                              .lse = result.lse,
                                              .lse_stride = heads };

    for (uint32_t member = 0; member < shape->member_count; member++) {
        paged_result partial = paged_case_attend(paged, member, KVSPAN_F32);

        write_part(&partial, out_count, lse_count, parts + member * part_stride);
        paged_result_destroy(&partial);
    }
    COLUMN_RUN(merge_partials, &args);
    result.out = take_rows(&out, out_bytes);
    free(parts);
    return result;
}

void paged_result_destroy(paged_result *result)
{
    free(result->out);
    free(result->lse);
    *result = (paged_result){ 0 };
}
