/* What accesses cost, in closed forms. */
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <string.h>

enum {
    LANES = 32,
    BUFFER_BYTES = 16384,
    SHARED_BYTES = 8192
};

_Alignas(128) static unsigned char in_buffer[BUFFER_BYTES];
_Alignas(128) static unsigned char out_buffer[BUFFER_BYTES];

/* One warp; its shared memory begins at 0. */
static bool run(const char *body, ptx_range watched, ptx_report *report_out)
{
    const bench_kernel kernel = { .body = body,
                                  .block = LANES,
                                  .dynamic_shared_bytes = SHARED_BYTES,
                                  .in = in_buffer,
                                  .in_bytes = sizeof in_buffer,
                                  .out = out_buffer,
                                  .out_bytes = sizeof out_buffer,
                                  .watched = watched };

    return bench_run(&kernel, report_out);
}

static ptx_counts count_watched(const char *body, ptx_range watched)
{
    ptx_report report;

    ck_assert_msg(run(body, watched, &report), "%s: %s", body, report.text);
    return report.counts;
}

static ptx_counts count(const char *body)
{
    return count_watched(body, (ptx_range){ 0 });
}

static void check_traffic(const ptx_traffic *traffic, uint64_t requests, uint64_t sectors,
                          uint64_t ideal_sectors, uint64_t bytes)
{
    ck_assert_uint_eq(traffic->requests, requests);
    ck_assert_uint_eq(traffic->sectors, sectors);
    ck_assert_uint_eq(traffic->ideal_sectors, ideal_sectors);
    ck_assert_uint_eq(traffic->bytes, bytes);
}

static void check_shared(const ptx_counts *counts, uint64_t requests, uint64_t wavefronts,
                         uint64_t conflicts)
{
    ck_assert_uint_eq(counts->shared_requests, requests);
    ck_assert_uint_eq(counts->shared_wavefronts, wavefronts);
    ck_assert_uint_eq(counts->shared_conflicts, conflicts);
}

/* Lane · stride in bytes, from `first` on. */
#define LOAD(type, register, stride, first)                                       \
    "mul.wide.u32 %d1, %r0, " #stride "; add.u64 %d1, %d1, %in; ld.global." #type \
    " " register ", [%d1+" #first "];\n"

START_TEST(sectors_are_those_that_are_touched_and_ideal_ones_those_that_would_do)
{
    static const struct {
        const char *body;
        uint64_t sectors, ideal, bytes;
    } rows[] = {
        { LOAD(u32, "%r1", 4, 0), 4, 4, 128 },
        { LOAD(u32, "%r1", 4, 16), 5, 4, 128 }, /* from the middle of a sector on */
        { LOAD(u32, "%r1", 8, 0), 8, 4, 128 },
        { LOAD(u32, "%r1", 32, 0), 32, 4, 128 },
        { LOAD(u32, "%r1", 36, 0), 32, 4, 128 },
        { LOAD(u32, "%r1", 0, 0), 1, 1, 4 }, /* all the same */
        { LOAD(u8, "%h1", 0, 0), 1, 1, 1 },
        { LOAD(u8, "%h1", 1, 0), 1, 1, 32 },
        { LOAD(u8, "%h1", 1, 31), 2, 1, 32 },
        { LOAD(u16, "%h1", 32, 30), 32, 2, 64 },
        { LOAD(u64, "%d2", 8, 0), 8, 8, 256 },
        { LOAD(v2.u64, "{%d2, %d3}", 16, 0), 16, 16, 512 },
        { LOAD(v4.u64, "{%d2, %d3, %d4, %d5}", 32, 0), 32, 32, 1024 },
        { LOAD(v4.u64, "{%d2, %d3, %d4, %d5}", 0, 0), 1, 1, 32 },
    };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        const ptx_counts counts = count(rows[k].body);

        check_traffic(&counts.loads, 1, rows[k].sectors, rows[k].ideal, rows[k].bytes);
        check_traffic(&counts.stores, 0, 0, 0, 0);
        check_traffic(&counts.watched_loads, 0, 0, 0, 0);
        check_shared(&counts, 0, 0, 0);
    }
}
END_TEST

