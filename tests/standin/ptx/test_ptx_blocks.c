/* Blocks and their asynchronous copies: right results under every schedule. */
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <string.h>

enum {
    LANES = 32
};

/* Copies of several sizes into poisoned memory. */
START_TEST(copies_fill_up_with_zeros)
{
    _Alignas(16) uint32_t in[16];
    uint32_t out[16];
    const uint32_t expected[16] = { 100, 101, 102, 103, 104, 0,   0,   0,
                                    0,   0,   0,   0,   112, 114, 115, 0xffffffff };
    const bench_kernel kernel = {
        .body =
            ".shared .align 16 .b8 S[64];\n"
            "mov.u32 %r1, S; mov.u32 %r2, 4; setp.eq.u32 %p1, %r2, 4; setp.ne.u32 %p2, %r2, 4;\n"
            "mov.u64 %d9, 1; cp.async.cg.shared.global.L2::cache_hint [%r1], [%in], 16, %d9;\n"
            "cp.async.cg.shared.global.L2::128B [%r1+16], [%in+16], 16, %r2;\n"
            "cp.async.ca.shared.global [%r1+32], [%in+32], 16, %p1;\n"
            "cp.async.ca.shared.global [%r1+48], [%in+48], 4, %p2;\n"
            "cp.async.ca.shared.global [%r1+52], [%in+56], 4;\n"
            "add.u32 %r3, %r1, 56; add.u64 %d1, %in, 60;\n"
            "cp.async.ca.shared.global [%r3], [%d1], 4;\n"
            "cp.async.wait_all;\n"
            "mov.u32 %r4, 0; mov.u64 %d2, %out;\n"
            "LOOP: ld.shared.u32 %r5, [%r1]; st.global.u32 [%d2], %r5;\n"
            "add.u32 %r1, %r1, 4; add.u64 %d2, %d2, 4; add.u32 %r4, %r4, 1;\n"
            "setp.lt.u32 %p3, %r4, 16; @%p3 bra LOOP;",
        .in = in,
        .in_bytes = sizeof in,
        .out = out,
        .out_bytes = sizeof out,
    };

    for (uint32_t k = 0; k < 16; ++k) {
        in[k] = 100 + k;
    }
    bench_check_schedules(&kernel, expected);
}
END_TEST

START_TEST(copies_are_waited_for_by_groups)
{
    /* A ring of two: while one is under way, the other is read. */
    _Alignas(16) uint32_t in[16];
    uint32_t out[4];
    const uint32_t expected[4] = { 0, 4, 8, 12 };
    const bench_kernel kernel = {
        .body = ".shared .align 16 .b8 S[32];\n"
                "mov.u32 %r1, S; mov.u64 %d1, %in; mov.u64 %d2, %out; mov.u32 %r3, 0;\n"
                "cp.async.cg.shared.global [%r1], [%d1], 16; cp.async.commit_group;\n"
                "LOOP: add.u64 %d1, %d1, 16; xor.b32 %r2, %r1, 16;\n"
                "setp.lt.u32 %p1, %r3, 3; @%p1 cp.async.cg.shared.global [%r2], [%d1], 16;\n"
                "cp.async.commit_group; cp.async.wait_group 1;\n"
                "ld.shared.u32 %r4, [%r1]; st.global.u32 [%d2], %r4;\n"
                "add.u64 %d2, %d2, 4; mov.u32 %r1, %r2; add.u32 %r3, %r3, 1;\n"
                "setp.lt.u32 %p2, %r3, 4; @%p2 bra LOOP;",
        .in = in,
        .in_bytes = sizeof in,
        .out = out,
        .out_bytes = sizeof out,
    };

    for (uint32_t k = 0; k < 16; ++k) {
        in[k] = k;
    }
    bench_check_schedules(&kernel, expected);
}
END_TEST

START_TEST(blocks_begin_with_all_lanes_together)
{
    uint32_t out[1];
    const uint32_t expected[1] = { 3 * LANES };
    const bench_kernel kernel = {
        .body = "and.b32 %r1, %r0, 3; setp.eq.u32 %p1, %r1, 0; setp.eq.u32 %p2, %r1, 1;\n"
                "@%p1 bra A; @%p2 bra B; add.u32 %r1, %r1, 1; B: add.u32 %r1, %r1, 1;\n"
                "A: bar.warp.sync -1; activemask.b32 %r2; setp.ne.u32 %p1, %r2, -1; @%p1 trap;\n"
                "red.global.add.u32 [%out], 1;",
        .grid = { 3 },
        .block = LANES,
        .out = out,
        .out_bytes = sizeof out,
    };

    bench_check_schedules(&kernel, expected);
}
END_TEST

