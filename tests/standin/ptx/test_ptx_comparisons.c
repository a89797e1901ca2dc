/* Comparisons of every type, and what is chosen by them. */
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>

#define M1 0xffffffffffffffffull

/* Values in ascending order, and for numbers with a point NaN behind them. */
typedef struct kind {
    const char *type;
    char bank;
    bool is_signed; /* or floating-point: no names of unsigned ones */
    bool is_float;
    uint64_t values[4];
} kind;

static const kind kinds[] = {
    { "u16", 'h', false, false, { 1, 0x7fff, 0x8000 } },
    { "s16", 'h', true, false, { 0x8000, 0, 5 } },
    { "u32", 'r', false, false, { 1, 0x7fffffff, 0x80000000 } },
    { "s32", 'r', true, false, { 0x80000000, 0, 5 } },
    { "u64", 'd', false, false, { 1, M1 >> 1, 1ull << 63 } },
    { "s64", 'd', true, false, { 1ull << 63, 0, 5 } },
    { "f32", 'r', true, true, { 0xbf800000, 0x80000000, 0x40000000, 0x7fc00000 } },
    { "f64", 'd', true, true, { 0xbff0000000000000, 0, 0x4000000000000000, 0x7ff8000000000000 } },
    { "f16", 'h', true, true, { 0xbc00, 0, 0x4000, 0x7e00 } },
    { "bf16", 'h', true, true, { 0xbf80, 0, 0x4000, 0x7fc0 } },
};

/* Which outcomes a comparison is true of. */
typedef struct comparison {
    const char *name;
    bool less, equal, greater, unordered;
    char of; /* a: all, u: unsigned, f: floating-point */
} comparison;

static const comparison comparisons[] = {
    { "eq", false, true, false, false, 'a' }, { "ne", true, false, true, false, 'a' },
    { "lt", true, false, false, false, 'a' }, { "le", true, true, false, false, 'a' },
    { "gt", false, false, true, false, 'a' }, { "ge", false, true, true, false, 'a' },
    { "lo", true, false, false, false, 'u' }, { "ls", true, true, false, false, 'u' },
    { "hi", false, false, true, false, 'u' }, { "hs", false, true, true, false, 'u' },
    { "equ", false, true, false, true, 'f' }, { "neu", true, false, true, true, 'f' },
    { "ltu", true, false, false, true, 'f' }, { "leu", true, true, false, true, 'f' },
    { "gtu", false, false, true, true, 'f' }, { "geu", false, true, true, true, 'f' },
    { "num", true, true, true, false, 'f' },  { "nan", false, false, false, true, 'f' },
};

static bool expected_of(const comparison *c, const kind *k, uint32_t x, uint32_t y)
{
    if (k->is_float && (x == 3 || y == 3)) {
        return c->unordered;
    }
    return x < y ? c->less : x == y ? c->equal : c->greater;
}

static void check_comparison(const comparison *c, const kind *k)
{
    const uint32_t count = k->is_float ? 4 : 3;

    for (uint32_t x = 0; x < count; ++x) {
        for (uint32_t y = 0; y < count; ++y) {
            char code[256];
            const bench_row row = {
                code, 'r', { k->values[x], k->values[y] }, expected_of(c, k, x, y) ? 4 + 2 : 1
            };

            /* Alone, and with the opposite as second result. */
            (void)snprintf(code, sizeof code,
                           "setp.%s.%s %%p7, %%%c0, %%%c1; setp.%s.%s %%p8|%%p9, %%%c0, %%%c1;\n"
                           "selp.u32 %%r7, 4, 0, %%p7; selp.u32 %%r8, 2, 0, %%p8;\n"
                           "selp.u32 %%r9, 1, 0, %%p9; add.u32 %%r9, %%r9, %%r8;\n"
                           "add.u32 %%r9, %%r9, %%r7;",
                           c->name, k->type, k->bank, k->bank, c->name, k->type, k->bank, k->bank);
            bench_check_rows(&row, 1);
        }
    }
}

START_TEST(each_comparison_knows_each_type)
{
    const kind *k = &kinds[_i];

    for (size_t c = 0; c < sizeof comparisons / sizeof *comparisons; ++c) {
        const char of = comparisons[c].of;

        if (of == 'a' || (of == 'u' && !k->is_signed) || (of == 'f' && k->is_float)) {
            check_comparison(&comparisons[c], k);
        }
    }
}
END_TEST

