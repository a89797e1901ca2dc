/* What each instruction of a kernel did, and which of its loops is the main one. */
#include "standin/ptx/ptx_bench.h"

#include <string.h>

enum {
    LANES = 32,
    SHARED_BYTES = 8192,
    MOST_INSTRUCTIONS = 200
};

/* What a body's main loop did. */
static ptx_counts count_loop(const char *body, ptx_counts *by_instruction, ptx_report *report_out)
{
    ptx_counts loop = { 0 };
    bench_kernel kernel = bench_kernel_of(body, LANES);

    kernel.dynamic_shared_bytes = SHARED_BYTES;
    kernel.by_instruction = by_instruction;
    kernel.main_loop = &loop;
    memset(by_instruction, 0, MOST_INSTRUCTIONS * sizeof *by_instruction);
    ck_assert_msg(bench_run(&kernel, report_out), "%s: %s", body, report_out->text);
    return loop;
}

#define MMA                                                                                     \
    "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%r30, %r31, %r32, %r33}, {%r34, %r34, " \
    "%r34, %r34}, {%r34, %r34}, {%r35, %r35, %r35, %r35};\n"

START_TEST(instructions_add_up_to_the_kernel)
{
    static ptx_counts by_instruction[MOST_INSTRUCTIONS];
    ptx_report report;
    uint64_t instructions = 0;
    uint64_t lanes = 0;
    uint64_t conflicts = 0;
    uint64_t bytes = 0;

    count_loop("mov.u32 %r1, 0;\n"
               "L: shl.b32 %r2, %r0, 3; st.shared.u32 [%r2], %r0; ld.global.u32 %r3, [%in];\n"
               "setp.lt.u32 %p2, %r0, 5; @%p2 add.u32 %r4, %r4, 1;\n"
               "add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 10; @%p1 bra L;",
               by_instruction, &report);
    for (uint32_t k = 0; k < MOST_INSTRUCTIONS; ++k) {
        instructions += by_instruction[k].warp_instructions;
        lanes += by_instruction[k].lane_instructions;
        conflicts += by_instruction[k].shared_conflicts;
        bytes += by_instruction[k].loads.bytes;
    }
    ck_assert_uint_eq(instructions, report.counts.warp_instructions);
    ck_assert_uint_eq(lanes, report.counts.lane_instructions);
    ck_assert_uint_eq(conflicts, 10);
    ck_assert_uint_eq(bytes, 40);
    /* 3 of the bench, mov; then the loop: shl, st, ld. */
    ck_assert_uint_eq(by_instruction[4].warp_instructions, 10);
    ck_assert_uint_eq(by_instruction[5].shared_conflicts, 10);
    ck_assert_uint_eq(by_instruction[6].loads.requests, 10);
    ck_assert_uint_eq(by_instruction[8].warp_instructions, 10);
    ck_assert_uint_eq(by_instruction[8].lane_instructions, 50);
}
END_TEST

