/* Races are found under every schedule; the right twins run. */
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <string.h>

enum {
    LANES = 32
};

/* %r3: this thread's word of shared memory; %r4: that of the thread 32 further, or 32 back. */
#define SHARED_WORDS                                                \
    ".shared .align 4 .b8 S[256];\n"                                \
    "mov.u32 %r1, S; shl.b32 %r2, %r0, 2; add.u32 %r3, %r1, %r2;\n" \
    "xor.b32 %r4, %r2, 128; add.u32 %r4, %r4, %r1;\n"

/* %r5: the word of the next lane of the warp, in a ring. */
#define NEXT_LANE                                                                    \
    SHARED_WORDS "add.u32 %r5, %r0, 1; and.b32 %r5, %r5, 31; shl.b32 %r5, %r5, 2;\n" \
                 "add.u32 %r5, %r5, %r1;\n"

START_TEST(races_between_warps_need_a_barrier)
{
    bench_fails(SHARED_WORDS "st.shared.u32 [%r3], %r0; ld.shared.u32 %r6, [%r4];", 64, "race (");
    bench_runs(SHARED_WORDS "st.shared.u32 [%r3], %r0; bar.sync 0; ld.shared.u32 %r6, [%r4];", 64);
    /* Written again before all have read. */
    bench_fails(SHARED_WORDS "st.shared.u32 [%r3], %r0; bar.sync 0; ld.shared.u32 %r6, [%r4];\n"
                             "st.shared.u32 [%r3], 5;",
                64, "race (");
    bench_runs(SHARED_WORDS "st.shared.u32 [%r3], %r0; bar.sync 0; ld.shared.u32 %r6, [%r4];\n"
                            "bar.sync 0; st.shared.u32 [%r3], 5;",
               64);
    bench_fails(SHARED_WORDS "st.shared.u32 [S], %r0;", 64, "race (write after write)");
    bench_fails("st.global.u32 [%out], %r0;", 64, "race (write after write) on global");
    /* Two bytes of one word are two things. */
    bench_runs(SHARED_WORDS "add.u32 %r7, %r1, %r0; st.shared.u8 [%r7], %r0;", 64);
    /* Of many reads those by others are remembered, be it of lanes … */
    bench_fails(
        "setp.eq.u32 %p1, %r0, 0; setp.eq.u32 %p2, %r0, 1; @%p2 ld.global.u32 %r1, [%out];\n"
        "@%p1 ld.global.u32 %r1, [%out]; @%p1 ld.global.u32 %r1, [%out];\n"
        "@%p1 st.global.u32 [%out], 1;",
        LANES, "race (write after read)");
    /* … or of warps. */
    bench_fails("ld.global.u32 %r1, [%out]; bar.warp.sync -1; setp.eq.u32 %p1, %r0, 0;\n"
                "@%p1 st.global.u32 [%out], 1;",
                64, "race (");
    /* Atomics race with what is none. */
    bench_fails("setp.eq.u32 %p1, %r0, 0; setp.eq.u32 %p2, %r0, 32; @%p1 st.global.u32 [%out], 1;\n"
                "@%p2 red.global.add.u32 [%out], 1;",
                64, "race (write after write)");
    /* An arrival orders what came before it, not what comes after. */
    bench_fails(SHARED_WORDS "setp.ge.u32 %p1, %r0, 32; @%p1 bra B;\n"
                             "bar.arrive 1, 64; st.shared.u32 [%r3], 1; bra END;\n"
                             "B: bar.sync 1, 64; ld.shared.u32 %r6, [%r4]; END:",
                64, "race (");
}
END_TEST

