/* Statements that are refused, each with the reason; their right twins are in the tests of the
 * instructions. */
#include "standin/ptx/ptx_bench.h"

#define F4 "{%r1, %r2, %r3, %r4}"
#define F2 "{%r1, %r2}"
#define A4 "{%r5, %r6, %r7, %r8}"
#define A2 "{%r5, %r6}"
#define B2 "{%r9, %r10}"
#define B1 "{%r9}"

START_TEST(integers_come_in_six_types)
{
    static const bench_refusal rows[] = {
        { "add.pred %p1, %p2, %p3;", "add.pred: not with this type" },
        { "add %r1, %r2, %r3;", "add: not with this type" },
        { "add.u8 %r1, %r2, %r3;", "add.u8: not with this type" },
        { "add.b16 %h1, %h2, %h3;", "add.b16: not with this type" },
        { "add.b32 %r1, %r2, %r3;", "add.b32: not with this type" },
        { "add.b128 %r1, %r2, %r3;", "add.b128: not with this type" },
        { "fma.rn.s32 %r1, %r2, %r3, %r4;", "fma.rn.s32: not with this type" },
        { "add.sat.u32 %r1, %r2, %r3;", "modifier '.sat' is not supported" },
        { "add.sat.s64 %d1, %d2, %d3;", "modifier '.sat' is not supported" },
        { "rem.f32 %r1, %r2, %r3;", "rem.f32: not with this type" },
        { "rem %r1, %r2, %r3;", "rem: not with this type" },
        { "mul.s32 %r1, %r2, %r3;", "mul.s32: not with this type" },
        { "mul.wide.s64 %d1, %d2, %d3;", "mul.wide.s64: not with this type" },
        { "mul.hi.b32 %r1, %r2, %r3;", "mul.hi.b32: not with this type" },
        { "mad.s32 %r1, %r2, %r3, %r4;", "mad.s32: not with this type" },
        { "mad.wide.u64 %d1, %d2, %d3, %d4;", "mad.wide.u64: not with this type" },
        { "mad.hi.b32 %r1, %r2, %r3, %r4;", "mad.hi.b32: not with this type" },
        { "mul24.u32 %r1, %r2, %r3;", "mul24.u32: not with this type" },
        { "mul24.lo.u64 %d1, %d2, %d3;", "mul24.lo.u64: not with this type" },
        { "mad24.lo.s16 %h1, %h2, %h3, %h4;", "mad24.lo.s16: not with this type" },
        { "mul24.f32 %r1, %r2, %r3;", "mul24.f32: not with this type" },
        { "mul24.f16 %h1, %h2, %h3;", "mul24.f16: not with this type" },
        { "addc.u16 %h1, %h2, %h3;", "addc.u16: not with this type" },
        { "addc.f32 %r1, %r2, %r3;", "addc.f32: not with this type" },
        { "addc.b32 %r1, %r2, %r3;", "addc.b32: not with this type" },
        { "madc.u32 %r1, %r2, %r3, %r4;", "madc.u32: not with this type" },
        { "dp4a.u32.u64 %r1, %r2, %r3, %r4;", "dp4a.u32.u64: not with this type" },
        { "dp4a.b32.u32 %r1, %r2, %r3, %r4;", "dp4a.b32.u32: not with this type" },
        { "dp4a.lo.u32.u32 %r1, %r2, %r3, %r4;", "modifier '.lo' is not supported" },
        { "dp4a.hi.u32.u32 %r1, %r2, %r3, %r4;", "modifier '.hi' is not supported" },
        { "dp2a.u32.u32 %r1, %r2, %r3, %r4;", "dp2a.u32.u32: not with this type" },
        { "sad.f32 %r1, %r2, %r3, %r4;", "sad.f32: not with this type" },
        { "sad.b32 %r1, %r2, %r3, %r4;", "sad.b32: not with this type" },
        { "add.s32 %r1, %r2;", "the number of operands is wrong" },
        { "add.s32 %r1, %r2, %r3, %r4;", "the number of operands is wrong" },
        { "neg.s32 %r1, %r2, %r3;", "the number of operands is wrong" },
        { "abs.s32 %r1;", "the number of operands is wrong" },
        { "min.s32 %r1, %r2;", "the number of operands is wrong" },
        { "sad.s32 %r1, %r2, %r3;", "the number of operands is wrong" },
        { "addc.u32 %r1, %r2, %r3, %r4;", "the number of operands is wrong" },
    };

    BENCH_CHECK_REFUSALS(rows);
}
END_TEST

