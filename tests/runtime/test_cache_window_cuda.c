#include "support/suite.h"

#include <string.h>

#include <kvspan/cuda.h>
#include <kvspan/nccl.h>

#include "comm/nccl_parts.h"
#include "runtime/cache/cache_parts.h"
#include "runtime/nccl_case.h"

/* What the staging arena is registered as, by the version of NCCL that runs; and that results are
 * right with each. The stand-in refuses a call that a version lacks, offsets in a window that
 * differ, and memory that is given back while it is registered. */

/* ---- the calls that matter, in their order ----------------------------------------------------
 */

static char calls[64];
static bool refuses; /* to register memory with the communicator */

static void note_call(char letter)
{
    const size_t length = strlen(calls);

    if (length + 1 < sizeof(calls)) {
        calls[length] = letter;
        calls[length + 1] = '\0';
    }
}

ncclResult_t __real_ncclCommWindowRegister(ncclComm_t comm, void *buffer, size_t bytes,
                                           ncclWindow_t *window, int flags);
ncclResult_t __real_ncclCommWindowDeregister(ncclComm_t comm, ncclWindow_t window);
ncclResult_t __real_ncclCommRegister(ncclComm_t comm, void *buffer, size_t bytes, void **handle);
ncclResult_t __real_ncclCommDeregister(ncclComm_t comm, void *handle);
ncclResult_t __real_ncclCommFinalize(ncclComm_t comm);
ncclResult_t __real_ncclMemFree(void *memory);

ncclResult_t __wrap_ncclCommWindowRegister(ncclComm_t comm, void *buffer, size_t bytes,
                                           ncclWindow_t *window, int flags);
ncclResult_t __wrap_ncclCommWindowDeregister(ncclComm_t comm, ncclWindow_t window);
ncclResult_t __wrap_ncclCommRegister(ncclComm_t comm, void *buffer, size_t bytes, void **handle);
ncclResult_t __wrap_ncclCommDeregister(ncclComm_t comm, void *handle);
ncclResult_t __wrap_ncclCommFinalize(ncclComm_t comm);
ncclResult_t __wrap_ncclMemFree(void *memory);

ncclResult_t __wrap_ncclCommWindowRegister(ncclComm_t comm, void *buffer, size_t bytes,
                                           ncclWindow_t *window, int flags)
{
    note_call('W');
    return __real_ncclCommWindowRegister(comm, buffer, bytes, window, flags);
}

ncclResult_t __wrap_ncclCommWindowDeregister(ncclComm_t comm, ncclWindow_t window)
{
    note_call('w');
    return __real_ncclCommWindowDeregister(comm, window);
}

ncclResult_t __wrap_ncclCommRegister(ncclComm_t comm, void *buffer, size_t bytes, void **handle)
{
    note_call('R');
    if (refuses) {
        return ncclSystemError;
    }
    return __real_ncclCommRegister(comm, buffer, bytes, handle);
}

ncclResult_t __wrap_ncclCommDeregister(ncclComm_t comm, void *handle)
{
    note_call('r');
    return __real_ncclCommDeregister(comm, handle);
}

ncclResult_t __wrap_ncclCommFinalize(ncclComm_t comm)
{
    note_call('f');
    return __real_ncclCommFinalize(comm);
}

ncclResult_t __wrap_ncclMemFree(void *memory)
{
    note_call('m');
    return __real_ncclMemFree(memory);
}

/* Window or buffer registered once; taken back, communicator ended, memory given back. */
static const char *calls_of(int version)
{
    if (version >= NCCL_VERSION(2, 28, 3)) {
        return "Wwfm";
    }
    return version >= NCCL_VERSION(2, 19, 3) ? "Rrfm" : "f";
}

/* ---- caches -----------------------------------------------------------------------------------
 */

static kvspan_status open_device(kvspan_comm *comm, kvspan_device **device_out, kvspan_error *error)
{
    const kvspan_status status = kvspan_device_open_cuda(kvspan_comm_rank(comm), device_out, error);

    return status == KVSPAN_OK ? kvspan_comm_use_nccl(comm, NULL, NULL, error) : status;
}

static void run_rows(ranks_self *self)
{
    static const char *const names[] = { "tp:2", "sp:2" };

    nccl_case_check_rows(self, open_device, names[*(const int *)self->context], 0);
}

static void run_registration(ranks_self *self)
{
    kvspan_device *device = NULL;
    kvspan_cache *cache = NULL;
    kvspan_error error = { .status = KVSPAN_OK };
    const kvspan_nccl_comm *nccl;
    int version = 0;

    ranks_check(self, ncclGetVersion(&version) == ncclSuccess);
    calls[0] = '\0';
    ranks_check_status(self,
                       nccl_case_open_cache(open_device, NULL, self->comm, &device, &cache, &error),
                       KVSPAN_OK, &error);
    nccl = (const kvspan_nccl_comm *)(const void *)cache->device_comm;
    ranks_check(self, cache->device_comm->arena);
    ranks_check(self, (nccl->window != NULL) == (version >= NCCL_VERSION(2, 28, 3)));
    ranks_check(self, (nccl->registration != NULL) ==
                          (version >= NCCL_VERSION(2, 19, 3) && version < NCCL_VERSION(2, 28, 3)));
    ranks_check(self, nccl->is_arena_of_nccl == (version >= NCCL_VERSION(2, 19, 3)));
    kvspan_cache_destroy(cache);
    kvspan_device_close(device);
    ranks_check(self, strcmp(calls, calls_of(version)) == 0);
}

/* Alike on every rank, as the version is. */
static void run_refusal(ranks_self *self)
{
    kvspan_device *device = NULL;
    kvspan_cache *cache = NULL;
    kvspan_error error = { .status = KVSPAN_OK };
    int version = 0;

    ranks_check(self, ncclGetVersion(&version) == ncclSuccess);
    if (version < NCCL_VERSION(2, 19, 3) || version >= NCCL_VERSION(2, 28, 3)) {
        return;
    }
    calls[0] = '\0';
    refuses = true;
    ranks_check_status(self,
                       nccl_case_open_cache(open_device, NULL, self->comm, &device, &cache, &error),
                       KVSPAN_ERR_NCCL, &error);
    refuses = false;
    ranks_check(self, error.native == (int32_t)ncclSystemError);
    ranks_check(self, strstr(error.message, "ncclCommRegister"));
    ranks_check(self, strcmp(calls, "Rm") == 0); /* aborted, not finalised */
    kvspan_device_close(device);
}

START_TEST(a_version_that_cannot_register_it_is_refused)
{
    ranks_run_mpi(run_refusal, NULL);
}
END_TEST

START_TEST(the_arena_is_registered_as_the_version_has_it)
{
    ranks_run_mpi(run_registration, NULL);
}
END_TEST

START_TEST(rows_are_right_with_it)
{
    int number = _i;

    ranks_run_mpi(run_rows, &number);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("runtime/cache_window_cuda");
    TCase *mpi = tcase_create("mpi");
    kvspan_device *device = NULL;

    if (kvspan_device_open_cuda(1, &device, NULL) != KVSPAN_OK) {
        return TEST_SKIPPED;
    }
    kvspan_device_close(device);
    tcase_set_timeout(mpi, 0);
    tcase_add_test(mpi, the_arena_is_registered_as_the_version_has_it);
    tcase_add_loop_test(mpi, rows_are_right_with_it, 0, 2);
    tcase_add_test(mpi, a_version_that_cannot_register_it_is_refused);
    suite_add_tcase(suite, mpi);
    return suite_run_mpi(suite, &argc, &argv);
}