START_TEST(races_between_lanes_need_a_meeting)
{
    bench_fails(NEXT_LANE "st.shared.u32 [%r3], %r0; ld.shared.u32 %r6, [%r5];", LANES,
                "race (read after write)");
    bench_runs(NEXT_LANE "st.shared.u32 [%r3], %r0; bar.warp.sync -1; ld.shared.u32 %r6, [%r5];",
               LANES);
    /* Shuffles and votes have masks, too, but move no memory between lanes. */
    bench_fails(NEXT_LANE "st.shared.u32 [%r3], %r0; shfl.sync.idx.b32 %r7, %r0, 0, 31, -1;\n"
                          "ld.shared.u32 %r6, [%r5];",
                LANES, "race (read after write)");
    bench_fails(NEXT_LANE "st.shared.u32 [%r3], %r0; vote.sync.ballot.b32 %r7, 1, -1;\n"
                          "ld.shared.u32 %r6, [%r5];",
                LANES, "race (read after write)");
    bench_fails(NEXT_LANE "st.shared.u32 [%r3], %r0; bar.warp.sync -1; ld.shared.u32 %r6, [%r5];\n"
                          "st.shared.u32 [%r3], 1;",
                LANES, "race (write after read)");
    bench_runs(NEXT_LANE "st.shared.u32 [%r3], %r0; setp.lt.u32 %p1, %r0, 16;\n"
                         "selp.b32 %r7, 0xffff, 0xffff0000, %p1; bar.warp.sync %r7;\n"
                         "xor.b32 %r5, %r3, 4; ld.shared.u32 %r6, [%r5];",
               LANES);
    /* Halves that meet on their own: lane 15 reads what lane 16 wrote. */
    bench_fails(NEXT_LANE "st.shared.u32 [%r3], %r0; setp.lt.u32 %p1, %r0, 16;\n"
                          "selp.b32 %r7, 0xffff, 0xffff0000, %p1; bar.warp.sync %r7;\n"
                          "ld.shared.u32 %r6, [%r5];",
                LANES, "race (read after write)");
    bench_fails(NEXT_LANE "st.shared.u32 [%r3], %r0; setp.lt.u32 %p1, %r0, 16;\n"
                          "selp.b32 %r7, 0xffff, 0xffff0000, %p1; bar.warp.sync %r7;\n"
                          "setp.eq.u32 %p2, %r0, 16; @%p2 ld.shared.u32 %r6, [S];",
                LANES, "race (read after write)");
    bench_fails(NEXT_LANE "st.shared.u32 [%r3], %r0; setp.lt.u32 %p1, %r0, 16;\n"
                          "selp.b32 %r7, 0xff00, 0xffff0000, %p1; setp.lt.u32 %p1, %r0, 8;\n"
                          "selp.b32 %r7, 0xff, %r7, %p1; bar.warp.sync %r7;\n"
                          "setp.eq.u32 %p2, %r0, 8; @%p2 ld.shared.u32 %r6, [S];",
                LANES, "race (read after write)");
    /* ldmatrix moves no memory between lanes. */
    bench_fails(".shared .align 16 .b8 S[512]; mov.u32 %r1, S; shl.b32 %r2, %r0, 4;\n"
                "add.u32 %r3, %r1, %r2; st.shared.v4.u32 [%r3], {%r0, %r0, %r0, %r0};\n"
                "xor.b32 %r3, %r3, 16; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r4}, [%r3];",
                LANES, "race (read after write)");
}
END_TEST

/* All lanes write the same: harmless. Other values are not. */
START_TEST(races_are_none_where_all_write_the_same)
{
    bench_runs("st.global.u32 [%out], 7;", LANES);
    bench_fails("st.global.u32 [%out], %r0;", LANES, "race (write after write)");
    bench_fails("st.global.v2.u32 [%out], {7, %r0};", LANES, "race (write after write)");
    /* Lanes 5 and 6, of which either alone writes what lane 0 would. */
    for (uint32_t lane = 5; lane < 7; ++lane) {
        char body[512];

        (void)snprintf(body, sizeof body,
                       "setp.eq.u32 %%p1, %%r0, %u; selp.u32 %%r1, 1, 0, %%p1;\n"
                       "sub.u32 %%r2, %%r0, 5; setp.lt.u32 %%p2, %%r2, 2;\n"
                       "@%%p2 st.global.u32 [%%out], %%r1;",
                       lane);
        bench_fails(body, LANES, "race (write after write)");
    }
    /* What is above the bits of an address or in no register matters as little. */
    bench_runs(SHARED_WORDS "cvt.u64.u32 %d1, %r0; shl.b64 %d1, %d1, 32; or.b64 %r1, %r1, %d1;\n"
                            "st.shared.u64 [%r1], 7;",
               LANES);
    bench_runs("cvt.u64.u32 %d1, %r0; mov.b64 {_, %r1}, %d1; st.global.u32 [%out], 7;", LANES);
    /* Rows of a matrix are made of other lanes' registers than of those that name them. */
    bench_fails(SHARED_WORDS "max.u32 %r2, %r0, 7;\n"
                             "stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r1], {%r2};",
                LANES, "race (write after write)");
}
END_TEST

