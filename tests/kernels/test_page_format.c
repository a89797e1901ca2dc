#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/page_format.h"
#include "support/random.h"

static kvspan_layer_group keys_and_values(uint32_t layers, uint32_t key_dim, uint32_t value_dim,
                                          kvspan_dtype dtype)
{
    return (kvspan_layer_group){ .layer_count = layers,
                                 .plane_count = 2,
                                 .planes = {
                                     { .role = KVSPAN_KEY, .dim = key_dim, .dtype = dtype },
                                     { .role = KVSPAN_VALUE, .dim = value_dim, .dtype = dtype } } };
}

/* Bytes of a page, worked out by hand. */
START_TEST(page_bytes_are_as_by_hand)
{
    static const struct {
        uint32_t layers, heads, key_dim, value_dim, page_tokens;
        kvspan_dtype dtype;
        uint64_t page_bytes;
    } cases[] = {
        /* Llama-3-8B, 32 layers of 8 heads of 128: 4096 bytes per token and layer */
        { 32, 8, 128, 128, 16, KVSPAN_BF16, 2097152 },
        { 32, 8, 128, 128, 128, KVSPAN_BF16, 16777216 },
        /* the same on one rank of four */
        { 32, 2, 128, 128, 16, KVSPAN_BF16, 524288 },
        /* Llama-3-70B, 80 layers, f32 */
        { 80, 8, 128, 128, 64, KVSPAN_F32, 41943040 },
        /* K 192, V 128: 16 heads · 320 · 2 bytes · 16 tokens · 27 layers */
        { 27, 16, 192, 128, 16, KVSPAN_BF16, 4423680 },
        /* 3 layers · 1 head · 2 tokens · 10 elements · 4 bytes = 240, up to 4096 */
        { 3, 1, 5, 5, 2, KVSPAN_F32, 4096 },
        /* 4096 and just above */
        { 1, 1, 64, 64, 16, KVSPAN_BF16, 4096 },
        { 1, 1, 64, 65, 16, KVSPAN_BF16, 8192 },
        /* a rank without heads */
        { 32, 0, 128, 128, 16, KVSPAN_BF16, 0 },
        /* 8-bit planes: 32 · 8 · 256 · 16 */
        { 32, 8, 128, 128, 16, KVSPAN_I8, 1048576 },
    };
    const kvspan_layer_group group =
        keys_and_values(cases[_i].layers, cases[_i].key_dim, cases[_i].value_dim, cases[_i].dtype);
    const uint32_t heads[] = { cases[_i].heads, cases[_i].heads };
    kvspan_page_format format;
    uint64_t bytes = 1;

    ck_assert_int_eq(kvspan_page_format_bytes(&group, heads, cases[_i].page_tokens, &bytes, NULL),
                     KVSPAN_OK);
    ck_assert_uint_eq(bytes, cases[_i].page_bytes);
    ck_assert_int_eq(kvspan_page_format_make(&group, heads, cases[_i].page_tokens, 7,
                                             KVSPAN_PAGE_FIRST, &format, NULL),
                     KVSPAN_OK);
    ck_assert_uint_eq(format.page_bytes, cases[_i].page_bytes);
    ck_assert_uint_eq(format.arena_bytes, 7 * cases[_i].page_bytes);
    ck_assert_uint_eq(format.id, KVSPAN_FORMAT_CANONICAL);
}
END_TEST

/* int8, 2 heads of dim 8, 16 tokens: per head 128 bytes and a scale per 5 tokens, four of them. */
START_TEST(scales_lie_behind_their_head)
{
    kvspan_layer_group group = keys_and_values(1, 8, 8, KVSPAN_I8);
    const uint32_t heads[] = { 2, 2 };
    kvspan_page_format format;

    group.planes[0].scale_tokens = 5;
    ck_assert_int_eq(
        kvspan_page_format_make(&group, heads, 16, 2, KVSPAN_PAGE_FIRST, &format, NULL), KVSPAN_OK);
    ck_assert_uint_eq(format.planes[0].head_stride, 144);
    ck_assert_uint_eq(format.planes[0].token_stride, 8);
    ck_assert_uint_eq(format.planes[1].offset, 288);
    ck_assert_uint_eq(format.run_bytes, 544);
}
END_TEST

/* Where a page's parts are, by hand: 2 layers, 3 heads, K 4 and V 6 of bf16, 5 tokens, 10 pages. */
/* Worked row: (8 heads, 6348 pages, 128, 128) of bf16 over tp 4 are 416 022 528 bytes of K per
 * device and layer, and as many of V. */