START_TEST(lanes_that_meet_again_in_a_sector_count_once)
{
    /* Lane l at 32 · (l % 4), and every second of them 4 bytes on. */
    const ptx_counts counts = count(
        "and.b32 %r1, %r0, 3; shl.b32 %r1, %r1, 5; shr.u32 %r2, %r0, 4; shl.b32 %r2, %r2, 2;\n"
        "add.u32 %r1, %r1, %r2; cvt.u64.u32 %d1, %r1; add.u64 %d1, %d1, %in;\n"
        "ld.global.u32 %r3, [%d1];");

    check_traffic(&counts.loads, 1, 4, 1, 32);
}
END_TEST

START_TEST(only_lanes_that_execute_are_counted)
{
    const ptx_counts counts = count("setp.lt.u32 %p1, %r0, 3; mul.wide.u32 %d1, %r0, 16;\n"
                                    "add.u64 %d2, %d1, %out; cvt.u32.u64 %r1, %d1;\n"
                                    "@%p1 st.global.v2.u64 [%d2], {%d1, %d1};\n"
                                    "@%p1 st.shared.v2.u64 [%r1], {%d1, %d1};\n"
                                    "setp.lt.u32 %p2, %r0, 0; @%p2 st.global.u32 [%d2], 0;");

    check_traffic(&counts.stores, 1, 2, 2, 48);
    check_traffic(&counts.loads, 0, 0, 0, 0);
    check_shared(&counts, 1, 1, 0);
}
END_TEST

START_TEST(atomics_count_as_stores)
{
    const ptx_counts counts = count("mul.wide.u32 %d1, %r0, 4; add.u64 %d1, %d1, %out;\n"
                                    "atom.global.add.u32 %r1, [%d1], 1;");

    check_traffic(&counts.stores, 1, 4, 4, 128);
    check_traffic(&counts.loads, 0, 0, 0, 0);
}
END_TEST

START_TEST(watched_memory_is_counted_apart)
{
    const uint64_t in = (uint64_t)(uintptr_t)in_buffer;
    /* Lanes 12 … 15, the last of a sector. */
    const ptx_counts counts =
        count_watched(LOAD(u32, "%r1", 4, 0), (ptx_range){ .begin = in + 48, .end = in + 64 });
    const ptx_counts elsewhere =
        count_watched(LOAD(u32, "%r1", 4, 0), (ptx_range){ .begin = in + 128, .end = in + 256 });
    const ptx_counts stored =
        count_watched("mul.wide.u32 %d1, %r0, 4; add.u64 %d1, %d1, %out; st.global.u32 [%d1], 0;",
                      (ptx_range){ .begin = 0, .end = UINT64_MAX });

    check_traffic(&counts.loads, 1, 4, 4, 128);
    check_traffic(&counts.watched_loads, 1, 1, 1, 16);
    check_traffic(&elsewhere.loads, 1, 4, 4, 128);
    check_traffic(&elsewhere.watched_loads, 0, 0, 0, 0);
    check_traffic(&stored.watched_loads, 0, 0, 0, 0);
}
END_TEST

