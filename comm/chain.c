#include "comm/chain.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "comm/clock.h"
#include "comm/watch.h"

/* How long a probe may stay unanswered, and how far past the deadline each kind of end is believed:
 * the better known, the sooner. A false cycle from old answers dissolves in less. */
static const uint64_t silence_ns = (uint64_t)250 * KVSPAN_NS_PER_MS;
static const uint64_t patience_ns[KVSPAN_CHAIN_KIND_END] = {
    [KVSPAN_CHAIN_UNKNOWN] = (uint64_t)1500 * KVSPAN_NS_PER_MS,
    [KVSPAN_CHAIN_CYCLE] = (uint64_t)750 * KVSPAN_NS_PER_MS,
    [KVSPAN_CHAIN_AWAKE] = (uint64_t)250 * KVSPAN_NS_PER_MS,
    [KVSPAN_CHAIN_SILENT] = (uint64_t)250 * KVSPAN_NS_PER_MS,
};

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint32_t elapsed_ms(uint64_t since_ns, uint64_t now_ns)
{
    return now_ns > since_ns ? (uint32_t)((now_ns - since_ns) / KVSPAN_NS_PER_MS) : 0;
}

/* The chain that comes back: this rank, then the first path_count ranks of a peer's path. */
static kvspan_chain cycle_of(uint32_t rank, const kvspan_chain *through, uint32_t path_count)
{
    kvspan_chain chain = { .kind = KVSPAN_CHAIN_CYCLE, .end_rank = rank };
    const uint32_t kept =
        path_count < KVSPAN_CHAIN_MAX_PATH ? path_count : KVSPAN_CHAIN_MAX_PATH - 1;

    chain.path[0] = rank;
    memcpy(chain.path + 1, through->path, kept * sizeof(uint32_t));
    chain.path_count = kept + 1;
    return chain;
}

/* A peer's chain with this rank before it. */
static kvspan_chain lengthen(uint32_t rank, const kvspan_chain *through)
{
    kvspan_chain chain = *through;
    uint32_t kept = through->path_count;

    for (uint32_t i = 0; i < through->path_count; i++) {
        if (through->path[i] == rank) {
            return cycle_of(rank, through, i);
        }
    }
    if (through->end_rank == rank && through->kind > KVSPAN_CHAIN_CYCLE) {
        return cycle_of(rank, through, through->path_count); /* they wait for this rank, rightly */
    }
    if (kept == KVSPAN_CHAIN_MAX_PATH) {
        kept--;
        if (chain.kind == KVSPAN_CHAIN_CYCLE) {
            chain.kind = KVSPAN_CHAIN_UNKNOWN; /* part of it is cut off: too long to name */
        }
    }
    chain.path[0] = rank;
    memcpy(chain.path + 1, through->path, kept * sizeof(uint32_t));
    chain.path_count = kept + 1;
    chain.cycle_start = chain.kind == KVSPAN_CHAIN_CYCLE ? through->cycle_start + 1 : 0;
    return chain;
}

/* The chain along one edge: this rank waits for that one. */
static kvspan_chain chain_through(const kvspan_comm *comm, uint32_t rank, uint64_t now_ns)
{
    const kvspan_peer *peer = kvspan_watch_find(comm, rank);
    const kvspan_wait *wait = comm->wait;
    kvspan_chain chain = { .kind = KVSPAN_CHAIN_UNKNOWN,
                           .end_rank = rank,
                           .path_count = 2,
                           .path = { comm->transport.rank, rank } };

    if (!peer) {
        chain.silent_ms = elapsed_ms(wait->start_ns, now_ns);
        return chain;
    }
    chain.end_epoch = peer->heard_epoch;
    chain.silent_ms = elapsed_ms(later(wait->start_ns, peer->heard_at_ns), now_ns);
    if (peer->is_probe_unanswered &&
        comm->steady_ns - later(peer->probed_at_steady_ns, wait->start_steady_ns) >= silence_ns) {
        chain.kind = KVSPAN_CHAIN_SILENT;
        chain.path_count = 1;
        return chain;
    }
    if (peer->has_answered && peer->answered_at_steady_ns >= wait->start_steady_ns) {
        return lengthen(comm->transport.rank, &peer->chain);
    }
    return chain;
}

static bool is_better(const kvspan_chain *chain, const kvspan_chain *than)
{
    return chain->kind != than->kind
               ? chain->kind > than->kind
               : chain->kind == KVSPAN_CHAIN_SILENT && chain->silent_ms > than->silent_ms;
}

static uint32_t member_count(const kvspan_wait *wait)
{
    return wait->members ? wait->members->count : 0;
}

uint32_t kvspan_chain_edge_count(const kvspan_comm *comm)
{
    return comm->wait ? comm->wait->count + comm->debtor_count + member_count(comm->wait) : 0;
}

