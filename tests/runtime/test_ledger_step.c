#include "support/suite.h"

#include <string.h>

#include "ledger_fixture.h"

static kvspan_ledger *ledger;

static void make_ledger(void)
{
    const kvspan_ledger_config config = test_ledger_config();

    ledger = test_ledger_create(&config);
}

static void check_and_destroy_ledger(void)
{
    kvspan_error error = { 0 };

    ck_assert_msg(kvspan_ledger_check(ledger, &error) == KVSPAN_OK, "%s", error.message);
    kvspan_ledger_destroy(ledger);
}

static void assert_add_fails(kvspan_step *step, kvspan_sequence sequence, uint32_t new_tokens,
                             kvspan_status status, const char *message)
{
    static test_snapshot before;
    kvspan_error error = { 0 };

    test_snapshot_take(ledger, &before);
    ck_assert_int_eq(kvspan_step_add(step, sequence, new_tokens, NULL, &error), status);
    ck_assert_str_eq(error.message, message);
    test_snapshot_assert_same(ledger, &before);
}

static void assert_table(uint32_t slot, const uint32_t *pages, uint32_t count)
{
    uint32_t page_count = 0;
    const uint32_t *table = kvspan_ledger_table(ledger, 0, slot, &page_count);

    ck_assert_uint_eq(page_count, count);
    for (uint32_t column = 0; column < count; column++) {
        ck_assert_uint_eq(table[column], pages[column]);
    }
}

#define ASSERT_TABLE(slot, ...)                             \
    assert_table((slot), (const uint32_t[]){ __VA_ARGS__ }, \
                 sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

START_TEST(rows_take_pages_from_the_head_as_their_tokens_need_them)
{
    const kvspan_sequence first = test_sequence_create(ledger, 1);
    const kvspan_sequence second = test_sequence_create(ledger, 2);
    kvspan_step *step = test_step_open(ledger);

    test_step_add(step, second, 5);
    test_step_add(step, first, 4);
    ck_assert_uint_eq(kvspan_step_row_count(step), 2);
    ck_assert_uint_eq(kvspan_step_token_count(step), 9);
    ASSERT_TABLE(1, 1, 2);
    ASSERT_TABLE(0, 3);
    ck_assert_uint_eq(kvspan_sequence_tokens(ledger, second), 5);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).tokens, 9);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).epoch, 0);
    ck_assert_int_eq(kvspan_step_rehearse(step, NULL), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).epoch, 1);
    test_append(ledger, second, 3);
    ASSERT_TABLE(1, 1, 2);
    test_append(ledger, second, 1);
    ASSERT_TABLE(1, 1, 2, 4);
    test_append(ledger, first, 1);
    ASSERT_TABLE(0, 3, 5);
}
END_TEST

/* A page id stands for 3 stretches of 4 tokens: 12 tokens take one page, 13 two. */
START_TEST(a_page_stands_for_the_tokens_of_all_members)
{
    kvspan_ledger_config config = test_ledger_config();
    kvspan_ledger *shared = NULL;
    kvspan_sequence sequence = 0;

    config.token_members = 3;
    shared = test_ledger_create(&config);
    sequence = test_sequence_create(shared, 1);
    test_append(shared, sequence, 12);
    ck_assert_uint_eq(kvspan_ledger_count(shared).pages_in_use, 1);
    test_append(shared, sequence, 1);
    ck_assert_uint_eq(kvspan_ledger_count(shared).pages_in_use, 2);
    ck_assert_int_eq(kvspan_ledger_check(shared, NULL), KVSPAN_OK);
    kvspan_ledger_destroy(shared);
}
END_TEST

