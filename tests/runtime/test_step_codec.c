#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/step/checksum.h"
#include "step_round_trip.h"
#include "test_step_world.h"

static const kvspan_step_limits small = {
    .group_count = 1,
    .slot_count = 8,
    .column_count = 16,
    .page_count = 64,
    .page_tokens = 4,
    .max_rows = 8,
    .max_tokens = 40,
    .max_payload_bytes = 21,
    .max_sequence_tokens = 61,
};

static const kvspan_step_limits grouped = {
    .group_count = 3,
    .slot_count = 40,
    .column_count = 100,
    .page_count = 5000,
    .page_tokens = 1,
    .max_rows = 30,
    .max_tokens = 300,
    .max_payload_bytes = 100,
    .max_sequence_tokens = 100,
};

static const kvspan_step_limits large = {
    .group_count = 1,
    .slot_count = 256,
    .column_count = 4096,
    .page_count = 120000,
    .page_tokens = 32,
    .max_rows = 256,
    .max_tokens = 2048,
    .max_payload_bytes = 65536,
    .max_sequence_tokens = 131072,
};

static const kvspan_step_limits single = {
    .group_count = 1,
    .slot_count = 1,
    .column_count = 1,
    .page_count = 2,
    .page_tokens = 1,
    .max_rows = 1,
    .max_tokens = 1,
    .max_payload_bytes = 0,
    .max_sequence_tokens = 1,
};

static void round_trip_world(const kvspan_step_limits *limits, uint64_t seed, uint32_t steps)
{
    step_world world;

    step_world_init(&world, limits, seed);
    for (uint32_t i = 0; i < steps; i++) {
        const kvspan_changes changes = step_world_step(&world);

        (void)step_round_trip(&changes, limits);
    }
    ck_assert_uint_gt(world.releases, 0);
    ck_assert_uint_gt(world.readmissions, 0);
    ck_assert_uint_gt(world.pages_added, steps / 10);
    ck_assert_uint_gt(world.rows_added, steps / 10);
    step_world_fini(&world);
}

START_TEST(every_random_step_comes_back_as_it_was)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        round_trip_world(&small, seed, 400);
        round_trip_world(&grouped, seed, 100);
        round_trip_world(&single, seed, 200);
    }
    round_trip_world(&large, 11, 40);
}
END_TEST

/* A step of 256 sequences, one token each, and pages for every slot in `page_slots`. */
static size_t decode_step_bytes(uint32_t page_slot_count, uint32_t slot_stride,
                                uint32_t page_stride)
{
    kvspan_row_change rows[256];
    kvspan_page_run runs[256];
    uint32_t pages[256];
    kvspan_changes changes = { .epoch = 1234567,
                               .table_digest = UINT64_MAX,
                               .page_runs = runs,
                               .page_run_count = page_slot_count,
                               .rows = rows,
                               .row_count = 256,
                               .token_count = 256 };

    for (uint32_t i = 0; i < 256; i++) {
        rows[i] = (kvspan_row_change){ i, 1 };
    }
    for (uint32_t i = 0; i < page_slot_count; i++) {
        pages[i] = 1 + (5000 + i * page_stride) % 119999;
        runs[i] = (kvspan_page_run){ 0, 3 + i * slot_stride, 7, 1, pages + i };
    }
    return step_round_trip(&changes, &large);
}

START_TEST(a_decode_step_has_its_closed_form_size)
{
    /* Header; one stretch of 256 rows: code, count - 2 = 254 (two digits). */
    ck_assert_uint_eq(decode_step_bytes(0, 1, 1), 64 + 1 + 2);
    /* 64 runs, a code each; pages anywhere among 120000, three digits each. */
    ck_assert_uint_eq(decode_step_bytes(64, 4, 71993), 64 + 64 + (64 * 3) + 3);
    /* The same with neighbouring pages: one stretch, two digits of code, one of count. */
    ck_assert_uint_eq(decode_step_bytes(64, 4, 1), 64 + 64 + (3 + 1) + 3);
    /* Every slot from 3 on at once, neighbouring pages. */
    ck_assert_uint_eq(decode_step_bytes(250, 1, 1), 64 + (1 + 2) + (3 + 2) + 3);
}
END_TEST

