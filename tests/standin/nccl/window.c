/* Registered buffers, windows, and memory that can be in windows. */
#include "standin/nccl/call.h"
#include "standin/nccl/comm.h"
#include "standin/nccl/group.h"
#include "standin/nccl/report.h"

#include "standin/cudart/device_work.h"

#include <cuda_runtime_api.h>
#include <stdlib.h>

/* Memory of ncclMemAlloc. */
typedef struct allocation {
    struct allocation *next;
    char *base; /* aligned, the caller's */
    void *allocated;
    size_t bytes;
} allocation;

static allocation *allocations; /* under the communicators' lock */

static size_t round_up(size_t bytes)
{
    return (bytes + NCCL_WIN_REQUIRED_ALIGNMENT - 1) / NCCL_WIN_REQUIRED_ALIGNMENT *
           NCCL_WIN_REQUIRED_ALIGNMENT;
}

ncclResult_t ncclMemAlloc(void **ptr, size_t size)
{
    ncclResult_t result = call_begin("ncclMemAlloc");
    const size_t bytes = round_up(size);
    allocation *made;

    if (result != ncclSuccess) {
        return result;
    }
    if (!ptr || size == 0) {
        return report_misuse(ncclInvalidArgument, -1, "ncclMemAlloc: %zu bytes", size);
    }
    made = calloc(1, sizeof(*made));
    if (!made || cudaMalloc(&made->allocated, bytes) != cudaSuccess) {
        free(made);
        return ncclUnhandledCudaError;
    }
    if ((uintptr_t)made->allocated % NCCL_WIN_REQUIRED_ALIGNMENT != 0) {
        cudaFree(made->allocated);
        if (cudaMalloc(&made->allocated, bytes + NCCL_WIN_REQUIRED_ALIGNMENT) != cudaSuccess) {
            free(made);
            return ncclUnhandledCudaError;
        }
    }
    made->base = (char *)round_up((size_t)made->allocated);
    made->bytes = bytes;
    comms_lock();
    made->next = allocations;
    allocations = made;
    comms_unlock();
    *ptr = made->base;
    return ncclSuccess;
}

/* A window or registered buffer that has bytes of an allocation. Under the lock. */
static ncclComm_t registrant_find(const allocation *memory)
{
    for (ncclComm_t comm = comm_next_alive(NULL); comm; comm = comm_next_alive(comm)) {
        for (const registration *now = comm->registrations; now; now = now->next) {
            if (now->base < memory->base + memory->bytes && memory->base < now->base + now->bytes) {
                return comm;
            }
        }
    }
    return NULL;
}

ncclResult_t ncclMemFree(void *ptr)
{
    ncclResult_t result = call_begin_giving_back("ncclMemFree");
    allocation **place = &allocations;
    allocation *found;
    ncclComm_t registrant;

    if (result != ncclSuccess || !ptr) {
        return call_end(result);
    }
    comms_lock();
    while (*place && (*place)->base != (char *)ptr) {
        place = &(*place)->next;
    }
    found = *place;
    registrant = found ? registrant_find(found) : NULL;
    if (!found) {
        result =
            report_misuse(ncclInvalidArgument, -1, "ncclMemFree: %p is not of ncclMemAlloc", ptr);
    } else if (registrant) {
        result = report_misuse(ncclInvalidUsage, registrant->rank,
                               "ncclMemFree: %p is still registered", ptr);
    } else {
        *place = found->next;
    }
    comms_unlock();
    if (found && !registrant) {
        result = cudaFree(found->allocated) == cudaSuccess ? ncclSuccess : ncclUnhandledCudaError;
        free(found);
    }
    return call_end(result);
}

static registration *registration_create(void *base, size_t bytes, uint64_t number, int flags)
{
    registration *self = calloc(1, sizeof(*self));

    if (!self) {
        abort();
    }
    self->base = base;
    self->bytes = bytes;
    self->number = number;
    self->flags = flags;
    return self;
}

static void registration_add(ncclComm_t comm, registration *added)
{
    comms_lock();
    added->next = comm->registrations;
    comm->registrations = added;
    comms_unlock();
}

static ncclResult_t registration_remove(ncclComm_t comm, const void *handle, bool is_window,
                                        const char *function)
{
    registration **place = &comm->registrations;
    registration *found;

    comms_lock();
    while (*place && (*place != handle || ((*place)->number != 0) != is_window)) {
        place = &(*place)->next;
    }
    found = *place;
    if (found) {
        *place = found->next;
    }
    comms_unlock();
    if (!found) {
        return report_misuse(ncclInvalidArgument, comm->rank, "%s: %p is not registered", function,
                             handle);
    }
    free(found);
    return ncclSuccess;
}

