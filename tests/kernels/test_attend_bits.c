#include "support/suite.h"

#include <math.h>
#include <string.h>

#include "column.h"
#include "paged_case.h"

/* A result of a case and the case, to ask for rows by (sequence, position, global q head). */
typedef struct run {
    paged_case *paged;
    paged_result result;
} run;

static run run_begin(const paged_shape *shape, random_source *source)
{
    run attended = { .paged = paged_case_create(shape, source) };

    paged_case_store(attended.paged);
    attended.result = paged_case_attend(attended.paged, 0, shape->tensor_dtype);
    return attended;
}

static void run_end(run *attended)
{
    paged_result_destroy(&attended->result);
    paged_case_destroy(attended->paged);
}

/* The row's place in the result. */
static size_t find_row(const run *attended, uint32_t sequence, uint32_t position, uint32_t q_head)
{
    const paged_shape *shape = &attended->paged->shape;
    const uint32_t heads = paged_case_q_heads(attended->paged);

    for (uint32_t row = 0; row < shape->row_count; row++) {
        const uint32_t first = shape->rows[row].position;

        if (shape->rows[row].sequence == sequence && position >= first &&
            position < first + shape->rows[row].token_count) {
            const size_t token = attended->paged->row_starts[row] + position - first;

            return token * heads + q_head - paged_first_q_head(shape);
        }
    }
    ck_abort_msg("position %u of sequence %u is in no row", position, sequence);
    return 0;
}

/* Of numbers: −0 is not 0, NaN is itself. */
static bool has_same_bits(const void *a, const void *b, size_t bytes)
{
    return memcmp(a, b, bytes) == 0;
}

/* Every row of `part` is in `whole`, bit for bit. */
static void check_same_bits(const run *part, const run *whole)
{
    const paged_shape *shape = &part->paged->shape;
    const uint32_t heads = paged_case_q_heads(part->paged);
    const uint32_t first_head = paged_first_q_head(shape);
    const uint32_t dim = shape->value_dim;

    for (uint32_t row = 0; row < shape->row_count; row++) {
        for (uint32_t i = 0; i < shape->rows[row].token_count * heads; i++) {
            const uint32_t sequence = shape->rows[row].sequence;
            const uint32_t position = shape->rows[row].position + i / heads;
            const size_t a = find_row(part, sequence, position, first_head + i % heads);
            const size_t b = find_row(whole, sequence, position, first_head + i % heads);

            if (!has_same_bits(part->result.out + a * dim, whole->result.out + b * dim,
                               dim * sizeof(double)) ||
                !has_same_bits(&part->result.lse[a], &whole->result.lse[b], sizeof(float))) {
                ck_abort_msg("sequence %u, position %u, q head %u differs", sequence, position,
                             first_head + i % heads);
            }
        }
    }
}

enum { /* dims that nothing is made for */
    SLOW_KEY_DIM = 24,
    SLOW_VALUE_DIM = 12
};

/* Half of the types with slow dims. */
static paged_shape bits_shape(uint32_t type)
{
    const uint32_t fast_dim = type % 4 < 2 ? column_under_test()->fast_dim : 0;
    paged_shape shape = paged_shape_default();

    paged_shape_set_types(&shape, type);
    shape.key_dim = fast_dim > 0 ? fast_dim : SLOW_KEY_DIM;
    shape.value_dim = fast_dim > 0 ? fast_dim : SLOW_VALUE_DIM;
    return shape;
}

/* A row's NaN stays with it. */
static paged_shape nan_shape(uint32_t type)
{
    paged_shape shape = bits_shape(type);

    if (column_under_test()->nan_spreads) {
        shape.key_dim = SLOW_KEY_DIM;
        shape.value_dim = SLOW_VALUE_DIM;
    }
    return shape;
}

/* `_i` is the type here and below. */
START_TEST(page_ids_slots_page_size_and_layout_change_no_bit)
{
    static const uint32_t page_tokens[] = { 16, 1, 5, 256 };
    random_source source = random_start("pages", 1);

    for (int size = 0; size < 4 && column_tries((uint32_t)_i); size++) {
        paged_shape shape = bits_shape((uint32_t)_i);
        paged_shape other;
        run a;
        run b;

        shape.value_dtype = shape.has_scales ? KVSPAN_I8 : 0;
        other = shape;
        other.page_tokens = page_tokens[size];
        other.is_layer_first = size % 2 == 1;
        if (!column_under_test()->chunks_change_no_bit) {
            shape.page_tokens = page_tokens[size];
        }
        a = run_begin(&shape, &source);
        b = run_begin(&other, &source);
        check_same_bits(&a, &b);
        run_end(&a);
        run_end(&b);
    }
}
END_TEST

