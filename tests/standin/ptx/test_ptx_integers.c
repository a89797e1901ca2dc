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
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(logic_works_on_bits_and_predicates)
{
    static const bench_row rows[] = {
        { "and.b32 %r9, %r0, %r1;", 'r', { 0xff00ff00, 0x0ff00ff0 }, 0x0f000f00 },
        { "or.b64 %d9, %d0, %d1;", 'd', { 1ull << 63, 1 }, 1ull << 63 | 1 },
        { "xor.b16 %h9, %h0, %h1;", 'h', { 0xffff, 0x0ff0 }, 0xf00f },
        { "not.b32 %r9, %r0;", 'r', { 0xff00ff00 }, 0x00ff00ff },
        { "not.pred %p9, %p0;", 'p', { 1 }, 0 },
        { "not.pred %p9, %p0;", 'p', { 0 }, 1 },
        { "and.pred %p9, %p0, %p1;", 'p', { 1, 0 }, 0 },
        { "or.pred %p9, %p0, %p1;", 'p', { 1, 0 }, 1 },
        { "xor.pred %p9, %p0, %p1;", 'p', { 1, 1 }, 0 },
        { "cnot.b32 %r9, %r0;", 'r', { 0xffffffff00000000 }, 1 },
        { "cnot.b32 %r9, %r0;", 'r', { 4 }, 0 },
        /* The table 0xf0 is a, 0xcc b, 0xaa c. */
        { "lop3.b32 %r9, %r0, %r1, %r2, 0xf0;", 'r', { 0x12345678, 5, 6 }, 0x12345678 },
        { "lop3.b32 %r9, %r0, %r1, %r2, 0xcc;", 'r', { 4, 0x12345678, 6 }, 0x12345678 },
        { "lop3.b32 %r9, %r0, %r1, %r2, 0xaa;", 'r', { 4, 5, 0x12345678 }, 0x12345678 },
        { "lop3.b32 %r9, %r0, %r1, %r2, 0x1a;", 'r', { 0xf0, 0xcc, 0xaa }, 0x1a },
        { "lop3.b32 %r9, %r0, %r1, %r2, 0x80;", 'r', { 0xf0, 0xcc, 0xaa }, 0x80 },
        { "lop3.b32 %r9, %r0, %r1, %r2, 0x01;", 'r', { 0xf0, 0xcc, 0xaa }, 0xffffff01 },
        { "lop3.b32 %r9, %r0, %r1, %r2, 0;", 'r', { M1, M1, M1 }, 0 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(shifts_clamp_at_the_width)
{
    static const bench_row rows[] = {
        { "shl.b32 %r9, %r0, %r1;", 'r', { 3, 31 }, 0x80000000 },
        { "shl.b32 %r9, %r0, %r1;", 'r', { M1, 32 }, 0 },
        { "shl.b32 %r9, %r0, %r1;", 'r', { M1, M1 }, 0 },
        { "shr.u32 %r9, %r0, %r1;", 'r', { 0x80000000, 31 }, 1 },
        { "shr.u32 %r9, %r0, %r1;", 'r', { M1, 32 }, 0 },
        { "shr.s32 %r9, %r0, %r1;", 'r', { 0x80000000, 31 }, 0xffffffff },
        { "shr.s32 %r9, %r0, %r1;", 'r', { 0x80000000, 32 }, 0xffffffff },
        { "shr.s32 %r9, %r0, %r1;", 'r', { 0x7fffffff, 99 }, 0 },
        { "shr.s32 %r9, %r0, %r1;", 'r', { 0x80000000, 1 }, 0xc0000000 },
        { "shr.b32 %r9, %r0, %r1;", 'r', { 0x80000000, 1 }, 0x40000000 },
        { "shl.b64 %d9, %d0, %r1;", 'd', { 3, 63 }, 1ull << 63 },
        { "shl.b64 %d9, %d0, %r1;", 'd', { 3, 64 }, 0 },
        { "shr.u64 %d9, %d0, %r1;", 'd', { M1, 64 }, 0 },
        { "shr.s64 %d9, %d0, %r1;", 'd', { 1ull << 63, 64 }, M1 },
        { "shr.s64 %d9, %d0, %r1;", 'd', { 1ull << 63, 62 }, M1 - 1 },
        { "shl.b16 %h9, %h0, %r1;", 'h', { 3, 15 }, 0x8000 },
        { "shl.b16 %h9, %h0, %r1;", 'h', { 3, 16 }, 0 },
        { "shr.u16 %h9, %h0, %r1;", 'h', { 0xffff, 16 }, 0 },
        { "shr.s16 %h9, %h0, %r1;", 'h', { 0x8000, 16 }, 0xffff },
        { "shr.s16 %h9, %h0, %r1;", 'h', { 0x8000, 14 }, 0xfffe },
        { "shf.l.wrap.b32 %r9, %r0, %r1, %r2;", 'r', { 0x80000001, 0x3, 33 }, 7 },
        { "shf.l.clamp.b32 %r9, %r0, %r1, %r2;", 'r', { 0x80000001, 0x3, 33 }, 0x80000001 },
        { "shf.r.wrap.b32 %r9, %r0, %r1, %r2;", 'r', { 0x80000001, 0x3, 33 }, 0xc0000000 },
        { "shf.r.clamp.b32 %r9, %r0, %r1, %r2;", 'r', { 0x80000001, 0x3, 33 }, 3 },
        { "shf.l.wrap.b32 %r9, %r0, %r1, %r2;", 'r', { 0x80000001, 0x3, 0 }, 3 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(bytes_are_permuted)
{
    static const bench_row rows[] = {
        { "prmt.b32 %r9, %r0, %r1, 0x3210;", 'r', { 0x33221100, 0x77665544 }, 0x33221100 },
        { "prmt.b32 %r9, %r0, %r1, 0x7654;", 'r', { 0x33221100, 0x77665544 }, 0x77665544 },
        { "prmt.b32 %r9, %r0, %r1, 0x0246;", 'r', { 0x33221100, 0x77665544 }, 0x00224466 },
        /* The upper bit of a selector spreads the byte's sign. */
        { "prmt.b32 %r9, %r0, %r1, 0xb98f;", 'r', { 0x80017f00, 0x80000000 }, 0xff0000ff },
        { "prmt.b32 %r9, %r0, %r1, %r2;", 'r', { 0x33221100, 0x77665544, 0xffff5140 }, 0x55114400 },
        { "prmt.b32.f4e %r9, %r0, %r1, %r2;", 'r', { 0x33221100, 0x77665544, 2 }, 0x55443322 },
        { "prmt.b32.b4e %r9, %r0, %r1, %r2;", 'r', { 0x33221100, 0x77665544, 1 }, 0x66770011 },
        { "prmt.b32.rc8 %r9, %r0, %r1, %r2;", 'r', { 0x33221100, 0, 2 }, 0x22222222 },
        { "prmt.b32.ecl %r9, %r0, %r1, %r2;", 'r', { 0x33221100, 0, 2 }, 0x33222222 },
        { "prmt.b32.ecr %r9, %r0, %r1, %r2;", 'r', { 0x33221100, 0, 2 }, 0x22221100 },
        { "prmt.b32.rc16 %r9, %r0, %r1, %r2;", 'r', { 0x33221100, 0, 1 }, 0x33223322 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(bit_fields_end_at_the_width)
{
    static const bench_row rows[] = {
        { "bfe.u32 %r9, %r0, %r1, %r2;", 'r', { 0x12345678, 8, 12 }, 0x456 },
        { "bfe.s32 %r9, %r0, %r1, %r2;", 'r', { 0x00000f00, 8, 4 }, 0xffffffff },
        { "bfe.s32 %r9, %r0, %r1, %r2;", 'r', { 0x00000700, 8, 4 }, 7 },
        { "bfe.u32 %r9, %r0, %r1, %r2;", 'r', { M1, 5, 0 }, 0 },
        { "bfe.s32 %r9, %r0, %r1, %r2;", 'r', { M1, 5, 0 }, 0 },
        { "bfe.u32 %r9, %r0, %r1, %r2;", 'r', { M1, 28, 10 }, 0xf },
        { "bfe.s32 %r9, %r0, %r1, %r2;", 'r', { 0x80000000, 28, 10 }, 0xfffffff8 },
        { "bfe.s32 %r9, %r0, %r1, %r2;", 'r', { 0x80000000, 40, 3 }, 0xffffffff },
        { "bfe.u32 %r9, %r0, %r1, %r2;", 'r', { 0x80000000, 40, 3 }, 0 },
        { "bfe.u32 %r9, %r0, %r1, %r2;", 'r', { 0x12345678, 0x104, 0x108 }, 0x67 },
        { "bfe.u64 %d9, %d0, %r1, %r2;", 'd', { 0xabcdull << 40, 40, 16 }, 0xabcd },
        { "bfe.s64 %d9, %d0, %r1, %r2;", 'd', { 1ull << 63, 63, 1 }, M1 },
        { "bfe.u64 %d9, %d0, %r1, %r2;", 'd', { M1, 0, 64 }, M1 },
        { "bfi.b32 %r9, %r0, %r1, %r2, %r3;", 'r', { 0xab, 0x11111111, 8, 8 }, 0x1111ab11 },
        { "bfi.b32 %r9, %r0, %r1, %r2, %r3;", 'r', { M1, 0x11111111, 8, 0 }, 0x11111111 },
        { "bfi.b32 %r9, %r0, %r1, %r2, %r3;", 'r', { M1, 0, 28, 10 }, 0xf0000000 },
        { "bfi.b32 %r9, %r0, %r1, %r2, %r3;", 'r', { M1, 5, 32, 4 }, 5 },
        { "bfi.b32 %r9, %r0, %r1, %r2, %r3;", 'r', { M1, 0, 0, 32 }, 0xffffffff },
        { "bfi.b64 %d9, %d0, %d1, %r2, %r3;", 'd', { M1, 0, 60, 8 }, 0xfull << 60 },
        { "bfi.b64 %d9, %d0, %d1, %r2, %r3;", 'd', { M1, 7, 64, 8 }, 7 },
        { "bmsk.clamp.b32 %r9, %r0, %r1;", 'r', { 4, 8 }, 0xff0 },
        { "bmsk.clamp.b32 %r9, %r0, %r1;", 'r', { 28, 8 }, 0xf0000000 },
        { "bmsk.wrap.b32 %r9, %r0, %r1;", 'r', { 36, 40 }, 0xff0 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(bits_are_counted)
{
    static const bench_row rows[] = {
        { "popc.b32 %r9, %r0;", 'r', { 0xff00000000f0f0f0 }, 12 },
        { "popc.b64 %r9, %d0;", 'r', { M1 }, 64 },
        { "clz.b32 %r9, %r0;", 'r', { 0 }, 32 },
        { "clz.b32 %r9, %r0;", 'r', { 0xf00000001 }, 31 },
        { "clz.b64 %r9, %d0;", 'r', { 0 }, 64 },
        { "clz.b64 %r9, %d0;", 'r', { 1ull << 40 }, 23 },
        { "brev.b32 %r9, %r0;", 'r', { 0x80000005 }, 0xa0000001 },
        { "brev.b64 %d9, %d0;", 'd', { 1 }, 1ull << 63 },
        { "bfind.u32 %r9, %r0;", 'r', { 0x10 }, 4 },
        { "bfind.u32 %r9, %r0;", 'r', { 0 }, 0xffffffff },
        { "bfind.s32 %r9, %r0;", 'r', { M1 }, 0xffffffff },
        { "bfind.s32 %r9, %r0;", 'r', { 0xfffffff0 }, 3 },
        { "bfind.shiftamt.u32 %r9, %r0;", 'r', { 0x10 }, 27 },
        { "bfind.u64 %r9, %d0;", 'r', { 1ull << 40 }, 40 },
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

START_TEST(registers_are_packed_and_unpacked)
{
    static const bench_row rows[] = {
        { "mov.b64 %d9, {%r0, %r1};", 'd', { 0x11111111, 0x22222222 }, 0x2222222211111111 },
        { "mov.b32 %r9, {%h0, %h1};", 'r', { 0x1111, 0x2222 }, 0x22221111 },
        { "mov.b64 %d9, {%h0, %h1, %h2, %h3};", 'd', { 1, 2, 3, 4 }, 0x0004000300020001 },
        { "mov.b64 {_, %r9}, %d0;", 'r', { 0x1234567800000000 }, 0x12345678 },
        { "mov.b32 {%h9, %h8}, %r0;", 'h', { 0x12345678 }, 0x5678 },
        { "mov.b64 {%h4, %h5, %h9, %h6}, %d0;", 'h', { 0x1111222233334444 }, 0x2222 },
        { "mov.b32 %r9, 0f3F800000;", 'r', { 0 }, 0x3f800000 },
        { "mov.f64 %d9, 0d3FF0000000000000;", 'd', { 0 }, 0x3ff0000000000000 },
        { "mov.f32 %r9, 1.5;", 'r', { 0 }, 0x3fc00000 },
        { "mov.b32 %r9, -2;", 'r', { 0 }, 0xfffffffe },
        { "mov.u32 %r9, 0x10U;", 'r', { 0 }, 16 },
        { "mov.u32 %r9, 0b101;", 'r', { 0 }, 5 },
        { "mov.u32 %r9, WARP_SZ;", 'r', { 0 }, 32 },
        { "mov.u32 %r9, %ntid.x;", 'r', { 0 }, 1 },
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
    tcase_add_test(tcase, logic_works_on_bits_and_predicates);
    tcase_add_test(tcase, shifts_clamp_at_the_width);
    tcase_add_test(tcase, bytes_are_permuted);
    tcase_add_test(tcase, bit_fields_end_at_the_width);
    tcase_add_test(tcase, bits_are_counted);
    tcase_add_test(tcase, comparisons_know_their_types);
    tcase_add_test(tcase, registers_are_packed_and_unpacked);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
