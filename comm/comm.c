#include "comm/comm.h"

#include <assert.h>
#include <kvspan/sized_struct.h>
#include <stdlib.h>

#include "comm/agree_memory.h"
#include "comm/alarm.h"
#include "comm/state.h"
#include "comm/watch.h"

static const char *channel_name(uint32_t channel)
{
    static const char *const names[KVSPAN_CHANNEL_END] = {
        "?", "step", "acknowledgement", "exchange", "agreement", "alarm"
    };

    return channel < KVSPAN_CHANNEL_END ? names[channel] : names[0];
}

enum {
    ERA_TAGS = 8, /* of one era */
    ERAS = 4095   /* until tags begin again; the highest is one that every MPI has */
};

/* Agreements and alarms are the communicator's: they go on from cache to cache. */
static uint32_t tag_of(const kvspan_comm *comm, kvspan_channel channel)
{
    const uint32_t era = comm->era == 0 ? 0 : (comm->era - 1) % ERAS;

    assert(channel > 0);
    assert(channel < KVSPAN_CHANNEL_END);
    return (uint32_t)channel + (channel <= KVSPAN_CHANNEL_EXCHANGE ? era * ERA_TAGS : 0);
}

void kvspan_comm_begin_era(kvspan_comm *comm)
{
    comm->era++;
}

/* A transport of the caller's may answer anything. */
static kvspan_status verb_status(kvspan_status status)
{
    return status == KVSPAN_ERR_MEMORY ? KVSPAN_ERR_MEMORY : KVSPAN_ERR_TRANSPORT;
}

kvspan_status kvspan_verb_send(kvspan_comm *comm, kvspan_channel channel, uint32_t to,
                               const void *data, size_t bytes, kvspan_request *request_out,
                               kvspan_error *error)
{
    void *handle = NULL;
    kvspan_status status;

    assert(to < comm->transport.rank_count);
    status = comm->transport.send(comm->transport.context, to, tag_of(comm, channel), data, bytes,
                                  &handle);
    if (status != KVSPAN_OK) {
        return kvspan_fail_rank(error, verb_status(status), to, comm->epoch,
                                "the transport cannot send %zu bytes to rank %u (%s): %s", bytes,
                                to, channel_name(channel), kvspan_status_name(status));
    }
    comm->sent_bytes[channel] += bytes;
    comm->sent_messages[channel]++;
    *request_out = (kvspan_request){ .handle = handle, .peer = to, .channel = channel };
    return KVSPAN_OK;
}

kvspan_status kvspan_verb_receive(kvspan_comm *comm, kvspan_channel channel, uint32_t from,
                                  void *data, size_t bytes, kvspan_request *request_out,
                                  kvspan_error *error)
{
    void *handle = NULL;
    kvspan_status status;

    assert(from < comm->transport.rank_count);
    status = comm->transport.receive(comm->transport.context, from, tag_of(comm, channel), data,
                                     bytes, &handle);
    if (status != KVSPAN_OK) {
        return kvspan_fail_rank(error, verb_status(status), from, comm->epoch,
                                "the transport cannot receive %zu bytes from rank %u (%s): %s",
                                bytes, from, channel_name(channel), kvspan_status_name(status));
    }
    *request_out =
        (kvspan_request){ .handle = handle, .peer = from, .channel = channel, .is_receive = true };
    return KVSPAN_OK;
}

kvspan_status kvspan_verb_test(kvspan_comm *comm, kvspan_request *request, bool *done_out,
                               kvspan_error *error)
{
    uint32_t done = 1;
    kvspan_status status = KVSPAN_OK;

    if (request->handle) {
        status = comm->transport.test(comm->transport.context, request->handle, &done);
    }
    if (status != KVSPAN_OK) {
        request->handle = NULL; /* a request that failed is finished */
        return kvspan_fail_rank(error, verb_status(status), request->peer, comm->epoch,
                                "the message %s rank %u (%s) failed: %s",
                                request->is_receive ? "from" : "to", request->peer,
                                channel_name(request->channel), kvspan_status_name(status));
    }
    if (done) {
        request->handle = NULL;
    }
    *done_out = done != 0;
    return KVSPAN_OK;
}

static kvspan_status read_transport(kvspan_transport *transport, const kvspan_transport *given,
                                    kvspan_error *error)
{
    const size_t least_bytes = offsetof(kvspan_transport, destroy) + sizeof(transport->destroy);
    const kvspan_status status =
        kvspan_read_sized(transport, sizeof(*transport), given, least_bytes, "transport", error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (!transport->send || !transport->receive || !transport->test || !transport->cancel ||
        !transport->destroy) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "the transport lacks the verb %s",
                           !transport->send      ? "send"
                           : !transport->receive ? "receive"
                           : !transport->test    ? "test"
                           : !transport->cancel  ? "cancel"
                                                 : "destroy");
    }
    if (transport->rank >= transport->rank_count || transport->rank_count > INT32_MAX) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "rank %u is not in [0, %u)", transport->rank,
                           transport->rank_count);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_comm_create(const kvspan_transport *transport, kvspan_comm **comm_out,
                                 kvspan_error *error)
{
    kvspan_transport known = { .size = 0 };
    kvspan_comm *comm;
    kvspan_status status = read_transport(&known, transport, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (!comm_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "comm_out is NULL");
    }
    comm = calloc(1, sizeof(*comm));
    if (!comm) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a communicator");
    }
    comm->transport = known;
    comm->agree = calloc(1, sizeof(*comm->agree));
    if (!comm->agree) {
        status = kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for the agreements of %u ranks",
                             known.rank_count);
        goto err_free_comm;
    }
    status = kvspan_watch_neighbours(comm, error);
    if (status != KVSPAN_OK) {
        goto err_end_watch;
    }
    *comm_out = comm;
    return KVSPAN_OK;

