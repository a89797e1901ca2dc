/** @file
 * Element types and what reductions do to them.
 */
#ifndef KVSPAN_STANDIN_NCCL_REDUCE_H
#define KVSPAN_STANDIN_NCCL_REDUCE_H

#include <nccl.h>

#include <stddef.h>
#include <stdint.h>

/* 0 if there is no such type. */
size_t type_bytes(ncclDataType_t type);

const char *type_name(ncclDataType_t type);

const char *reduction_name(ncclRedOp_t reduction);

/* destination[i] = the reduction of sources[0][i], sources[1][i], … in this order; 16-bit floats
 * are rounded once. The destination may be one of the sources. Ends the process on types that are
 * not implemented (8-bit floats). */
void reduce(void *destination, const void *const *sources, uint32_t source_count, size_t count,
            ncclDataType_t type, ncclRedOp_t reduction);

#endif
