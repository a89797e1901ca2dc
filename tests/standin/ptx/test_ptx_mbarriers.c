/* mbarriers: phases, counts and transactions, and what is a fault. Values are those of the PTX
 * ISA's sections on mbarrier. */
#include "standin/ptx/mbarrier_text.h"
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <string.h>

static const char variables[] = ".shared .align 16 .b8 B[64];\n";

#define INIT(COUNT)     "mbarrier.init.shared.b64 [B], " #COUNT ";\n"
#define TEST(PARITY)    "mbarrier.test_wait.parity.shared.b64 %p9, [B], " #PARITY ";\n"
#define EXPECT(BYTES)   "mbarrier.expect_tx.relaxed.cta.shared.b64 [B], " #BYTES ";\n"
#define COMPLETE(BYTES) "mbarrier.complete_tx.relaxed.cta.shared::cluster.b64 [B], " #BYTES ";\n"

/* The phase before the first one counts as done. */
START_TEST(phases_are_done_when_all_have_arrived)
{
    static const bench_row rows[] = {
        { INIT(1) TEST(0), 'p', { 0 }, 0 },
        { INIT(1) TEST(1), 'p', { 0 }, 1 },
        { INIT(1) ARRIVE TEST(0), 'p', { 0 }, 1 },
        { INIT(1) ARRIVE TEST(1), 'p', { 0 }, 0 },
        { INIT(2) ARRIVE TEST(0), 'p', { 0 }, 0 },
        { INIT(2) ARRIVE ARRIVE TEST(0), 'p', { 0 }, 1 },
        { INIT(2) ARRIVE ARRIVE ARRIVE TEST(0), 'p', { 0 }, 1 },
        { INIT(2) ARRIVE ARRIVE ARRIVE TEST(1), 'p', { 0 }, 0 },
        { INIT(2) ARRIVE ARRIVE ARRIVE ARRIVE TEST(0), 'p', { 0 }, 0 },
        { INIT(2) ARRIVE ARRIVE ARRIVE ARRIVE TEST(1), 'p', { 0 }, 1 },
        { INIT(5) "mbarrier.arrive.shared::cta.b64 _, [B], 4;" TEST(0), 'p', { 0 }, 0 },
        { INIT(5) "mbarrier.arrive.shared::cta.b64 _, [B], 4;" ARRIVE TEST(0), 'p', { 0 }, 1 },
        { INIT(5) "mbarrier.arrive.release.cta.shared::cta.b64 %d1, [B], %r0;" TEST(0),
          'p',
          { 5 },
          1 },
        { INIT(5) "mbarrier.arrive.relaxed.cluster.shared::cta.b64 [B], %r0;" TEST(0),
          'p',
          { 5 },
          1 },
        { INIT(0xfffff) "mbarrier.arrive.shared.b64 _, [B], 0xfffff;" TEST(0), 'p', { 0 }, 1 },
        /* Two of them side by side, the second one by its generic address. */
        { INIT(1) "mov.u64 %d4, B; cvta.shared.u64 %d4, %d4; mbarrier.init.b64 [%d4+8], 1;\n"
                  "mbarrier.arrive.b64 _, [%d4+8]; mbarrier.test_wait.parity.b64 %p9, [%d4+8], 0;",
          'p',
          { 0 },
          1 },
        { INIT(1) "mbarrier.init.shared.b64 [B+8], 1; mbarrier.arrive.shared.b64 _, [B+8];" TEST(0),
          'p',
          { 0 },
          0 },
        /* Waits of every kind. */
        { INIT(1) ARRIVE "mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p9, [B], %r0;",
          'p',
          { 0 },
          1 },
        { INIT(1) "mbarrier.try_wait.parity.shared.b64 %p9, [B], 0, 10000;", 'p', { 0 }, 0 },
        { INIT(1) "mbarrier.arrive.shared.b64 %d1, [B];\n"
                  "mbarrier.try_wait.shared::cta.b64 %p9, [B], %d1, %r0;",
          'p',
          { 0 },
          1 },
        { INIT(2) "mbarrier.arrive.shared.b64 %d1, [B];\n"
                  "mbarrier.test_wait.relaxed.cta.shared.b64 %p9, [B], %d1;",
          'p',
          { 0 },
          0 },
        { INIT(2) "mbarrier.arrive.shared.b64 %d1, [B]; mbarrier.arrive.shared.b64 %d2, [B];\n"
                  "mbarrier.test_wait.shared.b64 %p1, [B], %d1;\n"
                  "mbarrier.test_wait.shared.b64 %p2, [B], %d2; and.pred %p9, %p1, %p2;",
          'p',
          { 0 },
          1 },
        /* A state of the phase after the first: not done, and done. */
        { INIT(1) ARRIVE "mbarrier.arrive.shared.b64 %d1, [B];\n"
                         "mbarrier.test_wait.shared.b64 %p9, [B], %d1;",
          'p',
          { 0 },
          1 },
        { INIT(2) ARRIVE ARRIVE "mbarrier.arrive.shared.b64 %d1, [B];\n"
                                "mbarrier.test_wait.shared.b64 %p9, [B], %d1;",
          'p',
          { 0 },
          0 },
        /* Memory is memory again, and an mbarrier after that begins with phase 0. */
        { INIT(1) ARRIVE "mbarrier.inval.shared.b64 [B]; st.shared.u32 [B], 7;\n"
                         "ld.shared.u32 %r9, [B];",
          'r',
          { 0 },
          7 },
        { INIT(1) ARRIVE "mbarrier.inval.shared.b64 [B];" INIT(2) ARRIVE TEST(0), 'p', { 0 }, 0 },
        { INIT(1) ARRIVE "mbarrier.inval.shared.b64 [B];" INIT(2) ARRIVE ARRIVE TEST(0),
          'p',
          { 0 },
          1 },
        /* What is beside an mbarrier is memory. */
        { "mbarrier.init.shared.b64 [B+8], 1; st.shared.u32 [B+16], 7; st.shared.u32 [B+4], 1;\n"
          "ld.shared.u32 %r9, [B+16];",
          'r',
          { 0 },
          7 },
    };

    bench_check_rows_with(variables, rows, sizeof rows / sizeof *rows);
}
END_TEST

