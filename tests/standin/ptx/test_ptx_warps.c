/* The warp's special registers, branches and calls. */
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <string.h>

enum {
    LANES = 32
};

static uint32_t zero(uint32_t lane)
{
    (void)lane;
    return 0;
}

static uint32_t one(uint32_t lane)
{
    (void)lane;
    return 1;
}

static uint32_t lane_mask_lt(uint32_t lane)
{
    return (1u << lane) - 1;
}

static uint32_t lane_mask_le(uint32_t lane)
{
    return lane == 31 ? 0xffffffff : (2u << lane) - 1;
}

static uint32_t lane_mask_gt(uint32_t lane)
{
    return ~lane_mask_le(lane);
}

static uint32_t lane_mask_eq(uint32_t lane)
{
    return 1u << lane;
}

static uint32_t lane_mask_ge(uint32_t lane)
{
    return ~((1u << lane) - 1);
}

START_TEST(special_registers_know_the_thread)
{
    bench_check_lanes("mov.u32 %r9, %lanemask_lt;", lane_mask_lt);
    bench_check_lanes("mov.u32 %r9, %lanemask_ge;", lane_mask_ge);
    bench_check_lanes("mov.u32 %r9, %lanemask_le;", lane_mask_le);
    bench_check_lanes("mov.u32 %r9, %lanemask_gt;", lane_mask_gt);
    bench_check_lanes("mov.u32 %r9, %lanemask_eq;", lane_mask_eq);
    bench_check_lanes("mov.u32 %r9, %nsmid;", one);
    bench_check_lanes("mov.u32 %r9, %smid;", zero);
    bench_check_lanes("mov.u32 %r9, %cluster_nctarank;", one);
    bench_check_lanes("mov.u32 %r9, %cluster_ctarank;", zero);
    bench_check_lanes("mov.u32 %r9, %nwarpid;", one);
    bench_check_lanes("mov.u32 %r9, %warpid;", zero);
    bench_check_lanes("mov.u32 %r1, %total_smem_size; mov.u32 %r2, %dynamic_smem_size;\n"
                      ".shared .align 4 .b8 S[1]; st.shared.u8 [S], 0; sub.u32 %r9, %r1, %r2;",
                      one);
    bench_check_lanes("mov.u64 %d1, %clock64; mov.u64 %d2, %clock64; setp.gt.u64 %p1, %d2, %d1;\n"
                      "selp.u32 %r9, 1, 0, %p1;",
                      one);
    bench_check_lanes("mov.u32 %r1, %laneid; sub.u32 %r9, %r1, %r0;", zero);
    bench_check_lanes("mov.u32 %r9, %nctaid.x;", one);
}
END_TEST

static uint32_t collatz_steps(uint32_t lane)
{
    uint32_t steps = 0;

    for (uint32_t n = lane + 1; n != 1; ++steps) {
        n = n % 2 ? 3 * n + 1 : n / 2;
    }
    return steps;
}

static uint32_t by_case(uint32_t lane)
{
    static const uint32_t values[] = { 70, 30, 50, 9 };

    return values[lane % 4];
}

static uint32_t by_case_or_five(uint32_t lane)
{
    return lane < 20 ? by_case(lane) : 5;
}

static uint32_t lower_twenty(uint32_t lane)
{
    return lane < 20 ? 0x000fffff : 0;
}

static uint32_t thousand(uint32_t lane)
{
    return 1000 + lane;
}

