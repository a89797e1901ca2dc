#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/ledger/table_digest.h"
#include "test_step_world.h"

static const kvspan_step_limits small = {
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

static const kvspan_step_limits grouped = {
    .group_count = 3,
    .slot_count = 20,
    .column_count = 12,
    .page_count = 300,
    .page_tokens = 7,
    .max_rows = 13,
    .max_tokens = 100,
    .max_payload_bytes = 8,
    .max_sequence_tokens = 80,
};

/* A replica with the memory for its results, and a device table that only patches change. */
typedef struct rank {
    kvspan_replica replica;
    kvspan_step_message message;
    kvspan_replica_result result;
    uint32_t *device;     /* [group][slot][column] */
    uint64_t *patched_in; /* [group][slot][column] epoch of the last patch */
} rank;

static void rank_init(rank *it, const kvspan_step_limits *limits)
{
    const size_t entries = (size_t)limits->group_count * limits->slot_count * limits->column_count;

    *it = (rank){ .device = calloc(entries, sizeof(uint32_t)) };
    it->patched_in = calloc(entries, sizeof(uint64_t));
    ck_assert_int_eq(kvspan_replica_init(&it->replica, limits, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_step_message_init(&it->message, limits, NULL), KVSPAN_OK);
    it->result.rows = calloc(limits->max_rows, sizeof(*it->result.rows));
    it->result.patches = calloc(kvspan_replica_max_patches(limits), sizeof(*it->result.patches));
    it->result.copies = calloc(kvspan_step_max_page_runs(limits), sizeof(*it->result.copies));
}

static void rank_fini(rank *it)
{
    free(it->device);
    free(it->patched_in);
    free(it->result.rows);
    free(it->result.patches);
    free(it->result.copies);
    kvspan_step_message_fini(&it->message);
    kvspan_replica_fini(&it->replica);
}

/* Sends changes through a message to the replica. */
static kvspan_status apply(rank *it, const kvspan_changes *changes, kvspan_error *error)
{
    const size_t capacity = kvspan_step_max_bytes(&it->replica.limits);
    unsigned char *bytes = malloc(capacity);
    size_t byte_count = 0;
    kvspan_status status;

    ck_assert_int_eq(kvspan_step_encode(changes, 4096, bytes, capacity, &byte_count, NULL),
                     KVSPAN_OK);
    status = kvspan_step_decode(bytes, byte_count, &it->replica.limits, &it->message, error);
    ck_assert_msg(status == KVSPAN_OK, "%s", error ? error->message : "");
    status = kvspan_replica_apply(&it->replica, &it->message, &it->result, error);
    free(bytes);
    return status;
}

static void check_rows(const step_world *world, const kvspan_changes *changes, const rank *it)
{
    uint32_t first_token = 0;

    ck_assert_uint_eq(it->result.row_count, changes->row_count);
    ck_assert_uint_eq(it->result.token_count, changes->token_count);
    for (uint32_t i = 0; i < changes->row_count; i++) {
        const kvspan_row *row = &it->result.rows[i];

        ck_assert_uint_eq(row->slot, changes->rows[i].slot);
        ck_assert_uint_eq(row->token_count, changes->rows[i].token_count);
        ck_assert_uint_eq(row->first_token, first_token);
        ck_assert_uint_eq(row->position, world->positions[i]);
        ck_assert_uint_eq(row->tag, world->slots[row->slot].tag);
        ck_assert_uint_eq(row->flags, 0);
        first_token += row->token_count;
    }
}

/* Patches alone must keep the device's table equal; each entry is named once in a step. */
static void check_patches(rank *it)
{
    const kvspan_replica *replica = &it->replica;
    const kvspan_step_limits *limits = &replica->limits;
    const size_t entries = (size_t)limits->group_count * limits->slot_count * limits->column_count;

    ck_assert_uint_le(it->result.patch_count, kvspan_replica_max_patches(limits));
    for (uint32_t i = 0; i < it->result.patch_count; i++) {
        const kvspan_replica_patch *patch = &it->result.patches[i];
        const size_t at =
            ((size_t)patch->group * limits->slot_count + patch->slot) * limits->column_count +
            patch->column;

        if (it->patched_in[at] == replica->epoch) {
            ck_abort_msg("two patches of entry %zu", at);
        }
        it->patched_in[at] = replica->epoch;
        it->device[at] = patch->page;
    }
    ck_assert_mem_eq(it->device, replica->tables, entries * sizeof(uint32_t));
}

static void follow(const kvspan_step_limits *limits, uint64_t seed, uint32_t steps)
{
    step_world world;
    rank it;

    step_world_init(&world, limits, seed);
    rank_init(&it, limits);
    for (uint32_t i = 0; i < steps; i++) {
        const kvspan_changes changes = step_world_step(&world);
        kvspan_error error = { .status = KVSPAN_OK };

        ck_assert_msg(apply(&it, &changes, &error) == KVSPAN_OK, "seed %lu: %s",
                      (unsigned long)seed, error.message);
        ck_assert_uint_eq(it.replica.digest, step_world_digest(&world));
        ck_assert_msg(kvspan_replica_check(&it.replica, &error) == KVSPAN_OK, "%s", error.message);
        step_world_compare(&world, &it.replica);
        check_rows(&world, &changes, &it);
        check_patches(&it);
    }
    ck_assert_uint_gt(world.releases, steps / 10);
    ck_assert_uint_gt(world.readmissions, steps / 20);
    ck_assert_uint_gt(world.pages_added, steps / 2);
    ck_assert_uint_gt(world.rows_added, steps / 2);
    rank_fini(&it);
    step_world_fini(&world);
}

START_TEST(a_replica_follows_a_naive_model_for_thousands_of_steps)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        follow(&small, seed, 2000);
        follow(&grouped, seed, 600);
    }
}
END_TEST

