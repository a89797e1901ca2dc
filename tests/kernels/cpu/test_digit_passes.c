#include "support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/amx_permission.h"
#include "kernels/cpu/digit_passes.h"
#include "kernels/number_formats.h"
#include "support/random.h"

enum {
    MAX_ROWS = 17, /* more than any pass takes at once */
    MAX_DIM = KVSPAN_TILE_MAX_DIM,
    HIGHEST_CODE = 127,
    HIGHEST_WEIGHT = 32768
};

static const kvspan_digit_passes *passes; /* those under test */
static const uint32_t dims[] = { 16, 64, 80, 128, 192, 256 };

/* What passes work on: rows of one head and the tiles of a chunk, in rows of tokens and in the
 * order of tiles. */
struct fixture {
    kvspan_tile_workspace *work;
    kvspan_tile_block block;
    int8_t codes[KVSPAN_CHUNK_TOKENS][MAX_DIM];
    unsigned char *tiles;
    const unsigned char *addresses[KVSPAN_CHUNK_TILES];
    kvspan_digit_tiles view;
};

static struct fixture *fixture;

static void setup(void)
{
    fixture = calloc(1, sizeof(*fixture));
    ck_assert_ptr_nonnull(fixture);
    fixture->work = aligned_alloc(64, KVSPAN_TILE_WORKSPACE_BYTES);
    fixture->tiles = aligned_alloc(64, (size_t)KVSPAN_CHUNK_TOKENS * MAX_DIM);
    ck_assert(fixture->work && fixture->tiles);
    memset(fixture->work, 0xff, KVSPAN_TILE_WORKSPACE_BYTES);
    memset(&fixture->work->fetch, 0, sizeof(fixture->work->fetch)); /* no chunk */
}

static void setup_vnni(void)
{
    setup();
    passes = &kvspan_digit_passes_vnni;
}

static void setup_amx(void)
{
    setup();
    passes = &kvspan_digit_passes_amx;
}

static void teardown(void)
{
    free(fixture->tiles);
    free(fixture->work);
    free(fixture);
}