static void check_report(const char *body, uint32_t grid, const char *expected)
{
    bench_kernel kernel = bench_kernel_of(body, 64);
    ptx_report report;

    kernel.grid[0] = grid;
    kernel.schedule.finds_races = true;
    ck_assert_msg(!bench_run(&kernel, &report), "%s runs", body);
    ck_assert_str_eq(report.text, expected);
}

/* Thread 5 writes and thread 37 reads, in the lines 12 and 13 of the text. */
#define WRITE_AND_READ(SPACE, PLACE)                                                    \
    "setp.eq.u32 %p1, %r2, 5; setp.eq.u32 %p2, %r3, 37;\n@%p1 st." SPACE ".u32 [" PLACE \
    "], 1;\n@%p2 ld." SPACE ".u32 %r1, [" PLACE "];"

START_TEST(races_are_reported_with_both_places)
{
    const unsigned long long out = (uintptr_t)bench_kernel_of("", 1).out;
    char expected[PTX_TEXT_BYTES];
    char body[1024];
    char file[231];

    check_report(".shared .align 8 .b8 S[16]; mov.u32 %r2, %r0; mov.u32 %r3, %r0;" WRITE_AND_READ(
                     "shared", "S+8"),
                 1,
                 "k: race (read after write) on shared 0x8 with thread 5 of the block at PTX line "
                 "12 at PTX line 13, block (0, 0, 0), thread (37, 0, 0)");
    (void)snprintf(expected, sizeof expected,
                   "k: race (read after write) on global 0x%llx with thread 5 of another block "
                   "(the 1. to run) at PTX line 12 at PTX line 13, block (1, 0, 0), "
                   "thread (37, 0, 0)",
                   out + 8);
    check_report("mov.u32 %r1, %ctaid.x; mad.lo.u32 %r2, %r1, 64, %r0;"
                 "sub.u32 %r3, %r2, 64;" WRITE_AND_READ("global", "%out+8"),
                 2, expected);
    /* A file may have a long name. */
    memset(file, 'f', sizeof file - 1);
    file[sizeof file - 1] = 0;
    (void)snprintf(body, sizeof body, ".file 1 \"%s\"\n.loc 1 77 3\nst.global.u32 [%%out], %%r0;",
                   file);
    (void)snprintf(expected, sizeof expected,
                   "k: race (write after write) on global 0x%llx with thread 0 of the block at "
                   "PTX line 13 (%s:77) at PTX line 13 (%s:77), block (0, 0, 0), thread (1, 0, 0)",
                   out, file, file);
    check_report(body, 1, expected);
}
END_TEST

static void check_blocks(const char *body, uint32_t block, bool is_good)
{
    bench_kernel kernel = bench_kernel_of(body, block);
    ptx_report report;

    kernel.grid[0] = 3;
    if (!is_good) {
        bench_check_fails(&kernel, "of another block");
        return;
    }
    for (uint32_t order = 0; order < 3; ++order) {
        memset(kernel.out, 0, kernel.out_bytes);
        kernel.schedule = (ptx_schedule){ .order = (ptx_order)order, .finds_races = true };
        ck_assert_msg(bench_run(&kernel, &report), "%s: %s", body, report.text);
    }
}