START_TEST(states_tell_what_was_pending)
{
#define NO_COMPLETE(STATE, COUNT) \
    "mbarrier.arrive.noComplete.shared.b64 " STATE ", [B], " #COUNT ";\n"
    static const bench_row rows[] = {
        { INIT(5) NO_COMPLETE("%d1", 2) "mbarrier.pending_count.b64 %r9, %d1;", 'r', { 0 }, 5 },
        { INIT(5) NO_COMPLETE("%d1", 2)
              NO_COMPLETE("%d2", 1) "mbarrier.pending_count.b64 %r9, %d2;",
          'r',
          { 0 },
          3 },
        { INIT(0xfffff) "mbarrier.arrive.noComplete.release.cta.shared.b64 %d1, [B], 0xffffe;\n"
                        "mbarrier.pending_count.b64 %r9, %d1;",
          'r',
          { 0 },
          0xfffff },
        { INIT(2) ARRIVE ARRIVE NO_COMPLETE("%d1", 1) "mbarrier.pending_count.b64 %r9, %d1;",
          'r',
          { 0 },
          2 },
        { INIT(5) NO_COMPLETE("%d1", 4) "mbarrier.test_wait.shared.b64 %p9, [B], %d1;",
          'p',
          { 0 },
          0 },
        { INIT(5) NO_COMPLETE("%d1", 4) ARRIVE "mbarrier.test_wait.shared.b64 %p9, [B], %d1;",
          'p',
          { 0 },
          1 },
    };

    bench_check_rows_with(variables, rows, sizeof rows / sizeof *rows);
    bench_fails(".shared .align 8 .b8 B[8];" INIT(2) NO_COMPLETE("%d1", 2), 1,
                "this arrival at the mbarrier at 0 completes its phase");
    bench_fails(".shared .align 8 .b8 B[8];" INIT(
                    2) "mbarrier.arrive.shared.b64 %d1, [B]; mbarrier.pending_count.b64 %r9, %d1;",
                1, "is no state of an arrival with .noComplete");
    bench_fails("mov.u64 %d1, 0x100005; mbarrier.pending_count.b64 %r9, %d1;", 1,
                "0x100005 is no state of an arrival with .noComplete");
}
END_TEST