/* Lays `count` tiles of the codes out, from the chunk's first-th on. */
static void lay_tiles(kvspan_element_order order, uint32_t dim, uint32_t first, uint32_t count)
{
    for (uint32_t token = 0; token < count * KVSPAN_TILE_TOKENS; token++) {
        for (uint32_t i = 0; i < dim; i++) {
            fixture->tiles[kvspan_element_offset(order, 1, dim, token, i)] =
                (unsigned char)fixture->codes[token][i];
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        fixture->addresses[i] = fixture->tiles + (size_t)i * KVSPAN_TILE_TOKENS * dim;
    }
    fixture->view = (kvspan_digit_tiles){ .tiles = fixture->addresses,
                                          .next = fixture->addresses,
                                          .soon = fixture->addresses,
                                          .count = count,
                                          .first = first,
                                          .in_page = first };
    fixture->block = (kvspan_tile_block){
        .work = fixture->work, .page_tiles = KVSPAN_CHUNK_TILES, .key_dim = dim, .value_dim = dim
    };
}

static void draw_codes(random_source *source)
{
    for (uint32_t token = 0; token < KVSPAN_CHUNK_TOKENS; token++) {
        for (uint32_t i = 0; i < MAX_DIM; i++) {
            fixture->codes[token][i] =
                (int8_t)((int)random_below(source, 2 * HIGHEST_CODE + 1) - HIGHEST_CODE);
        }
    }
}

static void fill_codes(int8_t code)
{
    memset(fixture->codes, (unsigned char)code, sizeof(fixture->codes));
}

/* A bf16 with a random mantissa and sign and an exponent from first to last. */
static float draw_bf16(random_source *source, int first, int last)
{
    const float mantissa = (float)(128 + random_below(source, 128)) / 128.0f;
    const int exponent = first + (int)random_below(source, (uint32_t)(last - first) + 1);

    return ldexpf(random_below(source, 2) ? mantissa : -mantissa, exponent);
}

static int is_amx(void)
{
    return passes == &kvspan_digit_passes_amx;
}

/* What the first row's digits stand for. */
static double packed_element(uint32_t i, uint32_t dim)
{
    const kvspan_query_digits *const query = fixture->work->query_digits;
    const int8_t *const rows = (const int8_t *)fixture->work->queries;
    const uint32_t quad = i / 4;
    double number = 256.0 * query->numbers[quad * 8 + i % 4] + query->numbers[quad * 8 + 4 + i % 4];

    if (is_amx()) {
        return (256.0 * rows[i] + rows[dim + i] + rows[2 * dim + i] / 256.0) * (double)query->unit;
    }

    for (uint32_t rest = 0; rest < query->rest_count; rest++) {
        if (query->rest_quads[rest] == quad) {
            number += query->rests[rest * 4 + i % 4] / 256.0;
        }
    }
    return number * (double)query->unit;
}

static double highest_of(const float *query, uint32_t dim)
{
    double highest = 0.0;

    for (uint32_t i = 0; i < dim; i++) {
        highest = fmax(highest, fabs((double)query[i]));
    }
    return highest;
}

/* bf16 no less than 2^−14 of the highest and than 2^−119 are exact; others are off by less than
 * 2^−23 of it or 2^−126. */
static void check_packed(const float *query, uint32_t dim)
{
    const double highest = highest_of(query, dim);

    passes->pack_query(fixture->work, 0, query, dim);
    for (uint32_t i = 0; i < dim; i++) {
        const double error = fabs(packed_element(i, dim) - (double)query[i]);
        const double magnitude = fabs((double)query[i]);
        const int is_exact = magnitude >= highest * 0x1p-14 && magnitude >= 0x1p-119;
        const double bound = is_exact ? 0.0 : highest * 0x1p-22 + 0x1p-126;

        ck_assert_msg(error <= bound, "element %u, %a beside %a: error %a", i, (double)query[i],
                      highest, error);
    }
}

START_TEST(digits_stand_for_their_query)
{
    random_source source = random_start("digits", 11);
    float query[MAX_DIM];

    for (int round = 0; round < 400; round++) {
        const int top = (int)random_between(&source, 0, 230) - 110;
        const int spread = (int)random_below(&source, 40);
        const uint32_t dim = dims[round % 6];

        for (uint32_t i = 0; i < dim; i++) {
            query[i] = draw_bf16(&source, top - spread, top);
        }
        check_packed(query, dim);
    }
}
END_TEST

START_TEST(highest_and_lowest_digits_fit)
{
    static const float mantissas[] = { 255.0f, -255.0f, 254.0f, 128.0f, -128.0f };
    float query[16] = { 0 };

    for (size_t i = 0; i < sizeof(mantissas) / sizeof(mantissas[0]); i++) {
        for (int exponent = -120; exponent <= 120; exponent++) {
            query[3] = ldexpf(mantissas[i], exponent);
            query[7] = -query[3] / 2.0f;
            check_packed(query, 16);
        }
    }
}
END_TEST

/* The scores of rows against their exact products. */
static void check_scores(float queries[][MAX_DIM], uint32_t rows, uint32_t dim, uint32_t tiles)
{
    const uint32_t first = 16 - tiles;

    lay_tiles(KVSPAN_ORDER_KEY_TILES, dim, first, tiles);
    for (uint32_t row = 0; row < rows; row++) {
        passes->pack_query(fixture->work, row, queries[row], dim);
    }
    passes->score(&fixture->block, 0, rows, &fixture->view);
    for (uint32_t row = 0; row < rows; row++) {
        for (uint32_t token = 0; token < tiles * KVSPAN_TILE_TOKENS; token++) {
            const float score =
                fixture->work
                    ->scores[row * KVSPAN_CHUNK_TOKENS + first * KVSPAN_TILE_TOKENS + token];
            double exact = 0.0;
            double all = 0.0;

            for (uint32_t i = 0; i < dim; i++) {
                exact += (double)queries[row][i] * fixture->codes[token][i];
                all += abs(fixture->codes[token][i]);
            }
            ck_assert_msg(fabs((double)score - exact) <=
                              0x1p-22 * fabs(exact) + 0x1p-22 * all * highest_of(queries[row], dim),
                          "row %u of %u, token %u, dim %u: %.9g is not %.9g", row, rows, token, dim,
                          (double)score, exact);
        }
    }
}

static void check_drawn_scores(random_source *source, uint32_t rows, uint32_t dim)
{
    float queries[MAX_ROWS][MAX_DIM];

    for (uint32_t row = 0; row < rows; row++) {
        for (uint32_t i = 0; i < dim; i++) {
            queries[row][i] = draw_bf16(source, -9, 1);
        }
    }
    check_scores(queries, rows, dim, 1);
    check_scores(queries, rows, dim, 2);
}

START_TEST(scores_are_the_exact_products_rounded)
{
    random_source source = random_start("scores", 12);

    draw_codes(&source);
    for (uint32_t rows = 1; rows <= MAX_ROWS; rows++) {
        for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++) {
            check_drawn_scores(&source, rows, dims[d]);
        }
    }
}
END_TEST

