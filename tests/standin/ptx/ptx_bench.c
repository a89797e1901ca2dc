#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_BYTES = 1 << 15
};

static const char head[] = ".version 9.0\n.target sm_90\n.address_size 64\n";
static const char registers[] = ".reg .b64 %d<40>; .reg .b64 %in; .reg .b64 %out;\n"
                                ".reg .b32 %r<40>; .reg .b16 %h<40>; .reg .pred %p<40>;\n"
                                "ld.param.u64 %in, [in]; ld.param.u64 %out, [out];\n"
                                "mov.u32 %r0, %tid.x;\n";

/* Registers hold ones above their own bits, which no instruction may mind. */
static const char row_loads[] = "ld.global.v2.b64 {%d0, %d1}, [%in];\n"
                                "ld.global.v2.b64 {%d2, %d3}, [%in+16];\n"
#define FILL(N)                                                                        \
    "xor.b64 %r" #N ", %d" #N ", -1; or.b64 %r" #N ", %r" #N ", 0xffffffff00000000;\n" \
    "xor.b64 %r" #N ", %r" #N ", 0xffffffff; xor.b64 %h" #N ", %d" #N ", -1;\n"        \
    "or.b64 %h" #N ", %h" #N ", 0xffffffffffff0000; xor.b64 %h" #N ", %h" #N ", 0xffff;\n"
    FILL(0) FILL(1) FILL(2) FILL(3)
#undef FILL
        "{ .reg .b64 %b; and.b64 %b, %d0, 1; setp.ne.u64 %p0, %b, 0;\n"
        "and.b64 %b, %d1, 1; setp.ne.u64 %p1, %b, 0;\n"
        "and.b64 %b, %d2, 1; setp.ne.u64 %p2, %b, 0;\n"
        "and.b64 %b, %d3, 1; setp.ne.u64 %p3, %b, 0; }\n";

typedef struct bounds {
    const bench_kernel *kernel;
} bounds;

static bool is_within(uint64_t address, uint32_t bytes, const void *buffer, size_t buffer_bytes)
{
    const uint64_t begin = (uint64_t)(uintptr_t)buffer;

    return address >= begin && address + bytes <= begin + buffer_bytes;
}

static bool may_access(void *context, uint64_t address, uint32_t bytes, bool is_write,
                       char text_out[PTX_TEXT_BYTES])
{
    const bench_kernel *kernel = ((const bounds *)context)->kernel;

    if (is_within(address, bytes, kernel->out, kernel->out_bytes) ||
        (!is_write && is_within(address, bytes, kernel->in, kernel->in_bytes))) {
        return true;
    }
    (void)snprintf(text_out, PTX_TEXT_BYTES, "not allocated");
    return false;
}

ptx_module *bench_module_of(const char *text)
{
    char why[PTX_TEXT_BYTES];
    ptx_module *module = ptx_module_parse(text, why);

    ck_assert_msg(module != NULL, "%s", why);
    ck_assert_str_eq(why, "");
    return module;
}

static ptx_module *module_parse(const bench_kernel *kernel)
{
    char *text = malloc(TEXT_BYTES);
    char why[PTX_TEXT_BYTES];

    ck_assert(
        snprintf(text, TEXT_BYTES,
                 "%s%s\n.visible .entry k(.param .u64 in, .param .u64 out)\n{\n%s%s\nret;\n}\n",
                 head, kernel->declarations ? kernel->declarations : "", registers,
                 kernel->body) < TEXT_BYTES);
    ptx_module *module = ptx_module_parse(text, why);

    ck_assert_msg(module != NULL, "%s in\n%s", why, text);
    free(text);
    return module;
}

