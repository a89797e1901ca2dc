/* What device code prints and asserts. */
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_run(const ptx_module *module, uint32_t threads, ptx_report *report)
{
    const ptx_launch launch = { .module = module,
                                .kernel = ptx_module_kernel(module, "k"),
                                .grid = { 1, 1, 1 },
                                .block = { threads, 1, 1 } };

    return ptx_launch_run(&launch, report);
}

/* Runs threads that call vprintf with `format` and what `body` puts on the stack at %SPL, which
 * returns `count`; what they print goes to `text`. */
static void printed_read(const char *format, const char *body, uint32_t threads, uint32_t count,
                         char text[256])
{
    char source[4096];
    char bytes[512] = "";
    FILE *file = tmpfile();
    ptx_report report;

    for (const char *at = format; *at; ++at) {
        (void)snprintf(bytes + strlen(bytes), sizeof bytes - strlen(bytes), "%d, ", *at);
    }
    (void)snprintf(
        source, sizeof source,
        ".extern .func (.param .b32 r) vprintf(.param .b64 a, .param .b64 b);\n"
        ".global .align 1 .b8 format[%zu] = {%s0};\n"
        ".global .align 1 .b8 word[4] = {110, 111};\n"
        ".entry k() { .local .b64 first; .local .align 8 .b8 depot[48]; .reg .b64 %%SP; .reg .b64 %%SPL;\n"
        ".reg .b64 %%d<4>; .reg .b32 %%r<4>; .reg .pred %%p; mov.u64 %%SPL, depot; mov.u32 %%r1, 9;\n"
        "cvta.local.u64 %%SP, %%SPL; %s mov.u64 %%d1, format;\n"
        "cvta.global.u64 %%d2, %%d1; { .param .b64 p0; st.param.b64 [p0], %%d2;\n"
        ".param .b64 p1; st.param.b64 [p1], %%SP; .param .b32 r;\n"
        "call.uni (r), vprintf, (p0, p1); ld.param.b32 %%r1, [r]; }\n"
        "setp.ne.u32 %%p, %%r1, %u;\n"
        "@%%p trap; ret; }\n",
        strlen(format) + 1, bytes, body, count);
    ptx_module *module = bench_module_of(source);
    char storage[2][256];

    ck_assert_uint_lt(strlen(format), sizeof storage[0]);
    for (uint32_t i = 0; i < 2; ++i) {
        ptx_module_variable_bind(module, i, storage[i]);
        ptx_module_variable_init(module, i, storage[i]);
    }
    (void)fflush(stdout);
    const int kept = dup(STDOUT_FILENO);

    ck_assert_int_ge(dup2(fileno(file), STDOUT_FILENO), 0);
    const bool is_good = is_run(module, threads, &report);

    (void)fflush(stdout);
    (void)dup2(kept, STDOUT_FILENO);
    (void)close(kept);
    rewind(file);
    text[fread(text, 1, 255, file)] = '\0';
    (void)fclose(file);
    ptx_module_free(module);
    ck_assert_msg(is_good, "%s", report.text);
}

#define THIRTY_MINUSES "------------------------------"

START_TEST(device_code_prints)
{
    static const struct {
        const char *format;
        const char *body;
        const char *text;
        uint32_t count; /* of arguments */
    } prints[] = {
        { "hello, 100%%\n", "", "hello, 100%\n", 0 },
        { "%d %u|", "st.local.u32 [%SPL], -3; st.local.u32 [%SPL+4], 7;", "-3 7|", 2 },
        { "%d %lld", "st.local.u32 [%SPL], 5; st.local.u64 [%SPL+8], -6;", "5 -6", 2 },
        { "%x %lx", "st.local.u32 [%SPL], 255; st.local.u64 [%SPL+8], 4096;", "ff 1000", 2 },
        { "%c%f", "st.local.u32 [%SPL], 65; st.local.f64 [%SPL+8], 0d3FF8000000000000;",
          "A1.500000", 2 },
        { "%5.1e", "st.local.f64 [%SPL], 0d3FF8000000000000;", "1.5e+00", 1 },
        { "[%-4d]", "st.local.u32 [%SPL], 5;", "[5   ]", 1 },
        { "%zu%d", "st.local.u64 [%SPL], 5; st.local.u32 [%SPL+8], 6;", "56", 2 },
        { "%hhd", "st.local.u32 [%SPL], 5;", "5", 1 },
        { "%i %o %X",
          "st.local.u32 [%SPL], 5; st.local.u32 [%SPL+4], 8;st.local.u32 [%SPL+8], 171;", "5 10 AB",
          3 },
        { "<%s>", "mov.u64 %d3, word; st.local.u64 [%SPL], %d3;", "<no>", 1 },
        { "%d<%s>", "mov.u64 %d3, word; st.local.u32 [%SPL], 1; st.local.u64 [%SPL+8], %d3;",
          "1<no>", 2 },
        { "%p", "st.local.u64 [%SPL], 0x1234;", "0x1234", 1 },
        { "%s%d", "mov.u64 %d3, word; st.local.u64 [%SPL], %d3; st.local.u32 [%SPL+8], 7;", "no7",
          2 },
        { "%.1f %d", "st.local.f64 [%SPL], 0d3FF8000000000000; st.local.u32 [%SPL+8], 7;", "1.5 7",
          2 },
        { "50%", "", "50", 0 },
        { "%%d|", "", "%d|", 0 },
        { "%" THIRTY_MINUSES "5d|", "st.local.u32 [%SPL], 7;", "7    |", 1 },
    };

    for (size_t k = 0; k < sizeof prints / sizeof *prints; ++k) {
        char text[256];

        printed_read(prints[k].format, prints[k].body, 1, prints[k].count, text);
        ck_assert_str_eq(text, prints[k].text);
    }
}
END_TEST

