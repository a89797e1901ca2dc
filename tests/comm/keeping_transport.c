#include "keeping_transport.h"

#include <string.h>

#include "comm/state.h"

static kept_request *take_request(keeping_transport *keeping, const void *data, size_t bytes)
{
    for (uint32_t i = 0; i < KEEPING_REQUESTS; i++) {
        kept_request *const request = &keeping->requests[i];

        if (!request->is_taken) {
            *request =
                (kept_request){ .data = (unsigned char *)data, .bytes = bytes, .is_taken = true };
            return request;
        }
    }
    return NULL;
}

/* A request that the inner transport has finished at once needs none here. */
static kvspan_status give_request(kept_request *request, kvspan_status status, void **request_out)
{
    if (status != KVSPAN_OK || !request->inner) {
        request->is_taken = false;
        request = NULL;
    }
    *request_out = request;
    return status;
}

static kvspan_status keeping_send(void *context, uint32_t to, uint32_t tag, const void *data,
                                  size_t bytes, void **request_out)
{
    keeping_transport *const keeping = context;
    kept_request *const request = take_request(keeping, data, bytes);

    if (!request) {
        return KVSPAN_ERR_MEMORY;
    }
    return give_request(
        request, keeping->inner.send(keeping->inner.context, to, tag, data, bytes, &request->inner),
        request_out);
}

static kvspan_status keeping_receive(void *context, uint32_t from, uint32_t tag, void *data,
                                     size_t bytes, void **request_out)
{
    keeping_transport *const keeping = context;
    kept_request *const request = take_request(keeping, data, bytes);

    if (!request) {
        return KVSPAN_ERR_MEMORY;
    }
    return give_request(
        request,
        keeping->inner.receive(keeping->inner.context, from, tag, data, bytes, &request->inner),
        request_out);
}

/* False for those that were started before this transport was put in. */
static bool is_mine(const keeping_transport *keeping, const kept_request *request)
{
    return request >= keeping->requests && request < keeping->requests + KEEPING_REQUESTS;
}

static kvspan_status keeping_test(void *context, void *handle, uint32_t *done_out)
{
    keeping_transport *const keeping = context;
    kept_request *const request = handle;
    kvspan_status status;

    if (!is_mine(keeping, request)) {
        return keeping->inner.test(keeping->inner.context, handle, done_out);
    }
    if (keeping->tests_left > 0 && --keeping->tests_left == 0) {
        (void)keeping->inner.cancel(keeping->inner.context, request->inner);
        request->is_taken = false;
        return KVSPAN_ERR_TRANSPORT;
    }
    status = keeping->inner.test(keeping->inner.context, request->inner, done_out);
    request->is_taken = status == KVSPAN_OK && !*done_out;
    return status;
}

static kvspan_status keeping_cancel(void *context, void *handle)
{
    keeping_transport *const keeping = context;
    kept_request *const request = handle;

    if (!is_mine(keeping, request)) {
        return keeping->inner.cancel(keeping->inner.context, handle);
    }
    /* The inner one has to end it, or it would not come to its own end. */
    (void)keeping->inner.cancel(keeping->inner.context, request->inner);
    request->is_kept = true;
    keeping->kept++;
    return KVSPAN_ERR_TIMEOUT;
}

static void keeping_destroy(void *context)
{
    keeping_transport *const keeping = context;

    keeping->inner.destroy(keeping->inner.context);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the transport writes to it */
void keeping_put(keeping_transport *keeping, kvspan_comm *comm)
{
    keeping->inner = comm->transport;
    comm->transport.context = keeping;
    comm->transport.send = keeping_send;
    comm->transport.receive = keeping_receive;
    comm->transport.test = keeping_test;
    comm->transport.cancel = keeping_cancel;
    comm->transport.destroy = keeping_destroy;
}

bool keeping_has(const keeping_transport *keeping, const void *memory, size_t bytes)
{
    const uintptr_t first = (uintptr_t)memory;

    for (uint32_t i = 0; i < KEEPING_REQUESTS; i++) {
        const kept_request *const request = &keeping->requests[i];
        const uintptr_t data = (uintptr_t)request->data;

        if (request->is_taken && data < first + bytes && first < data + request->bytes) {
            return true;
        }
    }
    return false;
}

void keeping_write(keeping_transport *keeping)
{
    for (uint32_t i = 0; i < KEEPING_REQUESTS; i++) {
        if (keeping->requests[i].is_kept) {
            memset(keeping->requests[i].data, 0xa5, keeping->requests[i].bytes);
        }
    }
}