START_TEST(batch_neighbours_change_no_bit)
{
    random_source source = random_start("neighbours", 2);
    paged_shape shape = bits_shape((uint32_t)_i);
    run whole;

    if (!column_tries((uint32_t)_i)) {
        return;
    }
    shape.window = _i % 2 == 0 ? 0 : 21;
    whole = run_begin(&shape, &source);
    for (uint32_t row = 0; row < shape.row_count; row++) {
        paged_shape alone = shape;
        run part;

        alone.row_count = 1;
        alone.rows[0] = shape.rows[row];
        part = run_begin(&alone, &source);
        check_same_bits(&part, &whole);
        run_end(&part);
    }
    run_end(&whole);
}
END_TEST

START_TEST(chunking_changes_no_bit)
{
    static const uint32_t chunk_tokens[] = { 1, 3, 7, 16, 17, 50 };
    const uint32_t length = 70;
    random_source source = random_start("chunking", 3);
    paged_shape shape = bits_shape((uint32_t)_i);
    run whole;

    if (!column_under_test()->chunks_change_no_bit || !column_tries((uint32_t)_i)) {
        return;
    }
    shape.window = _i % 2 == 0 ? 0 : 20;
    shape.row_count = 1;
    shape.rows[0] = (paged_row){ .sequence = 9, .position = 0, .token_count = length };
    whole = run_begin(&shape, &source);
    for (uint32_t i = 0; i < 6; i++) {
        for (uint32_t position = 0; position < length; position += chunk_tokens[i]) {
            const uint32_t left = length - position;
            run part;

            shape.rows[0].position = position;
            shape.rows[0].token_count = left < chunk_tokens[i] ? left : chunk_tokens[i];
            part = run_begin(&shape, &source);
            check_same_bits(&part, &whole);
            run_end(&part);
        }
    }
    run_end(&whole);
}
END_TEST

/* As ranks hold them: two kv heads of four; some query heads of one kv head. */
START_TEST(local_heads_change_no_bit)
{
    random_source source = random_start("local heads", 4);
    paged_shape shape = bits_shape((uint32_t)_i);
    run whole;

    if (!column_tries((uint32_t)_i)) {
        return;
    }
    shape.kv_heads = 4;
    shape.group_size = 3;
    whole = run_begin(&shape, &source);
    for (uint32_t q_first = 0; q_first < 12; q_first++) {
        for (uint32_t q_heads = 1; q_first + q_heads <= 12; q_heads += 2) {
            paged_shape local = shape;
            run part;

            local.q_first = q_first;
            local.q_heads = q_heads;
            local.kv_first = q_first / 3;
            local.kv_heads = (q_first + q_heads - 1) / 3 - local.kv_first + 1;
            part = run_begin(&local, &source);
            check_same_bits(&part, &whole);
            run_end(&part);
        }
    }
    run_end(&whole);
}
END_TEST

/* The path over partial results rounds once, at its end, like the direct one. */
START_TEST(merging_one_part_changes_no_bit)
{
    random_source source = random_start("one part", 5);
    const paged_shape shape = bits_shape((uint32_t)_i);
    run direct = run_begin(&shape, &source);
    run merged = { .paged = direct.paged };

    merged.result = paged_case_attend_all(direct.paged, shape.tensor_dtype, NULL);
    check_same_bits(&merged, &direct);
    paged_result_destroy(&merged.result);
    run_end(&direct);
}
END_TEST

