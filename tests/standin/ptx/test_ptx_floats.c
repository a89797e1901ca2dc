/* Floating-point instructions and conversions against values worked out from the formats. */
#include "standin/ptx/ptx_bench.h"

START_TEST(f32_rounds_as_told)
{
    static const bench_row rows[] = {
        /* 1 + 2^-24 lies half way between 1 and the next number. */
        { "add.f32 %r9, %r0, %r1;", 'r', { 0x3f800000, 0x33800000 }, 0x3f800000 },
        { "add.rn.f32 %r9, %r0, %r1;", 'r', { 0x3f800001, 0x33800000 }, 0x3f800002 },
        { "add.rp.f32 %r9, %r0, %r1;", 'r', { 0x3f800000, 0x33800000 }, 0x3f800001 },
        { "add.rm.f32 %r9, %r0, %r1;", 'r', { 0xbf800000, 0xb3800000 }, 0xbf800001 },
        { "add.rz.f32 %r9, %r0, %r1;", 'r', { 0xbf800001, 0xb3800000 }, 0xbf800001 },
        { "sub.f32 %r9, %r0, %r1;", 'r', { 0x3f800000, 0x40400000 }, 0xc0000000 },
        { "sub.rp.f32 %r9, %r0, %r1;", 'r', { 0x3f800000, 0xb3800000 }, 0x3f800001 },
        { "mul.f32 %r9, %r0, %r1;", 'r', { 0x40400000, 0x3f000000 }, 0x3fc00000 },
        { "mul.rz.f32 %r9, %r0, %r1;", 'r', { 0x3f800001, 0x3f800001 }, 0x3f800002 },
        { "mul.rp.f32 %r9, %r0, %r1;", 'r', { 0x3f800001, 0x3f800001 }, 0x3f800003 },
        /* (1 + 2^-23)² - (1 + 2^-22) = 2^-46: exact only when fused. */
        { "fma.rn.f32 %r9, %r0, %r1, %r2;",
          'r',
          { 0x3f800001, 0x3f800001, 0xbf800002 },
          0x28800000 },
        { "mad.rn.f32 %r9, %r0, %r1, %r2;",
          'r',
          { 0x3f800001, 0x3f800001, 0xbf800002 },
          0x28800000 },
        { "fma.rp.f32 %r9, %r0, %r1, %r2;", 'r', { 0x3f800001, 0x3f800001, 0 }, 0x3f800003 },
        { "div.rn.f32 %r9, %r0, %r1;", 'r', { 0x3f800000, 0x40400000 }, 0x3eaaaaab },
        { "div.rz.f32 %r9, %r0, %r1;", 'r', { 0x3f800000, 0x40400000 }, 0x3eaaaaaa },
        { "div.approx.f32 %r9, %r0, %r1;", 'r', { 0x40c00000, 0x40400000 }, 0x40000000 },
        { "div.full.f32 %r9, %r0, %r1;", 'r', { 0x40c00000, 0x40400000 }, 0x40000000 },
        { "rcp.rn.f32 %r9, %r0;", 'r', { 0x40400000 }, 0x3eaaaaab },
        { "rcp.rz.f32 %r9, %r0;", 'r', { 0x40400000 }, 0x3eaaaaaa },
        { "rcp.approx.ftz.f32 %r9, %r0;", 'r', { 0x00000001 }, 0x7f800000 },
        { "rcp.approx.f32 %r9, %r0;", 'r', { 0x80000000 }, 0xff800000 },
        { "sqrt.rn.f32 %r9, %r0;", 'r', { 0x40000000 }, 0x3fb504f3 },
        { "sqrt.rp.f32 %r9, %r0;", 'r', { 0x40000000 }, 0x3fb504f4 },
        { "rsqrt.approx.f32 %r9, %r0;", 'r', { 0x40800000 }, 0x3f000000 },
        { "ex2.approx.ftz.f32 %r9, %r0;", 'r', { 0x40400000 }, 0x41000000 },
        { "ex2.approx.f32 %r9, %r0;", 'r', { 0xff800000 }, 0 },
        { "ex2.approx.ftz.f32 %r9, %r0;", 'r', { 0xc3020000 }, 0 }, /* 2^-130 */
        { "ex2.approx.f32 %r9, %r0;", 'r', { 0xc3020000 }, 0x00080000 },
        { "lg2.approx.f32 %r9, %r0;", 'r', { 0x41000000 }, 0x40400000 },
        { "sin.approx.f32 %r9, %r0;", 'r', { 0 }, 0 },
        { "cos.approx.f32 %r9, %r0;", 'r', { 0 }, 0x3f800000 },
        { "tanh.approx.f32 %r9, %r0;", 'r', { 0x42c80000 }, 0x3f800000 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(f32_saturates_flushes_and_knows_its_signs)
{
    static const bench_row rows[] = {
        { "add.sat.f32 %r9, %r0, %r1;", 'r', { 0x3f800000, 0x40400000 }, 0x3f800000 },
        { "add.sat.f32 %r9, %r0, %r1;", 'r', { 0xbf800000, 0 }, 0 },
        { "add.sat.f32 %r9, %r0, %r1;", 'r', { 0x7fc00000, 0 }, 0 },
        { "fma.rn.sat.f32 %r9, %r0, %r1, %r2;", 'r', { 0x3f000000, 0x3f000000, 0 }, 0x3e800000 },
        { "add.ftz.f32 %r9, %r0, %r1;", 'r', { 1, 0 }, 0 },
        { "add.f32 %r9, %r0, %r1;", 'r', { 1, 0 }, 1 },
        { "mul.ftz.f32 %r9, %r0, %r1;", 'r', { 0x80800000, 0x3f000000 }, 0x80000000 },
        { "mul.f32 %r9, %r0, %r1;", 'r', { 0x00800000, 0x3f000000 }, 0x00400000 },
        { "min.f32 %r9, %r0, %r1;", 'r', { 0x7fc00000, 0x3f800000 }, 0x3f800000 },
        { "min.f32 %r9, %r0, %r1;", 'r', { 0, 0x80000000 }, 0x80000000 },
        { "max.f32 %r9, %r0, %r1;", 'r', { 0x80000000, 0 }, 0 },
        { "max.f32 %r9, %r0, %r1;", 'r', { 0, 0x80000000 }, 0 },
        { "max.f32 %r9, %r0, %r1;", 'r', { 0x3f800000, 0x7fc00000 }, 0x3f800000 },
        { "max.f32 %r9, %r0, %r1;", 'r', { 0x7fc00000, 0xbf800000 }, 0xbf800000 },
        { "max.f32 %r9, %r0, %r1;", 'r', { 0xffc00000, 0xffc00000 }, 0x7fffffff },
        { "max.f32 %r9, %r0, %r1;", 'r', { 0xff800000, 0xc0000000 }, 0xc0000000 },
        { "max.NaN.f32 %r9, %r0, %r1;", 'r', { 0x3f800000, 0x7fc00000 }, 0x7fffffff },
        { "min.NaN.f32 %r9, %r0, %r1;", 'r', { 0x3f800000, 0x40000000 }, 0x3f800000 },
        { "max.xorsign.abs.f32 %r9, %r0, %r1;", 'r', { 0xc0000000, 0x3f800000 }, 0xc0000000 },
        { "min.xorsign.abs.f32 %r9, %r0, %r1;", 'r', { 0xc0000000, 0xbf800000 }, 0x3f800000 },
        { "max.ftz.f32 %r9, %r0, %r1;", 'r', { 1, 0x80000000 }, 0 },
        { "abs.f32 %r9, %r0;", 'r', { 0x80000000 }, 0 },
        { "neg.f32 %r9, %r0;", 'r', { 0 }, 0x80000000 },
        { "abs.ftz.f32 %r9, %r0;", 'r', { 0x80000001 }, 0 },
        { "copysign.f32 %r9, %r0, %r1;", 'r', { 0x80000000, 0x3f800000 }, 0xbf800000 },
        { "copysign.f64 %d9, %d0, %d1;", 'd', { 0, 0xbff0000000000000 }, 0x3ff0000000000000 },
        { "testp.finite.f32 %p9, %r0;", 'p', { 0x7f800000 }, 0 },
        { "testp.infinite.f32 %p9, %r0;", 'p', { 0xff800000 }, 1 },
        { "testp.number.f32 %p9, %r0;", 'p', { 0x7fc00000 }, 0 },
        { "testp.notanumber.f64 %p9, %d0;", 'p', { 0x7ff8000000000000 }, 1 },
        { "testp.normal.f32 %p9, %r0;", 'p', { 1 }, 0 },
        { "testp.subnormal.f32 %p9, %r0;", 'p', { 1 }, 1 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(f64_rounds_as_told)
{
    static const bench_row rows[] = {
        { "add.f64 %d9, %d0, %d1;",
          'd',
          { 0x3ff0000000000000, 0x4000000000000000 },
          0x4008000000000000 },
        { "add.rp.f64 %d9, %d0, %d1;", 'd', { 0x3ff0000000000000, 1 }, 0x3ff0000000000001 },
        { "sub.f64 %d9, %d0, %d1;",
          'd',
          { 0x3ff0000000000000, 0x4000000000000000 },
          0xbff0000000000000 },
        { "mul.f64 %d9, %d0, %d1;",
          'd',
          { 0x4008000000000000, 0x4000000000000000 },
          0x4018000000000000 },
        { "fma.rn.f64 %d9, %d0, %d1, %d2;",
          'd',
          { 0x3ff0000000000001, 0x3ff0000000000001, 0xbff0000000000002 },
          0x3970000000000000 },
        { "div.rn.f64 %d9, %d0, %d1;",
          'd',
          { 0x3ff0000000000000, 0x4008000000000000 },
          0x3fd5555555555555 },
        { "div.rp.f64 %d9, %d0, %d1;",
          'd',
          { 0x3ff0000000000000, 0x4008000000000000 },
          0x3fd5555555555556 },
        { "rcp.rn.f64 %d9, %d0;", 'd', { 0x4000000000000000 }, 0x3fe0000000000000 },
        { "sqrt.rn.f64 %d9, %d0;", 'd', { 0x4010000000000000 }, 0x4000000000000000 },
        { "min.f64 %d9, %d0, %d1;",
          'd',
          { 0x7ff8000000000000, 0x4000000000000000 },
          0x4000000000000000 },
        { "max.f64 %d9, %d0, %d1;",
          'd',
          { 0xbff0000000000000, 0x4000000000000000 },
          0x4000000000000000 },
        { "abs.f64 %d9, %d0;", 'd', { 0xbff0000000000000 }, 0x3ff0000000000000 },
        { "neg.f64 %d9, %d0;", 'd', { 0x3ff0000000000000 }, 0xbff0000000000000 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(halves_round_once)
{
    static const bench_row rows[] = {
        { "add.f16 %h9, %h0, %h1;", 'h', { 0x3c00, 0x3c00 }, 0x4000 },
        { "add.f16 %h9, %h0, %h1;", 'h', { 0x7bff, 0x7bff }, 0x7c00 },
        { "add.rn.f16 %h9, %h0, %h1;", 'h', { 0x3c00, 0x1000 }, 0x3c00 },
        { "add.f16 %h9, %h0, %h1;", 'h', { 0x3c01, 0x1000 }, 0x3c02 },
        { "mul.f16 %h9, %h0, %h1;", 'h', { 0x0400, 0x3800 }, 0x0200 },
        { "mul.ftz.f16 %h9, %h0, %h1;", 'h', { 0x0400, 0x3800 }, 0 },
        { "sub.f16 %h9, %h0, %h1;", 'h', { 0x3c00, 0x4000 }, 0xbc00 },
        { "add.sat.f16 %h9, %h0, %h1;", 'h', { 0x4000, 0x4000 }, 0x3c00 },
        { "add.f16x2 %r9, %r0, %r1;", 'r', { 0x40003c00, 0x44004200 }, 0x46004400 },
        { "mul.f16x2 %r9, %r0, %r1;", 'r', { 0x40003c00, 0x44004200 }, 0x48004200 },
        { "fma.rn.f16 %h9, %h0, %h1, %h2;", 'h', { 0x3c01, 0x3c01, 0xbc02 }, 0x0010 },
        { "fma.rn.relu.f16 %h9, %h0, %h1, %h2;", 'h', { 0xbc00, 0x3c00, 0 }, 0 },
        /* (1 + 2^-7)² + 2^-8 = 1 + 2^-6 + 2^-8 + 2^-14: just above half way. */
        { "fma.rn.bf16 %h9, %h0, %h1, %h2;", 'h', { 0x3f81, 0x3f81, 0x3b80 }, 0x3f83 },
        { "fma.rn.bf16 %h9, %h0, %h1, %h2;", 'h', { 0x3f81, 0x3f80, 0x3b80 }, 0x3f82 },
        /* 1 + 2^-8 + 2^-100: only the part that a double loses says which way. */
        { "fma.rn.bf16 %h9, %h0, %h1, %h2;", 'h', { 0x3b80, 0x3f80, 0x3f80 }, 0x3f80 },
        { "fma.rn.bf16x2 %r9, %r0, %r1, %r2;",
          'r',
          { 0x3f813f80, 0x3f813f80, 0x3b803f80 },
          0x3f834000 },
        { "add.bf16 %h9, %h0, %h1;", 'h', { 0x3f80, 0x3f80 }, 0x4000 },
        { "sub.bf16x2 %r9, %r0, %r1;", 'r', { 0x3f804000, 0x40003f80 }, 0xbf803f80 },
        { "mul.bf16x2 %r9, %r0, %r1;", 'r', { 0x40004040, 0x40403f00 }, 0x40c03fc0 },
        { "min.bf16x2 %r9, %r0, %r1;", 'r', { 0x3f804000, 0x40003f80 }, 0x3f803f80 },
        { "max.f16 %h9, %h0, %h1;", 'h', { 0x7e00, 0x3c00 }, 0x3c00 },
        { "max.NaN.f16 %h9, %h0, %h1;", 'h', { 0x7e00, 0x3c00 }, 0x7fff },
        { "neg.bf16x2 %r9, %r0;", 'r', { 0x3f80bf80 }, 0xbf803f80 },
        { "abs.f16x2 %r9, %r0;", 'r', { 0x3c00bc00 }, 0x3c003c00 },
        { "ex2.approx.f16 %h9, %h0;", 'h', { 0x4000 }, 0x4400 },
        { "ex2.approx.f16x2 %r9, %r0;", 'r', { 0x3c004000 }, 0x40004400 },
        { "ex2.approx.ftz.bf16x2 %r9, %r0;", 'r', { 0x3f804000 }, 0x40004080 },
        { "tanh.approx.bf16x2 %r9, %r0;", 'r', { 0x42c80000 }, 0x3f800000 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(numbers_become_integers)
{
    static const bench_row rows[] = {
        { "cvt.rni.s32.f32 %r9, %r0;", 'r', { 0x40200000 }, 2 },          /* 2.5 */
        { "cvt.rni.s32.f32 %r9, %r0;", 'r', { 0x40600000 }, 4 },          /* 3.5 */
        { "cvt.rni.s32.f32 %r9, %r0;", 'r', { 0xc0200000 }, 0xfffffffe }, /* -2.5 */
        { "cvt.rzi.s32.f32 %r9, %r0;", 'r', { 0xc02ccccd }, 0xfffffffe }, /* -2.7 */
        { "cvt.rmi.s32.f32 %r9, %r0;", 'r', { 0xc0066666 }, 0xfffffffd }, /* -2.1 */
        { "cvt.rpi.s32.f32 %r9, %r0;", 'r', { 0x40066666 }, 3 },          /* 2.1 */
        { "cvt.rzi.s32.f32 %r9, %r0;", 'r', { 0x4f32d05e }, 0x7fffffff }, /* 3e9 */
        { "cvt.rzi.s32.f32 %r9, %r0;", 'r', { 0xff800000 }, 0x80000000 },
        { "cvt.rzi.u32.f32 %r9, %r0;", 'r', { 0x4f32d05e }, 0xb2d05e00 },
        { "cvt.rzi.u32.f32 %r9, %r0;", 'r', { 0xc0a00000 }, 0 },
        { "cvt.rzi.s32.f32 %r9, %r0;", 'r', { 0x7fc00000 }, 0 },
        { "cvt.rzi.s8.f32 %r9, %r0;", 'r', { 0x43960000 }, 127 }, /* 300 */
        { "cvt.rni.sat.s8.f32 %r9, %r0;", 'r', { 0xc3960000 }, 0xffffff80 },
        { "cvt.rzi.u8.f32 %r9, %r0;", 'r', { 0x43960000 }, 255 },
        { "cvt.rzi.u64.f32 %d9, %r0;", 'd', { 0x5f000000 }, 1ull << 63 },
        { "cvt.rzi.u64.f64 %d9, %d0;", 'd', { 0x43f0000000000000 }, ~0ull },
        { "cvt.rzi.s64.f64 %d9, %d0;", 'd', { 0xc3e0000000000000 }, 1ull << 63 },
        { "cvt.rzi.ftz.s32.f32 %r9, %r0;", 'r', { 0x40400000 }, 3 },
        { "cvt.rni.s32.f64 %r9, %d0;", 'r', { 0xc004000000000000 }, 0xfffffffe },
        { "cvt.rzi.s32.f16 %r9, %h0;", 'r', { 0xc500 }, 0xfffffffb },
        { "cvt.rni.f32.f32 %r9, %r0;", 'r', { 0x40200000 }, 0x40000000 },
        { "cvt.rpi.f32.f32 %r9, %r0;", 'r', { 0x40200000 }, 0x40400000 },
        { "cvt.rmi.f64.f64 %d9, %d0;", 'd', { 0xc004000000000000 }, 0xc008000000000000 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(integers_become_numbers_and_other_integers)
{
    static const bench_row rows[] = {
        { "cvt.rn.f32.s32 %r9, %r0;", 'r', { 0xffffffff }, 0xbf800000 },
        { "cvt.rn.f32.u32 %r9, %r0;", 'r', { 0xffffffff }, 0x4f800000 },
        { "cvt.rn.f32.s32 %r9, %r0;", 'r', { 16777217 }, 0x4b800000 },
        { "cvt.rp.f32.s32 %r9, %r0;", 'r', { 16777217 }, 0x4b800001 },
        { "cvt.rz.f32.u32 %r9, %r0;", 'r', { 0xffffffff }, 0x4f7fffff },
        { "cvt.rn.f32.u64 %r9, %d0;", 'r', { ~0ull }, 0x5f800000 },
        { "cvt.rn.f32.s64 %r9, %d0;", 'r', { ~0ull }, 0xbf800000 },
        { "cvt.rn.f64.s32 %d9, %r0;", 'd', { 0xffffffff }, 0xbff0000000000000 },
        { "cvt.rn.f64.u64 %d9, %d0;", 'd', { ~0ull }, 0x43f0000000000000 },
        { "cvt.rn.f16.s32 %h9, %r0;", 'h', { 3 }, 0x4200 },
        { "cvt.rn.f16.u32 %h9, %r0;", 'h', { 70000 }, 0x7c00 },
        { "cvt.rn.f16.s16 %h9, %h0;", 'h', { 0xffff }, 0xbc00 },
        { "cvt.rn.bf16.s32 %h9, %r0;", 'h', { 257 }, 0x4380 },
        { "cvt.rn.bf16.s64 %h9, %d0;", 'h', { (1ull << 62) + (1ull << 54) + 1 }, 0x5e81 },
        { "cvt.rn.f32.u8 %r9, %r0;", 'r', { 0x180 }, 0x43000000 },
        { "cvt.rn.f32.s8 %r9, %r0;", 'r', { 0x180 }, 0xc3000000 },
        { "cvt.s32.s8 %r9, %r0;", 'r', { 0x80 }, 0xffffff80 },
        { "cvt.s32.s16 %r9, %h0;", 'r', { 0x8000 }, 0xffff8000 },
        { "cvt.u32.u16 %r9, %h0;", 'r', { 0xabcd8000 }, 0x8000 },
        { "cvt.s64.s32 %d9, %r0;", 'd', { 0x80000000 }, 0xffffffff80000000 },
        { "cvt.u64.u32 %d9, %r0;", 'd', { 0xabcd00000001 }, 1 },
        { "cvt.u32.u64 %r9, %d0;", 'r', { 0xabcd00000001 }, 1 },
        { "cvt.s64.s8 %d9, %r0;", 'd', { 0x80 }, 0xffffffffffffff80 },
        { "cvt.u8.u32 %r9, %r0;", 'r', { 0x1ff }, 0xff },
        { "cvt.sat.u8.s32 %r9, %r0;", 'r', { 300 }, 255 },
        { "cvt.sat.u8.s32 %r9, %r0;", 'r', { 0xfffffffb }, 0 },
        { "cvt.sat.s8.s32 %r9, %r0;", 'r', { 0xffffff38 }, 0xffffff80 },
        { "cvt.sat.s8.u32 %r9, %r0;", 'r', { 200 }, 127 },
        { "cvt.sat.s32.s64 %r9, %d0;", 'r', { 1ull << 40 }, 0x7fffffff },
        { "cvt.sat.u32.u64 %r9, %d0;", 'r', { 1ull << 40 }, 0xffffffff },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(numbers_become_narrower)
{
    static const bench_row rows[] = {
        { "cvt.f64.f32 %d9, %r0;", 'd', { 0x3f800000 }, 0x3ff0000000000000 },
        { "cvt.rn.f32.f64 %r9, %d0;", 'r', { 0x3ff0000010000001 }, 0x3f800001 },
        { "cvt.rz.f32.f64 %r9, %d0;", 'r', { 0x3ff0000010000001 }, 0x3f800000 },
        { "cvt.f32.f16 %r9, %h0;", 'r', { 0x7c00 }, 0x7f800000 },
        { "cvt.f32.f16 %r9, %h0;", 'r', { 0x8001 }, 0xb3800000 },
        { "cvt.f32.f16 %r9, %h0;", 'r', { 0xc248 }, 0xc0490000 },
        { "cvt.f32.bf16 %r9, %h0;", 'r', { 0xc049 }, 0xc0490000 },
        { "cvt.rn.f16.f32 %h9, %r0;", 'h', { 0x477ff000 }, 0x7c00 }, /* 65520 */
        { "cvt.rn.f16.f32 %h9, %r0;", 'h', { 0x477fefff }, 0x7bff },
        { "cvt.rz.f16.f32 %h9, %r0;", 'h', { 0x477ff000 }, 0x7bff },
        { "cvt.rn.f16.f32 %h9, %r0;", 'h', { 0x33000000 }, 0 }, /* 2^-25 */
        { "cvt.rn.f16.f32 %h9, %r0;", 'h', { 0x33000001 }, 1 },
        { "cvt.rn.f16.f32 %h9, %r0;", 'h', { 0x387fffff }, 0x0400 },
        { "cvt.rn.bf16.f32 %h9, %r0;", 'h', { 0x3f808000 }, 0x3f80 },
        { "cvt.rn.bf16.f32 %h9, %r0;", 'h', { 0x3f818000 }, 0x3f82 },
        { "cvt.rn.bf16.f32 %h9, %r0;", 'h', { 0x7f7fffff }, 0x7f80 },
        { "cvt.rn.bf16.f32 %h9, %r0;", 'h', { 0xffc00000 }, 0x7fff },
        { "cvt.rn.bf16.f32 %h9, %r0;", 'h', { 0x00018000 }, 2 },
        { "cvt.rz.bf16.f32 %h9, %r0;", 'h', { 0xbf81ffff }, 0xbf81 },
        { "cvt.rn.relu.bf16.f32 %h9, %r0;", 'h', { 0xbf800000 }, 0 },
        { "cvt.rn.bf16x2.f32 %r9, %r0, %r1;", 'r', { 0x3f800000, 0xc0000000 }, 0x3f80c000 },
        { "cvt.rn.f16x2.f32 %r9, %r0, %r1;", 'r', { 0x3f800000, 0xc0000000 }, 0x3c00c000 },
        { "cvt.rn.relu.bf16x2.f32 %r9, %r0, %r1;", 'r', { 0x3f800000, 0xc0000000 }, 0x3f800000 },
        { "cvt.rna.tf32.f32 %r9, %r0;", 'r', { 0x3f801000 }, 0x3f802000 },
        { "cvt.sat.f32.f32 %r9, %r0;", 'r', { 0x40000000 }, 0x3f800000 },
        { "cvt.ftz.f64.f32 %d9, %r0;", 'd', { 0x80000001 }, 0x8000000000000000 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(eight_bits_hold_numbers)
{
    static const bench_row rows[] = {
        /* e4m3: 448 is the largest, 2^-9 the smallest. The first source is the upper half. */
        { "cvt.rn.satfinite.e4m3x2.f32 %h9, %r0, %r1;", 'h', { 0x43e00000, 0x3f800000 }, 0x7e38 },
        { "cvt.rn.satfinite.e4m3x2.f32 %h9, %r0, %r1;", 'h', { 0x447a0000, 0xc3e00000 }, 0x7efe },
        { "cvt.rn.satfinite.e4m3x2.f32 %h9, %r0, %r1;", 'h', { 0x3b000000, 0x3a800000 }, 0x0100 },
        { "cvt.rn.satfinite.e4m3x2.f32 %h9, %r0, %r1;", 'h', { 0x3b400000, 0x3a800001 }, 0x0201 },
        { "cvt.rn.satfinite.e4m3x2.f32 %h9, %r0, %r1;", 'h', { 0x7fc00000, 0xff800000 }, 0x7ffe },
        /* 1.0625 lies between 1 and 1.125, 1.1875 between 1.125 and 1.25: ties go to even. */
        { "cvt.rn.satfinite.e4m3x2.f32 %h9, %r0, %r1;", 'h', { 0x3f880000, 0x3f980000 }, 0x383a },
        { "cvt.rn.satfinite.relu.e4m3x2.f32 %h9, %r0, %r1;",
          'h',
          { 0xbf800000, 0x3f800000 },
          0x0038 },
        /* e5m2: 57344 is the largest. */
        { "cvt.rn.satfinite.e5m2x2.f32 %h9, %r0, %r1;", 'h', { 0x47600000, 0x3f800000 }, 0x7b3c },
        { "cvt.rn.satfinite.e5m2x2.f32 %h9, %r0, %r1;", 'h', { 0x49742400, 0xff800000 }, 0x7bfb },
        { "cvt.rn.satfinite.e5m2x2.f32 %h9, %r0, %r1;", 'h', { 0x37800000, 0x37000000 }, 0x0100 },
        { "cvt.rn.f16x2.e4m3x2 %r9, %h0;", 'r', { 0x7e38 }, 0x5f003c00 },
        { "cvt.rn.f16x2.e4m3x2 %r9, %h0;", 'r', { 0x8101 }, 0x98001800 },
        { "cvt.rn.f16x2.e4m3x2 %r9, %h0;", 'r', { 0x7f00 }, 0x7fff0000 },
        { "cvt.rn.f16x2.e5m2x2 %r9, %h0;", 'r', { 0x3c7b }, 0x3c007b00 },
        { "cvt.rn.f16x2.e5m2x2 %r9, %h0;", 'r', { 0xfc01 }, 0xfc000100 },
        { "cvt.rn.satfinite.e4m3x2.f16x2 %h9, %r0;", 'h', { 0x3c005f00 }, 0x387e },
        { "cvt.rn.satfinite.e5m2x2.f16x2 %h9, %r0;", 'h', { 0x3c007bff }, 0x3c7b },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx floats");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, f32_rounds_as_told);
    tcase_add_test(tcase, f32_saturates_flushes_and_knows_its_signs);
    tcase_add_test(tcase, f64_rounds_as_told);
    tcase_add_test(tcase, halves_round_once);
    tcase_add_test(tcase, numbers_become_integers);
    tcase_add_test(tcase, integers_become_numbers_and_other_integers);
    tcase_add_test(tcase, numbers_become_narrower);
    tcase_add_test(tcase, eight_bits_hold_numbers);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