START_TEST(bits_come_in_three_widths)
{
    static const bench_refusal rows[] = {
        { "and.u32 %r1, %r2, %r3;", "and.u32: not with this type" },
        { "or.b8 %r1, %r2, %r3;", "or.b8: not with this type" },
        { "xor.f64 %d1, %d2, %d3;", "xor.f64: not with this type" },
        { "not %r1, %r2;", "not: not with this type" },
        { "shl.u32 %r1, %r2, %r3;", "shl.u32: not with this type" },
        { "shr.f32 %r1, %r2, %r3;", "shr.f32: not with this type" },
        { "shf.wrap.b32 %r1, %r2, %r3, %r4;", "needs .l or .r, .wrap or .clamp, and .b32" },
        { "shf.l.r.wrap.b32 %r1, %r2, %r3, %r4;", "needs .l or .r" },
        { "shf.l.b32 %r1, %r2, %r3, %r4;", "needs .l or .r" },
        { "shf.r.wrap.clamp.b32 %r1, %r2, %r3, %r4;", "needs .l or .r" },
        { "shf.l.wrap.b64 %d1, %d2, %d3, %d4;", "needs .l or .r" },
        { "lop3.b64 %d1, %d2, %d3, %d4, 1;", "needs .b32 and a table below 256" },
        { "lop3.b32 %r1, %r2, %r3, %r4, 256;", "needs .b32 and a table below 256" },
        { "lop3.b32 %r1, %r2, %r3, %r4, %r5;", "an operand has to be a number" },
        { "lop3.b32 %r1, %r2, %r3, %r4;", "an operand has to be a number" },
        { "prmt.b64 %r1, %r2, %r3, %r4;", "needs .b32" },
        { "bfe.u16 %h1, %h2, %r3, %r4;", "bfe.u16: not with this type" },
        { "bfe.f32 %r1, %r2, %r3, %r4;", "bfe.f32: not with this type" },
        { "bfi.f64 %d1, %d2, %d3, %r3, %r4;", "bfi.f64: not with this type" },
        { "bmsk.b32 %r1, %r2, %r3;", "bmsk.b32: not in this form" },
        { "popc.b16 %r1, %h1;", "popc.b16: not with this type" },
        { "clz.f32 %r1, %r2;", "clz.f32: not with this type" },
        { "bfind.f64 %r1, %d2;", "bfind.f64: not with this type" },
        { "popc.shiftamt.b32 %r1, %r2;", "modifier '.shiftamt' is not supported" },
        { "mov.b128 %d1, %d2;", "mov.b128: not with this type" },
        { "mov %d1, %d2;", "mov: not with this type" },
        { "mov.b64 {%r1, %r2}, {%r3, %r4};", "one side has to be a single register" },
        { "mov.b16 {%h1, %h2, %h3, %h4}, %h5;", "parts are too narrow" },
        { "cvta.u64 %d1, %d2;", "needs a space and .u64" },
        { "cvta.shared.u32 %r1, %r2;", "needs a space and .u64" },
        { "isspacep.const %p1, %d1;", "not with this space" },
        { "isspacep %p1, %d1;", "not with this space" },
        { "mapa.shared::cluster %d1, %d2, %r1;", "needs a type" },
    };

    BENCH_CHECK_REFUSALS(rows);
}
END_TEST

