#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/column.h"
#include "support/random.h"

/* Operations on whole pages against the reference column on the same bytes: at every alignment, and
 * with lists longer than one launch takes. */

enum {
    MOST_PAGES = 1100
};

/* The same random bytes twice, one for each column. */
typedef struct twin {
    uint64_t bytes;
    unsigned char *ours;
    unsigned char *reference;
} twin;

static twin twin_create(uint64_t bytes, random_source *source)
{
    twin pair = { .bytes = bytes,
                  .ours = aligned_alloc(64, (bytes + 63) / 64 * 64),
                  .reference = aligned_alloc(64, (bytes + 63) / 64 * 64) };

    ck_assert(pair.ours && pair.reference);
    for (uint64_t i = 0; i < bytes; i++) {
        pair.ours[i] = (unsigned char)random_next(source);
    }
    memcpy(pair.reference, pair.ours, bytes);
    return pair;
}

static void twin_destroy(twin *pair)
{
    ck_assert_int_eq(memcmp(pair->ours, pair->reference, pair->bytes), 0);
    free(pair->ours);
    free(pair->reference);
}

/* Bytes that a page and a part have, and how far the first is from an aligned address. */
typedef struct layout {
    uint64_t page_stride, part_bytes, part_stride, shift;
    uint32_t part_count;
} layout;

static const layout layouts[] = {
    { 4096, 4096, 0, 0, 1 },   /* words of 16 bytes */
    { 40960, 36880, 0, 0, 1 }, /* more than two chunks, the last of them short */
    { 176, 160, 8192, 0, 3 },  /* layers first */
    { 4096, 4072, 0, 0, 1 },   /* words of 4 */
    { 520, 512, 20000, 8, 2 }, /* … by the address */
    { 1027, 1016, 0, 1, 1 },   /* bytes */
};

enum {
    LAYOUT_COUNT = 6
};

static uint32_t page_count_of(const layout *form)
{
    return form->part_count > 1 ? (uint32_t)(form->part_stride / form->page_stride) : 12;
}

static uint64_t arena_bytes_of(const layout *form)
{
    return form->shift + form->part_count * form->part_stride +
           page_count_of(form) * form->page_stride;
}

START_TEST(copies_are_those_of_the_reference)
{
    const layout *const form = &layouts[_i];
    random_source source = random_start("copy pages", 1);
    twin arena = twin_create(arena_bytes_of(form), &source);
    uint32_t pairs[2 * 8];
    kvspan_copy_pages_args args = { .page_stride = form->page_stride,
                                    .copy_bytes = form->part_bytes,
                                    .part_count = form->part_count,
                                    .part_stride = form->part_stride,
                                    .pairs = pairs };

    for (int round = 0; round < 6; round++) {
        args.pair_count = random_below(&source, 9);
        for (uint32_t i = 0; i < args.pair_count; i++) {
            /* Chains and repeated targets: the order counts. */
            pairs[(size_t)2 * i] = random_below(&source, page_count_of(form));
            pairs[(size_t)2 * i + 1] =
                (pairs[(size_t)2 * i] + 1 + random_below(&source, page_count_of(form) - 1)) %
                page_count_of(form);
        }
        args.data = arena.ours + form->shift;
        COLUMN_RUN(copy_pages, &args);
        args.data = arena.reference + form->shift;
        (void)kvspan_kernels_reference.copy_pages(NULL, &args, NULL, NULL);
        ck_assert_int_eq(memcmp(arena.ours, arena.reference, arena.bytes), 0);
    }
    twin_destroy(&arena);
}
END_TEST

