#include "launch/percentiles.h"
#include "support/random.h"
#include "support/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    VALUES = 20000
};

static int compare(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* By definition, from all values sorted: the smallest that at least so many do not exceed. */
static uint64_t sorted_value(const uint64_t *sorted, size_t count, double percent)
{
    const size_t rank = (size_t)ceil(percent / 100 * (double)count);

    return sorted[rank > 0 ? rank - 1 : 0];
}

static void fill(kvspan_percentiles *percentiles, const uint64_t *values, size_t count)
{
    memset(percentiles, 0, sizeof(*percentiles));
    for (size_t i = 0; i < count; i++) {
        kvspan_percentiles_add(percentiles, values[i]);
    }
}

START_TEST(no_values_have_percentile_zero)
{
    static kvspan_percentiles percentiles;

    ck_assert_uint_eq(kvspan_percentiles_value(&percentiles, 50), 0);
    ck_assert_uint_eq(kvspan_percentiles_value(&percentiles, 0), 0);
}
END_TEST

START_TEST(small_values_are_exact)
{
    static kvspan_percentiles percentiles;
    uint64_t values[512];

    for (uint64_t i = 0; i < 512; i++) {
        values[i] = 511 - i;
    }
    fill(&percentiles, values, 512);
    ck_assert_uint_eq(kvspan_percentiles_value(&percentiles, 0), 0);
    ck_assert_uint_eq(kvspan_percentiles_value(&percentiles, 50), 255);
    ck_assert_uint_eq(kvspan_percentiles_value(&percentiles, 75), 383);
    ck_assert_uint_eq(kvspan_percentiles_value(&percentiles, 100), 511);
}
END_TEST

START_TEST(percentiles_are_those_of_the_sorted_values_within_a_fifth_of_a_percent)
{
    static const double percents[] = { 0, 1, 10, 50, 90, 99, 99.9, 100 };
    static kvspan_percentiles percentiles;
    static uint64_t values[VALUES];
    random_source source = random_start("percentiles", 4711);

    for (uint32_t bits = 1; bits <= 40; bits += 3) {
        for (size_t i = 0; i < VALUES; i++) {
            values[i] = random_next(&source) >> (64 - random_between(&source, 1, bits));
        }
        fill(&percentiles, values, VALUES);
        qsort(values, VALUES, sizeof(values[0]), compare);
        for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
            const double right = (double)sorted_value(values, VALUES, percents[i]);
            const double told = (double)kvspan_percentiles_value(&percentiles, percents[i]);

            ck_assert_msg(fabs(told - right) <= right / 512, "%u bits, percentile %g: %f for %f",
                          bits, percents[i], told, right);
        }
    }
}
END_TEST

START_TEST(huge_values_count_as_the_largest)
{
    static kvspan_percentiles percentiles;
    const uint64_t values[2] = { UINT64_MAX, (uint64_t)1 << 40 };
    const double largest = (double)((uint64_t)1 << 40);

    fill(&percentiles, values, 2);
    ck_assert_uint_eq(percentiles.count, 2);
    ck_assert((double)kvspan_percentiles_value(&percentiles, 50) <= largest);
    ck_assert((double)kvspan_percentiles_value(&percentiles, 50) >= largest * (1 - 1.0 / 512));
}
END_TEST

START_TEST(merging_is_as_if_one_had_seen_all)
{
    static kvspan_percentiles all;
    static kvspan_percentiles first;
    static kvspan_percentiles second;
    static uint64_t values[VALUES];
    random_source source = random_start("percentiles merge", 12);

    for (size_t i = 0; i < VALUES; i++) {
        values[i] = random_next(&source) >> random_between(&source, 30, 60);
    }
    fill(&all, values, VALUES);
    fill(&first, values, VALUES / 3);
    fill(&second, values + VALUES / 3, VALUES - VALUES / 3);
    kvspan_percentiles_merge(&first, &second);
    ck_assert_mem_eq(&first, &all, sizeof(all));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/percentiles");
    TCase *values = tcase_create("values");

    tcase_add_test(values, no_values_have_percentile_zero);
    tcase_add_test(values, small_values_are_exact);
    tcase_add_test(values, percentiles_are_those_of_the_sorted_values_within_a_fifth_of_a_percent);
    tcase_add_test(values, huge_values_count_as_the_largest);
    tcase_add_test(values, merging_is_as_if_one_had_seen_all);
    suite_add_tcase(suite, values);
    return suite_run(suite);
}
