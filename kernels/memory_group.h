/** @file
 * The memory that control groups leave to this process: containers and batch systems limit it.
 */
#ifndef KVSPAN_KERNELS_MEMORY_GROUP_H
#define KVSPAN_KERNELS_MEMORY_GROUP_H

#include <stdint.h>

/* Lowers both to what the process's group and each group around it allow: cgroup v2 by memory.max,
 * v1 by memory.limit_in_bytes. What a group has in use is counted without file pages that the
 * kernel can drop. Groups that cannot be read limit nothing; where the process's own path is not to
 * be seen (a container that has the host's paths), the mounted root is the container's group. root:
 * stands before /proc and /sys, "" but in tests. */
void kvspan_memory_group_narrow(const char *root, uint64_t *total_bytes, uint64_t *available_bytes);

#endif