START_TEST(bits_are_equal_or_not)
{
    static const bench_row rows[] = {
        { "setp.eq.b16 %p9, %h0, %h1;", 'p', { 0x18000, 0x28000 }, 1 },
        { "setp.ne.b16 %p9, %h0, %h1;", 'p', { 0x18000, 0x28000 }, 0 },
        { "setp.eq.b32 %p9, %r0, %r1;", 'p', { 5, 6 }, 0 },
        { "setp.ne.b32 %p9, %r0, %r1;", 'p', { 5, 6 }, 1 },
        { "setp.eq.b64 %p9, %d0, %d1;", 'p', { 1ull << 40, 0 }, 0 },
        { "setp.eq.and.s32 %p9, %r0, %r1, %p2;", 'p', { 5, 5, 0 }, 0 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(a_third_predicate_joins_in)
{
    static const char *const names[] = { "and", "or", "xor" };

    for (uint32_t k = 0; k < 3 * 8; ++k) {
        const uint32_t combination = k / 8;
        const bool is_equal = k & 1;
        const bool third = (k >> 1 & 1) != (k >> 2 & 1); /* negated */
        const bool first = combination == 0   ? is_equal && third
                           : combination == 1 ? is_equal || third
                                              : is_equal != third;
        const bool second = combination == 0   ? !is_equal && third
                            : combination == 1 ? !is_equal || third
                                               : !is_equal != third;
        char code[160];
        const bench_row row = {
            code, 'r', { 7, is_equal ? 7 : 8, k >> 1 & 1 }, (first ? 2u : 0u) + second
        };

        (void)snprintf(code, sizeof code,
                       "setp.eq.%s.s32 %%p8|%%p9, %%r0, %%r1, %s%%p2; selp.u32 %%r8, 2, 0, %%p8;\n"
                       "selp.u32 %%r9, 1, 0, %%p9; add.u32 %%r9, %%r9, %%r8;",
                       names[combination], k >> 2 & 1 ? "!" : "");
        bench_check_rows(&row, 1);
    }
}
END_TEST

START_TEST(subnormal_numbers_are_flushed_when_asked)
{
    static const bench_row rows[] = {
        { "setp.eq.ftz.f32 %p9, %r0, %r1;", 'p', { 0x007fffff, 0x80000000 }, 1 },
        { "setp.eq.ftz.f32 %p9, %r0, %r1;", 'p', { 0x00800000, 0 }, 0 },
        { "setp.eq.ftz.f32 %p9, %r0, %r1;", 'p', { 0, 0x807fffff }, 1 },
        { "setp.eq.ftz.f16 %p9, %h0, %h1;", 'p', { 0x03ff, 0 }, 1 },
        { "setp.eq.ftz.f16 %p9, %h0, %h1;", 'p', { 0x0400, 0 }, 0 },
        { "setp.eq.f16 %p9, %h0, %h1;", 'p', { 0x03ff, 0 }, 0 },
        { "setp.gt.f64 %p9, %d0, %d1;", 'p', { 1, 0 }, 1 },
        { "slct.ftz.u32.f32 %r9, %r0, %r1, %r2;", 'r', { 7, 8, 0x80000001 }, 7 },
        { "slct.u32.f32 %r9, %r0, %r1, %r2;", 'r', { 7, 8, 0x80000001 }, 8 },
        { "slct.b64.s32 %d9, %d0, %d1, %r2;", 'd', { 1ull << 40, 8, 1 }, 1ull << 40 },
        { "slct.b64.s32 %d9, %d0, %d1, %r2;", 'd', { 1ull << 40, 8, 0 }, 1ull << 40 },
        { "slct.b64.s32 %d9, %d0, %d1, %r2;", 'd', { 1ull << 40, 8, M1 }, 8 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(pairs_have_two_outcomes)
{
    static const bench_row rows[] = {
        { "setp.gt.f16x2 %p8|%p9, %r0, %r1;", 'p', { 0x38003c00, 0x3c003800 }, 0 },
        { "setp.gt.f16x2 %p9|%p8, %r0, %r1;", 'p', { 0x38003c00, 0x3c003800 }, 1 },
        { "setp.gt.bf16x2 %p9|%p8, %r0, %r1;", 'p', { 0xbf803f80, 0x3f80bf80 }, 1 },
        { "setp.gt.bf16x2 %p8|%p9, %r0, %r1;", 'p', { 0xbf803f80, 0x3f80bf80 }, 0 },
        /* Infinity of one format is NaN of the other. */
        { "setp.nan.f16x2 %p8|%p9, %r0, %r1;", 'p', { 0x7e000000, 0 }, 1 },
        { "setp.nan.bf16x2 %p8|%p9, %r0, %r1;", 'p', { 0x7f800000, 0 }, 0 },
        { "setp.gt.and.f16x2 %p9|%p8, %r0, %r1, %p2;", 'p', { 0x3c003c00, 0x38003800, 0 }, 0 },
        { "setp.gt.and.f16x2 %p8|%p9, %r0, %r1, %p2;", 'p', { 0x3c003c00, 0x38003800, 1 }, 1 },
        { "setp.gt.and.f16x2 %p8|%p9, %r0, %r1, !%p2;", 'p', { 0x3c003c00, 0x38003800, 1 }, 0 },
        { "set.gt.f16x2.f16x2 %r9, %r0, %r1;", 'r', { 0x38003c00, 0x3c003800 }, 0x00003c00 },
        { "set.gt.bf16x2.bf16x2 %r9, %r0, %r1;", 'r', { 0x3f80bf80, 0xbf803f80 }, 0x3f800000 },
        { "set.gt.u32.f16x2 %r9, %r0, %r1;", 'r', { 0x3c003800, 0x38003c00 }, 0xffff0000 },
        { "set.gt.u32.f16x2 %r9, %r0, %r1;", 'r', { 0x38003c00, 0x3c003800 }, 0x0000ffff },
        { "set.gt.and.f16x2.f16x2 %r9, %r0, %r1, %p2;", 'r', { 0x3c003c00, 0x38003800, 0 }, 0 },
        { "set.gt.or.f16x2.f16x2 %r9, %r0, %r1, %p2;",
          'r',
          { 0x38003c00, 0x3c003800, 1 },
          0x3c003c00 },
        { "set.lt.f16.f16 %h9, %h0, %h1;", 'h', { 0x3800, 0x3c00 }, 0x3c00 },
        { "set.lt.bf16.bf16 %h9, %h0, %h1;", 'h', { 0xbf80, 0x3f80 }, 0x3f80 },
        { "set.lt.u32.f64 %r9, %d0, %d1;", 'r', { 0, 0x3ff0000000000000 }, 0xffffffff },
        { "set.lt.f32.u32 %r9, %r0, %r1;", 'r', { 5, 5 }, 0 },
        { "set.lt.f32.u32 %r9, %r0, %r1;", 'r', { 4, 5 }, 0x3f800000 },
        { "set.eq.f16.f16 %h9, %h0, %h1;", 'h', { 0x3800, 0x3c00 }, 0 },
        { "set.eq.bf16.bf16 %h9, %h0, %h1;", 'h', { 0xbf80, 0x3f80 }, 0 },
        { "set.eq.u32.s32 %r9, %r0, %r1;", 'r', { 5, 6 }, 0 },
        { "set.eq.and.u32.s32 %r9, %r0, %r1, %p2;", 'r', { 5, 5, 0 }, 0 },
        { "set.eq.and.u32.s32 %r9, %r0, %r1, !%p2;", 'r', { 5, 5, 0 }, 0xffffffff },
        { "selp.b16 %h9, %h0, %h1, %p2;", 'h', { 7, 8, 0 }, 8 },
        { "selp.f64 %d9, %d0, %d1, %p2;", 'd', { 7, 8, 1 }, 7 },
    };
    BENCH_CHECK_ROWS(rows);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx comparisons");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, each_comparison_knows_each_type, 0, sizeof kinds / sizeof *kinds);
    tcase_add_test(tcase, bits_are_equal_or_not);
    tcase_add_test(tcase, a_third_predicate_joins_in);
    tcase_add_test(tcase, subnormal_numbers_are_flushed_when_asked);
    tcase_add_test(tcase, pairs_have_two_outcomes);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
