#include "runtime/planted_transport.h"

#include <string.h>

#include "comm/state.h"

static kvspan_status planted_send(void *context, uint32_t to, uint32_t tag, const void *data,
                                  size_t bytes, void **request_out)
{
    planted_transport *const planted = context;
    size_t changed_bytes = bytes;

    if (to != planted->victim || tag != (uint32_t)planted->channel || !planted->change ||
        bytes > sizeof(planted->message)) {
        return planted->inner.send(planted->inner.context, to, tag, data, bytes, request_out);
    }
    if (planted->calls_left > 0) {
        planted->calls_left--;
        return planted->inner.send(planted->inner.context, to, tag, data, bytes, request_out);
    }
    memcpy(planted->message, data, bytes);
    planted->change(planted->message, &changed_bytes);
    planted->change = NULL;
    return planted->inner.send(planted->inner.context, to, tag, planted->message, changed_bytes,
                               request_out);
}

static kvspan_status planted_receive(void *context, uint32_t from, uint32_t tag, void *data,
                                     size_t bytes, void **request_out)
{
    planted_transport *const planted = context;

    return planted->inner.receive(planted->inner.context, from, tag, data, bytes, request_out);
}

static kvspan_status planted_test(void *context, void *request, uint32_t *done_out)
{
    planted_transport *const planted = context;

    return planted->inner.test(planted->inner.context, request, done_out);
}

static kvspan_status planted_cancel(void *context, void *request)
{
    planted_transport *const planted = context;

    return planted->inner.cancel(planted->inner.context, request);
}

static void planted_destroy(void *context)
{
    planted_transport *const planted = context;

    planted->inner.destroy(planted->inner.context);
}

void planted_put(planted_transport *planted, kvspan_comm *comm)
{
    planted->inner = comm->transport;
    comm->transport.context = planted;
    comm->transport.send = planted_send;
    comm->transport.receive = planted_receive;
    comm->transport.test = planted_test;
    comm->transport.cancel = planted_cancel;
    comm->transport.destroy = planted_destroy;
}
