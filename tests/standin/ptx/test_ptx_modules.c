/* Modules as they are read: kernels, variables, names. */
#include "standin/ptx/module.h"
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <string.h>

START_TEST(kernels_are_found_with_their_shape)
{
    ptx_module *module = bench_module_of(
        ".version 9.0 .target sm_90 .address_size 64\n"
        "// a comment .entry no() {}\n/* another\n one */\n"
        ".pragma \"a;b\";\n"
        ".section .debug_info { .b8 1, 2 }\n"
        ".func helper()\n{ ret; }\n"
        ".visible .entry first(.param .u32 a, .param .align 8 .b8 b[24],\n"
        "  .param .u8 c, .param .u64 .ptr .global .align 16 d)\n"
        ".maxntid 8, 4, 2 .minnctapersm 2\n{ .shared .align 4 .b8 S[20];\n"
        ".shared .align 16 .b8 T[4]; st.shared.u32 [S], 1; st.shared.u32 [T], 1; ret; }\n"
        ".weak .entry second()\n.reqntid 64\n{ ret; }\n"
        ".entry third() { .reg .b32 %r; call.uni helper; mov.u32 %r, 0;\n"
        "T: .branchtargets A, B; brx.idx %r, T; A: brx.idx %r, U;\n"
        "U: .branchtargets B, B; B: ret; }\n");

    ck_assert_uint_eq(ptx_module_kernel_count(module), 3);
    const ptx_kernel *first = ptx_module_kernel(module, "first");

    ck_assert_ptr_eq(ptx_module_kernel_at(module, 0), first);
    ck_assert_str_eq(ptx_kernel_name(ptx_module_kernel_at(module, 1)), "second");
    ck_assert_str_eq(ptx_kernel_name(ptx_module_kernel_at(module, 2)), "third");
    ck_assert_ptr_null(ptx_module_kernel_at(module, 3));
    ck_assert_ptr_null(ptx_module_kernel(module, "helper"));
    ck_assert_ptr_null(ptx_module_kernel(module, "firs"));
    ck_assert_uint_eq(ptx_kernel_parameter_count(first), 4);
    ck_assert_uint_eq(ptx_kernel_parameter_bytes(first, 0), 4);
    ck_assert_uint_eq(ptx_kernel_parameter_bytes(first, 1), 24);
    ck_assert_uint_eq(ptx_kernel_parameter_bytes(first, 2), 1);
    ck_assert_uint_eq(ptx_kernel_parameter_bytes(first, 3), 8);
    ck_assert_uint_eq(ptx_kernel_max_threads(first), 64);
    ck_assert_uint_eq(ptx_kernel_max_threads(ptx_module_kernel(module, "second")), 64);
    ck_assert_uint_eq(ptx_kernel_max_threads(ptx_module_kernel(module, "third")), 0);
    ck_assert_uint_eq(ptx_kernel_static_shared_bytes(first), 36);
    ck_assert_uint_eq(ptx_kernel_static_shared_bytes(ptx_module_kernel(module, "third")), 0);
    ptx_module_free(module);
    ptx_module_free(NULL);
}
END_TEST

