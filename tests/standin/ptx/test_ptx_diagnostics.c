/* Each broken rule is reported, with its place; the right twin runs. */
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <string.h>

enum {
    LANES = 32
};

START_TEST(places_are_named)
{
    const bench_kernel kernel = bench_kernel_of(
        ".file 1 \"/somewhere/broken.cu\"\n.loc 1 77 3\nld.global.u32 %r1, [%out+4096];", 1);
    ptx_report report;

    ck_assert(!bench_run(&kernel, &report));
    ck_assert_ptr_nonnull(strstr(report.text, "k: global read of 4 bytes at 0x"));
    ck_assert_ptr_nonnull(strstr(report.text, "(broken.cu:77)"));
    ck_assert_ptr_nonnull(strstr(report.text, "PTX line 13"));
    ck_assert_ptr_nonnull(strstr(report.text, "block (0, 0, 0), thread (0, 0, 0)"));
}
END_TEST

#define LONG_NAME "a_name_of_fifty_characters_and_with_a_number_to_it"

START_TEST(sources_are_named)
{
    static const struct {
        const char *place;
        const char *text;
    } rows[] = {
        { "", "PTX line 12, block" },
        { ".loc 1 77 3", "PTX line 12 (:77), block" }, /* no file has a name */
        { ".file 1 \"/some/where/broken.cu\"\n.loc 1 77 3", "PTX line 13 (broken.cu:77), block" },
        { ".file 1 \"broken.cu\"\n.loc 1 77 3", "PTX line 13 (broken.cu:77), block" },
        { ".file 1 \"broken.cu\"\n.loc 2 77 3", "PTX line 13 (:77), block" },
        { ".file 3 \"broken.cu\"\n.loc 2 77 3", "PTX line 13 (:77), block" },
        { ".file 1 \"" LONG_NAME LONG_NAME LONG_NAME LONG_NAME "\"\n.loc 1 77 3",
          LONG_NAME LONG_NAME ":77), block" },
    };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        char body[512];

        (void)snprintf(body, sizeof body, "%s\nld.global.u32 %%r1, [%%out+2];", rows[k].place);
        bench_fails(body, 1, rows[k].text);
    }
}
END_TEST

START_TEST(places_are_those_of_loc)
{
    static const struct {
        const char *text;
        const char *place;
    } rows[] = {
        { "", "trap at PTX line 11, block" },
        { ".file 1 \"/dir/a.cu\"\n.loc 1 5 0\n", "trap at PTX line 13 (a.cu:5), block" },
        { ".loc 1 5 0\n", "(:5)" }, /* nvcc says .file at the end */
        { ".loc 1 5 0\n.file 1 \"a.cu\"\n", "(a.cu:5)" },
        { ".file 1 \"a.cu\"\n.file 1 \"b.cu\"\n.loc 1 5 0\n", "(b.cu:5)" },
        { ".file 1 \"no end\n.loc 1 5 0\n", "(no end:5)" },
        { ".pragma\n.file 1 \"no end\n\"x\";\n.loc 1 5 0\n", "(no end:5)" },
        { ".file 1 \"\"\n.loc 1 5 0\n", "(:5)" },
        { ".file \"a.cu\"\n.loc 0 5 0\n", "(:5)" },
        { ".file 4294967297 \"a.cu\"\n.loc 1 5 0\n", "(:5)" },
        { ".file 65535 \"a.cu\"\n.loc 65535 5 0\n", "(a.cu:5)" },
        { ".file 65536 \"a.cu\"\n.loc 65536 5 0\n", "(:5)" }, /* too many */
        { ".loc 1 5 0\n.loc 1 x\n", "(:5)" },
        { ".loc 1 5 0\n.loc x 6\n", "(:5)" },
        { ".loc 1 4294967295 0\n", "(:4294967295)" },
        { ".loc 1 5 0\n.loc 1 4294967296 0\n", "(:5)" },
    };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        char body[256];
        ptx_report report;
        const bench_kernel kernel = { .body = body };

        (void)snprintf(body, sizeof body, "%strap;", rows[k].text);
        ck_assert(!bench_run(&kernel, &report));
        ck_assert_msg(strstr(report.text, rows[k].place) != NULL, "%s: %s", rows[k].text,
                      report.text);
    }
}
END_TEST

