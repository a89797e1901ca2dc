#include "comm/nccl_parts.h"

/* The communicator's number of a member of a group of ours. A part of the communicator's own group
 * keeps its order, but may begin anywhere. */
static int peer_of(const kvspan_nccl_comm *nccl, const kvspan_group *group, uint32_t member)
{
    const uint32_t rank = group->ranks[member];
    uint32_t peer = 0;

    if (nccl->by_rank) {
        return (int)rank;
    }
    while (peer < nccl->group.count && nccl->group.ranks[peer] != rank) {
        peer++;
    }
    return (int)peer;
}

/* NCCL's own all-gather is for all ranks of the communicator, and parts of one size side by side.
 */
static bool is_plain_gather(const kvspan_nccl_comm *nccl, const kvspan_device_exchange *it)
{
    const uint32_t rank_count =
        nccl->by_rank ? kvspan_comm_rank_count(nccl->base.comm) : nccl->group.count;
    bool is_plain = !it->send && it->group.count == rank_count;

    for (uint32_t i = 0; is_plain && i < it->group.count; i++) {
        is_plain = it->receive_counts[i] == it->receive_counts[0] &&
                   it->receive_offsets[i] == i * it->receive_counts[0] &&
                   peer_of(nccl, &it->group, i) == (int)i;
    }
    return is_plain && it->receive_counts[0] > 0;
}

/* What a call of NCCL's has said. */
typedef struct answer {
    const char *call;
    ncclResult_t result;
} answer;

static answer gather(const kvspan_nccl_comm *nccl, const kvspan_device_exchange *it,
                     kvspan_stream stream)
{
    return (answer){ "ncclAllGather",
                     ncclAllGather(it->receive + it->receive_offsets[it->group.member], it->receive,
                                   (size_t)it->receive_counts[0], ncclUint8, nccl->handle,
                                   (cudaStream_t)stream) };
}

/* What is still going on is no failure, inside a group. */
static bool has_failed(answer it)
{
    return it.result != ncclSuccess && it.result != ncclInProgress;
}

static answer send_to(const kvspan_nccl_comm *nccl, const kvspan_device_exchange *it,
                      uint32_t member, kvspan_stream stream)
{
    const uint32_t mine = it->group.member;
    const unsigned char *const data =
        it->send ? it->send + it->send_offsets[member] : it->receive + it->receive_offsets[mine];
    const uint64_t bytes = it->send ? it->send_counts[member] : it->receive_counts[mine];

    return (answer){ "ncclSend", bytes == 0 ? ncclSuccess
                                            : ncclSend(data, (size_t)bytes, ncclUint8,
                                                       peer_of(nccl, &it->group, member),
                                                       nccl->handle, (cudaStream_t)stream) };
}

static answer receive_from(const kvspan_nccl_comm *nccl, const kvspan_device_exchange *it,
                           uint32_t member, kvspan_stream stream)
{
    const uint64_t bytes = it->receive_counts[member];

    return (answer){ "ncclRecv",
                     bytes == 0 ? ncclSuccess
                                : ncclRecv(it->receive + it->receive_offsets[member], (size_t)bytes,
                                           ncclUint8, peer_of(nccl, &it->group, member),
                                           nccl->handle, (cudaStream_t)stream) };
}

/* Pairs at growing distance, so that not all begin with the same member. A group that has begun is
 * ended, whatever happens in it; the first failure is told. */
static answer send_and_receive(const kvspan_nccl_comm *nccl, const kvspan_device_exchange *it,
                               kvspan_stream stream)
{
    const uint32_t count = it->group.count;
    const uint32_t member = it->group.member;
    answer first = { "ncclGroupStart", ncclGroupStart() };
    answer end = { .call = "ncclGroupEnd" };

    if (has_failed(first)) {
        return first;
    }
    for (uint32_t i = 1; !has_failed(first) && i < count; i++) {
        const uint64_t target = ((uint64_t)member + i) % count;
        const uint64_t source = ((uint64_t)member + count - i) % count;

        first = send_to(nccl, it, (uint32_t)target, stream);
        if (!has_failed(first)) {
            first = receive_from(nccl, it, (uint32_t)source, stream);
        }
    }
    end.result = ncclGroupEnd();
    return has_failed(first) ? first : end;
}

static bool has_others(const kvspan_device_exchange *it)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < it->group.count; i++) {
        bytes += i != it->group.member ? it->receive_counts[i] : 0;
        bytes += it->send && i != it->group.member ? it->send_counts[i] : 0;
        bytes += !it->send && it->group.count > 1 ? it->receive_counts[it->group.member] : 0;
    }
    return bytes > 0;
}

kvspan_status kvspan_nccl_exchange(kvspan_device_comm *self, const kvspan_device_exchange *exchange,
                                   kvspan_stream stream, kvspan_error *error)
{
    kvspan_nccl_comm *const nccl = (kvspan_nccl_comm *)(void *)self;
    const uint32_t member = exchange->group.member;
    const bool is_plain = is_plain_gather(nccl, exchange);
    bool has_handle;
    kvspan_status status = KVSPAN_OK;
    answer said;

    if (exchange->send && exchange->send_counts[member] > 0) {
        status = self->verbs.copy(self->verbs.device,
                                  exchange->receive + exchange->receive_offsets[member],
                                  exchange->send + exchange->send_offsets[member],
                                  exchange->send_counts[member], stream, error);
    }
    if (status != KVSPAN_OK || !has_others(exchange)) {
        return status;
    }
    has_handle = kvspan_nccl_hold(nccl) != NULL;
    if (has_handle) {
        said = is_plain ? gather(nccl, exchange, stream) : send_and_receive(nccl, exchange, stream);
        nccl->call = said.call;
        kvspan_nccl_watchdog_issued(nccl, stream);
    } else {
        said = (answer){ "ncclCommGetAsyncError", nccl->ended_for };
    }
    kvspan_nccl_release(nccl);
    return has_handle || has_failed(said)
               ? kvspan_nccl_settle(nccl, said.result, said.call, error)
               : kvspan_fail(error, KVSPAN_ERR_NCCL, "there is no communicator any more");
}
