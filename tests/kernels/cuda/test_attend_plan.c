#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/attend_plan.h"
#include "kernels/cuda/cuda_operations.h"

enum {
    MOST_ITEMS = 64
};

/* A packed plan and what it was packed from. */
typedef struct packed_case {
    kvspan_plan_limits limits;
    kvspan_work_item items[MOST_ITEMS];
    uint32_t item_count;
    kvspan_attend_plan *plan;
    const kvspan_attend_unit *units;
} packed_case;

static packed_case case_begin(uint32_t group_size, uint32_t kv_heads)
{
    return (packed_case){ .limits = { .max_rows = MOST_ITEMS,
                                      .max_tokens = 4096,
                                      .max_items = MOST_ITEMS,
                                      .max_local_tokens = 1u << 20,
                                      .group_size = group_size,
                                      .q_heads = group_size * kv_heads,
                                      .kv_heads = kv_heads,
                                      .key_dim = 128,
                                      .value_dim = 128 } };
}

static void add_item(packed_case *packed, uint32_t position, uint32_t token_count, uint64_t begin)
{
    packed->items[packed->item_count] = (kvspan_work_item){ .row = packed->item_count,
                                                            .slot = packed->item_count,
                                                            .token_count = token_count,
                                                            .position = position,
                                                            .index_begin = begin,
                                                            .index_end = position + token_count };
    packed->item_count++;
}

static void pack(packed_case *packed)
{
    const kvspan_work_plan plan = { .items = packed->items, .item_count = packed->item_count };
    const uint64_t most = kvspan_cuda_packed_plan_bytes(&packed->limits);

    packed->plan = calloc(1, most);
    ck_assert_ptr_nonnull(packed->plan);
    ck_assert_uint_le(kvspan_cuda_pack_plan(&packed->limits, &plan, packed->plan), most);
    packed->units = (const kvspan_attend_unit *)(const void *)(packed->plan + 1);
}

START_TEST(few_rows_and_single_tokens_decode_and_others_prefill)
{
    packed_case packed = case_begin(8, 1);

    add_item(&packed, 100, 1, 0);
    add_item(&packed, 100, 2, 0);
    add_item(&packed, 100, 3, 0);
    add_item(&packed, 100, 40, 0);
    pack(&packed);
    ck_assert_uint_eq(packed.plan->decode_count, 2);
    ck_assert_uint_eq(packed.plan->prefill_count, 1 + 3);
    ck_assert_uint_eq(packed.units[2].row_count, 24);
    ck_assert_uint_eq(packed.units[3].first_row, 0);
    ck_assert_uint_eq(packed.units[5].first_row, 256);
    ck_assert_uint_eq(packed.units[5].row_count, 64);
    free(packed.plan);
}
END_TEST

/* Many query heads of one token: blocks of 16 rows. */
START_TEST(large_groups_decode_in_blocks_of_rows)
{
    packed_case packed = case_begin(40, 1);

    add_item(&packed, 100, 1, 0);
    pack(&packed);
    ck_assert_uint_eq(packed.plan->decode_count, 3);
    ck_assert_uint_eq(packed.units[2].first_row, 32);
    ck_assert_uint_eq(packed.units[2].row_count, 8);
    free(packed.plan);
}
END_TEST

/* One long item is shared: a unit for every split with tokens in it, from an absolute border on. */
START_TEST(a_long_item_is_shared_at_absolute_borders)
{
    packed_case packed = case_begin(4, 2);

    add_item(&packed, 5000, 1, 700);
    pack(&packed);
    ck_assert_uint_eq(packed.plan->decode_count, 9); /* splits 1 … 9 of 512 */
    for (uint32_t i = 0; i < 9; i++) {
        ck_assert_uint_eq(packed.units[i].split, i);
        ck_assert_uint_eq(packed.units[i].split_count, 9);
        ck_assert_uint_eq(packed.units[i].split_tokens, KVSPAN_SPLIT_TOKENS);
        ck_assert_uint_eq(packed.units[i].partial_row, 0);
    }
    ck_assert_uint_eq(packed.plan->partial_row_count, (size_t)9 * 4);
    ck_assert_uint_eq(packed.plan->counter_count, 1);
    free(packed.plan);
}
END_TEST

/* Whoever else is in the batch: whether an item is shared may change, its splits may not. */
START_TEST(splits_depend_on_the_sequence_alone)
{
    ck_assert_uint_eq(kvspan_attend_split_tokens(1), 512);
    ck_assert_uint_eq(kvspan_attend_split_tokens((uint64_t)512 * 256), 512);
    ck_assert_uint_eq(kvspan_attend_split_tokens(512 * 256 + 1), 1024);
    ck_assert_uint_eq(kvspan_attend_split_tokens(2147483647), 8388608);
}
END_TEST

/* More long items than scratch has room for: they fold their splits themselves. */
START_TEST(items_without_room_for_partial_results_are_not_shared)
{
    packed_case packed = case_begin(16, 8);
    uint32_t partial_rows;

    for (uint32_t i = 0; i < MOST_ITEMS; i++) {
        add_item(&packed, 100000, 1, 0);
    }
    pack(&packed);
    partial_rows = packed.plan->partial_row_count;
    ck_assert_uint_le(partial_rows, kvspan_attend_partial_rows(&packed.limits));
    ck_assert_uint_eq(packed.plan->decode_count, MOST_ITEMS);
    ck_assert_uint_eq(packed.units[0].partial_row, KVSPAN_NO_PARTIAL);
    free(packed.plan);
}
END_TEST

START_TEST(items_that_see_nothing_have_a_unit)
{
    packed_case packed = case_begin(2, 1);

    add_item(&packed, 0, 1, 1);
    packed.items[0].index_end = 0;
    packed.items[0].index_begin = 0;
    pack(&packed);
    ck_assert_uint_eq(packed.plan->decode_count, 1);
    ck_assert_uint_eq(packed.units[0].index_end, 0);
    free(packed.plan);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/attend_plan");
    TCase *plan = tcase_create("plan");

    tcase_add_test(plan, few_rows_and_single_tokens_decode_and_others_prefill);
    tcase_add_test(plan, large_groups_decode_in_blocks_of_rows);
    tcase_add_test(plan, a_long_item_is_shared_at_absolute_borders);
    tcase_add_test(plan, splits_depend_on_the_sequence_alone);
    tcase_add_test(plan, items_without_room_for_partial_results_are_not_shared);
    tcase_add_test(plan, items_that_see_nothing_have_a_unit);
    suite_add_tcase(suite, plan);
    return suite_run(suite);
}