START_TEST(comparisons_fit_their_types)
{
    static const bench_refusal rows[] = {
        { "setp.s32 %p1, %r1, %r2;", "not with this comparison and type" },
        { "setp.lo.f32 %p1, %r1, %r2;", "not with this comparison and type" },
        { "setp.hs.f32 %p1, %r1, %r2;", "not with this comparison and type" },
        { "setp.equ.s32 %p1, %r1, %r2;", "not with this comparison and type" },
        { "setp.lo.s32 %p1, %r1, %r2;", "not with this comparison and type" },
        { "setp.hs.s64 %p1, %d1, %d2;", "not with this comparison and type" },
        { "setp.lt.b32 %p1, %r1, %r2;", "not with this comparison and type" },
        { "setp.gt.b64 %p1, %d1, %d2;", "not with this comparison and type" },
        { "setp.eq.tf32 %p1, %r1, %r2;", "not with this comparison and type" },
        { "setp.eq.e4m3x2 %p1, %h1, %h2;", "not with this comparison and type" },
        { "cvt.f32.tf32 %r1, %r2;", "not with these types" },
        { "cvt.f32.e4m3 %r1, %r2;", "not with these types" },
        { "cvt.rn.e5m2.f32 %r1, %r2;", "not with these types" },
        { "setp.nan.u64 %p1, %d1, %d2;", "not with this comparison and type" },
        { "setp.lt.b8 %p1, %r1, %r2;", "not with this comparison and type" },
        { "setp.eq.pred %p1, %p2, %p3;", "not with this comparison and type" },
        { "setp.eq.b128 %p1, %d2, %d3;", "not with this comparison and type" },
        { "setp.gt.f16x2 %p1, %r1, %r2;", "pairs need two results" },
        { "setp.eq.s32 %p1, %r1, %r2, %p2;", "the number of operands is wrong" },
        { "setp.eq.and.s32 %p1, %r1, %r2;", "the number of operands is wrong" },
        { "set.lt.u32.b8 %r1, %r2, %r3;", "not with this comparison and type" },
        { "set.u32.s32 %r1, %r2, %r3;", "not with this comparison and type" },
        { "set.lt.u32.s32 %r1, %r2, %r3, %p1;", "the number of operands is wrong" },
        { "selp.b8 %r1, %r2, %r3, %p1;", "selp.b8: not with this type" },
        { "selp.pred %p1, %p2, %p3, %p4;", "selp.pred: not with this type" },
        { "selp.b32 %r1, %r2, %r3, !%p1;", "no operand can be negated" },
        { "slct.u32.u32 %r1, %r2, %r3, %r4;", "chooses by f32 or s32" },
        { "slct.u32.f64 %r1, %r2, %r3, %d4;", "chooses by f32 or s32" },
    };

    BENCH_CHECK_REFUSALS(rows);
}
END_TEST

