/* Rows of docs/coming-from-easydel.md that take a whole ledger or cache to see. */
#include "support/suite.h"

#include <math.h>
#include <string.h>

#include "cache_fixture.h"
#include "ledger_fixture.h"
#include "support/oracle.h"
#include "support/random.h"

/* ---- pages of a ledger ---------------------------------------------------------------------- */

/* 6 pages of 4 tokens, as in the rows. */
static kvspan_ledger *small_ledger(uint32_t page_count, uint32_t window)
{
    kvspan_ledger_config config = test_ledger_config();

    config.page_count = page_count;
    config.page_tokens = 4;
    config.max_sequence_tokens = 64;
    config.group_windows[0] = window;
    return test_ledger_create(&config);
}

static void check_table(const kvspan_ledger *ledger, kvspan_sequence sequence,
                        const uint32_t *pages, uint32_t count)
{
    uint32_t held = 0;
    const uint32_t *table = kvspan_ledger_table(ledger, 0, (uint32_t)sequence, &held);

    ck_assert_uint_eq(held, count);
    ck_assert_int_eq(memcmp(table, pages, count * sizeof(*pages)), 0);
}

#define CHECK_TABLE(ledger, sequence, ...)                           \
    check_table(ledger, sequence, (const uint32_t[]){ __VA_ARGS__ }, \
                sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

/* Pages [1,2], then a prompt of 9 tokens [3,4,5], then none is left. */
START_TEST(a_prompt_of_9_tokens_takes_pages_3_4_5_and_then_there_are_none)
{
    kvspan_ledger *ledger = small_ledger(6, 0);
    const kvspan_sequence first = test_sequence_create(ledger, 1);
    const kvspan_sequence second = test_sequence_create(ledger, 2);
    const kvspan_sequence third = test_sequence_create(ledger, 3);
    kvspan_error error = { 0 };
    kvspan_step *step;

    test_append(ledger, first, 5);
    CHECK_TABLE(ledger, first, 1, 2);
    test_append(ledger, second, 9);
    CHECK_TABLE(ledger, second, 3, 4, 5);
    step = test_step_open(ledger);
    ck_assert_int_eq(kvspan_step_add(step, third, 1, NULL, &error), KVSPAN_ERR_NO_PAGES);
    ck_assert_int_eq(kvspan_step_add(step, third, 0, NULL, &error), KVSPAN_ERR_ARGUMENT);
    kvspan_step_cancel(step);
    ck_assert_int_eq(kvspan_sequence_free(ledger, first, &error), KVSPAN_OK);
    ck_assert_int_eq(kvspan_sequence_free(ledger, first, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).pages_free, 2);
    test_append(ledger, third, 8);
    CHECK_TABLE(ledger, third, 1, 2);
    kvspan_ledger_destroy(ledger);
}
END_TEST

/* Prompts of 0, 1, 4, 5, 6, 8, 9 tokens; nothing is a token too few for a page. */
START_TEST(active_pages_are_those_with_a_token)
{
    static const uint32_t rows[][2] = { { 0, 0 }, { 1, 1 }, { 4, 1 }, { 5, 2 },
                                        { 6, 2 }, { 8, 2 }, { 9, 3 } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        kvspan_ledger *ledger = small_ledger(6, 0);
        const kvspan_sequence sequence = test_sequence_create(ledger, 1);

        if (rows[i][0] > 0) {
            test_append(ledger, sequence, rows[i][0]);
        }
        ck_assert_uint_eq(kvspan_ledger_count(ledger).pages_in_use, rows[i][1]);
        kvspan_ledger_destroy(ledger);
    }
}
END_TEST

/* Positions 0, 4, 8, 12 want the logical pages 0 … 3; all others none. */
START_TEST(a_token_takes_a_page_where_its_position_is_a_multiple_of_4)
{
    kvspan_ledger *ledger = small_ledger(6, 0);
    const kvspan_sequence sequence = test_sequence_create(ledger, 1);

    for (uint32_t position = 0; position < 16; position++) {
        test_append(ledger, sequence, 1);
        ck_assert_uint_eq(kvspan_ledger_count(ledger).pages_in_use, position / 4 + 1);
    }
    CHECK_TABLE(ledger, sequence, 1, 2, 3, 4);
    kvspan_ledger_destroy(ledger);
}
END_TEST

/* Window 8: 16 tokens hold [1,2,3,4]; with the next token page 5 comes, pages 1 and 2 go. */
START_TEST(a_window_of_8_leaves_0_0_3_4_5)
{
    kvspan_ledger *ledger = small_ledger(8, 8);
    const kvspan_sequence sequence = test_sequence_create(ledger, 1);

    test_append(ledger, sequence, 16);
    CHECK_TABLE(ledger, sequence, 1, 2, 3, 4);
    ck_assert_int_eq(kvspan_sequence_commit(ledger, sequence, NULL, 16, NULL, NULL), KVSPAN_OK);
    test_append(ledger, sequence, 1);
    ck_assert_int_eq(kvspan_sequence_commit(ledger, sequence, NULL, 1, NULL, NULL), KVSPAN_OK);
    CHECK_TABLE(ledger, sequence, 0, 0, 3, 4, 5);
    ck_assert_uint_eq(kvspan_ledger_count(ledger).pages_in_use, 3);
    kvspan_ledger_destroy(ledger);
}
END_TEST

/* ---- bytes in pages ------------------------------------------------------------------------- */

/* One layer, one head of dim 1, pages of 4 tokens, tokens written are their ids. */
static cache_fixture id_cache(void)
{
    cache_fixture fixture = cache_fixture_make();

    fixture.group.layer_count = 1;
    fixture.group.q_heads = 1;
    for (int plane = 0; plane < 2; plane++) {
        fixture.group.planes[plane].heads = 1;
        fixture.group.planes[plane].dim = 1;
    }
    fixture.config.page_tokens = 4;
    fixture.config.page_count = 6;
    fixture.config.max_sequence_tokens = 12;
    ck_assert_int_eq(cache_fixture_open(&fixture, NULL, NULL), KVSPAN_OK);
    return fixture;
}

static float id_at(const kvspan_cache *cache, uint32_t page, uint32_t offset)
{
    kvspan_layer_view view;
    float id;

    ck_assert_int_eq(kvspan_cache_layer_view(cache, 0, KVSPAN_VALUE, &view, NULL), KVSPAN_OK);
    ck_assert_uint_eq(view.scale_offset, 0);
    memcpy(&id, (unsigned char *)view.data + page * view.page_stride + offset * view.token_stride,
           sizeof(id));
    return id;
}

/* A step of one row, whose tokens get the ids first_id … */
static void append_ids(cache_fixture *fixture, kvspan_sequence *sequence, uint32_t tokens,
                       float first_id)
{
    kvspan_step *step = NULL;
    kvspan_step_view view;
    float ids[12];
    const kvspan_tensor plane = { ids, KVSPAN_F32, 1, 1, tokens, 1, 1 };
    const kvspan_tensor planes[] = { plane, plane };

    for (uint32_t i = 0; i < tokens; i++) {
        ids[i] = first_id + (float)i;
    }
    ck_assert_int_eq(cache_fixture_plan(fixture, sequence, tokens, &step, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_step_begin(fixture->cache, step, NULL, 0, &view, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_cache_append(fixture->cache, 0, planes, NULL, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_step_end(fixture->cache, NULL, NULL), KVSPAN_OK);
}

static void check_null_page(const kvspan_cache *cache)
{
    for (uint32_t offset = 0; offset < 4; offset++) {
        ck_assert_float_eq(id_at(cache, 0, offset), 0.0f);
    }
}

/* Slot 0 ends with pages 1 2 3 full; in the seed its stale row goes on to write offset 3 of page 3
 * in every step. Here whoever owns page 3 now keeps what it wrote, and page 0 stays empty. */
START_TEST(a_slot_that_ended_writes_into_nobodys_page)
{
    cache_fixture fixture = id_cache();
    kvspan_sequence ended = 0;
    kvspan_sequence heir = 0;
    kvspan_layer_view view;

    append_ids(&fixture, &ended, 12, 1.0f);
    append_ids(&fixture, &heir, 1, 50.0f);
    ck_assert_int_eq(kvspan_sequence_free(kvspan_cache_ledger(fixture.cache), ended, NULL),
                     KVSPAN_OK);
    append_ids(&fixture, &heir, 7, 51.0f);
    ck_assert_float_eq(id_at(fixture.cache, 3, 3), 12.0f);
    append_ids(&fixture, &heir, 3, 58.0f);
    append_ids(&fixture, &heir, 1, 61.0f);
    /* pages 4, 5 and then 1, the first that was given back */
    for (uint32_t i = 0; i < 12; i++) {
        static const uint32_t pages[] = { 4, 5, 1 };

        ck_assert_float_eq(id_at(fixture.cache, pages[i / 4], i % 4), 50.0f + (float)i);
    }
    ck_assert_int_eq(kvspan_cache_layer_view(fixture.cache, 0, KVSPAN_KEY, &view, NULL), KVSPAN_OK);
    for (uint32_t column = 0; column < 3; column++) {
        ck_assert_uint_eq(view.page_table[column], 0); /* slot 0 */
    }
    check_null_page(fixture.cache);
    cache_fixture_close(&fixture);
}
END_TEST

/* The table is 3 wide: position 12 is refused, and offset 0 of the last page keeps its token. */
START_TEST(a_token_past_the_table_is_refused_and_overwrites_nothing)
{
    cache_fixture fixture = id_cache();
    kvspan_sequence sequence = 0;
    kvspan_step *step = NULL;
    kvspan_error error = { 0 };

    append_ids(&fixture, &sequence, 12, 1.0f);
    ck_assert_int_eq(cache_fixture_plan(&fixture, &sequence, 1, &step, &error),
                     KVSPAN_ERR_NEVER_FITS);
    ck_assert_msg(strstr(error.message, "has 12 tokens, 1 more") && strstr(error.message, " 12"),
                  "%s", error.message);
    ck_assert_float_eq(id_at(fixture.cache, 3, 0), 9.0f);
    check_null_page(fixture.cache);
    cache_fixture_close(&fixture);
}
END_TEST

/* Position 8 behind pages 1 2, for which the seed's table has page 0: it gets page 3 here. */
START_TEST(a_token_without_a_page_gets_one)
{
    cache_fixture fixture = id_cache();
    kvspan_sequence sequence = 0;

    append_ids(&fixture, &sequence, 8, 1.0f);
    append_ids(&fixture, &sequence, 1, 9.0f);
    ck_assert_float_eq(id_at(fixture.cache, 3, 0), 9.0f);
    check_null_page(fixture.cache);
    cache_fixture_close(&fixture);
}
END_TEST

/* ---- the prefill test that the seed's origin has: 67 tokens, pages of 16, 4 q and 2 kv heads ----
 */

enum {
    PROMPT = 67,
    CHUNK = 32,
    Q_HEADS = 4,
    KV_HEADS = 2,
    DIM = 8,
    Q_TOKEN = Q_HEADS * DIM, /* elements of a token */
    KV_TOKEN = KV_HEADS * DIM
};

typedef struct prompt_numbers {
    float q[PROMPT][Q_HEADS][DIM];
    float planes[2][PROMPT][KV_HEADS][DIM]; /* keys, values */
    float out[PROMPT][Q_HEADS][DIM];
} prompt_numbers;

static void fill_prompt(prompt_numbers *prompt)
{
    random_source source = random_start("prompt", 1);
    float *numbers = &prompt->q[0][0][0];
    float *keys = &prompt->planes[0][0][0][0];

    for (size_t i = 0; i < (size_t)PROMPT * Q_HEADS * DIM; i++) {
        numbers[i] = (float)random_below(&source, 4096) / 1024.0f - 2.0f;
    }
    for (size_t i = 0; i < (size_t)2 * PROMPT * KV_HEADS * DIM; i++) {
        keys[i] = (float)random_below(&source, 4096) / 1024.0f - 2.0f;
    }
}

/* One chunk: a step that appends and attends tokens [first, first + count). */
static void attend_chunk(cache_fixture *fixture, kvspan_sequence *sequence, prompt_numbers *prompt,
                         uint32_t first, uint32_t count)
{
    kvspan_step *step = NULL;
    kvspan_step_view view;
    const kvspan_tensor planes[] = {
        { prompt->planes[0][first], KVSPAN_F32, KV_HEADS, DIM, count, KV_TOKEN, DIM },
        { prompt->planes[1][first], KVSPAN_F32, KV_HEADS, DIM, count, KV_TOKEN, DIM },
    };
    const kvspan_tensor q = { prompt->q[first], KVSPAN_F32, Q_HEADS, DIM, count, Q_TOKEN, DIM };
    kvspan_tensor out = { prompt->out[first], KVSPAN_F32, Q_HEADS, DIM, count, Q_TOKEN, DIM };
    const kvspan_attention attention = { .size = sizeof(attention) };

    ck_assert_int_eq(cache_fixture_plan(fixture, sequence, count, &step, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_step_begin(fixture->cache, step, NULL, 0, &view, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_cache_append(fixture->cache, 0, planes, NULL, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_cache_attend(fixture->cache, 0, &q, &attention, &out, NULL, NULL),
                     KVSPAN_OK);
    ck_assert_int_eq(kvspan_step_end(fixture->cache, NULL, NULL), KVSPAN_OK);
}

/* Five pages hold the 67 tokens bit for bit; the tail of the fifth and all of the sixth are zero.
 */
static void check_prompt_pages(const kvspan_cache *cache, const prompt_numbers *prompt)
{
    static const float zeros[DIM] = { 0 };

    for (int plane = 0; plane < 2; plane++) {
        kvspan_layer_view view;

        ck_assert_int_eq(
            kvspan_cache_layer_view(cache, 0, plane == 0 ? KVSPAN_KEY : KVSPAN_VALUE, &view, NULL),
            KVSPAN_OK);
        for (uint32_t i = 0; i < 6 * 16 * KV_HEADS; i++) {
            const uint32_t token = i / KV_HEADS;
            const unsigned char *stored =
                (unsigned char *)view.data + (1 + token / 16) * view.page_stride +
                i % KV_HEADS * view.head_stride + token % 16 * view.token_stride;

            const void *expected =
                token < PROMPT ? prompt->planes[plane][token][i % KV_HEADS] : zeros;

            ck_assert_int_eq(memcmp(stored, expected, sizeof(zeros)), 0);
        }
    }
}

/* Dense causal attention in float64 over contiguous keys and values. */
static void check_prompt_rows(const prompt_numbers *prompt)
{
    double query[DIM];
    double planes[2][PROMPT * KV_HEADS * DIM];
    double exact[DIM];

    for (size_t i = 0; i < (size_t)2 * PROMPT * KV_HEADS * DIM; i++) {
        (&planes[0][0])[i] = (double)(&prompt->planes[0][0][0][0])[i];
    }
    for (uint32_t row = 0; row < PROMPT * Q_HEADS; row++) {
        const size_t kv_offset = (size_t)(row % Q_HEADS) / (Q_HEADS / KV_HEADS) * DIM;
        const float *out = prompt->out[row / Q_HEADS][row % Q_HEADS];
        const oracle_query asked = { .query = query,
                                     .keys = planes[0] + kv_offset,
                                     .values = planes[1] + kv_offset,
                                     .key_stride = (size_t)KV_HEADS * DIM,
                                     .value_stride = (size_t)KV_HEADS * DIM,
                                     .key_dim = DIM,
                                     .value_dim = DIM,
                                     .position = row / Q_HEADS,
                                     .page_tokens = PROMPT,
                                     .member_count = 1,
                                     .member = ORACLE_ALL_MEMBERS,
                                     .scale = (float)(1.0 / sqrt(DIM)) };

        for (uint32_t i = 0; i < DIM; i++) {
            query[i] = (double)prompt->q[row / Q_HEADS][row % Q_HEADS][i];
        }
        (void)oracle_attend(&asked, exact);
        for (uint32_t i = 0; i < DIM; i++) {
            ck_assert_double_eq_tol((double)out[i], exact[i], 1e-5);
        }
    }
}

START_TEST(a_prompt_of_67_tokens_in_chunks_of_32_fills_5_pages_and_attends_as_dense)
{
    static prompt_numbers prompt;
    cache_fixture fixture = cache_fixture_make();
    kvspan_sequence sequence = 0;

    fill_prompt(&prompt);
    fixture.config.max_sequence_tokens = 96;
    ck_assert_int_eq(cache_fixture_open(&fixture, NULL, NULL), KVSPAN_OK);
    for (uint32_t first = 0; first < PROMPT; first += CHUNK) {
        attend_chunk(&fixture, &sequence, &prompt, first,
                     PROMPT - first < CHUNK ? PROMPT - first : CHUNK);
    }
    ck_assert_uint_eq(kvspan_ledger_count(kvspan_cache_ledger(fixture.cache)).pages_in_use, 5);
    check_prompt_pages(fixture.cache, &prompt);
    check_prompt_rows(&prompt);
    cache_fixture_close(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/worked_rows");
    TCase *pages = tcase_create("pages");
    TCase *bytes = tcase_create("bytes");

    tcase_add_test(pages, a_prompt_of_9_tokens_takes_pages_3_4_5_and_then_there_are_none);
    tcase_add_test(pages, active_pages_are_those_with_a_token);
    tcase_add_test(pages, a_token_takes_a_page_where_its_position_is_a_multiple_of_4);
    tcase_add_test(pages, a_window_of_8_leaves_0_0_3_4_5);
    suite_add_tcase(suite, pages);
    tcase_add_test(bytes, a_slot_that_ended_writes_into_nobodys_page);
    tcase_add_test(bytes, a_token_past_the_table_is_refused_and_overwrites_nothing);
    tcase_add_test(bytes, a_token_without_a_page_gets_one);
    tcase_add_test(bytes, a_prompt_of_67_tokens_in_chunks_of_32_fills_5_pages_and_attends_as_dense);
    suite_add_tcase(suite, bytes);
    return suite_run(suite);
}