START_TEST(keys_of_two_heads_have_the_bytes_of_the_worked_row)
{
    const kvspan_layer_group group = keys_and_values(1, 128, 128, KVSPAN_BF16);
    const uint32_t heads[] = { 2, 2 };
    kvspan_page_format format;

    ck_assert_int_eq(
        kvspan_page_format_make(&group, heads, 128, 6348, KVSPAN_PAGE_FIRST, &format, NULL),
        KVSPAN_OK);
    for (int plane = 0; plane < 2; plane++) {
        ck_assert_uint_eq(format.planes[plane].head_stride * 2 * 6348, 416022528);
    }
    ck_assert_uint_eq(format.arena_bytes, 2ull * 416022528);
}
END_TEST

START_TEST(strides_are_as_by_hand)
{
    const kvspan_layer_group group = keys_and_values(2, 4, 6, KVSPAN_BF16);
    const uint32_t heads[] = { 3, 3 };
    const kvspan_layout layout = _i == 0 ? KVSPAN_PAGE_FIRST : KVSPAN_LAYER_FIRST;
    unsigned char *arena = (unsigned char *)(uintptr_t)4096;
    kvspan_page_format format;
    kvspan_plane_view values;

    ck_assert_int_eq(kvspan_page_format_make(&group, heads, 5, 10, layout, &format, NULL),
                     KVSPAN_OK);
    ck_assert_uint_eq(format.run_bytes, 300);
    ck_assert_uint_eq(format.page_bytes, 4096);
    ck_assert_uint_eq(format.page_stride, _i == 0 ? 4096 : 300);
    ck_assert_uint_eq(format.layer_stride, _i == 0 ? 300 : 3000);
    values = kvspan_page_format_view(&format, arena, 1, 1);
    ck_assert_uint_eq((uintptr_t)values.data, _i == 0 ? 4516 : 7216);
    ck_assert_uint_eq(values.page_stride, format.page_stride);
    ck_assert_uint_eq(values.head_stride, 60);
    ck_assert_uint_eq(values.token_stride, 12);
    ck_assert_uint_eq(values.heads, 3);
    ck_assert_uint_eq(values.dim, 6);
    ck_assert_int_eq(values.dtype, KVSPAN_BF16);
}
END_TEST

/* Takes the bytes of every vector of a plane; each must be free and inside. */
static void take_plane(const kvspan_page_format *format, unsigned char *arena, uint32_t layer,
                       uint32_t plane)
{
    const kvspan_plane_view view = kvspan_page_format_view(format, arena, layer, plane);
    const uint64_t vectors = (uint64_t)format->page_count * view.heads * format->page_tokens;
    const uint64_t vector_bytes = (uint64_t)view.dim * kvspan_dtype_bytes(view.dtype);

    for (uint64_t i = 0; i < vectors; i++) {
        const uint64_t page = i / format->page_tokens / view.heads;
        const uint64_t head = i / format->page_tokens % view.heads;
        const uint64_t token = i % format->page_tokens;
        unsigned char *vector = view.data + page * view.page_stride + head * view.head_stride +
                                token * view.token_stride;

        if (vector < arena || vector + vector_bytes > arena + format->arena_bytes) {
            ck_abort_msg("layer %u, plane %u, page %u is outside", layer, plane, (uint32_t)page);
        }
        for (uint64_t byte = 0; byte < vector_bytes; byte++) {
            if (vector[byte] != 0) {
                ck_abort_msg("layer %u, plane %u, page %u overlaps", layer, plane, (uint32_t)page);
            }
            vector[byte] = 1;
        }
    }
}

START_TEST(every_vector_has_bytes_of_its_own)
{
    random_source source = random_start("format", 1);

    for (uint32_t round = 0; round < 60; round++) {
        const kvspan_layer_group group = keys_and_values(
            random_between(&source, 1, 4), random_between(&source, 1, 9),
            random_between(&source, 1, 9), random_below(&source, 2) ? KVSPAN_F32 : KVSPAN_BF16);
        const uint32_t heads[] = { random_between(&source, 1, 4), random_between(&source, 1, 4) };
        const uint32_t page_tokens = random_between(&source, 1, 20);
        const uint64_t layer_bytes =
            ((uint64_t)heads[0] * group.planes[0].dim + (uint64_t)heads[1] * group.planes[1].dim) *
            page_tokens * kvspan_dtype_bytes(group.planes[0].dtype);
        kvspan_page_format format;
        unsigned char *arena;
        uint64_t taken = 0;

        ck_assert_int_eq(kvspan_page_format_make(
                             &group, heads, page_tokens, random_between(&source, 1, 6),
                             round % 2 ? KVSPAN_PAGE_FIRST : KVSPAN_LAYER_FIRST, &format, NULL),
                         KVSPAN_OK);
        arena = calloc(1, format.arena_bytes);
        ck_assert_ptr_nonnull(arena);
        for (uint32_t layer = 0; layer < group.layer_count; layer++) {
            take_plane(&format, arena, layer, 0);
            take_plane(&format, arena, layer, 1);
        }
        for (uint64_t i = 0; i < format.arena_bytes; i++) {
            taken += arena[i];
        }
        ck_assert_uint_eq(taken, layer_bytes * group.layer_count * format.page_count);
        free(arena);
    }
}
END_TEST