START_TEST(fills_are_those_of_the_reference)
{
    const layout *const form = &layouts[_i];
    random_source source = random_start("fill pages", 1);
    const uint32_t first = random_below(&source, page_count_of(form));
    twin arena = twin_create(arena_bytes_of(form), &source);
    uint32_t pages[4];
    kvspan_fill_pages_args args = { .page_stride = form->page_stride,
                                    .fill_bytes = form->part_bytes,
                                    .part_count = form->part_count,
                                    .part_stride = form->part_stride,
                                    .pages = pages,
                                    .page_count = 4,
                                    .value = 0x9c };

    for (int i = 0; i < 4; i++) {
        pages[i] = (first + 3 * (uint32_t)i) % page_count_of(form); /* none of them twice */
    }
    args.data = arena.ours + form->shift;
    COLUMN_RUN(fill_pages, &args);
    args.data = arena.reference + form->shift;
    (void)kvspan_kernels_reference.fill_pages(NULL, &args, NULL, NULL);
    twin_destroy(&arena);
}
END_TEST

START_TEST(checksums_are_those_of_the_reference)
{
    const layout *const form = &layouts[_i];
    random_source source = random_start("checksum pages", 1);
    twin arena = twin_create(arena_bytes_of(form), &source);
    uint32_t pages[5];
    uint64_t checksums[2][5];
    kvspan_checksum_pages_args args = { .page_stride = form->page_stride,
                                        .part_bytes = form->part_bytes / 8 * 8,
                                        .part_count = form->part_count,
                                        .part_stride = form->part_stride,
                                        .pages = pages,
                                        .page_count = 5 };

    for (int i = 0; i < 5; i++) {
        pages[i] = random_below(&source, page_count_of(form));
    }
    args.data = arena.ours + form->shift;
    args.checksums = checksums[0];
    COLUMN_RUN(checksum_pages, &args);
    args.checksums = checksums[1];
    (void)kvspan_kernels_reference.checksum_pages(NULL, &args, NULL, NULL);
    ck_assert_mem_eq(checksums[0], checksums[1], sizeof(checksums[0]));
    twin_destroy(&arena);
}
END_TEST

/* Lists of more pages than the arguments of a launch hold. */
START_TEST(long_lists_are_done_to_their_end)
{
    enum {
        PAGE_BYTES = 32
    };
    random_source source = random_start("long lists", 1);
    twin arena = twin_create((uint64_t)2 * MOST_PAGES * PAGE_BYTES, &source);
    uint32_t pages[MOST_PAGES];
    uint32_t pairs[2 * MOST_PAGES];
    uint64_t checksums[2][MOST_PAGES];
    const kvspan_copy_pages_args copies = { .data = arena.ours,
                                            .page_stride = PAGE_BYTES,
                                            .copy_bytes = PAGE_BYTES,
                                            .part_count = 1,
                                            .pairs = pairs,
                                            .pair_count = MOST_PAGES };
    const kvspan_fill_pages_args fills = { .data = arena.ours,
                                           .page_stride = PAGE_BYTES,
                                           .fill_bytes = 8,
                                           .part_count = 1,
                                           .pages = pages,
                                           .page_count = MOST_PAGES,
                                           .value = 7 };
    kvspan_checksum_pages_args sums = { .data = arena.ours,
                                        .page_stride = PAGE_BYTES,
                                        .part_bytes = PAGE_BYTES,
                                        .part_count = 1,
                                        .pages = pages,
                                        .page_count = MOST_PAGES,
                                        .checksums = checksums[0] };

    for (uint32_t i = 0; i < MOST_PAGES; i++) {
        pages[i] = 2 * i;
        pairs[(size_t)2 * i] = 2 * i;
        pairs[(size_t)2 * i + 1] = 2 * i + 1;
    }
    COLUMN_RUN(fill_pages, &fills);
    COLUMN_RUN(copy_pages, &copies);
    COLUMN_RUN(checksum_pages, &sums);
    for (uint64_t i = 0; i < MOST_PAGES; i++) {
        unsigned char *const page = arena.reference + 2 * i * PAGE_BYTES;

        memset(page, 7, 8);
        memcpy(page + PAGE_BYTES, page, PAGE_BYTES);
    }
    sums.data = arena.reference;
    sums.checksums = checksums[1];
    (void)kvspan_kernels_reference.checksum_pages(NULL, &sums, NULL, NULL);
    ck_assert_mem_eq(checksums[0], checksums[1], sizeof(checksums[0]));
    twin_destroy(&arena);
}
END_TEST

