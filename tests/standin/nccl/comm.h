/** @file
 * Communicators: what a handle stands for, which calls it may take now, and the jobs that make a
 * nonblocking one be in progress.
 *
 * One lock guards all communicators of the process; it is not held while anything waits or while
 * work is put on a stream. A handle is remembered until the process ends, so that its use after
 * destroy or abort is seen.
 */
#ifndef KVSPAN_STANDIN_NCCL_COMM_H
#define KVSPAN_STANDIN_NCCL_COMM_H

#include "standin/nccl/segment.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum comm_life {
    COMM_LIVES,
    COMM_DESTROYED,
    COMM_ABORTED
} comm_life;

typedef struct registration {
    struct registration *next;
    uint64_t number; /* of a window; 0: ncclCommRegister */
    char *base;
    size_t bytes;
    int flags;
} registration;

/* Something that takes long: until it is done its communicators are in progress. */
typedef struct nccl_job {
    const char *name; /* the function that began it */
    /* Never waits. True once it is over, with its result. */
    bool (*advance)(struct nccl_job *job, ncclResult_t *result_out);
    void (*release)(void *context); /* may be NULL */
    void *context;
    struct ncclComm **comms;
    size_t comm_count;
    uint32_t polls_left; /* for which it is in progress whatever advance would say */
    bool is_running;     /* some thread is inside advance */
} nccl_job;

struct ncclComm {
    struct ncclComm *next;
    nccl_seat *seat; /* NULL while it has none: a split that is not over, a failed init */
    int rank;
    int rank_count;
    int device;
    bool is_blocking;
    comm_life life;
    bool is_ready;      /* initialised */
    bool is_finalizing; /* ncclCommFinalize was called */
    bool is_finalized;
    bool is_revoked;
    ncclResult_t result;
    nccl_job *job;
    uint64_t collectives; /* launched */
    uint64_t splits;      /* begun */
    uint64_t shrinks;
    uint64_t windows;
    registration *registrations;
    uint64_t random;
    _Atomic(const void *) user; /* the thread that is in a call with it */
    const void *group_owner;    /* the thread whose open group has operations on it */
};

void comms_lock(void);
void comms_unlock(void);

/* What stands for the calling thread. */
const void *thread_token(void);

ncclComm_t comm_create(int rank, int rank_count, int device, bool is_blocking);

/* A handle came to nothing. */
void comm_undo(ncclComm_t comm);

/* The first or next living communicator. Under the lock. */
ncclComm_t comm_next_alive(ncclComm_t previous);

/* Whether a handle is a living communicator; says what else it is. Under the lock. */
ncclResult_t comm_check(ncclComm_t comm, const char *function);

typedef enum comm_use {
    COMM_USE_QUERY,    /* any initialised communicator */
    COMM_USE_MANAGE,   /* destroy, split and the like: also a revoked one */
    COMM_USE_RECOVER,  /* revoke, shrink with abort: also one with an asynchronous error */
    COMM_USE_OPERATION /* the thread's device has to be the communicator's */
} comm_use;

/* Begins a call: the communicator is alive, not in progress, without error, and no other thread is
 * using it. comm_leave() ends it if this returns ncclSuccess. */
ncclResult_t comm_enter(ncclComm_t comm, const char *function, comm_use use);
void comm_leave(ncclComm_t comm);

/* How often the communicator will say that it is in progress before it looks: seeded. */
uint32_t comm_draw_polls(ncclComm_t comm);
/* Whether a nonblocking operation is in progress at all this time. */
bool comm_draw_in_progress(ncclComm_t comm);

nccl_job *job_create(const char *name, bool (*advance)(nccl_job *, ncclResult_t *),
                     void (*release)(void *context), void *context);
void job_add_comm(nccl_job *job, ncclComm_t comm);

/* Runs jobs whose communicators are blocking until all are over or one fails or the deadline has
 * come; makes the communicators of others be in progress. Not under the lock. */
ncclResult_t jobs_start(nccl_job *const *jobs, size_t job_count);

/* Ends a job that was not started. */
void job_discard(nccl_job *job, ncclResult_t result);

/* ncclCommGetAsyncError, and ncclCommAbort's part in it: waits until no thread runs the job, then
 * takes the communicator out of it. Under the lock. */
void comm_poll(ncclComm_t comm);
void comm_drop_job(ncclComm_t comm);

#endif
