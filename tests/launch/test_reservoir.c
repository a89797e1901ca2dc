#include "support/suite.h"

#include "launch/reservoir.h"

enum {
    TOKENS = 500
};

static kvspan_reservoir_token tokens[TOKENS];

/* Few keys, so that many are equal; the order within them is by request, then by position. */
static void tokens_init(void)
{
    for (uint32_t i = 0; i < TOKENS; i++) {
        tokens[i] = (kvspan_reservoir_token){ .key = i / 9 % 5,
                                              .step = i,
                                              .request = i % 3,
                                              .position = i / 3,
                                              .preference = i / 45 % 2 };
    }
}

static bool is_before(const kvspan_reservoir_token *a, const kvspan_reservoir_token *b)
{
    const uint64_t left[] = { a->preference, a->key, a->request, a->position };
    const uint64_t right[] = { b->preference, b->key, b->request, b->position };

    for (size_t i = 0; i < 4; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i];
        }
    }
    return false;
}

/* Place of a token among all, smallest first. */
static size_t rank_of(const kvspan_reservoir_token *token)
{
    size_t rank = 0;

    for (size_t i = 0; i < TOKENS; i++) {
        rank += is_before(&tokens[i], token);
    }
    return rank;
}

/* Offers all tokens in an order that `stride` gives, which has no common divisor with TOKENS. */
static void check_kept(size_t capacity, uint32_t stride)
{
    kvspan_reservoir reservoir;

    ck_assert_int_eq(kvspan_reservoir_init(&reservoir, capacity, NULL), KVSPAN_OK);
    for (uint32_t i = 0; i < TOKENS; i++) {
        kvspan_reservoir_offer(&reservoir, tokens[i * stride % TOKENS]);
    }
    kvspan_reservoir_sort(&reservoir);
    ck_assert_uint_eq(reservoir.count, capacity < TOKENS ? capacity : TOKENS);
    for (size_t i = 0; i < reservoir.count; i++) {
        ck_assert_uint_eq(rank_of(&reservoir.tokens[i]), i);
        ck_assert_uint_eq(reservoir.tokens[i].step,
                          reservoir.tokens[i].position * 3 + reservoir.tokens[i].request);
    }
    kvspan_reservoir_fini(&reservoir);
}

START_TEST(the_smallest_are_kept_in_any_order_of_offering)
{
    const size_t capacities[] = { 0, 1, 2, 3, 7, 64, 499, 500, 501 };
    const uint32_t strides[] = { 1, 3, 7, 123, 499 };

    for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
        for (size_t j = 0; j < sizeof(strides) / sizeof(strides[0]); j++) {
            check_kept(capacities[i], strides[j]);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/reservoir");
    TCase *unit = tcase_create("unit");

    tcase_add_checked_fixture(unit, tokens_init, NULL);
    tcase_add_test(unit, the_smallest_are_kept_in_any_order_of_offering);
    suite_add_tcase(suite, unit);
    return suite_run(suite);
}
