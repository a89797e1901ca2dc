#include "launch/bench.h"

#include <stdlib.h>

static kvspan_status measure(const kvspan_bench_options *options, kvspan_bench_report *report,
                             kvspan_error *error)
{
    kvspan_bench_report_set_text(report, "version", kvspan_version());
    switch (options->what) {
    case KVSPAN_BENCH_ATTENTION:
        kvspan_bench_report_set_text(report, "case", "attention");
        return kvspan_bench_attention(options, report, error);
    case KVSPAN_BENCH_APPEND:
        kvspan_bench_report_set_text(report, "case", "append");
        return kvspan_bench_append(options, report, error);
    default:
        kvspan_bench_report_set_text(report, "case", "ledger");
        return kvspan_bench_ledger(options, report, error);
    }
}

kvspan_exit_code kvspan_bench(const kvspan_bench_options *options)
{
    kvspan_bench_report *const report = calloc(1, sizeof(*report));
    kvspan_error error;
    kvspan_status status;

    if (!report) {
        status = kvspan_fail(&error, KVSPAN_ERR_MEMORY, "no memory for the report");
    } else {
        status = measure(options, report, &error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_bench_report_write(report, options->is_json, stdout, &error);
    }
    free(report);
    if (status != KVSPAN_OK) {
        (void)fprintf(stderr, "kvspan: %s: %s\n", kvspan_status_name(status), error.message);
    }
    return kvspan_exit_code_of(status);
}
