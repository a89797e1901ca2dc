/** @file
 * What a device's memory gives, for those whose memory is not the host's.
 */
#ifndef KVSPAN_LAUNCH_CALIBRATE_DEVICE_H
#define KVSPAN_LAUNCH_CALIBRATE_DEVICE_H

#include <kvspan/device.h>

/* Copies device memory to device memory, a few times over, and gives the bytes read and written per
 * second. Beside the copy itself it measures one launch and the asking whether it is done. buffer:
 * device memory [2 · bytes]. CUDA; TIMEOUT after a minute. */
kvspan_status kvspan_calibrate_device_copy(kvspan_device *device, unsigned char *buffer,
                                           uint64_t bytes, double *bytes_per_second_out,
                                           kvspan_error *error);

#endif
