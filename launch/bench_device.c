#include "launch/bench_device.h"

#include "launch/calibrate_device.h"
#include "launch/gpu.h"

static const double giga = 1e9;

static kvspan_status attend(kvspan_bench_cache *bench, unsigned char *buffer,
                            kvspan_bench_report *report, kvspan_error *error)
{
    const double start = kvspan_calibrate_wall_seconds();
    kvspan_status status = kvspan_bench_cache_attend(bench, error);
    const double seconds = kvspan_calibrate_wall_seconds() - start;
    const double bytes_per_second = kvspan_bench_cache_seen_bytes(bench) / seconds;
    const double operations_per_second = kvspan_bench_cache_operations(bench) / seconds;
    double copy = 0.0;
    double products = 0.0;

    if (status == KVSPAN_OK) {
        status = kvspan_calibrate_device_copy(bench->device, buffer, &copy, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_gpu_measure_products(bench->device, &products, error);
    }
    if (status == KVSPAN_OK) {
        kvspan_bench_report_add(report, "seconds", seconds);
        kvspan_bench_report_add(report, "kv_gigabytes_per_second", bytes_per_second / giga);
        kvspan_bench_report_add(report, "gigaflops_per_second", operations_per_second / giga);
        kvspan_bench_report_add(report, "device_copy_gigabytes_per_second", copy / giga);
        kvspan_bench_report_add(report, "ratio_to_device_copy", bytes_per_second / copy);
        kvspan_bench_report_add(report, "matrix_product_gigaflops_per_second", products / giga);
        kvspan_bench_report_add(report, "ratio_to_matrix_product",
                                operations_per_second / products);
    }
    return status;
}

/* A copy reads and writes every byte, as an append does. */
static kvspan_status append(kvspan_bench_cache *bench, unsigned char *buffer,
                            kvspan_bench_report *report, kvspan_error *error)
{
    const double bytes = kvspan_bench_cache_new_bytes(bench);
    const double start = kvspan_calibrate_wall_seconds();
    kvspan_status status = kvspan_bench_cache_append(bench, error);
    const double seconds = kvspan_calibrate_wall_seconds() - start;
    double copy = 0.0;

    if (status == KVSPAN_OK) {
        status = kvspan_calibrate_device_copy(bench->device, buffer, &copy, error);
    }
    if (status == KVSPAN_OK) {
        kvspan_bench_report_add(report, "seconds", seconds);
        kvspan_bench_report_add(report, "written_gigabytes_per_second", bytes / seconds / giga);
        kvspan_bench_report_add(report, "device_copy_gigabytes_per_second", copy / giga);
        kvspan_bench_report_add(report, "ratio_to_device_copy", 2 * bytes / seconds / copy);
    }
    return status;
}

typedef kvspan_status (*round_run)(kvspan_bench_cache *bench, unsigned char *buffer,
                                   kvspan_bench_report *report, kvspan_error *error);

static kvspan_status run_rounds(kvspan_bench_cache *bench, round_run run,
                                kvspan_bench_report *report, kvspan_error *error)
{
    void *buffer = NULL;
    kvspan_status status =
        kvspan_device_allocate(bench->device, 2 * KVSPAN_CALIBRATE_COPY_BYTES, &buffer, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    status = run(bench, buffer, report, error);
    kvspan_bench_report_forget(report);
    for (uint32_t i = 0; status == KVSPAN_OK && i < bench->options->rounds; i++) {
        status = run(bench, buffer, report, error);
    }
    kvspan_device_release(bench->device, buffer, 2 * KVSPAN_CALIBRATE_COPY_BYTES);
    return status;
}

kvspan_status kvspan_bench_device_attention(kvspan_bench_cache *bench, kvspan_bench_report *report,
                                            kvspan_error *error)
{
    return run_rounds(bench, attend, report, error);
}

kvspan_status kvspan_bench_device_append(kvspan_bench_cache *bench, kvspan_bench_report *report,
                                         kvspan_error *error)
{
    return run_rounds(bench, append, report, error);
}