/* Planes of int8 with scales and of bf16, to rows and back to other pages. */
START_TEST(planes_go_to_rows_and_come_back)
{
    enum {
        HEADS = 3,
        PAGES = 9,
        LISTED = 4
    };
    static const struct {
        kvspan_dtype dtype;
        uint32_t dim, page_tokens;
    } cases[] = { { KVSPAN_BF16, 64, 16 }, { KVSPAN_I8, 32, 16 }, { KVSPAN_I8, 13, 3 } };
    const uint64_t token_bytes = (uint64_t)cases[_i].dim * kvspan_dtype_bytes(cases[_i].dtype);
    const uint64_t scale_bytes = cases[_i].dtype == KVSPAN_I8 ? 4 : 0;
    const uint64_t head_bytes = cases[_i].page_tokens * (token_bytes + scale_bytes);
    const uint64_t page_stride = HEADS * head_bytes + 32;
    random_source source = random_start("transcode", 1);
    twin arena = twin_create(PAGES * page_stride, &source);
    twin rows = twin_create((uint64_t)LISTED * HEADS * head_bytes, &source);
    const uint32_t from[LISTED] = { 7, 0, 8, 3 };
    const uint32_t to[LISTED] = { 1, 2, 5, 4 };
    kvspan_transcode_pages_args args = {
        .plane = { .data = arena.ours,
                   .page_stride = page_stride,
                   .head_stride = head_bytes,
                   .token_stride = token_bytes,
                   .dtype = cases[_i].dtype,
                   .heads = HEADS,
                   .dim = cases[_i].dim,
                   .scale_offset = scale_bytes ? cases[_i].page_tokens * token_bytes : 0 },
        .page_tokens = cases[_i].page_tokens,
        .pages = from,
        .page_count = LISTED,
        .rows = rows.ours,
    };
    kvspan_transcode_pages_args reference = args;

    reference.plane.data = arena.reference;
    reference.rows = rows.reference;
    COLUMN_RUN(gather_pages, &args);
    (void)kvspan_kernels_reference.gather_pages(NULL, &reference, NULL, NULL);
    ck_assert_int_eq(memcmp(rows.ours, rows.reference, rows.bytes), 0);
    args.pages = to;
    reference.pages = to;
    COLUMN_RUN(scatter_pages, &args);
    (void)kvspan_kernels_reference.scatter_pages(NULL, &reference, NULL, NULL);
    twin_destroy(&rows);
    twin_destroy(&arena);
}
END_TEST

/* More patches than a block has threads, many to one cell: the last one wins. */
START_TEST(the_last_patch_of_a_cell_wins)
{
    enum {
        SLOTS = 7,
        COLUMNS = 33,
        PATCHES = 3000
    };
    random_source source = random_start("patch table", 1);
    twin table = twin_create((uint64_t)SLOTS * COLUMNS * sizeof(uint32_t), &source);
    kvspan_table_patch *const patches = malloc(PATCHES * sizeof(*patches));
    kvspan_patch_table_args args = { .table = (uint32_t *)table.ours,
                                     .stride = COLUMNS,
                                     .patches = patches };

    ck_assert_ptr_nonnull(patches);
    for (uint32_t i = 0; i < PATCHES; i++) {
        patches[i] = (kvspan_table_patch){ .slot = random_below(&source, SLOTS),
                                           .column = random_below(&source, COLUMNS),
                                           .page = random_below(&source, KVSPAN_MAX_PAGES) };
    }
    for (uint32_t i = 0; i < SLOTS * COLUMNS; i++) {
        ((uint32_t *)table.ours)[i] &= 0x7fffffffu; /* page ids */
        ((uint32_t *)table.reference)[i] &= 0x7fffffffu;
    }
    for (args.patch_count = 1; args.patch_count <= PATCHES; args.patch_count += 1033) {
        args.table = (uint32_t *)table.ours;
        COLUMN_RUN(patch_table, &args);
        args.table = (uint32_t *)table.reference;
        (void)kvspan_kernels_reference.patch_table(NULL, &args, NULL, NULL);
        ck_assert_int_eq(memcmp(table.ours, table.reference, table.bytes), 0);
    }
    free(patches);
    twin_destroy(&table);
}
END_TEST

