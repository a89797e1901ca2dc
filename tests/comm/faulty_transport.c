#include "faulty_transport.h"

#include "comm/state.h"

enum {
    SLOW_TESTS = 4
};

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

/* NULL if all are taken. */
static uint32_t *take_slow_send(faulty_transport *faulty)
{
    for (uint32_t i = 0; i < FAULTY_SLOW_REQUESTS; i++) {
        if (faulty->slow_sends[i] == 0) {
            faulty->slow_sends[i] = SLOW_TESTS;
            return &faulty->slow_sends[i];
        }
    }
    return NULL;
}

static uint32_t *slow_send_of(faulty_transport *faulty, void *request)
{
    uint32_t *const send = request;

    return send >= faulty->slow_sends && send < faulty->slow_sends + FAULTY_SLOW_REQUESTS ? send
                                                                                          : NULL;
}

/* NULL if all are taken. */
static slow_receive *take_slow_receive(faulty_transport *faulty, uint32_t from, uint32_t tag,
                                       void *data, size_t bytes)
{
    for (uint32_t i = 0; i < FAULTY_SLOW_REQUESTS; i++) {
        slow_receive *const receive = &faulty->slow_receives[i];

        if (!receive->data) {
            *receive = (slow_receive){
                .tests = SLOW_TESTS, .from = from, .tag = tag, .data = data, .bytes = bytes
            };
            return receive;
        }
    }
    return NULL;
}

static slow_receive *slow_receive_of(faulty_transport *faulty, void *request)
{
    slow_receive *const receive = request;

    return receive >= faulty->slow_receives &&
                   receive < faulty->slow_receives + FAULTY_SLOW_REQUESTS
               ? receive
               : NULL;
}

static kvspan_status test_slow_receive(faulty_transport *faulty, slow_receive *receive,
                                       uint32_t *done_out)
{
    kvspan_status status;

    *done_out = 0;
    if (receive->tests > 0) {
        status = --receive->tests > 0
                     ? KVSPAN_OK
                     : faulty->inner.receive(faulty->inner.context, receive->from, receive->tag,
                                             receive->data, receive->bytes, &receive->inner);
    } else {
        status = faulty->inner.test(faulty->inner.context, receive->inner, done_out);
    }
    if (status != KVSPAN_OK || *done_out) {
        receive->data = NULL;
    }
    return status;
}

static kvspan_status cancel_slow_receive(const faulty_transport *faulty, slow_receive *receive)
{
    receive->data = NULL;
    return receive->tests > 0 ? KVSPAN_OK
                              : faulty->inner.cancel(faulty->inner.context, receive->inner);
}

static void count_begun(faulty_transport *faulty, kvspan_status status, void *const *request)
{
    faulty->open_requests += status == KVSPAN_OK && *request;
}

static kvspan_status faulty_send(void *context, uint32_t to, uint32_t tag, const void *data,
                                 size_t bytes, void **request_out)
{
    faulty_transport *faulty = context;
    kvspan_status status;

    if (is_due(faulty, FAULTY_SEND)) {
        return KVSPAN_ERR_IO; /* no code that a verb should give */
    }
    status = faulty->inner.send(faulty->inner.context, to, tag, data, bytes, request_out);
    if (status == KVSPAN_OK && !*request_out && faulty->has_slow_sends) {
        *request_out = take_slow_send(faulty);
    }
    count_begun(faulty, status, request_out);
    return status;
}

static kvspan_status faulty_receive(void *context, uint32_t from, uint32_t tag, void *data,
                                    size_t bytes, void **request_out)
{
    faulty_transport *faulty = context;
    kvspan_status status;

    if (is_due(faulty, FAULTY_RECEIVE)) {
        return KVSPAN_ERR_MEMORY;
    }
    *request_out =
        faulty->has_slow_receives ? take_slow_receive(faulty, from, tag, data, bytes) : NULL;
    status = *request_out ? KVSPAN_OK
                          : faulty->inner.receive(faulty->inner.context, from, tag, data, bytes,
                                                  request_out);
    count_begun(faulty, status, request_out);
    return status;
}

static kvspan_status faulty_cancel(void *context, void *request)
{
    faulty_transport *faulty = context;
    uint32_t *const slow_send = slow_send_of(faulty, request);
    slow_receive *const receive = slow_receive_of(faulty, request);

    faulty->open_requests--;
    if (slow_send) {
        *slow_send = 0;
        return KVSPAN_OK;
    }
    if (receive) {
        return cancel_slow_receive(faulty, receive);
    }
    return faulty->inner.cancel(faulty->inner.context, request);
}

static kvspan_status faulty_test(void *context, void *request, uint32_t *done_out)
{
    faulty_transport *faulty = context;
    uint32_t *const slow_send = slow_send_of(faulty, request);
    slow_receive *const receive = slow_receive_of(faulty, request);
    kvspan_status status = KVSPAN_OK;

    if (is_due(faulty, FAULTY_TEST)) {
        (void)faulty_cancel(faulty, request);
        return KVSPAN_ERR_TRANSPORT;
    }
    if (slow_send) {
        *done_out = --*slow_send == 0;
    } else if (receive) {
        status = test_slow_receive(faulty, receive, done_out);
    } else {
        status = faulty->inner.test(faulty->inner.context, request, done_out);
    }
    faulty->open_requests -= status != KVSPAN_OK || *done_out;
    return status;
}

static void faulty_destroy(void *context)
{
    faulty_transport *faulty = context;

    faulty->inner.destroy(faulty->inner.context);
}

/* A communicator that nobody has used yet has these open. */
static int count_alarm_receives(const kvspan_comm *comm)
{
    int count = 0;

    for (uint32_t i = 0; i < comm->peer_count; i++) {
        count += comm->peers[i]->incoming.handle != NULL;
    }
    return count;
}

void faulty_put(faulty_transport *faulty, kvspan_comm *comm)
{
    faulty->inner = comm->transport;
    faulty->open_requests = count_alarm_receives(comm);
    comm->transport.context = faulty;
    comm->transport.send = faulty_send;
    comm->transport.receive = faulty_receive;
    comm->transport.test = faulty_test;
    comm->transport.cancel = faulty_cancel;
    comm->transport.destroy = faulty_destroy;
}
