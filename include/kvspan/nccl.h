/** @file
 * NCCL for exchanges of GPU memory during attention. In libkvspan_cuda, so that nobody else needs
 * NCCL. Version 2.18 or newer.
 */
#ifndef KVSPAN_NCCL_H
#define KVSPAN_NCCL_H

#include <kvspan/comm.h>
#include <nccl.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Caches that are created on @p comm from now on, on device "cuda", exchange results by NCCL.
 * Without it they do so through the host. Communicators are made by kvspan_cache_create(), one for
 * the ranks of a cache among which results travel; where none do, none is made. A communicator of
 * the caller's is used instead where it has just these ranks in this order: it may be blocking or
 * not, has no call under way while a cache is in use, and is never aborted or destroyed here. If a
 * step fails, it is for the caller to abort it: its kernels may wait for ranks that are gone.
 *
 * Not collective, but called alike on all ranks: kvspan_cache_create() compares. May be called once
 * for NULL and once for each mesh axis.
 *
 * @param comm  without a cache so far
 * @param axis  the mesh axis that @p adopted lies along; NULL: it has all ranks of @p comm, in
 *              order
 * @param adopted  outlives the caches; NULL: caches make their own
 * @param[out] error  may be NULL; native holds the ncclResult_t, if a call of NCCL said no
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT; KVSPAN_ERR_UNSUPPORTED (NCCL is older than 2.18, or
 *         libkvspan of another version); KVSPAN_ERR_MEMORY; KVSPAN_ERR_NCCL
 */
KVSPAN_API kvspan_status kvspan_comm_use_nccl(kvspan_comm *comm, const char *axis,
                                              ncclComm_t adopted, kvspan_error *error);

/**
 * Caches that are created on @p comm from now on have a thread each that looks after their
 * exchanges by NCCL while the caller's own is elsewhere, as in cudaStreamSynchronize(): on an error
 * of NCCL's, or an exchange that is not done in time, it ends the cache's communicator, so that
 * streams do not wait for ever. What was to be exchanged is lost then: call kvspan_cache_wait()
 * before results are believed, which tells who was late. The thread sends no messages. It does not
 * look after communicators of the caller's.
 *
 * Off at first. Not collective, and may differ between ranks. The thread queries a stream of the
 * cache's, which a capture of streams into a graph does not allow: not both.
 *
 * @param comm  without a cache so far; kvspan_comm_use_nccl() need not have been called
 * @param timeout_ms  from when an exchange is issued: longer than what is computed before it may
 *                    take; 0: no thread
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT; KVSPAN_ERR_UNSUPPORTED (NCCL is older than 2.18);
 *         KVSPAN_ERR_MEMORY; KVSPAN_ERR_NCCL
 */
KVSPAN_API kvspan_status kvspan_comm_set_nccl_watchdog(kvspan_comm *comm, uint32_t timeout_ms,
                                                       kvspan_error *error);

#ifdef __cplusplus
}
#endif

#endif
