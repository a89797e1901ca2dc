#include "support/suite.h"

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

static kvspan_sequence_config sequence_config(uint64_t tag)
{
    return (kvspan_sequence_config){ .size = sizeof(kvspan_sequence_config), .tag = tag };
}

/* A create that fails: with this status and text, leaving ledger and outputs alone. */
static void assert_create_fails(const kvspan_sequence_config *config, kvspan_status status,
                                const char *message)
{
    static test_snapshot before;
    kvspan_error error = { 0 };
    kvspan_sequence sequence = 77;
    uint64_t cached_tokens = 78;

    test_snapshot_take(ledger, &before);
    ck_assert_int_eq(kvspan_sequence_create(ledger, config, &sequence, &cached_tokens, &error),
                     status);
    ck_assert_str_eq(error.message, message);
    ck_assert_uint_eq(sequence, 77);
    ck_assert_uint_eq(cached_tokens, 78);
    test_snapshot_assert_same(ledger, &before);
}

static void assert_free_fails(kvspan_sequence sequence, const char *message)
{
    static test_snapshot before;
    kvspan_error error = { 0 };

    test_snapshot_take(ledger, &before);
    ck_assert_int_eq(kvspan_sequence_free(ledger, sequence, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, message);
    test_snapshot_assert_same(ledger, &before);
}

START_TEST(a_sequence_starts_empty_in_the_lowest_free_slot)
{
    kvspan_sequence_config config = sequence_config(5);
    kvspan_sequence first = 0;
    uint64_t cached_tokens = 9;

    config.token_count = 7;
    ck_assert_int_eq(kvspan_sequence_create(ledger, &config, &first, &cached_tokens, NULL),
                     KVSPAN_OK);
    ck_assert_uint_eq(first, (uint64_t)1 << 32);
    ck_assert_uint_eq(cached_tokens, 0);
    ck_assert_uint_eq(kvspan_sequence_tokens(ledger, first), 0);
    ck_assert_uint_eq(kvspan_sequence_committed(ledger, first), 7);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).pages_in_use, 0);
    ck_assert_uint_eq(test_sequence_create(ledger, 6), (uint64_t)1 << 32 | 1);
    ck_assert_uint_eq(test_sequence_create(ledger, 7), (uint64_t)1 << 32 | 2);
    ck_assert_int_eq(kvspan_sequence_free(ledger, first, NULL), KVSPAN_OK);
    ck_assert_uint_eq(test_sequence_create(ledger, 8), (uint64_t)2 << 32);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).sequences, 3);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).slots_free, 1);
}
END_TEST

/* More slots than one word of the free set has, freed in any order. */
START_TEST(the_lowest_free_slot_is_found_over_many_words)
{
    kvspan_ledger_config config = test_ledger_config();
    kvspan_sequence sequences[130];
    const uint32_t freed[] = { 129, 64, 63, 128, 0, 65 };
    const uint32_t reused[] = { 0, 63, 64, 65, 128, 129 };
    kvspan_ledger *large = NULL;

    config.slot_count = 130;
    large = test_ledger_create(&config);
    for (uint32_t slot = 0; slot < 130; slot++) {
        sequences[slot] = test_sequence_create(large, slot);
        ck_assert_uint_eq((uint32_t)sequences[slot], slot);
    }
    for (uint32_t i = 0; i < 6; i++) {
        ck_assert_int_eq(kvspan_sequence_free(large, sequences[freed[i]], NULL), KVSPAN_OK);
    }
    for (uint32_t i = 0; i < 6; i++) {
        ck_assert_uint_eq((uint32_t)test_sequence_create(large, 1000 + i), reused[i]);
    }
    ck_assert_int_eq(kvspan_ledger_check(large, NULL), KVSPAN_OK);
    kvspan_ledger_destroy(large);
}
END_TEST

START_TEST(options_that_are_not_built_name_themselves)
{
    kvspan_sequence_config config = sequence_config(1);

    config.name_space = "tenant";
    assert_create_fails(&config, KVSPAN_ERR_UNSUPPORTED,
                        "name_space of 0 bytes: name spaces are not supported");
    config.name_space = NULL;
    config.name_space_bytes = 6;
    assert_create_fails(&config, KVSPAN_ERR_UNSUPPORTED,
                        "name_space of 6 bytes: name spaces are not supported");
    config.name_space_bytes = 0;
    config.priority = -1;
    assert_create_fails(&config, KVSPAN_ERR_UNSUPPORTED,
                        "priority is -1: priorities are not supported");
    config.priority = 0;
    config.flags = 4;
    assert_create_fails(&config, KVSPAN_ERR_ARGUMENT, "flags are 0x4, not 0");
}
END_TEST

START_TEST(a_sequence_config_without_a_size_is_refused)
{
    kvspan_sequence_config config = sequence_config(1);
    kvspan_sequence sequence = 0;

    config.size = 0;
    ck_assert_int_eq(kvspan_sequence_create(ledger, &config, &sequence, NULL, NULL),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_sequence_create(ledger, NULL, &sequence, NULL, NULL),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).sequences, 0);
}
END_TEST

