/* What mbarriers order, and what they do not. */
#include "standin/ptx/mbarrier_text.h"
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <string.h>

START_TEST(arrivals_and_waits_order_memory)
{
    static const char *const bad[] = {
        TWO_WARPS "st.shared.u32 [%r3], 1;" ARRIVE "ld.shared.u32 %r5, [%r4];",
        TWO_WARPS ARRIVE "st.shared.u32 [%r3], 1;" AWAIT("W", "B", "0") "ld.shared.u32 %r5, [%r4];",
        TWO_WARPS "st.shared.u32 [%r3], 1; mbarrier.arrive.relaxed.cta.shared.b64 _, [B];" AWAIT(
            "W", "B", "0") "ld.shared.u32 %r5, [%r4];",
        TWO_WARPS "st.shared.u32 [%r3], 1;" ARRIVE
                  "W: mbarrier.test_wait.parity.relaxed.cta.shared.b64 %p3, [B], 0;\n"
                  "@!%p3 bra W; ld.shared.u32 %r5, [%r4];",
        /* The parity of the phase before. */
        TWO_WARPS "st.shared.u32 [%r3], 1;" AWAIT("W", "B", "1") "ld.shared.u32 %r5, [%r4];",
        /* Read before, written after: by who has waited for nothing. */
        TWO_WARPS "ld.shared.u32 %r5, [%r4];" ARRIVE "st.shared.u32 [%r3], 1;",
    };

    bench_runs(TWO_WARPS
               "st.shared.u32 [%r3], 1;" ARRIVE AWAIT("W", "B", "0") "ld.shared.u32 %r5, [%r4];",
               64);
    bench_runs(TWO_WARPS
               "st.shared.u32 [%r3], 1; mbarrier.arrive.release.cta.shared.b64 %d1, [B];\n"
               "W: mbarrier.test_wait.acquire.cta.shared.b64 %p3, [B], %d1; @!%p3 bra W;\n"
               "ld.shared.u32 %r5, [%r4];",
               64);
    bench_runs(TWO_WARPS "and.b32 %r5, %r0, 1; setp.eq.u32 %p2, %r5, 0; st.shared.u32 [%r3], 1;\n"
                         "@%p2 mbarrier.arrive.shared.b64 _, [B];\n"
                         "@!%p2 mbarrier.arrive.shared.b64 _, [B];" AWAIT(
                             "W", "B", "0") "ld.shared.u32 %r5, [%r4];",
               64);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; ++k) {
        bench_fails(bad[k], 64, "race (");
    }
}
END_TEST

/* Warp 0 reads, of it lane 3 arrives alone; of warp 1 lane 5 waits alone, and all write. */
#define ELECTED(BEFORE, AFTER)                                                                   \
    ".shared .align 16 .b8 B[16]; .shared .align 16 .b8 S[128]; mov.u32 %r1, S;\n"               \
    "and.b32 %r2, %r0, 31; shl.b32 %r3, %r2, 2; add.u32 %r3, %r3, %r1; setp.eq.u32 %p1, %r0, 3;" \
    "setp.eq.u32 %p2, %r0, 37; setp.ge.u32 %p3, %r0, 32;\n"                                      \
    "@%p1 mbarrier.init.shared.b64 [B], 1; bar.sync 0; @%p3 bra SECOND;\n"                       \
    "ld.shared.u32 %r4, [%r3];" BEFORE "@%p1 mbarrier.arrive.shared.b64 _, [B]; bra END;\n"      \
    "SECOND: @!%p2 bra ALL;\n" AWAIT("W", "B", "0") "ALL:" AFTER "st.shared.u32 [%r3], 1;\nEND:"

