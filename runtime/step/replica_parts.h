/** @file
 * What the files that change a replica share.
 */
#ifndef KVSPAN_STEP_REPLICA_PARTS_H
#define KVSPAN_STEP_REPLICA_PARTS_H

#include "runtime/step/replica.h"

/* A live slot's is_live is 1, but for those that the step under way has admitted. */
enum {
    KVSPAN_REPLICA_IS_NEW = 2
};

static inline size_t kvspan_replica_row(const kvspan_replica *replica, uint32_t group,
                                        uint32_t slot)
{
    return (size_t)group * replica->limits.slot_count + slot;
}

static inline uint32_t *kvspan_replica_columns(const kvspan_replica *replica, uint32_t group,
                                               uint32_t slot)
{
    return replica->tables +
           kvspan_replica_row(replica, group, slot) * replica->limits.column_count;
}

/* Writes the patches of a message that has been applied. */
void kvspan_replica_patch_all(kvspan_replica *replica, const kvspan_step_message *message,
                              kvspan_replica_result *result);

#endif
