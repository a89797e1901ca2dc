#include "support/suite.h"

#include <string.h>

#include "ledger_fixture.h"

/* Two live sequences: slot 0 (tag 100) with pages 1, 2, 3; slot 1 (tag 200) with pages 4, 5. Pages
 * 6, 7, 8 are free, and the third of four slots had pages 6 and 7 before. */
static kvspan_ledger *ledger;

static void make_ledger(void)
{
    const kvspan_ledger_config config = test_ledger_config();
    kvspan_sequence third = 0;

    ledger = test_ledger_create(&config);
    test_append(ledger, test_sequence_create(ledger, 100), 10);
    test_append(ledger, test_sequence_create(ledger, 200), 8);
    third = test_sequence_create(ledger, 300);
    test_append(ledger, third, 5);
    ck_assert_int_eq(kvspan_sequence_free(ledger, third, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_ledger_check(ledger, NULL), KVSPAN_OK);
}

static void destroy_ledger(void)
{
    kvspan_ledger_destroy(ledger);
}

static void assert_found(const char *message)
{
    kvspan_error error = { 0 };

    ck_assert_int_eq(kvspan_ledger_check(ledger, &error), KVSPAN_ERR_CORRUPT);
    ck_assert_str_eq(error.message, message);
    ck_assert_int_eq(error.status, KVSPAN_ERR_CORRUPT);
    ck_assert_int_eq(kvspan_ledger_check(ledger, NULL), KVSPAN_ERR_CORRUPT);
}

static uint32_t *columns(uint32_t slot)
{
    return kvspan_ledger_columns(ledger, 0, slot);
}

/* What a free that forgets a page leaves behind. */
START_TEST(a_leaked_page_is_found_with_the_sequence_that_took_it)
{
    kvspan_page_pool_share(&ledger->pool, 5);
    ck_assert_int_eq(kvspan_sequence_free(ledger, (uint64_t)1 << 32 | 1, NULL), KVSPAN_OK);
    assert_found("page 5 leaked: it has 1 references but is in no table; slot 1 (tag 200) took it");
}
END_TEST

/* What a table that forgets a page leaves behind. */
START_TEST(a_page_dropped_from_its_table_is_found)
{
    columns(0)[2] = 0;
    ledger->page_counts[0] = 2;
    assert_found("page 3 leaked: it has 1 references but is in no table; slot 0 (tag 100) took it");
}
END_TEST

START_TEST(a_page_that_is_neither_free_nor_used_is_found)
{
    ledger->pool.free_count--;
    assert_found("page 7 leaked: it is neither free nor in a table; slot 2 (tag 300) had it last");
}
END_TEST

START_TEST(a_page_handed_out_twice_is_found_with_both_owners)
{
    const uint32_t lost = columns(1)[1];

    columns(1)[1] = 2;
    ck_assert_int_eq(kvspan_page_pool_give(&ledger->pool, &lost, 1, NULL), KVSPAN_OK);
    assert_found("page 2 has 1 references but is in tables 2 times: slot 0 (tag 100) column 1, "
                 "then slot 1 (tag 200) column 1");
}
END_TEST

START_TEST(a_page_given_back_while_in_use_is_found_with_its_owner)
{
    ck_assert_int_eq(kvspan_page_pool_give(&ledger->pool, &columns(1)[0], 1, NULL), KVSPAN_OK);
    assert_found("page 4 is free but used by slot 1 (tag 200) column 0");
}
END_TEST

START_TEST(a_page_given_back_twice_is_found_with_its_last_owner)
{
    ledger->pool.queue[ledger->pool.head] = 6;
    assert_found("page 6 is in the free queue twice; slot 2 (tag 300) had it last");
}
END_TEST

START_TEST(a_wrong_reference_count_is_found_with_the_owner)
{
    kvspan_page_pool_share(&ledger->pool, 2);
    assert_found("page 2 has 2 references but is in 1 table: slot 0 (tag 100) column 1");
    ledger->pool.records[2].references = 0;
    assert_found("page 2 has 0 references but is in 1 table: slot 0 (tag 100) column 1");
    ledger->pool.records[2].references = 1;
    ledger->pool.records[7].references = 1;
    assert_found("page 7 is free but has 1 references; slot 2 (tag 300) took it");
}
END_TEST

START_TEST(the_null_page_in_use_is_found)
{
    columns(0)[1] = 0;
    assert_found("slot 0 (tag 100) has page 0 in column 1, not in [1, 9)");
    columns(0)[1] = 9;
    assert_found("slot 0 (tag 100) has page 9 in column 1, not in [1, 9)");
    columns(0)[1] = 2;
    ledger->pool.records[0].references = 1;
    assert_found("page 0 has 1 references; slot 0 (tag 0) took it");
    ledger->pool.records[0].references = 0;
    ledger->pool.queue[ledger->pool.head] = 0;
    assert_found("page 0 is in the free queue, not in [1, 9)");
}
END_TEST

START_TEST(a_free_queue_out_of_bounds_is_found)
{
    ledger->pool.free_count = 9;
    assert_found("the free queue has 9 pages from place 7 on, but only 8 places");
    ledger->pool.free_count = 3;
    ledger->pool.head = 8;
    assert_found("the free queue has 3 pages from place 8 on, but only 8 places");
}
END_TEST

START_TEST(a_high_water_below_what_is_in_use_is_found)
{
    ledger->pool.high_water = 4;
    assert_found("5 of 8 pages are in use, pages_high_water is 4");
}
END_TEST

START_TEST(a_page_behind_the_end_of_a_table_is_found)
{
    columns(1)[2] = 3;
    assert_found("slot 1 (tag 200) has 2 pages but page 3 in column 2");
    columns(1)[2] = 0;
    ledger->page_counts[1] = 99;
    assert_found("slot 1 (tag 200) has 99 pages, a row has 8 columns");
}
END_TEST

START_TEST(tokens_that_do_not_go_with_the_pages_are_found)
{
    ledger->slots[1].token_count = 9;
    assert_found("slot 1 (tag 200) has 2 pages for 9 tokens, which need 3");
    ledger->slots[1].token_count = 4;
    assert_found("slot 1 (tag 200) has 2 pages for 4 tokens, which need 1");
    ledger->slots[1].token_count = 41;
    assert_found("slot 1 (tag 200) has 41 tokens, 0 committed, max_sequence_tokens is 40");
    ledger->slots[1].token_count = 7;
    assert_found("the sequences have 17 tokens, 18 are counted");
}
END_TEST

START_TEST(a_slot_that_is_wrongly_free_is_found)
{
    kvspan_slot_set_add(&ledger->free, 1);
    assert_found("slot 1 is free but holds 2 pages from page 4 on; tag 200 had it last");
    kvspan_slot_set_remove(&ledger->free, 1);
    ledger->slots[2].token_count = 1;
    assert_found("slot 2 is free but has 1 tokens, 0 committed, 0 rows; tag 300 had it last");
    ledger->slots[2].token_count = 0;
    kvspan_slot_set_add(&ledger->admitted, 2);
    assert_found("slot 2 is free but would be admitted; tag 300 had it last");
    kvspan_slot_set_remove(&ledger->admitted, 2);
    ledger->slots[3].generation = 0;
    assert_found("slot 3 (tag 0) is at generation 0");
}
END_TEST

START_TEST(a_wrong_set_of_slots_is_found)
{
    ledger->free.count = 1;
    assert_found("2 free slots are counted as 1");
    ledger->free.count = 2;
    ledger->free.words[0] |= 16;
    assert_found("free slot 4 is not in [0, 4)");
    ledger->free.words[0] &= ~(uint64_t)16;
    ledger->free.first_word = 1;
    assert_found("free slot 2 is before word 1, where the search begins");
    ledger->free.first_word = 0;
    ledger->released.count = 2;
    assert_found("1 released slots are counted as 2");
}
END_TEST

START_TEST(a_digest_that_is_not_of_the_tables_is_found)
{
    kvspan_error error = { 0 };

    ledger->digest ^= 1;
    ck_assert_int_eq(kvspan_ledger_check(ledger, &error), KVSPAN_ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "the tables have digest "));
    ledger->digest ^= 1;
    ledger->slots[0].tag = 101;
    ck_assert_int_eq(kvspan_ledger_check(ledger, &error), KVSPAN_ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "the tables have digest "));
}
END_TEST