/* NaN at position 21 of a chunk and a window of 5: seen by 21 … 25 and by nobody else. */
static void check_nan(paged_shape *shape, random_source *source, uint32_t position, uint32_t tokens)
{
    run clean;
    run poisoned;

    shape->rows[0] = (paged_row){ .sequence = 2, .position = position, .token_count = tokens };
    clean = run_begin(shape, source);
    poisoned.paged = paged_case_create(shape, source);
    paged_case_store(poisoned.paged);
    paged_case_poison_token(poisoned.paged, 0, 21);
    poisoned.result = paged_case_attend(poisoned.paged, 0, shape->tensor_dtype);
    for (uint32_t row = 0; row < tokens * paged_case_q_heads(clean.paged); row++) {
        const uint32_t at = position + row / paged_case_q_heads(clean.paged);
        const bool sees = at >= 21 && at <= 25;
        const double *a = clean.result.out + (size_t)row * shape->value_dim;
        const double *b = poisoned.result.out + (size_t)row * shape->value_dim;

        ck_assert_int_eq(isnan(poisoned.result.lse[row]) != 0, sees);
        for (uint32_t i = 0; i < shape->value_dim; i++) {
            ck_assert_msg(sees ? isnan(b[i]) : has_same_bits(&a[i], &b[i], sizeof(*a)),
                          "position %u, element %u: %g", at, i, b[i]);
        }
    }
    run_end(&clean);
    run_end(&poisoned);
}

/* A chunk of many rows, and the few rows of a decode step. */
START_TEST(nan_reaches_just_those_who_see_its_token)
{
    random_source source = random_start("NaN", 6);
    paged_shape shape = nan_shape((uint32_t)_i);

    if (!column_tries((uint32_t)_i)) {
        return;
    }
    shape.window = 5;
    shape.row_count = 1;
    check_nan(&shape, &source, 13, 20);
    check_nan(&shape, &source, 19, 4);
}
END_TEST

/* Bytes that no scale stands beside, of the type that not every device has an instruction for. */
START_TEST(nan_of_e4m3_without_scales_is_nan)
{
    random_source source = random_start("NaN bytes", 7);
    paged_shape shape = nan_shape(0);

    shape.plane_dtype = KVSPAN_F8E4M3;
    shape.window = 5;
    shape.row_count = 1;
    check_nan(&shape, &source, 13, 20);
    check_nan(&shape, &source, 19, 4);
}
END_TEST

/* Scores so far apart that maxima are raised at other tiles for each row, in chunks and in rows of
 * decode: which rows share a product changes no bit. */
START_TEST(rows_beside_a_row_change_no_bit_when_maxima_grow)
{
    static const uint32_t types[] = { 0, 4, 9, 13 }; /* bf16, f16, int8 and e4m3 with scales */
    random_source source = random_start("growing maxima", 8);
    paged_shape shape = bits_shape(0);
    run whole;

    paged_shape_set_types(&shape, types[_i]);
    shape.kv_heads = 1;
    shape.group_size = 4;
    shape.scale = 2.0f;
    shape.row_count = 2;
    shape.rows[0] = (paged_row){ .sequence = 2, .position = 290, .token_count = 6 };
    shape.rows[1] = (paged_row){ .sequence = 3, .position = 470, .token_count = 1 };
    whole = run_begin(&shape, &source);
    for (uint32_t q_first = 0; q_first < 4; q_first++) {
        paged_shape local = shape;
        run part;

        local.q_first = q_first;
        local.q_heads = 1;
        part = run_begin(&local, &source);
        check_same_bits(&part, &whole);
        run_end(&part);
    }
    run_end(&whole);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/attend_bits");
    TCase *bits = tcase_create("bits");

    tcase_add_loop_test(bits, page_ids_slots_page_size_and_layout_change_no_bit, 0,
                        PAGED_TYPE_COUNT);
    tcase_add_loop_test(bits, batch_neighbours_change_no_bit, 0, PAGED_TYPE_COUNT);
    tcase_add_loop_test(bits, chunking_changes_no_bit, 0, PAGED_TYPE_COUNT);
    tcase_add_loop_test(bits, local_heads_change_no_bit, 0, PAGED_TYPE_COUNT);
    tcase_add_loop_test(bits, merging_one_part_changes_no_bit, 0, PAGED_TYPE_COUNT);
    tcase_add_loop_test(bits, nan_reaches_just_those_who_see_its_token, 0, PAGED_TYPE_COUNT);
    tcase_add_test(bits, nan_of_e4m3_without_scales_is_nan);
    tcase_add_loop_test(bits, rows_beside_a_row_change_no_bit_when_maxima_grow, 0, 4);
    suite_add_tcase(suite, bits);
    return suite_run(suite);
}
