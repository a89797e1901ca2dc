/** @file
 * The kernels and variables that a program brings with it, as nvcc registers them: the PTX of its
 * fat binaries is loaded on a device when first needed there.
 *
 * A fat binary is a wrapper (magic 0x466243b1) around a header (magic 0xba55ed50) and entries, each
 * a head of kind, size and architecture followed by its bytes; PTX is kind 1. Of several PTX texts
 * the one of the highest architecture that the device has is taken. Everything needs the state
 * locked.
 */
#ifndef KVSPAN_STANDIN_CUDART_FAT_BINARY_H
#define KVSPAN_STANDIN_CUDART_FAT_BINARY_H

#include <cuda_runtime_api.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "standin/cudart/settings.h"
#include "standin/ptx/ptx.h"

typedef struct fat_binary fat_binary;

/* A kernel as the program names it. */
typedef struct registered_kernel {
    struct registered_kernel *next;
    fat_binary *owner;
    const void *host;
    const char *name;
    /* What cudaFuncSetAttribute() allowed on each device; 0: the default. */
    uint32_t dynamic_shared_bytes[SETTINGS_DEVICE_LIMIT];
} registered_kernel;

fat_binary *fat_binary_register(const void *wrapper);
/* Nothing of it is found any more; operations that are queued keep what they use. */
void fat_binary_unregister(fat_binary *gone);
void fat_binary_register_kernel(fat_binary *owner, const void *host, const char *name);
void fat_binary_register_variable(fat_binary *owner, const void *host, const char *name);

/* By the address of the host's stub, or by what that got as a handle; NULL: none. */
registered_kernel *fat_binary_kernel(const void *host_or_handle);

typedef struct loaded_kernel {
    const ptx_module *module;
    const ptx_kernel *kernel;
} loaded_kernel;

/* The kernel on a device. Errors are complained of. */
cudaError_t fat_binary_load_kernel(const registered_kernel *kernel, uint32_t device,
                                   loaded_kernel *loaded_out);
/* The variable's memory on a device. */
cudaError_t fat_binary_load_variable(const void *host, uint32_t device, void **address_out,
                                     size_t *bytes_out);

/* Forgets what is loaded on a device, whose memory is freed. */
void fat_binary_reset(uint32_t device);

#endif
