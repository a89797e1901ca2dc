#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "comm/agree.h"
#include "comm/broadcast.h"
#include "comm/clock.h"
#include "comm/state.h"

/* With the group's first as root a child's subtree is a range of members: see tree.c. */
static uint32_t member_of(const kvspan_group *group, uint32_t rank)
{
    uint32_t member = 0;

    while (group->ranks[member] != rank) {
        member++;
        assert(member < group->count);
    }
    return member;
}

static uint32_t subtree_count(const kvspan_group *group, uint32_t member)
{
    const uint32_t lowest_bit = member & (0U - member);
    const uint32_t left = group->count - member;

    return member == 0 || lowest_bit > left ? left : lowest_bit;
}

static kvspan_status gather_parts(kvspan_comm *comm, const kvspan_group *group,
                                  const kvspan_tree *tree, unsigned char *all, size_t bytes,
                                  uint64_t deadline_ns, kvspan_error *error)
{
    kvspan_request requests[KVSPAN_TREE_MAX_CHILDREN] = { { 0 } };
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; i < tree->child_count && status == KVSPAN_OK; i++) {
        const uint32_t child = member_of(group, tree->children[i]);

        status =
            kvspan_comm_receive(comm, KVSPAN_CHANNEL_AGREE, tree->children[i], all + child * bytes,
                                subtree_count(group, child) * bytes, &requests[i], error);
    }
    if (status != KVSPAN_OK) {
        kvspan_comm_cancel_all(comm, requests, tree->child_count);
        return status;
    }
    status = kvspan_wait_until(comm, requests, tree->child_count, deadline_ns, error);
    if (status != KVSPAN_OK || tree->is_root) {
        return status;
    }
    return kvspan_send_until(comm, tree->parent, all + group->member * bytes,
                             subtree_count(group, group->member) * bytes, deadline_ns, error);
}

/* Without memory here, the others learn of it: they are on their way into the gather. */
static unsigned char *take_memory(kvspan_comm *comm, uint32_t count, size_t bytes,
                                  kvspan_error *error)
{
    kvspan_error why = { 0 };
    unsigned char *memory = bytes <= SIZE_MAX / count ? calloc(count, bytes) : NULL;

    if (!memory) {
        (void)kvspan_fail(&why, KVSPAN_ERR_MEMORY, "no memory to gather %zu bytes of %u ranks",
                          bytes, count);
        kvspan_comm_raise(comm, &why);
        (void)kvspan_comm_verdict(comm, error);
    }
    return memory;
}

kvspan_status kvspan_agree_all_gather(kvspan_comm *comm, const kvspan_group *group,
                                      const void *mine, size_t bytes, void *all_out,
                                      uint32_t timeout_ms, kvspan_error *error)
{
    const uint64_t deadline_ns = kvspan_clock_deadline_ns(timeout_ms);
    const kvspan_tree tree = kvspan_tree_make(group, 0);
    const uint64_t abandoned = kvspan_comm_abandoned(comm);
    unsigned char *all = take_memory(comm, group->count, bytes, error);
    kvspan_status status;

    if (!all) {
        return kvspan_comm_verdict(comm, NULL);
    }
    memcpy(all + group->member * bytes, mine, bytes);
    status = gather_parts(comm, group, &tree, all, bytes, deadline_ns, error);
    if (status == KVSPAN_OK) {
        status = kvspan_broadcast_until(comm, &tree, all, group->count * bytes, deadline_ns, error);
    }
    if (status == KVSPAN_OK) {
        memcpy(all_out, all, group->count * bytes);
    }
    /* After a missed deadline the transport may still read what was sent from here. */
    if (kvspan_comm_abandoned(comm) == abandoned) {
        free(all);
    }
    return status; /* NOLINT(clang-analyzer-unix.Malloc): left to the transport on purpose */
}

kvspan_status kvspan_comm_all_gather(kvspan_comm *comm, const void *mine, size_t bytes,
                                     void *all_out, uint32_t timeout_ms, kvspan_error *error)
{
    kvspan_group world;
    uint32_t *ranks;
    kvspan_status status;

    if (!comm || !mine || !all_out || bytes == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s",
                           !comm      ? "comm is NULL"
                           : !mine    ? "mine is NULL"
                           : !all_out ? "all_out is NULL"
                                      : "a record of 0 bytes cannot be gathered");
    }
    world =
        (kvspan_group){ .count = kvspan_comm_rank_count(comm), .member = kvspan_comm_rank(comm) };
    ranks = (uint32_t *)(void *)take_memory(comm, world.count, sizeof(*ranks), error);
    if (!ranks) {
        return kvspan_comm_verdict(comm, NULL);
    }
    for (uint32_t i = 0; i < world.count; i++) {
        ranks[i] = i;
    }
    world.ranks = ranks;
    status = kvspan_agree_all_gather(comm, &world, mine, bytes, all_out, timeout_ms, error);
    free(ranks);
    return status;
}