/* 8 pages of 4 tokens: 32 fit, 33 never do, though max_sequence_tokens is 40. */
START_TEST(a_prompt_that_can_never_fit_is_refused)
{
    kvspan_sequence_config config = sequence_config(1);
    kvspan_sequence sequence = 0;

    config.token_count = 41;
    assert_create_fails(&config, KVSPAN_ERR_NEVER_FITS,
                        "a prompt of 41 tokens is longer than max_sequence_tokens 40");
    config.token_count = UINT64_MAX;
    assert_create_fails(
        &config, KVSPAN_ERR_NEVER_FITS,
        "a prompt of 18446744073709551615 tokens is longer than max_sequence_tokens 40");
    config.token_count = 33;
    assert_create_fails(&config, KVSPAN_ERR_NEVER_FITS,
                        "a prompt of 33 tokens needs 9 pages, there are 8");
    config.token_count = 32;
    ck_assert_int_eq(kvspan_sequence_create(ledger, &config, &sequence, NULL, NULL), KVSPAN_OK);
}
END_TEST

START_TEST(without_a_free_slot_nothing_is_created)
{
    kvspan_sequence_config config = sequence_config(9);
    kvspan_sequence second = 0;

    (void)test_sequence_create(ledger, 1);
    second = test_sequence_create(ledger, 2);
    (void)test_sequence_create(ledger, 3);
    (void)test_sequence_create(ledger, 4);
    assert_create_fails(&config, KVSPAN_ERR_NO_SLOTS, "all 4 slots are taken");
    config.token_count = 41;
    assert_create_fails(&config, KVSPAN_ERR_NEVER_FITS,
                        "a prompt of 41 tokens is longer than max_sequence_tokens 40");
    ck_assert_int_eq(kvspan_sequence_free(ledger, second, NULL), KVSPAN_OK);
    ck_assert_uint_eq((uint32_t)test_sequence_create(ledger, 5), 1);
}
END_TEST

static void assert_commit_fails(kvspan_sequence sequence, uint32_t token_count,
                                const uint32_t *accepted_nodes, kvspan_status status,
                                const char *message)
{
    static test_snapshot before;
    kvspan_error error = { 0 };

    test_snapshot_take(ledger, &before);
    ck_assert_int_eq(
        kvspan_sequence_commit(ledger, sequence, NULL, token_count, accepted_nodes, &error),
        status);
    ck_assert_str_eq(error.message, message);
    test_snapshot_assert_same(ledger, &before);
}

START_TEST(a_stale_sequence_is_refused_and_both_generations_are_named)
{
    const kvspan_sequence old = test_sequence_create(ledger, 1);
    kvspan_sequence now = 0;

    ck_assert_int_eq(kvspan_sequence_free(ledger, old, NULL), KVSPAN_OK);
    assert_free_fails(
        old,
        "the sequence was freed already: it is generation 1 of slot 0, which is free at generation 2");
    now = test_sequence_create(ledger, 2);
    assert_free_fails(
        old,
        "the sequence was freed already: it is generation 1 of slot 0, which is taken at generation 2");
    assert_commit_fails(old, 1, NULL, KVSPAN_ERR_ARGUMENT,
                        "the sequence is stale: it is generation 1 of slot 0, which is taken at "
                        "generation 2");
    ck_assert_uint_eq(kvspan_sequence_tokens(ledger, old), 0);
    ck_assert_uint_eq(kvspan_sequence_committed(ledger, old), 0);
    test_append(ledger, now, 3);
    ck_assert_uint_eq(kvspan_sequence_tokens(ledger, now), 3);
    ck_assert_uint_eq(kvspan_sequence_tokens(ledger, old), 0);
}
END_TEST

START_TEST(a_sequence_that_never_was_is_refused)
{
    assert_free_fails(
        0,
        "the sequence was never created: it is generation 0 of slot 0, which is free at generation 1");
    assert_free_fails(
        (uint64_t)1 << 32,
        "the sequence was never created: it is generation 1 of slot 0, which is free at generation 1");
    assert_free_fails((uint64_t)1 << 32 | 4, "slot 4 of the sequence is not in [0, 4)");
    ck_assert_uint_eq(kvspan_sequence_tokens(ledger, UINT64_MAX), 0);
}
END_TEST

/* Handle 0 is never valid, so the generation after the last is 1. */
START_TEST(generations_go_round_without_zero)
{
    kvspan_sequence sequence = 0;

    ledger->slots[0].generation = UINT32_MAX;
    sequence = test_sequence_create(ledger, 1);
    ck_assert_uint_eq(sequence, (uint64_t)UINT32_MAX << 32);
    ck_assert_int_eq(kvspan_sequence_free(ledger, sequence, NULL), KVSPAN_OK);
    ck_assert_uint_eq(test_sequence_create(ledger, 2), (uint64_t)1 << 32);
}
END_TEST

