#include "support/suite.h"

#include <string.h>

#include "ledger_fixture.h"

static kvspan_ledger *ledger;

/* Pages of 4 tokens; group 0 keeps all, group 1 has a window of 5 tokens. */
static void make_ledger(void)
{
    kvspan_ledger_config config = test_ledger_config();

    config.page_count = 33;
    config.group_count = 2;
    config.group_windows[1] = 5;
    ledger = test_ledger_create(&config);
}

static void destroy_ledger(void)
{
    kvspan_error error = { 0 };

    ck_assert_msg(kvspan_ledger_check(ledger, &error) == KVSPAN_OK, "%s", error.message);
    kvspan_ledger_destroy(ledger);
}

static uint32_t page_at(kvspan_sequence sequence, uint32_t group, uint32_t column)
{
    uint32_t count = 0;
    const uint32_t *table = kvspan_ledger_table(ledger, group, (uint32_t)sequence, &count);

    ck_assert_uint_lt(column, count);
    return table[column];
}

static uint32_t pages_in_use(void)
{
    return kvspan_ledger_count(ledger).pages_in_use;
}

static kvspan_sequence fork_at(kvspan_sequence parent, uint64_t position, uint64_t tag)
{
    kvspan_error error = { 0 };
    kvspan_sequence child = 0;

    ck_assert_msg(kvspan_sequence_fork(ledger, parent, position, tag, &child, &error) == KVSPAN_OK,
                  "%s", error.message);
    return child;
}

static void expect_no_fork(kvspan_sequence parent, uint64_t position, const char *message)
{
    kvspan_error error = { 0 };
    kvspan_sequence child = 77;

    ck_assert_int_eq(kvspan_sequence_fork(ledger, parent, position, 9, &child, &error),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, message);
    ck_assert_uint_eq(child, 77);
}

static void commit(kvspan_sequence sequence, uint32_t tokens)
{
    ck_assert_int_eq(kvspan_sequence_commit(ledger, sequence, NULL, tokens, NULL, NULL), KVSPAN_OK);
}

START_TEST(fork_shares_pages_until_the_first_append)
{
    const kvspan_sequence parent = test_sequence_create(ledger, 1);
    kvspan_sequence child = 0;
    kvspan_step *step = NULL;
    kvspan_changes changes;

    test_append(ledger, parent, 6);
    child = fork_at(parent, 6, 2);
    ck_assert_uint_eq(pages_in_use(), 4);
    ck_assert_uint_eq(page_at(child, 1, 1), page_at(parent, 1, 1));
    step = test_step_open(ledger);
    test_step_add(step, child, 1);
    changes = kvspan_step_changes(step);
    ck_assert_uint_eq(changes.copy_count, 2);
    for (uint32_t group = 0; group < 2; group++) {
        ck_assert_uint_eq(changes.copies[group].group, group);
        ck_assert_uint_eq(changes.copies[group].column, 1);
        ck_assert_uint_eq(changes.copies[group].source, page_at(parent, group, 1));
        ck_assert_uint_eq(changes.copies[group].target, page_at(child, group, 1));
        ck_assert_uint_eq(page_at(child, group, 0), page_at(parent, group, 0));
        ck_assert_uint_ne(page_at(child, group, 1), page_at(parent, group, 1));
        ck_assert_uint_eq(changes.shared_runs[group].last_page, page_at(parent, group, 1));
    }
    ck_assert_uint_eq(pages_in_use(), 6);
    /* The parent is now alone with its page. */
    test_step_add(step, parent, 1);
    ck_assert_uint_eq(kvspan_step_changes(step).copy_count, 2);
    ck_assert_int_eq(kvspan_step_rehearse(step, NULL), KVSPAN_OK);
}
END_TEST

START_TEST(the_parent_copies_too_if_it_appends_first)
{
    const kvspan_sequence parent = test_sequence_create(ledger, 1);
    kvspan_sequence child = 0;
    uint32_t shared = 0;

    test_append(ledger, parent, 6);
    child = fork_at(parent, 6, 2);
    shared = page_at(child, 0, 1);
    test_append(ledger, parent, 1);
    ck_assert_uint_ne(page_at(parent, 0, 1), shared);
    ck_assert_uint_eq(page_at(child, 0, 1), shared);
    test_append(ledger, child, 1);
    ck_assert_uint_eq(page_at(child, 0, 1), shared);
    ck_assert_uint_eq(pages_in_use(), 6);
}
END_TEST