/* Tables that came about in different ways have one digest. */
START_TEST(the_digest_is_of_the_tables_not_of_their_history)
{
    const kvspan_admit admitted[] = { { 1, 77, 0 } };
    const uint32_t slot = 1;
    const uint32_t pages[] = { 9, 4 };
    const kvspan_page_run whole = { 0, 1, 0, 2, pages };
    const kvspan_page_run parts[] = { { 0, 1, 0, 1, pages }, { 0, 1, 1, 1, pages + 1 } };
    const kvspan_row_change rows[] = { { 1, 6 }, { 1, 3 }, { 1, 3 } };
    kvspan_changes step = { .epoch = 1, .admitted = admitted, .admitted_count = 1, .row_count = 1 };
    rank at_once;
    rank in_turns;

    rank_init(&at_once, &small);
    rank_init(&in_turns, &small);
    step.table_digest = kvspan_digest_sequence(1, 77, 6) + kvspan_digest_entry(0, 1, 0, 9) +
                        kvspan_digest_entry(0, 1, 1, 4);
    step.page_runs = &whole;
    step.page_run_count = 1;
    step.rows = rows;
    ck_assert_int_eq(apply(&at_once, &step, NULL), KVSPAN_OK);

    /* Another sequence was there before, and the pages came one by one. */
    step.table_digest = kvspan_digest_sequence(1, 77, 3) + kvspan_digest_entry(0, 1, 0, 9);
    step.page_runs = parts;
    step.rows = rows + 1;
    ck_assert_int_eq(apply(&in_turns, &step, NULL), KVSPAN_OK);
    step.epoch = 2;
    step.released = &slot;
    step.released_count = 1;
    ck_assert_int_eq(apply(&in_turns, &step, NULL), KVSPAN_OK);
    step = (kvspan_changes){ .epoch = 3,
                             .table_digest = at_once.replica.digest,
                             .page_runs = parts + 1,
                             .page_run_count = 1,
                             .rows = rows + 2,
                             .row_count = 1 };
    ck_assert_int_eq(apply(&in_turns, &step, NULL), KVSPAN_OK);
    ck_assert_mem_eq(in_turns.replica.tables, at_once.replica.tables, 16 * sizeof(uint32_t));
    rank_fini(&at_once);
    rank_fini(&in_turns);
}
END_TEST

