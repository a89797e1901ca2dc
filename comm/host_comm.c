#include <stdlib.h>

#include "comm/device_comm.h"

/* Device memory that is the host's: messages of the communicator. */
typedef struct host_comm {
    kvspan_device_comm base;
    kvspan_exchange exchange;
} host_comm;

static kvspan_status take_arena(kvspan_device_comm *self, kvspan_error *error)
{
    void *arena = NULL;
    const kvspan_status status =
        self->verbs.allocate(self->verbs.device, self->arena_bytes, &arena, error);

    self->arena = arena;
    return status;
}

static kvspan_status exchange(kvspan_device_comm *self, const kvspan_device_exchange *it,
                              kvspan_stream stream, kvspan_error *error)
{
    host_comm *const host = (host_comm *)(void *)self;

    (void)stream;
    return it->send
               ? kvspan_exchange_all_to_all(&host->exchange, &it->group, it->send, it->send_offsets,
                                            it->send_counts, it->receive, it->receive_offsets,
                                            it->receive_counts, self->timeout_ms, error)
               : kvspan_exchange_all_gather(&host->exchange, &it->group, it->receive,
                                            it->receive_offsets, it->receive_counts,
                                            self->timeout_ms, error);
}

static void destroy(kvspan_device_comm *self)
{
    host_comm *const host = (host_comm *)(void *)self;

    /* Messages left to the transport may still be read from the arena. */
    if (self->arena && kvspan_comm_abandoned(self->comm) == 0) {
        self->verbs.release(self->verbs.device, self->arena, self->arena_bytes);
    }
    kvspan_exchange_fini(&host->exchange);
    free(host);
}

static const kvspan_device_comm_ops host_ops = {
    .name = "host",
    .take_arena = take_arena,
    .exchange = exchange,
    .destroy = destroy,
};

kvspan_status kvspan_host_comm_create(kvspan_comm *comm, uint32_t max_members,
                                      kvspan_device_comm **out, kvspan_error *error)
{
    host_comm *const host = calloc(1, sizeof(*host));
    kvspan_status status;

    if (!host) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for exchanges of host memory");
    }
    host->base.ops = &host_ops;
    status = kvspan_exchange_init(&host->exchange, comm, max_members, error);
    if (status != KVSPAN_OK) {
        free(host);
        return status;
    }
    *out = &host->base;
    return KVSPAN_OK;
}
