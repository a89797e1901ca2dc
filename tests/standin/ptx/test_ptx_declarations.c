/* What a module declares: functions and their parameters, shared memory; and how texts are split.
 */
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <string.h>

/* One thread of kernel k, which has no parameter, or the address of `words` as its last. */
static bool is_run(const ptx_module *module, const void *const *parameters, ptx_report *report)
{
    const ptx_launch launch = { .module = module,
                                .kernel = ptx_module_kernel(module, "k"),
                                .grid = { 1, 1, 1 },
                                .block = { 1, 1, 1 },
                                .parameters = parameters };

    return ptx_launch_run(&launch, report);
}

/* It leaves these words; the module is freed. */
static void check_words(ptx_module *module, const void *const *parameters, const uint32_t *words,
                        const uint32_t *expected, size_t bytes)
{
    ptx_report report;

    ck_assert_msg(is_run(module, parameters, &report), "%s", report.text);
    ck_assert_mem_eq(words, expected, bytes);
    ptx_module_free(module);
}

START_TEST(variables_have_a_size)
{
    static const struct {
        const char *text;
        size_t bytes;
    } rows[] = {
        { ".global .b8 x;", 1 },
        { ".global .b16 x;", 2 },
        { ".global .bf16 x;", 2 },
        { ".global .tf32 x;", 4 },
        { ".global .b128 x;", 16 },
        { ".global .v2 .u32 x;", 8 },
        { ".global .v4 .u32 x;", 16 },
        { ".global .v8 .b16 x;", 16 },
        { ".global .v2 .u8 x[3];", 6 },
        { ".const .u16 x[2][3][4];", 48 },
        { ".global .align 8 .u8 x;", 1 },
        { ".global .attribute(.managed) .u64 x;", 8 },
        { ".extern .global .b8 x[];", 0 },
        { ".global .b8 x[67108864];", 67108864 },
        { ".global .attribute(.unified(1, 2)) .u16 x;", 2 },
    };
    static const char *const spaces[] = { "", ".global", ".const", ".local", ".shared" };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        ptx_module *module = bench_module_of(rows[k].text);

        ck_assert_msg(ptx_module_variable_bytes(module, 0) == rows[k].bytes, "%s", rows[k].text);
        ck_assert_str_eq(ptx_module_variable_name(module, 0), "x");
        ptx_module_free(module);
    }
    for (size_t k = 0; k < sizeof spaces / sizeof *spaces; ++k) { /* where a parameter points to */
        char text[64];

        (void)snprintf(text, sizeof text, ".entry k(.param .u64 .ptr %s .align 16 p) {}",
                       spaces[k]);
        ptx_module *module = bench_module_of(text);

        ck_assert_uint_eq(ptx_kernel_parameter_bytes(ptx_module_kernel(module, "k"), 0), 8);
        ptx_module_free(module);
    }
}
END_TEST

START_TEST(literals_have_a_form)
{
    static const struct {
        const char *text;
        uint64_t bits;
    } rows[] = {
        { ".u64 x = 9;", 9 },
        { ".u64 x = 0;", 0 },
        { ".u64 x = 0x1F;", 31 },
        { ".u64 x = 017;", 15 },
        { ".u64 x = 0b101;", 5 },
        { ".u64 x = 0B11U;", 3 },
        { ".u64 x = 7u;", 7 },
        { ".s64 x = -2;", 0xfffffffffffffffe },
        { ".u64 x = 18446744073709551615U;", 0xffffffffffffffff },
        { ".f32 x = 1.5;", 0x3fc00000 },
        { ".f32 x = -1.5;", 0xbfc00000 },
        { ".f32 x = 0f3fC00000;", 0x3fc00000 },
        { ".f32 x = 0F3fc00000;", 0x3fc00000 },
        { ".f32 x = -0fbfc00000;", 0x3fc00000 },
        { ".f64 x = 1.5;", 0x3ff8000000000000 },
        { ".f64 x = -1.5;", 0xbff8000000000000 },
        { ".f64 x = 0d3ff8000000000000;", 0x3ff8000000000000 },
        { ".f64 x = 0D3ff8000000000000;", 0x3ff8000000000000 },
        { ".f64 x = -0dbff8000000000000;", 0x3ff8000000000000 },
        { ".f64 x = 0.12500000000000000000000000000000000000000000000000000000000000000000;",
          0x3fc0000000000000 },
    };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        char text[128];
        uint64_t bits = 0;

        (void)snprintf(text, sizeof text, ".global %s", rows[k].text);
        ptx_module *module = bench_module_of(text);

        ptx_module_variable_init(module, 0, &bits);
        ck_assert_msg(bits == rows[k].bits, "%s is %llx", rows[k].text, (unsigned long long)bits);
        ptx_module_free(module);
    }
}
END_TEST

