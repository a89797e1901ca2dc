#include "support/suite.h"

#include <string.h>

#include "column.h"
#include "support/random.h"

/* Rows of 3 columns; a later patch of a cell wins. */
START_TEST(patches_change_their_cells_in_order)
{
    uint32_t table[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    const uint32_t expected[] = { 1, 2, 30, 4, 5, 6, 7, 81, 9 };
    const kvspan_table_patch patches[] = { { .slot = 0, .column = 2, .page = 30 },
                                           { .slot = 2, .column = 1, .page = 80 },
                                           { .slot = 2, .column = 1, .page = 81 } };
    const kvspan_patch_table_args args = {
        .table = table, .stride = 3, .patches = patches, .patch_count = 3
    };

    COLUMN_RUN(patch_table, &args);
    ck_assert_int_eq(memcmp(table, expected, sizeof(table)), 0);
}
END_TEST

/* More patches than a block has threads, several to most cells that have any. */
START_TEST(many_patches_change_their_cells_in_order)
{
    enum {
        SLOTS = 7,
        COLUMNS = 90,
        PATCHES = 2600
    };
    static uint32_t table[SLOTS * COLUMNS];
    static uint32_t expected[SLOTS * COLUMNS];
    static kvspan_table_patch patches[PATCHES];
    random_source source = random_start("many patches", 1);
    const kvspan_patch_table_args args = {
        .table = table, .stride = COLUMNS, .patches = patches, .patch_count = PATCHES - (uint32_t)_i
    };

    for (uint32_t i = 0; i < SLOTS * COLUMNS; i++) {
        table[i] = expected[i] = random_below(&source, 1u << 20);
    }
    for (uint32_t i = 0; i < args.patch_count; i++) {
        patches[i] = (kvspan_table_patch){ .slot = random_below(&source, SLOTS),
                                           .column = random_below(&source, COLUMNS),
                                           .page = random_below(&source, 1u << 20) };
        expected[patches[i].slot * COLUMNS + patches[i].column] = patches[i].page;
    }
    COLUMN_RUN(patch_table, &args);
    ck_assert_int_eq(memcmp(table, expected, sizeof(table)), 0);
}
END_TEST

START_TEST(no_patches_change_nothing)
{
    uint32_t table[] = { 1, 2 };
    const uint32_t expected[] = { 1, 2 };
    const kvspan_patch_table_args args = { .table = table, .stride = 2 };

    COLUMN_RUN(patch_table, &args);
    ck_assert_int_eq(memcmp(table, expected, sizeof(table)), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/patch_table");
    TCase *patch = tcase_create("patch");

    tcase_add_test(patch, patches_change_their_cells_in_order);
    tcase_add_loop_test(patch, many_patches_change_their_cells_in_order, 0, 3);
    tcase_add_test(patch, no_patches_change_nothing);
    suite_add_tcase(suite, patch);
    return suite_run(suite);
}