ncclResult_t ncclCommRegister(const ncclComm_t comm, void *buff, size_t size, void **handle)
{
    static const char function[] = "ncclCommRegister";
    ncclResult_t result = call_begin(function);
    registration *made;

    if (result == ncclSuccess) {
        result = comm_enter(comm, function, COMM_USE_OPERATION);
    }
    if (result != ncclSuccess) {
        return result;
    }
    if (!handle || size == 0 || !device_work_is_device_memory(buff, size, false)) {
        result = report_misuse(ncclInvalidArgument, comm->rank,
                               "%s: %zu bytes at %p are not memory of device %d", function, size,
                               buff, comm->device);
    } else {
        made = registration_create(buff, size, 0, 0);
        registration_add(comm, made);
        *handle = made;
    }
    comm_leave(comm);
    return result;
}

ncclResult_t ncclCommDeregister(const ncclComm_t comm, void *handle)
{
    static const char function[] = "ncclCommDeregister";
    ncclResult_t result = call_begin_giving_back(function);

    if (result == ncclSuccess && handle) {
        result = comm_enter(comm, function, COMM_USE_MANAGE);
        if (result == ncclSuccess) {
            result = registration_remove(comm, handle, false, function);
            comm_leave(comm);
        }
    }
    return call_end(result);
}

/* A window on its way: it is the caller's when all ranks have come. */
typedef struct window_birth {
    registration *window;
    ncclWindow_t *window_out;
} window_birth;

static bool window_advance(nccl_job *job, ncclResult_t *result_out)
{
    window_birth *self = job->context;
    ncclComm_t comm = job->comms[0];

    (void)result_out;
    for (int rank = 0; rank < comm->rank_count; rank++) {
        if (atomic_load(&seat_member(comm->seat, rank)->windows) < self->window->number) {
            return false;
        }
    }
    registration_add(comm, self->window);
    *self->window_out = (ncclWindow_t)self->window;
    self->window = NULL;
    return true;
}

static void window_release(void *context)
{
    window_birth *self = context;

    free(self->window);
    free(self);
}

static ncclResult_t window_check(ncclComm_t comm, char *buffer, size_t bytes,
                                 ncclWindow_t *window_out, int flags, const char *function)
{
    const allocation *memory;

    if (!window_out || bytes == 0 || (flags & ~NCCL_WIN_COLL_SYMMETRIC) != 0) {
        return report_misuse(ncclInvalidArgument, comm->rank, "%s: %zu bytes, flags %d", function,
                             bytes, flags);
    }
    if ((uintptr_t)buffer % NCCL_WIN_REQUIRED_ALIGNMENT != 0) {
        return report_misuse(ncclInvalidArgument, comm->rank, "%s: %p is not aligned to %d bytes",
                             function, (void *)buffer, NCCL_WIN_REQUIRED_ALIGNMENT);
    }
    comms_lock();
    memory = allocations;
    while (memory && (buffer < memory->base || buffer + bytes > memory->base + memory->bytes)) {
        memory = memory->next;
    }
    comms_unlock();
    if (!memory) {
        return report_misuse(ncclInvalidUsage, comm->rank,
                             "%s: %zu bytes at %p are not memory of ncclMemAlloc", function, bytes,
                             (void *)buffer);
    }
    return ncclSuccess;
}

ncclResult_t ncclCommWindowRegister(ncclComm_t comm, void *buff, size_t size, ncclWindow_t *win,
                                    int winFlags)
{
    static const char function[] = "ncclCommWindowRegister";
    ncclResult_t result = call_begin(function);
    window_birth *birth;
    nccl_job *job;

    if (result == ncclSuccess) {
        result = comm_enter(comm, function, COMM_USE_OPERATION);
    }
    if (result != ncclSuccess) {
        return group_fail(result);
    }
    result = window_check(comm, buff, size, win, winFlags, function);
    if (result == ncclSuccess) {
        birth = calloc(1, sizeof(*birth));
        if (!birth) {
            abort();
        }
        birth->window = registration_create(buff, size, ++comm->windows, winFlags);
        birth->window_out = win;
        *win = NULL;
        atomic_store(&seat_member(comm->seat, comm->rank)->windows, comm->windows);
        job = job_create(function, window_advance, window_release, birth);
        job_add_comm(job, comm);
        result = group_add_job(job);
    }
    comm_leave(comm);
    return result == ncclInProgress ? result : group_fail(result);
}

ncclResult_t ncclCommWindowDeregister(ncclComm_t comm, ncclWindow_t win)
{
    static const char function[] = "ncclCommWindowDeregister";
    ncclResult_t result = call_begin(function);

    if (result == ncclSuccess && win) {
        result = comm_enter(comm, function, COMM_USE_MANAGE);
        if (result == ncclSuccess) {
            result = registration_remove(comm, win, true, function);
            comm_leave(comm);
        }
    }
    return result;
}
