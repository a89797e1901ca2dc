#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/cpu_devices.h"
#include "support/random.h"

enum {
    PAGES = 9,
    GAP_BYTES = 40, /* of a page that is not copied */
    PARTS = 3
};

/* Small ones by the caller alone, large ones shared; sizes that no share divides. */
START_TEST(pages_are_those_of_the_reference_column)
{
    static const uint64_t sizes[] = { 1, 4096, 40000, 99991 };
    /* Chains: a page that was a target is a source later, and the other way round. */
    static const uint32_t pairs[] = { 0, 1, 1, 2, 2, 3, 8, 0, 3, 8, 7, 2, 0, 5 };
    random_source source = random_start("copy_pages", 24);
    kvspan_device *const device = cpu_device_open(_i);

    for (int i = 0; device && i < 8; i++) {
        const uint64_t copy_bytes = sizes[i / 2];
        const uint64_t page_stride = copy_bytes + GAP_BYTES;
        const uint64_t bytes = page_stride * PAGES * PARTS;
        unsigned char *const expected = malloc(bytes);
        unsigned char *const arena = malloc(bytes);
        kvspan_copy_pages_args args = { .data = expected,
                                        .page_stride = page_stride,
                                        .copy_bytes = copy_bytes,
                                        .part_count = i % 2 ? PARTS : 1,
                                        .part_stride = page_stride * PAGES,
                                        .pairs = pairs,
                                        .pair_count = 7 };

        ck_assert(expected && arena);
        for (uint64_t byte = 0; byte < bytes; byte++) {
            expected[byte] = (unsigned char)random_next(&source);
        }
        memcpy(arena, expected, bytes);
        (void)kvspan_kernels_reference.copy_pages(NULL, &args, NULL, NULL);
        args.data = arena;
        ck_assert_int_eq(device->kernels->copy_pages(device, &args, NULL, NULL), KVSPAN_OK);
        ck_assert(memcmp(arena, expected, bytes) == 0);
        free(arena);
        free(expected);
    }
    kvspan_device_close(device);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/cpu/copy_pages");
    TCase *copy = tcase_create("copy");

    tcase_add_loop_test(copy, pages_are_those_of_the_reference_column, 0, CPU_DEVICE_COUNT);
    suite_add_tcase(suite, copy);
    return suite_run(suite);
}