START_TEST(lanes_part_by_their_guard)
{
    bench_check_lanes("and.b32 %r1, %r0, 3; setp.lt.u32 %p1, %r0, 20;\n"
                      "TABLE: .branchtargets A, B, C, D;\n"
                      "@%p1 brx.idx %r1, TABLE; mov.u32 %r9, 5; bra END;\n"
                      "A: mov.u32 %r9, 70; bra.uni END;\n"
                      "B: mov.u32 %r9, 30; bra.uni END;\n"
                      "C: mov.u32 %r9, 50; bra.uni END;\n"
                      "D: mov.u32 %r9, 9;\n"
                      "END: bar.warp.sync -1;",
                      by_case_or_five);
    /* Those that leave are not waited for, and what they would do is not done. */
    bench_check_lanes("mov.u32 %r9, 0; mul.wide.u32 %d30, %r0, 4; add.u64 %d30, %d30, %out;\n"
                      "st.global.u32 [%d30], %r9; setp.ge.u32 %p1, %r0, 20; @%p1 ret;\n"
                      "activemask.b32 %r9; vote.sync.ballot.b32 %r8, 1, -1; and.b32 %r9, %r9, %r8;",
                      lower_twenty);
    bench_check_lanes("mov.u32 %r9, 0; mul.wide.u32 %d30, %r0, 4; add.u64 %d30, %d30, %out;\n"
                      "st.global.u32 [%d30], %r9; setp.lt.u32 %p1, %r0, 20; @%p1 bra LATER;\n"
                      "exit; LATER: mov.u32 %r9, 0x000fffff;",
                      lower_twenty);
    /* A long loop of some lanes, while the others wait behind it. */
    bench_check_lanes("mov.u32 %r9, 0; add.u32 %r1, %r0, 1000;\n"
                      "LOOP: add.u32 %r9, %r9, 1; setp.lt.u32 %p1, %r9, %r1; @%p1 bra LOOP;\n"
                      "bar.warp.sync -1;",
                      thousand);
}
END_TEST

START_TEST(lanes_part_and_meet)
{
    bench_check_lanes("add.u32 %r1, %r0, 1; mov.u32 %r9, 0;\n"
                      "LOOP: setp.eq.u32 %p1, %r1, 1; @%p1 bra DONE;\n"
                      "and.b32 %r2, %r1, 1; setp.eq.u32 %p2, %r2, 0; @%p2 bra EVEN;\n"
                      "mad.lo.u32 %r1, %r1, 3, 1; bra NEXT;\n"
                      "EVEN: shr.u32 %r1, %r1, 1;\n"
                      "NEXT: add.u32 %r9, %r9, 1; bra LOOP;\n"
                      "DONE: bar.warp.sync -1;",
                      collatz_steps);
    bench_check_lanes("and.b32 %r1, %r0, 3;\n"
                      "TABLE: .branchtargets A, B, C, D;\n"
                      "brx.idx %r1, TABLE;\n"
                      "A: mov.u32 %r9, 70; bra.uni END;\n"
                      "B: mov.u32 %r9, 30; bra.uni END;\n"
                      "C: mov.u32 %r9, 50; bra.uni END;\n"
                      "D: mov.u32 %r9, 9;\n"
                      "END: bar.warp.sync -1;",
                      by_case);
    /* Labels and registers belong to their scope. */
    bench_check_lanes(
        "mov.u32 %r9, 0;\n"
        "{ .reg.u32 t; mov.u32 t, 5; bra L; mov.u32 %r9, 7; L: }\n"
        "{ .reg .u32 t; mov.u32 t, 1; bra L; mov.u32 %r9, 7; L: add.u32 %r9, %r9, t; }",
        one);
    /* Some have left: the others shuffle among themselves. */
    bench_check_lanes("mov.u32 %r9, 0; setp.lt.u32 %p1, %r0, 16; @!%p1 bra OUT;\n"
                      "vote.sync.ballot.b32 %r1, 1, 0x0000ffff; setp.eq.u32 %p2, %r1, 0x0000ffff;\n"
                      "OUT: bar.warp.sync -1;",
                      zero);
}
END_TEST

static uint32_t seven_and_last(uint32_t lane)
{
    return 7 + (lane == 31);
}

START_TEST(each_lane_has_its_carry)
{
    bench_check_lanes("mov.u64 %d0, 7; add.cc.u32 %r4, %r0, 0xffffffe1; addc.u32 %r9, 0, 0;\n"
                      "cvt.u32.u64 %r5, %d0; add.u32 %r9, %r9, %r5;",
                      seven_and_last);
}
END_TEST

static uint32_t everybody(uint32_t lane)
{
    (void)lane;
    return 0xffffffff;
}

static uint32_t all_but_second_of_fours(uint32_t lane)
{
    return lane % 4 == 1 ? 0x22222222 : 0xdddddddd;
}

