#include "kernels/cpu/cpu.h"

#include <assert.h>
#include <immintrin.h>
#include <string.h>

#include "kernels/cpu/cpu_device.h"
#include "kernels/cpu/tile_place.h"
#include "kernels/reference/reference.h"
#include "kernels/reference/rows.h"

enum {
    LEAST_BYTES = 65536,      /* that are worth waking threads for */
    STREAMED_BYTES = 1048576, /* from here on the caches have better use for their room */
    LINE_BYTES = 64
};

struct append {
    const kvspan_append_plane *plane;
    const kvspan_step_arrays *rows;
    const kvspan_page_kernels *pages;
    kvspan_tile_shape shape; /* of the plane */
    uint32_t thread_count;
    int is_converted; /* the plane's type is not the source's */
    int streams;      /* whole tiles are written past the caches */
};

/* Neighbouring tokens of one row that lie in the same tile, or in rows of the same page. */
struct piece {
    uint32_t token;
    uint32_t token_count; /* at most KVSPAN_TILE_TOKENS */
    uint32_t place;       /* of the first, within the page */
    unsigned char *page;
};

/* The codes of a piece's vectors, where they are converted. */
struct codes {
    _Alignas(64) unsigned char rows[KVSPAN_TILE_TOKENS][KVSPAN_MAX_DIM];
};

static int begins_piece(const kvspan_step_arrays *rows, uint32_t row_start, uint32_t token)
{
    const int32_t position = rows->positions[token];

    return token == row_start || position % KVSPAN_TILE_TOKENS == 0 ||
           position % (int32_t)rows->rule.page_tokens == 0 ||
           position != rows->positions[token - 1] + 1;
}

/* Quantises one vector into a page, or for a tile into `codes`. */
static void convert(const struct append *append, const unsigned char *source, unsigned char *head,
                    uint32_t place, unsigned char *codes)
{
    const kvspan_plane_view *const view = &append->plane->view;
    float scale;

    append->pages->quantise(append->plane->source.dtype, source, view->dim, view->dtype, codes,
                            view->scale_offset ? &scale : NULL);
    if (view->scale_offset) {
        memcpy(head + view->scale_offset + place * sizeof(scale), &scale, sizeof(scale));
    }
}

static void append_rows(const struct append *append, const struct piece *piece, uint32_t head_index,
                        unsigned char *head)
{
    const kvspan_append_plane *const plane = append->plane;

    for (uint32_t i = 0; i < piece->token_count; i++) {
        const uint32_t place = piece->place + i;
        const unsigned char *const source =
            kvspan_row_address(&plane->source, piece->token + i, head_index);
        unsigned char *const target = head + place * plane->view.token_stride;

        if (append->is_converted) {
            convert(append, source, head, place, target);
        } else {
            memcpy(target, source, (size_t)plane->view.dim * append->shape.element_bytes);
        }
    }
}

static void append_tile(const struct append *append, const struct piece *piece, uint32_t head_index,
                        unsigned char *head)
{
    const kvspan_append_plane *const plane = append->plane;
    const uint32_t first_place = piece->place % KVSPAN_TILE_TOKENS;
    const unsigned char *rows[KVSPAN_TILE_TOKENS];
    struct codes codes;
    unsigned char *const tile = head + (uint64_t)(piece->place - first_place) * plane->view.dim *
                                           append->shape.element_bytes;

    for (uint32_t i = 0; i < piece->token_count; i++) {
        rows[i] = kvspan_row_address(&plane->source, piece->token + i, head_index);
        if (append->is_converted) {
            convert(append, rows[i], head, piece->place + i, codes.rows[i]);
            rows[i] = codes.rows[i];
        }
    }
    if (piece->token_count == KVSPAN_TILE_TOKENS) {
        append->pages->pack_tile(&append->shape, rows,
                                 append->streams && (uintptr_t)tile % LINE_BYTES == 0, tile);
        return;
    }
    for (uint32_t i = 0; i < piece->token_count; i++) {
        kvspan_tile_place(&append->shape, first_place + i, rows[i], tile);
    }
}

static void append_piece(const struct append *append, const struct piece *piece)
{
    const kvspan_plane_view *const view = &append->plane->view;

    for (uint32_t head = 0; head < view->heads; head++) {
        if (view->order == KVSPAN_ORDER_ROWS) {
            append_rows(append, piece, head, piece->page + head * view->head_stride);
        } else {
            append_tile(append, piece, head, piece->page + head * view->head_stride);
        }
    }
}