START_TEST(each_thread_prints)
{
    enum {
        THREADS = 64
    };
    char expected[256] = "";
    char text[256];

    for (uint32_t thread = 0; thread < THREADS; ++thread) {
        (void)snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%u ",
                       thread);
    }
    printed_read("%d ", "mov.u32 %r2, %tid.x; st.local.u32 [%SPL], %r2;", THREADS, 1, text);
    ck_assert_str_eq(text, expected);
}
END_TEST

START_TEST(device_code_asserts)
{
    ptx_module *module = bench_module_of(
        ".extern .func __assertfail(.param .b64 a, .param .b64 b, .param .b32 c, .param .b64 d,\n"
        ".param .b64 e);\n"
        ".global .align 1 .b8 what[4] = {120, 62, 48};\n"
        ".global .align 1 .b8 where[5] = {97, 46, 99, 117};\n"
        ".entry k() { .reg .b64 %d<4>; mov.u64 %d1, what; mov.u64 %d2, where;\n"
        "{ .param .b64 p0; st.param.b64 [p0], %d1; .param .b64 p1; st.param.b64 [p1], %d2;\n"
        ".param .b32 p2; st.param.b32 [p2], 77; .param .b64 p3; st.param.b64 [p3], %d2;\n"
        ".param .b64 p4; st.param.b64 [p4], 1; call.uni __assertfail, (p0, p1, p2, p3, p4); }\n"
        "ret; }\n");
    char storage[2][16];
    ptx_report report;

    for (uint32_t i = 0; i < 2; ++i) {
        ptx_module_variable_bind(module, i, storage[i]);
        ptx_module_variable_init(module, i, storage[i]);
    }
    ck_assert(!is_run(module, 1, &report));
    ck_assert_ptr_nonnull(strstr(report.text, "k: assertion 'x>0' of a.cu:77 failed at PTX line"));
    ptx_module_free(module);
}
END_TEST

START_TEST(device_calls_have_one_signature)
{
#define ASSERT_TYPES(C) ".param .b64 a, .param .b64 b, .param ." C " c, .param .b64 d"
    static const struct {
        const char *declaration;
        const char *call;
        const char *text;
    } calls[] = {
        { "(.param .b32 r) vprintf(.param .b64 a)", "(r), vprintf, (wide)", "vprintf has no body" },
        { "(.param .b32 r) vprintf(.param .b64 a, .param .b32 b)", "(r), vprintf, (wide, r)",
          "vprintf has no body" },
        { "(.param .b32 r) vprintf(.param .b32 a, .param .b64 b)", "(r), vprintf, (r, wide)",
          "vprintf has no body" },
        { "(.param .b64 r) vprintf(.param .b64 a, .param .b64 b)", "(wide), vprintf, (wide, wide)",
          "vprintf has no body" },
        { "vprintf(.param .b64 a, .param .b64 b)", "vprintf, (wide, wide)", "vprintf has no body" },
        { "(.param .b32 r) puts(.param .b64 a, .param .b64 b)", "(r), puts, (wide, wide)",
          "puts has no body" },
        { "(.param .b32 r) vprintf(.param .b64 a, .param .b64 b)", "(r), vprintf, (wide)",
          "vprintf is called with 1 arguments instead of 2" },
        { "(.param .b32 r) vprintf(.param .b64 a, .param .b64 b)", "(r), vprintf, (wide, r)",
          "argument 1 of vprintf has 4 bytes, not 8" },
        { "(.param .b32 r) vprintf(.param .b64 a, .param .b64 b)", "vprintf, (wide, wide)",
          "vprintf returns 4 bytes, not 0" },
        { "__assertfail(" ASSERT_TYPES("b32") ")", "__assertfail, (wide, wide, r, wide)",
          "__assertfail has no body" },
        { "__assertfail(" ASSERT_TYPES("b64") ", .param .b64 e)",
          "__assertfail, (wide, wide, wide, wide, wide)", "__assertfail has no body" },
        { "__assertfail(" ASSERT_TYPES("b32") ", .param .b32 e)",
          "__assertfail, (wide, wide, r, wide, r)", "__assertfail has no body" },
        { "__assertfail(" ASSERT_TYPES("b32") ", .param .b64 e, .param .b64 f)",
          "__assertfail, (wide, wide, r, wide, wide, wide)", "__assertfail has no body" },
    };
#undef ASSERT_TYPES

    for (size_t k = 0; k < sizeof calls / sizeof *calls; ++k) {
        char source[512];
        ptx_report report;

        (void)snprintf(source, sizeof source,
                       ".extern .func %s;\n.entry k() { .param .b32 r; .param .b64 wide;\n"
                       "call.uni %s; ret; }\n",
                       calls[k].declaration, calls[k].call);
        ptx_module *module = bench_module_of(source);

        ck_assert_msg(!is_run(module, 1, &report), "%s", calls[k].call);
        ck_assert_msg(strstr(report.text, calls[k].text) != NULL, "%s: %s", calls[k].call,
                      report.text);
        ptx_module_free(module);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx device calls");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, device_code_prints);
    tcase_add_test(tcase, each_thread_prints);
    tcase_add_test(tcase, device_code_asserts);
    tcase_add_test(tcase, device_calls_have_one_signature);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