START_TEST(blocks_and_threads_are_named)
{
    ptx_module *module =
        bench_module_of(".shared .align 4 .b8 S[8];\n.entry k() { .reg .b32 %r<9>; .reg .pred %p;\n"
                        "mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ctaid.y; mov.u32 %r3, %ctaid.z;\n"
                        "mad.lo.u32 %r1, %r1, 10, %r2; mad.lo.u32 %r1, %r1, 10, %r3;\n"
                        "mov.u32 %r2, %tid.x; mad.lo.u32 %r1, %r1, 10, %r2;\n"
                        "mov.u32 %r2, %tid.y; mad.lo.u32 %r1, %r1, 10, %r2;\n"
                        "mov.u32 %r2, %tid.z; mad.lo.u32 %r1, %r1, 10, %r2;\n"
                        "setp.eq.u32 %p, %r1, 123456; @%p ld.shared.u32 %r2, [S+2]; ret; }\n");
    const ptx_launch launch = { .module = module,
                                .kernel = ptx_module_kernel(module, "k"),
                                .grid = { 2, 3, 4 },
                                .block = { 5, 6, 7 } };
    ptx_report report;

    ck_assert(!ptx_launch_run(&launch, &report));
    ck_assert_ptr_nonnull(strstr(report.text, "PTX line 8, block (1, 2, 3), thread (4, 5, 6)"));
    ptx_module_free(module);
}
END_TEST

/* %d2: the lane's word of the output; %d3: as far in front of it. */
#define LANE_WORDS "mul.wide.u32 %d1, %r0, 4; add.u64 %d2, %out, %d1; sub.u64 %d3, %out, %d1;\n"

START_TEST(accesses_stay_within_bounds)
{
    bench_fails("ld.global.u32 %r1, [%in+256];", 1, "global read of 4 bytes");
    bench_fails("st.global.u32 [%in], 0;", 1, "global write of 4 bytes");
    bench_fails("st.global.u32 [%out+256], 0;", 1, "not allocated");
    bench_fails("red.global.add.u32 [%out+256], 1;", 1, "not allocated");
    bench_fails("mov.u64 %d1, 0; ld.u32 %r1, [%d1];", 1, "global read of 4 bytes at 0x0");
    bench_runs("ld.global.u32 %r1, [%in+252]; st.global.u32 [%out+252], %r1;", 1);
    bench_fails(".shared .align 4 .b8 S[16]; ld.shared.u32 %r1, [S+16];", 1, "shared memory");
    bench_fails(".shared .align 4 .b8 S[16]; st.shared.u32 [S+-4], 1;", 1, "shared memory");
    bench_fails(".shared .align 16 .b8 S[16]; cp.async.cg.shared.global [S+16], [%in], 16;", 1,
                "shared memory");
    bench_fails(".shared .align 16 .b8 S[16]; cp.async.ca.shared.global [S], [%in+256], 4;", 1,
                "global read");
    bench_runs(".shared .align 16 .b8 S[16]; mov.u32 %r1, 0;\n"
               "cp.async.ca.shared.global [S], [%in+256], 4, %r1; cp.async.wait_all;",
               1);
    bench_fails(".local .align 4 .b8 L[16]; ld.local.u32 %r1, [L+1024];", 1, "local memory");
    bench_fails(".local .align 16 .b8 L[16]; ld.local.u32 %r1, [L+-4];", 1, "local memory");
    bench_fails("mov.u64 %d1, 0x2000000000001000; ld.u32 %r1, [%d1];", 1, "local memory");
    bench_runs(".local .align 4 .b8 L[16]; st.local.u32 [L+12], 1;", 1);
    bench_fails(".local .align 4 .b8 L[16]; st.local.u8 [L+16], %h0;", 1, "local memory");
    /* One lane of many, in whatever order they stand. */
    bench_fails(LANE_WORDS "setp.eq.u32 %p1, %r0, 31; @%p1 add.u64 %d2, %d2, 4096;\n"
                           "st.global.u32 [%d2], 1;",
                LANES, "thread (31, 0, 0)");
    bench_fails(LANE_WORDS "st.global.u32 [%d3], 1;", LANES, "thread (1, 0, 0)");
    bench_fails(LANE_WORDS "st.global.u32 [%d2+192], 1;", LANES, "thread (16, 0, 0)");
    bench_runs(LANE_WORDS "st.global.u32 [%d2+128], 1;", LANES);
    bench_fails("cvta.to.shared.u64 %d1, %out;", 1, "is not in the space named");
    bench_runs("mov.u64 %d1, 12; ld.param.u32 %r1, [%d1];\n"
               "add.u64 %d2, %d1, 0x3000000000000000; ld.u32 %r1, [%d2];",
               1);
    bench_fails("mov.u64 %d2, 0x3000000000000010; ld.u32 %r1, [%d2];", 1,
                "parameters, which have 16");
    bench_fails("mov.u64 %d1, 8; ld.param.u32 %r1, [%d1+8];", 1, "beyond all of them");
    bench_fails("mov.u64 %d1, 8; ld.param.u32 %r1, [%d1+4096];", 1, "beyond all of them");
    bench_fails("mov.u64 %d1, 64; cvta.param.u64 %d1, %d1; ld.u32 %r1, [%d1];", 1, "parameters");
}
END_TEST