/* Takes the pieces of a row that begin at tokens [begin, end). */
static void append_row(const struct append *append, uint32_t row, uint32_t begin, uint32_t end)
{
    const kvspan_step_arrays *const rows = append->rows;
    const kvspan_token_rule *const rule = &rows->rule;
    const uint32_t *const table =
        rows->page_table + (uint64_t)rows->row_slots[row] * rows->page_table_stride;
    const uint32_t row_start = rows->row_starts[row];
    const uint32_t row_end = rows->row_starts[row + 1];
    uint32_t token = begin;

    while (token < end && !begins_piece(rows, row_start, token)) {
        token++;
    }
    while (token < end) {
        const uint64_t position = (uint64_t)rows->positions[token];
        const uint64_t index = kvspan_token_index(rule, position);
        struct piece piece = { .token = token, .token_count = 1 };

        while (token + piece.token_count < row_end &&
               !begins_piece(rows, row_start, token + piece.token_count)) {
            piece.token_count++;
        }
        token += piece.token_count;
        if (kvspan_token_owner(rule, position) == rule->member) {
            assert(index / rule->page_tokens < rows->page_table_stride);
            piece.place = (uint32_t)(index % rule->page_tokens);
            piece.page = append->plane->view.data +
                         table[index / rule->page_tokens] * append->plane->view.page_stride;
            append_piece(append, &piece);
        }
    }
}

static void append_share(void *context, uint32_t thread)
{
    const struct append *const append = context;
    const kvspan_step_arrays *const rows = append->rows;
    const uint32_t token_count = rows->row_starts[rows->row_count];
    const uint32_t begin = (uint32_t)kvspan_pool_share(token_count, thread, append->thread_count);
    const uint32_t end = (uint32_t)kvspan_pool_share(token_count, thread + 1, append->thread_count);

    for (uint32_t row = 0; row < rows->row_count; row++) {
        const uint32_t row_begin = rows->row_starts[row];
        const uint32_t row_end = rows->row_starts[row + 1];

        append_row(append, row, row_begin > begin ? row_begin : begin,
                   row_end < end ? row_end : end);
    }
    _mm_sfence();
}

/* What the vector loops do not take: odd dims that have to be converted, and types that only
 * the reference column turns into each other. */
static int is_for_reference(const kvspan_append_plane *plane)
{
    return plane->view.dtype != plane->source.dtype &&
           (plane->view.dim % KVSPAN_TILE_DIMS != 0 || kvspan_dtype_bytes(plane->view.dtype) != 1);
}

static void append_plane(const kvspan_cpu_device *cpu, const kvspan_append_plane *plane,
                         const kvspan_step_arrays *rows)
{
    const kvspan_plane_view *const view = &plane->view;
    const uint32_t element_bytes = kvspan_dtype_bytes(view->dtype);
    const uint64_t bytes = (uint64_t)rows->token_count * view->heads * view->dim * element_bytes;
    struct append append = {
        .plane = plane,
        .rows = rows,
        .pages = cpu->pages,
        .shape = { .order = view->order, .element_bytes = element_bytes, .dim = view->dim },
        .thread_count = 1,
        .is_converted = view->dtype != plane->source.dtype,
        .streams = bytes >= STREAMED_BYTES
    };

    if (bytes < LEAST_BYTES) {
        append_share(&append, 0);
    } else {
        append.thread_count = kvspan_pool_thread_count(cpu->pool);
        kvspan_pool_run(cpu->pool, append_share, &append);
    }
}

kvspan_status kvspan_cpu_append_tokens(kvspan_device *device, const kvspan_append_tokens_args *args,
                                       kvspan_stream stream, kvspan_error *error)
{
    (void)stream;
    (void)error;
    for (uint32_t i = 0; i < args->plane_count; i++) {
        const kvspan_append_plane *const plane = &args->planes[i];

        if (is_for_reference(plane)) {
            kvspan_reference_append_plane(plane, &args->rows);
        } else {
            append_plane(kvspan_cpu_device_of(device), plane, &args->rows);
        }
    }
    return KVSPAN_OK;
}