START_TEST(lanes_meet_where_branches_join)
{
    static const char *const conditions[] = { "lt", "ge" };

    for (uint32_t k = 0; k < 2; ++k) {
        char code[512];

        (void)snprintf(code, sizeof code,
                       "setp.%s.u32 %%p1, %%r0, 16; @%%p1 bra ELSE; add.u32 %%r1, %%r1, 1;\n"
                       "bra JOIN; ELSE: add.u32 %%r1, %%r1, 1; add.u32 %%r1, %%r1, 1;\n"
                       "JOIN: activemask.b32 %%r9;",
                       conditions[k]);
        bench_check_lanes(code, everybody);
    }
    bench_check_lanes("and.b32 %r1, %r0, 3; setp.eq.u32 %p1, %r1, 0; setp.eq.u32 %p2, %r1, 1;\n"
                      "mov.u32 %r9, 0x22222222; @%p1 bra A; @%p2 bra B; add.u32 %r2, %r2, 1;\n"
                      "A: activemask.b32 %r9; B: add.u32 %r2, %r2, 1;",
                      all_but_second_of_fours);
    bench_check_lanes("and.b32 %r1, %r0, 3; setp.eq.u32 %p1, %r1, 0; setp.eq.u32 %p2, %r1, 1;\n"
                      "mov.u32 %r9, 0x22222222; @%p2 bra B; @%p1 bra A; add.u32 %r2, %r2, 1;\n"
                      "A: activemask.b32 %r9; B: add.u32 %r2, %r2, 1;",
                      all_but_second_of_fours);
    /* Two that wait for each other in turn, by words in memory, after a long loop of all. */
    bench_check_lanes(
        "mov.u32 %r5, 0; LOOP: add.u32 %r5, %r5, 1; setp.lt.u32 %p1, %r5, 300;\n"
        "@%p1 bra LOOP; setp.gt.u32 %p1, %r0, 1; @%p1 bra END; setp.eq.u32 %p2, %r0, 1;\n"
        "@%p2 bra SECOND;\n"
        "FIRST: atom.global.or.b32 %r1, [%out], 0; setp.ne.u32 %p3, %r1, 1;\n"
        "@%p3 bra FIRST; atom.global.exch.b32 %r1, [%out], 2; bra END;\n"
        "SECOND: atom.global.exch.b32 %r1, [%out], 1;\n"
        "AGAIN: atom.global.or.b32 %r1, [%out], 0; setp.ne.u32 %p3, %r1, 2;\n"
        "@%p3 bra AGAIN; END: bar.warp.sync -1; mov.u32 %r9, 1;",
        one);
}
END_TEST

#define TEN_TIMES(TEXT) TEXT TEXT TEXT TEXT TEXT TEXT TEXT TEXT TEXT TEXT

static uint32_t itself(uint32_t lane)
{
    return lane;
}

static uint32_t upper_half(uint32_t lane)
{
    return lane >= 16 ? 0xffff0000 : 0;
}

/* %d30: the lane's word of the output, which begins as 0. */
#define LEAVING "mul.wide.u32 %d30, %r0, 4; add.u64 %d30, %d30, %out; st.global.u32 [%d30], 0;\n"

START_TEST(lanes_part_into_as_many_as_they_are)
{
    char code[4096] = "";
    char *at = code;

    at += sprintf(at, "TABLE: .branchtargets L0");
    for (uint32_t lane = 1; lane < LANES; ++lane) {
        at += sprintf(at, ", L%u", lane);
    }
    at += sprintf(at, "; brx.idx %%r0, TABLE;\n");
    for (uint32_t lane = 0; lane < LANES; ++lane) {
        at += sprintf(at, "L%u: mov.u32 %%r9, %u; bra END;\n", lane, lane);
    }
    (void)sprintf(at, "END: bar.warp.sync -1;");
    bench_check_lanes(code, itself);
    /* Each leaves on its own. */
    at = code + sprintf(code, "%sTABLE: .branchtargets L0", LEAVING);
    for (uint32_t lane = 1; lane < LANES; ++lane) {
        at += sprintf(at, ", L%u", lane);
    }
    at += sprintf(at, "; brx.idx %%r0, TABLE;\n");
    for (uint32_t lane = 0; lane < LANES; ++lane) {
        at += sprintf(at, "L%u: st.global.u32 [%%d30], %u; exit;\n", lane, lane);
    }
    bench_check_lanes(code, itself);
}
END_TEST