START_TEST(floats_know_their_functions)
{
    static const bench_refusal rows[] = {
        { "add.sat.f64 %d1, %d2, %d3;", ".sat is not for f64" },
        { "add.NaN.f32 %r1, %r2, %r3;", "modifier '.NaN' is not supported" },
        { "add.approx.f32 %r1, %r2, %r3;", "modifier '.approx' is not supported" },
        { "mul.full.f32 %r1, %r2, %r3;", "modifier '.full' is not supported" },
        { "fma.rn.f32 %r1, %r2, %r3;", "the number of operands is wrong" },
        { "min.xorsign.f32 %r1, %r2, %r3;", "needs .xorsign.abs" },
        { "max.abs.f64 %d1, %d2, %d3;", "needs .xorsign.abs" },
        { "max.xorsign.f16 %h1, %h2, %h3;", "needs .xorsign.abs" },
        { "copysign.f16 %h1, %h2, %h3;", "copysign.f16: not with this type" },
        { "testp.f32 %p1, %r1;", "not with this property or type" },
        { "testp.finite.u32 %p1, %r1;", "not with this property or type" },
        { "div.f16 %h1, %h2, %h3;", "div.f16: not with this type" },
        { "rcp.f16 %h1, %h2;", "rcp.f16: not with this type" },
        { "add.tf32 %r1, %r2, %r3;", "add.tf32: not with this type" },
        { "add.e4m3x2 %h1, %h2, %h3;", "add.e4m3x2: not with this type" },
        { "add.relu.f16 %h1, %h2, %h3;", "modifier '.relu' is not supported" },
        { "add.NaN.f16 %h1, %h2, %h3;", "modifier '.NaN' is not supported" },
        { "tanh.rn.f16 %h1, %h2;", "modifier '.rn' is not supported" },
        { "add.approx.f16 %h1, %h2, %h3;", "modifier '.approx' is not supported" },
        { "cvt.pred.u32 %p1, %r1;", "not with these types" },
        { "cvt.u32.pred %r1, %p1;", "not with these types" },
        { "cvt.u32 %r1, %r2;", "not with these types" },
        { "cvt.b128.u32 %d1, %r2;", "not with these types" },
        { "cvt.u32.b128 %r1, %d2;", "not with these types" },
        { "cvt.rna.f16.f32 %h1, %r1;", "not with these types" },
        { "cvt.rn.f16x2.u32 %r1, %r2, %r3;", "not with these types" },
        { "cvt.f32.f16x2 %r1, %r2;", "not with these types" },
        { "cvt.f32.bf16x2 %r1, %r2;", "not with these types" },
        { "cvt.rn.f16x2.bf16x2 %r1, %r2;", "not with these types" },
        { "cvt.rn.e4m3x2.e5m2x2 %h1, %h2;", "not with these types" },
        { "cvt.rn.bf16x2.e4m3x2 %r1, %h2;", "not with these types" },
        { "cvt.rn.f16x2.f32 %r1, %r2;", "the number of operands is wrong" },
        { "cvt.rn.f16x2.e4m3x2 %r1, %h2, %h3;", "the number of operands is wrong" },
    };

    BENCH_CHECK_REFUSALS(rows);
}
END_TEST

START_TEST(members_are_named)
{
    static const bench_refusal rows[] = {
        { "shfl.bfly.b32 %r1, %r2, 1, 31, -1;", "needs .sync, a mode and .b32" },
        { "shfl.sync.b32 %r1, %r2, 1, 31, -1;", "needs .sync, a mode and .b32" },
        { "shfl.sync.bfly.u32 %r1, %r2, 1, 31, -1;", "needs .sync, a mode and .b32" },
        { "shfl.sync.bfly.b32 %r1, %r2, 1, 31;", "the number of operands is wrong" },
        { "vote.all.pred %p1, %p2, -1;", "needs .sync, a mode and its type" },
        { "vote.sync.pred %p1, %p2, -1;", "needs .sync, a mode and its type" },
        { "vote.sync.all.b32 %r1, %p2, -1;", "needs .sync, a mode and its type" },
        { "vote.sync.ballot.pred %p1, %p2, -1;", "needs .sync, a mode and its type" },
        { "match.sync.b32 %r1, %r2, -1;", "needs .any or .all, and .sync" },
        { "match.any.b32 %r1, %r2, -1;", "needs .any or .all, and .sync" },
        { "match.any.sync.u32 %r1, %r2, -1;", "match.any.sync.u32: not with this type" },
        { "redux.add.u32 %r1, %r2, -1;", "needs .sync, an operation and a type of 32 bits" },
        { "redux.sync.u32 %r1, %r2, -1;", "needs .sync, an operation and a type of 32 bits" },
        { "redux.sync.add.u64 %d1, %d2, -1;", "needs .sync, an operation and a type of 32 bits" },
        { "redux.sync.add.f32 %r1, %r2, -1;", "needs .sync, an operation and a type of 32 bits" },
        { "activemask.u32 %r1;", "needs .b32" },
        { "elect %r1|%p1, -1;", "needs .sync" },
        { "elect.sync %r1, -1;", "needs two results" },
        { "bar.warp -1;", "needs .sync" },
        { "barrier.red.u32 %r1, 0, %p1;", "needs .popc, .and or .or" },
        { "bar 0;", "needs .sync, .arrive or .red" },
        { "bar.sync;", "the number of operands is wrong" },
        { "bar.sync 0, 32, 64;", "the number of operands is wrong" },
        { "bar.red.popc.u32 %r1, 0;", "the number of operands is wrong" },
        { "bar.red.popc.u32 %r1, 0, 32, %p1, %p2;", "the number of operands is wrong" },
    };

    BENCH_CHECK_REFUSALS(rows);
}
END_TEST

