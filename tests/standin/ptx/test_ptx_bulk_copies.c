/* cp.async.bulk: what it copies and when, and what it may not meet. */
#include "standin/ptx/mbarrier_text.h"
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <string.h>

static void check_either(const bench_kernel *kernel, const char *text, const char *or_text)
{
    const char *const texts[] = { text, or_text, NULL };

    bench_check_fails_with(kernel, texts);
}

/* Threads write a tile of shared memory, which the first one copies out; then it is used again. */
#define STORED(AFTER_WRITE, BEFORE_COPY, WAIT, AFTER)                                             \
    ".shared .align 16 .b8 S[256]; mov.u32 %r1, S; shl.b32 %r2, %r0, 2; add.u32 %r3, %r1, %r2;\n" \
    "setp.eq.u32 %p1, %r0, 0; add.u32 %r4, %r0, 7; st.shared.u32 [%r3], %r4;\n" AFTER_WRITE       \
    "\nbar.sync 0; @!%p1 bra OTHERS;\n" BEFORE_COPY STORE "[%out], [S], 256;\n" WAIT              \
    "\nOTHERS: " AFTER

static void check_stored(const char *body)
{
    const bench_kernel kernel = bench_kernel_of(body, BENCH_WORDS);
    uint32_t expected[BENCH_WORDS];

    for (uint32_t k = 0; k < BENCH_WORDS; ++k) {
        expected[k] = k + 7;
    }
    bench_check_schedules(&kernel, expected);
}

START_TEST(stores_take_what_was_written_before_their_fence)
{
    check_stored(STORED("fence.proxy.async.shared::cta;", "",
                        COMMIT "cp.async.bulk.wait_group.read 0;",
                        "bar.sync 0; st.shared.u32 [%r3], 0;"));
    check_stored(STORED("fence.proxy.async;", "", COMMIT "cp.async.bulk.wait_group 0;",
                        "bar.sync 0; st.shared.u32 [%r3], 0;"));
    /* Written again between the wait for the reads and that for the writes. */
    check_stored(STORED("fence.proxy.async;", "", COMMIT "cp.async.bulk.wait_group.read 0;",
                        "bar.sync 0; st.shared.u32 [%r3], 0; bar.sync 0;\n"
                        "@%p1 cp.async.bulk.wait_group 0;"));
    /* The fence may come later on the way, by who copies. */
    check_stored(STORED("", "fence.proxy.async.shared::cta;",
                        COMMIT "cp.async.bulk.wait_group.read 0;", "bar.sync 0;"));
    /* Each lane's own fence counts. */
    check_stored(STORED("and.b32 %r5, %r0, 1; setp.eq.u32 %p2, %r5, 0; @%p2 fence.proxy.async;\n"
                        "@!%p2 fence.proxy.async;",
                        "", COMMIT "cp.async.bulk.wait_group.read 0;", ""));
    /* Not by one of those who wrote, nor before the write, nor for other memory. */
    bench_fails(STORED("", "", COMMIT "cp.async.bulk.wait_group 0;", ""), 64,
                "bulk copy of shared 0x0, written by thread 0 at PTX line 12, with no "
                "fence.proxy.async between at PTX line 15");
    bench_fails(STORED("@%p1 fence.proxy.async;", "", COMMIT "cp.async.bulk.wait_group 0;", ""), 64,
                "bulk copy of shared 0x0, written by thread 1 at PTX line 12, with no fence");
    bench_fails(STORED("fence.proxy.async.global;", "", COMMIT "cp.async.bulk.wait_group 0;", ""),
                64, "with no fence.proxy.async between");
    bench_fails(STORED("fence.proxy.alias;", "", COMMIT "cp.async.bulk.wait_group 0;", ""), 64,
                "with no fence.proxy.async between");
    bench_fails(STORED("membar.gl;", "", COMMIT "cp.async.bulk.wait_group 0;", ""), 64,
                "with no fence.proxy.async between");
    /* A lane that has met the others may fence for its warp. */
    check_stored(STORED("bar.warp.sync -1; and.b32 %r5, %r0, 31; setp.eq.u32 %p2, %r5, 3;\n"
                        "@%p2 fence.proxy.async;",
                        "", COMMIT "cp.async.bulk.wait_group.read 0;", ""));
}
END_TEST