START_TEST(one_step_is_open_at_a_time)
{
    static test_snapshot before;
    const kvspan_sequence sequence = test_sequence_create(ledger, 1);
    kvspan_step *step = test_step_open(ledger);
    kvspan_step *second = NULL;
    kvspan_error error = { 0 };

    test_step_add(step, sequence, 1);
    test_snapshot_take(ledger, &before);
    ck_assert_int_eq(kvspan_step_open(ledger, &second, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "a step is open already: epoch 1 with 1 rows");
    ck_assert_ptr_null(second);
    test_snapshot_assert_same(ledger, &before);
    ck_assert_int_eq(kvspan_step_open(NULL, &second, NULL), KVSPAN_ERR_ARGUMENT);
    kvspan_step_cancel(step);
    ck_assert_int_eq(kvspan_step_open(ledger, &second, NULL), KVSPAN_OK);
}
END_TEST

START_TEST(a_row_that_its_caller_got_wrong_is_refused)
{
    const int32_t parents[] = { -1, 0 };
    const kvspan_sequence sequence = test_sequence_create(ledger, 1);
    const kvspan_sequence other = test_sequence_create(ledger, 2);
    kvspan_step *step = test_step_open(ledger);
    kvspan_error error = { 0 };

    assert_add_fails(step, sequence, 0, KVSPAN_ERR_ARGUMENT, "new_tokens is 0, not at least 1");
    assert_add_fails(
        step, sequence + 3, 1, KVSPAN_ERR_ARGUMENT,
        "the sequence was never created: it is generation 1 of slot 3, which is free at "
        "generation 1");
    test_step_add(step, sequence, 6);
    assert_add_fails(step, sequence, 1, KVSPAN_ERR_ARGUMENT,
                     "slot 0 (tag 1) has a row in this step already");
    ck_assert_int_eq(kvspan_step_add(step, other, 2, parents, &error), KVSPAN_ERR_UNSUPPORTED);
    ck_assert_str_eq(error.message, "tree_parents: token trees are not supported");
    ck_assert_uint_eq(kvspan_step_row_count(step), 1);
}
END_TEST

START_TEST(a_step_has_at_most_max_step_rows)
{
    kvspan_sequence sequences[4];
    kvspan_step *step = test_step_open(ledger);

    for (uint32_t i = 0; i < 4; i++) {
        sequences[i] = test_sequence_create(ledger, i);
    }
    for (uint32_t i = 0; i < 3; i++) {
        test_step_add(step, sequences[i], 1);
    }
    assert_add_fails(step, sequences[3], 1, KVSPAN_ERR_ARGUMENT,
                     "the step has 3 rows, max_step_rows is 3");
}
END_TEST

START_TEST(a_step_has_at_most_max_step_tokens)
{
    kvspan_ledger_config config = test_ledger_config();
    kvspan_step *step = NULL;
    kvspan_sequence sequence = 0;

    config.max_step_tokens = 10;
    kvspan_ledger_destroy(ledger);
    ledger = test_ledger_create(&config);
    step = test_step_open(ledger);
    test_step_add(step, test_sequence_create(ledger, 1), 7);
    sequence = test_sequence_create(ledger, 2);
    assert_add_fails(step, sequence, 4, KVSPAN_ERR_ARGUMENT,
                     "the step has 7 tokens, 4 more are beyond max_step_tokens 10");
    assert_add_fails(step, sequence, 33, KVSPAN_ERR_ARGUMENT,
                     "the step has 7 tokens, 33 more are beyond max_step_tokens 10");
    test_step_add(step, sequence, 3);
}
END_TEST

START_TEST(a_row_that_can_never_fit_says_so_even_when_pages_are_short)
{
    const kvspan_sequence sequence = test_sequence_create(ledger, 4);
    kvspan_step *step = NULL;

    test_append(ledger, sequence, 30);
    step = test_step_open(ledger);
    assert_add_fails(step, sequence, 11, KVSPAN_ERR_NEVER_FITS,
                     "slot 0 (tag 4) has 30 tokens, 11 more are beyond max_sequence_tokens 40");
    assert_add_fails(step, sequence, UINT32_MAX, KVSPAN_ERR_NEVER_FITS,
                     "slot 0 (tag 4) has 30 tokens, 4294967295 more are beyond "
                     "max_sequence_tokens 40");
    assert_add_fails(step, sequence, 3, KVSPAN_ERR_NEVER_FITS,
                     "slot 0 (tag 4) needs 9 pages for 33 tokens, there are 8");
    test_step_add(step, sequence, 2);
}
END_TEST

START_TEST(without_enough_pages_a_row_takes_none_and_a_free_lets_it_in)
{
    const kvspan_sequence first = test_sequence_create(ledger, 1);
    const kvspan_sequence second = test_sequence_create(ledger, 2);
    kvspan_step *step = NULL;

    test_append(ledger, first, 24);
    step = test_step_open(ledger);
    assert_add_fails(step, second, 9, KVSPAN_ERR_NO_PAGES,
                     "slot 1 (tag 2) needs 3 more pages, 2 of 8 are free");
    ck_assert_int_eq(kvspan_sequence_free(ledger, first, NULL), KVSPAN_OK);
    test_step_add(step, second, 9);
    ASSERT_TABLE(1, 7, 8, 1);
}
END_TEST

START_TEST(a_step_that_has_ended_takes_no_more)
{
    const kvspan_sequence sequence = test_sequence_create(ledger, 1);
    kvspan_step *step = test_step_open(ledger);

    ck_assert_int_eq(kvspan_step_rehearse(step, NULL), KVSPAN_OK);
    assert_add_fails(step, sequence, 1, KVSPAN_ERR_ARGUMENT, "the step is not open");
    ck_assert_int_eq(kvspan_step_attach(step, "x", 1, NULL), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_step_rehearse(step, NULL), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_step_add(NULL, sequence, 1, NULL, NULL), KVSPAN_ERR_ARGUMENT);
    kvspan_step_cancel(step);
    kvspan_step_cancel(NULL);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).epoch, 1);
}
END_TEST

