/** @file
 * Groups: what a thread has called since ncclGroupStart, or one call outside of groups, and how it
 * is launched.
 */
#ifndef KVSPAN_STANDIN_NCCL_GROUP_H
#define KVSPAN_STANDIN_NCCL_GROUP_H

#include "standin/nccl/comm.h"
#include "standin/nccl/operation.h"

/* Takes an operation whose arguments were checked, on a communicator that was entered. */
ncclResult_t group_add_operation(const nccl_operation *operation);

/* Takes a job; outside of groups it is started at once. */
ncclResult_t group_add_job(nccl_job *job);

/* A call failed: in a group this is what ncclGroupEnd returns. Returns @p result. */
ncclResult_t group_fail(ncclResult_t result);

#endif