START_TEST(a_prefill_chunk_costs_its_pages_alone)
{
    uint32_t pages[63];
    const kvspan_page_run run = { 0, 17, 5, 63, pages };
    const kvspan_row_change row = { 17, 2000 };
    const kvspan_changes changes = { .epoch = 1,
                                     .page_runs = &run,
                                     .page_run_count = 1,
                                     .rows = &row,
                                     .row_count = 1,
                                     .token_count = 2000 };

    for (uint32_t i = 0; i < 63; i++) {
        pages[i] = 1 + i;
    }
    /* Run: code 17·2·8 + 2 (two digits), 61. Pages: code 1, 61. Row: code 17·2·4 + 2, 1998. */
    ck_assert_uint_eq(step_round_trip(&changes, &large), 64 + (2 + 1) + (1 + 1) + (2 + 2));
}
END_TEST

START_TEST(tags_and_epochs_use_all_64_bits)
{
    const kvspan_admit admitted[] = { { 0, 0, 0 },
                                      { 3, UINT64_MAX, 0 },
                                      { 7, (uint64_t)1 << 63, 0 } };
    const kvspan_changes changes = { .epoch = UINT64_MAX,
                                     .table_digest = 0x0123456789abcdefu,
                                     .admitted = admitted,
                                     .admitted_count = 3 };

    ck_assert_uint_eq(step_round_trip(&changes, &small), 64 + (1 + 1) + (1 + 10) + (1 + 10));
}
END_TEST

/* Trims, windows, shared runs and copies of the longest message. */
struct other_lists {
    kvspan_trim *trims;
    kvspan_window_change *windows;
    kvspan_shared_run *shared_runs;
    kvspan_page_copy *copies;
    uint32_t *pages; /* of one row, for all shared runs */
};

/* Groups alternate and slots jump, so that no two entries are told as one. */
static void fill_others(struct other_lists *others, const kvspan_step_limits *limits,
                        uint32_t stride, kvspan_changes *changes)
{
    const uint32_t slots = limits->slot_count;
    const uint32_t groups = limits->group_count;
    const uint32_t columns = limits->column_count;
    const uint32_t last = limits->page_count - 1;

    others->trims = calloc(slots, sizeof(*others->trims));
    others->windows = calloc((size_t)slots * groups, sizeof(*others->windows));
    others->shared_runs = calloc((size_t)slots * groups, sizeof(*others->shared_runs));
    others->copies = calloc(kvspan_step_max_page_runs(limits), sizeof(*others->copies));
    others->pages = calloc(columns, sizeof(*others->pages));
    for (uint32_t i = 0; i < columns; i++) {
        others->pages[i] = i % 2 ? last : 1;
    }
    for (uint32_t i = 0; i < slots * groups; i++) {
        const uint32_t slot = (uint32_t)((uint64_t)(i / groups) * stride % slots);
        const uint32_t group = groups - 1 - i % groups;

        others->windows[i] = (kvspan_window_change){ group, slot, 0, columns };
        others->shared_runs[i] =
            (kvspan_shared_run){ group, slot, 0, columns, others->pages, columns % 2 ? 1 : last };
        if (i < kvspan_step_max_page_runs(limits)) {
            others->copies[i] = (kvspan_page_copy){ group, slot, 0, 0, i % 2 ? last : 1 };
        }
    }
    for (uint32_t slot = 0; slot < slots; slot++) {
        others->trims[slot] = (kvspan_trim){ slot, limits->max_sequence_tokens - 1 };
    }
    changes->trims = others->trims;
    changes->trim_count = slots;
    changes->windows = others->windows;
    changes->window_count = slots * groups;
    changes->shared_runs = others->shared_runs;
    changes->shared_run_count = slots * groups;
    changes->copies = others->copies;
    changes->copy_count = kvspan_step_max_page_runs(limits);
}

static void free_others(struct other_lists *others)
{
    free(others->trims);
    free(others->windows);
    free(others->shared_runs);
    free(others->copies);
    free(others->pages);
}

