#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/cpu_devices.h"
#include "support/random.h"

enum {
    PAGES = 5,
    HEADS = 3,
    GAP_BYTES = 64, /* between the pages */
    CANARY = 0x5a
};

static const kvspan_element_order orders[] = { KVSPAN_ORDER_ROWS, KVSPAN_ORDER_KEY_TILES,
                                               KVSPAN_ORDER_VALUE_TILES };
static const kvspan_dtype dtypes[] = { KVSPAN_BF16, KVSPAN_F16, KVSPAN_I8, KVSPAN_F8E4M3 };
static const uint32_t dims[] = { 16, 64, 80, 128, 192, 256 };
static const uint32_t page_sizes[] = { 16, 32, 48, 256 };

struct pages {
    kvspan_transcode_pages_args args;
    uint32_t list[PAGES];
    unsigned char *rows;
    uint64_t row_bytes;
    unsigned char *arena;
    uint64_t arena_bytes;
};

static void pages_init(struct pages *pages, kvspan_element_order order, kvspan_dtype dtype,
                       uint32_t dim, uint32_t page_tokens, random_source *source)
{
    const uint64_t token_bytes = (uint64_t)dim * kvspan_dtype_bytes(dtype);
    const int has_scales = kvspan_dtype_bytes(dtype) == 1;
    const uint64_t head_bytes = page_tokens * (token_bytes + (has_scales ? sizeof(float) : 0));

    memset(pages, 0, sizeof(*pages));
    for (uint32_t i = 0; i < PAGES; i++) {
        pages->list[i] = i;
    }
    random_shuffle(source, pages->list, PAGES);
    pages->row_bytes = head_bytes * (PAGES - 1) * HEADS;
    pages->arena_bytes = PAGES * (HEADS * head_bytes + GAP_BYTES);
    pages->rows = malloc(pages->row_bytes);
    pages->arena = aligned_alloc(64, (pages->arena_bytes + 63) / 64 * 64);
    ck_assert(pages->rows && pages->arena);
    for (uint64_t i = 0; i < pages->row_bytes; i++) {
        pages->rows[i] = (unsigned char)random_next(source);
    }
    memset(pages->arena, CANARY, pages->arena_bytes);
    pages->args = (kvspan_transcode_pages_args){
        .plane = { .data = pages->arena,
                   .page_stride = HEADS * head_bytes + GAP_BYTES,
                   .head_stride = head_bytes,
                   .token_stride = token_bytes,
                   .dtype = dtype,
                   .heads = HEADS,
                   .dim = dim,
                   .scale_offset = has_scales ? page_tokens * token_bytes : 0,
                   .order = order },
        .page_tokens = page_tokens,
        .pages = pages->list,
        .page_count = PAGES - 1, /* the last of the list stays as it is */
        .rows = pages->rows,
    };
}

static void pages_fini(struct pages *pages)
{
    free(pages->arena);
    free(pages->rows);
}

/* Fails naming the first element of a head that is not where kvspan_element_offset() says. */
static void check_head(const kvspan_transcode_pages_args *args, const unsigned char *head,
                       const unsigned char *row)
{
    const kvspan_plane_view *const plane = &args->plane;
    const uint32_t item = kvspan_dtype_bytes(plane->dtype);

    for (uint64_t i = 0; i < (uint64_t)args->page_tokens * plane->dim; i++) {
        const uint64_t token = i / plane->dim;
        const uint32_t element = (uint32_t)(i % plane->dim);
        const uint64_t offset =
            kvspan_element_offset(plane->order, item, plane->dim, token, element);

        if (memcmp(head + offset, row + i * item, item) != 0) {
            ck_abort_msg("order %d, %u bytes, dim %u, pages of %u: token %u element %u",
                         plane->order, item, plane->dim, args->page_tokens, (uint32_t)token,
                         element);
        }
    }
    if (plane->scale_offset) {
        ck_assert_mem_eq(head + plane->scale_offset, row + plane->scale_offset,
                         args->page_tokens * sizeof(float));
    }
}

static void check_elements(const struct pages *pages)
{
    const kvspan_plane_view *const plane = &pages->args.plane;

    for (uint32_t i = 0; i < (PAGES - 1) * HEADS; i++) {
        check_head(&pages->args,
                   pages->arena + pages->list[i / HEADS] * plane->page_stride +
                       i % HEADS * plane->head_stride,
                   pages->rows + i * plane->head_stride);
    }
}

static void check_untouched(const struct pages *pages)
{
    const kvspan_plane_view *const plane = &pages->args.plane;

    for (uint64_t page = 0; page < PAGES; page++) {
        const uint64_t used = page == pages->list[PAGES - 1] ? 0 : HEADS * plane->head_stride;

        for (uint64_t byte = used; byte < plane->page_stride; byte++) {
            if (pages->arena[page * plane->page_stride + byte] != CANARY) {
                ck_abort_msg("page %u, byte %u", (uint32_t)page, (uint32_t)byte);
            }
        }
    }
}

static void check_shape(kvspan_device *device, struct pages *pages)
{
    unsigned char *const rows = malloc(pages->row_bytes);
    kvspan_transcode_pages_args back = pages->args;

    ck_assert_ptr_nonnull(rows);
    back.rows = rows;
    ck_assert_int_eq(device->kernels->scatter_pages(device, &pages->args, NULL, NULL), KVSPAN_OK);
    check_elements(pages);
    check_untouched(pages);
    ck_assert_int_eq(device->kernels->gather_pages(device, &back, NULL, NULL), KVSPAN_OK);
    ck_assert_mem_eq(rows, pages->rows, pages->row_bytes);
    free(rows);
}

START_TEST(elements_lie_where_their_order_says_and_come_back)
{
    random_source source = random_start("transcode_pages", 21);
    kvspan_device *const device = cpu_device_open(_i);

    for (int i = 0; device && i < 3 * 4 * 6; i++) {
        struct pages pages;

        pages_init(&pages, orders[i % 3], dtypes[i / 3 % 4], dims[i / 12],
                   page_sizes[(i + i / 12) % 4], &source);
        check_shape(device, &pages);
        pages_fini(&pages);
    }
    kvspan_device_close(device);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/cpu/transcode_pages");
    TCase *transcode = tcase_create("transcode");

    tcase_add_loop_test(transcode, elements_lie_where_their_order_says_and_come_back, 0,
                        CPU_DEVICE_COUNT);
    suite_add_tcase(suite, transcode);
    return suite_run(suite);
}