START_TEST(phases_await_their_transactions)
{
    static const bench_row rows[] = {
        { INIT(1) EXPECT(32) ARRIVE TEST(0), 'p', { 0 }, 0 },
        { INIT(1) EXPECT(32) ARRIVE COMPLETE(16) TEST(0), 'p', { 0 }, 0 },
        { INIT(1) EXPECT(32) ARRIVE COMPLETE(16) COMPLETE(16) TEST(0), 'p', { 0 }, 1 },
        { INIT(1) EXPECT(32) COMPLETE(32) TEST(0), 'p', { 0 }, 0 },
        { INIT(1) EXPECT(32) COMPLETE(32) ARRIVE TEST(0), 'p', { 0 }, 1 },
        /* The count may be negative for a time. */
        { INIT(1) COMPLETE(32) EXPECT(32) ARRIVE TEST(0), 'p', { 0 }, 1 },
        { INIT(1) COMPLETE(32) ARRIVE TEST(0), 'p', { 0 }, 0 },
        { INIT(1) EXPECT(0xfffff) COMPLETE(0xfffff) ARRIVE TEST(0), 'p', { 0 }, 1 },
        { INIT(1) COMPLETE(0xfffff) EXPECT(0xfffff) ARRIVE TEST(0), 'p', { 0 }, 1 },
        { INIT(1) "mbarrier.arrive.expect_tx.shared.b64 %d1, [B], %r0;\n"
                  "mbarrier.test_wait.shared.b64 %p9, [B], %d1;",
          'p',
          { 64 },
          0 },
        { INIT(1) "mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [B], %r0;" COMPLETE(64)
              TEST(0),
          'p',
          { 64 },
          1 },
        { INIT(2) "mbarrier.arrive.expect_tx.shared.b64 _, [B], 64;" COMPLETE(64) TEST(0),
          'p',
          { 0 },
          0 },
    };

    bench_check_rows_with(variables, rows, sizeof rows / sizeof *rows);
}
END_TEST

static void check_fault(const char *code, const char *text)
{
    char body[2048];

    (void)snprintf(body, sizeof body, ".shared .align 16 .b8 B[64];\n%s", code);
    bench_fails(body, 1, text);
}

START_TEST(mbarriers_are_begun_once_and_used_between_begin_and_end)
{
    check_fault("mbarrier.arrive.shared.b64 _, [B];", "there is no mbarrier at 0 of shared memory");
    check_fault(INIT(1) "mbarrier.arrive.shared.b64 _, [B+8];", "there is no mbarrier at 8");
    check_fault(TEST(0), "there is no mbarrier at 0");
    check_fault(EXPECT(16), "there is no mbarrier at 0");
    check_fault(INIT(1) "mbarrier.inval.shared.b64 [B];" ARRIVE, "there is no mbarrier at 0");
    check_fault("mbarrier.inval.shared.b64 [B];", "there is no mbarrier at 0");
    check_fault("cp.async.mbarrier.arrive.shared.b64 [B];", "there is no mbarrier at 0");
    check_fault("cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [B+16], [%in], 16, "
                "[B];",
                "there is no mbarrier at 0");
    check_fault("cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [B+16], [%in], 16, "
                "[B+8];",
                "there is no mbarrier at 8 of shared memory");
    check_fault(INIT(1) INIT(1), "write of shared memory at 0, where an mbarrier is");
    check_fault(INIT(0), "mbarrier of 0 arrivals, not of 1 to 1048575");
    check_fault(INIT(0x100000), "mbarrier of 1048576 arrivals, not of 1 to 1048575");
    check_fault("mbarrier.init.shared.b64 [B+4], 1;", "misaligned mbarrier at 4 of shared memory");
    check_fault("mbarrier.init.shared.b64 [B+64], 1;", "8 bytes at 64 of shared memory, which has");
    check_fault("mbarrier.init.b64 [%in], 1;", "which is not shared memory");
    /* Its memory is nobody else's. */
    check_fault(INIT(1) "st.shared.u8 [B+7], %h0;",
                "write of shared memory at 7, where an mbarrier is");
    check_fault("mbarrier.init.shared.b64 [B+8], 1; ld.shared.v4.u32 {%r1, %r2, %r3, %r4}, [B];",
                "read of shared memory at 0, where an mbarrier is");
    check_fault(INIT(1) "atom.shared.add.u32 %r1, [B], 1;",
                "atomic access of shared memory at 0, where an mbarrier is");
    check_fault(INIT(1) "cp.async.ca.shared.global [B+4], [%in], 4;",
                "write of shared memory at 4, where an mbarrier is");
    check_fault(INIT(1) "cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [B], [%in], "
                        "16, [B];",
                "write of shared memory at 0, where an mbarrier is");
}
END_TEST