START_TEST(a_full_page_is_never_copied)
{
    const kvspan_sequence parent = test_sequence_create(ledger, 1);
    kvspan_sequence child = 0;

    test_append(ledger, parent, 8);
    child = fork_at(parent, 8, 2);
    test_append(ledger, child, 1);
    ck_assert_uint_eq(page_at(child, 0, 1), page_at(parent, 0, 1));
    ck_assert_uint_eq(pages_in_use(), 6);
}
END_TEST

START_TEST(cancel_puts_the_shared_page_back_though_its_other_owner_ended)
{
    static test_snapshot before;
    const kvspan_sequence parent = test_sequence_create(ledger, 1);
    kvspan_sequence child = 0;
    kvspan_step *step = NULL;
    uint32_t shared = 0;

    test_append(ledger, parent, 6);
    child = fork_at(parent, 6, 2);
    test_snapshot_take(ledger, &before);
    step = test_step_open(ledger);
    test_step_add(step, child, 9);
    kvspan_step_cancel(step);
    /* Only what was ever the most stays. */
    before.counts.pages_high_water = kvspan_ledger_count(ledger).pages_high_water;
    test_snapshot_assert_same(ledger, &before);

    shared = page_at(child, 0, 1);
    step = test_step_open(ledger);
    test_step_add(step, child, 9);
    ck_assert_int_eq(kvspan_sequence_free(ledger, parent, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_ledger_check(ledger, NULL), KVSPAN_OK);
    kvspan_step_cancel(step);
    ck_assert_uint_eq(page_at(child, 0, 1), shared);
    ck_assert_uint_eq(pages_in_use(), 4);
}
END_TEST

START_TEST(a_copied_page_is_not_handed_out_before_the_step_is_told)
{
    const kvspan_sequence parent = test_sequence_create(ledger, 1);
    const kvspan_sequence other = test_sequence_create(ledger, 3);
    kvspan_sequence child = 0;
    kvspan_step *step = NULL;
    uint32_t sources[2] = { 0 };

    test_append(ledger, parent, 6);
    child = fork_at(parent, 6, 2);
    sources[0] = page_at(parent, 0, 1);
    sources[1] = page_at(parent, 1, 1);
    step = test_step_open(ledger);
    test_step_add(step, child, 1);
    ck_assert_int_eq(kvspan_sequence_free(ledger, parent, NULL), KVSPAN_OK);
    test_step_add(step, other, 40);
    for (uint32_t column = 0; column < 10; column++) {
        for (uint32_t group = 0; group < 2; group++) {
            ck_assert_uint_ne(page_at(other, group, column), sources[0]);
            ck_assert_uint_ne(page_at(other, group, column), sources[1]);
        }
    }
    ck_assert_uint_eq(pages_in_use(), 4 + 20 + 2);
    ck_assert_int_eq(kvspan_step_rehearse(step, NULL), KVSPAN_OK);
    ck_assert_uint_eq(pages_in_use(), 4 + 20);
}
END_TEST

START_TEST(pages_behind_the_window_return)
{
    const kvspan_sequence sequence = test_sequence_create(ledger, 1);

    test_append(ledger, sequence, 12);
    ck_assert_uint_eq(pages_in_use(), 6);
    /* A query at 7 sees 3 and on, one at 8 sees 4 and on, at 12 it is 8 and on. */
    commit(sequence, 7);
    ck_assert_uint_eq(pages_in_use(), 6);
    commit(sequence, 1);
    ck_assert_uint_eq(pages_in_use(), 5);
    ck_assert_uint_eq(page_at(sequence, 1, 0), 0);
    ck_assert_uint_ne(page_at(sequence, 0, 0), 0);
    commit(sequence, 8);
    ck_assert_uint_eq(pages_in_use(), 4);
    ck_assert_uint_ne(page_at(sequence, 1, 2), 0);
    /* Committed ahead: it is the appended tokens that count now. */
    test_append(ledger, sequence, 4);
    ck_assert_uint_eq(pages_in_use(), 4 + 1);
}
END_TEST

START_TEST(fork_and_truncate_behind_the_window_are_refused)
{
    const kvspan_sequence sequence = test_sequence_create(ledger, 1);
    kvspan_error error = { 0 };

    test_append(ledger, sequence, 12);
    commit(sequence, 12);
    expect_no_fork(sequence, 11,
                   "slot 0 (tag 1): group 1 holds tokens from 8 on, one at 11 needs them from 7 on "
                   "(window 5)");
    expect_no_fork(sequence, 13, "position 13 is behind the 12 tokens of slot 0 (tag 1)");
    ck_assert_int_eq(kvspan_sequence_truncate(ledger, sequence, 11, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_uint_eq(kvspan_sequence_tokens(ledger, sequence), 12);
    ck_assert_int_eq(kvspan_sequence_truncate(ledger, sequence, 12, &error), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_sequence_tokens(ledger, fork_at(sequence, 12, 2)), 12);
    ck_assert_uint_eq(kvspan_sequence_tokens(ledger, fork_at(sequence, 0, 3)), 0);
}
END_TEST

START_TEST(truncate_gives_back_what_becomes_empty)
{
    const kvspan_sequence sequence = test_sequence_create(ledger, 1);
    kvspan_step *step = NULL;
    kvspan_changes changes;

    test_append(ledger, sequence, 12);
    commit(sequence, 6);
    ck_assert_int_eq(kvspan_sequence_truncate(ledger, sequence, 5, NULL), KVSPAN_OK);
    ck_assert_uint_eq(pages_in_use(), 4);
    ck_assert_uint_eq(kvspan_sequence_committed(ledger, sequence), 5);
    ck_assert_int_eq(kvspan_sequence_truncate(ledger, sequence, 4, NULL), KVSPAN_OK);
    ck_assert_uint_eq(pages_in_use(), 2);
    step = test_step_open(ledger);
    changes = kvspan_step_changes(step);
    ck_assert_uint_eq(changes.trim_count, 1);
    ck_assert_uint_eq(changes.trims[0].tokens, 4);
    test_step_add(step, sequence, 1);
    ck_assert_int_eq(kvspan_sequence_truncate(ledger, sequence, 4, NULL), KVSPAN_ERR_ARGUMENT);
    expect_no_fork(sequence, 4, "slot 0 (tag 1) has a row in the open step of epoch 2");
    ck_assert_int_eq(kvspan_step_rehearse(step, NULL), KVSPAN_OK);
}
END_TEST

START_TEST(what_came_and_went_is_not_told)
{
    const kvspan_sequence parent = test_sequence_create(ledger, 1);
    const kvspan_sequence cut = test_sequence_create(ledger, 2);
    kvspan_step *step = NULL;
    kvspan_changes changes;

    test_append(ledger, parent, 6);
    test_append(ledger, cut, 6);
    ck_assert_int_eq(kvspan_sequence_free(ledger, fork_at(parent, 6, 3), NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_sequence_truncate(ledger, cut, 3, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_sequence_free(ledger, cut, NULL), KVSPAN_OK);
    step = test_step_open(ledger);
    changes = kvspan_step_changes(step);
    ck_assert_uint_eq(changes.admitted_count + changes.shared_run_count, 0);
    ck_assert_uint_eq(changes.trim_count + changes.window_count, 0);
    ck_assert_uint_eq(changes.released_count, 1);
    ck_assert_uint_eq(changes.released[0], (uint32_t)cut);
    ck_assert_int_eq(kvspan_step_rehearse(step, NULL), KVSPAN_OK);
}
END_TEST

START_TEST(handles_that_are_wrong_are_told_apart)
{
    const kvspan_sequence parent = test_sequence_create(ledger, 1);

    expect_no_fork(
        0, 0,
        "the sequence was never created: it is generation 0 of slot 0, which is taken at "
        "generation 1");
    expect_no_fork(parent + 9, 0, "slot 9 of the sequence is not in [0, 4)");
    ck_assert_int_eq(kvspan_sequence_free(ledger, parent, NULL), KVSPAN_OK);
    expect_no_fork(parent, 0,
                   "the sequence is stale: it is generation 1 of slot 0, which is free at "
                   "generation 2");
}
END_TEST

/* Windows of 4 in both groups: 2 · (4 + 4 - 1) / 4 rounded up = 4 pages at the worst moment. */
START_TEST(a_windowed_prompt_needs_its_window_alone)
{
    kvspan_ledger_config config = test_ledger_config();
    kvspan_sequence_config prompt = { .size = sizeof(prompt), .token_count = 40 };
    kvspan_sequence sequence = 0;
    kvspan_ledger *small = NULL;

    config.group_count = 2;
    config.group_windows[0] = 4;
    config.group_windows[1] = 4;
    config.page_count = 4; /* 3 pages */
    small = test_ledger_create(&config);
    ck_assert_int_eq(kvspan_sequence_create(small, &prompt, &sequence, NULL, NULL),
                     KVSPAN_ERR_NEVER_FITS);
    kvspan_ledger_destroy(small);
    config.page_count = 5;
    small = test_ledger_create(&config);
    ck_assert_int_eq(kvspan_sequence_create(small, &prompt, &sequence, NULL, NULL), KVSPAN_OK);
    for (uint32_t token = 0; token < 40; token++) {
        test_append(small, sequence, 1);
    }
    ck_assert_uint_eq(kvspan_ledger_count(small).pages_high_water, 4);
    ck_assert_int_eq(kvspan_ledger_check(small, NULL), KVSPAN_OK);
    kvspan_ledger_destroy(small);
}
END_TEST

/* 62 layers, one of six with all tokens: a group of 10 full layers and six groups of up to 10
 * sliding ones, window 1024, 16 tokens a page. Behind 131072 tokens a query sees 130049 and on, in
 * columns 8128 to 8191. A page holds 10 layers: 16 · 10 token-layers. */
START_TEST(gemma_3_27b_at_128k_tokens_holds_little_more_than_it_needs)
{
    enum {
        TOKENS = 131072,
        WINDOW = 1024,
        PAGE_TOKENS = 16,
        CHUNK = 2048
    };
    kvspan_ledger_config config = { .size = sizeof(config),
                                    .group_count = 7,
                                    .page_count = 10001,
                                    .slot_count = 1,
                                    .page_tokens = PAGE_TOKENS,
                                    .max_step_tokens = CHUNK,
                                    .max_sequence_tokens = TOKENS };
    const kvspan_sequence_config prompt = { .size = sizeof(prompt), .token_count = TOKENS };
    const uint64_t ideal = (uint64_t)10 * TOKENS + (uint64_t)52 * WINDOW;
    kvspan_sequence sequence = 0;
    kvspan_ledger *gemma = NULL;

    for (uint32_t group = 1; group < 7; group++) {
        config.group_windows[group] = WINDOW;
    }
    gemma = test_ledger_create(&config);
    ck_assert_int_eq(kvspan_sequence_create(gemma, &prompt, &sequence, NULL, NULL), KVSPAN_OK);
    for (uint32_t done = 0; done < TOKENS; done += CHUNK) {
        test_append(gemma, sequence, CHUNK);
    }
    ck_assert_uint_eq(kvspan_ledger_count(gemma).pages_in_use, 8192 + 6 * 64);
    /* While a chunk is appended: window and chunk, and the column that both share. */
    ck_assert_uint_le(kvspan_ledger_count(gemma).pages_high_water, 8192 + 6 * (64 + 128));
    ck_assert_uint_le((8192 + 6 * 64) * (uint64_t)PAGE_TOKENS * 10 * 100, ideal * 102);
    ck_assert_int_eq(kvspan_ledger_check(gemma, NULL), KVSPAN_OK);
    kvspan_ledger_destroy(gemma);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/ledger_groups");
    TCase *groups = tcase_create("groups");
    TCase *sizes = tcase_create("sizes");

    tcase_add_checked_fixture(groups, make_ledger, destroy_ledger);
    tcase_add_test(groups, fork_shares_pages_until_the_first_append);
    tcase_add_test(groups, the_parent_copies_too_if_it_appends_first);
    tcase_add_test(groups, a_full_page_is_never_copied);
    tcase_add_test(groups, cancel_puts_the_shared_page_back_though_its_other_owner_ended);
    tcase_add_test(groups, a_copied_page_is_not_handed_out_before_the_step_is_told);
    tcase_add_test(groups, pages_behind_the_window_return);
    tcase_add_test(groups, fork_and_truncate_behind_the_window_are_refused);
    tcase_add_test(groups, truncate_gives_back_what_becomes_empty);
    tcase_add_test(groups, what_came_and_went_is_not_told);
    tcase_add_test(groups, handles_that_are_wrong_are_told_apart);
    tcase_add_test(sizes, a_windowed_prompt_needs_its_window_alone);
    tcase_add_test(sizes, gemma_3_27b_at_128k_tokens_holds_little_more_than_it_needs);
    suite_add_tcase(suite, groups);
    suite_add_tcase(suite, sizes);
    return suite_run(suite);
}