/* Slots 0 (tag 10, 5 tokens, pages 3 and 5) and 2 (tag 12, no tokens) are live after epoch 1. */
static const kvspan_admit start_admitted[] = { { 0, 10, 0 }, { 2, 12, 0 } };
static const uint32_t start_pages[] = { 3, 5 };
static const kvspan_page_run start_run = { 0, 0, 0, 2, start_pages };
static const kvspan_row_change start_row = { 0, 5 };

static void start(rank *it)
{
    const kvspan_changes changes = {
        .epoch = 1,
        .table_digest = kvspan_digest_sequence(0, 10, 5) + kvspan_digest_sequence(2, 12, 0) +
                        kvspan_digest_entry(0, 0, 0, 3) + kvspan_digest_entry(0, 0, 1, 5),
        .admitted = start_admitted,
        .admitted_count = 2,
        .page_runs = &start_run,
        .page_run_count = 1,
        .rows = &start_row,
        .row_count = 1,
    };

    rank_init(it, &small);
    ck_assert_int_eq(apply(it, &changes, NULL), KVSPAN_OK);
}

/* The start, then one step that must fail with this text. */
static void expect(const kvspan_changes *changes, kvspan_status status, const char *text)
{
    kvspan_error error = { .status = KVSPAN_OK };
    rank it;

    start(&it);
    it.result.row_count = 99;
    it.result.patch_count = 98;
    ck_assert_int_eq(apply(&it, changes, &error), status);
    ck_assert_msg(strstr(error.message, text) != NULL, "\"%s\" for \"%s\"", error.message, text);
    ck_assert_int_eq(error.status, status);
    ck_assert_uint_eq(error.epoch, changes->epoch);
    ck_assert_uint_eq(it.replica.epoch, 1);
    ck_assert_uint_eq(it.result.row_count, 99);
    ck_assert_uint_eq(it.result.patch_count, 98);
    ck_assert_int_eq(kvspan_replica_apply(&it.replica, &it.message, &it.result, NULL) == KVSPAN_OK,
                     false);
    rank_fini(&it);
}

START_TEST(an_epoch_that_is_not_the_next_is_stale)
{
    const uint64_t wrong[] = { 0, 1, 3, UINT64_MAX };

    for (size_t i = 0; i < 4; i++) {
        const kvspan_changes changes = { .epoch = wrong[i] };
        char text[80];

        (void)snprintf(text, sizeof(text), "of epoch %llu, this rank has applied 1",
                       (unsigned long long)wrong[i]);
        expect(&changes, KVSPAN_ERR_STALE, text);
    }
}
END_TEST

START_TEST(another_digest_is_a_mismatch_that_names_both)
{
    const kvspan_row_change row = { 0, 1 };
    const kvspan_changes changes = {
        .epoch = 2, .table_digest = 0xabcdef, .rows = &row, .row_count = 1
    };
    const uint64_t own = kvspan_digest_sequence(0, 10, 6) + kvspan_digest_sequence(2, 12, 0) +
                         kvspan_digest_entry(0, 0, 0, 3) + kvspan_digest_entry(0, 0, 1, 5);
    char text[120];

    (void)snprintf(text, sizeof(text),
                   "epoch 2 this rank's tables have digest %#llx, the coordinator's 0xabcdef",
                   (unsigned long long)own);
    expect(&changes, KVSPAN_ERR_MISMATCH, text);
}
END_TEST

START_TEST(slots_are_released_only_while_they_are_live)
{
    const uint32_t slot = 1;
    const kvspan_changes changes = { .epoch = 2, .released = &slot, .released_count = 1 };

    expect(&changes, KVSPAN_ERR_CORRUPT, "release of slot 1, which holds no sequence");
}
END_TEST

START_TEST(a_live_slot_admits_nobody)
{
    const kvspan_admit admit = { 2, 99, 0 };
    const kvspan_changes changes = { .epoch = 2, .admitted = &admit, .admitted_count = 1 };

    expect(&changes, KVSPAN_ERR_CORRUPT, "admission of tag 99 to slot 2, which holds tag 12");
}
END_TEST

