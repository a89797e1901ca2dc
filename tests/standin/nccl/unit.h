/** @file
 * What one group, or one call outside groups, does on one communicator: a piece of work on every
 * stream that it named, which runs once all of those streams have come to it and the communicator's
 * earlier units are done; a graph runs it again and again. Collectives go first, one after another;
 * then all messages at once.
 */
#ifndef KVSPAN_STANDIN_NCCL_UNIT_H
#define KVSPAN_STANDIN_NCCL_UNIT_H

#include "standin/nccl/operation.h"
#include "standin/nccl/segment.h"
#include "standin/nccl/transfer.h"

typedef struct nccl_unit nccl_unit;

/* Holds the seat until it is released. */
nccl_unit *unit_create(nccl_seat *seat);

/* Before the unit is enqueued. @p description is used for collectives, @p collectives for others.
 */
void unit_add(nccl_unit *self, const nccl_operation *operation,
              const nccl_description *description);

/* Takes the communicator's next turn (in a graph: with every run) and puts the unit on its streams;
 * the calling thread's device has to be the communicator's. The unit is the streams' then. */
ncclResult_t unit_enqueue(nccl_unit *self);

/* A unit that was not enqueued. */
void unit_destroy(nccl_unit *self);

#endif