START_TEST(accesses_are_aligned)
{
    bench_fails("ld.global.u32 %r1, [%in+2];", 1, "misaligned read of 4 bytes");
    bench_fails(LANE_WORDS "ld.global.v2.u32 {%r1, %r2}, [%d2];", LANES, "thread (1, 0, 0)");
    bench_fails("st.global.u32 [%out+2], 1;", LANES, "misaligned write of 4 bytes");
    bench_fails("st.global.v2.u32 [%out+4], {%r0, %r0};", 1, "misaligned write of 8 bytes");
    bench_fails(".shared .align 16 .b8 S[32]; st.shared.v4.u32 [S+8], {%r0, %r0, %r0, %r0};", 1,
                "misaligned write of 16 bytes");
    bench_fails(".shared .align 16 .b8 S[32]; cp.async.cg.shared.global [S+4], [%in], 16;", 1,
                "misaligned copy");
    bench_fails("atom.global.add.u64 %d1, [%out+4], 1;", 1, "misaligned atomic access");
    bench_fails(".shared .align 16 .b8 S[1024]; mov.u32 %r1, S; add.u32 %r1, %r1, 8;\n"
                "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r2}, [%r1];",
                LANES, "misaligned read of 16 bytes");
}
END_TEST

START_TEST(what_is_unknown_is_reported_when_launched)
{
    bench_fails("frobnicate.b32 %r1, %r2;", 1, "frobnicate.b32: unknown instruction");
    bench_fails("add.quickly.s32 %r1, %r2, %r3;", 1, "modifier '.quickly' is not supported");
    bench_fails("add.s32 %r1, %r2;", 1, "the number of operands is wrong");
    bench_fails("add.s32 %r1, %r2, %unknown;", 1, "unknown operand '%unknown'");
    bench_fails("bra NOWHERE;", 1, "no label 'NOWHERE'");
    bench_fails("mov.u32 5, %r2;", 1, "a result has to be a register");
    bench_fails("@%p1 setp.odd.s32 %p1, %r1, %r2;", 1, "comparison");
    bench_fails("ld.global.v4.u32 {%r1, %r2}, [%in];", 1, "another length");
    bench_fails("tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%r1], 32;", 1,
                "unknown instruction");
    /* Also where it is not executed, but not in another kernel. */
    bench_fails("bra OVER; frobnicate; OVER:", 1, "unknown instruction");
    bench_kernel kernel = bench_kernel_of("st.global.u32 [%out], 1;", 1);
    ptx_report report;

    kernel.declarations = ".visible .entry other()\n{\nfrobnicate;\nret;\n}\n";
    ck_assert_msg(bench_run(&kernel, &report), "%s", report.text);
}
END_TEST

