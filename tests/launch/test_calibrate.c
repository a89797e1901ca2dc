#include "launch/calibrate.h"
#include "support/suite.h"

#include <stdlib.h>
#include <time.h>

START_TEST(every_way_of_reading_reads_every_word_once)
{
    const kvspan_calibrate_kernels kernels = kvspan_calibrate_kernels_of_cpu();
    const size_t bytes = 3 * (size_t)KVSPAN_CALIBRATE_GRAIN;
    const size_t words = bytes / sizeof(uint64_t);
    void *memory = NULL;
    uint64_t *data;

    /* Prefetches may run behind the end, loads may not: nothing is there for AddressSanitizer. */
    ck_assert_int_eq(posix_memalign(&memory, 64, bytes), 0);
    data = memory;
    for (size_t i = 0; i < words; i++) {
        data[i] = ((uint64_t)1 << 40) + i * i;
    }
    ck_assert_ptr_nonnull((void *)(uintptr_t)kernels.reads[0]);
    for (size_t i = 0; i < sizeof(kernels.reads) / sizeof(kernels.reads[0]); i++) {
        /* Σ i² = (n − 1) n (2n − 1) / 6 */
        ck_assert(!kernels.reads[i] ||
                  kernels.reads[i](memory, bytes) ==
                      words * ((uint64_t)1 << 40) + (words - 1) * words * (2 * words - 1) / 6);
    }
    free(memory);
}
END_TEST

START_TEST(multiply_adds_are_counted_as_the_sums_show)
{
    const kvspan_calibrate_kernels kernels = kvspan_calibrate_kernels_of_cpu();
    float once = 0.0f;

    if (!kernels.multiply_f32) {
        return;
    }
    /* Chains start at their number and are multiplied by 1: 0 + … + 15, in each lane that counts.
     */
    ck_assert_uint_ge(kernels.multiply_f32(1, &once), 32u);
    ck_assert(once == 120.0f || once == 120.0f * 16);
    if (kernels.multiply_bf16) {
        once = 0.0f;
        ck_assert_uint_eq(kernels.multiply_bf16(1, &once), 1024u);
        ck_assert(once == 120.0f * 16);
    }
}
END_TEST

START_TEST(rates_are_positive_for_any_number_of_threads)
{
    for (uint32_t threads = 1; threads <= 3; threads++) {
        kvspan_calibrator calibrator;
        double rate = 0.0;

        ck_assert_int_eq(kvspan_calibrator_init(&calibrator, threads, 100001, NULL), KVSPAN_OK);
        ck_assert_uint_ge(calibrator.buffer_bytes, 100001);
        ck_assert_uint_eq(calibrator.buffer_bytes % ((uint64_t)threads * KVSPAN_CALIBRATE_GRAIN),
                          0);
        ck_assert_int_eq(kvspan_calibrate_memory(&calibrator, &rate, NULL), KVSPAN_OK);
        ck_assert(rate > 0.0);
        if (calibrator.kernels.multiply_f32) {
            rate = 0.0;
            ck_assert_int_eq(kvspan_calibrate_multiplies(
                                 &calibrator, calibrator.kernels.multiply_f32, &rate, NULL),
                             KVSPAN_OK);
            ck_assert(rate > 0.0);
        }
        kvspan_calibrator_fini(&calibrator);
    }
}
END_TEST

START_TEST(the_clock_of_one_thread_stands_while_it_sleeps)
{
    const struct timespec nap = { .tv_nsec = 50000000 };
    const double own = kvspan_calibrate_seconds(1);
    const double wall = kvspan_calibrate_seconds(2);

    (void)nanosleep(&nap, NULL);
    ck_assert(kvspan_calibrate_seconds(2) - wall >= 0.05);
    ck_assert(kvspan_calibrate_seconds(1) - own < 0.05);
    ck_assert_str_eq(kvspan_calibrate_clock_name(1), "thread");
    ck_assert_str_eq(kvspan_calibrate_clock_name(2), "wall");
    ck_assert_uint_ge(kvspan_calibrate_cache_bytes(), 1 << 15);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/calibrate");
    TCase *tests = tcase_create("calibrate");

    tcase_add_test(tests, every_way_of_reading_reads_every_word_once);
    tcase_add_test(tests, multiply_adds_are_counted_as_the_sums_show);
    tcase_add_test(tests, rates_are_positive_for_any_number_of_threads);
    tcase_add_test(tests, the_clock_of_one_thread_stands_while_it_sleeps);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