START_TEST(literals_are_as_they_are_written)
{
    static const bench_row rows[] = {
        { "mov.f32 %r9, -1.5;", 'r', { 0 }, 0xbfc00000 },
        { "mov.f64 %d9, -1.5;", 'd', { 0 }, 0xbff8000000000000 },
        { "cvt.rn.f32.s32 %r9, -5;", 'r', { 0 }, 0xc0a00000 },
        { "cvt.rn.f64.s32 %d9, -5;", 'd', { 0 }, 0xc014000000000000 },
    };

    BENCH_CHECK_ROWS(rows);
}
END_TEST

START_TEST(variables_hold_addresses_of_functions)
{
    ptx_module *module = bench_module_of(
        ".func (.param .b32 r) f() { st.param.b32 [r], 5; ret; }\n"
        ".func (.param .b32 r) g() { st.param.b32 [r], 6; ret; }\n"
        ".global .u64 table[2] = {f, generic(g)};\n"
        ".entry k(.param .u64 out) { .reg .b64 %d<4>; .reg .b32 %r; .param .b32 r;\n"
        "ld.param.u64 %d1, [out];\n"
        "p: .callprototype (.param .b32 _) _ ();\n"
        "ld.global.u64 %d2, [table]; call (r), %d2, (), p;\n"
        "ld.param.b32 %r, [r]; st.global.u32 [%d1], %r;\n"
        "ld.global.u64 %d2, [table+8]; call (r), %d2, (), p;\n"
        "ld.param.b32 %r, [r]; st.global.u32 [%d1+4], %r; ret; }");
    static const uint32_t expected[2] = { 5, 6 };
    uint32_t words[2] = { 0 };
    uint64_t table[2];
    const uint64_t address = (uint64_t)(uintptr_t)words;
    const void *const parameters[] = { &address };

    ptx_module_variable_bind(module, 0, table);
    ptx_module_variable_init(module, 0, table);
    check_words(module, parameters, words, expected, sizeof words);
}
END_TEST

START_TEST(parameters_are_aligned)
{
    ptx_module *module = bench_module_of(
        ".entry k(.param .u8 a, .param .u8 b, .param .u32 c, .param .u8 d, .param .u64 out)\n"
        "{ .reg .b32 %r<5>; .reg .b64 %d<3>; ld.param.u64 %d1, [out];\n"
        "ld.param.u8 %r1, [a]; st.global.u32 [%d1], %r1; ld.param.u8 %r1, [b];\n"
        "st.global.u32 [%d1+4], %r1; ld.param.u32 %r1, [c]; st.global.u32 [%d1+8], %r1;\n"
        "ld.param.u8 %r1, [d]; st.global.u32 [%d1+12], %r1; mov.u64 %d2, 0;\n"
        "ld.param.u8 %r1, [%d2+1]; st.global.u32 [%d1+16], %r1; ld.param.u32 %r1, [%d2+4];\n"
        "st.global.u32 [%d1+20], %r1; ld.param.u8 %r1, [%d2+8]; st.global.u32 [%d1+24], %r1;\n"
        "ld.param.u64 %d2, [%d2+16]; sub.u64 %d2, %d2, %d1; st.global.u32 [%d1+28], %d2; }");
    static const uint32_t expected[8] = { 1, 2, 0x30000003, 4, 2, 0x30000003, 4, 0 };
    const uint8_t bytes[] = { 1, 2, 4 };
    const uint32_t word = 0x30000003;
    uint32_t words[8] = { 9, 9, 9, 9, 9, 9, 9, 9 };
    const uint64_t address = (uint64_t)(uintptr_t)words;
    const void *const parameters[] = { &bytes[0], &bytes[1], &word, &bytes[2], &address };

    check_words(module, parameters, words, expected, sizeof words);
}
END_TEST

