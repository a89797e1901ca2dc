/** @file
 * ncclConfig_t: is it sound, and what does it ask of the stand-in?
 */
#ifndef KVSPAN_STANDIN_NCCL_CONFIG_H
#define KVSPAN_STANDIN_NCCL_CONFIG_H

#include <nccl.h>

#include <stdbool.h>

/* Checks the fields that the stand-in's version has and ignores newer ones. @p config NULL: the
 * communicator is as @p is_blocking_out says already. */
ncclResult_t config_read(const ncclConfig_t *config, const char *function, int rank,
                         bool *is_blocking_out);

#endif
