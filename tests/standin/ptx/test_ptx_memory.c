/* Loads, stores and atomics. */
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <string.h>

static const char variables[] = ".const .align 4 .b8 TABLE[8] = {7, 0, 0, 0, 254, 255, 255, 255};\n"
                                ".global .align 32 .u32 ALIGNED[8] = {0, 0, 0, 0, 0, 0, 5};\n"
                                ".shared .align 8 .b8 S[16];\n";

START_TEST(memory_is_read_and_written_in_every_width)
{
    static const bench_row rows[] = {
        { "ld.global.b8 %r9, [%in+3];", 'r', { 0x12345678 }, 0x12 },
        { "ld.global.v2.u16 {%h8, %h9}, [%in];", 'h', { 0x12345678 }, 0x1234 },
        { "ld.global.v4.b16 {%h6, %h7, %h8, %h9}, [%in];", 'h', { 0x1111222233334444 }, 0x1111 },
        { "ld.global.v2.u64 {%d8, %d9}, [%in];", 'd', { 1, 2 }, 2 },
        { "ld.global.s32 %d9, [%in];", 'd', { 0x80000000 }, 0xffffffff80000000 },
        { "ld.global.v4.u8 {%r6, %r7, %r9, %r8}, [%in];", 'r', { 0x12345678 }, 0x34 },
        { "mov.u64 %d4, 8; ld.param.u64 %d5, [%d4+-8]; sub.u64 %d9, %d5, %in;", 'd', { 0 }, 0 },
        { "ld.param.u32 %r4, [in+4]; shr.u64 %d5, %in, 32; cvt.u32.u64 %r5, %d5;\n"
          "sub.u32 %r9, %r4, %r5;",
          'r',
          { 0 },
          0 },
        { "mapa.shared::cluster.u32 %r9, %r0, 0;", 'r', { 77 }, 77 },
        { "ld.global.s8 %r9, [%in+1];", 'r', { 0x11ff80 }, 0xffffffff },
        { "ld.global.u8 %r9, [%in+1];", 'r', { 0x11ff80 }, 0xff },
        { "ld.global.s16 %d9, [%in];", 'd', { 0x8000 }, 0xffffffffffff8000 },
        { "ld.global.b16 %h9, [%in+2];", 'h', { 0x12345678 }, 0x1234 },
        { "ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%r4, %r5, %r9, %r6}, [%in];",
          'r',
          { 1, 0x77 },
          0x77 },
        { "ld.global.v8.b32 {%r4, %r5, %r6, %r7, %r8, %r10, %r9, %r11}, [ALIGNED];",
          'r',
          { 0 },
          5 },
        { "ld.u32 %r9, [%in+8];", 'r', { 1, 6 }, 6 },
        { "ld.volatile.global.u32 %r9, [%in+8];", 'r', { 1, 6 }, 6 },
        { "ld.acquire.gpu.global.u32 %r9, [%in+8];", 'r', { 1, 6 }, 6 },
        { "ld.weak.global.u32 %r9, [%in+8];", 'r', { 1, 6 }, 6 },
        { "ld.mmio.relaxed.sys.global.u32 %r9, [%in+8];", 'r', { 1, 6 }, 6 },
        { "ld.global.u16 %h9, [%in+30];", 'h', { 0, 0, 0, 7ull << 48 }, 7 },
        { "ld.param.v2.u32 {%r4, %r9}, [in]; shr.u64 %d5, %in, 32; cvt.u32.u64 %r5, %d5;\n"
          "sub.u32 %r9, %r9, %r5;",
          'r',
          { 0 },
          0 },
        { "ld.relaxed.sys.global.L1::no_allocate.u32 %r9, [%in+8];", 'r', { 1, 6 }, 6 },
        { "ld.const.u32 %r9, [TABLE+4];", 'r', { 0 }, 0xfffffffe },
        { "mov.u64 %d4, TABLE; cvta.const.u64 %d4, %d4; ld.u8 %r9, [%d4];", 'r', { 0 }, 7 },
        { "st.shared.v2.b16 [S], {%h0, %h1}; ld.shared.b32 %r9, [S];",
          'r',
          { 0x1111, 0x2222 },
          0x22221111 },
        { "mov.u32 %r4, S; st.shared.u8 [%r4+3], %r0; ld.shared.u32 %r9, [%r4];",
          'r',
          { 0x1ab },
          0xabffffff },
        { "mov.u64 %d4, S; cvta.shared.u64 %d4, %d4; st.b32 [%d4], %r0; ld.shared.b32 %r9, [S];",
          'r',
          { 9 },
          9 },
        { "mov.u64 %d4, S; cvta.shared.u64 %d4, %d4; add.u64 %d4, %d4, 8;"
          "cvta.to.shared.u64 %d9, %d4; mov.u64 %d5, S; sub.u64 %d9, %d9, %d5;",
          'd',
          { 9 },
          8 },
        { "mov.u64 %d4, S; cvta.shared.u64 %d4, %d4; isspacep.shared %p9, %d4;", 'p', { 9 }, 1 },
        { "mov.u64 %d4, 8; cvta.param.u64 %d4, %d4; ld.u64 %d5, [%d4]; setp.eq.u64 %p9, %d5, %out;",
          'p',
          { 0 },
          1 },
        { "cvta.to.shared.u64 %d9, %d0;", 'd', { 0 }, 0 }, /* NULL has no space */
        { "isspacep.shared %p9, %in;", 'p', { 9 }, 0 },
        { "isspacep.global %p9, %in;", 'p', { 9 }, 1 },
        { "st.shared.f64 [S], %d0; ld.shared.f64 %d9, [S];",
          'd',
          { 0x123456789abcdef0 },
          0x123456789abcdef0 },
        { "createpolicy.fractional.L2::evict_last.b64 %d4, 1.0;"
          "ld.global.L2::cache_hint.u32 %r9, [%in+8], %d4;",
          'r',
          { 1, 6 },
          6 },
    };

    bench_check_rows_with(variables, rows, sizeof rows / sizeof *rows);
}
END_TEST

