/** @file
 * What a kernel takes, from the attributes that ptxas leaves in the sections .nv.info and
 * .nv.info.NAME and from the size of .nv.shared.NAME: the figures that ptxas -v prints.
 */
#ifndef KVSPAN_GATES_RESOURCE_USAGE_H
#define KVSPAN_GATES_RESOURCE_USAGE_H

#include "gates/elf_file.h"
#include "gates/kernel_code.h"

/* Fills registers, stack_bytes, static_shared_bytes, block_threads, barriers and jumps of
 * @p kernel, whose name and architecture are set. */
bool resource_usage_read(const elf_file *file, kernel_code *kernel, gate_error *error);

#endif
