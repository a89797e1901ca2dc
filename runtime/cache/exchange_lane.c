#include "runtime/cache/exchange_lane.h"

#include <string.h>

static kvspan_event **event_of(kvspan_exchange_lane *lane, uint32_t number)
{
    return number % 2 == 0 ? &lane->computed[number / 2] : &lane->exchanged[number / 2];
}

kvspan_status kvspan_exchange_lane_init(kvspan_exchange_lane *lane, kvspan_device *device,
                                        kvspan_error *error)
{
    kvspan_status status;

    memset(lane, 0, sizeof(*lane));
    lane->device = device;
    status = device->ops->create_stream(device, &lane->stream, error);
    lane->has_stream = status == KVSPAN_OK;
    for (uint32_t i = 0; status == KVSPAN_OK && i < 2 * KVSPAN_MAX_PASSES; i++) {
        status = device->ops->create_event(device, event_of(lane, i), error);
        lane->event_count += status == KVSPAN_OK;
    }
    if (status != KVSPAN_OK) {
        kvspan_exchange_lane_fini(lane);
    }
    return status;
}

void kvspan_exchange_lane_fini(kvspan_exchange_lane *lane)
{
    for (uint32_t i = 0; i < lane->event_count; i++) {
        lane->device->ops->destroy_event(lane->device, *event_of(lane, i));
    }
    if (lane->has_stream) {
        lane->device->ops->destroy_stream(lane->device, lane->stream);
    }
    memset(lane, 0, sizeof(*lane));
}

kvspan_status kvspan_exchange_lane_computed(kvspan_exchange_lane *lane, kvspan_stream stream,
                                            uint32_t pass, kvspan_error *error)
{
    return lane->device->ops->record_event(lane->device, lane->computed[pass], stream, error);
}

kvspan_status kvspan_exchange_lane_begin(kvspan_exchange_lane *lane, uint32_t pass,
                                         kvspan_error *error)
{
    return lane->device->ops->await_event(lane->device, lane->stream, lane->computed[pass], error);
}

kvspan_status kvspan_exchange_lane_end(kvspan_exchange_lane *lane, uint32_t pass,
                                       kvspan_error *error)
{
    return lane->device->ops->record_event(lane->device, lane->exchanged[pass], lane->stream,
                                           error);
}

kvspan_status kvspan_exchange_lane_await(kvspan_exchange_lane *lane, kvspan_stream stream,
                                         uint32_t pass, kvspan_error *error)
{
    return lane->device->ops->await_event(lane->device, stream, lane->exchanged[pass], error);
}
