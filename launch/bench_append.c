#include "launch/bench.h"

#include <string.h>

#include "launch/bench_cache.h"
#include "launch/bench_device.h"
#include "launch/calibrate.h"

static const double giga = 1e9;

/* Copies as many bytes as all layers get, layer by layer from the keys and values that append
 * reads, one thread. */
static double copy_seconds(const kvspan_bench_cache *bench, unsigned char *target, uint64_t bytes)
{
    const kvspan_tensor *const keys = &bench->planes[0];
    const kvspan_tensor *const values = &bench->planes[1];
    const uint64_t source_bytes = (keys->tokens * keys->heads * keys->dim +
                                   values->tokens * values->heads * (uint64_t)values->dim) *
                                  kvspan_dtype_bytes(keys->dtype);
    const double start = kvspan_calibrate_seconds(1);

    for (uint64_t done = 0; done < bytes;) {
        const uint64_t left = bytes - done;
        const uint64_t piece = left < source_bytes ? left : source_bytes;

        memcpy(target + done, keys->data, piece);
        done += piece;
    }
    return kvspan_calibrate_seconds(1) - start;
}

static kvspan_status run_round(kvspan_bench_cache *bench, unsigned char *target, uint64_t bytes,
                               kvspan_bench_report *report, kvspan_error *error)
{
    const uint32_t thread_count = bench->description.thread_count;
    const double start = kvspan_calibrate_seconds(thread_count);
    const kvspan_status status = kvspan_bench_cache_append(bench, error);
    const double seconds = kvspan_calibrate_seconds(thread_count) - start;

    if (status == KVSPAN_OK) {
        const double copy = copy_seconds(bench, target, bytes);

        kvspan_bench_report_add(report, "seconds", seconds);
        kvspan_bench_report_add(report, "written_gigabytes_per_second",
                                (double)bytes / seconds / giga);
        kvspan_bench_report_add(report, "copy_gigabytes_per_second", (double)bytes / copy / giga);
        kvspan_bench_report_add(report, "ratio_to_copy", copy / seconds);
    }
    return status;
}

static kvspan_status run_rounds(kvspan_bench_cache *bench, kvspan_bench_report *report,
                                kvspan_error *error)
{
    const uint64_t bytes = (uint64_t)kvspan_bench_cache_new_bytes(bench);
    kvspan_calibrator target; /* its buffer: memory like an arena's, touched already */
    kvspan_status status = kvspan_calibrator_init(&target, 1, bytes, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    status = run_round(bench, target.buffer, bytes, report, error);
    kvspan_bench_report_forget(report);
    for (uint32_t i = 0; status == KVSPAN_OK && i < bench->options->rounds; i++) {
        status = run_round(bench, target.buffer, bytes, report, error);
    }
    kvspan_calibrator_fini(&target);
    return status;
}

kvspan_status kvspan_bench_append(const kvspan_bench_options *options, kvspan_bench_report *report,
                                  kvspan_error *error)
{
    kvspan_bench_cache bench;
    kvspan_status status = kvspan_bench_cache_init(&bench, options, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    kvspan_bench_cache_describe(&bench, report);
    kvspan_bench_report_set_number(report, "written_bytes",
                                   (uint64_t)kvspan_bench_cache_new_bytes(&bench));
    kvspan_bench_report_set_number(report, "rounds", options->rounds);
    status = kvspan_device_has_host_memory(bench.device)
                 ? run_rounds(&bench, report, error)
                 : kvspan_bench_device_append(&bench, report, error);
    kvspan_bench_cache_fini(&bench);
    return status;
}
