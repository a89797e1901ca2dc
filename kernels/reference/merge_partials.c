#include "kernels/reference/reference.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/reference/rows.h"

/* f32 at an address that need not be aligned. */
static float load_float(const unsigned char *address)
{
    float value;

    memcpy(&value, address, sizeof(value));
    return value;
}

/* Adds weight · O of one part. */
static void add_part(const unsigned char *source, uint32_t dim, float weight, float *sum)
{
    for (size_t i = 0; i < dim; i++) {
        sum[i] += weight * load_float(source + i * sizeof(float));
    }
}

/* Where a token's O begins within a part. */
static uint64_t output_offset(const kvspan_merge_partials_args *args, uint64_t token)
{
    const uint64_t contiguous = (uint64_t)args->heads * args->dim * sizeof(float);

    return token * (args->token_stride ? args->token_stride : contiguous);
}

static uint64_t lse_offset(const kvspan_merge_partials_args *args, uint64_t token)
{
    const uint64_t contiguous = args->heads * sizeof(float);

    return args->lse_offset +
           token * (args->lse_token_stride ? args->lse_token_stride : contiguous);
}

/* Merges row [token][head] of every part; returns its LSE. */
static float merge_row(const kvspan_merge_partials_args *args, uint64_t token, uint32_t head,
                       float *merged)
{
    const unsigned char *lse = args->parts + lse_offset(args, token) + head * sizeof(float);
    const unsigned char *outputs =
        args->parts + output_offset(args, token) + (uint64_t)head * args->dim * sizeof(float);
    float maximum = -INFINITY;
    float denominator = 0.0f;
    bool is_empty = true;

    memset(merged, 0, args->dim * sizeof(float));
    for (uint32_t part = 0; part < args->part_count; part++) {
        const float part_lse = load_float(lse + part * args->part_stride);

        /* Not by the maximum: that of NaN and nothing is nothing. */
        is_empty = is_empty && part_lse == -INFINITY;
        maximum = fmaxf(maximum, part_lse);
    }
    if (is_empty) {
        return -INFINITY;
    }
    if (args->sinks) {
        maximum = fmaxf(maximum, args->sinks[head]);
    }
    for (uint32_t part = 0; part < args->part_count; part++) {
        const float part_lse = load_float(lse + part * args->part_stride);

        if (part_lse != -INFINITY) {
            const float weight = expf(part_lse - maximum);

            denominator += weight;
            add_part(outputs + part * args->part_stride, args->dim, weight, merged);
        }
    }
    if (args->sinks) {
        denominator += expf(args->sinks[head] - maximum);
    }
    for (size_t i = 0; i < args->dim; i++) {
        merged[i] /= denominator;
    }
    return maximum + logf(denominator);
}

void kvspan_reference_merge_tokens(const kvspan_merge_partials_args *args, uint64_t begin,
                                   uint64_t end)
{
    float merged[KVSPAN_MAX_DIM];

    assert(args->dim <= KVSPAN_MAX_DIM);
    for (uint64_t token = begin; token < end; token++) {
        for (uint32_t head = 0; head < args->heads; head++) {
            const float lse = merge_row(args, token, head, merged);

            kvspan_row_store(args->out.dtype, merged, args->dim,
                             kvspan_row_address(&args->out, token, head));
            if (args->lse) {
                args->lse[token * args->lse_stride + head] = lse;
            }
        }
    }
}

kvspan_status kvspan_reference_merge_partials(kvspan_device *device,
                                              const kvspan_merge_partials_args *args,
                                              kvspan_stream stream, kvspan_error *error)
{
    (void)device;
    (void)stream;
    (void)error;
    kvspan_reference_merge_tokens(args, 0, args->tokens);
    return KVSPAN_OK;
}