START_TEST(variables_have_initial_values)
{
    ptx_module *module =
        bench_module_of(".global .align 4 .u32 plain;\n"
                        ".const .align 8 .b8 bytes[10] = {1, 2, 255};\n"
                        ".global .f32 numbers[2] = {1.5, 0f40000000};\n"
                        ".global .f64 wide = -1.5;\n"
                        ".global .align 8 .u64 places[3] = {numbers+4, generic(plain), -1};\n"
                        ".shared .align 4 .b8 not_one[64];\n"
                        ".global .u16 nested[2][2] = {{1, 2}, {3, 4}};\n"
                        ".visible .global .v4 .u32 four;\n"
                        ".entry k() { .reg .b32 %r; ld.global.u32 %r, [plain]; ret; }\n");
    static const char *const names[] = { "plain",  "bytes",  "numbers", "wide",
                                         "places", "nested", "four" };
    static const size_t bytes[] = { 4, 10, 8, 8, 24, 8, 16 };
    _Alignas(16) uint8_t storage[7][64];
    uint64_t address;

    ck_assert_uint_eq(ptx_module_variable_count(module), 7);
    for (uint32_t i = 0; i < 7; ++i) {
        ck_assert_str_eq(ptx_module_variable_name(module, i), names[i]);
        ck_assert_uint_eq(ptx_module_variable_bytes(module, i), bytes[i]);
        memset(storage[i], 0xee, sizeof storage[i]);
        ptx_module_variable_bind(module, i, storage[i]);
    }
    for (uint32_t i = 0; i < 7; ++i) {
        ptx_module_variable_init(module, i, storage[i]);
        ck_assert_uint_eq(storage[i][bytes[i]], 0xee);
    }
    ck_assert_mem_eq(storage[0], "\0\0\0\0", 4);
    ck_assert_mem_eq(storage[1], "\1\2\377\0\0\0\0\0\0\0", 10);
    ck_assert_mem_eq(storage[2], "\0\0\300\77\0\0\0\100", 8);
    ck_assert_mem_eq(storage[3], "\0\0\0\0\0\0\370\277", 8);
    memcpy(&address, storage[4], sizeof address);
    ck_assert_uint_eq(address, (uint64_t)(uintptr_t)storage[2] + 4);
    memcpy(&address, storage[4] + 8, sizeof address);
    ck_assert_uint_eq(address, (uint64_t)(uintptr_t)storage[0]);
    memcpy(&address, storage[4] + 16, sizeof address);
    ck_assert_uint_eq(address, ~0ull);
    ck_assert_mem_eq(storage[5], "\1\0\2\0\3\0\4\0", 8);
    ptx_module_free(module);
}
END_TEST

static bool is_run(const ptx_module *module, const char *name, uint32_t block, ptx_report *report)
{
    const ptx_launch launch = { .module = module,
                                .kernel = ptx_module_kernel(module, name),
                                .grid = { 1, 1, 1 },
                                .block = { block, 1, 1 } };

    return ptx_launch_run(&launch, report);
}

START_TEST(launches_need_what_their_kernel_reaches)
{
    ptx_module *module =
        bench_module_of(".global .u32 variable; .global .u32 another;\n"
                        ".func missing();\n.func deep()\n{ call.uni missing; ret; }\n"
                        ".func broken()\n{ frobnicate; ret; }\n"
                        ".func by_address() { ret; }\n"
                        ".entry good() { ret; }\n"
                        ".entry uses() { .reg .b32 %r; ld.global.u32 %r, [variable]; }\n"
                        ".entry both() { .reg .b32 %r; ld.global.u32 %r, [variable];\n"
                        "ld.global.u32 %r, [another]; }\n"
                        ".entry calls() { call.uni deep; ret; }\n"
                        ".entry fails() { call.uni broken; ret; }\n"
                        ".entry bounded() .maxntid 32 { ret; }\n"
                        ".entry any() { .reg .b64 %d; mov.u64 %d, by_address;\n"
                        "p: .callprototype _ _ (); call %d, (), p; ret; }\n");
    ptx_report report;
    uint32_t word = 0;

    ck_assert(is_run(module, "good", 1024, &report));
    ck_assert_str_eq(report.text, "");
    ck_assert_uint_eq(report.counts.warp_instructions, 32);
    ck_assert(!is_run(module, "good", 1025, &report));
    ck_assert_str_eq(report.text, "good: 1 blocks of 1025 threads");
    ck_assert(!is_run(module, "good", 0, &report));
    ck_assert_str_eq(report.text, "good: 1 blocks of 0 threads");
    ck_assert(is_run(module, "bounded", 32, &report));
    ck_assert(!is_run(module, "bounded", 33, &report));
    ck_assert_str_eq(report.text, "bounded: blocks of 33 threads, compiled for 32");
    ck_assert(!is_run(module, "uses", 1, &report));
    ck_assert_str_eq(report.text, "uses: variable variable is not bound");
    ptx_module_variable_bind(module, 0, &word);
    ck_assert(is_run(module, "uses", 1, &report));
    ck_assert(!is_run(module, "both", 1, &report));
    ck_assert_str_eq(report.text, "both: variable another is not bound");
    ck_assert(!is_run(module, "calls", 1, &report));
    ck_assert_str_eq(report.text, "calls: function missing has no body");
    ck_assert(!is_run(module, "fails", 1, &report));
    ck_assert_ptr_nonnull(strstr(report.text, "frobnicate: unknown instruction"));
    /* A call by address can reach every function. */
    ck_assert(!is_run(module, "any", 1, &report));
    ptx_module_free(module);
}
END_TEST

