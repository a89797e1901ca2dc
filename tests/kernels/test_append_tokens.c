#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "column.h"
#include "support/oracle.h"
#include "support/random.h"

enum {
    CANARY = 0xa5,
    NO_PAGE = 0x7fffffff,
    MAX_ROWS = 6,
    MAX_COLUMNS = 64
};

/* ---- the worked rows: pages of 4 tokens, 6 pages, dim 1, values = token ids -------------------
 */

enum {
    EXAMPLE_PAGES = 6,
    EXAMPLE_PAGE_TOKENS = 4,
    EXAMPLE_FLOATS = EXAMPLE_PAGES * EXAMPLE_PAGE_TOKENS,
    EXAMPLE_TOKENS = 16
};

/* One sequence's part: `count` tokens from `position` on. */
typedef struct example_row {
    uint32_t table[4];
    int32_t position;
    uint32_t count;
} example_row;

/* Appends ids[token][head] to pages of [head][page][token], as the seed lays them out. */
static void append_example(float *pages, uint32_t page_count, const example_row *examples,
                           uint32_t row_count, uint32_t heads, float *ids)
{
    uint32_t page_table[MAX_ROWS * 4];
    uint32_t row_starts[MAX_ROWS + 1] = { 0 };
    uint32_t row_slots[MAX_ROWS];
    int32_t positions[EXAMPLE_TOKENS];
    kvspan_append_tokens_args args = {
        .rows = { .row_count = row_count,
                  .row_starts = row_starts,
                  .row_slots = row_slots,
                  .positions = positions,
                  .page_table = page_table,
                  .page_table_stride = 4,
                  .rule = { .page_tokens = EXAMPLE_PAGE_TOKENS, .member_count = 1 } },
        .plane_count = 1,
        .planes = { { .view = { .data = (unsigned char *)pages,
                                .page_stride = EXAMPLE_PAGE_TOKENS * sizeof(float),
                                .head_stride = sizeof(float) * EXAMPLE_PAGE_TOKENS * page_count,
                                .token_stride = sizeof(float),
                                .dtype = KVSPAN_F32,
                                .heads = heads,
                                .dim = 1 },
                      .source = { .data = ids,
                                  .dtype = KVSPAN_F32,
                                  .heads = heads,
                                  .dim = 1,
                                  .token_stride = heads,
                                  .head_stride = 1 } } }
    };

    for (uint32_t row = 0; row < row_count; row++) {
        row_slots[row] = row;
        row_starts[row + 1] = row_starts[row] + examples[row].count;
        memcpy(page_table + (size_t)row * 4, examples[row].table, sizeof(examples[row].table));
        for (uint32_t i = 0; i < examples[row].count; i++) {
            positions[row_starts[row] + i] = examples[row].position + (int32_t)i;
        }
    }
    args.rows.token_count = row_starts[row_count];
    args.planes[0].source.tokens = row_starts[row_count];
    column_append_tokens(&args, KVSPAN_KEY, page_count);
}

static void check_pages(const float *pages, const float *expected, uint32_t count)
{
    for (uint32_t row = 0; row < count; row++) {
        ck_assert_msg(pages[row] == expected[row], "row %u: %g is not %g", row, (double)pages[row],
                      (double)expected[row]);
    }
}

/* The tail of the last page stays as it was: no padding is written, no whole chunk is needed. */
START_TEST(prefill_fills_pages_in_table_order_and_no_tail)
{
    static const struct {
        uint32_t count;
        float expected[EXAMPLE_FLOATS];
    } cases[] = {
        { 6, { [12] = 11, 12, 13, 14, [4] = 15, 16 } },
        { 4, { [12] = 11, 12, 13, 14 } },
        { 8, { [12] = 11, 12, 13, 14, [4] = 15, 16, 90, 91 } },
        { 0, { 0 } },
    };
    const example_row row = { { 3, 1, NO_PAGE, NO_PAGE }, 0, cases[_i].count };
    float ids[] = { 11, 12, 13, 14, 15, 16, 90, 91 };
    float pages[EXAMPLE_FLOATS] = { 0 };

    append_example(pages, EXAMPLE_PAGES, &row, 1, 1, ids);
    check_pages(pages, cases[_i].expected, EXAMPLE_FLOATS);
}
END_TEST