/* Every block writes its word; the last to come reads those of all. */
#define LAST_BLOCK(BEFORE, ATOMIC, AFTER, BARRIER)                                    \
    "mov.u32 %r1, %ctaid.x; mul.wide.u32 %d1, %r1, 4; add.u64 %d1, %d1, %out;\n"      \
    ".shared .align 4 .b8 S[4]; setp.ne.u32 %p1, %r0, 40; @%p1 bra A;\n"              \
    "st.global.u32 [%d1+16], %r1;\n"                                                  \
    "A: " BARRIER " setp.ne.u32 %p2, %r0, 0; @%p2 bra B;\n" BEFORE " " ATOMIC         \
    ".global.add.u32 %r2, [%out], 1; " AFTER " st.shared.u32 [S], %r2;\n"             \
    "B: bar.sync 0; ld.shared.u32 %r3, [S]; setp.ne.u32 %p3, %r3, 2; @%p3 bra END;\n" \
    "ld.global.u32 %r4, [%out+16]; ld.global.u32 %r5, [%out+24];\nEND:"

START_TEST(races_between_blocks_need_atomics_and_fences)
{
    check_blocks(
        "setp.ne.u32 %p1, %r0, 0; @%p1 exit; mov.u32 %r1, %ctaid.x; st.global.u32 [%out], %r1;", 64,
        false);
    check_blocks("mov.u32 %r1, %ctaid.x; mul.wide.u32 %d1, %r1, 256; add.u64 %d1, %d1, %out;", 64,
                 true);
    check_blocks("red.global.add.u32 [%out], 1;", 64, true);
    check_blocks("setp.ne.u32 %p1, %r0, 0; @%p1 exit; mov.u32 %r1, %ctaid.x;\n"
                 "setp.eq.u32 %p1, %r1, 1; @%p1 bra A; ld.global.u32 %r2, [%out];\n"
                 "bra END; A: st.global.u32 [%out], 7; END:",
                 64, false);
    check_blocks(LAST_BLOCK("membar.gl;", "atom", "membar.gl;", "bar.sync 0;"), 64, true);
    check_blocks(LAST_BLOCK("fence.acq_rel.gpu;", "atom", "fence.acq_rel.gpu;", "bar.sync 0;"), 64,
                 true);
    check_blocks(LAST_BLOCK("fence.sc.gpu;", "atom", "fence.sc.gpu;", "bar.sync 0;"), 64, true);
    check_blocks(LAST_BLOCK("", "atom.acq_rel.gpu", "", "bar.sync 0;"), 64, true);
    check_blocks(LAST_BLOCK("", "atom.release.gpu", "membar.gl;", "bar.sync 0;"), 64, true);
    check_blocks(LAST_BLOCK("membar.gl;", "atom.acquire.gpu", "", "bar.sync 0;"), 64, true);
    /* Either fence is wanted, of the whole device, and a barrier before it. */
    check_blocks(LAST_BLOCK("membar.gl;", "atom", "", "bar.sync 0;"), 64, false);
    check_blocks(LAST_BLOCK("", "atom", "membar.gl;", "bar.sync 0;"), 64, false);
    check_blocks(LAST_BLOCK("", "atom.release.gpu", "", "bar.sync 0;"), 64, false);
    check_blocks(LAST_BLOCK("", "atom.acquire.gpu", "", "bar.sync 0;"), 64, false);
    check_blocks(LAST_BLOCK("membar.gl;", "atom.relaxed.gpu", "", "bar.sync 0;"), 64, false);
    check_blocks(LAST_BLOCK("", "atom.relaxed.gpu", "membar.gl;", "bar.sync 0;"), 64, false);
    check_blocks(LAST_BLOCK("", "atom", "", "bar.sync 0;"), 64, false);
    check_blocks(LAST_BLOCK("st.shared.u32 [S], 0;", "atom", "membar.gl;", "bar.sync 0;"), 64,
                 false);
    check_blocks(LAST_BLOCK("membar.cta;", "atom", "membar.gl;", "bar.sync 0;"), 64, false);
    check_blocks(LAST_BLOCK("membar.gl;", "atom", "membar.cta;", "bar.sync 0;"), 64, false);
    check_blocks(LAST_BLOCK("fence.acq_rel.cta;", "atom", "fence.acq_rel.cta;", "bar.sync 0;"), 64,
                 false);
    check_blocks(LAST_BLOCK("membar.gl;", "atom", "membar.gl;", ""), 64, false);
    /* The second block to come reads what the first one wrote before its flag. */
#define FLAG(STORE, LOAD, AFTER)                                                       \
    "setp.ne.u32 %p1, %r0, 0; @%p1 bra END; atom.global.add.u32 %r1, [%out], 1;\n"     \
    "setp.eq.u32 %p2, %r1, 1; setp.gt.u32 %p3, %r1, 1; @%p3 bra END; @%p2 bra READ;\n" \
    "st.global.u32 [%out+16], 1; " STORE " [%out+8], 1; bra END;\n"                    \
    "READ: " LOAD " %r2, [%out+8]; " AFTER " ld.global.u32 %r3, [%out+16]; END:"
    check_blocks(FLAG("st.release.gpu.global.u32", "ld.acquire.gpu.global.u32", ""), 64, true);
    check_blocks(FLAG("st.release.sys.global.u32", "ld.relaxed.sys.global.u32", "membar.gl;"), 64,
                 true);
    check_blocks(FLAG("membar.gl; st.volatile.global.u32", "ld.volatile.global.u32", "membar.gl;"),
                 64, true);
    check_blocks(FLAG("st.release.sys.global.u32", "ld.relaxed.sys.global.u32", ""), 64, false);
    check_blocks(FLAG("st.relaxed.gpu.global.u32", "ld.acquire.gpu.global.u32", ""), 64, false);
    check_blocks(FLAG("membar.gl; st.volatile.global.u32", "ld.volatile.global.u32", ""), 64,
                 false);
#undef FLAG
}
END_TEST