START_TEST(loads_take_what_was_written_before_their_fence)
{
#define WRITTEN(FENCE)                                                                         \
    ".shared .align 16 .b8 S[16]; .shared .align 8 .b8 B[8]; mbarrier.init.shared.b64 [B], 1;" \
    "fence.mbarrier_init.release.cluster; st.global.u32 [%out], 7;" FENCE                      \
    "mbarrier.arrive.expect_tx.shared.b64 _, [B], 16;\n" LOAD "[S], [%out], 16, [B];\n" AWAIT( \
        "W", "B", "0") "ld.shared.u32 %r1, [S]; st.global.u32 [%out+16], %r1;"
    static const char *const good[] = { WRITTEN("fence.proxy.async;"),
                                        WRITTEN("fence.proxy.async.global;") };
    static const char *const bad[] = { WRITTEN(""), WRITTEN("fence.proxy.async.shared::cta;"),
                                       WRITTEN("fence.proxy.alias;") };
    const uint32_t expected[BENCH_WORDS] = { 7, 0, 0, 0, 7 };

    for (size_t k = 0; k < sizeof good / sizeof *good; ++k) {
        const bench_kernel kernel = bench_kernel_of(good[k], 1);

        bench_check_schedules(&kernel, expected);
    }
    for (size_t k = 0; k < sizeof bad / sizeof *bad; ++k) {
        bench_fails(bad[k], 1, "with no fence.proxy.async between");
    }
}
END_TEST

/* By one lane that has waited alone for those who wrote and fenced. */
START_TEST(stores_take_what_their_lane_knows_of)
{
#define ELECTED(FENCE, STORER)                                                                     \
    ".shared .align 16 .b8 S[128]; .shared .align 8 .b8 B[8]; mov.u32 %r1, S;\n"                   \
    "and.b32 %r2, %r0, 31; shl.b32 %r2, %r2, 2; add.u32 %r3, %r1, %r2; setp.eq.u32 %p1, %r0, 0;\n" \
    "setp.lt.u32 %p2, %r0, 64; setp.eq.u32 %p3, %r0, " STORER ";\n"                                \
    "@%p1 mbarrier.init.shared.b64 [B], 32; bar.sync 0; @%p3 bra STORE; @%p2 bra END;\n"           \
    "st.shared.u32 [%r3], 1;" FENCE ARRIVE "bra END;\n"                                            \
    "STORE:" AWAIT("W", "B", "0") STORE "[%out], [S], 128;" COMMIT                                 \
                                        "cp.async.bulk.wait_group 0;\nEND:"
    bench_runs(ELECTED("fence.proxy.async;", "37"), 96);
    bench_fails(ELECTED("", "37"), 96, "bulk copy of shared 0x0, written by thread 64 at PTX line");
}
END_TEST

/* What cp.async wrote needs a fence, too, by who knows that it is done. */
START_TEST(stores_take_what_other_copies_brought)
{
#define BROUGHT(WAIT, FENCE)                                                                     \
    ".shared .align 16 .b8 S[16]; .shared .align 8 .b8 B[8]; mbarrier.init.shared.b64 [B], 1;\n" \
    "cp.async.cg.shared.global [S], [%in], 16;\n" WAIT FENCE STORE "[%out], [S], 16;" COMMIT     \
    "cp.async.bulk.wait_group 0;"
#define TRACK "cp.async.mbarrier.arrive.noinc.shared.b64 [B];\n" AWAIT("W", "B", "0")
    bench_runs(BROUGHT(TRACK, "fence.proxy.async;"), 1);
    bench_runs(BROUGHT("cp.async.wait_all;", "fence.proxy.async;"), 1);
    bench_fails(BROUGHT(TRACK, ""), 1,
                "bulk copy of shared 0x0, written by an asynchronous copy at PTX line 12, with no "
                "fence.proxy.async between");
    bench_fails(BROUGHT("cp.async.wait_all;", ""), 1,
                "bulk copy of shared 0x0, written by thread 0 at PTX line 13, with no fence");
    bench_fails(BROUGHT("fence.proxy.async;" TRACK, ""), 1, "with no fence.proxy.async between");
    bench_fails(BROUGHT("", "fence.proxy.async;"), 1, "under way");
}
END_TEST

