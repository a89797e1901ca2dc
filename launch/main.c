#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launch/bench.h"
#include "launch/exit_codes.h"
#include "launch/run.h"

/* Whether this process speaks for the job before MPI can tell: launchers name the rank in the
 * environment, and without a launcher there is just one. */
static bool is_first_process(void)
{
    static const char *const names[] = { "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK",
                                         "SLURM_PROCID" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *rank = getenv(names[i]);

        if (rank) {
            return strcmp(rank, "0") == 0;
        }
    }
    return true;
}

static void print_usage(FILE *file)
{
    (void)fprintf(file,
                  "usage: kvspan run [OPTION...]\n"
                  "       kvspan bench attention|append|ledger [OPTION...]\n"
                  "       kvspan --version\n"
                  "       kvspan --help\n"
                  "\n"
                  "  run    drives a paged KV cache, sharded over the ranks of an MPI job,\n"
                  "         through a recorded trace or a made-up workload; its options:\n"
                  "         kvspan run --help\n"
                  "  bench  measures it in one process, beside what the machine can do at most;\n"
                  "         its options: kvspan bench --help\n"
                  "\n"
                  "run is started by mpirun or srun on several ranks, or alone on one.\n"
                  "Exit codes: 0 good, 1 a check failed, 2 usage, configuration, or memory or a\n"
                  "GPU that failed on this rank, 3 finished with requests refused, 4 a rank was\n"
                  "late or failed, 5 input or output.\n");
}

static int fail_usage(const char *message)
{
    if (is_first_process()) {
        (void)fprintf(stderr, "kvspan: %s\nkvspan: see kvspan --help\n", message);
    }
    return KVSPAN_EXIT_USAGE;
}

static int start_run(int argc, char **argv)
{
    kvspan_run_options options;
    kvspan_error error;

    if (kvspan_run_options_parse(argc, argv, &options, &error) != KVSPAN_OK) {
        return fail_usage(error.message);
    }
    if (options.is_help) {
        if (is_first_process()) {
            kvspan_run_options_help();
        }
        return KVSPAN_EXIT_GOOD;
    }
    return kvspan_run(&options);
}

/* One process measures; others that a launcher may have started would only disturb it. */
static int start_bench(int argc, char **argv)
{
    kvspan_bench_options options;
    kvspan_error error;

    if (kvspan_bench_options_parse(argc, argv, &options, &error) != KVSPAN_OK) {
        return fail_usage(error.message);
    }
    if (!is_first_process()) {
        return KVSPAN_EXIT_GOOD;
    }
    if (options.is_help) {
        kvspan_bench_options_help();
        return KVSPAN_EXIT_GOOD;
    }
    return (int)kvspan_bench(&options);
}

/* Standard output may be a full disk; whoever reads it must not take silence for success. */
static int close_output(int exit_code)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "kvspan: standard output cannot be written: %s\n", strerror(errno));
        return exit_code == KVSPAN_EXIT_GOOD ? KVSPAN_EXIT_FILE : exit_code;
    }
    return exit_code;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        return fail_usage("what to do is missing");
    }
    if (strcmp(argv[1], "run") == 0) {
        return close_output(start_run(argc - 1, argv + 1));
    }
    if (strcmp(argv[1], "bench") == 0) {
        return close_output(start_bench(argc - 1, argv + 1));
    }
    if (strcmp(argv[1], "--version") == 0) {
        if (is_first_process()) {
            (void)printf("kvspan %s\n", kvspan_version());
        }
        return close_output(KVSPAN_EXIT_GOOD);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        if (is_first_process()) {
            print_usage(stdout);
        }
        return close_output(KVSPAN_EXIT_GOOD);
    }
    return fail_usage("the first argument is none of run, bench, --version, --help");
}
