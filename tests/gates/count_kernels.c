/* Holds what kernels do, as the interpreter of the stand-ins counts it, against limits.
 *
 * usage: count_kernels [--limits FILE] [--planted]
 * Runs attention on device "cuda" and prints a row per launch; --planted: the kernels of
 * planted_launches.cu instead. Exit code 1: a figure is beyond its limit, each named on the
 * standard error output; 2: something could not be run. */
#include "gates/attend_case.h"
#include "gates/count_limits.h"
#include "gates/planted_launches.h"

#include <string.h>

enum {
    EXIT_BEYOND_LIMITS = 1,
    EXIT_NOT_RUN = 2,
    PLACE_BYTES = 32,
    PREFILL_TOKENS = 32, /* 128 rows */
    PREFILL_GROUP = 4,
    PLANTED_TILES = 100
};

typedef struct count_run {
    const char *limits_path; /* NULL: nothing is held against limits */
    limit_list limits;
    uint32_t failures;
} count_run;

static void hold(count_run *run, const launch_counter *counter, const char *place,
                 uint64_t kv_bytes)
{
    for (uint32_t i = 0; i < counter->launch_count; i++) {
        const counted_launch *launch = &counter->launches[i];
        const count_figures figures = count_figures_of(launch, place, kv_bytes);
        const limit_set set = limit_list_for(&run->limits, figures.kernel, place);

        count_figures_row(&figures, stdout);
        if (run->limits_path != NULL) {
            run->failures += limit_set_check(&set, figures.kernel, place, figures.figures, stderr);
        }
    }
}

static bool run_attend(count_run *run, const attend_case *shape, gate_error *error)
{
    launch_counter counter;
    char place[PLACE_BYTES];
    uint64_t kv_bytes;

    (void)snprintf(place, sizeof(place), "%s_g%u", shape->new_tokens == 1 ? "decode" : "prefill",
                   shape->group_size);
    if (!attend_case_run(shape, &counter, &kv_bytes, error)) {
        return false;
    }
    hold(run, &counter, place, kv_bytes);
    return true;
}

/* Planes of every type and pair of dims that has kernels of its own. */
static bool run_attends(count_run *run, gate_error *error)
{
    static const kvspan_dtype dtypes[] = { KVSPAN_BF16, KVSPAN_F16, KVSPAN_I8, KVSPAN_F8E4M3 };
    static const uint32_t dims[][2] = { { 64, 64 }, { 128, 128 }, { 192, 128 }, { 256, 256 } };
    static const uint32_t groups[] = { 1, 4, 8, 16 };

    for (uint32_t i = 0; i < 4 * 4; i++) {
        attend_case shape = { .plane_dtype = dtypes[i / 4],
                              .key_dim = dims[i % 4][0],
                              .value_dim = dims[i % 4][1],
                              .new_tokens = 1 };

        for (uint32_t k = 0; k < sizeof(groups) / sizeof(groups[0]); k++) {
            shape.group_size = groups[k];
            if (!run_attend(run, &shape, error)) {
                return false;
            }
        }
        shape.group_size = PREFILL_GROUP;
        shape.new_tokens = PREFILL_TOKENS;
        if (!run_attend(run, &shape, error)) {
            return false;
        }
    }
    return true;
}

static bool run_planted(count_run *run, gate_error *error)
{
    static const planted_launch launches[] = { launch_planted_even, launch_planted_twice,
                                               launch_planted_strided, launch_planted_conflict };
    const uint64_t kv_bytes = (uint64_t)PLANTED_TILES * PLANTED_TILE_BYTES;
    void *kv = NULL;
    void *out = NULL;
    cudaError_t status = cudaMalloc(&kv, kv_bytes);

    status = status == cudaSuccess ? cudaMalloc(&out, PLANTED_TILE_BYTES) : status;
    for (uint32_t i = 0; status == cudaSuccess && i < sizeof(launches) / sizeof(launches[0]); i++) {
        launch_counter counter;

        launch_counter_begin(&counter, kv, kv_bytes);
        status = launches[i](kv, out, PLANTED_TILES);
        status = status == cudaSuccess ? cudaDeviceSynchronize() : status;
        launch_counter_end();
        hold(run, &counter, "planted", kv_bytes);
    }
    (void)cudaFree(out);
    (void)cudaFree(kv);
    return status == cudaSuccess || gate_fail(error, "%s", cudaGetErrorString(status));
}

int main(int argument_count, char **arguments)
{
    count_run run = { .limits = { .schema = &count_limit_schema } };
    bool is_planted = false;
    bool is_good = true;
    gate_error error;

    for (int index = 1; index < argument_count; index++) {
        if (strcmp(arguments[index], "--limits") == 0 && index + 1 < argument_count) {
            run.limits_path = arguments[++index];
        } else if (strcmp(arguments[index], "--planted") == 0) {
            is_planted = true;
        } else {
            is_good = gate_fail(&error, "usage: count_kernels [--limits FILE] [--planted]");
        }
    }
    if (is_good && run.limits_path != NULL) {
        is_good = limit_list_read_file(&run.limits, &count_limit_schema, run.limits_path, &error);
    }
    if (is_good) {
        count_figures_heading(stdout);
        is_good = is_planted ? run_planted(&run, &error) : run_attends(&run, &error);
    }
    if (!is_good) {
        (void)fprintf(stderr, "count_kernels: %s\n", error.text);
        limit_list_fini(&run.limits);
        return EXIT_NOT_RUN;
    }
    run.failures += limit_list_check_matched(&run.limits, stderr);
    limit_list_fini(&run.limits);
    return run.failures > 0 ? EXIT_BEYOND_LIMITS : 0;
}
