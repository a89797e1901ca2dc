#include "support/suite.h"

#include <string.h>

#include <kvspan/dense_view.h>

#include "runtime/cache_fixture.h"

enum {
    CHUNKS = 2,
    CHUNK_TOKENS = 24,
    SLOTS = 5,  /* one more than the cache has */
    COLUMNS = 6 /* two more */
};

typedef struct dense_arrays {
    int32_t length[CHUNKS];
    int32_t pos[CHUNKS][CHUNK_TOKENS];
    int32_t table[CHUNKS][COLUMNS];
    int32_t slot_pos[SLOTS];
    int32_t slot_table[SLOTS][COLUMNS];
    kvspan_dense_view dense;
} dense_arrays;

static kvspan_dense_view *make_arrays(dense_arrays *arrays)
{
    memset(arrays, 0x5a, sizeof(*arrays));
    arrays->dense = (kvspan_dense_view){ .size = sizeof(kvspan_dense_view),
                                         .chunk_capacity = CHUNKS,
                                         .chunk_tokens = CHUNK_TOKENS,
                                         .slot_count = SLOTS,
                                         .column_count = COLUMNS,
                                         .prefill_length = arrays->length,
                                         .prefill_pos = &arrays->pos[0][0],
                                         .prefill_page_table = &arrays->table[0][0],
                                         .generate_pos = arrays->slot_pos,
                                         .generate_page_table = &arrays->slot_table[0][0] };
    return &arrays->dense;
}

static kvspan_sequence create_sequence(kvspan_ledger *ledger)
{
    const kvspan_sequence_config config = { .size = sizeof(config) };
    kvspan_sequence sequence = 0;

    ck_assert_int_eq(kvspan_sequence_create(ledger, &config, &sequence, NULL, NULL), KVSPAN_OK);
    return sequence;
}

