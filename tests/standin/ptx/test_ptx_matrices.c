/* Products of matrices and their way between shared memory and fragments. */
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <string.h>

enum {
    LANES = 32
};

/* Fragments by the formulas of the ISA; A, B and C hold small integers, exact in every format. */
typedef struct shape {
    const char *instruction;
    uint32_t depth;
    uint32_t element_bits;
    uint32_t sum_registers; /* 4 of f32 or s32, 2 of f16 pairs */
    bool is_integer;
    uint32_t (*bits_of)(int value);
} shape;

static uint32_t f32_bits(int value)
{
    const float number = (float)value;
    uint32_t bits;

    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* With ones in the lower bits, which do not count. */
static uint32_t tf32_bits(int value)
{
    return f32_bits(value) | 0x1fff;
}

/* Exact for what these tests use: integers below the precision. */
static uint32_t float_bits(int value, int mantissa_bits, int bias, int sign_bit)
{
    const uint32_t sign = value < 0 ? 1u << sign_bit : 0;
    const uint32_t magnitude = (uint32_t)(value < 0 ? -value : value);
    int exponent = 0;

    if (!magnitude) {
        return sign;
    }
    while (magnitude >> (exponent + 1)) {
        ++exponent;
    }
    const uint32_t mantissa = (magnitude << mantissa_bits >> exponent) - (1u << mantissa_bits);

    return sign | (uint32_t)(exponent + bias) << mantissa_bits | mantissa;
}

static uint32_t f16_bits(int value)
{
    return float_bits(value, 10, 15, 15);
}

static uint32_t bf16_bits(int value)
{
    return float_bits(value, 7, 127, 15);
}

static uint32_t e4m3_bits(int value)
{
    return float_bits(value, 3, 7, 7);
}

static uint32_t e5m2_bits(int value)
{
    return float_bits(value, 2, 15, 7);
}

static uint32_t s8_bits(int value)
{
    return (uint32_t)value & 0xff;
}

static int a_at(uint32_t row, uint32_t k)
{
    return (int)((row * 5 + k * 3) % 7) - 3;
}

static int b_at(uint32_t k, uint32_t column)
{
    return (int)((k * 2 + column * 3) % 5) - 2;
}

static int c_at(uint32_t row, uint32_t column)
{
    return (int)(row * 8 + column) - 60;
}

static void inputs_fill(const shape *s, uint32_t in[LANES][12])
{
    const uint32_t n = 32 / s->element_bits;
    const uint32_t a_registers = s->depth / (2 * n);
    const uint32_t b_registers = s->depth / (4 * n);

    for (uint32_t lane = 0; lane < LANES; ++lane) {
        const uint32_t group = lane / 4;
        const uint32_t thread = lane % 4;

        for (uint32_t e = 0; e < a_registers * n; ++e) {
            const uint32_t r = e / n;
            const uint32_t row = group + (r % 2 ? 8 : 0);
            const uint32_t k = thread * n + e % n + (r >= 2 ? 4 * n : 0);

            in[lane][r] |= s->bits_of(a_at(row, k)) << (s->element_bits % 32 * (e % n));
        }
        for (uint32_t e = 0; e < b_registers * n; ++e) {
            const uint32_t r = e / n;
            const uint32_t k = thread * n + e % n + (r == 1 ? 4 * n : 0);

            in[lane][4 + r] |= s->bits_of(b_at(k, group)) << (s->element_bits % 32 * (e % n));
        }
        for (uint32_t e = 0; e < 4; ++e) {
            const int value = c_at(group + (e >= 2 ? 8 : 0), thread * 2 + e % 2);

            if (s->sum_registers == 4) {
                in[lane][6 + e] = s->is_integer ? (uint32_t)value : f32_bits(value);
            } else {
                in[lane][6 + e / 2] |= f16_bits(value) << (16 * (e % 2));
            }
        }
    }
}

static void expected_fill(const shape *s, uint32_t out[LANES][4])
{
    memset(out, 0, LANES * sizeof(out[0]));
    for (uint32_t lane = 0; lane < LANES; ++lane) {
        for (uint32_t e = 0; e < 4; ++e) {
            const uint32_t row = lane / 4 + (e >= 2 ? 8 : 0);
            const uint32_t column = lane % 4 * 2 + e % 2;
            int sum = c_at(row, column);

            for (uint32_t k = 0; k < s->depth; ++k) {
                sum += a_at(row, k) * b_at(k, column);
            }
            if (s->sum_registers == 4) {
                out[lane][e] = s->is_integer ? (uint32_t)sum : f32_bits(sum);
            } else {
                out[lane][e / 2] |= f16_bits(sum) << (16 * (e % 2));
            }
        }
    }
}

static const shape shapes[] = {
    { "m16n8k16.row.col.f32.f16.f16.f32", 16, 16, 4, false, f16_bits },
    { "m16n8k16.row.col.f32.bf16.bf16.f32", 16, 16, 4, false, bf16_bits },
    { "m16n8k16.row.col.f16.f16.f16.f16", 16, 16, 2, false, f16_bits },
    { "m16n8k8.row.col.f32.f16.f16.f32", 8, 16, 4, false, f16_bits },
    { "m16n8k8.row.col.f32.bf16.bf16.f32", 8, 16, 4, false, bf16_bits },
    { "m16n8k8.row.col.f16.f16.f16.f16", 8, 16, 2, false, f16_bits },
    { "m16n8k8.row.col.f32.tf32.tf32.f32", 8, 32, 4, false, tf32_bits },
    { "m16n8k4.row.col.f32.tf32.tf32.f32", 4, 32, 4, false, tf32_bits },
    { "m16n8k32.row.col.f32.e4m3.e4m3.f32", 32, 8, 4, false, e4m3_bits },
    { "m16n8k16.row.col.f32.e4m3.e4m3.f32", 16, 8, 4, false, e4m3_bits },
    { "m16n8k32.row.col.f32.e5m2.e5m2.f32", 32, 8, 4, false, e5m2_bits },
    { "m16n8k32.row.col.s32.s8.s8.s32", 32, 8, 4, true, s8_bits },
    { "m16n8k16.row.col.s32.s8.s8.s32", 16, 8, 4, true, s8_bits },
};

START_TEST(products_of_matrices_use_the_fragments_of_the_isa)
{
    const shape *s = &shapes[_i];
    const uint32_t n = 32 / s->element_bits;
    const uint32_t a_registers = s->depth / (2 * n);
    const char *d = s->sum_registers == 4 ? "{%r20, %r21, %r22, %r23}" : "{%r20, %r21}";
    const char *c = s->sum_registers == 4 ? "{%r7, %r8, %r9, %r10}" : "{%r7, %r8}";
    _Alignas(16) uint32_t in[LANES][12] = { 0 };
    _Alignas(16) uint32_t out[LANES][4];
    uint32_t expected[LANES][4];
    char body[2048];
    const bench_kernel kernel = { .body = body,
                                  .block = LANES,
                                  .in = in,
                                  .in_bytes = sizeof in,
                                  .out = out,
                                  .out_bytes = sizeof out };

    inputs_fill(s, in);
    expected_fill(s, expected);
    (void)snprintf(
        body, sizeof body,
        "mul.wide.u32 %%d1, %%r0, 48; add.u64 %%d1, %%d1, %%in;\n"
        "ld.global.v4.u32 {%%r1, %%r2, %%r3, %%r4}, [%%d1];\n"
        "ld.global.v4.u32 {%%r5, %%r6, %%r7, %%r8}, [%%d1+16];\n"
        "ld.global.v2.u32 {%%r9, %%r10}, [%%d1+32]; mov.u32 %%r22, 0; mov.u32 %%r23, 0;\n"
        "mma.sync.aligned.%s %s, %s, %s, %s;\n"
        "mul.wide.u32 %%d1, %%r0, 16; add.u64 %%d1, %%d1, %%out;\n"
        "st.global.v4.u32 [%%d1], {%%r20, %%r21, %%r22, %%r23};",
        s->instruction, d, a_registers == 4 ? "{%r1, %r2, %r3, %r4}" : "{%r1, %r2}",
        a_registers == 4 ? "{%r5, %r6}" : "{%r5}", c);
    bench_check_schedules(&kernel, expected);
}
END_TEST

/* One element times 1, in the first row and column. */
START_TEST(elements_of_eight_bits_have_their_value)
{
    static const struct {
        const char *types;
        uint32_t element;
        uint32_t one;
        uint32_t expected;
    } products[] = {
        { "f32.e4m3.e4m3.f32", 0x7e, 0x38, 0x43e00000 },
        { "f32.e4m3.e4m3.f32", 1, 0x38, 0x3b000000 },
        { "f32.e4m3.e4m3.f32", 0x39, 0x38, 0x3f900000 },
        { "f32.e4m3.e4m3.f32", 0xb9, 0x38, 0xbf900000 },
        { "f32.e4m3.e4m3.f32", 0x80, 0x38, 0 },
        { "f32.e4m3.e4m3.f32", 0x7f, 0x38, 0x7fffffff },
        { "f32.e4m3.e4m3.f32", 0xff, 0x38, 0x7fffffff },
        { "f32.e5m2.e4m3.f32", 0x7b, 0x38, 0x47600000 },
        { "kind::f8f6f4.f32.e5m2.e4m3.f32", 0x7b, 0x38, 0x47600000 },
        { "f32.e5m2.e5m2.f32", 1, 0x3c, 0x37800000 },
        { "f32.e5m2.e5m2.f32", 0xfc, 0x3c, 0xff800000 },
        { "s32.u8.s8.s32", 0xff, 0xff, 0xffffff01 },
        { "s32.s8.u8.s32", 0xff, 0xff, 0xffffff01 },
        { "s32.u8.u8.s32", 0xff, 0xff, 0xfe01 },
    };

    for (size_t k = 0; k < sizeof products / sizeof *products; ++k) {
        char body[512];
        _Alignas(8) uint32_t in[2] = { products[k].element, products[k].one };
        uint32_t out[1] = { 0 };
        const bench_kernel kernel = { .body = body,
                                      .block = LANES,
                                      .in = in,
                                      .in_bytes = sizeof in,
                                      .out = out,
                                      .out_bytes = sizeof out };

        (void)snprintf(body, sizeof body,
                       "mov.u32 %%r1, 0; mov.u32 %%r2, 0; setp.eq.u32 %%p1, %%r0, 0;\n"
                       "@%%p1 ld.global.v2.u32 {%%r1, %%r2}, [%%in]; mov.u32 %%r3, 0;\n"
                       "mma.sync.aligned.m16n8k32.row.col.%s {%%r4, %%r5, %%r6, %%r7},\n"
                       "{%%r1, %%r3, %%r3, %%r3}, {%%r2, %%r3}, {%%r3, %%r3, %%r3, %%r3};\n"
                       "testp.notanumber.f32 %%p2, %%r4; @%%p2 mov.u32 %%r4, %s;\n"
                       "@%%p1 st.global.u32 [%%out], %%r4;",
                       products[k].types, /* any NaN will do */
                       products[k].types[0] == 'f' ? "0x7fffffff" : "%r4");
        bench_check_schedules(&kernel, &products[k].expected);
    }
}
END_TEST

#define HALVES   "f16.f16.f16.f16 {%r4, %r5}, {%r1, %r1}, {%r2}, {%r3, %r3};"
#define INTEGERS " {%r4, %r5, %r6, %r7}, {%r1, %r1}, {%r2}, {%r3, %r3, %r3, %r3};"

/* Every register of A, B and C is the same, and every one of D. */
START_TEST(sums_are_rounded_clamped_or_wrapped)
{
    static const struct {
        const char *instruction;
        uint32_t a, b, c;
        uint32_t expected;
    } sums[] = {
        /* 8 · 256 + 3 lies between 2050 and 2052. */
        { "m16n8k8.row.col." HALVES, 0x5c005c00, 0x3c003c00, 0x42004200, 0x68026802 },
        { "m16n8k8.row.col." HALVES, 0x5c005c00, 0x5c005c00, 0, 0x7c007c00 },
        { "m16n8k16.row.col.s32.s8.s8.s32" INTEGERS, 0x01010101, 0x01010101, 5, 21 },
        { "m16n8k16.row.col.s32.s8.s8.s32" INTEGERS, 0x01010101, 0x01010101, 0x7fffffff,
          0x8000000f },
        { "m16n8k16.row.col.s32.s8.s8.s32" INTEGERS, 0x01010101, 0xffffffff, 0x80000000,
          0x7ffffff0 },
        { "m16n8k16.row.col.satfinite.s32.s8.s8.s32" INTEGERS, 0x01010101, 0x01010101, 5, 21 },
        { "m16n8k16.row.col.satfinite.s32.s8.s8.s32" INTEGERS, 0x01010101, 0x01010101, 0x7fffffff,
          0x7fffffff },
        { "m16n8k16.row.col.satfinite.s32.s8.s8.s32" INTEGERS, 0x01010101, 0xffffffff, 0x80000000,
          0x80000000 },
    };

    for (size_t k = 0; k < sizeof sums / sizeof *sums; ++k) {
        char body[1024];
        _Alignas(16) uint32_t out[LANES][4];
        uint32_t expected[LANES][4];
        const bench_kernel kernel = {
            .body = body, .block = LANES, .out = out, .out_bytes = sizeof out
        };
        ptx_report report;

        for (uint32_t e = 0; e < 4 * LANES; ++e) {
            expected[e / 4][e % 4] = sums[k].expected;
        }
        (void)snprintf(body, sizeof body,
                       "mov.u32 %%r1, %u; mov.u32 %%r2, %u; mov.u32 %%r3, %u; mov.u32 %%r6, %u;\n"
                       "mov.u32 %%r7, %%r6; mma.sync.aligned.%s\n"
                       "mul.wide.u32 %%d1, %%r0, 16; add.u64 %%d1, %%d1, %%out;\n"
                       "st.global.v4.u32 [%%d1], {%%r4, %%r5, %%r6, %%r7};",
                       sums[k].a, sums[k].b, sums[k].c, sums[k].expected, sums[k].instruction);
        bench_check_schedules(&kernel, expected);
        ck_assert(bench_run(&kernel, &report));
        ck_assert_uint_eq(report.counts.matrix_products, 1);
    }
}
END_TEST

START_TEST(products_need_a_whole_warp)
{
    static const char *const instructions[] = {
        "mma.sync.aligned.m16n8k8.row.col." HALVES,
        "mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32" INTEGERS,
    };

    for (size_t k = 0; k < sizeof instructions / sizeof *instructions; ++k) {
        char body[512];

        (void)snprintf(body, sizeof body, "mov.u32 %%r1, 0; mov.u32 %%r2, 0; mov.u32 %%r3, 0; %s",
                       instructions[k]);
        bench_runs(body, LANES);
        bench_fails(body, LANES / 2, "executed by lanes 0000ffff, not by a whole warp");
        (void)snprintf(body, sizeof body,
                       "mov.u32 %%r1, 0; mov.u32 %%r2, 0; mov.u32 %%r3, 0;\n"
                       "setp.lt.u32 %%p1, %%r0, 16; @%%p1 bra FAR;\n"
                       "%s bra END; FAR: bar.warp.sync -1; END:",
                       instructions[k]);
        bench_fails(body, LANES, "an instruction of the whole warp in divergent code");
    }
}
END_TEST

/* A matrix of bytes in shared memory, each row of 16 bytes; ldmatrix of `count` from row addresses
 * in reversed order within each matrix. */
static void check_ldmatrix(uint32_t count, bool is_transposed)
{
    static const char *const lists[] = { "{%r10}", "{%r10, %r11}", "", "{%r10, %r11, %r12, %r13}" };
    _Alignas(16) uint16_t in[LANES][8];
    _Alignas(16) uint32_t out[LANES][4];
    uint32_t expected[LANES][4] = { 0 };
    char body[2048];
    const bench_kernel kernel = { .body = body,
                                  .block = LANES,
                                  .in = in,
                                  .in_bytes = sizeof in,
                                  .out = out,
                                  .out_bytes = sizeof out };

    for (uint32_t row = 0; row < LANES; ++row) {
        for (uint32_t k = 0; k < 8; ++k) {
            in[row][k] = (uint16_t)(row * 100 + k);
        }
    }
    for (uint32_t lane = 0; lane < LANES; ++lane) {
        for (uint32_t m = 0; m < count; ++m) {
            for (uint32_t part = 0; part < 2; ++part) {
                const uint32_t along = lane % 4 * 2 + part;
                const uint32_t row = is_transposed ? along : lane / 4;
                const uint32_t column = is_transposed ? lane / 4 : along;

                expected[lane][m] |= (uint32_t)in[8 * m + 7 - row][column] << (16 * part);
            }
        }
    }
    (void)snprintf(
        body, sizeof body,
        ".shared .align 16 .b8 S[512];\n"
        "mov.u32 %%r1, S; shl.b32 %%r2, %%r0, 4; add.u32 %%r3, %%r1, %%r2;\n"
        "cvt.u64.u32 %%d2, %%r2; add.u64 %%d1, %%d2, %%in;\n"
        "ld.global.v4.u32 {%%r10, %%r11, %%r12, %%r13}, [%%d1];\n"
        "st.shared.v4.u32 [%%r3], {%%r10, %%r11, %%r12, %%r13}; bar.warp.sync -1;\n"
        "mov.u32 %%r10, 0; mov.u32 %%r11, 0; mov.u32 %%r12, 0; mov.u32 %%r13, 0;\n"
        "xor.b32 %%r4, %%r2, 112; add.u32 %%r4, %%r4, %%r1;\n"
        "ldmatrix.sync.aligned.m8n8.x%u%s.shared.b16 %s, [%%r4];\n"
        "add.u64 %%d1, %%d2, %%out; st.global.v4.u32 [%%d1], {%%r10, %%r11, %%r12, %%r13};",
        count, is_transposed ? ".trans" : "", lists[count - 1]);
    bench_check_schedules(&kernel, expected);
}

START_TEST(matrices_are_loaded_by_rows_or_columns)
{
    check_ldmatrix(1, false);
    check_ldmatrix(2, false);
    check_ldmatrix(4, false);
    check_ldmatrix(1, true);
    check_ldmatrix(2, true);
    check_ldmatrix(4, true);
}
END_TEST

START_TEST(matrices_are_stored_as_they_are_loaded)
{
    _Alignas(16) uint32_t out[LANES][4];
    uint32_t expected[LANES][4];

    for (uint32_t is_transposed = 0; is_transposed < 2; ++is_transposed) {
        char body[2048];
        const bench_kernel kernel = {
            .body = body, .block = LANES, .out = out, .out_bytes = sizeof out
        };

        for (uint32_t lane = 0; lane < LANES; ++lane) {
            for (uint32_t m = 0; m < 4; ++m) {
                expected[lane][m] = lane * 16 * 0x10003 + m;
            }
        }
        (void)snprintf(
            body, sizeof body,
            ".shared .align 16 .b8 S[512];\n"
            "mov.u32 %%r1, S; shl.b32 %%r2, %%r0, 4; add.u32 %%r3, %%r1, %%r2;\n"
            "mul.lo.u32 %%r10, %%r2, 0x10003; add.u32 %%r11, %%r10, 1; add.u32 %%r12, %%r10, 2;\n"
            "add.u32 %%r13, %%r10, 3;\n"
            "stmatrix.sync.aligned.m8n8.x4%s.shared.b16 [%%r3], {%%r10, %%r11, %%r12, %%r13};\n"
            "bar.warp.sync -1;\n"
            "ldmatrix.sync.aligned.m8n8.x4%s.shared.b16 {%%r20, %%r21, %%r22, %%r23}, [%%r3];\n"
            "cvt.u64.u32 %%d1, %%r2; add.u64 %%d1, %%d1, %%out;\n"
            "st.global.v4.u32 [%%d1], {%%r20, %%r21, %%r22, %%r23};",
            is_transposed ? ".trans" : "", is_transposed ? ".trans" : "");
        bench_check_schedules(&kernel, expected);
    }
}
END_TEST

/* Lane 8 says where a row of the second matrix is: with one matrix nobody asks it. */
START_TEST(addresses_of_no_row_are_not_looked_at)
{
    static const char *const instructions[] = {
        "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r4}, [%r3];",
        "stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r3], {%r4};",
    };

    for (size_t k = 0; k < sizeof instructions / sizeof *instructions; ++k) {
        char body[512];
        uint32_t out[1] = { 0 };
        bench_kernel kernel = { .body = body, .block = LANES, .out = out, .out_bytes = sizeof out };

        (void)snprintf(body, sizeof body,
                       ".shared .align 16 .b8 S[128]; mov.u32 %%r1, S; shl.b32 %%r2, %%r0, 4;\n"
                       "add.u32 %%r3, %%r1, %%r2; %s",
                       instructions[k]);
        bench_check_schedules(&kernel, out);
        kernel.block = 16;
        bench_check_fails(&kernel, "not by a whole warp");
        kernel.block = LANES;
        for (uint32_t offset = 1; offset < 16; offset *= 2) {
            (void)snprintf(body, sizeof body,
                           ".shared .align 16 .b8 S[528]; mov.u32 %%r1, S; shl.b32 %%r2, %%r0, 4;\n"
                           "add.u32 %%r3, %%r1, %%r2; add.u32 %%r3, %%r3, %u; %s",
                           offset, instructions[k]);
            bench_check_fails(&kernel, "misaligned");
        }
        (void)snprintf(body, sizeof body,
                       ".shared .align 16 .b8 S[512]; mov.u32 %%r1, S; shl.b32 %%r2, %%r0, 4;\n"
                       "add.u32 %%r3, %%r1, %%r2; setp.lt.u32 %%p1, %%r0, 16; @%%p1 bra FAR;\n"
                       "%s bra END; FAR: bar.warp.sync -1; END:",
                       instructions[k]);
        bench_check_fails(&kernel, "an instruction of the whole warp in divergent code");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx matrices");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, products_of_matrices_use_the_fragments_of_the_isa, 0,
                        sizeof shapes / sizeof *shapes);
    tcase_add_test(tcase, elements_of_eight_bits_have_their_value);
    tcase_add_test(tcase, sums_are_rounded_clamped_or_wrapped);
    tcase_add_test(tcase, products_need_a_whole_warp);
    tcase_add_test(tcase, matrices_are_loaded_by_rows_or_columns);
    tcase_add_test(tcase, matrices_are_stored_as_they_are_loaded);
    tcase_add_test(tcase, addresses_of_no_row_are_not_looked_at);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
