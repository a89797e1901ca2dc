/* Barriers: right results under every schedule, and what they order. */
#include "standin/ptx/ptx_bench.h"

enum {
    LANES = 32,
    THREADS = 128
};

START_TEST(barriers_wait_for_the_whole_block)
{
    /* Each thread reads what the thread across the block wrote, three rounds. */
    uint32_t out[THREADS];
    uint32_t expected[THREADS];
    const bench_kernel kernel = {
        .body =
            ".shared .align 4 .b8 S[512];\n"
            "mov.u32 %r1, S; shl.b32 %r2, %r0, 2; add.u32 %r3, %r1, %r2;\n"
            "mov.u32 %r4, 127; sub.u32 %r4, %r4, %r0; shl.b32 %r4, %r4, 2; add.u32 %r4, %r4, %r1;\n"
            "mov.u32 %r5, %r0; mov.u32 %r6, 0;\n"
            "LOOP: st.shared.u32 [%r3], %r5; bar.sync 0; ld.shared.u32 %r5, [%r4]; bar.sync 0;\n"
            "add.u32 %r5, %r5, 1; add.u32 %r6, %r6, 1; setp.lt.u32 %p1, %r6, 3; @%p1 bra LOOP;\n"
            "cvt.u64.u32 %d1, %r2; add.u64 %d1, %d1, %out; st.global.u32 [%d1], %r5;",
        .grid = { 1 },
        .block = THREADS,
        .out = out,
        .out_bytes = sizeof out,
    };

    for (uint32_t k = 0; k < THREADS; ++k) {
        expected[k] = THREADS - 1 - k + 3;
    }
    bench_check_schedules(&kernel, expected);
}
END_TEST

START_TEST(named_barriers_join_producer_and_consumer)
{
    /* Warp 0 writes and arrives; warp 1 waits for 64 threads; warps 2 and 3 do not take part. */
    uint32_t out[LANES];
    uint32_t expected[LANES];
    const bench_kernel kernel = {
        .body =
            ".shared .align 4 .b8 S[128];\n"
            "mov.u32 %r1, S; and.b32 %r2, %r0, 31; shl.b32 %r2, %r2, 2; add.u32 %r3, %r1, %r2;\n"
            "shr.u32 %r4, %r0, 5; setp.eq.u32 %p1, %r4, 0; setp.eq.u32 %p2, %r4, 1;\n"
            "@%p1 bra FIRST; @%p2 bra SECOND; bra END;\n"
            "FIRST: mul.lo.u32 %r5, %r0, 7; st.shared.u32 [%r3], %r5; bar.arrive 3, 64; bra END;\n"
            "SECOND: barrier.sync.aligned 3, 64; ld.shared.u32 %r5, [%r3];\n"
            "cvt.u64.u32 %d1, %r2; add.u64 %d1, %d1, %out; st.global.u32 [%d1], %r5;\n"
            "END:",
        .block = THREADS,
        .out = out,
        .out_bytes = sizeof out,
    };

    for (uint32_t k = 0; k < LANES; ++k) {
        expected[k] = 7 * k;
    }
    bench_check_schedules(&kernel, expected);
}
END_TEST

START_TEST(barriers_reduce_predicates)
{
    uint32_t out[4];
    const uint32_t expected[4] = { 43, 1, 0, 2 };
    const bench_kernel kernel = {
        .body = "rem.u32 %r1, %r0, 3; setp.eq.u32 %p1, %r1, 0;\n"
                "bar.red.popc.u32 %r2, 0, %p1; bar.red.or.pred %p2, 0, %p1;\n"
                "bar.red.and.pred %p3, 0, %p1; setp.lt.u32 %p4, %r0, 128;\n"
                "bar.red.and.pred %p5, 1, 128, !%p4;\n"
                "selp.u32 %r3, 1, 0, %p2; selp.u32 %r4, 1, 0, %p3; selp.u32 %r5, 1, 0, %p5;\n"
                "bar.red.and.pred %p7, 0, %p4; @%p7 add.u32 %r5, %r5, 2;\n"
                "bar.red.or.pred %p8, 0, !%p4; @%p8 add.u32 %r5, %r5, 4;\n"
                "setp.ne.u32 %p6, %r0, 77; @%p6 bra END;\n"
                "st.global.v4.u32 [%out], {%r2, %r3, %r4, %r5}; END:",
        .block = THREADS,
        .out = out,
        .out_bytes = sizeof out,
    };

    bench_check_schedules(&kernel, expected);
}
END_TEST

