#include "support/suite.h"

#include "launch/output_digest.h"

#include <stdint.h>
#include <string.h>

enum {
    REQUESTS = 3,
    LAYERS = 2,
    HEADS = 4,
    DIM = 5,
    TOKENS = 200, /* more than the digest has room for at first */
    TOKEN_STRIDE = HEADS * DIM,
    LAYER_ROWS = TOKENS * HEADS,
    ALL_ROWS = LAYERS * LAYER_ROWS
};

/* A layer's output of one request, f32. */
static float values[LAYERS][TOKENS][HEADS][DIM];

static void values_init(void)
{
    for (uint32_t i = 0; i < ALL_ROWS * DIM; i++) {
        (&values[0][0][0][0])[i] = 1.0f / (float)(i + 1);
    }
}

/* Heads [head_first, + heads) of a layer, in place. */
static kvspan_tensor view(uint32_t layer, uint32_t head_first, uint32_t heads)
{
    return (kvspan_tensor){ .data = &values[layer][0][head_first][0],
                            .dtype = KVSPAN_F32,
                            .heads = heads,
                            .dim = DIM,
                            .tokens = TOKENS,
                            .token_stride = TOKEN_STRIDE,
                            .head_stride = DIM };
}

static kvspan_output_digest *create(void)
{
    kvspan_output_digest *digest = NULL;

    ck_assert_int_eq(kvspan_output_digest_create(REQUESTS, LAYERS, &digest, NULL), KVSPAN_OK);
    return digest;
}

static kvspan_status add(kvspan_output_digest *digest, uint64_t request, uint64_t position,
                         uint32_t layer, kvspan_error *error)
{
    const kvspan_tensor out = view(layer, 0, HEADS);

    return kvspan_output_digest_add(digest, request, position, layer, 0, &out, position, error);
}

static bool is_equal(kvspan_digest a, kvspan_digest b)
{
    return a.low == b.low && a.high == b.high;
}

/* The digest of one row alone. */
static kvspan_digest digest_of(uint64_t request, uint64_t position, uint32_t layer, uint32_t head,
                               kvspan_dtype dtype, const void *row)
{
    const kvspan_tensor out = { .data = (void *)row,
                                .dtype = dtype,
                                .heads = 1,
                                .dim = DIM,
                                .tokens = 1,
                                .token_stride = DIM,
                                .head_stride = DIM };
    kvspan_output_digest *digest = create();
    kvspan_digest total;

    ck_assert_int_eq(
        kvspan_output_digest_add(digest, request, position, layer, head, &out, 0, NULL), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_output_digest_rows(digest), 1);
    total = kvspan_output_digest_total(digest);
    kvspan_output_digest_destroy(digest);
    return total;
}

