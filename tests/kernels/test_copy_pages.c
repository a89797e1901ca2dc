#include "support/suite.h"

#include <string.h>

#include "column.h"

enum {
    PAGES = 4,
    PAGE_BYTES = 3
};

/* Page-first: one part, the bytes between pages stay. */
START_TEST(pairs_are_copied_in_order)
{
    unsigned char arena[] = "aaa.bbb.ccc.ddd.";
    const uint32_t pairs[] = { 0, 2, 2, 3 };
    const kvspan_copy_pages_args args = { .data = arena,
                                          .page_stride = PAGE_BYTES + 1,
                                          .copy_bytes = PAGE_BYTES,
                                          .part_count = 1,
                                          .pairs = pairs,
                                          .pair_count = 2 };

    COLUMN_RUN(copy_pages, &args);
    ck_assert_str_eq((char *)arena, "aaa.bbb.aaa.aaa.");
}
END_TEST

/* Layer-first: a page has a part in every layer. */
START_TEST(every_part_of_a_page_is_copied)
{
    unsigned char arena[] = "aaabbbcccddd AAABBBCCCDDD !";
    const uint32_t pairs[] = { 3, 1 };
    const kvspan_copy_pages_args args = { .data = arena,
                                          .page_stride = PAGE_BYTES,
                                          .copy_bytes = PAGE_BYTES,
                                          .part_count = 2,
                                          .part_stride = PAGES * PAGE_BYTES + 1,
                                          .pairs = pairs,
                                          .pair_count = 1 };

    COLUMN_RUN(copy_pages, &args);
    ck_assert_str_eq((char *)arena, "aaadddcccddd AAADDDCCCDDD !");
}
END_TEST

START_TEST(no_pairs_copy_nothing)
{
    unsigned char arena[] = "aaabbb";
    const kvspan_copy_pages_args args = {
        .data = arena, .page_stride = PAGE_BYTES, .copy_bytes = PAGE_BYTES, .part_count = 1
    };

    COLUMN_RUN(copy_pages, &args);
    ck_assert_str_eq((char *)arena, "aaabbb");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/copy_pages");
    TCase *copy = tcase_create("copy");

    tcase_add_test(copy, pairs_are_copied_in_order);
    tcase_add_test(copy, every_part_of_a_page_is_copied);
    tcase_add_test(copy, no_pairs_copy_nothing);
    suite_add_tcase(suite, copy);
    return suite_run(suite);
}