START_TEST(threads_that_left_are_not_waited_for)
{
    uint32_t out[1];
    const uint32_t expected[1] = { 64 };
    const bench_kernel kernel = {
        .body = "setp.ge.u32 %p1, %r0, 64; @%p1 exit; bar.sync 0;\n"
                "red.global.add.u32 [%out], 1;",
        .block = THREADS,
        .out = out,
        .out_bytes = sizeof out,
    };

    bench_check_schedules(&kernel, expected);
}
END_TEST

/* %r4: the number of the warp. */
#define WARP                                                                   \
    ".shared .align 4 .b8 S[4]; .shared .align 4 .b8 FLAG[4];\n"               \
    "shr.u32 %r4, %r0, 5; setp.eq.u32 %p0, %r4, 0; setp.eq.u32 %p1, %r4, 1;\n" \
    "setp.eq.u32 %p2, %r4, 2; setp.eq.u32 %p10, %r0, 0;\n"

START_TEST(barriers_are_counted_apart)
{
    /* Warp 1 waits at 2 while 1 is completed by warps 0 and 2; who arrives goes on; then 1 is used
     * with another number of threads. */
    uint32_t out[1];
    const uint32_t expected[1] = { 5 };
    const bench_kernel kernel = {
        .body = WARP "@%p1 bra SECOND; bar.sync 1, 64; @%p2 bra END;\n"
                     "@%p10 st.shared.u32 [S], 5; bar.arrive 2, 64; bar.sync 3, 64; bra END;\n"
                     "SECOND: bar.sync 2, 64; ld.shared.u32 %r1, [S]; bar.sync 3, 64;\n"
                     "setp.eq.u32 %p3, %r0, 32; @%p3 st.global.u32 [%out], %r1;\n"
                     "END: bar.sync 1; bar.sync 1, 96;",
        .block = 96,
        .out = out,
        .out_bytes = sizeof out,
    };

    bench_check_schedules(&kernel, expected);
}
END_TEST

START_TEST(barriers_come_in_several_spellings)
{
    uint32_t out[1];
    const uint32_t expected[1] = { 64 };
    const bench_kernel kernel = {
        .body =
            "bar.cta.sync 0; barrier.cta.sync.aligned 0; barrier.sync 0; bar.cta.arrive 1, 128;\n"
            "bar.cta.sync 1, 128; barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;\n"
            "bar.cta.red.and.pred %p1, 0, 1; @%p1 red.global.add.u32 [%out], 1;",
        .block = 64,
        .out = out,
        .out_bytes = sizeof out,
    };

    bench_check_schedules(&kernel, expected);
}
END_TEST

START_TEST(barriers_are_summed_up)
{
    uint32_t out[1];
    const bench_kernel kernel = { .body = "bar.sync 0; bar.sync 1; bar.sync 0;",
                                  .block = 64,
                                  .out = out,
                                  .out_bytes = sizeof out };
    ptx_report report;

    ck_assert_msg(bench_run(&kernel, &report), "%s", report.text);
    ck_assert_uint_eq(report.counts.barriers, 3);
}
END_TEST

START_TEST(barriers_order_those_that_came)
{
    /* Warps 2 and 3 meet at the barrier where 0 and 1 met before: what 0 did is not theirs. That
     * they come later they know from a flag, which orders nothing. */
    uint32_t out[1];
    const bench_kernel kernel = {
        .body = WARP
        "@%p10 st.shared.u32 [FLAG], 0; bar.sync 0;\n"
        "setp.ge.u32 %p3, %r4, 2; @%p3 bra LATER;\n"
        "@%p10 st.shared.u32 [S], 1; bar.sync 1, 64;\n"
        "@%p1 atom.shared.exch.b32 %r1, [FLAG], 1; bra END;\n"
        "LATER: mov.u32 %r5, %clock; atom.shared.or.b32 %r1, [FLAG], 0; setp.eq.u32 %p4, %r1, 0;\n"
        "@%p4 bra LATER; bar.sync 1, 64; ld.shared.u32 %r1, [S];\n"
        "END:",
        .block = THREADS,
        .out = out,
        .out_bytes = sizeof out,
    };

    bench_check_fails(&kernel, "race (read after write) on shared");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx barriers");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, barriers_wait_for_the_whole_block);
    tcase_add_test(tcase, named_barriers_join_producer_and_consumer);
    tcase_add_test(tcase, barriers_reduce_predicates);
    tcase_add_test(tcase, threads_that_left_are_not_waited_for);
    tcase_add_test(tcase, barriers_are_counted_apart);
    tcase_add_test(tcase, barriers_come_in_several_spellings);
    tcase_add_test(tcase, barriers_are_summed_up);
    tcase_add_test(tcase, barriers_order_those_that_came);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