START_TEST(warps_come_to_barriers_as_a_whole)
{
    bench_fails("setp.lt.u32 %p1, %r0, 16; @%p1 bra A; bra END; A: bar.sync 0; END: bar.sync 1;",
                LANES,
                "a barrier in divergent code: lanes ffff0000 have come, 0000ffff of the warp are "
                "elsewhere");
    bench_fails("setp.lt.u32 %p1, %r0, 16; @%p1 bar.sync 0;", LANES,
                "lanes 0000ffff have come, ffff0000 go past by their guard");
    bench_runs("setp.lt.u32 %p1, %r0, 32; @%p1 bra A; bra END; A: bar.sync 1, 32; END: bar.sync 0;",
               64);
    bench_fails("setp.lt.u32 %p1, %r0, 32; @%p1 bar.sync 1, 64;", 64,
                "deadlock: warp 0 waits at barrier 1");
    bench_fails("setp.lt.u32 %p1, %r0, 32; @%p1 bra A; bar.sync 1; bra END; A: bar.sync 2; END:",
                64, "deadlock");
    bench_fails("bar.sync 0, 48;", 64, "not whole warps");
    bench_fails("bar.sync 16;", 32, "barrier 16 of 16");
    bench_fails("bar.sync %r0;", 32, "lanes disagree on a barrier: 0 and 1");
    bench_runs("bar.sync 15;", 32);
    bench_fails("bar.arrive 1, 0;", 32, "barrier 1 of 0 threads, not whole warps");
    bench_fails("setp.lt.u32 %p1, %r0, 32; selp.u32 %r1, 64, 96, %p1; bar.sync 3, %r1;", 64,
                "threads, of ");
    bench_fails("setp.lt.u32 %p1, %r0, 32; @%p1 bra END; bar.sync 1, 96; END:", 96,
                "deadlock: warp 1 waits at barrier 1 (64 of 96 threads), "
                "warp 2 waits at barrier 1 (64 of 96 threads) at PTX line 11, block (0, 0, 0), "
                "thread (32, 0, 0)");
    /* As many warps as have room. */
    bench_fails("setp.lt.u32 %p1, %r0, 32; @%p1 bra END; bar.sync 1, 1024; END:", 1024,
                "warp 9 waits at barrier 1 (992 of 1024 threads) at PTX line 11, block");
}
END_TEST

START_TEST(member_masks_name_who_comes)
{
    bench_fails("shfl.sync.bfly.b32 %r1, %r0, 1, 0x1f, 0x0000ffff;", LANES,
                "does not name the executing lane");
    bench_fails("setp.lt.u32 %p1, %r0, 16; @%p1 bra A; bra END;\n"
                "A: shfl.sync.bfly.b32 %r1, %r0, 16, 0x1f, 0x0000ffff; END:",
                LANES, "reads lane 16, which is outside");
    bench_fails("setp.lt.u32 %p1, %r0, 16; @%p1 bra A; bra END;\n"
                "A: shfl.sync.bfly.b32 %r1, %r0, 1, 0x1f, -1; END: bar.warp.sync -1;",
                LANES, "divergent code");
    bench_fails("setp.ge.u32 %p1, %r0, 16; @%p1 exit;\n"
                "shfl.sync.bfly.b32 %r1, %r0, 16, 0x1f, -1;",
                LANES, "reads lane 16, which is outside of 0000ffff");
    bench_runs("setp.lt.u32 %p1, %r0, 16; @%p1 bra A; bra END;\n"
               "A: shfl.sync.bfly.b32 %r1, %r0, 1, 0x1f, 0x0000ffff; END: bar.warp.sync -1;",
               LANES);
    bench_fails("setp.lt.u32 %p1, %r0, 16; @%p1 vote.sync.ballot.b32 %r1, %p1, -1;", LANES,
                "go past by their guard");
    bench_fails("selp.b32 %r1, -1, 0xfffffffe, %p1; setp.eq.u32 %p1, %r0, 0;\n"
                "selp.b32 %r1, -1, 0xfffffffe, %p1; redux.sync.add.u32 %r2, %r0, %r1;",
                LANES, "have member masks");
    bench_fails("setp.lt.u32 %p1, %r0, 16; @%p1 bra A; bra END;\n"
                "A: mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%r1, %r2, %r3, %r4},\n"
                "{%r5, %r6}, {%r7}, {%r1, %r2, %r3, %r4}; END: bar.warp.sync -1;",
                LANES, "divergent code");
    bench_fails("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%r1, %r2, %r3, %r4},\n"
                "{%r5, %r6}, {%r7}, {%r1, %r2, %r3, %r4};",
                16, "not by a whole warp");
}
END_TEST