START_TEST(stores_are_waited_for)
{
    /* Shared memory is written, or the block ends, before the copy has read it. */
    bench_fails(STORED("fence.proxy.async;", "", "", "bar.sync 0; st.shared.u32 [%r3], 0;"), 64,
                "where an asynchronous copy is under way");
    bench_fails(STORED("fence.proxy.async;", "", COMMIT "cp.async.bulk.wait_group.read 1;",
                       "bar.sync 0; st.shared.u32 [%r3], 0;"),
                64, "where an asynchronous copy is under way");
    bench_fails(STORED("fence.proxy.async;", "", "cp.async.bulk.wait_group 0;",
                       "bar.sync 0; st.shared.u32 [%r3], 0;"),
                64, "where an asynchronous copy is under way");
    bench_fails(STORED("fence.proxy.async;", "", "cp.async.commit_group; cp.async.wait_all;",
                       "bar.sync 0; st.shared.u32 [%r3], 0;"),
                64, "where an asynchronous copy is under way");
    bench_fails(STORED("fence.proxy.async;", "", COMMIT, ""), 64,
                "the block ends while its bulk copy from shared memory is under way");
    /* Without a barrier the others do not know of the wait. */
    bench_fails(STORED("fence.proxy.async;", "", COMMIT "cp.async.bulk.wait_group.read 0;",
                       "st.shared.u32 [%r3], 0;"),
                64, "shared");
    /* It is the thread that copies who is told of. */
    static const char *const texts[] = { "thread (40, 0, 0)", "with thread 40 of the block",
                                         "under way", NULL };
    const bench_kernel kernel =
        bench_kernel_of(".shared .align 16 .b8 S[256]; mov.u32 %r1, S; shl.b32 %r2, %r0, 2;\n"
                        "add.u32 %r3, %r1, %r2; setp.eq.u32 %p1, %r0, 40; bar.sync 0;\n@%p1 " STORE
                        "[%out], [S], 256; @%p1 " COMMIT "@%p1 cp.async.bulk.wait_group.read 0;\n"
                        "st.shared.u32 [%r3], 0;",
                        BENCH_WORDS);

    bench_check_fails_with(&kernel, texts);
    /* Shared memory may be read meanwhile; what is copied to may not be. */
    check_stored(STORED("fence.proxy.async;", "",
                        "ld.shared.u32 %r5, [S+128];" COMMIT "cp.async.bulk.wait_group.read 0;",
                        ""));
    bench_fails(STORED("fence.proxy.async;", "",
                       COMMIT "cp.async.bulk.wait_group.read 0; ld.global.u32 %r5, [%out+252];",
                       ""),
                64, "read of global memory at 0x");
    check_stored(STORED("fence.proxy.async;", "",
                        COMMIT "cp.async.bulk.wait_group 0; ld.global.u32 %r5, [%out+252];", ""));
}
END_TEST

/* One thread loads 64 bytes of %in, or of %out if that is written, and waits. */
#define LOADED(AFTER_COPY, AFTER)                                                                \
    ".shared .align 16 .b8 S[128]; .shared .align 8 .b8 B[8]; setp.eq.u32 %p1, %r0, 0;\n"        \
    "setp.eq.u32 %p2, %r0, 32; @%p1 mbarrier.init.shared.b64 [B], 1;\n"                          \
    "fence.proxy.async; bar.sync 0; @!%p1 bra OTHERS;\n"                                         \
    "mbarrier.arrive.expect_tx.shared.b64 _, [B], 64;\n" LOAD "[S], [%out], 64, [B];" AFTER_COPY \
    "\nOTHERS:" AFTER

static void check_load(const char *body, const char *text, const char *or_text)
{
    const bench_kernel kernel = bench_kernel_of(body, 64);

    check_either(&kernel, text, or_text);
}