/* The longest sums that there are, a row of zeros, and a huge element whose keys are small. */
START_TEST(scores_hold_at_the_extremes)
{
    float queries[4][MAX_DIM] = { { 0 } };

    for (uint32_t i = 0; i < MAX_DIM; i++) {
        queries[1][i] = 255.0f;
        queries[2][i] = i % 2 ? -255.0f : 1.0f;
        queries[3][i] = i == 17 ? 8192.0f : 1.25f;
    }
    for (int sign = -1; sign <= 1; sign += 2) {
        fill_codes((int8_t)(sign * HIGHEST_CODE));
        check_scores(queries, 4, MAX_DIM, 2);
        for (uint32_t token = 0; token < KVSPAN_CHUNK_TOKENS; token++) {
            fixture->codes[token][17] = 0;
        }
        check_scores(queries, 4, MAX_DIM, 2);
        /* 1.25 is exact beside 8192, so nothing is left of its bound but rounding. */
        ck_assert_float_eq(fixture->work->scores[3 * KVSPAN_CHUNK_TOKENS + 255],
                           (float)(sign * HIGHEST_CODE) * 1.25f * (MAX_DIM - 1));
    }
    ck_assert_float_eq(fixture->work->scores[255], 0.0f);
}
END_TEST

START_TEST(a_query_that_is_not_finite_scores_nan)
{
    static const float others[] = { INFINITY, -INFINITY, NAN };
    float query[16] = { 1.0f };

    fill_codes(1);
    lay_tiles(KVSPAN_ORDER_KEY_TILES, 16, 0, 1);
    for (size_t i = 0; i < 3; i++) {
        query[5] = others[i];
        passes->pack_query(fixture->work, 0, query, 16);
        passes->score(&fixture->block, 0, 1, &fixture->view);
        ck_assert(isnan(fixture->work->scores[0]));
    }
}
END_TEST

START_TEST(a_row_has_the_same_bits_alone)
{
    random_source source = random_start("alone", 13);
    float scores[MAX_ROWS][KVSPAN_TILE_TOKENS];
    float query[MAX_DIM];

    draw_codes(&source);
    lay_tiles(KVSPAN_ORDER_KEY_TILES, 128, 0, 1);
    for (uint32_t row = 0; row < MAX_ROWS; row++) {
        for (uint32_t i = 0; i < 128; i++) {
            query[i] = draw_bf16(&source, row % 2 ? -20 : -3, 1);
        }
        passes->pack_query(fixture->work, row, query, 128);
    }
    passes->score(&fixture->block, 0, MAX_ROWS, &fixture->view);
    for (uint32_t row = 0; row < MAX_ROWS; row++) {
        memcpy(scores[row], fixture->work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS,
               sizeof(scores[row]));
    }
    for (uint32_t row = 0; row < MAX_ROWS; row++) {
        passes->score(&fixture->block, row, 1, &fixture->view);
        ck_assert_mem_eq(scores[row], fixture->work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS,
                         sizeof(scores[row]));
    }
}
END_TEST