START_TEST(a_slot_without_a_sequence_has_no_row)
{
    const kvspan_row_change row = { 3, 1 };
    const uint32_t page = 7;
    const kvspan_page_run run = { 0, 3, 0, 1, &page };
    const kvspan_changes changes = {
        .epoch = 2, .page_runs = &run, .page_run_count = 1, .rows = &row, .row_count = 1
    };

    expect(&changes, KVSPAN_ERR_CORRUPT, "row 0 of slot 3, which holds no sequence");
}
END_TEST

static void expect_pages(kvspan_page_run run, kvspan_row_change row, const char *text)
{
    const kvspan_changes changes = { .epoch = 2,
                                     .page_runs = &run,
                                     .page_run_count = run.page_count > 0,
                                     .rows = &row,
                                     .row_count = row.token_count > 0 };

    expect(&changes, KVSPAN_ERR_CORRUPT, text);
}

START_TEST(a_row_has_just_the_pages_it_needs)
{
    const uint32_t pages[] = { 7, 8, 9 };

    /* 5 tokens on 2 pages; 3 more fit, the next one needs a page. */
    expect_pages((kvspan_page_run){ 0, 0, 2, 1, pages }, (kvspan_row_change){ 0, 3 },
                 "slot 0, group 0 has 3 pages for 8 tokens, which need 2");
    expect_pages((kvspan_page_run){ 0, 0, 0, 0, pages }, (kvspan_row_change){ 0, 4 },
                 "slot 0, group 0 has 2 pages for 9 tokens, which need 3");
    /* Pages without a row; pages of a slot that holds nothing. */
    expect_pages((kvspan_page_run){ 0, 0, 2, 1, pages }, (kvspan_row_change){ 0, 0 },
                 "slot 0, group 0 has 3 pages for 5 tokens, which need 2");
    expect_pages((kvspan_page_run){ 0, 1, 0, 1, pages }, (kvspan_row_change){ 0, 0 },
                 "slot 1, group 0 has 1 pages for 0 tokens, which need 0");
    expect_pages((kvspan_page_run){ 0, 0, 2, 3, pages }, (kvspan_row_change){ 0, 9 },
                 "3 pages added to the 2 of slot 0 are more than 4 columns");
    expect_pages((kvspan_page_run){ 0, 0, 2, 2, pages }, (kvspan_row_change){ 0, 10 },
                 "row 0: slot 0 of 5 tokens would get 10, the most is 14");
}
END_TEST

START_TEST(a_page_is_never_in_two_places)
{
    const uint32_t taken = 3;
    const uint32_t twice[] = { 7, 7 };

    expect_pages((kvspan_page_run){ 0, 2, 0, 1, &taken }, (kvspan_row_change){ 2, 1 },
                 "page 3 added to slot 2, column 0, is in use already");
    expect_pages((kvspan_page_run){ 0, 2, 0, 2, twice }, (kvspan_row_change){ 2, 8 },
                 "page 7 added to slot 2, column 1, is in use already");
}
END_TEST

/* A slot that is released and admitted in one step: its columns are told once each, the refilled
 * with the new page, the others as cleared; its released page may come back at once. */
START_TEST(a_slot_can_be_released_and_taken_in_one_step)
{
    const uint32_t slot = 0;
    const uint32_t page = 5;
    const kvspan_admit admit = { 0, 55, 0 };
    const kvspan_page_run run = { 0, 0, 0, 1, &page };
    const kvspan_row_change row = { 0, 2 };
    const kvspan_changes changes = {
        .epoch = 2,
        .table_digest = kvspan_digest_sequence(0, 55, 2) + kvspan_digest_sequence(2, 12, 0) +
                        kvspan_digest_entry(0, 0, 0, 5),
        .released = &slot,
        .released_count = 1,
        .admitted = &admit,
        .admitted_count = 1,
        .page_runs = &run,
        .page_run_count = 1,
        .rows = &row,
        .row_count = 1,
    };
    rank it;

    start(&it);
    ck_assert_int_eq(apply(&it, &changes, NULL), KVSPAN_OK);
    ck_assert_uint_eq(it.result.patch_count, 2);
    ck_assert_uint_eq(it.result.patches[0].column, 0);
    ck_assert_uint_eq(it.result.patches[0].page, 5);
    ck_assert_uint_eq(it.result.patches[1].column, 1);
    ck_assert_uint_eq(it.result.patches[1].page, 0);
    ck_assert_uint_eq(it.result.rows[0].position, 0);
    ck_assert_uint_eq(it.result.rows[0].tag, 55);
    ck_assert_int_eq(kvspan_replica_check(&it.replica, NULL), KVSPAN_OK);
    rank_fini(&it);
}
END_TEST