START_TEST(loads_are_known_to_those_who_have_waited)
{
    bench_runs(LOADED(AWAIT("W", "B", "0") "ld.shared.u32 %r5, [S+60];", ""), 64);
    bench_runs(LOADED("", AWAIT("W", "B", "0") "ld.shared.u32 %r5, [S+60];"), 64);
    bench_runs(LOADED("", AWAIT("W", "B",
                                "0") "and.b32 %r2, %r0, 15; shl.b32 %r2, %r2, 2; mov.u32 %r1, S;\n"
                                     "add.u32 %r1, %r1, %r2; ld.shared.u32 %r5, [%r1];"),
               64);
    bench_runs(LOADED(AWAIT("W", "B", "0"), "bar.sync 0; ld.shared.u32 %r5, [S+60];"), 64);
    bench_runs(LOADED("", "ld.shared.u32 %r5, [S+64]; ld.global.u32 %r6, [%out+60];\n"
                          "@%p1 st.global.u32 [%out+64], 1;" AWAIT("W", "B", "0")),
               64);
    bench_runs(LOADED(AWAIT("W", "B", "0") "st.global.u32 [%out+60], 1; st.shared.u32 [S], 1;", ""),
               64);
    /* Nobody has waited, or another thread. */
    check_load(LOADED("ld.shared.u32 %r5, [S+60];", ""), "race (read after write)", "under way");
    check_load(LOADED("", "bar.sync 0; ld.shared.u32 %r5, [S+60];"),
               "race (read after write) on shared 0x3c with the asynchronous copy at PTX line 15",
               "read of shared memory at 60, where an asynchronous copy is under way");
    check_load(LOADED("", "bar.sync 0; @%p1 st.shared.u32 [S+60], 1;"), "race (write after write)",
               "write of shared memory at 60, where an asynchronous copy is under way");
    check_load(LOADED("", "bar.sync 0; @%p1 st.global.u32 [%out+60], 1;"),
               "race (write after read) on global", "write of global memory at 0x");
    check_load(LOADED("", "bar.sync 0;\n@%p1 cp.async.ca.shared.global [S+60], [%in], 4;"),
               "race (write after write)", "write of shared memory at 60, where an asynchronous");
    check_load(LOADED("", "bar.sync 0;\n@%p2 mbarrier.expect_tx.shared.b64 [B], 16;\n@%p2 " LOAD
                          "[S+48], [%in], 16, [B];"),
               "race (write after write)", "write of shared memory at 48, where an asynchronous");
    check_load(LOADED(AWAIT("W", "B", "0"), "@%p2 ld.shared.u32 %r5, [S+60];"), "race (",
               "under way");
    /* Others have read it meanwhile, of the same warp or of another one. */
    check_load(LOADED("", "bar.sync 0; @%p2 ld.global.u32 %r5, [%out]; bar.sync 0;\n"
                          "@%p2 st.global.u32 [%out], 1;" AWAIT("W", "B", "0")),
               "race (write after read) on global", "write of global memory at 0x");
    check_load(LOADED("", "setp.eq.u32 %p3, %r0, 1; @%p3 ld.global.u32 %r5, [%out]; bar.sync 0;\n"
                          "@%p2 st.global.u32 [%out], 1;" AWAIT("W", "B", "0")),
               "race (write after read) on global", "write of global memory at 0x");
    /* Before it began. */
    check_load(LOADED("", "@%p2 st.shared.u32 [S], 1;" AWAIT("W", "B", "0")), "race (",
               "under way");
}
END_TEST

/* By a thread that does not know of the mbarrier's beginning. */
START_TEST(loads_signal_an_mbarrier_that_their_thread_knows)
{
    check_load(".shared .align 16 .b8 S[128]; .shared .align 8 .b8 B[8]; setp.eq.u32 %p1, %r0, 0;\n"
               "setp.eq.u32 %p2, %r0, 41; @%p1 mbarrier.init.shared.b64 [B], 1;\n"
               "fence.proxy.async; @%p2 " LOAD "[S], [%in], 16, [B];",
               "race (read after write) on shared 0x80 with thread 0 of the block",
               "there is no mbarrier at 128");
    /* By one that knows of it, but with no fence. */
    bench_fails(".shared .align 16 .b8 S[128]; .shared .align 8 .b8 B[8];\n"
                "setp.eq.u32 %p1, %r0, 0; setp.eq.u32 %p2, %r0, 41;\n"
                "@%p1 mbarrier.init.shared.b64 [B], 1; bar.sync 0; @%p2 " LOAD
                "[S], [%in], 16, [B];",
                64, "thread (41, 0, 0)");
}
END_TEST

