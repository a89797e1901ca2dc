#include "kernels/cpu/cpu_devices.h"

#include <check.h>
#include <stdio.h>

kvspan_device *cpu_device_open(int number)
{
    static const uint32_t thread_counts[] = { 1, 2, 4 };
    const kvspan_cpu_config config = { .size = sizeof(config),
                                       .thread_count = thread_counts[number % 3],
                                       .isa = KVSPAN_ISA_AVX2 + (uint32_t)number / 3 };
    kvspan_device *device = NULL;
    kvspan_error error = { 0 };
    const kvspan_status status = kvspan_device_open_cpu(&config, &device, &error);

    if (status == KVSPAN_ERR_UNSUPPORTED) {
        (void)printf("%s\n", error.message);
        return NULL;
    }
    ck_assert_msg(status == KVSPAN_OK, "%s", error.message);
    (void)printf("%s, %u threads\n", kvspan_device_describe(device).isa, config.thread_count);
    return device;
}
