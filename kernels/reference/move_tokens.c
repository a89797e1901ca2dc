#include "kernels/reference/reference.h"

#include <string.h>

/* Where a token's vectors are, as far as one head in one layer is concerned. */
struct place {
    unsigned char *head; /* in the token's page */
    uint64_t token;      /* within the page */
};

static void move_vector(const kvspan_plane_view *plane, struct place from, struct place to)
{
    const uint32_t item = kvspan_dtype_bytes(plane->dtype);

    if (plane->order == KVSPAN_ORDER_ROWS) {
        memcpy(to.head + to.token * plane->token_stride,
               from.head + from.token * plane->token_stride, (size_t)plane->dim * item);
    } else {
        for (uint32_t i = 0; i < plane->dim; i++) {
            memcpy(to.head + kvspan_element_offset(plane->order, item, plane->dim, to.token, i),
                   from.head + kvspan_element_offset(plane->order, item, plane->dim, from.token, i),
                   item);
        }
    }
    if (plane->scale_offset) {
        memcpy(to.head + plane->scale_offset + to.token * sizeof(float),
               from.head + plane->scale_offset + from.token * sizeof(float), sizeof(float));
    }
}

static void move_token(const kvspan_move_tokens_args *args, const kvspan_token_move *move)
{
    const kvspan_plane_view *const plane = &args->plane;

    if (move->from_page == move->to_page && move->from_token == move->to_token) {
        return;
    }
    for (uint32_t layer = 0; layer < args->layer_count; layer++) {
        for (uint32_t head = 0; head < plane->heads; head++) {
            unsigned char *const first =
                plane->data + layer * args->layer_stride + head * plane->head_stride;
            const struct place from = { .head = first + move->from_page * plane->page_stride,
                                        .token = move->from_token };
            const struct place to = { .head = first + move->to_page * plane->page_stride,
                                      .token = move->to_token };

            move_vector(plane, from, to);
        }
    }
}

kvspan_status kvspan_reference_move_tokens(kvspan_device *device,
                                           const kvspan_move_tokens_args *args,
                                           kvspan_stream stream, kvspan_error *error)
{
    (void)device;
    (void)stream;
    (void)error;
    for (uint32_t row = 0; row < args->row_count; row++) {
        for (uint32_t i = args->row_starts[row]; i < args->row_starts[row + 1]; i++) {
            move_token(args, &args->moves[i]);
        }
    }
    return KVSPAN_OK;
}
