#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "comm/clock.h"
#include "comm/nccl_parts.h"

enum {
    NAP_MS = 10
};

/* The mutex guards all members behind it, the communicator's handle, and every call of NCCL that is
 * made with it once the thread runs. */
struct kvspan_nccl_watchdog {
    kvspan_nccl_comm *nccl;
    uint32_t timeout_ms;
    pthread_t thread;
    pthread_mutex_t mutex;
    bool is_stopping;
    bool is_pending;        /* exchanges were issued that have not been seen done */
    ncclResult_t ended_for; /* why it has ended the communicator, else ncclSuccess */
    kvspan_stream stream;
    uint64_t issued_ns; /* the last of them */
};

static ncclResult_t find_error(const kvspan_nccl_comm *nccl)
{
    ncclResult_t state = ncclSuccess;
    const ncclResult_t result = ncclCommGetAsyncError(nccl->handle, &state);

    if (result != ncclSuccess) {
        return result;
    }
    return state == ncclInProgress ? ncclSuccess : state;
}

/* The stream has nothing but exchanges. A failure of the device is for the caller's thread. */
static bool is_late(kvspan_nccl_watchdog *watchdog)
{
    const kvspan_device_verbs *const verbs = &watchdog->nccl->base.verbs;
    int is_done = 0;

    if (!watchdog->is_pending) {
        return false;
    }
    if (verbs->query(verbs->device, watchdog->stream, &is_done, NULL) == KVSPAN_OK && is_done) {
        watchdog->is_pending = false;
        return false;
    }
    return kvspan_clock_ns() >=
           watchdog->issued_ns + (uint64_t)watchdog->timeout_ms * KVSPAN_NS_PER_MS;
}

/* One look. False: there is nothing left to look after. */
static bool look(kvspan_nccl_watchdog *watchdog)
{
    kvspan_nccl_comm *const nccl = watchdog->nccl;
    ncclComm_t ending = NULL;
    bool goes_on;

    (void)pthread_mutex_lock(&watchdog->mutex);
    if (!watchdog->is_stopping && nccl->handle) {
        watchdog->ended_for = find_error(nccl);
        if (watchdog->ended_for == ncclSuccess && is_late(watchdog)) {
            watchdog->ended_for = ncclRemoteError; /* whoever it is */
        }
        if (watchdog->ended_for != ncclSuccess) {
            ending = nccl->handle;
            nccl->handle = NULL;
        }
    }
    goes_on = !watchdog->is_stopping && nccl->handle;
    (void)pthread_mutex_unlock(&watchdog->mutex);
    if (ending) {
        kvspan_nccl_end(ending);
    }
    return goes_on;
}

static void *run(void *argument)
{
    while (look(argument)) {
        (void)nanosleep(&(const struct timespec){ .tv_nsec = (long)NAP_MS * KVSPAN_NS_PER_MS },
                        NULL);
    }
    return NULL;
}

kvspan_status kvspan_nccl_watchdog_start(kvspan_nccl_comm *nccl, kvspan_error *error)
{
    const uint32_t timeout_ms = nccl->context->watchdog_ms;
    kvspan_nccl_watchdog *watchdog;

    if (timeout_ms == 0 || !nccl->handle || nccl->is_adopted) {
        return KVSPAN_OK;
    }
    watchdog = calloc(1, sizeof(*watchdog));
    if (!watchdog) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a watchdog");
    }
    watchdog->nccl = nccl;
    watchdog->timeout_ms = timeout_ms;
    (void)pthread_mutex_init(&watchdog->mutex, NULL);
    if (pthread_create(&watchdog->thread, NULL, run, watchdog) != 0) {
        (void)pthread_mutex_destroy(&watchdog->mutex);
        free(watchdog);
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no thread for a watchdog");
    }
    nccl->watchdog = watchdog;
    return KVSPAN_OK;
}

void kvspan_nccl_watchdog_stop(kvspan_nccl_comm *nccl)
{
    kvspan_nccl_watchdog *const watchdog = nccl->watchdog;

    if (!watchdog) {
        return;
    }
    (void)pthread_mutex_lock(&watchdog->mutex);
    watchdog->is_stopping = true;
    (void)pthread_mutex_unlock(&watchdog->mutex);
    (void)pthread_join(watchdog->thread, NULL);
    (void)pthread_mutex_destroy(&watchdog->mutex);
    free(watchdog);
    nccl->watchdog = NULL;
}

ncclComm_t kvspan_nccl_hold(kvspan_nccl_comm *nccl)
{
    kvspan_nccl_watchdog *const watchdog = nccl->watchdog;

    if (watchdog) {
        (void)pthread_mutex_lock(&watchdog->mutex);
        nccl->ended_for = watchdog->ended_for;
    }
    return nccl->handle;
}

void kvspan_nccl_release(kvspan_nccl_comm *nccl)
{
    if (nccl->watchdog) {
        (void)pthread_mutex_unlock(&nccl->watchdog->mutex);
    }
}

void kvspan_nccl_watchdog_issued(kvspan_nccl_comm *nccl, kvspan_stream stream)
{
    kvspan_nccl_watchdog *const watchdog = nccl->watchdog;

    if (watchdog) {
        watchdog->is_pending = true;
        watchdog->stream = stream;
        watchdog->issued_ns = kvspan_clock_ns();
    }
}
