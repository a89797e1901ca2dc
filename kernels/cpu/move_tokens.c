#include "kernels/cpu/cpu.h"

#include <string.h>

#include "kernels/cpu/cpu_device.h"
#include "kernels/cpu/tile_place.h"

enum {
    LEAST_BYTES = 65536 /* that are worth waking threads for */
};

struct moving {
    const kvspan_move_tokens_args *args;
    kvspan_tile_shape shape; /* of the plane */
    uint32_t thread_count;
};

/* Of one head in one layer; `first` is where page 0 has it. */
static void move_vector(const struct moving *moving, const kvspan_token_move *move,
                        unsigned char *first)
{
    const kvspan_plane_view *const plane = &moving->args->plane;
    const uint64_t tile_bytes =
        (uint64_t)KVSPAN_TILE_TOKENS * plane->dim * moving->shape.element_bytes;
    const unsigned char *const from = first + move->from_page * plane->page_stride;
    unsigned char *const to = first + move->to_page * plane->page_stride;

    if (plane->order == KVSPAN_ORDER_ROWS) {
        memcpy(to + move->to_token * plane->token_stride,
               from + move->from_token * plane->token_stride,
               (size_t)plane->dim * moving->shape.element_bytes);
    } else {
        kvspan_tile_move(&moving->shape, move->from_token % KVSPAN_TILE_TOKENS,
                         from + move->from_token / KVSPAN_TILE_TOKENS * tile_bytes,
                         move->to_token % KVSPAN_TILE_TOKENS,
                         to + move->to_token / KVSPAN_TILE_TOKENS * tile_bytes);
    }
    if (plane->scale_offset) {
        memcpy(to + plane->scale_offset + move->to_token * sizeof(float),
               from + plane->scale_offset + move->from_token * sizeof(float), sizeof(float));
    }
}

/* All moves in one head of one layer: other heads and layers have no byte in common with it. */
static void move_head(const struct moving *moving, uint64_t layer, uint64_t head)
{
    const kvspan_move_tokens_args *const args = moving->args;
    unsigned char *const first =
        args->plane.data + layer * args->layer_stride + head * args->plane.head_stride;

    for (uint32_t i = args->row_starts[0]; i < args->row_starts[args->row_count]; i++) {
        const kvspan_token_move *const move = &args->moves[i];

        if (move->from_page != move->to_page || move->from_token != move->to_token) {
            move_vector(moving, move, first);
        }
    }
}

static void move_share(void *context, uint32_t thread)
{
    const struct moving *const moving = context;
    const uint64_t heads = moving->args->plane.heads;
    const uint64_t all = heads * moving->args->layer_count;
    const uint64_t end = kvspan_pool_share(all, thread + 1, moving->thread_count);

    for (uint64_t i = kvspan_pool_share(all, thread, moving->thread_count); i < end; i++) {
        move_head(moving, i / heads, i % heads);
    }
}

kvspan_status kvspan_cpu_move_tokens(kvspan_device *device, const kvspan_move_tokens_args *args,
                                     kvspan_stream stream, kvspan_error *error)
{
    kvspan_pool *const pool = kvspan_cpu_device_of(device)->pool;
    const uint32_t element_bytes = kvspan_dtype_bytes(args->plane.dtype);
    struct moving moving = { .args = args,
                             .shape = { .order = args->plane.order,
                                        .element_bytes = element_bytes,
                                        .dim = args->plane.dim },
                             .thread_count = 1 };
    uint64_t bytes = (uint64_t)args->layer_count * args->plane.heads * args->plane.dim;

    (void)stream;
    (void)error;
    if (args->row_count == 0) {
        return KVSPAN_OK;
    }
    bytes *= element_bytes * (uint64_t)(args->row_starts[args->row_count] - args->row_starts[0]);
    if (bytes < LEAST_BYTES) {
        move_share(&moving, 0);
    } else {
        moving.thread_count = kvspan_pool_thread_count(pool);
        kvspan_pool_run(pool, move_share, &moving);
    }
    return KVSPAN_OK;
}