static const char functions[] =
    ".func large()\n{ .local .align 16 .b8 L[16384]; st.local.u32 [L], 0; ret; }\n"
    ".func last(.param .align 16 .b8 x[64])\n{ ret; }\n"
    ".func too_large()\n{ .local .align 16 .b8 L[16320]; .param .align 16 .b8 p[64];\n"
    "call.uni last, (p); ret; }\n"
    ".func (.param .b32 result) depth_of(.param .b32 n)\n{\n"
    ".reg .b32 %a<4>; .reg .pred %q; ld.param.u32 %a1, [n]; mov.u32 %a2, 0;\n"
    "setp.eq.u32 %q, %a1, 0; @%q bra BASE; sub.u32 %a1, %a1, 1;\n"
    "{ .param .b32 p; st.param.b32 [p], %a1; .param .b32 r; call.uni (r), depth_of, (p);\n"
    "ld.param.b32 %a2, [r]; }\n add.u32 %a2, %a2, 1;\n"
    "BASE: st.param.b32 [result], %a2; ret;\n}\n";

static void check_call(const char *body, const char *text)
{
    bench_kernel kernel = bench_kernel_of(body, LANES);
    ptx_report report;

    kernel.declarations = functions;
    const bool is_good = bench_run(&kernel, &report);

    if (text) {
        ck_assert_msg(!is_good, "%s runs", body);
        ck_assert_msg(strstr(report.text, text) != NULL, "%s: %s", body, report.text);
    } else {
        ck_assert_msg(is_good, "%s: %s", body, report.text);
    }
}

