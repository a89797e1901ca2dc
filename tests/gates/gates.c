/* Holds the machine code of kernels against limits.
 *
 * usage: gates [--limits FILE] [--loops] FILE...
 * Each FILE is an object, library, archive or cubin. Prints a row per kernel and architecture, with
 * --loops also what each loop holds. Exit code 1: a figure is beyond its limit, each named on the
 * standard error output; 2: something could not be read. */
#include "gates/code_limits.h"
#include "gates/fat_binary.h"
#include "gates/report.h"

#include <string.h>

enum {
    EXIT_BEYOND_LIMITS = 1,
    EXIT_UNREADABLE = 2
};

typedef struct gate_options {
    const char *limits_path; /* NULL: nothing is held against limits */
    bool with_loops;
} gate_options;

static int complain(const gate_error *error)
{
    (void)fprintf(stderr, "gates: %s\n", error->text);
    return EXIT_UNREADABLE;
}

static bool hold_kernel(const kernel_code *kernel, const gate_options *options, limit_list *limits,
                        uint32_t *failures, gate_error *error)
{
    const limit_set set = code_limits_for(limits, kernel);
    const launch_shape launch = code_limits_launch(&set);
    kernel_figures figures;

    if (!kernel_figures_init(&figures, kernel, &launch, error)) {
        return false;
    }
    report_row(&figures, stdout);
    if (options->with_loops) {
        report_census(&figures, stdout);
    }
    if (options->limits_path != NULL) {
        *failures += code_limits_check(&set, &figures, stderr);
    }
    kernel_figures_fini(&figures);
    return true;
}

static int hold_kernels(const kernel_list *kernels, const gate_options *options)
{
    limit_list limits = { .schema = &code_limit_schema };
    uint32_t failures = 0;
    gate_error error;

    if (options->limits_path != NULL &&
        !limit_list_read_file(&limits, &code_limit_schema, options->limits_path, &error)) {
        return complain(&error);
    }
    report_heading(stdout);
    for (uint32_t index = 0; index < kernels->count; index++) {
        if (!hold_kernel(&kernels->kernels[index], options, &limits, &failures, &error)) {
            limit_list_fini(&limits);
            return complain(&error);
        }
    }
    failures += limit_list_check_matched(&limits, stderr);
    limit_list_fini(&limits);
    return failures > 0 ? EXIT_BEYOND_LIMITS : 0;
}

int main(int argument_count, char **arguments)
{
    gate_options options = { 0 };
    kernel_list kernels = { 0 };
    gate_error error;

    for (int index = 1; index < argument_count; index++) {
        if (strcmp(arguments[index], "--limits") == 0 && index + 1 < argument_count) {
            options.limits_path = arguments[++index];
        } else if (strcmp(arguments[index], "--loops") == 0) {
            options.with_loops = true;
        } else if (!fat_binary_read_file(arguments[index], &kernels, &error)) {
            kernel_list_fini(&kernels);
            return complain(&error);
        }
    }
    if (kernels.count == 0) {
        gate_fail(&error,
                  "no kernel in what was given; usage: gates [--limits FILE] [--loops] FILE...");
        return complain(&error);
    }
    kernel_list_sort(&kernels);
    const int exit_code = hold_kernels(&kernels, &options);
    kernel_list_fini(&kernels);
    return exit_code;
}
