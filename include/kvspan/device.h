/** @file
 * Devices: a kernel column together with the memory it works on.
 */
#ifndef KVSPAN_DEVICE_H
#define KVSPAN_DEVICE_H

#include <kvspan/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Opens a device.
 *
 * Not collective.
 *
 * @param name  "reference": the portable column, the meaning of every operation. "cpu" and "cuda"
 *              answer UNSUPPORTED until they are built in. NULL = the best column built in.
 * @param index  which of them, 0-based; 0 on CPUs
 * @param[out] device_out  closed with kvspan_device_close()
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT, KVSPAN_ERR_UNSUPPORTED, KVSPAN_ERR_MEMORY
 */
KVSPAN_API kvspan_status kvspan_device_open(const char *name, uint32_t index,
                                            kvspan_device **device_out, kvspan_error *error);

/**
 * Closes a device, after the caches on it.
 *
 * Not collective.
 *
 * @param device  may be NULL
 */
KVSPAN_API void kvspan_device_close(kvspan_device *device);

#ifdef __cplusplus
}
#endif

#endif
