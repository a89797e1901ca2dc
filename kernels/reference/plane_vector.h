/** @file
 * The vector of one token and kv head in a page, whatever order of elements the page has.
 */
#ifndef KVSPAN_KERNELS_REFERENCE_PLANE_VECTOR_H
#define KVSPAN_KERNELS_REFERENCE_PLANE_VECTOR_H

#include "kernels/kernels.h"

/* Which vector: local token `index` of a head. */
typedef struct kvspan_plane_token {
    const uint32_t *table; /* read at that token's page only */
    uint32_t page_tokens;
    uint32_t head;
    uint64_t index;
} kvspan_plane_token;

/* Reads a vector as f32. */
void kvspan_plane_read(const kvspan_plane_view *plane, const kvspan_plane_token *token,
                       float *target);

/* Writes a vector of the plane's type as it is, of another type quantised. */
void kvspan_plane_write(const kvspan_plane_view *plane, const kvspan_plane_token *token,
                        kvspan_dtype dtype, const unsigned char *source);

#endif
