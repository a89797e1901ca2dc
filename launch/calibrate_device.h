/** @file
 * What a device's memory gives, for those whose memory is not the host's.
 */
#ifndef KVSPAN_LAUNCH_CALIBRATE_DEVICE_H
#define KVSPAN_LAUNCH_CALIBRATE_DEVICE_H

#include <kvspan/device.h>

#define KVSPAN_CALIBRATE_COPY_BYTES ((uint64_t)256 << 20) /* well beyond a GPU's caches */

/* Time on the wall: what a device does is nobody's own time on a core. */
double kvspan_calibrate_wall_seconds(void);

/* Copies device memory to device memory, a few times over, and gives the bytes read and written per
 * second. Beside the copy itself it measures one launch and the asking whether it is done. buffer:
 * device memory [2 · KVSPAN_CALIBRATE_COPY_BYTES]. CUDA; TIMEOUT after a minute. */
kvspan_status kvspan_calibrate_device_copy(kvspan_device *device, unsigned char *buffer,
                                           double *bytes_per_second_out, kvspan_error *error);

#endif