/* Early copies are done at once, which nobody knows who has not waited; late ones when it is too
 * late. */
START_TEST(loads_are_done_early_or_late)
{
    static const char *const texts[] = {
        [PTX_COPY_LATE] = "read of shared memory at 60, where an asynchronous copy is under way",
        [PTX_COPY_EARLY] = "race (read after write) on shared 0x3c with the asynchronous copy at",
    };

    for (uint32_t copies = 0; copies < 2; ++copies) {
        bench_kernel kernel =
            bench_kernel_of(LOADED("", "bar.sync 0; @%p2 ld.shared.u32 %r5, [S+60];"), 64);
        ptx_report report;

        kernel.schedule = (ptx_schedule){ .copies = (ptx_copy_time)copies, .finds_races = true };
        ck_assert(!bench_run(&kernel, &report));
        ck_assert_msg(strstr(report.text, texts[copies]) != NULL, "%s", report.text);
        ck_assert_msg(strstr(report.text, "thread (32, 0, 0)") != NULL, "%s", report.text);
    }
}
END_TEST

START_TEST(what_is_under_way_ends_before_its_block_and_its_mbarrier)
{
    bench_kernel kernel = bench_kernel_of(LOADED("", ""), 64);

    bench_check_fails_sometimes(&kernel,
                                "the block ends while its bulk copy to shared memory is under way");
    kernel.body = LOADED("mbarrier.inval.shared.b64 [B];", "");
    bench_check_fails_sometimes(&kernel, "the mbarrier at 128 is awaited by an asynchronous copy");
    bench_runs(LOADED(AWAIT("W", "B", "0") "mbarrier.inval.shared.b64 [B];", ""), 64);
}
END_TEST

static void check_fault(const char *code, const char *text)
{
    char body[2048];

    (void)snprintf(body, sizeof body,
                   ".shared .align 16 .b8 S[128]; .shared .align 8 .b8 B[8]; mov.u32 %%r1, S;\n"
                   "mbarrier.init.shared.b64 [B], 1; fence.proxy.async; mov.u32 %%r2, 24;\n%s",
                   code);
    bench_fails(body, 1, text);
}

START_TEST(addresses_and_sizes_are_whole)
{
    bench_runs(".shared .align 16 .b8 S[128]; .shared .align 8 .b8 B[8];\n"
               "mbarrier.init.shared.b64 [B], 1; fence.proxy.async; mov.u32 %r1, 0;\n" LOAD
               "[S], [%in], %r1, [B];\n" STORE "[%out], [S], %r1;\n"
               "mbarrier.arrive.shared.b64 _, [B];" AWAIT("W", "B", "0"),
               1);
    /* With a policy for the second cache, which is not looked at. */
    bench_runs(".shared .align 16 .b8 S[16]; .shared .align 8 .b8 B[8]; mov.u64 %d1, 0;\n"
               "mbarrier.init.shared.b64 [B], 1; fence.proxy.async;\n"
               "mbarrier.arrive.expect_tx.shared.b64 _, [B], 16;\n"
               "cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes.L2::cache_hint [S], "
               "[%in], 16, [B], %d1;" AWAIT("W", "B", "0"),
               1);
    check_fault(LOAD "[S+8], [%in], 16, [B];",
                "misaligned bulk copy of 16 bytes between global 0x");
    check_fault(LOAD "[S], [%in+8], 16, [B];", "misaligned bulk copy of 16 bytes");
    check_fault(LOAD "[S], [%in], %r2, [B];", "misaligned bulk copy of 24 bytes");
    check_fault(STORE "[%out+8], [S], 16;", "misaligned bulk copy of 16 bytes");
    check_fault(LOAD "[S+112], [%in], 48, [B];", "48 bytes at 112 of shared memory, which has 136");
    check_fault(LOAD "[S], [%in+240], 32, [B];", "global read of 32 bytes at 0x");
    check_fault(STORE "[%in], [S], 16;", "global write of 16 bytes at 0x");
    check_fault("mov.u64 %d1, 0;" STORE "[%d1], [S], 16;", "global write of 16 bytes at 0x0");
    check_fault("mbarrier.init.shared.b64 [S+24], 1;" LOAD "[S], [%in], 32, [B];",
                "write of shared memory at 0, where an mbarrier is");
    check_fault(STORE "[%out], [S], 16;" STORE "[%out], [S+16], 16;",
                "write of global memory at 0x");
    bench_fails(".shared .align 16 .b8 S[16]; setp.eq.u32 %p1, %r0, 0;\n@%p1 " STORE
                "[%out], [S], 16;\n@!%p1 " STORE "[%out], [S], 16;",
                2, "write of global memory at 0x");
    check_fault("cp.async.ca.shared.global [S], [%in], 16;" STORE "[%out], [S], 16;",
                "read of shared memory at 0, where an asynchronous copy is under way");
    check_fault(STORE "[%out], [S], 16; cp.async.ca.shared.global [S+16], [%out], 16;",
                "read of global memory at 0x");
}
END_TEST

