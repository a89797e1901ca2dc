#include "kernels/reference/plane_vector.h"

#include <assert.h>
#include <string.h>

#include "kernels/reference/quantise.h"

/* Of the token's head in its page. */
static unsigned char *find_head(const kvspan_plane_view *plane, const kvspan_plane_token *token)
{
    const uint64_t page = token->table[token->index / token->page_tokens];

    return plane->data + page * plane->page_stride + token->head * plane->head_stride;
}

static unsigned char *find_scale(const kvspan_plane_view *plane, unsigned char *head,
                                 uint64_t place)
{
    return plane->scale_offset ? head + plane->scale_offset + place * sizeof(float) : NULL;
}

void kvspan_plane_read(const kvspan_plane_view *plane, const kvspan_plane_token *token,
                       float *target)
{
    const uint64_t place = token->index % token->page_tokens;
    const uint32_t item = kvspan_dtype_bytes(plane->dtype);
    unsigned char *const head = find_head(plane, token);
    unsigned char row[KVSPAN_MAX_DIM * sizeof(float)];
    kvspan_plane_place source = { .elements = head + place * plane->token_stride,
                                  .scale = find_scale(plane, head, place) };

    if (plane->order != KVSPAN_ORDER_ROWS) {
        for (uint32_t i = 0; i < plane->dim; i++) {
            memcpy(row + (size_t)i * item,
                   head + kvspan_element_offset(plane->order, item, plane->dim, place, i), item);
        }
        source.elements = row;
    }
    kvspan_dequantise(plane->dtype, &source, plane->dim, target);
}

/* A vector that needs no conversion is copied, so that it keeps its bytes. */
static void convert(const kvspan_plane_view *plane, kvspan_dtype dtype, const unsigned char *source,
                    const kvspan_plane_place *target)
{
    float vector[KVSPAN_MAX_DIM];

    if (dtype == plane->dtype) {
        assert(!target->scale);
        memcpy(target->elements, source, (size_t)plane->dim * kvspan_dtype_bytes(dtype));
        return;
    }
    kvspan_row_load(dtype, source, plane->dim, vector);
    kvspan_quantise(plane->dtype, vector, plane->dim, target);
}

void kvspan_plane_write(const kvspan_plane_view *plane, const kvspan_plane_token *token,
                        kvspan_dtype dtype, const unsigned char *source)
{
    const uint64_t place = token->index % token->page_tokens;
    const uint32_t item = kvspan_dtype_bytes(plane->dtype);
    unsigned char *const head = find_head(plane, token);
    unsigned char row[KVSPAN_MAX_DIM * sizeof(float)];
    kvspan_plane_place target = { .elements = head + place * plane->token_stride,
                                  .scale = find_scale(plane, head, place) };

    if (plane->order == KVSPAN_ORDER_ROWS) {
        convert(plane, dtype, source, &target);
        return;
    }
    target.elements = row;
    convert(plane, dtype, source, &target);
    for (uint32_t i = 0; i < plane->dim; i++) {
        memcpy(head + kvspan_element_offset(plane->order, item, plane->dim, place, i),
               row + (size_t)i * item, item);
    }
}
