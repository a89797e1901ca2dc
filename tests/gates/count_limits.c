#include "gates/count_limits.h"

enum {
    KV_UNIT = 512, /* bytes: what a warp reads at a time, 16 per thread */
    PRODUCT_CYCLES = 8
};

const limit_schema count_limit_schema = {
    .place = "case",
    .cause = "cannot be told: it did nothing of the kind; limit",
    .field_count = COUNT_FIELD_COUNT,
    .fields = { [COUNT_KV_READS] = { "kv_reads", LIMIT_KIND_COST },
                [COUNT_SECTORS] = { "sectors", LIMIT_KIND_COST },
                [COUNT_CONFLICTS] = { "conflicts", LIMIT_KIND_COST },
                [COUNT_ALL_CONFLICTS] = { "all_conflicts", LIMIT_KIND_COST },
                [COUNT_ALL_SECTORS] = { "all_sectors", LIMIT_KIND_COST },
                [COUNT_LOOP_512] = { "loop_512", LIMIT_KIND_COST },
                [COUNT_LOOP_MMA] = { "loop_mma", LIMIT_KIND_COST },
                [COUNT_KV_READS_LEAST] = { "kv_reads_least", LIMIT_KIND_LEAST } },
};

static double ratio(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0.0 : (double)part / (double)whole;
}

static double conflicts_of(const ptx_counts *counts)
{
    return ratio(counts->shared_wavefronts + counts->shared_conflicts, counts->shared_wavefronts);
}

count_figures count_figures_of(const counted_launch *launch, const char *place, uint64_t kv_bytes)
{
    const ptx_counts *all = &launch->all;
    const ptx_counts *loop = &launch->main_loop;
    const double kv_reads = ratio(all->watched_loads.bytes, kv_bytes);

    return (count_figures){
        .kernel = launch->kernel,
        .place = place,
        .warp_instructions = all->warp_instructions,
        .products = all->matrix_products,
        .figures = { [COUNT_KV_READS] = kv_reads,
                     [COUNT_KV_READS_LEAST] = kv_reads,
                     [COUNT_SECTORS] =
                         ratio(all->watched_loads.sectors, all->watched_loads.ideal_sectors),
                     [COUNT_CONFLICTS] = conflicts_of(loop),
                     [COUNT_ALL_CONFLICTS] = conflicts_of(all),
                     [COUNT_ALL_SECTORS] = ratio(all->loads.sectors, all->loads.ideal_sectors),
                     [COUNT_LOOP_512] =
                         KV_UNIT * ratio(loop->warp_instructions, loop->watched_loads.bytes),
                     [COUNT_LOOP_MMA] =
                         ratio(loop->warp_instructions, PRODUCT_CYCLES * loop->matrix_products) },
    };
}

void count_figures_heading(FILE *out)
{
    (void)fputs("warp_instr      mma | kv_reads sectors all_sectors | conflicts all_conflicts "
                "loop_512 loop_mma | case         kernel\n",
                out);
}

static void print_figure(double figure, int width, FILE *out)
{
    if (figure == 0.0) {
        (void)fprintf(out, " %*s", width, "-");
    } else {
        (void)fprintf(out, " %*.*f", width, 2, figure);
    }
}

void count_figures_row(const count_figures *figures, FILE *out)
{
    (void)fprintf(out, "%10llu %8llu |", (unsigned long long)figures->warp_instructions,
                  (unsigned long long)figures->products);
    print_figure(figures->figures[COUNT_KV_READS], 8, out);
    print_figure(figures->figures[COUNT_SECTORS], 7, out);
    print_figure(figures->figures[COUNT_ALL_SECTORS], 11, out);
    (void)fputs(" |", out);
    print_figure(figures->figures[COUNT_CONFLICTS], 9, out);
    print_figure(figures->figures[COUNT_ALL_CONFLICTS], 13, out);
    print_figure(figures->figures[COUNT_LOOP_512], 8, out);
    print_figure(figures->figures[COUNT_LOOP_MMA], 8, out);
    (void)fprintf(out, " | %-12s %s\n", figures->place, figures->kernel);
}