START_TEST(kernels_reach_what_they_may_call)
{
#define BY_ADDRESS                                                     \
    ".entry k(.param .u64 p)\n{ .reg .b64 %d; ld.param.u64 %d, [p];\n" \
    "p: .callprototype _ _ (); call %d, (), p; ret; }\n"
    static const char broken[] = "frobnicate: unknown instruction";
    static const struct {
        const char *text;
        uint64_t callee; /* the number of a function that k is given */
        const char *why;
    } modules[] = {
        { BY_ADDRESS ".func good() { ret; }", 1, "" },
        { BY_ADDRESS ".func good() { ret; }\n.entry other() { frobnicate; }", 1, "" },
        { BY_ADDRESS ".func good() { ret; }\n.func other() { frobnicate; }", 1, broken },
        { ".func good() { ret; }\n.func other() { frobnicate; }\n.func third() { ret; }\n"
          ".entry k(.param .u64 p) { call.uni good; call.uni other; call.uni third; ret; }",
          0, broken },
    };
#undef BY_ADDRESS

    for (size_t k = 0; k < sizeof modules / sizeof *modules; ++k) {
        ptx_module *module = bench_module_of(modules[k].text);
        const uint64_t callee = PTX_FUNCTION_BASE + modules[k].callee;
        const void *const parameters[] = { &callee };
        const ptx_launch launch = { .module = module,
                                    .kernel = ptx_module_kernel(module, "k"),
                                    .grid = { 1, 1, 1 },
                                    .block = { 1, 1, 1 },
                                    .parameters = parameters };
        ptx_report report;

        ck_assert_int_eq(ptx_launch_run(&launch, &report), !modules[k].why[0]);
        ck_assert_msg(strstr(report.text, modules[k].why) != NULL, "%s: %s", modules[k].text,
                      report.text);
        ptx_module_free(module);
    }
}
END_TEST

START_TEST(constants_are_kept_once)
{
    enum {
        CONSTANTS = 3000
    };
    ptx_module *module = bench_module_of("");

    for (uint32_t round = 0; round < 2; ++round) {
        for (uint32_t k = 0; k < CONSTANTS; ++k) {
            const uint64_t bits = (uint64_t)k << (k % 2 ? 40 : 0);

            ck_assert_uint_eq(ptx_module_constant(module, bits),
                              ptx_value_in(PTX_BANK_CONSTANTS, k));
            ck_assert_uint_eq(module->constants[k][0], bits);
            ck_assert_uint_eq(module->constants[k][PTX_LANES - 1], bits);
        }
    }
    ck_assert_uint_eq(module->constant_count, CONSTANTS);
    ptx_module_free(module);
}
END_TEST

START_TEST(grids_have_a_size)
{
    static const struct {
        uint32_t grid[3];
        uint32_t block[3];
        const char *text;
    } shapes[] = {
        { { 3, 5, 7 }, { 16, 9, 8 }, "k: 105 blocks of 1152 threads" },
        { { 3, 0, 7 }, { 1, 1, 1 }, "k: 0 blocks of 1 threads" },
        { { 1, 1, 1 }, { 1, 0, 7 }, "k: 1 blocks of 0 threads" },
        { { 65536, 32768, 2 }, { 1, 1, 1 }, "k: 4294967296 blocks of 1 threads" },
        /* The most blocks that there may be are refused for their threads. */
        { { 65536, 32768, 1 }, { 5, 5, 1 }, "k: blocks of 25 threads, compiled for 24" },
        { { 1, 2, 3 }, { 4, 2, 3 }, "" },
    };
    ptx_module *module = bench_module_of(".entry k() .maxntid 24 { ret; }");

    ck_assert_uint_eq(ptx_module_kernel_count(module), 1);
    ck_assert_ptr_eq(ptx_module_kernel_at(module, 0), ptx_module_kernel(module, "k"));
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; ++k) {
        ptx_launch launch = { .module = module, .kernel = ptx_module_kernel(module, "k") };
        ptx_report report;

        memcpy(launch.grid, shapes[k].grid, sizeof launch.grid);
        memcpy(launch.block, shapes[k].block, sizeof launch.block);
        ck_assert_int_eq(ptx_launch_run(&launch, &report), !shapes[k].text[0]);
        ck_assert_str_eq(report.text, shapes[k].text);
    }
    ptx_module_free(module);
}
END_TEST