START_TEST(blocks_have_the_threads_that_they_are_launched_with)
{
    uint32_t out[1];
    const uint32_t expected[1] = { 40 };
    const bench_kernel kernel = {
        .body = "red.global.add.u32 [%out], 1;", .block = 40, .out = out, .out_bytes = sizeof out
    };

    bench_check_schedules(&kernel, expected);
}
END_TEST

START_TEST(blocks_begin_without_groups_of_the_last_one)
{
    /* The lanes of the first block to run part and meet again, those of the others leave before. */
    uint32_t out[2];
    const uint32_t expected[2] = { LANES, 3 };
    const bench_kernel kernel = {
        .body = "setp.eq.u32 %p1, %r0, 0; @%p1 atom.global.add.u32 %r1, [%out+4], 1;\n"
                "shfl.sync.idx.b32 %r1, %r1, 0, 31, -1; setp.ne.u32 %p2, %r1, 0; @%p2 exit;\n"
                "and.b32 %r2, %r0, 3; setp.eq.u32 %p3, %r2, 0; setp.eq.u32 %p4, %r2, 1;\n"
                "@%p3 bra A; @%p4 bra B; add.u32 %r2, %r2, 1; B: add.u32 %r2, %r2, 1;\n"
                "A: red.global.add.u32 [%out], 1;",
        .grid = { 3 },
        .block = LANES,
        .out = out,
        .out_bytes = sizeof out,
    };

    bench_check_schedules(&kernel, expected);
}
END_TEST

START_TEST(copies_of_a_block_end_with_it)
{
    /* The first block to run leaves copies and groups behind; the others have their own. */
    _Alignas(16) uint32_t in[4] = { 5, 6, 7, 8 };
    uint32_t out[3];
    const uint32_t expected[3] = { 5, 5, 5 };
    const bench_kernel kernel = {
        .body = ".shared .align 16 .b8 S[256];\n"
                "cp.async.cg.shared.global [S], [%in], 16; cp.async.commit_group;\n"
                "ld.shared.u32 %r3, [S+240]; cp.async.wait_all; ld.shared.u32 %r1, [S];\n"
                "mov.u32 %r2, %ctaid.x;\n"
                "mul.wide.u32 %d1, %r2, 4; add.u64 %d1, %d1, %out; st.global.u32 [%d1], %r1;\n"
                "cp.async.cg.shared.global [S], [%in], 16;\n"
                "cp.async.cg.shared.global [S+240], [%in], 16; cp.async.commit_group;",
        .grid = { 3 },
        .in = in,
        .in_bytes = sizeof in,
        .out = out,
        .out_bytes = sizeof out,
    };

    bench_check_schedules(&kernel, expected);
}
END_TEST

START_TEST(early_copies_read_early)
{
    /* What is copied changes under the copy: when it was read is the schedule's choice. */
    uint32_t seen = 0;

    for (uint32_t k = 0; k < 20; ++k) {
        _Alignas(16) uint32_t out[4] = { 1, 0, 0, 0 };
        bench_kernel kernel = {
            .body = ".shared .align 16 .b8 S[16];\n"
                    "cp.async.ca.shared.global [S], [%out], 4; st.global.u32 [%out], 2;\n"
                    "cp.async.wait_all; ld.shared.u32 %r1, [S]; st.global.u32 [%out+4], %r1;",
            .out = out,
            .out_bytes = sizeof out,
            .schedule = { .copies = k < 2 ? (ptx_copy_time)k : PTX_COPY_RANDOM, .seed = k },
        };
        ptx_report report;

        ck_assert_msg(bench_run(&kernel, &report), "%s", report.text);
        if (k < 2) {
            ck_assert_uint_eq(out[1], k == PTX_COPY_EARLY ? 1 : 2);
        } else {
            seen |= 1u << out[1];
        }
    }
    ck_assert_uint_eq(seen, 6);
}
END_TEST