/* Computed by another program: xxh3_128(pack("<QQII3H", 3, 1000000, 2, head, …)), heads 5 and 6. */
START_TEST(records_are_digested_as_documented)
{
    const uint16_t rows[2][4] = { { 0x3f80, 0xc000, 0x3f00, 0xffff },
                                  { 0x4049, 0x0000, 0x8000, 0xffff } };
    const kvspan_tensor out = { .data = (void *)rows,
                                .dtype = KVSPAN_BF16,
                                .heads = 2,
                                .dim = 3,
                                .tokens = 1,
                                .token_stride = 8,
                                .head_stride = 4 };
    kvspan_output_digest *digest = NULL;

    ck_assert_int_eq(kvspan_output_digest_create(4, 3, &digest, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_output_digest_add(digest, 3, 1000000, 2, 5, &out, 0, NULL), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_output_digest_total(digest).high, UINT64_C(0x03c7b9ed230029d9));
    ck_assert_uint_eq(kvspan_output_digest_total(digest).low, UINT64_C(0x3f5630868e063523));
    kvspan_output_digest_destroy(digest);
}
END_TEST

START_TEST(the_order_of_rows_does_not_matter)
{
    kvspan_output_digest *forward = create();
    kvspan_output_digest *backward = create();

    for (uint32_t layer = 0; layer < LAYERS; layer++) {
        for (uint32_t i = 0; i < TOKENS; i++) {
            ck_assert_int_eq(add(forward, i % REQUESTS, i, layer, NULL), KVSPAN_OK);
        }
    }
    for (uint32_t i = TOKENS; i-- > 0;) {
        for (uint32_t layer = LAYERS; layer-- > 0;) {
            ck_assert_int_eq(add(backward, i % REQUESTS, i, layer, NULL), KVSPAN_OK);
        }
    }
    ck_assert_uint_eq(kvspan_output_digest_rows(forward), ALL_ROWS);
    ck_assert(is_equal(kvspan_output_digest_total(forward), kvspan_output_digest_total(backward)));
    kvspan_output_digest_destroy(forward);
    kvspan_output_digest_destroy(backward);
}
END_TEST

START_TEST(ranks_with_some_heads_each_add_up_to_the_whole)
{
    kvspan_output_digest *whole = create();
    kvspan_digest sum = { 0, 0 };

    for (uint32_t i = 0; i < TOKENS; i++) {
        ck_assert_int_eq(add(whole, 1, i, 1, NULL), KVSPAN_OK);
    }
    for (uint32_t head = 0; head < HEADS; head += 2) {
        kvspan_output_digest *part = create();
        const kvspan_tensor out = view(1, head, 2);

        for (uint32_t i = 0; i < TOKENS; i++) {
            ck_assert_int_eq(kvspan_output_digest_add(part, 1, i, 1, head, &out, i, NULL),
                             KVSPAN_OK);
        }
        sum = kvspan_digest_add(sum, kvspan_output_digest_total(part));
        kvspan_output_digest_destroy(part);
    }
    ck_assert(is_equal(sum, kvspan_output_digest_total(whole)));
    kvspan_output_digest_destroy(whole);
}
END_TEST

START_TEST(every_bit_and_every_coordinate_counts)
{
    unsigned char row[DIM * 4] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
    const kvspan_digest right = digest_of(1, 2, 1, 3, KVSPAN_F32, row);

    ck_assert(!is_equal(right, digest_of(2, 2, 1, 3, KVSPAN_F32, row)));
    ck_assert(!is_equal(right, digest_of(1, 3, 1, 3, KVSPAN_F32, row)));
    ck_assert(!is_equal(right, digest_of(2, 1, 1, 3, KVSPAN_F32, row)));
    ck_assert(!is_equal(right, digest_of(1, 2, 0, 3, KVSPAN_F32, row)));
    ck_assert(!is_equal(right, digest_of(1, 2, 1, 4, KVSPAN_F32, row)));
    ck_assert(!is_equal(right, digest_of(1, 2, 1, 3, KVSPAN_BF16, row)));
    for (size_t bit = 0; bit < sizeof(row) * 8; bit++) {
        row[bit / 8] ^= (unsigned char)(1 << bit % 8);
        ck_assert(!is_equal(right, digest_of(1, 2, 1, 3, KVSPAN_F32, row)));
        row[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    ck_assert(is_equal(right, digest_of(1, 2, 1, 3, KVSPAN_F32, row)));
}
END_TEST

START_TEST(a_row_computed_again_counts_once)
{
    kvspan_output_digest *digest = create();
    kvspan_digest total;

    for (uint32_t i = 0; i < TOKENS; i++) {
        ck_assert_int_eq(add(digest, 0, i, 0, NULL), KVSPAN_OK);
        ck_assert_int_eq(add(digest, 0, i, 1, NULL), KVSPAN_OK);
    }
    total = kvspan_output_digest_total(digest);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < TOKENS / 2; i++) {
            ck_assert_int_eq(add(digest, 0, i, 1, NULL), KVSPAN_OK);
        }
    }
    ck_assert(is_equal(total, kvspan_output_digest_total(digest)));
    ck_assert_uint_eq(kvspan_output_digest_rows(digest), ALL_ROWS);
    ck_assert_uint_eq(kvspan_output_digest_repeated_rows(digest), LAYER_ROWS);
    kvspan_output_digest_destroy(digest);
}
END_TEST

START_TEST(a_row_computed_again_with_another_bit_is_found)
{
    kvspan_output_digest *digest = create();
    kvspan_digest total;
    kvspan_error error;

    for (uint32_t i = 0; i < TOKENS; i++) {
        ck_assert_int_eq(add(digest, 2, i, 0, NULL), KVSPAN_OK);
        ck_assert_int_eq(add(digest, 2, i, 1, NULL), KVSPAN_OK);
    }
    total = kvspan_output_digest_total(digest);
    for (uint32_t bit = 0; bit < sizeof(values[0][0]) * 8; bit++) {
        unsigned char *byte = (unsigned char *)values[1][113] + bit / 8;

        *byte ^= (unsigned char)(1 << bit % 8);
        ck_assert_int_eq(add(digest, 2, 113, 0, &error), KVSPAN_OK);
        ck_assert_int_eq(add(digest, 2, 113, 1, &error), KVSPAN_ERR_CORRUPT);
        *byte ^= (unsigned char)(1 << bit % 8);
    }
    ck_assert_ptr_nonnull(strstr(error.message, "request 2, position 113, layer 1"));
    ck_assert_int_eq(add(digest, 2, 113, 1, &error), KVSPAN_OK);
    ck_assert(is_equal(total, kvspan_output_digest_total(digest)));
    ck_assert_uint_eq(kvspan_output_digest_rows(digest), ALL_ROWS);
    kvspan_output_digest_destroy(digest);
}
END_TEST

START_TEST(a_finished_request_has_no_more_rows)
{
    kvspan_output_digest *digest = create();
    kvspan_digest total;
    kvspan_error error;

    ck_assert_int_eq(add(digest, 1, 7, 0, NULL), KVSPAN_OK);
    total = kvspan_output_digest_total(digest);
    ck_assert_int_eq(kvspan_output_digest_finish_request(digest, 1, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_output_digest_finish_request(digest, 1, NULL), KVSPAN_OK);
    ck_assert_int_eq(add(digest, 1, 7, 0, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "position 7 of request 1"));
    ck_assert(is_equal(total, kvspan_output_digest_total(digest)));
    ck_assert_int_eq(add(digest, 0, 7, 0, NULL), KVSPAN_OK);
    kvspan_output_digest_destroy(digest);
}
END_TEST

static void check_refused(kvspan_status status, const kvspan_error *error, const char *message)
{
    ck_assert_int_eq(status, KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error->message, message);
}

START_TEST(coordinates_out_of_range_are_refused)
{
    const kvspan_tensor out = view(0, 0, HEADS);
    kvspan_output_digest *digest = create();
    kvspan_error error;

    check_refused(kvspan_output_digest_add(digest, 3, 0, 0, 0, &out, 0, &error), &error,
                  "request 3 is not in [0, 3)");
    check_refused(kvspan_output_digest_add(digest, 0, 0, 2, 0, &out, 0, &error), &error,
                  "layer 2 is not in [0, 2)");
    check_refused(kvspan_output_digest_add(digest, 0, 2147483647, 0, 0, &out, 0, &error), &error,
                  "position 2147483647 is not in [0, 2147483647)");
    check_refused(kvspan_output_digest_finish_request(digest, 3, &error), &error,
                  "request 3 is not in [0, 3)");
    ck_assert_uint_eq(kvspan_output_digest_rows(digest), 0);
    ck_assert(is_equal(kvspan_output_digest_total(digest), (kvspan_digest){ 0, 0 }));
    kvspan_output_digest_destroy(digest);
}
END_TEST

START_TEST(a_digest_of_nothing_is_refused)
{
    kvspan_output_digest *digest = NULL;
    kvspan_error error;

    check_refused(kvspan_output_digest_create(0, 2, &digest, &error), &error,
                  "0 requests of 2 layers: neither may be 0");
    check_refused(kvspan_output_digest_create(2, 0, &digest, &error), &error,
                  "2 requests of 0 layers: neither may be 0");
    ck_assert_ptr_null(digest);
    kvspan_output_digest_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/output_digest");
    TCase *unit = tcase_create("unit");

    tcase_add_checked_fixture(unit, values_init, NULL);
    tcase_add_test(unit, records_are_digested_as_documented);
    tcase_add_test(unit, the_order_of_rows_does_not_matter);
    tcase_add_test(unit, ranks_with_some_heads_each_add_up_to_the_whole);
    tcase_add_test(unit, every_bit_and_every_coordinate_counts);
    tcase_add_test(unit, a_row_computed_again_counts_once);
    tcase_add_test(unit, a_row_computed_again_with_another_bit_is_found);
    tcase_add_test(unit, a_finished_request_has_no_more_rows);
    tcase_add_test(unit, coordinates_out_of_range_are_refused);
    tcase_add_test(unit, a_digest_of_nothing_is_refused);
    suite_add_tcase(suite, unit);
    return suite_run(suite);
}
