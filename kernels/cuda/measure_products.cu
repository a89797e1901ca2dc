#include <kvspan/cuda.h>

#include <string.h>
#include <time.h>

#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/matrix.cuh"

/* Products of matrices that never leave registers, in several sums that do not wait for each other:
 * what attention could do at most by the instruction that it uses. */

namespace kvspan
{

enum {
    THREADS = 128,
    BLOCKS = 2, /* per multiprocessor */
    SUMS = 8,
    PRODUCT_OPERATIONS = 2 * 16 * 8 * 16,
    MOST_ROUNDS = 1 << 24
};

static const double least_seconds = 0.02; /* beside which a launch and a nap count for nothing */

struct product_work {
    uint32_t round_count;
    float never; /* what no sum comes to: sums are wanted, but not stored */
    float *out;
};

__global__
__launch_bounds__(THREADS) void multiply_matrices(const __grid_constant__ product_work work)
{
    const uint32_t ones = 0x3f803f80u; /* two of bf16 */
    const uint32_t a[4] = { ones, ones + threadIdx.x % 32, ones, ones };
    float sums[SUMS][4] = { { 0.0f } };
    float total = 0.0f;

    for (uint32_t i = 0; i < work.round_count; i++) {
#pragma unroll
        for (uint32_t sum = 0; sum < SUMS; sum++) {
            multiply_bf16(sums[sum], a, ones + sum, ones, sums[sum]);
        }
    }
#pragma unroll
    for (uint32_t sum = 0; sum < SUMS; sum++) {
        total += sums[sum][0] + sums[sum][1] + sums[sum][2] + sums[sum][3];
    }
    if (total == work.never) {
        *work.out = total;
    }
}

static double now_seconds()
{
    struct timespec now = {};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static kvspan_status run(kvspan_device *device, uint32_t block_count, uint32_t round_count,
                         double *seconds_out, kvspan_error *error)
{
    const kvspan_stream stream = kvspan_cuda_device_of(device)->stream;
    const product_work work = { round_count, -1.0f, NULL };
    const kvspan_cuda_launch launch = { (const void *)multiply_matrices, "measure_products",
                                        block_count, THREADS, 0 };
    const double start = now_seconds();
    kvspan_status status = kvspan_cuda_launch_run(device, &launch, &work, stream, error);

    if (status == KVSPAN_OK) {
        status = kvspan_cuda_wait(device, stream, error);
    }
    *seconds_out = now_seconds() - start;
    return status;
}

} // namespace kvspan

using namespace kvspan;

kvspan_status kvspan_cuda_measure_products(kvspan_device *device, double *operations_per_second_out,
                                           kvspan_error *error)
{
    const double operations = (double)PRODUCT_OPERATIONS * SUMS * (THREADS / 32);
    uint32_t round_count = 1;
    uint32_t block_count;
    double seconds = 0.0;
    kvspan_status status;

    if (!device || !operations_per_second_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL",
                           device ? "operations_per_second_out" : "device");
    }
    if (strcmp(device->ops->name, "cuda") != 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "device is \"%s\", \"cuda\" is needed",
                           device->ops->name);
    }
    block_count = BLOCKS * kvspan_cuda_device_of(device)->multiprocessor_count;
    status = run(device, block_count, round_count, &seconds, error);
    while (status == KVSPAN_OK && seconds < least_seconds && round_count < MOST_ROUNDS) {
        round_count *= 4;
        status = run(device, block_count, round_count, &seconds, error);
    }
    if (status == KVSPAN_OK) {
        *operations_per_second_out = operations * block_count * round_count / seconds;
    }
    return status;
}
