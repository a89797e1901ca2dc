#include "standin/nccl/group.h"

#include "standin/nccl/call.h"
#include "standin/nccl/launch.h"
#include "standin/nccl/report.h"

#include <stdlib.h>
#include <string.h>

typedef struct group {
    int depth;
    ncclResult_t failure; /* the first */
    size_t operation_count;
    nccl_operation *operations;
    size_t job_count;
    nccl_job **jobs;
} group;

/* nccl.h declares them without a prototype. */
ncclResult_t ncclGroupStart(void);
ncclResult_t ncclGroupEnd(void);

static _Thread_local group open_group;

static void *grow(void *array, size_t count, size_t item_bytes)
{
    void *grown = realloc(array, (count + 1) * item_bytes);

    if (!grown) {
        abort();
    }
    return grown;
}

ncclResult_t group_fail(ncclResult_t result)
{
    if (open_group.depth > 0 && open_group.failure == ncclSuccess) {
        open_group.failure = result;
    }
    return result;
}

ncclResult_t group_add_operation(const nccl_operation *added)
{
    group *self = &open_group;

    if (self->depth == 0) {
        const ncclResult_t result = launch_check(added, 1);

        return result == ncclSuccess ? launch(added, 1) : result;
    }
    added->comm->group_owner = thread_token();
    self->operations = grow(self->operations, self->operation_count, sizeof(self->operations[0]));
    self->operations[self->operation_count++] = *added;
    return ncclSuccess;
}

ncclResult_t group_add_job(nccl_job *job)
{
    group *self = &open_group;

    if (self->depth == 0) {
        return jobs_start(&job, 1);
    }
    self->jobs = grow(self->jobs, self->job_count, sizeof(nccl_job *));
    self->jobs[self->job_count++] = job;
    return ncclSuccess;
}

/* The communicators of a group stay, even if another thread aborts them meanwhile. */
static void users_set(const group *self, const void *user)
{
    for (size_t i = 0; i < self->operation_count; i++) {
        atomic_store(&self->operations[i].comm->user, user);
    }
}

static ncclResult_t group_check(const group *self)
{
    if (self->failure != ncclSuccess) {
        return self->failure;
    }
    if (self->operation_count != 0 && self->job_count != 0) {
        return report_misuse(ncclInvalidUsage, -1,
                             "a group has both operations and %s: they cannot be together",
                             self->jobs[0]->name);
    }
    return self->operation_count != 0 ? launch_check(self->operations, self->operation_count)
                                      : ncclSuccess;
}

/* Ends the group of this thread; launches what it has unless @p is_simulated. */
static ncclResult_t group_end(const char *function, bool is_simulated)
{
    group ended = open_group;
    ncclResult_t result;

    if (ended.depth == 0) {
        return report_misuse(ncclInvalidUsage, -1, "%s without ncclGroupStart", function);
    }
    open_group.depth--;
    if (open_group.depth > 0) {
        return ncclSuccess;
    }
    memset(&open_group, 0, sizeof(open_group));
    users_set(&ended, thread_token());
    for (size_t i = 0; i < ended.operation_count; i++) {
        ended.operations[i].comm->group_owner = NULL;
    }
    result = group_check(&ended);
    if (result != ncclSuccess || is_simulated) {
        for (size_t i = 0; i < ended.job_count; i++) {
            job_discard(ended.jobs[i], result);
        }
    } else if (ended.operation_count != 0) {
        result = launch(ended.operations, ended.operation_count);
    } else if (ended.job_count != 0) {
        result = jobs_start(ended.jobs, ended.job_count);
    }
    users_set(&ended, NULL);
    free(ended.operations);
    free(ended.jobs);
    return result;
}

ncclResult_t ncclGroupStart(void)
{
    const ncclResult_t result = call_begin("ncclGroupStart");

    if (result == ncclSuccess) {
        open_group.depth++;
    }
    return result;
}

ncclResult_t ncclGroupEnd(void)
{
    const ncclResult_t result = call_begin("ncclGroupEnd");

    if (result != ncclSuccess) {
        group_fail(result);
    }
    return group_end("ncclGroupEnd", false);
}

ncclResult_t ncclGroupSimulateEnd(ncclSimInfo_t *simInfo)
{
    ncclResult_t result = call_begin("ncclGroupSimulateEnd");

    if (result == ncclSuccess && (!simInfo || simInfo->magic != 0x74685283)) {
        result = report_misuse(ncclInvalidArgument, -1,
                               "ncclGroupSimulateEnd: simInfo is not initialised");
    }
    if (result != ncclSuccess) {
        group_fail(result);
    }
    result = group_end("ncclGroupSimulateEnd", true);
    if (result == ncclSuccess && simInfo) {
        simInfo->estimatedTime = 1.0f;
    }
    return result;
}
