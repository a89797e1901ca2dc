/* Waits for asynchronous copies: by groups, by mbarriers, and what they tell whom. */
#include "standin/ptx/mbarrier_text.h"
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <string.h>

/* A tile that thread 0 stores, and what all do then. */
#define WAITED(AFTER)                                                                             \
    ".shared .align 16 .b8 S[256]; mov.u32 %r1, S; shl.b32 %r2, %r0, 2; add.u32 %r3, %r1, %r2;\n" \
    "setp.eq.u32 %p1, %r0, 0; setp.eq.u32 %p2, %r0, 40;\n@%p1 " STORE                             \
    "[%out], [S], 256;\n@%p1 " COMMIT "bar.sync 0;\n" AFTER

START_TEST(only_what_follows_the_wait_knows_of_it)
{
    const bench_kernel reads =
        bench_kernel_of(WAITED("@%p1 cp.async.bulk.wait_group.read 0; @%p2 st.shared.u32 [%r3], "
                               "0;"),
                        BENCH_WORDS);
    const bench_kernel writes = bench_kernel_of(
        WAITED("@%p1 cp.async.bulk.wait_group 0; @%p2 ld.global.u32 %r4, [%out];"), BENCH_WORDS);

    bench_check_fails_with(
        &reads, (const char *[]){ "race (write after read) on shared 0xa0", "under way", NULL });
    bench_check_fails_with(
        &writes, (const char *[]){ "race (read after write) on global", "under way", NULL });
    bench_runs(WAITED("@%p1 cp.async.bulk.wait_group 0; bar.sync 0; @%p2 st.shared.u32 [%r3], 0;\n"
                      "@%p2 ld.global.u32 %r4, [%out];"),
               BENCH_WORDS);
}
END_TEST

/* What one block did not wait for beyond its reads is nothing to the next one. */
START_TEST(copies_end_with_their_block)
{
    bench_kernel kernel = bench_kernel_of(
        ".shared .align 16 .b8 S[16]; mov.u32 %r1, %ctaid.x; mul.wide.u32 %d1, %r1, 16;\n"
        "add.u64 %d1, %d1, %out; setp.eq.u32 %p1, %r1, 0; st.shared.u32 [S], 7;\n"
        "st.shared.u32 [S+4], 0; st.shared.u32 [S+8], 0; st.shared.u32 [S+12], 0;\n"
        "fence.proxy.async;\n" STORE "[%d1], [S], 16;" COMMIT
        "cp.async.bulk.wait_group.read 0; @!%p1 cp.async.bulk.wait_group 0;",
        1);
    const uint32_t expected[BENCH_WORDS] = { 7, 0, 0, 0, 7 };

    kernel.grid[0] = 2;
    bench_check_schedules(&kernel, expected);
    /* The first of two was read, the second one was not. */
    bench_fails(".shared .align 16 .b8 S[16];\n" STORE "[%out], [S], 16;" COMMIT STORE
                "[%out+16], [S], 16;" COMMIT "cp.async.bulk.wait_group.read 1;",
                1, "the block ends while its bulk copy from shared memory is under way");
}
END_TEST

START_TEST(groups_are_waited_for_in_their_order)
{
    static const char body[] =
        ".shared .align 16 .b8 S[64]; st.shared.u32 [S], 1; st.shared.u32 [S+16], 2;\n"
        "st.shared.u32 [S+32], 3; fence.proxy.async;\n" STORE "[%%out], [S], 16;" COMMIT STORE
        "[%%out+16], [S+16], 16;" COMMIT COMMIT "cp.async.bulk.wait_group%s %u;\n"
        "st.shared.u32 [S+%u], 0; cp.async.bulk.wait_group 0;";
    /* Of three groups the last one is empty. */
    static const struct {
        uint32_t groups, written;
        bool is_good;
    } rows[] = { { 0, 0, true },  { 0, 16, true },  { 1, 0, true },  { 1, 16, true },
                 { 2, 0, true },  { 2, 16, false }, { 3, 0, false }, { 0, 32, true },
                 { 3, 32, true }, { 3, 16, false } };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        for (uint32_t read = 0; read < 2; ++read) {
            char text[1024];

            (void)snprintf(text, sizeof text, body, read ? ".read" : "", rows[k].groups,
                           rows[k].written);
            if (rows[k].is_good) {
                bench_runs(text, 1);
            } else {
                bench_fails(text, 1, "where an asynchronous copy is under way");
            }
        }
    }
    /* A group is the thread's own. */
    bench_fails(".shared .align 16 .b8 S[1024]; mov.u32 %r1, S; shl.b32 %r2, %r0, 4;\n"
                "add.u32 %r1, %r1, %r2; mul.wide.u32 %d1, %r0, 16; add.u64 %d1, %d1, %out;\n"
                "setp.lt.u32 %p1, %r0, 8; setp.lt.u32 %p2, %r0, 7;\n@%p1 " STORE
                "[%d1], [%r1], 16;" COMMIT "@%p2 cp.async.bulk.wait_group 0;\n"
                "@%p1 st.shared.u32 [%r1], 0;",
                32, "thread (7, 0, 0)");
    bench_runs(".shared .align 16 .b8 S[16]; setp.eq.u32 %p1, %r0, 1023;\n@%p1 " STORE
               "[%out], [S], 16;" COMMIT "cp.async.bulk.wait_group 0; @%p1 st.shared.u32 [S], 0;",
               1024);
}
END_TEST

