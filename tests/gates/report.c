#include "gates/report.h"

void report_heading(FILE *out)
{
    (void)fputs(
        "arch    regs stack threads shared blocks flight |  loop  turn inner copies   mma   loop/512 "
        "turn/512 loop/mma turn/mma | LDL STL CALL | kernel\n",
        out);
}

static void print_cost(double cost, FILE *out)
{
    if (cost == 0.0) {
        (void)fputs("        -", out);
    } else {
        (void)fprintf(out, " %8.2f", cost);
    }
}

void report_row(const kernel_figures *figures, FILE *out)
{
    static const code_loop nothing = { 0 };
    const kernel_code *kernel = figures->kernel;
    const code_loop *loop = figures->main == NULL ? &nothing : figures->main;
    const opcode_census *in_loops = &figures->loops.in_any;

    (void)fprintf(out, "sm_%-4u %5u %5u %5u %7u %6u %6u %6.0f |", kernel->arch, kernel->registers,
                  kernel->stack_bytes, census_bytes(&figures->all, OPCODE_STL),
                  figures->block_threads, figures->shared_bytes, figures->blocks,
                  figures->flight_bytes);
    (void)fprintf(out, " %5u %5u %5u %6u %5u", loop->all.instructions, loop->path.instructions,
                  figures->main == NULL ? 0 : loop_list_inner(&figures->loops, loop),
                  figures->copies, census_mma(&loop->all));
    print_cost(figures->instructions_512, out);
    print_cost(figures->path_512, out);
    print_cost(figures->mma_ratio, out);
    print_cost(figures->path_mma_ratio, out);
    (void)fprintf(out, " | %3u %3u %4u | %s\n", in_loops->kinds[OPCODE_LDL],
                  in_loops->kinds[OPCODE_STL], in_loops->kinds[OPCODE_CALL], kernel->name);
}

static void print_widths(const opcode_census *census, opcode_kind kind, FILE *out)
{
    for (uint32_t width = 0; width < CENSUS_WIDTHS; width++) {
        if (census->accesses[kind][width] > 0) {
            (void)fprintf(out, " %s.%u=%u", opcode_name(kind), 8u << width,
                          census->accesses[kind][width]);
        }
    }
}

static void print_census(const opcode_census *census, FILE *out)
{
    (void)fprintf(out, "%u instructions:", census->instructions);
    for (uint32_t index = OPCODE_LDGSTS; index < OPCODE_KIND_COUNT; index++) {
        const opcode_kind kind = (opcode_kind)index;
        if (census_has_width(kind)) {
            print_widths(census, kind, out);
        } else if (census->kinds[kind] > 0) {
            (void)fprintf(out, " %s=%u", opcode_name(kind), census->kinds[kind]);
        }
    }
    if (census->kinds[OPCODE_DEPBAR] > 0) {
        (void)fprintf(out, " pending<=%u", census->most_pending_groups);
    }
    (void)fputc('\n', out);
}

void report_census(const kernel_figures *figures, FILE *out)
{
    (void)fprintf(out, "%s sm_%u: ", figures->kernel->name, figures->kernel->arch);
    print_census(&figures->all, out);
    for (uint32_t index = 0; index < figures->loops.count; index++) {
        const code_loop *loop = &figures->loops.loops[index];
        (void)fprintf(out, "  %*sloop %u at 0x%x", (int)(2 * loop->depth), "", index,
                      16 * loop->first_word);
        if (loop->parent != FLOW_NONE) {
            (void)fprintf(out, " in %u", loop->parent);
        }
        (void)fputs(loop == figures->main ? " (main): " : ": ", out);
        print_census(&loop->all, out);
        if (loop->path.instructions != loop->all.instructions) {
            (void)fprintf(out, "  %*s  cheapest full turn: ", (int)(2 * loop->depth), "");
            print_census(&loop->path, out);
        }
    }
}
