#include "comm/nccl_parts.h"

/* Memory that NCCL can register pays where it is at hand; any device memory will do. What cannot be
 * had is left out alike on every rank, as its version is the same. */

/* Collective. NCCL gives no window where it has no symmetric memory. */
static kvspan_status open_window(kvspan_nccl_comm *nccl, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 27, 3)
    if (nccl->context->version >= KVSPAN_NCCL_HAS_WINDOWS) {
        ncclWindow_t window = NULL;
        const ncclResult_t result =
            ncclCommWindowRegister(nccl->handle, nccl->base.arena, nccl->base.arena_bytes, &window,
                                   NCCL_WIN_COLL_SYMMETRIC);

        status = kvspan_nccl_settle(nccl, result, "ncclCommWindowRegister", error);
        nccl->window = status == KVSPAN_OK ? window : NULL;
    }
#else
    (void)nccl;
    (void)error;
#endif
    return status;
}

#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 19, 3)
static kvspan_status take_registered(kvspan_nccl_comm *nccl, kvspan_error *error)
{
    void *arena = NULL;
    ncclResult_t result = ncclMemAlloc(&arena, (size_t)nccl->base.arena_bytes);
    kvspan_status status;

    if (result != ncclSuccess) {
        return kvspan_nccl_fail(error, result, "ncclMemAlloc");
    }
    nccl->base.arena = arena;
    nccl->is_arena_of_nccl = true;
    if (nccl->is_adopted) {
        return KVSPAN_OK; /* what is registered there, and when it goes, is the caller's */
    }
    status = open_window(nccl, error);
    if (status != KVSPAN_OK || nccl->window) {
        return status;
    }
    result =
        ncclCommRegister(nccl->handle, arena, (size_t)nccl->base.arena_bytes, &nccl->registration);
    return kvspan_nccl_settle(nccl, result, "ncclCommRegister", error);
}
#endif

static kvspan_status take(kvspan_nccl_comm *nccl, kvspan_error *error)
{
    kvspan_device_comm *const self = &nccl->base;
    void *arena = NULL;
    kvspan_status status;

#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 19, 3)
    if (nccl->handle && nccl->context->version >= KVSPAN_NCCL_HAS_ARENA) {
        status = take_registered(nccl, error);
        /* The other members may be waiting for this rank's part of the window. */
        self->fails_alone = status != KVSPAN_OK && !nccl->is_adopted &&
                            nccl->context->version >= KVSPAN_NCCL_HAS_WINDOWS;
        return status;
    }
#endif
    status = self->verbs.allocate(self->verbs.device, self->arena_bytes, &arena, error);
    self->arena = arena;
    return status;
}

/* With the arena a communicator is complete, and nothing is waited for any more but exchanges. */
kvspan_status kvspan_nccl_take_arena(kvspan_device_comm *self, kvspan_error *error)
{
    kvspan_nccl_comm *const nccl = (kvspan_nccl_comm *)(void *)self;
    const kvspan_status status = take(nccl, error);

    return status == KVSPAN_OK ? kvspan_nccl_watchdog_start(nccl, error) : status;
}

void kvspan_nccl_unregister(kvspan_nccl_comm *nccl)
{
    (void)nccl; /* headers may know of neither */
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 27, 3)
    if (nccl->window) {
        (void)ncclCommWindowDeregister(nccl->handle, nccl->window);
        nccl->window = NULL;
    }
#endif
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 19, 3)
    if (nccl->registration) {
        (void)ncclCommDeregister(nccl->handle, nccl->registration);
        nccl->registration = NULL;
    }
#endif
}

void kvspan_nccl_give_arena(kvspan_nccl_comm *nccl)
{
    kvspan_device_comm *const self = &nccl->base;

    if (!self->arena) {
        return;
    }
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 19, 3)
    if (nccl->is_arena_of_nccl) {
        (void)ncclMemFree(self->arena);
        return;
    }
#endif
    self->verbs.release(self->verbs.device, self->arena, self->arena_bytes);
}
