/* Schedules: the order of blocks and warps, and what the environment says. */
#include "standin/ptx/ptx_bench.h"
#include "standin/ptx/warp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The order in which blocks, or the warps of one, come to a counter. */
static void order_find(ptx_order order, uint64_t seed, uint32_t grid, uint32_t block,
                       uint32_t out[16])
{
    ptx_module *module = bench_module_of(
        ".entry k(.param .u64 p)\n{ .reg .b32 %r<12>; .reg .b64 %d<4>; .reg .pred %p;\n"
        "ld.param.u64 %d1, [p]; mov.u32 %r1, %laneid; setp.ne.u32 %p, %r1, 0; @%p exit;\n"
        "mov.u32 %r1, %ctaid.x; mov.u32 %r2, %nwarpid; mov.u32 %r3, %warpid;\n"
        "mad.lo.u32 %r1, %r1, %r2, %r3; atom.global.add.u32 %r4, [%d1+64], 1;\n"
        "mul.wide.u32 %d2, %r4, 4; add.u64 %d2, %d1, %d2; st.global.u32 [%d2], %r1; ret; }\n");
    uint32_t words[17] = { 0 };
    const uint64_t address = (uint64_t)(uintptr_t)words;
    const void *const parameters[] = { &address };
    const ptx_launch launch = { .module = module,
                                .kernel = ptx_module_kernel(module, "k"),
                                .grid = { grid, 1, 1 },
                                .block = { block, 1, 1 },
                                .parameters = parameters,
                                .schedule = { .order = order, .seed = seed } };
    ptx_report report;

    ck_assert_msg(ptx_launch_run(&launch, &report), "%s", report.text);
    ck_assert_uint_eq(words[16], 16);
    memcpy(out, words, 16 * sizeof *out);
    ptx_module_free(module);
}

START_TEST(schedules_order_blocks_and_warps)
{
    for (uint32_t is_of_warps = 0; is_of_warps < 2; ++is_of_warps) {
        const uint32_t grid = is_of_warps ? 1 : 16;
        const uint32_t block = is_of_warps ? 512 : 32;
        uint32_t first[16];
        uint32_t second[16];
        uint32_t seen = 0;

        order_find(PTX_ORDER_SEQUENTIAL, 1, grid, block, first);
        order_find(PTX_ORDER_REVERSED, 1, grid, block, second);
        for (uint32_t k = 0; k < 16; ++k) {
            ck_assert_uint_eq(first[k], k);
            ck_assert_uint_eq(second[k], 15 - k);
        }
        order_find(PTX_ORDER_RANDOM, 1, grid, block, first);
        order_find(PTX_ORDER_RANDOM, 1, grid, block, second);
        ck_assert_mem_eq(first, second, sizeof first);
        order_find(PTX_ORDER_RANDOM, 2, grid, block, second);
        ck_assert_mem_ne(first, second, sizeof first);
        for (uint32_t k = 0; k < 16; ++k) {
            seen |= 1u << first[k];
        }
        ck_assert_uint_eq(seen, 0xffff);
        /* Any of them can be the first, and the last. */
        uint32_t firsts = 0;
        uint32_t lasts = 0;

        for (uint64_t seed = 0; seed < 150; ++seed) {
            order_find(PTX_ORDER_RANDOM, seed, grid, block, first);
            firsts |= 1u << first[0];
            lasts |= 1u << first[15];
        }
        ck_assert_uint_eq(firsts, 0xffff);
        ck_assert_uint_eq(lasts, 0xffff);
    }
}
END_TEST

static void environment_set(const char *order, const char *copies, const char *races)
{
    static const char *const names[] = { "KVSPAN_PTX_ORDER", "KVSPAN_PTX_COPIES",
                                         "KVSPAN_PTX_RACES" };
    const char *const values[] = { order, copies, races };

    for (uint32_t i = 0; i < 3; ++i) {
        if (values[i]) {
            ck_assert_int_eq(setenv(names[i], values[i], 1), 0);
        } else {
            ck_assert_int_eq(unsetenv(names[i]), 0);
        }
    }
}

static ptx_schedule schedule_of(const char *order, const char *copies, const char *races)
{
    ptx_schedule schedule = { .seed = 99 };
    char text[PTX_TEXT_BYTES];

    environment_set(order, copies, races);
    ck_assert_msg(ptx_schedule_from_environment(&schedule, text), "%s", text);
    environment_set(NULL, NULL, NULL);
    return schedule;
}

static void check_no_schedule(const char *order, const char *copies, const char *races,
                              const char *expected)
{
    ptx_schedule schedule = { .seed = 99 };
    char text[PTX_TEXT_BYTES];

    environment_set(order, copies, races);
    ck_assert(!ptx_schedule_from_environment(&schedule, text));
    ck_assert_str_eq(text, expected);
    ck_assert_uint_eq(schedule.seed, 99);
    environment_set(NULL, NULL, NULL);
}

