/** @file
 * What a communicator holds. Used within comm/ only.
 *
 * Invariants: peers are sorted by rank, without this rank; a peer's incoming is posted unless the
 * communicator is spent; at most one probe of a peer is unanswered; verdict.status is set once.
 */
#ifndef KVSPAN_COMM_STATE_H
#define KVSPAN_COMM_STATE_H

#include "comm/alarm_message.h"
#include "comm/comm.h"
#include "comm/device_comm.h"

/* An alarm on its way out. The transport may keep the bytes after a cancel. */
typedef struct kvspan_outgoing {
    kvspan_request request;
    unsigned char bytes[KVSPAN_ALARM_BYTES];
} kvspan_outgoing;

/* A rank that this one can probe. Steady time stands still while this rank does not poll, so that
 * its own stalls are not taken for another's silence. */
typedef struct kvspan_peer {
    uint32_t rank;
    uint64_t heard_epoch; /* the last known of it; 0 = none */
    uint64_t heard_at_ns; /* of its last alarm message */
    uint64_t probed_at_steady_ns;
    uint64_t answered_at_steady_ns;
    uint32_t probe_sequence; /* of the last probe; 0 = none yet */
    bool is_probe_unanswered;
    bool has_answered;
    bool owes_answer;         /* this rank owes the peer one */
    uint32_t answer_sequence; /* to the peer's probe of that number */
    kvspan_chain chain;       /* its last answer */
    kvspan_request incoming;
    unsigned char incoming_bytes[KVSPAN_ALARM_BYTES];
    kvspan_outgoing probe;
    kvspan_outgoing answer;
    kvspan_outgoing verdict;
} kvspan_peer;

/* The wait that is going on. */
typedef struct kvspan_wait {
    const kvspan_request *requests;
    uint32_t count;
    const kvspan_group *members; /* of a condition: waited for as if each owed a message; or NULL */
    kvspan_wait_kind kind;
    uint64_t start_ns;
    uint64_t deadline_ns;
    uint64_t start_steady_ns;
    bool is_overdue;
    uint64_t overdue_steady_ns; /* steady time at which that was noticed */
} kvspan_wait;

struct kvspan_comm {
    kvspan_transport transport;
    uint64_t epoch;
    uint32_t era;        /* how many have begun; see kvspan_comm_begin_era() */
    kvspan_peer **peers; /* [peer_count] */
    uint32_t peer_count;
    uint32_t peer_capacity;
    kvspan_wait *wait;       /* NULL outside kvspan_comm_wait() */
    const uint32_t *debtors; /* [debtor_count], the caller's */
    uint32_t debtor_count;
    kvspan_progress progress;
    void *progress_context;
    uint64_t steady_ns;
    uint64_t served_at_ns;
    uint64_t probed_at_steady_ns; /* when another rank last probed this one */
    bool was_probed;
    kvspan_error verdict; /* status KVSPAN_OK: none */
    uint64_t sent_bytes[KVSPAN_CHANNEL_END];
    uint64_t sent_messages[KVSPAN_CHANNEL_END];
    uint64_t abandoned;
    struct kvspan_agree_memory *agree;    /* of the small collectives */
    kvspan_device_backend device_backend; /* create NULL: none was put on it */
    bool keeps_agree;                     /* for the transport, which was in it when one failed */
};

/* The verbs, counted, whether the communicator is spent or not; they do not spend it. */
kvspan_status kvspan_verb_send(kvspan_comm *comm, kvspan_channel channel, uint32_t to,
                               const void *data, size_t bytes, kvspan_request *request_out,
                               kvspan_error *error);
kvspan_status kvspan_verb_receive(kvspan_comm *comm, kvspan_channel channel, uint32_t from,
                                  void *data, size_t bytes, kvspan_request *request_out,
                                  kvspan_error *error);
kvspan_status kvspan_verb_test(kvspan_comm *comm, kvspan_request *request, bool *done_out,
                               kvspan_error *error);

/* Ends all requests that are still open. */
void kvspan_comm_cancel_all(kvspan_comm *comm, kvspan_request *requests, uint32_t count);

#endif
