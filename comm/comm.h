/** @file
 * Messages between ranks, with deadlines. Everything stands on the five verbs of kvspan_transport.
 *
 * Channels keep kinds of traffic apart; within a channel messages between two ranks keep their
 * order. Sends and receives are requests; kvspan_comm_wait() polls them, serves the alarm channel
 * meanwhile, and on a missed deadline names the rank at the end of the wait-for chain.
 */
#ifndef KVSPAN_COMM_COMM_H
#define KVSPAN_COMM_COMM_H

#include <stdbool.h>

#include <kvspan/comm.h>

typedef enum kvspan_channel {
    KVSPAN_CHANNEL_STEP = 1, /* step messages, down the tree */
    KVSPAN_CHANNEL_ACK,      /* acknowledgements, up the tree */
    KVSPAN_CHANNEL_EXCHANGE, /* attention results */
    KVSPAN_CHANNEL_AGREE,    /* create, reports: small collectives */
    KVSPAN_CHANNEL_ALARM,    /* probes, answers, verdicts */
    KVSPAN_CHANNEL_END
} kvspan_channel;

/* One message under way. Plain data: the caller provides the memory. */
typedef struct kvspan_request {
    void *handle; /* of the transport; NULL = done or never started */
    uint32_t peer;
    uint32_t channel;
    bool is_receive;
    bool is_abandoned; /* the transport has kept its memory: see kvspan_comm_cancel() */
} kvspan_request;

/* Some ranks of the communicator in a fixed order, and this rank's place among them. */
typedef struct kvspan_group {
    const uint32_t *ranks; /* [count], the owner's memory; outlives every use */
    uint32_t count;
    uint32_t member; /* ranks[member] is this rank */
} kvspan_group;

/* Called on every poll of every wait: serves what must go on meanwhile (acknowledgements). Must not
 * wait. A failure ends the wait with that status. */
typedef kvspan_status (*kvspan_progress)(void *context, kvspan_error *error);

kvspan_status kvspan_comm_send(kvspan_comm *comm, kvspan_channel channel, uint32_t to,
                               const void *data, size_t bytes, kvspan_request *request_out,
                               kvspan_error *error);
kvspan_status kvspan_comm_receive(kvspan_comm *comm, kvspan_channel channel, uint32_t from,
                                  void *data, size_t bytes, kvspan_request *request_out,
                                  kvspan_error *error);

/* Begins another cache's traffic: step messages, acknowledgements and exchanges that one before it
 * has left under way do not come to it. All ranks call it equally often. */
void kvspan_comm_begin_era(kvspan_comm *comm);

/* Tests one request without waiting; done requests get handle NULL. A request whose handle is NULL
 * is done. */
kvspan_status kvspan_comm_test(kvspan_comm *comm, kvspan_request *request, bool *done_out,
                               kvspan_error *error);

/* Ends a request that nobody waits for any more. If the transport cannot, it may go on to read or
 * write the request's memory, which must then never be freed: is_abandoned says so, and
 * kvspan_comm_abandoned() counts. */
void kvspan_comm_cancel(kvspan_comm *comm, kvspan_request *request);

typedef enum kvspan_wait_kind {
    KVSPAN_WAIT_STEP, /* inside a step: a missed deadline is LATE, the communicator is spent */
    KVSPAN_WAIT_IDLE  /* for something that need not come: TIMEOUT, requests stay as they are */
} kvspan_wait_kind;

/* Waits until all requests are done. LATE and PEER name the rank (of the communicator) and the
 * epoch in error and spend the communicator: every later call answers with the same verdict. So do
 * a verb or a progress that fails, on this rank with their own status. Whatever ends the wait but
 * TIMEOUT also ends the requests, as kvspan_comm_cancel() does. timeout_ms 0: an idle wait polls
 * once; inside a step the deadline has passed already, and the rank that is late is looked for.
 * LATE comes at most 1.5 s behind the deadline. */
kvspan_status kvspan_comm_wait(kvspan_comm *comm, kvspan_request *requests, uint32_t count,
                               kvspan_wait_kind kind, uint32_t timeout_ms, kvspan_error *error);

/* Something that comes true without a message of this library: work on a device. */
typedef struct kvspan_condition {
    kvspan_status (*test)(void *context, bool *done_out, kvspan_error *error); /* must not wait */
    void *context;
    const kvspan_group *members; /* without whom it may never come true; NULL: this rank alone */
    uint64_t late_ns; /* of the clock: from then on one of the members is late; 0 = never. Read
                       * again after each test */
} kvspan_condition;

/* Waits until the condition is true, as kvspan_comm_wait() waits for requests. TIMEOUT: not yet,
 * nothing is lost. LATE and PEER as there. From late_ns on the member that is late is looked for,
 * if need be up to 1.5 s beyond timeout_ms. What test fails with is returned and spends nothing. */
kvspan_status kvspan_comm_await(kvspan_comm *comm, const kvspan_condition *condition,
                                uint32_t timeout_ms, kvspan_error *error);

/* One poll of everything that goes on beside a wait: alarm channel, progress. */
kvspan_status kvspan_comm_poll(kvspan_comm *comm, kvspan_error *error);

/* Gives a failure that happened on this rank to all watched peers, so that their waits end with
 * PEER (or LATE, if that is what it is) and this text. Spends the communicator. Sends only, never
 * waits. */
void kvspan_comm_raise(kvspan_comm *comm, const kvspan_error *why);

/* Spends the communicator by a failure that its ranks have heard from an agreement: unlike
 * kvspan_comm_raise() it tells nobody, since an alarm could overtake the agreement. */
void kvspan_comm_settle(kvspan_comm *comm, const kvspan_error *agreed);

/* The epoch that probes and verdicts report; set when a step begins. */
void kvspan_comm_set_epoch(kvspan_comm *comm, uint64_t epoch);

/* Notes that `rank` was heard of in `epoch`; alarms name the last one. */
void kvspan_comm_heard(kvspan_comm *comm, uint32_t rank, uint64_t epoch);

/* One at a time; NULL ends it. */
void kvspan_comm_set_progress(kvspan_comm *comm, kvspan_progress progress, void *context);

/* Ranks that this one owes its own answers to: whoever waits for this rank, in a wait of any kind,
 * waits for them too (a parent in a tree passes on what its children have said). ranks: [count],
 * the caller's memory until the next call. */
void kvspan_comm_set_debtors(kvspan_comm *comm, const uint32_t *ranks, uint32_t count);

/* Peers that may come to wait for this rank or it for them: they can probe each other. Ranks at
 * distance ±2^k and both tree neighbours are watched from create on; this adds group members. */
kvspan_status kvspan_comm_watch(kvspan_comm *comm, const kvspan_group *group, kvspan_error *error);

/* Counted where messages are handed to the transport. */
uint64_t kvspan_comm_sent_bytes(const kvspan_comm *comm, kvspan_channel channel);
uint64_t kvspan_comm_sent_messages(const kvspan_comm *comm, kvspan_channel channel);
uint64_t kvspan_comm_abandoned(const kvspan_comm *comm);

/* The verdict that spent the communicator, KVSPAN_OK if none did. */
kvspan_status kvspan_comm_verdict(const kvspan_comm *comm, kvspan_error *error);

#endif