bool bench_run(const bench_kernel *kernel, ptx_report *report_out)
{
    ptx_module *module = module_parse(kernel);
    const void *const parameters[] = { &kernel->in, &kernel->out };
    bounds context = { .kernel = kernel };
    const uint32_t variable_count = ptx_module_variable_count(module);
    void **storage = calloc(variable_count + 1, sizeof *storage);

    for (uint32_t i = 0; i < variable_count; ++i) {
        storage[i] =
            aligned_alloc(256, (ptx_module_variable_bytes(module, i) + 256) & ~(size_t)255);
        ptx_module_variable_bind(module, i, storage[i]);
    }
    for (uint32_t i = 0; i < variable_count; ++i) {
        ptx_module_variable_init(module, i, storage[i]);
    }
    const ptx_launch launch = {
        .module = module,
        .kernel = ptx_module_kernel(module, "k"),
        .grid = { kernel->grid[0] ? kernel->grid[0] : 1, kernel->grid[1] ? kernel->grid[1] : 1,
                  kernel->grid[2] ? kernel->grid[2] : 1 },
        .block = { kernel->block ? kernel->block : 1, 1, 1 },
        .dynamic_shared_bytes = kernel->dynamic_shared_bytes,
        .parameters = parameters,
        .memory = { .context = &context, .may_access = variable_count ? NULL : may_access },
        .schedule = kernel->schedule,
        .watched = kernel->watched,
        .by_instruction = kernel->by_instruction,
    };
    const bool is_good = ptx_launch_run(&launch, report_out);

    if (kernel->main_loop &&
        !ptx_main_loop_count(module, launch.kernel, kernel->by_instruction, kernel->main_loop)) {
        *kernel->main_loop = (ptx_counts){ 0 };
    }

    for (uint32_t i = 0; i < variable_count; ++i) {
        free(storage[i]);
    }
    free(storage);
    ptx_module_free(module);
    return is_good;
}

void bench_check_rows(const bench_row *rows, size_t row_count)
{
    bench_check_rows_with(NULL, rows, row_count);
}

void bench_check_rows_with(const char *declarations, const bench_row *rows, size_t row_count)
{
    for (size_t k = 0; k < row_count; ++k) {
        const bench_row *row = &rows[k];
        char body[2048];
        _Alignas(16) uint64_t sources[4];
        uint64_t result = 0;
        ptx_report report;

        memcpy(sources, row->sources, sizeof sources);

        (void)snprintf(body, sizeof body, "%s%s\n%s st.global.b64 [%%out], %%d9;", row_loads,
                       row->code,
                       row->result == 'r'   ? "cvt.u64.u32 %d9, %r9;"
                       : row->result == 'h' ? "cvt.u64.u16 %d9, %h9;"
                       : row->result == 'p' ? "selp.b64 %d9, 1, 0, %p9;"
                                            : "");
        const bench_kernel kernel = { .declarations = declarations,
                                      .body = body,
                                      .in = sources,
                                      .in_bytes = sizeof sources,
                                      .out = &result,
                                      .out_bytes = sizeof result };

        ck_assert_msg(bench_run(&kernel, &report), "%s: %s", row->code, report.text);
        ck_assert_msg(result == row->expected, "%s with %llx %llx %llx %llx is %llx, not %llx",
                      row->code, (unsigned long long)row->sources[0],
                      (unsigned long long)row->sources[1], (unsigned long long)row->sources[2],
                      (unsigned long long)row->sources[3], (unsigned long long)result,
                      (unsigned long long)row->expected);
    }
}

void bench_check_refusals(const bench_refusal *refusals, size_t count)
{
    for (size_t k = 0; k < count; ++k) {
        const bench_kernel kernel = { .body = refusals[k].code };
        ptx_report report;

        ck_assert_msg(!bench_run(&kernel, &report), "%s runs", refusals[k].code);
        ck_assert_msg(strstr(report.text, refusals[k].why) != NULL, "%s: \"%s\" has no \"%s\"",
                      refusals[k].code, report.text, refusals[k].why);
        ck_assert_msg(strstr(report.text, "PTX line 11") != NULL, "%s: %s", refusals[k].code,
                      report.text);
    }
}

enum {
    SCHEDULES = 12
};

static ptx_schedule schedule_at(uint32_t index)
{
    static const ptx_copy_time copies[] = { PTX_COPY_LATE, PTX_COPY_EARLY, PTX_COPY_RANDOM };

    return (ptx_schedule){
        .order = index / 3 == 0   ? PTX_ORDER_SEQUENTIAL
                 : index / 3 == 1 ? PTX_ORDER_REVERSED
                                  : PTX_ORDER_RANDOM,
        .copies = copies[index % 3],
        .seed = index,
        .finds_races = true,
        .max_instructions = 100000,
    };
}

