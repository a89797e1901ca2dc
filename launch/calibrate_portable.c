#include "launch/calibrate_kernels.h"

/* Loads the memory as it is: words are read by the widest loads that the compiler makes. */
static uint64_t read_words(const unsigned char *data, size_t bytes)
{
    const uint64_t *const words = (const void *)data;
    uint64_t sums[8] = { 0 };

    for (size_t i = 0; i < bytes / sizeof(*words); i += 8) {
        for (size_t lane = 0; lane < 8; lane++) {
            sums[lane] += words[i + lane];
        }
    }
    return sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7];
}

kvspan_calibrate_kernels kvspan_calibrate_kernels_of_cpu(void)
{
    return (kvspan_calibrate_kernels){ .reads = { read_words } };
}