START_TEST(the_last_attached_payload_rides)
{
    static test_snapshot before;
    char payload[16] = "0123456789abcde";
    kvspan_step *step = test_step_open(ledger);
    kvspan_changes changes;
    kvspan_error error = { 0 };

    ck_assert_int_eq(kvspan_step_attach(step, "longer", 6, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_step_attach(step, payload, 16, NULL), KVSPAN_OK);
    memset(payload, 'x', sizeof(payload));
    test_snapshot_take(ledger, &before);
    ck_assert_int_eq(kvspan_step_attach(step, payload, 17, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "payload_bytes is 17, max_payload_bytes is 16");
    ck_assert_int_eq(kvspan_step_attach(step, payload, (size_t)1 << 32, NULL), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_step_attach(step, NULL, 3, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "payload is NULL for 3 bytes");
    test_snapshot_assert_same(ledger, &before);
    changes = kvspan_step_changes(step);
    ck_assert_uint_eq(changes.payload_bytes, 16);
    ck_assert_mem_eq(changes.payload, "0123456789abcde", 16);
    ck_assert_int_eq(kvspan_step_attach(step, NULL, 0, NULL), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_step_changes(step).payload_bytes, 0);
    ck_assert_int_eq(kvspan_step_attach(step, "ab", 2, NULL), KVSPAN_OK);
    kvspan_step_cancel(step);
    ck_assert_uint_eq(kvspan_step_changes(test_step_open(ledger)).payload_bytes, 0);
}
END_TEST

/* The ring is turned first, so that restoring crosses its end. */
START_TEST(cancel_restores_everything_but_the_high_water)
{
    static test_snapshot before;
    const kvspan_sequence first = test_sequence_create(ledger, 1);
    const kvspan_sequence second = test_sequence_create(ledger, 2);
    kvspan_sequence turned = test_sequence_create(ledger, 3);
    kvspan_step *step = NULL;

    test_append(ledger, turned, 20);
    ck_assert_int_eq(kvspan_sequence_free(ledger, turned, NULL), KVSPAN_OK);
    test_append(ledger, first, 6);
    turned = test_sequence_create(ledger, 4);
    test_snapshot_take(ledger, &before);
    step = test_step_open(ledger);
    test_step_add(step, second, 9);
    test_step_add(step, turned, 1);
    test_step_add(step, first, 4);
    ck_assert_int_eq(kvspan_step_attach(step, "abc", 3, NULL), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).pages_in_use, 7);
    kvspan_step_cancel(step);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).pages_high_water, 7);
    before.counts.pages_high_water = 7;
    test_snapshot_assert_same(ledger, &before);
}
END_TEST