static float *weights_of(uint32_t row)
{
    return fixture->work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS;
}

static int32_t weight_number(uint32_t row, uint32_t token)
{
    const uint8_t *const highs =
        fixture->work->weight_digits + (size_t)row * 2 * KVSPAN_CHUNK_TOKENS;
    const uint8_t *const quad = fixture->work->weight_digits +
                                ((size_t)row * KVSPAN_CHUNK_TOKENS + (size_t)(token / 4) * 4) * 2;

    if (is_amx()) {
        return highs[token] * 256 + highs[KVSPAN_CHUNK_TOKENS + token];
    }
    return quad[token % 4] * 256 + quad[4 + token % 4];
}

/* The row's sum of a dim: with AMX two, of high digits and of low ones. */
static int32_t *sum_of(uint32_t row, uint32_t i, uint32_t dim, uint32_t digit)
{
    return fixture->work->chunk_sums + (size_t)(row * (is_amx() ? 2u : 1u) + digit) * dim + i;
}

static int32_t whole_sum(uint32_t row, uint32_t i, uint32_t dim)
{
    return is_amx() ? *sum_of(row, i, dim, 0) * 256 + *sum_of(row, i, dim, 1)
                    : *sum_of(row, i, dim, 0);
}

/* Splits a row's weights and compares each with its share of the highest. */
static void check_weights(uint32_t row, uint32_t tokens, float highest)
{
    passes->split_weights(fixture->work, row, tokens, highest);
    ck_assert_float_eq(fixture->work->units[row], highest);
    for (uint32_t token = 0; token < tokens; token++) {
        const double share =
            highest == 0.0f ? 0.0
                            : (double)weights_of(row)[token] / (double)highest * HIGHEST_WEIGHT;

        ck_assert_msg(fabs(weight_number(row, token) - share) <= 0.51, "weight %a of %a is %d",
                      (double)weights_of(row)[token], (double)highest, weight_number(row, token));
        if (weights_of(row)[token] == highest && highest != 0.0f) {
            ck_assert_int_eq(weight_number(row, token), HIGHEST_WEIGHT);
        }
    }
}

/* Adds tiles of values with the rows' weights as they were split; sums are exact. */
static void check_fold(uint32_t rows, uint32_t dim, uint32_t first, uint32_t tiles)
{
    lay_tiles(KVSPAN_ORDER_VALUE_TILES, dim, first, tiles);
    for (size_t i = 0; i < (size_t)rows * dim; i++) {
        fixture->work->outputs[i] = 0.0f;
    }
    for (uint32_t row = 0; row < rows; row++) {
        for (uint32_t i = 0; i < dim; i++) {
            *sum_of(row, i, dim, 0) = 0;
            *sum_of(row, i, dim, is_amx() ? 1 : 0) =
                5; /* what came before, in the chunk or in the last */
        }
    }
    passes->fold(&fixture->block, 0, rows, &fixture->view);
    for (uint32_t row = 0; row < rows; row++) {
        for (uint32_t i = 0; i < dim; i++) {
            int64_t sum = first == 0 ? 0 : 5;

            for (uint32_t token = 0; token < tiles * KVSPAN_TILE_TOKENS; token++) {
                sum += (int64_t)weight_number(row, first * KVSPAN_TILE_TOKENS + token) *
                       fixture->codes[token][i];
            }
            ck_assert_msg(whole_sum(row, i, dim) == sum,
                          "row %u of %u, dim %u of %u, %u tiles: %d is not %lld", row, rows, i, dim,
                          tiles, whole_sum(row, i, dim), (long long)sum);
        }
    }
}

/* Weights that differ by 2^16 and more, 1 the highest. */
static void draw_weights(random_source *source, uint32_t row)
{
    for (uint32_t token = 0; token < KVSPAN_CHUNK_TOKENS; token++) {
        weights_of(row)[token] = fabsf(draw_bf16(source, -18, -1));
    }
    weights_of(row)[random_below(source, KVSPAN_CHUNK_TOKENS)] = 1.0f;
    check_weights(row, KVSPAN_CHUNK_TOKENS, 1.0f);
}