START_TEST(copies_have_a_form)
{
    static const bench_refusal rows[] = {
        { "cp.async.bulk.tensor.2d.shared::cta.global.mbarrier::complete_tx::bytes [%r1], [%in, "
          "{%r2, %r3}], [%r4];",
          "addresses with coordinates are not supported" },
        { "cp.async.bulk.tensor.1d.global.shared::cta [%out], [%r1];",
          "tensor maps are not supported" },
        { "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
          "[%r1], [%in], 16, [%r2], %h1;",
          "clusters of more than one block are not supported" },
        { "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%r1], [%r3], "
          "16, [%r2];",
          "needs .shared::cluster or ::cta, .global and .mbarrier::complete_tx::bytes, or" },
        { "cp.async.bulk.global.shared::cta.mbarrier::complete_tx::bytes [%out], [%r3], 16, [%r2];",
          "needs .shared::cluster or ::cta, .global" },
        { "cp.async.bulk.shared::cta.global.bulk_group [%r1], [%in], 16;",
          "needs .shared::cluster or ::cta, .global" },
        { "cp.async.bulk.global.shared::cta [%out], [%r1], 16;",
          "needs .shared::cluster or ::cta, .global" },
        { "cp.async.bulk.prefetch.L2.global [%in], 16;",
          "needs .shared::cluster or ::cta, .global" },
        { "cp.async.bulk.global.shared::cta.bulk_group.cp_mask [%out], [%r1], 16, %h1;",
          "the number of operands is wrong" },
        { "cp.async.bulk.global.shared::cta.bulk_group.cp_mask [%out], [%r1], 16;",
          "modifier '.cp_mask' is not supported" },
        { "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%out], [%r1], 16;",
          "needs .shared::cluster or ::cta, .global" },
        { LOAD "[%r1], [%in], 16;", "the number of operands is wrong" },
        { LOAD "[%r1], [%in], 16, [%r2], %d1;", "the number of operands is wrong" },
        { LOAD "[%r1], [%in], 16, %r2;", "an address is missing" },
        { STORE "[%out], [%r1];", "the number of operands is wrong" },
        { STORE "[%out], %r1, 16;", "an address is missing" },
        { "cp.async.bulk.wait_group %r1;", "an operand has to be a number" },
    };

    BENCH_CHECK_REFUSALS(rows);
}
END_TEST

/* Each of 64 threads copies a word and reads that of another warp. */
#define TRACKED(COUNT, ARRIVE, WAIT)                                                           \
    ".shared .align 16 .b8 S[256]; .shared .align 8 .b8 B[8]; .shared .align 16 .b8 U[256];\n" \
    "mov.u32 %r1, S; shl.b32 %r2, %r0, 2; add.u32 %r3, %r1, %r2; xor.b32 %r4, %r2, 128;\n"     \
    "add.u32 %r4, %r4, %r1; mul.wide.u32 %d1, %r0, 4; add.u64 %d2, %d1, %in;\n"                \
    "add.u64 %d1, %d1, %out; mov.u32 %r5, U; add.u32 %r5, %r5, %r2;\n"                         \
    "setp.eq.u32 %p1, %r0, 0; @%p1 mbarrier.init.shared.b64 [B], " #COUNT "; bar.sync 0;\n"    \
    "cp.async.ca.shared.global [%r3], [%d2], 4;\n" ARRIVE "\n" WAIT                            \
    "ld.shared.u32 %r6, [%r4]; st.global.u32 [%d1], %r6;"

