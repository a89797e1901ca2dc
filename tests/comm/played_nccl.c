#include "played_nccl.h"

#include <check.h>
#include <stdbool.h>
#include <time.h>

/* The linker leads every call of these in the test and the static libraries here (--wrap). */
ncclResult_t __wrap_ncclGetUniqueId(ncclUniqueId *id_out);
ncclResult_t __wrap_ncclCommInitRankConfig(ncclComm_t *handle_out, int rank_count, ncclUniqueId id,
                                           int rank, ncclConfig_t *config);
ncclResult_t __wrap_ncclCommGetAsyncError(ncclComm_t handle, ncclResult_t *state_out);
ncclResult_t __wrap_ncclCommFinalize(ncclComm_t handle);
ncclResult_t __wrap_ncclCommDestroy(ncclComm_t handle);
ncclResult_t __wrap_ncclCommAbort(ncclComm_t handle);

played_nccl played;
const ncclUniqueId played_id = { "an id" };

static char communicator; /* nobody looks at what is there */

ncclComm_t played_communicator(void)
{
    return (ncclComm_t)(void *)&communicator;
}

void played_start(void)
{
    atomic_store(&played.hangs, false);
    atomic_store(&played.finalized, ncclSuccess);
    atomic_store(&played.state, ncclSuccess);
    atomic_store(&played.asks_in_progress, 0);
    atomic_store(&played.asked, 0);
    atomic_store(&played.finalizes, 0);
    atomic_store(&played.aborts, 0);
    atomic_store(&played.destroys, 0);
    atomic_store(&played.early_ends, 0);
    atomic_store(&played.overlaps, 0);
    played.begins = NULL;
    played.ask_ms = 0;
}

void played_sleep(uint32_t ms)
{
    (void)nanosleep(&(const struct timespec){ .tv_nsec = (long)ms * 1000000L }, NULL);
}

static void enter(ncclComm_t handle)
{
    ck_assert_ptr_eq(handle, played_communicator());
    if (atomic_fetch_add(&played.inside, 1) > 0) {
        atomic_fetch_add(&played.overlaps, 1);
    }
}

static ncclResult_t leave(ncclResult_t result)
{
    atomic_fetch_sub(&played.inside, 1);
    return result;
}

ncclResult_t __wrap_ncclGetUniqueId(ncclUniqueId *id_out)
{
    *id_out = played_id;
    return ncclSuccess;
}

ncclResult_t __wrap_ncclCommInitRankConfig(ncclComm_t *handle_out, int rank_count, ncclUniqueId id,
                                           int rank, ncclConfig_t *config)
{
    ck_assert_int_gt(rank_count, rank);
    ck_assert_int_eq(config->blocking, 0);
    ck_assert_mem_eq(&id, &played_id, sizeof(id));
    if (played.begins) {
        played.begins();
    }
    *handle_out = played_communicator();
    return ncclSuccess;
}

ncclResult_t __wrap_ncclCommGetAsyncError(ncclComm_t handle, ncclResult_t *state_out)
{
    enter(handle);
    played_sleep(played.ask_ms);
    atomic_fetch_add(&played.asked, 1);
    if (atomic_load(&played.asks_in_progress) > 0) {
        atomic_fetch_sub(&played.asks_in_progress, 1);
        *state_out = ncclInProgress;
    } else {
        *state_out = atomic_load(&played.state);
    }
    return leave(ncclSuccess);
}

ncclResult_t __wrap_ncclCommFinalize(ncclComm_t handle)
{
    enter(handle);
    atomic_fetch_add(&played.finalizes, 1);
    return leave(atomic_load(&played.finalized));
}

ncclResult_t __wrap_ncclCommDestroy(ncclComm_t handle)
{
    enter(handle);
    atomic_fetch_add(&played.early_ends, atomic_load(&played.finalizes) == 0 ||
                                             atomic_load(&played.asks_in_progress) > 0);
    atomic_fetch_add(&played.destroys, 1);
    return leave(ncclSuccess);
}

ncclResult_t __wrap_ncclCommAbort(ncclComm_t handle)
{
    enter(handle);
    do {
        played_sleep(PLAYED_ABORT_MS);
    } while (atomic_load(&played.hangs));
    atomic_fetch_add(&played.aborts, 1);
    return leave(ncclSuccess);
}
