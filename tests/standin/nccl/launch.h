/** @file
 * Turns the operations of a group into units on streams.
 */
#ifndef KVSPAN_STANDIN_NCCL_LAUNCH_H
#define KVSPAN_STANDIN_NCCL_LAUNCH_H

#include "standin/nccl/comm.h"
#include "standin/nccl/operation.h"

/* Sends to self have their receives in the same group, of the same size. */
ncclResult_t launch_check(const nccl_operation *operations, size_t operation_count);

/* Launches the operations of a group in their order. If the communicators are nonblocking, that may
 * be later, when they are polled: then this returns ncclInProgress. */
ncclResult_t launch(const nccl_operation *operations, size_t operation_count);

#endif