void bench_check_schedules(const bench_kernel *kernel, const void *expected)
{
    for (uint32_t index = 0; index < SCHEDULES; ++index) {
        bench_kernel scheduled = *kernel;
        ptx_report report;

        scheduled.schedule = schedule_at(index);
        memset(kernel->out, 0, kernel->out_bytes);
        ck_assert_msg(bench_run(&scheduled, &report), "schedule %u: %s", index, report.text);
        for (size_t k = 0; k < kernel->out_bytes / 4; ++k) {
            ck_assert_msg(((const uint32_t *)kernel->out)[k] == ((const uint32_t *)expected)[k],
                          "schedule %u: word %zu is %08x, not %08x", index, k,
                          ((const uint32_t *)kernel->out)[k], ((const uint32_t *)expected)[k]);
        }
    }
}

static bool has_one_of(const char *text, const char *const *texts)
{
    while (*texts && !strstr(text, *texts)) {
        ++texts;
    }
    return *texts != NULL;
}

static uint32_t failures_count(const bench_kernel *kernel, const char *const *texts)
{
    uint32_t failures = 0;

    for (uint32_t index = 0; index < SCHEDULES; ++index) {
        bench_kernel scheduled = *kernel;
        ptx_report report;

        scheduled.schedule = schedule_at(index);
        memset(kernel->out, 0, kernel->out_bytes);
        if (!bench_run(&scheduled, &report)) {
            ck_assert_msg(has_one_of(report.text, texts), "schedule %u: \"%s\" has no \"%s\"",
                          index, report.text, *texts);
            ++failures;
        }
    }
    return failures;
}

void bench_check_fails_with(const bench_kernel *kernel, const char *const *texts)
{
    ck_assert_msg(failures_count(kernel, texts) == SCHEDULES, "%s runs", kernel->body);
}

void bench_check_fails(const bench_kernel *kernel, const char *text)
{
    const char *const texts[] = { text, NULL };

    bench_check_fails_with(kernel, texts);
}

void bench_check_fails_sometimes(const bench_kernel *kernel, const char *text)
{
    const char *const texts[] = { text, NULL };

    ck_assert_uint_gt(failures_count(kernel, texts), 0);
}

bench_kernel bench_kernel_of(const char *body, uint32_t block)
{
    static uint32_t in[BENCH_WORDS];
    static uint32_t out[BENCH_WORDS];

    return (bench_kernel){ .body = body,
                           .block = block,
                           .in = in,
                           .in_bytes = sizeof in,
                           .out = out,
                           .out_bytes = sizeof out };
}

void bench_fails(const char *body, uint32_t block, const char *text)
{
    const bench_kernel kernel = bench_kernel_of(body, block);

    bench_check_fails(&kernel, text);
}

void bench_runs(const char *body, uint32_t block)
{
    for (uint32_t order = 0; order < 3; ++order) {
        bench_kernel kernel = bench_kernel_of(body, block);
        ptx_report report;

        memset(kernel.out, 0, kernel.out_bytes);
        kernel.schedule = (ptx_schedule){ .order = (ptx_order)order,
                                          .copies = (ptx_copy_time)order,
                                          .finds_races = true,
                                          .max_instructions = 100000 };
        ck_assert_msg(bench_run(&kernel, &report), "%s: %s", body, report.text);
    }
}

void bench_check_lanes(const char *code, uint32_t (*expected_of)(uint32_t lane))
{
    enum {
        LANES = 32
    };
    char body[4096];
    uint32_t out[LANES];
    uint32_t expected[LANES];
    const bench_kernel kernel = {
        .body = body, .block = LANES, .out = out, .out_bytes = sizeof out
    };

    (void)snprintf(body, sizeof body,
                   "%s\nmul.wide.u32 %%d30, %%r0, 4; add.u64 %%d30, %%d30, %%out;\n"
                   "st.global.u32 [%%d30], %%r9;",
                   code);
    for (uint32_t lane = 0; lane < LANES; ++lane) {
        expected[lane] = expected_of(lane);
    }
    bench_check_schedules(&kernel, expected);
}