/* Here on either side of a branch, and in two goes. */
START_TEST(lanes_that_leave_are_not_waited_for)
{
    bench_check_lanes(LEAVING "setp.lt.u32 %p1, %r0, 16; @%p1 bra OUT;\n"
                              "vote.sync.ballot.b32 %r9, 1, -1; bra END; OUT: exit; END:",
                      upper_half);
    bench_check_lanes(LEAVING "bra START; MEET: vote.sync.ballot.b32 %r9, 1, -1; bra END;\n"
                              "START: setp.ge.u32 %p1, %r0, 16; @%p1 bra MEET; exit; END:",
                      upper_half);
    bench_check_lanes(LEAVING "setp.lt.u32 %p1, %r0, 8; @%p1 exit; setp.lt.u32 %p1, %r0, 16;\n"
                              "@%p1 exit; vote.sync.ballot.b32 %r9, 1, -1;",
                      upper_half);
}
END_TEST

/* Who goes past a branch or an end by the guard goes on behind it, at once. */
START_TEST(instructions_are_executed_once)
{
    static const char *const bodies[] = {
        "mov.u32 %r1, 0; add.u32 %r1, %r1, 1; @%p0 exit; st.global.u32 [%out], %r1;",
        "mov.u32 %r1, 0; TABLE: .branchtargets A, A; setp.eq.u32 %p1, %r0, 1;\n"
        "add.u32 %r1, %r1, 1; @%p1 brx.idx %r1, TABLE; st.global.u32 [%out], %r1; A:",
    };

    for (size_t k = 0; k < sizeof bodies / sizeof *bodies; ++k) {
        uint32_t out[1] = { 0 };
        char body[512];
        const bench_kernel kernel = {
            .body = body, .block = 2, .out = out, .out_bytes = sizeof out
        };
        ptx_report report;

        (void)snprintf(body, sizeof body, "setp.eq.u32 %%p0, %%r0, 1;\n%s", bodies[k]);
        ck_assert_msg(bench_run(&kernel, &report), "%s", report.text);
        ck_assert_uint_eq(out[0], 1);
        ck_assert_uint_eq(report.counts.warp_instructions, 9 + k);
    }
}
END_TEST

static const char functions[] =
    ".func (.param .b32 result) sign_of(.param .b32 x)\n{\n"
    ".reg .b32 %a<3>; .reg .pred %q; ld.param.s32 %a1, [x]; setp.lt.s32 %q, %a1, 0;\n"
    "st.param.b32 [result], -1; @%q ret; st.param.b32 [result], 1; ret;\n}\n"
    ".func (.param .b32 result) square(.param .b32 x)\n{\n"
    ".reg .b32 %a<3>; ld.param.u32 %a1, [x]; mul.lo.u32 %a2, %a1, %a1;\n"
    "st.param.b32 [result+0], %a2; ret;\n}\n"
    ".func (.param .b32 result) met(.param .b32 x)\n{\n"
    ".reg .b32 %a<40>; ld.param.u32 %a39, [x]; bar.warp.sync -1; activemask.b32 %a1;\n"
    "xor.b32 %a1, %a1, %a39; st.param.b32 [result], %a1; ret;\n}\n"
    ".func (.param .b32 result) twice(.param .b32 x)\n{\n"
    ".reg .b32 %a<3>; ld.param.u32 %a1, [x]; add.u32 %a2, %a1, %a1;\n"
    "st.param.b32 [result+0], %a2; ret;\n}\n"
    ".func (.param .align 8 .b8 result[16]) pair(.param .b32 x, .param .align 8 .b8 y[8])\n{\n"
    ".local .align 8 .b8 depot[16]; .reg .b32 %a<6>; .reg .b64 %SP; .reg .b64 %SPL;\n"
    "mov.u64 %SPL, depot; cvta.local.u64 %SP, %SPL;\n"
    "ld.param.u32 %a1, [x]; ld.param.v2.u32 {%a2, %a3}, [y];\n"
    "st.local.u32 [%SPL+4], %a1; ld.u32 %a4, [%SP+4]; add.u32 %a5, %a2, %a3;\n"
    "st.param.v2.b32 [result+0], {%a4, %a5}; ret;\n}\n"
    ".func (.param .b32 result) fib(.param .b32 n)\n{\n"
    ".reg .b32 %a<8>; .reg .pred %q<2>; ld.param.u32 %a1, [n]; mov.u32 %a2, %a1;\n"
    "setp.lt.u32 %q1, %a1, 2; @%q1 bra BASE;\n"
    "sub.u32 %a3, %a1, 1; sub.u32 %a4, %a1, 2;\n"
    "{ .param .b32 p; st.param.b32 [p], %a3; .param .b32 r; call.uni (r), fib, (p);\n"
    "ld.param.b32 %a5, [r]; }\n"
    "{ .param .b32 p; st.param.b32 [p], %a4; .param .b32 r; call.uni (r), fib, (p);\n"
    "ld.param.b32 %a6, [r]; }\n"
    "add.u32 %a2, %a5, %a6;\n"
    "BASE: st.param.b32 [result], %a2; ret;\n}\n"
    ".func (.param .b32 result) long_way(.param .b32 x)\n{\n"
    ".reg .b32 %a<3>; ld.param.u32 %a1, [x];\n" TEN_TIMES("add.u32 %a1, %a1, 1; ")
        TEN_TIMES("add.u32 %a1, %a1, 1; ") "st.param.b32 [result+0], %a1; ret;\n}\n"
                                           ".global .align 8 .u64 table[2] = {square, twice};\n";