err_end_watch:
    kvspan_watch_end(comm);
    free(comm->agree);
err_free_comm:
    free(comm);
    return status;
}

void kvspan_comm_destroy(kvspan_comm *comm)
{
    if (!comm) {
        return;
    }
    kvspan_watch_end(comm);
    if (comm->device_backend.destroy) {
        comm->device_backend.destroy(comm->device_backend.context);
    }
    comm->transport.destroy(comm->transport.context);
    if (!comm->keeps_agree) {
        free(comm->agree);
    }
    free(comm);
}

uint32_t kvspan_comm_rank(const kvspan_comm *comm)
{
    return comm ? comm->transport.rank : 0;
}

uint32_t kvspan_comm_rank_count(const kvspan_comm *comm)
{
    return comm ? comm->transport.rank_count : 0;
}

kvspan_status kvspan_comm_send(kvspan_comm *comm, kvspan_channel channel, uint32_t to,
                               const void *data, size_t bytes, kvspan_request *request_out,
                               kvspan_error *error)
{
    kvspan_error why = { 0 };

    if (comm->verdict.status == KVSPAN_OK &&
        kvspan_verb_send(comm, channel, to, data, bytes, request_out, &why) != KVSPAN_OK) {
        kvspan_comm_raise(comm, &why);
    }
    return kvspan_comm_verdict(comm, error);
}

kvspan_status kvspan_comm_receive(kvspan_comm *comm, kvspan_channel channel, uint32_t from,
                                  void *data, size_t bytes, kvspan_request *request_out,
                                  kvspan_error *error)
{
    kvspan_error why = { 0 };

    if (comm->verdict.status == KVSPAN_OK &&
        kvspan_verb_receive(comm, channel, from, data, bytes, request_out, &why) != KVSPAN_OK) {
        kvspan_comm_raise(comm, &why);
    }
    return kvspan_comm_verdict(comm, error);
}

kvspan_status kvspan_comm_test(kvspan_comm *comm, kvspan_request *request, bool *done_out,
                               kvspan_error *error)
{
    kvspan_error why = { 0 };

    if (comm->verdict.status == KVSPAN_OK &&
        kvspan_verb_test(comm, request, done_out, &why) != KVSPAN_OK) {
        kvspan_comm_raise(comm, &why);
    }
    return kvspan_comm_verdict(comm, error);
}

void kvspan_comm_cancel(kvspan_comm *comm, kvspan_request *request)
{
    if (request->handle &&
        comm->transport.cancel(comm->transport.context, request->handle) != KVSPAN_OK) {
        comm->abandoned++;
        request->is_abandoned = true;
    }
    request->handle = NULL;
}

void kvspan_comm_cancel_all(kvspan_comm *comm, kvspan_request *requests, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        kvspan_comm_cancel(comm, &requests[i]);
    }
}

void kvspan_comm_set_epoch(kvspan_comm *comm, uint64_t epoch)
{
    comm->epoch = epoch;
}

void kvspan_comm_set_debtors(kvspan_comm *comm, const uint32_t *ranks, uint32_t count)
{
    comm->debtors = ranks;
    comm->debtor_count = count;
}

void kvspan_comm_set_progress(kvspan_comm *comm, kvspan_progress progress, void *context)
{
    comm->progress = progress;
    comm->progress_context = context;
}

uint64_t kvspan_comm_sent_bytes(const kvspan_comm *comm, kvspan_channel channel)
{
    assert(channel < KVSPAN_CHANNEL_END);
    return comm->sent_bytes[channel];
}

uint64_t kvspan_comm_sent_messages(const kvspan_comm *comm, kvspan_channel channel)
{
    assert(channel < KVSPAN_CHANNEL_END);
    return comm->sent_messages[channel];
}

uint64_t kvspan_comm_abandoned(const kvspan_comm *comm)
{
    return comm->abandoned;
}

void kvspan_comm_settle(kvspan_comm *comm, const kvspan_error *agreed)
{
    assert(agreed->status != KVSPAN_OK);
    if (comm->verdict.status == KVSPAN_OK) {
        comm->verdict = *agreed;
    }
}

kvspan_status kvspan_comm_verdict(const kvspan_comm *comm, kvspan_error *error)
{
    if (comm->verdict.status != KVSPAN_OK && error) {
        *error = comm->verdict;
    }
    return comm->verdict.status;
}
