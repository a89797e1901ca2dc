#include "support/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/cpu_devices.h"
#include "support/random.h"

enum {
    PARTS = 3,
    HEADS = 5,
    DIM = 40,
    MAX_TOKENS = 70,
    ROW_FLOATS = HEADS * (DIM + 1) + 3, /* of a token: O, LSE, and what is nobody's */
    PART_FLOATS = MAX_TOKENS * ROW_FLOATS,
    OUT_BYTES = MAX_TOKENS * HEADS * DIM * 4
};

static void fill_parts(float *parts, random_source *source)
{
    for (size_t i = 0; i < (size_t)PARTS * PART_FLOATS; i++) {
        parts[i] = (float)random_below(source, 2001) * 0.01f - 10.0f;
        /* Some parts of some rows are empty. */
        if (i % ROW_FLOATS >= (size_t)HEADS * DIM && random_below(source, 4) == 0) {
            parts[i] = -INFINITY;
        }
    }
}

START_TEST(results_are_those_of_the_reference_column)
{
    static const float sinks[HEADS] = { 0.5f, -3.0f, 0.0f, 20.0f, -INFINITY };
    static const uint64_t token_counts[] = { 0, 1, 3, MAX_TOKENS };
    static float parts[PARTS * PART_FLOATS];
    static unsigned char out[2][OUT_BYTES];
    static float lse[2][MAX_TOKENS * HEADS];
    random_source source = random_start("merge_partials", 25);
    kvspan_device *const device = cpu_device_open(_i);

    fill_parts(parts, &source);
    for (int i = 0; device && i < 4 * 3; i++) {
        kvspan_merge_partials_args args = {
            .part_count = PARTS,
            .tokens = (uint32_t)token_counts[i % 4],
            .heads = HEADS,
            .dim = DIM,
            .parts = (const unsigned char *)parts,
            .part_stride = PART_FLOATS * sizeof(float),
            .lse_offset = sizeof(float) * HEADS * DIM,
            .token_stride = ROW_FLOATS * sizeof(float),
            .lse_token_stride = ROW_FLOATS * sizeof(float),
            .sinks = i / 4 == 1 ? sinks : NULL,
            .out = { .data = out[0],
                     .dtype = KVSPAN_BF16 + i / 4,
                     .heads = HEADS,
                     .dim = DIM,
                     .tokens = token_counts[i % 4],
                     .token_stride = (int64_t)HEADS * DIM,
                     .head_stride = DIM },
            .lse = lse[0],
            .lse_stride = HEADS,
        };

        memset(out, 0x77, sizeof(out));
        memset(lse, 0x77, sizeof(lse));
        (void)kvspan_kernels_reference.merge_partials(NULL, &args, NULL, NULL);
        args.out.data = out[1];
        args.lse = lse[1];
        ck_assert_int_eq(device->kernels->merge_partials(device, &args, NULL, NULL), KVSPAN_OK);
        ck_assert_mem_eq(out[1], out[0], OUT_BYTES);
        ck_assert_mem_eq(lse[1], lse[0], sizeof(lse[0]));
    }
    kvspan_device_close(device);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/cpu/merge_partials");
    TCase *merge = tcase_create("merge");

    tcase_add_loop_test(merge, results_are_those_of_the_reference_column, 0, CPU_DEVICE_COUNT);
    suite_add_tcase(suite, merge);
    return suite_run(suite);
}