START_TEST(grids_have_three_sides)
{
    /* Each block and thread adds 1 at its place. */
    enum {
        PLACES = 2 * 4 * 3 * 4 * 2 * 3 /* sizes with common factors, all different */
    };
    ptx_module *module = bench_module_of(
        ".entry k(.param .u64 p)\n{ .reg .b32 %r<12>; .reg .b64 %d<4>; ld.param.u64 %d1, [p];\n"
        "mov.u32 %r1, %ctaid.z; mov.u32 %r2, %nctaid.y; mov.u32 %r3, %ctaid.y;\n"
        "mad.lo.u32 %r1, %r1, %r2, %r3; mov.u32 %r2, %nctaid.x; mov.u32 %r3, %ctaid.x;\n"
        "mad.lo.u32 %r1, %r1, %r2, %r3; mov.u32 %r2, %ntid.z; mov.u32 %r3, %tid.z;\n"
        "mad.lo.u32 %r1, %r1, %r2, %r3; mov.u32 %r2, %ntid.y; mov.u32 %r3, %tid.y;\n"
        "mad.lo.u32 %r1, %r1, %r2, %r3; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x;\n"
        "mad.lo.u32 %r1, %r1, %r2, %r3; mul.wide.u32 %d2, %r1, 4; add.u64 %d2, %d1, %d2;\n"
        "mov.u32 %r4, %nctaid.z; shl.b32 %r4, %r4, 8; add.u32 %r4, %r4, 1;\n"
        "red.global.add.u32 [%d2], %r4; ret; }\n");

    for (uint32_t order = 0; order < 3; ++order) {
        uint32_t places[PLACES] = { 0 };
        const uint64_t address = (uint64_t)(uintptr_t)places;
        const void *const parameters[] = { &address };
        const ptx_launch launch = { .module = module,
                                    .kernel = ptx_module_kernel(module, "k"),
                                    .grid = { 2, 4, 3 },
                                    .block = { 4, 2, 3 },
                                    .parameters = parameters,
                                    .schedule = { .order = (ptx_order)order, .seed = 3 } };
        ptx_report report;

        ck_assert_msg(ptx_launch_run(&launch, &report), "%s", report.text);
        for (uint32_t k = 0; k < PLACES; ++k) {
            ck_assert_uint_eq(places[k], 0x301);
        }
    }
    ptx_module_free(module);
}
END_TEST