/* Every slot released and admitted, every row far from the one before, pages far apart. */
static size_t longest_message(const kvspan_step_limits *limits, uint32_t stride)
{
    const uint32_t slots = limits->slot_count;
    const uint32_t rows = kvspan_step_max_rows(limits);
    uint32_t *released = calloc(slots, sizeof(*released));
    kvspan_admit *admitted = calloc(slots, sizeof(*admitted));
    kvspan_page_run *runs = calloc(kvspan_step_max_page_runs(limits), sizeof(*runs));
    kvspan_row_change *row_changes = calloc(rows, sizeof(*row_changes));
    uint32_t *pages = calloc((size_t)kvspan_step_max_pages(limits), sizeof(*pages));
    unsigned char *payload = calloc(limits->max_payload_bytes, 1);
    kvspan_changes changes = { .released = released,
                               .released_count = (slots + 1) / 2,
                               .admitted = admitted,
                               .admitted_count = slots,
                               .page_runs = runs,
                               .rows = row_changes,
                               .row_count = rows,
                               .payload = payload,
                               .payload_bytes = limits->max_payload_bytes };
    struct other_lists others;
    uint32_t page_count = 0;
    size_t bytes = 0;

    for (uint32_t slot = 0; slot < slots; slot++) {
        released[slot / 2] = slot / 2 * 2;
        admitted[slot] = (kvspan_admit){ slot, UINT64_MAX, limits->max_sequence_tokens };
    }
    fill_others(&others, limits, stride, &changes);
    for (uint32_t i = 0; i < rows; i++) {
        const uint32_t slot = (uint32_t)((uint64_t)i * stride % slots);

        row_changes[i] = (kvspan_row_change){ slot, limits->max_tokens / rows };
        for (uint32_t group = limits->group_count; group-- > 0;) {
            const uint64_t left = kvspan_step_max_pages(limits) - page_count;
            const uint64_t share =
                kvspan_step_max_pages(limits) / kvspan_step_max_page_runs(limits);

            if (left == 0) {
                break;
            }
            runs[changes.page_run_count] =
                (kvspan_page_run){ group, slot, 0, (uint32_t)(share ? share : 1),
                                   pages + page_count };
            page_count += runs[changes.page_run_count++].page_count;
        }
    }
    for (uint32_t i = 0; i < page_count; i++) {
        pages[i] = i % 2 ? limits->page_count - 1 - i / 2 : 1 + i / 2;
    }
    bytes = step_round_trip(&changes, limits);
    free_others(&others);
    free(released);
    free(admitted);
    free(runs);
    free(row_changes);
    free(pages);
    free(payload);
    return bytes;
}

START_TEST(the_longest_messages_stay_below_max_bytes)
{
    kvspan_step_limits many_slots = large;
    kvspan_step_limits many_pages = large;

    many_pages.slot_count = 1;
    many_pages.column_count = 50000;
    many_pages.page_count = 2000000;
    many_pages.page_tokens = 1;
    many_pages.max_tokens = 50000;
    many_pages.max_sequence_tokens = 50000;
    many_pages.max_payload_bytes = 0;
    many_slots.slot_count = 65536;
    many_slots.max_rows = 65536;
    many_slots.max_tokens = 131072;
    many_slots.page_count = 2000000;
    many_slots.column_count = 3;
    many_slots.page_tokens = 1;
    many_slots.max_sequence_tokens = 3;
    many_slots.max_payload_bytes = 1000;

    ck_assert_uint_le(longest_message(&small, 5), kvspan_step_max_bytes(&small));
    ck_assert_uint_le(longest_message(&grouped, 19), kvspan_step_max_bytes(&grouped));
    ck_assert_uint_le(longest_message(&large, 101), kvspan_step_max_bytes(&large));
    ck_assert_uint_le(longest_message(&many_slots, 32771), kvspan_step_max_bytes(&many_slots));
    ck_assert_uint_le(longest_message(&many_pages, 1), kvspan_step_max_bytes(&many_pages));
    /* And the bound is not far above what can happen. */
    ck_assert_uint_ge(longest_message(&large, 101) * 5 / 4, kvspan_step_max_bytes(&large));
    ck_assert_uint_ge(longest_message(&many_pages, 1) * 51 / 50,
                      kvspan_step_max_bytes(&many_pages));
    ck_assert_uint_ge(longest_message(&many_slots, 32771) * 3 / 2,
                      kvspan_step_max_bytes(&many_slots));
}
END_TEST

