#include "comm/alarm.h"

#include <assert.h>
#include <string.h>

#include "comm/chain.h"
#include "comm/clock.h"
#include "comm/watch.h"

enum {
    MESSAGES_PER_SERVE = 4 /* of one peer */
};

static const uint64_t probe_interval_ns = (uint64_t)20 * KVSPAN_NS_PER_MS;
static const uint64_t probed_for_ns = (uint64_t)200 * KVSPAN_NS_PER_MS;
static const uint64_t longest_tick_ns = (uint64_t)50 * KVSPAN_NS_PER_MS;

static bool is_sent(kvspan_comm *comm, kvspan_outgoing *outgoing)
{
    bool done = false;

    return kvspan_verb_test(comm, &outgoing->request, &done, NULL) == KVSPAN_OK && done;
}

/* A failure to send an alarm is no failure of its own: the chain then stays unknown and the wait
 * still ends. */
static bool send_alarm(kvspan_comm *comm, const kvspan_peer *peer, kvspan_outgoing *outgoing,
                       const kvspan_alarm_message *message)
{
    if (!is_sent(comm, outgoing)) {
        return false;
    }
    kvspan_alarm_encode(message, outgoing->bytes);
    return kvspan_verb_send(comm, KVSPAN_CHANNEL_ALARM, peer->rank, outgoing->bytes,
                            KVSPAN_ALARM_BYTES, &outgoing->request, NULL) == KVSPAN_OK;
}

/* from: whose verdict it is and who needs no copy, or this rank. */
static void spend(kvspan_comm *comm, const kvspan_error *verdict, const kvspan_error *for_peers,
                  uint32_t from)
{
    const kvspan_alarm_message message = { .kind = KVSPAN_ALARM_VERDICT,
                                           .epoch = for_peers->epoch,
                                           .error = *for_peers };

    assert(comm->verdict.status == KVSPAN_OK);
    assert(verdict->status != KVSPAN_OK);
    comm->verdict = *verdict;
    for (uint32_t i = 0; i < comm->peer_count; i++) {
        if (comm->peers[i]->rank != from) {
            (void)send_alarm(comm, comm->peers[i], &comm->peers[i]->verdict, &message);
        }
    }
}

void kvspan_comm_raise(kvspan_comm *comm, const kvspan_error *why)
{
    kvspan_error mine = *why;
    kvspan_error for_peers;

    assert(why->status != KVSPAN_OK);
    if (comm->verdict.status != KVSPAN_OK) {
        return;
    }
    if (mine.epoch == 0 && mine.status != KVSPAN_ERR_LATE) {
        mine.epoch = comm->epoch;
    }
    for_peers = mine;
    if (mine.status != KVSPAN_ERR_LATE && mine.status != KVSPAN_ERR_PEER) {
        for_peers.status = KVSPAN_ERR_PEER;
        for_peers.rank = (int32_t)comm->transport.rank;
    }
    if (for_peers.rank < 0 || (uint32_t)for_peers.rank >= comm->transport.rank_count) {
        for_peers.rank = (int32_t)comm->transport.rank;
    }
    if (mine.rank < 0) {
        mine.rank = for_peers.rank;
    }
    spend(comm, &mine, &for_peers, comm->transport.rank);
}

static void take_message(kvspan_comm *comm, kvspan_peer *peer, const kvspan_alarm_message *message,
                         uint64_t now_ns)
{
    peer->heard_at_ns = now_ns;
    if (message->kind == KVSPAN_ALARM_VERDICT) {
        spend(comm, &message->error, &message->error, peer->rank);
        return;
    }
    kvspan_comm_heard(comm, peer->rank, message->epoch);
    if (message->kind == KVSPAN_ALARM_PROBE) {
        peer->owes_answer = true;
        peer->answer_sequence = message->sequence;
        comm->was_probed = true;
        comm->probed_at_steady_ns = comm->steady_ns;
        return;
    }
    if (peer->is_probe_unanswered && message->sequence == peer->probe_sequence &&
        message->chain.path[0] == peer->rank) {
        peer->is_probe_unanswered = false;
        peer->has_answered = true;
        peer->answered_at_steady_ns = comm->steady_ns;
        peer->chain = message->chain;
    }
}

