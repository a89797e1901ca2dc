/** @file
 * Device memory by NCCL: what a backend holds. Used by the files nccl*.c alone.
 *
 * Everything is called by the thread of the cache, in one order. Communicators of our own are
 * nonblocking: after every call that may go on in the background its end is awaited, with a
 * deadline and serving the peers, before anything else is done with the communicator.
 */
#ifndef KVSPAN_COMM_NCCL_PARTS_H
#define KVSPAN_COMM_NCCL_PARTS_H

#include <nccl.h>

#include "comm/device_comm.h"

enum {
    KVSPAN_NCCL_MAX_ADOPTED = 8,
    KVSPAN_NCCL_AXIS_BYTES = 32,
    KVSPAN_NCCL_LOWEST = NCCL_VERSION(2, 18, 0),
    KVSPAN_NCCL_HAS_ARENA = NCCL_VERSION(2, 19, 3),   /* ncclMemAlloc, ncclCommRegister */
    KVSPAN_NCCL_HAS_WINDOWS = NCCL_VERSION(2, 28, 3), /* 2.27 has them, and loses memory */
    KVSPAN_NCCL_FINALIZE_MS = 2000,
    KVSPAN_NCCL_ABORT_MS = 5000
};

/* A communicator of the caller's. */
typedef struct kvspan_nccl_adopted {
    char axis[KVSPAN_NCCL_AXIS_BYTES]; /* "": of all ranks */
    ncclComm_t handle;
} kvspan_nccl_adopted;

/* On the kvspan_comm: what kvspan_comm_use_nccl() has said. */
typedef struct kvspan_nccl_context {
    int version; /* of the library that runs */
    kvspan_nccl_adopted adopted[KVSPAN_NCCL_MAX_ADOPTED];
    uint32_t adopted_count;
    uint32_t watchdog_ms; /* 0: none */
} kvspan_nccl_context;

typedef struct kvspan_nccl_watchdog kvspan_nccl_watchdog;

typedef struct kvspan_nccl_comm {
    kvspan_device_comm base;
    const kvspan_comm_services *services;
    const kvspan_nccl_context *context;
    ncclComm_t handle; /* NULL before prepare, and once given up; see kvspan_nccl_hold() */
    bool is_adopted;
    kvspan_group group; /* rank i of the communicator is group.ranks[i], unless by_rank */
    bool by_rank;       /* rank i of the communicator is rank i of the kvspan_comm */
    const char *call;   /* that began the last exchange */
    void *registration; /* of the arena: this, or a window where all ranks have one, or neither */
    void *window;       /* an ncclWindow_t, of a header that has it */
    bool is_arena_of_nccl;
    kvspan_nccl_watchdog *watchdog; /* NULL: none */
    ncclResult_t ended_for;         /* as far as the caller's thread knows */
} kvspan_nccl_comm;

/* A result that is neither success nor in progress: its status, text and number. */
kvspan_status kvspan_nccl_fail(kvspan_error *error, ncclResult_t result, const char *call);

/* Awaits the end of what a call has begun; result: what it returned. */
kvspan_status kvspan_nccl_settle(kvspan_nccl_comm *nccl, ncclResult_t result, const char *call,
                                 kvspan_error *error);

/* Makes or adopts the communicator of a group. Collective over the group. */
kvspan_status kvspan_nccl_connect(kvspan_nccl_comm *nccl, const kvspan_group *group,
                                  const char *axis, kvspan_error *error);

/* Ends it, unless it is the caller's: at once, or after what is still under way. Both take no
 * longer than ABORT_MS and FINALIZE_MS together. */
void kvspan_nccl_abort(kvspan_nccl_comm *nccl);
void kvspan_nccl_disconnect(kvspan_nccl_comm *nccl);

/* The arena, registered once with a communicator of our own. */
kvspan_status kvspan_nccl_take_arena(kvspan_device_comm *self, kvspan_error *error);
/* While the communicator is still good. */
void kvspan_nccl_unregister(kvspan_nccl_comm *nccl);
/* After the communicator has gone. */
void kvspan_nccl_give_arena(kvspan_nccl_comm *nccl);

/* A thread that ends the communicator on an error of NCCL's, or where exchanges take too long,
 * while the caller's own is elsewhere. It sends nothing: the caller's tells, when it comes. */
kvspan_status kvspan_nccl_watchdog_start(kvspan_nccl_comm *nccl, kvspan_error *error);
void kvspan_nccl_watchdog_stop(kvspan_nccl_comm *nccl);

/* From start to stop, all that the caller's thread does with the communicator is between these two.
 * NULL: it has been ended, by the watchdog if ended_for says why. */
ncclComm_t kvspan_nccl_hold(kvspan_nccl_comm *nccl);
void kvspan_nccl_release(kvspan_nccl_comm *nccl);
/* Between them: an exchange is on the stream. */
void kvspan_nccl_watchdog_issued(kvspan_nccl_comm *nccl, kvspan_stream stream);

/* Aborts a communicator, in bounded time. */
void kvspan_nccl_end(ncclComm_t handle);

/* Issues an exchange. */
kvspan_status kvspan_nccl_exchange(kvspan_device_comm *self, const kvspan_device_exchange *exchange,
                                   kvspan_stream stream, kvspan_error *error);

#endif