START_TEST(banks_give_a_word_at_a_time)
{
    static const struct {
        const char *body;
        uint64_t wavefronts, conflicts;
    } rows[] = {
        { "shl.b32 %r1, %r0, 2; st.shared.u32 [%r1], %r0;", 1, 0 },
        { "st.shared.u8 [%r0], 1;", 1, 0 },
        { "shl.b32 %r1, %r0, 3; st.shared.u32 [%r1], %r0;", 1, 1 },
        { "shl.b32 %r1, %r0, 4; st.shared.u32 [%r1], %r0;", 1, 3 },
        { "shl.b32 %r1, %r0, 7; st.shared.u32 [%r1], %r0;", 1, 31 },
        { "mul.lo.u32 %r1, %r0, 132; st.shared.u32 [%r1], %r0;", 1, 0 },
        { "mul.lo.u32 %r1, %r0, 20; st.shared.u32 [%r1], %r0;", 1, 0 },
        { "ld.shared.u32 %r1, [124];", 1, 0 }, /* all the same word */
        /* Halves of a warp, then quarters. */
        { "shl.b32 %r1, %r0, 3; st.shared.u64 [%r1], %d0;", 2, 0 },
        { "shl.b32 %r1, %r0, 4; st.shared.u64 [%r1], %d0;", 2, 2 },
        { "shl.b32 %r1, %r0, 4; st.shared.v2.u64 [%r1], {%d0, %d0};", 4, 0 },
        { "shl.b32 %r1, %r0, 5; st.shared.v2.u64 [%r1], {%d0, %d0};", 4, 4 },
        { "shl.b32 %r1, %r0, 7; st.shared.v2.u64 [%r1], {%d0, %d0};", 4, 28 },
        { "ld.shared.v2.u64 {%d1, %d2}, [0];", 4, 0 },
        /* Lanes 24 … 31 only, all in one bank. */
        { "setp.ge.u32 %p1, %r0, 24; shl.b32 %r1, %r0, 7; @%p1 st.shared.v2.u64 [%r1], {%d0, %d0};",
          1, 7 },
    };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        const ptx_counts counts = count(rows[k].body);

        ck_assert_msg(counts.shared_wavefronts == rows[k].wavefronts &&
                          counts.shared_conflicts == rows[k].conflicts,
                      "%s: %llu wavefronts, %llu conflicts", rows[k].body,
                      (unsigned long long)counts.shared_wavefronts,
                      (unsigned long long)counts.shared_conflicts);
        ck_assert_uint_eq(counts.shared_requests, 1);
    }
}
END_TEST

/* Four lanes copy 64 bytes of a row; rows lie row_bytes apart in both memories. */
static ptx_counts count_row_copies(uint32_t row_bytes)
{
    char body[1024];

    (void)snprintf(body, sizeof body,
                   "shr.u32 %%r1, %%r0, 2; and.b32 %%r2, %%r0, 3; mul.lo.u32 %%r1, %%r1, %u;\n"
                   "shl.b32 %%r2, %%r2, 4; add.u32 %%r1, %%r1, %%r2; cvt.u64.u32 %%d1, %%r1;\n"
                   "add.u64 %%d1, %%d1, %%in; cp.async.cg.shared.global [%%r1], [%%d1], 16;\n"
                   "cp.async.wait_all;",
                   row_bytes);
    return count(body);
}

/* Two rows are written at a time, 64 bytes of each: rows of 192 bytes begin in different halves of
 * the banks, rows of 128 · n bytes in the same. */
START_TEST(copies_read_rows_and_write_banks)
{
    static const struct {
        uint32_t row_bytes;
        uint64_t conflicts;
    } rows[] = { { 64, 0 }, { 128, 4 }, { 192, 0 }, { 256, 4 }, { 384, 4 }, { 80, 4 } };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        const ptx_counts counts = count_row_copies(rows[k].row_bytes);
        /* Every second row of 80 bytes begins in the middle of a sector. */
        const uint64_t sectors = rows[k].row_bytes == 80 ? 20 : 16;

        check_traffic(&counts.loads, 1, sectors, 16, 512);
        check_shared(&counts, 1, 4, rows[k].conflicts);
    }
}
END_TEST