START_TEST(lanes_arrive_and_wait_for_those_whom_they_meet)
{
    bench_runs(ELECTED("bar.warp.sync -1;", "bar.warp.sync -1;"), 64);
    /* Others of the warp have not met them: those who read, or those who write. */
    bench_fails(ELECTED("", "bar.warp.sync -1;"), 64, "race (");
    bench_fails(ELECTED("bar.warp.sync -1;", ""), 64, "race (");
    bench_fails(ELECTED("bar.warp.sync -1; ld.shared.u32 %r4, [%r3];", "bar.warp.sync -1;"), 64,
                "race (");
    bench_fails(ELECTED("bar.warp.sync -1;", "setp.ne.u32 %p4, %r0, 32; @%p4 bra END;\n"), 64,
                "race (");
    /* Not the first lane, either. */
    bench_fails(TWO_WARPS "@%p1 mbarrier.inval.shared.b64 [B];\n"
                          "@%p1 mbarrier.init.shared.b64 [B], 1; bar.sync 0;\n"
                          "@%p1 st.shared.u32 [S], 1; setp.eq.u32 %p2, %r0, 5;\n"
                          "@%p2 mbarrier.arrive.shared.b64 _, [B]; setp.eq.u32 %p2, %r0, 32;\n"
                          "@!%p2 bra END;\n" AWAIT("W", "B", "0") "ld.shared.u32 %r5, [S];\nEND:",
                64, "race (read after write)");
    /* Half of them have. */
    bench_fails(ELECTED("setp.lt.u32 %p4, %r2, 16; selp.b32 %r5, 0xffff, 0xffff0000, %p4;\n"
                        "bar.warp.sync %r5;",
                        "bar.warp.sync -1;"),
                64, "race (write after read) on shared 0x50 with thread 16 of the block");
    bench_fails(ELECTED("bar.warp.sync -1;",
                        "setp.lt.u32 %p4, %r2, 16; selp.b32 %r5, 0xffff, 0xffff0000, %p4;\n"
                        "bar.warp.sync %r5;"),
                64, "thread (48, 0, 0)");
    /* By way of a third one: a half, and then its neighbour with the rest. */
    bench_runs(ELECTED("setp.ge.u32 %p4, %r2, 16; @%p4 bar.warp.sync 0xffff0000;\n"
                       "setp.gt.u32 %p5, %r2, 16; @!%p5 bar.warp.sync 0x1ffff;",
                       "bar.warp.sync -1;"),
               64);
    bench_runs(ELECTED("bar.warp.sync -1;",
                       "setp.gt.u32 %p5, %r2, 16; @!%p5 bar.warp.sync 0x1ffff;\n"
                       "setp.ge.u32 %p4, %r2, 16; @%p4 bar.warp.sync 0xffff0000;"),
               64);
    /* A barrier of the block is one of the warp, too. */
    bench_runs(ELECTED("bar.warp.sync -1;", "bar.sync 1, 32;"), 64);
}
END_TEST

/* Only arrivals of the phase that a wait has seen are ordered before it. */
START_TEST(arrivals_of_other_phases_order_nothing)
{
#define PHASES(LATER)                                                              \
    ".shared .align 16 .b8 B[16]; .shared .align 16 .b8 S[16];\n"                  \
    "setp.eq.u32 %p1, %r0, 0; setp.ge.u32 %p2, %r0, 32;\n"                         \
    "@%p1 mbarrier.init.shared.b64 [B], 2; bar.sync 0; @%p2 bra READ;\n"           \
    "@!%p1 bra END;" LATER "bra END;\nREAD:" AWAIT("R", "B", "0") "ld.shared.u32 " \
                                                                  "%r5, [S];\nEND:"
    bench_runs(PHASES("st.shared.u32 [S], 1; mbarrier.arrive.shared.b64 _, [B], 2;" ARRIVE), 64);
    bench_fails(PHASES("mbarrier.arrive.shared.b64 _, [B], 2; st.shared.u32 [S], 1;" ARRIVE), 64,
                "race (");
}
END_TEST

/* Lane 8 of warp 1 waits alone, arrives alone, and so does lane 6 of warp 2, of which then all
 * read. */
START_TEST(lanes_pass_on_what_they_have_learnt)
{
#define CHAIN(WRITE, BETWEEN, MEETING)                                                                \
    ".shared .align 16 .b8 B[16]; .shared .align 16 .b8 S[16]; setp.eq.u32 %p1, %r0, 0;\n"            \
    "setp.eq.u32 %p2, %r0, 40; setp.eq.u32 %p3, %r0, 70; setp.ge.u32 %p4, %r0, 64;\n"                 \
    "@%p1 mbarrier.init.shared.b64 [B], 1; @%p1 mbarrier.init.shared.b64 [B+8], 1; bar.sync 0;" WRITE \
    "@%p1 mbarrier.arrive.shared.b64 _, [B]; @%p2 bra SECOND; @%p4 bra THIRD; bra END;\n"             \
    "SECOND:" AWAIT("W", "B", "0") BETWEEN                                                            \
        "mbarrier.arrive.shared.b64 _, [B+8]; bra END;\n"                                             \
        "THIRD: @!%p3 bra ALL;\n" AWAIT("V", "B+8", "0") "ALL:" MEETING                               \
                                                         "ld.shared.u32 %r5, [S];\nEND:"
    bench_runs(CHAIN("@%p1 st.shared.u32 [S], 1;", "", "bar.warp.sync -1;"), 96);
    bench_fails(CHAIN("@%p1 st.shared.u32 [S], 1;", "", ""), 96, "race (");
    /* What nobody has passed on. */
    bench_fails(
        CHAIN("setp.eq.u32 %p5, %r0, 1; @%p5 st.shared.u32 [S], 1;", "", "bar.warp.sync -1;"), 96,
        "race (");
}
END_TEST

