#include "launch/bench.h"

#include "launch/bench_cache.h"
#include "launch/bench_device.h"
#include "launch/calibrate.h"

static const double giga = 1e9;

/* One peak of multiply-adds, if the CPU has it, and what attention is of it. */
static kvspan_status add_peak(const kvspan_calibrator *calibrator,
                              kvspan_calibrate_multiply multiply, const char *const keys[2],
                              double operations_per_second, kvspan_bench_report *report,
                              kvspan_error *error)
{
    double peak = 0.0;
    kvspan_status status;

    if (!multiply) {
        return KVSPAN_OK;
    }
    status = kvspan_calibrate_multiplies(calibrator, multiply, &peak, error);
    if (status == KVSPAN_OK) {
        kvspan_bench_report_add(report, keys[0], peak / giga);
        kvspan_bench_report_add(report, keys[1], operations_per_second / peak);
    }
    return status;
}

/* The calibrators follow attention at once: what else the machine does hits both alike. */
static kvspan_status add_calibrators(const kvspan_calibrator *calibrator, double bytes_per_second,
                                     double operations_per_second, kvspan_bench_report *report,
                                     kvspan_error *error)
{
    static const char *const f32_keys[2] = { "f32_peak_gigaflops_per_second", "ratio_to_f32_peak" };
    static const char *const bf16_keys[2] = { "bf16_peak_gigaflops_per_second",
                                              "ratio_to_bf16_peak" };
    static const char *const amx_keys[2] = { "amx_peak_gigaflops_per_second", "ratio_to_amx_peak" };
    const kvspan_calibrate_kernels *const kernels = &calibrator->kernels;
    double read = 0.0;
    kvspan_status status = kvspan_calibrate_memory(calibrator, &read, error);

    if (status == KVSPAN_OK) {
        kvspan_bench_report_add(report, "memory_read_gigabytes_per_second", read / giga);
        kvspan_bench_report_add(report, "ratio_to_memory_read", bytes_per_second / read);
        status = add_peak(calibrator, kernels->multiply_f32, f32_keys, operations_per_second,
                          report, error);
    }
    if (status == KVSPAN_OK) {
        status = add_peak(calibrator, kernels->multiply_bf16, bf16_keys, operations_per_second,
                          report, error);
    }
    if (status == KVSPAN_OK) {
        status = add_peak(calibrator, kernels->multiply_amx, amx_keys, operations_per_second,
                          report, error);
    }
    return status;
}

static kvspan_status run_round(kvspan_bench_cache *bench, const kvspan_calibrator *calibrator,
                               kvspan_bench_report *report, kvspan_error *error)
{
    const uint32_t thread_count = bench->description.thread_count;
    const double start = kvspan_calibrate_seconds(thread_count);
    kvspan_status status = kvspan_bench_cache_attend(bench, error);
    const double seconds = kvspan_calibrate_seconds(thread_count) - start;
    const double bytes_per_second = kvspan_bench_cache_seen_bytes(bench) / seconds;
    const double operations_per_second = kvspan_bench_cache_operations(bench) / seconds;

    if (status == KVSPAN_OK) {
        kvspan_bench_report_add(report, "seconds", seconds);
        kvspan_bench_report_add(report, "kv_gigabytes_per_second", bytes_per_second / giga);
        kvspan_bench_report_add(report, "gigaflops_per_second", operations_per_second / giga);
        status =
            add_calibrators(calibrator, bytes_per_second, operations_per_second, report, error);
    }
    return status;
}

static kvspan_status run_rounds(kvspan_bench_cache *bench, uint64_t buffer_bytes,
                                kvspan_bench_report *report, kvspan_error *error)
{
    kvspan_calibrator calibrator;
    kvspan_status status =
        kvspan_calibrator_init(&calibrator, bench->description.thread_count, buffer_bytes, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    status = run_round(bench, &calibrator, report, error);
    kvspan_bench_report_forget(report);
    for (uint32_t i = 0; status == KVSPAN_OK && i < bench->options->rounds; i++) {
        status = run_round(bench, &calibrator, report, error);
    }
    kvspan_calibrator_fini(&calibrator);
    return status;
}

kvspan_status kvspan_bench_attention(const kvspan_bench_options *options,
                                     kvspan_bench_report *report, kvspan_error *error)
{
    const uint64_t least_bytes = 4 * kvspan_calibrate_cache_bytes();
    uint64_t buffer_bytes;
    kvspan_bench_cache bench;
    kvspan_status status = kvspan_bench_cache_init(&bench, options, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    buffer_bytes = (uint64_t)kvspan_bench_cache_seen_bytes(&bench);
    buffer_bytes = buffer_bytes > least_bytes ? buffer_bytes : least_bytes;
    kvspan_bench_cache_describe(&bench, report);
    kvspan_bench_report_set_number(report, "kv_bytes",
                                   (uint64_t)kvspan_bench_cache_seen_bytes(&bench));
    kvspan_bench_report_set_number(report, "last_level_cache_bytes",
                                   kvspan_calibrate_cache_bytes());
    kvspan_bench_report_set_number(report, "rounds", options->rounds);
    status = kvspan_device_has_host_memory(bench.device)
                 ? run_rounds(&bench, buffer_bytes, report, error)
                 : kvspan_bench_device_attention(&bench, report, error);
    kvspan_bench_cache_fini(&bench);
    return status;
}