/* Lane l copies 16 bytes, of which it reads `size`, given by code that leaves it in %r2. */
static ptx_counts count_partial_copies(const char *size)
{
    char body[1024];

    (void)snprintf(body, sizeof body,
                   "%s\nshl.b32 %%r1, %%r0, 4; cvt.u64.u32 %%d1, %%r1; add.u64 %%d1, %%d1, %%in;\n"
                   "cp.async.cg.shared.global [%%r1], [%%d1], 16, %%r2;\n"
                   "cp.async.wait_all;",
                   size);
    return count(body);
}

START_TEST(copies_in_part_read_what_they_read_and_write_all)
{
    const ptx_counts none = count_partial_copies("mov.u32 %r2, 0;");
    const ptx_counts words = count_partial_copies("mov.u32 %r2, 4;");
    const ptx_counts odd = count_partial_copies("mov.u32 %r2, 13;");
    /* Every third lane nothing, the others 4 and 8: 11 · 4 + 11 · 8 bytes. */
    const ptx_counts mixed =
        count_partial_copies("rem.u32 %r2, %r0, 3; add.u32 %r2, %r2, 1; rem.u32 %r2, %r2, 3;\n"
                             "shl.b32 %r2, %r2, 2;");

    check_traffic(&none.loads, 0, 0, 0, 0);
    check_shared(&none, 1, 4, 0);
    check_traffic(&words.loads, 1, 16, 4, 128);
    check_shared(&words, 1, 4, 0);
    check_traffic(&odd.loads, 1, 16, 13, 416);
    check_traffic(&mixed.loads, 1, 16, 5, 132);
    check_shared(&mixed, 1, 4, 0);
}
END_TEST

START_TEST(a_copy_in_part_may_end_where_memory_does)
{
    static const char body[] = "setp.eq.u32 %%p1, %%r0, 0;\n"
                               "@%%p1 cp.async.cg.shared.global [0], [%%in+%d], 16, %d;\n"
                               "cp.async.wait_all;";
    char text[512];
    ptx_report report;

    in_buffer[BUFFER_BYTES - 1] = 7;
    (void)snprintf(text, sizeof text, body, BUFFER_BYTES, 0);
    ck_assert_msg(run(text, (ptx_range){ 0 }, &report), "%s", report.text);
    (void)snprintf(text, sizeof text, body, BUFFER_BYTES, 1);
    ck_assert(!run(text, (ptx_range){ 0 }, &report));
    ck_assert_ptr_nonnull(strstr(report.text, "global read of 1 bytes"));
    /* Lane 0 reads nothing from there, lanes 1 and 2 read 8 and 16 bytes from the beginning. */
    (void)snprintf(text, sizeof text,
                   "setp.le.u32 %%p1, %%r0, 2; setp.eq.u32 %%p2, %%r0, 0;\n"
                   "add.u64 %%d1, %%in, %d; selp.b64 %%d1, %%d1, %%in, %%p2;\n"
                   "shl.b32 %%r1, %%r0, 4; shl.b32 %%r2, %%r0, 3;\n"
                   "@%%p1 cp.async.cg.shared.global [%%r1], [%%d1], 16, %%r2;\n"
                   "cp.async.wait_all;",
                   BUFFER_BYTES);
    ck_assert_msg(run(text, (ptx_range){ 0 }, &report), "%s", report.text);
    check_traffic(&report.counts.loads, 1, 1, 1, 16);
}
END_TEST

/* Under every schedule a write beside what a copy reads is no race, and one to what it reads is. */
START_TEST(what_a_copy_in_part_does_not_read_may_be_written)
{
    static const char body[] = ".shared .align 16 .b8 S[16];\n"
                               "setp.eq.u32 %%p1, %%r0, 0; setp.eq.u32 %%p2, %%r0, 32;\n"
                               "@%%p1 cp.async.cg.shared.global [S], [%%out], 16, 8;\n"
                               "@%%p2 st.global.u32 [%%out+%d], 0; cp.async.wait_all;";
    uint32_t out[4];
    const uint32_t expected[4] = { 0 };
    char text[512];
    const bench_kernel kernel = {
        .body = text, .block = 2 * LANES, .out = out, .out_bytes = sizeof out
    };

    (void)snprintf(text, sizeof text, body, 8);
    bench_check_schedules(&kernel, expected);
    (void)snprintf(text, sizeof text, body, 4);
    bench_check_fails(&kernel, "race");
}
END_TEST