/* A wait that lacks another arrival is too early for late copies. */
START_TEST(late_copies_are_done_by_the_last_wait)
{
#define LACKING(COPY)                                                                                 \
    ".shared .align 16 .b8 S[16]; .shared .align 8 .b8 B[8]; mbarrier.init.shared.b64 [B], 2;\n" COPY \
    "mbarrier.test_wait.parity.shared.b64 %p1, [B], 0; ld.shared.u32 %r1, [S];"
    static const char *const bodies[] = {
        LACKING("mbarrier.arrive.expect_tx.shared.b64 _, [B], 16;\n" LOAD "[S], [%in], 16, [B];\n"),
        LACKING("cp.async.cg.shared.global [S], [%in], 16;\n"
                "cp.async.mbarrier.arrive.noinc.shared.b64 [B];\n"),
    };

    for (size_t k = 0; k < 2; ++k) {
        const bench_kernel kernel = bench_kernel_of(bodies[k], 1);
        ptx_report report;

        ck_assert_msg(!bench_run(&kernel, &report), "%s", bodies[k]);
        ck_assert_ptr_nonnull(strstr(report.text, "an asynchronous copy is under way"));
    }
}
END_TEST

static void check_late(const char *code, const char *text)
{
    char body[1024];
    ptx_report report;

    (void)snprintf(body, sizeof body,
                   ".shared .align 16 .b8 S[64]; .shared .align 8 .b8 B[16];\n"
                   "mbarrier.init.shared.b64 [B], 1; mbarrier.init.shared.b64 [B+8], 1;\n"
                   "fence.proxy.async;\n%s",
                   code);
    const bench_kernel kernel = bench_kernel_of(body, 1);
    const bool has_run = bench_run(&kernel, &report);

    ck_assert_msg(has_run ? !text : text && strstr(report.text, text), "%s", report.text);
}

START_TEST(a_late_wait_is_for_all_copies_of_its_mbarrier)
{
#define EXPECT(PLACE, BYTES) "mbarrier.arrive.expect_tx.shared.b64 _, [" PLACE "], " BYTES ";\n"
#define TEST(PLACE)          "mbarrier.test_wait.parity.shared.b64 %p9, [" PLACE "], 0;\n"
#define LOAD_FIRST           LOAD "[S], [%in], 16, [B];\n"
    static const char under_way[] = "an asynchronous copy is under way";

    check_late(EXPECT("B", "32") LOAD_FIRST LOAD "[S+16], [%in+16], 16, [B];\n" TEST(
                   "B") "ld.shared.u32 %r1, [S]; ld.shared.u32 %r1, [S+16];",
               NULL);
    /* Of no other copies. */
    check_late(EXPECT("B", "16") EXPECT("B+8", "16") LOAD_FIRST LOAD
               "[S+16], [%in+16], 16, [B+8];\n" TEST("B+8") "ld.shared.u32 %r1, [S];",
               under_way);
    check_late(STORE "[%out], [S+32], 16;" COMMIT EXPECT("B", "16")
                   LOAD_FIRST TEST("B") "ld.shared.u32 %r1, [S]; cp.async.bulk.wait_group 0;",
               NULL);
    check_late(STORE "[%out], [S+32], 16;" COMMIT EXPECT("B", "16")
                   LOAD_FIRST TEST("B") "st.shared.u32 [S+32], 1;",
               under_way);
}
END_TEST

/* Each lane waits for its own copy. */
START_TEST(lanes_wait_for_their_copies)
{
#define COPIED(WAIT)                                                                              \
    ".shared .align 16 .b8 S[256]; mov.u32 %r1, S; shl.b32 %r2, %r0, 2; add.u32 %r3, %r1, %r2;\n" \
    "setp.eq.u32 %p1, %r0, 37; setp.eq.u32 %p2, %r0, 20; mul.wide.u32 %d1, %r0, 4;\n"             \
    "add.u64 %d2, %d1, %in; add.u64 %d1, %d1, %out; xor.b32 %r2, %r2, 128;\n"                     \
    "add.u32 %r4, %r1, %r2; cp.async.ca.shared.global [%r3], [%d2], 4;\n" WAIT
    bench_kernel kernel = bench_kernel_of(
        COPIED("cp.async.wait_all; bar.sync 0; ld.shared.u32 %r5, [%r4]; st.global.u32 [%d1], "
               "%r5;"),
        BENCH_WORDS);
    uint32_t in[BENCH_WORDS];
    uint32_t expected[BENCH_WORDS];

    for (uint32_t k = 0; k < BENCH_WORDS; ++k) {
        in[k] = 5 * k;
        expected[k] = 5 * (k ^ 32);
    }
    kernel.in = in;
    bench_check_schedules(&kernel, expected);
    /* A barrier before the wait tells nobody of it. */
    kernel.body = COPIED("bar.sync 0; cp.async.wait_all; @%p2 ld.shared.u32 %r5, [S+148];");
    bench_check_fails_with(&kernel, (const char *[]){ "race (read after write) on shared 0x94 with "
                                                      "thread 37 of the block",
                                                      "under way", NULL });
}
END_TEST

