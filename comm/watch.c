#include "comm/watch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The index of a rank among the peers, or where it belongs. */
static uint32_t peer_index(const kvspan_comm *comm, uint32_t rank)
{
    uint32_t first = 0;
    uint32_t end = comm->peer_count;

    while (first < end) {
        const uint32_t middle = first + (end - first) / 2;

        if (comm->peers[middle]->rank < rank) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

kvspan_peer *kvspan_watch_find(const kvspan_comm *comm, uint32_t rank)
{
    const uint32_t index = peer_index(comm, rank);

    return index < comm->peer_count && comm->peers[index]->rank == rank ? comm->peers[index] : NULL;
}

static kvspan_status grow(kvspan_comm *comm, kvspan_error *error)
{
    const uint32_t capacity = comm->peer_capacity ? comm->peer_capacity * 2 : 8;
    kvspan_peer **peers;

    if (comm->peer_count < comm->peer_capacity) {
        return KVSPAN_OK;
    }
    peers = realloc(comm->peers, capacity * sizeof(kvspan_peer *));
    if (!peers) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory to watch %u peers", capacity);
    }
    comm->peers = peers;
    comm->peer_capacity = capacity;
    return KVSPAN_OK;
}

static kvspan_status watch_rank(kvspan_comm *comm, uint32_t rank, kvspan_error *error)
{
    const uint32_t index = peer_index(comm, rank);
    kvspan_peer *peer;
    kvspan_status status;

    if (rank == comm->transport.rank || kvspan_watch_find(comm, rank)) {
        return KVSPAN_OK;
    }
    status = grow(comm, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    peer = calloc(1, sizeof(*peer));
    if (!peer) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory to watch rank %u", rank);
    }
    peer->rank = rank;
    status = kvspan_verb_receive(comm, KVSPAN_CHANNEL_ALARM, rank, peer->incoming_bytes,
                                 KVSPAN_ALARM_BYTES, &peer->incoming, error);
    if (status != KVSPAN_OK) {
        free(peer);
        return status;
    }
    memmove(comm->peers + index + 1, comm->peers + index,
            (comm->peer_count - index) * sizeof(kvspan_peer *));
    comm->peers[index] = peer;
    comm->peer_count++;
    return KVSPAN_OK;
}

kvspan_status kvspan_watch_neighbours(kvspan_comm *comm, kvspan_error *error)
{
    const uint64_t rank = comm->transport.rank;
    const uint64_t count = comm->transport.rank_count;
    kvspan_status status = KVSPAN_OK;

    for (uint64_t distance = 1; distance < count && status == KVSPAN_OK; distance *= 2) {
        status = watch_rank(comm, (uint32_t)((rank + distance) % count), error);
        if (status == KVSPAN_OK) {
            status = watch_rank(comm, (uint32_t)((rank + count - distance) % count), error);
        }
    }
    return status;
}

kvspan_status kvspan_comm_watch(kvspan_comm *comm, const kvspan_group *group, kvspan_error *error)
{
    kvspan_status status = kvspan_comm_verdict(comm, error);

    for (uint32_t i = 0; i < group->count && status == KVSPAN_OK; i++) {
        assert(group->ranks[i] < comm->transport.rank_count);
        status = watch_rank(comm, group->ranks[i], error);
    }
    return status;
}

void kvspan_comm_heard(kvspan_comm *comm, uint32_t rank, uint64_t epoch)
{
    kvspan_peer *peer = kvspan_watch_find(comm, rank);

    if (peer && peer->heard_epoch < epoch) {
        peer->heard_epoch = epoch;
    }
}

void kvspan_watch_end(kvspan_comm *comm)
{
    for (uint32_t i = 0; i < comm->peer_count; i++) {
        kvspan_peer *peer = comm->peers[i];
        const uint64_t abandoned = comm->abandoned;

        kvspan_comm_cancel(comm, &peer->incoming);
        kvspan_comm_cancel(comm, &peer->probe.request);
        kvspan_comm_cancel(comm, &peer->answer.request);
        kvspan_comm_cancel(comm, &peer->verdict.request);
        if (comm->abandoned == abandoned) {
            free(peer);
        }
    }
    free(comm->peers);
    comm->peers = NULL;
    comm->peer_count = 0;
}
