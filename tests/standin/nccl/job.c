#include "standin/nccl/comm.h"

#include "standin/nccl/clock.h"
#include "standin/nccl/report.h"
#include "standin/nccl/settings.h"

#include <stdlib.h>

nccl_job *job_create(const char *name, bool (*advance)(nccl_job *, ncclResult_t *),
                     void (*release)(void *context), void *context)
{
    nccl_job *self = calloc(1, sizeof(*self));

    if (!self) {
        abort();
    }
    self->name = name;
    self->advance = advance;
    self->release = release;
    self->context = context;
    return self;
}

void job_add_comm(nccl_job *job, ncclComm_t comm)
{
    ncclComm_t *comms;

    for (size_t i = 0; i < job->comm_count; i++) {
        if (job->comms[i] == comm) {
            return;
        }
    }
    comms = realloc(job->comms, (job->comm_count + 1) * sizeof(ncclComm_t));
    if (!comms) {
        abort();
    }
    comms[job->comm_count++] = comm;
    job->comms = comms;
}

static void job_destroy(nccl_job *self)
{
    if (self->release) {
        self->release(self->context);
    }
    free(self->comms);
    free(self);
}

/* Under the lock. Only failure and success of the whole communicator stay with it. */
static void job_end(nccl_job *self, ncclResult_t result)
{
    for (size_t i = 0; i < self->comm_count; i++) {
        self->comms[i]->job = NULL;
        self->comms[i]->result = result;
    }
    job_destroy(self);
}

void job_discard(nccl_job *self, ncclResult_t result)
{
    comms_lock();
    job_end(self, result);
    comms_unlock();
}

static bool is_blocking(const nccl_job *self)
{
    return self->comm_count == 0 || self->comms[0]->is_blocking;
}

static bool is_stopped(const nccl_job *self)
{
    for (size_t i = 0; i < self->comm_count; i++) {
        if (self->comms[i]->life == COMM_ABORTED) {
            return true;
        }
    }
    return false;
}

/* Takes a blocking job further; true once it is over, after the deadline too. */
static bool job_run(nccl_job *self, uint64_t begin_ms, ncclResult_t *result_out)
{
    if (is_stopped(self)) {
        *result_out = ncclInternalError;
        return true;
    }
    if (self->advance(self, result_out)) {
        return true;
    }
    if (clock_now_ms() - begin_ms < settings_get()->deadline_ms) {
        return false;
    }
    report(self->comm_count ? self->comms[0]->rank : -1,
           "%s waits for more than %llu ms: not all ranks have called it", self->name,
           (unsigned long long)settings_get()->deadline_ms);
    *result_out = ncclSystemError;
    return true;
}

/* Takes all jobs of one thread further by turns: they may wait for each other. */
static ncclResult_t jobs_run(nccl_job **jobs, size_t job_count)
{
    const uint64_t begin_ms = clock_now_ms();
    ncclResult_t first_failure = ncclSuccess;
    size_t left = job_count;

    while (left != 0) {
        for (size_t i = 0; i < job_count; i++) {
            ncclResult_t result = ncclSuccess;

            if (!jobs[i] || !job_run(jobs[i], begin_ms, &result)) {
                continue;
            }
            first_failure = first_failure == ncclSuccess ? result : first_failure;
            job_discard(jobs[i], result);
            jobs[i] = NULL;
            left--;
        }
        if (left != 0) {
            clock_nap();
        }
    }
    return first_failure;
}

/* Makes a job's communicators be in progress. */
static void job_leave_running(nccl_job *self)
{
    comms_lock();
    self->polls_left = comm_draw_polls(self->comms[0]);
    for (size_t i = 0; i < self->comm_count; i++) {
        if (self->comms[i]->job) {
            report_unimplemented("more than one job on a nonblocking communicator in a group");
        }
        self->comms[i]->job = self;
        self->comms[i]->result = ncclInProgress;
    }
    comms_unlock();
}

ncclResult_t jobs_start(nccl_job *const *jobs, size_t job_count)
{
    nccl_job **blocking = calloc(job_count + 1, sizeof(nccl_job *));
    size_t blocking_count = 0;
    ncclResult_t result;

    if (!blocking) {
        abort();
    }
    for (size_t i = 0; i < job_count; i++) {
        if (is_blocking(jobs[i])) {
            blocking[blocking_count++] = jobs[i];
        } else {
            job_leave_running(jobs[i]);
        }
    }
    result = jobs_run(blocking, blocking_count);
    free(blocking);
    if (result == ncclSuccess && blocking_count < job_count) {
        return ncclInProgress;
    }
    return result;
}

void comm_poll(ncclComm_t comm)
{
    nccl_job *job = comm->job;
    ncclResult_t result = ncclSuccess;
    bool is_over;

    if (!job || job->is_running) {
        return;
    }
    if (job->polls_left > 0) {
        job->polls_left--;
        return;
    }
    job->is_running = true;
    comms_unlock();
    is_over = job->advance(job, &result);
    comms_lock();
    job->is_running = false;
    if (is_over) {
        job_end(job, result);
    }
}

void comm_drop_job(ncclComm_t comm)
{
    nccl_job *job;
    size_t kept = 0;

    while (comm->job && comm->job->is_running) {
        comms_unlock();
        clock_nap();
        comms_lock();
    }
    job = comm->job;
    if (!job) {
        return;
    }
    /* The others of the job cannot have what they were promised. */
    comm->job = NULL;
    for (size_t i = 0; i < job->comm_count; i++) {
        if (job->comms[i] != comm) {
            job->comms[kept++] = job->comms[i];
        }
    }
    job->comm_count = kept;
    job_end(job, ncclInternalError);
}