/* Late arrivals wait until theirs is the mbarrier that is asked for. */
START_TEST(late_arrivals_are_those_of_the_mbarrier)
{
#define COPY(PLACE)  "cp.async.cg.shared.global [" PLACE "], [%in], 16;\n"
#define TRACK(PLACE) "cp.async.mbarrier.arrive.shared.b64 [" PLACE "];\n"
#define THREE_TRACKED                                                                      \
    COPY("S+32")                                                                           \
    "cp.async.mbarrier.arrive.noinc.shared.b64 [B+8];\n" COPY("S") TRACK("B") COPY("S+16") \
        TRACK("B") ARRIVE TEST("B+8") "ld.shared.u32 %r1, [S+32];\n"

    check_late(
        THREE_TRACKED TEST("B") "ld.shared.u32 %r1, [S]; ld.shared.u32 %r1, [S+16];\n"
                                "mbarrier.test_wait.parity.shared.b64 %p9, [B], 1; @%p9 trap;",
        NULL);
    check_late(THREE_TRACKED "ld.shared.u32 %r1, [S];", "under way");
    check_late(THREE_TRACKED "ld.shared.u32 %r1, [S+16];", "under way");
    /* Once. */
    check_late(THREE_TRACKED
               "mbarrier.test_wait.parity.shared.b64 %p9, [B+8], 1; @%p9 trap;\n" TEST("B"),
               NULL);
    /* For all copies before it. */
    bench_runs(".shared .align 16 .b8 S[48]; .shared .align 8 .b8 B[8];\n"
               "mbarrier.init.shared.b64 [B], 1;\n" COPY("S") COPY("S+16")
                   COPY("S+32") "cp.async.mbarrier.arrive.noinc.shared.b64 [B];" AWAIT(
                       "W", "B",
                       "0") "ld.shared.u32 %r1, [S]; ld.shared.u32 %r1, [S+16]; ld.shared.u32 %r1, "
                            "[S+32];",
               1);
}
END_TEST

/* Of a random schedule, the first wait may see what is under way as done, or not. */
START_TEST(copies_hesitate_at_random)
{
    uint32_t seen = 0;

    for (uint64_t seed = 0; seed < 64; ++seed) {
        bench_kernel kernel = bench_kernel_of(
            ".shared .align 16 .b8 S[16]; .shared .align 8 .b8 B[8];\n"
            "mbarrier.init.shared.b64 [B], 1; fence.proxy.async;\n" EXPECT("B", "16")
                LOAD_FIRST TEST("B") "selp.u32 %r1, 1, 0, %p9; st.global.u32 [%out], %r1;" AWAIT(
                    "W", "B", "0"),
            1);
        ptx_report report;

        kernel.schedule = (ptx_schedule){ .copies = PTX_COPY_RANDOM, .seed = seed };
        ck_assert_msg(bench_run(&kernel, &report), "%s", report.text);
        seen |= 1u << *(const uint32_t *)kernel.out;
    }
    ck_assert_uint_eq(seen, 3);
}
END_TEST

/* What arrives when its copies are done does so in its own block only. */
START_TEST(arrivals_of_copies_end_with_their_block)
{
    bench_kernel kernel = bench_kernel_of(
        ".shared .align 16 .b8 S[16]; .shared .align 8 .b8 B[8]; mov.u32 %r1, %ctaid.x;\n"
        "mul.wide.u32 %d1, %r1, 4; add.u64 %d1, %d1, %out; mbarrier.init.shared.b64 [B], 2;\n"
        "cp.async.cg.shared.global [S], [%in], 16;\n"
        "cp.async.mbarrier.arrive.noinc.shared.b64 [B];\n"
        "mbarrier.test_wait.parity.shared.b64 %p1, [B], 0; selp.u32 %r2, 1, 2, %p1;\n"
        "st.global.u32 [%d1], %r2;",
        1);
    const uint32_t expected[BENCH_WORDS] = { 2, 2, 2 };

    kernel.grid[0] = 3;
    bench_check_schedules(&kernel, expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx copy waits");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, only_what_follows_the_wait_knows_of_it);
    tcase_add_test(tcase, copies_end_with_their_block);
    tcase_add_test(tcase, groups_are_waited_for_in_their_order);
    tcase_add_test(tcase, late_copies_are_done_by_the_last_wait);
    tcase_add_test(tcase, a_late_wait_is_for_all_copies_of_its_mbarrier);
    tcase_add_test(tcase, lanes_wait_for_their_copies);
    tcase_add_test(tcase, late_arrivals_are_those_of_the_mbarrier);
    tcase_add_test(tcase, copies_hesitate_at_random);
    tcase_add_test(tcase, arrivals_of_copies_end_with_their_block);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