START_TEST(calls_pass_what_is_declared)
{
#define CALL(P, VALUE, R)                                                                  \
    "{ .param ." P " p; st.param." P " [p], " VALUE "; .param ." R " r;\n"                 \
    "call.uni (r), depth_of, (p); ld.param." R " %r1, [r]; } setp.ne.u32 %p1, %r1, " VALUE \
    "; @%p1 trap;"
    check_call(CALL("b32", "63", "b32"), NULL);
    check_call(CALL("b32", "64", "b32"), "calls are too deep at PTX line");
    check_call(CALL("b64", "1", "b32"), "argument 0 of depth_of has 8 bytes, not 4");
    check_call(CALL("b32", "1", "b16"), "depth_of returns 4 bytes, not 2");
#undef CALL
    check_call("{ .param .b32 p; .param .b32 q; .param .b32 r; call.uni (r), depth_of, (p, q); }",
               "depth_of is called with 2 arguments instead of 1");
    check_call("{ .param .b32 p; st.param.b32 [p], 2; call.uni depth_of, (p); }",
               "depth_of returns 4 bytes, not 0");
    check_call("{ .param .b32 r; call.uni (r), large; }", "large returns 0 bytes, not 4");
    /* 16 KiB for what is called, behind the kernel's own memory. */
    check_call(".local .align 16 .b8 K[16]; call.uni large;", NULL);
    check_call(".local .align 16 .b8 K[17]; st.local.u8 [K+16], 7; call.uni large;\n"
               "ld.local.u8 %r1, [K+16]; setp.ne.u32 %p1, %r1, 7; @%p1 trap;",
               NULL);
    check_call("call.uni too_large;", "calls are too deep");
    check_call("mov.u64 %d1, 5; l: .callprototype _ _ (); call %d1, (), l;",
               "call of 0x5, which is no function");
    check_call("mov.u64 %d1, depth_of; add.u64 %d1, %d1, 7; l: .callprototype _ _ ();\n"
               "call %d1, (), l;",
               "which is no function");
    check_call("mov.u64 %d1, large; l: .callprototype _ _ (); call %d1, (), l;", NULL);
    check_call("mov.u64 %d1, large; add.u64 %d1, %d1, 5; l: .callprototype _ _ ();\n"
               "call %d1, (), l;",
               "which is no function"); /* there are four, and the kernel */
    check_call("TABLE: .branchtargets A, A; mov.u32 %r1, 2; brx.idx %r1, TABLE; A:",
               "branch 2 of a table of 2");
    check_call("TABLE: .branchtargets A, A; mov.u32 %r1, 1; brx.idx %r1, TABLE; trap; A:", NULL);
    check_call("OTHER: .branchtargets A, A; TABLE: .branchtargets A, B; mov.u32 %r1, 1;\n"
               "brx.idx.uni %r1, TABLE; A: trap; B:",
               NULL);
#define P8  "p, p, p, p, p, p, p, p, "
#define P64 P8 P8 P8 P8 P8 P8 P8 P8
    check_call("{ .param .b32 p; call.uni depth_of, (" P64 "); }",
               "depth_of is called with 64 arguments instead of 1");
    check_call("{ .param .b32 p; call.uni depth_of, (" P64 "p); }",
               "passes what is no .param of the function");
#undef P8
#undef P64
    check_call("call.uni depth_of, (in);", "passes what is no .param of the function");
    check_call("{ .param .b32 p; .param .b32 r; call.uni (r, r), depth_of, (p); }",
               "passes what is no .param of the function");
}
END_TEST

