/** @file
 * `kvspan bench`: what kvspan does in a second on this machine, beside what the machine can do.
 */
#ifndef KVSPAN_LAUNCH_BENCH_H
#define KVSPAN_LAUNCH_BENCH_H

#include "launch/bench_options.h"
#include "launch/bench_report.h"
#include "launch/exit_codes.h"

/* Measures and writes to standard output; what fails is told on standard error. */
kvspan_exit_code kvspan_bench(const kvspan_bench_options *options);

/* The cases. Each fills the report. */
kvspan_status kvspan_bench_attention(const kvspan_bench_options *options,
                                     kvspan_bench_report *report, kvspan_error *error);
kvspan_status kvspan_bench_append(const kvspan_bench_options *options, kvspan_bench_report *report,
                                  kvspan_error *error);
kvspan_status kvspan_bench_ledger(const kvspan_bench_options *options, kvspan_bench_report *report,
                                  kvspan_error *error);

#endif
