#include "launch/calibrate_device.h"

#include <time.h>

enum {
    COPIES = 8,
    LONGEST_SECONDS = 60
};

double kvspan_calibrate_wall_seconds(void)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static kvspan_status wait_until_done(kvspan_device *device, kvspan_error *error)
{
    const double limit = kvspan_calibrate_wall_seconds() + LONGEST_SECONDS;
    uint32_t is_done = 0;
    kvspan_status status = KVSPAN_OK;

    while (status == KVSPAN_OK && !is_done) {
        status = kvspan_device_query(device, NULL, &is_done, error);
        if (status == KVSPAN_OK && !is_done && kvspan_calibrate_wall_seconds() > limit) {
            status = kvspan_fail(error, KVSPAN_ERR_TIMEOUT, "copies are not done after %d s",
                                 LONGEST_SECONDS);
        }
    }
    return status;
}

kvspan_status kvspan_calibrate_device_copy(kvspan_device *device, unsigned char *buffer,
                                           double *bytes_per_second_out, kvspan_error *error)
{
    const uint64_t bytes = KVSPAN_CALIBRATE_COPY_BYTES;
    double start;
    kvspan_status status = wait_until_done(device, error);

    start = kvspan_calibrate_wall_seconds();
    for (uint32_t i = 0; status == KVSPAN_OK && i < COPIES; i++) {
        status = kvspan_device_copy(device, buffer + (i % 2) * bytes,
                                    buffer + ((i + 1) % 2) * bytes, bytes, NULL, error);
    }
    if (status == KVSPAN_OK) {
        status = wait_until_done(device, error);
    }
    if (status == KVSPAN_OK) {
        *bytes_per_second_out =
            2.0 * COPIES * (double)bytes / (kvspan_calibrate_wall_seconds() - start);
    }
    return status;
}