START_TEST(a_block_has_up_to_32_mbarriers_at_a_time)
{
    static const char body[] = ".shared .align 8 .b8 B[512]; mov.u32 %%r1, B; mov.u32 %%r2, 0;\n"
                               "LOOP: mbarrier.init.shared.b64 [%%r1], 1; %s\n"
                               "add.u32 %%r1, %%r1, 8; add.u32 %%r2, %%r2, 1;\n"
                               "setp.lt.u32 %%p1, %%r2, %u; @%%p1 bra LOOP;";
    char text[1024];

    (void)snprintf(text, sizeof text, body, "", 32u);
    bench_runs(text, 1);
    (void)snprintf(text, sizeof text, body, "", 33u);
    bench_fails(text, 1, "more than 32 mbarriers in a block");
    (void)snprintf(text, sizeof text, body, "mbarrier.inval.shared.b64 [%r1];", 64u);
    bench_runs(text, 1);
}
END_TEST

START_TEST(counts_have_limits)
{
    check_fault(INIT(2) ARRIVE "mbarrier.arrive.shared.b64 _, [B], 2;",
                "2 arrivals at the mbarrier at 0, of 1 that are pending");
    check_fault(INIT(1) "mbarrier.arrive.shared.b64 _, [B], 0;", "0 arrivals at the mbarrier");
    check_fault(INIT(1) EXPECT(16) ARRIVE ARRIVE,
                "1 arrivals at the mbarrier at 0, of 0 that are pending");
    check_fault(INIT(1) EXPECT(0xfffff) EXPECT(1),
                "tx-count 1048576 of the mbarrier at 0, beyond 1048575 either way");
    check_fault(INIT(1) COMPLETE(0xfffff) COMPLETE(1), "tx-count -1048576 of the mbarrier at 0");
    check_fault(INIT(1) COMPLETE(-1), "tx-count -4294967295 of the mbarrier at 0");
    check_fault(INIT(0xfffff) "cp.async.mbarrier.arrive.shared.b64 [B];",
                "more than 1048575 arrivals at the mbarrier at 0");
    check_fault(INIT(1) "mbarrier.test_wait.parity.shared.b64 %p1, [B], 2;", "parity 2 of a phase");
    check_fault(INIT(1) "mov.u64 %d1, 0; mbarrier.test_wait.shared.b64 %p1, [B], %d1;",
                "0x0 is no state of the mbarrier at 0");
    check_fault(INIT(1) "mbarrier.init.shared.b64 [B+8], 1; mbarrier.arrive.shared.b64 %d1, [B+8];"
                        "mbarrier.test_wait.shared.b64 %p1, [B], %d1;",
                "is no state of the mbarrier at 0");
    check_fault(INIT(1) "mbarrier.arrive.shared.b64 %d1, [B];" ARRIVE
                        "mbarrier.test_wait.shared.b64 %p1, [B], %d1;",
                "state of phase 0 of the mbarrier at 0, which is in phase 2");
}
END_TEST

START_TEST(instructions_have_a_form)
{
    static const bench_refusal rows[] = {
        { "mbarrier.init.shared.b32 [%r1], 1;", "needs .b64" },
        { "mbarrier.init.shared.b64 [%r1];", "the number of operands is wrong" },
        { "mbarrier.init.shared.b64 [%r1], 1, 2;", "the number of operands is wrong" },
        { "mbarrier.init.shared.b64 %r1, 1;", "an address is missing" },
        { "mbarrier.init.global.b64 [%in], 1;", "not with this space" },
        { "mbarrier.inval.shared.b64 [%r1], 1;", "the number of operands is wrong" },
        { "mbarrier.inval.shared.b64;", "the number of operands is wrong" },
        { "mbarrier.arrive.shared.b64;", "the number of operands is wrong" },
        { "mbarrier.arrive.shared.b64 _, [%r1], 1, 2;", "the number of operands is wrong" },
        { "mbarrier.arrive.noComplete.shared.b64 %d1, [%r1];", "the number of operands is wrong" },
        { "mbarrier.arrive.expect_tx.shared.b64 %d1, [%r1];", "the number of operands is wrong" },
        { "mbarrier.arrive.acquire.shared.b64 _, [%r1];", "modifier '.acquire' is not supported" },
        { "mbarrier.arrive_drop.shared.b64 _, [%r1];", "is not supported" },
        { "mbarrier.test_wait.shared.b64 %p1, [%r1], %d1, 5;", "the number of operands is wrong" },
        { "mbarrier.try_wait.shared.b64 %p1, [%r1];", "the number of operands is wrong" },
        { "mbarrier.try_wait.shared.b64 %p1, [%r1], %d1, 5, 6;",
          "the number of operands is wrong" },
        { "mbarrier.expect_tx.shared.b64 [%r1];", "the number of operands is wrong" },
        { "mbarrier.complete_tx.shared.b64 [%r1];", "the number of operands is wrong" },
        { "mbarrier.pending_count.b32 %r1, %d1;", "needs .b64" },
        { "mbarrier.pending_count.b64 %r1;", "the number of operands is wrong" },
        { "cp.async.mbarrier.b64 [%r1];", "needs .arrive and an address" },
        { "cp.async.mbarrier.arrive.b64 [%r1], 1;", "needs .arrive and an address" },
        { "cp.async.mbarrier.arrive.shared.b32 [%r1];", "needs .b64" },
        { "fence.mbarrier_init.release.cta;", "needs .release.cluster" },
        { "fence.mbarrier_init.cluster;", "needs .release.cluster" },
        { "fence.proxy.global;", "needs .alias or .async" },
        { "fence.proxy.tensormap::generic.release.gpu;", "needs .alias or .async" },
    };

    BENCH_CHECK_REFUSALS(rows);
}
END_TEST