/* By a fence and an atomic, too. */
START_TEST(lanes_pass_on_to_atomics_what_they_have_learnt)
{
#define FLAGGED(FENCE)                                                                             \
    ".shared .align 16 .b8 B[16]; .shared .align 16 .b8 S[16]; setp.eq.u32 %p1, %r0, 0;\n"         \
    "setp.eq.u32 %p2, %r0, 40; setp.eq.u32 %p3, %r0, 70;\n"                                        \
    "@%p1 mbarrier.init.shared.b64 [B], 1; bar.sync 0; @%p1 st.shared.u32 [S], 1;\n"               \
    "@%p1 mbarrier.arrive.shared.b64 _, [B]; @%p2 bra SECOND; @%p3 bra THIRD; bra END;\n"          \
    "SECOND:" AWAIT("W", "B", "0") FENCE                                                           \
        "atom.global.or.b32 %r6, [%out], 1; bra END;\n"                                            \
        "THIRD: atom.global.cas.b32 %r6, [%out], 1, 1; setp.eq.u32 %p6, %r6, 0; @%p6 bra THIRD;\n" \
        "membar.gl; ld.shared.u32 %r5, [S];\nEND:"
    bench_runs(FLAGGED("membar.gl;"), 96);
    bench_fails(FLAGGED(""), 96, "race (read after write) on shared 0x10");
}
END_TEST

/* Of warps 1 and 2, which have met, a lane waits for another one's arrival; warp 0 has met
 * nobody. */
START_TEST(lanes_learn_of_no_others)
{
    bench_fails(
        ".shared .align 16 .b8 B[16]; .shared .align 16 .b8 S[16]; setp.lt.u32 %p1, %r0, 32;\n"
        "@%p1 st.shared.u32 [S], 1; @%p1 bra END; setp.eq.u32 %p2, %r0, 32;\n"
        "@%p2 mbarrier.init.shared.b64 [B], 1; bar.sync 1, 64; setp.eq.u32 %p3, %r0, 64;\n"
        "@%p3 mbarrier.arrive.shared.b64 _, [B]; setp.ge.u32 %p3, %r0, 64; @%p3 bra END;\n"
        "setp.eq.u32 %p4, %r0, 40; @!%p4 bra ALL;\n" AWAIT(
            "W", "B",
            "0") "ALL: setp.ge.u32 %p5, %r0, 48; selp.b32 %r6, 0xffff0000, 0xffff, %p5;\n"
                 "bar.warp.sync %r6; setp.eq.u32 %p6, %r0, 33; @%p6 ld.shared.u32 %r5, [S];\nEND:",
        96, "race (");
}
END_TEST

/* What some lanes passed on before a barrier of all is not all that passes. */
START_TEST(barriers_pass_on_what_arrivals_did_not)
{
    bench_runs(TWO_WARPS "@%p1 mbarrier.arrive.shared.b64 _, [B]; st.shared.u32 [%r3], 1;\n"
                         "bar.sync 0; ld.shared.u32 %r5, [%r4];",
               64);
}
END_TEST