static kvspan_status receive_from(kvspan_comm *comm, kvspan_peer *peer, uint64_t now_ns,
                                  kvspan_error *error)
{
    for (uint32_t i = 0; i < MESSAGES_PER_SERVE && comm->verdict.status == KVSPAN_OK; i++) {
        kvspan_alarm_message message;
        bool done = false;
        kvspan_status status = kvspan_verb_test(comm, &peer->incoming, &done, error);

        if (status != KVSPAN_OK || !done) {
            return status;
        }
        if (kvspan_alarm_decode(peer->incoming_bytes, comm->transport.rank_count, &message)) {
            take_message(comm, peer, &message, now_ns);
        }
        /* A short message leaves the rest of the bytes: it must not find an old alarm there. */
        memset(peer->incoming_bytes, 0, KVSPAN_ALARM_BYTES);
        status = kvspan_verb_receive(comm, KVSPAN_CHANNEL_ALARM, peer->rank, peer->incoming_bytes,
                                     KVSPAN_ALARM_BYTES, &peer->incoming, error);
        if (status != KVSPAN_OK) {
            return status;
        }
    }
    return KVSPAN_OK;
}

static void answer(kvspan_comm *comm, kvspan_peer *peer, uint64_t now_ns)
{
    const kvspan_alarm_message message = { .kind = KVSPAN_ALARM_ANSWER,
                                           .epoch = comm->epoch,
                                           .sequence = peer->answer_sequence,
                                           .chain = kvspan_chain_of(comm, now_ns) };

    if (send_alarm(comm, peer, &peer->answer, &message)) {
        peer->owes_answer = false;
    }
}

static void probe(kvspan_comm *comm, kvspan_peer *peer)
{
    const kvspan_alarm_message message = { .kind = KVSPAN_ALARM_PROBE,
                                           .epoch = comm->epoch,
                                           .sequence = peer->probe_sequence + 1 };
    const bool is_due = peer->probe_sequence == 0 ||
                        comm->steady_ns - peer->probed_at_steady_ns >= probe_interval_ns;

    if (!peer->is_probe_unanswered && is_due && send_alarm(comm, peer, &peer->probe, &message)) {
        peer->probe_sequence++;
        peer->is_probe_unanswered = true;
        peer->probed_at_steady_ns = comm->steady_ns;
    }
}

static void probe_awaited(kvspan_comm *comm, uint64_t now_ns)
{
    const kvspan_wait *wait = comm->wait;
    const bool is_overdue = wait->kind == KVSPAN_WAIT_STEP && now_ns >= wait->deadline_ns;
    const bool is_asked =
        comm->was_probed && comm->steady_ns - comm->probed_at_steady_ns < probed_for_ns;

    if (!is_overdue && !is_asked) {
        return;
    }
    for (uint32_t i = 0; i < kvspan_chain_edge_count(comm); i++) {
        uint32_t rank = 0;
        kvspan_peer *peer =
            kvspan_chain_edge(comm, i, &rank) ? kvspan_watch_find(comm, rank) : NULL;

        if (peer) {
            probe(comm, peer);
        }
    }
}

static void tick(kvspan_comm *comm, uint64_t now_ns)
{
    const uint64_t passed_ns = now_ns - comm->served_at_ns;

    comm->steady_ns += passed_ns < longest_tick_ns ? passed_ns : longest_tick_ns;
    comm->served_at_ns = now_ns;
}

kvspan_status kvspan_alarm_serve(kvspan_comm *comm, uint64_t now_ns, kvspan_error *error)
{
    kvspan_error why = { 0 };

    tick(comm, now_ns);
    for (uint32_t i = 0; i < comm->peer_count && comm->verdict.status == KVSPAN_OK; i++) {
        if (receive_from(comm, comm->peers[i], now_ns, &why) != KVSPAN_OK) {
            kvspan_comm_raise(comm, &why);
        }
    }
    if (comm->verdict.status != KVSPAN_OK) {
        return kvspan_comm_verdict(comm, error);
    }
    if (comm->wait) {
        probe_awaited(comm, now_ns);
    }
    for (uint32_t i = 0; i < comm->peer_count; i++) {
        if (comm->peers[i]->owes_answer) {
            answer(comm, comm->peers[i], now_ns);
        }
    }
    if (comm->wait && kvspan_chain_conclude(comm, now_ns, &why)) {
        kvspan_comm_raise(comm, &why);
    }
    return kvspan_comm_verdict(comm, error);
}

void kvspan_alarm_begin_wait(kvspan_comm *comm, kvspan_wait *wait)
{
    assert(!comm->wait);
    wait->start_steady_ns = comm->steady_ns;
    comm->wait = wait;
}

void kvspan_alarm_end_wait(kvspan_comm *comm)
{
    comm->wait = NULL;
}
