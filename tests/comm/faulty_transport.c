#include "faulty_transport.h"

#include "comm/state.h"

static bool is_due(faulty_transport *faulty, faulty_verb verb)
{
    if (faulty->verb != verb || faulty->failed > 0) {
        return false;
    }
    if (faulty->calls_left > 0) {
        faulty->calls_left--;
        return false;
    }
    faulty->failed++;
    return true;
}

static kvspan_status faulty_send(void *context, uint32_t to, uint32_t tag, const void *data,
                                 size_t bytes, void **request_out)
{
    faulty_transport *faulty = context;

    return is_due(faulty, FAULTY_SEND)
               ? KVSPAN_ERR_IO /* no code that a verb should give */
               : faulty->inner.send(faulty->inner.context, to, tag, data, bytes, request_out);
}

static kvspan_status faulty_receive(void *context, uint32_t from, uint32_t tag, void *data,
                                    size_t bytes, void **request_out)
{
    faulty_transport *faulty = context;

    return is_due(faulty, FAULTY_RECEIVE)
               ? KVSPAN_ERR_MEMORY
               : faulty->inner.receive(faulty->inner.context, from, tag, data, bytes, request_out);
}

static kvspan_status faulty_test(void *context, void *request, uint32_t *done_out)
{
    faulty_transport *faulty = context;

    if (is_due(faulty, FAULTY_TEST)) {
        (void)faulty->inner.cancel(faulty->inner.context, request);
        return KVSPAN_ERR_TRANSPORT;
    }
    return faulty->inner.test(faulty->inner.context, request, done_out);
}

static kvspan_status faulty_cancel(void *context, void *request)
{
    faulty_transport *faulty = context;

    return faulty->inner.cancel(faulty->inner.context, request);
}

static void faulty_destroy(void *context)
{
    faulty_transport *faulty = context;

    faulty->inner.destroy(faulty->inner.context);
}

void faulty_put(faulty_transport *faulty, kvspan_comm *comm)
{
    faulty->inner = comm->transport;
    comm->transport.context = faulty;
    comm->transport.send = faulty_send;
    comm->transport.receive = faulty_receive;
    comm->transport.test = faulty_test;
    comm->transport.cancel = faulty_cancel;
    comm->transport.destroy = faulty_destroy;
}