START_TEST(sums_of_values_are_exact)
{
    random_source source = random_start("values", 14);

    draw_codes(&source);
    for (uint32_t rows = 1; rows <= MAX_ROWS; rows++) {
        for (uint32_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++) {
            const uint32_t tiles = 1 + (rows * 5 + d * 3) % KVSPAN_CHUNK_TILES;

            for (uint32_t row = 0; row < rows; row++) {
                draw_weights(&source, row);
            }
            check_fold(rows, dims[d], KVSPAN_CHUNK_TILES - tiles, tiles);
        }
    }
}
END_TEST

/* All weights are the highest and all codes too: nothing overflows. */
START_TEST(sums_of_values_hold_at_the_extremes)
{
    static const float highest[] = { 0.0f, 0x1p-149f, 3.1e-42f, 0x1.8p-65f, 1.3f, 3e38f };

    for (size_t h = 0; h < sizeof(highest) / sizeof(highest[0]); h++) {
        for (uint32_t token = 0; token < KVSPAN_CHUNK_TOKENS; token++) {
            weights_of(0)[token] = highest[h];
        }
        check_weights(0, KVSPAN_CHUNK_TOKENS, highest[h]);
        for (int sign = -1; sign <= 1; sign += 2) {
            fill_codes((int8_t)(sign * HIGHEST_CODE));
            check_fold(1, 128, 0, KVSPAN_CHUNK_TILES);
        }
    }
}
END_TEST

/* One token alone gives its value as it is, rounded once. */
START_TEST(one_weight_gives_its_value)
{
    random_source source = random_start("one", 15);

    draw_codes(&source);
    for (uint32_t token = 0; token < KVSPAN_CHUNK_TOKENS; token += 37) {
        const float highest = (float)(1 + random_below(&source, 1u << 24)) * 0x1p-20f;

        memset(weights_of(0), 0, KVSPAN_CHUNK_TOKENS * sizeof(float));
        weights_of(0)[token] = highest;
        check_weights(0, KVSPAN_CHUNK_TOKENS, highest);
        lay_tiles(KVSPAN_ORDER_VALUE_TILES, 64, 0, KVSPAN_CHUNK_TILES);
        memset(fixture->work->outputs, 0, 64 * sizeof(float));
        passes->fold(&fixture->block, 0, 1, &fixture->view);
        passes->add_sums(&fixture->block, 0);
        for (uint32_t i = 0; i < 64; i++) {
            ck_assert_float_eq(fixture->work->outputs[i],
                               highest * (float)fixture->codes[token][i]);
        }
    }
}
END_TEST

static void add_cases(Suite *suite, const char *name, SFun begin)
{
    TCase *const cases = tcase_create(name);

    tcase_add_checked_fixture(cases, begin, teardown);
    tcase_add_test(cases, digits_stand_for_their_query);
    tcase_add_test(cases, highest_and_lowest_digits_fit);
    tcase_add_test(cases, scores_are_the_exact_products_rounded);
    tcase_add_test(cases, scores_hold_at_the_extremes);
    tcase_add_test(cases, a_query_that_is_not_finite_scores_nan);
    tcase_add_test(cases, a_row_has_the_same_bits_alone);
    tcase_add_test(cases, sums_of_values_are_exact);
    tcase_add_test(cases, sums_of_values_hold_at_the_extremes);
    tcase_add_test(cases, one_weight_gives_its_value);
    suite_add_tcase(suite, cases);
}

int main(void)
{
    Suite *suite = suite_create("digit_passes");

    if (!__builtin_cpu_supports("avx512vnni") || !__builtin_cpu_supports("avx512bw")) {
        (void)printf("no AVX-512 VNNI\n");
        return TEST_SKIPPED;
    }
    add_cases(suite, "vnni", setup_vnni);
    if (kvspan_amx_is_there() && kvspan_amx_request()) {
        add_cases(suite, "amx", setup_amx);
    } else {
        (void)printf("no AMX\n");
    }
    return suite_run(suite);
}