START_TEST(dynamic_shared_memory_lies_behind_the_static_one)
{
    uint32_t out[2];
    const uint32_t expected[2] = { 5, 9 };
    const bench_kernel kernel = {
        .declarations = ".extern .shared .align 16 .b8 DYNAMIC[];\n",
        .body = ".shared .align 4 .b8 S[4];\n"
                "mov.u32 %r1, DYNAMIC; st.shared.u32 [S], 5; st.shared.u32 [DYNAMIC], 9;\n"
                "ld.shared.u32 %r2, [S]; ld.shared.u32 %r3, [%r1];\n"
                "st.global.u32 [%out], %r2; st.global.u32 [%out+4], %r3;",
        .dynamic_shared_bytes = 16,
        .out = out,
        .out_bytes = sizeof out,
    };

    bench_check_schedules(&kernel, expected);
}
END_TEST

/* All that is dynamic begins at one address: the first that every use of it can bear, which is at
 * least one of 16 bytes. */
START_TEST(shared_memory_is_aligned)
{
    static const char declarations[] = ".extern .shared .align 128 .b8 A128[];\n"
                                       ".extern .shared .align 4 .b8 A4[];\n"
                                       ".extern .shared .align 64 .b8 A64[];\n"
                                       ".func other()\n{ .reg .b32 %r; mov.u32 %r, A128; ret; }\n";
    static const bench_row rows[] = {
        { ".shared .align 4 .b8 S[20]; st.shared.u32 [S], 1; mov.u32 %r9, A4;", 'r', { 0 }, 32 },
        { ".shared .align 4 .b8 S[48]; st.shared.u32 [S], 1; mov.u32 %r9, A4;", 'r', { 0 }, 48 },
        { ".shared .align 64 .b8 S[20]; st.shared.u32 [S], 1; mov.u32 %r9, A4;", 'r', { 0 }, 32 },
        { ".shared .align 4 .b8 S[20]; st.shared.u32 [S], 1; mov.u32 %r9, A64;", 'r', { 0 }, 64 },
        { ".shared .align 4 .b8 S[20]; st.shared.u32 [S], 1; mov.u32 %r9, A128;", 'r', { 0 }, 128 },
        { ".shared .align 4 .b8 S[20]; st.shared.u32 [S], 1; mov.u32 %r8, A64; mov.u32 %r9, A4;",
          'r',
          { 0 },
          64 },
        { ".shared .align 4 .b8 S[20]; st.shared.u32 [S], 1; mov.u32 %r9, A4; call.uni other;",
          'r',
          { 0 },
          128 },
        { "mov.u32 %r9, A64;", 'r', { 0 }, 0 },
        { ".shared .align 1 .b8 S[1]; .shared .align 4 .b8 T[4]; st.shared.u8 [S], %r0;"
          "mov.u32 %r9, T;",
          'r',
          { 0 },
          4 },
    };

    bench_check_rows_with(declarations, rows, sizeof rows / sizeof *rows);
}
END_TEST

/* In the order of the warps, whether they load or not. */
START_TEST(warps_run_until_they_have_to_wait)
{
    static const uint32_t expected[3] = { 2, 0, 1 };
    uint32_t out[3] = { 0 };
    const bench_kernel kernel = { .body =
                                      "and.b32 %r1, %r0, 31; setp.ne.u32 %p1, %r1, 0;\n"
                                      "@%p1 bra END; setp.eq.u32 %p2, %r0, 0;\n"
                                      "@%p2 ld.global.u32 %r2, [%in];\n"
                                      "atom.global.add.u32 %r3, [%out], 1;\n"
                                      "shr.u32 %r4, %r0, 5; mul.wide.u32 %d1, %r4, 4;\n"
                                      "add.u64 %d1, %d1, %out; st.global.u32 [%d1+4], %r3; END:",
                                  .block = 64,
                                  .in = expected,
                                  .in_bytes = sizeof expected,
                                  .out = out,
                                  .out_bytes = sizeof out };
    ptx_report report;

    ck_assert_msg(bench_run(&kernel, &report), "%s", report.text);
    ck_assert_mem_eq(out, expected, sizeof expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx blocks");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, copies_fill_up_with_zeros);
    tcase_add_test(tcase, copies_are_waited_for_by_groups);
    tcase_add_test(tcase, blocks_begin_with_all_lanes_together);
    tcase_add_test(tcase, blocks_have_the_threads_that_they_are_launched_with);
    tcase_add_test(tcase, blocks_begin_without_groups_of_the_last_one);
    tcase_add_test(tcase, copies_of_a_block_end_with_it);
    tcase_add_test(tcase, early_copies_read_early);
    tcase_add_test(tcase, dynamic_shared_memory_lies_behind_the_static_one);
    tcase_add_test(tcase, shared_memory_is_aligned);
    tcase_add_test(tcase, warps_run_until_they_have_to_wait);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