START_TEST(definitions_replace_declarations)
{
    /* The frames of f and of two of them are 9 and 18 thousand bytes: the stack of calls has 16. */
    ptx_module *module = bench_module_of(
        ".func (.param .b32 s) f(.param .b32 a, .param .align 16 .b8 b[9000]);\n"
        ".func (.param .b32 s) g(.param .b32 a);\n"
        ".entry k(.param .u64 other, .param .u32 another);\n"
        ".func (.param .b32 s) f(.param .b32 a, .param .align 16 .b8 b[9000])\n"
        "{ .reg .b32 %r<3>; ld.param.b32 %r1, [a]; ld.param.b32 %r2, [b+8996];\n"
        "add.u32 %r1, %r1, %r2; st.param.b32 [s], %r1; ret; }\n"
        ".func g() { ret; }\n"
        ".entry k(.param .u64 out)\n"
        "{ .reg .b32 %r<3>; .reg .b64 %d<3>; .param .b32 p; .param .align 16 .b8 q[9000];\n"
        ".param .b32 s; st.param.b32 [p], 7; st.param.b32 [q+8996], 5;\n"
        "call.uni (s), f, (p, q); call.uni g; ld.param.b32 %r1, [s];\n"
        "mov.u64 %d1, 0; ld.param.u64 %d2, [%d1]; st.global.u32 [%d2], %r1; ret; }\n");
    uint32_t word = 0;
    const uint64_t address = (uint64_t)(uintptr_t)&word;
    const void *const parameters[] = { &address };
    ptx_report report;

    ck_assert_uint_eq(ptx_kernel_parameter_count(ptx_module_kernel(module, "k")), 1);
    ck_assert_msg(is_run(module, parameters, &report), "%s", report.text);
    ck_assert_uint_eq(word, 12);
    ptx_module_free(module);
}
END_TEST

START_TEST(kernels_need_no_registers)
{
    ptx_module *module = bench_module_of(
        ".func f() { .shared .align 4 .b8 S[4]; atom.shared.add.u32 _, [S], 1; ret; }\n"
        ".entry k() { .shared .align 4 .b8 S[4]; atom.shared.add.u32 _, [S], 1; call f; ret; }");
    const ptx_launch launch = { .module = module,
                                .kernel = ptx_module_kernel(module, "k"),
                                .grid = { 1, 1, 1 },
                                .block = { 32, 1, 1 } };
    ptx_report report;

    ck_assert_msg(ptx_launch_run(&launch, &report), "%s", report.text);
    ptx_module_free(module);
}
END_TEST

/* As the assembler has it: memory of a known length is there, extern or not. */
START_TEST(shared_memory_is_dynamic_where_its_length_is_open)
{
    ptx_module *module = bench_module_of(
        ".extern .shared .align 8 .u32 S;\n"
        ".extern .shared .align 16 .b8 open[];\n"
        ".entry k() { .shared .align 4 .b8 T[12]; st.shared.u32 [S], 1;\n"
        "st.shared.u32 [T+8], 2; ret; }\n"
        ".entry other() { st.shared.u32 [open], 1; ret; }\n"
        ".entry third() { .shared .b8 first; .shared .v4 .u32 T;\n"
        "st.shared.u8 [first], 1; st.shared.u32 [T], 1; ret; }\n"
        ".entry fourth() { .reg .b32 %r; .reg .pred %p; .shared .b32 apart;\n"
        "st.shared.u32 [apart], 1; st.shared.u32 [open], 2; ld.shared.u32 %r, [apart];\n"
        "setp.ne.u32 %p, %r, 1; @%p trap; ret; }\n");
    ptx_launch launch = { .module = module,
                          .kernel = ptx_module_kernel(module, "other"),
                          .grid = { 1, 1, 1 },
                          .block = { 1, 1, 1 } };
    ptx_report report;

    ck_assert_uint_eq(ptx_kernel_static_shared_bytes(ptx_module_kernel(module, "k")), 16);
    ck_assert_uint_eq(ptx_kernel_static_shared_bytes(ptx_module_kernel(module, "third")), 32);
    ck_assert_uint_eq(ptx_kernel_static_shared_bytes(launch.kernel), 0);
    ck_assert_msg(is_run(module, NULL, &report), "%s", report.text);
    ck_assert(!ptx_launch_run(&launch, &report));
    ck_assert_ptr_nonnull(strstr(report.text, "other: 4 bytes at 0 of shared memory, which has 0"));
    launch.kernel = ptx_module_kernel(module, "fourth");
    launch.dynamic_shared_bytes = 4;
    ck_assert_msg(ptx_launch_run(&launch, &report), "%s", report.text);
    ptx_module_free(module);
}
END_TEST

START_TEST(directives_may_say_more)
{
    ptx_module *module = bench_module_of(
        ".common .global .u32 common;\n.alias f, g;\n"
        ".func g(.param .b32 a)\n.noreturn\n{ trap; }\n"
        ".entry k() { .reg .b32 %r; bra OVER; bra OVER;\n"
        "OVER :mov.u32 %r, 1; { .param .b32 p; st.param.b32 [p], %r; call.uni g, (p); }\n"
        "} .section .debug_str { .b8 1, 2 }");
    ptx_report report;

    ck_assert_str_eq(ptx_module_variable_name(module, 0), "common");
    ck_assert(!is_run(module, NULL, &report));
    ck_assert_ptr_nonnull(strstr(report.text, "k: trap at PTX line 5, block"));
    ptx_module_free(module);
}
END_TEST