static void expect_broken(const kvspan_replica *replica, const char *text)
{
    kvspan_error error = { .status = KVSPAN_OK };

    ck_assert_int_eq(kvspan_replica_check(replica, &error), KVSPAN_ERR_CORRUPT);
    ck_assert_msg(strstr(error.message, text) != NULL, "\"%s\" for \"%s\"", error.message, text);
}

START_TEST(check_finds_every_broken_invariant)
{
    rank it;

    start(&it);
    ck_assert_int_eq(kvspan_replica_check(&it.replica, NULL), KVSPAN_OK);
    it.replica.tables[1] = 6;
    expect_broken(&it.replica, "page 5 is in 0 entries, noted are 1");
    it.replica.tables[1] = 3;
    expect_broken(&it.replica, "page 3 is in 2 entries, noted are 1");
    it.replica.tables[1] = 12;
    expect_broken(&it.replica, "slot 0, column 1: page 12 is not in [1, 12)");
    it.replica.tables[1] = 0;
    expect_broken(&it.replica, "slot 0, column 1: page 0 is not in [1, 12)");
    it.replica.tables[1] = 5;
    it.replica.tables[2] = 6;
    expect_broken(&it.replica, "slot 0, column 2: page 6 is outside of columns [0, 2)");
    it.replica.tables[2] = 0;
    it.replica.column_counts[0] = 1;
    expect_broken(&it.replica, "slot 0: 1 pages for 5 tokens, which need 2");
    it.replica.column_counts[0] = 2;
    it.replica.tokens[1] = 1;
    expect_broken(&it.replica, "slot 1 holds no sequence but 1 tokens");
    it.replica.tokens[1] = 0;
    it.replica.tokens[2] = 15;
    expect_broken(&it.replica, "slot 2 has 15 tokens, the most is 14");
    it.replica.tokens[2] = 0;
    it.replica.references[7]++;
    expect_broken(&it.replica, "page 7 is in 0 entries, noted are 1");
    it.replica.references[7]--;
    it.replica.references[3]--;
    expect_broken(&it.replica, "page 3 is in 1 entries, noted are 0");
    it.replica.references[3]++;
    it.replica.first_columns[0] = 3;
    expect_broken(&it.replica, "slot 0: the first page is in column 3 of 2");
    it.replica.first_columns[0] = 0;
    it.replica.tags[2] = 13;
    expect_broken(&it.replica, "the tables have digest");
    it.replica.tags[2] = 12;
    it.replica.digest++;
    expect_broken(&it.replica, "the tables have digest");
    it.replica.digest--;
    ck_assert_int_eq(kvspan_replica_check(&it.replica, NULL), KVSPAN_OK);
    rank_fini(&it);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/replica");
    TCase *steps = tcase_create("steps");
    TCase *refusals = tcase_create("refusals");

    tcase_add_test(steps, a_replica_follows_a_naive_model_for_thousands_of_steps);
    tcase_add_test(steps, the_digest_is_of_the_tables_not_of_their_history);
    tcase_add_test(steps, a_slot_can_be_released_and_taken_in_one_step);
    tcase_add_test(steps, check_finds_every_broken_invariant);
    tcase_add_test(refusals, an_epoch_that_is_not_the_next_is_stale);
    tcase_add_test(refusals, another_digest_is_a_mismatch_that_names_both);
    tcase_add_test(refusals, slots_are_released_only_while_they_are_live);
    tcase_add_test(refusals, a_live_slot_admits_nobody);
    tcase_add_test(refusals, a_slot_without_a_sequence_has_no_row);
    tcase_add_test(refusals, a_row_has_just_the_pages_it_needs);
    tcase_add_test(refusals, a_page_is_never_in_two_places);
    suite_add_tcase(suite, steps);
    suite_add_tcase(suite, refusals);
    return suite_run(suite);
}
