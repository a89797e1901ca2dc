#include <kvspan/nccl.h>

#include <stdlib.h>
#include <string.h>

#include "comm/nccl_parts.h"
#include "comm/state.h"

#if NCCL_VERSION_CODE < NCCL_VERSION(2, 18, 0)
#    error "NCCL 2.18 or newer is needed"
#endif

kvspan_status kvspan_nccl_fail(kvspan_error *error, ncclResult_t result, const char *call)
{
    (void)kvspan_fail(error, KVSPAN_ERR_NCCL, "%s: %s", call, ncclGetErrorString(result));
    if (error) {
        error->native = (int32_t)result;
    }
    return KVSPAN_ERR_NCCL;
}

static kvspan_nccl_comm *own(kvspan_device_comm *self)
{
    return (kvspan_nccl_comm *)(void *)self;
}

static kvspan_status prepare(kvspan_device_comm *self, const kvspan_group *group, const char *axis,
                             kvspan_error *error)
{
    return kvspan_nccl_connect(own(self), group, axis, error);
}

/* That a peer is gone is no failure of this rank's: whom to blame is found out by waiting. */
static kvspan_status poll(kvspan_device_comm *self, kvspan_error *error)
{
    kvspan_nccl_comm *const nccl = own(self);
    const ncclComm_t handle = kvspan_nccl_hold(nccl);
    ncclResult_t state = nccl->ended_for;
    const ncclResult_t result =
        handle && !nccl->is_adopted ? ncclCommGetAsyncError(handle, &state) : ncclSuccess;

    kvspan_nccl_release(nccl);
    if (result != ncclSuccess) {
        return kvspan_nccl_fail(error, result, "ncclCommGetAsyncError");
    }
    if (state == ncclRemoteError) {
        self->is_peer_lost = true;
        return KVSPAN_OK;
    }
    return state == ncclSuccess || state == ncclInProgress
               ? KVSPAN_OK
               : kvspan_nccl_fail(error, state, nccl->call);
}

static void abort_exchanges(kvspan_device_comm *self)
{
    kvspan_nccl_abort(own(self));
}

static void destroy(kvspan_device_comm *self)
{
    kvspan_nccl_disconnect(own(self));
    kvspan_nccl_give_arena(own(self));
    free(own(self));
}

static kvspan_status create(void *context, const kvspan_comm_services *services,
                            kvspan_device_comm **out, kvspan_error *error)
{
    static const kvspan_device_comm_ops ops = { .name = "nccl",
                                                .counts_own_bytes = true,
                                                .can_be_captured = true,
                                                .prepare = prepare,
                                                .take_arena = kvspan_nccl_take_arena,
                                                .exchange = kvspan_nccl_exchange,
                                                .poll = poll,
                                                .abort = abort_exchanges,
                                                .destroy = destroy };
    kvspan_nccl_comm *const nccl = calloc(1, sizeof(*nccl));

    if (!nccl) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for exchanges by NCCL");
    }
    nccl->base.ops = &ops;
    nccl->services = services;
    nccl->context = context;
    nccl->call = "NCCL";
    *out = &nccl->base;
    return KVSPAN_OK;
}

static kvspan_status make_context(kvspan_comm *comm, kvspan_error *error)
{
    kvspan_nccl_context *context;
    int version = 0;
    const ncclResult_t result = ncclGetVersion(&version);

    if (result != ncclSuccess) {
        return kvspan_nccl_fail(error, result, "ncclGetVersion");
    }
    if (version < KVSPAN_NCCL_LOWEST) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED, "NCCL is of version %d, %d is needed",
                           version, (int)KVSPAN_NCCL_LOWEST);
    }
    context = calloc(1, sizeof(*context));
    if (!context) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for NCCL on a communicator");
    }
    context->version = version;
    comm->device_backend = (kvspan_device_backend){
        .name = "nccl", .create = create, .destroy = free, .context = context
    };
    return KVSPAN_OK;
}

static kvspan_status adopt(kvspan_nccl_context *context, const char *axis, ncclComm_t adopted,
                           kvspan_error *error)
{
    const char *const name = axis ? axis : "";
    kvspan_nccl_adopted *entry;

    if (axis && (*axis == '\0' || strlen(axis) >= KVSPAN_NCCL_AXIS_BYTES)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "axis is \"%s\", 1 to %d characters needed",
                           axis, KVSPAN_NCCL_AXIS_BYTES - 1);
    }
    for (uint32_t i = 0; i < context->adopted_count; i++) {
        if (strcmp(context->adopted[i].axis, name) == 0) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "axis \"%s\" has a communicator already",
                               name);
        }
    }
    if (context->adopted_count == KVSPAN_NCCL_MAX_ADOPTED) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "axis \"%s\" is one more than %d", name,
                           KVSPAN_NCCL_MAX_ADOPTED);
    }
    entry = &context->adopted[context->adopted_count++];
    memcpy(entry->axis, name, strlen(name) + 1);
    entry->handle = adopted;
    return KVSPAN_OK;
}

kvspan_status kvspan_comm_set_nccl_watchdog(kvspan_comm *comm, uint32_t timeout_ms,
                                            kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    if (!comm) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "comm is NULL");
    }
    if (!comm->device_backend.create) {
        status = make_context(comm, error);
    }
    if (status == KVSPAN_OK) {
        kvspan_nccl_context *const context = comm->device_backend.context;

        context->watchdog_ms = timeout_ms;
    }
    return status;
}

kvspan_status kvspan_comm_use_nccl(kvspan_comm *comm, const char *axis, ncclComm_t adopted,
                                   kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    if (!comm) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "comm is NULL");
    }
    if (axis && !adopted) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "axis is \"%s\" but adopted is NULL", axis);
    }
    if (!comm->device_backend.create) {
        status = make_context(comm, error);
    }
    return status == KVSPAN_OK && adopted
               ? adopt(comm->device_backend.context, axis, adopted, error)
               : status;
}