START_TEST(schedules_come_from_the_environment)
{
    ck_assert_int_eq(schedule_of(NULL, NULL, NULL).order, PTX_ORDER_SEQUENTIAL);
    ck_assert_uint_eq(schedule_of(NULL, NULL, NULL).seed, 0);
    ck_assert_int_eq(schedule_of(NULL, NULL, NULL).copies, PTX_COPY_LATE);
    ck_assert(!schedule_of(NULL, NULL, NULL).finds_races);
    ck_assert_int_eq(schedule_of("sequential", NULL, NULL).order, PTX_ORDER_SEQUENTIAL);
    ck_assert_int_eq(schedule_of("reversed", NULL, NULL).order, PTX_ORDER_REVERSED);
    ck_assert_int_eq(schedule_of("random:0", NULL, NULL).order, PTX_ORDER_RANDOM);
    ck_assert_uint_eq(schedule_of("random:98", NULL, NULL).seed, 98);
    ck_assert_int_eq(schedule_of(NULL, "late", NULL).copies, PTX_COPY_LATE);
    ck_assert_int_eq(schedule_of(NULL, "early", NULL).copies, PTX_COPY_EARLY);
    ck_assert_int_eq(schedule_of(NULL, "random", NULL).copies, PTX_COPY_RANDOM);
    ck_assert(schedule_of(NULL, NULL, "1").finds_races);
    ck_assert(!schedule_of(NULL, NULL, "0").finds_races);
    check_no_schedule("random", NULL, NULL, "KVSPAN_PTX_ORDER=random is not understood");
    check_no_schedule("random:", NULL, NULL, "KVSPAN_PTX_ORDER=random: is not understood");
    check_no_schedule("random:-1", NULL, NULL, "KVSPAN_PTX_ORDER=random:-1 is not understood");
    check_no_schedule("random-7", NULL, NULL, "KVSPAN_PTX_ORDER=random-7 is not understood");
    check_no_schedule("random:A", NULL, NULL, "KVSPAN_PTX_ORDER=random:A is not understood");
    check_no_schedule("random:7x", NULL, NULL, "KVSPAN_PTX_ORDER=random:7x is not understood");
    check_no_schedule("randomly:7", NULL, NULL, "KVSPAN_PTX_ORDER=randomly:7 is not understood");
    check_no_schedule(NULL, "never", NULL, "KVSPAN_PTX_COPIES=never is not understood");
    check_no_schedule(NULL, NULL, "yes", "KVSPAN_PTX_RACES=yes is not understood");
}
END_TEST

START_TEST(budgets_come_from_the_environment)
{
    static const char name[] = "KVSPAN_PTX_INSTRUCTIONS";
    static const char *const bad[] = { "", "-1", "+1", "many", "1e9", "1 " };
    ptx_schedule schedule = { 0 };
    char text[PTX_TEXT_BYTES];

    ck_assert_uint_eq(schedule_of(NULL, NULL, NULL).max_instructions, 0);
    ck_assert_int_eq(setenv(name, "98765432109", 1), 0);
    ck_assert_uint_eq(schedule_of("random:7", NULL, NULL).max_instructions, 98765432109);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; ++k) {
        ck_assert_int_eq(setenv(name, bad[k], 1), 0);
        ck_assert(!ptx_schedule_from_environment(&schedule, text));
        ck_assert_ptr_nonnull(strstr(text, "KVSPAN_PTX_INSTRUCTIONS="));
        ck_assert_uint_eq(schedule.max_instructions, 0);
    }
    ck_assert_int_eq(unsetenv(name), 0);
}
END_TEST

START_TEST(budgets_are_four_billion_unless_given)
{
    static const uint64_t budgets[] = { 0, 4000000000 };
    uint64_t clocks[2]; /* which begin where the budget does */

    for (uint32_t i = 0; i < 2; ++i) {
        const bench_kernel kernel = { .body = "mov.u64 %d9, %clock64; st.global.u64 [%out], %d9;",
                                      .out = &clocks[i],
                                      .out_bytes = sizeof clocks[i],
                                      .schedule = { .max_instructions = budgets[i] } };
        ptx_report report;

        ck_assert_msg(bench_run(&kernel, &report), "%s", report.text);
    }
    ck_assert_uint_eq(clocks[0], clocks[1]);
}
END_TEST

START_TEST(numbers_are_those_of_splitmix64)
{
    static const struct {
        uint64_t seed;
        uint64_t numbers[4]; /* as they are published */
    } rows[] = {
        { 0, { 0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f, 0xf88bb8a8724c81ec } },
        { 1234567,
          { 6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
            4593380528125082431u } },
    };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        ptx_run run = { .random = rows[k].seed };

        for (uint32_t i = 0; i < 4; ++i) {
            ck_assert_uint_eq(ptx_random(&run), rows[k].numbers[i]);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx schedules");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, schedules_order_blocks_and_warps);
    tcase_add_test(tcase, schedules_come_from_the_environment);
    tcase_add_test(tcase, budgets_come_from_the_environment);
    tcase_add_test(tcase, budgets_are_four_billion_unless_given);
    tcase_add_test(tcase, numbers_are_those_of_splitmix64);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
