/* Blocks per multiprocessor, against what the occupancy calculator gives. */
#include "gates/occupancy.h"

#include "support/suite.h"

static const struct {
    uint32_t arch;
    uint32_t threads;
    uint32_t registers;
    uint32_t shared_bytes;
    uint32_t blocks;
} cases[] = {
    { 90, 128, 32, 0, 16 },             /* by threads */
    { 90, 32, 16, 0, 32 },              /* by blocks */
    { 90, 128, 168, 0, 3 },             /* by registers: 12 warps of 5376 */
    { 90, 128, 169, 0, 2 },             /* 176 a thread, 11 warps: 8 in whole quarters */
    { 90, 128, 255, 0, 2 },             /* 8 warps of 8192 */
    { 90, 1024, 64, 0, 1 },             /* all registers */
    { 90, 1024, 65, 0, 0 },             /* one more does not fit */
    { 90, 96, 128, 0, 5 },              /* 16 warps, 3 a block */
    { 90, 32, 24, 0, 32 },              /* by blocks again */
    { 80, 128, 32, 48 * 1024, 3 },      /* by shared memory: 164 / (48 + 1) */
    { 90, 128, 32, 48 * 1024, 4 },      /* 228 / (48 + 1) */
    { 100, 128, 32, 48 * 1024, 4 },     /* the same */
    { 80, 128, 32, 81 * 1024, 2 },      /* 164 / (81 + 1), exactly */
    { 80, 128, 32, 81 * 1024 + 1, 1 },  /* and a byte more */
    { 80, 128, 32, 163 * 1024, 1 },     /* the largest block */
    { 80, 128, 32, 163 * 1024 + 1, 0 }, /* does not fit */
    { 90, 128, 32, 227 * 1024, 1 },     /* the largest block */
    { 86, 128, 32, 0, 12 },             /* 1536 threads */
    { 75, 128, 32, 0, 0 },              /* not known */
    { 90, 0, 32, 0, 0 },                /* no bound on threads */
    { 90, 2048, 32, 0, 0 },             /* no block is that large */
};

START_TEST(blocks_are_those_of_the_calculator)
{
    ck_assert_uint_eq(occupancy_blocks(cases[_i].arch, cases[_i].threads, cases[_i].registers,
                                       cases[_i].shared_bytes),
                      cases[_i].blocks);
}
END_TEST

START_TEST(architectures_compiled_for_are_known)
{
    ck_assert(occupancy_knows(80));
    ck_assert(occupancy_knows(90));
    ck_assert(occupancy_knows(100));
    ck_assert(!occupancy_knows(75));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gates/occupancy");
    TCase *occupancy = tcase_create("occupancy");

    tcase_add_loop_test(occupancy, blocks_are_those_of_the_calculator, 0,
                        sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(occupancy, architectures_compiled_for_are_known);
    suite_add_tcase(suite, occupancy);
    return suite_run(suite);
}