/* The largest numbers a config may have: a page fits 63 bits, an arena of them does not. */
START_TEST(too_many_bytes_are_refused)
{
    kvspan_layer_group group =
        keys_and_values(KVSPAN_MAX_LAYERS, KVSPAN_MAX_DIM, KVSPAN_MAX_DIM, KVSPAN_F32);
    const uint32_t heads[] = { KVSPAN_MAX_HEADS, KVSPAN_MAX_HEADS };
    kvspan_page_format format = { .page_count = 99 };
    kvspan_error error = { 0 };
    uint64_t bytes = 5;

    ck_assert_int_eq(
        kvspan_page_format_bytes(&group, heads, KVSPAN_MAX_PAGE_TOKENS, &bytes, &error), KVSPAN_OK);
    ck_assert_uint_eq(bytes, (uint64_t)1 << 57);
    ck_assert_int_eq(kvspan_page_format_make(&group, heads, KVSPAN_MAX_PAGE_TOKENS, 64,
                                             KVSPAN_PAGE_FIRST, &format, &error),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_uint_eq(format.page_count, 99);
    ck_assert_ptr_nonnull(strstr(error.message, "65536 tokens per page and 64 pages"));
    ck_assert_int_eq(kvspan_page_format_make(&group, heads, KVSPAN_MAX_PAGE_TOKENS, 63,
                                             KVSPAN_LAYER_FIRST, &format, &error),
                     KVSPAN_OK);
    group.layer_count = 1u << 31;
    bytes = 5;
    ck_assert_int_eq(
        kvspan_page_format_bytes(&group, heads, KVSPAN_MAX_PAGE_TOKENS, &bytes, &error),
        KVSPAN_ERR_ARGUMENT);
    ck_assert_uint_eq(bytes, 5);
}
END_TEST

/* Each product in turn is the first that does not fit; the last page, of 2^63 − 2 bytes, cannot be
 * rounded up. */
START_TEST(wrapping_products_are_refused)
{
    static const struct {
        uint32_t layers, heads, key_dim, value_dim, page_tokens;
    } cases[] = {
        { 1, 1, UINT32_MAX, 1, UINT32_MAX },        { 1, UINT32_MAX, UINT32_MAX, 1, 1 },
        { 1, 1u << 31, UINT32_MAX, UINT32_MAX, 1 }, { 1u << 31, 1u << 31, 1, 1, 1 },
        { 0x7fffffff, 1, 1u << 31, 1, 2 },
    };
    const kvspan_dtype dtype = _i == 4 ? KVSPAN_I8 : KVSPAN_F32;
    const kvspan_layer_group group =
        keys_and_values(cases[_i].layers, cases[_i].key_dim, cases[_i].value_dim, dtype);
    const uint32_t heads[] = { cases[_i].heads, cases[_i].heads };
    uint64_t bytes = 5;

    ck_assert_int_eq(kvspan_page_format_bytes(&group, heads, cases[_i].page_tokens, &bytes, NULL),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_uint_eq(bytes, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/page_format");
    TCase *format = tcase_create("format");

    tcase_add_loop_test(format, page_bytes_are_as_by_hand, 0, 10);
    tcase_add_test(format, scales_lie_behind_their_head);
    tcase_add_test(format, keys_of_two_heads_have_the_bytes_of_the_worked_row);
    tcase_add_loop_test(format, strides_are_as_by_hand, 0, 2);
    tcase_add_test(format, every_vector_has_bytes_of_its_own);
    tcase_add_test(format, too_many_bytes_are_refused);
    tcase_add_loop_test(format, wrapping_products_are_refused, 0, 5);
    suite_add_tcase(suite, format);
    return suite_run(suite);
}
