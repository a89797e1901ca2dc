#include "comm/exchange.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "comm/state.h"

kvspan_status kvspan_exchange_init(kvspan_exchange *exchange, kvspan_comm *comm,
                                   uint32_t max_members, kvspan_error *error)
{
    kvspan_request *requests =
        max_members > 0 ? calloc((size_t)max_members * 2, sizeof(kvspan_request)) : NULL;

    if (!requests) {
        return kvspan_fail(error, max_members ? KVSPAN_ERR_MEMORY : KVSPAN_ERR_ARGUMENT,
                           "no requests for an exchange of %u members", max_members);
    }
    *exchange = (kvspan_exchange){ .comm = comm, .requests = requests, .max_members = max_members };
    return KVSPAN_OK;
}

void kvspan_exchange_fini(kvspan_exchange *exchange)
{
    free(exchange->requests);
    *exchange = (kvspan_exchange){ 0 };
}

/* The member at a distance, forwards for sends and backwards for receives, so that not all begin
 * with the same member. */
static uint32_t member_at(const kvspan_group *group, uint32_t distance, bool is_receive)
{
    const uint64_t steps = is_receive ? group->count - distance : distance;

    return (uint32_t)((group->member + steps) % group->count);
}

/* send_counts and send_offsets by member, or for an all-gather the same part for everybody. */
typedef struct exchange_plan {
    const unsigned char *send;
    const uint64_t *send_offsets;
    const uint64_t *send_counts;
    bool is_same_for_all;
    unsigned char *receive;
    const uint64_t *receive_offsets;
    const uint64_t *receive_counts;
} exchange_plan;

static kvspan_status post_receives(kvspan_exchange *exchange, const kvspan_group *group,
                                   const exchange_plan *plan, uint32_t *count, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 1; i < group->count && status == KVSPAN_OK; i++) {
        const uint32_t member = member_at(group, i, true);

        if (plan->receive_counts[member] > 0) {
            status = kvspan_comm_receive(
                exchange->comm, KVSPAN_CHANNEL_EXCHANGE, group->ranks[member],
                plan->receive + plan->receive_offsets[member], plan->receive_counts[member],
                &exchange->requests[*count], error);
            *count += status == KVSPAN_OK ? 1 : 0;
        }
    }
    return status;
}

static kvspan_status post_sends(kvspan_exchange *exchange, const kvspan_group *group,
                                const exchange_plan *plan, uint32_t *count, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 1; i < group->count && status == KVSPAN_OK; i++) {
        const uint32_t member = member_at(group, i, false);
        const uint32_t source = plan->is_same_for_all ? group->member : member;

        if (plan->send_counts[source] > 0) {
            status =
                kvspan_comm_send(exchange->comm, KVSPAN_CHANNEL_EXCHANGE, group->ranks[member],
                                 plan->send + plan->send_offsets[source], plan->send_counts[source],
                                 &exchange->requests[*count], error);
            *count += status == KVSPAN_OK ? 1 : 0;
        }
    }
    return status;
}

static kvspan_status run(kvspan_exchange *exchange, const kvspan_group *group,
                         const exchange_plan *plan, uint32_t timeout_ms, kvspan_error *error)
{
    uint32_t count = 0;
    kvspan_status status;

    assert(group->count <= exchange->max_members);
    status = post_receives(exchange, group, plan, &count, error);
    if (status == KVSPAN_OK) {
        status = post_sends(exchange, group, plan, &count, error);
    }
    if (status != KVSPAN_OK) {
        kvspan_comm_cancel_all(exchange->comm, exchange->requests, count);
        return status;
    }
    status = kvspan_comm_wait(exchange->comm, exchange->requests, count, KVSPAN_WAIT_STEP,
                              timeout_ms, error);
    for (uint32_t i = 0; i < count && status == KVSPAN_OK; i++) {
        if (exchange->requests[i].is_receive) {
            kvspan_comm_heard(exchange->comm, exchange->requests[i].peer, exchange->comm->epoch);
        }
    }
    return status;
}

kvspan_status kvspan_exchange_all_gather(kvspan_exchange *exchange, const kvspan_group *group,
                                         unsigned char *all, const uint64_t *offsets,
                                         const uint64_t *counts, uint32_t timeout_ms,
                                         kvspan_error *error)
{
    const exchange_plan plan = { .send = all,
                                 .send_offsets = offsets,
                                 .send_counts = counts,
                                 .is_same_for_all = true,
                                 .receive = all,
                                 .receive_offsets = offsets,
                                 .receive_counts = counts };

    return run(exchange, group, &plan, timeout_ms, error);
}

/* NOLINTNEXTLINE(readability-function-size): both sides have three arguments, as in MPI */
kvspan_status kvspan_exchange_all_to_all(kvspan_exchange *exchange, const kvspan_group *group,
                                         const unsigned char *send, const uint64_t *send_offsets,
                                         const uint64_t *send_counts, unsigned char *receive,
                                         const uint64_t *receive_offsets,
                                         const uint64_t *receive_counts, uint32_t timeout_ms,
                                         kvspan_error *error)
{
    const exchange_plan plan = { .send = send,
                                 .send_offsets = send_offsets,
                                 .send_counts = send_counts,
                                 .receive = receive,
                                 .receive_offsets = receive_offsets,
                                 .receive_counts = receive_counts };
    const uint32_t member = group->member;

    assert(send_counts[member] == receive_counts[member]);
    if (send_counts[member] > 0) {
        memcpy(receive + receive_offsets[member], send + send_offsets[member], send_counts[member]);
    }
    return run(exchange, group, &plan, timeout_ms, error);
}
