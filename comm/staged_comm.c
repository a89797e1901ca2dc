#include <assert.h>
#include <stdlib.h>

#include "comm/device_comm.h"

/* Device memory through pinned memory: out by a copy, on by messages of the communicator, in by
 * a copy. The host waits for the first copy, polling; an exchange is over for the host when it
 * returns, though not yet for the device. The pinned memory mirrors the arena, offset by offset. A
 * place in it is written again only by an exchange on the same stream, which has waited then for
 * the copies of the one before. */
typedef struct staged_comm {
    kvspan_device_comm base;
    kvspan_exchange exchange;
    unsigned char *mirror; /* pinned, of the arena's bytes */
    kvspan_stream stream;  /* that test_stream() asks */
} staged_comm;

static kvspan_status take_arena(kvspan_device_comm *self, kvspan_error *error)
{
    staged_comm *const staged = (staged_comm *)(void *)self;
    const kvspan_device_verbs *const verbs = &self->verbs;
    void *arena = NULL;
    void *mirror = NULL;
    kvspan_status status = verbs->allocate(verbs->device, self->arena_bytes, &arena, error);

    if (status == KVSPAN_OK) {
        self->arena = arena;
        status = verbs->allocate_pinned(verbs->device, self->arena_bytes, &mirror, error);
    }
    if (status == KVSPAN_OK) {
        staged->mirror = mirror;
    }
    return status;
}

static unsigned char *mirror_of(const staged_comm *staged, const unsigned char *data)
{
    const uint64_t offset = (uint64_t)(data - staged->base.arena);

    assert(offset <= staged->base.arena_bytes);
    return staged->mirror + offset;
}

static kvspan_status copy_out(const staged_comm *staged, const unsigned char *data, uint64_t bytes,
                              kvspan_stream stream, kvspan_error *error)
{
    const kvspan_device_verbs *const verbs = &staged->base.verbs;

    return bytes == 0
               ? KVSPAN_OK
               : verbs->copy(verbs->device, mirror_of(staged, data), data, bytes, stream, error);
}

static kvspan_status copy_in(const staged_comm *staged, unsigned char *data, uint64_t bytes,
                             kvspan_stream stream, kvspan_error *error)
{
    const kvspan_device_verbs *const verbs = &staged->base.verbs;

    return bytes == 0
               ? KVSPAN_OK
               : verbs->copy(verbs->device, data, mirror_of(staged, data), bytes, stream, error);
}

static kvspan_status test_stream(void *context, bool *done_out, kvspan_error *error)
{
    const staged_comm *const staged = context;
    int is_done = 0;
    const kvspan_status status =
        staged->base.verbs.query(staged->base.verbs.device, staged->stream, &is_done, error);

    *done_out = is_done != 0;
    return status;
}

/* Until the parts to send are in the mirror. */
static kvspan_status wait_for_copies(staged_comm *staged, kvspan_stream stream, kvspan_error *error)
{
    const kvspan_condition condition = { .test = test_stream, .context = staged };
    kvspan_status status;

    staged->stream = stream;
    status = kvspan_comm_await(staged->base.comm, &condition, staged->base.timeout_ms, error);
    return status == KVSPAN_ERR_TIMEOUT
               ? kvspan_fail_rank(error, KVSPAN_ERR_LATE, kvspan_comm_rank(staged->base.comm), 0,
                                  "the device has not finished what is to be sent within %u ms",
                                  staged->base.timeout_ms)
               : status;
}

static kvspan_status send_out(const staged_comm *staged, const kvspan_device_exchange *it,
                              kvspan_stream stream, kvspan_error *error)
{
    const uint32_t member = it->group.member;
    kvspan_status status = KVSPAN_OK;

    if (!it->send) {
        return copy_out(staged, it->receive + it->receive_offsets[member],
                        it->receive_counts[member], stream, error);
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < it->group.count; i++) {
        status =
            copy_out(staged, it->send + it->send_offsets[i], it->send_counts[i], stream, error);
    }
    return status;
}

static kvspan_status take_in(const staged_comm *staged, const kvspan_device_exchange *it,
                             kvspan_stream stream, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; status == KVSPAN_OK && i < it->group.count; i++) {
        if (it->send || i != it->group.member) {
            status = copy_in(staged, it->receive + it->receive_offsets[i], it->receive_counts[i],
                             stream, error);
        }
    }
    return status;
}

static kvspan_status send_on(staged_comm *staged, const kvspan_device_exchange *it,
                             kvspan_error *error)
{
    unsigned char *const receive = mirror_of(staged, it->receive);

    return it->send ? kvspan_exchange_all_to_all(&staged->exchange, &it->group,
                                                 mirror_of(staged, it->send), it->send_offsets,
                                                 it->send_counts, receive, it->receive_offsets,
                                                 it->receive_counts, staged->base.timeout_ms, error)
                    : kvspan_exchange_all_gather(&staged->exchange, &it->group, receive,
                                                 it->receive_offsets, it->receive_counts,
                                                 staged->base.timeout_ms, error);
}

static kvspan_status exchange(kvspan_device_comm *self, const kvspan_device_exchange *it,
                              kvspan_stream stream, kvspan_error *error)
{
    staged_comm *const staged = (staged_comm *)(void *)self;
    kvspan_status status = send_out(staged, it, stream, error);

    if (status == KVSPAN_OK) {
        status = wait_for_copies(staged, stream, error);
    }
    if (status == KVSPAN_OK) {
        status = send_on(staged, it, error);
    }
    return status == KVSPAN_OK ? take_in(staged, it, stream, error) : status;
}

static void destroy(kvspan_device_comm *self)
{
    staged_comm *const staged = (staged_comm *)(void *)self;

    /* Messages left to the transport may still be read from the mirror. */
    if (staged->mirror && kvspan_comm_abandoned(self->comm) == 0) {
        self->verbs.release_pinned(self->verbs.device, staged->mirror, self->arena_bytes);
    }
    if (self->arena) {
        self->verbs.release(self->verbs.device, self->arena, self->arena_bytes);
    }
    kvspan_exchange_fini(&staged->exchange);
    free(staged);
}

static const kvspan_device_comm_ops staged_ops = {
    .name = "staged",
    .take_arena = take_arena,
    .exchange = exchange,
    .destroy = destroy,
};

kvspan_status kvspan_staged_comm_create(kvspan_comm *comm, uint32_t max_members,
                                        kvspan_device_comm **out, kvspan_error *error)
{
    staged_comm *const staged = calloc(1, sizeof(*staged));
    kvspan_status status;

    if (!staged) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for exchanges of device memory");
    }
    staged->base.ops = &staged_ops;
    status = kvspan_exchange_init(&staged->exchange, comm, max_members, error);
    if (status != KVSPAN_OK) {
        free(staged);
        return status;
    }
    *out = &staged->base;
    return KVSPAN_OK;
}
