/* Blocks per multiprocessor against the toolkit's own calculator, cuda_occupancy.h. */
#include "gates/occupancy.h"

#include "support/suite.h"

#include <cuda_occupancy.h>

typedef struct processor_case {
    int arch;
    int threads;
    int shared_kib;
} processor_case;

static const processor_case processors[] = {
    { 80, 2048, 164 }, { 86, 1536, 100 },  { 89, 1536, 100 },
    { 90, 2048, 228 }, { 100, 2048, 228 }, { 120, 1536, 100 },
};

static int calculated(const processor_case *processor, int block_threads, int registers,
                      size_t shared_bytes)
{
    const size_t most_shared_bytes = (size_t)(processor->shared_kib - 1) * 1024;
    const cudaOccDeviceProp device = {
        .computeMajor = processor->arch / 10,
        .computeMinor = processor->arch % 10,
        .maxThreadsPerBlock = 1024,
        .maxThreadsPerMultiprocessor = processor->threads,
        .regsPerBlock = 65536,
        .regsPerMultiprocessor = 65536,
        .warpSize = 32,
        .sharedMemPerBlock = (size_t)48 * 1024,
        .sharedMemPerMultiprocessor = (size_t)processor->shared_kib * 1024,
        .numSms = 1,
        .sharedMemPerBlockOptin = most_shared_bytes,
        .reservedSharedMemPerBlock = 1024,
    };
    const cudaOccFuncAttributes function = {
        .maxThreadsPerBlock = 1024,
        .numRegs = registers,
        .partitionedGCConfig = PARTITIONED_GC_OFF,
        .shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN,
        .maxDynamicSharedSizeBytes = most_shared_bytes,
        .numBlockBarriers = 1,
    };
    const cudaOccDeviceState state = { .carveoutConfig = SHAREDMEM_CARVEOUT_MAX_SHARED };
    cudaOccResult result;

    ck_assert_int_eq(cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &function, &state,
                                                             block_threads, shared_bytes),
                     CUDA_OCC_SUCCESS);
    return result.activeBlocksPerMultiprocessor;
}

START_TEST(blocks_are_those_of_the_toolkits_calculator)
{
    const processor_case *processor = &processors[_i];
    const int most_shared_bytes = (processor->shared_kib - 1) * 1024;

    for (int threads = 32; threads <= 1024; threads += 32) {
        for (int registers = 1; registers <= 255; registers += 2) {
            for (int shared = 0; shared <= most_shared_bytes; shared += 3001) {
                const int expected = calculated(processor, threads, registers, (size_t)shared);
                const uint32_t blocks =
                    occupancy_blocks((uint32_t)processor->arch, (uint32_t)threads,
                                     (uint32_t)registers, (uint32_t)shared);
                ck_assert_msg((int)blocks == expected,
                              "sm_%d, %d threads of %d registers, %d bytes: %u blocks, not %d",
                              processor->arch, threads, registers, shared, blocks, expected);
            }
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gates/occupancy_calculator");
    TCase *calculator = tcase_create("calculator");

    tcase_add_loop_test(calculator, blocks_are_those_of_the_toolkits_calculator, 0,
                        sizeof(processors) / sizeof(processors[0]));
    suite_add_tcase(suite, calculator);
    return suite_run(suite);
}
