/** @file
 * Reading and writing vectors of any supported element type as f32.
 */
#ifndef KVSPAN_KERNELS_REFERENCE_ROWS_H
#define KVSPAN_KERNELS_REFERENCE_ROWS_H

#include <assert.h>
#include <string.h>

#include <kvspan/types.h>

#include "kernels/kernels.h"
#include "kernels/number_formats.h"

/* Reads `dim` elements; the source need not be aligned. */
static inline void kvspan_row_load(kvspan_dtype dtype, const void *source, uint32_t dim,
                                   float *target)
{
    const unsigned char *bytes = source;

    if (dtype == KVSPAN_F32) {
        memcpy(target, bytes, dim * sizeof(float));
        return;
    }
    assert(dtype == KVSPAN_BF16);
    for (size_t i = 0; i < dim; i++) {
        uint16_t value;

        memcpy(&value, bytes + i * sizeof(value), sizeof(value));
        target[i] = kvspan_f32_from_bf16(value);
    }
}

/* Writes `dim` elements, rounded to the type; the target need not be aligned. */
static inline void kvspan_row_store(kvspan_dtype dtype, const float *source, uint32_t dim,
                                    void *target)
{
    unsigned char *bytes = target;

    if (dtype == KVSPAN_F32) {
        memcpy(bytes, source, dim * sizeof(float));
        return;
    }
    assert(dtype == KVSPAN_BF16);
    for (size_t i = 0; i < dim; i++) {
        const uint16_t value = kvspan_bf16_from_f32(source[i]);

        memcpy(bytes + i * sizeof(value), &value, sizeof(value));
    }
}

/* The address of [token][head][0]. */
static inline unsigned char *kvspan_row_address(const kvspan_tensor *tensor, uint64_t token,
                                                uint32_t head)
{
    const int64_t elements =
        (int64_t)token * tensor->token_stride + (int64_t)head * tensor->head_stride;

    return (unsigned char *)tensor->data + elements * (int64_t)kvspan_dtype_bytes(tensor->dtype);
}

/* The address of a local token's vector of one head. Reads the table at that token's page only. */
static inline unsigned char *kvspan_plane_address(const kvspan_plane_view *plane,
                                                  const uint32_t *table, uint32_t page_tokens,
                                                  uint32_t head, uint64_t index)
{
    const uint64_t page = table[index / page_tokens];

    return plane->data + page * plane->page_stride + head * plane->head_stride +
           index % page_tokens * plane->token_stride;
}

#endif