START_TEST(copies_under_way_are_left_alone)
{
    for (uint32_t offset = 64; offset < 96; ++offset) {
        char body[512];
        const bool is_copied = offset >= 72 && offset < 88;

        (void)snprintf(body, sizeof body,
                       ".shared .align 16 .b8 S[96]; cp.async.ca.shared.global [S+72], [%%in], 8;\n"
                       "cp.async.ca.shared.global [S+80], [%%in], 8; ld.shared.u8 %%r1, [S+%u];\n"
                       "cp.async.wait_all;",
                       offset);
        if (is_copied) {
            bench_fails(body, 1, "asynchronous copy is under way");
        } else {
            bench_runs(body, 1);
        }
    }
    bench_fails(".shared .align 16 .b8 S[32]; cp.async.cg.shared.global [S], [%in], 16;\n"
                "cp.async.commit_group; ld.shared.u32 %r1, [S+12];",
                1, "asynchronous copy is under way");
    bench_fails(".shared .align 16 .b8 S[32]; cp.async.cg.shared.global [S], [%in], 16;\n"
                "cp.async.wait_group 0; ld.shared.u32 %r1, [S+12];",
                1, "asynchronous copy is under way"); /* never committed */
    bench_fails(".shared .align 16 .b8 S[32]; cp.async.cg.shared.global [S], [%in], 16;\n"
                "cp.async.commit_group; cp.async.wait_group 1; st.shared.u32 [S], %r1;",
                1, "asynchronous copy is under way");
    bench_fails(".shared .align 16 .b8 S[32]; cp.async.cg.shared.global [S], [%in], 16;\n"
                "cp.async.ca.shared.global [S+8], [%in], 4; cp.async.wait_all;",
                1, "another is under way");
    bench_fails(".shared .align 16 .b8 S[32]; cp.async.ca.shared.global [S+1], [%in], 4;", 1,
                "misaligned copy of 4 bytes");
    bench_fails(".shared .align 16 .b8 S[32]; mov.u32 %r1, 5;\n"
                "cp.async.ca.shared.global [S], [%in], 4, %r1;",
                1, "copy of 5 of 4 bytes");
    bench_fails(".shared .align 16 .b8 S[32]; cp.async.ca.shared.global [S+4], [%in], 8;", 1,
                "misaligned copy of 8 bytes");
    bench_fails(".shared .align 16 .b8 S[32]; cp.async.ca.shared.global [S+8], [%in+4], 8;", 1,
                "misaligned copy of 8 bytes");
    bench_fails(".shared .align 16 .b8 S[64]; mov.u32 %r1, S; shl.b32 %r2, %r0, 3;\n"
                "add.u32 %r1, %r1, %r2; cp.async.ca.shared.global [%r1], [%in], 8;\n"
                "cp.async.commit_group; setp.eq.u32 %p1, %r0, 0; @%p1 cp.async.wait_group 0;\n"
                "ld.shared.u32 %r3, [S+8];",
                2, "asynchronous copy is under way"); /* lane 0 waits for its own alone */
    bench_fails(".shared .align 16 .b8 S[32]; setp.ne.u32 %p1, %r0, 0; @%p1 bra A;\n"
                "cp.async.ca.shared.global [S], [%in], 4; A: bar.sync 0; @%p1 bra B;\n"
                "cp.async.wait_all; B: setp.ne.u32 %p1, %r0, 32; @%p1 bra END;\n"
                "ld.shared.u32 %r1, [S]; END:",
                64, "");
    /* The two races of a copy: with who writes what it reads, and with who reads what it writes. */
    bench_fails("setp.eq.u32 %p2, %r0, 32; @%p2 st.global.u32 [%out], 5;\n"
                ".shared .align 16 .b8 S[32]; setp.ne.u32 %p1, %r0, 0;\n"
                "@%p1 bra A; cp.async.ca.shared.global [S], [%out], 4; cp.async.wait_all; A:",
                64, "on global");
    bench_fails(".shared .align 16 .b8 S[32]; setp.ne.u32 %p1, %r0, 0; @%p1 bra A;\n"
                "cp.async.ca.shared.global [S], [%in], 4; cp.async.wait_all; A:\n"
                "setp.ne.u32 %p1, %r0, 32; @%p1 bra END; ld.shared.u32 %r1, [S]; END:",
                64, "");
    bench_runs(".shared .align 16 .b8 S[32]; cp.async.cg.shared.global [S], [%in], 16;\n"
               "cp.async.commit_group; ld.shared.u32 %r1, [S+16]; cp.async.wait_group 0;\n"
               "ld.shared.u32 %r1, [S+12];",
               1);
    /* Another warp reads after a barrier, but the copier has not waited. */
    bench_fails(
        ".shared .align 16 .b8 S[32]; setp.ne.u32 %p1, %r0, 0; @%p1 bra A;\n"
        "cp.async.cg.shared.global [S], [%in], 16; A: bar.sync 0; setp.ne.u32 %p1, %r0, 32;\n"
        "@%p1 bra END; ld.shared.u32 %r1, [S]; END:",
        64, "asynchronous copy is under way");
}
END_TEST

START_TEST(endless_loops_end)
{
    bench_fails("LOOP: bra LOOP;", 1, "is not done after 100000 instructions");
    bench_fails("mov.u32 %r1, %ctaid.x; trap;", 1, "trap at PTX line");
    bench_fails("brkpt;", 1, "trap");
    bench_kernel kernel = bench_kernel_of("mov.u32 %r1, %ctaid.x; LOOP: setp.eq.u32 %p1, %r1, 2;\n"
                                          "@%p1 bra LOOP; ret.uni;",
                                          1);

    kernel.grid[0] = 3;
    bench_check_fails(&kernel, "block (2, 0, 0) is not done after 100000 instructions");
    kernel.body = "mov.u32 %r1, %ctaid.y; mov.u32 %r2, %ctaid.z; setp.eq.u32 %p1, %r1, 1;\n"
                  "LOOP: setp.eq.and.u32 %p2, %r2, 2, %p1; @%p2 bra LOOP;";
    kernel.grid[1] = 2;
    kernel.grid[2] = 3;
    kernel.grid[0] = 1;
    bench_check_fails(&kernel, "block (0, 1, 2) is not done after 100000 instructions");
}
END_TEST