/* The second block to come reads what the first one wrote between its flags: not before both. */
START_TEST(blocks_learn_more_of_each_other)
{
#define FLAGS(LOADS)                                                                   \
    "setp.ne.u32 %p1, %r0, 0; @%p1 bra END; atom.global.add.u32 %r1, [%out], 1;\n"     \
    "setp.eq.u32 %p2, %r1, 1; setp.gt.u32 %p3, %r1, 1; @%p3 bra END; @%p2 bra READ;\n" \
    "st.release.gpu.global.u32 [%out+8], 1; st.global.u32 [%out+16], 1;\n"             \
    "st.release.gpu.global.u32 [%out+12], 1; bra END;\n"                               \
    "READ: " LOADS " ld.global.u32 %r3, [%out+16]; END:"
    static const char first[] = FLAGS("ld.acquire.gpu.global.u32 %r2, [%out+8];");
    static const char both[] = FLAGS("ld.acquire.gpu.global.u32 %r2, [%out+8];\n"
                                     "ld.acquire.gpu.global.u32 %r2, [%out+12];");
#undef FLAGS

    check_blocks(both, 64, true);
    check_blocks(first, 64, false);
}
END_TEST

/* Thread 32 reads what thread 0 wrote, once it has seen the flag. */
#define WITHIN_BLOCK(BEFORE, STORE, LOAD, AFTER)                                      \
    ".shared .align 4 .b8 S[8]; setp.eq.u32 %p1, %r0, 0; setp.eq.u32 %p2, %r0, 32;\n" \
    "@%p1 bra WRITE; @!%p2 bra END;\n"                                                \
    "READ: " LOAD "; setp.ne.u32 %p3, %r1, 1; @%p3 bra READ; " AFTER                  \
    " ld.global.u32 %r2, [%out+16]; bra END;\nWRITE: " BEFORE " " STORE ";\nEND:"

#define WRITES "st.global.u32 [%out+16], 1;"

