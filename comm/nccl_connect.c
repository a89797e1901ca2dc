#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm/clock.h"
#include "comm/nccl_parts.h"

/* ---- waiting -------------------------------------------------------------------------------- */

typedef struct settling {
    kvspan_nccl_comm *nccl;
    const char *call;
    kvspan_condition condition;
} settling;

/* A lost peer ends the patience with the group's members: the wait finds out which it is. */
static kvspan_status test_state(void *context, bool *done_out, kvspan_error *error)
{
    settling *const it = context;
    const ncclComm_t handle = kvspan_nccl_hold(it->nccl);
    ncclResult_t state = it->nccl->ended_for;
    const ncclResult_t result = handle ? ncclCommGetAsyncError(handle, &state) : ncclSuccess;

    kvspan_nccl_release(it->nccl);
    if (result != ncclSuccess) {
        return kvspan_nccl_fail(error, result, "ncclCommGetAsyncError");
    }
    if (state == ncclRemoteError) {
        it->nccl->base.is_peer_lost = true;
        it->condition.late_ns = 1;
        return KVSPAN_OK;
    }
    *done_out = state == ncclSuccess;
    return state == ncclSuccess || state == ncclInProgress
               ? KVSPAN_OK
               : kvspan_nccl_fail(error, state, it->call);
}

kvspan_status kvspan_nccl_settle(kvspan_nccl_comm *nccl, ncclResult_t result, const char *call,
                                 kvspan_error *error)
{
    const uint32_t timeout_ms = nccl->base.timeout_ms;
    settling it = { .nccl = nccl, .call = call };
    kvspan_status status;

    if (result == ncclSuccess) {
        return KVSPAN_OK;
    }
    if (result != ncclInProgress && result != ncclRemoteError) {
        return kvspan_nccl_fail(error, result, call);
    }
    it.condition = (kvspan_condition){ .test = test_state,
                                       .context = &it,
                                       .members = &nccl->group,
                                       .late_ns = kvspan_clock_deadline_ns(timeout_ms) };
    status = nccl->services->await(nccl->base.comm, &it.condition, timeout_ms, error);
    return status == KVSPAN_ERR_TIMEOUT
               ? kvspan_fail(error, KVSPAN_ERR_NCCL, "%s has not ended within %u ms", call,
                             timeout_ms)
               : status;
}

/* ---- agreeing ------------------------------------------------------------------------------- */

/* The calls that a rank makes alone. */
typedef enum record_call {
    CALL_COUNT,
    CALL_USER_RANK,
    CALL_UNIQUE_ID,
    CALL_END
} record_call;

static const char *call_name(int32_t call)
{
    static const char *const names[CALL_END] = { "ncclCommCount", "ncclCommUserRank",
                                                 "ncclGetUniqueId" };

    return call >= 0 && call < CALL_END ? names[call] : "NCCL";
}

/* What a rank brings to the making of a communicator. Fixed width: it travels. */
typedef struct record {
    int32_t status;     /* kvspan_status: of what this rank did alone */
    int32_t native;     /* ncclResult_t of it */
    int32_t call;       /* record_call: which it was */
    int32_t version;    /* of NCCL */
    int32_t is_adopted; /* a communicator of the caller's is to be used */
    int32_t rank_count; /* of that */
    int32_t rank;
    int32_t wanted_rank_count;
    int32_t wanted_rank;
    ncclUniqueId id; /* by the first member */
} record;

static const kvspan_nccl_adopted *find_adopted(const kvspan_nccl_context *context, const char *axis)
{
    const kvspan_nccl_adopted *found = NULL;

    for (uint32_t i = 0; i < context->adopted_count; i++) {
        const kvspan_nccl_adopted *const entry = &context->adopted[i];

        if (axis && strcmp(entry->axis, axis) == 0) {
            return entry;
        }
        found = entry->axis[0] == '\0' ? entry : found;
    }
    return found;
}

static void note(record *mine, record_call call, ncclResult_t result)
{
    if (result != ncclSuccess && mine->status == KVSPAN_OK) {
        mine->status = KVSPAN_ERR_NCCL;
        mine->native = (int32_t)result;
        mine->call = (int32_t)call;
    }
}