/* A bulk copy is one request for all its bytes: sectors it touches, shared memory by 128 bytes. */
START_TEST(bulk_copies_count_as_one_request)
{
    static const char load[] =
        "setp.eq.u32 %%p1, %%r0, 0; @%%p1 mbarrier.init.shared.b64 [4096], 1;\n"
        "@%%p1 cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [0], [%%in+%u], %u, "
        "[4096];\n"
        "@%%p1 mbarrier.arrive.expect_tx.shared.b64 _, [4096], %u;\n"
        "W: mbarrier.test_wait.parity.shared.b64 %%p2, [4096], 0; @!%%p2 bra W;";
    static const struct {
        uint32_t offset, bytes;
        uint64_t sectors, ideal, wavefronts, watched_sectors, watched_bytes;
    } rows[] = {
        { 0, 16, 1, 1, 1, 0, 0 },    { 16, 32, 2, 1, 1, 0, 0 },  { 0, 128, 4, 4, 1, 2, 48 },
        { 16, 144, 5, 5, 2, 2, 48 }, { 80, 16, 1, 1, 1, 1, 16 }, { 96, 4000, 125, 125, 32, 1, 32 },
        { 128, 256, 8, 8, 2, 0, 0 },
    };
    const uint64_t in = (uint64_t)(uintptr_t)in_buffer;

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        char body[1024];

        (void)snprintf(body, sizeof body, load, rows[k].offset, rows[k].bytes, rows[k].bytes);
        /* The watched 48 bytes begin in the middle of a sector. */
        const ptx_counts counts =
            count_watched(body, (ptx_range){ .begin = in + 80, .end = in + 128 });
        const uint64_t watched = rows[k].watched_bytes;

        check_traffic(&counts.loads, 1, rows[k].sectors, rows[k].ideal, rows[k].bytes);
        check_traffic(&counts.watched_loads, watched > 0, rows[k].watched_sectors,
                      (watched + 31) / 32, watched);
        check_traffic(&counts.stores, 0, 0, 0, 0);
        check_shared(&counts, 1, rows[k].wavefronts, 0);
    }
    const ptx_counts stored =
        count_watched("setp.eq.u32 %p1, %r0, 0;\n"
                      "@%p1 cp.async.bulk.global.shared::cta.bulk_group [%out+16], [0], 80;\n"
                      "cp.async.bulk.commit_group; cp.async.bulk.wait_group 0;",
                      (ptx_range){ .begin = 0, .end = UINT64_MAX });

    check_traffic(&stored.stores, 1, 3, 3, 80);
    check_traffic(&stored.loads, 0, 0, 0, 0);
    check_traffic(&stored.watched_loads, 0, 0, 0, 0);
    check_shared(&stored, 1, 1, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx counts");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, sectors_are_those_that_are_touched_and_ideal_ones_those_that_would_do);
    tcase_add_test(tcase, lanes_that_meet_again_in_a_sector_count_once);
    tcase_add_test(tcase, only_lanes_that_execute_are_counted);
    tcase_add_test(tcase, atomics_count_as_stores);
    tcase_add_test(tcase, watched_memory_is_counted_apart);
    tcase_add_test(tcase, banks_give_a_word_at_a_time);
    tcase_add_test(tcase, copies_read_rows_and_write_banks);
    tcase_add_test(tcase, copies_in_part_read_what_they_read_and_write_all);
    tcase_add_test(tcase, a_copy_in_part_may_end_where_memory_does);
    tcase_add_test(tcase, what_a_copy_in_part_does_not_read_may_be_written);
    tcase_add_test(tcase, bulk_copies_count_as_one_request);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