START_TEST(races_within_a_block_need_atomics_and_fences)
{
#define FENCES(BEFORE, AFTER)                                       \
    WITHIN_BLOCK(WRITES BEFORE, "st.volatile.global.u32 [%out], 1", \
                 "ld.volatile.global.u32 %r1, [%out]", AFTER)
    bench_runs(FENCES("membar.cta;", "membar.cta;"), 64);
    bench_runs(FENCES("membar.gl;", "fence.acq_rel.cta;"), 64);
    bench_runs(FENCES("fence.sc.cta;", "membar.gl;"), 64);
    bench_fails(FENCES("membar.cta;", ""), 64, "race (read after write)");
    bench_fails(FENCES("", "membar.cta;"), 64, "race (read after write)");
    /* What follows a fence is not passed on. */
    bench_fails(WITHIN_BLOCK("membar.cta;" WRITES, "st.volatile.global.u32 [%out], 1",
                             "ld.volatile.global.u32 %r1, [%out]", "membar.cta;"),
                64, "race (read after write)");
#undef FENCES
    /* The flag may be in shared memory, but has to be the same. */
    bench_runs(WITHIN_BLOCK(WRITES "membar.cta;", "atom.shared.exch.b32 %r3, [S+4], 1",
                            "ld.volatile.shared.u32 %r1, [S+4]", "membar.cta;"),
               64);
    bench_fails(".shared .align 4 .b8 S[8]; setp.eq.u32 %p1, %r0, 0; setp.eq.u32 %p2, %r0, 32;\n"
                "@%p1 st.global.u32 [%out+16], 1; @%p1 membar.cta;\n"
                "@%p1 atom.shared.exch.b32 %r3, [S], 1; @%p2 atom.shared.exch.b32 %r3, [S+4], 1;\n"
                "@%p2 membar.cta; @%p2 ld.global.u32 %r2, [%out+16];",
                64, "race (");
}
END_TEST

/* The first block to come writes, the second one passes it on to the third one. */
#define RELAY(FENCE)                                                                              \
    "setp.ne.u32 %p1, %r0, 0; @%p1 bra END; atom.global.add.u32 %r1, [%out], 1;\n"                \
    "setp.eq.u32 %p2, %r1, 1; setp.eq.u32 %p3, %r1, 2; @%p2 bra SECOND; @%p3 bra THIRD;\n"        \
    "st.global.u32 [%out+16], 1; membar.gl; st.volatile.global.u32 [%out+4], 1; bra END;\n"       \
    "SECOND: ld.volatile.global.u32 %r2, [%out+4]; " FENCE                                        \
    " st.volatile.global.u32 [%out+8], 1; bra END;\nTHIRD: ld.volatile.global.u32 %r2, [%out+8];" \
    " membar.gl; ld.global.u32 %r3, [%out+16]; END:"

START_TEST(blocks_pass_on_what_they_know)
{
    check_blocks(RELAY("membar.gl;"), 64, true);
    check_blocks(RELAY("membar.cta;"), 64, false);
    check_blocks(RELAY(""), 64, false);
    /* Who only loads passes nothing on. */
    check_blocks("setp.ne.u32 %p1, %r0, 0; @%p1 bra END; atom.global.add.u32 %r1, [%out], 1;\n"
                 "setp.eq.u32 %p2, %r1, 0; @%p2 st.global.u32 [%out+16], 1; membar.gl;\n"
                 "ld.volatile.global.u32 %r2, [%out+4]; membar.gl;\n"
                 "@!%p2 ld.global.u32 %r3, [%out+16]; END:",
                 64, false);
    /* Shared memory is another one in each block. */
    check_blocks(".shared .align 4 .b8 S[8]; setp.ne.u32 %p1, %r0, 0; @%p1 bra END;\n"
                 "atom.global.add.u32 %r1, [%out], 1; setp.eq.u32 %p2, %r1, 0;\n"
                 "@%p2 st.global.u32 [%out+16], 1; membar.gl; atom.shared.or.b32 %r2, [S], 1;\n"
                 "atom.shared.or.b32 %r2, [S+4], 1; membar.gl;\n"
                 "@!%p2 ld.global.u32 %r3, [%out+16]; END:",
                 64, false);
    /* Warp 0 of the first block has come further than that of the second one, of which warp 1 tells
     * warp 2 nothing. */
    bench_kernel kernel = bench_kernel_of(
        "mov.u32 %r1, %ctaid.x; shr.u32 %r2, %r0, 5; and.b32 %r3, %r0, 31;\n"
        "setp.ne.u32 %p1, %r3, 0; setp.eq.u32 %p2, %r1, 0; setp.eq.u32 %p3, %r2, 0;\n"
        "setp.eq.u32 %p4, %r2, 2; @%p1 bra END; @%p2 bra FIRST;\n"
        "@%p3 st.global.u32 [%out+16], 1; @%p3 bra END;\n"
        "membar.cta; atom.global.add.u32 %r4, [%out], 1; membar.cta;\n"
        "@%p4 ld.global.u32 %r5, [%out+16]; bra END;\n"
        "FIRST: @!%p3 bra END; membar.cta; membar.cta; membar.cta;\n"
        "red.global.add.u32 [%out], 1; END:",
        96);

    kernel.grid[0] = 2;
    bench_check_fails(&kernel, "race (");
}
END_TEST