static record make_record(const kvspan_nccl_comm *nccl, const kvspan_group *group,
                          const kvspan_nccl_adopted *adopted)
{
    const bool by_rank = adopted && adopted->axis[0] == '\0';
    record mine = { .version = nccl->context->version,
                    .is_adopted = adopted != NULL,
                    .wanted_rank_count = (int32_t)group->count,
                    .wanted_rank = (int32_t)group->member };
    int rank_count = 0;
    int rank = 0;

    if (by_rank) {
        mine.wanted_rank_count = (int32_t)kvspan_comm_rank_count(nccl->base.comm);
        mine.wanted_rank = (int32_t)kvspan_comm_rank(nccl->base.comm);
    }
    if (adopted) {
        note(&mine, CALL_COUNT, ncclCommCount(adopted->handle, &rank_count));
        note(&mine, CALL_USER_RANK, ncclCommUserRank(adopted->handle, &rank));
        mine.rank_count = rank_count;
        mine.rank = rank;
    } else if (group->member == 0) {
        note(&mine, CALL_UNIQUE_ID, ncclGetUniqueId(&mine.id));
    }
    return mine;
}

static kvspan_status check_record(const record *it, const record *first, uint32_t rank,
                                  uint32_t first_rank, kvspan_error *error)
{
    if (it->status != KVSPAN_OK) {
        (void)kvspan_fail_rank(error, (kvspan_status)it->status, rank, 0, "%s on rank %u: %s",
                               call_name(it->call), rank,
                               ncclGetErrorString((ncclResult_t)it->native));
        if (error) {
            error->native = it->native;
        }
        return (kvspan_status)it->status;
    }
    if (it->version != first->version) {
        return kvspan_fail_rank(error, KVSPAN_ERR_MISMATCH, rank, 0,
                                "NCCL is of version %d on rank %u and of %d on rank %u",
                                it->version, rank, first->version, first_rank);
    }
    if (it->is_adopted != first->is_adopted) {
        return kvspan_fail_rank(error, KVSPAN_ERR_MISMATCH, rank, 0,
                                "a communicator is adopted on rank %u but not on rank %u",
                                it->is_adopted ? rank : first_rank,
                                it->is_adopted ? first_rank : rank);
    }
    if (it->is_adopted &&
        (it->rank_count != it->wanted_rank_count || it->rank != it->wanted_rank)) {
        return kvspan_fail_rank(error, KVSPAN_ERR_ARGUMENT, rank, 0,
                                "the adopted communicator has rank %d of %d on rank %u, %d of %d "
                                "is needed",
                                it->rank, it->rank_count, rank, it->wanted_rank,
                                it->wanted_rank_count);
    }
    return KVSPAN_OK;
}

/* Every member sees the same records, so all come to the same end. The second gather is the barrier
 * behind the id: until every rank has it, none may wait inside NCCL. */
static kvspan_status agree(kvspan_nccl_comm *nccl, const kvspan_group *group, const record *mine,
                           ncclUniqueId *id_out, kvspan_error *error)
{
    record *const all = calloc(group->count, sizeof(*all));
    unsigned char *const barrier = calloc(group->count, 1);
    record absent = *mine;
    record only = *mine;
    kvspan_status status;

    absent.status = KVSPAN_ERR_MEMORY;
    status =
        nccl->services->all_gather(nccl->base.comm, group, all && barrier ? mine : &absent,
                                   sizeof(*mine), all ? all : &only, nccl->base.timeout_ms, error);
    for (uint32_t i = 0; all && status == KVSPAN_OK && i < group->count; i++) {
        status = check_record(&all[i], &all[0], group->ranks[i], group->ranks[0], error);
    }
    if (all && barrier && status == KVSPAN_OK) {
        *id_out = all[0].id;
        status = nccl->services->all_gather(nccl->base.comm, group, "b", 1, barrier,
                                            nccl->base.timeout_ms, error);
    }
    free(barrier);
    free(all);
    return status;
}

/* ---- making --------------------------------------------------------------------------------- */

static kvspan_status make(kvspan_nccl_comm *nccl, const kvspan_group *group, const char *axis,
                          ncclUniqueId id, kvspan_error *error)
{
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclResult_t result;
    char name[64];

    (void)snprintf(name, sizeof(name), "kvspan/%s/%u", axis ? axis : "mesh", group->ranks[0]);
    config.blocking = 0;
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 27, 0)
    config.commName = name;
#endif
    result =
        ncclCommInitRankConfig(&nccl->handle, (int)group->count, id, (int)group->member, &config);
    return kvspan_nccl_settle(nccl, result, "ncclCommInitRankConfig", error);
}