/* Of the lanes of one instruction 24 arrive in a phase, and 8 in the next one. */
START_TEST(lanes_arrive_in_two_phases)
{
#define TWO_PHASES(LATER)                                                                          \
    ".shared .align 16 .b8 B[16]; .shared .align 16 .b8 S[128]; mov.u32 %r1, S;\n"                 \
    "and.b32 %r2, %r0, 31; shl.b32 %r2, %r2, 2; add.u32 %r1, %r1, %r2; setp.eq.u32 %p1, %r0, 0;\n" \
    "setp.eq.u32 %p2, %r0, 32; setp.lt.u32 %p3, %r0, 64;\n"                                        \
    "@%p1 mbarrier.init.shared.b64 [B], 24; bar.sync 0; @%p2 bra READ; @%p3 bra END;\n"            \
    "st.shared.u32 [%r1], 1;" ARRIVE "bra END;\nREAD:" AWAIT("R", "B", "0") LATER "\nEND:"
    bench_runs(TWO_PHASES("ld.shared.u32 %r5, [S+92];"), 96);
    bench_fails(TWO_PHASES("ld.shared.u32 %r5, [S+96];"), 96,
                "race (read after write) on shared 0x70 with thread 88 of the block");
    bench_runs(TWO_PHASES("mbarrier.arrive.shared.b64 _, [B], 16;" AWAIT(
                   "L", "B", "1") "ld.shared.u32 %r5, [S+96];"),
               96);
    /* Every second one at another mbarrier. */
#define ALTERNATE(SECOND)                                                                        \
    TWO_WARPS "and.b32 %r5, %r0, 1; shl.b32 %r5, %r5, 3; mov.u32 %r6, B; add.u32 %r6, %r6, %r5;" \
              "@%p1 mbarrier.inval.shared.b64 [B]; @%p1 mbarrier.init.shared.b64 [B], 16;\n"     \
              "@%p1 mbarrier.init.shared.b64 [B+8], 16; bar.sync 0;\n"                           \
              "setp.ge.u32 %p2, %r0, 32; @%p2 bra READ; st.shared.u32 [%r3], 1;\n"               \
              "mbarrier.arrive.shared.b64 _, [%r6]; bra END;\nREAD:" AWAIT("V", "B", "0") SECOND \
        "ld.shared.u32 %r5, [%r4];\nEND:"
    bench_runs(ALTERNATE(AWAIT("W", "B+8", "0")), 64);
    bench_fails(ALTERNATE("setp.ne.u32 %p4, %r0, 33; @%p4 bra END;\n"), 64, "with thread 1 of");
}
END_TEST

/* Of one wait, lanes whose state is of the phase that is done learn what it passed on, and lanes
 * whose state is of the next one do not. */
START_TEST(lanes_see_the_phase_of_their_state)
{
#define STATES(READER)                                                                          \
    ".shared .align 16 .b8 B[16]; .shared .align 16 .b8 S[16]; setp.eq.u32 %p1, %r0, 0;\n"      \
    "setp.eq.u32 %p2, %r0, 32; setp.gt.u32 %p3, %r0, 31; setp.lt.u32 %p4, %r0, 16;\n"           \
    "@%p1 mbarrier.init.shared.b64 [B], 17; bar.sync 0; @%p3 bra WRITE;\n"                      \
    "@%p4 mbarrier.arrive.shared.b64 %d1, [B];\n"                                               \
    "W: mbarrier.test_wait.parity.relaxed.cta.shared.b64 %p6, [B], 0; @!%p6 bra W;\n"           \
    "@!%p4 mbarrier.arrive.shared.b64 %d1, [B]; mbarrier.test_wait.shared.b64 %p5, [B], %d1;\n" \
    "setp.eq.u32 %p7, %r0, " READER "; @%p7 ld.shared.u32 %r5, [S]; bra END;\n"                 \
    "WRITE: @!%p2 bra END; st.shared.u32 [S], 1;" ARRIVE "\nEND:"
    bench_runs(STATES("15"), 64);
    bench_fails(STATES("16"), 64, "race (read after write)");
}
END_TEST

/* The first use of an mbarrier comes after its beginning, its end after all uses. */
START_TEST(mbarriers_are_memory_to_races)
{
    static const char begin[] =
        ".shared .align 16 .b8 B[16]; setp.eq.u32 %p1, %r0, 0; setp.eq.u32 %p2, %r0, 32;\n";
    char body[1024];

    (void)snprintf(body, sizeof body,
                   "%s@%%p1 mbarrier.init.shared.b64 [B], 2; bar.sync 0;\n"
                   "@%%p2 mbarrier.arrive.shared.b64 _, [B]; %s\n"
                   "@%%p1 mbarrier.inval.shared.b64 [B];",
                   begin, "bar.sync 0;");
    bench_runs(body, 64);
    (void)snprintf(body, sizeof body,
                   "%s@%%p1 mbarrier.init.shared.b64 [B], 2; bar.sync 0;\n"
                   "setp.eq.u32 %%p3, %%r0, 33; @%%p3 mbarrier.arrive.shared.b64 _, [B];\n"
                   "@%%p2 mbarrier.inval.shared.b64 [B];",
                   begin);
    bench_fails(body, 64, "race (write after read) on shared 0x0");
}
END_TEST