START_TEST(cancel_keeps_what_was_created_and_freed_meanwhile)
{
    const kvspan_sequence first = test_sequence_create(ledger, 1);
    const kvspan_sequence second = test_sequence_create(ledger, 2);
    const uint32_t expected[] = { 7, 8, 1, 2, 3, 4, 5, 6 };
    kvspan_sequence third = 0;
    kvspan_step *step = NULL;

    test_append(ledger, first, 24);
    step = test_step_open(ledger);
    test_step_add(step, second, 5);
    third = test_sequence_create(ledger, 3);
    ck_assert_int_eq(kvspan_sequence_free(ledger, first, NULL), KVSPAN_OK);
    test_step_add(step, third, 9);
    ASSERT_TABLE(2, 1, 2, 3);
    kvspan_step_cancel(step);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).sequences, 2);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).pages_free, 8);
    for (uint32_t place = 0; place < 8; place++) {
        ck_assert_uint_eq(kvspan_page_pool_queued(&ledger->pool, place), expected[place]);
    }
    ck_assert_uint_eq(kvspan_sequence_tokens(ledger, third), 0);
    ck_assert_uint_eq(kvspan_step_changes(test_step_open(ledger)).released_count, 1);
}
END_TEST

START_TEST(changes_list_what_the_ranks_have_not_heard)
{
    const kvspan_sequence first = test_sequence_create(ledger, 10);
    const kvspan_sequence second = test_sequence_create(ledger, 20);
    kvspan_step *step = test_step_open(ledger);
    kvspan_changes changes;

    test_step_add(step, second, 5);
    changes = kvspan_step_changes(step);
    ck_assert_uint_eq(changes.epoch, 1);
    ck_assert_uint_eq(changes.released_count, 0);
    ck_assert_uint_eq(changes.admitted_count, 2);
    ck_assert_uint_eq(changes.admitted[0].slot, 0);
    ck_assert_uint_eq(changes.admitted[0].tag, 10);
    ck_assert_uint_eq(changes.admitted[1].slot, 1);
    ck_assert_uint_eq(changes.admitted[1].tag, 20);
    ck_assert_uint_eq(changes.page_run_count, 1);
    ck_assert_uint_eq(changes.page_runs[0].slot, 1);
    ck_assert_uint_eq(changes.page_runs[0].page_count, 2);
    ck_assert_uint_eq(changes.page_runs[0].pages[0], 1);
    ck_assert_uint_eq(changes.page_runs[0].pages[1], 2);
    ck_assert_uint_eq(changes.row_count, 1);
    ck_assert_uint_eq(changes.rows[0].slot, 1);
    ck_assert_uint_eq(changes.rows[0].token_count, 5);
    ck_assert_uint_eq(changes.token_count, 5);
    kvspan_step_seal(step);

    step = test_step_open(ledger);
    test_step_add(step, first, 1);
    test_step_add(step, second, 3);
    changes = kvspan_step_changes(step);
    ck_assert_uint_eq(changes.epoch, 2);
    ck_assert_uint_eq(changes.admitted_count, 0);
    ck_assert_uint_eq(changes.page_run_count, 1);
    ck_assert_uint_eq(changes.page_runs[0].slot, 0);
    ck_assert_uint_eq(changes.row_count, 2);
    ck_assert_ptr_eq(kvspan_step_ledger(step), ledger);
}
END_TEST

START_TEST(a_sequence_that_ends_before_any_seal_is_never_told)
{
    const kvspan_sequence first = test_sequence_create(ledger, 1);
    kvspan_step *step = test_step_open(ledger);
    kvspan_changes changes;

    ck_assert_int_eq(kvspan_sequence_free(ledger, first, NULL), KVSPAN_OK);
    changes = kvspan_step_changes(step);
    ck_assert_uint_eq(changes.released_count, 0);
    ck_assert_uint_eq(changes.admitted_count, 0);
    ck_assert_uint_eq(changes.table_digest, 0);
}
END_TEST