START_TEST(max_bytes_holds_every_first_receive)
{
    ck_assert_uint_eq(kvspan_step_max_bytes(&single), KVSPAN_STEP_FIRST_BYTES);
    /* The documented sum: header, counts, 256 slots, 256 windows and shared runs with all entries,
     * 256 runs and copies, 312 pages, 256 rows, payload. */
    ck_assert_uint_eq(kvspan_step_max_bytes(&large), 64 + 50 + 256 * (2 + (2 + 10 + 3) + (2 + 3)) +
                                                         2 * 256 * (2 + 1 + 2) + 256 * 4096 * 3 +
                                                         256 * (2 * (2 + 1 + 2) + 3) + 312 * 3 +
                                                         256 * (2 + 2) + 7 + 65536);
}
END_TEST

START_TEST(max_pages_is_what_rows_can_take)
{
    kvspan_step_limits limits = small;

    /* 8 rows, 40 tokens: 8 of one token, then 32 / 4 whole pages. */
    ck_assert_uint_eq(kvspan_step_max_pages(&limits), 16);
    limits.max_tokens = 5; /* five rows at most */
    ck_assert_uint_eq(kvspan_step_max_rows(&limits), 5);
    ck_assert_uint_eq(kvspan_step_max_pages(&limits), 5);
    limits.page_count = 4;
    ck_assert_uint_eq(kvspan_step_max_pages(&limits), 3);
    limits = small;
    limits.column_count = 1;
    ck_assert_uint_eq(kvspan_step_max_pages(&limits), 8);
    ck_assert_uint_eq(kvspan_step_max_page_runs(&grouped), 90);
}
END_TEST

START_TEST(encoding_writes_nothing_beyond_a_buffer_that_is_too_small)
{
    const kvspan_row_change rows[] = { { 5, 3 }, { 1, 1 }, { 7, 9 } };
    const kvspan_changes changes = { .epoch = 8,
                                     .rows = rows,
                                     .row_count = 3,
                                     .token_count = 13,
                                     .payload = "rider",
                                     .payload_bytes = 5 };
    unsigned char whole[128];
    size_t bytes = 0;

    ck_assert_int_eq(kvspan_step_encode(&changes, 4096, whole, sizeof(whole), &bytes, NULL),
                     KVSPAN_OK);
    ck_assert_uint_eq(bytes, 64 + (1 + 1) + 1 + (1 + 1) + 3 + 5);
    for (size_t capacity = 0; capacity < bytes; capacity++) {
        unsigned char *part = malloc(capacity + 1); /* the sanitizer watches its end */
        kvspan_error error = { .status = KVSPAN_OK };
        size_t untouched = 77;

        part[capacity] = 0xa5;
        ck_assert_int_eq(kvspan_step_encode(&changes, 4096, part, capacity, &untouched, &error),
                         KVSPAN_ERR_ARGUMENT);
        ck_assert_uint_eq(untouched, 77);
        ck_assert_uint_eq(part[capacity], 0xa5);
        ck_assert_ptr_nonnull(strstr(error.message, "77 bytes"));
        free(part);
    }
}
END_TEST

START_TEST(the_first_receive_grows_by_powers_of_two_and_never_shrinks)
{
    const size_t max_bytes = 100000;

    ck_assert_uint_eq(kvspan_step_next_first_bytes(4096, 0, max_bytes), 4096);
    ck_assert_uint_eq(kvspan_step_next_first_bytes(4096, 3277, max_bytes), 4096);
    ck_assert_uint_eq(kvspan_step_next_first_bytes(4096, 3278, max_bytes), 8192);
    ck_assert_uint_eq(kvspan_step_next_first_bytes(4096, 4096, max_bytes), 8192);
    ck_assert_uint_eq(kvspan_step_next_first_bytes(8192, 64, max_bytes), 8192);
    ck_assert_uint_eq(kvspan_step_next_first_bytes(8192, 52000, max_bytes), 65536);
    ck_assert_uint_eq(kvspan_step_next_first_bytes(8192, 60000, max_bytes), 100000);
    ck_assert_uint_eq(kvspan_step_next_first_bytes(0, 10, 200), 4096);
    ck_assert_uint_eq(kvspan_step_next_first_bytes(4096, UINT32_MAX, UINT32_MAX), UINT32_MAX);
}
END_TEST