START_TEST(memory_is_named)
{
    static const bench_refusal rows[] = {
        { "ld.global.pred %p1, [%in];", "not with this type" },
        { "ld.global %r1, [%in];", "not with this type" },
        { "ld.global.b128 %d1, [%in];", "not with this type" },
        { "ld.global.v8.u64 {%d1, %d2, %d3, %d4, %d5, %d6, %d7, %d8}, [%in];",
          "not with this type" },
        { "ld.global.v2.u32 {%r1, %r2, %r3}, [%in];", "the vector has another length" },
        { "ld.global.u32 {%r1, %r2}, [%in];", "the vector has another length" },
        { "ld.global.u32 %r1, %r2;", "an address is missing" },
        { "ld.global.u32 %r1;", "an address is missing" },
        { "ld.global.u32 [%in], %r1;", "operands are missing or of the wrong form" },
        { "st.global.v2.u32 [%out], {%r1, %r2, %r3};", "the vector has another length" },
        { "st.global.u32 [%out], [%in];", "operands are missing or of the wrong form" },
        { "st.global.u32 [%out];", "operands are missing or of the wrong form" },
        { "st.global.u32 %r1, %r1;", "an address is missing" },
        { "atom.global.u32 %r1, [%out], 1;", "not with this operation and type" },
        { "atom.global.add.b128 %d1, [%out], %d2;", "not with this operation and type" },
        { "atom.global.min.f32 %r1, [%out], %r2;", "not with this operation and type" },
        { "atom.global.max.f64 %d1, [%out], %d2;", "not with this operation and type" },
        { "atom.global.and.f16x2 %r1, [%out], %r2;", "not with this operation and type" },
        { "atom.global.exch.f32 %r1, [%out], %r2;", "not with this operation and type" },
        { "atom.global.add.u16 %h1, [%out], %h2;", "not with this operation and type" },
        { "atom.global.add.b16 %h1, [%out], %h2;", "not with this operation and type" },
        { "atom.global.cas.u16 %h1, [%out], %h2, %h3;", "not with this operation and type" },
        { "atom.global.add.u32 %r1, [%out];", "the number of operands is wrong" },
        { "atom.global.add.u32 %r1, [%out], 1, 2;", "the number of operands is wrong" },
        { "atom.global.cas.b32 %r1, [%out], 1;", "the number of operands is wrong" },
        { "red.global.add.u32 %r1, [%out], 1;", "the number of operands is wrong" },
        { "red.global.add.u32 [%out];", "the number of operands is wrong" },
        { "cp.sync.shared.global [%r1], [%in], 16;", "unknown instruction" },
        { "cp.async.shared.global [%r1], [%in], 16;", "needs .ca or .cg, .shared and .global" },
        { "cp.async.cg.shared [%r1], [%in], 16;", "needs .ca or .cg, .shared and .global" },
        { "cp.async.cg.global.global [%r1], [%in], 16;", "needs .ca or .cg, .shared and .global" },
        { "cp.async.cg.shared.global [%r1], [%in], 8;", "copies 16 bytes, with .ca also 4 or 8" },
        { "cp.async.ca.shared.global [%r1], [%in], 2;", "copies 16 bytes, with .ca also 4 or 8" },
        { "cp.async.ca.shared.global [%r1], [%in], 32;", "copies 16 bytes, with .ca also 4 or 8" },
        { "cp.async.ca.shared.global [%r1], [%in], %r2;", "an operand has to be a number" },
        { "cp.async.ca.shared.global [%r1], %in, 4;", "an address is missing" },
        { "cp.async.ca.shared.global %r1, [%in], 4;", "an address is missing" },
        { "cp.async.wait_group %r1;", "an operand has to be a number" },
        { "cp.async.wait_group;", "an operand has to be a number" },
        { "ldmatrix.sync.aligned.m8n8.shared.b16 {%r1}, [%r2];",
          "needs .sync.aligned.m8n8, a count and .b16" },
        { "ldmatrix.sync.aligned.m8n8.x1.shared.b32 {%r1}, [%r2];", "needs .sync.aligned.m8n8" },
        { "ldmatrix.aligned.m8n8.x1.shared.b16 {%r1}, [%r2];", "needs .sync.aligned.m8n8" },
        { "ldmatrix.sync.m8n8.x1.shared.b16 {%r1}, [%r2];", "needs .sync.aligned.m8n8" },
        { "ldmatrix.sync.aligned.x1.shared.b16 {%r1}, [%r2];", "needs .sync.aligned.m8n8" },
        { "ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r1}, [%r2];", "another length" },
        { "stmatrix.sync.aligned.m8n8.x2.shared.b16 [%r2], {%r1};", "another length" },
        { "stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r2], {%r1, %r3};", "another length" },
    };

    BENCH_CHECK_REFUSALS(rows);
}
END_TEST