/* The second chunk goes behind the first, not over it. */
START_TEST(chunked_prefill_goes_on_where_it_stopped)
{
    static const float expected[EXAMPLE_FLOATS] = { [4] = 1, 2,  3,  4,  5,  6,  7,  8,
                                                    9,       10, 11, 12, 13, 14, 15, 16 };
    const example_row chunks[] = { { { 1, 2, 3, 4 }, 0, 8 }, { { 1, 2, 3, 4 }, 8, 8 } };
    float ids[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
    float pages[EXAMPLE_FLOATS] = { 0 };

    append_example(pages, EXAMPLE_PAGES, &chunks[0], 1, 1, ids);
    append_example(pages, EXAMPLE_PAGES, &chunks[1], 1, 1, ids + 8);
    check_pages(pages, expected, EXAMPLE_FLOATS);
}
END_TEST

/* Position 6 of pages 3 1 is row 6, position 3 of page 2 row 11; of the second head, whose rows are
 * 6 · 4 further on, 30 and 35. The seed's idle slots write rows 0 and 3; here they have no row. */
START_TEST(decode_writes_one_token_per_head)
{
    static const float expected[2 * EXAMPLE_FLOATS] = { [6] = 70, [11] = 80, [30] = 71, [35] = 81 };
    const example_row rows[] = { { { 3, 1, NO_PAGE, NO_PAGE }, 6, 1 },
                                 { { 2, NO_PAGE, NO_PAGE, NO_PAGE }, 3, 1 } };
    float ids[] = { 70, 71, 80, 81 };
    float pages[2 * EXAMPLE_FLOATS] = { 0 };

    append_example(pages, EXAMPLE_PAGES, rows, 2, 2, ids);
    check_pages(pages, expected, 2 * EXAMPLE_FLOATS);
}
END_TEST

/* Slices (page row, source row, length) (31,0,1) (8,1,4) (20,5,1) (4,6,4) (12,10,2) of chunks and a
 * decode row in one step; source row i has id i + 1. */
START_TEST(a_mixed_step_lands_in_the_slices_of_the_worked_row)
{
    static const float expected[40] = {
        [31] = 1, [8] = 2, 3, 4, 5, [20] = 6, [4] = 7, 8, 9, 10, [12] = 11, 12
    };
    const example_row rows[] = { { { 7, 2, 0, NO_PAGE }, 3, 5 },
                                 { { 4, 9, 5, NO_PAGE }, 8, 1 },
                                 { { 1, 3, 0, NO_PAGE }, 0, 6 } };
    float ids[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    float pages[40] = { 0 };

    append_example(pages, 10, rows, 3, 1, ids);
    check_pages(pages, expected, 40);
}
END_TEST

/* ---- random steps --------------------------------------------------------------------------- */

struct step {
    kvspan_role role;
    kvspan_dtype dtype;
    uint32_t heads;
    uint32_t dim;
    uint32_t page_tokens;
    uint32_t member_count;
    uint32_t row_count;
    uint32_t row_starts[MAX_ROWS + 1];
    uint32_t row_slots[MAX_ROWS];
    int32_t positions[512];
    uint32_t page_count;
    uint32_t page_table[MAX_ROWS * MAX_COLUMNS];
    uint64_t page_stride;
    uint64_t arena_bytes;
};

static uint64_t item_bytes(const struct step *step)
{
    return step->dtype == KVSPAN_F32 ? 4 : 2;
}

static struct step random_step(uint32_t page_tokens, uint32_t member_count, random_source *source)
{
    static const kvspan_dtype dtypes[] = { KVSPAN_BF16, KVSPAN_F16, KVSPAN_F32 };
    struct step step = { .role = random_below(source, 2) ? KVSPAN_KEY : KVSPAN_VALUE,
                         .dtype = dtypes[random_below(source, 3)],
                         .heads = random_between(source, 1, 4),
                         .dim = random_below(source, 2) ? 32 : random_between(source, 1, 20),
                         .page_tokens = page_tokens,
                         .member_count = member_count,
                         .row_count = random_between(source, 0, MAX_ROWS) };
    const uint32_t stretch = page_tokens * member_count;
    uint32_t pages[MAX_ROWS * MAX_COLUMNS];

    step.page_count = MAX_ROWS * MAX_COLUMNS + 1;
    for (uint32_t i = 0; i < step.page_count - 1; i++) {
        pages[i] = i + 1;
        step.page_table[i] = NO_PAGE;
    }
    random_shuffle(source, pages, step.page_count - 1);
    for (uint32_t row = 0; row < step.row_count; row++) {
        const uint32_t count = random_below(source, 3) ? random_below(source, 40) : 1;
        const uint32_t position = random_below(source, MAX_COLUMNS * stretch - count);

        step.row_slots[row] = (row * 5 + 2) % MAX_ROWS;
        step.row_starts[row + 1] = step.row_starts[row] + count;
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t cell = step.row_slots[row] * MAX_COLUMNS + (position + i) / stretch;

            step.positions[step.row_starts[row] + i] = (int32_t)(position + i);
            step.page_table[cell] = pages[cell];
        }
    }
    step.page_stride = (uint64_t)step.heads * page_tokens * step.dim * item_bytes(&step) + 6;
    step.arena_bytes = step.page_count * step.page_stride;
    return step;
}

/* Puts what the oracle says into a copy of the arena. */
static void expect(const struct step *step, uint32_t member, const unsigned char *source,
                   unsigned char *arena)
{
    const uint64_t vector_bytes = step->dim * item_bytes(step);

    for (uint32_t row = 0; row < step->row_count; row++) {
        for (uint32_t token = step->row_starts[row]; token < step->row_starts[row + 1]; token++) {
            const oracle_place place = oracle_find(step->page_tokens, step->member_count,
                                                   (uint64_t)step->positions[token]);
            const uint64_t page =
                step->page_table[step->row_slots[row] * MAX_COLUMNS + place.column];

            for (uint32_t head = 0; head < step->heads && place.member == member; head++) {
                const uint64_t vector = (uint64_t)head * step->page_tokens + place.offset;

                memcpy(arena + page * step->page_stride + vector * vector_bytes,
                       source + ((uint64_t)token * step->heads + head) * vector_bytes,
                       vector_bytes);
            }
        }
    }
}

static void append_as_member(const struct step *step, uint32_t member, unsigned char *source,
                             unsigned char *arena)
{
    const uint64_t vector_bytes = step->dim * item_bytes(step);
    const uint32_t tokens = step->row_starts[step->row_count];
    const kvspan_append_tokens_args args = {
        .rows = { .row_count = step->row_count,
                  .token_count = tokens,
                  .row_starts = step->row_starts,
                  .row_slots = step->row_slots,
                  .positions = step->positions,
                  .page_table = step->page_table,
                  .page_table_stride = MAX_COLUMNS,
                  .rule = { .page_tokens = step->page_tokens,
                            .member_count = step->member_count,
                            .member = member } },
        .plane_count = 1,
        .planes = { { .view = { .data = arena,
                                .page_stride = step->page_stride,
                                .head_stride = step->page_tokens * vector_bytes,
                                .token_stride = vector_bytes,
                                .dtype = step->dtype,
                                .heads = step->heads,
                                .dim = step->dim },
                      .source = { .data = source,
                                  .dtype = step->dtype,
                                  .heads = step->heads,
                                  .dim = step->dim,
                                  .tokens = tokens,
                                  .token_stride = (int64_t)step->heads * step->dim,
                                  .head_stride = step->dim } } }
    };

    column_append_tokens(&args, step->role, step->page_count);
}

/* Compares whole arenas: what no token of the member is written to keeps its bytes. */
static void check_step(const struct step *step, random_source *source)
{
    const uint64_t source_bytes =
        (uint64_t)step->row_starts[step->row_count] * step->heads * step->dim * item_bytes(step);
    unsigned char *tokens = malloc(source_bytes + 1);
    unsigned char *arena = malloc(step->arena_bytes);
    unsigned char *expected = malloc(step->arena_bytes);

    ck_assert(tokens && arena && expected);
    for (uint64_t i = 0; i < source_bytes; i++) {
        tokens[i] = (unsigned char)random_next(source);
    }
    for (uint32_t member = 0; member < step->member_count; member++) {
        memset(arena, CANARY, step->arena_bytes);
        memset(expected, CANARY, step->arena_bytes);
        append_as_member(step, member, tokens, arena);
        expect(step, member, tokens, expected);
        ck_assert_int_eq(memcmp(arena, expected, step->arena_bytes), 0);
    }
    free(tokens);
    free(arena);
    free(expected);
}

START_TEST(random_steps_land_where_the_oracle_says)
{
    static const uint32_t page_tokens[] = { 1, 5, 16, 256 };
    random_source source = random_start("append", 1);

    for (uint32_t member_count = 1; member_count <= 4; member_count++) {
        for (int round = 0; round < 2; round++) {
            const struct step step = random_step(page_tokens[_i], member_count, &source);

            check_step(&step, &source);
        }
    }
}
END_TEST

/* Pages of 2^31 bytes and more lie beyond 32 bits: the address itself is what counts. */
START_TEST(offsets_are_64_bits)
{
    const uint64_t page_stride = (uint64_t)1 << 33;
    const uint32_t table[] = { 3 };
    const uint32_t row_starts[] = { 0, 1 };
    const uint32_t row_slots[] = { 0 };
    const int32_t positions[] = { 0 };
    float source = 42.0f;
    float target = 0.0f;
    const kvspan_append_tokens_args args = {
        .rows = { .row_count = 1,
                  .token_count = 1,
                  .row_starts = row_starts,
                  .row_slots = row_slots,
                  .positions = positions,
                  .page_table = table,
                  .page_table_stride = 1,
                  .rule = { .page_tokens = 1, .member_count = 1 } },
        .plane_count = 1,
        .planes = { { .view = { .data = (unsigned char *)((uintptr_t)&target - 3 * page_stride),
                                .page_stride = page_stride,
                                .head_stride = 4,
                                .token_stride = 4,
                                .dtype = KVSPAN_F32,
                                .heads = 1,
                                .dim = 1 },
                      .source = { .data = &source,
                                  .dtype = KVSPAN_F32,
                                  .heads = 1,
                                  .dim = 1,
                                  .tokens = 1,
                                  .token_stride = 1,
                                  .head_stride = 1 } } }
    };

    column_append_tokens(&args, KVSPAN_KEY, 4);
    ck_assert_float_eq(target, 42.0f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/append_tokens");
    TCase *examples = tcase_create("examples");
    TCase *random = tcase_create("random");

    tcase_add_loop_test(examples, prefill_fills_pages_in_table_order_and_no_tail, 0, 4);
    tcase_add_test(examples, chunked_prefill_goes_on_where_it_stopped);
    tcase_add_test(examples, decode_writes_one_token_per_head);
    tcase_add_test(examples, a_mixed_step_lands_in_the_slices_of_the_worked_row);
    tcase_add_loop_test(random, random_steps_land_where_the_oracle_says, 0, 4);
    tcase_add_test(random, offsets_are_64_bits);
    suite_add_tcase(suite, examples);
    suite_add_tcase(suite, random);
    return suite_run(suite);
}