bool kvspan_chain_edge(const kvspan_comm *comm, uint32_t edge, uint32_t *rank_out)
{
    const kvspan_wait *wait = comm->wait;
    const uint32_t owing = wait->count + comm->debtor_count;

    if (edge >= owing) {
        assert(wait->members);
        *rank_out = wait->members->ranks[edge - owing];
        return *rank_out != comm->transport.rank;
    }
    if (edge >= wait->count) {
        *rank_out = comm->debtors[edge - wait->count];
        return true;
    }
    *rank_out = wait->requests[edge].peer;
    return wait->requests[edge].handle != NULL;
}

kvspan_chain kvspan_chain_of(const kvspan_comm *comm, uint64_t now_ns)
{
    kvspan_chain best = { .kind = KVSPAN_CHAIN_AWAKE,
                          .end_rank = comm->transport.rank,
                          .end_epoch = comm->epoch,
                          .path_count = 1,
                          .path = { comm->transport.rank } };
    bool is_first = true;

    for (uint32_t i = 0; i < kvspan_chain_edge_count(comm); i++) {
        uint32_t rank = 0;

        if (kvspan_chain_edge(comm, i, &rank)) {
            const kvspan_chain chain = chain_through(comm, rank, now_ns);

            if (is_first || is_better(&chain, &best)) {
                best = chain;
            }
            is_first = false;
        }
    }
    return best;
}

static void blame_silent(const kvspan_comm *comm, const kvspan_chain *chain, kvspan_error *why)
{
    if (chain->end_epoch == 0) {
        (void)kvspan_fail_rank(why, KVSPAN_ERR_LATE, chain->end_rank, 0,
                               "rank %u is late: silent for %u ms, never heard of while epoch "
                               "%" PRIu64 " waits for it",
                               chain->end_rank, chain->silent_ms, comm->epoch);
        return;
    }
    (void)kvspan_fail_rank(why, KVSPAN_ERR_LATE, chain->end_rank, chain->end_epoch,
                           "rank %u is late: silent for %u ms, last heard of in epoch %" PRIu64
                           " while epoch %" PRIu64 " waits for it",
                           chain->end_rank, chain->silent_ms, chain->end_epoch, comm->epoch);
}

static void blame_cycle(const kvspan_comm *comm, const kvspan_chain *chain, kvspan_error *why)
{
    char ranks[160] = "";
    size_t length = 0;
    uint32_t lowest = chain->path[chain->cycle_start];

    for (uint32_t i = chain->cycle_start; i < chain->path_count; i++) {
        const int added = snprintf(ranks + length, sizeof(ranks) - length, "%s%u",
                                   i == chain->cycle_start ? "" : ", ", chain->path[i]);

        if (added > 0 && (size_t)added < sizeof(ranks) - length) {
            length += (size_t)added;
        }
        if (chain->path[i] < lowest) {
            lowest = chain->path[i];
        }
    }
    ranks[length] = '\0';
    (void)kvspan_fail_rank(why, KVSPAN_ERR_LATE, lowest, comm->epoch,
                           "ranks %s wait for each other in a circle, in epoch %" PRIu64, ranks,
                           comm->epoch);
}

static void blame(const kvspan_comm *comm, const kvspan_chain *chain, kvspan_error *why)
{
    switch (chain->kind) {
    case KVSPAN_CHAIN_SILENT: blame_silent(comm, chain, why); return;
    case KVSPAN_CHAIN_CYCLE: blame_cycle(comm, chain, why); return;
    case KVSPAN_CHAIN_AWAKE:
        (void)kvspan_fail_rank(why, KVSPAN_ERR_LATE, chain->end_rank, chain->end_epoch,
                               "rank %u is late: it answers in epoch %" PRIu64
                               " but takes no part while epoch %" PRIu64 " waits for it",
                               chain->end_rank, chain->end_epoch, comm->epoch);
        return;
    default:
        (void)kvspan_fail_rank(why, KVSPAN_ERR_LATE, chain->end_rank, chain->end_epoch,
                               "rank %u is late: nothing came from it for %u ms; whether it waits "
                               "for another rank is not known",
                               chain->end_rank, chain->silent_ms);
        return;
    }
}

bool kvspan_chain_conclude(kvspan_comm *comm, uint64_t now_ns, kvspan_error *why_out)
{
    kvspan_wait *wait = comm->wait;
    kvspan_chain chain;

    assert(wait);
    if (wait->kind != KVSPAN_WAIT_STEP || now_ns < wait->deadline_ns) {
        return false;
    }
    if (!wait->is_overdue) {
        wait->is_overdue = true;
        wait->overdue_steady_ns = comm->steady_ns;
    }
    chain = kvspan_chain_of(comm, now_ns);
    if (comm->steady_ns - wait->overdue_steady_ns < patience_ns[chain.kind]) {
        return false;
    }
    blame(comm, &chain, why_out);
    return true;
}