START_TEST(fragments_fit_their_shape)
{
    static const bench_refusal rows[] = {
        { "mma.aligned.m16n8k8.row.col.f32.f16.f16.f32 " F4 ", " A2 ", " B1 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.m16n8k8.row.col.f32.f16.f16.f32 " F4 ", " A2 ", " B1 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k8.col.f32.f16.f16.f32 " F4 ", " A2 ", " B1 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k8.row.row.f32.f16.f16.f32 " F4 ", " A2 ", " B1 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.row.col.f32.f16.f16.f32 " F4 ", " A2 ", " B1 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k4.row.col.f32.f16.f16.f32 " F4 ", " A2 ", " B1 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32 " F4 ", " A4 ", " B2 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k8.row.col.f32.f16.bf16.f32 " F4 ", " A2 ", " B1 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k8.row.col.f32.bf16.f16.f32 " F4 ", " A2 ", " B1 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f16 " F4 ", " A2 ", " B1 ", " F2 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k8.row.col.s32.f16.f16.s32 " F4 ", " A2 ", " B1 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k8.row.col.f16.bf16.bf16.f16 " F2 ", " A2 ", " B1 ", " F2 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k32.row.col.f32.bf16.bf16.f32 " F4 ", " A4 ", " B2 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k16.row.col.f32.tf32.tf32.f32 " F4 ", " A4 ", " B2 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k8.row.col.f32.tf32.f16.f32 " F4 ", " A4 ", " B2 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k8.row.col.f16.tf32.tf32.f16 " F2 ", " A4 ", " B2 ", " F2 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k8.row.col.f32.e4m3.e4m3.f32 " F4 ", " A2 ", " B1 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.s8.f32 " F4 ", " A4 ", " B2 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k32.row.col.s32.e5m2.e4m3.s32 " F4 ", " A4 ", " B2 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k32.row.col.f32.s8.s8.f32 " F4 ", " A4 ", " B2 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k32.row.col.s32.s8.e4m3.s32 " F4 ", " A4 ", " B2 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k8.row.col.s32.u8.s8.s32 " F4 ", " A2 ", " B1 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k8.row.col.f32.u32.u32.f32 " F4 ", " A2 ", " B1 ", " F4 ";",
          "this shape and these types" },
        { "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 " F2 ", " A2 ", " B1 ", " F4 ";",
          "fragments have other lengths" },
        { "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 " F4 ", " A4 ", " B1 ", " F4 ";",
          "fragments have other lengths" },
        { "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 " F4 ", " A2 ", " B2 ", " F4 ";",
          "fragments have other lengths" },
        { "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 " F4 ", " A2 ", " B1 ", " F2 ";",
          "fragments have other lengths" },
        { "mma.sync.aligned.m16n8k8.row.col.f16.f16.f16.f16 " F4 ", " A2 ", " B1 ", " F4 ";",
          "fragments have other lengths" },
        { "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 " F4 ", " A2 ", " B1 ";",
          "the number of operands is wrong" },
    };

    BENCH_CHECK_REFUSALS(rows);
}
END_TEST

