#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/ledger/table_digest.h"
#include "runtime/step/replica.h"

/* Well-formed messages that say of trims, windows, shared pages and copies what cannot be so where
 * slot 0 (tag 10) has 5 tokens on the pages 3 and 5, of 4 tokens each, and slot 2 (tag 12) none. */

enum {
    MAX_BYTES = 4096
};

static const kvspan_step_limits limits = {
    .group_count = 1,
    .slot_count = 4,
    .column_count = 4,
    .page_count = 12,
    .page_tokens = 4,
    .max_rows = 4,
    .max_tokens = 16,
    .max_payload_bytes = 0,
    .max_sequence_tokens = 14,
};

typedef struct rank {
    kvspan_replica replica;
    kvspan_step_message message;
    kvspan_row rows[4];
    kvspan_replica_copy copies[4];
    kvspan_replica_patch patches[16];
    kvspan_replica_result result;
} rank;

static kvspan_status apply(rank *it, const kvspan_changes *changes, kvspan_error *error)
{
    unsigned char bytes[MAX_BYTES];
    size_t byte_count = 0;

    ck_assert_int_eq(
        kvspan_step_encode(changes, MAX_BYTES, bytes, sizeof(bytes), &byte_count, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_step_decode(bytes, byte_count, &limits, &it->message, NULL), KVSPAN_OK);
    return kvspan_replica_apply(&it->replica, &it->message, &it->result, error);
}

static void start(rank *it)
{
    static const kvspan_admit admitted[] = { { 0, 10, 0 }, { 2, 12, 0 } };
    static const uint32_t pages[] = { 3, 5 };
    static const kvspan_page_run run = { 0, 0, 0, 2, pages };
    static const kvspan_row_change row = { 0, 5 };
    const kvspan_changes changes = {
        .epoch = 1,
        .table_digest = kvspan_digest_sequence(0, 10, 5) + kvspan_digest_sequence(2, 12, 0) +
                        kvspan_digest_entry(0, 0, 0, 3) + kvspan_digest_entry(0, 0, 1, 5),
        .admitted = admitted,
        .admitted_count = 2,
        .page_runs = &run,
        .page_run_count = 1,
        .rows = &row,
        .row_count = 1,
    };

    memset(it, 0, sizeof(*it));
    it->result.rows = it->rows;
    it->result.copies = it->copies;
    it->result.patches = it->patches;
    ck_assert_uint_le(kvspan_replica_max_patches(&limits), 16);
    ck_assert_int_eq(kvspan_replica_init(&it->replica, &limits, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_step_message_init(&it->message, &limits, NULL), KVSPAN_OK);
    ck_assert_int_eq(apply(it, &changes, NULL), KVSPAN_OK);
}

/* The start, then one step that must be refused with this text. */
static void expect(kvspan_changes changes, const char *text)
{
    kvspan_error error = { .status = KVSPAN_OK };
    rank it;

    start(&it);
    changes.epoch = 2;
    ck_assert_int_eq(apply(&it, &changes, &error), KVSPAN_ERR_CORRUPT);
    ck_assert_msg(strstr(error.message, text), "\"%s\" for \"%s\"", error.message, text);
    kvspan_step_message_fini(&it.message);
    kvspan_replica_fini(&it.replica);
}

START_TEST(a_trim_leaves_less_than_there_is)
{
    const kvspan_trim same = { 0, 5 };
    const kvspan_trim more = { 0, 6 };
    const kvspan_trim free_slot = { 1, 0 };

    expect((kvspan_changes){ .trims = &same, .trim_count = 1 },
           "slot 0 of 5 tokens is trimmed to 5");
    expect((kvspan_changes){ .trims = &more, .trim_count = 1 },
           "slot 0 of 5 tokens is trimmed to 6");
    expect((kvspan_changes){ .trims = &free_slot, .trim_count = 1 },
           "slot 1 of 0 tokens is trimmed to 0");
}
END_TEST

START_TEST(a_window_leaves_columns_that_have_a_page)
{
    const kvspan_window_change three = { 0, 0, 0, 3 };
    const kvspan_admit admit = { 1, 50, 8 }; /* two columns, none with a page */
    const kvspan_window_change one = { 0, 1, 2, 1 };

    expect((kvspan_changes){ .windows = &three, .window_count = 1 },
           "slot 0, group 0 has pages in columns [0, 2), 3 of them leave the window");
    expect(
        (kvspan_changes){
            .admitted = &admit, .admitted_count = 1, .windows = &one, .window_count = 1 },
        "slot 1, group 0 has pages in columns [2, 2), 1 of them leave the window");
}
END_TEST

START_TEST(pages_are_shared_by_a_new_sequence_up_to_its_tokens)
{
    const uint32_t page = 3;
    const kvspan_admit admit = { 1, 50, 4 };
    const kvspan_shared_run old = { 0, 0, 0, 2, &page, 5 };
    const kvspan_shared_run long_run = { 0, 1, 0, 2, &page, 5 };

    expect((kvspan_changes){ .shared_runs = &old, .shared_run_count = 1 },
           "slot 0, group 0 shares 2 pages, but is not new");
    expect((kvspan_changes){ .admitted = &admit,
                             .admitted_count = 1,
                             .shared_runs = &long_run,
                             .shared_run_count = 1 },
           "slot 1, group 0 shares 2 pages, but is new and has 1 columns");
}
END_TEST

START_TEST(a_copy_is_of_a_page_partly_filled_to_one_that_nobody_has)
{
    const kvspan_page_copy to_own = { 0, 0, 1, 5, 3 };
    const kvspan_page_copy of_nothing = { 0, 2, 0, 0, 7 };

    expect((kvspan_changes){ .copies = &to_own, .copy_count = 1 },
           "is copied to page 3, which 1 entries have");
    expect((kvspan_changes){ .copies = &of_nothing, .copy_count = 1 },
           "page 0 of slot 2 (0 tokens) is copied");
}
END_TEST

START_TEST(a_row_begins_in_a_page_of_its_own)
{
    const uint32_t page = 3;
    const kvspan_admit admit = { 1, 50, 5 };
    const kvspan_shared_run run = { 0, 1, 0, 2, &page, 5 };
    const kvspan_row_change row = { 1, 1 };
    kvspan_changes changes = { .admitted = &admit,
                               .admitted_count = 1,
                               .shared_runs = &run,
                               .shared_run_count = 1,
                               .rows = &row,
                               .row_count = 1 };

    expect(changes, "slot 1, group 0 would write position 5 to page 5, which 2 entries have");
    changes.shared_run_count = 0;
    expect(changes, "slot 1, group 0 would write position 5 to page 0, which 0 entries have");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/replica_contradictions");
    TCase *refusals = tcase_create("refusals");

    tcase_add_test(refusals, a_trim_leaves_less_than_there_is);
    tcase_add_test(refusals, a_window_leaves_columns_that_have_a_page);
    tcase_add_test(refusals, pages_are_shared_by_a_new_sequence_up_to_its_tokens);
    tcase_add_test(refusals, a_copy_is_of_a_page_partly_filled_to_one_that_nobody_has);
    tcase_add_test(refusals, a_row_begins_in_a_page_of_its_own);
    suite_add_tcase(suite, refusals);
    return suite_run(suite);
}