/* Types that tensors have into types that planes have, by pieces of 16 and element by element, to
 * the bit; vectors as long as can be. */
START_TEST(conversions_are_those_of_the_reference)
{
    static const uint32_t dims[] = { 16, 112, 128, 512, 528, 20 };
    static const kvspan_dtype tensors[] = { KVSPAN_BF16, KVSPAN_F16, KVSPAN_F32 };
    enum {
        TOKENS = 5,
        HEADS = 2,
        PAGE_TOKENS = 4,
        PAGES = 3
    };
    const kvspan_dtype plane_dtype = (kvspan_dtype)(_i + 1);
    const uint32_t row_starts[] = { 0, 3, 4, TOKENS };
    const uint32_t row_slots[] = { 0, 1, 2 };
    const uint32_t tables[] = { 0, 0x7fffffff, 2, 0x7fffffff, 1, 0x7fffffff };
    const int32_t positions[] = { 1, 2, 3, 0, 2 };
    random_source source = random_start("conversions", 1);

    for (uint32_t i = 0; i < 2 * 3 * 6; i++) {
        const uint32_t dim = dims[i / 6];
        const kvspan_dtype tensor = tensors[i % 3];
        const uint32_t has_scales =
            kvspan_dtype_bytes(plane_dtype) == 1 && (plane_dtype == KVSPAN_I8 || i % 2);
        const uint64_t token_bytes = (uint64_t)dim * kvspan_dtype_bytes(plane_dtype);
        const uint64_t head_bytes = PAGE_TOKENS * (token_bytes + (uint64_t)4 * has_scales);
        twin arena = twin_create((uint64_t)PAGES * HEADS * head_bytes, &source);
        twin tokens =
            twin_create((uint64_t)TOKENS * HEADS * dim * kvspan_dtype_bytes(tensor), &source);
        kvspan_append_tokens_args args = {
            .rows = { .row_count = 3,
                      .token_count = TOKENS,
                      .row_starts = row_starts,
                      .row_slots = row_slots,
                      .positions = positions,
                      .page_table = tables,
                      .page_table_stride = 2,
                      .rule = { .page_tokens = PAGE_TOKENS, .member_count = 1 } },
            .plane_count = 1,
            .planes = { { .view = { .data = arena.ours,
                                    .page_stride = HEADS * head_bytes,
                                    .head_stride = head_bytes,
                                    .token_stride = token_bytes,
                                    .dtype = plane_dtype,
                                    .heads = HEADS,
                                    .dim = dim,
                                    .scale_offset = has_scales ? PAGE_TOKENS * token_bytes : 0 },
                          .source = { .data = tokens.ours,
                                      .dtype = tensor,
                                      .heads = HEADS,
                                      .dim = dim,
                                      .tokens = TOKENS,
                                      .token_stride = (int64_t)HEADS * dim,
                                      .head_stride = dim } } }
        };

        column_append_tokens(&args, KVSPAN_KEY, PAGES);
        args.planes[0].view.data = arena.reference;
        (void)kvspan_kernels_reference.append_tokens(NULL, &args, NULL, NULL);
        twin_destroy(&tokens);
        twin_destroy(&arena);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/cuda/pages");
    TCase *pages = tcase_create("pages");

    tcase_add_loop_test(pages, copies_are_those_of_the_reference, 0, LAYOUT_COUNT);
    tcase_add_loop_test(pages, fills_are_those_of_the_reference, 0, LAYOUT_COUNT);
    tcase_add_loop_test(pages, checksums_are_those_of_the_reference, 0, LAYOUT_COUNT);
    tcase_add_test(pages, long_lists_are_done_to_their_end);
    tcase_add_loop_test(pages, planes_go_to_rows_and_come_back, 0, 3);
    tcase_add_test(pages, the_last_patch_of_a_cell_wins);
    tcase_add_loop_test(pages, conversions_are_those_of_the_reference, 0, 6);
    suite_add_tcase(suite, pages);
    return suite_run(suite);
}
