/** @file
 * Peers: how bytes get from rank to rank. Everything kvspan sends is built on five point-to-point
 * verbs, so any transport that has them will do.
 */
#ifndef KVSPAN_COMM_H
#define KVSPAN_COMM_H

#include <kvspan/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The five verbs a transport gives. Messages between two ranks with one tag, in [1, 32767], arrive
 * in the order sent. No verb may block. Each is called by the one thread that owns the
 * communicator.
 */
typedef struct kvspan_transport {
    size_t size;         /**< sizeof(kvspan_transport) as the caller compiled it */
    uint32_t rank;       /**< this rank, in [0, rank_count) */
    uint32_t rank_count; /**< ranks, equal on all of them, at least 1 */
    void *context;       /**< handed to every verb */
    /** Starts a send. @p data must stay as it is until the request is done or cancelled. A NULL
     * request says that the send is finished already (the transport has copied the bytes). */
    kvspan_status (*send)(void *context, uint32_t to, uint32_t tag, const void *data, size_t bytes,
                          void **request_out);
    /** Starts a receive of at most @p bytes; a shorter message leaves the rest as it is, a longer
     * one is TRANSPORT at its test. A NULL request: finished already. */
    kvspan_status (*receive)(void *context, uint32_t from, uint32_t tag, void *data, size_t bytes,
                             void **request_out);
    /** Sets *done_out to 1 once finished, and gives the request back to the transport then. A
     * failure gives it back, too. */
    kvspan_status (*test)(void *context, void *request, uint32_t *done_out);
    /** Ends an unfinished request. OK: the memory is the caller's again. TIMEOUT: the transport
     * may still read it, or write it, so it must live as long as the process (a send to a dead
     * rank). */
    kvspan_status (*cancel)(void *context, void *request);
    /** Frees the transport. Never waits. Called once, by kvspan_comm_destroy(). */
    void (*destroy)(void *context);
} kvspan_transport;

/**
 * Makes a communicator of the caller's transport. On success it owns transport->context.
 *
 * Not collective.
 *
 * @param transport  copied; every verb is required
 * @param[out] comm_out  freed with kvspan_comm_destroy()
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT, KVSPAN_ERR_UNSUPPORTED (a newer struct),
 *         KVSPAN_ERR_MEMORY, KVSPAN_ERR_TRANSPORT
 */
KVSPAN_API kvspan_status kvspan_comm_create(const kvspan_transport *transport,
                                            kvspan_comm **comm_out, kvspan_error *error);

/**
 * Frees a communicator. Never waits and sends nothing; pending receives are cancelled. The cache
 * that uses it must be destroyed first.
 *
 * Not collective.
 *
 * @param comm  may be NULL
 */
KVSPAN_API void kvspan_comm_destroy(kvspan_comm *comm);

/**
 * Tells which rank this is.
 *
 * Not collective.
 *
 * @param comm  a live communicator
 * @return this rank, in [0, kvspan_comm_rank_count())
 */
KVSPAN_API uint32_t kvspan_comm_rank(const kvspan_comm *comm);

/**
 * Tells how many ranks there are.
 *
 * Not collective.
 *
 * @param comm  a live communicator
 * @return ranks, at least 1
 */
KVSPAN_API uint32_t kvspan_comm_rank_count(const kvspan_comm *comm);

/**
 * Gathers equally long records of all ranks on all ranks, in rank order. For the control plane of
 * callers (reports, settings), not for bulk data. A failure is final: every later call on the
 * communicator, and on the cache that uses it, answers the same.
 *
 * Collective over all ranks of @p comm.
 *
 * @param comm  a live communicator
 * @param mine  [bytes] this rank's record
 * @param bytes  length of a record, equal on all ranks, at least 1
 * @param[out] all_out  [rank][bytes], the caller's; written only on success
 * @param timeout_ms  how long to wait for the slowest rank
 * @param[out] error  may be NULL; names the rank that was late or failed
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT, KVSPAN_ERR_MEMORY, KVSPAN_ERR_LATE, KVSPAN_ERR_PEER,
 *         KVSPAN_ERR_TRANSPORT
 */
KVSPAN_API kvspan_status kvspan_comm_all_gather(kvspan_comm *comm, const void *mine, size_t bytes,
                                                void *all_out, uint32_t timeout_ms,
                                                kvspan_error *error);

/** Ranks as threads of this process: what their communicators share. */
typedef struct kvspan_local_hub kvspan_local_hub;

/**
 * Makes the meeting place of @p rank_count ranks that are threads of this process.
 *
 * Not collective: one thread makes it for all.
 *
 * @param rank_count  in [1, 4096]
 * @param[out] hub_out  freed with kvspan_local_hub_destroy()
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT, KVSPAN_ERR_MEMORY
 */
KVSPAN_API kvspan_status kvspan_local_hub_create(uint32_t rank_count, kvspan_local_hub **hub_out,
                                                 kvspan_error *error);

/**
 * Frees a hub, after the communicators made from it.
 *
 * Not collective.
 *
 * @param hub  may be NULL
 */
KVSPAN_API void kvspan_local_hub_destroy(kvspan_local_hub *hub);

/**
 * Makes the communicator of one rank of a hub. Each rank's is used by one thread.
 *
 * Not collective.
 *
 * @param hub  outlives the communicator
 * @param rank  in [0, rank_count of the hub)
 * @param[out] comm_out  freed with kvspan_comm_destroy()
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (no such rank, or it has a communicator already);
 *         KVSPAN_ERR_MEMORY
 */
KVSPAN_API kvspan_status kvspan_comm_create_local(kvspan_local_hub *hub, uint32_t rank,
                                                  kvspan_comm **comm_out, kvspan_error *error);

#ifdef __cplusplus
}
#endif

#endif
