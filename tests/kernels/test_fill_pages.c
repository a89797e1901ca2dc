#include "support/suite.h"

#include <string.h>

#include "column.h"

START_TEST(only_the_named_pages_are_filled)
{
    unsigned char arena[] = "aaa.bbb.ccc.ddd.";
    const uint32_t pages[] = { 3, 1 };
    const kvspan_fill_pages_args args = { .data = arena,
                                          .page_stride = 4,
                                          .fill_bytes = 3,
                                          .part_count = 1,
                                          .pages = pages,
                                          .page_count = (uint32_t)_i,
                                          .value = 'x' };
    static const char *const expected[] = { "aaa.bbb.ccc.ddd.", "aaa.bbb.ccc.xxx.",
                                            "aaa.xxx.ccc.xxx." };

    COLUMN_RUN(fill_pages, &args);
    ck_assert_str_eq((char *)arena, expected[_i]);
}
END_TEST

START_TEST(every_part_of_a_page_is_filled)
{
    unsigned char arena[] = "aaabbbccc AAABBBCCC !";
    const uint32_t pages[] = { 1 };
    const kvspan_fill_pages_args args = { .data = arena,
                                          .page_stride = 3,
                                          .fill_bytes = 3,
                                          .part_count = 2,
                                          .part_stride = 10,
                                          .pages = pages,
                                          .page_count = 1,
                                          .value = '-' };

    COLUMN_RUN(fill_pages, &args);
    ck_assert_str_eq((char *)arena, "aaa---ccc AAA---CCC !");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/fill_pages");
    TCase *fill = tcase_create("fill");

    tcase_add_loop_test(fill, only_the_named_pages_are_filled, 0, 3);
    tcase_add_test(fill, every_part_of_a_page_is_filled);
    suite_add_tcase(suite, fill);
    return suite_run(suite);
}