/* A step of rows of so many tokens; 0: no row. */
static kvspan_step_view do_step(kvspan_cache *cache, const kvspan_sequence *sequences,
                                const uint32_t *tokens, uint32_t count)
{
    kvspan_step *step = NULL;
    kvspan_step_view view;

    ck_assert_int_eq(kvspan_step_open(kvspan_cache_ledger(cache), &step, NULL), KVSPAN_OK);
    for (uint32_t i = 0; i < count; i++) {
        if (tokens[i]) {
            ck_assert_int_eq(kvspan_step_add(step, sequences[i], tokens[i], NULL, NULL), KVSPAN_OK);
        }
    }
    ck_assert_int_eq(kvspan_step_begin(cache, step, NULL, 1000, &view, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_step_end(cache, NULL, NULL), KVSPAN_OK);
    return view;
}

static void check_row(const int32_t *row, int32_t first, int32_t second)
{
    ck_assert_int_eq(row[0], first);
    ck_assert_int_eq(row[1], second);
    for (int i = 2; i < COLUMNS; i++) {
        ck_assert_int_eq(row[i], 0);
    }
}

/* Pages are of 16 tokens and are handed out from 1 on in ascending order. */
START_TEST(chunks_come_by_index_and_tokens_by_slot)
{
    static const uint32_t first[] = { 15, 17 };
    static const uint32_t second[] = { 1, 0, 3 };
    static const uint32_t third[] = { 0, 1, 0 };
    cache_fixture fixture = cache_fixture_make();
    dense_arrays arrays;
    kvspan_sequence sequences[3];
    kvspan_step_view view;

    ck_assert_int_eq(cache_fixture_open(&fixture, NULL, NULL), KVSPAN_OK);
    sequences[0] = create_sequence(kvspan_cache_ledger(fixture.cache));
    sequences[1] = create_sequence(kvspan_cache_ledger(fixture.cache));
    view = do_step(fixture.cache, sequences, first, 2);
    ck_assert_int_eq(kvspan_step_dense_view(fixture.cache, 1, &view, make_arrays(&arrays), NULL),
                     KVSPAN_OK);
    ck_assert_uint_eq(arrays.dense.chunk_count, 2);
    ck_assert(arrays.length[0] == 15 && arrays.length[1] == 17);
    for (int i = 0; i < CHUNK_TOKENS; i++) {
        ck_assert_int_eq(arrays.pos[0][i], i < 15 ? i : -1);
        ck_assert_int_eq(arrays.pos[1][i], i < 17 ? i : -1);
    }
    check_row(arrays.table[0], 1, 0);
    check_row(arrays.table[1], 2, 3);
    for (int i = 0; i < SLOTS; i++) {
        ck_assert_int_eq(arrays.slot_pos[i], -1);
        check_row(arrays.slot_table[i], 0, 0);
    }
    /* A decode row, an idle slot, a new chunk. */
    sequences[2] = create_sequence(kvspan_cache_ledger(fixture.cache));
    view = do_step(fixture.cache, sequences, second, 3);
    ck_assert_int_eq(kvspan_step_dense_view(fixture.cache, 0, &view, make_arrays(&arrays), NULL),
                     KVSPAN_OK);
    ck_assert_uint_eq(arrays.dense.chunk_count, 1);
    ck_assert(arrays.length[0] == 3 && arrays.length[1] == 0);
    ck_assert(arrays.slot_pos[0] == 15 && arrays.slot_pos[1] == -1 && arrays.slot_pos[2] == -1);
    check_row(arrays.slot_table[0], 1, 0);
    check_row(arrays.slot_table[1], 0, 0);
    check_row(arrays.table[0], 4, 0);
    /* A slot that ended shows no pages any more, and nothing is left of it. */
    ck_assert_int_eq(kvspan_sequence_free(kvspan_cache_ledger(fixture.cache), sequences[0], NULL),
                     KVSPAN_OK);
    view = do_step(fixture.cache, sequences, third, 3);
    ck_assert_int_eq(kvspan_step_dense_view(fixture.cache, 0, &view, make_arrays(&arrays), NULL),
                     KVSPAN_OK);
    ck_assert_uint_eq(arrays.dense.chunk_count, 0);
    ck_assert(arrays.slot_pos[0] == -1 && arrays.slot_pos[1] == 17);
    check_row(arrays.slot_table[0], 0, 0);
    check_row(arrays.slot_table[1], 2, 3);
    cache_fixture_close(&fixture);
}
END_TEST

START_TEST(too_little_room_and_old_views_are_refused)
{
    static const uint32_t tokens[] = { 17 };
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    dense_arrays arrays;
    kvspan_sequence sequence;
    kvspan_step_view old;
    kvspan_step_view view;

    ck_assert_int_eq(cache_fixture_open(&fixture, NULL, NULL), KVSPAN_OK);
    sequence = create_sequence(kvspan_cache_ledger(fixture.cache));
    old = do_step(fixture.cache, NULL, NULL, 0);
    view = do_step(fixture.cache, &sequence, tokens, 1);
    for (int i = 0; i < 6; i++) {
        static const char *const named[] = { "chunk_capacity is 0",
                                             "chunk_tokens is 16",
                                             "slot_count is 3",
                                             "column_count is 3",
                                             "layer 2",
                                             "step 1" };
        kvspan_dense_view *const dense = make_arrays(&arrays);

        dense->chunk_capacity = i == 0 ? 0 : CHUNKS;
        dense->chunk_tokens = i == 1 ? 16 : CHUNK_TOKENS;
        dense->slot_count = i == 2 ? 3 : SLOTS;
        dense->column_count = i == 3 ? 3 : COLUMNS;
        ck_assert_int_eq(kvspan_step_dense_view(fixture.cache, i == 4 ? 2 : 0,
                                                i == 5 ? &old : &view, dense, &error),
                         KVSPAN_ERR_ARGUMENT);
        ck_assert_msg(strstr(error.message, named[i]), "%s", error.message);
        ck_assert_int_eq(arrays.slot_pos[0], 0x5a5a5a5a); /* untouched */
    }
    cache_fixture_close(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/dense_view");
    TCase *dense = tcase_create("dense");

    tcase_add_test(dense, chunks_come_by_index_and_tokens_by_slot);
    tcase_add_test(dense, too_little_room_and_old_views_are_refused);
    suite_add_tcase(suite, dense);
    return suite_run(suite);
}