START_TEST(a_slot_can_be_released_and_admitted_in_one_step)
{
    const kvspan_sequence first = test_sequence_create(ledger, 1);
    kvspan_sequence second = 0;
    kvspan_step *step = NULL;
    kvspan_changes changes;

    test_append(ledger, first, 1);
    ck_assert_int_eq(kvspan_sequence_free(ledger, first, NULL), KVSPAN_OK);
    second = test_sequence_create(ledger, 2);
    ck_assert_int_eq(kvspan_sequence_free(ledger, second, NULL), KVSPAN_OK);
    (void)test_sequence_create(ledger, 3);
    step = test_step_open(ledger);
    changes = kvspan_step_changes(step);
    ck_assert_uint_eq(changes.released_count, 1);
    ck_assert_uint_eq(changes.released[0], 0);
    ck_assert_uint_eq(changes.admitted_count, 1);
    ck_assert_uint_eq(changes.admitted[0].slot, 0);
    ck_assert_uint_eq(changes.admitted[0].tag, 3);
}
END_TEST

/* A cancelled step told nobody anything: the next step tells it all. */
START_TEST(a_rank_that_applies_the_changes_has_the_same_tables)
{
    static test_rank rank;
    const kvspan_sequence first = test_sequence_create(ledger, 1);
    const kvspan_sequence second = test_sequence_create(ledger, 2);
    kvspan_step *step = test_step_open(ledger);
    kvspan_changes changes;

    memset(&rank, 0, sizeof(rank));
    test_step_add(step, second, 9);
    test_step_add(step, first, 2);
    changes = kvspan_step_changes(step);
    test_rank_apply(&rank, &changes, 4);
    kvspan_step_seal(step);
    step = test_step_open(ledger);
    ck_assert_int_eq(kvspan_sequence_free(ledger, first, NULL), KVSPAN_OK);
    test_step_add(step, second, 4);
    kvspan_step_cancel(step);
    step = test_step_open(ledger);
    test_step_add(step, test_sequence_create(ledger, 3), 4);
    test_step_add(step, second, 8);
    changes = kvspan_step_changes(step);
    test_rank_apply(&rank, &changes, 4);
    kvspan_step_seal(step);
    ck_assert_uint_eq(kvspan_ledger_digest(ledger), test_rank_digest(&rank));
    ck_assert_uint_eq(rank.tags[0], 3);
    ck_assert_uint_eq(rank.tokens[1], 17);
}
END_TEST

START_TEST(the_steps_of_a_cache_cannot_be_rehearsed)
{
    static test_snapshot before;
    kvspan_step *step = NULL;
    kvspan_error error = { 0 };

    kvspan_ledger_adopt(ledger);
    step = test_step_open(ledger);
    test_step_add(step, test_sequence_create(ledger, 1), 3);
    test_snapshot_take(ledger, &before);
    ck_assert_int_eq(kvspan_step_rehearse(step, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "the ledger of epoch 0 belongs to a cache: begin its step");
    test_snapshot_assert_same(ledger, &before);
    kvspan_step_seal(step);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).epoch, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/ledger_step");
    TCase *step = tcase_create("step");

    tcase_add_checked_fixture(step, make_ledger, check_and_destroy_ledger);
    tcase_add_test(step, rows_take_pages_from_the_head_as_their_tokens_need_them);
    tcase_add_test(step, a_page_stands_for_the_tokens_of_all_members);
    tcase_add_test(step, one_step_is_open_at_a_time);
    tcase_add_test(step, a_row_that_its_caller_got_wrong_is_refused);
    tcase_add_test(step, a_step_has_at_most_max_step_rows);
    tcase_add_test(step, a_step_has_at_most_max_step_tokens);
    tcase_add_test(step, a_row_that_can_never_fit_says_so_even_when_pages_are_short);
    tcase_add_test(step, without_enough_pages_a_row_takes_none_and_a_free_lets_it_in);
    tcase_add_test(step, a_step_that_has_ended_takes_no_more);
    tcase_add_test(step, the_last_attached_payload_rides);
    tcase_add_test(step, cancel_restores_everything_but_the_high_water);
    tcase_add_test(step, cancel_keeps_what_was_created_and_freed_meanwhile);
    tcase_add_test(step, changes_list_what_the_ranks_have_not_heard);
    tcase_add_test(step, a_sequence_that_ends_before_any_seal_is_never_told);
    tcase_add_test(step, a_slot_can_be_released_and_admitted_in_one_step);
    tcase_add_test(step, a_rank_that_applies_the_changes_has_the_same_tables);
    tcase_add_test(step, the_steps_of_a_cache_cannot_be_rehearsed);
    suite_add_tcase(suite, step);
    return suite_run(suite);
}
