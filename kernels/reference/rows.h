/** @file
 * Reading and writing vectors of any supported element type as f32. Addresses need not be aligned.
 */
#ifndef KVSPAN_KERNELS_REFERENCE_ROWS_H
#define KVSPAN_KERNELS_REFERENCE_ROWS_H

#include <kvspan/types.h>

#include "kernels/kernels.h"

/* Reads `dim` elements of any type. */
void kvspan_row_load(kvspan_dtype dtype, const void *source, uint32_t dim, float *target);

/* Writes `dim` elements of any type, each rounded by number_formats.h. */
void kvspan_row_store(kvspan_dtype dtype, const float *source, uint32_t dim, void *target);

/* The address of [token][head][0]. */
static inline unsigned char *kvspan_row_address(const kvspan_tensor *tensor, uint64_t token,
                                                uint32_t head)
{
    const int64_t elements =
        (int64_t)token * tensor->token_stride + (int64_t)head * tensor->head_stride;

    return (unsigned char *)tensor->data + elements * (int64_t)kvspan_dtype_bytes(tensor->dtype);
}

/* The vector of a token and head in a page, and its scale: NULL where the plane has none. */
typedef struct kvspan_plane_place {
    unsigned char *elements;
    unsigned char *scale; /* an f32 */
} kvspan_plane_place;

#endif