START_TEST(a_step_that_does_not_go_with_the_tables_is_found)
{
    kvspan_step *step = test_step_open(ledger);

    test_step_add(step, (uint64_t)1 << 32, 3);
    ck_assert_int_eq(kvspan_ledger_check(ledger, NULL), KVSPAN_OK);
    ledger->slots[0].has_row = false;
    assert_found("slot 0 (tag 100) of 13 tokens knows of 0 rows, the step has one of 3 tokens");
    ledger->slots[0].has_row = true;
    ledger->slots[1].has_row = true;
    assert_found("the open step has 1 rows of 3 tokens, 2 slots have rows of 3 tokens");
    ledger->slots[1].has_row = false;
    step->page_runs[0].first_column = 2;
    assert_found("the step adds 1 pages to slot 0 from column 2 on, which the table does not end "
                 "with");
    step->page_runs[0].first_column = 3;
    step->rows[0].slot = 4;
    assert_found("a row's slot 4 is not in [0, 4)");
    step->rows[0].slot = 0;
    step->is_open = false;
    assert_found("the closed step has 1 rows of 3 tokens, 1 slots have rows of 3 tokens");
    step->is_open = true;
    ck_assert_int_eq(kvspan_ledger_check(ledger, NULL), KVSPAN_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/ledger_check");
    TCase *check = tcase_create("check");

    tcase_add_checked_fixture(check, make_ledger, destroy_ledger);
    tcase_add_test(check, a_leaked_page_is_found_with_the_sequence_that_took_it);
    tcase_add_test(check, a_page_dropped_from_its_table_is_found);
    tcase_add_test(check, a_page_that_is_neither_free_nor_used_is_found);
    tcase_add_test(check, a_page_handed_out_twice_is_found_with_both_owners);
    tcase_add_test(check, a_page_given_back_while_in_use_is_found_with_its_owner);
    tcase_add_test(check, a_page_given_back_twice_is_found_with_its_last_owner);
    tcase_add_test(check, a_wrong_reference_count_is_found_with_the_owner);
    tcase_add_test(check, the_null_page_in_use_is_found);
    tcase_add_test(check, a_free_queue_out_of_bounds_is_found);
    tcase_add_test(check, a_high_water_below_what_is_in_use_is_found);
    tcase_add_test(check, a_page_behind_the_end_of_a_table_is_found);
    tcase_add_test(check, tokens_that_do_not_go_with_the_pages_are_found);
    tcase_add_test(check, a_slot_that_is_wrongly_free_is_found);
    tcase_add_test(check, a_wrong_set_of_slots_is_found);
    tcase_add_test(check, a_digest_that_is_not_of_the_tables_is_found);
    tcase_add_test(check, a_step_that_does_not_go_with_the_tables_is_found);
    suite_add_tcase(suite, check);
    return suite_run(suite);
}
