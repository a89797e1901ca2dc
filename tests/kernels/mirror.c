#include "mirror.h"

#include <string.h>
#include <time.h>

#include "support/suite.h"

enum {
    ALIGNMENT = 64
};

static void expect(kvspan_status status, const kvspan_error *error)
{
    ck_assert_msg(status == KVSPAN_OK, "%s: %s", kvspan_status_name(status), error->message);
}

mirror mirror_begin(kvspan_device *device)
{
    mirror shadow = { .device = device };
    kvspan_error error = { .status = KVSPAN_OK };

    expect(device->ops->create_stream(device, &shadow.stream, &error), &error);
    return shadow;
}

static mirror_range *add_range(mirror *shadow, uint64_t offset, uint64_t bytes)
{
    const kvspan_device_ops *const ops = shadow->device->ops;
    mirror_range *const range = &shadow->ranges[shadow->range_count++];
    kvspan_error error = { .status = KVSPAN_OK };
    void *data = NULL;

    ck_assert_uint_le(shadow->range_count, MIRROR_MAX_RANGES);
    *range = (mirror_range){ .bytes = bytes, .data_bytes = offset + bytes };
    expect(ops->allocate(shadow->device, range->data_bytes, &data, &error), &error);
    range->data = data;
    range->shadow = range->data + offset;
    return range;
}

static void copy(mirror *shadow, void *target, const void *source, uint64_t bytes)
{
    kvspan_error error = { .status = KVSPAN_OK };

    expect(shadow->device->ops->copy(shadow->device, target, source, bytes, shadow->stream, &error),
           &error);
}

static void *add_host(mirror *shadow, void *host, uint64_t bytes, bool is_output)
{
    mirror_range *range;

    if (!host || bytes == 0 || shadow->device->host_memory) {
        return host;
    }
    range = add_range(shadow, (uintptr_t)host % ALIGNMENT, bytes);
    range->host = host;
    range->is_output = is_output;
    copy(shadow, range->shadow, host, bytes);
    return range->shadow;
}

void *mirror_input(mirror *shadow, const void *host, uint64_t bytes)
{
    void *address;

    memcpy(&address, &host, sizeof(address)); /* read only */
    return add_host(shadow, address, bytes, false);
}

void *mirror_output(mirror *shadow, void *host, uint64_t bytes)
{
    return add_host(shadow, host, bytes, true);
}

void *mirror_scratch(mirror *shadow, uint64_t bytes)
{
    return bytes == 0 ? NULL : add_range(shadow, 0, bytes)->shadow;
}

void mirror_wait(kvspan_device *device, kvspan_stream stream)
{
    const struct timespec nap = { .tv_nsec = 100000 };
    kvspan_error error = { .status = KVSPAN_OK };
    int is_done = 0;

    for (;;) {
        expect(device->ops->query(device, stream, &is_done, &error), &error);
        if (is_done) {
            return;
        }
        (void)nanosleep(&nap, NULL);
    }
}

void mirror_end(mirror *shadow)
{
    kvspan_device *const device = shadow->device;

    for (uint32_t i = 0; i < shadow->range_count; i++) {
        const mirror_range *const range = &shadow->ranges[i];

        if (range->is_output) {
            copy(shadow, range->host, range->shadow, range->bytes);
        }
    }
    mirror_wait(device, shadow->stream);
    for (uint32_t i = 0; i < shadow->range_count; i++) {
        device->ops->release(device, shadow->ranges[i].data, shadow->ranges[i].data_bytes);
    }
    device->ops->destroy_stream(device, shadow->stream);
    *shadow = (mirror){ 0 };
}