/* Like check_lanes, with the functions above. */
static void check_calls(const char *code, uint32_t (*expected_of)(uint32_t lane))
{
    char body[4096];
    uint32_t out[LANES] = { 0 };
    const bench_kernel kernel = {
        .declarations = functions, .body = body, .block = LANES, .out = out, .out_bytes = sizeof out
    };
    ptx_report report;

    (void)snprintf(body, sizeof body,
                   "%s\nmul.wide.u32 %%d30, %%r0, 4; add.u64 %%d30, %%d30, %%out;\n"
                   "st.global.u32 [%%d30], %%r9;",
                   code);
    ck_assert_msg(bench_run(&kernel, &report), "%s", report.text);
    for (uint32_t lane = 0; lane < LANES; ++lane) {
        ck_assert_uint_eq(out[lane], expected_of(lane));
    }
}

static uint32_t seven_or_square_or_twice(uint32_t lane)
{
    return lane == 0 ? 7 : lane % 2 ? 2 * (lane + 1) : (lane + 1) * (lane + 1);
}

static uint32_t all_but_lane(uint32_t lane)
{
    return ~lane;
}

static uint32_t twice(uint32_t lane)
{
    return 2 * lane;
}

static uint32_t square_of_upper(uint32_t lane)
{
    return lane >= 16 ? lane * lane : 1;
}

static uint32_t paired(uint32_t lane)
{
    return lane + 1000 * (3 + 4);
}

static uint32_t fibonacci(uint32_t lane)
{
    static const uint32_t numbers[] = { 0, 1, 1, 2, 3, 5, 8, 13 };

    return numbers[lane % 8];
}

static uint32_t sign_around_16(uint32_t lane)
{
    return lane < 16 ? 0xffffffff : 1;
}

START_TEST(calls_are_executed_once)
{
    /* The bench's 3, 2, a call, 5 of which lane 1 skips 2, a call, 3 of lane 1, 2, and ret. */
    uint32_t out[1] = { 0 };
    const bench_kernel kernel = {
        .declarations = ".func leave()\n{ .reg .b32 %a; .reg .pred %q; mov.u32 %a, %tid.x;\n"
                        "setp.eq.u32 %q, %a, 1; @%q ret; mov.u32 %a, 2; ret; }\n",
        .body = "setp.eq.u32 %p0, %r0, 1; mov.u32 %r1, 0; call.uni leave; @%p0 call.uni leave;\n"
                "add.u32 %r1, %r1, 1; @!%p0 st.global.u32 [%out], %r1;",
        .block = 2,
        .out = out,
        .out_bytes = sizeof out
    };
    ptx_report report;

    ck_assert_msg(bench_run(&kernel, &report), "%s", report.text);
    ck_assert_uint_eq(out[0], 1);
    ck_assert_uint_eq(report.counts.warp_instructions, 3 + 2 + 1 + 5 + 1 + 3 + 2 + 1);
}
END_TEST

#define CALL_LATER                                                   \
    "setp.ge.u32 %p1, %r0, 16; @%p1 bra LATER;\n"                    \
    "CALL: { .param .b32 p; st.param.b32 [p], %r0; .param .b32 r;\n" \
    "call.uni (r), met, (p); ld.param.b32 %r9, [r]; } bra END;\n"    \
    "LATER: { .param .b32 p; .param .b32 r; call.uni (r), square, (p); } bra CALL; END:"

