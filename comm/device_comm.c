#include "comm/device_comm.h"

#include <assert.h>

#include "comm/agree.h"
#include "comm/clock.h"
#include "comm/state.h"

kvspan_status kvspan_device_comm_create(kvspan_comm *comm, const kvspan_device_verbs *verbs,
                                        uint32_t max_members, uint32_t timeout_ms,
                                        kvspan_device_comm **out, kvspan_error *error)
{
    static const kvspan_comm_services services = { .all_gather = kvspan_agree_all_gather,
                                                   .await = kvspan_comm_await };
    const kvspan_device_backend *const backend = &comm->device_backend;
    kvspan_status status;

    if (verbs->is_host_memory) {
        status = kvspan_host_comm_create(comm, max_members, out, error);
    } else if (backend->create) {
        status = backend->create(backend->context, &services, out, error);
    } else {
        status = kvspan_staged_comm_create(comm, max_members, out, error);
    }
    if (status == KVSPAN_OK) {
        (*out)->comm = comm;
        (*out)->verbs = *verbs;
        (*out)->timeout_ms = timeout_ms;
    }
    return status;
}

const char *kvspan_device_comm_backend(const kvspan_comm *comm)
{
    return comm->device_backend.create ? comm->device_backend.name : "none";
}

void kvspan_device_comm_destroy(kvspan_device_comm *self)
{
    if (self) {
        self->ops->destroy(self);
    }
}

kvspan_status kvspan_device_comm_prepare(kvspan_device_comm *self, const kvspan_group *group,
                                         const char *axis, kvspan_error *error)
{
    return self->ops->prepare ? self->ops->prepare(self, group, axis, error) : KVSPAN_OK;
}

kvspan_status kvspan_device_comm_take_arena(kvspan_device_comm *self, uint64_t bytes,
                                            unsigned char **arena_out, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    assert(!self->arena);
    if (bytes > 0) {
        self->arena_bytes = bytes;
        status = self->ops->take_arena(self, error);
    }
    if (status == KVSPAN_OK) {
        *arena_out = self->arena;
    }
    return status;
}

/* Any change of what is exchanged, or of its order, changes the hash. */
static void mix(kvspan_device_comm *self, uint64_t number)
{
    uint64_t hash = (self->order ^ number) * 0x9e3779b97f4a7c15U;

    hash ^= hash >> 29;
    self->order = hash * 0xbf58476d1ce4e5b9U + 1;
}

/* Into the hash only what every rank sees alike whose exchanges are of the same kinds, though of
 * other groups and parts. */
static void note(kvspan_device_comm *self, const kvspan_device_exchange *exchange)
{
    const uint32_t member = exchange->group.member;

    mix(self, exchange->send ? 2 : 1);
    mix(self, exchange->group.count);
    for (uint32_t i = 0; i < exchange->group.count; i++) {
        if (i != member) {
            const uint64_t bytes =
                exchange->send ? exchange->send_counts[i] : exchange->receive_counts[member];

            self->sent_bytes += bytes;
            self->sent_messages += bytes > 0;
        }
    }
    self->count++;
    self->last = exchange->group;
    self->last_ns = kvspan_clock_ns();
}

kvspan_status kvspan_device_comm_all_gather(kvspan_device_comm *self, const kvspan_group *group,
                                            unsigned char *all, const uint64_t *offsets,
                                            const uint64_t *counts, kvspan_stream stream,
                                            kvspan_error *error)
{
    const kvspan_device_exchange exchange = {
        .group = *group, .receive = all, .receive_offsets = offsets, .receive_counts = counts
    };

    note(self, &exchange);
    return self->ops->exchange(self, &exchange, stream, error);
}

kvspan_status kvspan_device_comm_all_to_all(kvspan_device_comm *self,
                                            const kvspan_device_exchange *exchange,
                                            kvspan_stream stream, kvspan_error *error)
{
    assert(exchange->send);
    note(self, exchange);
    return self->ops->exchange(self, exchange, stream, error);
}

void kvspan_device_comm_mark(kvspan_device_comm *self, uint64_t number)
{
    mix(self, number);
}

void kvspan_device_comm_expect_replays(kvspan_device_comm *self)
{
    self->is_replayed = true;
}

void kvspan_device_comm_note_replays(kvspan_device_comm *self)
{
    if (self->is_replayed) {
        self->last_ns = kvspan_clock_ns();
    }
}

kvspan_status kvspan_device_comm_poll(kvspan_device_comm *self, kvspan_error *error)
{
    return self->ops->poll ? self->ops->poll(self, error) : KVSPAN_OK;
}

void kvspan_device_comm_abort(kvspan_device_comm *self)
{
    if (self && self->ops->abort) {
        self->ops->abort(self);
    }
}
