/* Logic, shifts, fields of bits and moves against values worked out from the PTX ISA's pseudo-code.
 */
#include "standin/ptx/ptx_bench.h"

#define M1 0xffffffffffffffffull

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
        { "not.b64 %d9, %d0;", 'd', { 1 }, M1 - 1 },
        { "cnot.b32 %r9, %r0;", 'r', { 0 }, 1 },
        { "cnot.b16 %h9, %h0;", 'h', { 0x10000 }, 1 },
        { "cnot.b64 %d9, %d0;", 'd', { 1ull << 40 }, 0 },
        { "and.pred %p9, %p0, %p1;", 'p', { 1, 1 }, 1 },
        { "lop3.b32 %r9, %r0, %r1, %r2, 255;", 'r', { 1, 2, 3 }, 0xffffffff },
        { "lop3.b32 %r9, %r0, %r1, %r2, 0x08;", 'r', { 0xf0, 0xcc, 0xaa }, 0x08 },
        { "lop3.b32 %r9, %r0, %r1, %r2, 0x24;", 'r', { 0xf0, 0xcc, 0xaa }, 0x24 },
        { "lop3.b32 %r9, %r0, %r1, %r2, 0x42;", 'r', { 0xf0, 0xcc, 0xaa }, 0x42 },
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
        { "shl.b16 %h9, %h0, %r1;", 'h', { 3, 4 }, 0x30 },
        { "shl.b32 %r9, %r0, %r1;", 'r', { 3, 4 }, 0x30 },
        { "shl.b64 %d9, %d0, %r1;", 'd', { 3, 40 }, 3ull << 40 },
        { "shr.u16 %h9, %h0, %r1;", 'h', { 0x8100, 8 }, 0x81 },
        { "shr.b16 %h9, %h0, %r1;", 'h', { 0x8000, 15 }, 1 },
        { "shr.u32 %r9, %r0, %r1;", 'r', { 0x81000000, 24 }, 0x81 },
        { "shr.u64 %d9, %d0, %r1;", 'd', { 1ull << 63, 63 }, 1 },
        { "shr.u64 %d9, %d0, %r1;", 'd', { 1ull << 63, 60 }, 8 },
        { "shr.s16 %h9, %h0, %r1;", 'h', { 0x8000, 15 }, 0xffff },
        { "shr.s16 %h9, %h0, %r1;", 'h', { 0x4000, 14 }, 1 },
        { "shr.s32 %r9, %r0, %r1;", 'r', { 0x40000000, 30 }, 1 },
        { "shr.s64 %d9, %d0, %r1;", 'd', { 1ull << 62, 62 }, 1 },
        { "shr.s64 %d9, %d0, %r1;", 'd', { 1ull << 62, M1 }, 0 },
        { "shf.l.clamp.b32 %r9, %r0, %r1, %r2;", 'r', { 0x80000001, 0x3, 32 }, 0x80000001 },
        { "shf.l.clamp.b32 %r9, %r0, %r1, %r2;", 'r', { 0x80000001, 0x3, 31 }, 0xc0000000 },
        { "shf.r.clamp.b32 %r9, %r0, %r1, %r2;", 'r', { 0x80000001, 0x3, 31 }, 7 },
        { "shf.r.wrap.b32 %r9, %r0, %r1, %r2;", 'r', { 0x80000001, 0x3, 31 }, 7 },
        { "shf.l.wrap.b32 %r9, %r0, %r1, %r2;", 'r', { 0x80000001, 0x3, 31 }, 0xc0000000 },
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
        { "prmt.b32.rc16 %r9, %r0, %r1, %r2;", 'r', { 0x33221100, 0, 2 }, 0x11001100 },
        { "prmt.b32.f4e %r9, %r0, %r1, %r2;", 'r', { 0x33221100, 0x77665544, 7 }, 0x66554433 },
        { "prmt.b32.b4e %r9, %r0, %r1, %r2;", 'r', { 0x33221100, 0x77665544, 7 }, 0x00112233 },
        { "prmt.b32.ecl %r9, %r0, %r1, %r2;", 'r', { 0x33221100, 0, 1 }, 0x33221111 },
        { "prmt.b32.ecr %r9, %r0, %r1, %r2;", 'r', { 0x33221100, 0, 1 }, 0x11111100 },
        { "prmt.b32 %r9, %r0, %r1, 0xfedc;", 'r', { 0, 0x80007f80 }, 0xff0000ff },
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
        { "bfe.u64 %d9, %d0, %r1, %r2;", 'd', { M1, 0, 63 }, M1 >> 1 },
        { "bfe.u64 %d9, %d0, %r1, %r2;", 'd', { M1, 64, 8 }, 0 },
        { "bfe.s64 %d9, %d0, %r1, %r2;", 'd', { 1ull << 62, 64, 8 }, 0 },
        { "bfe.s64 %d9, %d0, %r1, %r2;", 'd', { 1ull << 63, 64, 8 }, M1 },
        { "bfe.s64 %d9, %d0, %r1, %r2;", 'd', { 1ull << 63, 60, 200 }, M1 - 7 },
        { "bfe.u32 %r9, %r0, %r1, %r2;", 'r', { 0xf0000000, 28, 10 }, 0xf },
        { "bfe.u32 %r9, %r0, %r1, %r2;", 'r', { 0xf0000000, 255, 1 }, 0 },
        { "bfe.u32 %r9, %r0, %r1, %r2;", 'r', { 0x12345678, 0, 255 }, 0x12345678 },
        { "bfe.s32 %r9, %r0, %r1, %r2;", 'r', { 0x80000000, 28, 5 }, 0xfffffff8 },
        { "bfe.s32 %r9, %r0, %r1, %r2;", 'r', { 0x40000000, 28, 3 }, 0xfffffffc },
        { "bfe.s32 %r9, %r0, %r1, %r2;", 'r', { 0x80000000, 32, 3 }, 0xffffffff },
        { "bfe.s32 %r9, %r0, %r1, %r2;", 'r', { 0x7fffffff, 0, 32 }, 0x7fffffff },
        { "bfe.s32 %r9, %r0, %r1, %r2;", 'r', { 0x80000001, 0, 32 }, 0x80000001 },
        { "bfi.b32 %r9, %r0, %r1, %r2, %r3;", 'r', { 0xab, 0x11111111, 0x108, 0x108 }, 0x1111ab11 },
        { "bfi.b32 %r9, %r0, %r1, %r2, %r3;", 'r', { 1, 0, 31, 255 }, 0x80000000 },
        { "bfi.b32 %r9, %r0, %r1, %r2, %r3;", 'r', { M1, 5, 255, 4 }, 5 },
        { "bfi.b64 %d9, %d0, %d1, %r2, %r3;", 'd', { 5, 0, 0, 63 }, 5 },
        { "bfi.b64 %d9, %d0, %d1, %r2, %r3;", 'd', { M1, 0, 63, 64 }, 1ull << 63 },
        { "bmsk.wrap.b32 %r9, %r0, %r1;", 'r', { 37, 41 }, 0x3fe0 },
        { "bmsk.clamp.b32 %r9, %r0, %r1;", 'r', { 31, 8 }, 0x80000000 },
        { "bmsk.clamp.b32 %r9, %r0, %r1;", 'r', { 32, 8 }, 0 },
        { "bmsk.clamp.b32 %r9, %r0, %r1;", 'r', { 100, 8 }, 0 },
        { "bmsk.clamp.b32 %r9, %r0, %r1;", 'r', { 0, 100 }, 0xffffffff },
        { "bmsk.clamp.b32 %r9, %r0, %r1;", 'r', { 4, 0 }, 0 },
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
        { "popc.b32 %r9, %r0;", 'r', { 0 }, 0 },
        { "clz.b64 %r9, %d0;", 'r', { 1 }, 63 },
        { "clz.b32 %r9, %r0;", 'r', { 0x80000000 }, 0 },
        { "brev.b32 %r9, %r0;", 'r', { 2 }, 0x40000000 },
        { "brev.b64 %d9, %d0;", 'd', { 1ull << 63 }, 1 },
        { "bfind.u64 %r9, %d0;", 'r', { M1 }, 63 },
        { "bfind.u32 %r9, %r0;", 'r', { M1 }, 31 },
        { "bfind.s32 %r9, %r0;", 'r', { 0 }, 0xffffffff },
        { "bfind.s32 %r9, %r0;", 'r', { 1 }, 0 },
        { "bfind.s64 %r9, %d0;", 'r', { 1ull << 63 }, 62 },
        { "bfind.shiftamt.u32 %r9, %r0;", 'r', { 0 }, 0xffffffff },
        { "bfind.shiftamt.u64 %r9, %d0;", 'r', { 1 }, 63 },
        { "bfind.shiftamt.s32 %r9, %r0;", 'r', { 0xfffffff0 }, 28 },
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
        { "mov.b16 %h9, {%h0, %h1};", 'h', { 0x34, 0x12 }, 0x1234 },
        { "mov.b16 {%r8, %r7}, %h0; mov.b32 %r9, {%r7, %r8, %r8, %r7};",
          'r',
          { 0x1234 },
          0x12343412 },
        { "mov.b32 %r9, 0f3F800000;", 'r', { 0 }, 0x3f800000 },
        { "mov.f64 %d9, 0d3FF0000000000000;", 'd', { 0 }, 0x3ff0000000000000 },
        { "mov.f32 %r9, 1.5;", 'r', { 0 }, 0x3fc00000 },
        { "mov.b32 %r9, -2;", 'r', { 0 }, 0xfffffffe },
        { "mov.u32 %r9, 0x10U;", 'r', { 0 }, 16 },
        { "mov.u32 %r9, 0b101;", 'r', { 0 }, 5 },
        { "mov.u32 %r9, WARP_SZ;", 'r', { 0 }, 32 },
        { "mov.u32 %r9, %ntid.x;", 'r', { 0 }, 1 },
        { "mov.b16 %h9, %h0;", 'h', { 0x18000 }, 0x8000 },
        { "mov.b64 {%r8, %r9}, %d0;", 'r', { 0x1234567800000000 }, 0x12345678 },
        { "mov.b64 %d9, {%h3, %h2, %h1, %h0};", 'd', { 1, 2, 3, 4 }, 0x0001000200030004 },
        { "mov.u64 %d9, 0x123456789ABCDEF;", 'd', { 0 }, 0x123456789abcdef },
        { "mov.u32 %r9, 017;", 'r', { 0 }, 15 },
        { "mov.u32 %r9, 7u;", 'r', { 0 }, 7 },
        { "mov.u32 %r9, 0B11;", 'r', { 0 }, 3 },
        { "mov.b32 %r9, 0FBF800000;", 'r', { 0 }, 0xbf800000 },
        { "mov.f64 %d9, 0D4000000000000000;", 'd', { 0 }, 0x4000000000000000 },
        { "mov.f64 %d9, 1.5;", 'd', { 0 }, 0x3ff8000000000000 },
        { "mov.f64 %d9, -1.5;", 'd', { 0 }, 0xbff8000000000000 },
        { "mov.f32 %r9, -1.5;", 'r', { 0 }, 0xbfc00000 },
        { "mov.f32 %r9, -0f3F800000;", 'r', { 0 }, 0xbf800000 },
        { "mov.f64 %d9, -0d3FF0000000000000;", 'd', { 0 }, 0xbff0000000000000 },
        { "add.s64 %d9, %d0, -3;", 'd', { 1 }, M1 - 1 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx bits");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, logic_works_on_bits_and_predicates);
    tcase_add_test(tcase, shifts_clamp_at_the_width);
    tcase_add_test(tcase, bytes_are_permuted);
    tcase_add_test(tcase, bit_fields_end_at_the_width);
    tcase_add_test(tcase, bits_are_counted);
    tcase_add_test(tcase, registers_are_packed_and_unpacked);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