START_TEST(a_sequence_with_a_row_in_the_open_step_cannot_end)
{
    const kvspan_sequence sequence = test_sequence_create(ledger, 12);
    kvspan_step *step = test_step_open(ledger);

    test_step_add(step, sequence, 5);
    assert_free_fails(sequence, "slot 0 (tag 12) has a row in the open step of epoch 1");
    kvspan_step_cancel(step);
    ck_assert_int_eq(kvspan_sequence_free(ledger, sequence, NULL), KVSPAN_OK);
}
END_TEST

START_TEST(freed_pages_go_to_the_tail_in_the_order_of_the_table)
{
    const kvspan_sequence first = test_sequence_create(ledger, 1);
    const kvspan_sequence second = test_sequence_create(ledger, 2);
    const uint32_t expected[] = { 6, 7, 8, 1, 2, 5, 3, 4 };

    test_append(ledger, first, 8);
    test_append(ledger, second, 8);
    test_append(ledger, first, 1);
    ck_assert_int_eq(kvspan_sequence_free(ledger, first, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_sequence_free(ledger, second, NULL), KVSPAN_OK);
    for (uint32_t place = 0; place < 8; place++) {
        ck_assert_uint_eq(kvspan_page_pool_queued(&ledger->pool, place), expected[place]);
    }
    ck_assert_uint_eq(kvspan_ledger_count(ledger).pages_free, 8);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).pages_high_water, 5);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).tokens, 0);
    ck_assert_uint_eq(kvspan_ledger_digest(ledger), 0);
}
END_TEST

START_TEST(commits_add_up_to_the_longest_sequence_and_no_further)
{
    const uint32_t ids[] = { 3, 1, 4 };
    kvspan_sequence_config config = sequence_config(6);
    kvspan_sequence sequence = 0;

    config.token_count = 30;
    ck_assert_int_eq(kvspan_sequence_create(ledger, &config, &sequence, NULL, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_sequence_commit(ledger, sequence, ids, 3, NULL, NULL), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_sequence_committed(ledger, sequence), 33);
    ck_assert_uint_eq(kvspan_sequence_tokens(ledger, sequence), 0);
    assert_commit_fails(sequence, 8, NULL, KVSPAN_ERR_NEVER_FITS,
                        "slot 0 (tag 6) has 33 committed tokens, 8 more are beyond "
                        "max_sequence_tokens 40");
    assert_commit_fails(sequence, 0, NULL, KVSPAN_ERR_ARGUMENT, "token_count is 0, not at least 1");
    assert_commit_fails(sequence, 1, ids, KVSPAN_ERR_UNSUPPORTED,
                        "accepted_nodes: token trees are not supported");
    assert_commit_fails(
        sequence + 1, 1, NULL, KVSPAN_ERR_ARGUMENT,
        "the sequence was never created: it is generation 1 of slot 1, which is free at "
        "generation 1");
    ck_assert_int_eq(kvspan_sequence_commit(ledger, sequence, NULL, 7, NULL, NULL), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_sequence_committed(ledger, sequence), 40);
}
END_TEST

START_TEST(a_rank_without_a_ledger_is_told_so)
{
    const kvspan_sequence_config config = sequence_config(1);
    kvspan_sequence sequence = 0;

    ck_assert_int_eq(kvspan_sequence_create(NULL, &config, &sequence, NULL, NULL),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_sequence_commit(NULL, sequence, NULL, 1, NULL, NULL),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_sequence_free(NULL, sequence, NULL), KVSPAN_ERR_ARGUMENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/ledger_sequence");
    TCase *sequence = tcase_create("sequence");

    tcase_add_checked_fixture(sequence, make_ledger, check_and_destroy_ledger);
    tcase_add_test(sequence, a_sequence_starts_empty_in_the_lowest_free_slot);
    tcase_add_test(sequence, the_lowest_free_slot_is_found_over_many_words);
    tcase_add_test(sequence, options_that_are_not_built_name_themselves);
    tcase_add_test(sequence, a_sequence_config_without_a_size_is_refused);
    tcase_add_test(sequence, a_prompt_that_can_never_fit_is_refused);
    tcase_add_test(sequence, without_a_free_slot_nothing_is_created);
    tcase_add_test(sequence, a_stale_sequence_is_refused_and_both_generations_are_named);
    tcase_add_test(sequence, a_sequence_that_never_was_is_refused);
    tcase_add_test(sequence, generations_go_round_without_zero);
    tcase_add_test(sequence, a_sequence_with_a_row_in_the_open_step_cannot_end);
    tcase_add_test(sequence, freed_pages_go_to_the_tail_in_the_order_of_the_table);
    tcase_add_test(sequence, commits_add_up_to_the_longest_sequence_and_no_further);
    tcase_add_test(sequence, a_rank_without_a_ledger_is_told_so);
    suite_add_tcase(suite, sequence);
    return suite_run(suite);
}