#define FORTY_SEVEN "abcdefghijabcdefghijabcdefghijabcdefghijabcdefg"

START_TEST(statements_have_a_form)
{
    static const bench_refusal rows[] = {
        { "add.s32 %r1, %r2, %unknown;", "unknown operand '%unknown'" },
        { "add.s32 %r1, %r2, %r40;", "unknown operand '%r40'" },
        { "add.s32 %r1, %r2, %rA;", "unknown operand '%rA'" },
        { "ret;;", ";: unknown instruction" },
        { "@%p40 add.s32 %r1, %r2, %r3;", "unknown guard '%p40'" },
        { "@!%q1 add.s32 %r1, %r2, %r3;", "unknown guard '%q1'" },
        { "mov.u32 5, %r2;", "a result has to be a register" },
        { "mov.u32 [%in], %r2;", "operands are missing or of the wrong form" },
        { "mov.u32 %r1, [%in];", "operands are missing or of the wrong form" },
        { "mov.b64 %d1, {%r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8, %r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8};",
          "parts are too narrow" },
        { "ld.global.u32 %r1, [%unknown];", "unknown operand '%unknown'" },
        { "createpolicy.fractional.L2::evict_last.b64;",
          "operands are missing or of the wrong form" },
        { "bra NOWHERE;", "no label 'NOWHERE'" },
        { "brx %r1, TABLE;", "needs .idx and a register" },
        { "brx.idx 5, TABLE;", "needs .idx and a register" },
        { "call.uni nobody;", "call of unknown function 'nobody'" },
        { "call.uni nobody, 5;", "call of unknown function 'nobody'" },
        { "call.uni (%r1), k, (%r2);", "passes what is no .param of the function" },
        { "add.s32 %r1, %r2, %r3 %r4;", "operands are left over" },
        { "tcgen05.cp.cta_group::1 %r1;", "tcgen05.cp.cta_group::1: unknown instruction" },
        { "mov.u32 %r1, _x;", "unknown operand '_x'" },
        { "add.s32.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t %r1, %r2, %r3;", "too many modifiers" },
        { "cvta.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s %d1, 5;", "needs a space and .u64" },
        { "add." FORTY_SEVEN "b.s32 %r1, %r2, %r3;",
          "modifier '." FORTY_SEVEN "' is not supported" }, /* the rest is cut off */
        { "add.s32 %r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8, %r9, %r10, %r11;", "too many operands" },
        { "mov.u32 {%r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8, %r9}, %r1;",
          "operands are missing or of the wrong form" },
        { "mov.u32 %r1, {%r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8, %r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8, %r1};",
          "too many operands" },
    };

    BENCH_CHECK_REFUSALS(rows);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx refusals");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, integers_come_in_six_types);
    tcase_add_test(tcase, bits_come_in_three_widths);
    tcase_add_test(tcase, comparisons_fit_their_types);
    tcase_add_test(tcase, floats_know_their_functions);
    tcase_add_test(tcase, members_are_named);
    tcase_add_test(tcase, memory_is_named);
    tcase_add_test(tcase, fragments_fit_their_shape);
    tcase_add_test(tcase, statements_have_a_form);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