START_TEST(waits_that_nobody_can_end_are_named)
{
    static const char *const waits[] = {
        TWO_WARPS AWAIT("W", "B", "0"),
        TWO_WARPS ARRIVE AWAIT("W", "B", "0") AWAIT("V", "B", "1"),
        TWO_WARPS "@%p1 bra END;" ARRIVE AWAIT("W", "B", "0") "END:",
    };

    bench_fails(waits[0], 64,
                "deadlock: warp 0 waits at the mbarrier at 0 (phase 0, 64 of 64 arrivals pending, "
                "tx-count 0), warp 1 waits at the mbarrier at 0 (phase 0, 64 of 64 arrivals "
                "pending, tx-count 0) at PTX line");
    bench_fails(waits[1], 64, "(phase 1, 64 of 64 arrivals pending, tx-count 0)");
    bench_fails(waits[2], 64, "(phase 0, 1 of 64 arrivals pending, tx-count 0)");
    /* A warp at a barrier waits, too. */
    bench_fails(TWO_WARPS "setp.ge.u32 %p2, %r0, 32; @%p2 bra W; bar.sync 1; bra END;\n" AWAIT(
                    "W", "B", "0") "bar.sync 1; END:",
                64,
                "deadlock: warp 0 waits at barrier 1 (32 of 0 threads), warp 1 waits at the "
                "mbarrier at 0");
    /* Of a warp, who waits. */
    bench_fails(TWO_WARPS "setp.eq.u32 %p2, %r0, 37; @!%p2 bra END;\n" AWAIT("W", "B", "0") "END:",
                64, "thread (37, 0, 0)");
    /* Many of them, with long numbers: as far as there is room. */
    bench_fails(".shared .align 16 .b8 B[40016]; setp.eq.u32 %p1, %r0, 0; mov.u32 %r1, B;\n"
                "@%p1 mbarrier.init.shared.b64 [%r1+40000], 0xfffff;\n"
                "@%p1 mbarrier.complete_tx.shared.b64 [%r1+40000], 0xfffff; bar.sync 0;\n" AWAIT(
                    "W", "%r1+40000", "0"),
                1024,
                "warp 0 waits at the mbarrier at 40000 (phase 0, 1048575 of 1048575 arrivals "
                "pending, tx-count -1048575)");
    /* Bytes that never come. */
    bench_fails(TWO_WARPS "@%p1 mbarrier.expect_tx.shared.b64 [B], 48;" ARRIVE AWAIT("W", "B", "0"),
                64, "(phase 0, 0 of 64 arrivals pending, tx-count 48)");
}
END_TEST