enum {
    PAGES = 256,
    PAGE_BYTES = 4096
};

static void check_pages(const char *body, uint32_t block, bool is_good)
{
    static uint32_t out[PAGES * PAGE_BYTES / 4];
    const bench_kernel kernel = { .body = body,
                                  .block = block,
                                  .out = out,
                                  .out_bytes = sizeof out,
                                  .schedule = { .finds_races = true } };
    ptx_report report;

    ck_assert_msg(bench_run(&kernel, &report) == is_good, "%s: %s", body, report.text);
    ck_assert_msg(is_good || strstr(report.text, "race (") != NULL, "%s", report.text);
}

/* Each thread writes a page of its own, and reads that of another warp. */
#define OWN_PAGE                                             \
    "mul.wide.u32 %d1, %r0, 4096; add.u64 %d2, %d1, %out;\n" \
    "xor.b64 %d3, %d1, 131072; add.u64 %d3, %d3, %out; st.global.u32 [%d2], 1;\n"

START_TEST(races_are_found_on_many_pages)
{
    check_pages(OWN_PAGE "ld.global.u32 %r1, [%d3];", PAGES, false);
    check_pages(OWN_PAGE "bar.sync 0; ld.global.u32 %r1, [%d3];", PAGES, true);
}
END_TEST

/* Warp 0 of the second block to come knows what the first one wrote, and so does warp 1 behind a
 * barrier. Warps 2 and 3 meet there later, as they know from a flag, which orders nothing. */
#define LATER_AT_BARRIER(READ)                                                              \
    ".shared .align 4 .b8 FLAGS[8]; setp.ne.u32 %p1, %r0, 0; @%p1 bra ALL;\n"               \
    "atom.global.add.u32 %r2, [%out+4], 1; setp.eq.u32 %p2, %r2, 0;\n"                      \
    "@%p2 st.global.u32 [%out+16], 1; membar.gl; atom.shared.exch.b32 %r3, [FLAGS], %r2;\n" \
    "atom.global.or.b32 %r3, [%out], 1; membar.gl;\n"                                       \
    "ALL: bar.warp.sync -1; shr.u32 %r4, %r0, 5;\n"                                         \
    "LOOK: mov.u32 %r5, %clock; atom.shared.or.b32 %r2, [FLAGS], 0;\n"                      \
    "setp.gt.u32 %p2, %r2, 2; @%p2 bra LOOK; setp.ne.u32 %p3, %r2, 1; @%p3 bra END;\n"      \
    "setp.ge.u32 %p4, %r4, 2; setp.eq.u32 %p5, %r4, 1; @%p4 bra LATER;\n"                   \
    "bar.sync 1, 64; ld.global.u32 %r7, [%out+16];\n"                                       \
    "@%p5 atom.shared.exch.b32 %r6, [FLAGS+4], 1; bra END;\n"                               \
    "LATER: mov.u32 %r5, %clock; atom.shared.or.b32 %r6, [FLAGS+4], 0;\n"                   \
    "setp.ne.u32 %p2, %r6, 1; @%p2 bra LATER; bar.sync 1, 64;\n" READ "END:"

START_TEST(barriers_pass_on_what_is_known_of_blocks_once)
{
    check_blocks(LATER_AT_BARRIER(""), 128, true);
    check_blocks(LATER_AT_BARRIER("ld.global.u32 %r8, [%out+16];"), 128, false);
}
END_TEST