/* An atomic on a word that holds `before`: the old value in %r9 or %d9 and what it leaves. */
static void check_atomic(const char *code, uint64_t before, uint64_t after)
{
    char body[1024];
    _Alignas(8) uint64_t out[2] = { before, 0 };
    const bench_kernel kernel = { .body = body, .out = out, .out_bytes = sizeof out };
    ptx_report report;

    (void)snprintf(body, sizeof body,
                   "mov.b64 %%d9, 0; mov.b32 %%r9, 0; %s\n"
                   "cvt.u64.u32 %%d10, %%r9; or.b64 %%d9, %%d9, %%d10;\n"
                   "st.global.u64 [%%out+8], %%d9;",
                   code);
    ck_assert_msg(bench_run(&kernel, &report), "%s: %s", code, report.text);
    ck_assert_msg(out[0] == after, "%s leaves %llx, not %llx", code, (unsigned long long)out[0],
                  (unsigned long long)after);
    if (strncmp(code, "red", 3) != 0) {
        ck_assert_uint_eq(out[1], before);
    }
}

START_TEST(atomics_return_what_was_there)
{
    check_atomic("atom.global.add.u32 %r9, [%out], 5;", 7, 12);
    check_atomic("atom.add.u64 %d9, [%out], -1;", 7, 6);
    check_atomic("mov.u64 %d1, 0; atom.global.add.L2::cache_hint.u32 %r9, [%out], 5, %d1;", 7, 12);
    check_atomic("atom.global.min.s32 %r9, [%out], -1;", 7, 0xffffffff);
    check_atomic("atom.global.min.u32 %r9, [%out], -1;", 7, 7);
    check_atomic("atom.global.max.s32 %r9, [%out], -1;", 7, 7);
    check_atomic("atom.global.min.s32 %r9, [%out], 7;", 0xffffffff, 0xffffffff);
    check_atomic("atom.global.max.s32 %r9, [%out], 7;", 0xffffffff, 7);
    check_atomic("atom.global.max.u64 %d9, [%out], -1;", 7, ~0ull);
    check_atomic("atom.global.and.b32 %r9, [%out], 5;", 6, 4);
    check_atomic("atom.global.or.b32 %r9, [%out], 5;", 6, 7);
    check_atomic("atom.global.xor.b32 %r9, [%out], 5;", 6, 3);
    check_atomic("atom.global.exch.b32 %r9, [%out], 5;", 6, 5);
    check_atomic("atom.acquire.gpu.global.cas.b32 %r9, [%out], 6, 5;", 6, 5);
    check_atomic("atom.global.cas.b32 %r9, [%out], 7, 5;", 6, 6);
    check_atomic("atom.global.cas.b64 %d9, [%out], 6, -1;", 6, ~0ull);
    check_atomic("atom.global.inc.u32 %r9, [%out], 7;", 6, 7);
    check_atomic("atom.global.inc.u32 %r9, [%out], 6;", 6, 0);
    check_atomic("atom.global.dec.u32 %r9, [%out], 9;", 6, 5);
    check_atomic("atom.global.dec.u32 %r9, [%out], 9;", 0, 9);
    check_atomic("atom.global.dec.u32 %r9, [%out], 9;", 10, 9);
    check_atomic("atom.global.add.f32 %r9, [%out], 0f3F800000;", 0x3f800000, 0x40000000);
    check_atomic("atom.global.add.f64 %d9, [%out], 0d3FF0000000000000;", 0x3ff0000000000000,
                 0x4000000000000000);
    check_atomic("mov.b32 %r1, 0x3c003c00; atom.global.add.noftz.f16x2 %r9, [%out], %r1;",
                 0x40003c00, 0x42004000);
    check_atomic("mov.b32 %r1, 0x3f803f80; atom.global.add.noftz.bf16x2 %r9, [%out], %r1;",
                 0x40003f80, 0x40404000);
    check_atomic("atom.global.min.s32 %r9, [%out], 7;", 7, 7);
    check_atomic("atom.global.min.s64 %d9, [%out], -1;", 7, ~0ull);
    check_atomic("atom.global.max.s64 %d9, [%out], -1;", 7, 7);
    check_atomic("atom.global.max.u32 %r9, [%out], 9;", 7, 9);
    check_atomic("atom.global.exch.b64 %d9, [%out], -1;", 6, ~0ull);
    check_atomic("atom.global.inc.u32 %r9, [%out], 5;", 6, 0);
    check_atomic("atom.global.dec.u32 %r9, [%out], 6;", 6, 5);
    check_atomic("atom.global.dec.u32 %r9, [%out], 9;", 9, 8);
    check_atomic("mov.b16 %h1, 6; mov.b16 %h2, 5; atom.global.cas.b16 %h9, [%out], %h1, %h2;\n"
                 "cvt.u32.u16 %r9, %h9;",
                 6, 5);
    /* Halves: the largest and the smallest of each, sums that round and that are too large. */
    check_atomic("mov.b32 %r1, 0x7c003c00; atom.global.max.f16x2 %r9, [%out], %r1;", 0x3c003c01,
                 0x7c003c01);
    check_atomic("mov.b32 %r1, 0x3c013c00; atom.global.min.f16x2 %r9, [%out], %r1;", 0x3c003c01,
                 0x3c003c00);
    check_atomic("mov.b32 %r1, 0x3c013c00; atom.global.max.f16x2 %r9, [%out], %r1;", 0x3c003c01,
                 0x3c013c01);
    check_atomic("mov.b32 %r1, 0xbf813f80; atom.global.min.bf16x2 %r9, [%out], %r1;", 0x3f803f81,
                 0xbf813f80);
    check_atomic("mov.b16 %h1, 0x3c01; atom.global.add.noftz.f16 %h9, [%out], %h1;\n"
                 "cvt.u32.u16 %r9, %h9;",
                 0x3c01, 0x4001);
    check_atomic("mov.b16 %h1, 0x3f81; atom.global.max.bf16 %h9, [%out], %h1;\n"
                 "cvt.u32.u16 %r9, %h9;",
                 0x3f80, 0x3f81);
    check_atomic("mov.b32 %r1, 0x7bff0001; atom.global.add.noftz.f16x2 %r9, [%out], %r1;",
                 0x7bff0001, 0x7c000002);
    check_atomic("mov.b32 %r1, 0x10003c01; atom.global.add.noftz.f16x2 %r9, [%out], %r1;",
                 0x3c011001, 0x3c023c02);
    check_atomic("red.global.add.u32 [%out], 5;", 7, 12);
    check_atomic("red.release.gpu.global.max.s32 [%out], 9;", 7, 9);
}
END_TEST

START_TEST(atomics_of_all_lanes_add_up)
{
    uint32_t out[1];
    const uint32_t expected[1] = { 4 * 64 * 3 };
    const bench_kernel kernel = { .body = "red.global.add.u32 [%out], 3;",
                                  .grid = { 4 },
                                  .block = 64,
                                  .out = out,
                                  .out_bytes = sizeof out };

    bench_check_schedules(&kernel, expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx memory");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, memory_is_read_and_written_in_every_width);
    tcase_add_test(tcase, atomics_return_what_was_there);
    tcase_add_test(tcase, atomics_of_all_lanes_add_up);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