START_TEST(limits_are_refused_by_name)
{
    const struct {
        size_t offset;
        uint32_t value;
        const char *text;
    } cases[] = {
        { offsetof(kvspan_step_limits, group_count), 0, "group_count 0 is not in [1, 16]" },
        { offsetof(kvspan_step_limits, group_count), 17, "group_count 17" },
        { offsetof(kvspan_step_limits, slot_count), 0, "slot_count 0" },
        { offsetof(kvspan_step_limits, slot_count), 65537, "slot_count 65537" },
        { offsetof(kvspan_step_limits, page_count), 1, "page_count 1" },
        { offsetof(kvspan_step_limits, page_count), 0x80000000u, "page_count 2147483648" },
        { offsetof(kvspan_step_limits, page_tokens), 0, "page_tokens 0" },
        { offsetof(kvspan_step_limits, max_rows), 0, "max_rows 0" },
        { offsetof(kvspan_step_limits, max_tokens), 0, "max_tokens 0" },
        { offsetof(kvspan_step_limits, max_tokens), 16777217, "max_tokens 16777217" },
        { offsetof(kvspan_step_limits, column_count), 0, "column_count 0" },
        { offsetof(kvspan_step_limits, column_count), 15, "15 columns of 4 tokens" },
        { offsetof(kvspan_step_limits, max_payload_bytes), UINT32_MAX, "could have" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kvspan_step_limits limits = small;
        kvspan_step_message message = { .payload = NULL };
        kvspan_replica replica = { .digest = 5 };
        kvspan_error error = { .status = KVSPAN_OK };

        memcpy((char *)&limits + cases[i].offset, &cases[i].value, sizeof(uint32_t));
        ck_assert_int_eq(kvspan_step_message_init(&message, &limits, &error), KVSPAN_ERR_ARGUMENT);
        ck_assert_msg(strstr(error.message, cases[i].text) != NULL, "%s", error.message);
        ck_assert_int_eq(kvspan_replica_init(&replica, &limits, NULL), KVSPAN_ERR_ARGUMENT);
        ck_assert_uint_eq(replica.digest, 5);
    }
}
END_TEST

START_TEST(the_checksum_is_the_documented_sum)
{
    unsigned char message[100];

    for (size_t i = 0; i < sizeof(message); i++) {
        message[i] = (unsigned char)(i * 37 + 11);
    }
    for (size_t bytes = 64; bytes <= sizeof(message); bytes++) {
        uint64_t sealed = 0;
        uint64_t computed;

        step_world_seal(message, bytes);
        for (size_t i = 0; i < 8; i++) {
            sealed |= (uint64_t)message[24 + i] << 8 * i;
        }
        computed = kvspan_step_checksum(message, bytes);
        ck_assert_uint_eq(computed, sealed);
        message[bytes - 1] ^= 0x10;
        ck_assert_uint_ne(kvspan_step_checksum(message, bytes), computed);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/step_codec");
    TCase *codec = tcase_create("codec");
    TCase *sizes = tcase_create("sizes");

    tcase_add_test(codec, every_random_step_comes_back_as_it_was);
    tcase_add_test(codec, tags_and_epochs_use_all_64_bits);
    tcase_add_test(codec, encoding_writes_nothing_beyond_a_buffer_that_is_too_small);
    tcase_add_test(codec, limits_are_refused_by_name);
    tcase_add_test(codec, the_checksum_is_the_documented_sum);
    tcase_add_test(sizes, a_decode_step_has_its_closed_form_size);
    tcase_add_test(sizes, a_prefill_chunk_costs_its_pages_alone);
    tcase_add_test(sizes, the_longest_messages_stay_below_max_bytes);
    tcase_add_test(sizes, max_bytes_holds_every_first_receive);
    tcase_add_test(sizes, max_pages_is_what_rows_can_take);
    tcase_add_test(sizes, the_first_receive_grows_by_powers_of_two_and_never_shrinks);
    suite_add_tcase(suite, codec);
    suite_add_tcase(suite, sizes);
    return suite_run(suite);
}
