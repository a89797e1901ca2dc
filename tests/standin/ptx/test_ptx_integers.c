/* Integer instructions against values worked out from the PTX ISA's pseudo-code. */
#include "standin/ptx/ptx_bench.h"

#define M1 0xffffffffffffffffull

START_TEST(sums_wrap_and_saturate)
{
    static const bench_row rows[] = {
        { "add.s32 %r9, %r0, %r1;", 'r', { 0x7fffffff, 1 }, 0x80000000 },
        { "add.sat.s32 %r9, %r0, %r1;", 'r', { 0x7fffffff, 1 }, 0x7fffffff },
        { "add.sat.s32 %r9, %r0, %r1;", 'r', { 0x80000000, M1 }, 0x80000000 },
        { "sub.sat.s32 %r9, %r0, %r1;", 'r', { 0x80000000, 1 }, 0x80000000 },
        { "sub.s32 %r9, %r0, %r1;", 'r', { 3, 5 }, 0xfffffffe },
        { "add.u64 %d9, %d0, %d1;", 'd', { M1, 2 }, 1 },
        { "add.u16 %h9, %h0, %h1;", 'h', { 0xffff, 2 }, 1 },
        { "neg.s32 %r9, %r0;", 'r', { 0x80000000 }, 0x80000000 },
        { "neg.s16 %h9, %h0;", 'h', { 1 }, 0xffff },
        { "abs.s32 %r9, %r0;", 'r', { 0xfffffff9 }, 7 },
        { "abs.s16 %h9, %h0;", 'h', { 0x8000 }, 0x8000 },
        { "abs.s64 %d9, %d0;", 'd', { M1 - 8 }, 9 },
        { "min.s32 %r9, %r0, %r1;", 'r', { M1, 1 }, 0xffffffff },
        { "min.u32 %r9, %r0, %r1;", 'r', { M1, 1 }, 1 },
        { "max.s16 %h9, %h0, %h1;", 'h', { 0x8000, 1 }, 1 },
        { "max.u64 %d9, %d0, %d1;", 'd', { M1, 1 }, M1 },
        { "max.s64 %d9, %d0, %d1;", 'd', { M1, 1 }, 1 },
        { "sad.s32 %r9, %r0, %r1, %r2;", 'r', { 0xfffffffe, 3, 10 }, 15 },
        { "sad.u32 %r9, %r0, %r1, %r2;", 'r', { 0xfffffffe, 3, 10 }, 5 },
        { "add.sat.s32 %r9, %r0, %r1;", 'r', { 0x7fffff00, 0xff }, 0x7fffffff },
        { "add.sat.s32 %r9, %r0, %r1;", 'r', { 0x80000001, M1 }, 0x80000000 },
        { "sub.sat.s32 %r9, %r0, %r1;", 'r', { 5, 3 }, 2 },
        { "sub.sat.s32 %r9, %r0, %r1;", 'r', { 0x7fffffff, M1 }, 0x7fffffff },
        { "sub.u64 %d9, %d0, %d1;", 'd', { 1ull << 40, 1 }, (1ull << 40) - 1 },
        { "neg.s64 %d9, %d0;", 'd', { 1ull << 40 }, 0xffffff0000000000 },
        { "abs.s16 %h9, %h0;", 'h', { 0xfff0 }, 16 },
        { "abs.s16 %h9, %h0;", 'h', { 0x7001 }, 0x7001 },
        { "abs.s16 %h9, %h0;", 'h', { 0xffff }, 1 },
        { "abs.s32 %r9, %r0;", 'r', { 0xffffffff }, 1 },
        { "abs.s32 %r9, %r0;", 'r', { 0x70000001 }, 0x70000001 },
        { "abs.s64 %d9, %d0;", 'd', { M1 }, 1 },
        { "abs.s64 %d9, %d0;", 'd', { 5 }, 5 },
        { "min.s32 %r9, %r0, %r1;", 'r', { 3, 0xfffffffe }, 0xfffffffe },
        { "max.s32 %r9, %r0, %r1;", 'r', { 3, 0xfffffffe }, 3 },
        { "max.u32 %r9, %r0, %r1;", 'r', { 3, 0xfffffffe }, 0xfffffffe },
        { "min.u16 %h9, %h0, %h1;", 'h', { 0x8000, 1 }, 1 },
        { "min.s16 %h9, %h0, %h1;", 'h', { 0x8000, 1 }, 0x8000 },
        { "max.u16 %h9, %h0, %h1;", 'h', { 0x8000, 1 }, 0x8000 },
        { "min.u64 %d9, %d0, %d1;", 'd', { M1, 1 }, 1 },
        { "min.s64 %d9, %d0, %d1;", 'd', { M1, 1 }, M1 },
        { "sad.u32 %r9, %r0, %r1, %r2;", 'r', { 3, 0x80000003, 1 }, 0x80000001 },
        { "sad.s32 %r9, %r0, %r1, %r2;", 'r', { 3, 0xfffffffe, 10 }, 15 },
        { "sad.s16 %h9, %h0, %h1, %h2;", 'h', { 0xfffe, 3, 10 }, 15 },
        { "sad.u64 %d9, %d0, %d1, %d2;", 'd', { 1ull << 63, 1, 1 }, 1ull << 63 },
        { "sad.s64 %d9, %d0, %d1, %d2;", 'd', { M1, 1, 1 }, 3 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(products_have_low_high_and_wide_forms)
{
    static const bench_row rows[] = {
        { "mul.lo.s32 %r9, %r0, %r1;", 'r', { 0x10001, 0x10001 }, 0x20001 },
        { "mul.hi.u32 %r9, %r0, %r1;", 'r', { M1, M1 }, 0xfffffffe },
        { "mul.hi.s32 %r9, %r0, %r1;", 'r', { M1, 5 }, 0xffffffff },
        { "mul.hi.u64 %d9, %d0, %d1;", 'd', { M1, M1 }, M1 - 1 },
        { "mul.hi.s64 %d9, %d0, %d1;", 'd', { M1, M1 }, 0 },
        { "mul.hi.u16 %h9, %h0, %h1;", 'h', { 0xffff, 0xffff }, 0xfffe },
        { "mul.hi.s16 %h9, %h0, %h1;", 'h', { 0xffff, 2 }, 0xffff },
        { "mul.wide.s32 %d9, %r0, %r1;", 'd', { M1, 3 }, M1 - 2 },
        { "mul.wide.u32 %d9, %r0, %r1;", 'd', { M1, 3 }, 0x2fffffffd },
        { "mul.wide.u16 %r9, %h0, %h1;", 'r', { 0xffff, 0xffff }, 0xfffe0001 },
        { "mul.wide.s16 %r9, %h0, %h1;", 'r', { 0xffff, 0x7fff }, 0xffff8001 },
        { "mad.lo.s32 %r9, %r0, %r1, %r2;", 'r', { M1, 3, 10 }, 7 },
        { "mad.lo.u64 %d9, %d0, %d1, %d2;", 'd', { M1, 3, 10 }, 7 },
        { "mad.hi.u32 %r9, %r0, %r1, %r2;", 'r', { M1, M1, 5 }, 3 },
        { "mad.wide.s32 %d9, %r0, %r1, %d2;", 'd', { M1, 3, 1 }, M1 - 1 },
        { "mad.wide.u32 %d9, %r0, %r1, %d2;", 'd', { M1, 3, 3 }, 0x300000000 },
        { "mad.wide.u16 %r9, %h0, %h1, %r2;", 'r', { 0xffff, 0xffff, 0xffffffff }, 0xfffe0000 },
        { "mad.hi.s32 %r9, %r9, %r9, %r9;", 'r', { 0 }, 0 },
        { "mul24.lo.u32 %r9, %r0, %r1;", 'r', { 0xff000002, 0xff000003 }, 6 },
        { "mul24.lo.s32 %r9, %r0, %r1;", 'r', { 0x00ffffff, 3 }, 0xfffffffd },
        { "mad24.lo.u32 %r9, %r0, %r1, %r2;", 'r', { 0xff000002, 3, 0x1000000 }, 0x1000006 },
        { "dp4a.u32.u32 %r9, %r0, %r1, %r2;", 'r', { 0x01020304, 0x05060708, 100 }, 170 },
        { "dp4a.s32.s32 %r9, %r0, %r1, %r2;", 'r', { 0xff, 0xff, 0 }, 1 },
        { "dp4a.u32.s32 %r9, %r0, %r1, %r2;", 'r', { 0xff, 0xff, 0 }, 0xffffff01 },
        { "dp2a.lo.s32.s32 %r9, %r0, %r1, %r2;", 'r', { 0x00020003, 0x0a0b0cff, 0 }, 21 },
        { "dp2a.hi.s32.s32 %r9, %r0, %r1, %r2;", 'r', { 0x00020003, 0x0a0b0cff, 0 }, 53 },
        { "mul.hi.u16 %h9, %h0, %h1;", 'h', { 0x1234, 0x100 }, 0x12 },
        { "mul.hi.s16 %h9, %h0, %h1;", 'h', { 0x1234, 0x100 }, 0x12 },
        { "mul.hi.u32 %r9, %r0, %r1;", 'r', { 0x12345678, 0x1000000 }, 0x123456 },
        { "mul.hi.s32 %r9, %r0, %r1;", 'r', { 0x12345678, 0x1000000 }, 0x123456 },
        { "mul.hi.u64 %d9, %d0, %d1;", 'd', { 0x1234567800000000, 1ull << 36 }, 0x123456780 },
        { "mul.hi.s64 %d9, %d0, %d1;", 'd', { 0x1234567800000000, 1ull << 36 }, 0x123456780 },
        { "mul.hi.s64 %d9, %d0, %d1;", 'd', { M1, 5 }, M1 },
        { "mul.lo.u64 %d9, %d0, %d1;", 'd', { 1ull << 40, 3 }, 3ull << 40 },
        { "mul.lo.u16 %h9, %h0, %h1;", 'h', { 0x101, 0x101 }, 0x201 },
        { "mul.wide.u16 %r9, %h0, %h1;", 'r', { 0x1001, 0x1001 }, 0x1002001 },
        { "mad.lo.u16 %h9, %h0, %h1, %h2;", 'h', { 0x101, 0x101, 5 }, 0x206 },
        { "mad.hi.s32 %r9, %r0, %r1, %r2;", 'r', { M1, 5, 7 }, 6 },
        { "mad.hi.u64 %d9, %d0, %d1, %d2;", 'd', { M1, M1, 5 }, 3 },
        { "mad.hi.s64 %d9, %d0, %d1, %d2;", 'd', { M1, 5, 7 }, 6 },
        { "mad.hi.u16 %h9, %h0, %h1, %h2;", 'h', { 0xffff, 0xffff, 5 }, 3 },
        { "mad.wide.s16 %r9, %h0, %h1, %r2;", 'r', { 0xffff, 2, 5 }, 3 },
        { "mov.u32 %r9, %r2; mad.hi.u32 %r9, %r0, %r1, %r9;", 'r', { M1, M1, 5 }, 3 },
        { "mul24.lo.u32 %r9, %r0, %r1;", 'r', { 0x123457, 0x101 }, 0x12468b57 },
        { "mul24.lo.s32 %r9, %r0, %r1;", 'r', { 0xff000005, 0x00fffffd }, 0xfffffff1 },
        { "mul24.hi.u32 %r9, %r0, %r1;", 'r', { 0xffffff, 0xfffffe }, 0xfffffd00 },
        { "mul24.hi.s32 %r9, %r0, %r1;", 'r', { 0x00ffffff, 0x00000100 }, 0xffffffff },
        { "mul24.hi.s32 %r9, %r0, %r1;", 'r', { 0xff812345, 0x345 }, 0xfffe6138 },
        { "mul24.hi.u32 %r9, %r0, %r1;", 'r', { 0x123456, 0x10000 }, 0x123456 },
        { "mad24.lo.u32 %r9, %r0, %r1, %r2;", 'r', { 0x123457, 0x101, 3 }, 0x12468b5a },
        { "mad24.lo.s32 %r9, %r0, %r1, %r2;", 'r', { 0x00ffffff, 3, 10 }, 7 },
        { "mad24.lo.s32 %r9, %r0, %r1, %r2;", 'r', { 5, 0xff000003, 10 }, 25 },
        { "mad24.hi.u32 %r9, %r0, %r1, %r2;", 'r', { 0x123456, 0x10000, 4 }, 0x12345a },
        { "mad24.hi.s32 %r9, %r0, %r1, %r2;", 'r', { 0x00ffffff, 0x100, 3 }, 2 },
        { "mad24.hi.s32 %r9, %r0, %r1, %r2;", 'r', { 0xff812345, 0x345, 5 }, 0xfffe613d },
        { "dp4a.s32.u32 %r9, %r0, %r1, %r2;", 'r', { 0xff, 0xff, 0 }, 0xffffff01 },
        { "dp2a.lo.u32.u32 %r9, %r0, %r1, %r2;", 'r', { 0x0002fffd, 0x0a0b0cff, 0 }, 0xfefd1b },
        { "dp2a.hi.s32.u32 %r9, %r0, %r1, %r2;", 'r', { 0xfffffffd, 0x0aff0cff, 0 }, 0xfffffcf9 },
        { "dp2a.lo.u32.s32 %r9, %r0, %r1, %r2;", 'r', { 0xffff0001, 0x0aff00ff, 7 }, 6 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(quotients_round_to_zero)
{
    static const bench_row rows[] = {
        { "div.s32 %r9, %r0, %r1;", 'r', { 0xfffffff9, 2 }, 0xfffffffd },
        { "rem.s32 %r9, %r0, %r1;", 'r', { 0xfffffff9, 2 }, 0xffffffff },
        { "div.u32 %r9, %r0, %r1;", 'r', { 0xfffffff9, 2 }, 0x7ffffffc },
        { "rem.u32 %r9, %r0, %r1;", 'r', { 0xfffffff9, 10 }, 9 },
        { "div.s32 %r9, %r0, %r1;", 'r', { 0x80000000, M1 }, 0x80000000 },
        { "div.s64 %d9, %d0, %d1;", 'd', { 1ull << 63, M1 }, 1ull << 63 },
        { "rem.s64 %d9, %d0, %d1;", 'd', { 1ull << 63, M1 }, 0 },
        { "div.u64 %d9, %d0, %d1;", 'd', { M1, 3 }, 0x5555555555555555 },
        { "div.s16 %h9, %h0, %h1;", 'h', { 0xfff9, 2 }, 0xfffd },
        { "rem.u16 %h9, %h0, %h1;", 'h', { 0xfff9, 10 }, 9 },
        { "div.s32 %r9, %r0, %r1;", 'r', { 5, M1 }, 0xfffffffb },
        { "div.s32 %r9, %r0, %r1;", 'r', { 7, 0xfffffffe }, 0xfffffffd },
        { "rem.s32 %r9, %r0, %r1;", 'r', { 7, 0xfffffffe }, 1 },
        { "rem.u32 %r9, %r0, %r1;", 'r', { 100, 7 }, 2 },
        { "div.u16 %h9, %h0, %h1;", 'h', { 0xfff9, 2 }, 0x7ffc },
        { "rem.s16 %h9, %h0, %h1;", 'h', { 0xfff9, 2 }, 0xffff },
        { "rem.u64 %d9, %d0, %d1;", 'd', { M1, 10 }, 5 },
        /* Not specified, and not a crash either. */
        { "div.u32 %r9, %r0, %r1;", 'r', { 7, 0 }, 0xffffffff },
        { "div.s64 %d9, %d0, %d1;", 'd', { 7, 0 }, M1 },
        { "rem.u32 %r9, %r0, %r1;", 'r', { 7, 0 }, 7 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(carries_chain)
{
    static const bench_row rows[] = {
        { "add.cc.u32 %r4, %r0, %r1; addc.u32 %r9, %r2, %r3;", 'r', { M1, 1, 5, 6 }, 12 },
        { "add.cc.u32 %r4, %r0, %r1; addc.u32 %r9, %r2, %r3;", 'r', { 1, 1, 5, 6 }, 11 },
        { "sub.cc.u32 %r4, %r0, %r1; subc.u32 %r9, %r2, %r3;", 'r', { 0, 1, 6, 5 }, 0 },
        { "sub.cc.u32 %r4, %r0, %r1; subc.u32 %r9, %r2, %r3;", 'r', { 1, 1, 6, 5 }, 1 },
        { "add.cc.u64 %d4, %d0, %d1; addc.u64 %d9, %d2, %d3;", 'd', { M1, 1, 5, 6 }, 12 },
        { "mad.lo.cc.u32 %r4, %r0, %r1, %r2; addc.u32 %r9, 0, 0;", 'r', { M1, M1, M1 }, 1 },
        { "mad.lo.cc.u32 %r4, %r0, %r1, %r2; madc.hi.u32 %r9, %r0, %r1, %r3;",
          'r',
          { M1, M1, M1, 1 },
          0 },
        { "add.cc.u32 %r4, %r0, %r1; addc.cc.u32 %r5, %r0, 0; addc.u32 %r9, 0, 0;",
          'r',
          { M1, 1 },
          1 },
        { "add.cc.u32 %r9, %r0, %r1;", 'r', { 3, 4 }, 7 },
        { "add.cc.u32 %r4, %r0, %r1; add.cc.u32 %r9, %r2, 4;", 'r', { M1, 1, 3 }, 7 },
        { "add.cc.u32 %r4, %r0, %r1; addc.u32 %r5, 0, 0; addc.u32 %r9, 0, 0;", 'r', { M1, 1 }, 1 },
        { "sub.cc.u32 %r9, %r0, %r1;", 'r', { 3, 4 }, 0xffffffff },
        { "add.cc.u32 %r4, %r0, %r1; addc.u32 %r9, %r2, %r3; addc.u32 %r9, %r9, 0;",
          'r',
          { M1, 1, M1, 0 },
          1 },
        { "sub.cc.u64 %d4, %d0, %d1; subc.u64 %d9, %d2, %d3;", 'd', { 0, 1, 6, 5 }, 0 },
        { "sub.cc.u32 %r4, %r0, %r1; subc.cc.u32 %r5, %r2, %r3; subc.u32 %r9, 5, 0;",
          'r',
          { 0, 1, 0, 0 },
          4 },
        { "add.cc.s32 %r4, %r0, %r1; addc.s32 %r9, %r2, %r3;", 'r', { M1, M1, 0, 0 }, 1 },
        { "mad.lo.cc.s32 %r9, %r0, %r1, %r2;", 'r', { M1, 3, 10 }, 7 },
        { "mad.lo.cc.u32 %r4, %r0, %r1, %r2; madc.lo.u32 %r9, %r0, %r1, %r3;",
          'r',
          { M1, M1, M1, 1 },
          3 },
        { "mad.lo.cc.s32 %r4, %r0, %r1, %r2; madc.hi.s32 %r9, %r0, %r1, %r3;",
          'r',
          { M1, 3, 10, 0 },
          0 },
        { "mad.hi.cc.u32 %r4, %r0, %r1, %r2; addc.u32 %r9, %r4, 0;", 'r', { M1, M1, 2 }, 1 },
        { "mad.lo.cc.u64 %d4, %d0, %d1, %d2; madc.hi.u64 %d9, %d0, %d1, %d3;",
          'd',
          { M1, M1, M1, 1 },
          0 },
        { "mad.lo.cc.s64 %d4, %d0, %d1, %d2; madc.hi.s64 %d9, %d0, %d1, %d3;",
          'd',
          { M1, 3, 10, 0 },
          0 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(comparisons_know_their_types)
{
    static const bench_row rows[] = {
        { "setp.lt.s32 %p9, %r0, %r1;", 'p', { M1, 1 }, 1 },
        { "setp.lt.u32 %p9, %r0, %r1;", 'p', { M1, 1 }, 0 },
        { "setp.lo.u32 %p9, %r0, %r1;", 'p', { 1, M1 }, 1 },
        { "setp.hs.u32 %p9, %r0, %r1;", 'p', { 1, 1 }, 1 },
        { "setp.ls.u32 %p9, %r0, %r1;", 'p', { 2, 1 }, 0 },
        { "setp.hi.u32 %p9, %r0, %r1;", 'p', { 2, 1 }, 1 },
        { "setp.eq.b32 %p9, %r0, %r1;", 'p', { 0x100000001, 1 }, 1 },
        { "setp.ne.s64 %p9, %d0, %d1;", 'p', { 0x100000001, 1 }, 1 },
        { "setp.ge.s16 %p9, %h0, %h1;", 'p', { 0x8000, 0 }, 0 },
        { "setp.le.s64 %p9, %d0, %d1;", 'p', { M1, 0 }, 1 },
        { "setp.gt.u64 %p9, %d0, %d1;", 'p', { M1, 0 }, 1 },
        { "setp.eq.and.s32 %p9, %r0, %r1, %p2;", 'p', { 1, 1, 0 }, 0 },
        { "setp.eq.and.s32 %p9, %r0, %r1, !%p2;", 'p', { 1, 1, 0 }, 1 },
        { "setp.eq.or.s32 %p9, %r0, %r1, %p2;", 'p', { 1, 2, 1 }, 1 },
        { "setp.eq.xor.s32 %p9, %r0, %r1, %p2;", 'p', { 1, 1, 1 }, 0 },
        { "setp.eq.s32 %p8|%p9, %r0, %r1;", 'p', { 1, 1 }, 0 },
        { "setp.eq.and.s32 %p8|%p9, %r0, %r1, %p2;", 'p', { 1, 2, 1 }, 1 },
        { "setp.eq.and.s32 %p8|%p9, %r0, %r1, %p2;", 'p', { 1, 2, 0 }, 0 },
        { "setp.lt.f32 %p9, %r0, %r1;", 'p', { 0xbf800000, 0x3f800000 }, 1 },
        { "setp.lt.f32 %p9, %r0, %r1;", 'p', { 0x7fc00000, 0x3f800000 }, 0 },
        { "setp.ltu.f32 %p9, %r0, %r1;", 'p', { 0x7fc00000, 0x3f800000 }, 1 },
        { "setp.ne.f32 %p9, %r0, %r1;", 'p', { 0x7fc00000, 0x7fc00000 }, 0 },
        { "setp.neu.f32 %p9, %r0, %r1;", 'p', { 0x7fc00000, 0x7fc00000 }, 1 },
        { "setp.num.f32 %p9, %r0, %r1;", 'p', { 0, 0x7fc00000 }, 0 },
        { "setp.nan.f32 %p9, %r0, %r1;", 'p', { 0, 0x7fc00000 }, 1 },
        { "setp.eq.f32 %p9, %r0, %r1;", 'p', { 0x80000000, 0 }, 1 },
        { "setp.eq.ftz.f32 %p9, %r0, %r1;", 'p', { 1, 0 }, 1 },
        { "setp.eq.f32 %p9, %r0, %r1;", 'p', { 1, 0 }, 0 },
        { "setp.gt.f64 %p9, %d0, %d1;", 'p', { 0x3ff0000000000000, 0xbff0000000000000 }, 1 },
        { "setp.lt.f16 %p9, %h0, %h1;", 'p', { 0x3c00, 0x4000 }, 1 },
        { "setp.gt.bf16 %p9, %h0, %h1;", 'p', { 0x3f80, 0xbf80 }, 1 },
        { "setp.gt.f16x2 %p8|%p9, %r0, %r1;", 'p', { 0x3c003c00, 0x38004000 }, 1 },
        { "setp.gt.f16x2 %p9|%p8, %r0, %r1;", 'p', { 0x3c003c00, 0x38004000 }, 0 },
        { "set.lt.u32.s32 %r9, %r0, %r1;", 'r', { M1, 1 }, 0xffffffff },
        { "set.lt.f32.s32 %r9, %r0, %r1;", 'r', { M1, 1 }, 0x3f800000 },
        { "set.gt.f16x2.f16x2 %r9, %r0, %r1;", 'r', { 0x3c003c00, 0x38004000 }, 0x3c000000 },
        { "selp.b32 %r9, %r0, %r1, %p2;", 'r', { 7, 8, 1 }, 7 },
        { "selp.b64 %d9, %d0, %d1, %p2;", 'd', { 7, 8, 0 }, 8 },
        { "slct.u32.s32 %r9, %r0, %r1, %r2;", 'r', { 7, 8, 0x80000000 }, 8 },
        { "slct.u32.s32 %r9, %r0, %r1, %r2;", 'r', { 7, 8, 0 }, 7 },
        { "slct.u32.f32 %r9, %r0, %r1, %r2;", 'r', { 7, 8, 0x80000000 }, 7 },
        { "slct.u32.f32 %r9, %r0, %r1, %r2;", 'r', { 7, 8, 0x7fc00000 }, 8 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx integers");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, sums_wrap_and_saturate);
    tcase_add_test(tcase, products_have_low_high_and_wide_forms);
    tcase_add_test(tcase, quotients_round_to_zero);
    tcase_add_test(tcase, carries_chain);
    tcase_add_test(tcase, comparisons_know_their_types);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