kvspan_status kvspan_nccl_connect(kvspan_nccl_comm *nccl, const kvspan_group *group,
                                  const char *axis, kvspan_error *error)
{
    const kvspan_nccl_adopted *const adopted = find_adopted(nccl->context, axis);
    const record mine = make_record(nccl, group, adopted);
    ncclUniqueId id = mine.id;
    kvspan_status status = agree(nccl, group, &mine, &id, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    nccl->group = *group;
    if (adopted) {
        nccl->handle = adopted->handle;
        nccl->is_adopted = true;
        nccl->by_rank = adopted->axis[0] == '\0';
        return KVSPAN_OK;
    }
    status = make(nccl, group, axis, id, error);
    nccl->base.fails_alone = status != KVSPAN_OK;
    return status;
}

/* ---- ending --------------------------------------------------------------------------------- */

/* An abort that hangs, as aborts have been seen to, is left to its thread. */
typedef struct abort_call {
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    ncclComm_t handle;
    bool has_ended;
    bool is_left; /* the caller is gone: the thread frees this */
} abort_call;

static void free_call(abort_call *call)
{
    (void)pthread_cond_destroy(&call->ended);
    (void)pthread_mutex_destroy(&call->mutex);
    free(call);
}

static void *run_abort(void *argument)
{
    abort_call *const call = argument;
    bool is_left;

    (void)ncclCommAbort(call->handle);
    (void)pthread_mutex_lock(&call->mutex);
    call->has_ended = true;
    is_left = call->is_left;
    (void)pthread_cond_signal(&call->ended);
    (void)pthread_mutex_unlock(&call->mutex);
    if (is_left) {
        free_call(call);
    }
    return NULL;
}

static bool start_abort(abort_call *call)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, run_abort, call) != 0) {
        return false;
    }
    (void)pthread_detach(thread);
    return true;
}

static struct timespec time_limit(uint32_t ms)
{
    struct timespec limit = { 0 };

    (void)clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += ms / 1000;
    limit.tv_nsec += (long)(ms % 1000) * KVSPAN_NS_PER_MS;
    if (limit.tv_nsec >= 1000000000L) {
        limit.tv_sec++;
        limit.tv_nsec -= 1000000000L;
    }
    return limit;
}

static void await_abort(abort_call *call)
{
    const struct timespec limit = time_limit(KVSPAN_NCCL_ABORT_MS);
    bool has_ended;
    int result = 0;

    (void)pthread_mutex_lock(&call->mutex);
    while (!call->has_ended && result == 0) {
        result = pthread_cond_timedwait(&call->ended, &call->mutex, &limit);
    }
    has_ended = call->has_ended;
    call->is_left = !has_ended;
    (void)pthread_mutex_unlock(&call->mutex);
    if (has_ended) {
        free_call(call);
    }
}

void kvspan_nccl_end(ncclComm_t handle)
{
    abort_call *const call = calloc(1, sizeof(*call));

    if (!call) {
        (void)ncclCommAbort(handle);
        return;
    }
    (void)pthread_mutex_init(&call->mutex, NULL);
    (void)pthread_cond_init(&call->ended, NULL);
    call->handle = handle;
    if (start_abort(call)) {
        await_abort(call);
    } else {
        (void)ncclCommAbort(handle);
        free_call(call);
    }
}

void kvspan_nccl_abort(kvspan_nccl_comm *nccl)
{
    ncclComm_t handle;

    kvspan_nccl_watchdog_stop(nccl);
    handle = nccl->handle;
    nccl->handle = NULL;
    if (handle && !nccl->is_adopted) {
        kvspan_nccl_end(handle);
    }
}

static bool has_settled(ncclComm_t handle, ncclResult_t result)
{
    const uint64_t deadline_ns = kvspan_clock_deadline_ns(KVSPAN_NCCL_FINALIZE_MS);
    ncclResult_t state = result;

    while (state == ncclInProgress && kvspan_clock_ns() < deadline_ns) {
        if (ncclCommGetAsyncError(handle, &state) != ncclSuccess) {
            return false;
        }
        (void)nanosleep(&(const struct timespec){ .tv_nsec = 20000 }, NULL);
    }
    return state == ncclSuccess;
}

void kvspan_nccl_disconnect(kvspan_nccl_comm *nccl)
{
    ncclComm_t handle;

    kvspan_nccl_watchdog_stop(nccl);
    handle = nccl->handle;
    if (!handle || nccl->is_adopted) {
        return;
    }
    kvspan_nccl_unregister(nccl);
    /* Peers may still need what is on its way from here. */
    if (has_settled(handle, ncclCommFinalize(handle))) {
        nccl->handle = NULL;
        (void)ncclCommDestroy(handle);
        return;
    }
    kvspan_nccl_abort(nccl);
}