/* One warp waits for a word that the other writes, whichever runs first. */
static void check_spin(const char *look)
{
    for (uint32_t writer = 0; writer < 2; ++writer) {
        char body[512];

        (void)snprintf(body, sizeof body,
                       "shr.u32 %%r1, %%r0, 5; setp.eq.u32 %%p1, %%r1, %u; @%%p1 bra WRITE;\n"
                       "SPIN: %s setp.ne.u32 %%p2, %%r1, 7; @%%p2 bra SPIN; bra END;\n"
                       "WRITE: atom.global.exch.b32 %%r1, [%%out], 7; END:",
                       writer, look);
        bench_runs(body, 64);
    }
}

START_TEST(lanes_that_spin_do_not_starve_others)
{
    check_spin("ld.volatile.global.u32 %r1, [%out];");
    check_spin("ld.acquire.gpu.global.u32 %r1, [%out];");
    check_spin("atom.global.cas.b32 %r1, [%out], 7, 7;");
    check_spin("nanosleep.u32 20; atom.global.or.b32 %r1, [%out], 0;");
    bench_runs("and.b32 %r2, %r0, 31; setp.ne.u32 %p3, %r2, 0; @%p3 bra END;\n"
               "setp.eq.u32 %p1, %r0, 32; @%p1 bra WRITE;\n"
               "SPIN: atom.global.exch.b32 %r1, [%out], 0; setp.ne.u32 %p2, %r1, 7;\n"
               "@%p2 bra SPIN; bra END;\n"
               "WRITE: atom.global.add.u32 %r1, [%out], 7; END:",
               64);

    /* A lock taken by each lane in turn, after a long loop of all. */
    bench_runs("mov.u32 %r5, 0; LOOP: add.u32 %r5, %r5, 1; setp.lt.u32 %p1, %r5, 300;\n"
               "@%p1 bra LOOP;\n"
               "AGAIN: atom.global.cas.b32 %r1, [%out], 0, 1; setp.ne.u32 %p1, %r1, 0;\n"
               "@%p1 bra AGAIN;\n"
               "membar.gl; ld.volatile.global.u32 %r2, [%out+4]; add.u32 %r2, %r2, 1;\n"
               "st.volatile.global.u32 [%out+4], %r2; membar.gl;\n"
               "atom.global.exch.b32 %r3, [%out], 0;",
               4);
}
END_TEST

START_TEST(launches_have_the_shape_that_was_compiled)
{
    bench_fails("ret;", 1025, "1 blocks of 1025 threads");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx diagnostics");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, places_are_named);
    tcase_add_test(tcase, sources_are_named);
    tcase_add_test(tcase, blocks_and_threads_are_named);
    tcase_add_test(tcase, places_are_those_of_loc);
    tcase_add_test(tcase, accesses_stay_within_bounds);
    tcase_add_test(tcase, accesses_are_aligned);
    tcase_add_test(tcase, what_is_unknown_is_reported_when_launched);
    tcase_add_test(tcase, warps_come_to_barriers_as_a_whole);
    tcase_add_test(tcase, member_masks_name_who_comes);
    tcase_add_test(tcase, copies_under_way_are_left_alone);
    tcase_add_test(tcase, endless_loops_end);
    tcase_add_test(tcase, lanes_that_spin_do_not_starve_others);
    tcase_add_test(tcase, launches_have_the_shape_that_was_compiled);
    tcase_add_test(tcase, calls_pass_what_is_declared);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