START_TEST(modules_that_cannot_be_read_say_why)
{
    static const struct {
        const char *text;
        const char *why;
    } broken[] = {
        { ".visible .entry k()\n{\nret;", "PTX line 3: k does not end" },
        { ".global .b12 x;", "PTX line 1: unknown type '.b12'" },
        { "\n.visible .entry k(.param .u64)\n{ ret; }", "PTX line 3: " },
        { "banana", "PTX line 1: unexpected 'banana'" },
        { ".global .align 4 .u32 x[2] = {1, 2, 3};", "too many initial values" },
        { ".visible .entry k() { .reg .b32 %r<; ret; }", "';' is no number" },
        { ".entry k() { .reg .b32 %r<1048577>; }", "more than 1048576 registers" },
        { ".entry k() { .reg .b32 %r<4294967297>; }", "more than 1048576 registers" },
        { ".global x;", "'x' has no type" },
        { ".global .align 8 x[4];", "'x' has no type" },
        { ".global .u32 x[2000000000];", "a variable of 8000000000 bytes" },
        { ".global .u32 x[2;", "expected ']', not ';'" },
        { ".global .u32 x = 1x;", "'1x' is no literal here" },
        { ".global .u32 x[2] = {1, banana};", "'banana' is no number" },
        { ".global .u32 x = generic 5;", "expected '(', not '5'" },
        { ".global .u64 x = generic(5;", "expected ')', not ';'" },
        { ".global .u32 x", "expected ';', not ''" },
        { ".entry k() { ret; }\n.entry k() { ret; }", "PTX line 2: k is defined twice" },
        { ".func f(.reg .b32 x) { ret; }", "parameters in registers are not supported" },
        { ".func f(.local .b32 x) { ret; }", "expected '.param', not '.local'" },
        { ".entry k()", "PTX line 1: k does not end" },
        { ".entry k() { .reg .b32 %r }", "expected ';', not '}'" },
        { ".entry k() { .local .b32 x }", "expected ';', not '}'" },
        { ".entry k() { .local .b12 x; }", "unknown type '.b12'" },
        { ".entry k() { .local .align 0 x; }", "an alignment of 0" },
        { ".entry k() { .pragma \"x\"", "expected ';', not ''" },
        { ".entry k() { p: .callprototype _ _ ()", "expected ';', not ''" },
        { ".entry k() { .reg .b32 %r; ld.global.u32 %r, [%r; }", "expected ']', not ';'" },
        { ".entry k() { .reg .b32 %r; mov.b32 {%r, %r, %r; }", "expected '}', not ';'" },
        { ".entry k() { L: .branchtargets A B; }", "expected ';', not 'B'" },
        { ".entry k() { .reg .b32 %r; mov.u32 %r, 1z; }", "'1z' is no literal here" },
        { ".entry k() { .reg .b32 %r; brx.idx %r; }", "expected ',', not ';'" },
        { ".global .u64 x = banana;", "'banana' is no number" },
        { ".global .u32 x;\n.global .u32 y = x;", "PTX line 2: 'x' is no number" },
        { ".global .b8 x[-1];", "a variable of 18446744073709551615 bytes" },
        { ".global .b8 x[67108865];", "a variable of 67108865 bytes" },
        { ".global .f32 x = 0f123;", "'0f123' is no literal here" },
        { ".global .f32 x = 0f3f80000z;", "'0f3f80000z' is no literal here" },
        { ".global .f64 x = 0d123;", "'0d123' is no literal here" },
        { ".global .f32 x = 1f00000000;", "'1f00000000' is no literal here" },
        { ".global .f64 x = 1d0000000000000000;", "'1d0000000000000000' is no literal here" },
        { ".global .u32 x = 0b102;", "'0b102' is no literal here" },
        { ".global .u32 x = 5UU;", "'5UU' is no literal here" },
        { ".global .u32 x = /;", "'/' is no number" },
        { ".global .u32 x = :;", "':' is no number" },
        { ".func (.param .b32 a, .param .b32 b) f();", "f has two results" },
        { ".func ( banana", "expected '.param', not 'banana'" },
        { ".visible .global .u32", "expected ';', not ''" },
        { ".global::.u32 x;", "unexpected '.global::'" },
        { "/ banana", "unexpected '/'" },
        { ".global .align 0 .b8 x;", "an alignment of 0" },
        { ".shared .align 3 .b8 x;", "an alignment of 3" },
    };

    for (size_t k = 0; k < sizeof broken / sizeof *broken; ++k) {
        char text[PTX_TEXT_BYTES] = "";

        ck_assert_msg(!ptx_module_parse(broken[k].text, text), "%s is read", broken[k].text);
        ck_assert_msg(strstr(text, broken[k].why) != NULL, "%s: %s", broken[k].text, text);
    }
}
END_TEST