START_TEST(mbarriers_track_copies_of_threads)
{
#define NOINC "cp.async.mbarrier.arrive.noinc.shared.b64 [B];"
#define INC   "cp.async.mbarrier.arrive.shared::cta.b64 [B]; mbarrier.arrive.shared.b64 _, [B];"
    uint32_t expected[BENCH_WORDS];
    bench_kernel kernel = bench_kernel_of(TRACKED(64, NOINC, AWAIT("W", "B", "0")), BENCH_WORDS);
    uint32_t in[BENCH_WORDS];

    for (uint32_t k = 0; k < BENCH_WORDS; ++k) {
        in[k] = 3 * k;
        expected[k] = 3 * (k ^ 32);
    }
    kernel.in = in;
    bench_check_schedules(&kernel, expected);
    kernel.body = TRACKED(64, INC, AWAIT("W", "B", "0"));
    bench_check_schedules(&kernel, expected);
    kernel.body = TRACKED(128, NOINC "mbarrier.arrive.shared.b64 _, [B];", AWAIT("W", "B", "0"));
    bench_check_schedules(&kernel, expected);
    /* One by one what is missing. */
    kernel.body = TRACKED(64, NOINC, "");
    check_either(&kernel, "race (", "under way");
    kernel.body = TRACKED(64, "mbarrier.arrive.shared.b64 _, [B];", AWAIT("W", "B", "0"));
    bench_check_fails(&kernel, "read of shared memory at");
    kernel.body = TRACKED(64, "cp.async.wait_all;", AWAIT("W", "B", "0"));
    bench_check_fails(&kernel, "deadlock: warp 0 waits at the mbarrier at 256");
    kernel.body = TRACKED(64, "cp.async.mbarrier.arrive.shared.b64 [B];", AWAIT("W", "B", "0"));
    bench_check_fails(&kernel, "deadlock: warp 0 waits at the mbarrier at 256 (phase 0,");
    kernel.body = TRACKED(63, NOINC, AWAIT("W", "B", "0"));
    check_either(&kernel, "race (", "under way");
    /* What the threads themselves wrote is not theirs to know. */
    kernel.body = TRACKED(
        64, "st.shared.u32 [%r5], 1;" NOINC,
        AWAIT("W", "B", "0") "xor.b32 %r7, %r2, 128; mov.u32 %r5, U; add.u32 %r5, %r5, %r7;\n"
                             "ld.shared.u32 %r7, [%r5];");
    bench_check_fails(&kernel, "race (");
    /* Copies that begin after the arrival are not tracked by it. */
    kernel.body =
        TRACKED(64, NOINC "add.u32 %r5, %r5, 0; cp.async.ca.shared.global [%r5], [%d2], 4;",
                AWAIT("W", "B", "0") "ld.shared.u32 %r7, [%r5];");
    bench_check_fails(&kernel, "under way");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx bulk copies");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, stores_take_what_was_written_before_their_fence);
    tcase_add_test(tcase, loads_take_what_was_written_before_their_fence);
    tcase_add_test(tcase, stores_take_what_their_lane_knows_of);
    tcase_add_test(tcase, stores_take_what_other_copies_brought);
    tcase_add_test(tcase, stores_are_waited_for);
    tcase_add_test(tcase, loads_are_known_to_those_who_have_waited);
    tcase_add_test(tcase, loads_signal_an_mbarrier_that_their_thread_knows);
    tcase_add_test(tcase, loads_are_done_early_or_late);
    tcase_add_test(tcase, what_is_under_way_ends_before_its_block_and_its_mbarrier);
    tcase_add_test(tcase, addresses_and_sizes_are_whole);
    tcase_add_test(tcase, copies_have_a_form);
    tcase_add_test(tcase, mbarriers_track_copies_of_threads);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