/* Words: from outer memory of a name that is hidden for a while, from a register beside those of an
 * inner scope, from between bytes, and from variables that are declared inside. */
START_TEST(functions_have_scopes_and_variables)
{
    ptx_module *module = bench_module_of(
        ".entry k(.param .u64 out) { .reg .b32 %r<3>; .reg .b64 %d; ld.param.u64 %d, [out];\n"
        ".pragma \"nounroll\";\n"
        ".local .b32 x; st.local.u32 [x], 5; { .local .b32 x; st.local.u32 [x], 6; }\n"
        "ld.local.u32 %r1, [x]; st.global.u32 [%d], %r1;\n"
        "mov.u32 %r2, 7; { .reg .b32 %a<9>; mov.u32 %a8, 8; } .reg .b32 %b<9>;\n"
        "mov.u32 %b0, 1; mov.u32 %b1, 2; mov.u32 %b2, 3; mov.u32 %b3, 4; mov.u32 %b4, 5;\n"
        "st.global.u32 [%d+4], %r2;\n"
        ".local .b8 before; .local .b32 word; .local .b8 behind; st.local.u32 [word], 0x1020304;\n"
        "st.local.u8 [before], 9; st.local.u8 [behind], 9;\n"
        "ld.local.u32 %r1, [word]; st.global.u32 [%d+8], %r1;\n"
        ".global .align 4 .u32 g = 10; .const .align 4 .u32 c = 11;\n"
        "ld.global.u32 %r1, [g]; st.global.u32 [%d+12], %r1;\n"
        "ld.const.u32 %r1, [c]; st.global.u32 [%d+16], %r1; ret; }");
    static const uint32_t expected[5] = { 5, 7, 0x1020304, 10, 11 };
    uint32_t words[5] = { 0 };
    uint32_t storage[2];
    const uint64_t address = (uint64_t)(uintptr_t)words;
    const void *const parameters[] = { &address };

    ck_assert_uint_eq(ptx_module_variable_count(module), 2);
    for (uint32_t i = 0; i < 2; ++i) {
        ptx_module_variable_bind(module, i, &storage[i]);
        ptx_module_variable_init(module, i, &storage[i]);
    }
    check_words(module, parameters, words, expected, sizeof words);
}
END_TEST

START_TEST(long_texts_are_cut)
{
    enum {
        LENGTH = 2 * PTX_TEXT_BYTES
    };
    char text[LENGTH + 64];
    struct {
        char text[PTX_TEXT_BYTES];
        char behind[64];
    } why;
    ptx_report report;

    memset(&why, 'y', sizeof why);
    memset(text, 'x', LENGTH);
    text[LENGTH] = '\0';
    ck_assert_ptr_null(ptx_module_parse(text, why.text));
    ck_assert_ptr_nonnull(memchr(why.text, '\0', sizeof why.text));
    ck_assert_uint_eq(strlen(why.text), PTX_TEXT_BYTES - 1);
    for (size_t k = 0; k < sizeof why.behind; ++k) {
        ck_assert_int_eq(why.behind[k], 'y');
    }
    ck_assert_int_eq(strncmp(why.text, "PTX line 1: unexpected 'xxx", 27), 0);

    memcpy(text, ".entry k() { bra ", 17);
    memcpy(text + LENGTH, "; }", 4);
    ptx_module *module = bench_module_of(text);

    ck_assert(!is_run(module, NULL, &report));
    ck_assert_int_eq(strncmp(report.text, "k: PTX line 1: no label 'xxx", 28), 0);
    ptx_module_free(module);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx declarations");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, variables_have_a_size);
    tcase_add_test(tcase, literals_have_a_form);
    tcase_add_test(tcase, literals_are_as_they_are_written);
    tcase_add_test(tcase, variables_hold_addresses_of_functions);
    tcase_add_test(tcase, parameters_are_aligned);
    tcase_add_test(tcase, definitions_replace_declarations);
    tcase_add_test(tcase, kernels_need_no_registers);
    tcase_add_test(tcase, shared_memory_is_dynamic_where_its_length_is_open);
    tcase_add_test(tcase, directives_may_say_more);
    tcase_add_test(tcase, functions_have_scopes_and_variables);
    tcase_add_test(tcase, long_texts_are_cut);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
