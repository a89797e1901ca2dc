/* The way of a canonical plane to a column's own format and back, which other tests rely on. */
#include "support/suite.h"

#include <string.h>

#include "column.h"
#include "kernels/page_format.h"

enum {
    HEADS = 2,
    DIM = 32,
    PAGE_TOKENS = 32,
    PAGES = 3,
    GAP = 10, /* bytes between pages */
    MOST_BYTES = PAGES * (HEADS * PAGE_TOKENS * (DIM * 2 + 4) + GAP)
};

static uint32_t choose_tiles(const kvspan_layer_group *group, uint32_t page_tokens)
{
    ck_assert(kvspan_page_format_can_tile(group, page_tokens));
    return KVSPAN_FORMAT_TILES;
}

static kvspan_plane_view plane_of(unsigned char *pages, kvspan_dtype dtype)
{
    const uint64_t token_bytes = (uint64_t)DIM * kvspan_dtype_bytes(dtype);
    const uint64_t scale_bytes = kvspan_dtype_bytes(dtype) == 1 ? 4 : 0;
    const uint64_t head_bytes = PAGE_TOKENS * (token_bytes + scale_bytes);

    return (kvspan_plane_view){ .data = pages,
                                .page_stride = HEADS * head_bytes + GAP,
                                .head_stride = head_bytes,
                                .token_stride = token_bytes,
                                .dtype = dtype,
                                .heads = HEADS,
                                .dim = DIM,
                                .scale_offset = scale_bytes ? PAGE_TOKENS * token_bytes : 0 };
}

/* Keys of 2 bytes lie [16 tokens][pair of dims][token][2], values [pair of tokens][dim][2]. */
static size_t tiled_element(kvspan_role role, size_t token, size_t i)
{
    return role == KVSPAN_KEY ? ((token / 16 * (DIM / 2) + i / 2) * 16 + token % 16) * 2 + i % 2
                              : (token / 2 * DIM + i) * 2 + token % 2;
}

static void check_elements(const column_plane *plane, kvspan_role role)
{
    for (size_t i = 0; i < (size_t)PAGES * HEADS * PAGE_TOKENS * DIM; i++) {
        const size_t page = i / DIM / PAGE_TOKENS / HEADS;
        const size_t head = i / DIM / PAGE_TOKENS % HEADS;
        const size_t token = i / DIM % PAGE_TOKENS;
        const kvspan_plane_view *rows = &plane->canonical;
        const unsigned char *row = rows->data + page * rows->page_stride +
                                   head * rows->head_stride + token * rows->token_stride +
                                   i % DIM * 2;
        const unsigned char *tiled = plane->view.data + page * plane->view.page_stride +
                                     head * plane->view.head_stride +
                                     tiled_element(role, token, i % DIM) * 2;

        ck_assert_int_eq(memcmp(row, tiled, 2), 0);
    }
}

/* `_i` is the type: bf16 by its elements, int8 and its scales by what comes back. */
START_TEST(a_plane_goes_to_tiles_and_comes_back)
{
    static const kvspan_dtype dtypes[] = { KVSPAN_BF16, KVSPAN_I8 };
    static const kvspan_role roles[] = { KVSPAN_KEY, KVSPAN_VALUE };
    kvspan_kernels kernels = kvspan_kernels_reference;
    kvspan_device device = { .kernels = &kernels };
    unsigned char pages[MOST_BYTES];
    unsigned char before[MOST_BYTES];
    const kvspan_plane_view canonical = plane_of(pages, dtypes[_i]);
    const kvspan_layer_group group = column_group(&canonical, &canonical);

    kernels.choose_format = choose_tiles;
    for (uint32_t i = 0; i < MOST_BYTES; i++) {
        before[i] = (unsigned char)(i * 2654435761u >> 24);
    }
    for (int role = 0; role < 2; role++) {
        column_plane plane;

        memcpy(pages, before, sizeof(pages));
        plane = column_plane_begin(&device, &group, roles[role], &canonical, PAGE_TOKENS, PAGES);
        ck_assert_ptr_nonnull(plane.pages);
        if (dtypes[_i] == KVSPAN_BF16) {
            check_elements(&plane, roles[role]);
        }
        for (uint32_t page = 0; page < PAGES; page++) {
            memset(pages + page * canonical.page_stride, 0, HEADS * canonical.head_stride);
        }
        column_plane_write_back(&device, &plane);
        ck_assert_int_eq(memcmp(pages, before, sizeof(pages)), 0);
        column_plane_end(&plane);
    }
}
END_TEST

START_TEST(a_column_of_rows_gets_the_canonical_pages_themselves)
{
    unsigned char pages[MOST_BYTES];
    const kvspan_plane_view canonical = plane_of(pages, KVSPAN_BF16);
    const kvspan_layer_group group = column_group(&canonical, NULL);
    kvspan_device device = { .kernels = &kvspan_kernels_reference };
    column_plane plane =
        column_plane_begin(&device, &group, KVSPAN_KEY, &canonical, PAGE_TOKENS, PAGES);

    ck_assert_ptr_null(plane.pages);
    ck_assert_ptr_eq(plane.view.data, pages);
    column_plane_end(&plane);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/column");
    TCase *planes = tcase_create("planes");

    tcase_add_loop_test(planes, a_plane_goes_to_tiles_and_comes_back, 0, 2);
    tcase_add_test(planes, a_column_of_rows_gets_the_canonical_pages_themselves);
    suite_add_tcase(suite, planes);
    return suite_run(suite);
}
