#include "support/suite.h"

#include <stdlib.h>

#include "kernels/cpu/cpu_devices.h"
#include "support/random.h"

enum {
    PAGES = 6,
    MAX_PART_BYTES = 4104,
    MAX_PARTS = 3,
    DATA_BYTES = PAGES * MAX_PARTS * MAX_PART_BYTES + 1
};

static unsigned char *take_random(random_source *source)
{
    unsigned char *const data = malloc(DATA_BYTES);

    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < DATA_BYTES; i++) {
        data[i] = (unsigned char)random_next(source);
    }
    return data;
}

/* Parts of every length, also such as leave words over, at addresses that are not aligned. */
START_TEST(sums_are_those_of_the_reference_column)
{
    static const uint64_t part_bytes[] = { 0, 8, 16, 24, 32, 40, 1024, 1048, MAX_PART_BYTES };
    static const uint32_t list[] = { 5, 0, 3, 3, 1 };
    random_source source = random_start("checksum_pages", 22);
    kvspan_device *const device = cpu_device_open(_i);
    unsigned char *const data = take_random(&source);

    for (uint32_t i = 0; device && i < 9 * MAX_PARTS; i++) {
        uint64_t expected[5];
        uint64_t checksums[5];
        kvspan_checksum_pages_args args = { .data = data + i % 2,
                                            .page_stride = MAX_PART_BYTES,
                                            .part_bytes = part_bytes[i / MAX_PARTS],
                                            .part_count = i % MAX_PARTS + 1,
                                            .part_stride = (uint64_t)PAGES * MAX_PART_BYTES,
                                            .pages = list,
                                            .page_count = 5,
                                            .checksums = expected };

        (void)kvspan_kernels_reference.checksum_pages(NULL, &args, NULL, NULL);
        args.checksums = checksums;
        ck_assert_int_eq(device->kernels->checksum_pages(device, &args, NULL, NULL), KVSPAN_OK);
        ck_assert_mem_eq(checksums, expected, sizeof(expected));
        ck_assert_uint_eq(checksums[2], checksums[3]);
    }
    free(data);
    kvspan_device_close(device);
}
END_TEST

START_TEST(every_bit_counts)
{
    random_source source = random_start("checksum_bits", 23);
    kvspan_device *const device = cpu_device_open(_i);
    unsigned char *const data = take_random(&source);
    const uint32_t page = 1;
    uint64_t before = 0;
    uint64_t after = 0;
    kvspan_checksum_pages_args args = { .data = data,
                                        .page_stride = MAX_PART_BYTES,
                                        .part_bytes = 1048,
                                        .part_count = 1,
                                        .pages = &page,
                                        .page_count = 1,
                                        .checksums = &before };

    for (uint32_t bit = 0; device && bit < 1048 * 8; bit += 1 + random_below(&source, 37)) {
        args.checksums = &before;
        (void)device->kernels->checksum_pages(device, &args, NULL, NULL);
        data[MAX_PART_BYTES + bit / 8] ^= (unsigned char)(1u << bit % 8);
        args.checksums = &after;
        (void)device->kernels->checksum_pages(device, &args, NULL, NULL);
        ck_assert_uint_ne(before, after);
    }
    free(data);
    kvspan_device_close(device);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/cpu/checksum_pages");
    TCase *checksum = tcase_create("checksum");

    tcase_add_loop_test(checksum, sums_are_those_of_the_reference_column, 0, CPU_DEVICE_COUNT);
    tcase_add_loop_test(checksum, every_bit_counts, 0, CPU_DEVICE_COUNT);
    suite_add_tcase(suite, checksum);
    return suite_run(suite);
}