/* Who tries 250 times and then gives up is not stuck. */
START_TEST(waits_may_end_without_success)
{
    bench_runs(TWO_WARPS "mov.u32 %r6, 0;\n"
                         "W: mbarrier.test_wait.parity.shared.b64 %p2, [B], 0;\n"
                         "add.u32 %r6, %r6, 1; setp.eq.and.u32 %p3, %r6, 250, %p1;\n"
                         "@%p3 mbarrier.arrive.shared.b64 _, [B]; setp.lt.u32 %p3, %r6, 500;\n"
                         "@%p3 bra W;",
               64);
    /* Warp 1 takes its time, in more turns than others wait, and then arrives, or ends it. */
#define SLOWLY(END)                                                                     \
    TWO_WARPS "setp.ge.u32 %p2, %r0, 32; mov.u32 %r6, 0; @%p2 bra SLEEP;" ARRIVE AWAIT( \
        "W", "B", "0") "bra END;\nSLEEP: nanosleep.u32 20; add.u32 %r6, %r6, 1;\n"      \
                       "setp.lt.u32 %p3, %r6, 300; @%p3 bra SLEEP;\n" END "END:"
    bench_runs(SLOWLY(ARRIVE), 64);
    bench_kernel kernel = bench_kernel_of(
        SLOWLY("setp.eq.u32 %p2, %r0, 32; @%p2 mbarrier.inval.shared.b64 [B];"), 64);
    ptx_report report;

    ck_assert(!bench_run(&kernel, &report)); /* races are not looked for */
    ck_assert_ptr_nonnull(strstr(report.text, "there is no mbarrier at 0"));
    /* Lanes of a warp wait for what another lane of it does in time. */
    bench_runs(".shared .align 16 .b8 B[16]; setp.eq.u32 %p1, %r0, 31; mov.u32 %r6, 0;\n"
               "@%p1 mbarrier.init.shared.b64 [B], 1; bar.sync 0; @%p1 bra WORK;\n" AWAIT(
                   "W", "B", "0") "bra END;\nWORK: add.u32 %r6, %r6, 1;\n"
                                  "setp.lt.u32 %p2, %r6, 300; @%p2 bra WORK;" ARRIVE "END:",
               32);
    /* And halves of a warp in turn: one for warp 1, the other one for that half. */
#define FOR_WARP AWAIT("W", "B", "0") "mbarrier.arrive.shared.b64 _, [B+8]; bra END;\n"
#define FOR_HALF AWAIT("V", "B+8", "0") "bra END;\n"
#define HALVES(FIRST, SECOND)                                                                      \
    ".shared .align 16 .b8 B[16]; mov.u32 %r6, 0; setp.eq.u32 %p1, %r0, 0;\n"                      \
    "@%p1 mbarrier.init.shared.b64 [B], 32; @%p1 mbarrier.init.shared.b64 [B+8], 16; bar.sync 0;"  \
    "setp.ge.u32 %p2, %r0, 32; @%p2 bra SLEEP; setp.lt.u32 %p3, %r0, 16; @%p3 bra SECOND;\n" FIRST \
    "SECOND:" SECOND "SLEEP: nanosleep.u32 20; add.u32 %r6, %r6, 1; setp.lt.u32 %p3, %r6, 100;\n"  \
    "@%p3 bra SLEEP;" ARRIVE "END:"
    bench_runs(HALVES(FOR_WARP, FOR_HALF), 64);
    bench_runs(HALVES(FOR_HALF, FOR_WARP), 64);
    /* Each block waits anew: of the first one warps 0 and 1 for warp 2, of the second one warp 0
     * for warp 1. */
    kernel = bench_kernel_of(
        ".shared .align 16 .b8 B[16]; mov.u32 %r1, %ctaid.x; mov.u32 %r6, 0; shr.u32 %r2, %r0, 5;\n"
        "setp.eq.u32 %p1, %r0, 0; @%p1 mbarrier.init.shared.b64 [B], 32; bar.sync 0;\n"
        "add.u32 %r3, %r2, %r1; setp.eq.u32 %p2, %r3, 2; @%p2 bra SLEEP;\n"
        "setp.gt.u32 %p2, %r3, 2; @%p2 bra END;\n" AWAIT(
            "W", "B",
            "0") "bra END;\n"
                 "SLEEP: nanosleep.u32 20; add.u32 %r6, %r6, 1; setp.lt.u32 %p3, %r6, 300;\n"
                 "@%p3 bra SLEEP;" ARRIVE "END:",
        96);
    kernel.grid[0] = 2;
    ck_assert_msg(bench_run(&kernel, &report), "%s", report.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx mbarriers");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, phases_are_done_when_all_have_arrived);
    tcase_add_test(tcase, states_tell_what_was_pending);
    tcase_add_test(tcase, phases_await_their_transactions);
    tcase_add_test(tcase, mbarriers_are_begun_once_and_used_between_begin_and_end);
    tcase_add_test(tcase, a_block_has_up_to_32_mbarriers_at_a_time);
    tcase_add_test(tcase, counts_have_limits);
    tcase_add_test(tcase, instructions_have_a_form);
    tcase_add_test(tcase, waits_that_nobody_can_end_are_named);
    tcase_add_test(tcase, waits_may_end_without_success);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