/* Lines are counted through comments, and comments end where they end. */
START_TEST(comments_are_skipped)
{
    static const char *const texts[] = {
        "/*/ banana */\n\nbanana",
        "/**/\n/* * / ** */\n banana",
        "// banana\n//\nbanana",
        "/*\n\n*/ banana",
        "/*\n*a\n***/banana",
        ".pragma \"\n\"; \";\nbanana",
        ".pragma \"x\";// banana\n\nbanana",
    };

    for (size_t k = 0; k < sizeof texts / sizeof *texts; ++k) {
        char text[PTX_TEXT_BYTES];

        ck_assert_ptr_null(ptx_module_parse(texts[k], text));
        ck_assert_str_eq(text, "PTX line 3: unexpected 'banana'");
    }
    ptx_module_free(bench_module_of(".entry k() { .reg .b32 %r<1048576>; }"));
    ptx_module_free(bench_module_of("// no end of line"));
    ptx_module_free(bench_module_of("/* no end"));
    ptx_module_free(bench_module_of(
        ".file 0 \"w\"\n.file 70000 \"x\"\n.file 65535 \"y\"\n.file 1 \"no end\n.file 2\n"));
    ptx_module_free(bench_module_of(".file 2\n.file 1 \"no end"));
}
END_TEST

START_TEST(scopes_are_as_deep_as_64)
{
    for (uint32_t depth = 64; depth <= 65; ++depth) {
        char text[512];
        char why[PTX_TEXT_BYTES];
        size_t length = (size_t)snprintf(text, sizeof text, ".entry k() ");

        memset(text + length, '{', depth);
        length += depth;
        length += (size_t)snprintf(text + length, sizeof text - length, " ret; ");
        memset(text + length, '}', depth);
        text[length + depth] = '\0';
        ptx_module *module = ptx_module_parse(text, why);

        ck_assert_int_eq(module != NULL, depth == 64);
        ck_assert_str_eq(why, module ? "" : "PTX line 1: more than 64 scopes");
        ptx_module_free(module);
    }
}
END_TEST

START_TEST(registers_end_with_their_scope)
{
    static const struct {
        const char *body;
        uint32_t count;
    } bodies[] = {
        { "", 0 },
        { ".reg .b32 %a;", 1 },
        { ".reg .b32 %a<3>, %b;", 4 },
        { ".reg .b32 %a; .reg .b32 %b<5>;", 6 },
        { "{ .reg .b32 %a<3>; } .reg .b32 %b<2>;", 3 },
        { ".reg .b32 %a<2>; { .reg .b32 %b<3>; } { .reg .b32 %c<4>; }", 6 },
        { "{ { .reg .b32 %a<2>; } .reg .b32 %b<2>; } .reg .b32 %c;", 2 },
        { ".reg .b32 %a; .local .b32 x; st.local.u32 [x], 1;", 2 }, /* one for the address */
    };

    for (size_t k = 0; k < sizeof bodies / sizeof *bodies; ++k) {
        char text[256];

        (void)snprintf(text, sizeof text, ".entry k() { %s ret; }", bodies[k].body);
        ptx_module *module = bench_module_of(text);

        ck_assert_msg(ptx_module_kernel(module, "k")->register_count ==
                          PTX_FIRST_REGISTER + bodies[k].count,
                      "%s has %u", bodies[k].body, ptx_module_kernel(module, "k")->register_count);
        ptx_module_free(module);
    }
}
END_TEST

/* What is refused leaves nothing behind, even as the only instruction of its function. */
START_TEST(refused_branches_go_nowhere)
{
    ptx_module *module = bench_module_of(".entry k() { L: bra.many L; }");
    ptx_report report;

    ck_assert(!is_run(module, "k", 1, &report));
    ck_assert_str_eq(report.text, "k: PTX line 1: bra.many: modifier '.many' is not supported");
    ptx_module_free(module);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx modules");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, kernels_are_found_with_their_shape);
    tcase_add_test(tcase, variables_have_initial_values);
    tcase_add_test(tcase, launches_need_what_their_kernel_reaches);
    tcase_add_test(tcase, kernels_reach_what_they_may_call);
    tcase_add_test(tcase, constants_are_kept_once);
    tcase_add_test(tcase, grids_have_a_size);
    tcase_add_test(tcase, grids_have_three_sides);
    tcase_add_test(tcase, modules_that_cannot_be_read_say_why);
    tcase_add_test(tcase, comments_are_skipped);
    tcase_add_test(tcase, scopes_are_as_deep_as_64);
    tcase_add_test(tcase, registers_end_with_their_scope);
    tcase_add_test(tcase, refused_branches_go_nowhere);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