START_TEST(functions_are_called)
{
    /* Those that are called meet the others, which stand before the end of what is called. */
    check_calls("setp.ge.u32 %p1, %r0, 16; @%p1 bra OVER;\n"
                "{ .param .b32 p0; st.param.b32 [p0+0], %r0; .param .b32 r0;\n"
                "call.uni (r0), long_way, (p0); ld.param.b32 %r1, [r0+0]; }\n"
                "OVER: activemask.b32 %r9;",
                everybody);
    check_calls("mov.u32 %r9, 1; setp.ge.u32 %p1, %r0, 16;\n"
                "{ .param .b32 p0; st.param.b32 [p0+0], %r0; .param .b32 r0;\n"
                "@%p1 call.uni (r0), square, (p0); @%p1 ld.param.b32 %r9, [r0+0]; }\n"
                "bar.warp.sync -1;",
                square_of_upper);
    /* Those that come to the same call one after the other meet in what is called, which is the
     * first call or a later one; what they do before leaves the registers of the others alone. */
    check_calls(CALL_LATER, all_but_lane);
    check_calls("{ .param .b32 p; .param .b32 r; call.uni (r), twice, (p); }\n" CALL_LATER,
                all_but_lane);
    check_calls("mov.u32 %r9, 1; setp.ge.u32 %p1, %r0, 16; @!%p1 bra OVER;\n"
                "{ .param .b32 p0; st.param.b32 [p0+0], %r0; .param .b32 r0;\n"
                "call.uni (r0), square, (p0); ld.param.b32 %r9, [r0+0]; }\n"
                "OVER: bar.warp.sync -1;",
                square_of_upper);
    check_calls("and.b32 %r1, %r0, 1; mul.wide.u32 %d1, %r1, 8; mov.u64 %d2, table;\n"
                "add.u64 %d2, %d2, %d1; ld.global.u64 %d3, [%d2];\n"
                "add.u32 %r2, %r0, 1; setp.ne.u32 %p1, %r0, 0;\n"
                "{ .param .b32 p0; st.param.b32 [p0+0], %r2; .param .b32 r0;\n"
                "st.param.b32 [r0+0], 7; /* which lane 0 keeps: it does not call */\n"
                "proto: .callprototype (.param .b32 _) _ (.param .b32 _);\n"
                "@%p1 call (r0), %d3, (p0), proto; ld.param.b32 %r9, [r0+0]; }",
                seven_or_square_or_twice);
    check_calls("mov.u64 %d3, twice; { .param .b32 p0; st.param.b32 [p0+0], %r0; .param .b32 r0;\n"
                "proto: .callprototype (.param .b32 _) _ (.param .b32 _);\n"
                "call (r0), %d3, (p0), proto; ld.param.b32 %r9, [r0+0]; }",
                twice);
    check_calls("{ .param .b32 p0; st.param.b32 [p0+0], %r0; .param .align 8 .b8 p1[8];\n"
                "st.param.v2.b32 [p1+0], {3, 4}; .param .align 8 .b8 r0[16];\n"
                "call.uni (r0), pair, (p0, p1); ld.param.v2.b32 {%r1, %r2}, [r0+0]; }\n"
                "mad.lo.u32 %r9, %r2, 1000, %r1;",
                paired);
    check_calls("sub.u32 %r1, %r0, 16; { .param .b32 p; st.param.b32 [p], %r1; .param .b32 r;\n"
                "call.uni (r), sign_of, (p); ld.param.b32 %r9, [r]; }",
                sign_around_16);
    check_calls("and.b32 %r1, %r0, 7; { .param .b32 p; st.param.b32 [p], %r1; .param .b32 r;\n"
                "call.uni (r), fib, (p); ld.param.b32 %r9, [r]; }",
                fibonacci);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx warps");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, special_registers_know_the_thread);
    tcase_add_test(tcase, lanes_part_by_their_guard);
    tcase_add_test(tcase, lanes_part_and_meet);
    tcase_add_test(tcase, lanes_meet_where_branches_join);
    tcase_add_test(tcase, lanes_part_into_as_many_as_they_are);
    tcase_add_test(tcase, lanes_that_leave_are_not_waited_for);
    tcase_add_test(tcase, instructions_are_executed_once);
    tcase_add_test(tcase, each_lane_has_its_carry);
    tcase_add_test(tcase, calls_are_executed_once);
    tcase_add_test(tcase, functions_are_called);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
