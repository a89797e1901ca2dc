/* Built instead of the cpu column on machines that are not x86-64. */
#include <kvspan/device.h>

kvspan_status kvspan_device_open_cpu(const kvspan_cpu_config *config, kvspan_device **device_out,
                                     kvspan_error *error)
{
    (void)config;
    (void)device_out;
    return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                       "device \"cpu\" needs x86-64, which this build is not for");
}