/* Thread 0 of the second block to come knows what that of the first one wrote, and so does thread
 * 32 behind an mbarrier. */
static const char known[] =
    ".shared .align 16 .b8 B[16]; .shared .align 16 .b8 S[16]; setp.eq.u32 %p1, %r0, 0;\n"
    "setp.eq.u32 %p2, %r0, 32; @%p1 mbarrier.init.shared.b64 [B], 1;\n"
    "@%p1 mbarrier.init.shared.b64 [B+8], 2; bar.sync 0;\n"
    "@%p2 bra READ; @!%p1 bra END; atom.global.add.u32 %r1, [%out], 1;\n"
    "setp.eq.u32 %p3, %r1, 0; @%p3 st.global.u32 [%out+16], 1; membar.gl;\n"
    "atom.global.or.b32 %r2, [%out+4], 1; membar.gl; st.shared.u32 [S], %r1;" ARRIVE
    "mbarrier.arrive.shared.b64 _, [B+8]; bra END;\n"
    "READ:" AWAIT("W", "B", "0") ARRIVE "ld.shared.u32 %r1, [S]; setp.eq.u32 %p3, %r1, 1;\n"
                                        "@%p3 ld.global.u32 %r4, [%out+16];\nEND:";

START_TEST(what_is_known_of_blocks_passes_mbarriers)
{
    bench_kernel kernel = bench_kernel_of(known, 64);
    const uint32_t expected[BENCH_WORDS] = { 2, 1, 0, 0, 1 };

    kernel.grid[0] = 2;
    bench_check_schedules(&kernel, expected);
}
END_TEST

/* Each block does the first, or the second, by when it came. Mbarriers of both have number 1. */
#define IN_TURN(FIRST, SECOND)                                                                     \
    ".shared .align 16 .b8 B[16]; .shared .align 16 .b8 S[16]; setp.eq.u32 %p1, %r0, 0;\n"         \
    "setp.eq.u32 %p2, %r0, 32; @!%p1 bra READY; mbarrier.init.shared.b64 [B], 1;\n"                \
    "mbarrier.init.shared.b64 [B+8], 2; atom.global.add.u32 %r1, [%out], 1;\n"                     \
    "st.shared.u32 [S+4], %r1;\nREADY: bar.sync 0; ld.shared.u32 %r1, [S+4];\n"                    \
    "setp.eq.u32 %p3, %r1, 0; @%p1 st.shared.u32 [S], 1; @!%p3 bra SECOND; @!%p1 bra END;\n" FIRST \
    "bra END;\nSECOND: @!%p2 bra END;\n" SECOND "ld.shared.u32 %r5, [S];\nEND:"

START_TEST(blocks_know_nothing_of_the_mbarriers_of_others)
{
#define ARRIVE_SECOND "mbarrier.arrive.shared.b64 _, [B+8];\n"
    bench_kernel kernel = bench_kernel_of(
        IN_TURN(ARRIVE_SECOND, ARRIVE_SECOND ARRIVE_SECOND AWAIT("W", "B+8", "0")), 64);

    kernel.grid[0] = 2;
    bench_check_fails(&kernel, "on shared 0x10 with thread");
    kernel.body = IN_TURN(ARRIVE_SECOND ARRIVE_SECOND, AWAIT("W", "B+8", "1"));
    bench_check_fails(&kernel, "on shared 0x10 with thread");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx mbarrier orders");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, arrivals_and_waits_order_memory);
    tcase_add_test(tcase, lanes_arrive_and_wait_for_those_whom_they_meet);
    tcase_add_test(tcase, arrivals_of_other_phases_order_nothing);
    tcase_add_test(tcase, lanes_pass_on_what_they_have_learnt);
    tcase_add_test(tcase, lanes_pass_on_to_atomics_what_they_have_learnt);
    tcase_add_test(tcase, lanes_learn_of_no_others);
    tcase_add_test(tcase, barriers_pass_on_what_arrivals_did_not);
    tcase_add_test(tcase, lanes_arrive_in_two_phases);
    tcase_add_test(tcase, lanes_see_the_phase_of_their_state);
    tcase_add_test(tcase, mbarriers_are_memory_to_races);
    tcase_add_test(tcase, what_is_known_of_blocks_passes_mbarriers);
    tcase_add_test(tcase, blocks_know_nothing_of_the_mbarriers_of_others);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