START_TEST(the_main_loop_is_the_smallest_with_half_of_the_products)
{
    static const struct {
        const char *body;
        uint64_t instructions, products, conflicts;
    } rows[] = {
        /* A loop of products between one without any and one of few. */
        { "mov.u32 %r1, 0;\n"
          "A: st.shared.u32 [%r1], 1; add.u32 %r1, %r1, 4; setp.lt.u32 %p1, %r1, 400; @%p1 bra A;\n"
          "mov.u32 %r1, 0; shl.b32 %r2, %r0, 3;\n"
          "B: " MMA "st.shared.u32 [%r2], 1; add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 6;\n"
          "@%p1 bra B;\n" MMA MMA,
          30, 6, 6 },
        /* Within another one, whose other products are as many: the inner one is smaller. */
        { "mov.u32 %r1, 0; shl.b32 %r3, %r0, 3;\n"
          "A: mov.u32 %r2, 0; " MMA MMA MMA "B: " MMA
          "add.u32 %r2, %r2, 1; setp.lt.u32 %p1, %r2, 3; @%p1 bra B;\n"
          "st.shared.u32 [%r3], 1; add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 5; @%p1 bra A;",
          60, 15, 0 },
        /* One product more outside: it is the outer one that does most. */
        { "mov.u32 %r1, 0; shl.b32 %r3, %r0, 3;\n"
          "A: mov.u32 %r2, 0; " MMA MMA MMA MMA "B: " MMA
          "add.u32 %r2, %r2, 1; setp.lt.u32 %p1, %r2, 3; @%p1 bra B;\n"
          "st.shared.u32 [%r3], 1; add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 5; @%p1 bra A;",
          105, 35, 5 },
        /* A loop whose end stands before its head, entered in its middle, with a way out and a part
         * that is never executed. */
        { "mov.u32 %r1, 0; bra H;\n"
          "T: setp.eq.u32 %p1, %r1, 4; @%p1 bra E; bra H;\n"
          "H: " MMA "add.u32 %r1, %r1, 1; setp.gt.u32 %p2, %r1, 9; @%p2 bra T; bra T;\n"
          "E: ",
          31, 4, 0 },
        /* A branch back to what is no head: another way leads to it. */
        { "mov.u32 %r1, 0; bra M;\n"
          "N: " MMA "M: add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 4; @%p1 bra N;",
          15, 3, 0 },
        /* What follows an end is not reached from it. */
        { "mov.u32 %r1, 0; setp.ne.u32 %p2, %r1, 0; @%p2 bra X; bra H;\n"
          "X: ret;\n"
          "B: add.u32 %r1, %r1, 1; setp.ge.u32 %p1, %r1, 4; @%p1 bra E;\n"
          "H: " MMA "bra B;\n"
          "E: ",
          20, 4, 0 },
        /* What leads to the head from behind it is no part of its loop. */
        { "mov.u32 %r1, 0; bra D;\n"
          "H: " MMA "add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 4; @%p1 bra H; bra E;\n"
          "X: add.u32 %r2, %r2, 1; bra H;\n"
          "D: bra X;\n"
          "E: ",
          16, 4, 0 },
        /* The smaller one is found behind the other one's end, too. */
        { "mov.u32 %r1, 0; bra A;\n"
          "L: add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 5; @%p1 bra A; bra E;\n"
          "A: mov.u32 %r2, 0; " MMA MMA MMA "B: " MMA
          "add.u32 %r2, %r2, 1; setp.lt.u32 %p1, %r2, 3; @%p1 bra B;\n"
          "bra L;\n"
          "E: ",
          60, 15, 0 },
        /* Of two that are alike the first. */
        { "mov.u32 %r1, 0; shl.b32 %r2, %r0, 2; shl.b32 %r3, %r0, 3;\n"
          "A: " MMA "st.shared.u32 [%r3], 1; add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 3;\n"
          "@%p1 bra A;\n"
          "B: " MMA "st.shared.u32 [%r2], 1; add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 6;\n"
          "@%p1 bra B;",
          15, 3, 3 },
        /* A single product: within a loop, and outside of one that loads. */
        { "A: " MMA "setp.gt.u32 %p1, %r0, 99; @%p1 bra A;", 3, 1, 0 },
        { MMA
          "mov.u32 %r1, 0;\n"
          "B: ld.global.u32 %r2, [%in]; add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 7; @%p1 bra B;",
          0, 0, 0 },
        /* A loop that does nothing of the kind. */
        { "mov.u32 %r1, 0;\n"
          "A: add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 4; @%p1 bra A;",
          0, 0, 0 },
        { MMA, 0, 0, 0 },
        /* No products: the loop that loads. */
        { "mov.u32 %r1, 0;\n"
          "A: add.u32 %r1, %r1, 4; setp.lt.u32 %p1, %r1, 400; @%p1 bra A;\n"
          "mov.u32 %r1, 0;\n"
          "B: ld.global.u32 %r2, [%in]; add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 7; @%p1 bra B;",
          28, 0, 0 },
    };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        static ptx_counts by_instruction[MOST_INSTRUCTIONS];
        ptx_report report;
        const ptx_counts loop = count_loop(rows[k].body, by_instruction, &report);

        ck_assert_msg(loop.warp_instructions == rows[k].instructions &&
                          loop.matrix_products == rows[k].products &&
                          loop.shared_conflicts == rows[k].conflicts,
                      "row %zu: %llu instructions, %llu products, %llu conflicts", k,
                      (unsigned long long)loop.warp_instructions,
                      (unsigned long long)loop.matrix_products,
                      (unsigned long long)loop.shared_conflicts);
    }
}
END_TEST

START_TEST(a_branch_by_table_may_lead_back)
{
    static const char *const bodies[] = {
        "mov.u32 %r1, 0;\n"
        "A: " MMA "add.u32 %r1, %r1, 1; shr.u32 %r2, %r1, 2; xor.b32 %r2, %r2, 1;\n"
        "T: .branchtargets E, A;\n"
        "brx.idx %r2, T;\n"
        "E: ",
        "mov.u32 %r1, 0;\n"
        "A: " MMA "add.u32 %r1, %r1, 1; shr.u32 %r2, %r1, 2; mov.b32 %r3, %r2;\n"
        "T: .branchtargets A, E;\n"
        "brx.idx %r2, T;\n"
        "E: ",
    };

    for (size_t k = 0; k < sizeof bodies / sizeof *bodies; ++k) {
        static ptx_counts by_instruction[MOST_INSTRUCTIONS];
        ptx_report report;
        const ptx_counts loop = count_loop(bodies[k], by_instruction, &report);

        ck_assert_uint_eq(loop.warp_instructions, 20);
        ck_assert_uint_eq(loop.matrix_products, 4);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx main loop");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, instructions_add_up_to_the_kernel);
    tcase_add_test(tcase, the_main_loop_is_the_smallest_with_half_of_the_products);
    tcase_add_test(tcase, a_branch_by_table_may_lead_back);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
