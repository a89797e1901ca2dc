#include "comm/broadcast.h"

#include "comm/agree.h"
#include "comm/clock.h"
#include "comm/state.h"

kvspan_status kvspan_wait_until(kvspan_comm *comm, kvspan_request *requests, uint32_t count,
                                uint64_t deadline_ns, kvspan_error *error)
{
    return kvspan_comm_wait(comm, requests, count, KVSPAN_WAIT_STEP,
                            kvspan_clock_left_ms(deadline_ns), error);
}

static kvspan_status receive_one(kvspan_comm *comm, uint32_t from, void *data, size_t bytes,
                                 uint64_t deadline_ns, kvspan_error *error)
{
    kvspan_request request = { 0 };
    const kvspan_status status =
        kvspan_comm_receive(comm, KVSPAN_CHANNEL_AGREE, from, data, bytes, &request, error);

    return status == KVSPAN_OK ? kvspan_wait_until(comm, &request, 1, deadline_ns, error) : status;
}

kvspan_status kvspan_send_until(kvspan_comm *comm, uint32_t to, const void *data, size_t bytes,
                                uint64_t deadline_ns, kvspan_error *error)
{
    kvspan_request request = { 0 };
    const kvspan_status status =
        kvspan_comm_send(comm, KVSPAN_CHANNEL_AGREE, to, data, bytes, &request, error);

    return status == KVSPAN_OK ? kvspan_wait_until(comm, &request, 1, deadline_ns, error) : status;
}

kvspan_status kvspan_broadcast_until(kvspan_comm *comm, const kvspan_tree *tree, void *data,
                                     size_t bytes, uint64_t deadline_ns, kvspan_error *error)
{
    kvspan_request requests[KVSPAN_TREE_MAX_CHILDREN] = { { 0 } };
    kvspan_status status = KVSPAN_OK;

    if (!tree->is_root) {
        status = receive_one(comm, tree->parent, data, bytes, deadline_ns, error);
    }
    for (uint32_t i = 0; i < tree->child_count && status == KVSPAN_OK; i++) {
        status = kvspan_comm_send(comm, KVSPAN_CHANNEL_AGREE, tree->children[i], data, bytes,
                                  &requests[i], error);
    }
    if (status != KVSPAN_OK) {
        kvspan_comm_cancel_all(comm, requests, tree->child_count);
        return status;
    }
    return kvspan_wait_until(comm, requests, tree->child_count, deadline_ns, error);
}

kvspan_status kvspan_agree_broadcast(kvspan_comm *comm, const kvspan_group *group, uint32_t root,
                                     void *data, size_t bytes, uint32_t timeout_ms,
                                     kvspan_error *error)
{
    const kvspan_tree tree = kvspan_tree_make(group, root);

    return kvspan_broadcast_until(comm, &tree, data, bytes, kvspan_clock_deadline_ns(timeout_ms),
                                  error);
}