/* The first block to come leaves an arrival behind, which is not one of the next block's. */
START_TEST(arrivals_end_with_their_block)
{
    for (uint32_t barrier = 0; barrier < 2; ++barrier) {
        char body[512];
        bench_kernel kernel = bench_kernel_of(body, 96);

        (void)snprintf(body, sizeof body,
                       ".shared .align 4 .b8 S[4]; mov.u32 %%r1, %%ctaid.x;\n"
                       "setp.eq.u32 %%p1, %%r1, 0; setp.lt.u32 %%p2, %%r0, 32;\n"
                       "setp.eq.u32 %%p3, %%r0, 0; @%%p1 bra FIRST; @%%p2 bra WRITE;\n"
                       "bar.sync %u, 64; ld.shared.u32 %%r2, [S]; bra END;\n"
                       "WRITE: @%%p3 st.shared.u32 [S], 1; bra END;\n"
                       "FIRST: @!%%p2 bra END; bar.arrive %u, 96; END:",
                       barrier, barrier);
        kernel.grid[0] = 2;
        bench_check_fails(&kernel, "race (");
    }
    /* Nor is what was known of other blocks, which has to be freed. */
    check_blocks("membar.gl; atom.global.add.u32 %r1, [%out], 1; membar.gl;\n"
                 "bar.arrive 0, 96; bar.arrive 1, 96;",
                 64, true);
}
END_TEST

/* A page for each of 34 threads, the last two of another warp: that one reads one of the first,
 * which is remembered when the table has grown. */
START_TEST(pages_are_remembered)
{
    for (uint32_t page = 0; page < LANES; ++page) {
        char body[512];
        bench_kernel kernel = bench_kernel_of(body, 34);
        ptx_report report;

        (void)snprintf(body, sizeof body,
                       "mov.u32 %%r1, S; shl.b32 %%r2, %%r0, 12; add.u32 %%r3, %%r1, %%r2;\n"
                       "st.shared.u32 [%%r3], 1; setp.eq.u32 %%p1, %%r0, 32;\n"
                       "@%%p1 ld.shared.u32 %%r4, [S+%u];",
                       page * PAGE_BYTES);
        kernel.declarations = ".extern .shared .align 16 .b8 S[];\n";
        kernel.dynamic_shared_bytes = 34 * PAGE_BYTES;
        kernel.schedule.finds_races = true;
        ck_assert_msg(!bench_run(&kernel, &report), "%s", body);
        ck_assert_msg(strstr(report.text, "race (") != NULL, "%s", report.text);
    }
}
END_TEST

START_TEST(races_are_found_byte_by_byte)
{
    bench_fails(SHARED_WORDS "st.shared.u8 [S], %r0;", 64, "race (write after write)");
    bench_fails(SHARED_WORDS "st.shared.u16 [S+2], %r0;", 64, "race (write after write)");
    /* A word is remembered when its page's bytes become things of their own. */
    for (uint32_t offset = 0; offset < 8; ++offset) {
        char body[512];

        (void)snprintf(body, sizeof body,
                       ".shared .align 8 .b8 S[64]; setp.eq.u32 %%p1, %%r0, 0;\n"
                       "setp.eq.u32 %%p2, %%r0, 32; @%%p1 st.shared.v2.u32 [S], {1, 1};\n"
                       "@%%p2 st.shared.u8 [S+32], 1; @%%p2 ld.shared.u8 %%r1, [S+%u];",
                       offset);
        bench_fails(body, 64, "race (");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx races");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, races_between_warps_need_a_barrier);
    tcase_add_test(tcase, races_between_lanes_need_a_meeting);
    tcase_add_test(tcase, races_are_none_where_all_write_the_same);
    tcase_add_test(tcase, races_are_reported_with_both_places);
    tcase_add_test(tcase, races_between_blocks_need_atomics_and_fences);
    tcase_add_test(tcase, blocks_learn_more_of_each_other);
    tcase_add_test(tcase, races_within_a_block_need_atomics_and_fences);
    tcase_add_test(tcase, blocks_pass_on_what_they_know);
    tcase_add_test(tcase, barriers_pass_on_what_is_known_of_blocks_once);
    tcase_add_test(tcase, arrivals_end_with_their_block);
    tcase_add_test(tcase, races_are_found_on_many_pages);
    tcase_add_test(tcase, pages_are_remembered);
    tcase_add_test(tcase, races_are_found_byte_by_byte);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
