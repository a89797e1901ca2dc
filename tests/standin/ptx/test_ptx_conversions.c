/* Conversions against values worked out from the formats. */
#include "standin/ptx/ptx_bench.h"

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
        { "cvt.rzi.s64.f64 %d9, %d0;", 'd', { 0x7ff8000000000000 }, 1ull << 63 },
        { "cvt.rzi.u64.f32 %d9, %r0;", 'd', { 0x7fc00000 }, 1ull << 63 },
        { "cvt.rzi.u32.f64 %r9, %d0;", 'r', { 0x7ff8000000000000 }, 0 },
        { "cvt.rzi.s16.f32 %h9, %r0;", 'h', { 0x7fc00000 }, 0 },
        { "cvt.rzi.s32.f64 %r9, %d0;", 'r', { 0x41dfffffffc00000 }, 0x7fffffff },
        { "cvt.rzi.s32.f64 %r9, %d0;", 'r', { 0x41dfffffff800000 }, 0x7ffffffe },
        { "cvt.rzi.s32.f64 %r9, %d0;", 'r', { 0x41e0000000000000 }, 0x7fffffff },
        { "cvt.rzi.s32.f64 %r9, %d0;", 'r', { 0xc1dfffffffc00000 }, 0x80000001 },
        { "cvt.rzi.s32.f64 %r9, %d0;", 'r', { 0xc1e0000000200000 }, 0x80000000 },
        { "cvt.rzi.s64.f64 %d9, %d0;", 'd', { 0x43e0000000000000 }, ~0ull >> 1 },
        { "cvt.rzi.s64.f64 %d9, %d0;", 'd', { 0xc3f0000000000000 }, 1ull << 63 },
        { "cvt.rzi.s64.f64 %d9, %d0;", 'd', { 0xc000000000000000 }, ~0ull - 1 },
        { "cvt.rzi.u32.f64 %r9, %d0;", 'r', { 0x41f0000000000000 }, 0xffffffff },
        { "cvt.rzi.u32.f64 %r9, %d0;", 'r', { 0x41efffffffc00000 }, 0xfffffffe },
        { "cvt.rzi.u32.f32 %r9, %r0;", 'r', { 0x3f800000 }, 1 },
        { "cvt.rzi.u32.f32 %r9, %r0;", 'r', { 0x3f000000 }, 0 },
        { "cvt.rpi.u32.f32 %r9, %r0;", 'r', { 0x3f000000 }, 1 },
        { "cvt.rzi.s16.f32 %h9, %r0;", 'h', { 0x471c4000 }, 0x7fff },
        { "cvt.rzi.s16.f32 %h9, %r0;", 'h', { 0xc71c4000 }, 0x8000 },
        { "cvt.rzi.u16.f32 %h9, %r0;", 'h', { 0x471c4000 }, 40000 },
        { "cvt.rzi.s8.f32 %r9, %r0;", 'r', { 0xc3000000 }, 0xffffff80 },
        { "cvt.rzi.s32.bf16 %r9, %h0;", 'r', { 0xc120 }, 0xfffffff6 },
        { "cvt.rmi.f32.f32 %r9, %r0;", 'r', { 0xc0200000 }, 0xc0400000 },
        { "cvt.rzi.f32.f32 %r9, %r0;", 'r', { 0xc0200000 }, 0xc0000000 },
        { "cvt.rpi.f64.f64 %d9, %d0;", 'd', { 0x4004000000000000 }, 0x4008000000000000 },
        { "cvt.rni.f16.f16 %h9, %h0;", 'h', { 0x4100 }, 0x4000 },
        { "cvt.rpi.ftz.f32.f32 %r9, %r0;", 'r', { 1 }, 0 },
        { "cvt.rpi.s32.f32 %r9, %r0;", 'r', { 1 }, 1 },
        { "cvt.rpi.ftz.s32.f32 %r9, %r0;", 'r', { 0x007fffff }, 0 },
        { "cvt.rpi.ftz.s32.f32 %r9, %r0;", 'r', { 0x00800000 }, 1 },
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
        { "cvt.rp.f32.u32 %r9, %r0;", 'r', { 16777217 }, 0x4b800001 },
        { "cvt.rm.f32.s64 %r9, %d0;", 'r', { ~16777216ull }, 0xcb800001 },
        { "cvt.rz.f32.u64 %r9, %d0;", 'r', { ~0ull }, 0x5f7fffff },
        { "cvt.rp.f32.s64 %r9, %d0;", 'r', { 16777217 }, 0x4b800001 },
        { "cvt.rp.f32.u64 %r9, %d0;", 'r', { 16777217 }, 0x4b800001 },
        { "cvt.rn.f64.u32 %d9, %r0;", 'd', { 0xffffffff }, 0x41efffffffe00000 },
        { "cvt.rz.f64.u64 %d9, %d0;", 'd', { ~0ull }, 0x43efffffffffffff },
        { "cvt.rp.f64.s64 %d9, %d0;", 'd', { (1ull << 53) + 1 }, 0x4340000000000001 },
        { "cvt.rm.f64.s64 %d9, %d0;", 'd', { 0 - (1ull << 53) - 1 }, 0xc340000000000001 },
        { "cvt.rn.f16.u16 %h9, %h0;", 'h', { 3 }, 0x4200 },
        { "cvt.rn.f16.u64 %h9, %d0;", 'h', { ~0ull }, 0x7c00 },
        { "cvt.rz.f16.u32 %h9, %r0;", 'h', { 70000 }, 0x7bff },
        { "cvt.rn.bf16.u64 %h9, %d0;", 'h', { ~0ull }, 0x5f80 },
        { "cvt.rn.bf16.u64 %h9, %d0;", 'h', { (1ull << 62) + (1ull << 54) + 1 }, 0x5e81 },
        { "cvt.rn.bf16.u64 %h9, %d0;", 'h', { (1ull << 62) + (1ull << 54) }, 0x5e80 },
        { "cvt.rn.bf16.s64 %h9, %d0;", 'h', { (1ull << 62) + (3ull << 54) }, 0x5e82 },
        { "cvt.rn.bf16.s64 %h9, %d0;", 'h', { 0 - (1ull << 62) - (1ull << 54) - 1 }, 0xde81 },
        { "cvt.rn.bf16.s64 %h9, %d0;", 'h', { 0 - (1ull << 62) - (1ull << 54) }, 0xde80 },
        { "cvt.rn.bf16.s64 %h9, %d0;", 'h', { (1ull << 62) + (1ull << 54) - 1 }, 0x5e80 },
        { "cvt.rn.bf16.s64 %h9, %d0;", 'h', { 0 - (1ull << 62) - (1ull << 54) + 1 }, 0xde80 },
        { "cvt.rn.bf16.u64 %h9, %d0;", 'h', { (1ull << 62) + (1ull << 54) - 1 }, 0x5e80 },
        { "cvt.rn.sat.f32.u32 %r9, %r0;", 'r', { 7 }, 0x3f800000 },
        { "cvt.sat.f32.f32 %r9, %r0;", 'r', { 0x80000000 }, 0 },
        { "cvt.sat.f32.f32 %r9, %r0;", 'r', { 0x3fc00000 }, 0x3f800000 },
        { "cvt.rn.relu.f16.f32 %h9, %r0;", 'h', { 0x3f000000 }, 0x3800 },
        { "cvt.u16.u32 %h9, %r0;", 'h', { 0x12345678 }, 0x5678 },
        { "cvt.u16.s32 %h9, %r0;", 'h', { 0x12345678 }, 0x5678 },
        { "cvt.s16.s8 %h9, %r0;", 'h', { 0x80 }, 0xff80 },
        { "cvt.s8.s32 %d9, %r0;", 'd', { 0x180 }, 0xffffffffffffff80 },
        { "cvt.u64.s32 %d9, %r0;", 'd', { 0x80000000 }, 0xffffffff80000000 },
        { "cvt.s64.u32 %d9, %r0;", 'd', { 0x80000000 }, 0x80000000 },
        { "cvt.s32.u64 %r9, %d0;", 'r', { 0x180000000 }, 0x80000000 },
        { "cvt.u64.s64 %d9, %d0;", 'd', { ~0ull }, ~0ull },
        { "cvt.s64.s16 %d9, %h0;", 'd', { 0x8000 }, 0xffffffffffff8000 },
        { "cvt.u64.u16 %d9, %h0;", 'd', { 0x8000 }, 0x8000 },
        { "cvt.u64.u32 %d9, %r0;", 'd', { 5 }, 5 },
        { "cvt.sat.u32.s32 %r9, %r0;", 'r', { 0xffffffff }, 0 },
        { "cvt.sat.s32.u32 %r9, %r0;", 'r', { 0x80000000 }, 0x7fffffff },
        { "cvt.sat.s32.u32 %r9, %r0;", 'r', { 0x7ffffffe }, 0x7ffffffe },
        { "cvt.sat.u16.u32 %h9, %r0;", 'h', { 65536 }, 65535 },
        { "cvt.sat.u16.u32 %h9, %r0;", 'h', { 65534 }, 65534 },
        { "cvt.sat.s8.s16 %r9, %h0;", 'r', { 0xff81 }, 0xffffff81 },
        { "cvt.sat.s8.s16 %r9, %h0;", 'r', { 0xff7f }, 0xffffff80 },
        { "cvt.sat.s8.s16 %r9, %h0;", 'r', { 128 }, 127 },
        { "cvt.sat.s8.s16 %r9, %h0;", 'r', { 126 }, 126 },
        { "cvt.sat.s32.s64 %r9, %d0;", 'r', { 1ull << 63 }, 0x80000000 },
        { "cvt.sat.s32.u64 %r9, %d0;", 'r', { 1ull << 63 }, 0x7fffffff },
        { "cvt.sat.u64.s64 %d9, %d0;", 'd', { ~0ull }, 0 },
        { "cvt.sat.s64.u64 %d9, %d0;", 'd', { ~0ull }, ~0ull >> 1 },
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
        { "cvt.ftz.f64.f32 %d9, %r0;", 'd', { 0x007fffff }, 0 },
        { "cvt.ftz.f64.f32 %d9, %r0;", 'd', { 0x00800000 }, 0x3810000000000000 },
        { "cvt.f64.f32 %d9, %r0;", 'd', { 1 }, 0x36a0000000000000 },
        { "cvt.rn.ftz.f32.f64 %r9, %d0;", 'r', { 0x37d0000000000000 }, 0 },
        { "cvt.rn.ftz.f32.f64 %r9, %d0;", 'r', { 0xb7d0000000000000 }, 0x80000000 },
        { "cvt.rn.f32.f64 %r9, %d0;", 'r', { 0x37d0000000000000 }, 0x00080000 },
        { "cvt.rn.f32.f64 %r9, %d0;", 'r', { 0x7ff8000000000000 }, 0x7fffffff },
        { "cvt.rp.f32.f64 %r9, %d0;", 'r', { 0x3ff0000000000001 }, 0x3f800001 },
        { "cvt.sat.f32.f32 %r9, %r0;", 'r', { 0xbf800000 }, 0 },
        { "cvt.sat.f32.f32 %r9, %r0;", 'r', { 0x3f000000 }, 0x3f000000 },
        { "cvt.sat.f32.f32 %r9, %r0;", 'r', { 0x7fc00000 }, 0 },
        { "cvt.f64.f16 %d9, %h0;", 'd', { 0xc248 }, 0xc009200000000000 },
        { "cvt.f64.f16 %d9, %h0;", 'd', { 0x7c00 }, 0x7ff0000000000000 },
        { "cvt.f64.f16 %d9, %h0;", 'd', { 0xfc00 }, 0xfff0000000000000 },
        { "cvt.f64.f16 %d9, %h0;", 'd', { 0x03ff }, 0x3f0ff80000000000 },
        { "cvt.f64.f16 %d9, %h0;", 'd', { 0x0400 }, 0x3f10000000000000 },
        { "cvt.f64.f16 %d9, %h0;", 'd', { 0x7bff }, 0x40effc0000000000 },
        { "cvt.f64.bf16 %d9, %h0;", 'd', { 0x7f7f }, 0x47efe00000000000 },
        { "cvt.f64.bf16 %d9, %h0;", 'd', { 0xff80 }, 0xfff0000000000000 },
        { "cvt.f64.bf16 %d9, %h0;", 'd', { 1 }, 0x37a0000000000000 },
        { "cvt.f32.f16 %r9, %h0;", 'r', { 0x03ff }, 0x387fc000 },
        { "cvt.f32.f16 %r9, %h0;", 'r', { 0x8000 }, 0x80000000 },
        { "cvt.f32.f16 %r9, %h0;", 'r', { 0xfe00 }, 0xffc00000 },
        { "cvt.f32.f16 %r9, %h0;", 'r', { 0x7bff }, 0x477fe000 },
        { "cvt.f32.f16 %r9, %h0;", 'r', { 0x0400 }, 0x38800000 },
        { "cvt.rn.f16.f64 %h9, %d0;", 'h', { 0x3ff0020000000000 }, 0x3c00 },
        { "cvt.rn.f16.f64 %h9, %d0;", 'h', { 0x3ff0020000000001 }, 0x3c01 },
        { "cvt.rn.f16.f32 %h9, %r0;", 'h', { 0xff800000 }, 0xfc00 },
        { "cvt.rn.f16.f32 %h9, %r0;", 'h', { 0x7fc00000 }, 0x7fff },
        { "cvt.rn.f16.f32 %h9, %r0;", 'h', { 0x80000000 }, 0x8000 },
        { "cvt.rz.f16.f32 %h9, %r0;", 'h', { 0x387fffff }, 0x03ff },
        { "cvt.rn.f16.f32 %h9, %r0;", 'h', { 0xb8800000 }, 0x8400 },
        { "cvt.rn.satfinite.f16.f32 %h9, %r0;", 'h', { 0x7f800000 }, 0x7bff },
        { "cvt.rn.satfinite.bf16.f32 %h9, %r0;", 'h', { 0xff800000 }, 0xff7f },
        { "cvt.rn.bf16.f32 %h9, %r0;", 'h', { 0x7f800000 }, 0x7f80 },
        { "cvt.rz.bf16.f32 %h9, %r0;", 'h', { 0x7f7fffff }, 0x7f7f },
        { "cvt.rn.bf16.f16 %h9, %h0;", 'h', { 0xbc00 }, 0xbf80 },
        { "cvt.rn.f16.bf16 %h9, %h0;", 'h', { 0x3f80 }, 0x3c00 },
        { "cvt.rz.f16x2.f32 %r9, %r0, %r1;", 'r', { 0x477ff000, 0x3f801fff }, 0x7bff3c00 },
        { "cvt.rna.tf32.f32 %r9, %r0;", 'r', { 0x3f800fff }, 0x3f800000 },
        { "cvt.rna.tf32.f32 %r9, %r0;", 'r', { 0xbf801000 }, 0xbf802000 },
        { "cvt.rna.tf32.f32 %r9, %r0;", 'r', { 0x7f800000 }, 0x7f800000 },
        { "cvt.rna.tf32.f32 %r9, %r0;", 'r', { 0x7fc00000 }, 0x7fffe000 },
        { "cvt.rn.tf32.f32 %r9, %r0;", 'r', { 0x3f801000 }, 0x3f800000 },
        { "cvt.rn.tf32.f32 %r9, %r0;", 'r', { 0x3f803000 }, 0x3f804000 },
        { "cvt.rz.tf32.f32 %r9, %r0;", 'r', { 0xbf801fff }, 0xbf800000 },
        { "cvt.rn.tf32.f32 %r9, %r0;", 'r', { 0x00003000 }, 0x00004000 },
        { "cvt.rn.tf32.f32 %r9, %r0;", 'r', { 0x7f7fffff }, 0x7f800000 },
        { "cvt.rz.tf32.f32 %r9, %r0;", 'r', { 0x7f7fffff }, 0x7f7fe000 },
        { "cvt.rn.tf32.f32 %r9, %r0;", 'r', { 0x7f7fe000 }, 0x7f7fe000 },
        { "cvt.rna.tf32.f32 %r9, %r0;", 'r', { 0x7f7fffff }, 0x7f800000 },
        { "cvt.rna.satfinite.tf32.f32 %r9, %r0;", 'r', { 0xff7fffff }, 0xff7fe000 },
        { "cvt.rna.satfinite.tf32.f32 %r9, %r0;", 'r', { 0x7f800000 }, 0x7f7fe000 },
        { "cvt.rn.satfinite.tf32.f32 %r9, %r0;", 'r', { 0x7f7fffff }, 0x7f7fe000 },
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
        { "cvt.rn.e4m3x2.f32 %h9, %r0, %r1;", 'h', { 0x7f800000, 0x447a0000 }, 0x7f7f },
        { "cvt.rn.e5m2x2.f32 %h9, %r0, %r1;", 'h', { 0x7f800000, 0xc9742400 }, 0x7cfc },
        { "cvt.rn.satfinite.e5m2x2.f32 %h9, %r0, %r1;", 'h', { 0x7fc00000, 0x38800000 }, 0x7f04 },
        { "cvt.rn.satfinite.e4m3x2.f32 %h9, %r0, %r1;", 'h', { 0x3c800000, 0x3c700000 }, 0x0808 },
        { "cvt.rn.satfinite.e4m3x2.f32 %h9, %r0, %r1;", 'h', { 0x43e80000, 0x43e80001 }, 0x7e7e },
        { "cvt.rn.f16x2.e5m2x2 %r9, %h0;", 'r', { 0x7c7d }, 0x7c007fff },
        { "cvt.rn.f16x2.e5m2x2 %r9, %h0;", 'r', { 0x0403 }, 0x04000300 },
        { "cvt.rn.f16x2.e4m3x2 %r9, %h0;", 'r', { 0x7e08 }, 0x5f002400 },
        { "cvt.rn.f16x2.e4m3x2 %r9, %h0;", 'r', { 0x0700 }, 0x23000000 },
        { "cvt.rn.relu.f16x2.e4m3x2 %r9, %h0;", 'r', { 0xb838 }, 0x00003c00 },
        { "cvt.rn.satfinite.relu.e4m3x2.f16x2 %h9, %r0;", 'h', { 0xbc003c00 }, 0x0038 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx conversions");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, numbers_become_integers);
    tcase_add_test(tcase, integers_become_numbers_and_other_integers);
    tcase_add_test(tcase, numbers_become_narrower);
    tcase_add_test(tcase, eight_bits_hold_numbers);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
